"""`run_local`: loop over params, keep everything."""

from __future__ import annotations

import contextlib
import difflib
import functools
import inspect
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, ParamSpec, TypeVar

import pandas as pd

from . import _siblings
from .backup import backup as make_backup
from .call import Func, Settings, note
from .checks import (
    check_df,
    check_func,
    check_options,
    check_params,
    check_params_storable,
    holds_data_only,
)
from .errors import DatabaseError, UnknownKeywordError
from .files import PathLike
from .frames import append_frame, frame_of_columns, frame_of_rows, rows_of_run
from .hashing import pset_hash
from .journal import Journal, count_rows
from .params import Pset
from .plan import Jobs, done_hashes, header_after, next_number, plan_jobs
from .pool import run_pool
from .portable import are_plain
from .progress import Progress
from .rows import ROW_SIZE, Header, Row
from .serial import run_serial
from .simulate import run_simulated
from .study import KeptRows, Study

__all__ = ["Work", "explain_unknown_keywords", "run", "run_local", "run_saved"]

P = ParamSpec("P")
T = TypeVar("T")
Done = Callable[["pd.DataFrame | None"], set[str]]


def explain_unknown_keywords(function: Callable[P, T]) -> Callable[P, T]:
    """Refuse a misspelt keyword with the one that was probably meant."""
    known = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checked(*args: P.args, **kwds: P.kwargs) -> T:
        for name in kwds:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                cure = f"did you mean {close[0]!r}?" if close else f"it knows {', '.join(known)}"
                message = f"{function.__name__} got an unknown keyword {name!r}; {cure}"
                raise UnknownKeywordError(message)
        return function(*args, **kwds)

    return checked


