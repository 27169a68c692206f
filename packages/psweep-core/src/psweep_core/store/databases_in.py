"""Which databases a folder has, and what to say if it has none."""

from __future__ import annotations

import os

from ..errors import DatabaseError, StudyNotFoundError
from .paths import Layout, PathLike
from .spool import Spool, spools_of

__all__ = ["databases_in", "not_found"]


def databases_in(calc_dir: PathLike) -> set[str]:
    """List the databases of a folder: the files, and those that unfinished runs will write.

    One that was renamed, or written in another format, has left a folder in PRIVATE.
    """
    layout = Layout(calc_dir)
    names, usual = layout.basenames(), layout.usual_databases()
    if len(names | usual) > 1:  # else it is the study, also if it has no database yet
        names = {name for name in names if _is_used(Layout(calc_dir, name))}
    return names or usual


def _is_used(layout: Layout) -> bool:
    """Return whether there is a database, or a run that will write one."""
    return (
        layout.database.exists()
        or bool(layout.journals())
        or any(map(_is_unfinished, spools_of(layout)))
        or layout.database.exists()  # by a run that has just ended
    )


def _is_unfinished(spool: Spool) -> bool:
    try:
        return bool(spool.journals()) or bool(spool.unfinished())
    except (DatabaseError, OSError):
        return True  # whoever uses it says why it cannot be read


def not_found(layout: Layout, calc_dir: PathLike, named: str | None) -> StudyNotFoundError:
    """Make the error that there is no study; `named` is the database that was asked for."""
    where = f"database in {os.fspath(calc_dir)}" if named is None else layout.database
    message = f"there is no {where}, and no unfinished run either"
    if layout.runs.is_file():
        message += (
            "; runs.jsonl lists runs that ended before their first result, or whose database was "
            "moved away: psweep.df_runs shows them"
        )
    if layout.calc_dir.is_file():
        message += f"; it is a file: name its folder, {layout.calc_dir.parent}"
    others = layout.files_like_databases() if named is None else []
    if others:
        message += (
            f"; the folder holds {', '.join(others)}: if one of these is its database, name it: "
            f"{os.path.join(calc_dir, others[0])}"
        )
    return StudyNotFoundError(message)
