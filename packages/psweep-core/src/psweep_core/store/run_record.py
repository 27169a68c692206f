"""The rows of a run while it lives: in journals, and cached so that these need not be read back.

The cache is an optimisation: it holds rows only while nothing in them can change (see `add`),
and is given up as soon as one comes that it cannot hold. Then the journals are read at the end.

Rows of a run without workers also get a copy in columns in a file next to the journal, a group of
them at a time, because rows that were written one by one take long to read one by one. What it
lacks is read from the journal. (Next to a database that holds data only there is no such file: it
is a pickle.)::

    record   see `records`, of a pickled tuple: where in the journal the rows of the group end, and
             what `row_groups.packed` makes of the group
"""

from __future__ import annotations

import contextlib
import pickle
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from ..table.row_groups import RowGroup, joined, packed, row_group
from ..table.rows import ROW_SIZE, Header, RowTuple
from .journal import Journal
from .journal_reader import JournalContents, ids_in, sync
from .paths import Layout, remove_journal, row_groups_of, seeds_of
from .records import record, salt_of
from .regular import open_regular
from .row_bytes import decode, plain_encoder
from .suffixes import holds_data_only

__all__ = ["GROUP_ROWS", "Record", "RunRecord", "UnsavedRecord", "reserved_seeds"]

GROUP_ROWS = 600  # in a group; this few dicts at a time do not wake the garbage collector
_MAX_GROUP = 1 << 20  # bytes of its rows in the journal; reading larger rows is quick enough
_MAX_CACHED = 1 << 28  # bytes in a journal, beyond which its rows are not cached


class RunRecord:
    """The rows of one run, on disk.

    Parameters
    ----------
    header : Header
        What the rows have in common.
    layout : Layout
        Of the study.
    """

    saves = True
    running = None  # nobody looks for what ran if all processes are killed

    def __init__(self, header: Header, layout: Layout) -> None:
        self.header = header
        self._layout = layout
        self._journal = Journal(self._journal_path(0), header)
        self._worker_journals: list[Path] = []
        self._kept: list[bytes] = []  # rows that are perhaps in no journal
        self._data_only = holds_data_only(layout.basename)
        self._salt = salt_of(header.run_id)
        # The cached rows: groups, and the newest ones, one after another in one list, because
        # tuples would keep the garbage collector busy. None: the cache was given up.
        self._groups: list[RowGroup] = []
        self._pending: list[Any] | None = []
        self._copy: IO[bytes] | None = None
        self._copied_to: int | None = 0  # in bytes of the journal; None: no more is copied
        self._group_size = GROUP_ROWS * ROW_SIZE
        # For quick psets each call is felt.
        self.reserve = self._journal.reserve
        self.expect = self._journal.expect
        self._append = self._journal.append
        self._encode = plain_encoder(self._data_only)

    def _journal_path(self, number: int) -> Path:
        return self._layout.journal(self.header.run_seq, self.header.run_id, number)

    @property
    def journals(self) -> set[Path]:
        """All journals of the run."""
        return {self._journal.path, *self._worker_journals}

    def reserve_seeds(self, hashes: Sequence[str], seeds: Sequence[int]) -> None:
        """Let other runs know which seeds this one takes; the study's lock is held."""
        data = b"".join(map(_SEED.pack, map(bytes.fromhex, hashes), seeds))
        with open(seeds_of(self._journal.path), "xb") as file:  # "x" does not follow a link
            file.write(data)

    def worker_journal(self, number: int) -> Path:
        """Return where a worker writes its journal."""
        path = self._journal_path(number)
        self._worker_journals.append(path)
        return path

    def add(self, row: RowTuple, row_bytes: bytes | None = None) -> None:
        """Write a row.

        Parameters
        ----------
        row : RowTuple
        row_bytes : bytes, optional
            What `row_bytes.encode` made of it. None: nothing in it can change any more,
            all values are plain, and rows come in the order of their numbers.
        """
        if row_bytes is not None:
            self.add_bytes(row_bytes)
            return
        pending = self._pending
        row_bytes = self._encode(row)
        self._append(row_bytes, pending is None)
        if pending is not None:
            pending += row
            if len(pending) >= self._group_size:
                self._end_group(pending)
                self._pending = []
                if self._journal.end > _MAX_CACHED:
                    self.give_up_cache()

    def add_bytes(self, row_bytes: bytes) -> None:
        """Write a row that is not cached."""
        self._journal.append(row_bytes)
        self.give_up_cache()

    def absorb(self, path: Path, rows: Iterable[bytes]) -> None:
        """Take over the rows of the journal of a worker that has ended, and remove it.

        Afterwards, what happens to the folder does not matter to them: this process has its journal
        open. (Others who fold may have the rows as well. `union` takes each once.)
        """
        for row_bytes in rows:
            self.reserve()
            self.add_bytes(row_bytes)
        self._worker_journals.remove(path)
        remove_journal(path)

    def _end_group(self, rows: list[Any]) -> None:
        group = row_group(rows)
        self._groups.append(group)
        begin, self._copied_to = self._copied_to, None
        end = self._journal.end
        if begin is None or end - begin > _MAX_GROUP or self._data_only:
            return
        with contextlib.suppress(OSError):  # the disk is full; then the journal is read
            if self._copy is None:
                self._copy = open(row_groups_of(self._journal.path), "xb", buffering=0)
            self._copy.write(record(pickle.dumps((end, packed(group)), 5), self._salt))
            self._copied_to = end

    def give_up_cache(self) -> None:
        """Leave it to the end to read the journals."""
        self._pending = None
        self._groups = []

    def cache(self, group: RowGroup | None) -> None:
        """Cache all rows, which workers have written to their journals; None: some are missing."""
        self._pending = None if group is None else []
        self._groups = [] if group is None else [group]

    def cached(self) -> RowGroup | None:
        """Return all rows of the run if they were cached."""
        if self._pending is None:
            return None
        rows = joined([*self._groups, row_group(self._pending)])
        return rows if len(rows.ids) == self.header.n_psets else None

    def keep(self, rows: Iterable[bytes]) -> None:
        """Keep rows in memory that no journal has taken, for `Study.fold`."""
        self._kept += rows
        self.give_up_cache()

    def in_memory(self) -> JournalContents:
        """Return the rows that are perhaps in no journal, if there are any."""
        rows = [decode(row_bytes) for row_bytes in (*self._kept, *self._journal.unsafe)]
        groups = []
        if self._journal.has_failed and self._pending is not None:
            groups = [joined([*self._groups, row_group(self._pending)])]
        return JournalContents(self.header, rows, [], groups)

    def count_safe(self) -> tuple[int, int]:
        """Count the rows of journals of this study that are on the disk, and those that are lost.

        The lost ones are in memory alone. What is in a journal is read back from the disk.
        """
        journals = self._layout.journals()
        for path in journals:
            sync(path)
        found = self.in_memory()
        in_memory = {row.pset_id for row in found.rows}
        in_memory.update(*(group.ids for group in found.row_groups))
        safe = ids_in(journals)
        return len(safe), len(in_memory - safe)

    def prepare(self) -> None:
        """Start what must be there before func is called in this process."""
        self._journal.start_syncing()

    def close(self) -> None:
        """Stop writing and let others move the rows into the database."""
        try:
            if self._copy is not None:
                self._copy.close()
        finally:
            self._journal.close()


