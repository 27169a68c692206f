"""Dicts in cells, as columns of their own, so that each of their entries can be plotted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from ..table.bookkeeping import is_private
from ..table.cells import MISSING, cells, column
from ..table.frames import assemble, places_of

__all__ = ["split_dicts"]

Path = tuple[str, ...]

_MAX_ENTRIES: Final = 20  # of one column


def split_dicts(df: pd.DataFrame) -> tuple[pd.DataFrame, dict[Any, Path]]:
    """Replace each column of dicts by columns of their entries, such as ``model.depth``.

    Parameters
    ----------
    df : DataFrame
        A study.

    Returns
    -------
    df : DataFrame
        A column whose values are not all dicts with strings as keys, or that have more than
        20 different entries, is as it was. So is one whose entries would have names of others.
    paths : dict
        For each new column: the name of its column in the study, then the keys.
    """
    paths: dict[Any, Path] = {}
    if not len(df):
        return df, paths
    names: list[Any] = []
    columns: list[Any] = []
    taken = {*df.columns}
    public = {i for some in places_of(df) for i in some if not is_private(df.columns[i])}
    for i, name in enumerate(df.columns):
        entries = _entries(name, df.iloc[:, i]) if i in public else {}
        titles = [".".join(path) for path in entries]
        if entries and not taken & {*titles} and len({*titles}) == len(titles):
            taken |= {*titles}
            paths.update(zip(titles, entries, strict=True))
            names += titles
            columns += map(column, entries.values())
        else:
            names.append(name)
            columns.append(df.iloc[:, i])
    return (assemble(names, columns, df.index), paths) if paths else (df, paths)


def _entries(name: Any, series: pd.Series[Any]) -> dict[Path, list[Any]]:
    """Return the cells of each entry; none, if the column is to be left as it is."""
    if series.dtype != object or not isinstance(name, str):
        return {}
    found: dict[Path, list[Any]] = {}
    for row, value in enumerate(cells(series)):
        if value is MISSING:
            continue
        if not _can_be_split(value):
            return {}
        for path, entry in _leaves((name,), value):
            if path not in found:
                if len(found) == _MAX_ENTRIES:
                    return {}
                found[path] = [MISSING] * len(series)
            found[path][row] = entry
    return found


def _can_be_split(value: Any) -> bool:
    # Not a subclass: it may be anything.
    return type(value) is dict and bool(value) and all(type(key) is str for key in value)


def _leaves(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if len(path) < 10 and _can_be_split(value):
        for key, entry in value.items():
            yield from _leaves((*path, key), entry)
    else:
        yield path, value
