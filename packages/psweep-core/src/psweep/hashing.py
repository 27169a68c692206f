"""`pset_hash`: one hash for one set of values.

For psets of plain ints, floats, strs, bools and None the hash is that of the
bytes which ``joblib.hash(pset, hash_name="sha1")`` takes: a pickle of protocol 3
with the names in order. Databases of psweep 0.8 hold such hashes. Two things in
that recipe depend on more than the values: the pickler's memo writes a second
use of one object as a reference to the first, and other types pickle
differently between versions of Python and NumPy. So containers are written here
as joblib would write them were no object shared, and everything else is taken
apart into values first.
"""

from __future__ import annotations

import copyreg
import datetime
import enum
import fractions
import functools
import hashlib
import operator
import pathlib
import pickle
import struct
import sys
import types
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .errors import HashError, ParamsTypeError

__all__ = ["importable_name", "pset_hash", "pset_hashes"]

_NAN = float("nan")
_PROTOCOL = 3
_MAX_TEXT = 1_000_000  # characters that are encoded at once
_BATCH = 1000  # the pickler writes so many entries of a dict or list at once


def pset_hash(pset: Mapping[Any, Any]) -> str:
    """Hash a pset by its values.

    Parameters
    ----------
    pset : dict
        Entries whose names start with ``_`` do not count.

    Returns
    -------
    str
        SHA-1, 40 hex digits. It depends on the values and their types alone:
        not on the order of the entries, nor on whether a number came as a
        NumPy scalar, nor on the process or the version of Python. ``1``,
        ``1.0`` and ``True`` differ. A lambda or local function counts by its
        compiled code, which holds for one version of Python.

    Raises
    ------
    ParamsTypeError
        `pset` is not a dict.
    HashError
        A value is made of something else than data, such as an open file.

    Notes
    -----
    For plain psets it equals ``joblib.hash(pset, hash_name="sha1")``.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.pset_hash({"a": 1, "b": 88})
    '2580bf27aca152e5427389214758e61ea0e544e0'
    >>> ps.pset_hash({"b": 88, "_comment": "not hashed", "a": 1})
    '2580bf27aca152e5427389214758e61ea0e544e0'
    """
    plain = _hash_plain(pset) if type(pset) is dict else None
    if plain is not None:
        return plain
    try:
        items = pset.items()
    except AttributeError:
        message = f"a pset must be a dict, not {pset!r} ({type(pset).__name__})"
        raise ParamsTypeError(message) from None
    named = {_same_name(name): value for name, value in items if not _is_private(name)}
    try:
        data = b"\x80\x03" + _encoded(named) + b"."
    except Exception as error:
        raise _blame(named) or error from error
    return _sha1(data)


def pset_hashes(psets: Sequence[Mapping[Any, Any]]) -> list[str]:
    """Hash many psets, each as `pset_hash` does.

    Those of a grid, plain and with the same names, take half of the time: a column of values at
    once.
    """
    psets = list(psets)
    hashes: list[str] = []
    for start in range(0, len(psets), 1000):  # with little memory, which is used again and again
        some = psets[start : start + 1000]
        hashes += _hashes_of_plain(some) or map(pset_hash, some)
    return hashes


def importable_name(obj: Any) -> str | None:
    """Say under which ``module:name`` a class or function can be imported, None if nowhere."""
    name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    found: Any = sys.modules.get(getattr(obj, "__module__", None) or "")
    for part in (name or "").split("."):
        found = getattr(found, part, None)
    return f"{obj.__module__}:{name}" if found is obj and obj is not None else None


def _is_private(name: Any) -> bool:
    return isinstance(name, str) and name.startswith("_")


def _same_name(name: Any) -> Any:
    """Map names that are one and the same key of a dict (1, 1.0, True, np.int64(1)) to one name."""
    if isinstance(name, str):
        return str.__str__(name)  # also of a str Enum or of NumPy's str
    if isinstance(name, np.generic):
        name = name.item()
    if type(name) is bool or (type(name) is float and name.is_integer()):
        return int(name)
    return name


_pack_float = struct.Struct(">cd").pack
_pack_uint16 = struct.Struct("<cH").pack
_pack_int32 = struct.Struct("<ci").pack
_pack_text = struct.Struct("<cI").pack


