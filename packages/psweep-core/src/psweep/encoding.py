"""Any value as bytes that depend on nothing but the value: what is hashed of a pset."""

from __future__ import annotations

import copyreg
import datetime
import enum
import fractions
import pathlib
import pickle
import struct
import sys
import types
import uuid
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["BATCH", "NAN", "PROTOCOL", "encoded", "importable_name"]

NAN = float("nan")
PROTOCOL = 3
BATCH = 1000  # the pickler writes so many entries of a dict or list at once


def importable_name(obj: Any) -> str | None:
    """Say under which ``module:name`` a class or function can be imported, None if nowhere."""
    name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    found: Any = sys.modules.get(getattr(obj, "__module__", None) or "")
    for part in (name or "").split("."):
        found = getattr(found, part, None)
    return f"{obj.__module__}:{name}" if found is obj and obj is not None else None


def encoded(obj: Any) -> bytes:
    """Give the bytes of a value."""
    encoder = _Encoder()
    encoder.value(obj)
    return b"".join(encoder.out)


class _Encoder:
    """Write values as bytes that depend on nothing but the values.

    Lists, tuples and dicts become what joblib's pickler writes. All else starts with the byte
    0xff, which no pickle has as an opcode, and a word that says what follows.
    """

    def __init__(self) -> None:
        self.out: list[bytes] = []
        self._memo = 0
        self._open: list[int] = []  # ids of the containers around the current value

    def _bytes_of(self, obj: Any) -> bytes:
        inner = _Encoder()
        inner._open = self._open
        inner.value(obj)
        return b"".join(inner.out)

    def _put(self) -> None:
        number = self._memo
        self._memo += 1
        self.out.append(
            b"q" + struct.pack("<B", number) if number < 256 else b"r" + struct.pack("<I", number)
        )

    def _word(self, word: str) -> None:
        self.out.append(b"\xff" + word.encode("utf-8", "surrogatepass") + b"\n")

    def value(self, obj: Any) -> None:
        kind = type(obj)
        if kind is float and obj != obj:
            obj = NAN
        if kind in (int, float, bool, type(None)):
            self.out.append(pickle.dumps(obj, PROTOCOL)[2:-1])
        elif kind in (str, bytes):
            self.out.append(pickle.dumps(obj, PROTOCOL)[2:-3])  # less its memo entry
        elif isinstance(obj, np.generic):
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
            self._put()
            self._batches([(item,) for item in obj], b"a", b"e")
        elif kind is tuple:
            self._tuple(obj)
        elif kind in (set, frozenset):
            self._word(kind.__name__)
            self.out += [*sorted(self._bytes_of(item) for item in obj), b"."]
        elif kind is np.ndarray:
            self._array(obj)
        else:
            self._other(obj, kind)

    def _dict(self, dct: dict[Any, Any]) -> None:
        self.out.append(b"}")
        self._put()
        names = list(dct)
        kinds = set(map(type, names))
        if len(kinds) == 1 and kinds <= {str, int, bytes}:
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
        self._put()

    def _numpy_scalar(self, obj: np.generic[Any]) -> None:
        plain = obj.item()
        if type(plain) in (int, float, bool, str, bytes, complex) and obj.dtype.kind not in "mM":
            self.value(plain)
        else:
            self._array(np.asarray(obj))

    def _array(self, array: np.ndarray[Any, Any]) -> None:
        kind = array.dtype.kind
        if kind in "OV":  # objects, records: their values, not their memory
            self._word(f"array {kind} {array.shape}")
            for item in array.ravel().tolist():
                self.value(item)
            return
        if kind in "fc" and array.dtype.itemsize > (8 if kind == "f" else 16):
            # long double: its bytes hold unused, undefined ones
            self._parts(f"array {array.shape}", [str(item) for item in array.ravel()])
            return
        array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(
            array.shape
        )
        if kind in "fc":
            array = np.where(np.isnan(array), np.array(np.nan, dtype=array.dtype), array)
            array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        self._word(f"array {array.dtype.str} {array.shape}")
        self.out.append(array.tobytes())

    def _other(self, obj: Any, kind: type) -> None:
        if isinstance(obj, enum.Enum):
            self._parts("enum", kind, obj.value)
        elif isinstance(obj, complex) and kind is complex:
            self._parts("complex", obj.real, obj.imag)
        elif kind is fractions.Fraction:
            self._parts("fraction", obj.numerator, obj.denominator)
        elif isinstance(obj, np.ufunc):
            self._parts("ufunc", obj.__name__)
        elif obj is pd.NaT or obj is pd.NA:
            self._parts(str(obj))
        elif isinstance(obj, pathlib.PurePath):
            self._parts("path", obj.as_posix())
        elif isinstance(obj, uuid.UUID):
            self._parts("uuid", obj.int)
        elif isinstance(obj, pd.Timestamp | pd.Timedelta):
            self._parts(kind.__name__, obj.isoformat(), str(getattr(obj, "tz", None)))
        elif isinstance(obj, datetime.tzinfo) and hasattr(obj, "key"):
            self._parts("zone", obj.key)
        elif isinstance(obj, pd.DataFrame):
            columns = [obj.iloc[:, i].tolist() for i in range(obj.shape[1])]
            self._parts("frame", obj.columns.tolist(), obj.index.tolist(), columns)
        elif isinstance(obj, pd.Series):
            self._parts("series", obj.name, obj.index.tolist(), obj.tolist())
        elif isinstance(obj, pd.Index | pd.api.extensions.ExtensionArray):
            self._parts("index", list(obj))
        elif isinstance(obj, types.ModuleType):
            self._parts("module", obj.__name__)
        elif isinstance(obj, type | types.FunctionType | types.BuiltinFunctionType):
            self._global(obj)
        elif isinstance(obj, types.CodeType):
            self._parts("code", obj.co_code, obj.co_consts, obj.co_names, obj.co_varnames)
        else:
            self._reduced(obj, kind)

    def _parts(self, word: str, *parts: Any) -> None:
        self._word(f"{word} {len(parts)}")
        for part in parts:
            self.value(part)

    def _global(self, obj: Any) -> None:
        name = importable_name(obj)
        if name is not None:
            self._word(f"global {name}")
        elif isinstance(obj, types.FunctionType):
            cells = [cell.cell_contents for cell in obj.__closure__ or ()]
            self._parts("function", obj.__code__, obj.__defaults__, obj.__kwdefaults__, cells)
        elif getattr(obj, "__self__", None) is not None:
            self._parts("method", obj.__self__, obj.__name__)
        else:
            self._word(f"global {obj.__module__}:{obj.__qualname__}")

    def _reduced(self, obj: Any, kind: type) -> None:
        """Take any other object apart the way pickle does, by its class and its state."""
        reducer = copyreg.dispatch_table.get(kind)
        reduced: Any = reducer(obj) if reducer else obj.__reduce_ex__(4)
        if isinstance(reduced, str):
            self._word(f"global {getattr(obj, '__module__', None)}:{reduced}")
            return
        func, args, state, items, pairs = (*reduced, None, None, None)[:5]
        self._parts("object", func, args, state, [] if items is None else list(items))
        self.value({} if pairs is None else dict(pairs))
