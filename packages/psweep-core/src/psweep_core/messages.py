"""Show values and exceptions in messages, also those that cannot show themselves."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["printable", "safe_repr", "safe_str", "summary_of", "writable"]

_MAX_REPR = 500  # characters


# All but the end of a line and tabs; with those that change the direction of what is shown, end a
# line in some programs, or are not seen at all.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
    "\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    r"""Escape control characters, which a terminal would obey.

    Examples
    --------
    >>> printable("\x1b[2J is gone")
    '\\x1b[2J is gone'
    """
    if text.isprintable():
        return text
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def writable(text: str, stream: Any) -> str:
    """Escape control characters and what a stream cannot write; × and … become x and ... there."""
    text = printable(text)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except LookupError:
        return writable(text, None)
    except UnicodeError:
        if not _can_write("×…", encoding):
            text = text.replace("×", "x").replace("…", "...")
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeError:
        return False
    return True


def safe_repr(value: Any, limit: int = _MAX_REPR) -> str:
    """Return ``repr(value)``, cut to a length, or something in its place if that fails.

    Whatever a value does when it is shown, the message that shows it must be written: it may be
    about one pset of a thousand.
    """
    try:
        text = repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException:
        text = _without_repr(value, limit)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _without_repr(value: Any, limit: int) -> str:
    if type(value) is dict and not any(each is value for each in value.values()):
        # One level is enough to show which of the values it is.
        names = [f"{_shallow(name)}: {_shallow(each)}" for name, each in [*value.items()][:limit]]
        return "{" + ", ".join(names) + "}"
    return _shallow(value)


def _shallow(value: Any) -> str:
    try:
        return repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return f"<{type(value).__name__} object, not shown because of {type(error).__name__}>"


def safe_str(error: BaseException) -> str:
    """Return ``str(error)``, or something in its place if that fails."""
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return "<its message cannot be shown>"


def summary_of(error: BaseException) -> str:
    """Return the class and the message of an exception, as in the last line of a traceback."""
    text = safe_str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
