"""Run the psets of one task of a batch job: what ``psweep-task`` does."""

from __future__ import annotations

import os
import pickle
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..engines.finished import failed_row, pickled
from ..engines.job import SomeJobs
from ..engines.pool import run_pool
from ..errors import PsweepError
from ..messages import summary_of
from ..show.tracebacks import format_error
from ..states import ClaimState
from ..store.claims import FREE, OUT_OF_MEMORY, TIME_LIMIT
from ..store.paths import Layout
from ..store.spool import Spool, append_line
from ..store.task_record import TaskRecord
from .job_environment import job_id, rank
from .needs import Needs
from .options import Options
from .spool_work import TASK_PYTHON
from .task_stop import Stop, is_ended, tell

__all__ = ["task"]

_HAND_OVER_SECONDS = 10.0  # how long a later one waits for it to stop


class TaskError(PsweepError, RuntimeError):
    """A task cannot run."""


def task() -> int:
    """Run the psets of one task; return the exit status, see `psweep_core.task`."""
    try:
        _Task(*_environment()).run()
    except PsweepError as error:
        print(f"psweep-task: {error}", file=sys.stderr)
        return 1
    return 0


def _environment() -> tuple[Spool, int, int]:
    try:
        spool = Spool(Path(os.environ["PSWEEP_SPOOL"]))
        return spool, int(os.environ["PSWEEP_CHUNK"]), int(os.environ["PSWEEP_ATTEMPT"])
    except (KeyError, ValueError):
        message = (
            "this is not a job of psweep; psweep-task is a line of a jobscript, and "
            "calc/run_<machine>.sh submits it, see prep_batch(func=...)"
        )
        raise TaskError(message) from None


