"""Add the values that a function holds, such as in its closure, to its fingerprint.

Lists, dicts and objects of the project are looked into, because they may hold code. What else there
is counts as a whole, as in the hash of a pset.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import sys
import types
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np

from .changes import Changes, place_of
from .fingerprint_parts import Parts
from .late_modules import comes_with_calls, is_late
from .source_files import Project
from .sources import const_text
from .value_text import ATOMS, attributes_of, base_of, data_text, dict_of, digest_of, plain_text

__all__ = ["MISSING", "Values"]

MISSING = object()
_MAX_DEPTH = 10  # of values in values
_MAX_ITEMS = 400  # of a container that is looked at one by one
_NAMESPACES = frozenset({("types", "SimpleNamespace"), ("argparse", "Namespace")})
_WRAPPERS = frozenset({"__wrapped__", "py_func"})  # of functools.wraps, lru_cache; numba
_WITH_REPR = frozenset({"datetime", "decimal", "fractions", "pathlib"})  # modules

_CODE = (types.FunctionType, type, functools.partial, types.ModuleType)


class Values:
    """The search for all that makes up a fingerprint, as far as it is about data.

    Attributes
    ----------
    parts : Parts
    """

    def __init__(self) -> None:
        self.parts = Parts()
        self._project = Project()
        self._add = self.parts.add
        self._is_new = self.parts.is_new
        self._changes = Changes()
        # What may turn out to be changed by code that is found after it.
        self._later: collections.deque[tuple[Hashable, Any, str, dict[str, Any] | None]]
        self._later = collections.deque()
        self._states: collections.deque[tuple[Any, str, int, tuple[str, ...]]]
        self._states = collections.deque()
        # What may hold code that nothing else refers to.
        self._registries: collections.deque[tuple[Any, str, Any, str]] = collections.deque()

    def value(self, value: Any, name: str, depth: int = 0) -> None:
        """Add a value, whatever it is."""
        raise NotImplementedError

    def _statements(self, name: str, variables: dict[str, Any]) -> bool:
        raise NotImplementedError

    def finish(self) -> None:
        """Add the values that the code does not change."""
        places = self._changes.places
        while self._later or self._states or self._registries:
            if not self._later:
                if self._states:
                    self._state(*self._states.popleft())
                else:
                    self._registry(*self._registries.popleft())
                continue
            place, value, name, variables = self._later.popleft()
            if place not in places:
                if value is MISSING:
                    self._add(name, name, "not there")
                elif type(value) in ATOMS:
                    label = name if variables is None else f"{variables.get('__name__')}:{name}"
                    self._add(name, label, const_text(value))
                else:
                    self.value(value, name)
            elif variables is not None:
                self._statements(name, variables)

    def _hold(
        self, place: Hashable, value: Any, name: str, variables: dict[str, Any] | None = None
    ) -> None:
        """Add what a variable holds: code now, and data when all code is known."""
        if isinstance(value, _CODE):
            self.value(value, name)
        else:
            self._later.append((place, value, name, variables))

    def _is_ours(self, cls: type) -> bool:
        file = getattr(sys.modules.get(cls.__module__), "__file__", None)
        return cls.__module__ == "__main__" or (isinstance(file, str) and self._project.has(file))

    def _instance(self, value: Any, name: str, depth: int, called: tuple[str, ...] = ()) -> None:
        kind = type(value)
        if kind is range or kind.__module__.partition(".")[0] in _WITH_REPR:
            self._add(name, name, repr(value))
            return
        if self._is_ours(kind):
            self.value(kind, name, depth)
            self._wrapped(value, name)
            if depth < _MAX_DEPTH:
                self._states.append((value, name, depth, called))
            return
        is_namespace = (kind.__module__, kind.__qualname__) in _NAMESPACES
        content = vars(value) if is_namespace else base_of(value)
        if kind is types.MappingProxyType:
            content = dict(value)
        text = None
        if content is None and not dict_of(value).keys() & _WRAPPERS:
            text = digest_of(value)
        if text is None and kind.__module__ != "builtins":
            self.value(kind, name, depth)
        if content is not None:
            self._content(content, name, depth)
            if isinstance(value, collections.defaultdict):
                self.value(value.default_factory, f"{name} default", depth)
        else:
            self._add(name, name, text or f"a {kind.__qualname__}")
        self._wrapped(value, name)

    def _wrapped(self, value: Any, name: str) -> None:
        own = dict_of(value)
        if "__psweep_parameters__" in own:  # of by_name
            self._container(own["__psweep_parameters__"], f"parameters of {name}", 0)
        for attribute in sorted(_WRAPPERS):
            if attribute in own:
                self.value(own[attribute], f"{name} of")

    def _state(self, value: Any, name: str, depth: int, called: tuple[str, ...]) -> None:
        """Add the attributes of an object whose class is of the project."""
        changed = self._changes.of_objects(type(value), called)
        content = None if "[]" in changed else base_of(value)
        if content is not None:
            self._content(content, name, depth)
        for key, each in sorted(attributes_of(value).items())[:_MAX_ITEMS]:
            if key not in changed and place_of(value, key) not in self._changes.places:
                self.value(each, f"{name}.{key}", depth + 1)

    def _search_later(self, holder: Any, attribute: str, value: Any, name: str) -> None:
        """Search a value at the top of a file, or of a class, for code: it may be a registry."""
        if type(value) in (dict, list, tuple) or self._is_ours(type(value)):
            self._registries.append((holder, attribute, value, name))

    def _registry(self, holder: Any, attribute: str, value: Any, name: str) -> None:
        kind = type(value)
        is_changed = place_of(holder, attribute) in self._changes.places
        if isinstance(holder, type):
            is_changed = is_changed or attribute in self._changes.of_objects(holder, ())
        if kind in (dict, list, tuple):
            self._code_in(value, name, is_changed)
            return
        changed = self._changes.of_objects(kind, ())
        content = base_of(value)
        if type(content) in (dict, list):
            self._code_in(content, name, is_changed or "[]" in changed)
        for key, each in sorted(dict_of(value).items()):
            if type(each) in (dict, list, tuple):
                of_it = key in changed or place_of(value, key) in self._changes.places
                self._code_in(each, f"{name}.{key}", of_it)

    def _code_in(self, value: Any, name: str, is_changed: bool) -> None:
        """Add the code that a container holds, unless it is known.

        What func puts there while it runs, as into a cache, must not count. Its code is known most
        often. Of a function that is made by another one, only the functions in its closure count.
        """
        items = value.values() if isinstance(value, dict) else value
        for each in [*items][:_MAX_ITEMS]:
            for code in _made_of(each) if is_changed else [each]:
                if type(code) in ATOMS or getattr(code, "__name__", "") == "<lambda>":
                    continue
                if not isinstance(code, types.FunctionType | functools.partial):
                    code = code if isinstance(code, type) else type(code)  # noqa: PLW2901
                    if not self._is_ours(code) or (is_changed and comes_with_calls(code)):
                        continue
                if not is_late(code) and not self.parts.has(id(code)):
                    self.value(code, f"{name}[]")

    def _content(self, content: Any, name: str, depth: int) -> None:
        if type(content) in ATOMS:
            self._add(name, name, const_text(content))
        elif type(content) is bytearray:
            self._add(name, name, const_text(bytes(content)))
        else:
            self._container(content, name, depth)

    def _array(self, value: Any, name: str, depth: int) -> None:
        text = data_text(value)
        if text is None and isinstance(value, np.ndarray) and value.dtype.kind == "O":
            self._add(name, name, f"array of objects {value.shape}")
            self._container(value.ravel()[: _MAX_ITEMS * 100].tolist(), name, depth)
        else:
            self._add(name, name, text or digest_of(value) or f"array {value.dtype}")

    def _container(self, value: Any, name: str, depth: int) -> None:
        text = plain_text(value)
        if text is not None:
            self._add(name, name, text)
            return
        self._add(name, name, f"{type(value).__name__} of {len(value)}")
        if depth >= _MAX_DEPTH:
            return
        items: Iterable[Any]
        if isinstance(value, set | frozenset):
            items = enumerate(sorted(value, key=_short))
        else:
            items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in [*items][:_MAX_ITEMS]:
            self.value(each, f"{name}[{_short(key)}]", depth + 1)


def _made_of(value: Any) -> list[Any]:
    """Return a value; of a partial, or a function with a closure, the code that is in it."""
    if isinstance(value, functools.partial):
        return [value.func]
    if isinstance(value, types.FunctionType) and "<locals>" in value.__qualname__:
        held = []
        for cell in value.__closure__ or ():
            with contextlib.suppress(ValueError):  # not set yet
                held.append(cell.cell_contents)
        return [each for each in held if isinstance(each, types.FunctionType | type)]
    return [value]


def _short(value: Any) -> str:
    if isinstance(value, types.FunctionType | type):
        return f"{value.__module__}:{value.__qualname__}"
    return plain_text(value) or type(value).__qualname__
