"""`batch_collect`: read the results of batch jobs into the database."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from psweep import ParamsTypeError, ResultError
from psweep_core.plumbing import (
    ATTEMPTS,
    BOOK,
    EXTRAS,
    MISSING,
    PRIVATE,
    RUNTIME,
    PathLike,
    Progress,
    Study,
    assemble,
    cells,
    check_storable,
    column,
    dumps,
    failed_rows,
    groups,
    holds_data_only,
    is_atomic,
    is_private,
    replace_text,
    seconds_of,
)

from .find_state import READER_MARK
from .outputs import tail
from .queues import Queues
from .result_files import UNUSABLE, read_result, result_file, without_book
from .scripts import run_script_path
from .states import State
from .status import job_statuses, not_prepared, remember_collected
from .status_record import PsetStatus, book_names
from .task_status import settle

__all__ = ["batch_collect"]

_NO_RUNTIME = float("nan")
_NOT_NOTED = (State.NOT_SUBMITTED, State.UNKNOWN)  # but somebody may have run it in another way

Reader = Callable[[Path], Mapping[Any, Any]]


class _Update(NamedTuple):
    """What is to be put into the row of a pset."""

    results: Mapping[Any, Any]
    failure: str | None
    runtime: float  # s, NaN if not known
    attempt: int | None = None  # how often it was submitted; None: it is not counted


def batch_collect(
    calc_dir: PathLike = "calc",
    machine: str | None = None,
    *,
    reader: Reader | None = None,
    again: bool = False,
    database_basename: str | None = None,
    progress: bool | None = None,
) -> pd.DataFrame:
    r"""Read the results of batch jobs into the database, as columns.

    You can call it at any time, also while jobs run: it adds the new results. Rows of unfinished
    jobs have no ``_pset_runtime`` (NaN). If a job ended with a nonzero exit code, or without a
    result, its row gets ``_failed=True``, and ``_exc_txt`` says why, with the last lines of the
    job's output. If a job was killed after its result was complete, the result counts. If a failed
    pset was submitted again and succeeded, its row no longer counts as failed.

    Parameters
    ----------
    calc_dir : str or path, default "calc"
        The folder of the study, or a database in it.
    machine : str, optional
        Only psets whose last job was on this machine. None: on any machine.
    reader : callable, optional
        Takes the folder of a pset (a `pathlib.Path`) and returns a dict of results. None: read the
        dict in ``result.pk`` (pickle) or, if there is none, in ``result.json``. A result with the
        name of a parameter replaces its value in the row, as in `run_local`. Reading a pickle can
        run any code.
    again : bool, default False
        Also read results that are already in the database, for example after you changed `reader`.
    database_basename : str, optional
        Name of the database in `calc_dir`. None: the one that exists there.
    progress : bool, optional
        Show a progress bar. None: only in a terminal or a notebook, and only if it takes more
        than a second.

    Returns
    -------
    DataFrame
        The whole study.

    Raises
    ------
    StudyNotFoundError
        There is no study in that folder.
    BatchError
        Nothing was prepared for that machine.
    DatabaseError
        The database is damaged, and was left untouched.

    Examples
    --------
    >>> import subprocess
    >>> import psweep as ps
    >>> ps.file_write("templates/machines/local/info.yaml", "subcmd: sh")
    >>> script = "echo '{\"square\": '$$(($a * $a))'}' > result.json"
    >>> ps.file_write("templates/machines/local/jobscript", script)
    >>> df = ps.prep_batch(ps.plist("a", [2, 3]), calc_templ_dir=None)
    >>> _ = subprocess.run(["sh", "calc/run_local.sh"])
    >>> ps.df_print(ps.batch_collect("calc"))
     a  square
     2       4
     3       9
    """
    _check_reader(reader)
    study = Study.find(calc_dir, database_basename)
    folder = Path(study.layout.name)
    settle(study.layout)  # rows of tasks that are gone are moved, too
    df = study.fold_now()
    updates = {}
    jobs = job_statuses(df, folder, None)
    new = [status for status in jobs if again or not status.is_collected]
    known = _known(df, {status.pset_id for status in new})
    if machine is not None:
        if not run_script_path(folder, machine).exists():
            raise not_prepared(folder, machine)
        new = [status for status in new if status.machine == machine]
    queues = Queues(folder)
    bar = Progress(len(new), progress)
    try:
        for status in new:
            update = _update(
                status, folder, reader, known.get(status.pset_id), study.layout.basename, again
            )
            bar.add(1, update is not None and update.failure is not None)
            if update is not None:
                updates[status.pset_id] = update._replace(attempt=_attempts(status, queues))
    finally:
        bar.close()
    if reader is not None and any(update.failure is None for update in updates.values()):
        replace_text(folder / PRIVATE / READER_MARK, "")
    with study.locked():
        df = study.fold()
        extended = _updated(df, updates) if jobs else df
        if extended is not df:
            study.write_database(extended)
    remember_collected(extended, folder, jobs)
    return extended


def _attempts(status: PsetStatus, queues: Queues) -> int | None:
    """Count how often a pset was submitted, where the machine has `escalate`."""
    if status.attempt is None or not queues.machine(status.attempt.machine).escalate:
        return None
    return status.attempt.number


def _check_reader(reader: Any) -> None:
    """Refuse what cannot read a result."""
    if reader is not None and not callable(reader):
        message = f"reader must be a function of a folder that returns a dict, not {reader!r}"
        raise ParamsTypeError(message)


class _Known(NamedTuple):
    """What the database says of a pset's job so far."""

    failure: str | None
    runtime: float
    book: dict[str, Any]


