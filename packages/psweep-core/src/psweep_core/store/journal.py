r"""The append-only record of one writer's finished psets.

A journal is one file with one writer, a process that runs psets. It holds a header and then one row
per pset, in the order in which they finished. A row is handed to the operating system before the
next pset starts, so it outlives the process, and is on the disk within a second, so it outlives the
machine.

While the writer lives it holds the lock ``<journal>.lock``. A journal that nobody has locked is
complete: whoever finds it moves its rows into the database and removes it.

The file, see `records`::

    first record    JSON: ``format`` and the fields of `rows.Header`
    others          one row each, see `row_bytes`; salted with the id of the run
    end             zeros: space that was allocated before it was needed

Format 1 was not released: its header is a pickle without ``format``, its rows have no salt.

Space is allocated before a pset is run, so that a disk that fills up meanwhile cannot keep its row
out. Where a file system does not keep that promise, the rows that it has not taken are in
`Journal.unsafe`, and no further pset is run.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
from dataclasses import asdict
from io import FileIO
from pathlib import Path
from zlib import crc32

from ..table.rows import Header
from .locks import file_lock
from .paths import lock_of
from .records import HEAD, MAGIC, read_records, record, salt_of

__all__ = ["FORMAT", "Journal"]

FORMAT = 2
_SPACE = 1 << 16  # bytes; at least this much is free before a pset is run
_SYNC_SECONDS = 1.0
# A file system that cannot sync a file at all, which is not an error of this one.
_NO_FSYNC = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)


class Journal:
    """Write a journal.

    Parameters
    ----------
    path : Path
        The file, which must not exist. Its folder is made where it is missing.
    header : Header
        Its first record.
    locked : bool, default True
        Hold a lock while it is written. A task of a batch job takes none, because there may be no
        locks between the nodes of a cluster; its claim says whether it lives, see `spool`.

    Attributes
    ----------
    unsafe : list of bytes
        The rows that are perhaps not in the file. Complete when the journal is closed.
    """

    def __init__(self, path: Path, header: Header, locked: bool = True) -> None:
        self.path = path
        self._lock = file_lock(lock_of(path)) if locked else None
        self._file = self._made()
        self.end = 0  # where the next record goes, which is the position in the file
        self._limit = -1  # if `end` is beyond it, the next row needs `reserve`
        self._size = 0  # of the file, including allocated space
        self._largest = 0  # record, in bytes
        self._space = _SPACE
        self._salt = salt_of(header.run_id)
        self._dirty = False
        self._unsynced: list[bytes] = []  # rows
        self.unsafe: list[bytes] = []
        self._error: OSError | None = None  # of a sync
        self._closing = threading.Event()
        self._file_lock = threading.Lock()  # two threads of a worker may end at once
        self._syncer: threading.Thread | None = None
        try:
            first = record(json.dumps({"format": FORMAT, **asdict(header)}).encode())
            self._write_all(first)
            self.end = len(first)
            self.reserve()
        except BaseException:
            if self._lock is not None:
                self._lock.release()
            raise

    def _made(self) -> FileIO:
        """Make the file and its folder; somebody may be removing the study at this moment."""
        tries = 4
        while True:
            tries -= 1
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                if self._lock is not None:
                    self._lock.acquire()
                return open(self.path, "x+b", buffering=0)
            except BaseException as error:
                if self._lock is not None:
                    self._lock.release()
                if not tries or not isinstance(error, FileNotFoundError | FileExistsError):
                    raise

    def reserve(self) -> None:
        """Make sure that the next row has space on the disk, and that the last ones were taken.

        Raises
        ------
        OSError
            The disk is full, or did not take rows that it seemed to have taken.
        """
        if self.end > self._limit:
            if self._error is not None:
                raise self._error
            self._size = max(self._size, self.end)
            want = self.end + self._space + _SPACE
            self._extend(want - self._size)
            self._size = want
            self._limit = want - self._space

    def expect(self, n: int) -> None:
        """Make sure that the next `n` rows have space, if none is larger than the largest so far.

        For rows that come in groups, from psets that are called before the first of them is here.

        Raises
        ------
        OSError
            As `reserve`.
        """
        self._space = max(self._space, (n + 1) * self._largest)
        self._limit = self._size - self._space
        self.reserve()

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

    def append(self, row_bytes: bytes, keep: bool = True) -> None:
        """Write one row, made by `row_bytes.encode`, so that it outlives this process.

        Parameters
        ----------
        row_bytes : bytes
        keep : bool, default True
            Keep it until it is synced. False: the caller has it in memory.
        """
        data = HEAD.pack(MAGIC, len(row_bytes), crc32(row_bytes, self._salt)) + row_bytes
        n = len(data)
        try:
            written = self._file.write(data)
            if written < n:
                self._write_all(data[written:])
        except BaseException:
            self.unsafe.append(row_bytes)
            with contextlib.suppress(OSError, ValueError):
                self._file.seek(self.end)  # half a record is nothing
            raise
        self.end += n
        if n > self._largest:
            self._largest = n
            # Twice the largest row is a guess; a row of any size may come.
            self._space = max(_SPACE, 2 * n)
            self._limit = self._size - self._space
        # After the write, so that a sync that takes it from here has it on the disk.
        if keep:
            self._unsynced.append(row_bytes)
        self._dirty = True
        if self._syncer is None:
            self.start_syncing()

    def start_syncing(self) -> None:
        """Start the thread that syncs rows: before func, which may leave no memory for it."""
        if self._syncer is None:
            syncer = threading.Thread(target=self._sync, name="psweep-sync", daemon=True)
            syncer.start()
            self._syncer = syncer

    def _write_all(self, data: bytes) -> None:
        while data:
            data = data[self._file.write(data) :]

    def _sync(self) -> None:
        # In a thread: a slow disk does not hold up the psets, and a row is safe within a second
        # even if no other follows for an hour.
        while not self._closing.wait(_SYNC_SECONDS):
            self._sync_once()

    def _sync_once(self) -> None:
        if self._dirty:
            self._dirty = False
            rows, self._unsynced = self._unsynced, []
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                if error.errno not in _NO_FSYNC:
                    self.unsafe += rows
                    self._error = OSError(error.errno, error.strerror, str(self.path))
            except ValueError:
                pass  # func has closed all files
        if self._error is not None:
            self._limit = -1  # so that `reserve` looks

    @property
    def has_failed(self) -> bool:
        """Whether the file system has not taken rows that it seemed to have taken."""
        return self._error is not None

    def has_trouble(self) -> bool:
        """Return whether rows are perhaps not in the file, or the file has been removed.

        Of a journal that is closed, it is what was so when it was closed.
        """
        with self._file_lock:
            if self.unsafe or self._error is not None:
                return True
            with contextlib.suppress(OSError):  # func may have closed all files
                return not self._file.closed and not self._has_its_name()
            return True

    def close(self) -> None:
        """Stop writing and let others move the rows into the database."""
        try:
            self._closing.set()
            if self._syncer is not None:
                self._syncer.join()
        finally:
            try:
                with self._file_lock:
                    self._look_back()
            finally:
                if self._lock is not None:
                    with self._file_lock:  # a lock may close its file twice, if two release it
                        self._lock.release()

    def _look_back(self) -> None:
        """Close the file, and find out which rows are perhaps not in it."""
        if self._file.closed:
            return
        if self._error is not None:
            self.unsafe += self._unsynced
        try:
            if not self._has_its_name():
                self.unsafe = self._rows()
            self._file.close()
        except OSError:
            self.unsafe += self._unsynced  # some file systems report a quota here
        self._unsynced = []

    def _has_its_name(self) -> bool:
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return False

    def _rows(self) -> list[bytes]:
        """Read all rows of a file that was removed."""
        self._file.seek(0)
        payloads, _ = read_records(self._file.readall(), self._salt)
        return payloads + self.unsafe
