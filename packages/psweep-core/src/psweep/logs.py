"""Catch what a function prints, and what the programs print that it starts."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

__all__ = ["captured"]

# Streams on the descriptors 1 and 2, made once a process and never closed: a logging handler that
# func makes holds on to the one that it finds.
_streams: dict[int, IO[str]] = {}


@contextlib.contextmanager
def captured(where: str | None, path: Path) -> Iterator[list[str]]:
    """Collect what is printed while the context is open.

    Parameters
    ----------
    where : {"db", "file", "db+file"} or None
        None: do nothing.
    path : Path
        The file to write to, if `where` says so.

    Yields
    ------
    list of str
        When the context is left, all that was printed is in it.
    """
    logs: list[str] = []
    if where is None:
        yield logs
        return
    if "file" in where:
        path.parent.mkdir(parents=True, exist_ok=True)
        file: IO[bytes] = open(path, "w+b", buffering=0)
    else:
        file = tempfile.TemporaryFile(buffering=0)
    with file:
        try:
            with _redirected(file):
                yield logs
        finally:
            file.seek(0)
            logs.append(file.read().decode("utf-8", "replace"))


@contextlib.contextmanager
def _redirected(file: IO[bytes]) -> Iterator[None]:
    before = sys.stdout, sys.stderr
    _flush(*before)
    # Programs that func starts, and code in C, write to the descriptors 1 and 2.
    saved = {fd: os.dup(fd) for fd in (1, 2) if _is_open(fd)}
    for fd in saved:
        os.dup2(file.fileno(), fd)
    try:
        # Python writes to sys.stdout and sys.stderr, which in a notebook are something else.
        with _handlers_moved({id(before[0]): _stream(1, file), id(before[1]): _stream(2, file)}):
            sys.stdout, sys.stderr = _stream(1, file), _stream(2, file)
            yield
    finally:
        _flush(sys.stdout, sys.stderr, *before, *_streams.values())
        sys.stdout, sys.stderr = before
        for fd, old in saved.items():
            os.dup2(old, fd)
            os.close(old)


def _stream(fd: int, file: IO[bytes]) -> IO[str]:
    """Give the text stream on a descriptor, or on `file` where there is no such descriptor."""
    closefd = not _is_open(fd)
    if closefd:
        fd = os.dup(file.fileno())
    elif fd in _streams:
        return _streams[fd]
    stream = open(
        fd, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=closefd
    )
    if not closefd:
        _streams[fd] = stream
    return stream


@contextlib.contextmanager
def _handlers_moved(streams: dict[int, IO[str]]) -> Iterator[None]:
    """Let logging handlers that write to the usual streams write to others."""
    others = logging.root.manager.loggerDict.values()
    loggers = [logging.root, *(one for one in others if isinstance(one, logging.Logger))]
    moved: list[tuple[logging.StreamHandler[Any], Any]] = []
    for handler in {handler for logger in loggers for handler in logger.handlers}:
        if isinstance(handler, logging.StreamHandler) and id(handler.stream) in streams:
            moved.append((handler, handler.stream))
            handler.setStream(streams[id(handler.stream)])
    try:
        yield
    finally:
        for handler, stream in moved:
            handler.setStream(stream)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _flush(*streams: Any) -> None:
    for stream in streams:
        with contextlib.suppress(Exception):
            stream.flush()