def _known(df: pd.DataFrame, wanted: set[str]) -> dict[str, _Known]:
    """Read from the database what it says of some psets, by their ids."""
    if not wanted:
        return {}
    df = df[df["_pset_id"].isin(wanted)]
    failures = df["_exc_txt"].tolist() if "_exc_txt" in df.columns else [None] * len(df)
    books: Any = df[book_names(df)].to_dict("records")
    return {
        book["_pset_id"]: _Known(failure if bad else None, runtime, book)
        for failure, bad, runtime, book in zip(
            failures, failed_rows(df).tolist(), seconds_of(df).tolist(), books, strict=True
        )
    }


def _update(
    status: PsetStatus,
    calc_dir: Path,
    reader: Reader | None,
    known: _Known | None,
    basename: str,
    again: bool,
) -> _Update | None:
    """Find out what is new for the row of a pset; None if nothing is."""
    if known is None:
        return None  # its row was removed meanwhile
    folder = calc_dir / status.pset_id
    runtime = status.attempt.runtime if status.attempt else None
    runtime = _NO_RUNTIME if runtime is None else runtime
    if status.state in (State.QUEUED, State.RUNNING):
        # Submitted again: the earlier failure does not count any more.
        return _Update({}, None, _NO_RUNTIME) if known.failure is not None else None
    # One that caught a signal and ended well may have left what a reader finds.
    exit_code = status.attempt.exit_code if status.attempt else None
    if (
        status.state in (State.FAILED, State.LOST, State.CANCELLED)
        and (reader is None or exit_code != 0)
    ) or (status.state == State.NO_RESULT and reader is None and result_file(folder) is None):
        failure = _failure(status)
        if failure == known.failure or _says_more(known, status, runtime):
            return None
        return _Update({}, failure, runtime)
    if known.failure is None and known.runtime == runtime and not again:
        return None
    if reader is None and status.state in _NOT_NOTED and result_file(folder) is None:
        return None
    try:
        results = _read_results(folder, reader)
        results = _checked(results, known.book, basename)
    except Exception as error:
        if status.state in _NOT_NOTED:
            return None  # it may be run in another way, and not have finished
        failure = _failure(_without_result(status, error, reader is not None))
        return None if failure == known.failure else _Update({}, failure, runtime)
    # (That of an earlier psweep is what its psets are recognised by.)
    return _Update(results, None, known.runtime if status.state == State.UNKNOWN else runtime)


def _without_result(status: PsetStatus, error: Exception, by_reader: bool) -> PsetStatus:
    """Return the status of a pset whose result has turned out to be none."""
    attempt = status.attempt
    if (
        attempt is not None
        and attempt.exit_code == 0
        and (attempt.has_result or not attempt.killed)
    ):
        text = "".join(traceback.format_exception(error)) if by_reader else f"{error}"
        reason = f"exit code 0, but no result in {attempt.folder}: {text}"
        return status._replace(state=State.NO_RESULT, reason=reason)
    state = State.CANCELLED if status.state == State.CANCELLED else State.LOST
    text = f"{type(error).__name__}: {error}" if by_reader else f"{error}"
    return status._replace(state=state, reason=f"{status.reason}{UNUSABLE}{text}")


