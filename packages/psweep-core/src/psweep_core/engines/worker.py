"""What runs in a worker process of `pool`."""

from __future__ import annotations

import contextlib
import functools
import gc
import multiprocessing
import os
import pickle
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ..params.grids import Pset
from ..store.journal import Journal
from ..store.run_record import GROUP_ROWS
from ..table.row_groups import block_of, packed
from ..table.rows import ROW_SIZE, RowTuple, is_failed
from .call import runner
from .finished import pickled, save_row
from .isolation import WorkingFolder
from .job import Func, Job, Jobs, JobTuple, Settings, describe
from .random_state import reseed, seed_generators
from .wire import Again, Done, Failed, Ready, unpickled_job

__all__ = [
    "REPORT_SECONDS",
    "SLOT",
    "Clock",
    "WorkerSetup",
    "end_group",
    "main",
]

REPORT_SECONDS = 0.05
SLOT = "PSWEEP_WORKER"  # the environment variable with the slot
_MAX_REPORTED = 10_000  # bytes of a row; larger ones are as quickly read from the journal


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker gets at its start: `func` as it is, or pickled by cloudpickle."""

    func: Func | bytes
    jobs: Jobs | None  # None: they come pickled
    settings: Settings
    journal_path: Path | None
    clock: Clock | None  # None: nobody looks how long a pset takes
    slot: int = 0  # from 0 to poolsize - 1; a worker that replaces another one has the same


class Clock:
    """Shared memory in which a worker says since when it runs which pset."""

    def __init__(self, method: str) -> None:
        context = multiprocessing.get_context(method)
        self._data = context.RawArray("d", [0.0, -1.0])  # since when, in s, and the position

    def start(self, position: int) -> None:
        """Begin with a pset."""
        self._data[1] = -1.0
        self._data[0] = time.monotonic()  # the same for all processes of a machine
        self._data[1] = position

    def stop(self) -> None:
        """Be through with it."""
        self._data[1] = -1.0

    def read(self) -> tuple[float, int | None]:
        """Tell since when which pset runs; None if none does."""
        position = self._data[1]
        since = self._data[0]
        if position < 0 or position != self._data[1]:
            return 0.0, None
        return since, int(position)


def main(connection: Connection, setup: WorkerSetup) -> None:
    """Be a worker, until the parent closes the pipe."""
    # Ctrl-C goes to all processes of a terminal; the parent alone decides what it means. A handler
    # that does nothing, instead of SIG_IGN, because programs that func starts would inherit that.
    signal.signal(signal.SIGINT, lambda *_: None)
    # A group of its own, so that what func has started can be ended together with this process.
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
        # Who wants to speak with the terminal from there gets an error, and does not stand still.
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.environ[SLOT] = str(setup.slot)
    gc.freeze()  # or looking for garbage would, after a fork, copy all memory of the parent
    settings = setup.settings
    journal: Journal | None = None
    running: JobTuple | None = None
    report = _Report(connection, in_journal=setup.journal_path is not None)
    try:
        if setup.journal_path is not None:
            journal = Journal(setup.journal_path, settings.header)
        chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        writing = threading.Lock()
        threading.Thread(
            target=_listen, args=(connection, chunks, writing), name="psweep-listen", daemon=True
        ).start()
        func = pickle.loads(setup.func) if isinstance(setup.func, bytes) else setup.func
        reseed()  # after that, because modules that it has imported may seed, all alike
        if setup.clock is not None:
            func = _clocked(func, setup.clock, settings.header.first_seq)
        run = runner(func, settings, WorkingFolder(), seed_generators)
        _send(connection, Ready())
        while data := chunks.get():
            chunk = pickle.loads(data)
            jobs: Iterable[JobTuple] = chunk.jobs
            if setup.jobs is not None:
                jobs = setup.jobs.tuples(chunk.jobs)
            elif not settings.plain:
                jobs = map(unpickled_job, chunk.jobs)
            for job in jobs:
                running = job
                if journal is not None:
                    journal.reserve()
                again = None
                if settings.retries:
                    again = functools.partial(_send, connection, Again(job[0]))
                row, atomic = run(job, chunk.calls.get(job[0], 1), again)
                if atomic:
                    row_bytes = pickle.dumps(row, 5)
                else:
                    row, row_bytes = pickled(job, row, settings)
                if journal is not None:
                    with writing:
                        journal.append(row_bytes)
                    if settings.tmpsave:
                        save_row(row, settings)
                report.add(row, row_bytes, atomic)
                running = None
            report.send()
    except BaseException as error:
        report.send()
        before = "what a worker process does before it runs a pset"
        where = before if running is None else describe(Job(*running), settings)
        _send(connection, Failed.of(error, where))
    finally:
        if journal is not None:
            journal.close()


def _clocked(func: Func, clock: Clock, first_seq: int) -> Func:
    """Make func tell the clock when it is called and when it returns.

    Its row is written after that, when nobody kills this process any more.
    """

    def timed(pset: Pset) -> Any:
        clock.start(pset["_pset_seq"] - first_seq)
        try:
            return func(pset)
        finally:
            clock.stop()

    return timed


def _listen(
    connection: Connection, chunks: queue.SimpleQueue[bytes], writing: threading.Lock
) -> None:
    with contextlib.suppress(EOFError, OSError):
        while True:
            chunks.put(connection.recv_bytes())
    writing.acquire()  # not in the middle of a row
    end_group(os.getpid(), signal.SIGTERM)
    os._exit(0)


def end_group(pid: int, sig: int) -> None:
    """Send a signal to a worker and all that its func has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.killpg(pid, sig)


class _Report:
    """Tell the parent what is finished, not for each pset but some times a second.

    Parameters
    ----------
    connection : Connection
    in_journal : bool
        The rows are in a journal. So the parent need not have them, but is spared to read it if all
        rows are quickly told.
    """

    def __init__(self, connection: Connection, in_journal: bool) -> None:
        self._connection = connection
        self._in_journal = in_journal
        self._begin()

    def _begin(self) -> None:
        self._since = time.perf_counter()
        self._next = self._since + REPORT_SECONDS
        self._n = self._n_failed = 0
        self._row_bytes: list[bytes] = []
        self._groups: list[Any] | None = []  # packed
        self._pending: list[Any] = []  # the newest rows, as `block_of` takes them

    def add(self, row: RowTuple, row_bytes: bytes, atomic: bool) -> None:
        self._n += 1
        self._n_failed += is_failed(row)
        if not self._in_journal:
            self._row_bytes.append(row_bytes)
            # Sent at once: were this process killed, it would be lost.
            self.send()
            return
        if self._groups is not None:
            if atomic and len(row_bytes) < _MAX_REPORTED:
                self._pending += row
                if len(self._pending) >= GROUP_ROWS * ROW_SIZE:
                    self._end_group(self._groups)
            else:
                self._groups = None
        if time.perf_counter() > self._next:
            self.send()

    def _end_group(self, groups: list[Any]) -> None:
        rows, self._pending = self._pending, []
        groups.append(packed(block_of(rows, known=True)))

    def send(self) -> None:
        _flush_output()
        if self._n:
            seconds = time.perf_counter() - self._since
            if self._groups is not None and self._pending:
                self._end_group(self._groups)
            done = Done(self._n, self._n_failed, seconds, self._row_bytes, self._groups)
            _send(self._connection, done)
        self._begin()


def _send(connection: Connection, message: Ready | Again | Done | Failed) -> None:
    with contextlib.suppress(OSError):  # the parent has gone, and `_listen` is about to notice
        connection.send(message)


def _flush_output() -> None:
    # A worker may be ended without the usual last flush.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
