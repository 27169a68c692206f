"""Replace a file as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from .layout import PathLike, temporary_name

__all__ = ["replacing"]


@contextlib.contextmanager
def replacing(path: PathLike, check: Callable[[Path], None] | None = None) -> Iterator[IO[bytes]]:
    """Write a file next to `path` that replaces it when it is complete.

    Parameters
    ----------
    path : str or path
        The file to replace or to make. A symbolic link is followed.
    check : callable, optional
        Gets the path of the whole new file. If it raises, the old file stays.

    Yields
    ------
    binary file
        What is written to it is on disk before it becomes `path`.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(temporary_name(target.name, os.getpid()))
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if check is not None:
            check(temporary)
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    # So that the new name survives a power loss. Windows cannot fsync a directory, and need not.
    if os.name == "posix":
        fd = os.open(folder, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # some network file systems refuse it
                os.fsync(fd)
        finally:
            os.close(fd)