@explain_unknown_keywords
def run_local(
    func: Func,
    params: Sequence[Pset],
    df: pd.DataFrame | None = None,
    *,
    poolsize: int | None = None,
    executor: Any = None,
    save: bool = True,
    calc_dir: PathLike = "calc",
    database_basename: str = "database.pk",
    simulate: bool = False,
    backup: bool = False,
    git: bool = False,
    skip_dups: bool = False,
    on_error: Literal["raise", "record"] = "raise",
    retries: int = 0,
    timeout: float | None = None,
    capture_logs: Literal["db", "file", "db+file"] | None = None,
    progress: bool | None = None,
    verbose: bool | Sequence[Any] = False,
    tmpsave: bool = False,
) -> pd.DataFrame:
    """Call ``func`` on each pset and keep every parameter set and result in a database.

    Every finished pset is on disk before the next one starts. Whatever ends a run, the next run
    in the same `calc_dir`, or `recover`, finds all that was finished; `df_read` of the folder shows
    it at any time.

    Parameters
    ----------
    func : callable
        Takes a pset, a dict, and returns a dict that is merged over it. What
        it gets is a copy with ``_run_id``, ``_pset_id``, ``_calc_dir``, ``_time_utc``,
        ``_pset_hash``, ``_pset_seq`` and ``_run_seq`` in it.
    params : list of dict
        The psets. They are not modified.
    df : DataFrame, optional
        The study to extend, as returned by an earlier call. None: the one in
        `calc_dir`, or a new one if `save` is False.
    poolsize : int, optional
        Run in so many worker processes. None: one pset after another in this process.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Run there: on a pool of threads or processes, loky's, mpi4py's, dask's, and so also on many
        machines, which need psweep-core. Rows come home as they finish; the column ``_exec_host``
        tells where each ran. The executor is not shut down. If one of its processes dies, a pool
        of the standard library is broken, and the run ends; dask tries again. None: see `poolsize`.
    save : bool, default True
        Keep everything on disk. False: touch no file at all.
    calc_dir : str or path, default "calc"
        Folder of the study.
    database_basename : str, default "database.pk"
        Name of the database in it; the suffix chooses the format, see `df_write`.
    simulate : bool, default False
        Look before you leap: do not call ``func``, append rows without results
        to a copy of the database in ``<calc_dir>.simulate``, and say on stderr
        what a real run would do.
    backup : bool, default False
        Copy `calc_dir` to ``<calc_dir>.bak_<timestamp>_run_id_<id>`` first, with the
        time and the run id of the last row that it holds.
    git : bool, default False
        Commit what is uncommitted in the repository of the working directory, run, and commit the
        results, too. Each row's ``_git_commit`` is the commit with the code that ran. Needs the
        distribution psweep-git.
    skip_dups : bool, default False
        Run only psets whose hash has no successful row yet, and each of them
        once. Resumes a study.
    on_error : {"raise", "record"}, default "raise"
        What an exception in ``func`` does: end the run, with all finished psets
        in the database, or become a row with ``_failed=True`` and the traceback in
        ``_exc_txt`` while the others run on.
    retries : int, default 0
        Call ``func`` for a pset that failed up to so many times more, whether it raised, its
        worker process died, or it took too long.
    timeout : float, optional
        Seconds for one call. Past them the worker process is stopped, with all that it has
        started, and the pset counts as failed. Needs `poolsize`. None: there is no limit.
    capture_logs : {"db", "file", "db+file"}, optional
        Keep what ``func`` and the programs it starts print: in the column ``_logs``,
        in ``<calc_dir>/<pset_id>/logs.txt``, or in both. None: it is printed.
    progress : bool, optional
        Show a progress bar: how many psets are through, failed, and were skipped by
        `skip_dups`, how fast it goes and when it will be done. None: only in a terminal
        or a notebook, and only if the run takes more than a second. True: also in a log
        or a pipe, as a plain line a minute and one at the end.
    verbose : bool or sequence of names, default False
        Print each pset as it starts, or the named columns of it.
    tmpsave : bool, default False
        Also write each finished row to ``<calc_dir>/tmpsave/<run_id>/<pset_id>.pk``.

    Returns
    -------
    DataFrame
        The whole study, one row a pset, in the order of `params` whatever the
        order in which they finished. ``df.index`` equals ``_pset_seq``. Columns:
        first the params, then the book-keeping from ``_run_id`` on, then the
        results, then ``_pset_runtime``, seconds.

    Raises
    ------
    ParamsError, ParamsTypeError, UnknownKeywordError, HashError
        An argument makes no sense; nothing was run or written.
    MissingSiblingError, VersionMismatchError
        ``git=True`` without a psweep-git that fits; nothing was run or written.
    CalcDirError
        `calc_dir` is a file, or cannot be written to.
    DatabaseError
        The database is damaged; it was left as it is, and nothing was run.
    ResultError
        ``func`` returned something else than a dict, or what cannot be stored.
    WorkerError, PsetTimeoutError
        A worker process died, or a pset took too long, unless failures are to be recorded.
    Exception
        Of ``func``, with a note that names the pset.

    Examples
    --------
    >>> import psweep as ps
    >>> def func(pset):
    ...     return {"result": pset["a"] * pset["b"]}
    >>> params = ps.pgrid(ps.plist("a", [1, 2]), ps.plist("b", [88, 99]))
    >>> df = ps.run_local(func, params)
    >>> ps.df_print(df)
     a  b  result
     1 88      88
     1 99      99
     2 88     176
     2 99     198
    """
    check_func(func)
    check_options(
        poolsize,
        save,
        on_error,
        capture_logs,
        verbose,
        tmpsave,
        backup,
        git,
        database_basename,
        retries,
        timeout,
    )
    if executor is not None:
        from .executors import check_executor  # here, for the time that `import psweep` takes

        check_executor(executor, poolsize, capture_logs)
    check_df(df)
    check_params(params)
    hashes = [pset_hash(pset) for pset in params]
    plain = are_plain(params)
    if save:
        check_params_storable(params, database_basename, plain)
    study = Study(calc_dir, database_basename)
    done = done_hashes if skip_dups else None
    git_commits = _siblings.load("psweep_git", "git=True").git_commits if git else None
    work = Work(
        func=func,
        poolsize=poolsize,
        executor=executor,
        progress=progress,
        settings=functools.partial(
            Settings,
            on_error=on_error,
            capture_logs=capture_logs,
            verbose=verbose if isinstance(verbose, bool) else tuple(verbose),
            tmpsave=tmpsave,
            data_only=save and holds_data_only(database_basename),
            extras=None,
            retries=retries,
            timeout=timeout,
            plain=plain,
        ),
    )
    if simulate:
        return run_simulated(study, params, hashes, df, poolsize=poolsize, save=save, done=done)
    if save:
        run_id = str(uuid.uuid4())
        with git_commits(run_id) if git_commits else contextlib.nullcontext() as commit:
            if commit:
                work = replace(
                    work, settings=functools.partial(work.settings, extras={"_git_commit": commit})
                )
            return run_saved(
                study, work, params, hashes, df, run_id=run_id, backup=backup, done=done
            )
    return _run_unsaved(study, work, params, hashes, df, done=done)


run = run_local


