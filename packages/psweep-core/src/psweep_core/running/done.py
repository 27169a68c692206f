"""Which psets of a study need not be run again."""

from __future__ import annotations

import pandas as pd

from ..table.outcomes import failed_rows, good_rows
from ..table.rows import RUNTIME

__all__ = ["done_hashes", "prepared_hashes", "successful"]


def successful(df: pd.DataFrame | None) -> pd.DataFrame:
    """Give the rows that were run and did not fail."""
    df = _some(df)
    return df[good_rows(df)]


def _some(df: pd.DataFrame | None) -> pd.DataFrame:
    if df is None or not len(df):
        return pd.DataFrame({"_run_id": [], "_pset_hash": [], RUNTIME: []})
    return df


def done_hashes(df: pd.DataFrame | None) -> set[str]:
    """Give the hashes that have a successful row."""
    return set(successful(df)["_pset_hash"])


def prepared_hashes(df: pd.DataFrame | None) -> set[str]:
    """Give the hashes that have a row that did not fail, whether it was run yet or not."""
    df = _some(df)
    return set(df[~failed_rows(df)]["_pset_hash"])
