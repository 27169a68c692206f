"""Rows of a run as columns of cells: what a DataFrame is made of."""

from __future__ import annotations

import contextlib
import itertools
import operator
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ..params.columns import columns_of
from ..params.grids import Pset
from .cells import MISSING
from .rows import ROW_SIZE

__all__ = [
    "Cells",
    "RowGroup",
    "cells_of",
    "joined",
    "listed",
    "packed",
    "row_group",
    "unpacked",
    "without",
]

# An array where all are ints or all are floats, else a list.
Column = list[Any] | np.ndarray[Any, Any]
Cells = dict[Any, Column]


class RowGroup(NamedTuple):
    """Some rows in columns, one per field of `rows.Row`; params and results have one per name."""

    seqs: np.ndarray[Any, Any]
    ids: list[str]
    times: np.ndarray[Any, Any]
    hashes: list[str]
    runtimes: np.ndarray[Any, Any]
    params: Cells
    results: Cells
    extras: list[dict[str, Any] | None]


def row_group(flat: list[Any], with_params: bool = True) -> RowGroup:
    """Make a group of rows that follow one another in one list.

    Parameters
    ----------
    flat : list
        The fields of the first row, then those of the second, and so on.
    with_params : bool, default True
        False: leave out ids and params, because whoever gets the group has them.
    """
    seqs, ids, times, hashes, runtimes, params, results, extras = (
        flat[part::ROW_SIZE] for part in range(ROW_SIZE)
    )
    return RowGroup(
        np.array(seqs, dtype=np.int64),
        ids if with_params else [],
        np.array(times, dtype=np.int64),
        hashes,
        np.array(runtimes, dtype=np.float64),
        cells_of(params) if with_params else {},
        cells_of(results),
        extras,
    )


def cells_of(dicts: list[Pset]) -> Cells:
    """Convert dicts into one column per name."""
    return {name: _compact(column) for name, column in _columns(dicts).items()}


def _columns(dicts: list[Pset]) -> dict[Any, list[Any]]:
    columns = columns_of(dicts)
    if columns is None:
        names = dict.fromkeys(itertools.chain.from_iterable(dicts))
        columns = {name: [dct.get(name, MISSING) for dct in dicts] for name in names}
    return columns


def _compact(values: list[Any]) -> Column:
    kind, n = type(values[0]), len(values)
    if kind in (float, int) and operator.countOf(map(type, values), kind) == n:
        with contextlib.suppress(OverflowError):
            return np.fromiter(values, np.float64 if kind is float else np.int64, n)
    return values


def packed(group: RowGroup) -> list[Any]:
    """Convert a group into what is quickly pickled."""
    seqs, ids, times, hashes, runtimes, *rest = group
    texts = [" ".join(part) for part in (ids, hashes)]  # there are no spaces in them
    return [seqs.tobytes(), times.tobytes(), runtimes.tobytes(), *texts, *rest]


def unpacked(parts: list[Any]) -> RowGroup:
    """Convert what `packed` gave into a group again."""
    seqs, times = (np.frombuffer(part, dtype=np.int64).copy() for part in parts[:2])
    runtimes = np.frombuffer(parts[2], dtype=np.float64).copy()
    ids, hashes = (part.split(" ") if part else [] for part in parts[3:5])
    return RowGroup(seqs, ids, times, hashes, runtimes, *parts[5:])


def joined(groups: list[RowGroup]) -> RowGroup:
    """Put groups below each other."""
    groups = [group for group in groups if len(group.seqs)] or groups[:1]
    if len(groups) == 1:
        return groups[0]
    lengths = [len(group.seqs) for group in groups]
    parts: list[Any] = []
    for cells in zip(*groups, strict=True):
        if isinstance(cells[0], dict):
            names = dict.fromkeys(itertools.chain.from_iterable(cells))
            parts.append({name: _below(name, cells, lengths) for name in names})
        elif isinstance(cells[0], np.ndarray):
            parts.append(np.concatenate(cells))
        else:
            parts.append([*itertools.chain.from_iterable(cells)])
    return RowGroup(*parts)


def _below(name: Any, cells: Iterable[Cells], lengths: list[int]) -> Column:
    parts = [some.get(name) for some in cells]
    kinds = {part.dtype if isinstance(part, np.ndarray) else None for part in parts}
    if len(kinds) == 1 and None not in kinds:
        return np.concatenate(parts)  # type: ignore[arg-type]
    column: list[Any] = []
    for part, n in zip(parts, lengths, strict=True):
        column += [MISSING] * n if part is None else listed(part)
    return column


def listed(column: Column) -> list[Any]:
    """Return cells as Python objects."""
    return column if isinstance(column, list) else column.tolist()


def without(group: RowGroup, ids: set[str]) -> RowGroup:
    """Leave out rows."""
    positions = [i for i, pset_id in enumerate(group.ids) if pset_id not in ids]
    parts: list[Any] = []
    for part in group:
        if isinstance(part, dict):
            cells = {name: _some(column, positions) for name, column in part.items()}
            # Names that no other row has are gone, too.
            parts.append({name: some for name, some in cells.items() if not _is_empty(some)})
        else:
            parts.append(_some(part, positions))
    return RowGroup(*parts)


def _some(column: Column, positions: list[int]) -> Column:
    if isinstance(column, np.ndarray):
        return column[positions]
    return [column[i] for i in positions]


def _is_empty(column: Column) -> bool:
    return len(column) == 0 or (isinstance(column, list) and column.count(MISSING) == len(column))
