"""Catch what a function prints, and what the programs print that it starts."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from ..contexts import contextmanager
from ..store.log_files import log_while_running, move_log, remove_log
from ..store.paths import Layout
from ..store.regular import no_link

__all__ = ["add_line", "captured", "open_log", "text_of"]

# A process has one standard output, so runs in several threads take turns, pset by pset. A func may
# call run_local, so one thread may have several turns at once.
_turn = threading.RLock()

# Streams on the descriptors 1 and 2, made once a process and never closed: a logging handler that
# func makes holds on to the one that it finds.
_streams: dict[int, TextIOWrapper] = {}


@contextmanager
def open_log(
    where: str, layout: Layout, folder: Path | None, pset_id: str, goes_on: bool
) -> Iterator[IO[bytes]]:
    """Open the file for what is printed for one pset, in all calls of func.

    Parameters
    ----------
    where : {"db", "file", "db+file"}
    layout : Layout
        Of the study. While the pset runs, its log is not in the folder of the pset, because that is
        func's to make.
    folder : Path or None
        Where it is meanwhile, see `job.Settings`.
    pset_id : str
    goes_on : bool
        What another worker has written there, before it was killed, stays.
    """
    with _turn:
        place = None if folder is None else log_while_running(folder, where, pset_id)
        file = _above_streams(_new_log(place, "file" in where, goes_on))
        try:
            with file:
                yield file
        finally:
            if place is not None and "file" in where:
                move_log(place, layout.log(pset_id))
            elif place is not None:
                remove_log(place)


def _new_log(place: Path | None, is_needed: bool, goes_on: bool) -> IO[bytes]:
    """Open a file at this place; elsewhere if there is none, or it is not needed there."""
    if place is not None:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            return open(place, "a+b" if goes_on else "w+b", buffering=0, opener=no_link)
        except OSError:  # such as a full disk
            if is_needed:
                raise
    return tempfile.TemporaryFile(buffering=0)


def add_line(log: IO[bytes], text: str) -> None:
    """Write a line of psweep's own into a log."""
    with contextlib.suppress(OSError):  # such as a full disk
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - 1))
        is_in_line = log.read() not in (b"", b"\n")
        log.write(b"\n" * is_in_line + text.encode() + b"\n")


def text_of(log: IO[bytes]) -> str:
    """Return all that is in a log."""
    return _content(log).decode("utf-8", "replace")


def _above_streams(file: IO[bytes]) -> IO[bytes]:
    """Move a file from the descriptors 0 to 2, where func may close it."""
    if file.fileno() > 2:
        return file
    with file:
        return os.fdopen(_copy_above_streams(file.fileno()), "w+b", buffering=0)


def _copy_above_streams(fd: int) -> int:
    try:
        import fcntl
    except ImportError:  # Windows
        return os.dup(fd)
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)


def _content(file: IO[bytes]) -> bytes:
    if not hasattr(os, "pread"):
        file.seek(0)
        return file.read()
    # A program that func left running writes at the current position of the file.
    parts = []
    n = 0
    while part := os.pread(file.fileno(), 1 << 20, n):
        parts.append(part)
        n += len(part)
    return b"".join(parts)


@contextmanager
def captured(file: IO[bytes]) -> Iterator[None]:
    """Collect what is printed while the context is open."""
    before = sys.stdout, sys.stderr
    _flush(*before)
    # Programs that func starts, and code in C, write to the descriptors 1 and 2.
    saved: dict[int, int] = {}
    try:
        for fd in (1, 2):
            if _is_open(fd):
                saved[fd] = _copy_above_streams(fd)
        for fd in saved:
            os.dup2(file.fileno(), fd)
        # Python writes to sys.stdout and sys.stderr, which in a notebook are something else.
        ours = _stream(1, file), _stream(2, file)
        with _handlers_moved(dict(zip(map(id, before), ours, strict=True))):
            sys.stdout, sys.stderr = ours
            yield
    finally:
        _flush(sys.stdout, sys.stderr, *before, *_streams.values())
        sys.stdout, sys.stderr = before
        for fd, old in saved.items():
            os.dup2(old, fd)
            os.close(old)


def _stream(fd: int, file: IO[bytes]) -> IO[str]:
    """Return the text stream on a descriptor, or on `file` where there is no such descriptor."""
    closefd = not _is_open(fd)
    if closefd:
        fd = _copy_above_streams(file.fileno())
    elif fd in _streams and _as_new(_streams[fd]):
        return _streams[fd]
    stream = open(
        fd, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=closefd
    )
    if not closefd:
        _streams[fd] = stream
    return stream


def _as_new(stream: TextIOWrapper) -> bool:
    """Undo what func has set of a stream; return whether it is still open."""
    try:
        stream.reconfigure(
            encoding="utf-8", errors="backslashreplace", line_buffering=True, write_through=False
        )
    except ValueError:  # func has closed or detached it
        return False
    return True


@contextmanager
def _handlers_moved(streams: dict[int, IO[str]]) -> Iterator[None]:
    """Let logging handlers that write to the usual streams write to others."""
    others = [*logging.root.manager.loggerDict.values()]
    loggers = [logging.root, *(one for one in others if isinstance(one, logging.Logger))]
    moved: list[tuple[logging.StreamHandler[Any], Any]] = []
    for handler in {handler for logger in loggers for handler in logger.handlers}:
        # (`logging.lastResort`, which some libraries add to a logger, looks up sys.stderr itself.)
        looks_up = isinstance(getattr(type(handler), "stream", None), property)
        if (
            isinstance(handler, logging.StreamHandler)
            and not looks_up
            and id(handler.stream) in streams
        ):
            moved.append((handler, handler.stream))
            _set_stream(handler, streams[id(handler.stream)])
    try:
        yield
    finally:
        for handler, stream in moved:
            _set_stream(handler, stream)


def _set_stream(handler: logging.StreamHandler[Any], stream: Any) -> None:
    # (`handler.setStream` fails if func has closed the stream.)
    with contextlib.suppress(Exception):
        handler.flush()
    handler.stream = stream


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


def _forget_turns() -> None:
    global _turn
    _turn = threading.RLock()


# In a process that another thread has forked, nobody would end that thread's turn.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_turns)
