"""The psets that tasks of earlier calls have or will have, for a call that prepares more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from ..params.grids import Pset
from ..store.spool import Spool
from ..store.study import Study
from ..table.bookkeeping import SEED
from .options import Options
from .psets_of_tasks import PsetsOfTasks

__all__ = ["HowToRun", "PendingPsets", "options_of_tasks"]


def options_of_tasks(options: Options) -> dict[str, Any]:
    """Return the options on which the rows of tasks depend, as the head of a spool keeps them."""
    env = options.worker_env
    if env is not None:
        env = dict(env) if isinstance(env, Mapping) else [*map(dict, env)]
    return {
        "seed": options.seed,
        "on_error": options.on_error,
        "retries": options.retries,
        "timeout": options.timeout,
        "worker_env": env,
        "capture_logs": options.capture_logs,
        "tmpsave": bool(options.tmpsave),
    }


class HowToRun:
    """How a call wants its psets to be run.

    Parameters
    ----------
    params : list of dict
    hashes : list of str
        Theirs.
    asks : list of dict
        What each asks the scheduler for, besides the jobscript.
    options : Options
    code : str
        A hash of the code of func.
    machines : sequence of str
        Where tasks may run.
    """

    def __init__(
        self,
        params: Sequence[Pset],
        hashes: Sequence[str],
        asks: Sequence[Mapping[str, str]],
        options: Options,
        code: str,
        machines: Sequence[str],
    ) -> None:
        # (Of psets with the same hash, the first one is run.)
        self._psets = {
            sha: (dict(asked), pset.get(SEED))
            for pset, sha, asked in reversed([*zip(params, hashes, asks, strict=True)])
        }
        self._options = options_of_tasks(options)
        self._reruns = options.code == "rerun"
        self.code = code
        self._machines = {*machines}

    def of_spool(self, spool: Spool) -> list[str]:
        """List in what the tasks of a spool differ from this: the names of options."""
        theirs = spool.head.get("options", self._options)
        names = [name for name, value in self._options.items() if theirs[name] != value]
        if self._reruns and spool.head["code"] != self.code:
            names.append("func")
        if not self._machines.intersection(spool.head["machines"]):
            names.append("machine")
        return names

    def of_pset(self, spool: Spool, chunk: int, position: int, names: list[str]) -> list[str]:
        """Add in what one of its psets differs; `names` are those of `of_spool`."""
        index = spool.index
        asked, seed = self._psets[index.hashes[position]]
        if seed is not None:  # its own wins
            names = [name for name in names if name != "seed"]
            if index.seeds is None or index.seeds[position] != seed:
                names.append(SEED)
        return names if index.asks[chunk] == asked else [*names, "resources"]


class _Pset(NamedTuple):
    spool: Spool
    chunk: int
    position: int

    @property
    def sha(self) -> str:
        return self.spool.index.hashes[self.position]


class PendingPsets(PsetsOfTasks):
    """Finds the psets that tasks have or will have.

    Takes out those that no task has and that would not be run as this call wants, so that it can
    prepare them again.

    Parameters
    ----------
    study : Study
    run_id : str or None
        Of the call. None: it only looks, and reports how many psets tasks have.
    how : HowToRun

    Attributes
    ----------
    n_other, n_other_free : int
        Psets whose tasks run other code, and how many of these no task has.
    also : Counter
        For each machine, how many other psets of earlier calls its submit script submits.
    """

    def __init__(self, study: Study, run_id: str | None, how: HowToRun) -> None:
        super().__init__(study, run_id)
        self._how = how
        self.n_other = self.n_other_free = 0
        self.also: Counter[str] = Counter()

    def hashes(self, known: pd.DataFrame | None, missing: Counter[str]) -> list[str]:
        """Return the hashes of psets that tasks have or will have, and take out others.

        Parameters
        ----------
        known : DataFrame or None
            All that is known of the study, whose lock is held.
        missing : Counter
            How many rows of each hash this call needs.
        """
        ids = set(known["_pset_id"].tolist()) if known is not None and len(known) else set()
        kept: list[_Pset] = []
        changed: list[tuple[Spool, int, int, list[_Pset]]] = []
        own: Counter[str] = Counter()  # names of options that differ, of psets that tasks have
        n_own = 0
        for spool, chunks, free in self._spools:
            of_spool = self._how.of_spool(spool)
            for chunk, positions in chunks.items():
                psets = [_Pset(spool, chunk, i) for i in positions if spool.index.ids[i] not in ids]
                differing = []
                for pset in psets:
                    names = self._how.of_pset(*pset, of_spool) if missing[pset.sha] > 0 else []
                    if names and chunk in free:
                        differing.append(pset)
                        continue
                    kept.append(pset)
                    names = [name for name in names if name not in ("func", "machine")]
                    n_own += bool(names)
                    own.update(names)
                if differing:
                    changed.append((spool, chunk, free[chunk], differing))
        left = missing - Counter(pset.sha for pset in kept)
        for spool, chunk, last, psets in changed:
            # All of a pset, also if there are more than this call needs: so it gets those it wants.
            mine = [pset for pset in psets if left[pset.sha] > 0]
            kept += [pset for pset in psets if left[pset.sha] <= 0]
            if mine and not self._take(spool, chunk, last, [pset.position for pset in mine]):
                kept += mine  # it was submitted just now
                left.subtract(pset.sha for pset in mine)
        self._count(kept, missing)
        hashes = [pset.sha for pset in kept]
        waiting = (missing & Counter(hashes)).total()
        if waiting and self._run_id is None:
            have = "psets have" if waiting > 1 else "pset has"
            self.notices.append(f"{waiting} {have} batch jobs already: see psweep-status")
        if n_own:
            self.notices.append(
                f"{n_own} submitted pset{'s keep' if n_own > 1 else ' keeps'} the "
                f"{', '.join(own)} of the call that prepared {'them' if n_own > 1 else 'it'}; to "
                "change that, run psweep-cancel first"
            )
        return hashes

    def _count(self, kept: list[_Pset], missing: Counter[str]) -> None:
        """Count psets that run other code, and those that this call does not ask for."""
        free = {id(spool): chunks for spool, _, chunks in self._spools}
        unmet = missing.copy()
        other, other_free = set(), set()
        # Those that tasks have first: the free ones that are too many are run, too.
        for pset in sorted(kept, key=lambda pset: pset.chunk in free[id(pset.spool)]):
            is_free = pset.chunk in free[id(pset.spool)]
            if unmet[pset.sha] > 0:
                unmet[pset.sha] -= 1
                if pset.spool.head["code"] != self._how.code:
                    other.add(pset.sha)
                    if is_free:
                        other_free.add(pset.sha)
            elif is_free:
                self.also.update(pset.spool.head["machines"])
        self.n_other, self.n_other_free = len(other), len(other_free)
