"""Remove rows of a study with their folders, and bring them back.

Each step can be killed. First the rows are written to ``removed/<n>/``, which gets this name when
they are complete, then the database without them, then their folders are moved. Until the second
step nothing is removed: `_clean` drops the copy. After it, `_clean` moves the folders that are
left. If the database is still the same when rows are brought back, the old file takes its place
again, bit for bit.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..errors import CalcDirError, ParamsError
from ..table import frames
from ..table.outcomes import count_same_seeds
from . import database
from .atomic import keep_as, replace_text
from .journal_reader import found_headers
from .removed_numbers import FILE, write_numbers
from .study import Study

__all__ = ["Removal", "remove_rows", "undo_removal"]


_BEFORE = "before"  # the database file before the removal
_AFTER = "after.sha256"  # the digest of the one after it


class Removal(NamedTuple):
    """What was removed, or brought back."""

    n_rows: int
    n_folders: int
    folder: Path | None  # where it is, or was; None: nothing was found
    n_kept: int = 0  # rows of runs that have not ended
    n_same: int = 0  # rows that come back with the random numbers of other ones


def remove_rows(study: Study, query: str, dry_run: bool = False) -> Removal:
    """Move the rows that a query finds, and their folders, to ``removed/<n>/``.

    Parameters
    ----------
    study : Study
    query : str
        As in `DataFrame.query`.
    dry_run : bool, default False
        Only count them.

    Raises
    ------
    ParamsError
        The query makes no sense.
    """
    with study.locked():
        df = study.fold()
        _clean(study, _ids(df))
        known = study.known()  # with the rows of runs that go on
        found = set(known["_pset_id"][_found(known, query)]) if len(known) else set()
        wanted = np.array([pset_id in found for pset_id in _ids(df)], dtype=bool)
        wanted &= ~_in_journals(study, df)
        rows = df[wanted]
        n_kept = len(found) - len(rows)
        folders = [path for path in _folders(study.layout.calc_dir, rows) if path.is_dir()]
        if dry_run or not len(rows):
            return Removal(len(rows), len(folders), None, n_kept)
        partial, target = study.layout.partial_removal(), study.layout.new_removal()
        partial.mkdir(parents=True)
        write_numbers(partial, rows)
        keep_as(study.layout.database, partial / _BEFORE)
        database.write_file(rows, partial / study.layout.basename)
        os.rename(partial, target)
        study.write_database(df[~wanted])
        replace_text(target / _AFTER, _digest(study.layout.database))
        for path in folders:
            os.rename(path, target / path.name)
        return Removal(len(rows), len(folders), target, n_kept)


def undo_removal(study: Study, dry_run: bool = False) -> Removal:
    """Bring back what was removed last.

    Raises
    ------
    CalcDirError
        There is another folder in the place of one that is to be moved back.
    """
    with study.locked():
        df = study.fold()
        _clean(study, _ids(df))
        removals = study.layout.removals()
        if not removals:
            return Removal(0, 0, None)
        source = removals[-1]
        rows = database.read_file(source / study.layout.basename)
        folders = [path for path in _folders(source, rows) if path.is_dir()]
        places = [study.layout.calc_dir / path.name for path in folders]
        taken = [place for place in places if place.exists()]
        if taken:
            message = (
                f"{taken[0]} exists, and so does {source / taken[0].name}, which would be moved "
                "there; rename or remove one of them"
            )
            raise CalcDirError(message)
        n_same = count_same_seeds(df, rows)
        if dry_run:
            return Removal(len(rows), len(folders), source, n_same=n_same)
        for path, place in zip(folders, places, strict=True):
            os.rename(path, place)
        if _is_unchanged(study.layout.database, source):
            os.replace(source / _BEFORE, study.layout.database)
        else:
            study.write_database(_restored(study, df, rows))
        _drop(study, source)
        return Removal(len(rows), len(folders), source, n_same=n_same)


def _restored(study: Study, df: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Put rows back into a database that was changed meanwhile."""
    have = {*_ids(df)}
    rows = rows[[i not in have for i in rows["_pset_id"]]]
    if len(df) and rows["_pset_seq"].isin(df["_pset_seq"]).any():
        # A journal of another study was merged meanwhile, see `union`.
        rows, free = study.numbered_again(df, rows)
        warnings.warn(
            f"other rows have the numbers of the {len(rows)} that come back, which now have "
            f"_run_seq from {free.run_seq} and _pset_seq from {free.first_seq}",
            RuntimeWarning,
            stacklevel=4,
        )
    restored = frames.append_frame(df, rows)
    if set(restored.columns) == set(rows.columns):
        restored = restored[list(rows.columns)]  # as it was, if no run has added columns
    restored.attrs = {**rows.attrs, **df.attrs}
    return restored


