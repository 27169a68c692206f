"""What one finished pset is while a run is under way: a row, and the names that it must not use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

__all__ = ["BOOK", "EXTRAS", "NO_EXTRA", "RESERVED", "ROW_SIZE", "RUNTIME", "Header", "Row"]

# A plain tuple, since one is made, pickled and written for every pset:
#   0 _pset_seq, 1 _pset_id, 2 _time_utc (ns since 1970), 3 _pset_hash, 4 _pset_runtime (s),
#   5 the params, 6 the results, 7 further book-keeping columns or None
Row = tuple[int, str, int, str, float, dict[Any, Any], dict[Any, Any], "dict[str, Any] | None"]
ROW_SIZE: Final = 8


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


BOOK: Final = (
    "_run_id",
    "_pset_id",
    "_calc_dir",
    "_time_utc",
    "_pset_hash",
    "_pset_seq",
    "_run_seq",
)
RUNTIME: Final = "_pset_runtime"

# Columns that exist only if some run of the study asked for them, and what they hold in the rows
# of the other runs. A row without _failed is a success.
NO_EXTRA: Final[dict[str, Any]] = {
    "_exec_host": None,
    "_git_commit": None,
    "_failed": False,
    "_exc_txt": None,
    "_logs": None,
}
EXTRAS: Final = tuple(NO_EXTRA)
RESERVED: Final = frozenset({*BOOK, *EXTRAS, RUNTIME})
