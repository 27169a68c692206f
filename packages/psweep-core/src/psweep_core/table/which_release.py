"""Find which old release made a database, by its columns and hashes; see `old_releases`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from ..params.hashing import pset_hash
from .bookkeeping import BOOK, RUNTIME, is_private, is_reserved
from .cells import MISSING, cells
from .extract import psets_and_fits_as_stored
from .witness import (
    BOOL,
    Column,
    Reading,
    find_ways,
    stored,
)

__all__ = ["is_ours", "may_be_old", "new_hash", "release_of", "values_of"]

_ORDER_0_8: Final = BOOK
_ORDER_0_9: Final = ("_pset_hash", *(name for name in BOOK if name != "_pset_hash"))
_ORDER_0_12: Final = (
    "_pset_hash", "_pset_id", "_run_seq", "_pset_seq", "_run_id", "_calc_dir", "_time_utc"
)  # fmt: skip
_SAMPLE_TRIES: Final = 200


def is_ours(df: pd.DataFrame) -> bool:
    """Return whether each row has our hash, so that the user has but added a column.

    A search for the readings of values that old releases did not hash alike takes seconds.
    """
    if df["_pset_seq"].isna().any():
        return False
    return all(_fits(df))


def release_of(df: pd.DataFrame) -> str | None:
    """Return the old releases that may have made a database, such as "0.9-0.10"; None: none."""
    names = list(df.columns)
    if not len(df) or not {*BOOK} <= {*names} or not df.columns.is_unique:
        return None
    order = tuple(name for name in names if isinstance(name, str) and name in BOOK)
    if order == _ORDER_0_9:
        return "0.11" if "_exec_host" in names else "0.9-0.10"
    if order == _ORDER_0_12:
        return "0.15-0.16" if df["_pset_seq"].dtype == object else "0.12-0.14"
    if order != _ORDER_0_8:
        return None
    if RUNTIME in names and any(not is_reserved(name) for name in names[names.index(RUNTIME) :]):
        return "0.8"
    no_number = df["_pset_seq"].isna()
    if no_number.any():  # (Rows that the user has added have no id either.)
        return "0.8" if df["_pset_id"][no_number].notna().all() else None
    with contextlib.suppress(Exception):  # columns that the user has changed may refuse anything
        return "0.8" if _has_old_hashes(df) else None
    return None


def _has_old_hashes(df: pd.DataFrame) -> bool:
    """Return whether a row is hashed as of old: it has another hash now, or a bool became a number.

    (Of our own rows without a runtime, the user may have made bools numbers.)
    """
    df = df[may_be_old(df)]
    df = df[[not fit for fit in _fits(df)]]
    first = list(df.columns).index("_run_id")
    columns = [
        Column(name, values_of(df[name]), 0)
        for name in df.columns[:first]
        if not is_private(name) and not is_reserved(name)
    ]
    hashes = df["_pset_hash"].tolist()
    ran = df[RUNTIME].notna().tolist() if RUNTIME in df.columns else [False] * len(df)
    readings = find_ways(columns, hashes, with_na=False, max_tries=_SAMPLE_TRIES)
    return any(
        reading is not None
        and (
            (ran[row] and any(way.value == BOOL for way in reading))
            or new_hash(columns, reading, row) != hashes[row]
        )
        for row, reading in enumerate(readings)
    )


def may_be_old(df: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Return which rows have a runtime as of old, so that rows of this psweep are not hashed again.

    The old runtimes are differences of `time.time`, whose values have been multiples of 2**-22 s
    since 2004. Those of this psweep have more digits.
    """
    if RUNTIME not in df.columns:
        return np.ones(len(df), dtype=bool)
    runtimes = pd.to_numeric(df[RUNTIME], errors="coerce").to_numpy(float, na_value=np.nan)
    may_be = np.isnan(runtimes) | (runtimes == np.floor(runtimes * 2**22) / 2**22)
    return np.asarray(may_be, dtype=bool)


def _fits(df: pd.DataFrame) -> list[bool]:
    """Return whether each row has our hash."""
    try:
        return psets_and_fits_as_stored(df)[1]
    except Exception:  # a value that has no hash
        if len(df) <= 1:
            return [False] * len(df)
    middle = len(df) // 2  # halves: one such value among many rows costs little
    return [*_fits(df.iloc[:middle]), *_fits(df.iloc[middle:])]


def new_hash(columns: Sequence[Column], reading: Reading, row: int) -> str:
    """Return the hash that this psweep gives to a row, read in one way."""
    return pset_hash(
        {
            each.name: value
            for each, way in zip(columns, reading, strict=True)
            if (value := stored(each.values[row], way)) is not MISSING
        }
    )


def values_of(series: pd.Series[Any]) -> list[Any]:
    """Take a column apart into Python values; a complex NaN that pandas filled in is missing."""
    values = cells(series)
    if series.dtype.kind == "c":  # pandas has filled in a complex NaN
        return [MISSING if v.real != v.real and not v.imag else v for v in values]
    return [MISSING if v is pd.NA or v is pd.NaT else v for v in values]