def _is_unchanged(database: Path, removal: Path) -> bool:
    """Return whether a database is still the one that a removal has left."""
    try:
        noted = (removal / _AFTER).read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return (removal / _BEFORE).exists() and noted == _digest(database)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while some := file.read(1 << 20):
            digest.update(some)
    return digest.hexdigest()


def _found(df: pd.DataFrame, query: str) -> np.ndarray[Any, Any]:
    """Mark the rows that a query finds."""
    names = ", ".join(map(str, df.columns))
    try:
        found = df.eval(query, local_dict={}, global_dict={})
    except Exception as error:
        message = (
            f"the query {query!r} fails ({type(error).__name__}: {error}); it is one as in "
            f"DataFrame.query, such as 'x > 3 and solver == \"cg\"', of the columns {names}"
        )
        raise ParamsError(message) from error
    if not isinstance(found, pd.Series) or not pd.api.types.is_bool_dtype(found.dtype):
        message = (
            f"the query {query!r} is true or false of no row; compare columns, such as 'x > 3' or "
            f"'x == 3', of {names}"
        )
        raise ParamsError(message)
    return found.astype("boolean").fillna(False).to_numpy(dtype=bool)


def _in_journals(study: Study, df: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Mark the rows of runs that have journals, from which they would come back."""
    runs = {header.run_id for header in found_headers(study.layout.journals())}
    if not runs or not len(df):
        return np.zeros(len(df), dtype=bool)
    return df["_run_id"].isin(runs).to_numpy(dtype=bool)


def _ids(df: pd.DataFrame) -> list[str]:
    return list(df["_pset_id"]) if len(df) else []


def _folders(where: Path, rows: pd.DataFrame) -> list[Path]:
    return [where / pset_id for pset_id in _ids(rows)]


def _clean(study: Study, ids: list[str]) -> None:
    """Finish removals, and undone ones, that were killed; the lock is held."""
    layout, known = study.layout, {*ids}
    if layout.partial_removal().exists():
        shutil.rmtree(layout.partial_removal())
    for folder in layout.removals():
        rows = database.read_file(folder / layout.basename)
        if known.issuperset(rows["_pset_id"]):  # they are still there, or again
            for path in _folders(folder, rows):
                place = layout.calc_dir / path.name
                if path.is_dir() and not place.exists():
                    os.rename(path, place)
            _drop(study, folder)
        else:
            for path in _folders(layout.calc_dir, rows):
                place = folder / path.name
                if path.is_dir() and path.name not in known and not place.exists():
                    os.rename(path, place)


def _drop(study: Study, folder: Path) -> None:
    """Remove the folder of a removal whose rows are in the database."""
    ours = {study.layout.basename, FILE, _BEFORE, _AFTER}
    if {path.name for path in folder.iterdir()} <= ours:
        partial = study.layout.partial_removal()
        os.rename(folder, partial)  # so that a kill from here on leaves nothing that is in use
        shutil.rmtree(partial)
    else:  # a folder that could not be moved back, or something of the user's
        for name in sorted(ours):
            (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # there are other removals
        study.layout.removed_dir.rmdir()
