"""Read journals: complete ones, ones that are being written, and damaged ones."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pickle
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import DatabaseError
from ..table.row_groups import RowGroup, unpacked
from ..table.rows import Header, Row
from .journal import FORMAT
from .locks import is_locked
from .paths import Layout, calc_dir_of, lock_of, row_groups_of, run_of
from .records import HEAD, is_record, read_records, salt_of
from .regular import is_strange, open_regular
from .row_bytes import decode_json, is_pickle
from .suffixes import holds_data_only

__all__ = [
    "ForeignJournalError",
    "JournalContents",
    "NewerJournalError",
    "find_journal",
    "found_headers",
    "found_journals",
    "ids_in",
    "is_over",
    "live_runs",
    "read_header",
    "read_journal",
    "sync",
    "warn_skipped",
]

_MAX_HEADER = 1 << 16  # bytes


class ForeignJournalError(DatabaseError):
    """A journal that is not to be read, next to a database that holds data only."""


class NewerJournalError(DatabaseError):
    """A journal in a format that this psweep does not know."""


class JournalContents(NamedTuple):
    """What is in a journal.

    Its rows are those in ``row_groups`` and the ``rows`` that follow them. ``unreadable`` describes
    what could not be loaded, with the ``n_damaged`` bytes first, if there are any.
    """

    header: Header
    rows: list[Row]
    unreadable: list[str]
    row_groups: list[RowGroup]
    n_damaged: int = 0

    @property
    def n_rows(self) -> int:
        """The number of rows that could be loaded."""
        return len(self.rows) + sum(len(group.ids) for group in self.row_groups)


class _Head(NamedTuple):
    """The header of a journal, and what follows from it."""

    header: Header
    salt: int
    end: int  # where the rows begin
    n_damaged: int  # bytes


def find_journal(path: Path) -> JournalContents | None:
    """Read a journal if it still exists: its run may just have ended."""
    try:
        return read_journal(path)
    except FileNotFoundError:
        return None


def warn_skipped(what: str) -> None:
    """Warn of a file that is left alone."""
    warnings.warn(f"{what}; it is skipped", RuntimeWarning, stacklevel=3)


def found_journals(paths: Iterable[Path]) -> Iterator[JournalContents]:
    """Read those journals that still exist, and warn of those that are not to be read."""
    for path in paths:
        try:
            contents = find_journal(path)
        except ForeignJournalError as error:
            warn_skipped(str(error))
            continue
        if contents is not None:
            yield contents


def found_headers(paths: Iterable[Path]) -> Iterator[Header]:
    """Read the headers of those journals that still exist and are to be read."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError, ForeignJournalError):
            yield read_header(path)


def read_journal(path: Path) -> JournalContents:
    """Read a journal, also one that is being written, or that has a torn end.

    Raises
    ------
    ForeignJournalError
        It holds pickles, and is next to a database that holds data only.
    NewerJournalError
        It was made by a newer psweep.
    """
    data_only = holds_data_only(path.parent.name)
    head = _read_head(path)
    # The row groups first, because the journal grows.
    groups, start = ([], 0) if data_only else _read_row_groups(path, head.salt)
    with open_regular(path) as file:
        file.seek(start or head.end)
        payloads, n_damaged = read_records(file.read(), head.salt)
    rows, unreadable = _rows(payloads, data_only)
    # After a header that is whole, a rest without any row is as one that was cut short.
    n_damaged = n_damaged if payloads or not head.end else 0
    n_damaged += 0 if start else head.n_damaged
    if n_damaged:
        unreadable.insert(0, f"{n_damaged} bytes between complete records are damaged")
    return JournalContents(head.header, rows, unreadable, groups, n_damaged)


def _rows(payloads: list[bytes], data_only: bool) -> tuple[list[Row], list[str]]:
    """Load rows, and say why others could not be loaded."""
    if not data_only:
        with contextlib.suppress(Exception):  # unpickling can raise nearly anything
            return list(map(Row._make, map(pickle.loads, payloads))), []
    rows, unreadable = [], []
    for payload in payloads:
        try:
            if not is_pickle(payload):
                rows.append(decode_json(payload))
            elif data_only:
                unreadable.append("a pickle, which may run code, next to a file that cannot")
            else:
                rows.append(Row._make(pickle.loads(payload)))
        except Exception as error:
            unreadable.append(f"{type(error).__name__}: {error}")
    return rows, unreadable


