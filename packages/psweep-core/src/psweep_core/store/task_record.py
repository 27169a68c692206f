"""The rows of one task of a batch job: in journals in the spool, which nobody locks."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable
from pathlib import Path

from ..table.row_groups import RowGroup
from ..table.rows import Header
from .journal import Journal
from .running_psets import Running
from .spool import Spool

__all__ = ["TaskRecord"]


class TaskRecord:
    """The rows of one task: in the journals of its workers, and in one of those that died.

    Parameters
    ----------
    header : Header
        Of the spool.
    spool : Spool
    chunk, attempt : int
        Of the claim.
    n_workers : int
        How many there are.

    Attributes
    ----------
    running : Path or None
        See `running_psets`. None: the file system does not take the file.
    """

    saves = True

    def __init__(
        self, header: Header, spool: Spool, chunk: int, attempt: int, n_workers: int
    ) -> None:
        self.header = header
        self._running = Running(spool.folder, chunk, attempt)
        self.running: Path | None = None
        with contextlib.suppress(OSError):
            self._running.begin(n_workers)
            self.running = self._running.path
        self._spool = spool
        self._of = chunk, attempt, secrets.token_hex(4)
        self._journal: Journal | None = None

    def worker_journal(self, number: int) -> Path:
        """Return where a worker writes its journal."""
        return self._spool.journal(*self._of, number)

    def add_bytes(self, row_bytes: bytes) -> None:
        """Write the row of a pset whose worker died."""
        if self._journal is None:
            self._journal = Journal(self.worker_journal(0), self.header, locked=False)
        self._journal.append(row_bytes)

    def absorb(self, path: Path, rows: Iterable[bytes]) -> None:
        """Do nothing: the journals of workers that have ended stay."""

    def keep(self, rows: Iterable[bytes]) -> None:
        """Write rows that the journal of a worker has not taken."""
        for row_bytes in rows:
            self.add_bytes(row_bytes)

    def cache(self, group: RowGroup | None) -> None:
        """Do nothing: nobody folds here."""

    def left_running(self, given_back: Iterable[int]) -> list[int]:
        """Note which psets have begun and get no row; no worker is left.

        Parameters
        ----------
        given_back : iterable of int
            Those that have failed and have no row.

        Returns
        -------
        list of int
            Those that were cut short.
        """
        cut_short = self._running.positions()
        with contextlib.suppress(OSError):
            self._running.end(given_back)
        return cut_short

    def close(self) -> None:
        """Stop writing."""
        if self._journal is not None:
            self._journal.close()
