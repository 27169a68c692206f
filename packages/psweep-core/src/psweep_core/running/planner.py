"""What a run has to do, by what is known of the study; and what there is to say about it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

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
Pending = Callable[["pd.DataFrame | None", "Counter[str]"], Iterable[str]]


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
    pending : callable, optional
        Takes the database, and how many rows of each hash are missing, and returns the hashes of
        psets that tasks of batch jobs have or will have. They count as done. None: there are none.
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
            if self._pending is not None:
                wanted = Counter(dict.fromkeys(hashes, options.repeats))
                counts.update(self._pending(df, wanted - counts))
        seeds = None
        if self._seeded:
            live: Iterable[tuple[str, int]] = ()
            if options.save and not options.simulate:
                live = itertools.chain(reserved_seeds(self._layout), seeds_in_spools(self._layout))
            seeds = Seeds(options.seed, df, hashes, live)
        jobs = plan_jobs(params, hashes, counts, repeats=options.repeats, seeds=seeds)
        if counts is not None and jobs.hashes is not None:
            notices += near_misses(jobs.psets, jobs.hashes, counts)
        if seeds is not None and seeds.n_same:
            notices.append(
                f"{seeds.n_same} psets have a {SEED!r} of their own that another row of theirs "
                "has, too, so both draw the same numbers"
            )
        return jobs, notices
