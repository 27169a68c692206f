"""What a machine is: where jobs are submitted, and how."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from .schedulers import SCHEDULERS, SUBMITS, Scheduler, shell_text

__all__ = ["INFO", "JOBSCRIPT", "Machine"]

INFO = "info.yaml"
JOBSCRIPT = "jobscript"

# Programs that run a script here and now. All others hand it to a scheduler.
_RUNS_HERE = re.compile(
    r"(sh|ash|bash|dash|ksh|zsh|fish|csh|tcsh|python[0-9.]*|perl|ruby|Rscript|julia|node)"
)


@dataclass(frozen=True)
class Machine:
    """The settings in a machine's ``info.yaml``.

    Attributes
    ----------
    name : str
    subcmd : str
        The command that submits a jobscript, such as ``sbatch``, or runs it, such as ``sh``.
    scheduler : str or None
        One of `SCHEDULERS`. None: jobs run here, or the scheduler is another one.
    array : bool
        Submit all psets of a run as one job array.
    array_limit : int or None
        How many tasks of an array may run at once. None: the scheduler decides.
    max_array_size : int or None
        Split into several arrays if there are more tasks. None: SLURM's own limit.
    pack : int or None
        How many psets one task of an array runs. None: one; tasks of a function: see `task_time`.
    parallel : int
        How many of these it runs at once.
    statcmd : str or None
        A shell command that prints one line per queued or running job: its number and,
        if known, its state. None: the one of `scheduler`; without one, the queue is unknown.
    lost_after : int
        Seconds before a job that the scheduler does not know counts as lost.
    login_shell : bool
        Call the commands of the scheduler from a login shell, over ssh.
    remote_dir : str or None
        Where the study is on the machine. None: at the same place below the home.
    task_time : float or None
        Seconds that a task should take. None: see `task_scripts.make_cutter`.
    escalate : tuple of dict
        What a task that had too little gets at the next try, ``mem`` and ``time``, and after that.
    directives, setup : str or None
        Lines of a jobscript of tasks: for the scheduler, and for the shell. None, both: there is
        a file.
    """

    name: str
    subcmd: str
    array: bool = False
    array_limit: int | None = None
    max_array_size: int | None = None
    pack: int | None = None
    parallel: int = 1
    statcmd: str | None = None
    scheduler: str | None = None
    lost_after: int = 120
    login_shell: bool = False
    remote_dir: str | None = None
    task_time: float | None = None
    escalate: tuple[dict[str, str], ...] = ()
    directives: str | None = None
    setup: str | None = None

    @property
    def dialect(self) -> Scheduler:
        """The scheduler whose options and directives it takes: SLURM's if that is not known."""
        return SCHEDULERS[self.scheduler or "slurm"]

    @property
    def runs_here(self) -> bool:
        """Whether `subcmd` runs a script at once instead of handing it to a scheduler."""
        return (
            self.scheduler is None
            and not SUBMITS & self._words
            and any(map(_RUNS_HERE.fullmatch, self._words))
        )

    @property
    def query(self) -> str | None:
        """The shell command that asks the scheduler for all jobs of the user."""
        if self.statcmd:
            # In a pipe, the first program may be missing, and nobody would notice.
            # (Only a plain name or path is checked, not ~/bin/myq or a parenthesis.)
            plain = re.match(r"[A-Za-z0-9_./+-]+(?=[\s|;&]|$)", self.statcmd)
            if not plain:
                return self.statcmd
            missing = shlex.quote(f"there is no {plain[0]} here")
            check = f"command -v {plain[0]} >/dev/null || {{ echo {missing} >&2; exit 127; }}\n"
            return check + self.statcmd
        return shell_text(f"{self.scheduler}_query") if self.scheduler else None

    @property
    def account(self) -> str | None:
        """The shell command that asks for jobs that may have ended."""
        return shell_text(f"{self.scheduler}_account") if self.scheduler else None

    @property
    def _words(self) -> set[str]:
        return {Path(word).name for word in shlex.split(self.subcmd)}
