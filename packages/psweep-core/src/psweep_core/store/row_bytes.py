"""One row as bytes and back: a pickle, or JSON where the database holds data only.

Rows that are read from a file next to a ``.json`` or ``.parquet`` database must be JSON: whoever
reads these formats need not trust who wrote them.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

from ..table.rows import ROW_SIZE, Row, RowTuple
from .json_values import decode as json_decode
from .json_values import encode as json_encode
from .portable_pickle import dumps_atomic_first

__all__ = ["decode", "decode_json", "encode", "encode_json", "is_pickle", "plain_encoder"]

_KINDS: tuple[Any, ...] = (int, str, int, str, (int, float), dict, dict, (dict, type(None)))


def encode(row: RowTuple, data_only: bool = False) -> bytes:
    """Convert a row to what `Journal.append` takes.

    Parameters
    ----------
    row : RowTuple
    data_only : bool, default False
        To JSON.

    Raises
    ------
    Exception
        Any, if a value cannot be pickled, or has no form in JSON.
    """
    if data_only:
        return encode_json(row)
    *_, params, results, _extras = row
    return dumps_atomic_first(tuple(row), {**params, **results})  # an ordinary one, see `rows`


class _Parts(NamedTuple):
    """What a pickler takes for a file: a list of what it writes."""

    write: Callable[[bytes], object]


def plain_encoder(data_only: bool = False) -> Callable[[RowTuple], bytes]:
    """Return a quicker `encode` for rows in which all values are plain, for use in one thread.

    One pickler serves all rows, and with ``fast`` it does not number the values that it writes, to
    refer to them later. That takes two thirds of the time of `pickle.dumps`.
    """
    if data_only:
        return encode_json
    parts: list[bytes] = []
    pickler = pickle.Pickler(_Parts(parts.append), 5)
    pickler.fast = True

    def encode_plain(row: RowTuple) -> bytes:
        parts.clear()  # an exception may have left something
        pickler.dump(row)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    return encode_plain


def encode_json(row: RowTuple) -> bytes:
    """Convert a row to JSON."""
    # from depth -2, since the values are that much deeper in it than in the database
    return json.dumps(json_encode(list(row), "a row", -2)).encode()


def decode(row_bytes: bytes) -> Row:
    """Make the row again; of this run only, because it may be a pickle."""
    return Row._make(pickle.loads(row_bytes)) if is_pickle(row_bytes) else decode_json(row_bytes)


def decode_json(row_bytes: bytes) -> Row:
    """Make a row again of JSON, which anybody may have written.

    Raises
    ------
    Exception
        Any, if it is not a row.
    """
    parts: Any = json_decode(json.loads(row_bytes))
    if (
        not isinstance(parts, list)
        or len(parts) != ROW_SIZE
        or not all(isinstance(part, kind) for part, kind in zip(parts, _KINDS, strict=True))
    ):
        message = "it is JSON, but not a row"
        raise ValueError(message)
    return Row._make(parts)


def is_pickle(payload: bytes) -> bool:
    """Return whether this is a pickle, of protocol 2 or later; else it is JSON."""
    return payload[:1] == b"\x80"
