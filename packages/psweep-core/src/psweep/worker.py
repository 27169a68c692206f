"""What runs in a worker process of `pool`."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import cloudpickle

from .call import Func, Job, Settings, describe, finish, note, save_row
from .journal import Journal

__all__ = ["REPORT_SECONDS", "Task", "work"]

REPORT_SECONDS = 0.05


@dataclass(frozen=True)
class Task:
    """What a worker gets at its start: `func` as it is, or pickled by cloudpickle."""

    func: Func | bytes
    jobs: Sequence[Job] | None  # None: they come pickled
    settings: Settings
    journal_path: Path | None


def work(connection: Connection, task: Task) -> None:
    """Be a worker, until the parent closes the pipe."""
    # Ctrl-C goes to all processes of a terminal; the parent alone decides what it means. A handler
    # that does nothing, instead of SIG_IGN, since programs that func starts would inherit that.
    signal.signal(signal.SIGINT, lambda *_: None)
    settings = task.settings
    journal = job = None
    report = _Report(connection, keep=task.journal_path is None)
    try:
        if task.journal_path is not None:
            journal = Journal(task.journal_path, settings.header)
        chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(connection, chunks, journal), daemon=True).start()
        func = pickle.loads(task.func) if isinstance(task.func, bytes) else task.func
        connection.send(("ready",))
        while chunk := chunks.get():
            for sent in pickle.loads(chunk):
                job = None
                if journal is not None:
                    journal.take_room()
                job = task.jobs[sent] if task.jobs is not None else _unpickled_job(sent)
                row, payload = finish(func, job, settings)
                if journal is not None:
                    journal.append(payload)
                    save_row(row, settings)
                report.add(payload)
            report.send()
    except (Exception, SystemExit) as error:
        report.send()
        text = "".join(traceback.format_exception(error))
        before = "what a worker process does before it runs a pset"
        where = before if job is None else describe(job, settings)
        summary = f"{type(error).__name__}: {error}"
        _send(connection, ("error", _pickled_exception(error), summary, text, where))
    finally:
        if journal is not None:
            journal.close()


def _listen(
    connection: Connection, chunks: queue.SimpleQueue[bytes], journal: Journal | None
) -> None:
    with contextlib.suppress(EOFError, OSError):
        while True:
            chunks.put(connection.recv_bytes())
    if journal is not None:
        journal.mutex.acquire()  # not in the middle of a row
    os._exit(0)


class _Report:
    """Tell the parent what is finished, not for each pset but some times a second."""

    def __init__(self, connection: Connection, keep: bool) -> None:
        self._connection = connection
        self._keep = keep
        self._rows: list[bytes] = []
        self._n = 0
        self._since = time.perf_counter()

    def add(self, payload: bytes) -> None:
        self._n += 1
        if self._keep:
            self._rows.append(payload)
        # Rows that no journal keeps are sent at once: were this process killed, they would be lost.
        if self._keep or time.perf_counter() - self._since > REPORT_SECONDS:
            self.send()

    def send(self) -> None:
        _flush_output()
        now = time.perf_counter()
        if self._n:
            _send(self._connection, ("done", self._n, self._rows, now - self._since))
        self._rows, self._n, self._since = [], 0, now


def _send(connection: Connection, message: tuple[object, ...]) -> None:
    with contextlib.suppress(OSError):  # the parent has gone, and `_listen` is about to notice
        connection.send(message)


def _flush_output() -> None:
    # A worker may be ended without the usual last flush.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _unpickled_job(sent: tuple[int, str, str, bytes]) -> Job:
    try:
        return Job(*sent[:3], pickle.loads(sent[3]))
    except Exception as error:
        note(error, f"psweep: raised when a worker unpickled the pset with _pset_id={sent[1]!r}")
        raise


def _pickled_exception(error: BaseException) -> bytes:
    """Pickle an exception; nothing if there is no way to get it out again."""
    # Exceptions whose __init__ takes arguments of its own pickle, but do not unpickle.
    parts = type(error), error.args, {**error.__dict__}
    for attempt in (error, parts):
        with contextlib.suppress(Exception):
            payload: bytes = cloudpickle.dumps(attempt)
            pickle.loads(payload)
            return payload
    return b""
