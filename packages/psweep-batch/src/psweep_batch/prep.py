"""`prep_batch`: make a folder for each pset, and the scripts that submit them."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import pandas as pd

from psweep import ParamsError
from psweep_core.plumbing import (
    BOOK,
    SEED,
    Layout,
    Options,
    PathLike,
    Pset,
    Study,
    all_rows,
    carry_out,
    check_df,
    check_func,
    check_params,
    explain_mistakes,
    folder_of,
    git_environment,
    not_failed,
)

from .confirmed_statcmds import confirm_statcmd
from .directives import Directives, read_directives
from .folders import PsetFiles, read_templates
from .machine import JOBSCRIPT
from .machines import chosen_machines, find_machines
from .run_tasks import poolsize_to_check, prepare_tasks
from .scripts import run_script_path, write_run_scripts
from .templates import template_class

__all__ = ["prep_batch"]


class _Default(str):
    """A default that differs from the same value given by the user."""

    __slots__ = ()


_TEMPLATES = _Default("templates/calc")
# Bookkeeping with which templates are filled once, to find mistakes before anything is written
_SOME_BOOK = {
    "_run_id": "",
    "_pset_id": "",
    "_calc_dir": "",
    "_time_utc": pd.Timestamp(0),
    "_pset_hash": "",
    "_pset_seq": 0,
    "_run_seq": 0,
    "_seed": 0,
}


@explain_mistakes
def prep_batch(
    params: Sequence[Pset],
    df: pd.DataFrame | None = None,
    *,
    func: Callable[[Pset], Any] | None = None,
    calc_dir: PathLike = "calc",
    calc_templ_dir: PathLike | None = _TEMPLATES,
    machine_templ_dir: PathLike = "templates/machines",
    machines: Sequence[str] | None = None,
    template_mode: Literal["dollar", "jinja"] | None = None,
    write_pset: bool = False,
    git: bool = False,
    database_basename: str = "database.pk",
    simulate: bool = False,
    backup: bool = False,
    skip_dups: bool | Literal["tried"] = False,
    seed: int | None = None,
    repeats: int = 1,
    code: Literal["warn", "rerun", "ignore"] = "warn",
    resources: Callable[[Pset], Any] | None = None,
    on_error: Literal["raise", "record"] = "record",
    retries: int = 0,
    timeout: float | None = None,
    worker_env: Mapping[str, str] | Sequence[Mapping[str, str]] | None = None,
    capture_logs: Literal["db", "file", "db+file"] | None = None,
    tmpsave: bool = False,
    progress: bool | None = None,
    verbose: bool | Sequence[Any] = False,
) -> pd.DataFrame:
    r"""Prepare a batch job for each pset: its folder, filled templates, and submit scripts.

    Nothing is submitted yet. For each machine in `machine_templ_dir`, it writes a script
    ``<calc_dir>/run_<machine>.sh`` that submits the psets, from any working directory. If you run
    the script again, it continues where it stopped: psets that were not submitted stay in it, and
    the lines of the others become comments. A pset is submitted on one machine only. With `func`,
    ``sh run_<machine>.sh --feed 50`` keeps at most 50 tasks in the queue until all have finished.

    Parameters
    ----------
    params : list of dict
        The psets. They are not modified.
    df : DataFrame, optional
        The study to extend, as returned by an earlier call. None: the one in `calc_dir`.
    func : callable, optional
        Run this function, as `run_local` does, instead of programs made from templates. The psets
        are divided into chunks; a task is a job that runs one chunk. See `run_batch`, which also
        submits the tasks. The jobscript is not a template; its line ``psweep-task`` runs the psets
        of a task. None: see `calc_templ_dir`.
    calc_dir : str or path, default "calc"
        Folder of the study. Each pset gets a folder ``<calc_dir>/<_pset_id>``.
    calc_templ_dir : str or path, optional
        Files and folders to copy into the folder of each pset. Placeholders in text files are
        filled with the values of the pset and of ``_run_id``, ``_pset_id``, ``_calc_dir``,
        ``_time_utc``, ``_pset_hash``, ``_pset_seq``, ``_run_seq``. Files that are not UTF-8 are
        copied as they are. None: there are only jobscripts.
    machine_templ_dir : str or path, default "templates/machines"
        One folder per machine, with the template ``jobscript``, which becomes
        ``jobscript_<machine>`` in each pset's folder, and ``info.yaml`` with

        - ``scheduler``: ``slurm``, ``sge``, ``pbs``, ``lsf``, or ``none`` to run jobs here,
        - ``subcmd``: the command that submits a jobscript (``sbatch``) or runs it (``sh``), if it
          is not the usual one of the scheduler,
        - ``array: true``: submit one job array instead of one job per pset,
        - ``array_limit``: how many tasks of an array may run at once,
        - ``max_array_size``: use several arrays if there are more tasks than this,
        - ``pack``: how many psets one task runs,
        - ``parallel``: how many of these it runs at once,
        - ``statcmd``: for other schedulers, a shell command that prints the numbers of all jobs
          that are queued or running, one per line,
        - ``escalate``: what to ask for at the second try, the third and so on, if a task ran out of
          memory or time, such as ``[{mem: 8G}, {mem: 16G, time: "04:00:00"}]``; without `func`, see
          `batch_resubmit`,
        - ``task_time``: with `func`, how long a task should take, such as ``30min``,
        - ``directives``, ``setup``: with `func`, lines for the scheduler and for the shell, if
          there is no jobscript,
        - ``lost_after``: see `batch_status`,
        - ``login_shell``, ``remote_dir``: for psweep-push and psweep-pull.
    machines : sequence of str, optional
        Prepare for these machines only, to share the work between machines. None: for all.
    template_mode : {"dollar", "jinja"}, optional
        ``$name`` and ``${name}``, ``${name@Q}`` for the value quoted for the shell, ``$$`` for a
        dollar sign; or ``{{ name }}`` and ``{{ name | quote }}``, which needs
        ``psweep-batch[jinja]``. None: "dollar", and templates that look like Jinja are refused.
    write_pset : bool, default False
        Also write each pset to ``pset.pk`` in its folder.
    git : bool, default False
        Commit what is uncommitted, prepare, and commit what was prepared, as in `run_local`.
    database_basename : str, default "database.pk"
        Name of the database in `calc_dir`.
    simulate : bool, default False
        Check everything, but only append rows to a copy of the database in
        ``<calc_dir>.simulate``.
    backup : bool, default False
        Copy `calc_dir` first, as in `run_local`.
    skip_dups : bool or "tried", default False
        True: skip psets that are already in the study, unless they failed, and prepare each of the
        others only once. ``"tried"``: also skip those that failed. With `func`, both also skip
        psets that a task already has.
    seed : int, optional
        Give each pset an entry ``_seed`` for the placeholder ``$_seed``, as in `run_local`. It
        stays the same when a job is submitted again. None: psets keep their own, if they have one.
    repeats : int, default 1
        How many times to run each pset, as in `run_local`; each repetition has its own folder.
    code : {"warn", "rerun", "ignore"}, default "warn"
        What to do with skipped psets that were prepared from different templates: report how many
        there are, prepare them again, or ignore this. Comments in jobscripts do not count. With
        `func`: see `run_batch`.
    resources : callable, optional
        With `func`: takes a pset, and returns what to ask the scheduler for beyond the jobscript,
        such as ``{"mem": "8G", "time": "01:00:00"}``. Entries ``_mem`` and ``_time`` of a pset do
        the same. None: only these entries count.
    on_error : {"record", "raise"}, default "record"
        With `func`: if it raises an exception, "record" makes it a failed row; "raise" ends the
        task, which gives back the rest of its psets.
    retries : int, default 0
        With `func`: how many times to call it again for a pset that failed, as in `run_local`.
    timeout : float, optional
        With `func`: seconds for one call, as in `run_local`. None: there is no limit.
    worker_env : dict or sequence of dict, optional
        With `func`: environment variables of the workers of a task, as in `run_local`: one dict for
        all of them, or a list with one for each, for instance for the GPUs of a whole node. With a
        list, each task has as many workers as there are dicts, whatever ``parallel`` says. None:
        those of the job.
    capture_logs : {"db", "file", "db+file"}, optional
        With `func`: where to keep what it prints, as in `run_local`. None: in the log of the task.
    tmpsave : bool, default False
        With `func`: also write each row to a file of its own, as in `run_local`.
    progress : bool, optional
        Show a progress bar. None: only in a terminal or a notebook, and only if it takes more
        than a second. With `func` there is none, because its psets need no preparation.
    verbose : bool or sequence of names, default False
        Print each pset, or the named columns of it.

    Returns
    -------
    DataFrame
        The study, with a row for each new pset. The new rows have no results and no
        ``_pset_runtime`` (NaN) until `batch_collect` reads what the jobs have written. With `func`,
        psets have no rows until they have run.

    Raises
    ------
    TemplateError, MachineError
        A template or a machine's settings are invalid; nothing was written.
    ParamsError, ParamsTypeError, UnknownKeywordError, HashError
        An argument is invalid; nothing was written.
    NotInstalledError, VersionMismatchError
        ``git=True`` without a matching version of psweep-git; nothing was written.
    CalcDirError, DatabaseError
        As in `run_local`.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.file_write("templates/calc/run.py", "print($a ** 2)")
    >>> ps.file_write("templates/machines/local/info.yaml", "subcmd: sh")
    >>> ps.file_write("templates/machines/local/jobscript", "python3 run.py > out.txt")
    >>> df = ps.prep_batch(ps.plist("a", [1, 2]))
    >>> import subprocess
    >>> _ = subprocess.run(["sh", "calc/run_local.sh"])
    >>> ps.file_read(f"calc/{df._pset_id[1]}/out.txt")
    '4\n'
    """
    if func is not None:
        check_func(func, params, "prep_batch(params, func=func)")
        _refuse_with_func(calc_templ_dir, template_mode, write_pset)
        options = Options(
            calc_dir=calc_dir,
            database_basename=database_basename,
            poolsize=poolsize_to_check(worker_env),
            simulate=simulate,
            backup=backup,
            git=git,
            skip_dups=skip_dups,
            seed=seed,
            repeats=repeats,
            code=code,
            verbose=verbose,
            on_error=on_error,
            retries=retries,
            timeout=timeout,
            worker_env=worker_env,
            capture_logs=capture_logs,
            tmpsave=tmpsave,
        )
        return prepare_tasks(
            func,
            params,
            df,
            options,
            machine_templ_dir=machine_templ_dir,
            machines=machines,
            resources=resources,
        )
    for name, value, default in (
        ("resources", resources, None),
        ("on_error", on_error, "record"),
        ("retries", retries, 0),
        ("timeout", timeout, None),
        ("worker_env", worker_env, None),
        ("capture_logs", capture_logs, None),
        ("tmpsave", tmpsave, False),
    ):
        if value != default:
            message = f"{name}={value!r} is for prep_batch(params, func=...), which runs a function"
            raise ParamsError(message)
    options = Options(
        calc_dir=calc_dir,
        database_basename=database_basename,
        simulate=simulate,
        backup=backup,
        git=git,
        skip_dups=skip_dups,
        seed=seed,
        repeats=repeats,
        code=code,
        progress=progress,
        verbose=verbose,
        only_prepares=True,
    )
    options.git_commits()  # if psweep-git is missing, raise before anything else is done
    df = check_df(df)
    params, names = check_params(params)
    filled = [*BOOK, SEED] if seed is not None or SEED in names else [*BOOK]
    machine_dir = folder_of(machine_templ_dir, "machine_templ_dir")
    chosen = chosen_machines(find_machines(machine_dir), machines)
    templates = read_templates(
        None if calc_templ_dir is None else folder_of(calc_templ_dir, "calc_templ_dir"),
        machine_dir,
        chosen,
        template_class(template_mode),
    )
    files = PsetFiles(*templates, write_pset=write_pset)
    files.check(params, filled)
    some = {name: _SOME_BOOK[name] for name in filled}
    files.check_values({**some, **pset} for pset in params)
    layout = Layout(calc_dir, database_basename)
    prepared: dict[str, dict[str, Directives | None]] = {}
    waiting: dict[str, int] = {}

    def prepare(pset: Pset) -> Pset:
        pset_id = pset["_pset_id"]
        texts = files.write(f"{layout.calc_dir}/{pset_id}", pset)
        prepared[pset_id] = {
            machine.name: read_directives(texts[f"{JOBSCRIPT}_{machine.name}"], machine)
            if machine.array
            else None
            for machine in chosen
        }
        return {}

    def write_scripts(study: Study) -> None:
        with study.locked():
            waiting.update(write_run_scripts(study, chosen, machine_dir, prepared))

    if git and not simulate:
        _warn_if_ignored([template.where for template in files.templates])
    extended = carry_out(
        prepare,
        params,
        df,
        options,
        done=not_failed,
        done_or_failed=all_rows,
        code=files.code(),
        afterwards=write_scripts,
    )
    for machine in [] if simulate else chosen:
        if machine.statcmd is not None:
            confirm_statcmd(machine.statcmd)  # it comes from the user's own templates
    for name, n in waiting.items():
        if n:
            print(
                f"psweep: {run_script_path(layout.calc_dir, name)} also submits {n} "
                f"pset{'s' * (n > 1)} of earlier calls, not submitted so far",
                file=sys.stderr,
            )
    return extended


def _refuse_with_func(
    calc_templ_dir: PathLike | None, template_mode: str | None, write_pset: bool
) -> None:
    for name, value, defaults in (
        ("calc_templ_dir", calc_templ_dir, (_TEMPLATES, None)),
        ("template_mode", template_mode, (None,)),
        ("write_pset", write_pset, (False,)),
    ):
        if not any(value is default for default in defaults):
            message = (
                f"{name}={value!r} is for jobs made of templates, and func= runs a function "
                "without them; drop one of the two"
            )
            raise ParamsError(message)


def _warn_if_ignored(paths: Sequence[str]) -> None:
    """Warn of templates that git does not commit: ``calc/`` is also templates/calc."""
    args = ["git", "check-ignore", "--", *paths]
    try:
        done = subprocess.run(
            args,
            env=git_environment(),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError:  # psweep-git reports that there is no git
        return
    ignored = done.stdout.splitlines()
    if ignored:
        warnings.warn(
            f"git ignores {', '.join(ignored)}, so the commits will not hold what the jobs run; if "
            "it is for a line calc/ in .gitignore, write /calc/ there",
            UserWarning,
            stacklevel=4,
        )
