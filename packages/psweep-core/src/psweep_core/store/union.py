"""All that is known of a study: the rows of its database and of its journals, each once."""

from __future__ import annotations

import itertools
import operator
import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ..table.frames import append_frame, frame_of_row_group, rows_of_run
from ..table.row_groups import RowGroup, joined, row_group, without
from ..table.rows import Header
from .journal_reader import JournalContents

__all__ = ["are_taken", "union", "warn_unreadable"]


def union(
    df: pd.DataFrame, journals: Iterable[JournalContents], live: Iterable[Header] = ()
) -> pd.DataFrame:
    """Add those rows of journals that the database does not have yet.

    Parameters
    ----------
    df : DataFrame
    journals : iterable of JournalContents
    live : iterable of Header
        Runs that keep their numbers, whether they have rows yet or not.
    """
    runs: dict[str, list[JournalContents]] = {}
    headers = [*live]
    for contents in journals:
        runs.setdefault(contents.header.run_id, []).append(contents)
    for of_run in runs.values():
        header = of_run[0].header
        groups = [group for contents in of_run for group in contents.row_groups]
        rows = [row for contents in of_run for row in contents.rows]
        # A run may be killed after it wrote the database and before it removed its journals. By
        # its id no row is taken twice, whatever the file system makes of removed journals.
        ids = {row.pset_id for row in rows}.union(*(group.ids for group in groups))
        have = _ids_in(df, ids)
        if len(ids) < len(rows) + sum(len(group.ids) for group in groups):
            distinct = []
            for group in groups:
                distinct.append(without(group, have))
                have.update(group.ids)
            groups = distinct
        elif have:
            groups = [without(group, have) for group in groups]
        rows = [*{row.pset_id: row for row in rows if row.pset_id not in have}.values()]
        rows.sort(key=operator.attrgetter("seq"))  # (Groups are in order, see `run_record`.)
        group = joined([*groups, row_group([*itertools.chain.from_iterable(rows)])])
        if group.ids:
            if are_taken(df, headers, group, header):
                others = [*headers, *(each[0].header for each in runs.values())]
                group, header = _numbered_again(df, others, group, header)
            df = append_frame(df, frame_of_row_group(group, header))
    return df


def are_taken(df: pd.DataFrame, live: Iterable[Header], group: RowGroup, header: Header) -> bool:
    """Return whether another run has numbers of these rows.

    The journal is of another study then, or the study was transferred during the run.

    Parameters
    ----------
    df : DataFrame
    live : iterable of Header
        See `union`.
    group : RowGroup
        Rows that are not in `df`.
    header : Header
        Of their run.
    """
    first, last = group.seqs.min(), group.seqs.max()
    for run in live:
        overlap = run.first_seq <= last and first < run.first_seq + run.n_psets
        if run.run_id != header.run_id and (overlap or run.run_seq == header.run_seq):
            return True
    if not len(df):
        return False
    if np.count_nonzero(df["_run_seq"] == header.run_seq) > rows_of_run(df, header).sum():
        return True
    return bool(np.isin(group.seqs, df["_pset_seq"].to_numpy(dtype=np.int64)).any())


def _numbered_again(
    df: pd.DataFrame, others: list[Header], group: RowGroup, header: Header
) -> tuple[RowGroup, Header]:
    """Number rows after all others, and warn of it."""
    first = max(run.first_seq + run.n_psets for run in others)
    run_seq = max(run.run_seq for run in others) + 1
    if len(df):
        first = max(first, int(df["_pset_seq"].max()) + 1)
        run_seq = max(run_seq, int(df["_run_seq"].max()) + 1)
    warnings.warn(
        f"run {header.run_id} (calc_dir={header.calc_dir!r}) has numbers (_pset_seq, _run_seq) of "
        f"another run, as if psets from another machine came by psweep-push or psweep-pull during "
        "the run, or its journal was copied from another study; its rows are kept, with "
        f"_run_seq {run_seq} and _pset_seq from {first}",
        RuntimeWarning,
        stacklevel=4,
    )
    seqs = group.seqs - group.seqs.min() + first
    return group._replace(seqs=seqs), replace(header, run_seq=run_seq)


def _ids_in(df: pd.DataFrame, ids: set[str]) -> set[str]:
    """Return which of these ids a database has."""
    if not ids or "_pset_id" not in df.columns:
        return set()
    return ids.intersection(df["_pset_id"].tolist())


def warn_unreadable(path: Path, contents: JournalContents) -> None:
    """Warn of rows of a journal that cannot be loaded, if there are any."""
    n_rows = len(contents.unreadable)
    if contents.n_damaged:
        n_rows -= 1
        warnings.warn(
            f"{path}: {contents.n_damaged} bytes are damaged, and the finished psets in them are "
            "lost, unless you restore this file from a copy. All others were loaded. To be done "
            "with it: call psweep.recover(), remove this file, and run what is missing again with "
            "skip_dups=True.",
            RuntimeWarning,
            stacklevel=3,
        )
    if n_rows:
        warnings.warn(
            f"{path}: {n_rows} finished psets could not be loaded "
            f"({contents.unreadable[-1]}). They remain in the journal; call psweep.recover() with "
            "the version of Python that wrote them, where their script can be imported.",
            RuntimeWarning,
            stacklevel=3,
        )
