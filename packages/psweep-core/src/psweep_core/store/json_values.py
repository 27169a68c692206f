"""Values as JSON and back, with no value's type lost.

What JSON has no word for is an object with the key ``"__py__"``. A value that would come back as
another one is refused. Reading runs no code, and takes not much more memory than the text.
"""

from __future__ import annotations

import base64
import datetime
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ParamsTypeError
from ..messages import safe_repr
from ..params.canonical import encoded
from ..params.datatypes import is_numpy_scalar, item_of
from ..table.atoms import ATOMS
from ..table.cells import MISSING
from .pickled_pandas import portable_zone

__all__ = ["check_storable", "decode", "encode", "same_data"]

_TAG = "__py__"
_INT_BITS = 10_000  # Python writes ints as decimals only up to 4300 digits
_MAX_DEPTH = 150
_SHOWN = 200  # characters of a value in a message
_ARRAY_KINDS = "biufcSUmM"
_FREE_BYTES = 1 << 11  # of an array of text, however short that is
_BYTES_PER_CHARACTER = 64


def encode(value: Any, where: str, depth: int = 0) -> Any:
    """Convert a value into one that JSON can hold; `where` is for the error."""
    if value is MISSING:
        return None
    if value is None:
        return {_TAG: "None"}
    kind = type(value)
    if kind is int and value.bit_length() > _INT_BITS:
        return {_TAG: "int", "v": hex(value)}
    if kind in (bool, int, str):
        return value
    if isinstance(value, np.generic) and value.dtype.kind in "biufcSU" and is_numpy_scalar(kind):
        item = item_of(value)
        if type(item) in (bool, int, float, complex, str, bytes):
            return encode(item, where)
    if kind is float or kind is np.float64:
        return value if math.isfinite(value) else {_TAG: "float", "v": repr(float(value))}
    if kind in (list, tuple, set, frozenset, dict):
        return _encode_container(value, kind, where, depth)
    encoder = _ENCODERS.get(kind)
    tags = None if encoder is None else encoder(value, where)
    if tags is not None:
        return {_TAG: kind.__name__, **tags}
    if value is pd.NA or value is pd.NaT:
        return {_TAG: str(value)}
    message = (
        f"{where} holds {safe_repr(value, _SHOWN)} ({kind.__name__}), which has no form in JSON "
        "and Parquet; write a .pk file, or turn the value into numbers, text, lists and dicts"
    )
    raise ParamsTypeError(message)


def _encode_container(value: Any, kind: type, where: str, depth: int) -> Any:
    if depth == _MAX_DEPTH:
        message = (
            f"{where} holds a value with more than {_MAX_DEPTH} containers inside each other, "
            "or one that contains itself; write a .pk file, or make it flatter"
        )
        raise ParamsTypeError(message)
    depth += 1
    if kind is dict:
        if all(type(name) is str for name in value) and _TAG not in value:
            return {name: encode(item, where, depth) for name, item in value.items()}
        pairs = [[encode(n, where, depth), encode(v, where, depth)] for n, v in value.items()]
        return {_TAG: "dict", "v": pairs}
    items = [encode(item, where, depth) for item in value]
    return items if kind is list else {_TAG: kind.__name__, "v": items}


# Each gives the entries next to the tag, or None for a value that would not be read back as it is.


def _complex(value: complex, _: str) -> dict[str, Any]:
    return {"v": [repr(value.real), repr(value.imag)]}


def _bytes(value: bytes, _: str) -> dict[str, Any]:
    return {"v": base64.b64encode(value).decode()}


def _timestamp(value: pd.Timestamp, _: str) -> dict[str, Any] | None:
    clock = value if value.tz is None else value.tz_convert(None)
    tags: dict[str, Any] = {"v": clock.isoformat(), "unit": value.unit}
    if value.tz is None:
        return {**tags, "fold": 1} if value.fold else tags
    tags["tz"] = str(portable_zone(value.tz))
    try:
        found = _read_timestamp(tags)
    except Exception:  # not all zones have names
        return None
    alike = str(found.tz) == str(value.tz) and found.isoformat() == value.isoformat()
    # (The name of a fixed offset can be anything, also that of a zone.)
    fixed = isinstance(value.tz, datetime.timezone)
    return tags if alike and (not fixed or found.tz == value.tz) else None


def _timedelta(value: pd.Timedelta, _: str) -> dict[str, Any]:
    return {"v": int(value.to_timedelta64().astype(np.int64)), "unit": value.unit}


def _numpy_time(value: np.datetime64 | np.timedelta64, _: str) -> dict[str, Any]:
    return {"v": int(value.astype(np.int64)), "unit": value.dtype.str[4:-1] or "generic"}


def _python_timedelta(value: datetime.timedelta, _: str) -> dict[str, Any]:
    return {"v": [value.days, value.seconds, value.microseconds]}


def _python_time(value: Any, _: str) -> dict[str, Any] | None:
    if getattr(value, "tzinfo", None) is not None:
        return None
    fold = {"fold": 1} if getattr(value, "fold", 0) else {}
    return {"v": value.isoformat(), **fold}


def _ndarray(value: np.ndarray[Any, Any], where: str) -> dict[str, Any] | None:
    dtype = value.dtype
    if dtype.kind not in _ARRAY_KINDS or dtype.str not in (dtype.newbyteorder(s).str for s in "<>"):
        return None
    flat = value.ravel()
    numbers = flat.astype(np.int64) if dtype.kind in "mM" else flat
    items = [encode(item, where) for item in numbers.tolist()]
    lacking = _lacking(dtype, items)
    pad = {"pad": " " * lacking} if lacking else {}
    return {"dtype": dtype.str, "shape": list(value.shape), "v": items, **pad}


