"""Query a scheduler: once for all jobs, and once for those that may have ended."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from psweep import file_read
from psweep_core.plumbing import PRIVATE, printable, replace_text

from .jobs import seconds
from .machine import Machine
from .scheduler_words import MAY_COME_BACK, MEANINGS, runs

__all__ = ["Account", "Queue", "complain", "remote_script", "snapshot_path"]

_TIMEOUT_SECONDS = 60
_MARK = "psweep-queue"


class Account(NamedTuple):
    """The scheduler's record of a job that its queue does not show."""

    state: str  # UNKNOWN: it says that there is no such job
    end: float | None  # s since 1970
    elapsed: str
    memory: str
    code: str

    @property
    def lives(self) -> bool:
        """Whether the job waits or runs after all."""
        return runs(self.state) is not None

    @property
    def unknown(self) -> bool:
        """Whether there is no such job, as far as the scheduler knows."""
        return self.state == "UNKNOWN"

    @property
    def may_come_back(self) -> bool:
        """Whether a job in this state may be started again."""
        return self.state.startswith(MAY_COME_BACK)

    @property
    def reason(self) -> str:
        """Why it ended; empty if unknown."""
        return next((text for state, text in MEANINGS if self.state.startswith(state)), "")

    @property
    def details(self) -> str:
        """Its resource usage, if known."""
        used = [f"after {self.elapsed}"] if self.elapsed and self.memory else []
        used += [f"{self.memory} of memory"] if self.memory else []
        return ", ".join([self.state, *used]) if used else ""


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
        self.forgets_after: float | None = None  # s after its end, until a job is unknown
        self.accounts: dict[tuple[str, str], Account] = {}
        self._said = said
        self._clusters = {""}
        self._jobs: dict[tuple[str, str], tuple[bool | None, str, str]] = {}
        self._arrays: set[tuple[str, str]] = set()  # of which single tasks are shown
        self._shared: set[tuple[str, str]] = set()  # with a line for several tasks, as 12_[3-9]
        cluster = ""
        for line in said.splitlines():
            words = line.split()
            if words[:1] == ["ClusterName"]:
                self.cluster = words[-1]
            elif words[:1] == ["MinJobAge"]:
                self.forgets_after = float(words[2])
            elif words[:1] == ["user"]:
                self.user = words[-1]
            elif words[:1] == ["CLUSTER:"]:
                cluster = words[-1]
                self._clusters.add(cluster)
            elif line.startswith("account|"):
                _, of, job = line.split("|", 2)
                self._take_account(of, job)
            elif words:
                self._take(cluster, line)
        self._clusters.add(self.cluster)

    def _take(self, cluster: str, line: str) -> None:
        if "|" in line:
            job, state, reason, *rest = (*line.split("|"), "", "", "")
            text = " ".join(rest)
        else:  # of a statcmd
            job, *words = line.split()
            state = next((word for word in words if runs(word) is not None), "")
            reason, text = words[1] if len(words) > 1 else "", line
        reason = "" if reason in ("None", "(null)", "-") else reason.strip().strip("()")
        where = self._where(cluster, job)
        self._jobs[where] = (runs(state.strip()), reason, text)
        number, _, task = where[1].partition("_")
        if task:
            self._arrays.add((where[0], number))
        elif re.match(r"\d+_?\[[^\]]", job):
            self._shared.add(where)

    def _take_account(self, cluster: str, line: str) -> None:
        words = line.split("|")
        if words[0] != "job" or len(words) < 7:
            return
        job, state, end, elapsed, memory, code = (word.strip() for word in words[1:7])
        if job.endswith((".batch", ".extern")) or re.search(r"\.\d+$", job):
            # a step of it, which knows its memory
            known = self.accounts.get(self._where(cluster, job.partition(".")[0]))
            if known and memory:
                key = self._where(cluster, job.partition(".")[0])
                self.accounts[key] = known._replace(memory=max(known.memory, memory, key=_bytes))
            return
        account = Account(state, _time(end), elapsed, memory, code)
        known = self.accounts.get(self._where(cluster, job))
        if known and not account.memory:
            account = account._replace(memory=known.memory)
        self.accounts[self._where(cluster, job)] = account

    def name_of(self, cluster: str) -> str:
        """Return how a cluster is called; empty if it is the one that was asked."""
        # (An answer that names no cluster, as that of a statcmd, is of the one that has the job.)
        is_own = cluster == self.cluster or (not self.cluster and cluster not in self._clusters)
        return "" if is_own else cluster

    def _where(self, cluster: str, job: str) -> tuple[str, str]:
        return (self.name_of(cluster), _key(job))

    @classmethod
    def ask(cls, machine: Machine, folder: Path | str, host: Sequence[str] | None = None) -> Queue:
        """Ask a scheduler.

        Parameters
        ----------
        machine : Machine
        folder : path
            Of the study, where the scheduler is.
        host : sequence of str, optional
            The command that runs a command there, by ssh. None: here.

        Raises
        ------
        OSError
            It did not answer; the message says why.
        """
        clusters = shlex.quote(f"{folder}/.clusters_{machine.name}")
        command = f"ps_clusters=$(cat {clusters} 2>/dev/null)\n{machine.query}"
        when, said = _answer(command, host, machine)
        return cls(said, when)

    def ask_accounts(
        self,
        machine: Machine,
        jobs: Iterable[tuple[str, str]],
        host: Sequence[str] | None = None,
    ) -> None:
        """Ask for jobs that the queue does not show; what does not answer changes nothing.

        Parameters
        ----------
        machine : Machine
        jobs : iterable of (str, str)
            Their clusters and numbers.
        host : sequence of str, optional
            As for `ask`.
        """
        if machine.account is None:
            return
        by_cluster: dict[str, list[str]] = {}
        for cluster, job in jobs:
            by_cluster.setdefault(self.name_of(cluster), []).append(_key(job))
        for cluster, ids in by_cluster.items():
            command = f"ps_cluster={shlex.quote(cluster)}\n{machine.account}"
            try:
                _, said = _answer(command, host, machine, sorted(set(ids)))
            except OSError:
                continue
            for line in said.splitlines():
                if line.startswith("job|"):
                    self._take_account(cluster, line)
                    self._said += f"\naccount|{cluster}|{line}"

    @classmethod
    def read(cls, path: Path) -> Queue:
        """Read what was saved."""
        when, _, said = file_read(path).partition("\n")
        return cls(said, float(when))

    def save(self, path: Path) -> None:
        """Keep it for later."""
        replace_text(path, f"{self.when}\n{self._said}")

    def knows(self, cluster: str) -> bool:
        """Return whether this cluster was asked."""
        return not cluster or not self.cluster or cluster in self._clusters

    def find(self, cluster: str, job_id: str | None, known_as: str, task: str) -> str | None:
        """Find a job by its number, or if that is not known by its command; give its number.

        Of a task this may be the number of its array, if the queue does not show single tasks.
        """
        if job_id is not None:
            where = self._where(cluster, job_id)
            if where in self._jobs:
                return job_id
            array = (where[0], where[1].partition("_")[0])
            hidden = array in self._shared or array not in self._arrays
            return array[1] if array in self._jobs and hidden and array != where else None
        for (_, found), (_, _, text) in self._jobs.items():
            if known_as in text and found.endswith(f"_{task}" * bool(task)):
                return found
        return None

    def command(self, cluster: str, job_id: str) -> str:
        """Return what the job of that number can be recognised by: its command and folder."""
        return self._jobs.get(self._where(cluster, job_id), (None, "", ""))[2]

    def state(self, cluster: str, job_id: str) -> tuple[bool | None, str]:
        """Return whether a job runs (None: unknown), and why it does not."""
        job = self._jobs.get(self._where(cluster, job_id))
        if job is None:  # `find` has found it by its command, on a cluster that was not noted
            job = next(job for (_, number), job in self._jobs.items() if number == job_id)
        return job[:2]

    def account(self, cluster: str, job_id: str) -> Account | None:
        """Return what is known of a job that it does not show."""
        return self.accounts.get(self._where(cluster, job_id))


