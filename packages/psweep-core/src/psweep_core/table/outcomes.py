"""Which rows are good, which failed, and which were not run yet."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DatabaseError
from ..params.psets import brief
from .bookkeeping import RUNTIME, SEED
from .cells import MISSING, cells
from .frames import groups
from .levels import codes_of, combined

__all__ = [
    "count_same_seeds",
    "failed_rows",
    "good_rows",
    "open_failures",
    "recovered_rows",
    "seconds_of",
    "times_of",
    "waiting_rows",
]

Mask = np.ndarray[Any, Any]


def failed_rows(df: pd.DataFrame) -> Mask:
    """Mark the rows that failed."""
    if "_failed" not in df.columns:
        return np.zeros(len(df), dtype=bool)
    column = df["_failed"]
    with contextlib.suppress(TypeError, ValueError):
        return column.astype("boolean").fillna(False).to_numpy(dtype=bool)
    return np.array([_is_true(value) for value in column], dtype=bool)


def _is_true(value: Any) -> bool:
    """Return whether a cell of ``_failed`` is true, also in a column that the user has changed."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return False
    text = str(value).lower()  # 1, 1.0, or what a CSV file has made of it
    if text in ("true", "1", "1.0"):
        return True
    if text in ("false", "0", "0.0"):
        return False
    message = (
        f"the column '_failed' holds {brief(value)}, which is neither True nor False; correct it, "
        f"such as by df['_failed'] = df['_failed'] == {value!r}"
    )
    raise DatabaseError(message)


def times_of(df: pd.DataFrame) -> pd.Series[Any]:
    """Return when each row was started; NaT where the user has put something else there."""
    times = df["_time_utc"]
    if not pd.api.types.is_datetime64_any_dtype(times):
        times = pd.to_datetime(times.astype(str), utc=True, format="ISO8601", errors="coerce")
    return pd.to_datetime(times, utc=True).dt.tz_localize(None)


def seconds_of(df: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Return the runtime of each row; NaN where it has none, or the user has put something else."""
    if RUNTIME not in df.columns:  # there are no rows, or the user has removed it
        return np.full(len(df), np.nan)
    seconds = df[RUNTIME]
    if seconds.dtype.kind == "m":  # which pandas would turn into nanoseconds
        seconds = seconds.astype(object)
    numbers = pd.to_numeric(seconds, errors="coerce")
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)


def waiting_rows(df: pd.DataFrame) -> Mask:
    """Mark the rows of batch jobs that were prepared: they have neither runtime nor results."""
    if RUNTIME not in df.columns:  # the user has removed it
        return np.zeros(len(df), dtype=bool)
    waiting = df[RUNTIME].isna().to_numpy(dtype=bool)
    if waiting.any():
        results = groups(df)[2]
        waiting = waiting & df[results].isna().all(axis=1).to_numpy(dtype=bool)
    return waiting & ~failed_rows(df)


def good_rows(df: pd.DataFrame) -> Mask:
    """Mark the rows that were run and did not fail."""
    return ~failed_rows(df) & ~waiting_rows(df)


def recovered_rows(df: pd.DataFrame) -> Mask:
    """Mark the failed rows whose psets have succeeded in a later run; see `open_failures`."""
    failed = failed_rows(df)
    if not failed.any() or "_pset_hash" not in df.columns or "_run_seq" not in df.columns:
        return np.zeros(len(df), dtype=bool)
    good = df[good_rows(df)]
    last = df["_pset_hash"].map(good.groupby("_pset_hash")["_run_seq"].max())
    later = (last > df["_run_seq"]).to_numpy(dtype=bool, na_value=False)
    return failed & later & ~open_failures(df)


def open_failures(df: pd.DataFrame) -> Mask:
    """Mark the failed rows whose psets no later run has tried again.

    Each row of a later run stands for one that failed before, of the same pset and, where both
    have one, with the same ``_seed``. If it failed as well, it counts itself.
    """
    failed = failed_rows(df)
    if not failed.any() or "_pset_hash" not in df.columns or "_run_seq" not in df.columns:
        return failed
    names = [name for name in ("_pset_hash", SEED) if name in df.columns]
    psets = combined((codes_of(df[name]) for name in names), len(df))
    runs = pd.factorize(df["_run_seq"], sort=True)[0]  # also with gaps
    left, spare = _not_repeated(psets, runs, failed, ~waiting_rows(df))
    if SEED not in df.columns or not left.any():
        return left
    # A study that gets a seed later, or none any more, cannot try again with the same one.
    psets = codes_of(df["_pset_hash"])
    seeded = df[SEED].notna().to_numpy(dtype=bool)
    for some in (seeded, ~seeded):
        left_of_some, _ = _not_repeated(psets, runs, left & some, spare & ~some)
        left &= ~some | left_of_some
    return left


def _not_repeated(psets: Any, runs: Any, failed: Mask, tries: Mask) -> tuple[Mask, Mask]:
    """Mark the failed rows for which no try of a later run stands, and the tries that are left."""
    rows = np.flatnonzero(np.isin(psets, psets[failed]) & (failed | tries))
    rows = rows[np.lexsort((runs[rows], psets[rows]))]
    found = np.zeros(len(psets), dtype=bool)
    spare = tries.copy()
    for _, of_pset in itertools.groupby(rows.tolist(), psets.__getitem__):
        left: list[int] = []
        for _, of_run in itertools.groupby(of_pset, runs.__getitem__):
            some = [*of_run]
            stand = [row for row in some if tries[row]][: len(left)]
            spare[stand] = False
            left = [*left[len(stand) :], *(row for row in some if failed[row])]
        found[left] = True
    return found, spare


def count_same_seeds(df: pd.DataFrame, more: pd.DataFrame) -> int:
    """Count the good rows of `more` that have the pset and the seed of another good one in `df`."""
    if SEED not in df.columns or SEED not in more.columns:
        return 0
    more = more[~more["_pset_id"].isin(df["_pset_id"]).to_numpy(dtype=bool)]
    have, new = [], []
    with contextlib.suppress(DatabaseError):  # of a _failed that is neither true nor false
        have, new = [
            [*zip(some["_pset_hash"], cells(some[SEED]), strict=True)]
            for some in (df[~failed_rows(df)], more[~failed_rows(more)])
        ]
    known = {(sha, seed) for sha, seed in have if seed is not MISSING and seed is not None}
    return sum(pair in known for pair in new)
