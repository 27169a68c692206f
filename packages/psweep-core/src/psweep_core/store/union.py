"""All that is known of a study: the rows of its database and of its journals, each once."""

from __future__ import annotations

import itertools
import operator
import warnings
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ..table.frames import append_frame, frame_of_block
from ..table.row_groups import block_of, joined, without
from .journal_reader import JournalContents

__all__ = ["union", "warn_unreadable"]


def union(df: pd.DataFrame, journals: Iterable[JournalContents]) -> pd.DataFrame:
    """Add those rows of journals that the database does not have yet."""
    runs: dict[str, list[JournalContents]] = {}
    for contents in journals:
        runs.setdefault(contents.header.run_id, []).append(contents)
    for of_run in runs.values():
        header = of_run[0].header
        blocks = [block for contents in of_run for block in contents.blocks]
        rows = [row for contents in of_run for row in contents.rows]
        # A run may be killed after it wrote the database and before it removed its journals. By
        # its id no row is taken twice, whatever the file system makes of removed journals.
        ids = {row.pset_id for row in rows}.union(*(block.ids for block in blocks))
        have = _ids_in(df, ids)
        if len(ids) < len(rows) + sum(len(block.ids) for block in blocks):
            distinct = []
            for block in blocks:
                distinct.append(without(block, have))
                have.update(block.ids)
            blocks = distinct
        elif have:
            blocks = [without(block, have) for block in blocks]
        rows = [*{row.pset_id: row for row in rows if row.pset_id not in have}.values()]
        rows.sort(key=operator.attrgetter("seq"))  # (Blocks are in order, see `run_record`.)
        block = joined([*blocks, block_of([*itertools.chain.from_iterable(rows)])])
        if block.ids:
            df = append_frame(df, frame_of_block(block, header))
    return df


def _ids_in(df: pd.DataFrame, ids: set[str]) -> set[str]:
    """Return which of these ids a database has."""
    if not ids or "_pset_id" not in df.columns:
        return set()
    return ids.intersection(df["_pset_id"].tolist())


def warn_unreadable(where: Path, contents: JournalContents) -> None:
    """Warn of rows of a journal that cannot be loaded, if there are any."""
    if contents.unreadable:
        warnings.warn(
            f"{where}: {len(contents.unreadable)} finished psets could not be loaded "
            f"({contents.unreadable[0]}). They remain in the journal; call psweep.recover() with "
            "the version of Python that wrote them, where their script can be imported.",
            RuntimeWarning,
            stacklevel=3,
        )
