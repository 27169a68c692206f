"""`contextmanager`: as that of contextlib, but any exception of a user's function passes through.

That of contextlib sets ``__traceback__``, which an exception refuses whose class lets nothing be
set, such as a frozen dataclass; the user would get a FrozenInstanceError instead.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import Generic, ParamSpec, TypeVar, cast

__all__ = ["contextmanager"]

P = ParamSpec("P")
T = TypeVar("T")


class _Context(contextlib.ContextDecorator, Generic[T]):
    def __init__(self, steps: Callable[[], Iterator[T]]) -> None:
        self._make_steps = steps
        self._steps = cast("Generator[T, None, None]", steps())

    def _recreate_cm(self) -> _Context[T]:
        return _Context(self._make_steps)

    def __enter__(self) -> T:
        return next(self._steps)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        if error is None:
            next(self._steps, None)
            return False
        try:
            self._steps.throw(error)
        except BaseException as raised:
            # (A generator turns a StopIteration that leaves it into a RuntimeError.)
            is_same = raised is error or (
                isinstance(error, StopIteration) and raised.__cause__ is error
            )
            if not is_same:
                if isinstance(raised, StopIteration):  # the generator has handled it
                    return True
                raise
            BaseException.with_traceback(error, traceback)  # without the frames of the generator
        return False


def contextmanager(function: Callable[P, Iterator[T]]) -> Callable[P, _Context[T]]:
    """Make a context manager of a generator function that yields once."""

    @functools.wraps(function)
    def make(*args: P.args, **kwds: P.kwargs) -> _Context[T]:
        return _Context(functools.partial(function, *args, **kwds))

    return make
