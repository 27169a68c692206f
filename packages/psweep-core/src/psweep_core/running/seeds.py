"""The ``_seed`` of each pset, so that no repeat of a pset gets the seed of another one."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable

import pandas as pd

from ..params.grids import Pset
from ..table.bookkeeping import SEED
from ..table.cells import cells
from .done import not_failed

__all__ = ["Seeds"]

_RANGE = 1 << 32  # of what random, NumPy and torch all take as a seed


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
