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

Where processes are forked, a worker has the function and all psets in its memory, as they are;
elsewhere both are pickled by cloudpickle, so lambdas and what a notebook defines work, too. Which
it is can change during a run, if the program starts threads, see `start_method`.

The pipe to a worker is also its lifeline: when the parent closes it, or dies, `psweep-listen` ends
the worker at once, but never in the middle of a row. If a worker dies, its journal shows which
psets of its chunk had finished, and which one was running: that one is to blame.
"""

from __future__ import annotations

import contextlib
import pickle
import signal
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from typing import Any

import numpy as np

from ..errors import PsetTimeoutError, WorkerError
from ..store.journal import encode
from ..store.journal_reader import read_journal
from ..store.run_record import Record
from ..table.row_groups import Block, cells_of, joined, unpacked
from ..table.rows import RowTuple, is_failed
from .call import note
from .dispatch import Dispatch, Step
from .job import Func, Job, Jobs, Settings
from .start_method import native_threads, other_threads, usual_method, worker_method
from .wire import Again, Chunk, Done, Failed, pickled_func, pickled_job
from .worker import REPORT_SECONDS, Clock, WorkerSetup, end_group
from .worker_process import WorkerProcess

__all__ = ["run_pool"]

_MAX_CHUNK = 5000
_GRACE_SECONDS = 2.0  # a worker that has been told to end is killed after so long


def run_pool(
    func: Func,
    jobs: Jobs,
    settings: Settings,
    record: Record,
    poolsize: int,
    envs: Sequence[dict[str, str]] | None = None,
    max_tasks: int | None = None,
) -> Iterator[Step]:
    """Run all psets, a few at a time, each in one of several processes.

    Parameters
    ----------
    func : callable
    jobs : Jobs
    settings : Settings
    record : RunRecord or UnsavedRecord
        Where the rows are kept.
    poolsize : int
        How many processes.
    envs : sequence of dict, optional
        Environment variables of each. None: those of this process.
    max_tasks : int, optional
        How many psets a worker runs before another one takes its place. None: any number.

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
    pool = _Pool(func, jobs, settings, record, envs, max_tasks)
    try:
        for slot in range(min(poolsize, len(jobs))):
            pool.start(slot)
        yield from pool.results()
    finally:
        pool.stop()


