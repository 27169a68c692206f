"""Show a study to people: folded in a notebook, fitted to the width of a terminal."""

from __future__ import annotations

import numbers
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ParamsError
from ..messages import printable
from ..old_words import takes_old_words
from .tracebacks import cause_of

__all__ = [
    "ERROR",
    "chosen",
    "df_print",
    "encodable",
    "errors_of",
    "fit",
    "fitted_cells",
    "left_out",
    "shortened",
    "showable",
    "table_text",
    "terminal_width",
    "text_width",
]

ERROR = "_error"  # the heading of what `errors_of` gives: no column of the database
_WIDEST_ERROR = 100  # characters
_NARROWEST = 12  # characters that a cell keeps before columns are left out instead


def errors_of(df: pd.DataFrame, good: Any = "") -> list[Any] | None:
    """Sum up in a few words why each row failed; None if no row did.

    Parameters
    ----------
    df : DataFrame
        A database.
    good : object, default ""
        What to give for the other rows.
    """
    if "_failed" not in df.columns:
        return None
    failed = df["_failed"].isin([True]).tolist()
    if not any(failed):
        return None
    texts = df["_exc_txt"].tolist() if "_exc_txt" in df.columns else [None] * len(df)
    return [
        shortened(cause_of(text), _WIDEST_ERROR) if bad else good
        for bad, text in zip(failed, texts, strict=True)
    ]


