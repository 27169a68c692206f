"""Compare the database of a study with its folders."""

from __future__ import annotations

import contextlib
import math
import os
import time
from pathlib import Path

import pandas as pd

from ..errors import DatabaseError
from ..table.changing import stale_rows
from ..table.levels import study_frame
from .databases_in import databases_in
from .journal_reader import is_over
from .locks import is_locked
from .paths import Layout, PathLike, calc_dir_of, is_first_journal, lock_of, run_of, split_database
from .study import Study

__all__ = ["check_calc_dir", "compared"]

_GRACE_SECONDS = 1.0
_MAX_SECONDS = 5.0
_POLL_SECONDS = 0.05


def check_calc_dir(calc_dir: PathLike, df: pd.DataFrame | None = None) -> dict[str, set[str]]:
    """Compare the rows of the database with the folders ``<calc_dir>/<pset_id>``.

    The study may be running: what its runs have not finished yet is not wrong.

    Parameters
    ----------
    calc_dir : str or path
        The folder of the study, or a database in it.
    df : DataFrame, optional
        Its database. None: all that is known of it, see `df_read`.

    Returns
    -------
    dict of set of str
        ``db_not_disk``: the ``_pset_id`` of rows without a folder,
        ``disk_not_db``: the names of such folders without a row,
        ``unfinished_journals``: the files with rows that are not in the
        database, of runs that were killed,
        ``hash_not_pset``: the ``_pset_id`` of rows whose ``_pset_hash`` is not that of their
        parameters, because these were changed by hand, or func returned another value for one.
        `df_update_pset_hash` updates them.

    Raises
    ------
    StudyNotFoundError
        There is no database in that folder.
    DatabaseError
        The database is damaged.

    Examples
    --------
    >>> import os
    >>> import psweep as ps
    >>> df = ps.run_local(lambda pset: {}, [{"a": 1}])
    >>> os.mkdir("calc/" + df._pset_id[0])
    >>> found = ps.check_calc_dir("calc")
    >>> [name for name, problems in found.items() if problems]
    []
    """
    return compared(calc_dir, df)[1]


def compared(
    calc_dir: PathLike, df: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, dict[str, set[str]]]:
    """Do what `check_calc_dir` does, and return the rows, too, which take long to read."""
    folder = Path(split_database(calc_dir)[0])
    waiting = Layout(folder).all_journals()
    since = _start_of_live_runs(waiting)
    folders = _folders(folder) if folder.is_dir() else {}
    own = None
    if df is None:
        study = Study.find(calc_dir)
        df, own = study.so_far(), study.layout.basename
    if len(df.columns) and "_pset_id" not in df.columns:
        message = f"this DataFrame has no column '_pset_id' (it has {list(df.columns)!r})"
        raise DatabaseError(message)
    rows = set(df["_pset_id"].tolist()) if len(df.columns) else set()
    known = rows | _ids_of_other_databases(folder, own)
    # Looked at before and after the rows, because both may grow.
    later = _folders(folder)
    since = min(since, _start_of_live_runs(waiting))
    extra = {name: when for name, when in folders.items() if name not in known}
    return df, {
        "db_not_disk": rows - later.keys(),
        "disk_not_db": {name for name, when in extra.items() if when < since},
        "unfinished_journals": {str(path) for path in _of_killed_runs(waiting)},
        "hash_not_pset": _stale(df),
    }


def _ids_of_other_databases(folder: Path, own: str | None) -> set[str]:
    """Find the rows of the other databases in the folder; `own` is None if it is not known."""
    names = databases_in(folder)
    if own is None and len(names) == 1:
        return set()
    ids: set[str] = set()
    for name in names - {own}:
        df = Study(folder, name).known()
        ids.update(df["_pset_id"].tolist() if len(df) else [])
    return ids


def _stale(df: pd.DataFrame) -> set[str]:
    if not len(df) or not {"_run_id", "_pset_hash"} <= {*df.columns}:
        return set()
    return set(df["_pset_id"][stale_rows(study_frame(df, "check_calc_dir"))].tolist())


def _folders(calc_dir: Path) -> dict[str, float]:
    """Find the folders of psets, and when they were changed."""
    found = {}
    for entry in os.scandir(calc_dir):
        with contextlib.suppress(OSError):  # it has gone, or is a link to itself
            if _is_uuid(entry.name) and entry.is_dir():
                found[entry.name] = entry.stat().st_mtime
    return found


def _start_of_live_runs(journals: list[Path]) -> float:
    """Return when the first of the runs that go on was started; folders may be theirs since then.

    The clock is that of the file system: the lock of a journal is made with it and never written.
    """
    starts = []
    for path in journals:
        with contextlib.suppress(FileNotFoundError):
            start = os.stat(lock_of(path)).st_mtime
            if not is_over(path):
                starts.append(start)
    return min(starts, default=math.inf)


def _of_killed_runs(journals: list[Path]) -> list[Path]:
    """Find the journals of runs whose own process is gone.

    A run closes its journals before it gets the study's lock and moves their rows. What is still
    there after that lock was free for a while was left by a killed run.
    """
    over = {path: is_over(path) for path in journals if path.exists()}
    live = {run_of(path) for path in over if is_first_journal(path) and not over[path]}
    found = [path for path in over if over[path] and run_of(path) not in live]
    locks = {Layout(calc_dir_of(path), path.parent.name).lock for path in found}
    begin = taken = time.monotonic()
    while found and time.monotonic() - taken < _GRACE_SECONDS:
        if time.monotonic() - begin > _MAX_SECONDS:
            return []  # whoever has the lock all the time moves the rows
        time.sleep(_POLL_SECONDS)
        if any(map(is_locked, locks)):
            taken = time.monotonic()
        found = [path for path in found if path.exists()]
    return found


def _is_uuid(name: str) -> bool:
    parts = name.split("-")
    return [len(part) for part in parts] == [8, 4, 4, 4, 12] and all(
        char in "0123456789abcdef" for part in parts for char in part
    )
