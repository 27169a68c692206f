"""The words for states of runs and of tasks; those of psets with jobs are in psweep_batch.

They are text wherever they are stored or shown: in files, JSON and DataFrames.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ClaimState", "RunState"]


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


class ClaimState:
    """How a task that had a chunk has ended; empty while it has not."""

    DONE: Final = "done"
    STOPPED: Final = "stopped"  # it has given back what it had not run
    FAILED: Final = "failed"
    LOST: Final = "lost"
    CANCELLED: Final = "cancelled"
