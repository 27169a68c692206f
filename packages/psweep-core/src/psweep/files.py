"""Small helpers to read and write files; every write replaces the file as a whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

__all__ = [
    "file_read",
    "file_write",
    "json_read",
    "json_write",
    "pickle_read",
    "pickle_write",
    "replacing",
]

PathLike = str | os.PathLike[str]


@contextlib.contextmanager
def replacing(path: PathLike) -> Iterator[IO[bytes]]:
    """Write a file beside `path` that takes its place when, and only when, it is whole.

    Parameters
    ----------
    path : str or path
        The file to replace or to make. A symbolic link is followed.

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
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(target, beside)
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    _sync_folder(target.parent)


def temporary_name(name: str, owner: object) -> str:
    """Name of the file that is to become `name`; hidden, and different for each owner."""
    return f".{name}.{owner}.tmp"


def _sync_folder(folder: Path) -> None:
    # So that the new name outlives a power loss. Windows cannot open a folder, and needs not.
    if os.name == "posix":
        fd = os.open(folder, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # some network file systems refuse it
                os.fsync(fd)
        finally:
            os.close(fd)


def file_read(path: PathLike) -> str:
    """Read a text file.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    str
        Its text, decoded as UTF-8.
    """
    return Path(path).read_text(encoding="utf-8")


def file_write(path: PathLike, txt: str, mode: str = "w") -> None:
    """Write a text file, and the folders above it where they are missing.

    Parameters
    ----------
    path : str or path
    txt : str
        Encoded as UTF-8.
    mode : {"w", "a", "x"}, default "w"
        Replace the file, append to it, or refuse if it exists.

    Raises
    ------
    FileExistsError
        With mode "x".
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    if mode == "w":
        with replacing(path) as file:
            file.write(txt.encode("utf-8"))
    else:
        with open(path, mode, encoding="utf-8") as file:
            file.write(txt)


def pickle_read(path: PathLike) -> Any:
    """Read one object from a pickle file.

    Unpickling runs code that the file chooses: read only files that you trust.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    object
    """
    with open(path, "rb") as file:
        return pickle.load(file)


def pickle_write(path: PathLike, obj: Any) -> None:
    """Write one object to a pickle file, and the folders above it where they are missing.

    Parameters
    ----------
    path : str or path
    obj : object
        DataFrames and arrays are written so that other versions of pandas and
        NumPy can read them.
    """
    from .portable import dumps

    data = dumps(obj)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(data)


def json_read(path: PathLike) -> Any:
    """Read a JSON file.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    object
    """
    return json.loads(file_read(path))


def json_write(path: PathLike, obj: Any, **kwds: Any) -> None:
    """Write a JSON file, and the folders above it where they are missing.

    Parameters
    ----------
    path : str or path
    obj : object
    **kwds
        For `json.dumps`, such as ``indent=2``.
    """
    file_write(path, json.dumps(obj, **kwds))
