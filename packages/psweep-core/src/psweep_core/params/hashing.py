"""`pset_hash`: one hash for one set of values.

For psets of plain ints, floats, strs, bools and None the hash is that of the
bytes which ``joblib.hash(pset, hash_name="sha1")`` takes: a pickle of protocol 3
with the names in order. Databases of psweep 0.8 hold such hashes. Two things in
that recipe depend on more than the values: the pickler's memo writes a second
use of one object as a reference to the first, and other types pickle
differently between versions of Python and NumPy. So containers are written here
as joblib would write them were no object shared, and everything else is taken
apart into values first: by `canonical`, and types of libraries by `datatypes`.
"""

from __future__ import annotations

import functools
import hashlib
import operator
import pickle
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import HashError, ParamsTypeError
from ..messages import safe_repr, safe_str
from ..old_words import takes_old_words
from .canonical import BATCH, NAN, PROTOCOL, encoded
from .columns import columns_of

__all__ = ["basic_bytes", "hash_basic", "hashes_of_columns", "pset_hash", "pset_hashes"]

_MAX_TEXT = 1_000_000  # characters that are encoded at once
_MAX_BYTES = 1 << 25  # of the names of some psets, that are put together at once
_FEW = 10  # psets, which are as quickly hashed one by one


@takes_old_words
def pset_hash(pset: Mapping[Any, Any]) -> str:
    """Hash a pset by its values.

    Parameters
    ----------
    pset : dict
        Entries whose names start with ``_`` do not count.

    Returns
    -------
    str
        SHA-1, 40 hex digits. It depends on the values and their types, not on
        the order of the entries (also of an ``OrderedDict``), on whether a number
        came as a NumPy scalar, on the process or the version of Python. ``1``,
        ``1.0`` and ``True`` differ, as do DataFrames that differ in dtypes, names
        or categories, and arrays that differ in their field names.

    Raises
    ------
    ParamsTypeError
        `pset` is not a dict.
    HashError
        A value cannot be distinguished from others of its type, or not in
        another process. Examples are an open file, ``object()``, an iterator,
        and a lambda without source code, as from `eval`.

    Notes
    -----
    For plain psets it equals ``joblib.hash(pset, hash_name="sha1")``.

    A class or function that can be imported counts by its name. Those of the
    script count as if the script was imported: ``script:Config`` in
    ``script.py``. Others (lambdas, and what is defined in functions and
    notebooks) count by what they do: their source code without comments,
    docstrings and format, their defaults, closures and base classes, and the
    values of the global names that they use.

    Results that an object has cached (``functools.cached_property`` and its like) and
    version stamps of libraries in its state do not count. What you assign to the name of
    such a property (``obj.model = "x"``) looks like a cached result, so it does not count
    either: let the property read an attribute with another name, and assign to that one.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.pset_hash({"a": 1, "b": 88})
    '2580bf27aca152e5427389214758e61ea0e544e0'
    >>> ps.pset_hash({"b": 88, "_comment": "not hashed", "a": 1})
    '2580bf27aca152e5427389214758e61ea0e544e0'
    """
    quick = hash_basic(pset) if type(pset) is dict else None
    if quick is not None:
        return quick
    try:
        items = pset.items()
    except AttributeError:
        message = f"a pset must be a dict, not {safe_repr(pset)} ({type(pset).__name__})"
        raise ParamsTypeError(message) from None
    named = {_same_name(name): value for name, value in items if not _is_private(name)}
    try:
        data = b"\x80\x03" + encoded(named) + b"."
    except Exception as error:
        raise _blame(named) or error from error
    return _sha1(data)


def pset_hashes(psets: Sequence[Mapping[Any, Any]]) -> list[str]:
    """Hash many psets, each as `pset_hash` does.

    Those of a grid, of basic values (int, float, str, bool, None) and with the same names, take
    half of the time: a column of values at once.
    """
    psets = list(psets)
    hashes: list[str] = []
    for start in range(0, len(psets), 1000):  # with little memory, which is used again and again
        some = psets[start : start + 1000]
        hashes += _hashes_of_basic(some) or map(pset_hash, some)
    return hashes


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


def hash_basic(pset: dict[Any, Any]) -> str | None:
    """Hash a pset that holds nothing but ints, floats, strs, bools and None; None for others.

    The bytes are those of joblib's pickler, put together at a tenth of the time, see `pickletools`
    for the opcodes.
    """
    form = _form(tuple(pset))
    if form is None:
        return None
    encoded = tuple([basic_bytes(pset[name]) for name in form.order])
    return None if None in encoded else _sha1(form.template % encoded)


def basic_bytes(value: Any) -> bytes | None:
    """Encode a value, if it is an int, float, str, bool or None."""
    kind = type(value)
    if kind is float:
        # NaN has many bit patterns and compares unequal to itself.
        return _pack_float(b"G", value if value == value else NAN)
    if kind is int:
        if 0 <= value < 1 << 8:
            return b"K%c" % value
        if 0 <= value < 1 << 16:
            return _pack_uint16(b"M", value)
        if -1 << 31 <= value < 1 << 31:
            return _pack_int32(b"J", value)
        return pickle.dumps(value, PROTOCOL)[2:-1]
    if kind is str:
        return _text(value)
    if kind is bool:
        return b"\x88" if value else b"\x89"
    return b"N" if value is None else None


def _hashes_of_basic(psets: Sequence[Mapping[Any, Any]]) -> list[str] | None:
    """Hash psets of basic values that all have the same names; None for others, or a few."""
    if len(psets) < _FEW or set(map(type, psets)) != {dict}:
        return None
    values = columns_of(psets)
    return None if values is None else hashes_of_columns(values)


