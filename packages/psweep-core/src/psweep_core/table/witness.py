"""Find the psets that the hashes in a database were made of.

What a row shows need not be what was hashed: pandas turns ints and bools into floats, None into NaN
and datetimes into Timestamps, and ``func`` may have added to the row. The hash is the witness: a
reading of the row (which columns, and how each cell is read) that gives exactly the stored hash is
the pset.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from ..params.hashing import pset_hashes
from ..params.old_hashes import is_old_hash
from .cells import MISSING

__all__ = ["Column", "Reading", "Way", "find_ways", "stored"]

# How a cell is read
ABSENT: Final = "absent"  # the pset did not have this name
SAME: Final = "same"
PYTHON: Final = "python"  # what pandas has converted: an int that is a float now, a datetime
NUMPY: Final = "numpy"  # a scalar of NumPy, which is hashed in another way
NUMPY_INT: Final = "numpy int"
NUMPY_32: Final = "numpy 32"  # bits
NUMPY_INT_32: Final = "numpy int 32"
FLOAT: Final = "float"  # that is complex now
BOOL: Final = "bool"  # that is a number now
# and a cell without a value, if it is not absent
NONE: Final = "none"
NAN: Final = "nan"
NA: Final = "NA"
NUMPY_NAN: Final = "numpy nan"
COMPLEX_NAN: Final = "complex nan"

# What is hashed in the same way now and of old, if a column is basic
HASHED_ALIKE: Final = frozenset({ABSENT, SAME, PYTHON, BOOL})
FILLED_ALIKE: Final = frozenset({ABSENT, NONE, NAN})

_FILLED: Final[dict[str, Any]] = {
    ABSENT: MISSING, NONE: None, NAN: float("nan"), NA: pd.NA, NUMPY_NAN: np.float64("nan"),
    COMPLEX_NAN: complex("nan"),
}  # fmt: skip
_SCALARS: Final[dict[type, Any]] = {
    bool: np.bool_, int: np.int64, float: np.float64, str: np.str_, complex: np.complex128,
    pd.Timestamp: pd.Timestamp.to_numpy, pd.Timedelta: pd.Timedelta.to_numpy,
}  # fmt: skip
_SCALARS_32: Final[dict[type, Any]] = {int: np.int32, float: np.float32}
_NUMBERS: Final = frozenset({int, float, complex})
_UNITS: Final = ("D", "h", "m", "s", "ms", "us")  # of times of NumPy, in a column of nanoseconds
# and of Timestamps, which pandas 2 may have made in other units than its columns have
_UNITS_OF_PANDAS: Final = ("Timestamp s", "Timestamp ms", "Timestamp us")
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

    def other_ways(self, row: int, habit: Way, with_na: bool, rare: bool) -> list[Way]:
        """List the ways to read one cell but the usual one, the most likely ones first.

        Those that are `rare` only if asked for.
        """
        value = self.values[row]
        if value is MISSING:
            forms = [ABSENT, NONE, *([NA] if with_na else []), NAN]
            forms += [NUMPY_NAN, COMPLEX_NAN] if rare else []
            return [Way(habit.value, form) for form in forms if form != habit.missing]
        forms = [*_forms(value), ABSENT, *(_rare_forms(value) if rare else [])]
        return [Way(form, habit.missing) for form in forms if form != habit.value]


def _is_whole(value: Any) -> bool:
    return type(value) is float and value.is_integer()


def _forms(value: Any) -> list[str]:
    kind = type(value)
    if kind in (pd.Timestamp, pd.Timedelta):
        return [SAME, PYTHON, NUMPY]
    if kind is complex:
        return [SAME, NUMPY, *([PYTHON, FLOAT] if not value.imag else [])]
    if _is_whole(value):
        return [SAME, PYTHON, NUMPY, NUMPY_INT]
    return [SAME, NUMPY] if kind in _SCALARS else [SAME]


def _rare_forms(value: Any) -> list[str]:
    kind = type(value)
    if kind in (pd.Timestamp, pd.Timedelta):
        return [*(_UNITS_OF_PANDAS if kind is pd.Timestamp else ()), *_UNITS]
    forms = [BOOL] if kind in _NUMBERS and value in (0, 1) else []
    if kind in _SCALARS_32 and _fits_into(value, _SCALARS_32[kind]):
        forms += [NUMPY_32, *([NUMPY_INT_32] if _is_whole(value) else [])]
    return forms


def stored(value: Any, way: Way) -> Any:
    """Return what this psweep stores of a cell that is read in a way: of numbers, Python's own."""
    read = _FILLED[way.missing] if value is MISSING else _read(value, way.value)
    if read is pd.NA:
        return MISSING
    is_made = isinstance(read, np.generic) and not isinstance(value, np.generic)
    if is_made and not isinstance(read, np.datetime64 | np.timedelta64):
        return read.item()
    return read


