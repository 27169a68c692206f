"""`migrate`: make the database of an old release one of this psweep, by hand."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pandas as pd

from ..errors import ParamsError, ParamsTypeError
from . import database
from .old_files import notice_of, understood
from .paths import PathLike
from .study import Study

__all__ = ["explain", "migrate"]


def migrate(calc_dir: PathLike = "calc", none: Iterable[Any] = ()) -> pd.DataFrame:
    """Convert the study of an old psweep (0.8 to 0.16) to this version.

    This is optional: `df_read` and all programs read such studies as they are, and the first run
    converts them. By hand you can say what the database does not: which missing values were None.
    The old file is kept next to the new one, such as ``calc/database.pk.old_0.15-0.16``. A study of
    this version is left as it is.

    Parameters
    ----------
    calc_dir : str or path, default "calc"
        The folder of the study, or a database in it.
    none : list of names, default ()
        Parameters whose missing values were None. psweep 0.15 and 0.16 stored None, NaN and
        parameters that a pset did not have in the same way; names not in this list count as absent.

    Returns
    -------
    DataFrame
        The database.

    Raises
    ------
    StudyNotFoundError
        There is no study in that folder.
    DatabaseError
        The database is damaged. It is left as it is.
    ParamsError
        A name in `none` is not that of a parameter with missing values that may have been None.
        Nothing is written.
    ParamsTypeError
        `none` is a single str.

    Examples
    --------
    >>> import psweep as ps
    >>> df = ps.run_local(lambda pset: {"b": 2}, [{"a": 1}])
    >>> len(ps.migrate("calc"))  # of this version already
    1
    """
    if isinstance(none, str):
        message = f"none must be a list of names, not {none!r}; write [{none!r}]"
        raise ParamsTypeError(message)
    study = Study.find(calc_dir)
    with study.locked():
        study.migrate([*none])
        return study.fold()


def explain(calc_dir: PathLike, none: Iterable[Any] = ()) -> list[str]:
    """Describe what `migrate` would do; nothing is written."""
    study = Study.find(calc_dir)
    path = study.layout.database
    where = os.path.join(study.layout.name, path.name)
    if not path.exists():
        return [f"{where}: there is none yet"]
    _, old = understood(database.read_file(path), where, none, quiet=True)
    if old is None:
        if none:
            message = f"{where} is of this version, so none={[*none]!r} cannot be applied"
            raise ParamsError(message)
        return [f"{where}: nothing to do, it already has the format of this version"]
    kept = os.path.join(study.layout.name, study.layout.old_database(old.release).name)
    return [notice_of(old, where), f"the old file is kept as {kept}"]
