"""Show a study in a notebook, with the bookkeeping folded away."""

from __future__ import annotations

import sys

import pandas as pd

from ..table.bookkeeping import BOOK
from .cell_texts import one_line
from .tables import ERROR, constants, errors_of, failed

__all__ = ["fold_in_notebooks", "folded_html"]

_MAX_NOTE = 1000  # characters


def fold_in_notebooks() -> None:
    """Where IPython runs, let it show studies by `folded_html`, and all else as before."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module else None
    formatters = getattr(getattr(shell, "display_formatter", None), "formatters", {})
    formatter = formatters.get("text/html")
    if formatter is None:
        return
    before = formatter.for_type(pd.DataFrame)
    if getattr(before, "__module__", "") == __name__:  # psweep was loaded again
        return

    def show(df: pd.DataFrame) -> str | None:
        if _is_study(df):
            return folded_html(df)
        html: str | None = before(df) if before else df._repr_html_()  # type: ignore[operator]
        return html

    formatter.for_type(pd.DataFrame, show)


def _is_study(df: pd.DataFrame) -> bool:
    return df.columns.nlevels == 1 and all(name in df.columns for name in BOOK)


def folded_html(df: pd.DataFrame) -> str | None:
    """Write params and results as pandas does, with the bookkeeping below, collapsed.

    If rows failed, the last of the columns says why. What is the same in all of five or more rows
    is in a line below the table.

    Parameters
    ----------
    df : DataFrame
        A database.

    Returns
    -------
    str or None
        HTML without scripts. None if pandas is configured to give none.
    """
    first = list(df.columns).index("_run_id")
    folded = [
        place >= first and isinstance(name, str) and name.startswith("_")
        for place, name in enumerate(df.columns)
    ]
    table = df.loc[:, [not fold for fold in folded]]
    same = constants(table)
    values = ", ".join(f"{one_line(table.columns[i])}={text}" for i, text in same.items())
    table = table.iloc[:, [i for i in range(table.shape[1]) if i not in same]]
    errors = errors_of(df)
    if errors is not None:
        table = table.assign(**{ERROR: errors})
    shown = table._repr_html_()  # type: ignore[operator]
    book = df.loc[:, folded]._repr_html_()  # type: ignore[operator]
    if shown is None or book is None:
        return None
    title = f"{sum(folded)} columns of bookkeeping"
    n_failed = int(failed(df).sum())
    if n_failed:
        title += f"; {n_failed} of {len(df)} rows failed"
    return (
        f"<div>\n{shown}\n{_note(values)}"
        f'<details>\n<summary style="cursor: pointer">{title}</summary>\n'
        f"{book}\n</details>\n</div>"
    )


def _note(values: str) -> str:
    """Write the line with what is the same in all rows."""
    from html import escape  # here, because `import psweep` should be quick

    if not values:
        return ""
    short = values if len(values) <= _MAX_NOTE else f"{values[:_MAX_NOTE]}…"
    return f"<div>the same in all rows: {escape(short)}</div>\n"
