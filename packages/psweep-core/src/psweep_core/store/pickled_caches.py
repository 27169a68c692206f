"""Pickle what has a cache: cached functions and properties, which start with an empty one.

cloudpickle 3.1.3 writes a function with `functools.cache` as a name, which cannot be imported from
a notebook, and refuses the others for their locks and weak references.
"""

from __future__ import annotations

import functools
import weakref
from typing import Any

from ..params.naming import MAIN, found_here
from .pickled_pandas import Call

__all__ = ["reduce_cache"]

_Cached = type(functools.lru_cache(len))


def reduce_cache(obj: Any, by_value: bool) -> tuple[Any, ...] | None:
    """Reduce an object as ``__reduce__`` does; None if it is to be pickled as usual.

    Parameters
    ----------
    obj : object
    by_value : bool
        Also functions of the script, which it could find by their names.
    """
    kind = type(obj)
    if kind is _Cached:
        if found_here(obj) and not (by_value and obj.__module__ in MAIN):
            return None
        make = Call(functools.lru_cache, *obj.cache_parameters().values())
        state = {name: value for name, value in vars(obj).items() if name != "cache_parameters"}
        return make, (obj.__wrapped__,), state
    if kind in (functools.cached_property, functools.singledispatchmethod):
        # Before Python 3.12, the first has a lock; since 3.13, the second has a cache.
        made = ("func", "lock", "_method_cache")
        state = {name: value for name, value in vars(obj).items() if name not in made}
        return kind, (obj.func,), state
    if kind is weakref.WeakKeyDictionary and all(isinstance(key, type) for key in obj):
        return kind, (), None, None, iter([*obj.items()])  # as in functools.singledispatch
    return None
