"""Rows to DataFrames, and DataFrames to what a user wants of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .columns import MISSING, cells, column, join, objects
from .errors import DatabaseError, ParamsError, ParamsTypeError, PsetNotFoundError
from .hashing import pset_hash
from .params import Pset
from .rows import BOOK, EXTRAS, NO_EXTRA, RESERVED, RUNTIME, Header, Row

__all__ = [
    "df_extract_params",
    "df_extract_pset",
    "df_extract_row",
    "df_filter_conds",
    "df_print",
]

# Rows to columns


def frame_of_rows(rows: Sequence[Row], header: Header) -> pd.DataFrame:
    """Build the DataFrame of one run's rows, in the order of their numbers."""
    rows = sorted(rows, key=_seq)
    n = len(rows)
    params = _columns_of([row[5] for row in rows])
    results = _columns_of([row[6] for row in rows])
    seqs = np.fromiter(map(_seq, rows), dtype=np.int64, count=n)
    book: dict[Any, Any] = {
        "_run_id": column([header.run_id] * n),
        "_pset_id": column([row[1] for row in rows]),
        "_calc_dir": column([header.calc_dir] * n),
        "_time_utc": np.array([row[2] for row in rows], dtype="M8[ns]"),
        "_pset_hash": column([row[3] for row in rows]),
        "_pset_seq": seqs,
        "_run_seq": np.full(n, header.run_seq, dtype=np.int64),
    }
    for name in EXTRAS:
        if any(row[7] is not None and name in row[7] for row in rows):
            book[name] = column([(row[7] or {}).get(name, NO_EXTRA[name]) for row in rows])
    # A name that is a param of one pset and a result of another: the row's hash tells which.
    for name in [name for name in results if name in params]:
        params[name] = column([row[5].get(name, row[6].get(name, MISSING)) for row in rows])
        del results[name]
    runtime = np.array([row[4] for row in rows], dtype=np.float64)
    return _with_seqs({**params, **book, **results, RUNTIME: runtime}, seqs)


def _seq(row: Row) -> int:
    return row[0]


def _columns_of(dicts: Sequence[Pset]) -> dict[Any, Any]:
    if not dicts:
        return {}
    first = dicts[0].keys()
    if all(dct.keys() == first for dct in dicts):
        return {name: column([dct[name] for dct in dicts]) for name in first}
    names = dict.fromkeys(itertools.chain.from_iterable(dicts))
    return {name: column([dct.get(name, MISSING) for dct in dicts]) for name in names}


# DataFrames to DataFrames


def groups(df: pd.DataFrame) -> tuple[list[Any], list[Any], list[Any]]:
    """Split the names of the columns into params, book-keeping and results, by their place."""
    names = list(df.columns)
    if "_run_id" not in names:
        message = (
            f"this DataFrame has no column '_run_id' (it has {names!r}), so its params cannot be "
            "told from its results; pass the database as run_local returned it"
        )
        raise DatabaseError(message)
    first = names.index("_run_id")
    rest = names[first:]
    return (
        names[:first],
        [name for name in rest if _reserved(name)],
        [name for name in rest if not _reserved(name)],
    )


def check_book(df: pd.DataFrame, where: str) -> None:
    """Refuse a DataFrame that lacks book-keeping; `where` names it in the error."""
    lacking = [name for name in BOOK if name not in df.columns]
    if len(df.columns) and lacking:
        message = (
            f"{where} is no psweep database: it lacks the columns {lacking!r} (it has "
            f"{list(df.columns)!r}); take one that run_local made, and add columns instead of "
            "leaving some out"
        )
        raise DatabaseError(message)


def _reserved(name: Any) -> bool:
    return isinstance(name, str) and name in RESERVED


def append_frame(old: pd.DataFrame | None, new: pd.DataFrame) -> pd.DataFrame:
    """Append rows to a database; the columns keep their three groups, the values their types."""
    if old is None or not len(old.columns):
        return new
    if not len(new):
        return old
    old_params, old_book, old_results = groups(old)
    new_params, new_book, new_results = groups(new)
    params = list(dict.fromkeys([*old_params, *new_params]))
    book = [name for name in (*BOOK, *EXTRAS) if name in {*old_book, *new_book}]
    results = [n for n in dict.fromkeys([*old_results, *new_results]) if n not in set(params)]
    columns = {name: _joined(name, old, new) for name in [*params, *book, *results, RUNTIME]}
    seqs = np.concatenate([old["_pset_seq"].to_numpy(), new["_pset_seq"].to_numpy()])
    df = _with_seqs(columns, seqs)
    # Runs that overlapped in time may be appended in either order.
    return df if df.index.is_monotonic_increasing else df.sort_index(kind="stable")


