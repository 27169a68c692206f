"""Change a study by a function of its DataFrame: `edit`."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ParamsError, ParamsTypeError
from ..params.hashing import pset_hashes
from ..params.psets import brief
from ..table import frames
from ..table.atoms import ATOMS
from ..table.bookkeeping import RUNTIME
from ..table.cells import cells, in_native_order
from ..table.changing import stale_rows
from ..table.extract import psets_and_fits
from ..table.outcomes import failed_rows, seconds_of, times_of
from .backup import backup
from .journal_reader import found_headers, is_over
from .paths import PathLike
from .study import Study

__all__ = ["edit"]


def edit(
    calc_dir: PathLike,
    function: Callable[[pd.DataFrame], Any],
    *,
    database_basename: str | None = None,
) -> pd.DataFrame:
    """Change the database of a study, with its lock held and a backup made.

    Parameters
    ----------
    calc_dir : str or path
        The folder of the study, or a database in it.
    function : callable
        Takes a copy of the database and returns the changed one. Meanwhile, runs in this
        `calc_dir` wait when they start and end, so it must not start one itself.
    database_basename : str, optional
        The database in the folder. None: the only one, or ``database.pk``.

    Returns
    -------
    DataFrame
        The database as it is on disk now. The state before is in a copy of the whole folder,
        ``<calc_dir>.bak_<timestamp>_run_id_<id>``, unless nothing was changed.

    Raises
    ------
    ParamsError, ParamsTypeError, DatabaseError
        The change would lose rows, or leave a study with ids or numbers that come twice, hashes
        that are not those of the psets, or columns that cannot be stored. Nothing was changed.
    StudyNotFoundError
        There is no study in that folder.
    Exception
        Of `function`. Nothing was changed.

    Examples
    --------
    >>> import psweep as ps
    >>> _ = ps.run_local(lambda pset: {"y": 1}, ps.plist("x", [1, 2]))
    >>> df = ps.edit("calc", lambda df: ps.df_add_param(df, "solver", "cg"))
    >>> ps.df_extract_params(df)
    [{'x': 1, 'solver': 'cg'}, {'x': 2, 'solver': 'cg'}]
    """
    _check_function(function)
    study = Study.find(calc_dir, database_basename)
    with study.locked():
        # Before the others are merged: what is left of these then was skipped, and blocks nothing.
        live = [path for path in study.layout.journals() if not is_over(path)]
        before = study.fold()
        new = _checked(live, before, function(_deep_copy(before)))
        if frames.are_same(before, new) and list(before.dtypes) == list(new.dtypes):
            return before
        new = study.storable(new)
        backup(study, str(uuid.uuid4()))
        return study.write_database(new)


def _deep_copy(df: pd.DataFrame) -> pd.DataFrame:
    """Copy a DataFrame and the objects in it, which a function may change in place."""
    new = df.copy()
    for i, dtype in enumerate(df.dtypes):
        values = df.iloc[:, i]
        if pd.api.types.is_object_dtype(dtype) and not ATOMS.issuperset(map(type, values)):
            copies = np.empty(len(df), dtype=object)
            for place, value in enumerate(values):
                try:
                    copies[place] = copy.deepcopy(value)
                except Exception:  # it cannot be copied, so it stays the same one
                    copies[place] = value
            # (As a Series: of an array, pandas would make other types, such as Timestamp.)
            as_objects: Any = pd.Series(copies, index=new.index, dtype=object)
            new.isetitem(i, as_objects)
    return new


def _check_function(function: Any) -> None:
    if not callable(function):
        message = f"edit: function must take a DataFrame and return one, not {brief(function)}"
        raise ParamsTypeError(message)


def _checked(live: Iterable[Path], before: pd.DataFrame, new: Any) -> pd.DataFrame:
    """Refuse a change that would break what a study promises."""
    if not isinstance(new, pd.DataFrame):
        message = f"edit: the function must return the changed DataFrame, not {brief(new)}"
        raise ParamsTypeError(message)
    new = in_native_order(new)
    where = "the DataFrame that the function returned"
    if not len(new.columns) and len(before.columns):
        message = f"edit: {where} is empty; return the changed one, or remove rows by psweep-rm"
        raise ParamsError(message)
    ids = list(new["_pset_id"]) if "_pset_id" in new.columns else []
    if len({*ids}) < len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        message = (
            f"edit: the _pset_id {twice!r} comes twice in {where}; keep one of these rows, such as "
            "by df.drop_duplicates('_pset_id'), or merge studies by df_merge"
        )
        raise ParamsError(message)
    changed = frames.usable(new, where)
    if not len(changed.columns):
        return changed
    _check_ids(before, changed, where)
    _check_book(before, changed)
    changed = frames.regrouped(changed)
    _check_live_runs(live, before, changed)
    _check_hashes(before, changed)
    return _with_types_of(before, changed)


def _check_ids(before: pd.DataFrame, new: pd.DataFrame, where: str) -> None:
    odd = [i for i in new["_pset_id"] if not isinstance(i, str)]
    if odd:
        message = f"edit: the _pset_id of each row must be a str, not {brief(odd[0])}"
        raise ParamsTypeError(message)
    lost = set(before["_pset_id"]) - set(new["_pset_id"]) if len(before) else set()
    if lost:
        message = (
            f"edit: {len(lost)} rows are missing in {where} (_pset_id {min(lost)!r} ...); keep all "
            "rows and their ids, and remove rows by psweep-rm, which can be undone"
        )
        raise ParamsError(message)


def _check_book(before: pd.DataFrame, new: pd.DataFrame) -> None:
    """Refuse bookkeeping that nobody could read; what cannot be read already may stay."""
    failed_rows(new)
    known = {name: {*before["_pset_id"][odd]} for name, odd in _unreadable(before).items()}
    for name, odd in _unreadable(new).items():
        rows = np.flatnonzero(odd & ~new["_pset_id"].isin(known.get(name, ())).to_numpy())
        if rows.size:
            message = (
                f"edit: the {name} of a row is {brief(new[name].iloc[rows[0]])}, not "
                f"{_KINDS[name]}; leave this column as it is"
            )
            raise ParamsTypeError(message)


_KINDS = {"_run_id": "a str", "_time_utc": "a time", RUNTIME: "a number of seconds"}


def _unreadable(df: pd.DataFrame) -> dict[str, Any]:
    """Mark cells of bookkeeping that cannot be read, by column."""
    if not len(df):
        return {}
    found: dict[str, Any] = {
        "_run_id": np.array([not isinstance(run_id, str) for run_id in df["_run_id"]]),
        "_time_utc": times_of(df).isna().to_numpy(),
    }
    if RUNTIME in df.columns:
        found[RUNTIME] = np.isnan(seconds_of(df)) & df[RUNTIME].notna().to_numpy()
    return found


def _check_live_runs(live: Iterable[Path], before: pd.DataFrame, new: pd.DataFrame) -> None:
    """Refuse to take the numbers of runs that go on, or to renumber rows of theirs."""
    old = before.set_index("_pset_id") if len(before) else before
    for run in found_headers(live):
        mine = new["_run_id"] == run.run_id
        seqs = new["_pset_seq"]
        taken = ~mine & (
            seqs.between(run.first_seq, run.first_seq + run.n_psets - 1)
            | (new["_run_seq"] == run.run_seq)
        )
        moved = False
        if len(before):
            known = new[new["_pset_id"].isin(old.index)].set_index("_pset_id")
            theirs = old[old["_run_id"] == run.run_id]
            for name in ("_run_id", "_run_seq", "_pset_seq"):
                moved |= not (known.loc[theirs.index, name] == theirs[name]).all()
        if taken.any() or moved:
            message = (
                f"edit: the change needs numbers (_pset_seq, _run_seq) that run {run.run_seq} has, "
                "which has not ended; try again when it has"
            )
            raise ParamsError(message)


def _with_types_of(before: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Let values that were not changed keep their types in rows with a new hash.

    `df_update_pset_hash` sees only the changed DataFrame. In a column of floats, 1 may have been an
    int, and the old hash, which told it, does not fit a row any more that has lost a parameter.
    """
    known = dict(zip(before["_pset_id"], before["_pset_hash"], strict=True)) if len(before) else {}
    has_new_hash = np.array(
        [
            known.get(i, sha) != sha
            for i, sha in zip(new["_pset_id"], new["_pset_hash"], strict=True)
        ],
        dtype=bool,
    )
    if not has_new_hash.any() or before["_pset_id"].duplicated().any():
        return new
    changed = new[has_new_hash]
    before = before.iloc[pd.Index(before["_pset_id"]).get_indexer(changed["_pset_id"])]
    sources = _sources(before, changed)
    if not sources:
        return new
    then, now = (psets_and_fits(df)[0] for df in (before, changed))
    for name, (source, same) in sources.items():
        for old, pset, is_same in zip(then, now, same, strict=True):
            if is_same and source in old and name in pset:
                pset[name] = old[source]
    hashes = new["_pset_hash"].to_numpy(dtype=object, copy=True)
    hashes[has_new_hash] = pset_hashes(now)
    return new.assign(_pset_hash=pd.Series(hashes, index=new.index).astype(new["_pset_hash"].dtype))


