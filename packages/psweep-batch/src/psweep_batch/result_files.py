"""The result file of a job: what is in it, and whether it counts."""

from __future__ import annotations

import json
import os
import pickle
import pickletools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from psweep import ResultError
from psweep_core.plumbing import RESERVED, open_regular

from .jobs import RESULT_FILES

__all__ = [
    "UNUSABLE",
    "BookOf",
    "is_complete",
    "no_book",
    "read_result",
    "result_file",
    "why_no_result",
    "without_book",
]

# Returns the bookkeeping in the row of a pset, by the id of the pset.
BookOf = Callable[[str], Mapping[str, Any]]


def no_book(_: str) -> Mapping[str, Any]:
    """Return no bookkeeping, where no database is known."""
    return {}


# Part of ``_exc_txt`` if a job was killed and its result, or that of a reader, cannot be used
UNUSABLE: Final = "; its result cannot be used: "

# The last opcode of a pickle if it holds a dict, or an object of which only running it would show
# whether it is one; after these, some may be noted for later
_OF_DICTS = {"EMPTY_DICT", "DICT", "SETITEM", "SETITEMS"}
_OF_OBJECTS = {"REDUCE", "NEWOBJ", "NEWOBJ_EX", "OBJ", "INST", "BUILD", "PERSID", "BINPERSID"}
_NOTES = {"MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP"}


def is_complete(folder: str, book_of: BookOf = no_book) -> bool:
    """Return whether a job that was killed has written a dict as its result; runs no code."""
    path = result_file(Path(folder))
    if path is None or path.suffix == ".json":
        return not why_no_result(folder, book_of)
    try:
        with open_regular(path, follow=True) as file:
            last = ""
            for opcode, _, _ in pickletools.genops(file):
                last = last if opcode.name in _NOTES else opcode.name
            return last in _OF_DICTS | _OF_OBJECTS
    except (OSError, ValueError, RecursionError):
        return False


def result_file(folder: Path) -> Path | None:
    """Return the file with the result of a job; None if there is none."""
    return next((folder / name for name in RESULT_FILES if (folder / name).exists()), None)


def read_result(folder: Path) -> Mapping[Any, Any]:
    """Read the result of a job; a pickle may run any code.

    Raises
    ------
    ResultError
        There is none, or it cannot be read, or is not a dict.
    """
    path = result_file(folder)
    if path is None:
        message = f"there is neither {' nor '.join(RESULT_FILES)}"
        raise ResultError(message)
    load: Any = json.load if path.suffix == ".json" else pickle.load
    try:
        with open_regular(path, follow=True) as file:
            result = load(file)
    except Exception as error:
        message = f"{path} cannot be read: {type(error).__name__}: {error}"
        raise ResultError(message) from error
    if not isinstance(result, Mapping):
        message = f"{path} holds {result!r} ({type(result).__name__}), not a dict"
        raise ResultError(message)
    return result


def without_book(results: Mapping[Any, Any], book: Mapping[str, Any]) -> dict[Any, Any]:
    """Leave the bookkeeping in the row of a pset out of its results.

    Raises
    ------
    ResultError
        There is other bookkeeping in them.
    """
    kept = {}
    for name, value in results.items():
        if not _is_reserved(name):
            kept[name] = value
        elif name not in book or (name != "_time_utc" and value != book[name]):
            message = f"{name!r} is reserved by psweep for its bookkeeping; use another name"
            raise ResultError(message)
    return kept


def _is_reserved(name: Any) -> bool:
    return isinstance(name, str) and name in RESERVED


def why_no_result(folder: str, book_of: BookOf) -> str:
    """Return why a job that exited with 0 has left no result; empty if it has left one.

    A pickle is not looked into: only `batch_collect` may run its code.
    """
    path = result_file(Path(folder))
    if path is None or path.suffix == ".json":
        try:
            results = read_result(Path(folder))
            if any(map(_is_reserved, results)):
                without_book(results, book_of(os.path.basename(folder)))
        except ResultError as error:
            return str(error)
    return ""
