"""The suffixes of database files: each names a format, see `file_formats`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["DATA_ONLY", "JSON", "PARQUET", "PICKLES", "SUFFIXES", "holds_data_only"]

PICKLES: Final = (".pk", ".pkl", ".pickle")
JSON: Final = ".json"
PARQUET: Final = ".parquet"
DATA_ONLY: Final = (JSON, PARQUET)  # these cannot hold everything that a pickle can
SUFFIXES: Final = (*PICKLES, *DATA_ONLY)


def holds_data_only(database_basename: str) -> bool:
    """Return whether a format cannot hold everything that a pickle can."""
    return Path(database_basename).suffix.lower() in DATA_ONLY
