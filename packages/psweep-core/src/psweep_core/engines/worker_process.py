"""A worker process, as its parent sees it: start it, send it work, end it."""

from __future__ import annotations

import collections
import contextlib
import multiprocessing
import os
import signal
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection
from typing import IO

from ..store.paths import lock_of
from ..store.records import read_records, salt_of
from ..store.regular import open_regular
from ..store.row_bytes import decode
from ..table.rows import Header, Row
from .job import SLOT
from .start_method import new_process
from .worker import WorkerSetup, end_group, main

__all__ = ["WorkerProcess"]

_environ_lock = threading.Lock()
# Windows removes no file that is open, so other runs could not remove the journals there.
_KEEPS_JOURNAL_OPEN = os.name == "posix"


@contextlib.contextmanager
def _environment(env: dict[str, str]) -> Iterator[None]:
    """Change the environment variables of this process for a moment: a new process inherits them.

    What is sent to a process comes too late, because it may import the script before.
    """
    if not env:
        yield
        return
    with _environ_lock:
        before = {name: os.environ.get(name) for name in env}
        os.environ.update(env)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


class WorkerProcess:
    """A worker process, as its parent sees it.

    Parameters
    ----------
    method : str
        How it starts.
    number : int
        Of all that were started.
    setup : WorkerSetup
    env : dict of str, optional
        Environment variables that it has from its very start, so it must not be forked.
    """

    def __init__(
        self, method: str, number: int, setup: WorkerSetup, env: dict[str, str] | None = None
    ) -> None:
        self.slot = setup.slot
        self.method = method
        self.connection, theirs = multiprocessing.Pipe()
        _parent_ends.add(self.connection)
        self.process = new_process(method, f"psweep-worker-{number}", main, (theirs, setup))
        with _environment({**env, SLOT: str(self.slot)} if env is not None else {}):
            self.process.start()
        theirs.close()
        self.clock = setup.clock
        self.overdue = False  # it was killed for that
        self.journal_path = setup.journal_path
        self._journal: IO[bytes] | None = None
        self.started = False
        self.n_sent = 0  # psets
        self.retired_at: float | None = None  # when it was told to end, to make room for another
        self.jobs: collections.deque[int] = collections.deque()  # sent and not reported finished

    def has_started(self) -> None:
        """Note that it is ready, and open its journal, which somebody may remove later."""
        self.started = True
        if _KEEPS_JOURNAL_OPEN and self.journal_path is not None:
            with contextlib.suppress(OSError):  # it is opened when it is read
                self._journal = open_regular(self.journal_path)

    def rows_in_journal(self, run_id: str) -> list[bytes]:
        """Read the rows that it has written."""
        if self._journal is None and self.journal_path is not None:
            with contextlib.suppress(FileNotFoundError):  # others have moved its rows
                self._journal = open_regular(self.journal_path)
        if self._journal is None:
            return []
        self._journal.seek(0)
        return read_records(self._journal.read(), salt_of(run_id))[0]

    def close(self) -> None:
        """Close what this process has of it; it has ended."""
        self.connection.close()
        if self._journal is not None:
            self._journal.close()
        if self.journal_path is not None and not self.journal_path.exists():
            # Killed between the lock and the journal, it has left a lock that nobody looks for.
            with contextlib.suppress(OSError):
                lock_of(self.journal_path).unlink()

    def send_bytes(self, data: bytes) -> None:
        """Send it a chunk, or nothing, which is the end."""
        with contextlib.suppress(OSError):  # it has died, which is noticed elsewhere
            self.connection.send_bytes(data)

    def retire(self) -> None:
        """Let it end, after it has run enough psets."""
        self.retired_at = time.monotonic()
        self.send_bytes(b"")

    def kill(self) -> None:
        """End it, and all that func has started in it."""
        if self.process.pid is not None:
            end_group(self.process.pid, signal.SIGKILL)
        self.process.kill()

    def was_killed(self) -> bool:
        """Return whether somebody ended it; False if it crashed or has exited."""
        kills = (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM))
        return self.process.exitcode in [-kill for kill in kills]

    def fate(self) -> str:
        """Describe in words how it ended."""
        self.process.join()
        code = self.process.exitcode or 0
        if code >= 0:
            return f"exited with status {code}"
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
            hint = ", possibly because it was out of memory" if name == "SIGKILL" else ""
            return f"was ended by {name}{hint}"
        return f"was ended by signal {-code}"

    def unreported_rows(self, rows: Iterable[bytes], header: Header) -> dict[int, Row]:
        """Find what it finished, but died too soon to report, by position."""
        found = {}
        for row_bytes in rows:
            with contextlib.suppress(Exception):  # unpickling can raise nearly anything
                row = decode(row_bytes)
                found[row.seq - header.first_seq] = row
        return {position: found[position] for position in self.jobs if position in found}


# A forked process inherits the parent's ends of all pipes. It must close them, or the workers would
# not notice that the parent is gone.
_parent_ends: weakref.WeakSet[Connection] = weakref.WeakSet()


def _close_parent_ends() -> None:
    for connection in list(_parent_ends):
        connection.close()
    _parent_ends.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_parent_ends)
