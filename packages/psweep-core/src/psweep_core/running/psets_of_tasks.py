"""What `LeftToTasks` and `PendingPsets` have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..store.spool import Spool, spools_of
from ..store.study import Study

__all__ = ["PsetsOfTasks"]


class PsetsOfTasks:
    """The psets that tasks of batch jobs have or will have; see `Planner`.

    Parameters
    ----------
    study : Study
    run_id : str or None
        Of the call that takes out psets which no task has. None: it only looks.

    Attributes
    ----------
    notices : list of str
        What the user should know.
    freed : Counter
        Hashes and seeds of the psets that were taken out.
    """

    def __init__(self, study: Study, run_id: str | None) -> None:
        self._study = study
        self._run_id = run_id
        self.notices: list[str] = []
        self.freed: Counter[tuple[str, int]] = Counter()
        # Of each spool its chunks, with the positions of psets without a row, and the free ones.
        self._spools: list[tuple[Spool, dict[int, list[int]], dict[int, int]]] = []

    def look(self) -> bool:
        """Look which psets have no row yet; return whether there are any."""
        found = [(spool, spool.unfinished()) for spool in spools_of(self._study.layout)]
        # After that, since a chunk is not free until its rows are there.
        self._spools = [(spool, chunks, spool.free()) for spool, chunks in found if chunks]
        return bool(self._spools)

    def _take(self, spool: Spool, chunk: int, last: int, positions: Sequence[int]) -> bool:
        """Take psets out of a free chunk; False if somebody has it meanwhile."""
        if self._run_id is None:
            return True
        if not spool.take(chunk, last, positions, self._run_id):
            return False
        index = spool.index
        if index.seeds is not None:
            self.freed.update((index.hashes[i], index.seeds[i]) for i in positions)
        return True
