"""Random generators that func takes along, and that psweep therefore cannot reseed."""

from __future__ import annotations

import collections
import contextlib
import dis
import functools
import itertools
import os
import random
import sys
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..params.naming import global_generators
from ..params.value_text import GENERATORS, dict_of

__all__ = ["generator_notices", "shared_generators"]

_PYTHONS = frozenset(
    {types.MethodType, types.BuiltinMethodType, functools.partial, staticmethod, classmethod}
    | {property, dict, list, tuple, type(functools.lru_cache(len))}
)
_DULL = frozenset({int, float, str, bool, type(None), bytes, complex, np.ndarray, range})
_MAX_STEPS = 1000  # values looked at, which take about 1 ms
_MAX_DEPTH = 8
_MAX_ITEMS = 20  # of a list or dict
_MAX_ATTRIBUTES = 200
_MAX_PSETS = 200  # whose values are looked into
_STDLIB = os.path.join(os.path.dirname(os.__file__), "")
_PACKAGES = tuple(f"{os.sep}{name}-packages{os.sep}" for name in ("site", "dist"))


def generator_notices(
    func: Any, psets: Sequence[Mapping[Any, Any]], *, sent: bool, seeded: bool, atomic: bool
) -> list[str]:
    """Report what is wrong with the random numbers that psets draw, if anything is.

    Parameters
    ----------
    func : callable
    psets : sequence of dict
        Those that run.
    sent : bool
        They run in other processes: workers, or the tasks of batch jobs.
    seeded : bool
        They have seeds.
    atomic : bool
        Their values are numbers, strings and the like, see `job.Settings`.
    """
    if not len(psets):
        return []
    found = [
        _shared_generators_notice(func, seeded) if sent or seeded else None,
        None if atomic else _generators_in_psets_notice(psets),
    ]
    return [notice for notice in found if notice is not None]


def _shared_generators_notice(func: Any, seeded: bool) -> str | None:
    """Report generators that func took along; not seeded: each process had a copy of them."""
    names = shared_generators(func)
    if not names:
        return None
    what, it = "a random generator", "it"
    if len(names) > 1:
        what, it = "random generators", "them"
    listed = ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")
    if seeded:
        return (
            f"func uses {listed}, {what} made outside func, so its numbers do not depend on "
            f'_seed; create {it} inside func: np.random.default_rng(pset["_seed"])'
        )
    return (
        f"func uses {listed}, {what} made outside func: each process has its own copy, so psets "
        f"may draw equal numbers; create {it} inside func, for example by np.random.default_rng()"
    )


def _generators_in_psets_notice(psets: Iterable[Mapping[Any, Any]]) -> str | None:
    """Report generators that are in the values of several psets.

    Each call of func gets a copy of its pset, and so of the generator in the same state.
    """
    known = _global_generators()
    counts: collections.Counter[tuple[Any, int]] = collections.Counter()
    for i, pset in enumerate(psets):
        for name, value in pset.items():
            if type(value) in _DULL or (i >= _MAX_PSETS and not isinstance(value, GENERATORS)):
                continue
            counts.update((name, found) for found in {*_generators_in(value)} - known)
    names = [*dict.fromkeys(repr(name) for (name, _), n in counts.items() if n > 1)]
    if not names:
        return None
    return (
        f"psets have the same random generator as {', '.join(names[:3])}: each call gets a copy of "
        "it in the same state, so all draw equal numbers; create it inside func, for example by "
        'np.random.default_rng(pset["_seed"]) with seed=1'
    )


def _generators_in(value: Any, depth: int = 3) -> Iterator[int]:
    """Yield the ids of generators in a value of a pset, where a copy of it copies them."""
    if isinstance(value, GENERATORS):
        yield id(value)
    elif depth and type(value) not in _DULL:
        parts = value.values() if isinstance(value, dict) else value
        if not isinstance(value, dict | list | tuple):
            parts = () if isinstance(value, type) or callable(value) else dict_of(value).values()
        for part in itertools.islice(parts, _MAX_ITEMS):
            yield from _generators_in(part, depth - 1)


