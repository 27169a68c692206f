"""What schedulers say: the numbers and states of jobs, and why they have ended.

What they are told is in `schedulers`.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "CANCELLED",
    "ENDED_BECAUSE",
    "KILLS",
    "MAY_COME_BACK",
    "MEANINGS",
    "WAITING",
    "cluster_of",
    "job_id_of",
    "runs",
]

_JOB_IDS = [
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^Submitted batch job (\d+)",  # SLURM
        r"^(\d+)(?:;\S*)?$",  # SLURM's --parsable
        r"^(\d+)(?:\[\])?\.\S+$",  # PBS
        r"Job <(\d+)>",  # LSF
        r"Your job(?:-array)? (\d+)",  # Grid Engine
        r"\b(\d+)\b",
    )
]
# SLURM's answer, if the job is on another cluster
_CLUSTER = re.compile(r"^Submitted batch job \d+ on cluster (\S+)|^\d+;(\S+)$", re.MULTILINE)

# The states of jobs
_RUNNING = {"R", "RUNNING", "CG", "COMPLETING", "S", "SUSPENDED", "E", "RUN", "SSUSP", "USUSP", "B"}
_PENDING = {"PD", "PENDING", "CF", "CONFIGURING", "Q", "QUEUED", "H", "HELD", "PEND", "PSUSP", "W"}
_PENDING |= {"REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD", "T"}
# (A job that is to be started again waits as Rq. One that runs and may not start again is hr.)
_OF_GRID_ENGINE = re.compile(r"(?P<pending>[dRhE]*(qw?|w)|E.*)|d?h?[dRrtsST]+")
WAITING: Final = {"PENDING", "PD", "PEND", "Q", "qw", "REQUEUED", "CONFIGURING"}

CANCELLED: Final = "cancelled"  # the reason if somebody has cancelled it, such as by scancel

# What the states of ended jobs mean
MEANINGS: Final = (
    ("CANCELLED", CANCELLED),
    ("TIMEOUT", "time limit"),
    ("DEADLINE", "deadline"),
    ("OUT_OF_ME", "out of memory"),
    ("NODE_FAIL", "node failure"),
    ("BOOT_FAIL", "node failure"),
    ("PREEMPTED", "preempted"),
    ("failed 37", "time limit"),
    ("failed 100", "killed"),
    ("KILLED", "killed"),
)
# States after which a job may be started again, though the scheduler calls it ended
MAY_COME_BACK: Final = ("NODE_FAIL", "PREEMPTED", "REQUEUED", "BOOT_FAIL", "failed 25", "failed 26")

# What SLURM writes to the output of a job that it ends
ENDED_BECAUSE: Final = [
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"DUE TO TIME LIMIT", "time limit"),
        (r"(?i)oom.?kill|out.of.memory|exceeded (job )?memory limit", "out of memory"),
        (r"DUE TO NODE FAIL", "node failure"),
        (r"DUE TO PREEMPTION", "preempted"),
        (r"CANCELLED AT", CANCELLED),
    )
]

# Signals that a scheduler or its node sends, and what they mean
KILLS: Final = {
    "SIGHUP": "lost its terminal",
    "SIGINT": "interrupted",
    "SIGKILL": "possibly out of memory",
    "SIGTERM": "cancelled, or at its time limit",
    "SIGXCPU": "at its limit of CPU time",
}


def cluster_of(said: str) -> str:
    """Find the cluster of a job in what sbatch said; empty if it is the one here."""
    on = _CLUSTER.search(said)
    return (on[1] or on[2]) if on else ""


def job_id_of(said: str) -> str | None:
    """Find the number of a job in what a submit command said."""
    for pattern in _JOB_IDS:
        found = pattern.findall(said)
        if found:
            return str(found[-1])
    return None


def runs(state: str) -> bool | None:
    """Return whether a job in this state runs; None if it does not wait either, or is unknown."""
    word = state.split(" ", maxsplit=1)[0]
    if word in _RUNNING:
        return True
    if word in _PENDING:
        return False
    found = _OF_GRID_ENGINE.fullmatch(word)
    return None if not found else found["pending"] is None
