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
    """Write a file beside `path` that takes its place when, and only when, it is whole.

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
    beside = target.with_name(temporary_name(target.name, os.getpid()))
    try:
        with open(beside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if check is not None:
            check(beside)
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(target, beside)
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    # So that the new name outlives a power loss. Windows cannot open a folder, and needs not.
    if os.name == "posix":
        fd = os.open(folder, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # some network file systems refuse it
                os.fsync(fd)
        finally:
            os.close(fd)
