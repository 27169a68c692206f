"""Copy a study before a run changes it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pandas as pd

from .journal import PRIVATE
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
    entries = [path for path in study.calc_dir.iterdir() if path.name != PRIVATE]
    if not entries:
        return None
    df = study.read_database()
    when = pd.Timestamp.now("UTC").tz_localize(None)
    if len(df):
        run_id, when = df["_run_id"].iloc[-1], df["_time_utc"].iloc[-1]
    target = _path(study, when, run_id)
    if target.exists():  # nothing was added since, but files may have changed
        target = _path(study, pd.Timestamp.now("UTC").tz_localize(None), run_id)
    partial = target.with_name(f".{target.name}.partial")
    for rest in target.parent.glob(f".{study.calc_dir.name}.bak_*.partial"):
        shutil.rmtree(rest)  # of a backup that was killed; nobody else makes one now
    try:
        shutil.copytree(study.calc_dir, partial, symlinks=True, copy_function=_copy_if_there)
        os.rename(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return target


def _path(study: Study, when: pd.Timestamp, run_id: str) -> Path:
    stamp = when.isoformat(timespec="microseconds")
    if sys.platform == "win32":
        stamp = stamp.replace(":", "-")  # which no file name has there
    return study.calc_dir.with_name(f"{study.calc_dir.name}.bak_{stamp}Z_run_id_{run_id}")


def _copy_if_there(source: str, target: str) -> str:
    try:
        return str(shutil.copy2(source, target))
    except FileNotFoundError:
        return target  # another run has removed it since it was listed
