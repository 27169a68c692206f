"""What the script changes in other modules, such as ``h.SIZES.append(3)`` after ``import h``."""

from __future__ import annotations

import ast
import types
from collections.abc import Hashable, Iterator
from typing import Any

from .changes import place_of
from .source_files import SourceFile, changed_paths
from .value_text import ATOMS

__all__ = ["ScriptChanges"]

_UNCHANGING = {*ATOMS, tuple, frozenset, types.ModuleType}


class ScriptChanges:
    """The statements of a script that may change a value of another module.

    Those in its functions count, too, whether or not it calls them.

    Parameters
    ----------
    source : SourceFile
    variables : dict
        The global variables of the script.
    """

    def __init__(self, source: SourceFile, variables: dict[str, Any]) -> None:
        self.source = source
        self.variables = variables
        self._found: dict[Hashable, list[tuple[str, ast.stmt]]] = {}
        at_the_top = [(name, node, node) for name, node in source.all_statements()]
        for name, node, code in [*at_the_top, *source.changes_in_functions()]:
            for place in {*self._changed(name, node)}:
                self._found.setdefault(place, []).append((name, code))

    def of(self, variables: dict[str, Any], name: str) -> list[tuple[str, ast.stmt]]:
        """Find those of a global variable; with each, the name in the script that it begins with.

        They name the variable, as ``h.SIZES = []``, or its value, as ``from h import SIZES`` with
        ``SIZES.append(3)``.
        """
        found = self._found.get(place_of(variables, name), [])
        others = self._found.get(id(variables.get(name)), [])
        return [*found, *(other for other in others if other not in found)]

    def _changed(self, name: str, node: ast.stmt) -> Iterator[Hashable]:
        """Find what a statement changes: names in modules, and the ids of other objects."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            return
        for path in changed_paths(node):
            if path[0] != name:
                continue
            value: Any = self.variables.get(name)
            attributes = [*path[1:]]
            while attributes and type(value) is types.ModuleType:
                yield place_of(vars(value), attributes[0])
                value = vars(value).get(attributes.pop(0))
            if attributes and type(value) not in _UNCHANGING:
                yield id(value)
