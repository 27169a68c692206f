"""Add the values that a function holds, such as in its closure, to its fingerprint.

Lists, dicts and objects of the project are looked into, because they may hold code. What else there
is counts as a whole, as in the hash of a pset.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import itertools
import sys
import types
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np

from .changes import Changes, place_of
from .fingerprint_parts import Parts
from .late_modules import is_late
from .project import Project
from .sources import const_text
from .value_text import ATOMS, attributes_of, base_of, data_text, dict_of, digest_of, plain_text

__all__ = ["MISSING", "Values"]

MISSING = object()
_MAX_DEPTH = 10  # of values in values
_MAX_ITEMS = 400  # of a container that is looked at one by one
_MAX_SEARCHED = 10_000  # values that are searched for code
_CONTAINERS = frozenset({list, tuple, set, frozenset, dict})
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

    def __init__(self, func: Any) -> None:
        self.parts = Parts()
        self._project = Project(func)
        self._add = self.parts.add
        self._is_new = self.parts.is_new
        self._changes = Changes()
        # What may turn out to be changed by code that is found after it.
        self._later: collections.deque[tuple[Hashable, Any, str, dict[str, Any] | None]]
        self._later = collections.deque()
        self._states: collections.deque[tuple[Any, str, int, tuple[str, ...]]]
        self._states = collections.deque()
        # What may hold code that nothing else refers to.
        self._registries: collections.deque[tuple[Any, str]] = collections.deque()

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
                    self._code_in(*self._registries.popleft())
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
        if issubclass(type(value), _CODE):
            self.value(value, name)
        else:
            self._later.append((place, value, name, variables))

    def _is_ours(self, cls: type) -> bool:
        file = getattr(sys.modules.get(cls.__module__), "__file__", None)
        return cls.__module__ == "__main__" or (isinstance(file, str) and self._project.has(file))

    def _is_named(self, value: Any) -> bool:
        """Return whether something that can be called has the name of a function.

        No method of the project is asked for it: that could do anything.
        """
        found = dict_of(value).get("__qualname__")  # as functools.wraps adds it
        if found is None and not self._is_ours(type(value)):
            with contextlib.suppress(Exception):
                found = value.__qualname__
        return isinstance(found, str)

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
        content = _content_of(value)
        if content is None and self._changes.uses("fit"):
            content = _settings_of(value)
        text = None
        if content is None and not dict_of(value).keys() & _WRAPPERS:
            text = digest_of(value)
        if text is None and kind.__module__ != "builtins":
            self.value(kind, name, depth)
        if content is not None:
            self._content(content, name, depth)
            if issubclass(kind, collections.defaultdict):
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

    def _search_later(self, value: Any, name: str) -> None:
        """Search a value at the top of a file, or of a class, for code: it may be a registry."""
        if type(value) not in ATOMS and not issubclass(type(value), _CODE):
            self._registries.append((value, name))

    def _code_in(self, value: Any, name: str) -> None:
        """Add the code that a value holds, however deep, unless it is known.

        What func puts there while it runs, as into a cache, must not count. Its code is known most
        often. Of a function that is made by another one, only what is in its closure is searched.
        """
        todo = collections.deque([value])
        seen: dict[int, Any] = {}
        while todo and len(seen) < _MAX_SEARCHED:
            each = todo.popleft()
            kind = type(each)
            if kind in ATOMS or id(each) in seen:
                continue
            seen[id(each)] = each
            if kind is types.FunctionType or issubclass(kind, type):
                if "<locals>" in each.__qualname__:
                    todo.extend(_closure_of(each))
                elif each.__name__ != "<lambda>":
                    self._code(each, name)
            elif kind is types.MethodType:
                todo += [each.__func__, each.__self__]
            elif issubclass(kind, functools.partial):
                todo += [each.func, *each.args, *each.keywords.values()]
            elif self._is_ours(kind):
                todo += [kind, *_some_of(base_of(each)), *_some_of(_sorted(attributes_of(each)))]
            else:
                todo += _some_of(_content_of(each))

    def _code(self, code: Any, name: str) -> None:
        is_known = self.parts.has(id(code)) or is_late(code)
        if not is_known and (type(code) is types.FunctionType or self._is_ours(code)):
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
        if text is None and type(value) is np.ndarray and value.dtype.kind == "O":
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
        if type(value) in (set, frozenset):
            items = enumerate(sorted(value, key=_short))
        else:
            items = value.items() if type(value) is dict else enumerate(value)
        for key, each in itertools.islice(items, _MAX_ITEMS):
            self.value(each, f"{name}[{_short(key)}]", depth + 1)


def _content_of(value: Any) -> Any:
    """Return what a container, a namespace, or a number or text of a subclass holds, or None."""
    kind = type(value)
    if (kind.__module__, kind.__qualname__) in _NAMESPACES:
        return vars(value)
    return dict(value) if kind is types.MappingProxyType else base_of(value)


def _settings_of(value: Any) -> dict[str, Any] | None:
    """Return what an estimator was made with, as scikit-learn defines it, but not what it learns.

    None: it is something else.
    """
    kind = type(value)
    if not isinstance(getattr(kind, "get_params", None), types.FunctionType):
        return None
    with contextlib.suppress(Exception):
        return dict(value.get_params(deep=False)) if hasattr(kind, "fit") else None
    return None


def _some_of(content: Any) -> list[Any]:
    """Return the first values of a container; none of something else."""
    if type(content) in (set, frozenset):
        content = sorted(content, key=_short)
    values = content.values() if type(content) is dict else content
    return [*itertools.islice(values, _MAX_ITEMS)] if type(content) in _CONTAINERS else []


def _sorted(content: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(content.items()))


def _closure_of(value: Any) -> list[Any]:
    """Return the functions and classes in the closure of a function."""
    held = []
    cells = value.__closure__ if type(value) is types.FunctionType else None
    for cell in cells or ():
        with contextlib.suppress(ValueError):  # not set yet
            held.append(cell.cell_contents)
    return [each for each in held if issubclass(type(each), types.FunctionType | type)]


def _short(value: Any) -> str:
    if issubclass(type(value), types.FunctionType | type):
        return f"{value.__module__}:{value.__qualname__}"
    return plain_text(value) or type(value).__qualname__
