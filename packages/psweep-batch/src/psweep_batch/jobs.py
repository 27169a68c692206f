"""What is noted of jobs beside each pset, by the submit script and by the jobs themselves.

Two small files for each time that a pset is submitted, so that each has one writer:

``.submitted_<machine>.<attempt>``
    Made by the submit script before it submits: ``each``, ``here`` (the job runs where it is
    submitted) or ``task <number> <part>`` (of an array), and ``by <user> <cluster>``. Then what the
    submit command has said; of an array, that is in ``<part>.said``.
``.job_<machine>.<attempt>``
    Made by the job. ``start <time> <host> <pid> <job> <file with its output>``, and when it has
    ended ``exit <status> <time>``; times are seconds since 1970.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Attempt", "last_attempt", "machines_of", "seconds"]

_SUBMITTED = re.compile(r"\.submitted_(?P<machine>.+)\.(?P<number>\d+)")
_TASK = re.compile(r"task (\d+) (\S+)")
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
# Signals that a scheduler or its node sends, and what they mean
_KILLS = {
    "SIGHUP": "lost its terminal",
    "SIGINT": "interrupted",
    "SIGKILL": "possibly out of memory",
    "SIGTERM": "cancelled, or at its time limit",
    "SIGXCPU": "at its limit of CPU time",
}


@dataclass(frozen=True)
class Attempt:
    """One time that a pset was submitted, as far as is noted."""

    machine: str
    number: int  # from 1
    since: float  # s since 1970, when it was submitted
    here: bool  # it ran where it was submitted
    user: str  # who submitted it
    cluster: str  # of SLURM, empty if not known
    known_as: str  # what the scheduler may know it by, if its number is not known: in its command
    task: str  # its number in an array, else empty
    job_id: str | None
    start: float | None = None  # s since 1970
    host: str | None = None
    pid: int | None = None
    log: str | None = None
    exit_code: int | None = None
    end: float | None = None

    @property
    def runtime(self) -> float | None:
        """Seconds from its start to its end, None if it has not ended."""
        if self.start is None or self.end is None:
            return None
        return max(0.0, self.end - self.start)

    @property
    def signal(self) -> str | None:
        """The name of the signal that ended it, as the shell tells it."""
        with contextlib.suppress(ValueError):
            if self.exit_code is not None and self.exit_code > 128:
                return signal.Signals(self.exit_code - 128).name
        return None

    @property
    def killed(self) -> str | None:
        """Why it was killed from outside, if its exit code says so."""
        if self.signal not in _KILLS:
            return None
        return f"killed by {self.signal}, {_KILLS[self.signal]}"

    def gone(self) -> bool:
        """Tell whether its process is known to be gone, from the host where it ran."""
        if self.pid is None or self.host != socket.gethostname():
            return False
        with contextlib.suppress(OSError):
            # Linux. The number may have been given to another process since.
            return b"jobscript_" not in Path(f"/proc/{self.pid}/cmdline").read_bytes()
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


def machines_of(names: set[str]) -> list[str]:
    """Find the machines for which a pset was prepared, from what is in its folder."""
    return sorted(
        name.removeprefix("jobscript_")
        for name in names
        if name.startswith("jobscript_") and not re.search(r"\.log(\.\d+)?$", name)
    )


def last_attempt(folder: Path | str, names: set[str], machine: str | None) -> Attempt | None:
    """Read what is noted of the last time that a pset was submitted.

    Parameters
    ----------
    folder : path
        Of the pset.
    names : set of str
        What is in it.
    machine : str or None
        None: whichever was the last.
    """
    numbers: dict[str, int] = {}
    for name in names:
        match = _SUBMITTED.fullmatch(name)
        if match and machine in (None, match["machine"]):
            number = int(match["number"])
            numbers[match["machine"]] = max(number, numbers.get(match["machine"], 0))
    found = [_read(f"{folder}", name, number) for name, number in numbers.items()]
    there = [attempt for attempt in found if attempt is not None]
    return max(there, key=lambda attempt: attempt.since, default=None)


def _read(folder: str, machine: str, number: int) -> Attempt | None:
    path = f"{folder}/.submitted_{machine}.{number}"
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            how, _, rest = file.read().partition("\n")
            since = os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return None  # it was refused a moment ago
    by, _, said = rest.partition("\n")
    _, user, cluster, *_ = (*by.split(" "), "", "", "")
    known_as = os.path.basename(folder)
    task = ""
    in_array = _TASK.fullmatch(how)
    if in_array:
        task, part = in_array.groups()
        known_as = f"{part}.sh"
        said = _text(f"{os.path.dirname(folder)}/{part}.said")
    noted = _notes(_text(f"{folder}/.job_{machine}.{number}"))
    job_id = _job_id(said)
    if job_id and task:
        job_id = f"{job_id}_{task}"
    own = noted.pop("job", None)
    here = how == "here"
    return Attempt(
        machine, number, since, here, user, cluster, known_as, task, job_id or own, **noted
    )


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _job_id(said: str) -> str | None:
    for pattern in _JOB_IDS:
        found = pattern.findall(said)
        if found:
            return str(found[-1])
    return None


def _notes(text: str) -> dict[str, Any]:
    noted: dict[str, Any] = {}
    for line in text.split("\n")[:-1]:  # a line without an end is still being written
        words = line.split(" ", 5)
        with contextlib.suppress(ValueError):  # whoever wrote that, it was no job
            if words[0] == "start" and len(words) == 6:
                _, time, host, pid, job, log = words
                noted = {"start": seconds(time), "host": host, "pid": int(pid)}
                noted |= {"log": log or None, "job": None if job == "-" else job}
            elif words[0] == "exit" and len(words) == 3:
                noted |= {"exit_code": int(words[1]), "end": seconds(words[2])}
    return noted


def seconds(text: str) -> float:
    """Read what ``date +%s.%N`` prints; where it does not know %N, these are whole seconds."""
    return float(text.rstrip("N").rstrip("."))