def _says_more(known: _Known, status: PsetStatus, runtime: float) -> bool:
    """Return whether the database says of this attempt also why its result cannot be used."""
    return (
        known.failure is not None
        and UNUSABLE in known.failure
        and f": {_job(status)}: " in known.failure
        and (known.runtime == runtime or (known.runtime != known.runtime and runtime != runtime))
    )


def _job(status: PsetStatus) -> str:
    where = f"job {status.attempt.job_id}" if status.attempt and status.attempt.job_id else "job"
    return f"{where} on {status.machine}"


def _failure(status: PsetStatus) -> str:
    text = f"{status.state}: {_job(status)}: {status.reason}"
    files = [path for path in (status.log, status.stderr) if path is not None]
    if not files:
        return text + "; it has left no output"
    before = "; "
    for path in files:
        lines = tail(path).splitlines()[-20:]
        text = "\n".join([f"{text}{before}the end of {path}:", *lines])
        before = "\n"
    return text


def _read_results(folder: Path, reader: Reader | None) -> Mapping[Any, Any]:
    if reader is None:
        return read_result(folder)
    results: Any = reader(folder)
    if not isinstance(results, Mapping):
        message = f"the reader returned {results!r} ({type(results).__name__}), not a dict"
        raise ResultError(message)
    return results


def _checked(results: Mapping[Any, Any], book: dict[str, Any], basename: str) -> dict[Any, Any]:
    """Drop bookkeeping entries; refuse values that the database cannot hold."""
    kept = without_book(results, book)
    if holds_data_only(basename):
        check_storable(kept)
    elif not is_atomic(kept):
        dumps(kept)
    return kept


def _updated(df: pd.DataFrame, updates: Mapping[str, _Update]) -> pd.DataFrame:
    """Put updates, by pset ids, into their rows."""
    places = {i: updates[pset_id] for i, pset_id in enumerate(df["_pset_id"]) if pset_id in updates}
    if not places and {"_failed", "_exc_txt"} <= set(df.columns):
        return df
    params, book, results = groups(df)
    columns: dict[Any, Any] = {name: df.iloc[:, i] for i, name in enumerate(df.columns)}
    new = dict.fromkeys(name for update in places.values() for name in update.results)
    results = [*results, *(name for name in new if name not in columns)]
    failed = [i for i, update in places.items() if update.failure is not None]
    # Rows whose results are of an earlier attempt
    outdated = set(failed) & set(np.flatnonzero(_has_results(df)).tolist())
    for name in [*new, *(name for name in results if outdated and name not in new)]:
        values = cells(columns[name]) if name in columns else [MISSING] * len(df)
        for i, update in places.items():
            if name in update.results:
                values[i] = update.results[name]
            elif i in outdated and name in results:
                values[i] = MISSING
        columns[name] = column(values, exact=is_private(name))
    changes: dict[str, tuple[Any, dict[int, Any]]] = {
        "_failed": (False, {i: u.failure is not None for i, u in places.items()}),
        "_exc_txt": (None, {i: u.failure for i, u in places.items()}),
        RUNTIME: (_NO_RUNTIME, {i: u.runtime for i, u in places.items()}),
    }
    for name, (default, changed) in changes.items():
        values = columns[name].tolist() if name in columns else [default] * len(df)
        for i, value in changed.items():
            values[i] = value
        columns[name] = np.array(values, dtype="f8") if name == RUNTIME else column(values)
    counted = {i: u.attempt for i, u in places.items() if u.attempt is not None}
    if counted:
        values = cells(columns[ATTEMPTS]) if ATTEMPTS in columns else [1] * len(df)
        columns[ATTEMPTS] = column([counted.get(i, n) for i, n in enumerate(values)])
        book = [*book, ATTEMPTS]
    names = [name for name in (*BOOK, *EXTRAS) if name in {*book, "_failed", "_exc_txt"}]
    order = [*params, *names, *results, RUNTIME]
    return assemble(order, [columns[name] for name in order], df.index)


def _has_results(df: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Find the rows that have results."""
    ran: np.ndarray[Any, Any] = df[RUNTIME].notna().to_numpy(dtype=bool)
    return ran & ~failed_rows(df)
