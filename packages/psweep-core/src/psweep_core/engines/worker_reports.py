"""What a worker reports to its parent: how many psets it has finished, and their rows."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

from ..store.run_record import GROUP_ROWS
from ..table.row_groups import packed, row_group
from ..table.rows import ROW_SIZE, RowTuple, failure_of, is_failed
from .wire import Again, Done, Failed, GivenBack, Kept, Ready

__all__ = ["REPORT_SECONDS", "Reports", "send"]

REPORT_SECONDS = 0.05
_MAX_REPORTED = 10_000  # bytes of a row; larger ones are as quickly read from the journal


class Reports:
    """Report to the parent what is finished, not for each pset but some times a second.

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
        self._failure: object = None
        self._row_bytes: list[bytes] = []
        self._groups: list[Any] | None = []  # packed
        self._pending: list[Any] = []  # the newest rows, as `row_group` takes them

    def add(self, row: RowTuple, row_bytes: bytes, atomic: bool) -> None:
        """Report a row, now or later."""
        self._n += 1
        if is_failed(row):
            self._n_failed += 1
            self._failure = failure_of(row)
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

    def leave_journal(self, unsafe: list[bytes]) -> None:
        """Report rows from now on as those that are in no journal; these are perhaps not in it."""
        self.send()
        if unsafe:
            send(self._connection, Kept(unsafe))
        self._in_journal = False

    def count(self) -> None:
        """Report a pset that has no row; at once, or it would be blamed for what comes next."""
        self._n += 1
        self._groups = None
        self.send()

    def _end_group(self, groups: list[Any]) -> None:
        rows, self._pending = self._pending, []
        groups.append(packed(row_group(rows, with_params=False)))

    def send(self) -> None:
        """Send what was not reported yet."""
        _flush_output()
        if self._n:
            seconds = time.perf_counter() - self._since
            if self._groups is not None and self._pending:
                self._end_group(self._groups)
            send(
                self._connection,
                Done(
                    self._n, self._n_failed, seconds, self._row_bytes, self._groups, self._failure
                ),
            )
        self._begin()


# The listener may have something to send while the main thread sends a large message in parts.
_sending = threading.Lock()


def send(connection: Connection, message: Ready | Again | GivenBack | Done | Kept | Failed) -> None:
    """Send one message to the parent."""
    # Without the parent, which `worker` is about to notice, there is an OSError.
    with _sending, contextlib.suppress(OSError):
        connection.send(message)


def _flush_output() -> None:
    # A worker may be ended without the usual last flush.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
