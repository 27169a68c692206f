"""What goes to another process and comes back: func, psets, exceptions."""

from __future__ import annotations

import contextlib
import pickle
from typing import Any

import cloudpickle

from .call import Func, Job
from .errors import ParamsTypeError, RemoteTraceback, WorkerError
from .failures import carried, note

__all__ = [
    "pickled_exception",
    "pickled_func",
    "pickled_job",
    "unpickled_exception",
    "unpickled_job",
]


def pickled_func(func: Func) -> bytes:
    """Pickle func by cloudpickle, or say what is wrong with it."""
    try:
        data: bytes = cloudpickle.dumps(func)
    except Exception as error:
        message = (
            f"func {func!r} cannot be sent to worker processes: {error}; open files, locks and "
            "connections inside func instead of outside, or run without poolsize"
        )
        raise ParamsTypeError(message) from error
    return data


def pickled_job(job: Job) -> tuple[int, str, str, bytes]:
    """Pickle a pset that is to be run; its params apart.

    So a worker that cannot unpickle them still knows whose they are.
    """
    return job.position, job.pset_id, job.pset_hash, cloudpickle.dumps(job.params)


def unpickled_job(sent: tuple[int, str, str, bytes]) -> Job:
    """Make what `pickled_job` gave into a Job again."""
    try:
        return Job(*sent[:3], pickle.loads(sent[3]))
    except Exception as error:
        note(error, f"psweep: raised when a worker unpickled the pset with _pset_id={sent[1]!r}")
        raise


def pickled_exception(error: BaseException) -> bytes:
    """Pickle an exception; nothing if there is no way to get it out again."""
    # Exceptions whose __init__ takes arguments of its own pickle, but do not unpickle.
    parts = type(error), error.args, {**error.__dict__}
    for attempt in (error, parts):
        with contextlib.suppress(Exception):
            payload: bytes = cloudpickle.dumps(attempt)
            pickle.loads(payload)
            return payload
    return b""


def unpickled_exception(payload: bytes, summary: str, text: str, where: str) -> BaseException:
    """Make the exception of a worker into one of this process."""
    try:
        error: Any = pickle.loads(payload)
        if isinstance(error, tuple):
            kind, args, state = error
            error = kind.__new__(kind, *args)
            error.args = args
            error.__dict__.update(state)
    except Exception:
        error = WorkerError(f"func raised an exception that cannot leave its process: {summary}")
    cause: BaseException = error
    with contextlib.suppress(Exception):  # one that is frozen
        cause.__cause__ = RemoteTraceback(text)
    if where not in "".join(getattr(cause, "__notes__", [])):
        note(cause, f"psweep: raised for {where}")
    return carried(cause)
