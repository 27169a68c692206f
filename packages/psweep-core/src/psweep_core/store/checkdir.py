"""Compare the database of a study with its folders."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..errors import DatabaseError
from ..table.changing import stale_rows
from ..table.levels import study_frame
from .layout import Layout, PathLike
from .read import df_read

__all__ = ["check_calc_dir"]


def check_calc_dir(calc_dir: PathLike, df: pd.DataFrame | None = None) -> dict[str, set[str]]:
    """Compare the rows of the database with the folders ``<calc_dir>/<pset_id>``.

    Parameters
    ----------
    calc_dir : str or path
        The folder of the study.
    df : DataFrame, optional
        Its database. None: all that is known of it, see `df_read`.

    Returns
    -------
    dict of set of str
        ``db_not_disk``: the ``_pset_id`` of rows without a folder,
        ``disk_not_db``: the names of such folders without a row,
        ``unfinished_journals``: the files with rows that are not in the
        database, of runs that still go on or were killed,
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
    folder = Path(calc_dir)
    if df is None:
        df = df_read(folder)
    if len(df.columns) and "_pset_id" not in df.columns:
        message = f"this DataFrame has no column '_pset_id' (it has {list(df.columns)!r})"
        raise DatabaseError(message)
    rows = set(df["_pset_id"]) if len(df.columns) else set()
    folders = {path.name for path in folder.iterdir() if path.is_dir() and _is_uuid(path.name)}
    waiting = Layout(folder).all_journals()
    return {
        "db_not_disk": rows - folders,
        "disk_not_db": folders - rows,
        "unfinished_journals": {str(path) for path in waiting},
        "hash_not_pset": _stale(df),
    }


def _stale(df: pd.DataFrame) -> set[str]:
    if not len(df) or not {"_run_id", "_pset_hash"} <= {*df.columns}:
        return set()
    return set(df["_pset_id"][stale_rows(study_frame(df, "check_calc_dir"))])


def _is_uuid(name: str) -> bool:
    parts = name.split("-")
    return [len(part) for part in parts] == [8, 4, 4, 4, 12] and all(
        char in "0123456789abcdef" for part in parts for char in part
    )
