"""Before a run: which psets are to be run, their ids, and the numbers of the run."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .call import Job, JobTuple
from .frames import groups
from .garbage import no_garbage_collection
from .hashing import pset_hashes
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


@no_garbage_collection()
def plan_jobs(
    params: Sequence[Pset], hashes: list[str] | None, done: set[str] | None = None
) -> Jobs:
    """Give each pset that is to be run its id.

    Parameters
    ----------
    params : list of dict
    hashes : list of str, optional
        Of the params. None: they are made when they are wanted.
    done : set of str, optional
        Hashes to skip. None: nothing is skipped.
    """
    psets = [{**pset} for pset in params]  # func may have access to those of the caller
    if done is not None:
        hashes = pset_hashes(psets) if hashes is None else hashes
        # the first of those that are the same
        first = {sha: i for i, sha in reversed([*enumerate(hashes)]) if sha not in done}
        places = sorted(first.values())
        psets = [psets[i] for i in places]
        hashes = [hashes[i] for i in places]
    return Jobs(_uuids(len(psets)), hashes, psets)


class Jobs(Sequence[Job]):
    """Jobs that are made when they are wanted, since a million of them take room and time.

    So are their hashes if there are none yet, each time. A forked worker, which has all jobs in its
    memory, thus makes those of its psets.
    """

    def __init__(self, ids: list[str], hashes: list[str] | None, psets: list[Pset]) -> None:
        self.ids = ids
        self.psets = psets
        self._hashes = hashes

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, position: Any) -> Any:
        return Job(*next(self.tuples([position])))

    def __iter__(self) -> Iterator[Job]:
        return map(Job._make, self.tuples())

    def tuples(self, positions: Sequence[int] | None = None) -> Iterator[JobTuple]:
        """Give some of them, one after another; None: all."""
        ids, psets, hashes = self.ids, self.psets, self._hashes
        if positions is None:
            positions = range(len(self))
        else:
            ids = [ids[i] for i in positions]
            psets = [psets[i] for i in positions]
            hashes = [hashes[i] for i in positions] if hashes is not None else None
        if hashes is None:
            hashes = pset_hashes(psets)
        return zip(positions, ids, hashes, psets, strict=True)


def _uuids(n: int) -> list[str]:
    """Make random UUIDs (RFC 9562, version 4), at a tenth of the cost of `uuid.uuid4`."""
    ids: list[str] = []
    while n:
        some = min(n, 4000)  # with little memory, which is used again and again
        ids += _few_uuids(some)
        n -= some
    return ids


def _few_uuids(n: int) -> list[str]:
    data = np.frombuffer(bytearray(os.urandom(16 * n)), dtype=np.uint8).reshape(n, 16)
    data[:, 6] = data[:, 6] & 0x0F | 0x40  # the version
    data[:, 8] = data[:, 8] & 0x3F | 0x80  # the variant
    digits = _TWO_DIGITS[data].view(np.uint8)
    text = np.full((n, 36), ord("-"), dtype=np.uint8)
    for place, digit, length in ((0, 0, 8), (9, 8, 4), (14, 12, 4), (19, 16, 4), (24, 20, 12)):
        text[:, place : place + length] = digits[:, digit : digit + length]
    joined = text.tobytes().decode("ascii")
    return [joined[i : i + 36] for i in range(0, 36 * n, 36)]


# of each byte, as one number, so that they are copied together
_TWO_DIGITS = np.frombuffer(bytes(range(256)).hex().encode("ascii"), dtype=np.uint16)


def successful(df: pd.DataFrame | None) -> pd.DataFrame:
    """Give the rows that were run and did not fail."""
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
