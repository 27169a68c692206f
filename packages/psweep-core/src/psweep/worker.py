"""What runs in a worker process of `pool`."""

from __future__ import annotations

import collections
import contextlib
import functools
import gc
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from .blocks import block_of, packed
from .call import Func, Job, JobParts, Settings, describe, pickled, runner, save_row
from .crossing import pickled_exception, unpickled_job
from .failures import original
from .isolation import WorkingFolder
from .journal import BLOCK_ROWS, Journal
from .messages import safe_str
from .params import Pset
from .plan import Jobs
from .progress import is_failed
from .rows import ROW_SIZE, Row

__all__ = [
    "REPORT_SECONDS",
    "Clock",
    "Task",
    "end_group",
    "work",
]

REPORT_SECONDS = 0.05
_MAX_TOLD = 10_000  # bytes of a row; what is larger is as soon read from the journal


@dataclass(frozen=True)
class Task:
    """What a worker gets at its start: `func` as it is, or pickled by cloudpickle."""

    func: Func | bytes
    jobs: Jobs | None  # None: they come pickled
    settings: Settings
    journal_path: Path | None
    clock: Clock | None  # None: nobody looks how long a pset takes


class Clock:
    """Shared memory in which a worker says since when it runs which pset."""

    def __init__(self, context: BaseContext) -> None:
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


def work(connection: Connection, task: Task) -> None:
    """Be a worker, until the parent closes the pipe."""
    # Ctrl-C goes to all processes of a terminal; the parent alone decides what it means. A handler
    # that does nothing, instead of SIG_IGN, since programs that func starts would inherit that.
    signal.signal(signal.SIGINT, lambda *_: None)
    # A group of its own, so that what func has started can be ended together with this process.
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
        # Who wants to speak with the terminal from there gets an error, and does not stand still.
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    gc.freeze()  # or looking for garbage would, after a fork, copy all memory of the parent
    settings = task.settings
    journal: Journal | None = None
    job: JobParts | None = None
    report = _Report(connection, in_journal=task.journal_path is not None)

    def finished(
        jobs: Iterable[JobParts], calls: dict[int, int]
    ) -> Iterator[tuple[Row | bytes, bool]]:
        nonlocal job
        for job_now in jobs:
            job = job_now
            if journal is not None and journal.end > journal.limit:
                journal.take_room()
            again = None
            if settings.retries:
                again = functools.partial(_send, connection, ("again", job[0]))
            n_calls = calls.get(job[0], 1) if calls else 1
            row, plain = run(job, n_calls, again)
            if plain:
                payload = pickle.dumps(row, 5)
            else:
                row, payload = pickled(job, row, settings)
            yield payload, False
            # It is in the journal now, if there is one.
            if journal is not None and settings.tmpsave:
                save_row(row, settings)
            report.add(row, payload, plain)
            job = None

    try:
        if task.journal_path is not None:
            journal = Journal(task.journal_path, settings.header)
        chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        writing = threading.Lock()
        threading.Thread(target=_listen, args=(connection, chunks, writing), daemon=True).start()
        func = pickle.loads(task.func) if isinstance(task.func, bytes) else task.func
        if task.clock is not None:
            func = _clocked(func, task.clock, settings.header.first_seq)
        run = runner(func, settings, WorkingFolder())
        connection.send(("ready",))
        while chunk := chunks.get():
            all_sent, calls = pickle.loads(chunk)
            some = map(unpickled_job, all_sent) if task.jobs is None else task.jobs.parts(all_sent)
            rows = finished(some, calls)
            if journal is not None:
                journal.extend(rows, writing)
            else:
                collections.deque(rows, maxlen=0)  # goes through them
            report.send()
    except BaseException as raised:
        report.send()
        error = original(raised)
        text = "".join(traceback.format_exception(error))
        before = "what a worker process does before it runs a pset"
        where = before if job is None else describe(Job(*job), settings)
        summary = f"{type(error).__name__}: {safe_str(error)}"
        _send(connection, ("error", pickled_exception(error), summary, text, where))
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
        self._payloads: list[bytes] = []
        self._told: list[Any] | None = []  # blocks, packed
        self._rows: list[Any] = []  # the newest, one after another, as `block_of` takes them

    def add(self, row: Row, payload: bytes, plain: bool) -> None:
        self._n += 1
        if row[7] is not None:
            self._n_failed += is_failed(row)
        if not self._in_journal:
            self._payloads.append(payload)
            # Sent at once: were this process killed, it would be lost.
            self.send()
            return
        if self._told is not None:
            if plain and len(payload) < _MAX_TOLD:
                self._rows += row
                if len(self._rows) >= BLOCK_ROWS * ROW_SIZE:
                    self._end_block(self._told)
            else:
                self._told = None
        if time.perf_counter() > self._next:
            self.send()

    def _end_block(self, told: list[Any]) -> None:
        rows, self._rows = self._rows, []
        told.append(packed(block_of(rows, known=True)))

    def send(self) -> None:
        _flush_output()
        if self._n:
            seconds = time.perf_counter() - self._since
            if self._told is not None and self._rows:
                self._end_block(self._told)
            news = self._n, self._n_failed, seconds, self._payloads, self._told
            _send(self._connection, ("done", *news))
        self._begin()


def _send(connection: Connection, message: tuple[object, ...]) -> None:
    with contextlib.suppress(OSError):  # the parent has gone, and `_listen` is about to notice
        connection.send(message)


def _flush_output() -> None:
    # A worker may be ended without the usual last flush.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
