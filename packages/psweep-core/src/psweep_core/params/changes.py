"""What the code of a function changes while it runs: these values say nothing about the code."""

from __future__ import annotations

import types
from collections.abc import Hashable, Mapping
from typing import Any

from .tree_form import Form, Method

__all__ = ["Changes", "place_of"]

# Methods that make an object.
_MAKERS = frozenset({"__init__", "__new__", "__post_init__", "__setstate__", "__init_subclass__"})


class Changes:
    """Names and attributes that some code changes.

    Attributes
    ----------
    places : set
        See `place_of`; of a variable in a closure, the id of its cell.
    """

    def __init__(self) -> None:
        self.places: set[Hashable] = set()
        self._forms: list[Form] = []
        self._of_class: dict[type, list[Form]] = {}
        self._known: dict[tuple[type, tuple[str, ...]], set[str]] = {}

    def note(
        self, form: Form, variables: dict[str, Any], cells: Mapping[str, types.CellType]
    ) -> None:
        """Note what a function changes that has these global variables and closure."""
        self._forms.append(form)
        if self._known:
            self._known.clear()
        for name, *attribute in form.changed:
            cell = cells.get(name)
            if not attribute:
                self.places.add(place_of(variables, name) if cell is None else id(cell))
                continue
            try:
                value = variables.get(name) if cell is None else cell.cell_contents
            except ValueError:  # not set yet
                continue
            if type(value) is types.ModuleType:
                value = vars(value)
            self.places.add(place_of(value, attribute[0]))

    def note_class(self, cls: type, form: Form) -> None:
        """Note what the methods of a class do, one or all of which are in `form`."""
        self._of_class.setdefault(cls, []).append(form)
        self._known.clear()

    def uses(self, attribute: str) -> bool:
        """Return whether the code that is known so far uses an attribute, of whatever."""
        forms = [*self._forms, *(form for forms in self._of_class.values() for form in forms)]
        return any(
            attribute in form.uses or any(attribute in m.uses for m in form.methods.values())
            for form in forms
        )

    def of_objects(self, kind: type, called: tuple[str, ...]) -> set[str]:
        """Return the attributes that objects of a class change in themselves.

        Only methods count that may run: those in `called`, and those whose name is used. Others
        may have set up the object before the study.
        """
        if (kind, called) in self._known:
            return self._known[kind, called]
        methods: dict[str, list[Method]] = {}
        for cls in kind.__mro__:
            for form in self._of_class.get(cls, ()):
                for name, method in form.methods.items():
                    methods.setdefault(name, []).append(method)
        used = {*called}.union(*(form.uses for form in self._forms))
        for cls, forms in self._of_class.items():
            if cls not in kind.__mro__:
                used.update(*(m.uses for form in forms for m in form.methods.values()))
        todo = [name for name in methods if name in used or name[:2] == name[-2:] == "__"]
        done = {*_MAKERS}
        changed: set[str] = set()
        while todo:
            name = todo.pop()
            if name not in done:
                done.add(name)
                for method in methods.get(name, ()):
                    changed |= method.changes
                    todo += method.uses
        self._known[kind, called] = changed
        return changed


def place_of(holder: Any, name: str) -> Hashable:
    """Return what stands for a name among global variables, or for an attribute of an object."""
    return id(holder), name
