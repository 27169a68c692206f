"""Tables for people: what all rows share in one line, the head and tail of many rows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..params.hashing import pset_hash
from ..table.atoms import ATOMS
from .cell_texts import column_texts, holds_numbers, one_line
from .tracebacks import cause_of
from .widths import ellipsis, fit, shortened, text_width, wrapped

__all__ = ["ERROR", "Table", "chosen", "constants", "errors_of", "failed", "table_of"]

ERROR = "_error"  # the heading of what `errors_of` gives: no column of the database
_WIDEST_ERROR = 100  # characters
_IN_TERMINAL = 60  # rows, as pandas
_ELSEWHERE = 10_000
_EXCERPT = 20  # rows of a table that has more than that
_FEWEST_ROWS = 5  # of which something is said to be the same in all
_MANY_ROWS = 1000  # in which arrays and the like are not compared


def failed(df: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Mark the rows that failed; unlike `outcomes.failed_rows`, it takes whatever is there."""
    if "_failed" not in df.columns:
        return np.zeros(len(df), dtype=bool)
    return df["_failed"].isin([True]).to_numpy(dtype=bool)


def errors_of(df: pd.DataFrame, good: Any = "") -> list[Any] | None:
    """Sum up in a few words why each row failed; None if no row did.

    Parameters
    ----------
    df : DataFrame
        A database.
    good : object, default ""
        What to give for the other rows.
    """
    bad = failed(df)
    if not bad.any():
        return None
    texts = df["_exc_txt"].array if "_exc_txt" in df.columns else [None] * len(df)
    errors = [good] * len(df)
    for i in np.flatnonzero(bad).tolist():
        errors[i] = shortened(cause_of(texts[i]), _WIDEST_ERROR)
    return errors


def chosen(df: pd.DataFrame, names: Sequence[Any]) -> pd.DataFrame:
    """Choose columns by their names; ``df[names]`` would not find None among strings.

    If several columns have one name, each is taken in its turn.
    """
    places: dict[Any, list[int]] = {}
    for i, name in enumerate(df.columns):
        places.setdefault(_key(name), []).append(i)
    turns = {name: itertools.cycle(some) for name, some in places.items()}
    return df.iloc[:, [next(turns[_key(name)]) for name in names]]


def _key(name: Any) -> Any:
    return name if name == name else (float, "nan")  # which equals nothing


def constants(df: pd.DataFrame, named: Sequence[Any] = ()) -> dict[int, str]:
    """Find the columns that have the same value in all rows.

    Parameters
    ----------
    df : DataFrame
    named : sequence
        Columns that are not looked at.

    Returns
    -------
    dict of int to str
        The position of each, and the value as a text. Empty if there are few rows, or if nothing
        differs.
    """
    if len(df) < _FEWEST_ROWS:
        return {}
    found = {}
    for i, name in enumerate(df.columns):
        if not any(name is other or name == other for other in named) and _is_constant(
            df.iloc[:, i]
        ):
            found[i] = column_texts(df.iloc[:1, i])[0][0]
    return found if len(found) < df.shape[1] else {}


def _is_constant(series: pd.Series[Any]) -> bool:
    if series.dtype == object:
        values = series.array
        first = _identity(values[0], len(values))
        return first is not None and all(_identity(value, len(values)) == first for value in values)
    if series.dtype == np.float64:  # None, NaN and a missing cell differ, see `cells`
        bits = series.to_numpy().view(np.int64)
        return bool((bits == bits[0]).all())
    few = series.iloc[:_MANY_ROWS]
    try:
        return few.nunique(dropna=False) == 1 and series.nunique(dropna=False) == 1
    except Exception:  # as of lists in Arrow, which it does not compare
        return False


def _identity(value: Any, n_rows: int) -> Any:
    """Return what is equal for equal values only; None if that is not known or takes too long."""
    if type(value) in ATOMS:
        return type(value), repr(value) if type(value) is float else value  # (-0.0, NaN)
    if n_rows > _MANY_ROWS:
        return None
    try:
        return pset_hash({"": value})
    except Exception:  # a value that has no hash
        return None


@dataclass
class Table:
    """Cells as texts, in columns, and what there is to say below them."""

    names: list[str]
    cells: list[list[str]]
    are_numbers: list[bool]
    notes: list[str] = field(default_factory=list)
    order: list[int] = field(default_factory=list)  # columns, those to keep first; see `fit`

    def fitted(
        self, room: int | None, gap: int, *, padding: int, keep_all: bool, hint: str
    ) -> Table:
        """Leave out and cut what does not fit into a terminal.

        Parameters
        ----------
        room : int or None
            Characters; None: as many as it takes.
        gap : int
            Between two columns.
        padding : int
            How much wider than its name a column is, at least.
        keep_all : bool
            Leave no column out.
        hint : str
            How to see columns that were left out.
        """
        if room is None or not self.names:
            return self
        floors = [
            max(map(text_width, column), default=0) if is_number else 0
            for column, is_number in zip(self.cells, self.are_numbers, strict=True)
        ]
        heads = [text_width(name) + padding for name in self.names]
        widths = [
            max(head, *map(text_width, column), 0)
            for head, column in zip(heads, self.cells, strict=True)
        ]
        found = fit(widths, floors, room, gap, keep_all, self.order)
        lacking = [name.strip() for i, name in enumerate(self.names) if i not in found]
        notes = [*self.notes]
        if lacking:
            columns = "1 column" if len(lacking) == 1 else f"{len(lacking)} columns"
            notes += [f"{columns} left out for lack of room: {', '.join(lacking)}", hint]
        return Table(
            [shortened(self.names[i], max(1, width - padding)) for i, width in found.items()],
            [[shortened(cell, width) for cell in self.cells[i]] for i, width in found.items()],
            [self.are_numbers[i] for i in found],
            notes,
        )

    def lines(self, gap: int, *, padding: int, rule: bool, all_right: bool) -> list[str]:
        """Lay out the columns side by side, under their names.

        Parameters
        ----------
        gap, padding
            As for `fitted`.
        rule : bool
            With a line below the names.
        all_right : bool
            Texts are flush right, too, as pandas has them.
        """
        columns = []
        for name, cells, is_number in zip(self.names, self.cells, self.are_numbers, strict=True):
            width = max(text_width(name) + padding, *map(text_width, cells), 0)
            texts = [name, *cells]
            spaces = [" " * (width - text_width(text)) for text in texts]
            flush_right = is_number or all_right
            padded = [
                space + text if flush_right else text + space
                for text, space in zip(texts, spaces, strict=True)
            ]
            columns.append([padded[0], *(["-" * width] if rule else []), *padded[1:]])
        return [(" " * gap).join(row) for row in zip(*columns, strict=True)]

    def notes_text(self, room: int | None) -> str:
        """Return the notes, one below the other."""
        return "\n".join(wrapped(note, room) for note in self.notes)


