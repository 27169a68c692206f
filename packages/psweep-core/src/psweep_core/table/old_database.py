"""What was found in a database of psweep 0.8 to 0.16, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ..messages import safe_repr

__all__ = ["OldDatabase"]


@dataclass
class OldDatabase:
    """A database of an old release, as this psweep would have made it."""

    release: str  # such as "0.8" or "0.15-0.16"
    df: pd.DataFrame
    n_numbered: int = 0  # rows that had no _pset_seq
    n_twice: int = 0  # rows whose _pset_seq another one has, too
    late: list[Any] = field(default_factory=list)  # params that were among or behind the results
    n_hashes: int = 0  # rows whose hash is another one now
    n_filled: int = 0  # rows with a None or NaN that pandas had made a missing value
    n_bools: int = 0  # rows with a bool that pandas had made a number
    n_unverified: int = 0
    unknown: dict[Any, int] = field(default_factory=dict)  # params: rows that may have held None

    def summary(self) -> str:
        """Describe what was found, what could not be verified, and what only the user knows."""
        n = len(self.df)
        made = f"made by psweep {self.release}"
        if self.n_twice:  # which no release did, and in the order of 0.8 are our columns, too
            made = "joined by hand" if self.release == "0.8" else f"{made}, joined by hand"
        facts = [made, f"{n} rows"]
        if self.n_numbered:
            facts.append(f"{self.n_numbered} had no _pset_seq and are numbered in row order")
        if self.n_twice:
            facts.append(
                f"{self.n_twice} had a _pset_seq that another row had, too, so all are numbered in "
                "row order (ps.df_merge joins studies)"
            )
        if self.late:
            facts.append(f"parameters added later: {', '.join(map(_shown, self.late))}")
        if self.n_filled:
            facts.append(f"{self.n_filled} hold None or NaN that had become a missing value")
        if self.n_bools:
            facts.append(f"{self.n_bools} hold bools that had become numbers")
        if self.n_hashes:
            facts.append(f"{self.n_hashes} get another hash from this version")
        facts.append(
            f"{self.n_unverified} could not be verified (no reading of the values fits the "
            "stored hash, which is kept)"
            if self.n_unverified
            else "all verified by their hashes"
        )
        return ", ".join(facts)

    def question(self) -> str:
        """Describe what only the user knows; empty if there is nothing."""
        if not self.unknown:
            return ""
        rows = ", ".join(f"{_shown(name)} (rows: {n})" for name, n in self.unknown.items())
        return f"only you know whether a missing value was None or absent, of {rows}"


def _shown(name: Any) -> str:
    """Show the name of a column, which must not have a terminal do anything."""
    return name if isinstance(name, str) and name.isprintable() else safe_repr(name)