def shared_generators(func: Any) -> list[str]:
    """Return the names of random generators that func refers to, but does not make itself.

    These are generators in global variables, closures, defaults, attributes and helper functions.
    Only objects that exist already are looked at, and no code of the user's is called.

    Parameters
    ----------
    func : callable

    Returns
    -------
    list of str
        As they are written in the code, such as ``rng`` or ``Model.rng``.
    """
    search = _Search()
    try:
        search.look(func, "", 0)
    except Exception:  # a hint is not worth an error
        return search.names
    return search.names


class _Search:
    def __init__(self) -> None:
        self.names: list[str] = []
        self._seen: dict[int, Any] = {}  # the values, too, so that no id is used twice
        self._global = _global_generators()

    def look(self, value: Any, name: str, depth: int) -> None:
        """Look for generators in a value that func refers to by this name."""
        kind = type(value)
        if kind in _DULL or id(value) in self._seen:
            return
        if len(self._seen) >= _MAX_STEPS or depth > _MAX_DEPTH:
            return
        self._seen[id(value)] = value
        if self._is_generator(value, kind):
            if name not in self.names:
                self.names.append(name)
        elif kind is types.FunctionType:
            if _is_of_project(value):
                for part, its_name in _parts_of_function(value):
                    self.look(part, its_name, depth + 1)
                for code in _codes(value.__code__):
                    self._look_at_globals(code, value.__globals__, depth + 1)
        else:
            deeper = depth + 1 if _is_of_project(kind) or kind in _PYTHONS else _MAX_DEPTH
            for part, its_name in _parts(value, kind, name):
                self.look(part, its_name, deeper)

    def _look_at_globals(self, code: types.CodeType, variables: dict[str, Any], depth: int) -> None:
        for variable in code.co_names:
            value = variables.get(variable)
            before = len(self.names), len(self._seen)
            self.look(value, variable, depth)
            for part, its_name in _used_of_module(value, variable, code.co_names):
                self.look(part, its_name, depth)
            if len(self.names) > before[0] and not _loads_global(code, variable):
                # It is an attribute that has the same name.
                del self.names[before[0] :]
                for key in list(self._seen)[before[1] :]:
                    del self._seen[key]

    def _is_generator(self, value: Any, kind: type) -> bool:
        if issubclass(kind, GENERATORS):
            is_one = not issubclass(kind, random.SystemRandom)
        else:
            named = "torch" in sys.modules and (kind.__module__, kind.__name__)
            is_one = named == ("torch._C", "Generator")
        return is_one and id(value) not in self._global


def _global_generators() -> set[int]:
    """Return the ids of the global generators, which `reseed` takes care of."""
    found = [generator for generator, _ in global_generators()]
    return {*map(id, found), *(id(getattr(each, "_bit_generator", None)) for each in found)}