def _read(value: Any, form: str) -> Any:
    if form == SAME:
        return value
    if form == ABSENT:
        return MISSING
    kind = type(value)
    if form == BOOL:
        return bool(value) if kind in _NUMBERS and value in (0, 1) else value
    if form in _UNITS_OF_PANDAS:
        return _in_unit(value, form.split()[1]) if kind is pd.Timestamp else value
    if form in _UNITS:
        if kind not in (pd.Timestamp, pd.Timedelta):
            return value
        return value.to_numpy().astype(f"{'M8' if kind is pd.Timestamp else 'm8'}[{form}]")
    if kind is complex and form in (PYTHON, FLOAT) and not value.imag:
        return int(value.real) if form == PYTHON and value.real.is_integer() else value.real
    if form in (PYTHON, NUMPY_INT, NUMPY_INT_32) and _is_whole(value):
        value = int(value)
    if form == PYTHON:
        return _as_python(value) if kind in (pd.Timestamp, pd.Timedelta) else value
    scalars = _SCALARS_32 if form in (NUMPY_32, NUMPY_INT_32) else _SCALARS
    scalar = scalars.get(type(value))
    return scalar(value) if scalar is not None and _fits_into(value, scalar) else value


def _fits_into(value: Any, scalar: Any) -> bool:
    """Return whether a scalar of NumPy can hold a value."""
    if type(value) is int:
        n: int = np.iinfo(scalar).bits - 1
        return bool(-(2**n) <= value < 2**n)
    if scalar is np.float32:
        with np.errstate(over="ignore"):
            return bool(float(np.float32(value)) == value)
    return True


def _in_unit(time: Any, unit: str) -> Any:
    """Return a Timestamp in another unit, if it does not lose anything there."""
    with contextlib.suppress(ValueError, OverflowError):  # of what does not fit into it
        return time.as_unit(unit, round_ok=False)
    return time


def _as_python(time: Any) -> Any:
    """Return the datetime or timedelta that pandas has converted."""
    if time.nanoseconds if type(time) is pd.Timedelta else time.nanosecond:
        return time
    if type(time) is pd.Timedelta:
        return time.to_pytimedelta()
    time = time.to_pydatetime()
    with contextlib.suppress(Exception):  # time zones of any type may refuse
        # Of a fixed offset pandas has made one of its own kind.
        return time.replace(tzinfo=dt.timezone(time.tzinfo.utcoffset(None)))
    return time


def find_ways(
    columns: Sequence[Column],
    hashes: Sequence[Any],
    with_na: bool,
    rare: bool = True,
    max_tries: int = _MAX_ALL_TRIES,
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
    rare : bool, default True
        Also try what is rare, such as a bool that is a number now.
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
    some = left[:: max(1, len(left) // 20)]
    reading: Reading | None = habit if _fitting(columns, habit, some, hashes) else None
    while left and max_tries > 0:
        if reading is None:
            # from all parts of the database, should the first rows be those that nothing fits
            row = left[(n_failed * 5 % 8) * len(left) // 8]
            n_tries = min(max_tries, _MAX_TRIES // (1 + n_failed))
            tries = itertools.islice(_readings(columns, row, habit, with_na, rare), n_tries)
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
    return column.basic and way.value in HASHED_ALIKE and way.missing in FILLED_ALIKE


def _readings(
    columns: Sequence[Column], row: int, habit: Reading, with_na: bool, rare: bool
) -> Iterator[Reading]:
    """List the readings of a row, the most likely ones first."""
    fills = [ABSENT, NONE, *([NA] if with_na else []), NAN]
    forms = (SAME, PYTHON, NUMPY, NUMPY_INT)
    for rank, value, missing in itertools.product((0, 1), forms, fills):
        yield tuple(
            Way(value, missing) if column.rank <= rank else way
            for column, way in zip(columns, habit, strict=True)
        )
    order = sorted(range(len(columns)), key=lambda place: columns[place].rank)
    pairs = [*zip(columns, habit, strict=True)]
    common = [column.other_ways(row, way, with_na, rare=False) for column, way in pairs]
    every = [column.other_ways(row, way, with_na, rare=rare) for column, way in pairs]
    # The rare ones not in more than two columns at once: there would be too many readings.
    sizes = [(common, 1), (common, 2), (every, 1), (every, 2)]
    for others, n in (*sizes, *((common, n) for n in range(3, len(columns) + 1))):
        for places in itertools.combinations(order, n):
            for ways in itertools.product(*(others[place] for place in places)):
                reading = [*habit]
                for place, way in zip(places, ways, strict=True):
                    reading[place] = way
                yield tuple(reading)
