"""Let what a spawned worker got by value be found under its name in the script.

Such a worker has two of each function and class of the script: one that came with func, and one of
the script, which it has imported. pickle refuses the first, because its name is that of the second.
So func could neither pickle an instance of a class of the script nor pass on a function of it to
multiprocessing.
"""

from __future__ import annotations

import functools
import sys
import types
from typing import Any

from ..params.naming import MAIN, found_here

__all__ = ["keep_names", "named"]

_Cached = type(functools.lru_cache(len))


class _State:
    def __init__(self) -> None:
        self.is_worker = False


_process = _State()


def keep_names() -> None:
    """Let what comes by value from now on take its place in the script of this process.

    Only for a worker that was spawned: in a program of the user, it would replace what is there.
    """
    _process.is_worker = True


def named(obj: Any, reduced: Any) -> Any:
    """Add its name to what ``reducer_override`` gave for a function or class of the script."""
    if not isinstance(reduced, tuple) or not isinstance(obj, types.FunctionType | type | _Cached):
        return reduced
    # (Of others, such as an attribute of a class, pickle finds the place by that of the class.)
    if obj.__module__ not in MAIN or obj.__qualname__ != obj.__name__ or not found_here(obj):
        return reduced
    make, args, *rest = reduced
    return _made, (obj.__name__, make, args), *rest


def _made(name: str, make: Any, args: tuple[Any, ...]) -> Any:
    obj = make(*args)
    # The name is there if the script was imported. Otherwise processes that func starts would not
    # find it either, and wait forever (multiprocessing.Pool).
    if _process.is_worker and name in vars(sys.modules["__main__"]):
        setattr(sys.modules["__main__"], name, obj)
    return obj
