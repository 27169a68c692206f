"""Which rows are good, which failed, and which were not run yet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from .bookkeeping import RUNTIME
from .frames import groups

__all__ = ["failed_rows", "good_rows", "waiting_rows"]

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
