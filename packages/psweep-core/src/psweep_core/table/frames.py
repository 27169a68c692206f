"""Rows to a DataFrame, and DataFrames to a longer one."""

from __future__ import annotations

import contextlib
import itertools
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DatabaseError
from .bookkeeping import BOOK, EXTRAS, NO_EXTRA, RUNTIME, is_private, is_reserved
from .by_hash import params_by_hash
from .cells import MISSING, cells, column, objects
from .joining import join
from .row_groups import Cells, RowGroup, listed, row_group
from .rows import Header, Row, RowTuple

__all__ = [
    "append_frame",
    "are_same",
    "arranged",
    "assemble",
    "check_book",
    "check_numbers",
    "check_unique",
    "frame_of_row_group",
    "frame_of_rows",
    "groups",
    "index_of_names",
    "numbered",
    "places_of",
    "regrouped",
    "rows_however_numbered",
    "rows_of_run",
    "usable",
    "with_extras",
    "with_seqs",
]

# pandas 2 makes its own NaN of all kinds of missing cells in a column that has nothing else.
_CONCAT_KEEPS_MISSING = int(pd.__version__.split(".")[0]) >= 3


def frame_of_rows(rows: Iterable[RowTuple], header: Header) -> pd.DataFrame:
    """Build the DataFrame of one run's rows, in the order of their numbers."""
    rows = sorted(rows, key=operator.itemgetter(Row._fields.index("seq")))
    return frame_of_row_group(row_group([*itertools.chain.from_iterable(rows)]), header)


def frame_of_row_group(group: RowGroup, header: Header) -> pd.DataFrame:
    """Build the DataFrame of rows of one run that come as columns of cells."""
    n = len(group.ids)
    index = range(n)
    book: dict[Any, Any] = {
        "_run_id": pd.Series(header.run_id, index=index),
        "_pset_id": pd.Series(group.ids, dtype=None if n else object),
        "_calc_dir": _folder_column(header.calc_dir, index),
        "_time_utc": group.times.view("M8[ns]"),
        "_pset_hash": pd.Series(group.hashes, dtype=None if n else object),
        "_pset_seq": group.seqs,
        "_run_seq": np.full(n, header.run_seq, dtype=np.int64),
    }
    found = {name for some in group.extras if some for name in some}
    for name in EXTRAS:
        if name in found:
            book[name] = column([(some or {}).get(name, NO_EXTRA[name]) for some in group.extras])
    params, results = {**group.params}, {**group.results}
    # A name that is a param of one pset and a result of another: the row's hash tells which.
    for name in [name for name in results if name in params]:
        pairs = zip(listed(params[name]), listed(results.pop(name)), strict=True)
        params[name] = [result if param is MISSING else param for param, result in pairs]
    columns = {**_columns(params), **book, **_columns(results), RUNTIME: group.runtimes}
    return with_seqs(columns, group.seqs)


def _folder_column(calc_dir: str, index: range) -> pd.Series[Any]:
    try:
        return pd.Series(calc_dir, index=index)
    except UnicodeEncodeError:  # a name that is not in UTF-8, which pyarrow cannot hold
        return pd.Series(calc_dir, index=index, dtype=object)


def _columns(found: Cells) -> dict[Any, Any]:
    return {name: column(some, exact=is_private(name)) for name, some in found.items()}


def groups(df: pd.DataFrame) -> tuple[list[Any], list[Any], list[Any]]:
    """Split the names of the columns into params, bookkeeping and results, by their position."""
    params, results = places_of(df)
    names = list(df.columns)
    return (
        [names[i] for i in params],
        [name for name in names if is_reserved(name)],
        [names[i] for i in results],
    )


def places_of(df: pd.DataFrame) -> tuple[list[int], list[int]]:
    """Find the columns of params, and those of results."""
    names = list(df.columns)
    if "_run_id" not in names:
        message = (
            f"this DataFrame has no column '_run_id' (it has {names!r}), so its params cannot be "
            "separated from its results; pass the database as run_local returned it"
        )
        raise DatabaseError(message)
    first = names.index("_run_id")
    others = [i for i, name in enumerate(names) if not is_reserved(name)]
    return [i for i in others if i < first], [i for i in others if i > first]


def check_book(df: pd.DataFrame, where: str) -> None:
    """Refuse a DataFrame that lacks bookkeeping; `where` names it in the error."""
    lacking = [name for name in BOOK if name not in df.columns]
    if len(df.columns) and lacking:
        message = (
            f"{where} is not a psweep database: it lacks the columns {lacking!r} (it has "
            f"{list(df.columns)!r}); take one that run_local made, and add columns instead of "
            "leaving some out"
        )
        raise DatabaseError(message)


