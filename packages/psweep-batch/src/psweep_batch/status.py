"""`batch_status`: how the job of each pset is."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from psweep import df_read
from psweep.layout import PathLike

from .errors import BatchError
from .jobs import Attempt, last_attempt, machines_of
from .machines import JOBSCRIPT, Machine, read_info
from .queue import Queue, complain, snapshot_path
from .scripts import info_path

__all__ = [
    "STATES",
    "PsetStatus",
    "batch_status",
    "count_states",
    "machine_of",
    "nothing_for",
    "status_frame",
    "statuses",
    "tail",
]

STATES: Final = ("not submitted", "queued", "running", "done", "failed", "lost")

_GRACE_SECONDS = 60  # a submit command may take so long to answer
_TAIL_BYTES = 4096

# What SLURM writes to the output of a job that it ends
_REASONS = [
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"DUE TO TIME LIMIT", "time limit"),
        (r"(?i)oom.?kill|out.of.memory|exceeded (job )?memory limit", "out of memory"),
        (r"DUE TO NODE FAIL", "node failure"),
        (r"DUE TO PREEMPTION", "preempted"),
        (r"CANCELLED AT", "cancelled"),
    )
]


@dataclass(frozen=True)
class PsetStatus:
    """How the job of one pset is."""

    pset_id: str
    pset_seq: int
    run_seq: int
    machine: str | None
    attempt: Attempt | None
    state: str
    reason: str
    log: Path | None


def batch_status(calc_dir: PathLike = "calc", machine: str | None = None) -> pd.DataFrame:
    """Tell how the job of each pset is: from small files beside it, and one look at the queue.

    On the cluster, its scheduler is asked about jobs that have not noted their end. Elsewhere, what
    psweep-pull has heard of the queue counts, and all is as it was then. Where neither is to be
    had, these jobs count as queued or running, and a note on stderr says so.

    Parameters
    ----------
    calc_dir : str or path, default "calc"
        The folder of the study.
    machine : str, optional
        Look only at jobs of this machine. None: at the last job of each pset, on whichever.

    Returns
    -------
    DataFrame
        One row a pset that was prepared by `prep_batch`; the index is ``_pset_seq``. Columns:

        - ``_pset_id``, ``_run_seq``,
        - ``machine``: None if not submitted anywhere,
        - ``state``: "not submitted", "queued", "running", "done" (exit code 0), "failed" (any
          other), "lost" (killed from outside, by a limit of memory or time, or with its node),
        - ``job_id``, ``exit_code``, ``host``, ``runtime`` (seconds), as far as known,
        - ``reason``: why it is failed, lost or still queued,
        - ``log``: the file with what the job has printed, as far as known.

    Raises
    ------
    StudyNotFoundError
        There is no study in that folder.
    BatchError
        Nothing was prepared for that machine.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.file_write("templates/machines/local/info.yaml", "subcmd: sh")
    >>> ps.file_write("templates/machines/local/jobscript", "exit $a")
    >>> df = ps.prep_batch(ps.plist("a", [0, 3]), calc_templ_dir=None)
    >>> import subprocess
    >>> _ = subprocess.run(["sh", "calc/run_local.sh"])
    >>> status = ps.batch_status("calc")
    >>> print(status[["state", "exit_code"]])
        state  exit_code
    0    done          0
    1  failed          3
    """
    return status_frame(statuses(df_read(calc_dir), Path(calc_dir), machine))


def status_frame(found: Sequence[PsetStatus]) -> pd.DataFrame:
    """Make a table of it, see `batch_status`."""
    attempts = [status.attempt for status in found]
    columns: dict[str, Any] = {
        "_pset_id": [status.pset_id for status in found],
        "_run_seq": [status.run_seq for status in found],
        "machine": pd.Series([status.machine for status in found], dtype=object),
        "state": [status.state for status in found],
        "job_id": pd.Series([a.job_id if a else None for a in attempts], dtype=object),
        "exit_code": pd.array([a.exit_code if a else None for a in attempts], dtype="Int64"),
        "host": pd.Series([a.host if a else None for a in attempts], dtype=object),
        "runtime": pd.Series([a.runtime if a else None for a in attempts], dtype="float64"),
        "reason": pd.Series([status.reason for status in found], dtype=object),
        "log": pd.Series([str(s.log) if s.log else None for s in found], dtype=object),
    }
    df = pd.DataFrame(columns)
    df.index = pd.Index([status.pset_seq for status in found], dtype="int64")
    return df


def statuses(df: pd.DataFrame, calc_dir: Path, machine: str | None) -> list[PsetStatus]:
    """Find out how the jobs of the psets in a database are."""
    places: list[tuple[str, int, int, set[str]]] = []
    some_for_machine = False
    if len(df):
        for pset_id, pset_seq, run_seq in zip(
            df["_pset_id"], df["_pset_seq"], df["_run_seq"], strict=True
        ):
            try:
                names = set(os.listdir(f"{calc_dir}/{pset_id}"))
            except OSError:
                continue  # of run_local, which needs no folders
            prepared = machines_of(names)
            if machine in prepared if machine else prepared:
                some_for_machine = True
                places.append((pset_id, int(pset_seq), int(run_seq), names))
    if machine and not some_for_machine:
        raise BatchError(nothing_for(calc_dir, machine))
    attempts = [
        last_attempt(f"{calc_dir}/{pset_id}", names, machine) for pset_id, _, _, names in places
    ]
    # First the notes, then the queue: a job that ends in between is in neither, and its notes are
    # looked at once more.
    queues = _Queues(calc_dir)
    found = []
    for (pset_id, pset_seq, run_seq, names), first in zip(places, attempts, strict=True):
        folder = calc_dir / pset_id
        attempt = first
        state, reason = _judge(attempt, queues)
        if state == "lost" and first is not None and first.exit_code is None:
            attempt = last_attempt(folder, names, machine)
            if attempt is not None and attempt.exit_code is not None:
                state, reason = _judge(attempt, queues)
        log = _log_of(folder, attempt)
        if state == "lost" and attempt is not None:
            reason = _why(calc_dir, attempt, log) or reason
        name = attempt.machine if attempt else machine
        found.append(PsetStatus(pset_id, pset_seq, run_seq, name, attempt, state, reason, log))
    return found


def nothing_for(calc_dir: Path, machine: str) -> str:
    """Say that no pset was prepared for a machine."""
    there = sorted(path.name[4:-3] for path in calc_dir.glob("run_*.sh"))
    return (
        f"no pset in {calc_dir} was prepared for the machine {machine!r}; there is "
        f"{', '.join(there) or 'none, call prep_batch'}"
    )


class _Queues:
    """The queue of each machine, asked when and only if there is a question."""

    def __init__(self, calc_dir: Path) -> None:
        self._calc_dir = calc_dir
        self._of: dict[str, Queue | None] = {}
        self._asked: dict[str, Queue | None] = {}
        self._elsewhere: set[tuple[str, str]] = set()

    def of(self, attempt: Attempt) -> Queue | None:
        """Give the queue that an attempt would be in; None if it cannot be asked."""
        name = attempt.machine
        if name not in self._of:
            self._of[name] = self._ask(name)
        queue = self._of[name]
        if queue is None:
            return None
        where = (attempt.user, attempt.cluster)
        if (queue.cluster and attempt.cluster not in ("", queue.cluster)) or (
            queue.user and attempt.user not in ("", queue.user)
        ):
            if where not in self._elsewhere:
                self._elsewhere.add(where)
                complain(name, f"jobs are of {' on '.join(filter(None, where))}")
            return None
        return queue

    def _ask(self, name: str) -> Queue | None:
        saved = snapshot_path(self._calc_dir, name)
        if saved.exists():
            return Queue.read(saved)
        query = machine_of(self._calc_dir, name).query
        if query is None:
            complain(name, "its info.yaml has no statcmd")
            return None
        if query not in self._asked:
            try:
                self._asked[query] = Queue.ask(query)
            except OSError as error:
                self._asked[query] = None
                complain(name, error)
        return self._asked[query]


def machine_of(calc_dir: Path, name: str) -> Machine:
    """Read what prep_batch has kept of a machine; if it is not there, take SLURM for granted."""
    path = info_path(calc_dir, name)
    return read_info(path, name) if path.exists() else Machine(name, "sbatch")


def _judge(attempt: Attempt | None, queues: _Queues) -> tuple[str, str]:
    if attempt is None:
        return "not submitted", ""
    if attempt.exit_code == 0:
        return "done", ""
    if attempt.exit_code is not None:
        if not attempt.killed:
            by = f" ({attempt.signal})" if attempt.signal else ""
            return "failed", f"exit code {attempt.exit_code}{by}"
        # A scheduler may have killed it in order to start it again.
        return _in_queue(attempt, queues) or ("lost", attempt.killed)
    running = "queued" if attempt.start is None else "running"
    if attempt.here:
        if attempt.gone():
            return "lost", "its process is gone"
        if attempt.start is None and time.time() - attempt.since > _GRACE_SECONDS:
            return "lost", "submitting it was cut short"
        return running, ""
    queue = queues.of(attempt)
    found = _in_queue(attempt, queues)
    if found:
        return found
    if attempt.job_id is None:
        now = time.time() if queue is None else queue.when
        if now - attempt.since < _GRACE_SECONDS:
            return "queued", "being submitted"
        return "lost", "submitting it was cut short"
    if queue is None or queue.when < attempt.since:
        return running, ""  # nothing is known of it, or nothing as new as it
    return "lost", "ended without an exit code"


def _in_queue(attempt: Attempt, queues: _Queues) -> tuple[str, str] | None:
    """Give the state of a job that its scheduler still has; None if it has not."""
    queue = None if attempt.here else queues.of(attempt)
    if queue is None:
        return None
    job_id = attempt.job_id or queue.find(attempt.known_as, attempt.task)
    if job_id is None or job_id not in queue:
        return None
    runs, reason = queue.state(job_id)
    if runs and attempt.start is None and attempt.task:
        return "queued", "its task runs another pset"
    if attempt.exit_code is not None:
        return ("running" if runs else "queued"), "started again"
    if runs is None:
        runs = attempt.start is not None
    return ("running", "") if runs else ("queued", reason)


def _log_of(folder: Path, attempt: Attempt | None) -> Path | None:
    if attempt is None:
        return None
    if attempt.log and (folder / attempt.log).is_file():
        return folder / attempt.log
    for name in (f"{JOBSCRIPT}_{attempt.machine}.log", f"slurm-{attempt.job_id}.out"):
        if (folder / name).is_file():
            return folder / name
    return None


def _why(calc_dir: Path, attempt: Attempt, log: Path | None) -> str | None:
    """Look for what the scheduler has written when it ended a job."""
    task_log = calc_dir / f"arrays_{attempt.machine}" / f"{attempt.job_id}.out"
    for path in (task_log, log):
        if path is not None and path.is_file():
            text = tail(path)
            for pattern, reason in _REASONS:
                if pattern.search(text):
                    return reason
    return None


def tail(path: Path) -> str:
    """Read the end of a text file."""
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _TAIL_BYTES))
        return file.read().decode("utf-8", "replace")


def count_states(states: Iterable[str]) -> dict[str, int]:
    """Count the psets in each state, in the order of `STATES`."""
    states = list(states)
    return {state: states.count(state) for state in STATES if state in states}
