"""Ask a scheduler which jobs it has: one query for all."""

from __future__ import annotations

import re
import subprocess
import sys

__all__ = ["Queue", "complain"]

_RUNNING = {"R", "RUNNING", "CG", "COMPLETING", "S", "SUSPENDED", "E", "RUN", "r", "t"}
_PENDING = {"PD", "PENDING", "CF", "CONFIGURING", "Q", "QUEUED", "H", "HELD", "PEND", "qw"}
_SECONDS = 60


class Queue:
    """What a scheduler has of the user's jobs at one moment.

    Parameters
    ----------
    command : str
        A shell command that prints a line for each job: its number, its state, and more.
    host : str or None
        Ask there, by ssh. None: here.
    """

    def __init__(self, command: str, host: str | None) -> None:
        self._states: dict[str, tuple[str | None, str]] = {}
        self.problem: str | None = None
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
        except (OSError, subprocess.TimeoutExpired) as error:
            self.problem = str(error)
            return
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no message"]
            self.problem = f"exit status {done.returncode}: {said[-1]}"
            return
        for line in done.stdout.splitlines():
            words = line.split()
            if words:
                state = next((w for w in words[1:] if w in _RUNNING or w in _PENDING), None)
                reason = words[2] if len(words) > 2 and words[2] not in ("None", "(null)") else ""
                self._states[_key(words[0])] = (state, reason)

    def __contains__(self, job_id: str) -> bool:
        return _key(job_id) in self._states

    def state(self, job_id: str) -> tuple[bool | None, str]:
        """Tell whether a job runs (None: nothing is said of it), and why it does not."""
        state, reason = self._states[_key(job_id)]
        return (None if state is None else state in _RUNNING), reason


def _key(job_id: str) -> str:
    # of 12.server and 12[].server the number, of 12_3 also the task
    match = re.match(r"\d+(_\d+)?", job_id)
    return match[0] if match else job_id


def complain(machine: str, problem: str, host: str | None) -> None:
    """Say that a scheduler did not answer, and what follows."""
    where = f"on {host}" if host else "here"
    print(
        f"psweep: the queue of {machine} could not be asked {where} ({problem}); jobs that have "
        "not noted their end count as queued or running. Ask on the machine itself, or name it as "
        "host",
        file=sys.stderr,
    )
