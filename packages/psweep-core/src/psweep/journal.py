r"""The append-only record of one writer's finished psets.

A journal is one file with one writer, a process that runs psets. It holds a header and then a row
for each pset, in the order in which they finished. A row is in the hands of the operating system
before the next pset starts, so it outlives the process, and on the disk within a second, so it
outlives the machine.

While the writer lives it holds the lock ``<journal>.lock``. A journal whose lock is free is
complete: whoever finds it moves its rows into the database and removes it.

The file::

    record   4 bytes b"\xb6PS\n", then the length of the payload (uint64) and its CRC-32 (uint32),
             both little-endian, then the payload
    first    a pickled dict, see `rows.Header`
    others   a pickled row each, see `rows.Row`
    end      zeros: room that was taken before it is needed

Of rows that are plain, and that come in the order of their numbers, as in a run without workers, a
file beside the journal gets a copy in columns, a block of them at a time, since rows that were
written one by one take long to read one by one. What it lacks is read from the journal::

    record   as above, of a pickled tuple: where in the journal the rows of the block end, and what
             `blocks.packed` makes of a block

Room is taken before a pset is run, so that a disk that fills up meanwhile cannot keep its row out.
A record that is torn or garbled is skipped, the next whole one is found by its first bytes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import struct
import threading
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from .blocks import Block, block_of, joined, packed, unpacked
from .locks import file_lock
from .portable import dumps_plain_first
from .rows import ROW_SIZE, Header, Row

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = [
    "BLOCK_ROWS",
    "PRIVATE",
    "SUFFIX",
    "Journal",
    "Record",
    "count_rows",
    "encode",
    "find_journal",
    "folder_of",
    "journal_name",
    "journals_of",
    "lock_of",
    "read_header",
    "read_journal",
    "remove",
]

PRIVATE = ".psweep"
SUFFIX = ".journal"
_MAGIC = b"\xb6PS\n"
_HEAD = struct.Struct("<4sQI")
_ROOM = 1 << 16  # bytes, at least so many are free before a pset is run
_SYNC_SECONDS = 1.0
BLOCK_ROWS = 600  # in a block; so few dicts at a time do not wake the garbage collector
_MAX_BLOCK = 1 << 20  # bytes of its rows in the journal; larger ones take no time worth saving
_MAX_KEPT = 1 << 28  # bytes in a journal, beyond which its rows are not kept in memory, too


class Record(NamedTuple):
    """A journal as it was found.

    Its rows are those in ``blocks`` and the ``rows`` that follow them. ``unreadable`` says what
    could not be made sense of.
    """

    header: Header
    rows: list[Row]
    unreadable: list[str]
    blocks: list[Block]


def folder_of(database: Path) -> Path:
    """Place the journals of the runs that write into a database."""
    return database.parent / PRIVATE / database.name


def journals_of(database: Path) -> list[Path]:
    """List the journals of the runs, live or dead, that write into a database."""
    return sorted(folder_of(database).glob("*" + SUFFIX))


def count_rows(database: Path) -> int:
    """Count the rows that wait in journals."""
    records = [find_journal(path) for path in journals_of(database)]
    found = [record for record in records if record is not None]
    return sum(len(record.rows) + sum(len(b.ids) for b in record.blocks) for record in found)


def lock_of(journal: Path) -> BaseFileLock:
    """Make the lock that the writer of a journal holds while it lives."""
    return file_lock(journal.with_name(journal.name + ".lock"))


class Journal:
    """Write a journal.

    Parameters
    ----------
    path : Path
        The file, which must not exist.
    header : Header
        Its first record.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self._lock = lock_of(path)
        self._lock.acquire()
        # The rows of the run, as long as nothing in them can change: then its journals need not be
        # read. First in blocks, then the newest, one after another in one list, since tuples would
        # keep the garbage collector busy. None: they are not kept.
        self._blocks: list[Block] = []
        self._newest: list[Any] | None = []
        self.others: list[Path] = []  # the journals of its other processes
        self.end = 0  # where the next record goes, which is where the file stands
        self.limit = -1  # if `end` is beyond it, the next row needs `take_room`
        self._size = 0  # of the file, with the room that was taken
        self._largest = 0
        self._room = _ROOM
        self._dirty = False
        self._blocks_file: IO[bytes] | None = None
        self._block_begin: int | None = 0  # in bytes; None: no more of them are written
        self._closing = threading.Event()
        self._syncer: threading.Thread | None = None
        try:
            self._file = open(path, "xb", buffering=0)
            first = _record(pickle.dumps(asdict(header), 5))
            self._write_all(first)
            self.end = len(first)
            self.take_room()
        except BaseException:
            self._lock.release()
            raise

    def take_room(self) -> None:
        """Make sure that the next row has room on the disk.

        Raises
        ------
        OSError
            The disk is full.
        """
        if self.end > self.limit:
            self._size = max(self._size, self.end)
            want = self.end + self._room + _ROOM
            self._extend(want - self._size)
            self._size = want
            self.limit = want - self._room

    def _extend(self, n: int) -> None:
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(self._file.fileno(), self._size, n)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                    raise
            else:
                return
        # Where a file system or a system does not know that call, writing is as good.
        self._file.seek(self._size)
        try:
            for start in range(0, n, _ROOM):
                self._write_all(bytes(min(_ROOM, n - start)))
        finally:
            self._file.seek(self.end)

    def append(self, payload: bytes) -> None:
        """Write one row, made by `encode`, so that it outlives this process."""
        self.extend([(payload, False)])

    def extend(
        self, rows: Iterable[tuple[Row | bytes, bool]], lock: threading.Lock | None = None
    ) -> None:
        """Write rows as they come, each before the next is asked for.

        Parameters
        ----------
        rows : iterable of tuple
            Either a Row and True: nothing in it can change any more, `pickle.dumps` takes it, and
            all rows of this journal come in the order of their numbers. Or a row as `encode` makes
            it and False.
        lock : Lock, optional
            Is held while a row is written.
        """
        write, pack, dumps = self._file.write, _HEAD.pack, pickle.dumps
        for row, plain in rows:
            payload: Any = dumps(row, 5) if plain else row
            # (as `_record` does; here, since each call takes time)
            record = pack(_MAGIC, len(payload), crc32(payload)) + payload
            n = len(record)
            if lock is not None:
                lock.acquire()
            try:
                written = write(record)
                if written < n:
                    self._write_all(record[written:])
            except BaseException:
                self._file.seek(self.end)  # half a record is nothing
                raise
            finally:
                if lock is not None:
                    lock.release()
            self.end += n
            if n > self._largest:
                self._largest = n
                # Twice the largest row is a guess; a row of any size may come.
                self._room = max(_ROOM, 2 * n)
                self.limit = self._size - self._room
            self._dirty = True
            if self._newest is not None:
                if not plain or self.end > _MAX_KEPT:
                    self.keep(None)
                else:
                    self._newest += row
                    if len(self._newest) >= BLOCK_ROWS * ROW_SIZE:
                        self._end_block(self._newest)
                        self._newest = []
            if self._syncer is None:
                self._syncer = threading.Thread(target=self._sync, name="psweep-sync", daemon=True)
                self._syncer.start()

    def _end_block(self, rows: list[Any]) -> None:
        block = block_of(rows)
        self._blocks.append(block)
        begin, self._block_begin = self._block_begin, None
        if begin is None or self.end - begin > _MAX_BLOCK:
            return
        with contextlib.suppress(OSError):  # of a disk that is full; then the journal is read
            if self._blocks_file is None:
                self._blocks_file = open(_blocks_of(self.path), "xb", buffering=0)
            self._blocks_file.write(_record(pickle.dumps((self.end, packed(block)), 5)))
            self._block_begin = self.end

    def keep(self, block: Block | None) -> None:
        """Take all rows of the run, which other processes have in their journals; None: forget."""
        self._newest = None if block is None else []
        self._blocks = [] if block is None else [block]

    def all_kept(self) -> Block | None:
        """Give all rows, if they were kept."""
        return None if self._newest is None else joined([*self._blocks, block_of(self._newest)])

    def _write_all(self, data: bytes) -> None:
        while data:
            data = data[self._file.write(data) :]

    def _sync(self) -> None:
        # In a thread: a slow disk does not hold up the psets, and a row that no other follows for
        # an hour is safe within a second all the same.
        while not self._closing.wait(_SYNC_SECONDS):
            if self._dirty:
                self._dirty = False
                with contextlib.suppress(OSError, ValueError):
                    os.fsync(self._file.fileno())

    def close(self) -> None:
        """Stop writing and let others move the rows into the database."""
        self._closing.set()
        if self._syncer is not None:
            self._syncer.join()
        self._file.close()
        if self._blocks_file is not None:
            self._blocks_file.close()
        self._lock.release()


