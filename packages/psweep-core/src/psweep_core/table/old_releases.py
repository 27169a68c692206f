"""Databases of psweep 0.8 to 0.16: recognise them, and make of them what this psweep would write.

They have the same columns as ours, in another order:

==============  ===================================================================================
0.8             params, ``_run_id _pset_id _calc_dir _time_utc _pset_hash _pset_seq _run_seq``,
                results, ``_pset_runtime``: as ours
0.9, 0.10       ``_pset_hash`` comes first of these
0.11            the same, and ``_exec_host``
0.12 to 0.14    ``_pset_hash _pset_id _run_seq _pset_seq _run_id _calc_dir _time_utc _exec_host``;
                names that end in ``_`` are results, and are not hashed
0.15, 0.16      the same, all columns are of objects; a missing value is `pandas.NA`, whether it
                was None, NaN, or absent, and is hashed as that. With pandas 3 it is NaN in a column
                of text. Where the user has changed the dtypes, only the hashes tell. Datetimes
                became Timestamps before they were hashed, and so did numbers complex ones
==============  ===================================================================================

In all of them columns that were added later, params and results alike, are behind
``_pset_runtime``. Up to 0.11, runs with ``poolsize`` have no ``_pset_seq``. Which columns are
params, and what their values were, is found by the hashes, see `witness`.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pandas as pd

from ..errors import ParamsError
from ..params.hashing import pset_hash
from .bookkeeping import BOOK, EXTRAS, RUNTIME, is_private, is_reserved
from .cells import MISSING, column
from .frames import with_seqs
from .old_database import OldDatabase
from .which_release import is_ours, may_be_old, release_of, values_of
from .witness import (
    ABSENT,
    BOOL,
    FILLED_ALIKE,
    HASHED_ALIKE,
    NA,
    NAN,
    Column,
    Reading,
    find_ways,
    stored,
)

__all__ = ["restored"]

_OF_FIRST_RUN: Final = 2  # rank of the columns between bookkeeping and runtime


def restored(df: pd.DataFrame, none: Iterable[Any] = ()) -> OldDatabase | None:
    """Make of a database of an old release what this psweep would have made.

    Parameters
    ----------
    df : DataFrame
        Any one.
    none : iterable of names, default ()
        Params of 0.15 or 0.16 whose missing values were None. All others count as absent.

    Returns
    -------
    OldDatabase or None
        None: it is of this psweep, or of none, or there is nothing to do.

    Raises
    ------
    ParamsError
        There is no question about one of the names in `none`.
    """
    release = release_of(df)
    if release is None or (release == "0.8" and is_ours(df)):
        return None
    old = _Restoring(df, release, [*none]).carry_out()
    changes = (
        old.n_numbered or old.n_twice or old.late or old.n_hashes or old.n_filled or old.n_bools
    )
    if release == "0.8" and not changes:
        return None  # the same as one of ours to which the user has added columns
    return old


class _Restoring:
    """The steps to a database of this psweep."""

    def __init__(self, df: pd.DataFrame, release: str, none: list[Any]) -> None:
        self.old = OldDatabase(release, df)
        self.df = df
        self.none = none
        self.names = list(df.columns)
        self.first = min(self.names.index(name) for name in BOOK)
        # Names of results end in _ since 0.12, and such names are not hashed.
        self.has_marks = release in ("0.12-0.14", "0.15-0.16")
        self.hashes = df["_pset_hash"].tolist()
        self.filled: set[int] = set()  # rows
        self.bools: set[int] = set()

    def carry_out(self) -> OldDatabase:
        names, runtime = self.names, self.names.index(RUNTIME) if RUNTIME in self.names else -1
        others = [i for i, name in enumerate(names) if not is_reserved(name)]
        self.columns = [
            Column(
                names[i], values_of(self.df.iloc[:, i]), 0 if i < self.first else 1 + (i < runtime)
            )
            for i in others
            if not self._is_unhashed(names[i])
        ]
        # (Of a database of this psweep with a column of the user's, 0.8 would have the same names.)
        rare = self.old.release != "0.8" or bool(may_be_old(self.df).any())
        self.readings = find_ways(self.columns, self.hashes, with_na=self.has_marks, rare=rare)
        if self._has_na():  # the user has changed the dtypes
            self.old.release = "0.15-0.16"
        # Hashed as these, a missing value may have been anything.
        self.open = {NA, NAN} if self.old.release == "0.15-0.16" else set()
        self.old.n_unverified = self.readings.count(None)
        found = {each.name: self._restore(place) for place, each in enumerate(self.columns)}
        self.old.n_filled, self.old.n_bools = len(self.filled), len(self.bools)
        params = [
            names[i]
            for i in others
            if (found[names[i]][0] if names[i] in found else i < self.first)
        ]
        self.old.late = [name for name in params if names.index(name) > self.first]
        self._check_none()
        data = {name: self._param(name, found) for name in params}
        hashes = self._new_hashes(params, found)
        book: dict[Any, Any] = {name: self.df[name] for name in (*BOOK, *EXTRAS) if name in names}
        seqs = self._seqs()
        data |= {name: _natural(some) for name, some in book.items()}
        data["_pset_hash"] = pd.Series(hashes)
        data["_pset_seq"], data["_run_seq"] = seqs, self._run_seqs()
        times = pd.Series(data["_time_utc"])
        if times.dtype.kind == "M" and isinstance(times.dtype, np.dtype):
            data["_time_utc"] = times.astype("M8[ns]")
        results = [names[i] for i in others if names[i] not in data]
        data |= {name: _natural(self.df[name]) for name in (*results, RUNTIME) if name in names}
        self.old.df = with_seqs(data, seqs)
        return self.old

    def _has_na(self) -> bool:
        """Return whether the hash of a row is that of `pandas.NA`."""
        return any(
            way.missing == NA and each.values[row] is MISSING
            for row, reading in enumerate(self.readings)
            for each, way in zip(self.columns, reading or (), strict=False)
        )

    def _is_unhashed(self, name: Any) -> bool:
        return is_private(name) or (self.has_marks and isinstance(name, str) and name.endswith("_"))

    def _restore(self, place: int) -> tuple[bool, list[Any]]:
        """Return whether a column is a param, and its values."""
        each = self.columns[place]
        is_param = is_not = False
        n_open = 0
        never = {ABSENT, *self.open}
        values = list(each.values)
        missing = None if each.name in self.none else MISSING
        begin = self._begin(each)
        for row, (value, reading) in enumerate(zip(each.values, self.readings, strict=True)):
            if reading is None:
                continue
            way = reading[place]
            if value is MISSING:
                if way.missing not in self.open:
                    values[row] = stored(value, way)
                elif row >= begin:
                    n_open += 1
                    values[row] = missing
                if way.missing not in never:
                    is_param = True
                    self.filled.add(row)
            elif way.value == ABSENT:
                is_not = True
            else:
                is_param = True
                values[row] = stored(value, way)
                if way.value == BOOL:
                    self.bools.add(row)
        # When 0.16 got a new parameter, it hashed old rows again, with results in them. Rows that
        # are hashed without these tell that they are results.
        if is_not and each.rank == _OF_FIRST_RUN and self.old.release == "0.15-0.16":
            return False, list(each.values)
        if n_open:
            self.old.unknown[each.name] = n_open
        return is_param or (each.rank == 0 and not is_not), values

    def _begin(self, each: Column) -> int:
        """Find the first row that may have had a parameter.

        One that was added later was not there in the runs before the first that has a value for it
        (but for one that had nothing but None).
        """
        if not each.rank:
            return 0
        runs = self.df["_run_id"].tolist()
        first = next((row for row, v in enumerate(each.values) if v is not MISSING), None)
        return sum(run == runs[0] for run in runs) if first is None else runs.index(runs[first])

    def _check_none(self) -> None:
        wrong = [name for name in self.none if name not in self.old.unknown]
        if wrong:
            known = ", ".join(map(repr, self.old.unknown)) or "none"
            message = (
                f"none={wrong!r}: no row leaves open whether {wrong[0]!r} was None; parameters "
                f"for which that is open: {known}"
            )
            raise ParamsError(message)
        for name in self.none:
            del self.old.unknown[name]

    def _param(self, name: Any, found: dict[Any, tuple[bool, list[Any]]]) -> Any:
        values = found[name][1] if name in found else values_of(self.df[name])
        return column(values, exact=is_private(name))

    def _new_hashes(self, params: list[Any], found: dict[Any, tuple[bool, list[Any]]]) -> list[Any]:
        """Hash the psets as this psweep does, where that gives another hash."""
        # Names that were not hashed and now are
        more = [
            (name, values_of(self.df[name]))
            for name in params
            if self._is_unhashed(name) and not is_private(name)
        ]
        filled_alike = FILLED_ALIKE - self.open
        columns = self.columns
        same: dict[Reading, bool] = {}
        hashes = list(self.hashes)
        for row, reading in enumerate(self.readings):
            if reading is None:
                continue
            if reading not in same:
                same[reading] = not more and all(
                    way == (ABSENT, ABSENT)
                    or (
                        found[each.name][0]
                        and each.basic
                        and way.value in HASHED_ALIKE
                        and way.missing in filled_alike
                    )
                    for each, way in zip(columns, reading, strict=True)
                )
            if same[reading]:
                continue
            pset = {
                each.name: found[each.name][1][row]
                for each, way in zip(columns, reading, strict=True)
                if found[each.name][0] and (way.value != ABSENT or each.values[row] is MISSING)
            }
            pset.update((name, values[row]) for name, values in more)
            pset = {name: value for name, value in pset.items() if value is not MISSING}
            with contextlib.suppress(Exception):  # values of any type may refuse
                hashes[row] = pset_hash(pset)
            self.old.n_hashes += hashes[row] != self.hashes[row]
        return hashes

    def _seqs(self) -> np.ndarray[Any, Any]:
        """Number the rows that have no number; all of them if these would not ascend."""
        given = _whole(self.df["_pset_seq"])
        self.old.n_numbered = given.count(None)
        seqs: list[int] = []
        for number in given:
            following = seqs[-1] + 1 if seqs else 0
            seqs.append(following if number is None else number)
            if number is not None and number < following:
                if self.old.n_numbered:
                    self.old.n_numbered = len(given)
                elif len(set(given)) == len(given):
                    return np.array(given, dtype=np.int64)
                else:
                    self.old.n_twice = sum(n for n in Counter(given).values() if n > 1)
                return np.arange(len(given), dtype=np.int64)
        return np.array(seqs, dtype=np.int64)

    def _run_seqs(self) -> np.ndarray[Any, Any]:
        given = _whole(self.df["_run_seq"])
        if None in given or self.old.n_twice:
            return np.array(pd.factorize(self.df["_run_id"])[0], dtype=np.int64)
        return np.array(given, dtype=np.int64)


def _whole(series: pd.Series[Any]) -> list[int | None]:
    return [
        int(v) if isinstance(v, int | np.integer) or (type(v) is float and v.is_integer()) else None
        for v in values_of(series)
    ]


def _natural(series: pd.Series[Any]) -> Any:
    """Make a column of objects into one of the dtype that a run would give it."""
    return column(values_of(series)) if series.dtype == object else series.reset_index(drop=True)
