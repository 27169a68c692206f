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
import pickle
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import HashError, ParamsTypeError
from ..messages import safe_repr, safe_str
from ..old_words import takes_old_words
from .canonical import BATCH, NAN, PROTOCOL, encoded
from .columns import columns_of

__all__ = ["basic_bytes", "hash_basic", "hashes_of_columns", "pset_hash", "pset_hashes"]

_MAX_TEXT = 1_000_000  # characters that are encoded at once


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
        the order of the entries, on whether a number came as a NumPy scalar,
        on the process or the version of Python. ``1``, ``1.0`` and ``True``
        differ, as do DataFrames that differ in dtypes, names or categories,
        and arrays that differ in their field names.

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
    order, template = form
    encoded = tuple([basic_bytes(pset[name]) for name in order])
    return None if None in encoded else _sha1(template % encoded)


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
    """Hash psets of basic values that all have the same names; None for others."""
    values = columns_of(psets) if set(map(type, psets)) == {dict} else None
    return None if values is None else hashes_of_columns(values)


def hashes_of_columns(values: Mapping[Any, list[Any]]) -> list[str] | None:
    """Hash some psets of basic values, which are in columns, by name; None for others.

    No more than some 1000 at once: see `pset_hashes`.
    """
    form = _form(tuple(values))
    if form is None or not form[0]:
        return None
    order, template = form
    columns: list[list[bytes]] = []
    for name in order:
        column = _basic_column(values[name])
        if column is None or None in column:
            return None
        columns.append(column)  # type: ignore[arg-type]
    data = map(template.__mod__, zip(*columns, strict=True))
    return [hashlib.sha1(some, usedforsecurity=False).hexdigest() for some in data]


def _basic_column(values: list[Any]) -> list[bytes | None] | None:
    """Encode values as `basic_bytes` does; None if they are too long to encode them all at once."""
    kinds = set(map(type, values))
    if str in kinds and sum(len(value) for value in values if type(value) is str) > _MAX_TEXT:
        return None
    if kinds == {float}:
        floats = np.array(values)
        floats[floats != floats] = NAN
        return _packed(b"G", floats, ">f8")
    if kinds in ({int}, {str}, {bool}):
        distinct = set(values)
        if kinds == {int} and 2 * len(distinct) > len(values):
            lowest, highest = min(distinct), max(distinct)
            if lowest >= 1 << 8 and highest < 1 << 16:
                return _packed(b"M", values, "<u2")
            if lowest >= -1 << 31 and highest < 1 << 31 and (lowest >= 1 << 16 or highest < 0):
                return _packed(b"J", values, "<i4")
        # In a grid each value comes again and again.
        encoded = {value: basic_bytes(value) for value in distinct}
        return list(map(encoded.__getitem__, values))
    return [basic_bytes(value) for value in values]


def _packed(opcode: bytes, numbers: Any, dtype: str) -> list[bytes | None]:
    """Encode numbers that all take the same opcode."""
    array = np.empty(len(numbers), dtype=[("opcode", "S1"), ("number", dtype)])
    array["opcode"] = opcode
    array["number"] = numbers
    encoded: list[bytes | None] = array.view(f"V{array.itemsize}").tolist()
    return encoded


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return _pack_text(b"X", len(data)) + data


@functools.lru_cache(maxsize=1000)
def _form(names: tuple[Any, ...]) -> tuple[tuple[str, ...], bytes] | None:
    """Return the public names of a pset in order, and what its pickle is but for the values.

    None if the names are not plain text.
    """
    if len(names) >= BATCH or not all(isinstance(name, str) for name in names):
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
