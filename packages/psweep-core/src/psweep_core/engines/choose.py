"""Which engine runs the psets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..store.run_record import Record
from .dispatch import Step
from .job import Func, Jobs, Settings
from .serial import run_serial

__all__ = ["run_psets"]


def run_psets(
    func: Func,
    jobs: Jobs,
    settings: Settings,
    record: Record,
    *,
    executor: Any,
    poolsize: int | None,
    worker_envs: Sequence[dict[str, str]] | None,
    max_tasks_per_child: int | None,
) -> Iterator[Step]:
    """Run psets on the executor; else in workers, if `poolsize` is not None; else here."""
    # (Two engines are imported here, because `import psweep` should be quick.)
    if executor is not None:
        from .executor import run_executor

        return run_executor(func, jobs, settings, record, executor)
    if poolsize is not None:
        from .pool import run_pool

        return run_pool(func, jobs, settings, record, poolsize, worker_envs, max_tasks_per_child)
    return run_serial(func, jobs, settings, record)
