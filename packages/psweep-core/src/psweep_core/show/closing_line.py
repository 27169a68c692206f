"""The one line that a run prints at its end, if there is something to report.

What else is reported is added where it is found, in `running.carry_out` and `running.planner`.
"""

from __future__ import annotations

import contextlib
import os
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..messages import writable
from .progress import report_stream
from .tracebacks import cause_of

__all__ = ["ClosingLine", "causes_of", "count_causes", "failures_by_cause", "show_line"]

_MAX_CAUSES = 3
_ROOM = 160  # characters for all causes together
_NUMBER = r"(0x[0-9a-fA-F]+|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"


class ClosingLine:
    """Collect what there is to report about a run, and print it as one line on stderr.

    If all went well, nothing is printed. A notebook gets the line on stdout, like the progress
    bar.
    """

    def __init__(self) -> None:
        self.n_replaced = 0  # worker processes that died and have a successor
        self._interruption: list[str] = []
        self._failures: list[str] = []
        self._notices: dict[str, None] = {}

    def add(self, notice: str) -> None:
        """Add something that the user should know, in a few words without a full stop.

        The same notice is printed once, no matter how often it is added.
        """
        self._notices[notice] = None

    def interrupted(self, what_is_safe: str) -> None:
        """Report that Ctrl-C ended the run; this comes first."""
        self._interruption = [f"interrupted: {what_is_safe}"]

    def count_failures(self, df: pd.DataFrame, rows: np.ndarray[Any, Any] | None = None) -> None:
        """Report the psets that failed in this run.

        Parameters
        ----------
        df : DataFrame
            A database.
        rows : array of bool, optional
            The rows of this run. None: all.
        """
        if "_failed" not in df.columns:
            return
        failed = df["_failed"].isin([True]).to_numpy(dtype=bool)
        n_rows = len(df)
        if rows is not None:
            failed = failed & rows
            n_rows = int(rows.sum())
        n = int(failed.sum())
        if n:
            texts = df["_exc_txt"].array[failed] if "_exc_txt" in df.columns else [None] * n
            self._failures = [f"{n} of {n_rows} failed: {failures_by_cause(texts)}"]

    def show(self) -> None:
        """Print the line, unless there is nothing to report."""
        n = self.n_replaced
        replaced = [f"{n} worker{'s' if n > 1 else ''} replaced"] if n else []
        parts = [*self._interruption, *self._failures, *replaced, *self._notices]
        if parts:
            show_line("; ".join(parts))


def show_line(text: str) -> None:
    """Print a line where the user looks: on stderr, or on stdout in a notebook."""
    stream = report_stream()
    if stream is None:
        return
    line = writable(f"psweep: {text}", stream)
    # The terminal or the pipe may be closed, which is not a reason to end a run.
    with contextlib.suppress(OSError, ValueError):
        print(_between_words(line, stream), file=stream, flush=True)


def _between_words(line: str, stream: Any) -> str:
    """Break a line between words if it is wider than a terminal, which breaks it anywhere."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (AttributeError, OSError, ValueError):  # a file, a pipe, or an object like a file
        return line
    # (A terminal that does not know its size has none.)
    return textwrap.fill(line, columns or 80, break_long_words=False, break_on_hyphens=False)


def failures_by_cause(texts: Iterable[object] | Mapping[str, int]) -> str:
    """Sum up why psets failed, the most frequent cause first.

    Parameters
    ----------
    texts : iterable or dict
        What ``_exc_txt`` has in their rows, or what `count_causes` has made of it.

    Returns
    -------
    str
        Such as ``2 × ValueError: x must be positive, 1 × timeout``. Messages that differ only in
        numbers are one cause.
    """
    causes = [*(texts if isinstance(texts, Mapping) else count_causes(texts)).items()]
    shown = causes[:_MAX_CAUSES]
    room = _ROOM // max(len(shown), 1)
    parts = [f"{n} × {_cut(cause, room)}" for cause, n in shown]
    n_others = sum(n for _, n in causes[_MAX_CAUSES:])
    return ", ".join([*parts, *([f"{n_others} × …"] if n_others else [])])


def count_causes(texts: Iterable[object]) -> dict[str, int]:
    """Count why psets failed, the most frequent cause first; see `causes_of`."""
    return {cause: len(places) for cause, places in causes_of(texts)}


def causes_of(texts: Iterable[object]) -> list[tuple[str, list[int]]]:
    """Group failures by cause: each with the places of its texts, the most frequent first.

    Messages that differ only in numbers are one cause, with an ellipsis for these numbers.
    """
    lines: dict[str, list[int]] = {}
    known: dict[object, str] = {}
    for place, text in enumerate(texts):
        key = text if isinstance(text, str) else None
        if key not in known:
            known[key] = _short_cause(text)
        lines.setdefault(known[key], []).append(place)
    alike: dict[tuple[str, ...], list[str]] = {}
    for line in lines:
        text_between_numbers = tuple(re.split(_NUMBER, line)[::2])
        alike.setdefault(text_between_numbers, []).append(line)
    causes = [(_common(some), [i for line in some for i in lines[line]]) for some in alike.values()]
    return sorted(causes, key=lambda cause: -len(cause[1]))


def _short_cause(text: object) -> str:
    cause = cause_of(text)
    return "timeout" if cause.startswith("PsetTimeoutError:") else cause


def _common(lines: list[str]) -> str:
    """Replace the numbers in which messages differ by an ellipsis."""
    if len(lines) == 1:
        return lines[0]
    columns = zip(*(re.split(_NUMBER, line) for line in lines), strict=True)
    return "".join(parts[0] if len({*parts}) == 1 else "…" for parts in columns)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"
