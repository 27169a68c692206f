"""Tracebacks that show the user's frames and not ours, and the one line that sums one up."""

from __future__ import annotations

import builtins
import os
import re
import traceback
from collections.abc import Iterator
from types import CodeType, FrameType, TracebackType
from typing import Any

from ..errors import PsweepError, RemoteTraceback
from ..messages import safe_str

__all__ = [
    "CALLERS",
    "cause_of",
    "error_line",
    "format_error",
    "is_ours",
    "remove_our_frames",
]

# The code that calls func, by which it is found on the stack.
CALLERS: set[CodeType] = set()

_GROUP: Any = getattr(builtins, "BaseExceptionGroup", ())  # Python 3.10 has none
# What an exception has, also if its class has properties of these names, which may raise. For the
# same reason, `issubclass` is used for exceptions: `isinstance` looks at their ``__class__``.
_BASE: Any = BaseException
_traceback = _BASE.__traceback__.__get__
_cause = _BASE.__cause__.__get__
_context = _BASE.__context__.__get__
_name: Any = vars(type)["__name__"].__get__
_members: Any = _GROUP and _GROUP.exceptions.__get__
_OURS = frozenset({"psweep", "psweep_core", "psweep_batch", "psweep_git"})
_MAX_LINE = 300  # characters


def is_ours(frame: FrameType) -> bool:
    """Return whether a frame runs code of psweep."""
    return str(frame.f_globals.get("__name__")).partition(".")[0] in _OURS


def remove_our_frames(error: BaseException) -> bool:
    """Remove the frames of psweep from the traceback of an exception, and of those behind it.

    Returns
    -------
    bool
        False if nothing was removed, because the environment variable PSWEEP_FULL_TRACEBACK is
        set, or because neither func raised the exception nor psweep on purpose. So it may be a
        bug in psweep.
    """
    if os.environ.get("PSWEEP_FULL_TRACEBACK", "0") not in ("", "0"):
        return False
    is_explained = (
        issubclass(type(error), PsweepError | KeyboardInterrupt | OSError)
        or issubclass(type(_cause(error)), RemoteTraceback)
        or _in_func(_traceback(error)) is not None
    )
    if not is_explained:
        return False
    for each in _chain(error):
        entries = _in_func(_traceback(each))
        if entries is None:
            # All of these are of psweep, or of what it has called, such as multiprocessing.
            entries = [] if each is error else [*_entries(_traceback(each))]
        users: TracebackType | None = None
        for entry in reversed(entries):
            if not is_ours(entry.tb_frame):
                users = TracebackType(users, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
        BaseException.with_traceback(each, users)
    return True


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that are shown with it."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        each = todo.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            todo += [_cause(each), _context(each)]
            todo += _members(each) if issubclass(type(each), _GROUP) else ()


def _entries(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _in_func(trace: TracebackType | None) -> list[TracebackType] | None:
    """List the entries from func on; None if psweep had not called it."""
    entries = [*_entries(trace)]
    for place, entry in enumerate(entries, 1):
        if entry.tb_frame.f_code in CALLERS:
            inner = entries[place:]
            # (There is no inner entry if func is written in C.)
            if not inner or any(not is_ours(each.tb_frame) for each in inner):
                return inner
    return None


def format_error(error: BaseException) -> str:
    """Format a traceback as Python does, from func on: that psweep called it is not news."""
    remove_our_frames(error)
    try:
        return "".join(traceback.format_exception(error))
    except KeyboardInterrupt:
        raise
    except BaseException:  # of what the exception, or one that led to it, has in it
        frames = traceback.format_tb(_traceback(error))
        frames[:0] = ["Traceback (most recent call last):\n"] if frames else []
        return "".join([*frames, f"{_name(type(error))}: {safe_str(error)}\n"])


def error_line(text: str) -> str:
    """Find the line of a formatted traceback that names the exception; its notes follow it."""
    text = re.split(_CHAINED, text)[-1]
    lines = [line for line in text.splitlines() if line.strip()] or [""]
    if lines[0].startswith(("  + Exception Group", "  | ")):  # the second without a traceback
        inner = (line[4:] for line in lines if line.startswith("  | "))
        return next((line for line in inner if line[:1] != " "), lines[0])[:_MAX_LINE]
    start = max((i for i, line in enumerate(lines) if line.startswith("  File ")), default=-1)
    rest = lines[start + 1 :]
    place = next((i for i, line in enumerate(rest) if not line.startswith(" ")), None)
    if place is None:
        return lines[-1][:_MAX_LINE]
    line = rest[place].rstrip()
    if line.endswith(":") and place + 1 < len(rest):  # a message that starts with a line break
        line = f"{line} {rest[place + 1].strip()}"
    return line[:_MAX_LINE]


# (Patterns are not compiled here, because of the time that `import psweep` takes.)
# What Python writes between exceptions of which one led to the other.
_CHAINED = (
    r"(?m)^(?:The above exception was the direct cause of the following exception"
    r"|During handling of the above exception, another exception occurred):\n\n"
)
# How `job.describe` names a pset, and what may come before it.
_PSET = r"(?s)( that ran| for)? ?the pset .*? ?\(_pset_seq=\d+, _pset_id='[^']*'\)"


def cause_of(text: object) -> str:
    """Sum up why a pset failed: the last line of its traceback, without what names the pset.

    Parameters
    ----------
    text : object
        What ``_exc_txt`` has.
    """
    if not isinstance(text, str) or not text.strip():
        return "failed"
    if "_pset_seq=" in text:
        text = re.sub(_PSET, lambda found: "" if found[1] else " a pset", text)
    line = error_line(text).removeprefix("psweep.")
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in line
    )
