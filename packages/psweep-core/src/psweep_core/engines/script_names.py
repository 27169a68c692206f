"""Let what a spawned worker got by value be found under its name in the script.

Such a worker has two of each function and class of the script: one that came with func, and one of
the script, which it has imported. pickle refuses the first, because its name is that of the second.
So func could neither pickle an instance of a class of the script nor pass on a function of it to
multiprocessing.
"""

from __future__ import annotations

import functools
import os
import sys
import types
from typing import Any

from ..params.naming import MAIN, found_here

__all__ = ["named"]

_Cached = type(functools.lru_cache(len))


def named(obj: Any, reduced: Any) -> Any:
    """Add its name to what ``reducer_override`` gave for a function or class of the script."""
    if not isinstance(reduced, tuple) or not isinstance(obj, types.FunctionType | type | _Cached):
        return reduced
    # (Of others, such as an attribute of a class, pickle finds the place by that of the class.)
    if obj.__module__ not in MAIN or obj.__qualname__ != obj.__name__ or not found_here(obj):
        return reduced
    make, args, *rest = reduced
    return _made, (obj.__name__, os.getpid(), make, args), *rest


def _made(name: str, sender: int, make: Any, args: tuple[Any, ...]) -> Any:
    obj = make(*args)
    main = sys.modules["__main__"]
    # Only in a process that multiprocessing has spawned, and that has imported the script. In a
    # program of the user, it would replace what is there. And processes that func starts would not
    # find it without the script either, and wait forever (multiprocessing.Pool).
    is_spawned = sys.modules.get("__mp_main__") is main and os.getpid() != sender
    if is_spawned and name in vars(main):
        setattr(main, name, obj)
    return obj
