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
import decimal
import itertools
import operator
import struct
from collections.abc import Iterable
from types import NoneType
from typing import Any

import numpy as np
import pandas as pd

from ..params.datatypes import is_numpy_scalar

__all__ = [
    "MISSING",
    "NAN_BITS",
    "NAN_MARK",
    "NONE_MARK",
    "are",
    "cells",
    "column",
    "fit_into_floats",
    "given_objects",
    "in_native_order",
    "is_na",
    "objects",
]

NAN_MARK = 0x7FF8_0000_0000_0E5E
NONE_MARK = 0x7FF8_0000_0000_0E6E
_MAX_INT = 2**53  # float64 holds all ints up to here
NAN_BITS = int(np.array(np.nan).view(np.uint64))  # of a NaN without a mark
MARKED_NAN: float = struct.unpack("<d", struct.pack("<Q", NAN_MARK))[0]
_MARKED = {NAN_MARK: float("nan"), NONE_MARK: None}


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
        if are(kinds, int, np.integer):
            return _masked(values, missing, np.int64, "Int64")
        if are(kinds, bool, np.bool_):
            return _masked(values, missing, np.bool_, "boolean")
        if _make_floats(kinds, values, exact):
            return _floats(values, missing)
        if are(kinds, str, np.str_):
            texts = values
            if missing or np.str_ in kinds:
                texts = [np.nan if v is MISSING else str.__str__(v) for v in values]
            return pd.Series(texts)
        if are(kinds, complex, np.complexfloating) and not missing:
            return np.array(values, dtype=np.complex128)
        if kinds in ({pd.Timestamp}, {pd.Timedelta}):
            return _times(values, kinds.pop())
    return objects(values)


def _make_floats(kinds: set[type], values: list[Any], exact: bool) -> bool:
    """Return whether a column of floats can hold these values."""
    floats = {kind for kind in kinds if are({kind}, float, np.floating)}
    others = kinds - floats - {NoneType}
    if not floats or not others:
        return bool(floats)
    if exact or not are(others, int, np.integer):
        return False
    ints = [value for value in values if type(value) in others]
    return fit_into_floats(min(ints), max(ints))


def fit_into_floats(lowest: Any, highest: Any) -> bool:
    """Return whether float64 holds all ints in a range."""
    return bool(lowest >= -_MAX_INT and highest <= _MAX_INT)


# NumPy counts its timedelta64 among the integers, and has numbers that are larger than Python's.
_ODD_ONES = (np.timedelta64, np.longdouble, np.clongdouble)


def are(kinds: set[type], kind: type, numpy_kind: type) -> bool:
    """Return whether all of these are a type of Python, or one of NumPy that counts as it."""
    # (A subclass of either, such as an IntEnum, is more than its number.)
    return bool(kinds) and all(
        k is kind or (issubclass(k, numpy_kind) and k not in _ODD_ONES and is_numpy_scalar(k))
        for k in kinds
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
                bits[place] = NONE_MARK
            elif values[place] is not MISSING:
                bits[place] = NAN_MARK
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


def given_objects(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Mark the cells of an array of objects that are not missing."""
    given = ~is_na(values)
    places = np.flatnonzero(~given)
    others = values[places].tolist()
    # (pandas.NA is not equal to anything, and a signaling NaN is not even compared.)
    with contextlib.suppress(TypeError, decimal.InvalidOperation):
        if others.count(np.nan) == len(others):  # the same object each time
            return given
    kinds = [*map(type, others)]
    is_float = np.fromiter(map(operator.is_, kinds, itertools.repeat(float)), bool, len(kinds))
    bits = values[places[is_float]].astype(np.float64).view(np.uint64)
    given[places[~is_float]] = True  # None, pandas.NA and others are values
    given[places[is_float]] = (bits == NAN_MARK) | (bits == NONE_MARK)
    return given


def is_na(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Mark the cells that pandas takes as missing."""
    # (pandas compares each Decimal with itself, which a signaling NaN refuses.)
    with decimal.localcontext() as context:
        context.traps[decimal.InvalidOperation] = False
        missing: np.ndarray[Any, Any] = pd.isna(values)
    return missing


def in_native_order(df: pd.DataFrame) -> pd.DataFrame:
    """Change the byte order of numbers of other machines, which pandas can hold but not select."""
    swapped = [
        i for i, dtype in enumerate(df.dtypes) if isinstance(dtype, np.dtype) and not dtype.isnative
    ]
    if not swapped:
        return df
    new = df.copy(deep=False)
    for i in swapped:
        array = df.iloc[:, i].to_numpy()
        new.isetitem(i, array.astype(array.dtype.newbyteorder("=")))
    return new
