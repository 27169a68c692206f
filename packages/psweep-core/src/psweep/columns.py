"""Cells to columns and back, without losing what a value was.

A DataFrame has a cell for every name in every row, a study does not: psets may differ in their
names. What a missing cell looks like depends on the column:

=========================  ==============================  =====================
all values of the column   dtype                           missing cell
=========================  ==============================  =====================
int                        int64, Int64 if any is missing  pandas.NA
bool                       bool, boolean if any is missing pandas.NA
float, or float and int    float64                         NaN
str                        str (pandas 3) or object        NaN
pandas.Timestamp           datetime64[ns]                  NaT
anything else, or mixed    object                          NaN
=========================  ==============================  =====================

A NaN that a pset really holds must differ from a missing cell. It is stored as a NaN too, so that
pandas treats it as one, but with a mark among the bits that a NaN leaves free (its payload). R
tells its NA from NaN in the same way (`arithmetic.c`, NA_REAL). What pandas itself fills
in, for instance in ``pd.concat``, has no mark and so reads as missing.

Ints among floats become floats, since NumPy, plots and fits can do nothing with a column of
objects. Which params were ints is found again by the row's hash, see `extract`. Names that are not
hashed (`exact`), and ints that float64 cannot hold, stay objects.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["MISSING", "cells", "column", "join", "objects"]

_MARK_BITS = 0x7FF8_0000_0000_0E5E
_MAX_INT = 2**53  # float64 holds all ints up to here
MARKED_NAN: float = struct.unpack("<d", struct.pack("<Q", _MARK_BITS))[0]


class _Missing:
    """Type of `MISSING`, which stands for a cell that its row does not have."""

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"  # the one and only, also from a pickle


MISSING = _Missing()


def column(values: list[Any] | np.ndarray[Any, Any], exact: bool = False) -> Any:
    """Make cells into the array or Series of the narrowest dtype that loses nothing.

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
        if _are(kinds, int, np.integer):
            return _masked(values, missing, np.int64, "Int64")
        if _are(kinds, bool, np.bool_):
            return _masked(values, missing, np.bool_, "boolean")
        if _are(kinds, float, np.floating) and np.longdouble not in kinds:
            return _floats(values, missing)
        if _are(kinds - {float}, int, np.integer) and not exact and _fit_into_floats(values):
            return _floats(values, missing)
        if kinds == {str}:
            cells = [np.nan if v is MISSING else v for v in values] if missing else values
            return pd.Series(cells)
        if kinds == {complex} and not missing:
            return np.array(values, dtype=np.complex128)
        if kinds == {pd.Timestamp} and all(
            v is MISSING or (v.tz is None and v.unit == "ns") for v in values
        ):
            nat = np.datetime64("NaT", "ns")
            times = [nat if v is MISSING else v.to_datetime64() for v in values]
            return np.array(times, dtype="M8[ns]")
    return objects(values)


def _fit_into_floats(values: Iterable[Any]) -> bool:
    return all(
        -_MAX_INT <= value <= _MAX_INT
        for value in values
        if type(value) is not float and value is not MISSING
    )


def _are(kinds: set[type], kind: type, numpy_kind: type) -> bool:
    # (NumPy counts its timedelta64 among the integers.)
    return bool(kinds) and all(
        k is kind or (issubclass(k, numpy_kind) and k is not np.timedelta64) for k in kinds
    )


def _masked(values: list[Any], missing: bool, dtype: Any, nullable: str) -> Any:
    if not missing:
        return np.array(values, dtype=dtype)
    mask = np.fromiter((v is MISSING for v in values), dtype=np.bool_, count=len(values))
    data = np.array([0 if v is MISSING else v for v in values], dtype=dtype)
    series: pd.Series[Any] = pd.Series(data, dtype=nullable)
    series[mask] = pd.NA
    return series


def _floats(values: Sequence[float] | np.ndarray[Any, Any], missing: bool) -> np.ndarray[Any, Any]:
    if not missing:
        data = np.array(values, dtype=np.float64)
        data.view(np.uint64)[np.isnan(data)] = _MARK_BITS
        return data
    data = np.array([np.nan if v is MISSING else v for v in values], dtype=np.float64)
    given = np.fromiter((v is not MISSING for v in values), dtype=np.bool_, count=len(values))
    data.view(np.uint64)[np.isnan(data) & given] = _MARK_BITS
    return data


