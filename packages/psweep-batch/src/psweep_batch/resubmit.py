"""`batch_resubmit`: a script that submits psets again."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from psweep_core.plumbing import (
    OUT_OF_MEMORY,
    TIME_LIMIT,
    PathLike,
    Study,
    failed_rows,
    recovered_rows,
    split_database,
)

from .errors import BatchError
from .escalate import merged
from .info_yaml import problem_with, read_info
from .jobs import Attempt, machines_of, next_number
from .machine import Machine
from .queues import Queues
from .scripts import Line, info_path, write_script
from .states import State
from .status import not_prepared, status_frame, statuses
from .status_record import PsetStatus
from .task_scripts import submit_options, task_lines
from .task_status import settle

__all__ = ["batch_resubmit"]

_AT_REST = (
    State.FAILED,
    State.LOST,
    State.NO_RESULT,
    State.CANCELLED,
    State.DONE,
    State.NOT_SUBMITTED,
)


def batch_resubmit(
    calc_dir: PathLike = "calc",
    machine: str | None = None,
    *,
    states: Sequence[str] = ("failed", "lost", "no result"),
    change: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Write a script that submits psets again if their jobs failed, were lost or left no result.

    The script is ``<calc_dir>/resubmit_<machine>.sh``, like ``run_<machine>.sh`` but only for these
    psets. It submits each of them only once, however often you run it, and skips those whose jobs
    have changed since it was written. Fix the cause first: the files in the folders of the psets
    are used as they are. Psets that have succeeded in a later run are left out.

    Parameters
    ----------
    calc_dir : str or path, default "calc"
        The folder of the study, or a database in it.
    machine : str, optional
        Where to submit the psets. None: where each was submitted last.
    states : sequence of str, default ("failed", "lost", "no result")
        Submit psets whose last job is in one of these states, see `batch_status`. Also possible:
        "cancelled", "done", and "not submitted", which needs a `machine`.
    change : dict, optional
        Ask the scheduler for this: ``{"_mem": "16G", "_time": "04:00:00"}``, or one of the two. The
        script passes it to the submit command, where it replaces what the jobscript asks for; the
        files of the psets do not change. None: the same as before, or, for jobs that ran out of
        memory or time, the next entry of ``escalate`` in ``info.yaml``.

    Returns
    -------
    DataFrame
        The rows of `batch_status` of the psets in the scripts. If it is empty, no script was
        written.

    Raises
    ------
    StudyNotFoundError
        There is no study in that folder.
    BatchError
        Psets in such a state cannot be submitted, nothing was prepared for that machine, or
        `change` contains something else than memory and time.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.file_write("templates/machines/local/info.yaml", "subcmd: sh")
    >>> ps.file_write("templates/machines/local/jobscript", "exit $a")
    >>> df = ps.prep_batch(ps.plist("a", [2, 3]), calc_templ_dir=None)
    >>> import subprocess
    >>> _ = subprocess.run(["sh", "calc/run_local.sh"])
    >>> ps.batch_resubmit("calc").reason.tolist()
    ['exit code 2', 'exit code 3']
    >>> _ = subprocess.run(["sh", "calc/resubmit_local.sh"])
    """
    if isinstance(states, str):
        states = [states]
    for state in states:
        if state not in _AT_REST:
            message = f"states must be some of {', '.join(map(repr, _AT_REST))}, not {state!r}"
            raise BatchError(message)
    asks = _asks(change)
    folder = Path(split_database(calc_dir)[0])
    chosen = _chosen(calc_dir, statuses(calc_dir, None), states)
    layout = Study.of_folder(calc_dir).layout
    settle(layout)
    lines: dict[str, list[Line]] = {}
    # For each machine, its chunks with the numbers of their last claims
    chunks: dict[str, dict[tuple[str, int], int]] = {}
    queues = Queues(folder)
    for status in chosen:
        target = machine or status.machine
        if target is None:
            message = "these psets have not been submitted yet; pass machine=..."
            raise BatchError(message)
        if status.chunk is not None:
            lines.setdefault(target, [])
            last_claim = status.attempt.number if status.attempt else 0
            chunks.setdefault(target, {})[status.chunk] = last_claim
            continue
        names = set(os.listdir(folder / status.pset_id))
        if target not in machines_of(names):
            raise not_prepared(folder, target)
        last = status.attempt
        comment = f"run_seq={status.run_seq} pset_seq={status.pset_seq} {status.reason}"
        lines.setdefault(target, []).append(
            Line(
                status.pset_id,
                next_number(names),
                " ".join(comment.split()),
                _earlier(last, target),
                more=_more(status, queues.machine(target), asks),
            )
        )
    for name, of_machine in lines.items():
        path = info_path(folder, name)
        if not path.exists():
            message = f"{path} is missing; run prep_batch again to recreate it"
            raise BatchError(message)
        info = read_info(path, name)
        if asks and info.runs_here:
            message = f"change={dict(change or {})!r}: {name} runs jobs here, without a scheduler"
            raise BatchError(message)
        tasks = task_lines(layout, info, chunks.get(name, {}), asks)
        write_script(folder / f"resubmit_{name}.sh", info, of_machine, tasks=tasks)
    return status_frame(chosen)