class _Pool:
    def __init__(
        self,
        func: Func,
        jobs: Jobs,
        settings: Settings,
        record: Record,
        envs: Sequence[dict[str, str]] | None,
        max_tasks: int | None,
    ) -> None:
        self._envs = envs
        self._max_tasks = max_tasks
        self._settings = settings
        self._record = record
        self._jobs = jobs
        self._dispatch = Dispatch(jobs, settings, REPORT_SECONDS, _MAX_CHUNK)
        self._workers: list[WorkerProcess] = []
        self._n_started = 0
        # What workers report of their rows, in columns. None: some are in a journal only.
        self._reported: list[Block] | None = [] if record.saves else None
        self._func = func
        self._pickled_func: bytes | None = None  # made when it is first needed

    def start(self, slot: int) -> None:
        """Start a worker in a slot that is free."""
        # Looked up each time, because the program may have started threads meanwhile.
        method = worker_method() if self._envs is None else "spawn"
        worker = self._new_worker(method, slot)
        if worker.method == "fork" and native_threads():
            worker.kill()
            worker.process.join()
            worker.connection.close()
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
            clock=None if self._settings.timeout is None else Clock(method),
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
        for worker in self._workers:
            if self._dispatch.n_left:
                worker.connection.close()
            else:
                worker.send_bytes(b"")  # the end: it may leave in peace
        deadline = time.monotonic() + _GRACE_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.exitcode is None:
                worker.kill()
                worker.process.join()
            worker.connection.close()
        self._workers = []

    def results(self) -> Iterator[Step]:
        while self._dispatch.n_left:
            for worker in self._workers:
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
                    n_started = self._n_started
                    step = self._buried(worker)
                    yield step._replace(n_replaced=self._n_started - n_started)
                    continue
                worker.started = True
                if isinstance(message, Failed):
                    raise message.to_exception()
                if isinstance(message, Again):
                    self._dispatch.called_again(message.position)
                if isinstance(message, Done):
                    yield self._counted(worker, message)
            yield Step(0, 0)
        rows = self._all_reported()
        if rows is not None:
            self._record.cache(rows)
        else:
            self._record.give_up_cache()

    def _all_reported(self) -> Block | None:
        """Return all rows if they were reported."""
        if not self._reported:
            return None
        block = joined(sorted(self._reported, key=lambda some: int(some.seqs[0])))
        first = self._settings.header.first_seq
        if not np.array_equal(block.seqs, np.arange(first, first + len(self._jobs))):
            return None  # psets of a worker that died were run out of order
        return block._replace(ids=self._jobs.ids, params=cells_of(self._jobs.psets))

    def _with_messages(self) -> list[WorkerProcess]:
        """Wait until a worker has sent something, or has died, or a second has gone by."""
        seconds = self._stop_overdue()
        ready = wait([worker.connection for worker in self._workers], timeout=seconds)
        # A worker's pipe stays open when a process that func has started has inherited it, so
        # its silence is looked into.
        return [
            worker
            for worker in self._workers
            if worker.connection in ready or worker.process.exitcode is not None
        ]

    def _stop_overdue(self) -> float:
        """Kill workers whose pset takes too long; give the seconds until the next look."""
        seconds = 1.0
        for worker in self._workers:
            if worker.retired_at is not None:
                if time.monotonic() - worker.retired_at > _GRACE_SECONDS:
                    worker.kill()  # such as one that waits for a thread of func
                continue
            if worker.clock is None or worker.overdue or self._settings.timeout is None:
                continue
            since, position = worker.clock.read()
            if position is not None:
                left = since + self._settings.timeout - time.monotonic()
                if left <= 0:
                    worker.overdue = True
                    worker.kill()
                else:
                    seconds = min(seconds, left + 0.001)
        if self._settings.timeout is not None:
            seconds = min(seconds, self._settings.timeout)  # of a pset that starts meanwhile
        return seconds

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
        return Step(done.n, done.n_failed)

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
                if not self._settings.plain:
                    sent = [pickled_job(Job(*job)) for job in sent]
            worker.send_bytes(pickle.dumps(Chunk(sent, dispatch.calls(chunk))))

    def _replace_retired(self, worker: WorkerProcess) -> None:
        """Start another worker in the place of one that has run enough psets, and has ended."""
        worker.process.join()
        worker.connection.close()
        self._workers.remove(worker)
        if worker.journal_path is not None:  # there might be thousands of them
            self._reported = None
            self._record.absorb(worker.journal_path)
        if self._dispatch.has_next:
            self.start(worker.slot)

    def _buried(self, worker: WorkerProcess) -> Step:
        """Account for a worker that died: the pset it ran is to blame, the others run elsewhere."""
        fate = worker.fate()
        self._reported = None
        if worker.process.pid is not None:
            end_group(worker.process.pid, signal.SIGKILL)  # what func had started in it
        self._workers.remove(worker)
        worker.connection.close()
        if not worker.started:
            message = (
                f"a worker process {fate} before it was ready; its own message is above. In a "
                'script, the call of run_local must stand below `if __name__ == "__main__":` '
                f"where processes are started by {worker.method!r}"
            )
            raise WorkerError(message)
        finished = self._finished_by(worker)
        step = Step(len(finished), sum(map(is_failed, finished.values())))
        dispatch = self._dispatch
        dispatch.n_left -= step.n
        unfinished = [i for i in worker.jobs if i not in finished]
        dispatch.put_back(unfinished[1:])
        if unfinished and dispatch.may_retry(unfinished[0]):
            dispatch.put_back(unfinished[:1])
        elif unfinished:
            self._record.add_bytes(encode(self._blamed(worker, unfinished[0], fate)))
            step = Step(step.n + 1, step.n_failed + 1)
        if dispatch.n_left:
            self.start(worker.slot)
        return step

    def _blamed(self, worker: WorkerProcess, position: int, fate: str) -> RowTuple:
        """Make the row of the pset that a dead worker was running, or raise."""
        what = self._dispatch.describe(position)
        if worker.overdue:
            seconds = float(self._settings.timeout or 0)
            problem = PsetTimeoutError(f"{what} took longer than timeout={seconds:g} s")
            return self._dispatch.blame(position, problem, seconds)
        died = WorkerError(f"the worker process that ran {what} {fate}")
        return self._dispatch.blame(position, died)

    def _finished_by(self, worker: WorkerProcess) -> dict[int, RowTuple]:
        """Find what a dead worker has finished, but had no time to report, by position."""
        if worker.journal_path is None:
            return {}
        with contextlib.suppress(FileNotFoundError):
            rows = read_journal(worker.journal_path).rows
            first = self._settings.header.first_seq
            return {row.seq - first: row for row in rows if row.seq - first in worker.jobs}
        return {}