def objects(values: Iterable[Any]) -> np.ndarray[Any, Any]:
    """Make cells into an array of objects, one cell each, whatever they are."""
    cells = list(values)
    array = np.empty(len(cells), dtype=object)
    for i, value in enumerate(cells):
        if value is MISSING:
            array[i] = np.nan
        elif isinstance(value, float) and value != value:
            array[i] = MARKED_NAN
        else:
            array[i] = value
    return array


def cells(series: pd.Series[Any]) -> list[Any]:
    """Take a column apart into Python values, with `MISSING` where a row has none."""
    dtype = series.dtype
    if not isinstance(dtype, np.dtype):
        return [
            MISSING if missing else value.item() if isinstance(value, np.generic) else value
            for value, missing in zip(series, series.isna(), strict=True)
        ]
    values: list[Any] = series.tolist()
    if dtype.kind == "f":
        return [_float_cell(value) if value != value else value for value in values]
    if dtype.kind in "mM":
        return [MISSING if value is pd.NaT else value for value in values]
    if dtype.kind == "O":
        return [
            _float_cell(value) if type(value) is float and value != value else value
            for value in values
        ]
    return values


def _float_cell(value: float) -> Any:
    marked = struct.pack("<d", value) == struct.pack("<Q", _MARK_BITS)
    return float("nan") if marked else MISSING


def join(
    old: pd.Series[Any] | None,
    new: pd.Series[Any] | None,
    lengths: tuple[int, int],
    exact: bool = False,
) -> pd.Series[Any]:
    """Put a column of new rows below one of old rows.

    Parameters
    ----------
    old, new : Series or None
        None: all cells of these rows are missing.
    lengths : tuple of int
        The numbers of rows.
    exact : bool, default False
        Keep ints among floats as they are.
    """
    parts = [old, new]
    if not exact and {str(p.dtype) for p in parts if p is not None} in _INTS_AND_FLOATS:
        parts = [_as_floats(part) for part in parts]
    dtype = _common_dtype([part.dtype for part in parts if part is not None])
    if dtype is not None:
        with contextlib.suppress(Exception):  # not all dtypes have a missing cell
            return _joined_as(dtype, parts, lengths)
    values: list[Any] = []
    for part, n in zip(parts, lengths, strict=True):
        values += [MISSING] * n if part is None else cells(part)
    return pd.Series(objects(values), dtype=object)


def _joined_as(dtype: Any, parts: list[Any], lengths: tuple[int, int]) -> pd.Series[Any]:
    fill = {"Int64": pd.NA, "boolean": pd.NA, "datetime64[ns]": pd.NaT}.get(str(dtype), np.nan)
    filled: list[Any] = [
        pd.Series(fill, index=range(n), dtype=dtype) if part is None else part.astype(dtype)
        for part, n in zip(parts, lengths, strict=True)
    ]
    joined: pd.Series[Any] = pd.concat(filled, ignore_index=True)
    return joined


_INTS_AND_FLOATS = ({"int64", "float64"}, {"Int64", "float64"})


def _as_floats(part: Any) -> Any:
    if part.dtype == np.float64 or not _fit_into_floats(part.dropna()):
        return part
    return pd.Series(part.to_numpy(dtype=np.float64, na_value=np.nan))


def _common_dtype(dtypes: list[Any]) -> Any:
    """Choose a dtype that all cells of both halves fit into; None if only objects will do."""
    if len(dtypes) == 2 and dtypes[0] == dtypes[1]:
        return dtypes[0]
    names = {{"int64": "Int64", "bool": "boolean"}.get(str(dtype), str(dtype)) for dtype in dtypes}
    if names in ({"Int64"}, {"boolean"}):
        return names.pop()
    if len(dtypes) == 2 or (isinstance(dtypes[0], np.dtype) and dtypes[0].kind not in "fOM"):
        return None  # NumPy's other kinds cannot tell a missing cell
    return dtypes[0]
