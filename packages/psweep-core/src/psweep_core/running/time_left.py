"""How long the job that this process is in may still run."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from .job_environment import job_id

__all__ = ["END", "LATER_END", "end_after_pause", "find_end", "slurm_seconds", "time_left"]

END = "PSWEEP_TASK_END"  # s since 1970; workers, and programs that func starts, inherit it
START = "PSWEEP_JOB_START"  # s since 1970, set by ``shell/task_job.sh`` of psweep-batch
LATER_END = "end"  # the file in the folder PSWEEP_RUN with the end that holds after a pause
_SECONDS = 20


def time_left() -> float | None:
    """Return how many seconds the batch job of this pset may still run.

    Returns
    -------
    float or None
        Seconds, at least 0. None if this is not in a task of a batch job, if the job has no time
        limit, or if the scheduler does not report it.

    Examples
    --------
    >>> import psweep as ps
    >>> def func(pset):
    ...     n = 0
    ...     while n < 1000 and (ps.time_left() or 3600) > 60:
    ...         n += 1
    ...     return {"n": n}
    >>> print(ps.run_local(func, [{"a": 1}], save=False).n[0], ps.time_left())
    1000 None
    """
    try:
        end = float(os.environ[END])
    except (KeyError, ValueError):
        return None
    with contextlib.suppress(KeyError, ValueError, OSError):  # there was no pause
        end = float(Path(os.environ["PSWEEP_RUN"], LATER_END).read_bytes())
    return max(0.0, end - time.time())


def find_end() -> float | None:
    """Ask the scheduler when the job of this process must end: s since 1970, or None."""
    for name in (END, "SLURM_JOB_END_TIME"):
        try:
            return float(os.environ[name])
        except (KeyError, ValueError):
            continue
    if "SLURM_JOB_ID" in os.environ:
        return end_after_pause()
    if "PBS_JOBID" in os.environ:
        left = _number(os.environ.get("PBS_WALLTIME", ""))
    elif "SGE_TASK_ID" in os.environ and "JOB_ID" in os.environ:
        said = _said("qstat", "-j", os.environ["JOB_ID"])
        limits = [
            _number(word.partition("=")[2])
            for line in said.splitlines()
            if line.startswith("hard resource_list:")
            for word in line.partition(":")[2].strip().split(",")
            if word.startswith(("h_rt=", "s_rt="))
        ]
        left = min((limit for limit in limits if limit is not None), default=None)
    else:
        return None
    return None if left is None else _job_start() + left


def _job_start() -> float:
    """Return when the job began: a jobscript may take a while until it comes to psweep-task."""
    return _number(os.environ.get(START, "")) or time.time()


def end_after_pause() -> float | None:
    """Ask the scheduler again after the job was suspended, of which only SLURM moves the end."""
    if "SLURM_JOB_ID" not in os.environ:
        return None
    left = slurm_seconds(_said("squeue", "-h", "-j", job_id(), "-o", "%L"))
    return None if left is None else time.time() + left


def _said(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def slurm_seconds(text: str) -> float | None:
    """Read ``1-02:03:04``, as squeue writes it."""
    words = text.split()
    days, dash, rest = words[0].rpartition("-") if words else ("", "", "")
    try:
        parts = [int(part) for part in rest.split(":")]
        seconds = 86400 * int(days) if dash else 0
    except ValueError:
        return None  # UNLIMITED, or nothing
    while len(parts) < 2 + bool(dash):
        parts.append(0)
    for part, size in zip(reversed(parts), (1, 60, 3600), strict=False):
        seconds += part * size
    return float(seconds)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