def _read_row_groups(path: Path, salt: int) -> tuple[list[RowGroup], int]:
    """Read the copy in columns, and where in the journal the rows begin that it lacks."""
    groups: list[RowGroup] = []
    end = 0
    # What is missing here, or cannot be read, is in the journal.
    with contextlib.suppress(Exception), open_regular(row_groups_of(path)) as file:
        while head := file.read(HEAD.size):
            magic, length, crc = HEAD.unpack(head)
            payload = file.read(length)
            if not is_record(magic, length, crc, payload, salt):
                break
            end_now, parts = pickle.loads(payload)
            groups.append(unpacked(parts))
            end = end_now
    return groups, end


def read_header(path: Path) -> Header:
    """Read only the first record of a journal; see `read_journal` for the errors."""
    return _read_head(path).header


def _read_head(path: Path) -> _Head:
    with open_regular(path) as file:
        head = file.read(HEAD.size)
        length = HEAD.unpack(head)[1] if len(head) == HEAD.size else 0
        data = head + file.read(min(length, _MAX_HEADER))
    payloads, n_damaged = read_records(data)
    if not payloads:  # it is lost, or was not written yet
        run_seq, run_id = run_of(path)
        header = Header(run_id, run_seq, str(calc_dir_of(path)), first_seq=0, n_psets=0)
        return _Head(header, salt_of(run_id), 0, 0)
    payload = payloads[0]
    if is_pickle(payload):
        if holds_data_only(path.parent.name):
            message = f"{path} holds pickles, which may run code when they are read"
            raise ForeignJournalError(message)
        return _Head(Header(**pickle.loads(payload)), 0, len(data), n_damaged)  # of format 1
    fields: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        fields = json.loads(payload)
    number = fields.pop("format", None) if isinstance(fields, dict) else None
    if isinstance(number, int) and number > FORMAT:
        message = (
            f"{path} was made by a newer psweep (its format is {number}, this psweep reads up to "
            f"{FORMAT}); update psweep to use this study"
        )
        raise NewerJournalError(message)
    try:
        header = Header(**fields)
        if not all(map(isinstance, vars(header).values(), (str, int, str, int, int))):
            raise TypeError
    except TypeError:
        message = f"{path} is not a journal of psweep"
        raise ForeignJournalError(message) from None
    return _Head(header, salt_of(header.run_id), len(data), n_damaged)


def ids_in(journals: Iterable[Path]) -> set[str]:
    """Collect the ids of all rows in journals."""
    ids: set[str] = set()
    for path in journals:
        with contextlib.suppress(ForeignJournalError, NewerJournalError):
            contents = find_journal(path)
            if contents is not None:
                ids.update(row.pset_id for row in contents.rows)
                ids.update(*(group.ids for group in contents.row_groups))
    return ids


def sync(path: Path) -> None:
    """Have a journal written to the disk; afterwards, what is read from it is what is there."""
    with contextlib.suppress(OSError), open(path, "r+b") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            # The memory of the system may still hold what the disk has not taken.
            if error.errno != errno.EINVAL and hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def is_over(path: Path, seconds: float = 0) -> bool:
    """Find out whether the process that writes a journal has finished with it, or is dead.

    Parameters
    ----------
    path : Path
    seconds : float, default 0
        How long to ask again: others who ask at the same moment look like a writer.

    Returns
    -------
    bool
        False also if something is in the place of its lock that nobody can ask, such as a folder.
    """
    if is_strange(lock_of(path)) or is_locked(lock_of(path), seconds):
        return False
    if not path.exists():  # it went meanwhile, and its lock came back by being asked for
        with contextlib.suppress(OSError):
            lock_of(path).unlink()
    return True


def live_runs(layout: Layout) -> set[str]:
    """Find the ids of the runs that are running."""
    return {run_of(path)[1] for path in layout.journals() if path.exists() and not is_over(path)}
