"""Put columns of new rows below those of old rows: whole arrays at a time."""

from __future__ import annotations

from types import NoneType
from typing import Any

import numpy as np
import pandas as pd

from .cells import (
    MISSING,
    NAN_MARK,
    NONE_MARK,
    are,
    cells,
    column,
    fit_into_floats,
    given_objects,
    objects,
)

__all__ = ["join"]


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
            parts = [None if _is_empty(part) else part for part in parts]
            if all(part is not None for part in parts):
                parts = [_as_floats(part) for part in parts]
        dtype = _common_dtype([part.dtype for part in parts if part is not None])
        if dtype is not None:
            return _below(parts, lengths, dtype)
        if _stay_objects(parts, exact):
            halves = [_as_objects(part, n) for part, n in zip(parts, lengths, strict=True)]
            return pd.Series(np.concatenate(halves), dtype=object, copy=False)
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
        fill: Any = np.array("NaT", dtype) if dtype.kind in "mM" else np.nan
        arrays = [
            np.full(n, fill, dtype) if part is None else part.to_numpy()
            for part, n in zip(parts, lengths, strict=True)
        ]
        return pd.Series(np.concatenate(arrays), dtype=dtype, copy=False)
    if isinstance(dtype, pd.Int64Dtype | pd.BooleanDtype):
        pairs = [_data_and_mask(part, n, dtype) for part, n in zip(parts, lengths, strict=True)]
        data, mask = map(np.concatenate, zip(*pairs, strict=True))
        make = pd.arrays.IntegerArray if data.dtype.kind == "i" else pd.arrays.BooleanArray
        return pd.Series(make(data, mask), copy=False)
    # (pyarrow cannot hold all names, such as half of a surrogate pair.)
    filled: list[Any] = [
        pd.Series(dtype.na_value, index=range(n), dtype=dtype)
        if part is None
        else part.astype(dtype).rename(None)
        for part, n in zip(parts, lengths, strict=True)
    ]
    joined: pd.Series[Any] = pd.concat(filled, ignore_index=True)
    for part, some in zip(parts, (joined[: lengths[0]], joined[lengths[0] :]), strict=True):
        if part is None and not some.isna().all():
            message = f"{dtype} cannot tell a missing cell"  # as pandas' sparse bools
            raise ValueError(message)
    return joined


def _stay_objects(parts: list[Any], exact: bool) -> bool:
    """Return whether `column` would make objects of all these cells; False where it is not clear.

    Cells are looked at all at once.
    """
    kinds: set[type] = set()
    missing = False
    for part in parts:
        found = (set[type](), True) if part is None else _kinds_in(part)
        if found is None:
            return False
        kinds |= found[0]
        missing |= found[1]
    if any(are({kind}, float, np.floating) for kind in kinds):
        others = {k for k in kinds if not are({k}, float, np.floating)} - {NoneType}
        return bool(others) and (exact or not are(others, int, np.integer))
    return bool(kinds) and not (
        are(kinds, int, np.integer)
        or are(kinds, bool, np.bool_)
        or are(kinds, str, np.str_)
        or (are(kinds, complex, np.complexfloating) and not missing)
        or kinds in ({pd.Timestamp}, {pd.Timedelta})
    )


_KINDS: dict[str, type] = {"i": int, "u": int, "b": bool, "c": complex}


def _kinds_in(part: pd.Series[Any]) -> tuple[set[type], bool] | None:
    """Find of which types cells are, and whether some are missing; None: it is not clear."""
    dtype = part.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in _KINDS:
        return {_KINDS[dtype.kind]}, False
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        values = part.to_numpy()
        given = given_objects(values)
        return set(map(type, values[given].tolist())), not bool(given.all())
    if dtype == np.float64:
        bits = part.to_numpy()[np.isnan(part.to_numpy())].view(np.uint64)
        n_none, n_nan = (np.count_nonzero(bits == mark) for mark in (NONE_MARK, NAN_MARK))
        kinds: set[type] = {float} if len(bits) < len(part) or n_nan else set()
        if n_none:
            kinds.add(NoneType)
        return kinds, bool(len(bits) > n_none + n_nan)
    for extension, kind in _EXTENSIONS.items():
        if isinstance(dtype, extension):
            return {kind}, bool(part.isna().any())
    return None


_EXTENSIONS: dict[Any, type] = {pd.Int64Dtype: int, pd.BooleanDtype: bool, pd.StringDtype: str}


def _as_objects(part: Any, n: int) -> np.ndarray[Any, Any]:
    """Convert a column of a dtype that `_kinds_in` knows as `cells` and `objects` do."""
    if part is None:
        return np.full(n, np.nan, dtype=object)
    if not isinstance(part.dtype, np.dtype):
        found: np.ndarray[Any, Any] = part.to_numpy(dtype=object, na_value=np.nan)
        return found
    array: np.ndarray[Any, Any] = part.to_numpy()
    values = array.astype(object)
    if array.dtype == np.float64:
        values[array.view(np.uint64) == NONE_MARK] = None
    return values


def _data_and_mask(part: Any, n: int, dtype: Any) -> tuple[Any, Any]:
    if part is None:
        return np.zeros(n, dtype=dtype.type), np.ones(n, dtype=bool)
    if isinstance(part.dtype, np.dtype):
        return part.to_numpy(), np.zeros(n, dtype=bool)
    return part.to_numpy(dtype=dtype.type, na_value=dtype.type(0)), part.isna().to_numpy()


_INTS_AND_FLOATS = ({"int64", "float64"}, {"Int64", "float64"})


def _is_empty(part: Any) -> bool:
    """Return whether all cells of a column are missing, for which JSON and Parquet have floats."""
    return part.dtype == np.float64 and _kinds_in(part) == (set(), True)


def _as_floats(part: Any) -> Any:
    if part.dtype == np.float64:
        return part
    given = part.dropna()
    if len(given) and not fit_into_floats(given.min(), given.max()):
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
