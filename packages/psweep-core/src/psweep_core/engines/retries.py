"""Call func again for a pset that failed."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ..params.psets import Pset
from ..table.rows import RowTuple, is_failed
from .capture import add_line
from .failures import note
from .isolation import WorkingFolder, copied
from .job import Func, RunPset

__all__ = ["call_again", "calls_of", "retried"]


def retried(
    first: RunPset,
    again: RunPset,
    retries: int,
    job: Any,
    calls: int = 1,
    tell: Callable[[], None] | None = None,
    log: IO[bytes] | None = None,
) -> tuple[RowTuple, bool]:
    """Run one pset, up to `retries` times more if it fails.

    Parameters
    ----------
    first, again : callable
        Take a job and run its pset, for the first time and later.
    retries : int
    job, calls, tell, and returns
        See `call.runner`.
    log : file, optional
        Takes what func prints.
    """
    while True:
        last = calls > retries
        if log is not None and calls > 1:
            add_line(log, f"psweep: call {calls} of {retries + 1}")
        try:
            row, atomic = first(job, log=log) if calls == 1 else again(job, log=log)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if last:
                note(error, f"psweep: {calls_of(calls)}")
                raise
        else:
            *_, extras = row
            if extras is None or not is_failed(row):
                return row, atomic
            if last:
                extras["_exc_txt"] += f"psweep: {calls_of(calls)}\n"
                return row, atomic
        calls += 1
        if tell is not None:
            tell()


def calls_of(n: int) -> str:
    """Describe how many times func was called."""
    return f"func was called {n} times for this pset" if n > 1 else "func was called once"


def call_again(func: Func, start: WorkingFolder, pset: Pset) -> Any:
    """Call func for a pset that it was called for before.

    If all that stops it is the folder that it made the last time, as by ``folder.mkdir()``, the
    folder is moved out of the way. One that it goes on to use, as for a checkpoint, stays.
    """
    folder = Path(pset["_calc_dir"], pset["_pset_id"])
    if not folder.exists():
        return func(pset)
    once_more = {**copied(pset), "_calc_dir": pset["_calc_dir"]}
    try:
        return func(pset)
    except FileExistsError as error:
        name = error.filename
        if not isinstance(name, str | os.PathLike) or os.path.abspath(name) != str(folder):
            raise
    numbers = itertools.count(1)
    old = next(path for n in numbers if not (path := Path(f"{folder}.call_{n}")).exists())
    folder.rename(old)
    start.return_to()
    return func(once_more)
