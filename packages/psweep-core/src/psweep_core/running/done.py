"""Which rows of a study count as done, so that their psets need not be run again."""

from __future__ import annotations

import pandas as pd

from ..table.frames import groups
from ..table.rows import RUNTIME

__all__ = [
    "all_rows",
    "not_failed",
    "successful",
    "tried",
]


def successful(df: pd.DataFrame | None) -> pd.DataFrame:
    """Give the rows that were run and did not fail."""
    return _finished(not_failed(df))


def _finished(df: pd.DataFrame) -> pd.DataFrame:
    # Rows of batch jobs that were prepared have neither runtime nor results until these are
    # collected.
    if RUNTIME not in df.columns:  # the user has removed it
        return df
    waiting = df[RUNTIME].isna()
    if "_failed" in df.columns:
        waiting &= ~df["_failed"].astype("boolean").fillna(False).to_numpy(dtype=bool)
    if waiting.any():
        results = groups(df)[2]
        waiting &= df[[name for name in results if name != RUNTIME]].isna().all(axis=1)
    return df[~waiting.to_numpy(dtype=bool)]


def not_failed(df: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows that did not fail, whether they were run yet or not."""
    df = all_rows(df)
    if "_failed" not in df.columns:
        return df
    return df[~df["_failed"].astype("boolean").fillna(False).to_numpy(dtype=bool)]


def all_rows(df: pd.DataFrame | None) -> pd.DataFrame:
    """Return all rows, also of no DataFrame at all."""
    if df is None or not len(df):
        return pd.DataFrame({"_run_id": [], "_pset_hash": [], RUNTIME: []})
    return df


def tried(df: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows that were run, successful or not."""
    return _finished(all_rows(df))
