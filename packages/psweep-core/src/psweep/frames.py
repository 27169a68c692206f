"""Rows to a DataFrame, and DataFrames to a longer one."""

from __future__ import annotations

import contextlib
import itertools
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from .blocks import Block, Cells, block_of, listed
from .columns import MISSING, column, join, objects
from .errors import DatabaseError
from .rows import BOOK, EXTRAS, NO_EXTRA, RESERVED, RUNTIME, Header, Row

__all__ = [
    "append_frame",
    "assemble",
    "check_book",
    "frame_of_block",
    "frame_of_rows",
    "groups",
    "index_of_names",
    "rows_of_run",
    "with_extras",
]


def frame_of_rows(rows: Iterable[Row], header: Header) -> pd.DataFrame:
    """Build the DataFrame of one run's rows, in the order of their numbers."""
    rows = sorted(rows, key=operator.itemgetter(0))
    return frame_of_block(block_of([*itertools.chain.from_iterable(rows)]), header)


def frame_of_block(block: Block, header: Header) -> pd.DataFrame:
    """Build the DataFrame of rows of one run that come as columns of cells."""
    n = len(block.ids)
    index = range(n)
    book: dict[Any, Any] = {
        "_run_id": pd.Series(header.run_id, index=index),
        "_pset_id": pd.Series(block.ids, dtype=None if n else object),
        "_calc_dir": pd.Series(header.calc_dir, index=index),
        "_time_utc": block.times.view("M8[ns]"),
        "_pset_hash": pd.Series(block.hashes, dtype=None if n else object),
        "_pset_seq": block.seqs,
        "_run_seq": np.full(n, header.run_seq, dtype=np.int64),
    }
    found = {name for some in block.extras if some for name in some}
    for name in EXTRAS:
        if name in found:
            cells = [(some or {}).get(name, NO_EXTRA[name]) for some in block.extras]
            book[name] = column(cells)
    params, results = {**block.params}, {**block.results}
    # A name that is a param of one pset and a result of another: the row's hash tells which.
    for name in [name for name in results if name in params]:
        pairs = zip(listed(params[name]), listed(results.pop(name)), strict=True)
        params[name] = [result if param is MISSING else param for param, result in pairs]
    columns = {**_columns(params), **book, **_columns(results), RUNTIME: block.runtimes}
    return _with_seqs(columns, block.seqs)


def _columns(cells: Cells) -> dict[Any, Any]:
    return {name: column(some, exact=is_private(name)) for name, some in cells.items()}


def is_private(name: Any) -> bool:
    """Tell names that are not hashed."""
    return isinstance(name, str) and name.startswith("_")


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


def rows_of_run(df: pd.DataFrame, header: Header) -> np.ndarray[Any, Any]:
    """Mark the rows of a run."""
    if not len(df):
        return np.zeros(0, dtype=bool)
    # The ids, which are text, only where the number is right: that is much quicker.
    mask = np.array(df["_run_seq"] == header.run_seq, dtype=bool)
    mask[mask] = np.array(df["_run_id"].array[mask] == header.run_id, dtype=bool)
    return mask


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
    params = dict.fromkeys([*old_params, *new_params])
    book = [name for name in (*BOOK, *EXTRAS) if name in {*old_book, *new_book}]
    results = [n for n in dict.fromkeys([*old_results, *new_results]) if n not in params]
    places = [{name: i for i, name in enumerate(df.columns)} for df in (old, new)]
    columns = {
        name: _joined(name, old, new, *(place.get(name) for place in places))
        for name in [*params, *book, *results, RUNTIME]
    }
    seqs = np.concatenate([old["_pset_seq"].to_numpy(), new["_pset_seq"].to_numpy()])
    df = _with_seqs(columns, seqs)
    # Runs that overlapped in time may be appended in either order.
    return df if df.index.is_monotonic_increasing else df.sort_index(kind="stable")


def with_extras(df: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Add further book-keeping columns that a database lacks, as if its rows had not used them."""
    for name in names:
        if name not in df.columns:
            before = {*BOOK, *EXTRAS[: EXTRAS.index(name)]}
            place = 1 + max(i for i, other in enumerate(df.columns) if other in before)
            df = df.copy(deep=False)
            # (From one value, because its dtype is wanted also where there are no rows.)
            values = pd.Series(column([NO_EXTRA[name]])).repeat(len(df))
            df.insert(place, name, values.set_axis(df.index))
    return df


def _joined(
    name: Any, old: pd.DataFrame, new: pd.DataFrame, old_place: int | None, new_place: int | None
) -> pd.Series[Any]:
    halves = [
        (df, None if place is None else df.iloc[:, place])
        for df, place in ((old, old_place), (new, new_place))
    ]
    if isinstance(name, str) and name in NO_EXTRA:
        fill = column([NO_EXTRA[name]])
        halves = [
            (df, pd.Series(fill).repeat(len(df)) if part is None else part) for df, part in halves
        ]
    (_, upper), (_, lower) = halves
    return join(upper, lower, (len(old), len(new)), exact=is_private(name))


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
        with contextlib.suppress(UnicodeError):  # half of a surrogate pair, as in odd file names
            return pd.Index(names)
    return pd.Index(objects(names), dtype=object, tupleize_cols=False)
