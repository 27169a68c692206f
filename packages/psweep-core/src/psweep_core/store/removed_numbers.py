"""The numbers of rows that `psweep-rm` has removed. No other row gets them, so they can return."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from ..errors import DatabaseError
from .atomic import replacing
from .paths import Layout

__all__ = ["FILE", "removed_numbers", "write_numbers"]

FILE = "numbers.json"
_NAMES = ("_pset_seq", "_run_seq")


def write_numbers(folder: Path, rows: pd.DataFrame) -> None:
    """Note the highest numbers of some rows."""
    numbers = {name: int(rows[name].max()) for name in _NAMES}
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
