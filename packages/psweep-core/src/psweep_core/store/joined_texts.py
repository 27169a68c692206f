"""The texts of a column, joined: of a database that a loop of runs writes again and again.

pyarrow holds a column in pieces, to which a run adds one. Without pyarrow, a column holds strings
of Python. Nothing changes a piece or a string. So where the column that was written last has the
same ones as the beginning of the new column, its text is the beginning of the new text. It is not
even copied: a column may have a few texts, to be joined by whoever reads them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

__all__ = ["BETWEEN", "addresses", "forget", "joined", "remembering"]

BETWEEN = "\n"
_MAX_TEXTS = 10  # of a column


class _Known(NamedTuple):
    """What was joined."""

    parts: list[Any]  # pieces or strings; as long as they are here, nothing else has their memory
    places: Any  # where in memory they are: a list, or an array of NumPy
    texts: list[str]


_known: list[_Known] = []  # of the database that was written last
_new: list[_Known] | None = None  # of the one that is being written; None: nothing is remembered


@contextlib.contextmanager
def remembering() -> Iterator[None]:
    """Use the texts of the last time in a with-block, and remember those that are joined in it."""
    global _new
    new: list[_Known] = []
    _new = new
    try:
        yield
    finally:
        _known[:], _new = new, None


def forget() -> None:
    """Remember nothing."""
    _known.clear()


def joined(cells: Any) -> list[str] | None:
    """Join the texts of an array of pyarrow or of an array of objects: into one, or into a few.

    None if they could not be separated again, or if some are missing.
    """
    if isinstance(cells, np.ndarray):
        join: Any = _join_strings
        places: Any = addresses(cells).copy()
    else:
        join = _join_pieces
        cells = [piece for piece in getattr(cells, "chunks", [cells]) if len(piece)]
        places = [*map(_place, cells)]
    new = _new
    known = _Known([], places[:0], [])
    for some in _known if new is not None else []:
        if _begins_with(places, some.places):
            known = some
    n_known = len(known.places)
    texts = known.texts if len(known.texts) < _MAX_TEXTS else [BETWEEN.join(known.texts)]
    if n_known < len(cells):
        rest = [*cells[n_known:]]
        text = join(rest)
        if text is None:
            return None
        texts = [*texts, text]
        known.parts.extend(rest)
    if new is not None:
        new.append(_Known(known.parts, places, texts))
    return texts


def addresses(array: Any) -> Any:
    """Return where in memory each object of an array is.

    To compare these takes a tenth of the time of comparing strings.
    """
    return np.frombuffer(np.ascontiguousarray(array), np.intp)


def _begins_with(places: Any, first: Any) -> bool:
    same = type(places) is type(first) and len(first) <= len(places)
    return same and bool(np.all(places[: len(first)] == first))


def _place(piece: Any) -> tuple[Any, ...]:
    """Return where in memory an array of pyarrow is."""
    buffers = [None if some is None else (some.address, some.size) for some in piece.buffers()]
    return piece.type, piece.offset, len(piece), buffers


def _join_strings(texts: list[Any]) -> str | None:
    try:
        text = BETWEEN.join(texts)
    except TypeError:  # missing ones
        return None
    return text if text.count(BETWEEN) == len(texts) - 1 else None


def _join_pieces(pieces: list[Any]) -> str | None:
    """Join strings without making Python's strings of them first."""
    import pyarrow
    import pyarrow.compute

    array = pyarrow.chunked_array(pieces).combine_chunks()
    if isinstance(array, pyarrow.ChunkedArray):  # if they are very large
        array = pyarrow.concat_arrays(array.chunks)
    if array.null_count:
        return None
    one = pyarrow.ListArray.from_arrays([0, len(array)], array)
    between = pyarrow.scalar(BETWEEN, array.type)
    text: str = pyarrow.compute.binary_join(one, between)[0].as_py()
    return text if text.count(BETWEEN) == len(array) - 1 else None
