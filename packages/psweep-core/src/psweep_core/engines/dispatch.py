"""Which psets are handed out next, and what becomes of one that could not be run.

Knows nothing of processes: `pool` and `executor` share these rules.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from ..errors import PsweepError
from ..table.rows import RowTuple
from .failures import note
from .finished import failed_row
from .job import Jobs, Settings, describe
from .retries import calls_of

__all__ = ["Dispatch", "Step", "Stop"]


class Step(NamedTuple):
    """Progress of a run: what has happened since the last step."""

    n: int  # psets that have finished
    n_failed: int  # of these
    n_replaced: int = 0  # workers that died and have a successor
    failure: object = None  # what ``_exc_txt`` has of one of those that failed


class Stop(Protocol):
    """Decides when a run ends before all psets have run, see `pool.run_pool`."""

    def may_begin(self, seconds: float) -> bool:
        """Return whether a pset that takes so long may begin now."""

    def may_go_on(self) -> bool:
        """Return whether those that have begun may go on."""

    def killed_for_memory(self) -> bool:
        """Return whether the system has just ended a process because memory ran out."""

    def give_back(self, position: int, for_memory: bool) -> None:
        """Note that a pset failed for want of memory, or because the job ends, and has no row."""


class Dispatch:
    """Hand out psets, by their position in the run.

    Parameters
    ----------
    jobs : Jobs
    settings : Settings
    chunk_seconds : float
        How long a chunk should take.
    max_chunk : int
        The largest number of psets in a chunk.
    """

    def __init__(self, jobs: Jobs, settings: Settings, chunk_seconds: float, max_chunk: int):
        self.n_left = len(jobs)  # not finished
        self.pace: float | None = None  # s per pset, of the chunk that finished last
        self._jobs = jobs
        self._settings = settings
        self._chunk_seconds = chunk_seconds
        self._max_chunk = max_chunk
        self.slowest = 0.0  # s per pset, of the slowest chunk so far
        self._todo = collections.deque(jobs.positions)
        self._calls: dict[int, int] = {}  # of func for a pset, where these are more than one

    @property
    def has_next(self) -> bool:
        """Whether there are psets that nobody has."""
        return bool(self._todo)

    def chunk_size(self, n_workers: int) -> int:
        """Return how many psets to send at once: as many as take `chunk_seconds`."""
        if self.pace is None:
            return 1
        size = int(min(self._max_chunk, self._chunk_seconds / max(self.pace, 1e-9)))
        # Small ones towards the end, so that all workers finish at about the same time.
        return max(1, min(size, len(self._todo) // (2 * n_workers)))

    def next_chunk(self, n_workers: int, at_most: int | None = None) -> list[int]:
        """Take the next psets."""
        size = min(self.chunk_size(n_workers), len(self._todo))
        if at_most is not None:
            size = min(size, at_most)
        return [self._todo.popleft() for _ in range(size)]

    def put_back(self, positions: Iterable[int]) -> None:
        """Take back psets that were not run; they are next."""
        self._todo.extendleft(reversed([*positions]))

    def calls(self, positions: Iterable[int]) -> dict[int, int]:
        """Return the number of the next call of func, for psets where it is not the first."""
        return {i: self._calls[i] for i in positions if i in self._calls} if self._calls else {}

    def called_again(self, position: int) -> None:
        """Count one more call of func for a pset."""
        self._calls[position] = self._calls.get(position, 1) + 1

    def took(self, n: int, seconds: float) -> None:
        """Count psets as finished."""
        self.n_left -= n
        if n:
            self.pace = seconds / n
            self.slowest = max(self.slowest, self.pace)

    def may_retry(self, position: int) -> bool:
        """Decide whether a pset that killed its worker is called again, and count that call."""
        if self._calls.get(position, 1) > self._settings.retries:
            return False
        self.called_again(position)
        return True

    def blame(self, position: int, problem: PsweepError, runtime: float = float("nan")) -> RowTuple:
        """Make the row of a pset that could not be run, or raise `problem`."""
        settings = self._settings
        calls = f"psweep: {calls_of(self._calls.get(position, 1))}" if settings.retries else ""
        if settings.on_error == "raise":
            if calls:
                note(problem, calls)
            raise problem
        self.n_left -= 1
        # (A line of its own, as below the traceback of func: it does not belong to the cause.)
        why = f"{type(problem).__name__}: {problem}" + (f"\n{calls}\n" if calls else "")
        return failed_row(self._jobs[position], settings, time.time_ns(), runtime, why)

    def describe(self, position: int) -> str:
        """Name a pset in a message."""
        return describe(self._jobs[position], self._settings)
