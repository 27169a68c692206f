"""What tasks of batch jobs have, as a run on this machine sees it."""

from __future__ import annotations

import importlib
from collections import Counter

import pandas as pd

from .. import _siblings
from ..errors import NotInstalledError, PsweepError, VersionMismatchError
from ..store.spool import Spool, spools_of
from ..store.study import Study

__all__ = ["LeftToTasks"]


class LeftToTasks:
    """Finds out which psets tasks have; takes psets over that no task has.

    Parameters
    ----------
    study : Study
    run_id : str or None
        Of the run that takes psets over. None: it only looks.

    Attributes
    ----------
    notices : list of str
        How many psets were left to tasks, and why the state of tasks could not be found out.
    freed : Counter
        Hashes and seeds of the psets that were taken over.
    """

    def __init__(self, study: Study, run_id: str | None) -> None:
        self._study = study
        self._run_id = run_id
        self.notices: list[str] = []
        self.freed: Counter[tuple[str, int]] = Counter()
        self._spools: list[tuple[Spool, dict[int, list[int]], dict[int, int]]] = []

    def settle(self) -> None:
        """Note which tasks are gone, where psweep-batch is here and can ask their scheduler."""
        layout = self._study.layout
        claims = [claim for spool in spools_of(layout) for claim in spool.claims().values()]
        if all(claim.is_over for claim in claims):
            return
        try:
            _siblings.load("psweep_batch", "the state of batch jobs")
        except (NotInstalledError, VersionMismatchError):
            return  # whoever has a claim is taken to be alive
        try:
            importlib.import_module("psweep_batch.tasks").settle(layout)
        except PsweepError as error:  # such as an info.yaml that cannot be read; the same holds
            self.notices.append(f"the tasks of batch jobs could not be asked: {error}")

    def look(self) -> bool:
        """Look which psets have no row yet; return whether there are any. See `Planner`."""
        found = [(spool, spool.unfinished()) for spool in spools_of(self._study.layout)]
        # After that, since a chunk is not free until its rows are there.
        self._spools = [(spool, chunks, spool.free()) for spool, chunks in found if chunks]
        return bool(self._spools)

    def hashes(self, known: pd.DataFrame | None, missing: Counter[str]) -> list[str]:
        """Return the hashes of psets that are left to tasks, and take over free ones.

        Parameters
        ----------
        known : DataFrame or None
            All that is known of the study, whose lock is held.
        missing : Counter
            How many rows of each hash this run needs.
        """
        ids = set(known["_pset_id"].tolist()) if known is not None and len(known) else set()
        left: list[str] = []
        found_free = []
        for spool, chunks, free in self._spools:
            hashes = spool.index.hashes
            for chunk, found in chunks.items():
                positions = [i for i in found if spool.index.ids[i] not in ids]
                if chunk in free:
                    found_free.append((spool, chunk, free[chunk], positions))
                else:
                    left += [hashes[i] for i in positions]
        wanted, missing = missing, missing - Counter(left)
        for spool, chunk, last, positions in found_free:
            hashes = spool.index.hashes
            mine = []
            rest = missing.copy()
            for i in positions:
                if rest[hashes[i]] > 0:
                    rest[hashes[i]] -= 1
                    mine.append(i)
            if not mine or self._run_id is None:
                continue
            if spool.take(chunk, last, mine, self._run_id):
                missing = rest
                if spool.index.seeds is not None:
                    self.freed.update((hashes[i], spool.index.seeds[i]) for i in mine)
            else:  # it was submitted just now
                left += [hashes[i] for i in positions]
        n = (wanted & Counter(left)).total()
        if n:
            self.notices.append(
                f"{n} pset{'s are' if n > 1 else ' is'} left to batch jobs, which have "
                f"{'them' if n > 1 else 'it'}: see psweep-status"
            )
        return left
