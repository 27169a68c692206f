"""Replace a file as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from .locks import lock_open_file
from .paths import PathLike, temporary_name
from .regular import is_strange

__all__ = ["keep_as", "remove_if_abandoned", "replace_text", "replacing", "writing"]

# A name that is there, or a symbolic link, is refused: others may write into the folder, too.
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
_NEW |= getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


@contextlib.contextmanager
def replacing(
    path: PathLike, check: Callable[[Path], None] | None = None, *, follow: bool = False
) -> Iterator[IO[bytes]]:
    """Write a file next to `path` that takes its place when, and only when, it is whole.

    Any number of threads and processes may do so at once; each has a temporary file of its own.

    Parameters
    ----------
    path : str or path
        The file to replace or to make.
    check : callable, optional
        Gets the path of the whole new file. If it raises, the old file stays.
    follow : bool, default False
        Whether a symbolic link is followed, because whoever calls has named the file, or because it
        is a database, which may be on another disk. False: the link itself is replaced, since in a
        shared folder somebody else may have made it.

    Yields
    ------
    binary file
        What is written to it is on disk before it becomes `path`.
    """
    target = Path(os.path.realpath(path) if follow else os.path.abspath(path))
    fd, temporary = _new_file(target)
    lock = os.dup(fd) if os.name == "posix" else None  # keeps the lock until the name is changed
    try:
        with open(fd, "wb") as file:
            yield file
            file.flush()
            if not is_strange(target):
                with contextlib.suppress(FileNotFoundError):
                    _copy_mode(target, temporary, fd)
            os.fsync(fd)
        # (Some file systems report an error only when the file is closed, which it is now.)
        if check is not None:
            check(temporary)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    finally:
        if lock is not None:
            with contextlib.suppress(OSError):
                os.close(lock)
    _sync_folder(target.parent)


@contextlib.contextmanager
def writing(path: PathLike, *, follow: bool) -> Iterator[IO[bytes]]:
    """Write what a user has named: a file as by `replacing`; into a device or a pipe."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        mode = stat.S_IFREG
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        with replacing(path, follow=follow) as file:
            yield file
    else:
        with open(path, "wb") as file:
            yield file


def replace_text(path: PathLike, text: str) -> None:
    """Write a file of psweep's own, and the folders above it where they are missing."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def keep_as(source: Path, target: Path) -> None:
    """Keep a file that will be replaced under another name, too."""
    try:
        os.link(os.path.realpath(source), target)  # not a link to a link
    except OSError:  # not every file system has hard links
        with open(source, "rb") as old, replacing(target) as file:
            shutil.copyfileobj(old, file)
            if hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), os.fstat(old.fileno()).st_mode & 0o7777)


def _new_file(target: Path) -> tuple[int, Path]:
    """Make a file next to `target`, and lock it, so that it is not taken for an abandoned one."""
    while True:
        # (It begins with a digit, as `psweep-push` wants it.)
        owner = f"{os.getpid()}-{secrets.token_hex(8)}"
        temporary = target.with_name(temporary_name(target.name, owner))
        try:
            fd = os.open(temporary, _NEW, 0o666)
        except FileExistsError:
            continue
        lock_open_file(fd)
        if os.path.lexists(temporary):  # else it was removed as abandoned before it was locked
            return fd, temporary
        os.close(fd)


def remove_if_abandoned(temporary: Path) -> None:
    """Remove the temporary file of a writer that was killed; not one that is being written."""
    with contextlib.suppress(OSError):
        # not through a link, and not forever where it is a pipe
        flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        fd = os.open(temporary, flags)
        try:
            if lock_open_file(fd):
                temporary.unlink()
        finally:
            os.close(fd)
    if os.name != "posix":  # where a file that is open cannot be removed
        with contextlib.suppress(OSError):
            temporary.unlink()


def _copy_mode(target: Path, temporary: Path, fd: int) -> None:
    if hasattr(os, "fchmod"):
        # One who is not the owner, such as another member of a group, cannot give it all away.
        with contextlib.suppress(PermissionError):
            os.fchmod(fd, os.stat(target).st_mode & 0o7777)
    else:
        shutil.copymode(target, temporary)


def _sync_folder(folder: Path) -> None:
    # So the new name outlives a power loss. Windows cannot open a folder, and does not need it.
    if os.name == "posix":
        fd = os.open(folder, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # some network file systems refuse it
                os.fsync(fd)
        finally:
            os.close(fd)
