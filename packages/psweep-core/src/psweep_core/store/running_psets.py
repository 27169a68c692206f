"""Which psets the workers of a task run, in a file that outlives all of them.

``<chunk>.running.<attempt>`` in the spool holds two numbers for each worker: since when it runs
which pset, by its position; `IDLE` or another negative number if it runs none. Workers change them
in shared memory, which the system writes to the file whatever ends them. The file of a task that
was killed shows what it ran then. It is removed when no pset is left half-done.
"""

from __future__ import annotations

import contextlib
import mmap
import re
import struct
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from .regular import no_link, open_regular

__all__ = ["IDLE", "Running", "count_begun", "shared_clock"]

IDLE: Final = -1.0
_PAIR = struct.Struct("dd")
_NAME = re.compile(r"(\d+)\.running\.(\d+)")


def shared_clock(file: Path, slot: int) -> Any:
    """Return the two numbers of a worker, as an array."""
    with open(file, "r+b") as opened:
        memory = mmap.mmap(opened.fileno(), 0)
    return memoryview(memory).cast("d")[2 * slot : 2 * slot + 2]


class Running:
    """The file of one task.

    Parameters
    ----------
    folder : Path
        Of the spool.
    chunk, attempt : int
        Of the claim.
    """

    def __init__(self, folder: Path, chunk: int, attempt: int) -> None:
        self.path = folder / f"{chunk}.running.{attempt}"

    def begin(self, n_workers: int) -> None:
        """Make the file."""
        with open(self.path, "wb", opener=no_link) as file:
            file.write(_PAIR.pack(0.0, IDLE) * n_workers)

    def positions(self) -> list[int]:
        """Find the psets that ran when it was written last; none if there is no such file."""
        try:
            with open_regular(self.path) as file:
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: len(data) // _PAIR.size * _PAIR.size]
        return [int(position) for _, position in _PAIR.iter_unpack(whole) if position >= 0]

    def end(self, given_back: Iterable[int]) -> None:
        """Add psets that were begun and get no row; remove the file if there are none at all."""
        data = b"".join(_PAIR.pack(0.0, position) for position in given_back)
        if data:
            with open(self.path, "ab", opener=no_link) as file:
                file.write(data)
        elif not self.positions():
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()


def count_begun(folder: Path) -> Counter[int]:
    """Count, for each pset, the tasks that have begun it and did not finish it."""
    found: Counter[int] = Counter()
    for path in folder.glob("*.running.*"):
        match = _NAME.fullmatch(path.name)
        if match:
            found.update({*Running(folder, int(match[1]), int(match[2])).positions()})
    return found
