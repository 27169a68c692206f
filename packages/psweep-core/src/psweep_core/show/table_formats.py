"""Tables in the formats of the package tabulate: what ``psweep-db2table`` prints."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from tabulate import tabulate

from .cell_texts import is_text_column, one_line, raw_cells
from .tables import ERROR, Table, chosen, errors_of, table_of
from .widths import terminal_width, text_width

__all__ = ["formatted"]

_PADDING = 2  # tabulate makes a column wider than its name by this


def formatted(
    df: pd.DataFrame,
    names: Sequence[Any],
    style: str,
    *,
    named: Sequence[Any] = (),
    max_rows: int | None = None,
    index: bool = False,
) -> str:
    """Write some columns of a database as a table.

    Parameters
    ----------
    df : DataFrame
    names, named, max_rows, index
        As for `tables.table_of`.
    style : str
        A format of tabulate. Those that are to be pasted or read by programs have all rows and
        columns, and numbers as they are.
    """
    if not _is_for_the_eye(style):
        return _to_be_pasted(df, names, style, max_rows, index)
    room = terminal_width()
    table = table_of(
        df,
        names,
        named=named,
        missing="-",
        max_rows=max_rows,
        in_terminal=room is not None,
        hint="--rows 0 prints all",
        index=index,
    )
    is_plain = style in ("plain", "simple")
    gap, edges = (2, 0) if is_plain else _frame(style)
    padding = 0 if style == "pretty" else _PADDING
    table = table.fitted(
        None if room is None else room - edges,
        gap,
        padding=padding,
        keep_all=bool(len(named)),
        hint="name the columns to print, or see all of them by `| less -S`",
    )
    if is_plain:  # tabulate does not know how wide the characters of all languages are
        found = table.lines(gap, padding=padding, rule=style == "simple", all_right=False)
        lines = [line.rstrip() for line in found]
    else:
        lines = [_tabulated(table, style)]
    notes = table.notes_text(room)
    return "\n".join([*lines, *(["", notes] if notes else [])])


def _is_for_the_eye(style: str) -> bool:
    """Return whether a table format is for reading, not for pasting."""
    return style in ("plain", "simple", "pretty", "presto", "psql") or style.endswith(
        ("grid", "outline")
    )


def _frame(style: str) -> tuple[int, int]:
    """Measure how much room there is between two columns, and at both edges together."""
    one, two = (
        text_width(tabulate([["xxxx"] * n], headers=["x"] * n, tablefmt=style)) for n in (1, 2)
    )
    return two - one - 4, one - 4


def _tabulated(table: Table, style: str) -> str:
    rows = [list(row) for row in zip(*table.cells, strict=True)]
    sides = ["right" if is_number else "left" for is_number in table.are_numbers]
    return tabulate(
        rows,
        headers=table.names,
        tablefmt=style,
        disable_numparse=True,
        colalign=sides if rows else None,
    )


def _to_be_pasted(
    df: pd.DataFrame, names: Sequence[Any], style: str, max_rows: int | None, index: bool
) -> str:
    if max_rows is not None and len(df) > max_rows:
        half = (max_rows + 1) // 2
        df = df.iloc[[*range(half), *range(len(df) - max_rows // 2, len(df))]]
    is_tsv = style == "tsv"
    columns: list[list[Any]] = []
    texts = []
    own = iter(range(len(names)))
    shown = chosen(df, [name for name in names if name != ERROR or ERROR in df.columns])
    for name in names:
        if name == ERROR and ERROR not in df.columns:
            columns.append(errors_of(df, good=None) or [None] * len(df))
        else:
            series = shown.iloc[:, next(own)]
            # Programs need all digits, of arrays, too.
            with np.printoptions(floatmode="unique" if is_tsv else "maxprec"):
                columns.append(raw_cells(series))
            if is_text_column(series) and all(isinstance(v, str | None) for v in columns[-1]):
                texts.append(len(columns) - 1 + index)  # "007" is not 7
    headers = [one_line(name) for name in names]
    if is_tsv:
        if index:
            headers, columns = ["", *headers], [df.index.tolist(), *columns]
        return _tsv(headers, columns)
    return tabulate(
        [list(row) for row in zip(*columns, strict=True)],
        headers=headers,
        showindex=df.index.tolist() if index else False,
        tablefmt=style,
        missingval="-",
        disable_numparse=texts if len(df) and texts else False,
        floatfmt="g",
    )


def _tsv(headers: list[str], columns: list[list[Any]]) -> str:
    r"""Write what pandas, R and spreadsheets read: unlike tabulate, without any padding.

    Tabs and newlines are ``\t`` and ``\n``; cells with double quotes are quoted as in CSV files,
    because readers take a quote at the start of a cell for one that goes on to the next.
    """
    file = io.StringIO()
    writer = csv.writer(file, "excel-tab", lineterminator="\n")
    writer.writerow(headers)
    for row in zip(*columns, strict=True):
        writer.writerow("-" if value is None else one_line(value) for value in row)
    return file.getvalue().removesuffix("\n")