def _parts(value: Any, kind: type, name: str) -> Iterator[tuple[Any, str]]:
    """Yield what can be reached from a value, with names."""
    if kind is types.MethodType:
        yield value.__self__, name or _name_of_class(value.__self__)  # such as draw = rng.normal
        yield value.__func__, name
    elif kind is types.BuiltinMethodType:
        yield value.__self__, name
    elif issubclass(kind, functools.partial):
        yield value.func, name
        parameters = getattr(getattr(value.func, "__code__", None), "co_varnames", ())
        for i, arg in enumerate(value.args):
            yield arg, parameters[i] if i < len(parameters) else "an argument of partial()"
        yield from ((arg, str(key)) for key, arg in value.keywords.items())
    elif issubclass(kind, types.ModuleType):
        return  # what is used of it is looked at where it is used
    elif issubclass(kind, staticmethod | classmethod):
        yield value.__func__, name
    elif kind is property:
        yield value.fget, name
    elif issubclass(kind, dict):
        for key, part in itertools.islice(dict.items(value), _MAX_ITEMS):
            yield part, f"{name}[{key!r}]" if type(key) in (str, int) else name
    elif issubclass(kind, list | tuple):
        items = list if issubclass(kind, list) else tuple
        yield from ((part, name) for part in items.__getitem__(value, slice(_MAX_ITEMS)))
    elif issubclass(kind, type):
        for cls in type.mro(value) if _is_of_project(value) else ():
            if _is_of_project(cls):
                yield from _attributes(type.__getattribute__(cls, "__dict__"), _name_of_class(cls))
    else:
        own = dict_of(value)
        yield own.get("__wrapped__"), name  # functools.lru_cache and its like
        yield from _attributes(own, name or _name_of_class(kind))
        for cls in kind.__mro__ if _is_of_project(kind) else ():
            for slot, member in vars(cls).items():
                if type(member) is types.MemberDescriptorType:
                    with contextlib.suppress(AttributeError):  # not set
                        yield member.__get__(value), f"{name or _name_of_class(kind)}.{slot}"
        yield kind, _name_of_class(kind)


def _attributes(namespace: Any, owner: str) -> Iterator[tuple[Any, str]]:
    for key, part in itertools.islice(namespace.items(), _MAX_ATTRIBUTES):
        yield part, f"{owner}.{key}"


def _name_of_class(owner: Any) -> str:
    cls = owner if issubclass(type(owner), type) else type(owner)
    return str(type.__getattribute__(cls, "__name__"))


def _parts_of_function(func: types.FunctionType) -> Iterator[tuple[Any, str]]:
    """Yield what a function holds itself."""
    code = func.__code__
    for variable, cell in zip(code.co_freevars, func.__closure__ or (), strict=False):
        with contextlib.suppress(ValueError):  # not set yet
            yield cell.cell_contents, variable
    defaults = func.__defaults__ or ()
    parameters = code.co_varnames[: code.co_argcount]
    yield from zip(defaults, parameters[len(parameters) - len(defaults) :], strict=False)
    yield from ((part, key) for key, part in (func.__kwdefaults__ or {}).items())
    yield from _attributes(func.__dict__, func.__name__)


def _used_of_module(
    value: Any, name: str, used: tuple[str, ...], depth: int = 0
) -> Iterator[tuple[Any, str]]:
    """Yield what code that uses these names may take out of a module."""
    if not issubclass(type(value), types.ModuleType) or depth > 2:
        return
    namespace = dict_of(value)
    for attribute in used:
        part = namespace.get(attribute)
        if part is not None and part is not value:
            yield part, f"{name}.{attribute}"
            yield from _used_of_module(part, f"{name}.{attribute}", used, depth + 1)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield the code of a function and of all that is defined in it."""
    yield code
    for const in code.co_consts:
        if type(const) is types.CodeType:
            yield from _codes(const)


def _loads_global(code: types.CodeType, name: str) -> bool:
    """Return whether code uses a global variable that it does not set itself."""
    # Of a module, its import inside func is as good as a global variable.
    uses = {step.opname for step in dis.get_instructions(code) if step.argval == name}
    return not uses.isdisjoint(_LOADS) and "STORE_GLOBAL" not in uses


_LOADS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})


def _is_of_project(value: Any) -> bool:
    """Return whether a function or class is the user's, and not of an installed library."""
    if issubclass(type(value), type):
        name = type.__getattribute__(value, "__dict__").get("__module__", "builtins")
    else:
        name = value.__module__
    if name == "builtins":
        return False
    module = sys.modules.get(name) if isinstance(name, str) else None
    file = dict_of(module).get("__file__") if module is not None else None
    if not isinstance(file, str):
        return True
    return not file.startswith(_STDLIB) and not any(part in file for part in _PACKAGES)
