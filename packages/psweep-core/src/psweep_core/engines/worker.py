"""What runs in a worker process of `pool`."""

from __future__ import annotations

import contextlib
import errno
import functools
import gc
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

from ..show.tracebacks import CALLERS
from ..store.journal import Journal
from ..store.row_bytes import plain_encoder
from ..table.rows import Row, is_failed
from .call import runner
from .finished import pickled, ran_out_of_memory, save_row
from .isolation import WorkingFolder, reopen_standard_streams
from .job import SLOT, Func, Job, Jobs, JobTuple, Settings, describe, with_attempts
from .job_signals import ENDINGS, WARNINGS, on_signals
from .random_state import reseed, seed_generators
from .wire import STOP, Again, Failed, GivenBack, Kept, Ready, unpickled_job
from .worker_clock import Clock
from .worker_reports import Reports, send

__all__ = [
    "WorkerSetup",
    "end_group",
    "main",
]


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker gets at its start: `func` as it is, or pickled by cloudpickle."""

    func: Func | bytes
    jobs: Jobs | None  # None: they come pickled
    settings: Settings
    journal_path: Path | None
    clock: Clock
    slot: int = 0  # from 0 to poolsize - 1; a worker that replaces another one has the same


def main(connection: Connection, setup: WorkerSetup) -> None:
    """Be a worker, until the parent closes the pipe."""
    # Ctrl-C goes to all processes of a terminal; the parent alone decides what it means. A handler
    # that does nothing, instead of SIG_IGN, because programs that func starts would inherit that.
    signal.signal(signal.SIGINT, lambda *_: None)
    # A group of its own, so that what func has started can be ended together with this process.
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
        # Terminal I/O then fails instead of stopping the process (SIGTTIN, SIGTTOU).
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    told: list[int] = []  # that the job is to end
    if setup.settings.in_task:
        # Schedulers send them to all processes of a job; the parent decides what they mean.
        on_signals(WARNINGS, lambda *_: None)
        on_signals(("SIGINT", *ENDINGS), lambda number, _: told.append(number))
    os.environ[SLOT] = str(setup.slot)
    gc.freeze()  # or looking for garbage would, after a fork, copy all memory of the parent
    end_with_parent()
    settings = setup.settings
    clock = setup.clock
    journal: Journal | None = None
    running: JobTuple | None = None
    problem: Failed | None = None
    report = Reports(connection, in_journal=setup.journal_path is not None)
    try:
        if setup.journal_path is not None:
            journal = Journal(setup.journal_path, settings.header, locked=not settings.in_task)
            journal.start_syncing()  # func may leave no memory for that
        chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        listener = _Listener(connection, chunks, clock, journal)
        threading.Thread(target=listener.listen, name="psweep-listen", daemon=True).start()
        func = pickle.loads(setup.func) if isinstance(setup.func, bytes) else setup.func
        reseed()  # after that, because modules that it has imported may seed, all alike
        run = runner(func, settings, WorkingFolder(), seed_generators, clock)
        to_bytes = plain_encoder(settings.data_only)
        send(connection, Ready())
        while data := chunks.get():
            chunk = pickle.loads(data)
            jobs: Iterable[JobTuple] = chunk.jobs
            if setup.jobs is not None:
                jobs = setup.jobs.tuples(chunk.jobs)
            elif not settings.atomic:
                jobs = map(unpickled_job, chunk.jobs)
            for job in jobs:
                running = job
                position, *_ = job
                if journal is not None:
                    try:
                        journal.reserve()
                    except OSError as error:
                        _leave(journal, error, report)
                        journal = None
                if settings.retries:
                    again = functools.partial(send, connection, Again(position))
                    row, atomic = run(job, chunk.calls.get(position, 1), again)
                else:
                    row, atomic = run(job)
                reopen_standard_streams()
                # A signal may have ended a program that func has started.
                for_memory = settings.gives_back and ran_out_of_memory(row)
                if for_memory or (told and is_failed(row)):
                    send(connection, GivenBack(position, for_memory))
                    report.count()
                    clock.idle()
                    running = None
                    continue
                if settings.attempts is not None:
                    finished = Row._make(row)
                    extras = with_attempts(finished.extras, position, settings)
                    row = (*finished._replace(extras=extras),)  # a plain tuple, see `rows`
                if atomic:
                    row_bytes = to_bytes(row)
                else:
                    row, row_bytes = pickled(job, row, settings)
                if journal is not None:
                    try:
                        journal.append(row_bytes)
                    except OSError as error:
                        _leave(journal, error, report)
                        journal = None
                    else:
                        clock.idle()
                    if settings.tmpsave:
                        save_row(row, settings)
                report.add(row, row_bytes, atomic)
                if journal is None:
                    clock.idle()
                running = None
            report.send()
    except BaseException as error:
        clock.data[1] = Clock.RETURNED  # what follows is to be waited for, too
        before = "what a worker process does before it runs a pset"
        where = before if running is None else describe(Job(*running), settings)
        problem = Failed.of(error, where)
    report.send()
    if journal is not None:
        try:
            journal.close()
        finally:
            if journal.unsafe:
                send(connection, Kept(journal.unsafe))
    if problem is not None:
        send(connection, problem)
    clock.idle()  # a thread that func has started may keep this process, and is not waited for


def _leave(journal: Journal, error: OSError, report: Reports) -> None:
    """Leave a journal that cannot grow any more, and let the parent write the rows that follow.

    It can if func has limited the size of files of this process (RLIMIT_FSIZE). Other errors, such
    as that of a full disk, end the run.
    """
    if error.errno != errno.EFBIG:
        raise error
    journal.close()
    report.leave_journal(journal.unsafe)


class _Listener:
    """The thread that waits for what the parent sends, and ends the process when it is told to.

    Parameters
    ----------
    connection : Connection
    chunks : queue
        Gets what is to be run.
    clock : Clock
    journal : Journal or None
    """

    def __init__(
        self,
        connection: Connection,
        chunks: queue.SimpleQueue[bytes],
        clock: Clock,
        journal: Journal | None,
    ) -> None:
        self._connection = connection
        self._chunks = chunks
        self._clock = clock
        self._journal = journal

    def listen(self) -> None:
        told = False
        with contextlib.suppress(EOFError, OSError):
            while (data := self._connection.recv_bytes()) != STOP:
                self._chunks.put(data)
            told = True
        if hasattr(signal, "alarm"):
            signal.alarm(0)  # see `end_with_parent`
        trouble = told and self._journal is not None and self._journal.has_trouble()
        looks = 0
        while self._is_busy(looks):
            looks += 1
            time.sleep(0.001)
        # From here on, no other thread of this process has a turn, if all is well.
        if trouble and self._journal is not None:
            self._journal.close()
            send(self._connection, Kept(self._journal.unsafe))
        end_group(os.getpid(), signal.SIGTERM)
        os._exit(0)

    def _is_busy(self, looks: int) -> bool:
        """Return whether there is a row of a pset whose func has returned."""
        state = self._clock.state()
        if state < 0:
            return state == Clock.RETURNED
        # Is func about to be called, or has it just returned? If func is in C, the stack looks the
        # same all the time.
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        return frame is not None and frame.f_code in CALLERS and looks < 20


def end_with_parent() -> None:
    """Have this process end when its parent does, even if C code holds the interpreter then.

    `_Listener` notices it as well, and knows whether a row is being written, but it may not get a
    turn. So the kernel sends a signal that nothing else uses; its handler is, without any Python,
    the C function ``alarm``, which ends the process in as many seconds as the signal has for a
    number (16), unless the listener cancels it.
    """
    if sys.platform != "linux":
        return
    _let_fork_server_end()
    with contextlib.suppress(Exception):  # another libc; then there is the listener alone
        import ctypes

        libc = ctypes.CDLL(None)
        libc.signal.argtypes = ctypes.c_int, ctypes.c_void_p
        libc.signal(_SIGSTKFLT, ctypes.cast(libc.alarm, ctypes.c_void_p))
        libc.prctl(_PR_SET_PDEATHSIG, _SIGSTKFLT)


def _let_fork_server_end() -> None:
    """Have the fork server that this process comes from, if it does, end with the program.

    To the kernel the fork server is the parent. It ends when nobody holds a certain pipe any more,
    and gives an end of it to each of its children, which they do not use: they would start a server
    of their own.
    """
    with contextlib.suppress(Exception):  # not documented; then there is the listener alone
        server = sys.modules["multiprocessing.forkserver"]._forkserver
        if server._forkserver_pid is None and server._forkserver_alive_fd is not None:
            fd, server._forkserver_alive_fd = server._forkserver_alive_fd, None
            os.close(fd)


_PR_SET_PDEATHSIG = 1
_SIGSTKFLT = 16


def end_group(pid: int, sig: int) -> None:
    """Send a signal to a worker and all that its func has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.killpg(pid, sig)
