"""The columns of bookkeeping: those of every row, and those that only some runs have."""

from __future__ import annotations

from typing import Any, Final

__all__ = [
    "ATTEMPTS",
    "BOOK",
    "EXTRAS",
    "NO_EXTRA",
    "RESERVED",
    "RUNTIME",
    "SEED",
    "is_private",
    "is_reserved",
]

# Columns of every row. Old studies are recognised by exactly these: a new column of bookkeeping
# belongs to NO_EXTRA.
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
SEED: Final = "_seed"
ATTEMPTS: Final = "_attempts"

# Columns that exist only if some run of the study asked for them, and what they hold in the rows
# of the other runs. A row without _failed is a success. `running.options` fills those of a run,
# `engines.call` those of a pset.
NO_EXTRA: Final[dict[str, Any]] = {
    "_exec_host": None,
    "_git_commit": None,
    "_failed": False,
    "_exc_txt": None,
    "_logs": None,
    SEED: None,
    ATTEMPTS: 1,
}
EXTRAS: Final = tuple(NO_EXTRA)
RESERVED: Final = frozenset({*BOOK, *EXTRAS, RUNTIME})


def is_reserved(name: Any) -> bool:
    """Return whether a name is that of a column of bookkeeping."""
    return isinstance(name, str) and name in RESERVED


def is_private(name: Any) -> bool:
    """Return whether a name is left out of the hash."""
    return isinstance(name, str) and name.startswith("_")