def table_of(
    df: pd.DataFrame,
    names: Sequence[Any],
    *,
    named: Sequence[Any] = (),
    missing: str | None = None,
    max_rows: int | None,
    in_terminal: bool,
    hint: str,
    index: bool = False,
    lead: str = "",
) -> Table:
    """Make a table of some columns of a database.

    Parameters
    ----------
    df : DataFrame
    names : sequence
        The columns. `ERROR` is computed if `df` does not have it.
    named : sequence
        Those that were asked for by name: they are shown, even if they are the same in all rows.
    missing : str, optional
        What to write for a cell without a value. None: what pandas writes.
    max_rows : int or None
        Show the first and last ones of more rows. None: a table that is longer than a person
        would read.
    in_terminal : bool
        Whether people read it as it is.
    hint : str
        How to see all rows.
    index : bool
        With the index, as the first column.
    lead : str
        What comes before the names of columns of a numeric dtype, and next to an index before
        all cells, but for the minus of a negative number.
    """
    computes = ERROR in names and ERROR not in df.columns
    own = [name for name in names if not (computes and name == ERROR)]
    whole = chosen(df, own)
    same = constants(whole, named)
    part, gap = _excerpt(df, max_rows, in_terminal)
    shown = chosen(part, own)
    table = Table([], [], [])
    if index:
        table.names.append(one_line(shown.index.name) if shown.index.name is not None else "")
        table.cells.append(list(map(one_line, shown.index.tolist())))
        table.are_numbers.append(pd.api.types.is_numeric_dtype(shown.index.dtype))
    errors = errors_of(part) or [""] * len(part)
    places = iter(range(len(own)))
    # Of each column, 0: index, or says why; 1: param; 2: number as result; 3: other result
    kinds: list[int] = [0] * len(table.names)
    first = list(df.columns).index("_run_id") if "_run_id" in df.columns else 0
    params = set(map(_key, df.columns[:first]))
    for name in names:
        if computes and name == ERROR:
            if gap is not None and not any(errors) and ERROR not in named:
                continue  # none of the rows shown has failed; a note counts the others
            kinds.append(0)
            table.names.append(ERROR)
            table.cells.append([text or (missing or "") for text in errors])
            table.are_numbers.append(False)
            continue
        i = next(places)
        if i not in same:
            texts, is_number = column_texts(shown.iloc[:, i], missing)
            is_numeric = bool(holds_numbers(shown.dtypes.iloc[i]))
            table.names.append((lead if is_numeric else "") + one_line(name))
            if index and lead:
                is_minus = ("-",) if is_numeric else ()
                texts = [text if text.startswith(is_minus) else lead + text for text in texts]
            table.cells.append(texts)
            table.are_numbers.append(is_number)
            kinds.append(1 if _key(name) in params else 2 if is_number else 3)
    if first:
        table.order = _by_turns(kinds, table.cells)
    if gap is not None:
        for cells in table.cells:
            cells.insert(gap, ellipsis())
        bad = failed(df)
        n_hidden = len(df) - len(part)
        n_failed = int(bad.sum()) - int(failed(part).sum())
        text = f"{n_hidden} of {len(df)} rows are not shown"
        text += f", {n_failed} of them failed" if n_failed else ""
        table.notes.append(f"{text}; {hint}")
    if same:
        values = ", ".join(f"{one_line(own[i])}={text}" for i, text in same.items())
        table.notes.insert(0, f"the same in all rows: {values}")
    return table


def _by_turns(kinds: Sequence[int], cells: Sequence[Sequence[str]]) -> list[int]:
    """Order columns: the reason of failures, then a param and a result by turns.

    Among results, numbers come first, and long texts last.
    """
    why, params, numbers, others = (
        [i for i, kind in enumerate(kinds) if kind == wanted] for wanted in range(4)
    )
    others.sort(key=lambda i: max(map(text_width, cells[i]), default=0))
    pairs = itertools.zip_longest(params, [*numbers, *others])
    return [*why, *(i for pair in pairs for i in pair if i is not None)]


def _excerpt(
    df: pd.DataFrame, max_rows: int | None, in_terminal: bool
) -> tuple[pd.DataFrame, int | None]:
    """Take the first and last rows, if there are too many; and where the gap is."""
    limit = max_rows
    if limit is None:
        limit = _IN_TERMINAL if in_terminal else _ELSEWHERE
    n = len(df)
    if n <= limit:
        return df, None
    size = _EXCERPT if max_rows is None else max(limit, 1)
    head = (size + 1) // 2
    return df.iloc[[*range(head), *range(n - size // 2, n)]], head
