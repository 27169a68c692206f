"""Run psets in worker processes.

::

    parent                                   worker 1                       worker 2 ...
    ------------------------------           ----------------------------   ---------
    takes the study's lock, makes
    its journal, releases the lock
                          | chunk: positions, or pickled psets
    dispatch  --------- pipe --------------> thread psweep-listen, a queue
    (who gets                                main thread: func(pset)
     what next)                                | each finished row
                                               v
                                             journal 1, synced by           journal 2
                                             thread psweep-sync
                          | counts, and rows in columns
    progress  <-------- pipe --------------- some times a second
    bar
    takes the study's lock, folds            has closed its journal, and
    all journals into the database           ended

Each worker writes the rows of its psets into a journal of its own, so not even a ``kill -9`` of the
parent loses a finished pset. Chunks take a fraction of a second, and the next one is sent before a
worker has finished with one.

A worker that is forked has the function and all psets in its memory. To others cloudpickle sends
them, so lambdas and what a notebook defines work, too. A run may start both, see `start_method`.

The pipe to a worker is also its lifeline: when the parent closes it, or dies, `psweep-listen` ends
the worker at once, but never in the middle of a row. If a worker dies, its journal shows which
psets of its chunk had finished, and which one was running: that one is to blame.
"""

from __future__ import annotations

import contextlib
import pickle
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import PsetTimeoutError, WorkerError
from ..store.row_bytes import encode
from ..store.run_record import Record
from ..store.task_record import TaskRecord
from ..table.row_groups import RowGroup, cells_of, joined, unpacked
from ..table.rows import RowTuple, failure_of, is_failed
from .dispatch import Dispatch, Step, Stop
from .failures import note
from .finished import save_row
from .job import Func, Job, Jobs, Settings
from .overdue import Overdue
from .start_method import native_threads, other_threads, usual_method, worker_method
from .wire import STOP, Again, Chunk, Done, Failed, GivenBack, Kept, pickled_func, pickled_job
from .worker import WorkerSetup, end_group
from .worker_clock import Clock
from .worker_process import WorkerProcess
from .worker_reports import REPORT_SECONDS

__all__ = ["run_pool"]

_MAX_CHUNK = 5000
_STOP_SECONDS = 0.2  # how often `Stop` is asked
_GRACE_SECONDS = 2.0  # a worker that has been told to end is killed after this time
_WRITE_SECONDS = 600.0  # or after this time, if it seems to be writing a row
_MAX_KILLED_EARLY = 5  # workers in a row that are killed before they are ready


def run_pool(
    func: Func,
    jobs: Jobs,
    settings: Settings,
    record: Record | TaskRecord,
    poolsize: int,
    envs: Sequence[dict[str, str]] | None = None,
    max_tasks: int | None = None,
    stop: Stop | None = None,
) -> Iterator[Step]:
    """Run all psets, a few at a time, each in one of several processes.

    Parameters
    ----------
    func : callable
    jobs : Jobs
    settings : Settings
    record : RunRecord, UnsavedRecord or TaskRecord
        Where the rows are kept.
    poolsize : int
        How many processes.
    envs : sequence of dict, optional
        Environment variables of each. None: those of this process.
    max_tasks : int, optional
        How many psets a worker runs before another one takes its place. None: any number.
    stop : Stop, optional
        Is asked before psets are handed out. Psets that may not begin any more, or not go on, are
        not run. None: all are run.

    Yields
    ------
    Step
        At least once a second, even if nothing has finished.

    Raises
    ------
    Exception
        Of ``func``, unless failures are to be recorded.
    WorkerError
        A worker died, unless failures are to be recorded, or did not start.
    """
    if not jobs:
        return
    with contextlib.ExitStack() as stack:
        if settings.capture_logs is not None and settings.logs_dir is None:
            # Nothing is saved. Without names, logs could not be read if a worker is killed.
            folder = tempfile.mkdtemp(prefix="psweep-")
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            settings = replace(settings, logs_dir=Path(folder))
        pool = _Pool(func, jobs, settings, record, envs, max_tasks, stop)
        stack.callback(pool.stop)
        for slot in range(min(poolsize, len(jobs))):
            pool.start(slot)
        yield from pool.results()