def _sources(before: pd.DataFrame, new: pd.DataFrame) -> dict[Any, tuple[Any, list[bool]]]:
    """Find which column a parameter with numbers was before, as it may be renamed.

    With it comes which of its cells are numbers that were not changed. These may have been floats
    or ints: in a column of objects as well, if it was one of floats before rows were added.
    """
    then, now = (
        {name: cells(df[name]) for name in frames.groups(df)[0] if df[name].dtype in _NUMBERS}
        for df in (before, new)
    )
    sources = {name: (name, _same_numbers(then[name], now[name])) for name in now if name in then}
    for name in now.keys() - then.keys():
        for source in then.keys() - now.keys():
            same = _same_numbers(then[source], now[name])
            if same == [type(value) in (int, float) and value == value for value in then[source]]:
                sources[name] = source, same
    return sources


_NUMBERS = (np.dtype(np.float64), np.dtype(object))


def _same_numbers(then: list[Any], now: list[Any]) -> list[bool]:
    return [
        type(old) in (int, float) and type(old) is type(new) and old == new
        for old, new in zip(then, now, strict=True)
    ]


def _check_hashes(before: pd.DataFrame, new: pd.DataFrame) -> None:
    stale = new[stale_rows(new, strict=True)]
    if not len(stale):
        return
    # Of some rows it was so before: func may have returned another value for a parameter.
    known = before.loc[stale_rows(before, strict=True)] if len(before) else before
    same = dict(zip(known["_pset_id"], known["_pset_hash"], strict=True)) if len(known) else {}
    bad = stale[
        [same.get(i) != sha for i, sha in zip(stale["_pset_id"], stale["_pset_hash"], strict=True)]
    ]
    if len(bad):
        message = (
            f"edit: the _pset_hash of {len(bad)} rows is not that of their parameters (_pset_id "
            f"{bad['_pset_id'].iloc[0]!r} ...); return psweep.df_update_pset_hash(df)"
        )
        raise ParamsError(message)
