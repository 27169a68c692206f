"""Find the psets that the hashes in a database were made of.

What a row shows need not be what was hashed: pandas turns ints into floats and None into NaN, and
``func`` may have added to the row. The hash is the witness: a reading of the row (which columns,
and how each cell is read) that gives exactly the stored hash is the pset.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from ..params.hashing import pset_hashes
from ..params.old_hashes import is_old_hash
from .cells import MISSING

__all__ = ["Column", "Reading", "Way", "find_ways"]

# How a cell is read
ABSENT: Final = "absent"  # the pset did not have this name
SAME: Final = "same"
INT: Final = "int"  # what is a whole float now
NUMPY: Final = "numpy"  # a scalar of NumPy, which is hashed in another way
NUMPY_INT: Final = "numpy int"
# and a cell without a value, if it is not absent
NONE: Final = "none"
NAN: Final = "nan"
NA: Final = "NA"

_FILLED: Final[dict[str, Any]] = {
    ABSENT: MISSING, NONE: None, NAN: float("nan"), NA: pd.NA
}  # fmt: skip
_SCALARS: Final[dict[type, Any]] = {
    bool: np.bool_, int: np.int64, float: np.float64, str: np.str_
}  # fmt: skip
_BASIC: Final = frozenset({int, float, bool, str, type(None), type(MISSING)})

_MAX_TRIES: Final = 20_000  # ways to read one row
_MAX_ALL_TRIES: Final = 60_000


class Way(NamedTuple):
    """How the cells of one column are read: those with a value, and those without."""

    value: str
    missing: str = ABSENT


Reading = tuple[Way, ...]  # one way per column


class Column:
    """One column whose cells may be part of psets.

    Parameters
    ----------
    name : object
    values : list
        Python values, `MISSING` where there is none.
    rank : int
        0: it probably is a parameter; 1, 2: less and less so.
    """

    def __init__(self, name: Any, values: list[Any], rank: int) -> None:
        self.name = name
        self.values = values
        self.rank = rank
        self.basic = _BASIC.issuperset(map(type, values))
        self._read: dict[Way, list[Any]] = {}

    def read(self, way: Way, rows: Sequence[int]) -> list[Any]:
        """Read the cells of some rows in one way."""
        filled = _FILLED[way.missing]
        if len(rows) == 1 or len(rows) * 3 < len(self.values):
            some = [self.values[row] for row in rows]
            return [filled if v is MISSING else _read(v, way.value) for v in some]
        found = self._read.get(way)
        if found is None:
            found = [filled if v is MISSING else _read(v, way.value) for v in self.values]
            self._read[way] = found
        return found if len(rows) == len(found) else [found[row] for row in rows]

    def other_ways(self, row: int, habit: Way, with_na: bool) -> list[Way]:
        """List the ways to read one cell but the usual one, the most likely ones first."""
        value = self.values[row]
        if value is MISSING:
            forms = [ABSENT, NONE, *([NA] if with_na else []), NAN]
            return [Way(habit.value, form) for form in forms if form != habit.missing]
        is_whole = type(value) is float and value.is_integer()
        forms = [SAME, *([INT] if is_whole else [])]
        if type(value) in _SCALARS:
            forms += [NUMPY, *([NUMPY_INT] if is_whole else [])]
        return [Way(form, habit.missing) for form in (*forms, ABSENT) if form != habit.value]


def _read(value: Any, form: str) -> Any:
    if form == SAME:
        return value
    if form == ABSENT:
        return MISSING
    if form in (INT, NUMPY_INT) and type(value) is float and value.is_integer():
        value = int(value)
    if form == INT:
        return value
    scalar = _SCALARS.get(type(value))
    if scalar is None or (type(value) is int and not -(2**63) <= value < 2**63):
        return value
    return scalar(value)


def find_ways(
    columns: Sequence[Column], hashes: Sequence[Any], with_na: bool, max_tries: int = _MAX_ALL_TRIES
) -> list[Reading | None]:
    """Find a reading of each row that gives the hash of the row.

    A reading that fits to one row is tried with all others, so there is one search per kind of row
    and not one per row.

    Parameters
    ----------
    columns : sequence of Column
    hashes : sequence of str
        One per row.
    with_na : bool
        Missing values may have been hashed as `pandas.NA`.
    max_tries : int
        How many readings to try before all rows that are left are given up.

    Returns
    -------
    list of (Reading or None)
        None: nothing fits.
    """
    found: list[Reading | None] = [None] * len(hashes)
    habit: Reading = tuple(Way(ABSENT if column.rank else SAME) for column in columns)
    left = [*range(len(hashes))]
    n_failed = 0
    reading: Reading | None = habit
    while left and max_tries > 0:
        if reading is None:
            # from all parts of the database, should the first rows be those that nothing fits
            row = left[(n_failed * 5 % 8) * len(left) // 8]
            n_tries = min(max_tries, _MAX_TRIES // (1 + n_failed))
            tries = itertools.islice(_readings(columns, row, habit, with_na), n_tries)
            for reading in tries:
                max_tries -= 1
                if _fitting(columns, reading, [row], hashes):
                    break
            else:
                reading = None
                n_failed += 1
                left.remove(row)
                continue
        fitting = _fitting(columns, reading, left, hashes)
        if fitting:
            habit = reading
            for row in fitting:
                found[row] = reading
            left = sorted({*left}.difference(fitting))
        reading = None
    return found


def _fitting(
    columns: Sequence[Column], reading: Reading, rows: list[int], hashes: Sequence[Any]
) -> list[int]:
    """List the rows that a reading fits."""
    used = [
        (column, way)
        for column, way in zip(columns, reading, strict=True)
        if way != (ABSENT, ABSENT)
    ]
    names = [column.name for column, _ in used]
    values = [column.read(way, rows) for column, way in used]
    some = zip(*values, strict=True) if values else [()] * len(rows)
    psets = [
        {name: v for name, v in zip(names, row) if v is not MISSING}  # noqa: B905 (it is quicker)
        for row in some
    ]
    wanted = [hashes[row] for row in rows]
    if len(rows) > 1 and all(_is_basic(column, way) for column, way in used):
        fits: Iterable[bool] = (a == b for a, b in zip(pset_hashes(psets), wanted, strict=True))
    else:
        fits = map(is_old_hash, wanted, psets)
    return [row for row, fit in zip(rows, fits, strict=True) if fit]


def _is_basic(column: Column, way: Way) -> bool:
    return column.basic and way.value in (ABSENT, SAME, INT) and way.missing != NA


def _readings(
    columns: Sequence[Column], row: int, habit: Reading, with_na: bool
) -> Iterator[Reading]:
    """List the readings of a row, the most likely ones first."""
    fills = [ABSENT, NONE, *([NA] if with_na else []), NAN]
    forms = (SAME, INT, NUMPY, NUMPY_INT)
    for rank, value, missing in itertools.product((0, 1), forms, fills):
        yield tuple(
            Way(value, missing) if column.rank <= rank else way
            for column, way in zip(columns, habit, strict=True)
        )
    others = [column.other_ways(row, way, with_na) for column, way in zip(columns, habit)]  # noqa: B905
    order = sorted(range(len(columns)), key=lambda place: columns[place].rank)
    for n in range(1, len(columns) + 1):
        for places in itertools.combinations(order, n):
            for ways in itertools.product(*(others[place] for place in places)):
                reading = [*habit]
                for place, way in zip(places, ways, strict=True):
                    reading[place] = way
                yield tuple(reading)
