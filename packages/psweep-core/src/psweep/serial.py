"""Run psets one after another in this process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from .call import CALLERS, Func, RunPset, Settings, pickled, runner, save_row
from .isolation import WorkingFolder, copied
from .journal import Journal
from .plan import Jobs
from .progress import Progress, is_failed
from .rows import Row

__all__ = ["run_serial"]


def run_serial(
    func: Func, jobs: Jobs, settings: Settings, journal: Journal | None, bar: Progress
) -> Iterator[Row]:
    """Run all psets.

    Parameters
    ----------
    func : callable
    jobs : Jobs
    settings : Settings
    journal : Journal, optional
        Where the rows are kept. None: nowhere.
    bar : Progress

    Yields
    ------
    Row
        Of each pset, unless the journal has it.
    """
    folder = WorkingFolder(captures=settings.capture_logs is not None)
    with folder, _InterruptBetweenRows() as interrupt:
        run = runner(func, settings, folder)
        if journal is not None:
            journal.extend(_to_journal(run, jobs, settings, journal, bar, interrupt))
            return
        for job in jobs.parts():
            row, plain = run(job)
            if not plain:  # it may hold what func uses again
                row = (*row[:5], copied(row[5]), copied(row[6]), row[7])
            bar.add(1, is_failed(row))
            yield row
            if interrupt.pending:
                raise KeyboardInterrupt


def _to_journal(
    run: RunPset,
    jobs: Jobs,
    settings: Settings,
    journal: Journal,
    bar: Progress,
    interrupt: _InterruptBetweenRows,
) -> Iterator[tuple[Row | bytes, bool]]:
    """Run all psets; yield their rows as `Journal.extend` takes them."""
    watched = bar.visible
    for job in jobs.parts():
        if journal.end > journal.limit:  # (It looks, too, but each call takes time.)
            journal.take_room()
        done = row, plain = run(job)
        if plain:
            yield done
        else:
            row, payload = pickled(job, row, settings)
            yield payload, False
        # It is in the journal now.
        if settings.tmpsave:
            save_row(row, settings)
        if watched:
            bar.add(1, is_failed(row))
        if interrupt.pending:
            raise KeyboardInterrupt


class _InterruptBetweenRows:
    """Let Ctrl-C end ``func`` at once, but let a row be written whose ``func`` had returned."""

    def __init__(self) -> None:
        self.pending = False
        self._previous: Callable[[int, FrameType | None], Any] | None = None

    def __enter__(self) -> _InterruptBetweenRows:
        previous = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and callable(previous):
            self._previous = previous
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self._previous is not None and (self.pending or _inside_func(frame)):
            self._previous(signum, frame)
        self.pending = True


def _inside_func(frame: FrameType | None) -> bool:
    """Tell from the stack whether ``func`` is running."""
    inner = None
    while frame is not None:
        if frame.f_code in CALLERS:
            name = "" if inner is None else inner.f_globals.get("__name__", "")
            return inner is not None and not name.startswith("psweep.")
        inner, frame = frame, frame.f_back
    return False
