"""Cells to columns and back, without losing what a value was.

A DataFrame has a cell for every name in every row, a study does not: psets may differ in their
names. What a missing cell looks like depends on the column:

=============================  ===============================  =====================
all values of the column       dtype                            missing cell
=============================  ===============================  =====================
int                            int64, Int64 if any is missing   pandas.NA
bool                           bool, boolean if any is missing  pandas.NA
float, or float with int, None float64                          NaN
complex                        complex128, object if missing    NaN
str                            str (pandas 3) or object         NaN
pandas.Timestamp or Timedelta  datetime64 or timedelta64        NaT
anything else, or mixed        object                           NaN
=============================  ===============================  =====================

NumPy's scalars count as the Python values that they hold.

A NaN that a pset really holds must differ from a missing cell, and so must a None among floats.
Both are stored as a NaN, so that pandas treats them as one, but with a mark among the bits that a
NaN leaves free (its payload). R tells its NA from NaN in the same way (`arithmetic.c`, NA_REAL).
What pandas itself fills in, for instance in ``pd.concat``, has no mark and so reads as missing.

Ints among floats become floats, because NumPy, plots and fits can do nothing with a column of
objects. Which params were ints is found again by the row's hash, see `extract`. Names that are not
hashed (`exact`), and ints that float64 cannot hold, stay objects. So do bools among numbers and
None among ints: no number could tell what a result was.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable
from types import NoneType
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["MISSING", "cells", "column", "join", "objects"]

_NAN_BITS = 0x7FF8_0000_0000_0E5E
_NONE_BITS = 0x7FF8_0000_0000_0E6E
_MAX_INT = 2**53  # float64 holds all ints up to here
MARKED_NAN: float = struct.unpack("<d", struct.pack("<Q", _NAN_BITS))[0]
_MARKED = {_NAN_BITS: float("nan"), _NONE_BITS: None}


class _Missing:
    """Type of `MISSING`, which marks a cell that its row does not have."""

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"  # the one and only, also from a pickle


MISSING = _Missing()


def column(values: list[Any] | np.ndarray[Any, Any], exact: bool = False) -> Any:
    """Build from cells the array or Series of the narrowest dtype that loses nothing.

    Parameters
    ----------
    values : list or array
        Missing cells are `MISSING`. An array has only ints, or only floats.
    exact : bool, default False
        Keep ints among floats as they are.
    """
    if isinstance(values, np.ndarray):
        return _floats(values, missing=False) if values.dtype.kind == "f" else values
    kinds = set(map(type, values))
    missing = _Missing in kinds
    kinds.discard(_Missing)
    with contextlib.suppress(Exception):  # values of any type may refuse anything
        if missing and not kinds:
            return np.full(len(values), np.nan)
        if _are(kinds, int, np.integer):
            return _masked(values, missing, np.int64, "Int64")
        if _are(kinds, bool, np.bool_):
            return _masked(values, missing, np.bool_, "boolean")
        if _make_floats(kinds, values, exact):
            return _floats(values, missing)
        if _are(kinds, str, np.str_):
            if missing or np.str_ in kinds:
                values = [np.nan if v is MISSING else str(v) for v in values]
            return pd.Series(values)
        if _are(kinds, complex, np.complexfloating) and not missing:
            return np.array(values, dtype=np.complex128)
        if kinds in ({pd.Timestamp}, {pd.Timedelta}):
            return _times(values, kinds.pop())
    return objects(values)


def _make_floats(kinds: set[type], values: list[Any], exact: bool) -> bool:
    """Return whether a column of floats can hold these values."""
    floats = {kind for kind in kinds if _are({kind}, float, np.floating)}
    others = kinds - floats - {NoneType}
    if not floats or not others:
        return bool(floats)
    if exact or not _are(others, int, np.integer):
        return False
    ints = [value for value in values if type(value) in others]
    return _fit_into_floats(min(ints), max(ints))


def _fit_into_floats(lowest: Any, highest: Any) -> bool:
    return bool(lowest >= -_MAX_INT and highest <= _MAX_INT)


# NumPy counts its timedelta64 among the integers, and has numbers that are larger than Python's.
_ODD_ONES = (np.timedelta64, np.longdouble, np.clongdouble)


def _are(kinds: set[type], kind: type, numpy_kind: type) -> bool:
    # (A subclass of a Python type, such as an IntEnum, is more than its number.)
    return bool(kinds) and all(
        k is kind or (issubclass(k, numpy_kind) and k not in _ODD_ONES) for k in kinds
    )


def _masked(values: list[Any], missing: bool, dtype: Any, nullable: str) -> Any:
    if not missing:
        return np.array(values, dtype=dtype)
    mask = np.fromiter((v is MISSING for v in values), dtype=np.bool_, count=len(values))
    data = np.array([0 if v is MISSING else v for v in values], dtype=dtype)
    series: pd.Series[Any] = pd.Series(data, dtype=nullable)
    series[mask] = pd.NA
    return series


def _floats(values: list[Any] | np.ndarray[Any, Any], missing: bool) -> np.ndarray[Any, Any]:
    given = [np.nan if v is MISSING else v for v in values] if missing else values
    data = np.array(given, dtype=np.float64)  # None becomes a NaN
    places = np.flatnonzero(np.isnan(data))
    if len(places):
        bits = data.view(np.uint64)
        for place in places.tolist():
            if values[place] is None:
                bits[place] = _NONE_BITS
            elif values[place] is not MISSING:
                bits[place] = _NAN_BITS
    return data


def _times(values: list[Any], kind: type) -> np.ndarray[Any, Any]:
    given = [value for value in values if value is not MISSING]
    (unit,) = {value.unit for value in given}
    if kind is pd.Timestamp and any(value.tz is not None or value.fold for value in given):
        message = "these have time zones, or are ambiguous"
        raise ValueError(message)
    code = "M8" if kind is pd.Timestamp else "m8"
    nat = np.array("NaT", dtype=f"{code}[{unit}]")[()]
    return np.array(
        [nat if v is MISSING else v.to_numpy() for v in values], dtype=f"{code}[{unit}]"
    )


_FLOATS = (float, np.float64)


def objects(values: Iterable[Any]) -> np.ndarray[Any, Any]:
    """Convert cells into an array of objects, one cell each, whatever they are."""
    cells = list(values)
    array = np.empty(len(cells), dtype=object)
    for i, value in enumerate(cells):
        if value is MISSING:
            array[i] = np.nan
        elif isinstance(value, float) and value != value and type(value) in _FLOATS:
            array[i] = MARKED_NAN
        else:
            array[i] = value
    return array


def cells(series: pd.Series[Any]) -> list[Any]:
    """Take a column apart into Python values, with `MISSING` where a row has none."""
    dtype = series.dtype
    values: list[Any] = series.tolist()
    if not isinstance(dtype, np.dtype):
        if not isinstance(dtype, pd.StringDtype):
            values = [v.item() if isinstance(v, np.generic) else v for v in values]
        for place in np.flatnonzero(np.asarray(series.isna(), dtype=bool)).tolist():
            values[place] = MISSING
        return values
    if dtype.kind == "f":
        array = series.to_numpy()
        places = np.flatnonzero(np.isnan(array))
        if len(places):
            marked = array[places].astype(np.float64).view(np.uint64).tolist()
            for place, bits in zip(places.tolist(), marked, strict=True):
                values[place] = _MARKED.get(bits, MISSING)
        return values
    if dtype.kind in "mM":
        return [MISSING if value is pd.NaT else value for value in values]
    if dtype.kind == "O":
        return [
            _float_cell(value) if type(value) is float and value != value else value
            for value in values
        ]
    return values


def _float_cell(value: float) -> Any:
    return _MARKED.get(struct.unpack("<Q", struct.pack("<d", value))[0], MISSING)


def join(
    old: pd.Series[Any] | None,
    new: pd.Series[Any] | None,
    lengths: tuple[int, int],
    exact: bool = False,
) -> pd.Series[Any]:
    """Put a column of new rows below one of old rows.

    The dtype is the one that `column` chooses for all cells, so it does not depend on how many runs
    there were. A dtype that psweep does not make is kept where it can hold the new cells, too.
    Whatever the dtypes are, this does not fail, because it is done after func has run.

    Parameters
    ----------
    old, new : Series or None
        None: all cells of these rows are missing.
    lengths : tuple of int
        The numbers of rows.
    exact : bool, default False
        Keep ints among floats as they are.
    """
    for part, n in ((old, lengths[1]), (new, lengths[0])):
        if part is not None and n == 0:
            return part
    parts = [old, new]
    try:
        if not exact and {str(p.dtype) for p in parts if p is not None} in _INTS_AND_FLOATS:
            parts = [_as_floats(part) for part in parts]
        dtype = _common_dtype([part.dtype for part in parts if part is not None])
        if dtype is not None:
            return _below(parts, lengths, dtype)
        make: Any = column
    except Exception:  # extension dtypes may refuse anything: missing cells, or to be joined
        make = objects
    values: list[Any] = []
    for part, n in zip((old, new), lengths, strict=True):
        values += [MISSING] * n if part is None else cells(part)
    made = column(values, exact) if make is column else objects(values)
    return made if isinstance(made, pd.Series) else pd.Series(made, dtype=made.dtype)


def _below(parts: list[Any], lengths: tuple[int, int], dtype: Any) -> pd.Series[Any]:
    if isinstance(dtype, np.dtype):
        fill: Any = pd.NaT if dtype.kind in "mM" else np.nan
    else:
        fill = dtype.na_value
    filled: list[Any] = [
        pd.Series(fill, index=range(n), dtype=dtype) if part is None else part.astype(dtype)
        for part, n in zip(parts, lengths, strict=True)
    ]
    joined: pd.Series[Any] = pd.concat(filled, ignore_index=True)
    for part, some in zip(parts, (joined[: lengths[0]], joined[lengths[0] :]), strict=True):
        if part is None and not some.isna().all():
            message = f"{dtype} cannot tell a missing cell"  # as pandas' sparse bools
            raise ValueError(message)
    return joined


_INTS_AND_FLOATS = ({"int64", "float64"}, {"Int64", "float64"})


def _as_floats(part: Any) -> Any:
    if part.dtype == np.float64:
        return part
    given = part.dropna()
    if len(given) and not _fit_into_floats(given.min(), given.max()):
        return part
    return pd.Series(part.to_numpy(dtype=np.float64, na_value=np.nan))


def _common_dtype(dtypes: list[Any]) -> Any:
    """Choose a dtype that all cells of both halves fit into; None to look at the cells."""
    if len(dtypes) == 2 and dtypes[0] == dtypes[1]:
        return dtypes[0]
    nullable = {"int64": pd.Int64Dtype(), "bool": pd.BooleanDtype()}
    wider = [nullable.get(str(dtype), dtype) for dtype in dtypes]
    if set(map(str, wider)) in ({"Int64"}, {"boolean"}):
        return wider[0]
    if len(dtypes) == 2 or (isinstance(dtypes[0], np.dtype) and dtypes[0].kind not in "fOmM"):
        return None  # NumPy's other kinds cannot tell a missing cell
    return dtypes[0]
