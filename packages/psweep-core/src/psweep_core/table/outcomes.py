"""Which rows are good, which failed, and which were not run yet."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd

from .bookkeeping import RUNTIME, SEED
from .frames import groups
from .levels import codes_of, combined

__all__ = ["failed_rows", "good_rows", "open_failures", "waiting_rows"]

Mask = np.ndarray[Any, Any]


def failed_rows(df: pd.DataFrame) -> Mask:
    """Mark the rows that failed."""
    if "_failed" not in df.columns:
        return np.zeros(len(df), dtype=bool)
    return df["_failed"].astype("boolean").fillna(False).to_numpy(dtype=bool)


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


def open_failures(df: pd.DataFrame) -> Mask:
    """Mark the failed rows whose psets no later run has tried again.

    Each row of a later run stands for one that failed before, of the same pset and, where psets
    have one, with the same ``_seed``. If it failed as well, it counts itself.
    """
    failed = failed_rows(df)
    if not failed.any() or "_pset_hash" not in df.columns or "_run_seq" not in df.columns:
        return failed
    names = [name for name in ("_pset_hash", SEED) if name in df.columns]
    psets = combined((codes_of(df[name]) for name in names), len(df))
    rows = np.flatnonzero(np.isin(psets, psets[failed]) & ~waiting_rows(df))
    runs = pd.factorize(df["_run_seq"], sort=True)[0]  # also with gaps
    rows = rows[np.lexsort((runs[rows], psets[rows]))]
    found = np.zeros(len(df), dtype=bool)
    for _, of_pset in itertools.groupby(rows.tolist(), psets.__getitem__):
        left: list[int] = []
        for _, of_run in itertools.groupby(of_pset, runs.__getitem__):
            some = [*of_run]
            left = [*left[len(some) :], *(row for row in some if failed[row])]
        found[left] = True
    return found
