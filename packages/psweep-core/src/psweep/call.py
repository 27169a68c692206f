"""One call of ``func`` on one pset, in whichever process: its time, its failure, its prints."""

from __future__ import annotations

import contextlib
import copy
import functools
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import pandas as pd

from .database import df_write
from .errors import ResultError
from .frames import frame_of_rows
from .journal import encode
from .json_values import check_storable, shown
from .logs import captured
from .params import Pset
from .portable import ATOMS, is_plain
from .rows import RESERVED, Header, Row

__all__ = [
    "CALLERS",
    "Job",
    "JobParts",
    "RunPset",
    "Settings",
    "describe",
    "failed_row",
    "note",
    "pickled",
    "runner",
    "save_row",
]

Func = Callable[[Pset], Any]

_IMMUTABLE = frozenset({int, float, str, bool, type(None), bytes, complex})


class Job(NamedTuple):
    """One pset that is to be run."""

    position: int  # among the psets that the run has to do
    pset_id: str
    pset_hash: str
    params: Pset


# A Job, or the same as a plain tuple, which is made in a fifth of the time.
JobParts = tuple[int, str, str, Pset]

RunPset = Callable[..., "tuple[Row, bool]"]  # see `runner`


@dataclass(frozen=True)
class Settings:
    """What all calls of a run have in common."""

    header: Header
    folder: str  # calc_dir as an absolute path: func may change the working directory
    on_error: str
    capture_logs: str | None
    verbose: bool | tuple[Any, ...]
    tmpsave: bool
    data_only: bool  # the database is a format that cannot hold everything
    extras: dict[str, Any] | None  # further book-keeping that is the same in all rows
    ran: bool = True  # False: func only prepares the pset, which has no runtime yet
    retries: int = 0  # how many times a pset that fails is called again
    timeout: float | None = None  # s for one pset
    plain: bool = False  # no value in the params can be changed, or needs care when it is pickled


def runner(func: Func, settings: Settings) -> RunPset:
    """Make the function that runs one pset, as often as it takes.

    Its parameters and what it returns::

        job : tuple
            A Job, or its parts.
        calls : int, default 1
            The number of this call of func, if it was called for this pset before.
        tell : callable, optional
            Is called before each further call.

        row : Row
        plain : bool
            The params are those of the job, nothing in the row can change any more, and
            ``pickle.dumps`` makes it into what a journal takes. For other rows that is `pickled`.

    It raises what the last call of ``func`` raised, with a note that names the pset, unless
    failures are to be recorded.
    """
    call = _caller(func, settings)
    return functools.partial(_retried, call, settings) if settings.retries else call


def _retried(
    call: RunPset,
    settings: Settings,
    job: JobParts,
    calls: int = 1,
    tell: Callable[[], None] | None = None,
) -> tuple[Row, bool]:
    while True:
        last = calls > settings.retries
        try:
            row, plain = call(job)
        except Exception as error:
            if last:
                note(error, f"psweep: {_calls(calls)}")
                raise
        else:
            if row[7] is None or not row[7].get("_failed"):
                return row, plain
            if last:
                row[7]["_exc_txt"] += f"psweep: {_calls(calls)}\n"
                return row, plain
        calls += 1
        if tell is not None:
            tell()


def _calls(n: int) -> str:
    return f"func was called {n} times for this pset" if n > 1 else "func was called once"


