"""`run_local`: loop over params, keep everything. What it takes, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd

from ..engines.job import Func
from ..params.grids import Pset
from ..store.paths import PathLike
from .carry_out import carry_out
from .checks import check_func
from .keywords import explain_mistakes
from .options import Options

__all__ = ["run", "run_local"]


@explain_mistakes
def run_local(
    func: Func,
    params: Sequence[Pset],
    df: pd.DataFrame | None = None,
    *,
    poolsize: int | None = None,
    executor: Any = None,
    worker_env: Mapping[str, str] | Sequence[Mapping[str, str]] | None = None,
    max_tasks_per_child: int | None = None,
    save: bool = True,
    calc_dir: PathLike = "calc",
    database_basename: str = "database.pk",
    simulate: bool = False,
    backup: bool = False,
    git: bool = False,
    skip_dups: bool | Literal["tried"] = False,
    seed: int | None = None,
    repeats: int = 1,
    code: Literal["warn", "rerun", "ignore"] = "warn",
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
        Number of worker processes. With None, psets run one after another in this process. Workers
        draw fresh random numbers, whatever is seeded here. They are forked only while the program
        has no other threads.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Run there: on a pool of threads or processes, loky's, mpi4py's, submitit's, dask's, and so
        also on many machines, which need psweep-core. It may be anything with a method ``submit``
        that returns futures, or jobs with ``result()`` and ``done()``. Rows are returned as they
        finish; the column ``_exec_host`` shows where each ran. The executor is not shut down. If
        one of its processes dies, a pool of the standard library breaks, and the run ends; dask
        tries again. Each process draws fresh random numbers; threads draw from this process's
        state. None: see `poolsize`.
    worker_env : dict or list of dict, optional
        Environment variables of the workers: one dict for all, or a list with one for each, which
        also sets `poolsize`, such as ``[{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES":
        "1"}]``. They are set before a worker imports anything, so workers are not forked. Each
        worker has ``PSWEEP_WORKER``, a number from 0; one that replaces another has the same. None:
        those of this process.
    max_tasks_per_child : int, optional
        Replace a worker after this many psets, for a function that leaks memory. 1: a fresh process
        for each pset. None: workers stay.
    save : bool, default True
        Keep everything on disk. False: touch no file at all.
    calc_dir : str or path, default "calc"
        Folder of the study.
    database_basename : str, default "database.pk"
        Name of the database in it; the suffix chooses the format, see `df_write`.
    simulate : bool, default False
        Dry run: do not call ``func``, append rows without results
        to a copy of the database in ``<calc_dir>.simulate``, and report on stderr
        what a real run would do.
    backup : bool, default False
        Copy `calc_dir` to ``<calc_dir>.bak_<timestamp>_run_id_<id>`` first, with the
        time and the run id of its last row.
    git : bool, default False
        Commit what is uncommitted in the repository of the working directory, run, and commit the
        results, too. Each row's ``_git_commit`` is the commit with the code that ran. Needs the
        distribution psweep-git.
    skip_dups : bool or "tried", default False
        Run only psets whose hash has no successful row yet, and each of them
        once. Resumes a study. ``"tried"``: also skip those that failed. Psets that tasks of batch
        jobs have are left to these, see `prep_batch`.
    seed : int, optional
        Makes random numbers reproducible. Each pset has an entry ``_seed``, an int from 0 to
        2**32 - 1, and the rows have it in the column ``_seed``. It is derived from `seed`, the
        hash of the pset and the number of its earlier rows that did not fail. So it does not
        depend on the order of the psets, on the engine, or on whether the study was killed and
        resumed. ``random``, ``numpy.random`` and torch (if it is imported) are seeded with it
        before each call of ``func``, and a serial run restores their state at its end. In threads
        this is not possible: there, ``func`` has to use ``pset["_seed"]``, as in
        ``np.random.default_rng(pset["_seed"])``. A pset that has a ``_seed`` already keeps it,
        also if `seed` is None. None: nothing is seeded.
    repeats : int, default 1
        How many times each pset is wanted. All psets run once in their order, then all of them
        again. With `skip_dups`, only as many are run as are missing to this number of rows.
    code : {"warn", "rerun", "ignore"}, default "warn"
        What to do with psets that `skip_dups` skips, but whose rows were made by different code:
        report how many there are and what has changed, in the line at the end; run them again; or
        nothing. The code is that of ``func`` and of all that it uses from files of the project:
        those below the working folder or the folder of the script, and its own one. Comments,
        docstrings, type hints, format and names of local variables do not count. See `df_runs`.
    on_error : {"raise", "record"}, default "raise"
        What an exception in ``func`` does: end the run, with all finished psets
        in the database, or become a row with ``_failed=True`` and the traceback in
        ``_exc_txt`` while the others continue. The run then prints one line on stderr at its
        end, with the number of failures and their causes.
    retries : int, default 0
        Retry a failed pset up to this many times, whether it raised, its worker process died, or
        it took too long.
    timeout : float, optional
        Seconds for one call. After that, the worker process is stopped with all programs that it
        started, and the pset counts as failed. Needs `poolsize`. None: no limit.
    capture_logs : {"db", "file", "db+file"}, optional
        Keep what ``func`` and the programs it starts print: in the column ``_logs``,
        in ``<calc_dir>/<pset_id>/logs.txt``, or in both. None: it is printed.
    progress : bool, optional
        Show a progress bar: how many psets are finished, failed, and were skipped by
        `skip_dups`, the rate and the time left. None: only in a terminal
        or a notebook, and only if the run takes more than a second. True: also in a log
        or a pipe, as one plain line per minute and a final one.
    verbose : bool or sequence of names, default False
        Print each pset as it starts, or the named columns of it.
    tmpsave : bool, default False
        Also write each finished row to ``<calc_dir>/tmpsave/<run_id>/<pset_id>.pk``.

    Returns
    -------
    DataFrame
        The whole study, one row per pset, in the order of `params`, no matter which
        finished first. ``df.index`` equals ``_pset_seq``. Columns:
        first the params, then the bookkeeping from ``_run_id`` on, then the
        results, then ``_pset_runtime``, seconds.

    Raises
    ------
    ParamsError, ParamsTypeError, UnknownKeywordError, HashError
        An argument is invalid; nothing was run or written.
    NotInstalledError, VersionMismatchError
        ``git=True`` without a matching psweep-git; nothing was run or written.
    CalcDirError
        `calc_dir` is a file, or cannot be written to.
    DatabaseError
        The database is damaged; it was left as it is, and nothing was run.
    ResultError
        ``func`` did not return a dict, or returned values that cannot be stored.
    WorkerError, PsetTimeoutError
        A worker process died, or a pset took too long, unless failures are to be recorded.
    Exception
        Of ``func``, with a note that names the pset. The traceback shows your frames, not those
        of psweep; the environment variable ``PSWEEP_FULL_TRACEBACK=1`` shows all.
    KeyboardInterrupt
        Of Ctrl-C. One line on stderr says how many psets are safe and how to go on.

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
    check_func(func, params)
    options = Options(
        calc_dir=calc_dir,
        database_basename=database_basename,
        poolsize=poolsize,
        executor=executor,
        worker_env=worker_env,
        max_tasks_per_child=max_tasks_per_child,
        save=save,
        simulate=simulate,
        backup=backup,
        git=git,
        skip_dups=skip_dups,
        seed=seed,
        repeats=repeats,
        code=code,
        on_error=on_error,
        retries=retries,
        timeout=timeout,
        capture_logs=capture_logs,
        progress=progress,
        verbose=verbose,
        tmpsave=tmpsave,
    )
    return carry_out(func, params, df, options)


run = run_local
