"""Rows to a DataFrame and back, without losing what a value was.

A DataFrame has a cell for every name in every row, a study does not: psets may differ in their
names. What a missing cell looks like depends on the column:

=========================  ==============================  =====================
all values of the column   dtype                           missing cell
=========================  ==============================  =====================
int                        int64, Int64 if any is missing  pandas.NA
bool                       bool, boolean if any is missing pandas.NA
float                      float64                         NaN
str                        str (pandas 3) or object        NaN
pandas.Timestamp           datetime64[ns]                  NaT
anything else, or mixed    object                          NaN
=========================  ==============================  =====================

A NaN that a pset really holds must differ from a missing cell. It is stored as a NaN too, so that
pandas treats it as one, but with a mark among the bits that a NaN leaves free (its payload). R
tells its NA from NaN in the same way (`arithmetic.c`, NA_REAL). What pandas itself fills
in, for instance in ``pd.concat``, has no mark and so reads as missing.
"""

from __future__ import annotations

import contextlib
import itertools
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

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

_MARK_BITS = 0x7FF8_0000_0000_0E5E
MARKED_NAN: float = struct.unpack("<d", struct.pack("<Q", _MARK_BITS))[0]


class _Missing:
    """Type of `MISSING`, which stands for a cell that its row does not have."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


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
        params[name] = column(
            [row[5].get(name, row[6].get(name, MISSING)) for row in rows]
        )
        del results[name]
    runtime = np.array([row[4] for row in rows], dtype=np.float64)
    return _assemble({**params, **book, **results, RUNTIME: runtime}, seqs)


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


def column(values: list[Any]) -> Any:
    """Make cells into the array or Series of the narrowest dtype that loses nothing."""
    kinds = set(map(type, values))
    missing = _Missing in kinds
    kinds.discard(_Missing)
    with contextlib.suppress(OverflowError, UnicodeError):
        if kinds and all(issubclass(kind, int | np.integer) and kind is not bool for kind in kinds):
            if all(kind is int or issubclass(kind, np.integer) for kind in kinds):
                return _masked(values, missing, np.int64, "Int64")
        elif kinds and kinds <= {bool, np.bool_}:
            return _masked(values, missing, np.bool_, "boolean")
        elif kinds and all(kind is float or issubclass(kind, np.floating) for kind in kinds):
            if np.longdouble not in kinds or np.dtype(np.longdouble).itemsize == 8:
                return _floats(values)
        elif kinds == {str}:
            return pd.Series([np.nan if v is MISSING else v for v in values])
        elif kinds == {complex} and not missing:
            return np.array(values, dtype=np.complex128)
        elif kinds == {pd.Timestamp} and all(
            v is MISSING or (v.tz is None and v.unit == "ns") for v in values
        ):
            return np.array(
                [np.datetime64("NaT", "ns") if v is MISSING else v.to_datetime64() for v in values],
                dtype="M8[ns]",
            )
    return objects(values)


def _masked(values: list[Any], missing: bool, dtype: Any, nullable: str) -> Any:
    if not missing:
        return np.array(values, dtype=dtype)
    mask = np.fromiter((v is MISSING for v in values), dtype=np.bool_, count=len(values))
    data = np.array([0 if v is MISSING else v for v in values], dtype=dtype)
    array = pd.array(data, dtype=nullable)
    array[mask] = pd.NA
    return pd.Series(array)


def _floats(values: list[Any]) -> np.ndarray[Any, Any]:
    data = np.array([np.nan if v is MISSING else v for v in values], dtype=np.float64)
    nan = np.isnan(data)
    if nan.any():
        given = np.fromiter((v is not MISSING for v in values), dtype=np.bool_, count=len(values))
        data.view(np.uint64)[nan & given] = _MARK_BITS
    return data


def objects(values: Iterable[Any]) -> np.ndarray[Any, Any]:
    """Make cells into an array of objects, one cell each, whatever they are."""
    cells = list(values)
    array = np.empty(len(cells), dtype=object)
    for i, value in enumerate(cells):
        if value is MISSING:
            array[i] = np.nan
        elif isinstance(value, float) and value != value:  # noqa: PLR0124
            array[i] = MARKED_NAN
        else:
            array[i] = value
    return array


def cells(series: pd.Series[Any]) -> list[Any]:
    """Take a column apart into Python values, with `MISSING` where a row has none."""
    dtype = series.dtype
    if not isinstance(dtype, np.dtype):
        return [
            MISSING if missing else value.item() if isinstance(value, np.generic) else value
            for value, missing in zip(series, series.isna(), strict=True)
        ]
    values: list[Any] = series.tolist()
    if dtype.kind == "f":
        return [_float_cell(value) if value != value else value for value in values]  # noqa: PLR0124
    if dtype.kind in "mM":
        return [MISSING if value is pd.NaT else value for value in values]
    if dtype.kind == "O":
        return [
            _float_cell(value) if type(value) is float and value != value else value  # noqa: PLR0124
            for value in values
        ]
    return values


def _float_cell(value: float) -> Any:
    marked = struct.pack("<d", value) == struct.pack("<Q", _MARK_BITS)
    return float("nan") if marked else MISSING


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
    columns = {
        name: _joined(name, old, new) for name in [*params, *book, *results, RUNTIME]
    }
    seqs = np.concatenate([old["_pset_seq"].to_numpy(), new["_pset_seq"].to_numpy()])
    df = _assemble(columns, seqs)
    # Runs that overlapped in time may be appended in either order.
    return df if df.index.is_monotonic_increasing else df.sort_index(kind="stable")


def _joined(name: Any, old: pd.DataFrame, new: pd.DataFrame) -> Any:
    parts = [_part(name, df) for df in (old, new)]
    have = [part for part in parts if part is not None]
    nullable = {"int64": "Int64", "bool": "boolean"}
    kinds = {nullable.get(str(part.dtype), str(part.dtype)) for part in have}
    if len(have) == 2 and have[0].dtype == have[1].dtype:
        if isinstance(have[0].dtype, np.dtype):
            return np.concatenate([part.to_numpy() for part in have])
        return pd.concat(have, ignore_index=True)
    fill = NO_EXTRA.get(name, MISSING) if isinstance(name, str) else MISSING
    lengths = [len(old), len(new)]
    if fill is MISSING and len(kinds) == 1 and kinds <= {"Int64", "boolean"}:
        kind = kinds.pop()
        filled = [
            pd.Series(pd.array([pd.NA] * n, dtype=kind)) if part is None else part.astype(kind)
            for part, n in zip(parts, lengths, strict=True)
        ]
        return pd.concat(filled, ignore_index=True)
    if fill is MISSING and len(have) == 1 and have[0].dtype == np.float64:
        return np.concatenate(
            [
                np.full(n, np.nan) if part is None else part.to_numpy()
                for part, n in zip(parts, lengths, strict=True)
            ]
        )
    values: list[Any] = []
    for part, n in zip(parts, lengths, strict=True):
        values += [fill] * n if part is None else cells(part)
    # Two halves of one natural dtype, say all str and then some rows without, keep it; a column
    # that was made of objects is not looked through again for each run that is appended.
    was_objects = any(part.dtype == np.dtype(object) for part in have) and len(values) > 0
    return objects(values) if was_objects and not _all_str(have) else column(values)


def _all_str(parts: list[pd.Series[Any]]) -> bool:
    return all(pd.api.types.infer_dtype(part, skipna=True) == "string" for part in parts)


def _part(name: Any, df: pd.DataFrame) -> pd.Series[Any] | None:
    for position, other in enumerate(df.columns):
        # True == 1, but pandas finds neither by the other in every kind of Index.
        if other is name or other == name:
            part: pd.Series[Any] = df.iloc[:, position]
            return part
    return None


def _assemble(columns: dict[Any, Any], seqs: np.ndarray[Any, Any]) -> pd.DataFrame:
    n = len(seqs)
    index = (
        pd.RangeIndex(int(seqs[0]), int(seqs[0]) + n)
        if n and seqs[-1] - seqs[0] == n - 1 and (np.diff(seqs) == 1).all()
        else pd.Index(seqs, dtype=np.int64)
    )
    data = {i: _with_index(part, index) for i, part in enumerate(columns.values())}
    df = pd.DataFrame(data, index=index, copy=False)
    df.columns = index_of_names(list(columns))
    return df


def _with_index(part: Any, index: pd.Index[Any]) -> Any:
    if isinstance(part, pd.Series):
        return part.set_axis(index)
    # pandas 3 would look into an array of objects and make None and strings into its str.
    return pd.Series(part, index=index, dtype=object) if part.dtype == object else part


def index_of_names(names: list[Any]) -> pd.Index[Any]:
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
