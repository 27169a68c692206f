"""Whether the result file of a job that was killed counts; nothing in it is run."""

from __future__ import annotations

import json
import os
import pickletools
from pathlib import Path
from typing import Final

from psweep_core.plumbing import open_regular

from .jobs import RESULT_FILES

__all__ = ["UNUSABLE", "is_complete"]

# What the database says of a result that is there and was no use; of a reader's as well
UNUSABLE: Final = "; its result cannot be used: "

# The last opcode of a pickle if it holds a dict, or an object of which only running it would show
# whether it is one; after these, some may be noted for later
_OF_DICTS = {"EMPTY_DICT", "DICT", "SETITEM", "SETITEMS"}
_OF_OBJECTS = {"REDUCE", "NEWOBJ", "NEWOBJ_EX", "OBJ", "INST", "BUILD", "PERSID", "BINPERSID"}
_NOTES = {"MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP"}


def is_complete(folder: str) -> bool:
    """Return whether a job has written a dict as its result, to the end."""
    for name in RESULT_FILES:
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            continue
        try:
            with open_regular(Path(path), follow=True) as file:
                if name.endswith(".json"):
                    return isinstance(json.load(file), dict)
                last = ""
                for opcode, _, _ in pickletools.genops(file):
                    last = last if opcode.name in _NOTES else opcode.name
                return last in _OF_DICTS | _OF_OBJECTS
        except (OSError, ValueError, RecursionError):
            return False
    return False
