"""Psets whose results are in the database: their folders need not be listed again.

A study of 20 000 psets has 20 000 folders. ``.psweep/batch_collected.json`` holds what is known of
the jobs of those that are done and collected. A pset that is submitted again is in a list that the
submit script writes, ``.again_<machine>``, and its folder is read again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from psweep import file_read
from psweep_core.plumbing import PRIVATE, replace_text

from .find_state import Outcome
from .jobs import Attempt

__all__ = ["Collected", "read_collected", "write_collected"]

_NAME = "batch_collected.json"
# of an attempt; the folder follows from the pset
_FIELDS = tuple(name for name in Attempt._fields if name != "folder")


class Collected(NamedTuple):
    """What is known of the job of one pset."""

    attempt: Attempt
    reason: str
    log: str | None  # below the study's folder
    stderr: str | None


def read_collected(calc_dir: Path, outcomes: Mapping[str, Outcome]) -> dict[str, Collected]:
    """Read what was written, without those that have changed since.

    Parameters
    ----------
    calc_dir : Path
    outcomes : mapping
        What the database says of each pset.
    """
    try:
        saved = json.loads(file_read(calc_dir / PRIVATE / _NAME))
        if saved["fields"] != list(_FIELDS):
            return {}  # of another version
        columns = [saved["psets"], *saved["attempts"]]
        rest = zip(saved["reasons"], saved["logs"], saved["stderrs"], strict=True)
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    again = _submitted_again(calc_dir)
    number = _FIELDS.index("number")
    top = f"{calc_dir}/"
    found = {}
    for (pset_id, *values), (reason, log, stderr) in zip(
        zip(*columns, strict=True), rest, strict=True
    ):
        outcome = outcomes.get(pset_id)
        if outcome is None or outcome.failed or again.get(pset_id, 0) > values[number]:
            continue
        attempt = Attempt(top + pset_id, *values)
        if attempt.runtime == outcome.runtime:
            found[pset_id] = Collected(attempt, reason, log, stderr)
    return found


def write_collected(calc_dir: Path, found: Mapping[str, Collected]) -> None:
    """Keep this; what cannot be kept is looked up again."""
    attempts: Iterable[list[object]] = [
        [getattr(c.attempt, name) for c in found.values()] for name in _FIELDS
    ]
    saved = {
        "fields": _FIELDS,
        "psets": list(found),
        "attempts": attempts,
        "reasons": [c.reason for c in found.values()],
        "logs": [c.log for c in found.values()],
        "stderrs": [c.stderr for c in found.values()],
    }
    with contextlib.suppress(OSError):
        replace_text(calc_dir / PRIVATE / _NAME, json.dumps(saved, separators=(",", ":")))


def _submitted_again(calc_dir: Path) -> dict[str, int]:
    """Read which psets were submitted more than once, and their last attempts."""
    again: dict[str, int] = {}
    for path in calc_dir.glob(".again_*"):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            pset_id, _, number = line.partition(" ")
            with contextlib.suppress(ValueError):
                again[pset_id] = max(int(number), again.get(pset_id, 0))
    return again
