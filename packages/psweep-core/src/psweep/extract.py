"""Take a database apart: psets, rows, a selection of rows, a table to look at."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .columns import MISSING, cells, objects
from .display import encodable, table_text
from .errors import DatabaseError, ParamsError, ParamsTypeError, PsetNotFoundError
from .frames import groups, index_of_names, is_private
from .hashing import pset_hash
from .params import Pset

__all__ = [
    "df_extract_params",
    "df_extract_pset",
    "df_extract_row",
    "df_filter_conds",
    "df_print",
]


def df_extract_pset(df: pd.DataFrame, pset_id: str) -> Pset:
    """Get back the pset of one row, as it was given to the run.

    Parameters
    ----------
    df : DataFrame
        A database.
    pset_id : str
        The row's ``_pset_id``.

    Returns
    -------
    dict
        Names and values as they went in: no book-keeping, no results, and no
        entry for what the pset did not have.

    Raises
    ------
    PsetNotFoundError
        No row has this `pset_id`.
    DatabaseError
        `df` lacks the column ``_run_id``, before which the params stand.

    Examples
    --------
    >>> import psweep as ps
    >>> df = ps.run_local(lambda pset: {"c": 3}, [{"a": 1}, {"b": None}], save=False)
    >>> ps.df_extract_pset(df, df._pset_id[1])
    {'b': None}
    """
    return df_extract_params(_only_row(df, pset_id))[0]


def df_extract_params(df: pd.DataFrame) -> list[Pset]:
    """Get back the psets of all rows, as they were given to the runs.

    Parameters
    ----------
    df : DataFrame
        A database, or some rows of one.

    Returns
    -------
    list of dict
        One pset a row, see `df_extract_pset`.

    Raises
    ------
    DatabaseError
        `df` lacks the column ``_run_id``, before which the params stand.

    Examples
    --------
    >>> import psweep as ps
    >>> params = [{"a": 1}, {"a": 2, "b": None}]
    >>> df = ps.run_local(lambda pset: {"c": 3}, params, save=False)
    >>> ps.df_extract_params(df) == params
    True
    """
    names = groups(df)[0]
    columns = [cells(df.iloc[:, position]) for position in range(len(names))]
    psets = [
        {name: value for name, value in zip(names, row, strict=True) if value is not MISSING}
        for row in (zip(*columns, strict=True) if columns else ((),) * len(df))
    ]
    if "_pset_hash" not in df.columns:
        return psets
    reader = _Reader()
    return [reader.read(pset, sha) for pset, sha in zip(psets, df["_pset_hash"], strict=True)]


# What a row may say of its pset: names that are results in this row and params in others, and
# floats that were ints.
_Reading = tuple[frozenset[Any], frozenset[Any]]


class _Reader:
    """Read psets in the way that fits to their hashes."""

    def __init__(self) -> None:
        self._habits: dict[tuple[Any, ...], _Reading] = {}  # by the names of a pset
        # How often they may yet be tried in vain: func may have returned a new value for a param,
        # in all rows even. Then no reading fits.
        self._left: dict[tuple[Any, ...], int] = {}

    def read(self, pset: Pset, sha: str) -> Pset:
        """Give the pset of a row that says `pset`."""
        if pset_hash(pset) == sha:
            return pset
        names = tuple(pset)
        habit = [self._habits[names]] if names in self._habits else []
        left = self._left.get(names, 50_000)
        readings = itertools.islice(_readings(pset), max(1, min(left, 5000)))
        for reading in itertools.chain(habit, readings):
            left -= 1
            dropped, ints = reading
            read = {
                name: int(value) if name in ints and _is_whole(value) else value
                for name, value in pset.items()
                if name not in dropped
            }
            if pset_hash(read) == sha:
                self._habits[names] = reading
                return read
        self._left[names] = left
        return pset


def _is_whole(value: Any) -> bool:
    return type(value) is float and value.is_integer()


def _readings(pset: Pset) -> Iterator[_Reading]:
    # The most likely ones first. Of private names the hash says nothing; the others are in the
    # order in which they became params.
    names = [name for name in pset if not is_private(name)]
    whole = [name for name in names if _is_whole(pset[name])]
    yield frozenset(), frozenset(whole)
    results = [(), *(names[n:] for n in range(len(names))), *_combinations(names, range(1, 4))]
    ints = [whole, (), *_combinations(whole, range(1, len(whole)))]
    for some in ints[1:]:
        yield frozenset(), frozenset(some)
    for some in (ints[:2], ints[2:]):
        for pair in itertools.product(results[1:], some):
            yield frozenset(pair[0]), frozenset(pair[1])


def _combinations(names: list[Any], sizes: range) -> Iterator[tuple[Any, ...]]:
    some = itertools.chain.from_iterable(itertools.combinations(names, n) for n in sizes)
    return itertools.islice(some, 500)


def df_extract_row(df: pd.DataFrame, pset_id: str) -> pd.Series[Any]:
    """Get one row, every value with its own type.

    Parameters
    ----------
    df : DataFrame
        A database.
    pset_id : str
        The row's ``_pset_id``.

    Returns
    -------
    Series of object
        Its index has the columns of `df` that this row has a value for.

    Raises
    ------
    PsetNotFoundError
        No row has this `pset_id`.

    Examples
    --------
    >>> import psweep as ps
    >>> df = ps.run_local(lambda pset: {"c": 3}, [{"a": 1}], save=False)
    >>> int(ps.df_extract_row(df, df._pset_id[0]).c)
    3
    """
    row = _only_row(df, pset_id)
    values = [cells(row.iloc[:, position])[0] for position in range(row.shape[1])]
    if "_run_id" in df.columns:
        pset = df_extract_params(row)[0]  # which knows ints from floats
        values = [
            pset.get(name, value) if i < len(groups(df)[0]) else value
            for i, (name, value) in enumerate(zip(df.columns, values, strict=True))
        ]
    have = [i for i, value in enumerate(values) if value is not MISSING]
    return pd.Series(
        objects(values[i] for i in have),
        index=index_of_names([df.columns[i] for i in have]),
        name=row.index[0],
    )


def _only_row(df: pd.DataFrame, pset_id: str) -> pd.DataFrame:
    if "_pset_id" not in df.columns:
        message = f"this DataFrame has no column '_pset_id' (it has {list(df.columns)!r})"
        raise DatabaseError(message)
    row = df[(df["_pset_id"] == pset_id).to_numpy(dtype=bool)]
    if not len(row):
        message = f"no row has the _pset_id {pset_id!r}; the ids are in df._pset_id"
        raise PsetNotFoundError(message)
    return row.iloc[:1]


def df_filter_conds(
    df: pd.DataFrame,
    conds: Iterable[Any],
    op: Callable[..., Any] = np.logical_and,
) -> pd.DataFrame:
    """Keep the rows for which all conditions are true.

    Parameters
    ----------
    df : DataFrame
        A database.
    conds : iterable of array_like of bool, each of shape (len(df),)
        Such as ``[df.b == 10, df.c == "foo"]``. A missing value counts as
        False. With no condition at all every row is kept.
    op : ufunc, default numpy.logical_and
        Joins the conditions; ``numpy.logical_or`` for any instead of all.

    Returns
    -------
    DataFrame
        The rows that are left.

    Raises
    ------
    ParamsError
        A condition has another length than `df`.
    ParamsTypeError
        A condition is not made of bools, or `op` is no function.

    Examples
    --------
    >>> import pandas as pd
    >>> import psweep as ps
    >>> df = pd.DataFrame({"a": [1, 2, 3], "b": [10, 10, 20]})
    >>> ps.df_filter_conds(df, [df.a > 1, df.b == 10])
       a   b
    1  2  10
    """
    _check_op(op)
    keep = None
    for position, cond in enumerate(conds):
        series = pd.Series(cond).reset_index(drop=True)
        if len(series) != len(df):
            message = (
                f"condition {position} has {len(series)} values for {len(df)} rows; "
                "make it from this df"
            )
            raise ParamsError(message)
        if not pd.api.types.is_bool_dtype(series.dtype):
            message = (
                f"condition {position} holds {series.dtype} values, not bools; "
                "write a comparison such as df.a == 1"
            )
            raise ParamsTypeError(message)
        mask = series.astype("boolean").fillna(False).to_numpy(dtype=bool)
        keep = mask if keep is None else op(keep, mask)
    return df if keep is None else df[keep]


def _check_op(op: Any) -> None:
    if not callable(op):
        message = f"op must be a function such as numpy.logical_and or numpy.logical_or, not {op!r}"
        raise ParamsTypeError(message)


def df_print(
    df: pd.DataFrame,
    index: bool = False,
    special_cols: bool = False,
    cols: Sequence[Any] = (),
    skip_cols: Sequence[Any] = (),
) -> None:
    """Print params and results as a table, every row of it.

    In a terminal, a table that is too wide for it is made to fit: long texts end in an
    ellipsis, and if that is not enough, columns in the middle are left out, which is said below
    it. Elsewhere all is printed as it is.

    Parameters
    ----------
    df : DataFrame
        A database.
    index : bool, default False
        Print the index, too.
    special_cols : bool, default False
        Print the columns whose names start with ``_``, too.
    cols : sequence, optional
        Print exactly these columns, in this order; none of them is left out.
    skip_cols : sequence, optional
        Leave out these columns.

    Raises
    ------
    ParamsError
        `df` has no such column.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.df_print(ps.run_local(lambda pset: {"b": 2.5}, [{"a": 1}], save=False))
     a   b
     1 2.5
    """
    for name in (*cols, *skip_cols):
        if name not in df.columns:
            message = f"df has no column {name!r}; it has {list(df.columns)!r}"
            raise ParamsError(message)
    shown = list(cols) or [
        name
        for name in df.columns
        if special_cols or not (isinstance(name, str) and name.startswith("_"))
    ]
    shown = [name for name in shown if name not in skip_cols]
    print(encodable(table_text(df[shown], index=index, keep_all=bool(cols))))
