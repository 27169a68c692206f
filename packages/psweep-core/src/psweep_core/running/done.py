"""Which psets of a study need not be run again."""

from __future__ import annotations

import pandas as pd

from ..table.frames import groups
from ..table.rows import RUNTIME

__all__ = ["done_hashes", "prepared_hashes", "successful"]


def successful(df: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows that were run and did not fail."""
    df = _not_failed(df)
    # Rows of batch jobs that were prepared have neither runtime nor results until these are
    # collected.
    if RUNTIME not in df.columns:  # the user has removed it
        return df
    waiting = df[RUNTIME].isna()
    if waiting.any():
        results = groups(df)[2]
        waiting &= df[[name for name in results if name != RUNTIME]].isna().all(axis=1)
    return df[~waiting.to_numpy(dtype=bool)]


def _not_failed(df: pd.DataFrame | None) -> pd.DataFrame:
    if df is None or not len(df):
        return pd.DataFrame({"_run_id": [], "_pset_hash": [], RUNTIME: []})
    if "_failed" not in df.columns:
        return df
    return df[~df["_failed"].astype("boolean").fillna(False).to_numpy(dtype=bool)]


def done_hashes(df: pd.DataFrame | None) -> set[str]:
    """Return the hashes that have a successful row."""
    return set(successful(df)["_pset_hash"])


def prepared_hashes(df: pd.DataFrame | None) -> set[str]:
    """Return the hashes that have a row that did not fail, whether it was run yet or not."""
    return set(_not_failed(df)["_pset_hash"])