def _caller(func: Func, settings: Settings) -> RunPset:
    """Make what calls func on one pset.

    It is one function, in which all that the calls have in common was looked up before, and each
    result is gone through once, since for a quick func the time for all around it is felt.
    """
    header = settings.header
    run_id, run_seq, calc_dir, first_seq = (
        header.run_id,
        header.run_seq,
        header.calc_dir,
        header.first_seq,
    )
    plain, data_only, extras = settings.plain, settings.data_only, settings.extras
    quick = settings.capture_logs is None and settings.on_error == "raise" and not settings.verbose
    timestamp, freq, tz, unit = _how_timestamps_are_made()
    now, clock = time.time_ns, time.perf_counter

    def call(job: JobParts, *_: Any) -> tuple[Row, bool]:
        position, pset_id, pset_hash, params = job
        seq = first_seq + position
        time_ns = now()
        given = params
        if not plain and not _IMMUTABLE.issuperset(map(type, params.values())):
            given = _copied(params)
        pset = {
            **given,
            "_run_id": run_id,
            "_pset_id": pset_id,
            "_calc_dir": calc_dir,
            "_time_utc": timestamp(time_ns, freq, tz, unit),
            "_pset_hash": pset_hash,
            "_pset_seq": seq,
            "_run_seq": run_seq,
        }
        if not quick:
            row = _careful_call(func, Job(*job), settings, pset, time_ns)
            row_plain = plain and row[5] is params and is_plain(row[6])
            return row, row_plain and (not data_only or _is_storable(row))
        start = clock()
        try:
            result = func(pset)
            runtime = clock() - start
            row_plain = plain
            usual = type(result) is dict
            if usual:
                result = {**result}  # func may use its dict again
                for name, value in result.items():
                    if name in RESERVED or name in params:
                        usual = False
                    elif type(value) not in ATOMS or type(name) not in ATOMS:
                        row_plain = False
            if not usual:
                params, result = _merged(Job(*job), result, settings)
                row_plain = plain and params is job[3] and is_plain(result)
        except Exception as error:
            note(error, f"psweep: raised for {describe(Job(*job), settings)}")
            raise
        if not settings.ran:
            runtime = float("nan")
        row = seq, pset_id, time_ns, pset_hash, runtime, params, result, extras
        if data_only:
            row_plain = row_plain and _is_storable(row)
        return row, row_plain

    CALLERS.add(call.__code__)
    return call


def pickled(job: JobParts, row: Row, settings: Settings) -> tuple[Row, bytes]:
    """Make a row into what a journal takes.

    Returns
    -------
    row : Row
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
            _check_storable(row)
        return row, encode(row)
    except Exception as error:
        job = Job(*job)
        message = (
            f"the result of {describe(job, settings)} cannot be stored: {_culprit(row)} "
            f"({error}); return data instead, or write it to a file and return the file's name"
        )
        problem = ResultError(message)
        if settings.on_error == "raise":
            raise problem from error
        failed = failed_row(job, settings, row[2], row[4], f"ResultError: {message}")
        failed = (*failed[:7], {**(row[7] or {}), **(failed[7] or {})})  # with what it printed
        return failed, encode(failed)


def _check_storable(row: Row) -> None:
    check_storable({**row[5], **row[6]})  # func may have replaced params, too


def _is_storable(row: Row) -> bool:
    try:
        _check_storable(row)
    except Exception:
        return False
    return True


def _how_timestamps_are_made() -> tuple[Any, ...]:
    """Give a function of ns since 1970, and its three further arguments.

    What pickle calls takes half the time of the constructor.
    """
    some = pd.Timestamp(1_600_000_000_123_456_789)
    reduced: Any = some.__reduce__()
    function, (value, *rest) = reduced
    if value == some.value and len(rest) == 3 and function(value, *rest) == some:
        return function, *rest
    return lambda ns, *_: pd.Timestamp(ns), None, None, None  # pandas has changed


def _careful_call(func: Func, job: Job, settings: Settings, pset: Pset, time_ns: int) -> Row:
    """Run one pset that is to be shown, or whose prints or failure are to be recorded."""
    params = job.params
    if settings.verbose:
        book = {name: pset[name] for name in pset.keys() & RESERVED}
        _print_row(params, book, settings.verbose)
    result: Pset = {}
    extras = dict(settings.extras or {})
    failure = None
    with captured(settings.capture_logs, Path(settings.folder, job.pset_id, "logs.txt")) as logs:
        start = time.perf_counter()
        try:
            returned = func(pset)
            runtime = time.perf_counter() - start
            params, result = _merged(job, returned, settings)
        except (Exception, SystemExit) as error:
            runtime = time.perf_counter() - start
            if settings.on_error == "raise":
                note(error, f"psweep: raised for {describe(job, settings)}")
                raise
            failure = _traceback_of(error)
    if settings.on_error == "record":
        extras |= {"_failed": failure is not None, "_exc_txt": failure}
    if settings.capture_logs in ("db", "db+file"):
        extras["_logs"] = "".join(logs)
    if not settings.ran:
        runtime = float("nan")
    seq = settings.header.first_seq + job.position
    return seq, job.pset_id, time_ns, job.pset_hash, runtime, params, result, extras or None


# The code that calls func, by which it is found on the stack.
CALLERS: set[CodeType] = {_careful_call.__code__}


def failed_row(job: Job, settings: Settings, time_ns: int, runtime: float, why: str) -> Row:
    """Make the row of a pset that has no result."""
    extras = {**(settings.extras or {}), "_failed": True, "_exc_txt": why}
    seq = settings.header.first_seq + job.position
    return seq, job.pset_id, time_ns, job.pset_hash, runtime, job.params, {}, extras


def save_row(row: Row, settings: Settings) -> None:
    """Write a finished row to a file of its own, where that was asked for."""
    if settings.tmpsave:
        path = Path(settings.folder, "tmpsave", settings.header.run_id, f"{row[1]}.pk")
        df_write(frame_of_rows([row], settings.header), path)


def describe(job: Job, settings: Settings) -> str:
    """Name a pset in a message."""
    text = shown(job.params, 500)
    seq = settings.header.first_seq + job.position
    return f"the pset {text} (_pset_seq={seq}, _pset_id={job.pset_id!r})"


def note(error: BaseException, text: str) -> None:
    """Add a note to an exception, as Python 3.11 shows it below the traceback."""
    if hasattr(error, "add_note"):
        error.add_note(text)
    else:
        with contextlib.suppress(AttributeError):
            error.__notes__ = [*getattr(error, "__notes__", []), text]


def _traceback_of(error: BaseException) -> str:
    """Format a traceback from func on; that psweep called it is no news."""
    trace = error.__traceback__
    while (
        trace is not None
        and trace.tb_next is not None
        and str(trace.tb_frame.f_globals.get("__name__")).startswith("psweep.")
    ):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))


def _copied(params: Pset) -> Pset:
    """Copy values that func could change, so that neither the caller's psets nor the row change."""
    copied = {}
    for name, value in params.items():
        try:
            copied[name] = copy.deepcopy(value)
        except Exception:
            copied[name] = value  # such as a lock, which has no copies
    return copied


