"""``timeout``: kill workers whose pset takes too long."""

from __future__ import annotations

import time
from collections.abc import Sequence

from .worker_process import WorkerProcess

__all__ = ["Overdue"]

_PAUSED_SECONDS = 0.5  # a wait that takes this much longer was not a wait


class Overdue:
    """Kills workers whose pset is overdue, and leaves out the time in which all stood still.

    Parameters
    ----------
    timeout : float or None
        How long a pset may take, s. None: any time.
    """

    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout
        # Until when the last wait was to last, and the CPU time at its start; and when this process
        # had stood still, in s, for how long.
        self._waits: tuple[float, float] | None = None
        self._pauses: list[tuple[float, float]] = []

    def kill(self, workers: Sequence[WorkerProcess], seconds: float) -> float:
        """Kill those that are overdue; return how long to wait at most, not longer than `seconds`.

        The caller must wait then: how long that takes shows whether this process stood still.
        """
        timeout = self._timeout
        if timeout is None:
            return seconds
        self._notice_pause()
        for worker in workers:
            if worker.retired_at is not None:
                continue
            since, position = worker.clock.read()
            if position is None or worker.overdue:
                continue
            stopped = sum(length for when, length in self._pauses if when > since)
            left = since + timeout + stopped - time.monotonic()
            if left <= 0:
                worker.overdue = True
                worker.kill()
            else:
                seconds = min(seconds, left + 0.001)
        seconds = min(seconds, timeout)  # of a pset that starts meanwhile
        self._waits = time.monotonic() + seconds, time.process_time()
        return seconds

    def _notice_pause(self) -> None:
        """Notice that this process, and most likely its workers, stood still.

        As after SIGSTOP, or ``docker pause``: it did not work, and overslept by far.
        """
        if self._waits is not None:
            until, cpu = self._waits
            now = time.monotonic()
            length = now - until - (time.process_time() - cpu)
            if length > _PAUSED_SECONDS:
                self._pauses.append((now, length))
