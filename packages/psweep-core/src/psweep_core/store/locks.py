"""Locks that end with the process that holds them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from .regular import is_read_only

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["LockRefusedError", "file_lock", "is_locked", "lock_open_file", "try_lock"]


def file_lock(path: Path) -> BaseFileLock:
    """Make a lock that the operating system frees when its holder dies, however it dies."""
    from filelock import FileLock  # here, for the sake of the time that `import psweep` takes

    return FileLock(path, thread_local=False, poll_interval=0.01)


def is_locked(path: Path, seconds: float = 0) -> bool:
    """Find out whether a process has a lock.

    Parameters
    ----------
    path : Path
    seconds : float, default 0
        How long to ask again.
    """
    from filelock import Timeout

    lock = file_lock(path)
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        return True
    except OSError as error:
        if is_read_only(error):
            return _is_locked_by_others(path)
        raise
    lock.release()
    return False


def _is_locked_by_others(path: Path) -> bool:
    """Find it out where nothing can be written."""
    import fcntl

    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)  # on NFS, to lock it alone means to write
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


class LockRefusedError(OSError):
    """The file system does not give locks."""


def try_lock(fd: int) -> None:
    """Find out whether a file system gives locks of the kind that `file_lock` takes.

    Raises
    ------
    LockRefusedError
        The file system refuses locks; filelock would block forever.
    """
    try:
        lock_open_file(fd, refused=True)
    except OSError as error:
        raise LockRefusedError(*error.args) from error


def lock_open_file(fd: int, *, refused: bool = False) -> bool:
    """Lock a file until it is closed.

    Parameters
    ----------
    fd : int
    refused : bool, default False
        Raise the error of a file system that does not give locks.

    Returns
    -------
    bool
        Whether it is locked. Windows does not lock it: what is open there cannot be removed.
    """
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if refused:
            raise
        return False
    return True
