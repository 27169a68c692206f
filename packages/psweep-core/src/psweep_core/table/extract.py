"""Take a database apart: psets, rows, a selection of rows, a table to look at."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..errors import DatabaseError, ParamsError, ParamsTypeError, PsetNotFoundError
from ..old_words import takes_old_words
from ..params.grids import Pset
from ..params.hashing import pset_hash, pset_hashes
from .bookkeeping import is_private
from .cells import MISSING, cells, objects
from .frames import arranged, groups, index_of_names, places_of

__all__ = [
    "df_extract_params",
    "df_extract_pset",
    "df_extract_row",
    "df_filter_conds",
    "psets_and_fits",
]


@takes_old_words
def df_extract_pset(df: pd.DataFrame, pset_id: str) -> Pset:
    """Return the pset of one row, as it was passed to the run.

    Parameters
    ----------
    df : DataFrame
        A database.
    pset_id : str
        The row's ``_pset_id``.

    Returns
    -------
    dict
        Names and values as they went in: no bookkeeping, no results, and no
        entry for what the pset did not have.

    Raises
    ------
    PsetNotFoundError
        No row has this `pset_id`.
    DatabaseError
        `df` has no column ``_run_id``, which separates params from bookkeeping.

    Examples
    --------
    >>> import psweep as ps
    >>> df = ps.run_local(lambda pset: {"c": 3}, [{"a": 1}, {"b": None}], save=False)
    >>> ps.df_extract_pset(df, df._pset_id[1])
    {'b': None}
    """
    return df_extract_params(_only_row(arranged(df), pset_id))[0]


@takes_old_words
def df_extract_params(df: pd.DataFrame) -> list[Pset]:
    """Return the psets of all rows, as they were passed to the runs.

    Parameters
    ----------
    df : DataFrame
        A database, or some rows of one.

    Returns
    -------
    list of dict
        One pset per row, see `df_extract_pset`.

    Raises
    ------
    DatabaseError
        `df` has no column ``_run_id``, which separates params from bookkeeping.

    Examples
    --------
    >>> import psweep as ps
    >>> params = [{"a": 1}, {"a": 2, "b": None}]
    >>> df = ps.run_local(lambda pset: {"c": 3}, params, save=False)
    >>> ps.df_extract_params(df) == params
    True
    """
    return psets_and_fits(df)[0]


def psets_and_fits(df: pd.DataFrame) -> tuple[list[Pset], list[bool]]:
    """Get the psets of all rows, and whether each has the hash of its row."""
    df = arranged(df)
    every = list(df.columns)
    params, results = places_of(df)
    names = [every[i] for i in params]
    columns = [cells(df.iloc[:, i]) for i in params]
    rows = zip(*columns, strict=True) if columns else ((),) * len(df)
    psets = [_present(names, row) for row in rows]
    if "_pset_hash" not in every:
        return psets, [False] * len(df)
    reader = _Reader()
    cells_of_results = functools.cache(lambda: [cells(df.iloc[:, place]) for place in results])
    hashes = df["_pset_hash"].tolist()
    fits = [new == sha for new, sha in zip(pset_hashes(psets), hashes, strict=True)]
    for i in [i for i, fit in enumerate(fits) if not fit]:

        def moved(i: int = i) -> Pset:
            row = [values[i] for values in cells_of_results()]
            return _present([every[place] for place in results], row)

        missing = [name for name in names if name not in psets[i]]
        read = reader.read(psets[i], hashes[i], missing, moved)
        fits[i] = read is not psets[i]
        psets[i] = read
    return psets, fits


def _present(names: list[Any], row: Iterable[Any]) -> Pset:
    return {name: value for name, value in zip(names, row) if value is not MISSING}  # noqa: B905


class _Reading(NamedTuple):
    """How a row may have to be read to get its pset.

    Some names are results in this row and params in others. Some floats were ints, or some ints
    floats before the user converted the column. Of a missing cell, pandas may have forgotten what
    it was. Some columns of results were params, and the user has moved them.
    """

    dropped: frozenset[Any] = frozenset()
    converted: frozenset[Any] = frozenset()
    filled: tuple[tuple[Any, Any], ...] = ()
    added: frozenset[Any] = frozenset()


class _Reader:
    """Read psets in the way that fits to their hashes."""

    def __init__(self) -> None:
        self._habits: dict[tuple[Any, ...], _Reading] = {}  # by the names of a pset
        # How often they may yet be tried in vain: func may have returned a new value for a param,
        # in all rows even. Then no reading fits.
        self._left: dict[tuple[Any, ...], int] = {}

    def read(self, pset: Pset, sha: str, missing: list[Any], results: Callable[[], Pset]) -> Pset:
        """Return the pset of a row that says `pset`, which is not what the hash says.

        The row has no value for the params in `missing`. The user may have moved a param among the
        `results`.
        """
        names = tuple(pset)
        habit = [self._habits[names]] if names in self._habits else []
        left = self._left.get(names, 50_000)
        found = _readings(pset, missing, results)
        readings = itertools.islice(found, max(1, min(left, 5000)))
        for reading in itertools.chain(habit, readings):
            left -= 1
            read = {
                name: _converted(value) if name in reading.converted else value
                for name, value in pset.items()
                if name not in reading.dropped
            }
            if reading.filled:
                read.update((name, value) for name, value in reading.filled if name in missing)
            if reading.added:
                for name, value in results().items():
                    if name in reading.added:
                        read[name] = _converted(value) if name in reading.converted else value
            if pset_hash(read) == sha:
                self._habits[names] = reading
                return read
        self._left[names] = left
        return pset


def _is_whole(value: Any) -> bool:
    return type(value) is float and value.is_integer()


def _converted(value: Any) -> Any:
    if _is_whole(value):
        return int(value)
    return float(value) if _is_small(value) else value


def _is_small(value: Any) -> bool:
    return type(value) is int and -(2**53) <= value <= 2**53


def _readings(pset: Pset, missing: list[Any], results: Callable[[], Pset]) -> Iterator[_Reading]:
    # The most likely ones first. Of private names the hash says nothing; the others are in the
    # order in which they became params.
    names = [name for name in pset if not is_private(name)]
    whole = [name for name in names if _is_whole(pset[name])]
    small = [name for name in names if _is_small(pset[name])]
    yield _Reading(converted=frozenset(whole))
    dropped = [(), *(names[n:] for n in range(len(names))), *_combinations(names, range(1, 4))]
    ints = [whole, (), *_combinations(whole, range(1, len(whole)))]
    floats = [small, *_combinations(small, range(1, len(small)))] if small else []
    for some in ints[1:]:
        yield _Reading(converted=frozenset(some))
    for names_of_results, some in itertools.product(dropped[1:], ints[:2]):
        yield _Reading(frozenset(names_of_results), frozenset(some))
    for some in floats:
        yield _Reading(converted=frozenset(some))
    numbers = [*ints[:2], *floats[:1]]
    missing = [name for name in missing if not is_private(name)]
    filled = [
        tuple((name, value) for name in some)
        for some in _combinations(missing, range(1, len(missing) + 1))
        for value in (None, float("nan"))
    ]
    for pairs, some in itertools.product(filled, numbers):
        yield _Reading(converted=frozenset(some), filled=pairs)
    moved = [name for name in results() if not is_private(name)]
    added = [*_combinations(moved, range(1, 4))]
    rest = [*ints[2:], *floats[1:]]
    for more, some in itertools.chain(
        itertools.product(added, numbers), itertools.product(added, rest)
    ):
        for others in ((), more):
            yield _Reading(converted=frozenset((*some, *others)), added=frozenset(more))
    for pairs, some in itertools.product(filled, rest):
        yield _Reading(converted=frozenset(some), filled=pairs)
    for names_of_results, some in itertools.product(dropped[1:], ints[2:]):
        yield _Reading(frozenset(names_of_results), frozenset(some))


def _combinations(names: list[Any], sizes: range) -> Iterator[tuple[Any, ...]]:
    some = itertools.chain.from_iterable(itertools.combinations(names, n) for n in sizes)
    return itertools.islice(some, 500)


@takes_old_words
def df_extract_row(df: pd.DataFrame, pset_id: str) -> pd.Series[Any]:
    """Return one row, every value with its own type.

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
    df = arranged(df)
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
        dtype=object,
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
    op: Callable[..., Any] | str = np.logical_and,
) -> pd.DataFrame:
    """Keep the rows for which all conditions are true.

    Parameters
    ----------
    df : DataFrame
        A database.
    conds : iterable of array_like of bool, each of shape (len(df),)
        Such as ``[df.b == 10, df.c == "foo"]``. A missing value counts as
        False. With no condition at all every row is kept.
    op : ufunc, "and" or "or", default numpy.logical_and
        Joins the conditions; "or" (``numpy.logical_or``) for any instead of all.

    Returns
    -------
    DataFrame
        The rows that are left.

    Raises
    ------
    ParamsError
        A condition has another length than `df`.
    ParamsTypeError
        A condition is not made of bools, or `op` is not a function.

    Examples
    --------
    >>> import pandas as pd
    >>> import psweep as ps
    >>> df = pd.DataFrame({"a": [1, 2, 3], "b": [10, 10, 20]})
    >>> ps.df_filter_conds(df, [df.a > 1, df.b == 10])
       a   b
    1  2  10
    """
    join = _joining(op)
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
        keep = mask if keep is None else join(keep, mask)
    return df if keep is None else df[keep]


def _joining(op: Any) -> Callable[..., Any]:
    if isinstance(op, str) and op in ("and", "or"):  # as in 0.16
        return np.logical_and if op == "and" else np.logical_or
    if not callable(op):
        message = f"op must be a function such as numpy.logical_and or numpy.logical_or, not {op!r}"
        raise ParamsTypeError(message)
    return op  # type: ignore[no-any-return]
