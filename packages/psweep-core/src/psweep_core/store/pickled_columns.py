"""How a portable pickle holds the columns of a DataFrame: as arrays, and few of them.

Most cells of a wide study may be missing, as where rows with other names were added. Of columns
with few cells a pickle holds these cells and their positions. All such columns of one dtype are
made at once, as rows of one array, so a column costs some bytes, whatever the number of rows is.
Text is held as one text, or once where it repeats. All is put together by public functions of
NumPy and pandas, see `pickled_pandas`.
"""

from __future__ import annotations

import contextlib
import functools
import operator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..table.cells import NAN_BITS, given_objects, is_na
from . import joined_texts
from .joined_texts import BETWEEN

__all__ = ["Call", "columns_of", "is_str", "natural_strings", "texts", "values_of"]

_SAMPLE = 100
_FEW = 4  # a column has few cells if there are this many times more rows
_MIN_ROWS = 16  # below which that saves nothing
_NAT = np.iinfo(np.int64).min  # is how NumPy writes NaT
# Where pandas has a dtype of its own for text, a column of objects is one on purpose.
_HAS_STR = pd.Series(["x"]).dtype != np.dtype(object)


class Call:
    """What the pickle holds in place of an object: a call that makes the object again."""

    def __init__(self, func: Any, *args: Any, **kwds: Any) -> None:
        self.reduced: tuple[Any, ...] = (functools.partial(func, **kwds) if kwds else func), args

    def __call__(self, *_: Any) -> None:
        """Let the pickler take one as the function of another; it asks only if it is callable."""


class _Few(NamedTuple):
    """The cells of a column that has few."""

    place: int
    positions: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]


def columns_of(df: pd.DataFrame) -> dict[int, Any]:
    """Return what a DataFrame is made of, by the positions of its columns.

    Each is a Call or something else that the pickler knows, of which `pandas.DataFrame` needs to
    copy nothing.
    """
    columns: dict[int, Any] = {}
    few: dict[tuple[str, Any], list[_Few]] = {}
    for place, (_, series) in enumerate(df.items()):
        kind = _kind_of(series.dtype) if len(df) >= _MIN_ROWS else None
        found = None if kind is None else _few_cells(series, kind)
        if kind is not None and found is not None:
            columns[place] = None  # keeps the order
            few.setdefault(kind, []).append(_Few(place, *found))
        else:
            values, dtype = values_of(series)
            plain = isinstance(series.dtype, np.dtype) and series.dtype != object
            columns[place] = values if plain else _series(values, df.index, dtype)
    for kind, some in few.items():
        for one, made in zip(some, _made_at_once(kind, some, df.index), strict=True):
            columns[one.place] = made
    return columns


def _series(values: Any, index: pd.Index[Any], dtype: str | None) -> Call:
    return Call(pd.Series, values, index, dtype, None, False)


def _kind_of(dtype: Any) -> tuple[str, Any] | None:
    """Report how cells of a dtype are made at once; None: they are not."""
    if is_str(dtype):
        return "str", np.dtype(object)
    if isinstance(dtype, pd.Int64Dtype | pd.BooleanDtype):
        return type(dtype).__name__, np.dtype(dtype.type)
    if dtype in (np.float64, object):
        return "numpy", dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "mM":
        return "time", dtype
    return None


