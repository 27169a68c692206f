"""Any value as bytes that depend on nothing but the value: what is hashed of a pset."""

from __future__ import annotations

import copyreg
import enum
import fractions
import functools
import ipaddress
import pathlib
import pickle
import struct
import sys
import types
import typing
import uuid
import zoneinfo
from typing import Any

import numpy as np
import pandas as pd

from .datatypes import (
    QUICK_SCALARS,
    array_parts,
    data_parts,
    is_numpy_scalar,
    is_python_like,
    item_of,
    zone_name,
)
from .definitions import global_parts, wrapper_parts
from .naming import generator_name
from .state import own_state, without_caches

__all__ = ["BATCH", "NAN", "PROTOCOL", "Encoder", "encoded"]

NAN = float("nan")
PROTOCOL = 3
BATCH = 1000  # the pickler writes this many entries of a dict or list at once


def encoded(obj: Any) -> bytes:
    """Return the bytes of a value."""
    encoder = Encoder()
    encoder.value(obj)
    return b"".join(encoder.out)


class Encoder:
    """Write values as bytes that depend on nothing but the values.

    Lists, tuples and dicts become what joblib's pickler writes. All else starts with the byte
    0xff, which no pickle has as an opcode, and a word that says what follows.
    """

    def __init__(self) -> None:
        self.out: list[bytes] = []
        self._memo = 0
        self._open: list[int] = []  # ids of the containers around the current value

    def _bytes_of(self, obj: Any) -> bytes:
        inner = type(self)()
        inner._open = self._open
        inner.value(obj)
        return b"".join(inner.out)

    def _put(self, obj: Any = None) -> None:  # noqa: ARG002 (it is for old hashes)
        number = self._memo
        self._memo += 1
        self.out.append(
            b"q" + struct.pack("<B", number) if number < 256 else b"r" + struct.pack("<I", number)
        )

    def _word(self, word: str) -> None:
        self.out.append(b"\xff" + word.encode("utf-8", "surrogatepass") + b"\n")

    def value(self, obj: Any) -> None:
        """Write any value."""
        kind = type(obj)
        if kind is float and obj != obj:
            obj = NAN
        if kind in (int, float, bool, type(None)):
            self.out.append(pickle.dumps(obj, PROTOCOL)[2:-1])
        elif kind in (str, bytes):
            self.out.append(pickle.dumps(obj, PROTOCOL)[2:-3])  # less its memo entry
        elif isinstance(obj, np.generic) and is_numpy_scalar(kind):
            self._numpy_scalar(obj)
        elif id(obj) in self._open:
            # A container inside itself: say how far up instead of going round forever.
            self._word(f"cycle {len(self._open) - self._open.index(id(obj))}")
        else:
            self._open.append(id(obj))
            self._container(obj, kind)
            self._open.pop()

    def _container(self, obj: Any, kind: type) -> None:
        if kind is dict:
            self._dict(obj)
        elif kind is list:
            self.out.append(b"]")
            self._put(obj)
            self._batches([(item,) for item in obj], b"a", b"e")
        elif kind is tuple:
            self._tuple(obj)
        elif kind in (set, frozenset):
            self._word(kind.__name__)
            self.out += [*sorted(self._bytes_of(item) for item in obj), b"."]
        elif kind is np.ndarray:
            if obj.ndim == 0 and not is_python_like(obj.dtype):
                self._word("0-d")  # the scalar in it is written as an array as well
            self._array(obj)
        else:
            self._other(obj, kind)

    def _dict(self, dct: dict[Any, Any]) -> None:
        self.out.append(b"}")
        self._put(dct)
        names = list(dct)
        kinds = set(map(type, names))
        if kinds <= {str, np.str_} or (len(kinds) == 1 and kinds <= {int, bytes}):
            names.sort()
        else:
            names.sort(key=self._bytes_of)
        self._batches([(name, dct[name]) for name in names], b"s", b"u")

    def _batches(self, groups: list[tuple[Any, ...]], one: bytes, many: bytes) -> None:
        for start in range(0, len(groups), BATCH):
            batch = groups[start : start + BATCH]
            if len(batch) > 1:
                self.out.append(b"(")
            for group in batch:
                for item in group:
                    self.value(item)
            self.out.append(many if len(batch) > 1 else one)

    def _tuple(self, obj: tuple[Any, ...]) -> None:
        if not obj:
            self.out.append(b")")
            return
        if len(obj) > 3:
            self.out.append(b"(")
        for item in obj:
            self.value(item)
        self.out.append({1: b"\x85", 2: b"\x86", 3: b"\x87"}.get(len(obj), b"t"))
        self._put(obj)

    def _numpy_scalar(self, obj: np.generic[Any]) -> None:
        item = item_of(obj)
        if type(obj) in QUICK_SCALARS or (
            type(item) in (int, float, bool, str, bytes, complex) and is_python_like(obj.dtype)
        ):
            self.value(item)
        else:
            if isinstance(obj, np.record):
                self._word("record")
            self._array(np.asarray(obj))

    def _array(self, array: np.ndarray[Any, Any]) -> None:
        kind = array.dtype.kind
        if kind == "O":  # objects: their values, not their memory
            self._word(f"array {kind} {array.shape}")
            for item in array.ravel().tolist():
                self.value(item)
            return
        parts = array_parts(array)
        if parts is not None:
            self._written(parts)
            return
        if kind in "fc" and array.dtype.itemsize > (8 if kind == "f" else 16):
            # long double: its bytes hold unused, undefined ones
            self._parts(f"array {array.shape}", [str(item) for item in array.ravel()])
            return
        array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(
            array.shape
        )
        if kind in "fc":
            array = array.copy()
            for part in (array.real, array.imag) if kind == "c" else (array,):
                part[np.isnan(part)] = np.nan  # which has many bit patterns
        # (of a type that another library defines, .str only says how large it is)
        name = array.dtype.name if kind == "V" else array.dtype.str
        self._word(f"array {name} {array.shape}")
        self.out.append(array.tobytes())

    def _other(self, obj: Any, kind: type) -> None:
        if isinstance(obj, enum.Enum):
            self._parts("enum", kind, obj.value)
        elif isinstance(obj, complex) and kind is complex:
            self._parts("complex", obj.real, obj.imag)
        elif kind is fractions.Fraction:
            self._parts("fraction", obj.numerator, obj.denominator)
        elif obj is pd.NaT or obj is pd.NA:
            self._parts(str(obj))
        elif isinstance(obj, pathlib.PurePath):
            self._path(obj, kind)
        elif kind is ipaddress.IPv6Address:  # Python 3.10 pickles it as an int, without its scope
            self._parts("object", kind, (str(obj),), None, [])
            self.value({})
        elif kind is uuid.UUID:
            self._parts("uuid", obj.int)
        elif isinstance(obj, pd.Timestamp | pd.Timedelta):
            self._parts(kind.__name__, obj.isoformat(), zone_name(getattr(obj, "tz", None)))
        elif kind is zoneinfo.ZoneInfo:
            obj.__reduce__()  # refuses a zone that is from a file, whose name may be anything
            self._parts("zone", obj.key)
        elif isinstance(obj, types.ModuleType):
            _check(obj, sys.modules.get(obj.__name__))
            self._parts("module", obj.__name__)
        elif kind is types.GenericAlias:  # for Python 3.10 a type, too
            self._parts("generic", obj.__origin__, obj.__args__)
        elif isinstance(obj, type | types.FunctionType | types.BuiltinFunctionType) and (
            not issubclass(kind, types.GenericAlias)  # of a subclass, also a type in Python 3.10
        ):
            self._written(global_parts(obj))
        elif isinstance(obj, set | frozenset):  # of a subclass
            self._parts("set of", kind, frozenset(obj), own_state(obj))
        elif isinstance(obj, types.MappingProxyType):
            self._parts("mappingproxy", dict(obj))
        elif generator_name(obj) is not None:
            self._parts("global generator", *generator_name(obj))  # type: ignore[misc]
        elif typing.get_origin(obj) in (typing.Union, types.UnionType):
            self._parts("union", frozenset(map(self._bytes_of, typing.get_args(obj))))
        else:
            parts = wrapper_parts(obj, kind) or data_parts(obj, kind)
            if parts is None:
                self._reduced(obj, kind)
            else:
                self._written(parts)

    def _path(self, obj: pathlib.PurePath, kind: type) -> None:
        if kind in (pathlib.PosixPath, pathlib.PurePosixPath, pathlib.WindowsPath):
            self._parts("path", obj.as_posix())  # a study may be moved from one to the other
        elif kind is pathlib.PureWindowsPath:
            self._parts("pure path", kind.__name__, obj.as_posix())
        else:
            state = without_caches({**getattr(obj, "__dict__", {})}, obj, kind)
            self._parts("path of", kind, obj.as_posix(), state or {})

    def _written(self, parts: tuple[Any, ...]) -> None:
        if len(parts) > 1:
            self._parts(*parts)
        else:
            self._word(parts[0])

    def _parts(self, word: str, *parts: Any) -> None:
        self._word(f"{word} {len(parts)}")
        for part in parts:
            self.value(part)

    def _reduced(self, obj: Any, kind: type) -> None:
        """Take any other object apart the way pickle does, by its class and its state."""
        if kind is object or (hasattr(kind, "__next__") and kind.__module__ in _ITERATORS):
            message = "it cannot be distinguished from others of its type"
            raise TypeError(message)
        reducer = copyreg.dispatch_table.get(kind)
        if isinstance(obj, BaseException):
            reducer = None  # where dask is imported, tblib has registered one of its own
        reduced: Any = reducer(obj) if reducer else obj.__reduce_ex__(4)
        if isinstance(reduced, str):
            module = str(getattr(obj, "__module__", None))
            if obj is not Ellipsis and obj is not NotImplemented:
                path = reduced.split(".")
                _check(obj, functools.reduce(_attribute, path, sys.modules.get(module)))
            self._word(f"global {module}:{reduced}")
            return
        func, args, state, items, pairs = (*reduced, None, None, None)[:5]
        state = without_caches(state, obj, kind)
        self._parts("object", func, args, state, [] if items is None else list(items))
        self.value({} if pairs is None else dict(pairs))


_ITERATORS = ("builtins", "itertools")


def _attribute(obj: Any, name: str) -> Any:
    return getattr(obj, name, None)


def _check(obj: Any, found: Any) -> None:
    """Make sure that a name is that of one object."""
    if found is not obj:
        message = "it goes by a name under which it cannot be found"
        raise TypeError(message)
