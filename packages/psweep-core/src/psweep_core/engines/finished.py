"""A finished pset becomes a row: what a journal takes, or the row of a failure."""

from __future__ import annotations

import re

from ..errors import ResultError
from ..messages import safe_repr, safe_str
from ..store.database import write_file
from ..store.json_values import check_storable
from ..store.log_files import take_log
from ..store.row_bytes import encode
from ..table.bookkeeping import SEED
from ..table.frames import frame_of_rows
from ..table.rows import Row, RowTuple, failure_of, is_failed
from .isolation import with_given_folders
from .job import Job, JobTuple, Settings, describe, with_attempts

__all__ = ["failed_row", "is_storable", "pickled", "ran_out_of_memory", "save_row"]

_NO_MEMORY = r"^([\w.]+\.)?_?(Array)?MemoryError\b"


def pickled(job: JobTuple, row: RowTuple, settings: Settings) -> tuple[RowTuple, bytes]:
    """Convert a row into what a journal takes.

    Returns
    -------
    row : RowTuple
        Another one, that of a failure, if the result cannot be stored and failures are to be
        recorded.
    payload : bytes

    Raises
    ------
    ResultError
        The result cannot be stored.
    """
    try:
        if settings.data_only:
            finished = Row._make(row)
            row = finished._replace(
                params=with_given_folders(finished.params),
                results=with_given_folders(finished.results),
            )
            _check_storable(row)
        return row, encode(row, settings.data_only)
    except Exception as error:
        job = Job(*job)
        message = (
            f"the result of {describe(job, settings)} cannot be stored: {_culprit(row)} "
            f"({safe_str(error)}); return data instead, or write it to a file and return its name"
        )
        problem = ResultError(message)
        if settings.on_error == "raise":
            raise problem from error
        lost = Row._make(row)
        failure = {"_failed": True, "_exc_txt": f"ResultError: {message}"}
        extras = {**(lost.extras or {}), **failure}  # with what it printed
        failed = lost._replace(params=job.params, results={}, extras=extras)
        return failed, encode(failed, settings.data_only)


def _check_storable(row: RowTuple) -> None:
    *_, params, results, _extras = row
    check_storable({**params, **results})  # func may have replaced params, too


def is_storable(row: RowTuple) -> bool:
    """Return whether JSON has a form for all values of a row."""
    try:
        _check_storable(row)
    except Exception:
        return False
    return True


def failed_row(job: Job, settings: Settings, time_ns: int, runtime: float, why: str) -> Row:
    """Make the row of a pset that has no result."""
    extras = {**(settings.extras or {}), "_failed": True, "_exc_txt": why}
    if job.seed is not None:
        extras[SEED] = job.seed
    where, folder = settings.capture_logs or "", settings.logs_dir
    if "db" in where:
        extras["_logs"] = None if folder is None else take_log(folder, where, job.pset_id)
    extras = with_attempts(extras, job.position, settings)
    seq = settings.header.first_seq + job.position
    return Row(seq, job.pset_id, time_ns, job.pset_hash, runtime, job.params, {}, extras)


def ran_out_of_memory(row: RowTuple) -> bool:
    """Return whether the row is that of a pset that failed because there was no more memory."""
    # Exceptions of NumPy are subclasses; those of GPUs speak of another memory.
    return is_failed(row) and bool(re.search(_NO_MEMORY, str(failure_of(row)), re.MULTILINE))


def save_row(row: RowTuple, settings: Settings) -> None:
    """Write a finished row to a file of its own, where that was asked for."""
    if settings.tmpsave:
        path = settings.layout.tmpsave(settings.header.run_id, Row._make(row).pset_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(frame_of_rows([row], settings.header), path, follow=False)


def _culprit(row: RowTuple) -> str:
    named = Row._make(row)
    for values in (named.results, named.params):
        for name, value in values.items():
            try:
                encode(named._replace(params={}, results={name: value}, extras=None))
            except Exception:
                return f"{safe_repr(name)} is {safe_repr(value)} ({type(value).__name__})"
    return "a value in it"
