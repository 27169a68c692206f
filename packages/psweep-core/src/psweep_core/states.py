"""The words for states of runs and of tasks; those of psets with jobs are in psweep_batch.

They are text wherever they are stored or shown: in files, JSON and DataFrames.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ClaimState", "RunState", "count_failed"]


class RunState:
    """How a run is, as ``psweep-status`` and the report say it."""

    RUNNING: Final = "running"
    STOPPED_EARLY: Final = "stopped early"  # with psets that were not run
    ENDED: Final = "ended"
    INCOMPLETE: Final = "incomplete"  # ended, with fewer rows than psets that were to run
    # in the report alone
    QUEUED: Final = "queued"
    PREPARED: Final = "prepared"  # with psets whose jobs were not submitted
    NOT_COLLECTED: Final = "not collected"
    CRASHED: Final = "crashed"
    UNFINISHED: Final = "unfinished"  # nobody has looked whether it runs


def count_failed(n: int, n_later: int) -> str:
    """Write how many psets failed, and how many of these have succeeded in a later run.

    Examples
    --------
    >>> count_failed(2, 0), count_failed(2, 1), count_failed(2, 2)
    ('2 failed', '2 failed (1 succeeded later)', '2 failed (succeeded later)')
    """
    which = "" if n_later == n else f"{n_later} "
    return f"{n} failed" + (f" ({which}succeeded later)" if n_later else "")


class ClaimState:
    """How a task that had a chunk has ended; empty while it has not."""

    DONE: Final = "done"
    STOPPED: Final = "stopped"  # it has given back what it had not run
    FAILED: Final = "failed"
    LOST: Final = "lost"
    CANCELLED: Final = "cancelled"