_SEED = struct.Struct("<20sI")  # a hash and a seed


def reserved_seeds(layout: Layout) -> Iterator[tuple[str, int]]:
    """Yield the hashes and seeds of all psets of runs that have not ended."""
    for journal in layout.journals():
        with contextlib.suppress(OSError):  # without seeds, or just removed
            with open_regular(seeds_of(journal)) as file:
                data = file.read()
            for sha, seed in _SEED.iter_unpack(data[: len(data) // _SEED.size * _SEED.size]):
                yield sha.hex(), seed


class UnsavedRecord:
    """The rows of one run with ``save=False``, in memory.

    Parameters
    ----------
    header : Header
    """

    saves = False
    running = None

    def __init__(self, header: Header) -> None:
        self.header = header
        self.rows: list[RowTuple] = []

    def absorb(self, path: Path, rows: Iterable[bytes]) -> None:
        """Do nothing: workers have no journals."""

    def worker_journal(self, number: int) -> None:
        """Return None: workers send their rows."""

    def reserve(self) -> None:
        """Do nothing."""

    def expect(self, n: int) -> None:
        """Do nothing."""

    def add(self, row: RowTuple, row_bytes: bytes | None = None) -> None:
        """Keep a row."""
        self.rows.append(row if row_bytes is None else decode(row_bytes))

    def add_bytes(self, row_bytes: bytes) -> None:
        """Keep a row that another process has pickled."""
        self.rows.append(decode(row_bytes))

    def keep(self, rows: Iterable[bytes]) -> None:
        """Keep rows."""
        self.rows += map(decode, rows)

    def prepare(self) -> None:
        """Do nothing."""

    def cache(self, group: RowGroup | None) -> None:
        """Do nothing: workers have sent their rows."""

    def close(self) -> None:
        """Do nothing."""


Record = RunRecord | UnsavedRecord
