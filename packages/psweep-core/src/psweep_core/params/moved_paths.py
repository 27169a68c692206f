"""Paths that a file makes of its own place: a study that was moved still has the same code."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable
from typing import Any

from .source_files import SourceFile, import_of, imported_module

__all__ = ["OF_MODULE", "from_its_folder"]

# what Python sets in each module: says where it is, not what it does
OF_MODULE = frozenset(
    {
        "__builtins__", "__cached__", "__doc__", "__file__", "__loader__", "__name__",
        "__package__", "__path__", "__spec__",
    }
)  # fmt: skip


def from_its_folder(
    text: str,
    name: str,
    variables: dict[str, Any],
    source_of: Callable[[dict[str, Any]], SourceFile | None],
) -> str:
    """Write the folder of a file in a global text as a number.

    Parameters
    ----------
    text : str
        The value.
    name : str
        The global name, as of ``HERE = os.path.dirname(__file__)``.
    variables : dict
        The global variables of the file.
    source_of : callable
        Finds the source of a file of the project by its global variables.

    Returns
    -------
    str
        The text with ``<0>`` for the folder, if the text is not written so in the file. If it is
        made from ``__file__`` or the working folder, also with ``<1>`` for the parent, and so on.
    """
    source = source_of(variables)
    if source is None or os.sep not in text:
        return text
    parts = [part for node in source.statements(name) for part in ast.walk(node)]
    if any(isinstance(part, ast.Constant) and part.value == text for part in parts):
        return text
    file = os.path.abspath(variables["__file__"])
    depth = len(file.split(os.sep)) if _is_from_file(name, variables, source_of, set()) else 1
    for start in dict.fromkeys([file, os.path.realpath(file)]):
        folder = start
        for i in range(depth):
            folder = os.path.dirname(folder)
            if folder == os.path.dirname(folder):
                break
            text = re.sub(rf"(?<![\w.\-]){re.escape(folder)}(?![\w.\-])", f"<{i}>", text)
    return text


def _is_from_file(
    name: str,
    variables: dict[str, Any],
    source_of: Callable[[dict[str, Any]], SourceFile | None],
    seen: set[tuple[int, str]],
) -> bool:
    """Return whether a global value is made from ``__file__``, also by way of other names.

    So is one that is made from the working folder, which is most often that of the script.
    """
    if name in ("__file__", "getcwd"):
        return True
    if (id(variables), name) in seen:
        return False
    seen.add((id(variables), name))
    source = source_of(variables)
    for node in [] if source is None else source.statements(name):
        imported = import_of(node, name)
        if imported is None:
            parts = [*ast.walk(node)]
            used = {part.id for part in parts if isinstance(part, ast.Name)}
            used |= {"getcwd" for part in parts if getattr(part, "attr", "") == "getcwd"}
            if any(_is_from_file(each, variables, source_of, seen) for each in used):
                return True
        else:
            module = imported_module(*imported[:2], variables)
            if module and _is_from_file(imported[2], vars(module), source_of, seen):
                return True
    return False
