"""Run psets in worker processes.

Each worker writes the rows of its psets into a journal of its own, so that not even a ``kill -9``
of the parent costs a finished pset, and nothing but counts travels back. It gets its psets in
chunks that take a fraction of a second, and the next chunk before it is through with one.

Where processes are forked, a worker has the function and all psets in its memory, as they are;
elsewhere both are pickled by cloudpickle, so lambdas and what a notebook defines work, too. Which
it is can change during a run, if the program starts threads, see `start_method`.

The pipe to a worker is also its lifeline: when the parent closes it, or dies, the worker ends at
once, but never in the middle of a row.
"""

from __future__ import annotations

import collections
import contextlib
import multiprocessing
import os
import pickle
import signal
import time
import weakref
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np

from .blocks import Block, cells_of, joined, unpacked
from .call import Func, Job, Settings, describe, failed_row, note
from .crossing import pickled_func, pickled_job, unpickled_exception
from .errors import PsetTimeoutError, WorkerError
from .journal import Journal, encode, read_journal
from .plan import Jobs
from .progress import News, is_failed
from .rows import Row
from .start_method import native_threads, new_process, other_threads, usual_method, worker_method
from .worker import REPORT_SECONDS, Clock, Task, end_group, work

__all__ = ["run_pool"]

_MAX_CHUNK = 5000
_GRACE_SECONDS = 2.0  # a worker that has been told to end is killed after so long

JournalPath = Callable[[int], Path]


def run_pool(
    func: Func,
    jobs: Jobs,
    settings: Settings,
    poolsize: int,
    journal: Journal | None,
    journal_path: JournalPath | None,
) -> Iterator[News]:
    """Run all psets, a few at a time, each in one of several processes.

    Parameters
    ----------
    func : callable
    jobs : Jobs
    settings : Settings
    poolsize : int
        How many processes.
    journal : Journal, optional
        Of this process, for the rows of psets whose worker died. None: rows are not kept on disk.
    journal_path : callable, optional
        ``journal_path(n)`` is where worker n writes its journal. None: rows are not kept on disk.

    Yields
    ------
    News
        How many psets are through, and their rows unless they are kept in journals; at least once
        a second, also if it is none.

    Raises
    ------
    Exception
        Of ``func``, unless failures are to be recorded.
    WorkerError
        A worker died, unless failures are to be recorded, or did not start.
    """
    pool = _Pool(func, jobs, settings, journal, journal_path)
    try:
        pool.start(min(poolsize, len(jobs)))
        yield from pool.results()
    finally:
        pool.stop()


