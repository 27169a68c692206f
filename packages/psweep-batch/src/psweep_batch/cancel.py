"""`batch_cancel`: cancel the jobs of a study, and no others."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from psweep_core.plumbing import PathLike, no_link, split_database

from .errors import BatchError
from .machine import Machine
from .queue import Queue
from .queues import cancelled_name, machine_of
from .schedulers import SCHEDULERS, number_ranges
from .states import State
from .status import status_frame, statuses
from .status_record import PsetStatus

__all__ = ["batch_cancel", "cancel_jobs"]

_MAX_WORDS = 200  # of one call of the command that cancels
_TIMEOUT_SECONDS = 300
_IN_PROGRESS = (State.QUEUED, State.RUNNING)


def batch_cancel(
    calc_dir: PathLike = "calc",
    machine: str | None = None,
    *,
    queued: bool = False,
    dry_run: bool = False,
) -> pd.DataFrame:
    """Cancel the jobs of a study that are queued or running on this cluster.

    Call it on the cluster. It cancels only jobs that the study has recorded, and only if the
    scheduler shows that they belong to this study, because job numbers are reused. The tasks of an
    array are cancelled in a few calls.

    Parameters
    ----------
    calc_dir : str or path, default "calc"
        The folder of the study, or a database in it.
    machine : str, optional
        Only jobs of this machine. None: of all.
    queued : bool, default False
        Only jobs that are not running yet.
    dry_run : bool, default False
        Only return what would be cancelled.

    Returns
    -------
    DataFrame
        The rows of `batch_status` of the cancelled jobs, as they were before. Afterwards, the state
        of these psets is "cancelled".

    Raises
    ------
    StudyNotFoundError
        There is no study in that folder.
    BatchError
        Nothing was prepared for that machine, its scheduler is not available here, or it refused.

    Examples
    --------
    >>> import psweep as ps
    >>> df = ps.run_local(lambda pset: {}, [{"a": 1}])
    >>> len(ps.batch_cancel("calc"))
    0
    """
    return cancel_jobs(calc_dir, machine, queued=queued, dry_run=dry_run, may_ask=None)


def cancel_jobs(
    calc_dir: PathLike,
    machine: str | None,
    *,
    queued: bool,
    dry_run: bool,
    may_ask: Callable[[Machine], bool] | None,
) -> pd.DataFrame:
    """Do what `batch_cancel` does; `may_ask` says whether the queue of a machine may be queried."""
    folder = Path(split_database(calc_dir)[0])
    found = [
        status
        for status in statuses(calc_dir, machine, may_ask)
        if status.attempt
        and not status.attempt.here
        and (status.state in _IN_PROGRESS or _is_given_back(status))
    ]
    chosen: list[PsetStatus] = []
    for name in dict.fromkeys(status.machine for status in found if status.machine):
        of_machine = [status for status in found if status.machine == name]
        info = machine_of(folder, name)
        if info.scheduler is None and all(map(_is_given_back, of_machine)):
            continue
        if may_ask is not None and not may_ask(info):
            message = f"the statcmd of {name} was not confirmed; call psweep-cancel in a terminal"
            raise BatchError(message)
        chosen += _cancel(folder, info, of_machine, queued, dry_run)
    return status_frame(chosen)


def _is_given_back(status: PsetStatus) -> bool:
    """Return whether a task has given a pset back, as one does that is stopped by preemption.

    Its job may wait to be started again, and would run the pset then.
    """
    return status.of_task and status.state == State.NOT_SUBMITTED


def _cancel(
    folder: Path, machine: Machine, found: Sequence[PsetStatus], queued: bool, dry_run: bool
) -> list[PsetStatus]:
    name = machine.name
    if machine.scheduler is None:
        message = (
            f"psweep does not know how to cancel jobs of {name}; write 'scheduler: ...' into its "
            "info.yaml, or cancel them by hand"
        )
        raise BatchError(message)
    try:
        # Not by a statcmd, whose answer does not show whose a job is
        queue = Queue.ask(replace(machine, statcmd=None), folder)
    except OSError as error:
        message = (
            f"cannot query the queue of {name} from here ({error}); call psweep-cancel where the "
            "scheduler is"
        )
        raise BatchError(message) from error
    chosen = []
    numbers: dict[tuple[str, str], list[str]] = {}  # cluster and number of a job: its tasks
    for status in found:
        attempt = status.attempt
        if attempt is None or not queue.knows(attempt.cluster):
            continue
        job_id = queue.find(attempt.cluster, attempt.job_id, attempt.known_as, attempt.task)
        if job_id is None or not _is_ours(folder, queue, attempt.cluster, job_id, status):
            continue
        if queued and queue.state(attempt.cluster, job_id)[0]:
            continue
        chosen.append(status)
        cluster = queue.name_of(attempt.cluster)
        # (The queue may show its array alone, of which the other tasks are to stay.)
        number, _, task = (attempt.job_id or job_id).partition("_")
        tasks = numbers.setdefault((cluster, number), [])
        if task and task not in tasks:
            tasks.append(task)
    if dry_run:
        return chosen
    scheduler = SCHEDULERS[machine.scheduler]
    for cluster in {cluster for cluster, _ in numbers}:
        words: list[str] = []
        for (of, number), tasks in numbers.items():
            if of == cluster:
                words += _words(scheduler.range, number, tasks)
        for i in range(0, len(words), _MAX_WORDS):
            _call(
                f"ps_cluster={shlex.quote(cluster)}\n{scheduler.cancel}",
                words[i : i + _MAX_WORDS],
                name,
            )
    path = folder / cancelled_name(name)
    with open(path, "a", encoding="utf-8", opener=no_link) as file:
        attempts = [status.attempt for status in chosen if status.attempt is not None]
        lines = [f"{os.path.basename(attempt.folder)} {attempt.number}\n" for attempt in attempts]
        file.writelines(dict.fromkeys(lines))  # a task has many psets
    return chosen


def _is_ours(folder: Path, queue: Queue, cluster: str, job_id: str, status: PsetStatus) -> bool:
    """Return whether the scheduler shows the job of that number as one of this study."""
    attempt = status.attempt
    if attempt is None:
        return False
    command = queue.command(cluster, job_id)
    if attempt.known_as in command:
        return not _runs_in_another_folder(command, attempt.known_as, folder)
    # Of an array that was read from stdin, the folder is all that it shows.
    return bool(attempt.task) and os.path.realpath(folder) in command


def _runs_in_another_folder(command: str, known_as: str, folder: Path) -> bool:
    """Return whether a job is that of the study that `folder` is a copy of.

    A study that was moved while it had jobs leaves no other folder, so its jobs are still its own.
    """
    # The scheduler shows the path of the script, or its folder and a path in it.
    shown = re.findall(r"/[^\s,=]*", command)
    paths = [*(path for path in shown if known_as in path), *(f"{p}/{known_as}" for p in shown)]
    there = [path for path in paths if os.path.exists(path)]
    return bool(there) and not any(
        os.path.samefile(parent, folder) for path in there for parent in Path(path).parents
    )


def _words(form: str, number: str, tasks: Iterable[str]) -> list[str]:
    """Write a job, or the tasks of it, for the command that cancels."""
    texts = number_ranges(map(int, tasks))
    if not texts:
        return [number]
    if "[" in form:
        return [form.format(job=number, tasks=",".join(texts))]
    return [form.format(job=number, tasks=text) for text in texts]


def _call(command: str, words: Sequence[str], name: str) -> None:
    done = subprocess.run(
        [shutil.which("sh") or "sh", "-c", command, "sh", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
        message = f"{name} did not cancel {', '.join(words[:5])} ...: {said}"
        raise BatchError(message)
