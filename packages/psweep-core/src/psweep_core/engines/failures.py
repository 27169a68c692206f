"""What becomes of an exception that func raised, on its way to the user."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

__all__ = ["carried", "note", "original", "raised_for", "raises_originals"]

P = ParamSpec("P")
T = TypeVar("T")


class _Carrier(Exception):  # noqa: N818 (no user sees it)
    """Carries an exception, its cause, through generators.

    Python turns a StopIteration that leaves a generator into a RuntimeError, and a GeneratorExit
    ends it. All engines are generators.
    """


def carried(error: BaseException) -> BaseException:
    """Return an exception that may be raised in a generator instead of another."""
    if not isinstance(error, StopIteration | StopAsyncIteration | GeneratorExit):
        return error
    carrier = _Carrier()
    carrier.__cause__ = error
    return carrier


def original(error: BaseException) -> BaseException:
    """Return what was given to `carried`."""
    if isinstance(error, _Carrier) and error.__cause__ is not None:
        return error.__cause__
    return error


def raises_originals(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function that uses generators raise what was given to `carried`."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwds: P.kwargs) -> T:
        try:
            return function(*args, **kwds)
        except _Carrier as carrier:
            error = original(carrier)
        raise error

    return wrapper


def raised_for(error: BaseException, pset: str) -> str:
    """Return the note of an exception that func raised for a pset."""
    hint = ""
    if isinstance(error, KeyError) and error.args == ("_seed",):
        hint = "; psets have a _seed if seed= is passed"
    return f"psweep: raised for {pset}{hint}"


def note(error: BaseException, text: str) -> None:
    """Add a note to an exception, as Python 3.11 shows it below the traceback."""
    error = original(error)
    with contextlib.suppress(Exception):  # it may refuse
        if hasattr(error, "add_note"):
            error.add_note(text)
        else:
            error.__notes__ = [*getattr(error, "__notes__", []), text]
