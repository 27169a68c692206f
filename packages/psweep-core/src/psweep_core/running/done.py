"""Which rows of a study count as done, so that their psets need not be run again."""

from __future__ import annotations

import pandas as pd

from ..table.bookkeeping import RUNTIME
from ..table.outcomes import failed_rows, good_rows, waiting_rows

__all__ = ["all_rows", "not_failed", "successful", "tried"]


def successful(df: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows that were run and did not fail."""
    df = all_rows(df)
    return df[good_rows(df)]


def not_failed(df: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows that did not fail, whether they were run yet or not."""
    df = all_rows(df)
    return df[~failed_rows(df)]


def tried(df: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows that were run, successful or not."""
    df = all_rows(df)
    return df[~waiting_rows(df)]


def all_rows(df: pd.DataFrame | None) -> pd.DataFrame:
    """Return all rows, also of no DataFrame at all."""
    if df is None or not len(df):
        return pd.DataFrame({"_run_id": [], "_pset_hash": [], RUNTIME: []})
    return df
