"""Run psets one after another in this process."""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from ..show.tracebacks import CALLERS, is_ours
from ..store.run_record import Record
from ..table.rows import Row, failure_of, is_failed
from .call import runner
from .clones import end_clone, end_clone_since, forks
from .dispatch import Step
from .finished import pickled, save_row
from .isolation import WorkingFolder, copied
from .job import Func, Jobs, Settings
from .random_state import borrowed_generators

__all__ = ["run_serial"]

_STEP_NS = 50_000_000


def run_serial(func: Func, jobs: Jobs, settings: Settings, record: Record) -> Iterator[Step]:
    """Run all psets.

    Parameters
    ----------
    func : callable
    jobs : Jobs
    settings : Settings
    record : RunRecord or UnsavedRecord
        Where the rows are kept.

    Yields
    ------
    Step
        What has finished since the last one, some times a second.
    """
    add, reserve, saves, tmpsave = record.add, record.reserve, record.saves, settings.tmpsave
    n = n_failed = 0
    failure: object = None
    step_from = step_to = 0  # ns
    n_forks = forks[0]
    record.prepare()
    folder = WorkingFolder(captures=settings.capture_logs is not None)
    seeds = jobs.seeds is not None and not settings.only_prepares
    generators = borrowed_generators() if seeds else contextlib.nullcontext()
    with folder, generators as seed_generators, _InterruptBetweenRows() as interrupt:
        run = runner(func, settings, folder, seed_generators)
        if settings.retries:  # (A clone calls func no second time.)
            run = functools.partial(run, tell=functools.partial(end_clone_since, n_forks))
        for job in jobs.tuples():
            reserve()
            try:
                row, atomic = run(job)
            finally:
                if forks[0] != n_forks:
                    end_clone()
            if atomic:
                add(row)
            elif saves:
                row, row_bytes = pickled(job, row, settings)
                add(row, row_bytes)
            else:  # it may hold what func uses again
                named = Row._make(row)
                add(named._replace(params=copied(named.params), results=copied(named.results)))
            if tmpsave:
                save_row(row, settings)
            n += 1
            _, _, time_ns, _, _, _, _, extras = row
            if extras is not None and is_failed(row):
                n_failed += 1
                failure = failure_of(row)
            if interrupt.pending:
                raise KeyboardInterrupt
            # By the time when the pset started, which spares another look at the clock.
            if not step_from <= time_ns < step_to:  # (The clock may be set back.)
                step_from, step_to = time_ns, time_ns + _STEP_NS
                yield Step(n, n_failed, failure=failure)
                n = n_failed = 0
    yield Step(n, n_failed, failure=failure)


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
    """Find from the stack whether ``func`` is running."""
    inner = None
    while frame is not None:
        if frame.f_code in CALLERS:
            return inner is not None and not is_ours(inner)
        inner, frame = frame, frame.f_back
    return False