def _chosen(
    calc_dir: PathLike, known: Sequence[PsetStatus], states: Sequence[str]
) -> list[PsetStatus]:
    """Choose the psets in one of these states that can be submitted again; report the others."""
    chosen = [status for status in known if status.state in states]
    n_cancelled = sum(status.state == State.CANCELLED for status in known)
    if n_cancelled and State.CANCELLED not in states:
        print(
            f"psweep: {n_cancelled} pset{'s' * (n_cancelled > 1)} left out, whose jobs were "
            "cancelled; states=['cancelled'] submits them again",
            file=sys.stderr,
        )
    later = _succeeded_later(calc_dir, chosen)
    if later:
        n = len(later)
        print(
            f"psweep: {n} pset{'s' * (n > 1)} left out, which {'have' if n > 1 else 'has'} "
            "succeeded in a later run",
            file=sys.stderr,
        )
        chosen = [status for status in chosen if status.pset_id not in later]
    n_ran = sum(status.has_row for status in chosen)
    if n_ran:
        what = "1 pset" if n_ran == 1 else f"{n_ran} psets"
        have, are, them = ("has", "is", "it") if n_ran == 1 else ("have", "are", "them")
        print(
            f"psweep: {what} of prep_batch(func=...) {have} run and {are} left out; make that call "
            f"again to run {them} again, with skip_dups=True for those that failed",
            file=sys.stderr,
        )
        chosen = [status for status in chosen if not status.has_row]
    return chosen


def _succeeded_later(calc_dir: PathLike, chosen: Sequence[PsetStatus]) -> set[str]:
    """Find psets that another row has replaced: if run again, they would count as a repeat."""
    ids = {status.pset_id for status in chosen if status.state != State.DONE}
    if not ids:
        return set()
    df = Study.find(calc_dir).so_far()
    tried = df["_pset_id"].isin(ids)
    # (A job that was lost has left no failed row.)
    return {*df["_pset_id"][tried & recovered_rows(df.assign(_failed=failed_rows(df) | tried))]}


def _asks(change: Mapping[str, Any] | None) -> dict[str, str]:
    """Check a change: what the scheduler is asked for."""
    asks = {}
    for name, amount in (change or {}).items():
        if name not in ("_mem", "_time"):
            message = (
                f"change may have _mem and _time, which the scheduler is asked for, not {name!r}; "
                "for anything else, prepare these psets again"
            )
            raise BatchError(message)
        problem = problem_with(name[1:], amount)
        if problem:
            message = f"change: {problem}"
            raise BatchError(message)
        asks[name[1:]] = str(amount)
    return asks


def _more(status: PsetStatus, machine: Machine, asks: dict[str, str]) -> str:
    """Write what the job of a pset asks for now: the change, or the next entry of `escalate`."""
    lacked = status.reason.startswith((OUT_OF_MEMORY, TIME_LIMIT))
    if not asks and lacked and status.attempt is not None and not machine.runs_here:
        asks = merged(machine.escalate[: status.attempt.number])
    return " ".join(submit_options(machine, asks))


def _earlier(last: Attempt | None, target: str) -> str:
    """Write the state of a pset's last job, which the script checks again."""
    if last is None:
        return ""
    # Its number only if its end was not recorded: then the scheduler is queried again.
    ask = last.job_id if last.exit_code is None and last.machine == target else None
    words = [f"{last.machine}.{last.number}", last.seen]
    if ask:
        words += [ask, last.cluster] if last.cluster else [ask]
    return shlex.join(words)