def _merged(job: Job, result: Any, settings: Settings) -> tuple[Pset, Pset]:
    """Sort what func returned into new values of params, and results."""
    if not isinstance(result, dict):
        message = (
            f"func returned {shown(result)} ({type(result).__name__}) for "
            f"{describe(job, settings)}; "
            'return a dict, such as {"result": value}'
        )
        raise ResultError(message)
    params = job.params
    if result.keys().isdisjoint(params) and result.keys().isdisjoint(RESERVED):
        return params, {**result}  # func may use its dict again, which may be of a kind of its own
    given = {
        "_run_id": settings.header.run_id,
        "_pset_id": job.pset_id,
        "_calc_dir": settings.header.calc_dir,
        "_pset_hash": job.pset_hash,
        "_pset_seq": settings.header.first_seq + job.position,
        "_run_seq": settings.header.run_seq,
    }
    results = {}
    for name, value in result.items():
        if name in params:
            params = {**params, name: value}
        elif not (isinstance(name, str) and name in RESERVED):
            results[name] = value
        elif name != "_time_utc" and (name not in given or value != given[name]):
            message = (
                f"func returned {name!r} for {describe(job, settings)}, a name that psweep keeps "
                "for its book-keeping; return the value under another name"
            )
            raise ResultError(message)
    return params, results


def _culprit(row: Row) -> str:
    for values in (row[6], row[5]):
        for name, value in values.items():
            try:
                encode((*row[:5], {}, {name: value}, None))
            except Exception:
                return f"{name!r} is {shown(value)} ({type(value).__name__})"
    return "a value in it"


def _print_row(params: Pset, book: Pset, verbose: bool | tuple[Any, ...]) -> None:
    row = {**params, **book}
    names = params if isinstance(verbose, bool) else verbose
    shown = {name: row.get(name) for name in names}
    print(pd.DataFrame([shown], index=[book["_time_utc"]]).to_string(), flush=True)
