"""The files with the output of jobs, and what the scheduler writes into them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from .jobs import Attempt
from .machine import JOBSCRIPT
from .scheduler_words import ENDED_BECAUSE

__all__ = ["outputs", "tail", "why_ended"]

_TAIL_BYTES = 4096


def outputs(folder: Path, attempt: Attempt | None) -> tuple[Path | None, Path | None]:
    """Find the files with a job's output: stdout, and stderr if it is a separate file."""
    if attempt is None:
        return None, None
    stderr = folder / attempt.stderr if attempt.stderr else None
    stderr = stderr if stderr is not None and stderr.is_file() else None
    names = [attempt.log] if attempt.log else []
    names += [f"{JOBSCRIPT}_{attempt.machine}.log", f"slurm-{attempt.job_id}.out"]
    log = next((folder / name for name in names if (folder / name).is_file()), None)
    return log, stderr


def why_ended(calc_dir: Path, attempt: Attempt, files: Sequence[Path | None]) -> str | None:
    """Look for the line that the scheduler wrote when it ended a job."""
    task_log = calc_dir / f"arrays_{attempt.machine}" / f"{attempt.job_id}.out"
    for path in (task_log, *files):
        if path is not None and path.is_file():
            text = tail(path)
            for pattern, reason in ENDED_BECAUSE:
                if pattern.search(text):
                    return reason
    return None


def tail(path: Path) -> str:
    """Read the end of a text file."""
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _TAIL_BYTES))
        return file.read().decode("utf-8", "replace")
