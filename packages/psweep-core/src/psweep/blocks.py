"""Rows of a run as columns of cells: what a DataFrame is made of."""

from __future__ import annotations

import contextlib
import itertools
import operator
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from .columns import MISSING
from .params import Pset
from .rows import ROW_SIZE

__all__ = [
    "Block",
    "Cells",
    "block_of",
    "cells_of",
    "joined",
    "packed",
    "unpacked",
    "without",
]

Cells = dict[Any, list[Any]]


class Block(NamedTuple):
    """The parts of some rows, see `rows.Row`; of params and results the cells of each name."""

    seqs: np.ndarray[Any, Any]
    ids: list[str]
    times: np.ndarray[Any, Any]
    hashes: list[str]
    runtimes: np.ndarray[Any, Any]
    params: Cells
    results: Cells
    extras: list[dict[str, Any] | None]


_TEXTS = (1, 3)  # the parts ids and hashes, in which there are no spaces


def block_of(flat: list[Any], known: bool = False) -> Block:
    """Make a block of rows that stand one after another in one list.

    Parameters
    ----------
    flat : list
    known : bool, default False
        Leave out ids and params: whoever gets the block has them.
    """
    seqs, ids, times, hashes, runtimes, params, results, extras = (
        flat[part::ROW_SIZE] for part in range(ROW_SIZE)
    )
    return Block(
        np.array(seqs, dtype=np.int64),
        [] if known else ids,
        np.array(times, dtype=np.int64),
        hashes,
        np.array(runtimes, dtype=np.float64),
        {} if known else cells_of(params),
        cells_of(results),
        extras,
    )


def cells_of(dicts: list[Pset]) -> Cells:
    """Make dicts into a list a name."""
    if len(set(map(len, dicts))) == 1:
        with contextlib.suppress(KeyError):  # they differ in their names
            return {name: list(map(operator.itemgetter(name), dicts)) for name in dicts[0]}
    names = dict.fromkeys(itertools.chain.from_iterable(dicts))
    return {name: [dct.get(name, MISSING) for dct in dicts] for name in names}


def packed(block: Block) -> list[Any]:
    """Make a block into what is quickly pickled."""
    parts: list[Any] = list(block)
    for i in _TEXTS:
        parts[i] = " ".join(parts[i])
    return parts


def unpacked(parts: list[Any]) -> Block:
    """Make what `packed` gave into a block again."""
    for i in _TEXTS:
        parts[i] = parts[i].split(" ") if parts[i] else []
    return Block(*parts)


def joined(blocks: list[Block]) -> Block:
    """Put blocks below each other."""
    if len(blocks) == 1:
        return blocks[0]
    lengths = [len(block.seqs) for block in blocks]
    parts: list[Any] = []
    for cells in zip(*blocks, strict=True):
        if isinstance(cells[0], dict):
            names = dict.fromkeys(itertools.chain.from_iterable(cells))
            parts.append({name: _below(name, cells, lengths) for name in names})
        elif isinstance(cells[0], np.ndarray):
            parts.append(np.concatenate(cells))
        else:
            parts.append([*itertools.chain.from_iterable(cells)])
    return Block(*parts)


def _below(name: Any, cells: Iterable[Cells], lengths: list[int]) -> list[Any]:
    column: list[Any] = []
    for some, n in zip(cells, lengths, strict=True):
        column += some[name] if name in some else [MISSING] * n
    return column


def without(block: Block, ids: set[str]) -> Block:
    """Leave out rows."""
    positions = [i for i, pset_id in enumerate(block.ids) if pset_id not in ids]
    parts: list[Any] = []
    for part in block:
        if isinstance(part, dict):
            cells = {name: [some[i] for i in positions] for name, some in part.items()}
            # Names that no other row has are gone, too.
            cells = {name: some for name, some in cells.items() if some.count(MISSING) < len(some)}
            parts.append(cells)
        elif isinstance(part, np.ndarray):
            parts.append(part[positions])
        else:
            parts.append([part[i] for i in positions])
    return Block(*parts)
