"""What a scheduler says of its jobs: one query for all."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from psweep.files import file_read, file_write
from psweep.layout import PRIVATE

from .jobs import seconds

__all__ = ["Queue", "complain", "snapshot_path"]

_RUNNING = {"R", "RUNNING", "CG", "COMPLETING", "S", "SUSPENDED", "E", "RUN", "r", "t"}
_PENDING = {"PD", "PENDING", "CF", "CONFIGURING", "Q", "QUEUED", "H", "HELD", "PEND", "qw"}
_SECONDS = 60
_MARK = "psweep-queue"


class Queue:
    """The user's jobs at one moment.

    Parameters
    ----------
    said : str
        A line for each job: its number, its state, and more.
    when : float
        s since 1970, on the clock of the machine.
    """

    def __init__(self, said: str, when: float) -> None:
        self.when = when
        self.cluster = self.user = ""  # whose jobs these are; empty if not known
        self._said = said
        self._states: dict[str, tuple[str | None, str]] = {}
        self._lines: list[list[str]] = []
        for line in said.splitlines():
            words = line.split()
            if words[:1] == ["ClusterName"]:
                self.cluster = words[-1]
            elif words[:1] == ["user"]:
                self.user = words[-1]
            elif words:
                self._lines.append(words)
                state = next((w for w in words[1:] if w in _RUNNING or w in _PENDING), None)
                reason = words[2] if len(words) > 2 and words[2] not in ("None", "(null)") else ""
                self._states[_key(words[0])] = (state, reason)

    @classmethod
    def ask(cls, command: str, host: str | None = None) -> Queue:
        """Ask a scheduler.

        Parameters
        ----------
        command : str
            For the shell.
        host : str, optional
            Ask there, by ssh. None: here.

        Raises
        ------
        OSError
            It did not answer; the message says why.
        """
        # A shell there may greet before it does what it is told.
        command = f"echo {_MARK}; date +%s.%N && {{ {command}\n}}"
        args = ["sh", "-c", command] if host is None else ["ssh", "--", host, command]
        try:
            done = subprocess.run(
                args,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(str(error)) from error
        _, _, answer = done.stdout.partition(f"{_MARK}\n")
        when, _, said = answer.partition("\n")
        if done.returncode != 0 or not when:
            why = (done.stderr.strip() or said.strip()).splitlines() or ["no message"]
            message = f"exit status {done.returncode}: {why[-1]}"
            raise OSError(message)
        return cls(said, seconds(when))

    @classmethod
    def read(cls, path: Path) -> Queue:
        """Read what was saved."""
        when, _, said = file_read(path).partition("\n")
        return cls(said, float(when))

    def save(self, path: Path) -> None:
        """Keep it for later."""
        file_write(path, f"{self.when}\n{self._said}")

    def __contains__(self, job_id: str) -> bool:
        return _key(job_id) in self._states

    def find(self, known_as: str, task: str) -> str | None:
        """Look for a job by its command; give its number."""
        for job_id, *rest in self._lines:
            if any(known_as in word for word in rest) and job_id.endswith(f"_{task}" * bool(task)):
                return job_id
        return None

    def state(self, job_id: str) -> tuple[bool | None, str]:
        """Tell whether a job runs (None: nothing is said of it), and why it does not."""
        state, reason = self._states[_key(job_id)]
        return (None if state is None else state in _RUNNING), reason


def _key(job_id: str) -> str:
    # of 12.server and 12[].server the number, of 12_3 also the task
    match = re.match(r"\d+(_\d+)?", job_id)
    return match[0] if match else job_id


def snapshot_path(calc_dir: Path, machine: str) -> Path:
    """Place what psweep-pull has heard of the queue of another machine."""
    return calc_dir / PRIVATE / f"queue_{machine}"


def complain(machine: str, problem: object) -> None:
    """Say that a scheduler did not answer, and what follows."""
    print(
        f"psweep: the queue of {machine} cannot be asked here ({problem}); jobs that have not "
        "noted their end count as queued or running. psweep-pull asks it on the machine itself",
        file=sys.stderr,
    )