def _lacking(dtype: np.dtype[Any], items: list[Any]) -> int:
    """Return how many characters the text of an array lacks to be in proportion to its memory.

    A file from a stranger may ask for strings of any length, so it must be about as long itself.
    Where text is much shorter than its dtype, blanks are written next to it.
    """
    if dtype.kind not in "SU":
        return 0
    text = sum(len(item) if isinstance(item, str) else len(item["v"]) for item in items)
    n = max(1, len(items))  # NumPy < 1.23 takes the memory of one item for an empty array
    excess = dtype.itemsize * n - _FREE_BYTES
    return max(0, -(-excess // _BYTES_PER_CHARACTER) - text - n)


_ENCODERS: dict[type, Callable[[Any, str], dict[str, Any] | None]] = {
    complex: _complex,
    bytes: _bytes,
    pd.Timestamp: _timestamp,
    pd.Timedelta: _timedelta,
    np.datetime64: _numpy_time,
    np.timedelta64: _numpy_time,
    datetime.timedelta: _python_timedelta,
    datetime.datetime: _python_time,
    datetime.date: _python_time,
    datetime.time: _python_time,
    np.ndarray: _ndarray,
}


def decode(obj: Any) -> Any:
    """Make the value again that `encode` was given."""
    if obj is None:
        return MISSING
    if isinstance(obj, list):
        return [decode(item) for item in obj]
    if not isinstance(obj, dict):
        return obj
    if _TAG not in obj:
        return {name: decode(item) for name, item in obj.items()}
    tag = obj[_TAG]
    if tag not in _DECODERS:
        message = f"unknown tag {tag!r}"
        raise ValueError(message)
    return _DECODERS[tag](obj.get("v"), obj)


def _read_timestamp(tags: dict[str, Any]) -> pd.Timestamp:
    moment = pd.Timestamp(tags["v"]).as_unit(tags["unit"])
    if "tz" in tags:
        return moment.tz_localize("UTC").tz_convert(tags["tz"])
    return moment.replace(fold=1) if tags.get("fold") else moment


def _read_numpy_time(kind: str, value: Any, unit: str) -> Any:
    # By way of an array, which takes any unit and NaT.
    dtype = kind if unit == "generic" else f"{kind}[{unit}]"
    return np.array(value, dtype=np.int64).view(dtype)[()]


def _read_python_time(kind: Any, value: str, tags: dict[str, Any]) -> Any:
    moment = kind.fromisoformat(value)
    return moment.replace(fold=1) if tags.get("fold") else moment


def _read_ndarray(value: Any, tags: dict[str, Any]) -> np.ndarray[Any, Any]:
    dtype, shape = np.dtype(tags["dtype"]), tuple(tags["shape"])
    if dtype.kind not in _ARRAY_KINDS or dtype.str != tags["dtype"]:
        message = f"an array of dtype {tags['dtype']!r}"
        raise ValueError(message)
    # (Of text instead of a list, numpy would make one item of the full length.)
    pad = len(str(tags.get("pad", "")))
    if type(value) is not list or _lacking(dtype, value) > pad or any(n < 0 for n in shape):
        message = f"an array of dtype {dtype.str!r} and shape {shape} with {len(value)} values"
        raise ValueError(message)
    if dtype.kind in "mM":
        return np.array(value, dtype=np.int64).astype(dtype).reshape(shape)
    return np.array(decode(value), dtype=dtype).reshape(shape)


_DECODERS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "None": lambda _v, _: None,
    "int": lambda v, _: int(v, 16),
    "float": lambda v, _: float(v),
    "complex": lambda v, _: complex(float(v[0]), float(v[1])),
    "bytes": lambda v, _: base64.b64decode(v),
    "tuple": lambda v, _: tuple(decode(v)),
    "set": lambda v, _: set(decode(v)),
    "frozenset": lambda v, _: frozenset(decode(v)),
    "dict": lambda v, _: {decode(name): decode(item) for name, item in v},
    "Timestamp": lambda _, tags: _read_timestamp(tags),
    "Timedelta": lambda v, tags: pd.Timedelta(np.timedelta64(v, tags["unit"])),
    "<NA>": lambda _v, _: pd.NA,
    "NaT": lambda _v, _: pd.NaT,
    "datetime64": lambda v, tags: _read_numpy_time("M8", v, tags["unit"]),
    "timedelta64": lambda v, tags: _read_numpy_time("m8", v, tags["unit"]),
    "timedelta": lambda v, _: datetime.timedelta(*v),
    "datetime": lambda v, tags: _read_python_time(datetime.datetime, v, tags),
    "date": lambda v, tags: _read_python_time(datetime.date, v, tags),
    "time": lambda v, tags: _read_python_time(datetime.time, v, tags),
    "ndarray": _read_ndarray,
}


def check_storable(values: dict[Any, Any]) -> None:
    """Refuse what JSON would not give back as it is, in the names or values of a pset or result."""
    for name, value in values.items():
        for part, where in ((name, "a name"), (value, repr(name))):
            if type(part) in ATOMS:
                continue
            coded = encode(part, where)
            if not same_data([decode(json.loads(json.dumps(coded)))], [part]):
                shown = safe_repr(part, _SHOWN)
                message = f"{where} holds {shown}, which JSON would give back as another"
                raise ParamsTypeError(message)


def same_data(left: list[Any], right: list[Any]) -> bool:
    """Return whether values, of types that JSON has a form for, are the same."""
    return encoded(left) == encoded(right)