def check_unique(df: pd.DataFrame, where: str) -> None:
    """Refuse names and numbers that come twice; `where` names the DataFrame in the error."""
    if not df.columns.is_unique:
        twice = list(dict.fromkeys(df.columns[df.columns.duplicated()]))
        message = (
            f"{where} has more than one column named {twice[0]!r}; rename them or remove all but "
            "one, such as by df.loc[:, ~df.columns.duplicated()]"
        )
        raise DatabaseError(message)
    check_numbers(df, where)
    if not len(df):
        return
    numbers = df["_pset_seq"].to_numpy()
    # (They nearly always ascend, and seeing that takes a fraction of the time.)
    if not (numbers[1:] > numbers[:-1]).all() and len(np.unique(numbers)) < len(numbers):
        twice = df["_pset_seq"][df["_pset_seq"].duplicated()].unique().tolist()
        message = (
            f"{where} has more than one row with the same '_pset_seq': {twice[:5]!r}; remove "
            "rows that are there twice, or number them again by "
            "df['_pset_seq'] = range(len(df)); ps.df_merge joins studies and does that"
        )
        raise DatabaseError(message)


def check_numbers(df: pd.DataFrame, where: str) -> None:
    """Refuse rows without numbers; `where` names the DataFrame in the error."""
    for name in ("_pset_seq", "_run_seq") if len(df) else ():
        if name not in df.columns or df[name].dtype == np.int64:
            continue
        odd = [number for number in objects(cells(df[name])) if not _is_whole(number)]
        if odd:
            message = (
                f"{where} has rows whose {name!r} is {odd[0]!r} instead of a number; remove "
                f"them, such as by df[df.{name}.notna()]"
            )
            raise DatabaseError(message)


def usable(df: pd.DataFrame, where: str) -> pd.DataFrame:
    """Check a database before it is extended; bring what the user has changed back into shape.

    Raises
    ------
    DatabaseError
        It cannot be extended; `where` names it in the error.
    """
    if type(df) is not pd.DataFrame:  # a subclass, such as geopandas'
        df = pd.DataFrame(df)
    check_book(df, where)
    if not len(df.columns):
        return df
    check_unique(df, where)
    df = arranged(df)
    for name in ("_pset_seq", "_run_seq"):
        if df[name].dtype != np.int64:
            df = df.assign(**{name: df[name].to_numpy(dtype=np.int64)})
    return df


def _is_whole(number: Any) -> bool:
    return isinstance(number, int | np.integer) or (
        isinstance(number, float) and number.is_integer()
    )


