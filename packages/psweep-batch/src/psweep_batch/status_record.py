"""What is known of a pset with a job, and what the database says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from psweep_core.plumbing import BOOK, SEED, failed_rows, seconds_of

from .find_state import Outcome
from .jobs import Attempt
from .queue import Account
from .result_files import BookOf

__all__ = ["PsetStatus", "book_names", "books_of", "outcomes_of"]


class PsetStatus(NamedTuple):
    """The state of one pset's job."""

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
    chunk: tuple[str, int] | None = None  # of these: the run id of its spool, and its chunk
    has_row: bool = False  # of these: it has run
    succeeded_later: bool = False  # it failed, and the same pset has succeeded in a later run


def outcomes_of(df: pd.DataFrame) -> dict[str, Outcome]:
    """Read the outcomes of psets from the database, without those that are not known yet."""
    if not len(df):
        return {}
    causes = df["_exc_txt"].tolist() if "_exc_txt" in df.columns else [None] * len(df)
    return {
        pset_id: Outcome(bad, cause if isinstance(cause, str) else "", runtime)
        for pset_id, bad, cause, runtime in zip(
            df["_pset_id"].tolist(),
            failed_rows(df).tolist(),
            causes,
            seconds_of(df).tolist(),
            strict=True,
        )
        if bad or runtime == runtime
    }


def book_names(df: pd.DataFrame) -> list[str]:
    """Return the names of the bookkeeping that a result may repeat."""
    return [name for name in (*BOOK, SEED) if name in df.columns]


def books_of(df: pd.DataFrame) -> BookOf:
    """Return a function that finds the bookkeeping of a pset in the database."""
    names = book_names(df)
    places: dict[str, int] = {}

    def book_of(pset_id: str) -> dict[str, Any]:
        if not places and len(df):  # few studies need it
            places.update(zip(df["_pset_id"], range(len(df)), strict=True))
        place = places.get(pset_id)
        if place is None:
            return {}
        found: Any = df[names].iloc[[place]].to_dict("records")
        return {**found[0]}

    return book_of
