"""Before a run: which psets are to be run, their ids and seeds, and the numbers of the run."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from ..engines.job import Jobs, new_uuids
from ..params.grids import Pset
from ..params.hashing import pset_hashes
from ..table.cells import cells
from ..table.gc_pause import no_garbage_collection
from ..table.rows import SEED, Header
from .done import not_failed

__all__ = ["Seeds", "header_after", "next_number", "plan_jobs"]

_RANGE = 1 << 32  # of what random, NumPy and torch all take as a seed


@no_garbage_collection()
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


class Seeds:
    """Choose the ``_seed`` of psets, so that no repeat of a pset gets the seed of another one.

    It is derived from the seed of the study, the hash of the pset, and the number of rows with that
    hash that did not fail. So it depends neither on the order of psets nor on where they run, and a
    pset that is run again because it failed, or because the run was killed, gets the same one.

    Parameters
    ----------
    seed : int or None
        Of the study. None: a random one, for a run in which only some psets have a ``_seed`` of
        their own.
    df : DataFrame or None
        All that is known of the study.
    hashes : iterable of str
        Of the psets that may ask for a seed.
    reserved : iterable of (str, int)
        Hashes and seeds of psets that other runs have begun with.
    """

    def __init__(
        self,
        seed: int | None,
        df: pd.DataFrame | None,
        hashes: Iterable[str],
        reserved: Iterable[tuple[str, int]] = (),
    ) -> None:
        self._seed = secrets.randbits(64) if seed is None else int(seed)
        self._steps: dict[str, tuple[int, int]] = {}
        self._counts: Counter[str] = Counter()
        self._taken: dict[str, set[int]] = {}
        self.n_same = 0  # psets whose own seed another row of theirs has
        wanted = {*hashes}
        rows = not_failed(df)
        here = rows["_pset_hash"].isin(wanted).to_numpy(dtype=bool)
        rows = rows[here]
        known = cells(rows[SEED]) if SEED in rows.columns else [None] * len(rows)
        for sha, of_row in zip(rows["_pset_hash"], known, strict=True):
            self._counts[sha] += 1
            self._taken.setdefault(sha, set()).add(of_row)
        for sha, of_pset in reserved:
            if sha in wanted and of_pset not in self._taken.setdefault(sha, set()):
                self._counts[sha] += 1
                self._taken[sha].add(of_pset)

    def take(self, pset: Pset, sha: str) -> int:
        """Return the seed of the next row with this hash; a ``_seed`` of the pset is taken out."""
        taken = self._taken.setdefault(sha, set())
        given = pset.pop(SEED, None)
        if given is not None:
            chosen = int(given)
            self.n_same += chosen in taken
        else:
            n = self._counts[sha]
            chosen = self._derived(sha, n)
            # Runs that were killed may have left gaps; these are filled.
            n = 0
            while chosen in taken:
                chosen = self._derived(sha, n)
                n += 1
        taken.add(chosen)
        self._counts[sha] += 1
        return chosen

    def _derived(self, sha: str, n: int) -> int:
        """Return the n-th seed of a hash; all of them differ, because the step is odd."""
        if sha not in self._steps:
            data = hashlib.sha256(f"psweep {self._seed} {sha}".encode()).digest()
            start, step = (int.from_bytes(part, "little") for part in (data[:4], data[4:8]))
            self._steps[sha] = start, step | 1
        start, step = self._steps[sha]
        return (start + n * step) % _RANGE


def next_number(df: pd.DataFrame | None, name: str) -> int:
    """Return the number after the highest in the column `name`."""
    return 0 if df is None or not len(df) else int(df[name].max()) + 1


def header_after(df: pd.DataFrame | None, calc_dir: str, n_psets: int) -> Header:
    """Make up a run that follows those in `df`, which nobody else extends."""
    run_id = str(uuid.uuid4())
    return Header(
        run_id, next_number(df, "_run_seq"), calc_dir, next_number(df, "_pset_seq"), n_psets
    )
