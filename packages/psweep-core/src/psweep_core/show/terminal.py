"""Print a study, so that it fits the width of a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from ..errors import ParamsError
from ..old_words import takes_old_words
from ..table.levels import check_frame
from .cell_texts import one_line
from .tables import ERROR, failed, table_of
from .widths import encodable, terminal_width, text_width, wrapped

__all__ = ["df_print"]


def _special(names: list[Any], cols: Sequence[Any]) -> list[Any]:
    return [n for n in names if isinstance(n, str) and n.startswith("_") and n not in cols]


@takes_old_words
def df_print(
    df: pd.DataFrame,
    index: bool = False,
    special_cols: bool = False,
    cols: Sequence[Any] = (),
    skip_cols: Sequence[Any] = (),
    max_rows: int | None = None,
) -> None:
    """Print params and results as a table.

    If rows failed, a last column ``_error`` shows why, such as ``ValueError: x must be positive``.
    It is made from ``_exc_txt``, and is not a column of the database.

    What is the same in all of five or more rows is in a line below the table, instead of a
    column. Each value takes one line. Of arrays with more than 20 elements, the ends and the
    shape are shown. Of many rows, the first and last 10 are shown, with a note below the table.

    In a terminal, a table that is too wide for it is made to fit: long texts end in an
    ellipsis, and if that is not enough, columns in the middle are omitted, with a note below
    it. Outside a terminal lines have any length.

    Parameters
    ----------
    df : DataFrame
        A database.
    index : bool, default False
        Print the index, too.
    special_cols : bool, default False
        Print the columns whose names start with ``_``, too.
    cols : sequence, optional
        Print exactly these columns, in this order (and those of `special_cols` after them); none
        of them is left out. ``_error`` may be one of them.
    skip_cols : sequence, optional
        Leave out these columns; ``_error``, too, if it is named.
    max_rows : int, optional
        Print at most this many rows, half of them from either end; ``len(df)`` prints all. None:
        20 if there are more than 60 in a terminal, or more than 10 000 elsewhere, else all.

    Raises
    ------
    ParamsError
        `df` has no such column, or `max_rows` is not a positive number.
    ParamsTypeError
        `df` is not a DataFrame.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.df_print(ps.run_local(lambda pset: {"b": 2.5}, [{"a": 1}], save=False))
     a   b
     1 2.5
    """
    check_frame(df, "df_print")
    if max_rows is not None and (type(max_rows) is not int or max_rows < 1):
        message = f"max_rows must be None or an integer ≥ 1, not {max_rows!r}; len(df) prints all"
        raise ParamsError(message)
    names = list(df.columns)
    computed = ERROR not in names and (failed(df).any() or ERROR in (*cols, *skip_cols))
    names += [ERROR] if computed else []
    for name in (*cols, *skip_cols):
        if name not in names:
            message = f"df has no column {name!r}; it has {list(df.columns)!r}"
            raise ParamsError(message)
    shown = (
        [*cols, *(_special(names, cols) if special_cols else [])]
        if len(cols)
        else [
            name
            for name in names
            if special_cols
            or not (isinstance(name, str) and name.startswith("_"))
            or (name == ERROR and computed)
        ]
    )
    shown = [name for name in shown if name not in skip_cols]
    print(encodable(_text(df, shown, cols, max_rows, index)))


def _text(
    df: pd.DataFrame, names: list[Any], cols: Sequence[Any], max_rows: int | None, index: bool
) -> str:
    """Write a table as pandas does, but so that it fits into the lines of a terminal."""
    room = terminal_width()
    if not len(df) or not names:
        heads = ", ".join(map(one_line, names))
        return wrapped(f"Empty DataFrame: {len(df)} rows, {len(names)} columns: {heads}", room)
    table = table_of(
        df,
        names,
        named=cols,
        max_rows=max_rows,
        in_terminal=room is not None,
        hint="df_print(df, max_rows=len(df)) prints all",
        index=index,
        lead=" ",
    )
    gap = 1  # as pandas has it
    if index:
        width = max(map(text_width, (table.names[0], *table.cells[0])))
        table.cells[0] = [text + " " * (width - text_width(text)) for text in table.cells[0]]
    table = table.fitted(
        room,
        gap,
        padding=0,
        keep_all=bool(len(cols)),
        hint="df_print(df, cols=[...]) shows them",
    )
    lines = table.lines(gap, padding=0, rule=False, all_right=True)
    notes = table.notes_text(room)
    return "\n".join([*lines, *([notes] if notes else [])])