class _Worker:
    """A worker process, as its parent sees it."""

    def __init__(self, method: str, number: int, task: Task) -> None:
        self.number = number
        self.method = method
        self.connection, theirs = multiprocessing.Pipe()
        _parent_ends.add(self.connection)
        self.process = new_process(method, f"psweep-worker-{number}", work, (theirs, task))
        self.process.start()
        theirs.close()
        self.clock = task.clock
        self.overdue = False  # it was killed for that
        self.started = False
        self.jobs: collections.deque[int] = collections.deque()  # sent and not reported finished

    def send_bytes(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # it has died, which is noticed elsewhere
            self.connection.send_bytes(data)

    def kill(self) -> None:
        """End it, and all that func has started in it."""
        if self.process.pid is not None:
            end_group(self.process.pid, signal.SIGKILL)
        self.process.kill()

    def fate(self) -> str:
        """Say in words how it ended."""
        self.process.join()
        code = self.process.exitcode or 0
        if code >= 0:
            return f"exited with status {code}"
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
            hint = ", possibly because it was out of memory" if name == "SIGKILL" else ""
            return f"was ended by {name}{hint}"
        return f"was ended by signal {-code}"


class _Pool:
    def __init__(
        self,
        func: Func,
        jobs: Jobs,
        settings: Settings,
        journal: Journal | None,
        journal_path: JournalPath | None,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._journal_path = journal_path
        self._jobs = jobs
        self._todo = collections.deque(range(len(jobs)))  # by position
        self._left = len(jobs)
        self._workers: list[_Worker] = []
        self._made = 0
        self._calls: dict[int, int] = {}  # of func for a pset, where these are more than one
        self._seconds_a_pset: float | None = None
        # What workers tell of their rows. None: some are in a journal alone.
        self._told: list[Block] | None = [] if journal is not None else None
        self._func = func
        self._pickled_func: bytes | None = None  # made when it is first needed

    def start(self, n: int) -> None:
        for _ in range(n):
            # Each time, since the program may have started threads meanwhile.
            worker = self._new_worker(worker_method())
            if worker.method == "fork" and native_threads():
                worker.kill()
                worker.process.join()
                worker.connection.close()
                worker = self._new_worker("spawn")
            self._workers.append(worker)

    def _new_worker(self, method: str) -> _Worker:
        self._made += 1
        path = self._journal_path(self._made) if self._journal_path else None
        if self._journal is not None and path is not None:
            self._journal.others.append(path)
        clock = None if self._settings.timeout is None else Clock(method)
        func, jobs = (self._func, self._jobs) if method == "fork" else (self._pickled(), None)
        return _Worker(method, self._made, Task(func, jobs, self._settings, path, clock))

    def _pickled(self) -> bytes:
        if self._pickled_func is None:
            try:
                self._pickled_func = pickled_func(self._func)
            except Exception as error:
                if usual_method() == "fork":
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
            if self._left:
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

    def results(self) -> Iterator[News]:
        while self._left:
            for worker in self._workers:
                self._feed(worker)
            for worker in self._with_news():
                try:
                    if not worker.connection.poll():
                        raise EOFError
                    kind, *parts = worker.connection.recv()
                except (EOFError, OSError):
                    yield self._buried(worker)
                    continue
                if kind == "error":
                    raise unpickled_exception(*parts)
                worker.started = True
                if kind == "again":
                    position = parts[0]
                    self._calls[position] = self._calls.get(position, 1) + 1
                if kind == "done":
                    yield self._counted(worker, *parts)
            yield News(0, 0)
        if self._journal is not None:
            self._journal.keep(self._block())

    def _block(self) -> Block | None:
        """Give all rows, if they were told."""
        if not self._told:
            return None
        block = joined(sorted(self._told, key=lambda some: int(some.seqs[0])))
        first = self._settings.header.first_seq
        if not np.array_equal(block.seqs, np.arange(first, first + len(self._jobs))):
            return None  # psets of a worker that died were run out of order
        return block._replace(ids=self._jobs.ids, params=cells_of(self._jobs.psets))

    def _with_news(self) -> list[_Worker]:
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

    def _counted(
        self,
        worker: _Worker,
        n: int,
        n_failed: int,
        seconds: float,
        payloads: list[bytes],
        told: list[Any] | None,
    ) -> News:
        self._seconds_a_pset = seconds / n
        self._left -= n
        for _ in range(n):
            worker.jobs.popleft()
        if self._told is None or told is None:
            self._told = None
        else:
            self._told += map(unpacked, told)
        return News(n, n_failed, [pickle.loads(payload) for payload in payloads])

    def _feed(self, worker: _Worker) -> None:
        """Send a worker its next psets, if it has few left."""
        pace = self._seconds_a_pset
        size = 1
        if pace is not None:
            size = int(min(_MAX_CHUNK, REPORT_SECONDS / max(pace, 1e-9)))
            size = max(1, min(size, len(self._todo) // (2 * len(self._workers))))
        # A pset that takes long is not handed out before its worker is free: another one might
        # be free earlier. Of quick ones there is always a chunk waiting.
        enough = size if pace is not None and pace < REPORT_SECONDS else 0
        if self._todo and len(worker.jobs) <= enough:
            chunk = [self._todo.popleft() for _ in range(min(size, len(self._todo)))]
            worker.jobs.extend(chunk)
            sent: list[Any] = chunk
            if worker.method != "fork":
                sent = list(self._jobs.parts(chunk))
                if not self._settings.plain:
                    sent = [pickled_job(Job(*parts)) for parts in sent]
            calls = {i: self._calls[i] for i in chunk if i in self._calls} if self._calls else {}
            worker.send_bytes(pickle.dumps((sent, calls)))

    def _buried(self, worker: _Worker) -> News:
        """Account for a worker that died: the pset it ran is to blame, the others run elsewhere."""
        fate = worker.fate()
        self._told = None
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
        news = News(len(finished), sum(map(is_failed, finished.values())))
        self._left -= news.n
        unfinished = [i for i in worker.jobs if i not in finished]
        if not unfinished:
            self.start(1 if self._left else 0)
            return news
        position, *innocent = unfinished
        self._todo.extendleft(reversed(innocent))
        calls = self._calls.get(position, 1)
        if calls <= self._settings.retries:
            self._calls[position] = calls + 1
            self._todo.appendleft(position)
            self.start(1)
            return news
        guilty = self._jobs[position]
        what = describe(guilty, self._settings)
        problem: Exception = WorkerError(f"the worker process that ran {what} {fate}")
        runtime = float("nan")
        if worker.overdue:
            runtime = float(self._settings.timeout or 0)
            problem = PsetTimeoutError(f"{what} took longer than timeout={runtime:g} s")
        if self._settings.retries:
            problem.args = (f"{problem}; psweep: func was called {calls} times for this pset",)
        if self._settings.on_error == "raise":
            raise problem
        why = f"{type(problem).__name__}: {problem}"
        row = failed_row(guilty, self._settings, time.time_ns(), runtime, why)
        if self._journal is not None:
            self._journal.append(encode(row))
        self._left -= 1
        self.start(1 if self._left else 0)
        return News(news.n + 1, news.n_failed + 1, [row] if self._journal is None else ())

    def _finished_by(self, worker: _Worker) -> dict[int, Row]:
        """Find what a dead worker has finished, but had no time to report, by position."""
        if self._journal_path is None:
            return {}
        with contextlib.suppress(FileNotFoundError):
            rows = read_journal(self._journal_path(worker.number)).rows
            first = self._settings.header.first_seq
            return {row[0] - first: row for row in rows if row[0] - first in worker.jobs}
        return {}


# A forked process inherits the parent's ends of all pipes. It must close them, or the workers would
# not notice that the parent is gone.
_parent_ends: weakref.WeakSet[Connection] = weakref.WeakSet()


def _close_parent_ends() -> None:
    for connection in list(_parent_ends):
        connection.close()
    _parent_ends.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_parent_ends)
