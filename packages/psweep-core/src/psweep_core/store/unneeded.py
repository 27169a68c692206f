"""Psets of tasks that other runs have made unnecessary: no task runs these any more.

`prep_batch` with ``skip_dups`` leaves out the psets that have enough rows. It cannot see what other
runs have not finished yet. So whoever moves their rows into the database looks which psets of tasks
these stand for. A later call also looks which of those that no task has are prepared twice.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Mapping

import pandas as pd

from ..errors import DatabaseError
from ..table.outcomes import good_rows, waiting_rows
from .paths import Layout
from .spool import Spool, spools_of

__all__ = ["note_surplus", "note_unneeded"]


def note_unneeded(layout: Layout, df: pd.DataFrame) -> None:
    """Note in the spools which of their psets have as many rows as were wanted.

    ``wanted`` in the head of a spool is a list: how many rows there should be of each hash, and
    whether failed ones count, too. It is None if each pset is to run, whatever rows there are.

    Parameters
    ----------
    layout : Layout
        Its lock is held.
    df : DataFrame
        The database.
    """
    for spool in spools_of(layout):
        if spool.head.get("wanted") is not None:
            # Of a spool that cannot be read or changed, tasks run what they were prepared for.
            with contextlib.suppress(OSError, DatabaseError):
                unfinished = [i for positions in spool.unfinished().values() for i in positions]
                pending = Counter(spool.index.hashes[i] for i in unfinished)
                n, _ = spool.head["wanted"]
                n_wanted = dict.fromkeys(pending, n)
                _note_too_many(spool, df, unfinished, pending, n_wanted)


def note_surplus(layout: Layout, known: Callable[[], pd.DataFrame]) -> None:
    """Note in the spools which psets that no task has are too many, by all that is to run.

    There can be some where a study was extended on two machines before these knew of each other.

    Parameters
    ----------
    layout : Layout
        Its lock is held.
    known : callable
        Returns all that is known of the study; it takes time, and is not always needed.
    """
    free = {spool: _free(spool) for spool in spools_of(layout) if spool.head.get("wanted")}
    if not any(free.values()):
        return
    # First the rows: one that is new meanwhile is in neither, and nothing is left out for it.
    df = known()
    pending: Counter[str] = Counter()
    n_wanted: dict[str, float] = {}  # by the call that wanted the most
    for spool in spools_of(layout):
        hashes, wanted = spool.index.hashes, spool.head.get("wanted")
        pending.update(hashes[i] for part in spool.unfinished().values() for i in part)
        n, _ = (math.inf, False) if wanted is None else wanted
        n_wanted.update((sha, max(n, n_wanted.get(sha, 0))) for sha in hashes)
    for spool in sorted(free, key=lambda spool: spool.header.run_seq, reverse=True):
        with contextlib.suppress(OSError):
            _note_too_many(spool, df, free[spool], pending, n_wanted)


def _free(spool: Spool) -> list[int]:
    """Find the psets that no task has, nor may have on another machine."""
    unfinished = spool.unfinished()
    # After that, since a chunk is not free until its rows are there.
    free = spool.free() if unfinished else {}
    return [i for chunk, positions in unfinished.items() if chunk in free for i in positions]


def _note_too_many(
    spool: Spool,
    df: pd.DataFrame,
    positions: list[int],
    pending: Counter[str],
    n_wanted: Mapping[str, float],
) -> None:
    """Note which of these psets are too many, given the rows and what else is to run."""
    hashes = spool.index.hashes
    _, failed_ones_count = spool.head["wanted"]
    n_rows = _count_rows(df, {hashes[i] for i in positions}, failed_ones_count)
    found = []
    for i in sorted(positions, reverse=True):  # (Tasks begin with the first ones.)
        if n_rows[hashes[i]] + pending[hashes[i]] > n_wanted[hashes[i]]:
            pending[hashes[i]] -= 1
            found.append(i)
    if found:
        spool.note_unneeded(found)


def _count_rows(df: pd.DataFrame, hashes: set[str], failed_ones_count: bool) -> Counter[str]:
    if not len(df) or not hashes:
        return Counter()
    # (`Series.isin` takes ten times as long.)
    rows = df.iloc[[i for i, sha in enumerate(df["_pset_hash"].tolist()) if sha in hashes]]
    if not len(rows):
        return Counter()
    counted = ~waiting_rows(rows) if failed_ones_count else good_rows(rows)
    return Counter(rows["_pset_hash"][counted].tolist())