def hashes_of_columns(values: Mapping[Any, list[Any]]) -> list[str] | None:
    """Hash some psets of basic values, which are in columns, by name; None for others.

    Also None if the names are so long that it would take much memory. No more than some 1000 at
    once: see `pset_hashes`.
    """
    form = _form(tuple(values))
    if form is None or not form.order:
        return None
    n = len(values[form.order[0]])
    if n * len(form.template) > _MAX_BYTES:
        return None  # one by one, they need no more memory than one of them
    # Parts of the pickles, one after another: of all rows. Where they have the same length, as
    # those of floats have, NumPy puts them together with what is between them.
    parts: list[list[bytes]] = []
    same = _SameLength(n)
    for name, head in zip(form.order, form.heads, strict=True):
        same.add_text(head)
        if not same.add_column(values[name]):
            column = _basic_column(values[name])
            if column is None or None in column:
                return None
            parts += [same.rows(), column]  # type: ignore[list-item]
            same = _SameLength(n)
    same.add_text(form.tail)
    parts.append(same.rows())
    rows = parts[0] if len(parts) == 1 else map(b"".join, zip(*parts, strict=True))
    return [hashlib.sha1(row, usedforsecurity=False).hexdigest() for row in rows]


class _SameLength:
    """Bytes of `n` rows that have the same length: text, and numbers in it.

    Parameters
    ----------
    n : int
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._text = bytearray()  # with gaps for the numbers
        self._numbers: list[tuple[int, str, Any]] = []  # where, as what, and the array

    def add_text(self, text: bytes) -> None:
        """Add what all rows have."""
        self._text += text

    def add_column(self, values: list[Any]) -> bool:
        """Add values of which `basic_bytes` makes the same number of bytes; False for others."""
        kind = type(values[0])
        if operator.countOf(map(type, values), kind) < self._n:
            return False
        if kind is float:
            floats = np.fromiter(values, np.float64, self._n)
            floats[floats != floats] = NAN
            return self._add_numbers(b"G", ">f8", floats)
        if kind is bool:
            return self._add_numbers(b"", "u1", 0x89 - np.fromiter(values, np.bool_, self._n))
        if kind is int:
            try:
                ints = np.fromiter(values, np.int64, self._n)
            except OverflowError:
                return False
            low, high = int(ints.min()), int(ints.max())
            if low >= 0 and high < 1 << 8:
                return self._add_numbers(b"K", "u1", ints)
            if low >= 1 << 8 and high < 1 << 16:
                return self._add_numbers(b"M", "<u2", ints)
            if high < 1 << 31 and (low >= 1 << 16 or (low >= -1 << 31 and high < 0)):
                return self._add_numbers(b"J", "<i4", ints)
        return False

    def _add_numbers(self, opcode: bytes, dtype: str, numbers: Any) -> bool:
        self._text += opcode
        self._numbers.append((len(self._text), dtype, numbers))
        self._text += bytes(np.dtype(dtype).itemsize)
        return True

    def rows(self) -> list[bytes]:
        """Return the bytes of each row."""
        if not self._numbers:
            return [bytes(self._text)] * self._n
        places, dtypes, columns = zip(*self._numbers, strict=True)
        names = [str(place) for place in places]
        size = len(self._text)
        kind: Any = {"names": names, "formats": dtypes, "offsets": places, "itemsize": size}
        data: Any = np.frombuffer(self._text * self._n, dtype=np.dtype(kind))
        for name, column in zip(names, columns, strict=True):
            data[name] = column
        rows: list[bytes] = data.view(f"V{size}").tolist()
        return rows


def _basic_column(values: list[Any]) -> list[bytes | None] | None:
    """Encode values as `basic_bytes` does; None if they are too long to encode them all at once."""
    kinds = set(map(type, values))
    if str in kinds and sum(len(value) for value in values if type(value) is str) > _MAX_TEXT:
        return None
    if kinds in ({int}, {str}):
        # In a grid each value comes again and again.
        encoded = {value: basic_bytes(value) for value in set(values)}
        return list(map(encoded.__getitem__, values))
    return [basic_bytes(value) for value in values]


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return _pack_text(b"X", len(data)) + data


class _Form(NamedTuple):
    """The pickle of a pset with given names, but for the values."""

    order: tuple[str, ...]  # of the public names
    heads: tuple[bytes, ...]  # what comes before the value of each
    tail: bytes
    template: bytes  # all of it, with %b for each value


@functools.lru_cache(maxsize=1000)
def _form(names: tuple[Any, ...]) -> _Form | None:
    """Return what psets with these names have in common; None if they are not plain text."""
    if len(names) >= BATCH or not all(isinstance(name, str) for name in names):
        return None
    order = tuple(sorted(str.__str__(name) for name in names if not _is_private(name)))
    begin = b"\x80\x03}q\x00" + (b"(" if len(order) > 1 else b"")
    heads = tuple((b"" if i else begin) + _text(name) for i, name in enumerate(order))
    end = b"u." if len(order) > 1 else b"s." if order else begin + b"."
    template = b"%b".join(part.replace(b"%", b"%%") for part in (*heads, end))
    return _Form(order, heads, end, template)


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _blame(pset: dict[Any, Any]) -> HashError | None:
    """Find the entry that cannot be encoded."""
    for name, value in pset.items():
        try:
            encoded(value)
        except Exception as error:
            what = f"{safe_repr(value)} ({type(value).__name__}): {safe_str(error)}"
            message = (
                f"the value of {safe_repr(name)} cannot be hashed: {what}; pass data instead, or "
                "let the name start with '_' to leave it out"
            )
            return HashError(message)
    return None
