"""The numbers of rows that `psweep-rm` has removed. No other row gets them, so they can return."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import DatabaseError, PsweepError
from . import database
from .atomic import replacing
from .paths import Layout

__all__ = ["FILE", "removed_ids", "removed_numbers", "removed_rows", "write_numbers"]

FILE = "numbers.json"
_NAMES = ("_pset_seq", "_run_seq")
_RUNS = "rows of each run"


def write_numbers(folder: Path, rows: pd.DataFrame) -> None:
    """Note the highest numbers of some rows, and how many each run had."""
    numbers: dict[str, Any] = {name: int(rows[name].max()) for name in _NAMES}
    numbers[_RUNS] = {str(run_id): n for run_id, n in Counter(rows["_run_id"]).items()}
    with replacing(folder / FILE) as file:
        file.write(json.dumps(numbers).encode("utf-8"))


def removed_numbers(layout: Layout) -> Iterator[dict[str, int]]:
    """Read the highest numbers of the rows of each removal."""
    for folder in layout.removals():
        path = folder / FILE
        try:
            numbers = json.loads(path.read_text(encoding="utf-8"))
            yield {name: int(numbers[name]) for name in _NAMES}
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = (
                f"{path} cannot be read ({type(error).__name__}: {error}), so the numbers of the "
                f"rows in {folder} could be given again; restore it, or move the folder away"
            )
            raise DatabaseError(message) from error


def removed_rows(layout: Layout) -> Counter[str]:
    """Count the rows of each run that were removed, as far as this is known."""
    found: Counter[str] = Counter()
    for folder in layout.removals():
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            numbers = json.loads((folder / FILE).read_text(encoding="utf-8"))
            found.update({run_id: int(n) for run_id, n in numbers[_RUNS].items()})
    return found


def removed_ids(layout: Layout) -> set[str]:
    """Find the psets whose rows were removed, as far as this is known."""
    found: set[str] = set()
    for folder in layout.removals():
        with contextlib.suppress(OSError, PsweepError):
            found.update(database.read_file(folder / layout.basename)["_pset_id"])
    return found