def _joined(name: Any, old: pd.DataFrame, new: pd.DataFrame) -> pd.Series[Any]:
    parts = [_part(name, df) for df in (old, new)]
    if isinstance(name, str) and name in NO_EXTRA:
        absent = NO_EXTRA[name]
        parts = [
            pd.Series([absent] * len(df), dtype=bool if absent is False else object)
            if part is None
            else part
            for part, df in zip(parts, (old, new), strict=True)
        ]
    return join(parts[0], parts[1], (len(old), len(new)))


def _part(name: Any, df: pd.DataFrame) -> pd.Series[Any] | None:
    names = list(df.columns)
    return df.iloc[:, names.index(name)] if name in names else None


def _with_seqs(columns: dict[Any, Any], seqs: np.ndarray[Any, Any]) -> pd.DataFrame:
    n = len(seqs)
    in_a_row = n > 0 and seqs[-1] - seqs[0] == n - 1 and (np.diff(seqs) == 1).all()
    index = pd.RangeIndex(seqs[0], seqs[0] + n) if in_a_row else pd.Index(seqs, dtype=np.int64)
    return assemble(list(columns), list(columns.values()), index)


def assemble(names: list[Any], columns: list[Any], index: pd.Index[Any]) -> pd.DataFrame:
    """Make columns into a DataFrame, whatever their names are."""
    data = {i: _with_index(column, index) for i, column in enumerate(columns)}
    df = pd.DataFrame(data, index=index, copy=False)
    df.columns = index_of_names(names)
    return df


def _with_index(column: Any, index: pd.Index[Any]) -> Any:
    if isinstance(column, pd.Series):
        return column.set_axis(index)
    # pandas 3 would look into an array of objects and make None and strings into its str.
    return pd.Series(column, index=index, dtype=object) if column.dtype == object else column


def index_of_names(names: list[Any]) -> Any:
    """Make the names of columns into an Index; tuples stay names, not levels."""
    if all(type(name) is str for name in names):
        return pd.Index(names)
    return pd.Index(objects(names), dtype=object, tupleize_cols=False)


# DataFrames to the user


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
    # A name may be a param of one row and a result of another; both then stand among the params.
    if "_pset_hash" not in df.columns:
        return psets
    return [_as_hashed(pset, sha) for pset, sha in zip(psets, df["_pset_hash"], strict=True)]


def _as_hashed(pset: Pset, sha: str) -> Pset:
    """Leave out the results that share a name with another row's param, by the row's hash."""
    if pset_hash(pset) == sha:
        return pset
    names = list(pset)
    for n in range(1, min(len(names), 3) + 1):
        for dropped in itertools.combinations(names, n):
            part = {name: value for name, value in pset.items() if name not in dropped}
            if pset_hash(part) == sha:
                return part
    return pset  # func returned a new value for a param, which then replaced the old one


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
        A condition is not made of bools.

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"a": [1, 2, 3], "b": [10, 10, 20]})
    >>> df_filter_conds(df, [df.a > 1, df.b == 10])
       a   b
    1  2  10
    """
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


def df_print(
    df: pd.DataFrame,
    index: bool = False,
    special_cols: bool = False,
    cols: Sequence[Any] = (),
    skip_cols: Sequence[Any] = (),
) -> None:
    """Print params and results as a table, every row of it.

    Parameters
    ----------
    df : DataFrame
        A database.
    index : bool, default False
        Print the index, too.
    special_cols : bool, default False
        Print the columns whose names start with ``_``, too.
    cols : sequence, optional
        Print exactly these columns, in this order.
    skip_cols : sequence, optional
        Leave out these columns.

    Raises
    ------
    ParamsError
        `df` has no such column.

    Examples
    --------
    >>> import psweep as ps
    >>> df_print(ps.run_local(lambda pset: {"b": 2.5}, [{"a": 1}], save=False))
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
    print(df[shown].to_string(index=index))