class _Task:
    def __init__(self, spool: Spool, chunk: int, attempt: int) -> None:
        self.spool = spool
        self.chunk = chunk
        self.attempt = attempt
        self.path = spool.claim_path(chunk, attempt)
        self._start = ""  # its line in the claim

    def run(self) -> None:
        if rank() != "0":
            print("psweep-task: another process of this job runs the psets", file=sys.stderr)
            return
        stop = Stop()  # from here on, signals are only noted
        tell("task", f"{os.getpid()}")  # where signals are to be sent
        if not self._confirm():
            return
        self._hand_over(stop)
        stop.watch(self.path, self._start)
        try:
            self._check_versions()
            state, reason = self._run_psets(stop)
        except BaseException as error:
            problem = summary_of(error)
            self._end(ClaimState.FAILED, problem)
            if isinstance(error, PsweepError):
                raise
            print(format_error(error), file=sys.stderr)
            raise TaskError(problem) from error
        self._end(state, reason)

    # the claim

    def _confirm(self) -> bool:
        """Note in the claim that this task runs; False if another one has the chunk."""
        last = self.spool.claims().get(self.chunk)
        mine = self.spool.claim(self.chunk, self.attempt)
        run = Path(os.environ.get("PSWEEP_RUN", "-")).name  # each start of the job has another one
        if last is not None and mine is not None and last.how == mine.how != "here":
            self.attempt, self.path = last.attempt, last.path  # made when this job began before
        if last is None:
            # It was withdrawn, because the scheduler seemed to refuse the job.
            if not self._claim(self.attempt, f"job\nby {os.environ.get('PSWEEP_MACHINE', '')}  \n"):
                return False
        elif last.attempt > self.attempt or last.state == ClaimState.DONE:
            self._say("another task has these psets, or had")
            return False
        elif last.state in FREE or (last.start is not None and last.run != run):
            # Started again, after its psets were given back, or it was cut off from its scheduler.
            # Whoever is first has them now, so a new claim is made: the submit script may be making
            # one at this moment, and under the old one, the task may still run on another node.
            text = last.path.read_text(encoding="utf-8", errors="replace").split("start ")[0]
            ends = ("end ", "exit ")
            head = [line for line in text.split("\n") if line and not line.startswith(ends)]
            if not self._claim(self.attempt + 1, "".join(f"{line}\n" for line in head)):
                self._say("another task has these psets now")
                return False
        self._start = f"start {time.time():.3f} {platform.node()} {os.getpid()} {job_id()} {run}"
        append_line(self.path, self._start)
        for line in self.path.read_text(encoding="utf-8", errors="replace").split("\n"):
            if line == self._start:
                break
            words = line.split(" ")
            if words[0] == "start" and words[5:] == [run] and _may_live(words[2], int(words[3])):
                self._say("another process of this job runs the psets")
                return False
        tell("claim", f"{self.path}")
        return True

    def _hand_over(self, stop: Stop) -> None:
        """Let tasks stop that had the chunk before, and wait for those that may still run."""
        earlier = self.spool.end_earlier(self.chunk, self.attempt)
        until = time.monotonic() + _HAND_OVER_SECONDS
        while earlier and time.monotonic() < until and stop.may_go_on():
            earlier = [
                (claim, line)
                for claim, line in earlier
                if _may_live(claim.host, claim.pid) and not is_ended(claim.path, line)
            ]
            if earlier:
                time.sleep(0.1)

    def _claim(self, attempt: int, text: str) -> bool:
        path = self.spool.claim_path(self.chunk, attempt)
        try:
            with open(path, "x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            return False
        self.attempt, self.path = attempt, path
        return True

    def _end(self, state: str, reason: str) -> None:
        reason = " ".join(reason.split())[:500]
        append_line(self.path, f"end {time.time():.3f} {state} {reason}".rstrip())

    def _say(self, text: str) -> None:
        where = f"chunk {self.chunk} of {self.spool.run_id}"
        print(f"psweep-task: {where}: {text}", file=sys.stderr, flush=True)

    # the psets

    def _check_versions(self) -> None:
        python = self.spool.head["python"]
        if python != TASK_PYTHON:
            message = (
                f"the psets were prepared by Python {python}, and this is Python {TASK_PYTHON} "
                f"({sys.executable}), which cannot load the function; use the same version in the "
                "jobscript, or call prep_batch with this one"
            )
            raise TaskError(message)

    def _run_psets(self, stop: Stop) -> tuple[str, str]:
        spool, header = self.spool, self.spool.header
        layout = Layout(spool.folder.parents[2], spool.head["database"])
        layout.private.mkdir(parents=True, exist_ok=True)
        work = pickle.loads(spool.part(0))
        # for modules of the project
        places = [os.getcwd(), *(layout.calc_dir / place for place in work["path"])]
        sys.path[:0] = [*dict.fromkeys(map(os.path.realpath, places))]
        try:
            jobs = pickle.loads(spool.part(self.chunk + 1))
        except ImportError as error:
            message = (
                f"{summary_of(error)}: it cannot load the psets with {sys.executable}; install "
                "there the modules of their classes, or copy these next to the script"
            )
            raise TaskError(message) from error
        recorded = spool.recorded()
        todo = [position for position in jobs.positions if position not in recorded]
        jobs = jobs.some(todo)
        n_workers = max(1, int(os.environ.get("PSWEEP_PARALLEL") or 1))
        envs = work["options"].get("worker_env")
        if envs is not None and not isinstance(envs, Mapping):
            n_workers = len(envs)
        options = Options(calc_dir=layout.calc_dir, poolsize=n_workers, **work["options"])
        settings = options.settings(header, layout, work["commit"], work["plain"])
        extras = {**(settings.extras or {}), "_exec_host": platform.node()}
        settings = replace(settings, extras=extras, in_task=True)
        needs = Needs(spool, self.chunk)
        if needs.are_counted:
            attempts = {i: n + 1 for i, n in spool.begun().items()}
            settings = replace(settings, attempts=attempts, gives_back=needs.may_grow)
        to_blame = needs.to_blame(todo)
        n_at_once = 1 if needs.are_unclear(todo) else n_workers
        record = TaskRecord(header, spool, self.chunk, self.attempt, n_workers)
        n = n_failed = 0
        cut_short: list[int] = []
        try:
            try:
                func = pickle.loads(work["func"])
            except Exception as error:
                return self._without_func(error, jobs, settings, record)
            if to_blame:
                self._blame(to_blame[0], jobs, settings, record)
                todo = [position for position in todo if position not in to_blame]
                jobs = jobs.some(todo)
            stop.begin(spool.head["runtime"])
            steps = run_pool(
                func, jobs, settings, record, n_at_once, options.worker_envs, stop=stop
            )
            for step in steps:
                n += step.n
                n_failed += step.n_failed
        finally:
            record.close()
            cut_short = record.left_running(stop.given_back)
        left = len(jobs) - n + len(stop.given_back)
        n -= len(stop.given_back)
        psets = "1 pset has" if n == 1 else f"{n} psets have"
        self._say(f"{psets} run, {n_failed} failed, {left} given back")
        if stop.n_short:
            return ClaimState.STOPPED, f"{OUT_OF_MEMORY}: {stop.n_short} of the psets need more"
        if left and cut_short and stop.at_limit:
            return ClaimState.STOPPED, f"{TIME_LIMIT}: {len(cut_short)} of the psets did not finish"
        if left:
            return ClaimState.STOPPED, stop.why
        return ClaimState.DONE, ""

    def _blame(self, position: int, jobs: SomeJobs, settings: Any, record: TaskRecord) -> None:
        """Write the row of a pset for which a whole task was killed."""
        text = (
            "WorkerError: the task that ran this pset was killed, because the job ran out of memory"
            "; let it ask for more, see resources= and escalate: in the manual\n"
        )
        row = failed_row(jobs[position], settings, time.time_ns(), float("nan"), text)
        record.add_bytes(pickled(jobs[position], row, settings)[1])

    def _without_func(
        self, error: Exception, jobs: SomeJobs, settings: Any, record: TaskRecord
    ) -> tuple[str, str]:
        """Report that func cannot be loaded: once, in a row, and give back the other psets."""
        text = (
            f"{format_error(error).rstrip()}\n"
            f"psweep: a task on {platform.node()} could not load func with {sys.executable}; "
            "install there what func imports, or load it in the jobscript before psweep-task\n"
        )
        print(text, file=sys.stderr)
        if len(jobs) and settings.on_error == "record":
            job = jobs[jobs.positions[0]]
            row = failed_row(job, settings, time.time_ns(), float("nan"), text)
            record.add_bytes(pickled(job, row, settings)[1])
        return ClaimState.FAILED, f"func could not be loaded: {summary_of(error)}"


def _may_live(host: str | None, pid: int | None) -> bool:
    """Return whether another process may live; nothing is known of other nodes."""
    if host != platform.node() or pid is None:
        return True
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
