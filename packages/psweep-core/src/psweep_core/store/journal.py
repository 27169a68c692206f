r"""The append-only record of one writer's finished psets.

A journal is one file with one writer, a process that runs psets. It holds a header and then one row
per pset, in the order in which they finished. A row is handed to the operating system before the
next pset starts, so it outlives the process, and is on the disk within a second, so it outlives the
machine.

While the writer lives it holds the lock ``<journal>.lock``. A journal that nobody has locked is
complete: whoever finds it moves its rows into the database and removes it.

The file, see `records`::

    first record    a pickled dict, see `rows.Header`
    others          one pickled row each, see `rows.Row`
    end             zeros: space that was allocated before it was needed

Space is allocated before a pset is run, so that a disk that fills up meanwhile cannot keep its row
out.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import threading
from dataclasses import asdict
from pathlib import Path
from zlib import crc32

from ..table.rows import Header, RowTuple
from .layout import lock_of
from .locks import file_lock
from .portable_pickle import dumps_plain_first
from .records import HEAD, MAGIC, record

__all__ = ["Journal", "encode"]

_SPACE = 1 << 16  # bytes; at least this much is free before a pset is run
_SYNC_SECONDS = 1.0


class Journal:
    """Write a journal.

    Parameters
    ----------
    path : Path
        The file, which must not exist.
    header : Header
        Its first record.
    locked : bool, default True
        Hold a lock while it is written. A task of a batch job takes none, because there may be no
        locks between the nodes of a cluster; its claim says whether it lives, see `spool`.
    """

    def __init__(self, path: Path, header: Header, locked: bool = True) -> None:
        self.path = path
        self._lock = file_lock(lock_of(path)) if locked else None
        if self._lock is not None:
            self._lock.acquire()
        self.end = 0  # where the next record goes, which is the position in the file
        self._limit = -1  # if `end` is beyond it, the next row needs `reserve`
        self._size = 0  # of the file, including allocated space
        self._largest = 0  # record, in bytes
        self._space = _SPACE
        self._dirty = False
        self._closing = threading.Event()
        self._syncer: threading.Thread | None = None
        try:
            self._file = open(path, "xb", buffering=0)
            first = record(pickle.dumps(asdict(header), 5))
            self._write_all(first)
            self.end = len(first)
            self.reserve()
        except BaseException:
            if self._lock is not None:
                self._lock.release()
            raise

    def reserve(self) -> None:
        """Make sure that the next row has space on the disk.

        Raises
        ------
        OSError
            The disk is full.
        """
        if self.end > self._limit:
            self._size = max(self._size, self.end)
            want = self.end + self._space + _SPACE
            self._extend(want - self._size)
            self._size = want
            self._limit = want - self._space

    def _extend(self, n: int) -> None:
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(self._file.fileno(), self._size, n)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                    raise
            else:
                return
        # Where a file system or a platform does not know that call, writing is as good.
        self._file.seek(self._size)
        try:
            for start in range(0, n, _SPACE):
                self._write_all(bytes(min(_SPACE, n - start)))
        finally:
            self._file.seek(self.end)

    def append(self, row_bytes: bytes) -> None:
        """Write one row, made by `encode`, so that it outlives this process."""
        data = HEAD.pack(MAGIC, len(row_bytes), crc32(row_bytes)) + row_bytes
        n = len(data)
        try:
            written = self._file.write(data)
            if written < n:
                self._write_all(data[written:])
        except BaseException:
            self._file.seek(self.end)  # half a record is nothing
            raise
        self.end += n
        if n > self._largest:
            self._largest = n
            # Twice the largest row is a guess; a row of any size may come.
            self._space = max(_SPACE, 2 * n)
            self._limit = self._size - self._space
        self._dirty = True
        if self._syncer is None:
            self._syncer = threading.Thread(target=self._sync, name="psweep-sync", daemon=True)
            self._syncer.start()

    def _write_all(self, data: bytes) -> None:
        while data:
            data = data[self._file.write(data) :]

    def _sync(self) -> None:
        # In a thread: a slow disk does not hold up the psets, and a row is safe within a second
        # even if no other follows for an hour.
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
        if self._lock is not None:
            self._lock.release()


def encode(row: RowTuple) -> bytes:
    """Convert a row to what `Journal.append` takes.

    Raises
    ------
    Exception
        Any, if a value cannot be pickled.
    """
    *_, params, results, _extras = row
    return dumps_plain_first(tuple(row), {**params, **results})  # a plain one, see `rows`
