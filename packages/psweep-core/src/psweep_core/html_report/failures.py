"""The failures of a study, grouped by cause, with the parameters that all of a group share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd

from ..show.closing_line import causes_of
from ..show.tracebacks import error_line
from ..table.cells import cells
from .cells import Texts

__all__ = ["causes", "errors_of", "failures", "texts_of"]

Array = np.ndarray[Any, Any]

_MAX_CAUSES: Final = 200
_MAX_VALUES: Final = 8
_MAX_LINKED: Final = 200  # rows of a cause that the page can open


def texts_of(df: pd.DataFrame, name: str, rows: Any) -> list[Any]:
    """Return the cells of a column that may not be there."""
    return cells(df[name].iloc[rows]) if name in df.columns else [None] * len(rows)


def errors_of(df: pd.DataFrame, failed: Array, rows: Array) -> list[Any]:
    """Return for each of some rows the line that names its exception, or None."""
    known: dict[Any, str] = {}
    found: list[Any] = []
    for text, bad in zip(texts_of(df, "_exc_txt", rows), failed[rows], strict=True):
        if not bad:
            found.append(None)
            continue
        key = text if isinstance(text, str) else ""
        if key not in known:
            known[key] = error_line(key) or "failed"
        found.append(known[key])
    return found


def failures(
    df: pd.DataFrame, failed: Array, recovered: Array, places: dict[int, int], texts: Texts
) -> list[dict[str, Any]]:
    """List the failed rows that the page shows."""
    rows = [int(row) for row in np.flatnonzero(failed) if int(row) in places]
    errors = errors_of(df, failed, np.array(rows, dtype=np.int64))
    found = []
    for row, why, error in zip(rows, texts_of(df, "_exc_txt", rows), errors, strict=True):
        text = texts.add(why)
        is_recovered = bool(recovered[row])
        found.append({"row": places[row], "error": error, "text": text, "recovered": is_recovered})
    return found


def causes(
    df: pd.DataFrame,
    failed: Array,
    recovered: Array,
    codes: dict[int, Array],
    value_at: Callable[[int, int], Any],
    places: dict[int, int],
) -> list[dict[str, Any]]:
    """Group all failures by cause, the most frequent one first.

    Parameters
    ----------
    df : DataFrame
    failed, recovered : array of bool
    codes : dict
        The levels of each parameter that varies, by its column on the page.
    value_at : callable
        Returns the value of such a column in a row, as the page shows it.
    places : dict
        Where the page has a row.
    """
    rows = np.flatnonzero(failed)
    found: list[dict[str, Any]] = []
    for cause, members in causes_of(texts_of(df, "_exc_txt", rows))[:_MAX_CAUSES]:
        mine = rows[members]
        same = np.ones(len(df), dtype=bool)
        shared = []
        for column, levels in codes.items():
            level = levels[mine[0]]
            if (levels[mine] == level).all():
                same &= levels == level
                shared.append([column, value_at(column, int(mine[0]))])
        among = (
            _among(mine, np.flatnonzero(same), codes, value_at) if same.sum() > len(mine) else None
        )
        shown = [places[int(row)] for row in mine if int(row) in places]
        found.append(
            {
                "cause": cause,
                "n": len(mine),
                "recovered": int(recovered[mine].sum()),
                "shared": shared,
                "among": among,
                "n_such": int(same.sum()),
                "rows": shown[:_MAX_LINKED],
            }
        )
    found.sort(key=lambda group: (group["n"] == group["recovered"], -group["n"]))
    return found


def _among(
    rows: Array, such: Array, codes: dict[int, Array], value_at: Callable[[int, int], Any]
) -> dict[str, Any] | None:
    """Find a parameter some of whose values always fail, and only these fail.

    This is among `such` rows, which have what all failed `rows` share.
    """
    for column, levels in codes.items():
        mine, first = np.unique(levels[rows], return_index=True)
        if np.isin(levels[such], mine).sum() != len(rows):
            continue
        values = [value_at(column, int(rows[i])) for i in np.sort(first)[:_MAX_VALUES]]
        return {"column": column, "values": values, "n": len(mine)}
    return None