def _few_cells(series: pd.Series[Any], kind: tuple[str, Any]) -> tuple[Any, Any] | None:
    """Find the positions of the cells that are there, and the cells, if they are few."""
    name, dtype = kind
    array: Any = series.to_numpy() if name in ("numpy", "time") else series.array
    if np.count_nonzero(is_na(array[:: len(array) // _MIN_ROWS])) < _MIN_ROWS // 2:
        return None  # (mostly; to look at all cells takes time)
    if name == "time":
        array = array.view(np.int64)
        given = array != _NAT
    elif dtype == np.float64:
        given = array.view(np.uint64) != NAN_BITS  # and so every other NaN comes back as it was
    elif name == "numpy":
        given = given_objects(array)
    else:
        given = ~np.asarray(array.isna())
    if np.count_nonzero(given) * _FEW > len(given):
        return None
    positions = np.flatnonzero(given)
    cells = array[positions]
    return positions, cells if isinstance(cells, np.ndarray) else cells.to_numpy(dtype=dtype)


def _made_at_once(kind: tuple[str, Any], few: list[_Few], index: pd.Index[Any]) -> list[Call]:
    """Make columns of one dtype, each with few cells, as rows of one array."""
    name, dtype = kind
    n = len(index)
    positions = np.concatenate([i * n + some.positions for i, some in enumerate(few)])
    values = np.concatenate([some.values for some in few])
    if len(few) * n < 1 << 32:
        positions = positions.astype(np.uint32)
    shape = len(few), n
    if name == "time":
        ints = _filled(shape, _NAT, np.dtype(np.int64), positions, values)
        return _rows(Call(operator.methodcaller("view", dtype.str), ints), shape)
    if name in ("numpy", "str"):
        rows = _rows(_filled(shape, np.nan, dtype, positions, values), shape)
        if dtype.kind == "O":
            return [_series(row, index, "str" if name == "str" else "object") for row in rows]
        return rows
    data = _filled(shape, dtype.type(0).item(), dtype, positions, values)
    mask = _filled(shape, True, np.dtype(bool), positions, np.zeros(1, dtype=bool))
    made = pd.arrays.IntegerArray if dtype.kind == "i" else pd.arrays.BooleanArray
    pairs = zip(_rows(data, shape), _rows(mask, shape), strict=True)
    return [Call(made, *pair) for pair in pairs]


def _rows(data: Call, shape: tuple[int, int]) -> list[Call]:
    return [Call(operator.getitem, data, i) for i in range(shape[0])]


def _filled(shape: Any, fill: Any, dtype: Any, positions: Any, values: Any) -> Call:
    """Make an array of one value, and put others at some positions of it."""
    made = Call(np.full, shape, fill, dtype.str)
    # A pickle calls the last of these with what was made, and the one before it.
    put = Call(functools.partial, Call(getattr, np.ndarray, "put"), values=values)
    made.reduced = (*made.reduced, positions, None, None, put)
    return made


def values_of(column: Any) -> tuple[Any, str | None]:
    """Return the values of a Series or Index, and the dtype to ask for (None: let pandas infer)."""
    dtype = column.dtype
    if dtype == np.dtype(object):
        values = column.to_numpy()
        natural = not _HAS_STR and natural_strings(values)
        return (texts(column), None) if natural else (values, "object")
    if is_str(dtype):
        # The str of pandas 3, which pandas 2 does not have: there it makes objects.
        return texts(column), "str"
    return (column.to_numpy() if isinstance(dtype, np.dtype) else column.array), None


def is_str(dtype: Any) -> bool:
    """Return whether this is the dtype that pandas 3 has for text."""
    return isinstance(dtype, pd.StringDtype) and str(dtype) == "str"


def texts(column: Any) -> Any:
    """Take strings out of a column; each only once where they repeat, as ids of runs do."""
    cells = column.to_numpy() if column.dtype == object else getattr(column, "array", column)
    if len(cells) < _SAMPLE:
        return column.to_numpy(dtype=object)
    if len(pd.unique(cells[:_SAMPLE])) <= _SAMPLE // 4:
        codes, found = _distinct(cells)
        codes = codes.astype(np.min_scalar_type(len(found)))
        return Call(operator.methodcaller("take", codes), np.asarray(found, dtype=object))
    joined = _joined(cells)
    if joined is None:
        return column.to_numpy(dtype=object)
    text = joined[0] if len(joined) == 1 else Call(operator.methodcaller("join", joined), BETWEEN)
    return Call(operator.methodcaller("split", BETWEEN), text)


def _distinct(cells: Any) -> tuple[Any, Any]:
    """Return the distinct strings of a column, and which of them each cell is.

    Most often the same one comes many times in a row, so not all cells need to be hashed.
    """
    n = len(cells)
    if is_str(cells.dtype) or cells.dtype == object:
        # (A column of Python's strings repeats the string itself, so addresses are enough.)
        some = (
            cells
            if getattr(cells.dtype, "storage", "") == "pyarrow"
            else joined_texts.addresses(np.asarray(cells, dtype=object))
        )
        changes = np.flatnonzero(np.asarray(some[1:] != some[:-1], dtype=bool)) + 1
        if len(changes) < n // 4:
            starts = np.concatenate([[0], changes])
            codes, found = pd.factorize(cells[starts], use_na_sentinel=False)
            return np.repeat(codes, np.diff(starts, append=n)), found
    return pd.factorize(cells, use_na_sentinel=False)


def _joined(cells: Any) -> list[str] | None:
    """Join strings into a few texts; None if these could not be separated, or some are missing."""
    if getattr(cells.dtype, "storage", "") == "pyarrow":
        with contextlib.suppress(Exception):  # versions of pyarrow differ in what they join
            return joined_texts.joined(cells.__arrow_array__())
    return joined_texts.joined(np.asarray(cells, dtype=object))


def natural_strings(values: np.ndarray[Any, Any]) -> bool:
    """Return whether pandas 3 would give these objects its own dtype for text."""
    if set(map(type, values)) != {str}:
        return False  # (Members of an Enum may be strings, too.)
    try:
        "".join(values).encode()
    except UnicodeError:
        return False  # the str of pandas 3 cannot hold half of a surrogate pair
    return True
