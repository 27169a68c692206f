"""What an object holds that makes up its value: its state without caches and stamps."""

from __future__ import annotations

import copyreg
import functools
import sys
import types
from typing import Any

import pandas as pd

__all__ = ["own_state", "without_caches"]

# What libraries add to the state of their objects: a version, which they keep when it is read back,
# and caches.
_STAMPS = frozenset({"_sklearn_version", "__networkx_cache__", "_attrs_cached_hash"})
_STAMPS_OF_ARRAYS = _STAMPS | {"_readonly"}  # pandas 3 sets it in arrays that it hands out


def own_state(obj: Any) -> dict[Any, Any] | None:
    """Return the attributes of an object whose own way to pickle may leave some of them out.

    None if its class has no room for any.
    """
    kind = type(obj)
    attributes = getattr(obj, "__dict__", None)
    slots = {
        name: getattr(obj, name)
        for name in copyreg._slotnames(kind)  # type: ignore[attr-defined]
        if hasattr(obj, name)
    }
    if attributes is None and not slots:
        return None
    return {**_filtered(attributes or {}, obj, kind), **slots}


def without_caches(state: Any, obj: Any, kind: type) -> Any:
    """Leave out of what an object's `__reduce__` calls its state what is not part of its value."""
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[0], dict):
        # It has slots, too. A class that cloudpickle has made again keeps them in `__dict__`.
        slots = state[1] if isinstance(state[1], dict) else {}
        others = {name: value for name, value in state[0].items() if name not in slots}
        return without_caches(others, obj, kind), state[1]
    if type(state) is not dict:
        return state
    kept = _filtered(state, obj, kind)
    # An object without attributes has None for its state, if Python itself looks for it.
    return None if not kept and not _says_its_state(kind) else kept


def _says_its_state(kind: type) -> bool:
    names = ("__getstate__", "__reduce__", "__reduce_ex__")
    return any(isinstance(getattr(kind, name, None), types.FunctionType) for name in names)


def _filtered(state: dict[Any, Any], obj: Any, kind: type) -> dict[Any, Any]:
    own = getattr(obj, "__dict__", {})
    stamps = _STAMPS_OF_ARRAYS if isinstance(obj, pd.api.extensions.ExtensionArray) else _STAMPS
    return {
        name: value
        for name, value in state.items()
        if name not in stamps
        and not _is_cached(kind, name)
        and (name in own or not _is_version(kind, name, value))
    }


def _is_cached(kind: type, name: Any) -> bool:
    """Return whether an entry of an instance is the place of a cached property of its class."""
    for cls in kind.__mro__:
        if name in vars(cls):
            found = vars(cls)[name]
            return isinstance(found, functools.cached_property) or _is_like_it(type(found))
    return False


def _is_like_it(kind: type) -> bool:
    """Return whether a class is the cached_property of another library.

    That is a descriptor which lets the instance's own entry go first. A value that is called
    "cached", such as the default of a field, is none.
    """
    name = kind.__name__.lower().replace("_", "")
    return "cachedproperty" in name and hasattr(kind, "__get__") and not hasattr(kind, "__set__")


def _is_version(kind: type, name: Any, value: Any) -> bool:
    """Return whether `__getstate__` has added the version of a library that a class is from."""
    if not isinstance(name, str) or not name.endswith("version"):
        return False
    libraries = {cls.__module__.partition(".")[0] for cls in kind.__mro__} - {"builtins"}
    return value in [getattr(sys.modules.get(name), "__version__", None) for name in libraries]
