"""Read a study: a database file, or a folder with all that is known so far."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from ..old_words import takes_old_words
from . import database
from .old_files import understood
from .paths import PathLike, expanded
from .study import Study

__all__ = ["df_read", "recover"]


@takes_old_words
def df_read(path: PathLike) -> pd.DataFrame:
    """Read a database: a file, or a study's folder with every finished pset.

    Parameters
    ----------
    path : str or path
        A file with the suffix ``.pk`` (``.pkl``, ``.pickle``), ``.json`` or
        ``.parquet``, or a folder such as ``"calc"``; ``~`` is expanded. Files with other names are
        read if they are pickles, because older versions wrote these. From a folder come also the
        psets that finished in runs which are still going, or which were killed. A database of
        psweep 0.8 to 0.16 comes as if this version had made it, and one line on stderr says so,
        see `migrate`. Nothing is written and no lock is taken.

    Returns
    -------
    DataFrame
        One row per pset.

    Raises
    ------
    StudyNotFoundError
        There is no such file, or no database in the folder.
    DatabaseError
        The file is damaged, or of an unknown format. It is left as it is.

    Warnings
    --------
    Reading a pickle runs code that the file chooses. Read only those that you
    trust; accept ``.json`` or ``.parquet`` from strangers.

    Examples
    --------
    >>> import psweep as ps
    >>> _ = ps.run_local(lambda pset: {"b": 2}, [{"a": 1}])
    >>> ps.df_print(ps.df_read("calc"))
     a  b
     1  2
    """
    path = expanded(path)
    if _is_folder(path):
        # (A script that watches a run may be there before its first row.)
        return Study.find(path).so_far()
    return understood(database.read_file(Path(path)), path)[0]


def _is_folder(path: PathLike) -> bool:
    """Return whether a path is a folder, perhaps one that is being made right now."""
    return os.path.isdir(path) or not (os.path.isfile(path) or Path(path).suffix)


def recover(calc_dir: PathLike = "calc", database_basename: str | None = None) -> pd.DataFrame:
    """Move the finished psets of killed runs into the database.

    Every run does this when it starts. To read them without moving them, pass the folder to
    `df_read`.

    Parameters
    ----------
    calc_dir : str or path, default "calc"
        The folder of the study, or a database in it.
    database_basename : str, optional
        The database in the folder. None: the only one, or ``database.pk``.

    Returns
    -------
    DataFrame
        The database.

    Raises
    ------
    StudyNotFoundError
        That folder has no study, or several.
    DatabaseError
        The database is damaged. It is left as it is, and so are the journals.

    Examples
    --------
    >>> import psweep as ps
    >>> _ = ps.run_local(lambda pset: {"b": 2}, [{"a": 1}])
    >>> len(ps.recover("calc"))
    1
    """
    return Study.find(calc_dir, database_basename).fold_now()
