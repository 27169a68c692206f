"""Files of psweep 0.8 to 0.16: read them as if this psweep had made them, and keep them."""

from __future__ import annotations

import contextlib
import filecmp
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .atomic import keep_as
from .paths import Layout
from .regular import is_strange

if TYPE_CHECKING:
    from ..table.old_database import OldDatabase

__all__ = ["keep_old", "notice_of", "understood"]

_reported: set[object] = set()  # notices


def understood(
    df: pd.DataFrame, where: Path | str, none: Iterable[Any] = (), quiet: bool = False
) -> tuple[pd.DataFrame, OldDatabase | None]:
    """Return a database as this psweep would have made it, and report an old one, once.

    Parameters
    ----------
    df : DataFrame
        What was read.
    where : path or str
        From where, for the report.
    none : iterable of names
        See `restored`.
    quiet : bool, default False
        Report nothing.
    """
    from ..table.old_releases import restored  # here, because `import psweep` should be quick

    old = restored(df, none)
    if old is None:
        return df, None
    notice = notice_of(old, where)
    if not quiet and notice not in _reported:
        _reported.add(notice)
        if sys.stderr is not None:
            # The terminal or the pipe may be closed, which is not a reason to read nothing.
            with contextlib.suppress(OSError, ValueError):
                print(f"psweep: {notice}", file=sys.stderr, flush=True)
    return old.df, old


def notice_of(old: OldDatabase, where: Path | str) -> str:
    """Return the line about an old database."""
    notice = f"{where}: {old.summary()}"
    if old.question():
        names = " ".join(shlex.quote(str(name)) for name in old.unknown)
        names = names if names.isprintable() else "NAME"
        notice += f"; {old.question()}: it counts as absent"
        if Path(where).is_file():  # and is not a DataFrame
            calc_dir = shlex.quote(str(Path(where).parent))
            notice += f", unless you call psweep-migrate {calc_dir} --none {names} before a run"
    return notice


def keep_old(layout: Layout, release: str) -> Path:
    """Keep the file of an old release under another name, before the database is replaced."""
    database = layout.database.resolve()
    for path in layout.old_databases(release):
        if not is_strange(path) and filecmp.cmp(path, database, shallow=False):
            return path  # a process was killed after it had kept the file
    kept = layout.old_database(release)
    keep_as(database, kept)
    return kept
