"""Job records next to each pset, written by the submit script and by the jobs themselves.

Small files for each time that a pset is submitted, so that each has one writer:

``.submitted_<machine>.<attempt>``
    Made by the submit script before it submits: ``each``, ``here`` (the job runs where it is
    submitted) or ``task <number> <part>`` (of an array), and ``by <user> <cluster> <earlier job>
    <how that was>``. Then the answer of the submit command; of an array, that is in
    ``<part>.said``. Attempts are counted over all machines.
``.claim.<attempt>``
    The machine that has the attempt, if the pset was prepared for several.
``.job_<machine>.<attempt>``
    Made by the job. ``start <time> <host> <pid> <job> <file with its output>``, ``stderr <file>``
    if that is another one, and when it has ended ``exit <status> <time> <signal it got>``; times
    are seconds since 1970.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
from pathlib import Path
from typing import Any, NamedTuple

from psweep_core.plumbing import open_regular

from .scheduler_words import KILLS, cluster_of, job_id_of

__all__ = [
    "RESULT_FILES",
    "Attempt",
    "last_attempt",
    "machines_of",
    "next_number",
    "safe_cluster",
    "safe_job_id",
    "safe_machine",
    "seconds",
]

# A study may come from somebody else: what is in its notes and goes on to a shell or into a script
# is of these forms, or counts as not noted.
_NAME = r"[A-Za-z0-9_+][A-Za-z0-9_.+-]*"  # of a machine, as find_machines takes it
_SUBMITTED = re.compile(rf"\.submitted_(?P<machine>{_NAME})\.(?P<number>[0-9]+)")
_JOB_ID = re.compile(r"[0-9]+(_[0-9]+|\[[0-9]*\])?(\.[A-Za-z0-9][A-Za-z0-9_.-]*)?")  # 12[3].host
_CLUSTER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_TASK = re.compile(r"task ([0-9]+) (\S+)")
RESULT_FILES = ("result.pk", "result.json")


class Attempt(NamedTuple):
    """One submission of a pset, as far as it is recorded."""

    folder: str  # of the pset
    machine: str
    number: int  # from 1, over all machines
    since: float  # s since 1970, when it was submitted
    here: bool  # it ran where it was submitted
    user: str  # who submitted it
    cluster: str  # of SLURM, empty if not known
    known_as: str  # a part of its command, by which it is found if its number is not known
    task: str  # its number in an array, else empty
    job_id: str | None
    start: float | None = None  # s since 1970
    host: str | None = None
    pid: int | None = None
    log: str | None = None
    stderr: str | None = None
    exit_code: int | None = None
    end: float | None = None
    caught: str | None = None  # the signal that the job got and the jobscript may have trapped
    has_result: bool = False  # there is a file for it
    spool: str = ""  # of a task: the name of the folder of its spool

    @property
    def runtime(self) -> float | None:
        """Seconds from its start to its end, None if it has not ended."""
        if self.start is None or self.end is None:
            return None
        return max(0.0, self.end - self.start)

    @property
    def signal(self) -> str | None:
        """The name of the signal that ended it, if its exit code says so."""
        with contextlib.suppress(ValueError):
            if self.exit_code is not None and self.exit_code > 128:
                return signal.Signals(self.exit_code - 128).name
        return None

    @property
    def killed(self) -> str | None:
        """Why it was killed from outside, if its exit code says so."""
        if self.signal in KILLS:
            return f"killed by {self.signal}, {KILLS[self.signal]}"
        if self.exit_code is not None and self.exit_code < 0:
            return "killed"  # bash said so of a job that it did not wait for
        if f"SIG{self.caught}" in KILLS:
            return f"got SIG{self.caught}, {KILLS[f'SIG{self.caught}']}"
        return None

    @property
    def seen(self) -> str:
        """Its state as state_of in notes.sh writes it: exit code or -, and r with a result."""
        code = "-" if self.exit_code is None else str(self.exit_code)
        return code + "r" * self.has_result

    def gone(self) -> bool:
        """Return whether its process is known to be gone, from the host where it ran."""
        if self.pid is None or self.host != socket.gethostname():
            return False
        try:
            # Linux. The number may have been given to another process since.
            if self.spool:  # noted by psweep-task, whose environment names it
                environment = Path(f"/proc/{self.pid}/environ").read_bytes()
                return f"/{self.spool}\0".encode() not in environment
            return b"jobscript_" not in Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except ProcessLookupError:
            return True  # it has ended, and its parent has not noticed
        except OSError:
            pass
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


def safe_machine(name: str) -> str:
    """Return the recorded name of a machine; empty if no machine can have that name."""
    return name if re.fullmatch(_NAME, name) else ""


def safe_job_id(noted: str | None) -> str | None:
    """Return the recorded number of a job; None if no job can have that number."""
    return noted if noted and _JOB_ID.fullmatch(noted) else None


def safe_cluster(noted: str) -> str:
    """Return the recorded name of a cluster; empty if no cluster can have that name."""
    return noted if _CLUSTER.fullmatch(noted) else ""


def last_attempt(folder: Path | str, names: set[str], machine: str | None) -> Attempt | None:
    """Read the records of the last submission of a pset; None if there is none.

    Parameters
    ----------
    folder : path
        Of the pset.
    names : set of str
        What is in it.
    machine : str or None
        None: the last one, on any machine.
    """
    numbers: dict[str, int] = {}
    for name in names:
        match = _SUBMITTED.fullmatch(name)
        if match and machine in (None, match["machine"]):
            number = int(match["number"])
            numbers[match["machine"]] = max(number, numbers.get(match["machine"], 0))
    has_result = not names.isdisjoint(RESULT_FILES)
    found = [_read(f"{folder}", name, number, has_result) for name, number in numbers.items()]
    there = [attempt for attempt in found if attempt is not None]
    return max(there, key=lambda attempt: (attempt.number, attempt.since), default=None)


def next_number(names: set[str]) -> int:
    """Number the next attempt of a pset; all machines count together."""
    found = map(_SUBMITTED.fullmatch, names)
    return max((int(match["number"]) for match in found if match), default=0) + 1


def _read(folder: str, machine: str, number: int, has_result: bool) -> Attempt | None:
    path = f"{folder}/.submitted_{machine}.{number}"
    try:
        with open_regular(Path(path), follow=True) as file:
            how, _, rest = file.read().decode("utf-8", "replace").partition("\n")
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
    if "exit_code" in noted and not has_result:
        # The job may have written it and ended after somebody had looked into the folder.
        has_result = any(os.path.lexists(f"{folder}/{name}") for name in RESULT_FILES)
    job_id = job_id_of(said)
    cluster = safe_cluster(cluster_of(said) or cluster)
    if job_id and task:
        job_id = f"{job_id}_{task}"
    own = safe_job_id(noted.pop("job", None))
    here = how == "here"
    return Attempt(
        folder,
        machine,
        number,
        since,
        here,
        user,
        cluster,
        known_as,
        task,
        job_id or own,
        has_result=has_result,
        **noted,
    )


def _text(path: str) -> str:
    try:
        with open_regular(Path(path), follow=True) as file:
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _notes(text: str) -> dict[str, Any]:
    noted: dict[str, Any] = {}
    for line in text.split("\n")[:-1]:  # a line without an end is still being written
        words = line.split(" ", 5)
        with contextlib.suppress(ValueError):  # (no job has written that)
            if words[0] == "start" and len(words) == 6:
                _, time, host, pid, job, log = words
                noted = {"start": seconds(time), "host": host, "pid": int(pid)}
                noted |= {"log": log or None, "job": job}
            elif words[0] == "stderr" and noted:
                noted["stderr"] = line.partition(" ")[2]
            elif words[0] == "exit" and len(words) in (3, 4):
                noted |= {"exit_code": int(words[1]), "end": seconds(words[2])}
                noted["caught"] = words[3] if len(words) == 4 else None
    return noted


def seconds(text: str) -> float:
    """Read what ``date +%s.%N`` prints; where it does not know %N, these are whole seconds."""
    return float(text.rstrip("N").rstrip("."))