def _key(job_id: str) -> str:
    # of 12.server and 12[].server the number, of 12_3 and 12[3].server also the task
    match = re.match(r"(\d+)(?:_(\d+)|\[(\d+)\])?", job_id)
    if not match:
        return job_id
    task = match[2] or match[3]
    return f"{match[1]}_{task}" if task else match[1]


def _bytes(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)([KMGT]?)[Bbi]*", text)
    return float(match[1]) * 1024 ** " KMGT".index(match[2] or " ") if match else 0.0


def _time(text: str) -> float | None:
    """Read when a job ended: s since 1970, or as the scheduler writes it."""
    try:
        return float(text)
    except ValueError:
        pass
    for form in ("%a %b %d %H:%M:%S %Y", "%Y-%m-%dT%H:%M:%S", "%m/%d/%Y %H:%M:%S.%f"):
        try:
            return datetime.strptime(text, form).timestamp()  # noqa: DTZ007 (its own clock)
        except ValueError:
            continue
    try:  # LSF leaves out the year
        this_year = datetime.now()  # noqa: DTZ005
        found = datetime.strptime(f"{this_year.year} {text}", "%Y %b %d %H:%M")  # noqa: DTZ007
    except ValueError:
        return None
    if found > this_year.replace(microsecond=0) and (found - this_year).days > 1:
        found = found.replace(year=this_year.year - 1)
    return found.timestamp()


def _answer(
    command: str, host: Sequence[str] | None, machine: Machine, words: Sequence[str] = ()
) -> tuple[float, str]:
    # A login shell may print a greeting first, so the answer begins after a mark. With pipefail,
    # a pipe of the user fails also if only its first program does.
    if words:
        command = f"set -- {shlex.join(words)}\n{command}"
    command = f"echo {_MARK}; date +%s.%N && {{ {command}\n}}"
    if machine.statcmd:
        command = f"if (set -o pipefail) 2>/dev/null; then set -o pipefail; fi\n{command}"
    if host is None:
        args, stdin = [shutil.which("bash") or "sh", "-s"], f"{{ {command}\n}} </dev/null\n"
    else:
        args, stdin = [*host, "sh"], remote_script(command, machine.login_shell)
    try:
        done = subprocess.run(
            args,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_SECONDS,
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
    return seconds(when), said


def remote_script(command: str, login_shell: bool) -> str:
    """Write a script for `sh` on another machine, to be passed by stdin.

    As an argument of ssh, the user's shell there would read it: csh and fish quote in other ways.
    """
    login = " -l" if login_shell else ""
    return (
        "ps_shell=sh\nif command -v bash >/dev/null; then ps_shell=bash; fi\n"
        f"exec $ps_shell{login} <<'PSWEEP_SCRIPT'\n{{ {command}\n}} </dev/null\nPSWEEP_SCRIPT\n"
    )


def snapshot_path(calc_dir: Path, machine: str) -> Path:
    """Path of the file with the state of another machine's queue, written by psweep-pull."""
    return calc_dir / PRIVATE / f"queue_{machine}"


def complain(machine: str, problem: object) -> None:
    """Report that a scheduler did not answer, and the consequence."""
    shown = printable(str(problem))
    print(
        f"psweep: cannot query the queue of {machine} from here ({shown}); unfinished jobs are "
        "shown as queued or running. psweep-pull queries it on the machine",
        file=sys.stderr,
    )