class _Pool:
    def __init__(
        self,
        func: Func,
        jobs: Jobs,
        settings: Settings,
        record: Record | TaskRecord,
        envs: Sequence[dict[str, str]] | None,
        max_tasks: int | None,
        stop: Stop | None,
    ) -> None:
        self._envs = envs
        self._max_tasks = max_tasks
        self._stop = stop
        self._stops = False  # no pset begins any more
        self._settings = settings
        self._record = record
        self._jobs = jobs
        self._dispatch = Dispatch(jobs, settings, REPORT_SECONDS, _MAX_CHUNK)
        self._workers: list[WorkerProcess] = []
        self._n_started = 0
        self._n_killed_early: dict[int, int] = {}  # workers in a row, by slot
        # What workers report, in columns. None: some rows are in a journal only.
        self._reported: list[RowGroup] | None = [] if record.saves else None
        # Made before a fork, after which each page of memory that is used is copied.
        self._params = cells_of(jobs.psets) if settings.atomic and not settings.in_task else {}
        self._func = func
        self._pickled_func: bytes | None = None  # made when it is first needed
        self._overdue = Overdue(settings.timeout)

    def start(self, slot: int) -> None:
        """Start a worker in a slot that is free."""
        # Looked up each time, because the program may have started threads meanwhile.
        method = worker_method() if self._envs is None else "spawn"
        worker = self._new_worker(method, slot)
        if worker.method == "fork" and native_threads():
            worker.kill()
            worker.process.join()
            worker.close()
            worker = self._new_worker("spawn", slot)
        self._workers.append(worker)

    def _new_worker(self, method: str, slot: int) -> WorkerProcess:
        self._n_started += 1
        is_forked = method == "fork"
        setup = WorkerSetup(
            func=self._func if is_forked else self._func_bytes(),
            jobs=self._jobs if is_forked else None,
            settings=self._settings,
            journal_path=self._record.worker_journal(self._n_started),
            clock=Clock(method, self._record.running, slot),
            slot=slot,
        )
        env = None if self._envs is None else self._envs[slot]
        return WorkerProcess(method, self._n_started, setup, env)

    def _func_bytes(self) -> bytes:
        if self._pickled_func is None:
            try:
                self._pickled_func = pickled_func(self._func)
            except Exception as error:
                if usual_method() == "fork" and self._envs is None:
                    names = ", ".join(other_threads()) or "those of a library"
                    note(
                        error,
                        "psweep: workers are not forked, and func has to be sent to them, because "
                        f"the program has other threads: {names}",
                    )
                raise
        return self._pickled_func

    def stop(self) -> None:
        """End all workers, and wait for the rows of psets whose func has returned."""
        self._let_workers_end()
        start = time.monotonic()
        while self._workers:
            seconds = time.monotonic() - start
            for worker in self._workers if seconds > _GRACE_SECONDS else []:
                if worker.clock.state() != Clock.RETURNED or seconds > _WRITE_SECONDS:
                    worker.kill()
            ends = [worker.process.sentinel for worker in self._workers]
            wait([*ends, *(worker.connection for worker in self._workers)], timeout=0.05)
            self._workers = [worker for worker in self._workers if not self._has_left(worker)]

    def _let_workers_end(self) -> None:
        for worker in self._workers:
            worker.send_bytes(STOP if self._dispatch.n_left else b"")  # (b"": it may take its time)

    def _has_left(self, worker: WorkerProcess) -> bool:
        has_left = worker.process.exitcode is not None
        with contextlib.suppress(EOFError, OSError):
            while worker.connection.poll():
                message = worker.connection.recv()
                if isinstance(message, Kept):
                    self._record.keep(message.row_bytes)
        if has_left:
            worker.process.join()
            if self._dispatch.n_left and worker.process.pid is not None:
                end_group(worker.process.pid, signal.SIGTERM)  # what func had started in it
            worker.close()
        return has_left

    def results(self) -> Iterator[Step]:
        while self._dispatch.n_left and not self._is_over():
            for worker in [] if self._stops else self._workers:
                self._feed(worker)
            for worker in self._with_messages():
                message = None
                with contextlib.suppress(EOFError, OSError):
                    if worker.connection.poll():
                        message = worker.connection.recv()
                # (Not in an `except` block: what is raised in a worker that is forked there would
                # show our exception as its context.)
                if message is None and worker.retired_at is not None and not worker.jobs:
                    self._replace_retired(worker)
                    continue
                if message is None:
                    yield self._buried(worker)
                    continue
                if not worker.started:
                    worker.has_started()
                self._n_killed_early.pop(worker.slot, None)
                if isinstance(message, Failed):
                    raise message.to_exception()
                if isinstance(message, Kept):
                    self._record.keep(message.row_bytes)
                if isinstance(message, GivenBack) and self._stop is not None:
                    self._stop.give_back(message.position, message.for_memory)
                if isinstance(message, Again):
                    self._dispatch.called_again(message.position)
                if isinstance(message, Done):
                    yield self._counted(worker, message)
            yield Step(0, 0)
        self._let_workers_end()  # which takes as long as what follows
        self._record.cache(self._all_reported())

    def _is_over(self) -> bool:
        """Find out whether the run is to end here, with psets that were not run."""
        if self._stop is None:
            return False
        self._stops = self._stops or not self._stop.may_begin(self._dispatch.slowest)
        busy = any(worker.jobs for worker in self._workers)
        return self._stops and not (busy and self._stop.may_go_on())

    def _all_reported(self) -> RowGroup | None:
        """Return all rows if they were reported."""
        if not self._reported:
            return None
        group = joined(sorted(self._reported, key=lambda some: int(some.seqs[0])))
        first = self._settings.header.first_seq
        if not np.array_equal(group.seqs, np.arange(first, first + len(self._jobs))):
            return None  # psets of a worker that died were run out of order
        return group._replace(ids=self._jobs.ids, params=self._params)

    def _with_messages(self) -> list[WorkerProcess]:
        """Wait until a worker has sent something, or has died, or a second has gone by."""
        for worker in self._workers:
            since = worker.retired_at
            if since is not None and time.monotonic() - since > _GRACE_SECONDS:
                worker.kill()  # such as one that waits for a thread of func
        seconds = self._overdue.kill(self._workers, 1.0 if self._stop is None else _STOP_SECONDS)
        ready = wait([worker.connection for worker in self._workers], timeout=seconds)
        # A worker's pipe stays open when a process that func has started has inherited it, so
        # its silence is looked into.
        return [
            worker
            for worker in self._workers
            if worker.connection in ready or worker.process.exitcode is not None
        ]

    def _counted(self, worker: WorkerProcess, done: Done) -> Step:
        self._dispatch.took(done.n, done.seconds)
        for _ in range(done.n):
            worker.jobs.popleft()
        if self._reported is None or done.groups is None:
            self._reported = None
        else:
            self._reported += map(unpacked, done.groups)
        for row_bytes in done.row_bytes:
            self._record.add_bytes(row_bytes)
        return Step(done.n, done.n_failed, failure=done.failure)

    def _feed(self, worker: WorkerProcess) -> None:
        """Send a worker its next psets, if it has few left."""
        dispatch = self._dispatch
        # A pset that takes long is not handed out before its worker is free: another one might
        # be free earlier. Of quick ones there is always a chunk waiting.
        is_quick = dispatch.pace is not None and dispatch.pace < REPORT_SECONDS
        enough = dispatch.chunk_size(len(self._workers)) if is_quick else 0
        if not dispatch.has_next or worker.retired_at is not None:
            return
        left = None if self._max_tasks is None else self._max_tasks - worker.n_sent
        if left == 0:
            if not worker.jobs:
                worker.retire()
        elif len(worker.jobs) <= enough:
            chunk = dispatch.next_chunk(len(self._workers), left)
            worker.jobs.extend(chunk)
            worker.n_sent += len(chunk)
            sent: list[Any] = chunk
            if worker.method != "fork":
                sent = list(self._jobs.tuples(chunk))
                if not self._settings.atomic:
                    sent = [pickled_job(Job(*job)) for job in sent]
            worker.send_bytes(pickle.dumps(Chunk(sent, dispatch.calls(chunk))))

    def _replace_retired(self, worker: WorkerProcess) -> None:
        """Start another worker in the place of one that has run enough psets, and has ended."""
        worker.process.join()
        self._workers.remove(worker)
        if worker.journal_path is not None:  # there might be thousands of them
            self._reported = None
        self._absorb(worker)
        if self._dispatch.has_next:
            self.start(worker.slot)

    def _absorb(self, worker: WorkerProcess) -> list[bytes]:
        """Take over the rows that are in the journal of a worker that has ended."""
        rows = worker.rows_in_journal(self._settings.header.run_id)
        worker.close()  # before its journal is removed, which Windows refuses of an open file
        if worker.journal_path is not None:
            self._record.absorb(worker.journal_path, rows)
        return rows

    def _buried(self, worker: WorkerProcess) -> Step:
        """Account for a worker that died: the pset it ran is to blame, the others run elsewhere."""
        fate = worker.fate()
        self._reported = None
        if worker.process.pid is not None:
            end_group(worker.process.pid, signal.SIGKILL)  # what func had started in it
        self._workers.remove(worker)
        if not worker.started:
            worker.close()
            return self._started_again(worker, fate)
        finished = worker.unreported_rows(self._absorb(worker), self._settings.header)
        step = Step(len(finished), sum(map(is_failed, finished.values())))
        dispatch = self._dispatch
        dispatch.n_left -= step.n
        unfinished = [i for i in worker.jobs if i not in finished]
        is_short = not worker.overdue and self._stop is not None and self._stop.killed_for_memory()
        dispatch.put_back(unfinished[1:])
        if self._stops:
            dispatch.put_back(unfinished[:1])  # nobody knows who has ended this worker
            return step
        if unfinished and dispatch.may_retry(unfinished[0]):
            dispatch.put_back(unfinished[:1])
        elif unfinished and is_short and self._settings.gives_back and self._stop is not None:
            self._stop.give_back(unfinished[0], True)
            dispatch.n_left -= 1
            step = step._replace(n=step.n + 1)
        elif unfinished:
            fate += ", because the job ran out of memory" if is_short else ""
            row = self._blamed(worker, unfinished[0], fate)
            self._record.add_bytes(encode(row, self._settings.data_only))
            save_row(row, self._settings)
            step = Step(step.n + 1, step.n_failed + 1, failure=failure_of(row))
        n_replaced = 1 if dispatch.n_left else 0
        if n_replaced:
            self.start(worker.slot)
        return step._replace(n_replaced=n_replaced)

    def _started_again(self, worker: WorkerProcess, fate: str) -> Step:
        """Replace a worker that was killed before it was ready, or raise."""
        if not worker.was_killed():
            message = (
                f"a worker process {fate} during startup (see its output above). In a "
                'script, the call of run_local must be below `if __name__ == "__main__":` '
                f"where processes are started by {worker.method!r}"
            )
            if "mpi4py" in sys.modules:  # each process that imports it needs mpiexec to start it
                message += (
                    ". If mpiexec has started the script, write "
                    "executor=mpi4py.futures.MPIPoolExecutor() instead of poolsize"
                )
            raise WorkerError(message)
        n = self._n_killed_early[worker.slot] = self._n_killed_early.get(worker.slot, 0) + 1
        if n >= _MAX_KILLED_EARLY:
            message = f"{n} worker processes in a row were killed during startup; the last {fate}"
            raise WorkerError(message)
        self._dispatch.put_back(worker.jobs)
        if not self._stops:
            self.start(worker.slot)
        return Step(0, 0, n_replaced=1)

    def _blamed(self, worker: WorkerProcess, position: int, fate: str) -> RowTuple:
        """Make the row of the pset that a dead worker was running, or raise."""
        what = self._dispatch.describe(position)
        if worker.overdue:
            seconds = float(self._settings.timeout or 0)
            problem = PsetTimeoutError(f"{what} took longer than timeout={seconds:g} s")
            return self._dispatch.blame(position, problem, seconds)
        died = WorkerError(f"the worker process that ran {what} {fate}")
        return self._dispatch.blame(position, died)