def find_journal(path: Path) -> Record | None:
    """Read a journal, if it is still there: its run may just have ended."""
    try:
        return read_journal(path)
    except FileNotFoundError:
        return None


def _read_blocks(path: Path) -> tuple[list[Block], int]:
    """Read the blocks beside a journal, and where in it the rows begin that they lack."""
    blocks: list[Block] = []
    end = 0
    # What is missing here, or makes no sense, is in the journal.
    with contextlib.suppress(Exception), open(_blocks_of(path), "rb") as file:
        while head := file.read(_HEAD.size):
            magic, length, crc = _HEAD.unpack(head)
            payload = file.read(length)
            if magic != _MAGIC or crc32(payload) != crc:
                break
            end_now, parts = pickle.loads(payload)
            blocks.append(unpacked(parts))
            end = end_now
    return blocks, end


def read_journal(path: Path) -> Record:
    """Read a journal, also one that is being written, or whose end is torn."""
    blocks, start = _read_blocks(path)  # first, since the journal grows
    with open(path, "rb") as file:
        file.seek(start)
        payloads, garbled = _payloads(file.read())
    unreadable: list[str] = []
    if garbled:
        unreadable.append(f"{garbled} bytes between whole records are garbled")
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
    return Record(header, found[len(headers) :], unreadable, blocks)


