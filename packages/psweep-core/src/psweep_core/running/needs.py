"""What a task knows of the memory and time that its psets turned out to need.

Each task of a chunk that had too little moves the chunk on to the next entry of ``escalate``; the
submit script counts them. If there are no more entries, a pset for which a whole task was killed
gets a failed row, so that the rest of the chunk can go on. If several ran then, the next task
runs one at a time, and so finds out which it was.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from ..states import ClaimState
from ..store.claims import OUT_OF_MEMORY
from ..store.spool import Spool

__all__ = ["LEVELS", "Needs"]

LEVELS = "PSWEEP_LEVELS"  # how many entries there are, and "time" if one has it


class Needs:
    """What is known of the needs of a chunk.

    Parameters
    ----------
    spool : Spool
    chunk : int

    Attributes
    ----------
    are_counted : bool
        Whether rows have the column ``_attempts``.
    may_grow : bool
        Whether the next task gets more than this one.
    """

    def __init__(self, spool: Spool, chunk: int) -> None:
        number, _, time = os.environ.get(LEVELS, "").partition(" ")
        n_levels = int(number) if number.isdigit() else 0
        shortages = spool.shortages(chunk, also_time=time == "time")
        self.are_counted = n_levels > 0
        self.may_grow = len(shortages) < n_levels
        self._suspects: set[int] = set()
        if len(shortages) > n_levels:
            last = shortages[-1]
            if last.state == ClaimState.LOST and last.reason.startswith(OUT_OF_MEMORY):
                self._suspects.update(spool.ran_last(last))

    def to_blame(self, todo: Collection[int]) -> list[int]:
        """Return the one pset for which the last task was killed, or none."""
        found = self._suspects.intersection(todo)
        return [*found] if len(found) == 1 else []

    def are_unclear(self, todo: Collection[int]) -> bool:
        """Return whether several psets may be to blame, so that they should run one at a time."""
        return len(self._suspects.intersection(todo)) > 1
