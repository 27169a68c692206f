"""The database that this process wrote last, so that a loop of runs need not read it each time.

It is kept from the second time on that a process writes it: most programs make one run, which need
not take the time and the memory.

What is kept is a copy of plain values, which nobody else has. It counts only for the file that was
written, and only with the lock of the study held, under which no run changes that file. A program
that takes no lock may change it nevertheless, perhaps in the same tick of the clock by which a file
system tells the time, and to the same size. So the file gets a time that nothing else gives to a
file: the one at which it was written, in ns.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import IO, NamedTuple

import pandas as pd

from . import joined_texts
from .growing_copy import GrowingCopy

__all__ = ["Signature", "forget", "keep", "sign", "signature_of", "take"]

_MAX_BYTES = 1 << 28  # a larger one is read again
_MAX_TIMES = 100  # after which it is read, since columns of pyarrow get one piece more each time


class Signature(NamedTuple):
    """What changes whenever a file changes."""

    device: int
    inode: int
    size: int
    modified: int  # ns
    changed: int  # ns; also by another name, owner or mode


def signature_of(path: Path) -> Signature | None:
    """Return the signature of a file; None if it is not there."""
    try:
        # Not by `os.stat` alone: network file systems ask the server when a file is opened.
        # (A pipe that somebody has put there would be waited for, forever.)
        flags = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
        fd = os.open(path, os.O_RDONLY | flags)
    except FileNotFoundError:
        return None
    except OSError:  # it cannot be read, which whoever reads it reports
        return _signature(os.stat(path))
    try:
        return _signature(os.fstat(fd))
    finally:
        os.close(fd)


def _signature(stat: os.stat_result) -> Signature:
    return Signature(
        stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, getattr(stat, "st_ctime_ns", 0)
    )


def sign(file: IO[bytes]) -> Signature | None:
    """Set a time of its own for a file that is completely written but has not got its name yet.

    Returns
    -------
    Signature or None
        Its signature, but that `changed` will change. None: the system cannot do that, or the file
        system does not keep the time in ns.
    """
    file.flush()
    now = time.time_ns()
    try:
        os.utime(file.fileno(), ns=(now, now))
        found = _signature(os.fstat(file.fileno()))
    except (OSError, TypeError, NotImplementedError):  # as on Windows
        return None
    return found if found.modified == now else None


_kept: list[tuple[Signature, GrowingCopy]] = []
_written: Path | None = None  # what was written last, kept or not
_n_times = 0


def keep(
    df: pd.DataFrame,
    signed: Signature | None,
    path: Path,
    plain: bool,
    before: GrowingCopy | None = None,
) -> Signature | None:
    """Keep a copy of what has just been written to `path`, if this process wrote it last, too.

    The lock of the study is held.

    Parameters
    ----------
    df : DataFrame
    signed : Signature or None
        What `sign` returned. None: nothing is kept.
    path : Path
    plain : bool
        The values are plain ones, which cannot change. If not, nothing is kept.
    before : GrowingCopy, optional
        What was taken of the file as it was before, and that only psweep has seen since. If `df`
        has these rows and further ones, these are added to it.

    Returns
    -------
    Signature or None
        Of the file that holds `df`. None: somebody has replaced it already.
    """
    global _written
    written_before, _written = _written, path
    _kept.clear()
    found = signature_of(path)
    is_ours = bool(signed and found and found._replace(changed=signed.changed) == signed)
    # (The size of the file stands for the objects that columns hold.)
    size = max(found.size if found else 0, 8 * df.size)
    is_worth_it = plain and path == written_before and size <= _MAX_BYTES
    if found and is_ours and is_worth_it and _n_times < _MAX_TIMES:
        with contextlib.suppress(Exception):  # the file is good; without a copy, it is read again
            if before is None or not before.grow(df):
                before = GrowingCopy(df)
            _kept[:] = [(found, before)]
    else:
        joined_texts.forget()
    return found if is_ours or signed is None else None


def take(signature: Signature) -> GrowingCopy | None:
    """Hand over what was kept of a file with this signature; the lock of the study is held.

    It is not kept any longer, since whoever has it may change it.
    """
    global _n_times
    kept, _kept[:] = [*_kept], []
    for known, copy in kept:
        if known == signature:
            _n_times += 1
            return copy
    _n_times = 0
    return None


def forget() -> None:
    """Keep nothing, as if this process had written nothing."""
    global _written
    _written = None
    _kept.clear()
    joined_texts.forget()
