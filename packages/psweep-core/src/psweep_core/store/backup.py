"""Copy a study before a run changes it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pandas as pd

from ..table.outcomes import times_of
from .locks import file_lock
from .paths import PRIVATE, Layout
from .regular import is_strange
from .study import Study

__all__ = ["backup"]


def backup(study: Study, run_id: str) -> Path | None:
    """Copy the folder of a study, whose lock is held.

    Parameters
    ----------
    study : Study
    run_id : str
        For the name of the copy, if the study has no rows yet.

    Returns
    -------
    Path or None
        The copy, which bears its name only when it is whole. None: there is nothing to copy.
    """
    # Of another database in this folder a run may be making a backup at the same time.
    with file_lock(study.layout.backup_lock):
        return _backup(study, run_id)


def _backup(study: Study, run_id: str) -> Path | None:
    layout = study.layout
    entries = [path for path in layout.calc_dir.iterdir() if path.name != PRIVATE]
    if not entries:
        return None
    df = study.read_database()
    when = pd.Timestamp.now("UTC").tz_localize(None)
    if len(df):
        run_id, last = df["_run_id"].iloc[-1], times_of(df.tail(1)).iloc[0]
        when = when if last is pd.NaT else last
    target = _path(layout, when, run_id)
    if target.exists():  # nothing was added since, but files may have changed
        target = _path(layout, pd.Timestamp.now("UTC").tz_localize(None), run_id)
    partial = layout.partial_backup(target)
    for rest in layout.partial_backups():
        shutil.rmtree(rest)  # of a backup that was killed; nobody else makes one now
    try:
        _copy_folder(layout.calc_dir, partial)
        os.rename(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return target


def _path(layout: Layout, when: pd.Timestamp, run_id: str) -> Path:
    stamp = when.isoformat(timespec="microseconds")
    if sys.platform == "win32":
        stamp = stamp.replace(":", "-")  # not allowed in file names there
    return layout.backup(stamp, run_id)


def _copy_folder(source: Path, target: Path) -> None:
    """Copy a folder in which other runs write and remove files meanwhile."""
    try:
        shutil.copytree(source, target, symlinks=True, copy_function=_copy_if_there)
    except shutil.Error as error:
        # Folders that were removed since they were listed; the others have been copied.
        if any(os.path.lexists(path) for path, *_ in error.args[0]):
            raise


def _copy_if_there(source: str, target: str) -> str:
    if is_strange(Path(source)):  # a pipe or a socket, which hold nothing
        return target
    try:
        return str(shutil.copy2(source, target))
    except FileNotFoundError:
        return target  # another run has removed it since it was listed
