"""Where logs are: in a folder of psweep while their psets run, then in those of the psets."""

from __future__ import annotations

import contextlib
import os
import warnings
from pathlib import Path

from .paths import Layout, run_of
from .spool import spools_of

__all__ = ["move_log", "place_leftovers"]


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
