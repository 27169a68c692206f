"""Make one study of several: `df_merge`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ParamsError, ParamsTypeError
from ..params.psets import brief
from .frames import append_frame, check_book, check_numbers, numbered
from .levels import study_frame
from .outcomes import count_same_seeds, failed_rows, waiting_rows

__all__ = ["df_merge"]


def df_merge(*dfs: Any) -> pd.DataFrame:
    """Merge several studies into one, as if their runs had extended one study in this order.

    Parameters
    ----------
    *dfs : DataFrame, or one list of DataFrame
        Databases. None of them is modified.

    Returns
    -------
    DataFrame
        All rows; a row that is in several of them, by its ``_pset_id``, comes once: the good one
        rather than one that failed or was only prepared, else the one in the later DataFrame. It
        stands where its id comes first. Columns come in their three groups, values keep their
        types, hashes and ids stay the same. ``_pset_seq`` and ``_run_seq`` are new.

    Raises
    ------
    DatabaseError
        One of them is not a database, or has rows without numbers.
    ParamsTypeError
        An argument is not a DataFrame.
    ParamsError
        There is nothing to merge, or the same row has other parameters in another study.

    Notes
    -----
    Files in the folders of psets stay where they are; ``_calc_dir`` tells in which study.

    Studies that were run with the same ``seed`` have rows with the same random numbers, which are
    no repeats of each other. A warning reports their number.

    Examples
    --------
    >>> import psweep as ps
    >>> def run(x):
    ...     return ps.run_local(lambda pset: {"y": x}, [{"x": x}], save=False)
    >>> df = ps.df_merge(run(1), run(2.5))
    >>> ps.df_print(df, cols=["_pset_seq", "_run_seq", "x", "y"])
     _pset_seq  _run_seq   x   y
             0         0 1.0 1.0
             1         1 2.5 2.5
    >>> ps.df_extract_params(df)
    [{'x': 1}, {'x': 2.5}]
    """
    given = dfs
    if len(dfs) == 1 and not isinstance(dfs[0], pd.DataFrame) and isinstance(dfs[0], Iterable):
        given = tuple(dfs[0]) if not isinstance(dfs[0], str) else dfs
    parts = [_checked(df, position) for position, df in enumerate(given)]
    if not parts:
        message = "df_merge got no DataFrame; write df_merge(df1, df2)"
        raise ParamsError(message)
    filled = [df for df in parts if len(df)]
    if not filled:
        return max(parts, key=lambda df: len(df.columns))
    chosen = _chosen_rows(filled)
    numbers: dict[Any, int] = {}
    start = n_same = 0
    merged = filled[0][:0]
    for df, keep in zip(filled, chosen, strict=True):
        some = df[keep]
        if not len(some):
            continue
        runs = [numbers.setdefault(run_id, len(numbers)) for run_id in some["_run_id"]]
        new = numbered(some, np.arange(start, start + len(some)), np.array(runs, dtype=np.int64))
        start += len(some)
        n_same += count_same_seeds(merged, new)
        merged = append_frame(merged, new)
    if n_same:
        message = (
            f"{n_same} rows have the pset and the _seed of a row of another study, so the same "
            "random numbers: they are no further repeats, and with them error bars are too small; "
            "leave them out, or run one of the studies with another seed"
        )
        warnings.warn(message, stacklevel=2)
    return _in_order(merged, filled)


def _in_order(merged: pd.DataFrame, dfs: list[pd.DataFrame]) -> pd.DataFrame:
    """Move each row to where its ``_pset_id`` comes first, so that no row is behind a newer one."""
    ids = [pset_id for df in dfs for pset_id in df["_pset_id"]]
    if len(ids) == len(merged):
        return merged
    place = {pset_id: i for i, pset_id in enumerate(dict.fromkeys(ids))}
    order = np.argsort([place[pset_id] for pset_id in merged["_pset_id"]], kind="stable")
    if (np.diff(order) == 1).all():
        return merged
    merged = merged.iloc[order]
    return numbered(merged, np.arange(len(merged)), pd.factorize(merged["_run_id"])[0])


def _checked(df: Any, position: int) -> pd.DataFrame:
    where = f"argument {position} of df_merge"
    if not isinstance(df, pd.DataFrame):
        hint = f"; write psweep.df_read({df!r})" if isinstance(df, str) else ""
        message = f"{where} must be a DataFrame, not {brief(df)}{hint}"
        raise ParamsTypeError(message)
    study = pd.DataFrame(df)  # perhaps of a subclass
    if not len(study.columns):
        return study
    check_book(study, where)
    study = study_frame(study, "df_merge")
    check_numbers(study, where)
    # Rows may have been sorted by hand; those of a study are in the order of their numbers.
    order = np.argsort(study["_pset_seq"].to_numpy(), kind="stable")
    return study if (np.diff(order) == 1).all() else study.iloc[order]


def _chosen_rows(dfs: list[pd.DataFrame]) -> list[Any]:
    """Mark in each DataFrame the rows to take, so that each ``_pset_id`` comes once."""
    masks = [np.ones(len(df), dtype=bool) for df in dfs]
    every = pd.concat([df["_pset_id"] for df in dfs], ignore_index=True)
    twice = every.duplicated(keep=False).to_numpy(dtype=bool)
    if not twice.any():
        return masks
    ids = every.tolist()
    hashes = [sha for df in dfs for sha in df["_pset_hash"]]
    ranks = [np.where(waiting_rows(df), 0, np.where(failed_rows(df), 1, 2)) for df in dfs]
    rank = np.concatenate(ranks)
    best: dict[Any, int] = {}
    for place in np.flatnonzero(twice).tolist():
        pset_id = ids[place]
        other = best.get(pset_id)
        if other is not None and hashes[other] != hashes[place]:
            message = (
                f"the row with the _pset_id {pset_id!r} is in two studies with different "
                f"parameters (_pset_hash {hashes[other]} and {hashes[place]}); make the same "
                "change in both, such as df_add_param, or leave the row out of one of them"
            )
            raise ParamsError(message)
        if other is None or rank[place] >= rank[other]:
            best[pset_id] = place
    keep = ~twice
    keep[list(best.values())] = True
    ends = np.cumsum([len(df) for df in dfs])[:-1]
    return list(np.split(keep, ends))
