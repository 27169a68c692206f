"""The names of classes, functions and global generators, the same in every program.

A class of a script has the module ``__main__`` while the script runs, and the script's own name
where it is imported. A third program, such as psweep-checkdir, gets it by value, out of a pickle.
In all three it has one name here: the one under which it can be imported.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import types
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .sources import shape_digest

__all__ = [
    "MAIN",
    "MARK",
    "builtin_type_name",
    "found_here",
    "generator_name",
    "global_generators",
    "importable_name",
    "main_name",
    "mark",
    "mark_main",
]

MAIN = (
    "__main__",
    "__mp_main__",
)  # the second is the first in a process that multiprocessing spawned
# What `random.random` and `numpy.random.normal` draw from, and distributions of SciPy.
_GENERATORS = (
    ("random", "_inst"),
    ("numpy.random.mtrand", "_rand"),
    ("torch", "default_generator"),
)
_GENERATOR_MODULES = ("random", "numpy.random.mtrand", "torch._C")
MARK = "__psweep_name__"  # an attribute of a class or function that goes by value


def global_generators() -> Iterator[tuple[Any, tuple[str, str]]]:
    """Yield the global generators of this process, each with its module and its name there.

    What refers to one, such as ``from random import random`` or a distribution of SciPy, means that
    of the process where it is used. So it goes by name wherever it is pickled, copied or hashed: a
    copy would have the state of the moment, and all copies would draw the same numbers.
    """
    for module, name in _GENERATORS:
        found = getattr(sys.modules.get(module), name, None)
        if found is not None:
            yield found, (module, name)


def generator_name(obj: Any) -> tuple[str, str] | None:
    """Return the module and the name of a global generator, None for all else."""
    if type(obj).__module__ not in _GENERATOR_MODULES:  # most objects
        return None
    return next((place for found, place in global_generators() if found is obj), None)


def importable_name(obj: Any) -> str | None:
    """Return under which ``module:name`` a class or function can be imported, None if nowhere."""
    if found_here(obj):
        module, name = obj.__module__, _name(obj)
        if module in MAIN:
            module = main_name(sys.modules[module])
        return module and f"{module}:{name}"
    known, _, code = str(getattr(obj, "__dict__", {}).get(MARK) or "").partition(" ")
    if not known or known.rpartition(":")[2].rpartition(".")[2] != obj.__name__:
        return None
    if obj in _marked:  # and is not found any more, so another one has taken its place
        with contextlib.suppress(Exception):
            delattr(obj, MARK)
        return None
    return known if code == _code_of(obj) else None  # functools.wraps copies attributes


def builtin_type_name(obj: Any) -> str | None:
    """Return the name in `types` of a builtin type that `builtins` does not have, such as NoneType.

    All Pythons have the same there. None for all else.
    """
    if not isinstance(obj, type) or obj.__module__ != "builtins":
        return None
    names = (name for name in sorted(types.__all__) if getattr(types, name) is obj)
    return next((f"types:{name}" for name in names), None)


def found_here(obj: Any) -> bool:
    """Return whether a class or function is an attribute of the module that it says it is from."""
    module = getattr(obj, "__module__", None) or ""
    top = module.partition(".")[0]
    if module not in sys.modules and (top in sys.modules or top == "psweep"):
        # A public place, such as numpy.rec, that is not where the class is defined. (Our own
        # errors say that they are from psweep, which a worker may not have imported.)
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    found: Any = sys.modules.get(module)
    for part in (_name(obj) or "").split("."):
        found = getattr(found, part, None)
    return found is obj and obj is not None


def mark(obj: Any) -> str | None:
    """Let a class or function of ``__main__`` keep its name where it goes by value."""
    name = importable_name(obj)
    if name is not None and obj.__module__ in MAIN and MARK not in vars(obj):
        with contextlib.suppress(Exception):  # a metaclass may refuse
            setattr(obj, MARK, f"{name} {_code_of(obj)}")
            _marked.add(obj)
    return name


_marked: weakref.WeakSet[Any] = weakref.WeakSet()  # in this process, so not copies of these


def _code_of(obj: Any) -> str:
    return shape_digest(obj.__code__) if isinstance(obj, types.FunctionType) else ""


def mark_main() -> None:
    """Do so for all of them, before something that refers to them is sent to another process."""
    for obj in [*vars(sys.modules["__main__"]).values()]:
        if isinstance(obj, type) and obj.__module__ in MAIN:
            mark(obj)


def _name(obj: Any) -> str | None:
    return getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)


def main_name(main: Any) -> str | None:
    """Return under which name the running script would be imported; None for a notebook."""
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name)  # python -m package.module
    file = getattr(main, "__file__", None)
    if not file:
        return None
    path = Path(os.path.abspath(file))
    names = [path.stem]
    while (path.parent / "__init__.py").exists() and path.parent != path.parent.parent:
        path = path.parent
        names.insert(0, path.name)
    return ".".join(names)
