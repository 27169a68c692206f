"""A value as a text that differs if the value does, for the fingerprint of a function.

It takes a bounded time. Of what is very large, a sample counts.
"""

from __future__ import annotations

import collections
import functools
import hashlib
import itertools
import random
import types
from typing import Any

import numpy as np
import pandas as pd

from .canonical import Encoder
from .naming import generator_name
from .sources import const_text

__all__ = [
    "ATOMS",
    "BASES",
    "GENERATORS",
    "attributes_of",
    "base_of",
    "data_text",
    "dict_of",
    "digest_of",
    "plain_text",
]

ATOMS = frozenset({int, float, str, bool, type(None), bytes, complex, type(...)})
# what subclasses of these hold, besides their attributes
BASES = (dict, list, tuple, set, frozenset, collections.deque, str, bytes, bytearray, int, float,
         complex)  # fmt: skip
_MAX_BYTES = 1 << 20  # of an array
_MAX_PLAIN = 10_000  # items of a container
_ORDERED = ({int}, {str}, {bytes})  # types of items
_MAX_PIECES = 20_000  # of what is taken apart as for a hash


def plain_text(value: Any) -> str | None:
    """Return the text of a list, tuple, dict or set of constants or of such; None for others.

    It shows the types, and the order of a dict.
    """
    try:
        return _plain(value)
    except (RecursionError, ValueError):  # such as an int of very many digits
        return None


def _plain(value: Any) -> str | None:
    kind = type(value)
    if kind in ATOMS:
        return const_text(value)
    if kind not in (list, tuple, dict, set, frozenset):
        return None
    items: Any = value
    if len(value) > _MAX_PLAIN:
        items = value.items() if kind is dict else value
        if kind in (set, frozenset):  # they have no order
            items = [min(value), max(value)] if {*map(type, value)} in _ORDERED else []
        else:
            items = [*itertools.islice(items, 0, None, len(value) // _MAX_PLAIN + 1)]
        items = dict(items) if kind is dict else items
    start = f"{kind.__name__} {len(value)} "
    if kind is dict:
        keys, values = _plain([*items]), _plain([*items.values()])
        return None if keys is None or values is None else f"{start}{keys}: {values}"
    if {*map(type, items)} <= ATOMS:
        return start + repr(
            sorted(map(const_text, items)) if kind in (set, frozenset) else [*items]
        )
    parts = []
    for each in items:
        part = _plain(each)
        if part is None:
            return None
        parts.append(part)
    return f"{start}[{', '.join(sorted(parts) if kind in (set, frozenset) else parts)}]"


def data_text(value: Any) -> str | None:
    """Return the text of an array or a NumPy scalar; None if it needs a closer look."""
    array = np.asarray(value)
    if array.dtype.kind not in "biufcmMSU":
        return None
    sample = array
    if array.nbytes > _MAX_BYTES:
        sample = array.reshape(-1)[:: array.nbytes // _MAX_BYTES + 1]
    digest = hashlib.sha1(np.ascontiguousarray(sample).tobytes(), usedforsecurity=False)
    return f"array {array.dtype.str} {array.shape} {digest.hexdigest()}"


def digest_of(value: Any) -> str | None:
    """Return a digest by which `pset_hash` knows a value; None if it has none, or is too large."""
    # (`isinstance` would ask an object for its `__class__`, which may fail.)
    sample, more, kind = value, "", type(value)
    if issubclass(kind, pd.DataFrame | pd.Series | pd.Index) and value.size > _MAX_PIECES:
        more = str(value.shape)
        rows = value if issubclass(kind, pd.Index) else value.iloc
        sample = rows[:: value.size // _MAX_PIECES + 1]
    encoder = _Bounded()
    try:
        encoder.value(sample)
    except Exception:  # it belongs to others
        return None
    digest = hashlib.sha1(b"".join(encoder.out), usedforsecurity=False)
    return f"{kind.__qualname__} {more} {digest.hexdigest()}"


GENERATORS = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random)


class _TooLargeError(Exception):
    pass


class _Bounded(Encoder):
    def value(self, obj: Any) -> None:
        if len(self.out) > _MAX_PIECES or (type(obj) in BASES[:5] and len(obj) > _MAX_PLAIN):
            raise _TooLargeError
        if isinstance(obj, GENERATORS) and generator_name(obj) is None:
            raise _TooLargeError  # each number that it gives changes it
        super().value(obj)

    def _array(self, array: np.ndarray[Any, Any]) -> None:
        text = data_text(array) if array.nbytes > _MAX_BYTES else None
        if text is None:
            super()._array(array)
        else:
            self._word(text)


def base_of(value: Any) -> Any:
    """Return what an object of a subclass of a list, a number and so on holds; None for others."""
    base: Any
    for base in BASES:
        if issubclass(type(value), base):
            # Not by calls of methods that its class may have replaced.
            if base in (str, bytes, bytearray):
                return base.__getitem__(value, slice(None))
            if base in (int, float):
                return base.__pos__(value)
            if base is complex:
                return complex.__pos__(value)
            if base is dict:
                return dict(dict.items(value))
            items = base.__iter__(value)
            return frozenset(items) if base in (set, frozenset) else [*items]
    return None


def dict_of(value: Any) -> dict[str, Any]:
    """Return the ``__dict__`` of an object; empty if it has none."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except Exception:  # a class may have a property of that name
        return {}
    return found if isinstance(found, dict) else {}


def attributes_of(value: Any) -> dict[str, Any]:
    """Return the attributes of an object, also those in slots, without cached properties."""
    found = {name: each for name, each in dict_of(value).items() if type(name) is str}
    for cls in type(value).__mro__:
        for name, member in vars(cls).items():
            if issubclass(type(member), functools.cached_property):
                found.pop(name, None)
            elif type(member) is types.MemberDescriptorType and cls.__module__ != "builtins":
                try:
                    found.setdefault(name, member.__get__(value, type(value)))
                except AttributeError:
                    continue  # not set
    return found
