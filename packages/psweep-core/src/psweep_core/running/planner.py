"""What a run has to do, by what is known of the study; and what there is to say about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import pandas as pd

from ..engines.job import Jobs
from ..params.grids import Pset
from ..params.hashing import pset_hashes
from ..store.layout import Layout
from ..store.run_record import reserved_seeds
from ..store.spool import seeds_in_spools
from ..table.rows import SEED
from .code_changes import CodeChanges, near_misses
from .options import Options
from .plan import Seeds, plan_jobs
from .provenance import Code

__all__ = ["Done", "Planner"]

Done = Callable[["pd.DataFrame | None"], pd.DataFrame]


class Pending(Protocol):
    """What tasks of batch jobs have or will have."""

    notices: list[str]  # what the user should know
    freed: Counter[tuple[str, int]]  # hashes and seeds of psets that they had, and have no more

    def look(self) -> bool:
        """Look which psets have no row yet, before rows are read: or one might be in neither.

        Return whether there are any.
        """

    def hashes(self, known: pd.DataFrame | None, missing: Counter[str]) -> Iterable[str]:
        """Return the hashes of those that are not known, of which so many rows are missing."""


class Planner:
    """Choose the psets of a run.

    Parameters
    ----------
    options : Options
    layout : Layout
        Of the study.
    code : Code or None
        That makes the results. None: nothing is known about it.
    done : callable or None
        Takes the database and returns the rows that count as done. None: nothing is skipped.
    seeded : bool
        The psets have seeds.
    pending : Pending, optional
        Psets that tasks of batch jobs have or will have. They count as done. None: there are none.
    """

    def __init__(
        self,
        options: Options,
        layout: Layout,
        code: Code | None,
        done: Done | None,
        seeded: bool,
        pending: Pending | None = None,
    ) -> None:
        self.code = code
        self.done = done
        self._options = options
        self._layout = layout
        self._seeded = seeded
        self._pending = pending
        self.near_misses: list[str] = []  # of the last plan

    def plan(
        self,
        params: Sequence[Pset],
        hashes: list[str] | None,
        known: Callable[[], pd.DataFrame | None],
    ) -> tuple[Jobs, list[str]]:
        """Choose the psets to run.

        Parameters
        ----------
        params : list of dict
        hashes : list of str, optional
            Theirs. None: they are made when they are wanted.
        known : callable
            Returns all that is known of the study.

        Returns
        -------
        jobs : Jobs
        notices : list of str
            What the user should know.
        """
        options = self._options
        if self.done is None and not self._seeded:
            return plan_jobs(params, hashes, repeats=options.repeats), []
        notices: list[str] = []
        live: list[tuple[str, int]] = []
        pending = self._pending
        if pending is not None and not pending.look():
            pending = None
        if self._seeded and options.save and not options.simulate:
            live += seeds_in_spools(self._layout)
        df = known()  # (This takes time, because of the journals of other runs.)
        hashes = pset_hashes(params) if hashes is None else hashes
        counts: Counter[str] | None = None
        if self.done is not None:
            rows = self.done(df)
            counts = Counter(rows["_pset_hash"])
            if self.code is not None and options.code != "ignore" and counts:
                changes = CodeChanges(self._layout, self.code)
                if options.code == "rerun":
                    counts = counts - changes.count(rows)
                else:
                    notices += filter(None, [changes.notice(rows, hashes, options.repeats)])
            if pending is not None:
                wanted = Counter(dict.fromkeys(hashes, options.repeats))
                counts.update(pending.hashes(df, wanted - counts))
        seeds = None
        if self._seeded:
            if options.save and not options.simulate:
                live += reserved_seeds(self._layout)
            if pending is not None:
                live = [*(Counter(live) - pending.freed).elements()]
            seeds = Seeds(options.seed, df, hashes, live)
        jobs = plan_jobs(params, hashes, counts, repeats=options.repeats, seeds=seeds)
        if counts is not None and jobs.hashes is not None:
            names = () if df is None else {*df.columns}
            self.near_misses = [*near_misses(jobs.psets, jobs.hashes, counts, names)]
            notices += self.near_misses
        notices += [] if self._pending is None else self._pending.notices
        if seeds is not None and seeds.n_same:
            notices.append(
                f"{seeds.n_same} psets have a {SEED!r} of their own that another row of theirs "
                "has, too, so both draw the same numbers"
            )
        return jobs, notices
