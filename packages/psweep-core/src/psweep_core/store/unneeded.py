"""Psets of tasks that other runs have made unnecessary: no task runs these any more.

`prep_batch` with ``skip_dups`` leaves out the psets that have enough rows. It cannot see what other
runs have not finished yet. So whoever moves their rows into the database looks which psets of tasks
these stand for.
"""

from __future__ import annotations

import contextlib
from collections import Counter

import pandas as pd

from ..errors import DatabaseError
from ..table.outcomes import good_rows, waiting_rows
from .paths import Layout
from .spool import Spool, spools_of

__all__ = ["note_unneeded"]


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
                unneeded = _unneeded(spool, df)
                if unneeded:
                    spool.note_unneeded(unneeded)


def _unneeded(spool: Spool, df: pd.DataFrame) -> list[int]:
    n_wanted, failed_ones_count = spool.head["wanted"]
    hashes = spool.index.hashes
    unfinished = [i for positions in spool.unfinished().values() for i in positions]
    wanted = {hashes[i] for i in unfinished}
    # (`Series.isin` takes ten times as long.)
    rows = df.iloc[[i for i, sha in enumerate(df["_pset_hash"].tolist()) if sha in wanted]]
    if not len(rows):
        return []
    counted = ~waiting_rows(rows) if failed_ones_count else good_rows(rows)
    n_expected = Counter(rows["_pset_hash"][counted].tolist())
    n_expected.update(hashes[i] for i in unfinished)
    found = []
    for i in sorted(unfinished, reverse=True):  # (Tasks begin with the first ones.)
        if n_expected[hashes[i]] > n_wanted:
            n_expected[hashes[i]] -= 1
            found.append(i)
    return found
