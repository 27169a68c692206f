"""Ctrl-C during a run: the first one ends it, and those after it do not disturb how it ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["Interrupts"]


class Interrupts:
    """Hold back Ctrl-C while a journal is open but no pset runs.

    Otherwise a second or third one could come in the very moment in which the journal of the run
    is closed. It would stay locked as long as this process lives, and no other run would move its
    rows into the database.
    """

    def __init__(self) -> None:
        self._allowed = True
        self._held_back = False
        self._previous: Callable[[int, FrameType | None], Any] | None = None

    def __enter__(self) -> Interrupts:
        previous = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and callable(previous):
            self._previous = previous
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def hold_back(self) -> None:
        """From now on, remember Ctrl-C."""
        self._allowed = False

    def allow(self) -> None:
        """From now on, let Ctrl-C raise KeyboardInterrupt again, also one that was held back."""
        self._allowed = True
        if self._held_back:
            self._held_back = False
            self._handle(signal.SIGINT, None)

    def forget(self) -> None:
        """Like `allow`, but the run is ending anyway, so one that was held back has done it."""
        self._held_back = False
        self._allowed = True

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self._previous is None or not self._allowed:
            self._held_back = True
            return
        self._allowed = False  # before anything else, so that only one of two comes through
        self._previous(signum, frame)
        self._allowed = True  # it was not a handler that raises
