"""The texts of a column, joined: of a database that a loop of runs writes again and again.

pyarrow holds a column in pieces, which nothing changes, and a run adds one. So where the database
that was written last began with the same pieces, its text is the beginning of the new one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = ["BETWEEN", "forget", "joined", "remembering"]

BETWEEN = "\n"


class _Known(NamedTuple):
    """What was joined."""

    pieces: list[Any]  # arrays of pyarrow; as long as they are here, nothing else has their memory
    text: str


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


def joined(array: Any) -> str | None:
    """Join the texts of an array of pyarrow.

    None if they could not be separated again, or if some are missing.
    """
    pieces = [piece for piece in getattr(array, "chunks", [array]) if len(piece)]
    new = _new
    parts: list[str] = []
    rest = pieces
    for known in _known if new is not None else []:
        if _begins_with(pieces, known.pieces):
            parts, rest = [known.text], pieces[len(known.pieces) :]
    if rest:
        text = _join(rest)
        if text is None:
            return None
        parts.append(text)
    text = BETWEEN.join(parts)
    if new is not None and pieces:
        new.append(_Known(pieces, text))
    return text


def _begins_with(pieces: list[Any], first: list[Any]) -> bool:
    return [*map(_place, pieces[: len(first)])] == [*map(_place, first)]


def _place(piece: Any) -> tuple[Any, ...]:
    """Return where in memory an array is."""
    buffers = [None if some is None else (some.address, some.size) for some in piece.buffers()]
    return piece.type, piece.offset, len(piece), buffers


def _join(pieces: list[Any]) -> str | None:
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
