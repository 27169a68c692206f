"""Where logs are: in a folder of psweep while their psets run, then in those of the psets."""

from __future__ import annotations

import contextlib
import os
import warnings
from pathlib import Path

from .paths import Layout, run_of
from .regular import open_regular
from .spool import spools_of

__all__ = ["log_while_running", "move_log", "place_leftovers", "remove_log", "take_log"]

_ONLY_DB = ".db"  # the suffix of a log that is for the database alone


def log_while_running(folder: Path, where: str, pset_id: str) -> Path:
    """Return the file with what a pset has printed so far."""
    return folder / (pset_id + (".txt" if "file" in where else _ONLY_DB))


def take_log(folder: Path, where: str, pset_id: str) -> str | None:
    """Read what a pset had printed before its process was killed; None: nothing is known of it."""
    path = log_while_running(folder, where, pset_id)
    try:
        with open_regular(path) as file:
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return None
    if path.suffix == _ONLY_DB:
        remove_log(path)
    return text


def remove_log(place: Path) -> None:
    """Remove a log that is for the database alone, where that is possible.

    Windows refuses it while a program that func has left running has the file open.
    """
    with contextlib.suppress(OSError):
        place.unlink()


def place_leftovers(layout: Layout) -> None:
    """Move the logs of psets that did not end, of runs that have ended, to where logs belong."""
    folders = layout.unfinished_logs()
    if not folders:
        return
    live = {run_of(journal)[1] for journal in layout.journals()}
    live |= {spool.run_id for spool in spools_of(layout) if spool.journals()}
    for run_id, folder in folders.items():
        if run_id not in live:
            for place in folder.glob("*.txt"):
                move_log(place, layout.log(place.stem))
            for place in folder.glob("*" + _ONLY_DB):  # their psets have no row
                remove_log(place)
            with contextlib.suppress(OSError):
                folder.rmdir()


def move_log(place: Path, target: Path) -> None:
    """Move the log of a pset that has ended to where logs belong."""
    try:
        target.parent.mkdir(exist_ok=True)
        os.replace(place, target)
    except OSError as error:
        if place.exists():  # else others were quicker: the run has ended
            message = f"what a pset printed stays in {place}: {error}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