def are_same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Return whether two DataFrames hold the same, as far as their values can be compared."""
    try:
        return one.equals(other)
    except Exception:  # values of any type may refuse
        return False


def arranged(df: pd.DataFrame) -> pd.DataFrame:
    """Put the columns of a database back into their three groups, if they are in disorder.

    That is seen by bookkeeping before ``_run_id``, as in ``df[sorted(df.columns)]``. Which of the
    other columns are params is then told by the hashes of the rows.

    Raises
    ------
    DatabaseError
        No row has a hash that fits to its values.
    """
    names = list(df.columns)
    if "_run_id" not in names or not any(map(is_reserved, names[: names.index("_run_id")])):
        return df
    if not df.columns.is_unique:
        check_unique(df, "this DataFrame")
    others = [name for name in names if not is_reserved(name)]
    if "_pset_hash" in names:
        params = _params_by_hash(df, others)
    else:
        params = {name for name in others if names.index(name) < names.index("_run_id")}
    book = [name for name in (*BOOK, *EXTRAS) if name in names]
    order = [
        *(name for name in others if name in params),
        *book,
        *(name for name in others if name not in params),
        *([RUNTIME] if RUNTIME in names else []),
    ]
    return df.iloc[:, [names.index(name) for name in order]]


def _params_by_hash(df: pd.DataFrame, others: list[Any]) -> set[Any]:
    """Find the columns that are params, see `by_hash`."""
    # Of private names the hash says nothing; but names of results do not start with _.
    public = [name for name in others if not is_private(name)]
    found = params_by_hash(public, [cells(df[name]) for name in public], df["_pset_hash"].tolist())
    if found is None:
        message = (
            "the columns of this DataFrame are not in the order in which run_local returned them "
            f"(there is bookkeeping before '_run_id': {list(df.columns)!r}), and no row has a "
            "_pset_hash that tells which of them are params; put the params first, then the "
            "bookkeeping from '_run_id' on, then the results"
        )
        raise DatabaseError(message)
    return found.union(name for name in others if is_private(name))


def rows_of_run(df: pd.DataFrame, header: Header) -> np.ndarray[Any, Any]:
    """Mark the rows of a run."""
    if not len(df):
        return np.zeros(0, dtype=bool)
    # The ids, which are text, only where the number is right: that is much quicker.
    mask = np.array(df["_run_seq"] == header.run_seq, dtype=bool)
    mask[mask] = np.array(df["_run_id"].array[mask] == header.run_id, dtype=bool)
    return mask


def rows_however_numbered(df: pd.DataFrame, header: Header) -> np.ndarray[Any, Any]:
    """Mark the rows of a run that may have got another number when they were folded."""
    mask = rows_of_run(df, header)
    if len(df) and mask.sum() < header.n_psets:
        mask = np.array(df["_run_id"] == header.run_id, dtype=bool)
    return mask


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
    names = [*params, *book, *results, RUNTIME]
    seqs = np.concatenate([df["_pset_seq"].to_numpy(dtype=np.int64) for df in (old, new)])
    if names == list(old.columns) and _same_columns(old, new):
        # As below, which takes 0.15 ms per column: a loop of calls comes here.
        df = pd.concat([old, new], ignore_index=True)
        df.index, df.columns, df.attrs = _index_of(seqs), index_of_names(names), {}
    else:
        places = [{name: i for i, name in enumerate(df.columns)} for df in (old, new)]
        columns = {
            name: _joined(name, old, new, *(place.get(name) for place in places)) for name in names
        }
        df = with_seqs(columns, seqs)
    # Runs that overlapped in time may be appended in either order.
    if not df.index.is_monotonic_increasing:
        df = df.sort_index(kind="stable")
        df.index = _index_of(df["_pset_seq"].to_numpy(dtype=np.int64))
    return df


def _same_columns(old: pd.DataFrame, new: pd.DataFrame) -> bool:
    """Return whether these have the same columns, which `pandas.concat` joins as `_joined` does."""
    names = list(old.columns)
    known = np.dtype | pd.StringDtype | pd.Int64Dtype | pd.BooleanDtype
    return (
        names == list(new.columns)
        and [*map(type, names)] == [*map(type, new.columns)]
        and list(old.dtypes) == list(new.dtypes)
        and all(isinstance(dtype, known) for dtype in old.dtypes)
        and (_CONCAT_KEEPS_MISSING or not any(df[:1].isna().any(axis=None) for df in (old, new)))
    )


def numbered(df: pd.DataFrame, seqs: Any, run_seqs: Any) -> pd.DataFrame:
    """Return rows with new numbers, which must be in rising order."""
    columns = [df.iloc[:, i] for i in range(df.shape[1])]
    names = list(df.columns)
    columns[names.index("_pset_seq")] = pd.Series(np.asarray(seqs, dtype=np.int64))
    columns[names.index("_run_seq")] = pd.Series(np.asarray(run_seqs, dtype=np.int64))
    return assemble(names, columns, _index_of(np.asarray(seqs, dtype=np.int64)))


def regrouped(df: pd.DataFrame) -> pd.DataFrame:
    """Put rows in the order of their numbers, and bookkeeping and results in their usual places."""
    params, book, results = groups(df)
    order = [*params, *(name for name in (*BOOK, *EXTRAS) if name in book), *results]
    order += [RUNTIME] if RUNTIME in book else []
    if order != list(df.columns):
        names = list(df.columns)
        df = df.iloc[:, [names.index(name) for name in order]]
    seqs = df["_pset_seq"].to_numpy(dtype=np.int64)
    if not (seqs[1:] > seqs[:-1]).all():
        df = df.iloc[np.argsort(seqs, kind="stable")]
    return df.set_axis(_index_of(np.sort(seqs)), axis=0)


def with_extras(df: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Add further bookkeeping columns that a database lacks, as if its rows had not used them."""
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


def with_seqs(columns: dict[Any, Any], seqs: np.ndarray[Any, Any]) -> pd.DataFrame:
    """Assemble columns; the numbers of the rows are their labels."""
    return assemble(list(columns), list(columns.values()), _index_of(seqs))


def _index_of(seqs: np.ndarray[Any, Any]) -> pd.Index[Any]:
    n = len(seqs)
    in_a_row = n > 0 and seqs[-1] - seqs[0] == n - 1 and (np.diff(seqs) == 1).all()
    return pd.RangeIndex(seqs[0], seqs[0] + n) if in_a_row else pd.Index(seqs, dtype=np.int64)


def assemble(names: list[Any], columns: list[Any], index: pd.Index[Any]) -> pd.DataFrame:
    """Convert columns into a DataFrame, whatever their names are."""
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
    """Convert the names of columns into an Index; tuples stay names, not levels."""
    if all(type(name) is str for name in names):
        with contextlib.suppress(UnicodeError):  # half of a surrogate pair, as in odd file names
            return pd.Index(names)
    return pd.Index(objects(names), dtype=object, tupleize_cols=False)
