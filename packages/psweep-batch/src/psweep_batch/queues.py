"""The queues of the machines of a study, and what is known of jobs that they do not show."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from psweep import file_read
from psweep_core.plumbing import PRIVATE, replace_text

from .info_yaml import read_info
from .jobs import Attempt
from .machine import Machine
from .queue import Account, Queue, complain, snapshot_path
from .scripts import info_path

__all__ = ["Queues", "cancelled_name", "machine_of"]

_MISSING = "batch_missing.json"  # in .psweep: since when the queue does not show jobs


class Queues:
    """The queue of each machine, asked when and only if there is a question."""

    def __init__(self, calc_dir: Path, may_ask: Callable[[Machine], bool] | None = None) -> None:
        self._calc_dir = calc_dir
        self._may_ask = may_ask
        # By the name of a machine; None: its queue cannot be asked
        self._machines: dict[str, Machine] = {}
        self._queues: dict[str, Queue | None] = {}
        self._by_query: dict[str, Queue | None] = {}  # machines may share a scheduler
        self._saved: set[str] = set()  # machines whose queue psweep-pull has brought
        self._elsewhere: set[tuple[str, str]] = set()  # users and clusters that were complained of
        # For each machine, the jobs (cluster, number) that a second source is to be asked for
        self._unclear: dict[str, set[tuple[str, str]]] = {}
        # Since when queues do not show jobs (s since 1970): as stored (None: not read yet), and
        # what has changed since; and the jobs that are in a queue after all
        self._missing: dict[str, float] | None = None
        self._missing_now: dict[str, float] = {}
        self._present: set[str] = set()
        self._cancelled: dict[str, set[str]] = {}  # for each machine: pset or chunk, and attempt

    def machine(self, name: str) -> Machine:
        """Return the settings of a machine."""
        if name not in self._machines:
            self._machines[name] = machine_of(self._calc_dir, name)
        return self._machines[name]

    def of(self, attempt: Attempt) -> Queue | None:
        """Return the queue that an attempt would be in; None if it cannot be asked."""
        name = attempt.machine
        if name not in self._queues:
            self._queues[name] = self._ask(name)
        queue = self._queues[name]
        if queue is None:
            return None
        where = (attempt.user, attempt.cluster)
        if not queue.knows(attempt.cluster) or (
            queue.user and attempt.user not in ("", queue.user)
        ):
            if where not in self._elsewhere:
                self._elsewhere.add(where)
                complain(name, f"jobs are of {' on '.join(filter(None, where))}")
            return None
        return queue

    def account(self, attempt: Attempt) -> Account | None:
        """Return what a second source says of a job; None if it was not asked or did not answer.

        Then the next `ask_accounts` asks for it.
        """
        queue = self.of(attempt)
        if queue is None or attempt.job_id is None:
            return None
        found = queue.account(attempt.cluster, attempt.job_id)
        if found is None:
            jobs = self._unclear.setdefault(attempt.machine, set())
            jobs.add((attempt.cluster, attempt.job_id))
        return found

    def ask_accounts(self, host: Sequence[str] | None = None) -> list[Queue]:
        """Ask the second source for all jobs for which `account` has returned None.

        Parameters
        ----------
        host : sequence of str, optional
            The command that runs another where the scheduler is. None: here; then machines whose
            queue psweep-pull has brought are left out.

        Returns
        -------
        list of Queue
            Those that have answers.
        """
        asked = []
        for name, jobs in self._unclear.items():
            queue = self._queues[name]
            if queue is not None and (name not in self._saved or host is not None):
                queue.ask_accounts(self.machine(name), jobs, host)
                asked.append(queue)
        self._unclear.clear()
        return asked

    def missing_for(self, attempt: Attempt, queue: Queue, since: float = math.inf) -> float:
        """Return for how many seconds a job is known not to be in the queue, and note since when.

        Parameters
        ----------
        attempt : Attempt
        queue : Queue
        since : float, optional
            When it has ended, if the scheduler says so. Otherwise, the time counts from when the
            queue was first seen without it.
        """
        key = _missing_key(attempt)
        since = min(self._known_missing().get(key, queue.when), queue.when, since)
        self._missing_now[key] = since
        return queue.when - since

    def mark_present(self, attempt: Attempt) -> None:
        """Note that a job is there: since when it was missing before counts no more."""
        self._present.add(_missing_key(attempt))
        self._missing_now.pop(_missing_key(attempt), None)

    def _known_missing(self) -> dict[str, float]:
        if self._missing is None:
            try:
                self._missing = json.loads(file_read(self._calc_dir / PRIVATE / _MISSING))
            except (OSError, ValueError):
                self._missing = {}
        return self._missing

    def remember(self) -> None:
        """Keep since when jobs are missing, where that is possible."""
        known = self._known_missing()
        missing = {**known, **self._missing_now}
        missing = {key: since for key, since in missing.items() if key not in self._present}
        if missing != known:
            with contextlib.suppress(OSError):  # the study may be read-only
                text = json.dumps(missing)
                replace_text(self._calc_dir / PRIVATE / _MISSING, text)

    def was_cancelled(self, attempt: Attempt) -> bool:
        """Return whether psweep has cancelled a job."""
        name = attempt.machine
        if name not in self._cancelled:
            try:
                text = file_read(self._calc_dir / cancelled_name(name))
            except OSError:
                text = ""
            self._cancelled[name] = set(text.splitlines())
        folder = os.path.basename(attempt.folder)
        return f"{folder} {attempt.number}" in self._cancelled[name]

    def _ask(self, name: str) -> Queue | None:
        saved = snapshot_path(self._calc_dir, name)
        if saved.exists():
            self._saved.add(name)
            return Queue.read(saved)
        machine = self.machine(name)
        query = machine.query
        if query is None:
            complain(name, "its info.yaml has no statcmd and no scheduler")
            return None
        if self._may_ask is not None and not self._may_ask(machine):
            complain(name, "its statcmd was not confirmed: call this in a terminal")
            return None
        if self._calc_dir.joinpath(f".clusters_{name}").exists():
            query = f"{name} {query}"  # which asks for these clusters
        if query not in self._by_query:
            try:
                self._by_query[query] = Queue.ask(machine, self._calc_dir)
            except OSError as error:
                self._by_query[query] = None
                complain(name, error)
        return self._by_query[query]


def machine_of(calc_dir: Path, name: str) -> Machine:
    """Read the settings of a machine from the study; if they are missing, assume SLURM."""
    path = info_path(calc_dir, name)
    return read_info(path, name) if path.exists() else Machine(name, "sbatch", scheduler="slurm")


def _missing_key(attempt: Attempt) -> str:
    return f"{attempt.machine} {attempt.cluster} {attempt.job_id}"


def cancelled_name(machine: str) -> str:
    """Name of the file that lists the jobs that psweep has cancelled on a machine."""
    return f".cancelled_{machine}"
