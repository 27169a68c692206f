"""Files that are files: no folder, pipe, socket or link that others have put in their place.

Opening a pipe waits forever for whoever writes into it, and a link may lead to any file.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO

__all__ = ["entries", "is_read_only", "is_strange", "no_link", "open_regular"]

_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_NO_LINK = _NO_WAIT | getattr(os, "O_NOFOLLOW", 0)
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def entries(folder: Path) -> dict[str, bool]:
    """List the names in a folder, and whether each is a file; empty if the folder is missing."""
    try:
        with os.scandir(folder) as found:
            # (Most file systems say it with the name, so no further call is made.)
            return {entry.name: entry.is_file(follow_symlinks=False) for entry in found}
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}


def is_strange(path: Path) -> bool:
    """Return whether something is there that is not a file."""
    try:
        return not stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def open_regular(path: Path, follow: bool = False) -> IO[bytes]:
    """Open a file to read it.

    Parameters
    ----------
    path : Path
    follow : bool, default False
        It may be a symbolic link to a file.

    Raises
    ------
    FileNotFoundError
        There is none, or what is there is not a file.
    OSError
        It cannot be read.
    """
    try:
        fd = os.open(path, _FLAGS | (_NO_WAIT if follow else _NO_LINK))
    except OSError as error:
        if is_strange(path):
            raise FileNotFoundError(errno.ENOENT, "not a file", str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise FileNotFoundError(errno.ENOENT, "not a file", str(path))
    return open(fd, "rb")


def no_link(path: str, flags: int) -> int:
    """Open a file for `open`, as its ``opener``: not through a link, and without waiting.

    Raises
    ------
    OSError
        What is there is a symbolic link, or a pipe.
    """
    return os.open(path, flags | _NO_LINK, 0o666)


def is_read_only(error: OSError) -> bool:
    """Return whether an error says that nothing can be written in a place."""
    return isinstance(error, PermissionError) or error.errno == errno.EROFS
