"""What one finished pset is while a run is under way: a row; its columns are in `bookkeeping`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

__all__ = [
    "ROW_SIZE",
    "Header",
    "Row",
    "RowTuple",
    "failure_of",
    "is_failed",
]


class Row(NamedTuple):
    """One finished pset."""

    seq: int  # _pset_seq
    pset_id: str
    time_ns: int  # when it started: ns since 1970, UTC
    pset_hash: str
    runtime: float  # s
    params: dict[Any, Any]
    results: dict[Any, Any]
    extras: dict[str, Any] | None  # further bookkeeping columns


# A Row, or the same as a plain tuple: one is made, pickled and written for every pset, and a plain
# one takes an eighth of the time.
RowTuple = tuple[int, str, int, str, float, dict[Any, Any], dict[Any, Any], "dict[str, Any] | None"]
ROW_SIZE: Final = len(Row._fields)


@dataclass(frozen=True)
class Header:
    """What the rows of one run have in common.

    ``first_seq`` and ``n_psets`` are the range of ``_pset_seq`` that the run has reserved.
    """

    run_id: str
    run_seq: int
    calc_dir: str
    first_seq: int
    n_psets: int


def failure_of(row: RowTuple) -> object:
    """Return what ``_exc_txt`` has in a row that failed."""
    *_, extras = row
    return extras and extras.get("_exc_txt")


def is_failed(row: RowTuple) -> bool:
    """Return whether the pset of a row failed."""
    _, _, _, _, _, _, _, extras = row  # in a fifth of the time of ``*_, extras``
    return extras is not None and extras.get("_failed", False) is True
