"""What a run has to do, by what is known of the study; and what there is to say about it."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import pandas as pd

from ..engines.job import Jobs, new_uuids
from ..params.grids import Pset
from ..params.hashing import pset_hashes
from ..store.paths import Layout
from ..store.run_record import reserved_seeds
from ..store.runs_file import next_run_seq
from ..store.spool import seeds_in_spools
from ..store.study import Study
from ..table.bookkeeping import SEED
from ..table.gc_pause import gc_paused
from ..table.rows import Header
from .code_changes import CodeChanges, other_seeds
from .near_misses import near_misses
from .options import Options
from .provenance import Code
from .seeds import Seeds

__all__ = ["Done", "Planner", "header_after", "plan_jobs", "reserve_numbers"]

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
        if self._seeded and self.code is not None and self.code.unseeded:
            calls = " and ".join(f"{name}()" for name in self.code.unseeded)
            notices.append(
                f"func calls {calls} without a seed, on which seed= has no effect; write "
                f"{self.code.unseeded[0]}(pset['_seed'])"
            )
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
            if self.code is not None and options.code != "ignore" and len(rows):
                changes = CodeChanges(self._layout, self.code)
                notices += filter(None, [changes.newer_notice(rows, hashes, options.repeats)])
                if options.code == "rerun":
                    rows = changes.of_this_code(rows)
                else:
                    notices += filter(None, [changes.notice(rows, hashes, options.repeats)])
            counts = Counter(rows["_pset_hash"])
            if self._seeded and len(rows):
                notices += other_seeds(self._layout, options.seed, rows, params, hashes)
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
            self.near_misses = [*near_misses(jobs.psets, jobs.hashes, counts, df)]
            notices += self.near_misses
        notices += [] if self._pending is None else self._pending.notices
        if seeds is not None and seeds.n_same:
            n = seeds.n_same
            psets, their = ("1 pset has", "its") if n == 1 else (f"{n} psets have", "their")
            notices.append(
                f"{psets} a {SEED!r} of {their} own that another of {their} rows has, too, so both "
                "draw the same numbers"
            )
        return jobs, notices


@gc_paused()
def plan_jobs(
    params: Sequence[Pset],
    hashes: list[str] | None,
    done: Mapping[str, int] | None = None,
    *,
    repeats: int = 1,
    seeds: Seeds | None = None,
) -> Jobs:
    """Choose the psets that are to be run, and give each its id and its seed.

    Parameters
    ----------
    params : list of dict
    hashes : list of str, optional
        Of the params. None: they are made when they are wanted.
    done : mapping of str to int, optional
        How many rows there are already of a hash, where there are any: only as many psets are run
        as are missing to `repeats`. None: nothing is skipped.
    repeats : int, default 1
        How many times each pset is wanted. All of them come once, then all of them again.
    seeds : Seeds, optional
        What chooses ``_seed``. None: the psets have none.
    """
    psets = [{**pset} for pset in params]  # func may have access to those of the caller
    if hashes is None and (done is not None or seeds is not None):
        hashes = pset_hashes(psets)
    places: list[int] | None = None
    if done is not None and hashes is not None:
        places = _missing(hashes, done, repeats)
    elif repeats > 1:
        places = [*range(len(psets))] * repeats
    if places is not None:
        psets = [{**psets[i]} for i in places]
        hashes = None if hashes is None else [hashes[i] for i in places]
    chosen = None
    if seeds is not None and hashes is not None:
        chosen = [seeds.take(pset, sha) for pset, sha in zip(psets, hashes, strict=True)]
    return Jobs(new_uuids(len(psets)), hashes, psets, chosen)


def _missing(hashes: list[str], done: Mapping[str, int], repeats: int) -> list[int]:
    """Find the places of psets of which there are fewer rows than wanted, each hash once a round.

    A pset that has been run k times is left out of the first k rounds, so that a run which goes on
    where another one was killed has the same order.
    """
    first = {sha: i for i, sha in reversed([*enumerate(hashes)]) if done.get(sha, 0) < repeats}
    rounds = [(n, i) for sha, i in first.items() for n in range(done.get(sha, 0), repeats)]
    return [i for _, i in sorted(rounds)]


def _next_number(df: pd.DataFrame | None, name: str) -> int:
    """Return the number after the highest in the column `name`."""
    return 0 if df is None or not len(df) else int(df[name].max()) + 1


def header_after(df: pd.DataFrame | None, calc_dir: str, n_psets: int) -> Header:
    """Make up a run that follows those in `df`, which nobody else extends."""
    run_id = str(uuid.uuid4())
    return Header(
        run_id, _next_number(df, "_run_seq"), calc_dir, _next_number(df, "_pset_seq"), n_psets
    )


def reserve_numbers(study: Study, run_id: str, known: pd.DataFrame, n_psets: int) -> Header:
    """Choose the numbers of a run that follows those in `known`; the lock of the study is held."""
    # A run that ended before its first row has no row in `known`, only its number.
    run_seq = max(_next_number(known, "_run_seq"), next_run_seq(study.layout))
    return study.reserve(run_id, run_seq, _next_number(known, "_pset_seq"), n_psets)
