"""Take a database apart: psets, rows, a selection of rows."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DatabaseError, ParamsError, ParamsTypeError, PsetNotFoundError
from ..old_words import takes_old_words
from ..params.grids import Pset, brief
from ..params.hashing import pset_hashes
from .by_hash import Reader
from .cells import MISSING, cells, objects
from .frames import arranged, groups, index_of_names, places_of
from .levels import check_frame

__all__ = [
    "df_extract_params",
    "df_extract_pset",
    "df_extract_row",
    "df_filter_conds",
    "psets_and_fits",
    "psets_and_fits_as_stored",
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
    ParamsTypeError
        `df` is not a DataFrame.
    DatabaseError
        `df` has no column ``_pset_id``, or no ``_run_id``, which separates params from bookkeeping.

    Examples
    --------
    >>> import psweep as ps
    >>> df = ps.run_local(lambda pset: {"c": 3}, [{"a": 1}, {"b": None}], save=False)
    >>> ps.df_extract_pset(df, df._pset_id[1])
    {'b': None}
    """
    check_frame(df, "df_extract_pset")
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
    ParamsTypeError
        `df` is not a DataFrame.
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
    check_frame(df, "df_extract_params")
    return psets_and_fits(df)[0]


def psets_and_fits(df: pd.DataFrame) -> tuple[list[Pset], list[bool]]:
    """Get the psets of all rows, and whether each has the hash of its row."""
    df = arranged(df)
    every = list(df.columns)
    params, results = places_of(df)
    names = [every[i] for i in params]
    psets, fits = psets_and_fits_as_stored(df)
    if "_pset_hash" not in every:
        return psets, fits
    reader = Reader()
    cells_of_results = functools.cache(lambda: [cells(df.iloc[:, place]) for place in results])
    hashes = df["_pset_hash"].tolist()
    for i in [i for i, fit in enumerate(fits) if not fit]:

        def moved(i: int = i) -> Pset:
            row = [values[i] for values in cells_of_results()]
            return _present([every[place] for place in results], row)

        missing = [name for name in names if name not in psets[i]]
        read = reader.read(psets[i], hashes[i], missing, moved)
        fits[i] = read is not psets[i]
        psets[i] = read
    return psets, fits


def psets_and_fits_as_stored(df: pd.DataFrame) -> tuple[list[Pset], list[bool]]:
    """Do the same without a search for other readings of a row that does not fit."""
    df = arranged(df)
    every = list(df.columns)
    params, _ = places_of(df)
    names = [every[i] for i in params]
    columns = [cells(df.iloc[:, i]) for i in params]
    rows = zip(*columns, strict=True) if columns else ((),) * len(df)
    psets = [_present(names, row) for row in rows]
    if "_pset_hash" not in every:
        return psets, [False] * len(df)
    hashes = df["_pset_hash"].tolist()
    return psets, [new == sha for new, sha in zip(pset_hashes(psets), hashes, strict=True)]


def _present(names: list[Any], row: Iterable[Any]) -> Pset:
    return {name: value for name, value in zip(names, row) if value is not MISSING}  # noqa: B905


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
    ParamsTypeError
        `df` is not a DataFrame.
    DatabaseError
        `df` has no column ``_pset_id``.

    Examples
    --------
    >>> import psweep as ps
    >>> df = ps.run_local(lambda pset: {"c": 3}, [{"a": 1}], save=False)
    >>> int(ps.df_extract_row(df, df._pset_id[0]).c)
    3
    """
    check_frame(df, "df_extract_row")
    df = arranged(df)
    row = _only_row(df, pset_id)
    values = [cells(row.iloc[:, position])[0] for position in range(row.shape[1])]
    if "_run_id" in df.columns:
        pset = df_extract_params(row)[0]  # which knows ints from floats
        n_params = len(groups(df)[0])
        values = [
            pset.get(name, value) if i < n_params else value
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
    is_id = isinstance(pset_id, str)
    row = df[(df["_pset_id"] == pset_id).to_numpy(dtype=bool)] if is_id else df[:0]
    if not len(row):
        shown = repr(pset_id) if is_id else brief(pset_id)
        message = f"no row has the _pset_id {shown}; the ids are in df._pset_id"
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
        False. With no condition at all every row is kept. A Series is matched with the rows by its
        labels, so it may come from the same rows in another order.
    op : ufunc, "and" or "or", default numpy.logical_and
        Joins the conditions; "or" (``numpy.logical_or``) for any instead of all.

    Returns
    -------
    DataFrame
        The rows that are left.

    Raises
    ------
    ParamsError
        A condition has another length than `df`, or other labels.
    ParamsTypeError
        `df` is not a DataFrame, a condition is not made of bools, `conds` is a single one, or `op`
        is not a function.

    Examples
    --------
    >>> import pandas as pd
    >>> import psweep as ps
    >>> df = pd.DataFrame({"a": [1, 2, 3], "b": [10, 10, 20]})
    >>> ps.df_filter_conds(df, [df.a > 1, df.b == 10])
       a   b
    1  2  10
    """
    check_frame(df, "df_filter_conds")
    join = _joining(op)
    if isinstance(conds, pd.Series | str) or (isinstance(conds, np.ndarray) and conds.ndim == 1):
        message = f"df_filter_conds: conds must be a list, such as [df.a == 1], not {brief(conds)}"
        raise ParamsTypeError(message)
    keep = None
    for position, cond in enumerate(conds):
        series = _in_the_order_of(df, cond)
        if len(series) != len(df):
            message = (
                f"condition {position} has {len(series)} values for {len(df)} rows; "
                "make it from this df"
            )
            raise ParamsError(message)
        if not series.index.equals(df.index):
            message = (
                f"condition {position} has other row labels than df: {series.index.tolist()[:5]!r} "
                f"and {df.index.tolist()[:5]!r} ...; make it from this df, or pass its values, "
                "cond.to_numpy(), if they are in the order of its rows"
            )
            raise ParamsError(message)
        if not _holds_bools(series):
            message = (
                f"condition {position} holds {series.dtype} values, not bools; "
                "write a comparison such as df.a == 1"
            )
            raise ParamsTypeError(message)
        mask = series.astype("boolean").fillna(False).to_numpy(dtype=bool)
        keep = mask if keep is None else join(keep, mask)
    return df if keep is None else df[keep]


def _holds_bools(series: pd.Series[Any]) -> bool:
    """Return whether a condition is made of bools, some of which may be missing or None."""
    if series.dtype == object:
        return pd.api.types.infer_dtype(series, skipna=True) in ("boolean", "empty")
    return bool(pd.api.types.is_bool_dtype(series.dtype))


def _in_the_order_of(df: pd.DataFrame, cond: Any) -> pd.Series[Any]:
    """Return a condition with the rows of `df`, found by their labels as pandas does."""
    if not isinstance(cond, pd.Series):
        values = pd.Series(cond)
        return values.set_axis(df.index) if len(values) == len(df) else values
    labels = cond.index
    if labels.equals(df.index):  # as nearly always, and quick
        return cond
    if labels.is_unique and df.index.is_unique and set(labels) == set(df.index):
        return cond.reindex(df.index)
    return cond


def _joining(op: Any) -> Callable[..., Any]:
    if isinstance(op, str) and op in ("and", "or"):  # as in 0.16
        return np.logical_and if op == "and" else np.logical_or
    if not callable(op):
        message = f"op must be a function such as numpy.logical_and or numpy.logical_or, not {op!r}"
        raise ParamsTypeError(message)
    return op  # type: ignore[no-any-return]
