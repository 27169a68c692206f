"""Read journals: complete ones, ones that are being written, and damaged ones."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ..table.row_groups import Block, unpacked
from ..table.rows import Header, Row
from .layout import calc_dir_of, lock_of, row_groups_of, run_of
from .locks import file_lock
from .records import HEAD, is_record, read_records

__all__ = [
    "JournalContents",
    "count_rows",
    "find_journal",
    "is_over",
    "read_header",
    "read_journal",
]

_MAX_HEADER = 1 << 16  # bytes


class JournalContents(NamedTuple):
    """What is in a journal.

    Its rows are those in ``blocks`` and the ``rows`` that follow them. ``unreadable`` describes
    what could not be loaded.
    """

    header: Header
    rows: list[Row]
    unreadable: list[str]
    blocks: list[Block]

    @property
    def n_rows(self) -> int:
        """The number of rows that could be loaded."""
        return len(self.rows) + sum(len(block.ids) for block in self.blocks)


def find_journal(path: Path) -> JournalContents | None:
    """Read a journal if it still exists: its run may just have ended."""
    try:
        return read_journal(path)
    except FileNotFoundError:
        return None


def read_journal(path: Path) -> JournalContents:
    """Read a journal, also one that is being written, or that has a torn end."""
    blocks, start = _read_blocks(path)  # first, because the journal grows
    with open(path, "rb") as file:
        file.seek(start)
        payloads, n_damaged = read_records(file.read())
    unreadable: list[str] = []
    if n_damaged:
        unreadable.append(f"{n_damaged} bytes between complete records are damaged")
    try:
        found: list[Any] = list(map(pickle.loads, payloads))
    except Exception:  # unpickling can raise nearly anything
        found = []
        for payload in payloads:
            try:
                found.append(pickle.loads(payload))
            except Exception as error:
                unreadable.append(f"{type(error).__name__}: {error}")
    headers = [Header(**obj) for obj in found[:1] if isinstance(obj, dict)]
    header = headers[0] if headers else read_header(path)
    rows = list(map(Row._make, found[len(headers) :]))
    return JournalContents(header, rows, unreadable, blocks)


def _read_blocks(path: Path) -> tuple[list[Block], int]:
    """Read the copy in columns, and where in the journal the rows begin that it lacks."""
    blocks: list[Block] = []
    end = 0
    # What is missing here, or cannot be read, is in the journal.
    with contextlib.suppress(Exception), open(row_groups_of(path), "rb") as file:
        while head := file.read(HEAD.size):
            magic, length, crc = HEAD.unpack(head)
            payload = file.read(length)
            if not is_record(magic, length, crc, payload):
                break
            end_now, parts = pickle.loads(payload)
            blocks.append(unpacked(parts))
            end = end_now
    return blocks, end


def read_header(path: Path) -> Header:
    """Read only the first record of a journal."""
    with open(path, "rb") as file:
        head = file.read(HEAD.size)
        length = HEAD.unpack(head)[1] if len(head) == HEAD.size else 0
        payloads, _ = read_records(head + file.read(min(length, _MAX_HEADER)))
    obj = pickle.loads(payloads[0]) if payloads else None
    if isinstance(obj, dict):
        return Header(**obj)
    run_seq, run_id = run_of(path)
    return Header(run_id, run_seq, str(calc_dir_of(path)), first_seq=0, n_psets=0)


def count_rows(journals: Iterable[Path]) -> int:
    """Count the rows in journals."""
    found = [find_journal(path) for path in journals]
    return sum(contents.n_rows for contents in found if contents is not None)


def is_over(path: Path) -> bool:
    """Find out whether the process that writes a journal has finished with it, or is dead."""
    from filelock import Timeout

    lock = file_lock(lock_of(path))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    return True
