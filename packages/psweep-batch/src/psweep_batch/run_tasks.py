"""`run_batch`, and `prep_batch` with ``func``: tasks that run psets as `run_local` does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import pandas as pd

from psweep import ParamsError
from psweep_core.plumbing import (
    OUT_OF_MEMORY,
    ClaimState,
    Layout,
    Options,
    PathLike,
    Pset,
    Study,
    check_func,
    check_params,
    explain_mistakes,
    folder_of,
    spool_work,
    spools_of,
)

from .confirmed_statcmds import confirm_statcmd
from .errors import BatchError
from .machines import chosen_machines, find_machines
from .other_databases import count_free_elsewhere
from .queues import machine_of
from .scripts import run_script_path, write_run_scripts
from .task_scripts import asks_of, make_cutter, read_jobscripts, write_jobscripts
from .task_status import settle

__all__ = ["poolsize_to_check", "prepare_tasks", "run_batch"]

Func = Callable[[Pset], Any]


def prepare_tasks(
    func: Func,
    params: Sequence[Pset],
    df: pd.DataFrame | None,
    options: Options,
    *,
    machine_templ_dir: PathLike,
    machines: Sequence[str] | None,
    resources: Any,
) -> pd.DataFrame:
    """Write the spool of a call, and the scripts that submit it; print what else there is to know.

    Parameters are those of `prep_batch`, with most of them in `options`. Returns its DataFrame.
    """
    params, _ = check_params(params)
    if resources is not None and not callable(resources):
        message = f"resources must be a function of a pset, not {resources!r}"
        raise ParamsError(message)
    options.git_commits()
    machine_dir = folder_of(machine_templ_dir, "machine_templ_dir")
    chosen = chosen_machines(find_machines(machine_dir, of_tasks=True), machines)
    cut_for = chosen
    if not options.shares_worker_env:  # a worker for each environment
        cut_for = [replace(machine, parallel=options.poolsize or 1) for machine in chosen]
    jobscripts = read_jobscripts(machine_dir, chosen)

    def asks_of_pset(pset: Pset) -> dict[str, str]:
        return asks_of(pset, resources)

    layout = Layout(options.calc_dir, options.database_basename)
    if not options.simulate:
        settle(layout)
        _tell_failures(layout)

    def write_scripts(study: Study) -> None:
        with study.locked():
            write_jobscripts(layout.calc_dir, jobscripts)
            write_run_scripts(study, chosen, machine_dir, {})

    spooled = spool_work(
        func,
        params,
        df,
        options,
        make_cutter(cut_for, asks_of_pset),
        asks_of_pset,
        write_scripts,
        [machine.name for machine in chosen],
    )
    if not options.simulate:
        for machine in chosen:
            if machine.statcmd is not None:
                confirm_statcmd(machine.statcmd)  # it comes from the user's own templates
    notices = [*spooled.notices]
    for machine in chosen:
        n = spooled.also.get(machine.name, 0)
        n += 0 if options.simulate else count_free_elsewhere(layout, machine.name)
        if n:
            notices.append(
                f"{run_script_path(layout.calc_dir, machine.name)} also submits {n} "
                f"pset{'s' * (n > 1)} that earlier calls have prepared"
            )
    if spooled.n_other:
        n = spooled.n_other
        psets = f"{n} psets of earlier calls run" if n > 1 else "1 pset of an earlier call runs"
        hint = ""
        if spooled.n_other_free:
            hint = "; code='rerun' prepares those again that no task has"
        notices.append(f"{psets} func as it was then{hint}")
    if spooled.n_failed:
        n = spooled.n_failed
        notices.append(
            f"{n} pset{'s have' if n > 1 else ' has'} failed; skip_dups=True runs "
            f"{'them' if n > 1 else 'it'} again"
        )
    if notices:
        print(f"psweep: {'; '.join(notices)}", file=sys.stderr)
    return spooled.df


def poolsize_to_check(worker_env: Any) -> int | None:
    """Return a poolsize with which `Options` can check the others; None if `worker_env` is a list.

    A task has other numbers of workers: ``parallel`` of its machine, or the length of the list.
    """
    is_list = isinstance(worker_env, Sequence) and not isinstance(worker_env, str | bytes)
    return None if is_list else 1


def _tell_failures(layout: Layout) -> None:
    """Report tasks that failed and have not been submitted again."""
    failed = []
    for spool in spools_of(layout):
        unfinished = spool.unfinished()
        failed += [
            (spool, claim)
            for claim in spool.claims().values()
            if claim.state in (ClaimState.FAILED, ClaimState.LOST) and claim.chunk in unfinished
        ]
    if failed:
        spool, claim = failed[-1]
        n = len(failed)
        hint = ""
        if claim.reason.startswith(OUT_OF_MEMORY):
            n_more = len(machine_of(layout.calc_dir, claim.machine).escalate)
            n_before = len(spool.shortages(claim.chunk, also_time=False))
            hint = (
                "; the next task asks for more"
                if n_before <= n_more
                else "; nothing in info.yaml gives the next task more (escalate:)"
            )
        log = spool.folder / f"{claim.chunk}.log"
        print(
            f"psweep: {n} task{'s have' if n > 1 else ' has'} failed and left psets, which are "
            f"free again: {claim.reason or claim.state}{hint}, see "
            f"{log if log.exists() else 'psweep-status'}",
            file=sys.stderr,
        )


@explain_mistakes
def run_batch(
    func: Func,
    params: Sequence[Pset],
    machine: str,
    df: pd.DataFrame | None = None,
    *,
    calc_dir: PathLike = "calc",
    machine_templ_dir: PathLike = "templates/machines",
    resources: Callable[[Pset], Any] | None = None,
    on_error: Literal["raise", "record"] = "record",
    retries: int = 0,
    timeout: float | None = None,
    worker_env: Mapping[str, str] | Sequence[Mapping[str, str]] | None = None,
    capture_logs: Literal["db", "file", "db+file"] | None = None,
    tmpsave: bool = False,
    git: bool = False,
    database_basename: str = "database.pk",
    backup: bool = False,
    skip_dups: bool | Literal["tried"] = "tried",
    seed: int | None = None,
    repeats: int = 1,
    code: Literal["warn", "rerun", "ignore"] = "warn",
) -> pd.DataFrame:
    """Run a function on psets as jobs of this cluster, and return the rows that have finished.

    Call it on the cluster. It prepares tasks (see `prep_batch` with ``func``), submits them, and
    does not wait for them. Call it again as often as you like: it submits what is missing, nothing
    twice, and returns all rows that have finished by then. Its options also hold for psets of
    earlier calls that no task has; those that are queued or running keep the options of their call.

    Parameters
    ----------
    func : callable
        As for `run_local`.
    params : list of dict
        The psets. They are not modified.
    machine : str
        The name of a folder in `machine_templ_dir`. With ``subcmd: sh`` in its ``info.yaml``, the
        psets run here and now, and the call returns when they have finished.
    df : DataFrame, optional
        The study to extend, as returned by an earlier call. None: the one in `calc_dir`.
    calc_dir : str or path, default "calc"
        Folder of the study.
    machine_templ_dir : str or path, default "templates/machines"
        The folder with one folder per machine, which contains ``info.yaml`` and ``jobscript``, see
        `prep_batch`.
    resources : callable, optional
        Takes a pset, and returns what to ask the scheduler for beyond the jobscript, such as
        ``{"mem": "8G", "time": "01:00:00"}``. Entries ``_mem`` and ``_time`` of a pset do the same.
        None: only these entries count.
    on_error : {"record", "raise"}, default "record"
        If `func` raises an exception: "record" makes it a failed row; "raise" ends the task, which
        gives back the rest of its psets.
    retries : int, default 0
        How many times to call `func` again for a pset that failed, as in `run_local`.
    timeout : float, optional
        Seconds for one call of `func`, as in `run_local`. None: there is no limit.
    worker_env : dict or sequence of dict, optional
        Environment variables of the workers of a task, as in `run_local`: one dict for all of them,
        or a list with one for each, for instance for the GPUs of a whole node. With a list, each
        task has as many workers as there are dicts, whatever ``parallel`` says. None: those of the
        job.
    capture_logs : {"db", "file", "db+file"}, optional
        Where to keep what `func` prints, as in `run_local`. None: in the log of the task.
    tmpsave : bool, default False
        Also write each row to a file of its own, as in `run_local`.
    git : bool, default False
        First commit what is uncommitted, as in `run_local`. The next call commits the results.
    database_basename : str, default "database.pk"
        Name of the database in `calc_dir`.
    backup : bool, default False
        Copy `calc_dir` first, as in `run_local`.
    skip_dups : {"tried", True, False}, default "tried"
        "tried": skip psets that have a row, or that a task already has. True: the same, but run
        psets again that failed. False: run all psets again.
    seed : int, optional
        Give each pset a ``_seed``, as in `run_local`. None: psets keep their own, if they have one.
    repeats : int, default 1
        How many times to run each pset, as in `run_local`.
    code : {"warn", "rerun", "ignore"}, default "warn"
        What to do with skipped psets whose rows were made by different code, as in `run_local`.
        Psets that an earlier call has prepared run `func` as it was then; with "rerun", only those
        that a task has.

    Returns
    -------
    DataFrame
        The study so far, with the rows of finished psets only.

    Raises
    ------
    BatchError
        Not all tasks could be submitted. They are prepared, and the next call submits the rest.
    MachineError, ParamsError, ParamsTypeError, UnknownKeywordError, HashError
        An argument or a setting in ``info.yaml`` is invalid; nothing was written.
    NotInstalledError, VersionMismatchError
        ``git=True`` without a matching version of psweep-git; nothing was written.
    CalcDirError, DatabaseError
        As in `run_local`.
    KeyboardInterrupt
        Of Ctrl-C. One line on stderr says how many psets are safe and how to go on.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.file_write("templates/machines/here/info.yaml", "subcmd: sh")
    >>> ps.file_write("templates/machines/here/jobscript", "psweep-task")
    >>> df = ps.run_batch(lambda pset: {"b": pset["a"] ** 2}, ps.plist("a", [2, 3]), "here")
    >>> ps.df_print(df, cols=["a", "b"])
     a  b
     2  4
     3  9
    """
    check_func(func, params, "run_batch(func, params, machine)")
    if type(machine) is not str:
        message = (
            f"machine must be the name of a folder in {machine_templ_dir}, such as 'cluster', not "
            f"{machine!r}"
        )
        raise ParamsError(message)
    options = Options(
        calc_dir=calc_dir,
        database_basename=database_basename,
        poolsize=poolsize_to_check(worker_env),
        backup=backup,
        git=git,
        skip_dups=skip_dups,
        seed=seed,
        repeats=repeats,
        code=code,
        on_error=on_error,
        retries=retries,
        timeout=timeout,
        worker_env=worker_env,
        capture_logs=capture_logs,
        tmpsave=tmpsave,
    )
    prepare_tasks(
        func,
        params,
        df,
        options,
        machine_templ_dir=machine_templ_dir,
        machines=[machine],
        resources=resources,
    )
    layout = Layout(calc_dir, database_basename)
    script = run_script_path(layout.calc_dir, machine)
    # Where this interpreter is, psweep-task is, too.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), os.path.dirname(sys.executable)])
    try:
        done = subprocess.run(
            ["sh", str(script)],
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
    except KeyboardInterrupt:
        n = len(Study(calc_dir, database_basename).known())
        how = "again" if skip_dups else "with skip_dups='tried'"
        print(
            f"psweep: interrupted: {n} pset{'s are' if n != 1 else ' is'} safe in {layout.name}; "
            f"the same call {how} runs the rest",
            file=sys.stderr,
        )
        raise
    if done.returncode:
        message = (
            f"{script} could not submit all tasks (exit status {done.returncode}): "
            f"{done.stderr.strip()}\nfix the cause and make the same call again"
        )
        raise BatchError(message)
    study = Study(calc_dir, database_basename)
    if machine_of(layout.calc_dir, machine).runs_here:
        _tell_failures(study.layout)
    study.fold_now()
    return study.so_far(*(("_failed", "_exc_txt") if on_error == "record" else ()))
