"""Rows that were made by other code or with another seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from ..params.grids import Pset
from ..store.paths import Layout
from ..table.bookkeeping import SEED
from .provenance import Code, known_runs

__all__ = ["CodeChanges", "other_seeds"]

_MAX_NAMES = 3


class CodeChanges:
    """Find the rows of runs whose code was another one.

    Runs without a fingerprint do not count, as before psweep kept them or without a source.

    Parameters
    ----------
    layout : Layout
        Of the study.
    code : Code
        That runs now.
    """

    def __init__(self, layout: Layout, code: Code) -> None:
        self._code = code
        self._other = {
            run_id: entry for run_id, entry in known_runs(layout).items() if self._differs(entry)
        }

    def _differs(self, entry: Mapping[str, Any]) -> bool:
        now, then = self._code, entry.get("fingerprint")
        if now.digest is None or not then:
            return False
        if now.qualname is not None or entry.get("qualname") is not None:
            return bool(now.digest != then)
        # Templates: those of machines that only one of the two calls was for do not count.
        parts = entry.get("parts") or {}
        return now.digest != then or any(
            parts[name] != digest for name, digest in now.parts.items() if name in parts
        )

    def of_this_code(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Leave out rows that other code has made."""
        return rows[~rows["_run_id"].isin(self._other.keys())] if self._other else rows

    def notice(self, rows: pd.DataFrame, hashes: Iterable[str], repeats: int) -> str | None:
        """Report how many psets are skipped because of such rows.

        Parameters
        ----------
        rows : DataFrame
            That count as done.
        hashes : iterable of str
            Of the psets that are wanted.
        repeats : int
            How many rows are wanted of each.
        """
        if not self._other:
            return None
        others = Counter(rows["_pset_hash"][rows["_run_id"].isin(self._other.keys())])
        if not others:
            return None
        done = Counter(rows["_pset_hash"])
        stale = {
            sha for sha in {*hashes} & others.keys()
            if done[sha] - others[sha] < min(done[sha], repeats)
        }  # fmt: skip
        if not stale:
            return None
        of_these = rows["_pset_hash"].isin(stale) & rows["_run_id"].isin(self._other.keys())
        entry = self._other[rows["_run_id"][of_these].iloc[-1]]
        one = len(stale) == 1
        return (
            f"{len(stale)} skipped pset{' has' if one else 's have'} rows made by "
            f"{self._what(entry)}; code='rerun' runs {'it' if one else 'them'} again, "
            "code='ignore' leaves out this message"
        )

    def newer_notice(self, rows: pd.DataFrame, hashes: Iterable[str], repeats: int) -> str | None:
        """Report how many psets have enough rows of this code, and newer ones of another.

        That is so if code was changed, and changed back. For the parameters see `notice`.
        """
        if not self._other:
            return None
        mine = Counter(self.of_this_code(rows)["_pset_hash"])
        enough = {sha for sha in {*hashes} if mine[sha] >= repeats}
        last = rows.drop_duplicates("_pset_hash", keep="last")
        newer = last["_pset_hash"].isin(enough) & last["_run_id"].isin(self._other.keys())
        n = int(newer.sum())
        if not n:
            return None
        row = last[newer].iloc[-1]
        what = self._what(self._other[row["_run_id"]])
        return (
            f"{n} skipped pset{' has' if n == 1 else 's have'} newer rows made by {what}, which "
            "psweep.df_latest takes; to use those of the code of now, remove the newer ones, such "
            f"as by psweep-rm '_run_seq == {row['_run_seq']}'"
        )

    def _what(self, entry: Mapping[str, Any]) -> str:
        parts, now = entry.get("parts") or {}, self._code
        name = now.qualname
        if name is not None and entry.get("qualname") not in (None, name):
            return f"another function ({entry['qualname']}, now {name})"
        if name is None:
            changed = [part for part in now.parts if parts.get(part, "") != now.parts[part]]
        else:
            # What has another name only, as in a file that was renamed, is no change.
            there, here = set(parts.values()), set(now.parts.values())
            changed = [part for part, digest in now.parts.items() if digest not in there]
            gone = [part for part, digest in parts.items() if digest not in here]
            changed = [*dict.fromkeys([*changed, *gone])]
        shown = ", ".join(changed[:_MAX_NAMES]) + (", …" if len(changed) > _MAX_NAMES else "")
        return f"different code (changed: {shown})" if shown else "different code"


def other_seeds(
    layout: Layout,
    seed: int | None,
    rows: pd.DataFrame,
    params: Sequence[Pset],
    hashes: Sequence[str],
) -> Iterator[str]:
    """Report skipped psets whose rows were made with another seed than they would have now.

    Parameters
    ----------
    layout : Layout
        Of the study.
    seed : int or None
        Of this run. None: some psets have a ``_seed`` of their own.
    rows : DataFrame
        That count as done.
    params : list of dict
        The psets that are wanted.
    hashes : list of str
        Theirs.
    """
    own = {(sha, int(p[SEED])) for p, sha in zip(params, hashes, strict=True) if SEED in p}
    if own:
        of_rows = rows.get(SEED, pd.Series(index=rows.index, dtype=object))
        done = zip(rows["_pset_hash"], of_rows, strict=True)
        missing = {sha for sha, _ in own} & {*rows["_pset_hash"]}
        missing_psets = {pair for pair in own if pair[0] in missing} - {*done}
        if missing_psets:
            n = len(missing_psets)
            yield (
                f"{n} pset{' is' if n == 1 else 's are'} skipped although no row has "
                f"{'its' if n == 1 else 'their'} '_seed', which does not count for skip_dups"
            )
    if seed is None:
        return
    seeds = {
        run_id: entry["seed"]
        for run_id, entry in known_runs(layout).items()
        if "seed" in entry and entry["seed"] != seed
    }
    wanted = {*hashes} - {sha for sha, _ in own}
    some = rows[rows["_run_id"].isin(seeds.keys()) & rows["_pset_hash"].isin(wanted)]
    if len(some):
        n = some["_pset_hash"].nunique()
        other = seeds[some["_run_id"].iloc[-1]]
        yield (
            f"{n} skipped pset{' has' if n == 1 else 's have'} rows that were made "
            f"{'without a seed' if other is None else f'with seed={other}'}, not with seed={seed}"
        )