def _hash_plain(pset: dict[Any, Any]) -> str | None:
    """Hash a pset that holds nothing but ints, floats, strs, bools and None; None for others.

    The bytes are those of joblib's pickler, put together at a tenth of the time, see `pickletools`
    for the opcodes.
    """
    form = _form(tuple(pset))
    if form is None:
        return None
    order, template = form
    encoded = tuple([_plain(pset[name]) for name in order])
    return None if None in encoded else _sha1(template % encoded)


def _plain(value: Any) -> bytes | None:
    """Encode a value, if it is plain."""
    kind = type(value)
    if kind is float:
        # NaN has many bit patterns and compares unequal to itself.
        return _pack_float(b"G", value if value == value else _NAN)
    if kind is int:
        if 0 <= value < 1 << 8:
            return b"K%c" % value
        if 0 <= value < 1 << 16:
            return _pack_uint16(b"M", value)
        if -1 << 31 <= value < 1 << 31:
            return _pack_int32(b"J", value)
        return pickle.dumps(value, _PROTOCOL)[2:-1]
    if kind is str:
        return _text(value)
    if kind is bool:
        return b"\x88" if value else b"\x89"
    return b"N" if value is None else None


def _hashes_of_plain(psets: Sequence[Mapping[Any, Any]]) -> list[str] | None:
    """Hash plain psets that all have the same names; None for others."""
    if set(map(type, psets)) != {dict} or len(set(map(len, psets))) != 1:
        return None
    form = _form(tuple(psets[0]))
    if form is None or not form[0]:
        return None
    order, template = form
    try:
        values = {name: list(map(operator.itemgetter(name), psets)) for name in psets[0]}
    except KeyError:
        return None
    columns: list[list[bytes]] = []
    for name in order:
        column = _plain_column(values[name])
        if column is None or None in column:
            return None
        columns.append(column)  # type: ignore[arg-type]
    data = map(template.__mod__, zip(*columns, strict=True))
    return [hashlib.sha1(some, usedforsecurity=False).hexdigest() for some in data]


def _plain_column(values: list[Any]) -> list[bytes | None] | None:
    """Encode values as `_plain` does; None if they are too long to encode them all at once."""
    kinds = set(map(type, values))
    if str in kinds and sum(len(value) for value in values if type(value) is str) > _MAX_TEXT:
        return None
    if kinds == {float}:
        return [_pack_float(b"G", value if value == value else _NAN) for value in values]
    if kinds in ({int}, {str}):
        # In a grid each value comes again and again.
        encoded = {value: _plain(value) for value in set(values)}
        return list(map(encoded.__getitem__, values))
    return [_plain(value) for value in values]


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return _pack_text(b"X", len(data)) + data


@functools.lru_cache(maxsize=1000)
def _form(names: tuple[Any, ...]) -> tuple[tuple[str, ...], bytes] | None:
    """Give the public names of a pset in order, and what its pickle is but for the values.

    None if the names are not plain text.
    """
    if len(names) >= _BATCH or not all(isinstance(name, str) for name in names):
        return None
    order = tuple(sorted(str.__str__(name) for name in names if not _is_private(name)))
    entries = b"".join(_text(name).replace(b"%", b"%%") + b"%b" for name in order)
    if len(order) > 1:
        entries = b"(" + entries + b"u"
    elif order:
        entries += b"s"
    return order, b"\x80\x03}q\x00" + entries + b"."


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _encoded(obj: Any) -> bytes:
    encoder = _Encoder()
    encoder.value(obj)
    return b"".join(encoder.out)


def _blame(pset: dict[Any, Any]) -> HashError | None:
    """Find the entry that cannot be encoded."""
    for name, value in pset.items():
        try:
            _encoded(value)
        except Exception as error:
            message = (
                f"the value of {name!r} cannot be hashed: {value!r} ({type(value).__name__}): "
                f"{error}; pass data instead, or let the name start with '_' to leave it out"
            )
            return HashError(message)
    return None


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
            obj = _NAN
        if kind in (int, float, bool, type(None)):
            self.out.append(pickle.dumps(obj, _PROTOCOL)[2:-1])
        elif kind in (str, bytes):
            self.out.append(pickle.dumps(obj, _PROTOCOL)[2:-3])  # less its memo entry
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
        for start in range(0, len(groups), _BATCH):
            batch = groups[start : start + _BATCH]
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
