"""Compare the database of a study with its folders."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..errors import DatabaseError
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
        database, of runs that still go on or were killed.

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
    >>> ps.check_calc_dir("calc")
    {'db_not_disk': set(), 'disk_not_db': set(), 'unfinished_journals': set()}
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
    }


def _is_uuid(name: str) -> bool:
    parts = name.split("-")
    return [len(part) for part in parts] == [8, 4, 4, 4, 12] and all(
        char in "0123456789abcdef" for part in parts for char in part
    )
