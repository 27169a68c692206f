"""The states of psets with jobs, as ``psweep-status`` shows them; `find_state` finds them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["STATES", "State", "count_states"]


class State:
    """The words for them; they are text in DataFrames and JSON, and when a user names them."""

    NOT_SUBMITTED: Final = "not submitted"
    UNKNOWN: Final = "state unknown"  # an earlier psweep has prepared it
    QUEUED: Final = "queued"
    RUNNING: Final = "running"
    DONE: Final = "done"
    FAILED: Final = "failed"
    LOST: Final = "lost"
    CANCELLED: Final = "cancelled"
    NO_RESULT: Final = "no result"


# In the order in which they are counted
STATES: Final = (
    State.NOT_SUBMITTED,
    State.UNKNOWN,
    State.QUEUED,
    State.RUNNING,
    State.DONE,
    State.FAILED,
    State.LOST,
    State.CANCELLED,
    State.NO_RESULT,
)


def count_states(states: Iterable[str]) -> dict[str, int]:
    """Count the psets in each state, in the order of `STATES`."""
    states = list(states)
    return {state: states.count(state) for state in STATES if state in states}
