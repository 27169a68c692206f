"""What a claim says: which task has a chunk of a spool, and how that went. See `spool`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

from ..states import ClaimState

__all__ = ["FREE", "LATER", "OUT_OF_MEMORY", "TIME_LIMIT", "Claim", "parsed_claim"]

# How the reason begins if a task had too little of what `escalate` may give; chunks.sh looks for it
OUT_OF_MEMORY = "out of memory"
TIME_LIMIT = "time limit"
LATER = "a later task has its psets"  # the reason of one that a later task has ended
# What a shell says of a command that was killed from outside; chunks.sh has the same numbers
_KILLS = {
    129: "SIGHUP",
    130: "SIGINT",
    137: "SIGKILL",
    138: "SIGUSR1",  # which Grid Engine sends before it suspends,
    140: "SIGUSR2",  # and this before it kills
    143: "SIGTERM",
    152: "SIGXCPU",
}
# The states of a claim whose chunk another task may have
FREE = (ClaimState.STOPPED, ClaimState.FAILED, ClaimState.LOST, ClaimState.CANCELLED)


class Claim(NamedTuple):
    """The last claim of a chunk."""

    path: Path
    chunk: int
    attempt: int  # 1 the first time
    since: float  # s since 1970
    how: str = ""  # it was submitted, see `spool`
    machine: str = ""
    user: str = ""
    cluster: str = ""
    said: str = ""  # by the submit command
    start: float | None = None  # s since 1970, as `end`; None: the task has not begun
    host: str | None = None
    pid: int | None = None
    job: str | None = None
    run: str = ""  # which start of the job that is: the scheduler may start it again
    end: float | None = None
    exit_code: int | None = None
    state: str = ""  # how it ended; empty if it has not, as far as is noted
    reason: str = ""
    is_told: bool = False  # a later task has ended it, and it has not noted that it has stopped

    @property
    def is_over(self) -> bool:
        """Whether nobody works on the chunk any more."""
        return self.state != ""


def parsed_claim(claim: Claim, text: str) -> Claim:
    """Fill in what the text of its file says."""
    how, *lines = text.split("\n")[:-1] or [""]  # a line without an end is still being written
    claim = claim._replace(how=how)
    for line in lines:
        word, _, rest = line.partition(" ")
        words = [*rest.split(" "), "", "", "", ""]
        with contextlib.suppress(ValueError):  # whoever wrote that, it was not psweep
            if word == "by":
                claim = claim._replace(machine=words[0], user=words[1], cluster=words[2])
            elif word == "said":
                claim = claim._replace(said=rest)
            elif word == "start":
                claim = claim._replace(start=float(words[0]), host=words[1], pid=int(words[2]))
                claim = claim._replace(job=words[3] or None, run=words[4])
                claim = claim._replace(end=None, exit_code=None, state="", reason="")
                claim = claim._replace(is_told=False)
            elif word == "end":
                reason = rest.split(" ", 2)[2] if rest.count(" ") > 1 else ""
                is_told = reason == LATER and claim.end is None
                claim = claim._replace(end=float(words[0]), state=words[1], reason=reason)
                claim = claim._replace(is_told=is_told)
            elif word == "exit":
                claim = claim._replace(exit_code=int(words[0]), end=_seconds(words[1]))
                claim = claim._replace(is_told=False)
                if not claim.state:
                    before = "" if claim.start else " before psweep-task began"
                    by = _KILLS.get(claim.exit_code or 0)
                    state = ClaimState.LOST if by else ClaimState.FAILED
                    why = f"killed by {by}" if by else f"exit code {words[0]}"
                    claim = claim._replace(state=state, reason=f"{why}{before}")
    return claim


def _seconds(text: str) -> float:
    return float(text.rstrip("N").rstrip("."))  # where `date` does not know %N
