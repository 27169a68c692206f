"""What tasks of batch jobs have, as a run on this machine sees it."""

from __future__ import annotations

import importlib
from collections import Counter

import pandas as pd

from .. import _siblings
from ..errors import NotInstalledError, PsweepError, VersionMismatchError
from ..store.spool import spools_of
from .psets_of_tasks import PsetsOfTasks

__all__ = ["LeftToTasks"]


class LeftToTasks(PsetsOfTasks):
    """Finds out which psets tasks have; takes psets over that no task has.

    Its notices say how many psets were left to tasks, and why the state of tasks could not be found
    out.
    """

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
            importlib.import_module("psweep_batch.task_status").settle(layout)
        except PsweepError as error:  # such as an info.yaml that cannot be read; the same holds
            self.notices.append(f"the tasks of batch jobs could not be asked: {error}")

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
            if self._take(spool, chunk, last, mine):
                missing = rest
            else:  # it was submitted just now
                left += [hashes[i] for i in positions]
        n = (wanted & Counter(left)).total()
        if n:
            self.notices.append(
                f"{n} pset{'s are' if n > 1 else ' is'} left to batch jobs, which have "
                f"{'them' if n > 1 else 'it'}: see psweep-status"
            )
        return left
