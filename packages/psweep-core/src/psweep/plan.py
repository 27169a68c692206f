"""Before a run: which psets are to be run, their ids, and the numbers of the run."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence

import pandas as pd

from .call import Job
from .frames import groups
from .params import Pset
from .rows import RUNTIME, Header

__all__ = [
    "done_hashes",
    "header_after",
    "next_number",
    "plan_jobs",
    "prepared_hashes",
    "successful",
]


def plan_jobs(params: Sequence[Pset], hashes: list[str], done: set[str] | None) -> list[Job]:
    """Give each pset that is to be run its id; `done` holds hashes to skip, None skips nothing."""
    chosen = list(zip(params, hashes, strict=True))
    if done is not None:
        first = {sha: pset for pset, sha in reversed(chosen) if sha not in done}
        chosen = [(first.pop(sha), sha) for _, sha in chosen if sha in first]
    ids = _uuids(len(chosen))
    return [
        Job(position, pset_id, sha, pset)
        for position, (pset_id, (pset, sha)) in enumerate(zip(ids, chosen, strict=True))
    ]


def _uuids(n: int) -> Iterator[str]:
    """Make random UUIDs (RFC 9562, version 4), at a third of the cost of `uuid.uuid4`."""
    for start in range(0, n, 1000):
        digits = os.urandom(16 * min(1000, n - start)).hex()
        for i in range(0, len(digits), 32):
            variant = "89ab"[int(digits[i + 16], 16) & 3]
            yield (
                f"{digits[i : i + 8]}-{digits[i + 8 : i + 12]}-4{digits[i + 13 : i + 16]}-"
                f"{variant}{digits[i + 17 : i + 20]}-{digits[i + 20 : i + 32]}"
            )


def successful(df: pd.DataFrame | None) -> pd.DataFrame:
    """Give the rows that were run and did not fail."""
    df = _not_failed(df)
    # Rows of batch jobs that were prepared have neither runtime nor results until these are
    # collected.
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
    """Give the hashes that have a successful row."""
    return set(successful(df)["_pset_hash"])


def prepared_hashes(df: pd.DataFrame | None) -> set[str]:
    """Give the hashes that have a row that did not fail, whether it was run yet or not."""
    return set(_not_failed(df)["_pset_hash"])


def next_number(df: pd.DataFrame | None, name: str) -> int:
    """Give the number after the highest in the column `name`."""
    return 0 if df is None or not len(df) else int(df[name].max()) + 1


def header_after(df: pd.DataFrame | None, calc_dir: str, n_psets: int) -> Header:
    """Make up a run that follows those in `df`, which nobody else extends."""
    run_id = str(uuid.uuid4())
    return Header(
        run_id, next_number(df, "_run_seq"), calc_dir, next_number(df, "_pset_seq"), n_psets
    )