def terminal_width() -> int | None:
    """Return the width of the terminal that stdout is, in characters; None if it is none."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns


def text_width(text: str) -> int:
    """Count the places that a text takes in a terminal; of several lines, the widest."""
    if text.isascii():
        return max(map(len, text.split("\n")))
    return max(sum(map(_places, line)) for line in text.split("\n"))


def _places(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def shortened(text: str, width: int) -> str:
    """Cut the lines of a text to a width; those that were longer end in an ellipsis."""
    return "\n".join(
        line if text_width(line) <= width else _cut(line, width) for line in text.split("\n")
    )


def _cut(line: str, width: int) -> str:
    room = width - 1
    for end, char in enumerate(line):
        room -= _places(char)
        if room < 0:
            return line[:end] + _ellipsis()
    return line


def _ellipsis() -> str:
    try:
        "…".encode(sys.stdout.encoding or "ascii")
    except UnicodeError:
        return "~"
    return "…"


def fit(
    widths: Sequence[int], floors: Sequence[int], room: int, gap: int, keep_all: bool
) -> dict[int, int]:
    """Find widths for columns that are side by side.

    Parameters
    ----------
    widths : sequence of int
        What the columns would take.
    floors : sequence of int
        What they need at least, such as for numbers, which must not be cut.
    room : int
        What there is.
    gap : int
        Between two columns.
    keep_all : bool
        Leave none out, even if they do not fit.

    Returns
    -------
    dict of int to int
        The position of each column that stays, and its width. If some must go, they are those in
        the middle: params are on the left, results on the right.
    """
    n = len(widths)
    narrow = [max(floors[i], min(widths[i], _NARROWEST)) for i in range(n)]
    taken = sum(narrow) + gap * (n - 1)
    kept = set(range(n))
    from_ends = [i for pair in zip(range(n), reversed(range(n)), strict=True) for i in pair][:n]
    for i in reversed(from_ends):
        if keep_all or taken <= room or len(kept) == 1:
            break
        kept.discard(i)
        taken -= narrow[i] + gap
    for limit in range(room, _NARROWEST, -1):
        found = {i: max(floors[i], min(widths[i], limit)) for i in sorted(kept)}
        if sum(found.values()) + gap * (len(found) - 1) <= room:
            return found
    return {i: narrow[i] for i in sorted(kept)}


def fitted_cells(
    rows: list[list[Any]], names: list[str], room: int, gap: int, *, keep_all: bool
) -> tuple[list[int], list[list[Any]], list[str]]:
    """Choose and shorten what `tabulate` is to print.

    Parameters
    ----------
    rows : list of list
        At least one.
    names : list of str
        The columns.
    room, gap, keep_all
        As for `fit`.

    Returns
    -------
    list of int, list of list, list of str
        The positions of the columns that stay, their cells and their names.
    """
    from tabulate import tabulate

    def width(values: Any, heads: Sequence[str] = ()) -> int:
        cells = [[value] for value in values]
        return text_width(tabulate(cells, headers=heads, tablefmt="plain", missingval="-"))

    columns = list(zip(*rows, strict=True))
    widths = [width(values, [name]) for values, name in zip(columns, names, strict=True)]
    floors = [width(values) if all(map(_is_number, values)) else 0 for values in columns]
    found = fit(widths, floors, room, gap, keep_all)
    cells = [[_cell(row[i], width) for i, width in found.items()] for row in rows]
    # tabulate leaves this much space next to a name
    heads = [shortened(names[i], width - 2) for i, width in found.items()]
    return list(found), cells, heads


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, numbers.Number)


def _cell(value: Any, width: int) -> Any:
    text = str(value)
    is_whole = _is_number(value) or text_width(text) <= width
    return value if is_whole else shortened(text, width)


def left_out(names: Sequence[Any], room: int, hint: str) -> str:
    """Report which columns do not fit, and how to see them."""
    columns = "1 column" if len(names) == 1 else f"{len(names)} columns"
    text = f"{columns} left out for lack of room: {', '.join(map(str, names))}"
    lines = textwrap.wrap(text, room, max_lines=4, placeholder=f" {_ellipsis()}")
    return "\n".join([*lines, hint])


def chosen(df: pd.DataFrame, names: Sequence[Any]) -> pd.DataFrame:
    """Choose columns by their names; ``df[names]`` would not find None among strings."""
    have = list(df.columns)
    return df.iloc[:, [have.index(name) for name in names]]


def encodable(text: str) -> str:
    """Escape what stdout cannot write, as half of a surrogate pair, and what a terminal obeys."""
    text = printable(text)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def showable(df: pd.DataFrame) -> pd.DataFrame:
    """Put text in the place of values that have none, such as ints of more than 4300 digits.

    Control characters are escaped, before anybody counts the width of texts.
    """
    names = [printable(name) if isinstance(name, str) else name for name in df.columns]
    if names != list(df.columns):
        df = df.set_axis(names, axis=1)
    for place, dtype in enumerate(df.dtypes):
        if dtype == object or str(dtype) in ("str", "string"):  # noqa: E721
            cells = df.iloc[:, place].tolist()
            texts = [_showable(value) for value in cells]
            if any(text is not cell for text, cell in zip(texts, cells, strict=True)):
                columns = {i: df.iloc[:, i] for i in range(df.shape[1])}
                columns[place] = pd.Series(texts, index=df.index, dtype=object)
                df = pd.DataFrame(columns, index=df.index).set_axis(df.columns, axis=1)
    return df


# tabulate would make a float of a long complex, and pandas refuses units such as 25 s.
_AS_TEXT = (np.clongdouble, np.datetime64, np.timedelta64)


def _showable(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return printable(value)
    if kind in (float, bool, type(None)):
        return value
    try:
        text = str(value)
        repr(value)
    except Exception:
        return f"<{kind.__name__}>"
    return printable(text) if kind in _AS_TEXT or printable(text) != text else value


def table_text(df: pd.DataFrame, *, index: bool, keep_all: bool) -> str:
    """Write all rows as pandas does, but in a terminal so that they fit into its lines.

    Parameters
    ----------
    df : DataFrame
    index : bool
        With the index.
    keep_all : bool
        Leave no column out, even if lines become too long for the terminal.
    """
    df = showable(df)
    text = df.to_string(index=index)
    room = terminal_width()
    if room is None or text_width(text) <= room or df.empty:
        return text
    cells = [
        [line.strip() for line in df.iloc[:, [i]].to_string(index=False).split("\n")]
        for i in range(df.shape[1])
    ]
    floors = [
        max(map(text_width, column[1:])) if pd.api.types.is_numeric_dtype(dtype) else 0
        for column, dtype in zip(cells, df.dtypes, strict=True)
    ]
    numbers = ["", *map(str, df.index)] if index else []
    taken = max(map(text_width, numbers), default=0)
    widths = [max(map(text_width, column)) for column in cells]
    found = fit(widths, floors, room - taken - 1, 1, keep_all)
    lines = [
        [number + " " * (taken - text_width(number)) for number in numbers] or [""] * (len(df) + 1)
    ]
    for i, width in found.items():
        column = [shortened(cell, width) for cell in cells[i]]
        lines.append([" " * (width - text_width(cell)) + cell for cell in column])
    text = "\n".join(" ".join(line) for line in zip(*lines, strict=True))
    if len(found) < df.shape[1]:
        names = [name for i, name in enumerate(df.columns) if i not in found]
        hint = "df_print(df, cols=[...]) shows the columns that you name"
        text += f"\n{left_out(names, room, hint)}"
    return text


def _special(names: list[Any], cols: Sequence[Any]) -> list[Any]:
    return [n for n in names if isinstance(n, str) and n.startswith("_") and n not in cols]


@takes_old_words
def df_print(
    df: pd.DataFrame,
    index: bool = False,
    special_cols: bool = False,
    cols: Sequence[Any] = (),
    skip_cols: Sequence[Any] = (),
) -> None:
    """Print params and results as a table, every row of it.

    If rows failed, a last column ``_error`` shows why, such as ``ValueError: x must be positive``.
    It is made from ``_exc_txt``, and is not a column of the database.

    In a terminal, a table that is too wide for it is made to fit: long texts end in an
    ellipsis, and if that is not enough, columns in the middle are omitted, with a note below
    it. Outside a terminal nothing is shortened.

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
    names = list(df.columns)
    errors = errors_of(df)
    computed = ERROR not in names and (errors is not None or ERROR in (*cols, *skip_cols))
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
    table = chosen(df, [name for name in shown if not (name == ERROR and computed)])
    if computed and ERROR in shown:
        table.insert(shown.index(ERROR), ERROR, "" if errors is None else errors)
    print(encodable(table_text(table, index=index, keep_all=bool(cols))))
