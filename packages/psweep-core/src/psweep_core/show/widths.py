"""How wide texts are in a terminal, and how columns are made to fit into one."""

from __future__ import annotations

import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Sequence

from ..messages import printable

__all__ = ["ellipsis", "encodable", "fit", "shortened", "terminal_width", "text_width", "wrapped"]

_NARROWEST = 12  # characters that a cell keeps before columns are left out instead
_MAX_LINES = 4


def terminal_width() -> int | None:
    """Return the width of the terminal that stdout is, in characters; None if it is none."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns


def text_width(text: str) -> int:
    """Count the places that a text takes in a terminal; of several lines, the widest."""
    if text.isascii():
        return max(map(len, text.split("\n")))
    return max(sum(map(_places, line)) for line in text.split("\n"))


def _places(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def shortened(text: str, width: int) -> str:
    """Cut the lines of a text to a width; those that were longer end in an ellipsis."""
    return "\n".join(
        line if text_width(line) <= width else _cut(line, width) for line in text.split("\n")
    )


def _cut(line: str, width: int) -> str:
    room = width - 1
    for end, char in enumerate(line):
        room -= _places(char)
        if room < 0:
            return line[:end] + ellipsis()
    return line


def ellipsis() -> str:
    """Return an ellipsis of one character that stdout can write."""
    try:
        "…".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeError:
        return "~"
    return "…"


def encodable(text: str) -> str:
    """Escape what stdout cannot write, as half of a surrogate pair, and what a terminal obeys."""
    text = printable(text)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def wrapped(text: str, room: int | None) -> str:
    """Break a text into a few lines that fit into a terminal; None: leave it in one line."""
    if room is None:
        return text
    rest = f" {ellipsis()}"
    lines = textwrap.wrap(
        text, max(room, 8), max_lines=_MAX_LINES, placeholder=rest, break_on_hyphens=False
    )
    return "\n".join(shortened(line, room) for line in lines)


def fit(
    widths: Sequence[int],
    floors: Sequence[int],
    room: int,
    gap: int,
    keep_all: bool,
    order: Sequence[int] = (),
) -> dict[int, int]:
    """Find widths for columns that are side by side.

    Parameters
    ----------
    widths : sequence of int
        What the columns would take.
    floors : sequence of int
        What they need at least, such as for numbers, which must not be cut.
    room : int
        What there is.
    gap : int
        Between two columns.
    keep_all : bool
        Leave none out, even if they do not fit.
    order : sequence of int
        The columns, those to keep first. Empty: from both ends.

    Returns
    -------
    dict of int to int
        The position of each column that stays, and its width.
    """
    n = len(widths)
    narrow = [max(floors[i], min(widths[i], _NARROWEST)) for i in range(n)]
    taken = sum(narrow) + gap * (n - 1)
    kept = set(range(n))
    from_ends = [i for pair in zip(range(n), reversed(range(n)), strict=True) for i in pair][:n]
    for i in reversed(order or from_ends):
        if keep_all or taken <= room or len(kept) == 1:
            break
        kept.discard(i)
        taken -= narrow[i] + gap
    for limit in range(room, _NARROWEST, -1):
        found = {i: max(floors[i], min(widths[i], limit)) for i in sorted(kept)}
        if sum(found.values()) + gap * (len(found) - 1) <= room:
            return _widened(found, widths, room - gap * (len(found) - 1))
    return {i: narrow[i] for i in sorted(kept)}


def _widened(found: dict[int, int], widths: Sequence[int], room: int) -> dict[int, int]:
    """Widen columns that were cut by the places that are left, from left to right."""
    left = room - sum(found.values())
    for i, width in found.items():
        more = min(left, 1, widths[i] - width)
        found[i] += more
        left -= more
    return found