@dataclass(frozen=True)
class Work:
    """How psets are run."""

    func: Func
    poolsize: int | None
    progress: bool | None
    settings: Callable[..., Settings]
    executor: Any = None

    def rows(
        self,
        jobs: Jobs,
        header: Header,
        study: Study,
        journal: Journal | None,
        n_skipped: int,
    ) -> Iterator[Row]:
        """Run psets; yield those of their rows that no journal has."""
        bar = Progress(len(jobs), self.progress, n_skipped)
        settings = self.settings(header=header, folder=str(study.calc_dir))
        try:
            if self.executor is not None:
                from .executors import run_executor

                for news in run_executor(self.func, jobs, settings, self.executor, journal):
                    bar.add(news.n, news.n_failed)
                    yield from news.rows
            elif self.poolsize is None:
                yield from run_serial(self.func, jobs, settings, journal, bar)
            elif jobs:
                place = None if journal is None else functools.partial(study.journal_path, header)
                for news in run_pool(self.func, jobs, settings, self.poolsize, journal, place):
                    bar.add(news.n, news.n_failed)
                    yield from news.rows
        finally:
            bar.close()


def run_saved(
    study: Study,
    work: Work,
    params: Sequence[Pset],
    hashes: list[str],
    df: pd.DataFrame | None,
    *,
    run_id: str,
    backup: bool,
    done: Done | None,
) -> pd.DataFrame:
    """Run psets in a study on disk.

    Parameters
    ----------
    study : Study
    work : Work
        How psets are run.
    params : list of dict
    hashes : list of str
        Their hashes.
    df : DataFrame or None
        The part of the study that the caller has.
    run_id : str
    backup : bool
    done : callable or None
        Takes the database and gives the hashes that need not be run. None: all are run.

    Returns
    -------
    DataFrame
        `df`, or the whole study, with the new rows.
    """
    with study.locked():
        known = study.fold()  # what killed runs have left comes first
        if df is not None:
            known = study.adopt(df)
        if backup:
            make_backup(study, run_id)
        jobs = plan_jobs(params, hashes, done(study.known()) if done else None)
        if not jobs:
            if not len(known.columns):
                known = frame_of_rows([], Header(run_id, 0, "", 0, 0))
            return known if df is None else append_frame(df, known[:0])
        header = study.reserve(
            run_id, next_number(known, "_run_seq"), next_number(known, "_pset_seq"), len(jobs)
        )
        journal = Journal(study.journal_path(header, 0), header)
    try:
        for _ in work.rows(jobs, header, study, journal, len(params) - len(jobs)):
            pass
    except BaseException as error:
        journal.close()
        with _rows_are_safe(study, error):
            study.fold_now()
        raise
    journal.close()
    with _rows_are_safe(study):
        known = study.fold_now(_kept_rows(journal, header, jobs))
    new = rows_of_run(known, header)
    n_rows = int(new.sum())
    if n_rows != len(jobs):
        message = (
            f"{len(jobs)} psets were run, but {study.database} has {n_rows} rows of this run: was "
            f"{study.name!r} removed or changed meanwhile? Look for the rest in {study.calc_dir} "
            "and in its backups"
        )
        raise DatabaseError(message)
    return known if df is None else append_frame(df, known[new])


def _kept_rows(journal: Journal, header: Header, jobs: Jobs) -> KeptRows | None:
    """Make a DataFrame of the rows of a run, if they were kept."""
    kept = journal.kept
    if kept is None or len(kept) != ROW_SIZE * len(jobs):
        return None
    df = frame_of_columns(header, *(kept[part::ROW_SIZE] for part in range(ROW_SIZE)))
    return KeptRows(header, {journal.path, *journal.others}, df)


def _run_unsaved(
    study: Study,
    work: Work,
    params: Sequence[Pset],
    hashes: list[str],
    df: pd.DataFrame | None,
    *,
    done: Done | None,
) -> pd.DataFrame:
    jobs = plan_jobs(params, hashes, done(df) if done else None)
    header = header_after(df, study.name, len(jobs))
    rows = list(work.rows(jobs, header, study, None, len(params) - len(jobs)))
    return append_frame(df, frame_of_rows(rows, header))


@contextlib.contextmanager
def _rows_are_safe(study: Study, error: BaseException | None = None) -> Iterator[None]:
    """Where the database cannot be written, say where the rows are and what to do."""
    try:
        yield
    except Exception as problem:
        text = (
            f"psweep: the database {study.database} could not be written "
            f"({type(problem).__name__}: {problem}). {count_rows(study.database)} finished psets "
            f"are safe in journals below {study.calc_dir}: mend the cause, then start the next "
            f"run or call psweep.recover({study.name!r})"
        )
        note(problem if error is None else error, text)
        if error is None:
            raise