def encode(row: Row) -> bytes:
    """Make a row into what `Journal.append` takes.

    Raises
    ------
    Exception
        Any, if a value cannot be pickled.
    """
    return dumps_plain_first(row, {**row[5], **row[6]})


def read_header(path: Path) -> Header:
    """Read only the first record of a journal."""
    with open(path, "rb") as file:
        head = file.read(_HEAD.size)
        length = _HEAD.unpack(head)[1] if len(head) == _HEAD.size else 0
        payloads, _ = _payloads(head + file.read(min(length, _ROOM)))
    obj = pickle.loads(payloads[0]) if payloads else None
    return Header(**obj) if isinstance(obj, dict) else _header_by_name(path)


def journal_name(header: Header, number: int) -> str:
    """Name the journal of process `number` of a run; it can stand in for a lost header."""
    return f"{header.run_seq}.{header.run_id}.{number}{SUFFIX}"


def _header_by_name(path: Path) -> Header:
    run_seq, run_id, *_ = path.name.split(".")
    calc_dir = path.parent.parent.parent
    return Header(run_id, int(run_seq), str(calc_dir), first_seq=0, n_psets=0)


def _record(payload: bytes) -> bytes:
    return _HEAD.pack(_MAGIC, len(payload), crc32(payload)) + payload


def _payloads(data: bytes) -> tuple[list[bytes], int]:
    """Give the payloads of all whole records, and how many bytes stand between these.

    What follows the last one is room, or a record that was cut short when its writer was killed.
    """
    payloads = []
    garbled = end = 0
    position = data.find(_MAGIC)
    last = len(data) - _HEAD.size
    while 0 <= position <= last:
        magic, length, crc = _HEAD.unpack_from(data, position)
        start = position + _HEAD.size
        payload = data[start : start + length]
        # (A head that was cut short reads as length 0 with the right checksum.)
        if magic == _MAGIC and 0 < length == len(payload) and crc32(payload) == crc:
            payloads.append(payload)
            garbled += position - end
            position = end = start + length  # where the next one should be
        else:
            position = data.find(_MAGIC, position + 1)
    if not payloads:
        # The header itself was cut short, or this never was a journal.
        begun = data.rstrip(b"\0")
        garbled = 0 if begun[:4] == _MAGIC[: len(begun)] else len(begun)
    return payloads, garbled


def _blocks_of(journal: Path) -> Path:
    return journal.with_name(journal.name + ".blocks")


def remove(journal: Path) -> None:
    """Remove a journal whose rows are in the database."""
    _blocks_of(journal).unlink(missing_ok=True)
    journal.unlink(missing_ok=True)
    journal.with_name(journal.name + ".lock").unlink(missing_ok=True)
