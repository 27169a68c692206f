"""What is known of a pset with a job, and what the database says of it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from psweep_core.plumbing import RUNTIME

from .find_state import Outcome
from .jobs import Attempt
from .queue import Account

__all__ = ["PsetStatus", "outcomes_of"]


class PsetStatus(NamedTuple):
    """How the job of one pset is."""

    pset_id: str
    pset_seq: int
    run_seq: int
    machine: str | None
    attempt: Attempt | None
    state: str
    reason: str
    log: Path | None
    stderr: Path | None = None
    account: Account | None = None
    is_collected: bool = False  # its result is in the database, and its folder was not read
    of_task: bool = False  # of prep_batch with func, so there is nothing to collect
    has_row: bool = False  # of these: it has run


def outcomes_of(df: pd.DataFrame) -> dict[str, Outcome]:
    """Read from the database what came of psets, as far as it was collected."""
    if not len(df):
        return {}
    n = len(df)
    failed = df["_failed"].tolist() if "_failed" in df.columns else [False] * n
    causes = df["_exc_txt"].tolist() if "_exc_txt" in df.columns else [None] * n
    return {
        pset_id: Outcome(bad is True, cause if isinstance(cause, str) else "", runtime)
        for pset_id, bad, cause, runtime in zip(
            df["_pset_id"].tolist(), failed, causes, df[RUNTIME].tolist(), strict=True
        )
        if bad is True or runtime == runtime
    }
