"""How many rows a study has of each pset: those that need not be run again."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from ..table.outcomes import failed_rows, good_rows, waiting_rows
from ..table.rows import RUNTIME

__all__ = [
    "all_hashes",
    "done_hashes",
    "not_failed",
    "prepared_hashes",
    "successful",
    "tried_hashes",
]


def successful(df: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows that were run and did not fail."""
    df = _rows(df)
    return df[good_rows(df)]


def not_failed(df: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows that did not fail, whether they were run yet or not."""
    df = _rows(df)
    return df[~failed_rows(df)]


def _rows(df: pd.DataFrame | None) -> pd.DataFrame:
    if df is None or not len(df):
        return pd.DataFrame({"_run_id": [], "_pset_hash": [], RUNTIME: []})
    return df


def done_hashes(df: pd.DataFrame | None) -> Counter[str]:
    """Count the successful rows of each hash."""
    return Counter(successful(df)["_pset_hash"])


def tried_hashes(df: pd.DataFrame | None) -> Counter[str]:
    """Count the rows of each hash that were run, successful or not."""
    df = _rows(df)
    return Counter(df[~waiting_rows(df)]["_pset_hash"])


def prepared_hashes(df: pd.DataFrame | None) -> Counter[str]:
    """Count the rows of each hash that did not fail, whether they were run yet or not."""
    return Counter(not_failed(df)["_pset_hash"])


def all_hashes(df: pd.DataFrame | None) -> Counter[str]:
    """Count the rows of each hash."""
    return Counter(_rows(df)["_pset_hash"])
