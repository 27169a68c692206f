"""When a task begins no more psets, and when those that run have to end."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import time
from pathlib import Path
from types import FrameType

from ..engines.job_signals import ENDINGS, WARNINGS, on_signals
from ..store.claims import LATER
from ..store.regular import open_regular
from .job_memory import count_kills
from .time_left import END, LATER_END, end_after_pause, find_end, time_left

__all__ = ["Stop", "is_ended", "tell"]

_MARGIN = 5.0  # s before the end of the job by which a pset should have finished
_GRACE = 5.0  # s that running psets have after SIGTERM, if the scheduler does not tell
_NOTICE = 3.0  # the same after SIGUSR2 of Grid Engine, where it is 5 s or more (queue_conf, notify)
_LOOK_SECONDS = 2.0  # how often a task looks whether a later one has its psets
_PAUSE_SECONDS = 5.0  # a task that does nothing for so long was suspended, or stopped


class Stop:
    """When no pset begins any more: after a signal, or if it would not finish in time."""

    def __init__(self) -> None:
        self.why = "stopped"
        self._until: float | None = None  # after a signal: how long running psets may go on
        self._warned = False
        self._runtime = 0.0
        self._first = True
        self.at_limit = False  # it was stopped by the time limit
        self.given_back: list[int] = []  # psets that ran out of memory, or failed when it ended
        self.n_short = 0  # of these, the former
        self._n_kills = count_kills()
        self._claim: tuple[Path, str] | None = None
        self._looked = 0.0
        self._awake = math.inf  # when this process last looked, which it does all the time
        with contextlib.suppress(ValueError):  # not in the main thread
            on_signals(("SIGINT", *ENDINGS), self._end)
            on_signals(WARNINGS, self._warn)

    def begin(self, runtime: float | None) -> None:
        """Find out when the job must end; psets take about `runtime` seconds, as far as known."""
        end = find_end()
        if end is not None:
            os.environ[END] = str(end)
        self._runtime = runtime or 0.0
        self._awake = time.monotonic()

    def watch(self, claim: Path, start: str) -> None:
        """Stop at once when a later task has ended the claim, after the line of this start."""
        self._claim = claim, start

    def _look(self) -> None:
        if time.monotonic() - self._awake > _PAUSE_SECONDS:
            end = end_after_pause()
            if end is not None:
                os.environ[END] = str(end)
                tell(LATER_END, f"{end}")  # for the workers, which have been started
        self._awake = now = time.monotonic()
        if self._claim is not None and now - self._looked > _LOOK_SECONDS:
            self._looked = now
            if is_ended(*self._claim):
                self._claim, self._until = None, now
                self.why = LATER

    def _end(self, number: int, _: FrameType | None) -> None:
        if self._until is None:
            wait = os.environ.get("PSWEEP_KILL_WAIT", "")
            usual = _NOTICE if signal.Signals(number).name == "SIGUSR2" else _GRACE
            grace = max(0.5, float(wait) / 2) if wait.isdigit() else usual
            self._until = time.monotonic() + grace
            self.why = f"got {signal.Signals(number).name}"
            left = time_left()
            self.at_limit = number == signal.SIGXCPU or (left is not None and left < _MARGIN)

    def _warn(self, *_: object) -> None:
        self._warned = True

    def may_begin(self, seconds: float) -> bool:
        """Return whether a pset may begin; the slowest so far took this many seconds."""
        self._look()
        if self._until is not None:
            return False
        left = time_left()
        first, self._first = self._first, False
        if left is None:
            if self._warned:
                self.why = "warned by the scheduler that the job ends soon"
            return first or not self._warned
        if first or left > max(seconds, self._runtime) + _MARGIN:
            return True
        self.why = f"{left:.0f} s before the time limit"
        return False

    def may_go_on(self) -> bool:
        """Return whether running psets may go on."""
        self._look()
        return self._until is None or time.monotonic() < self._until

    def killed_for_memory(self) -> bool:
        """Return whether the system has just ended a process because memory ran out."""
        before, self._n_kills = self._n_kills, count_kills()
        return before is not None and self._n_kills is not None and self._n_kills > before

    def give_back(self, position: int, for_memory: bool) -> None:
        """Note that a pset failed for want of memory, or because the job ends, and has no row."""
        self.given_back.append(position)
        self.n_short += for_memory


def tell(name: str, text: str) -> None:
    """Write a file for the script around the task, see ``shell/task_job.sh`` of psweep-batch."""
    place = os.environ.get("PSWEEP_RUN")
    if place:
        with contextlib.suppress(OSError):
            Path(place, name).write_text(f"{text}\n", encoding="utf-8")


def is_ended(claim: Path, since: str) -> bool:
    """Return whether a claim says, after this line, that its task has ended."""
    try:
        with open_regular(claim) as file:
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return False
    later = text.partition(f"{since}\n")[2].split("\n")
    return any(line.startswith(("end ", "exit ")) for line in later)
