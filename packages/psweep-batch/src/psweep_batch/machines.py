"""Machines: where jobs are submitted, and how; a folder each, with ``info.yaml``."""

from __future__ import annotations

import difflib
import itertools
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from .errors import MachineError
from .schedulers import SCHEDULER_OF, SCHEDULERS, SUBMITS, shell_text

__all__ = [
    "INFO",
    "JOBSCRIPT",
    "Machine",
    "chosen_machines",
    "find_machines",
    "problem_with",
    "read_info",
    "refused_option",
]

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
        Seconds that a task should take. None: see `function_jobs.cutter`.
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
            # (What the shell has to look into, such as ~/bin/myq or a parenthesis, tells itself.)
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


def chosen_machines(there: list[Machine], names: Sequence[str] | None) -> list[Machine]:
    """Choose machines by their names.

    Raises
    ------
    MachineError
        There is no machine of that name.
    """
    if names is None:
        return there
    names = [names] if isinstance(names, str) else list(names)
    known = {machine.name: machine for machine in there}
    for name in names:
        if name not in known:
            message = f"machines={names!r}: no machine {name!r}; available: {', '.join(known)}"
            raise MachineError(message)
    if not names:
        message = "machines=[] names no machine; leave it out to prepare for all of them"
        raise MachineError(message)
    return [machine for machine in there if machine.name in names]


def find_machines(folder: Path, of_tasks: bool = False) -> list[Machine]:
    """Read all machines below a folder.

    Parameters
    ----------
    folder : Path
    of_tasks : bool, default False
        For `prep_batch` with ``func``: a pack needs no array, and there may be no jobscript.

    Raises
    ------
    MachineError
        There is no such folder, it has no machine, or one is invalid.
    """
    if not folder.is_dir():
        message = (
            f"there is no folder machine_templ_dir={str(folder)!r}; make it, with a folder for "
            f"each machine that holds {INFO} and {JOBSCRIPT}"
        )
        raise MachineError(message)
    places = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not places:
        message = f"{folder} has no folder for a machine, with {INFO} and {JOBSCRIPT} in it"
        raise MachineError(message)
    for place in places:
        if not re.fullmatch(r"[A-Za-z0-9_+][A-Za-z0-9_.+-]*(?<!\.log)", place.name):
            message = (
                f"{place}: a machine's name becomes part of file names; rename it to letters, "
                "digits and . _ + - only, without .log at the end"
            )
            raise MachineError(message)
        for name in [INFO] if of_tasks else [INFO, JOBSCRIPT]:
            if not (place / name).is_file():
                message = f"{place} has no file {name}"
                raise MachineError(message)
    machines = [read_info(place / INFO, place.name, of_tasks) for place in places]
    for machine in machines:
        _check_options(folder / machine.name / INFO, machine)
    return machines


def _check_options(path: Path, machine: Machine) -> None:
    """Refuse options of a submit command that a jobscript may not have either."""
    words = shlex.split(machine.subcmd)
    names = [Path(word).name for word in words]
    submits = next((i for i, name in enumerate(names) if name in SUBMITS), None)
    if submits is None:
        return  # a script of the user's own, with options of its own
    # Both that have a qsub: PBS has the options of the other one, too.
    scheduler = machine.scheduler or ("pbs" if names[submits] == "qsub" else None)
    problem = refused_option(words[submits + 1 :], scheduler, machine.array)
    if problem:
        message = f"{path}: subcmd: {problem}"
        raise MachineError(message)


def refused_option(options: Sequence[str], scheduler: str | None, array: bool) -> str | None:
    """Return what is wrong with options for a scheduler that go against what psweep does."""
    if scheduler is None:
        return None
    refused = dict(SCHEDULERS[scheduler].refused)
    if array:
        refused |= SCHEDULERS[scheduler].refused_in_arrays
    for option, value in itertools.zip_longest(options, options[1:], fillvalue=""):
        for given in (option, f"{option} {value}"):
            for pattern, hint in refused.items():
                if re.fullmatch(pattern, given):
                    return f"{given} must not be set here: {hint}"
    return None


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice, as YAML wants it; PyYAML takes the last one."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        mapping: yaml.MappingNode = super().compose_mapping_node(anchor)
        lines: dict[Any, int] = {}
        for key, _ in mapping.value:
            if isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                if key.value in lines:
                    message = (
                        f"the key {key.value!r} comes twice, in lines {lines[key.value]} and "
                        f"{line}; remove one of them"
                    )
                    raise yaml.YAMLError(message)
                lines[key.value] = line
        return mapping


def read_info(path: Path, name: str, of_tasks: bool = True) -> Machine:
    """Read an ``info.yaml``; see `find_machines` for `of_tasks`."""
    try:
        info = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 (a safe one)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # such as 2024-13-45
        message = f"{path} is not valid YAML: {error}"
        raise MachineError(message) from error
    if not isinstance(info, dict):
        message = f"{path} must be a mapping such as 'subcmd: sbatch', not {info!r}"
        raise MachineError(message)
    known = [field.name for field in fields(Machine) if field.name != "name"]
    for key in info:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            allowed = f"allowed keys are {', '.join(known)}"
            hint = f"did you mean {close[0]!r}?" if close else allowed
            message = f"{path} has an unknown key {key!r}; {hint}"
            raise MachineError(message)
    return _checked(path, name, info, of_tasks)


def _checked(path: Path, name: str, info: dict[str, Any], of_tasks: bool) -> Machine:
    given: dict[str, Any] = {key: value for key, value in info.items() if value is not None}
    for key in ("subcmd", "statcmd", "remote_dir"):
        value = given.get(key, "x")
        if not isinstance(value, str) or not value.strip() or "\n" in value.strip():
            message = f"{path}: {key} must be one line of text, not {value!r}"
            raise MachineError(message)
    given |= {key: value.strip() for key, value in given.items() if isinstance(value, str)}
    for key in ("directives", "setup"):
        lines = given.get(key)
        if isinstance(lines, list) and all(isinstance(line, str) for line in lines):
            given[key] = "\n".join(lines)
        elif lines is not None and not isinstance(lines, str):
            message = f"{path}: {key} must be a text or a list of lines, not {lines!r}"
            raise MachineError(message)
    if "task_time" in given:
        given["task_time"] = _duration(path, given["task_time"])
        if "pack" in given:
            message = f"{path}: pack and task_time both say how large tasks are; leave out one"
            raise MachineError(message)
    if "escalate" in given:
        given["escalate"] = _entries(path, given["escalate"])
    scheduler = given.pop("scheduler", None)
    if scheduler is not None and scheduler not in (*SCHEDULERS, "none"):
        names = ", ".join([*SCHEDULERS, "none"])
        message = (
            f"{path}: scheduler must be one of {names}, not {scheduler!r}; for another one, leave "
            "it out and write subcmd and statcmd"
        )
        raise MachineError(message)
    if "subcmd" not in given:
        if scheduler is None:
            message = (
                f"{path} has no subcmd, the command that submits a job, as in 'subcmd: sbatch', "
                "and no scheduler, as in 'scheduler: slurm'"
            )
            raise MachineError(message)
        given["subcmd"] = "sh" if scheduler == "none" else SCHEDULERS[scheduler].submit
    _check_command(path, given["subcmd"])
    _check_numbers(path, given, of_tasks)
    command = {Path(word).name for word in shlex.split(given["subcmd"])}
    if scheduler is None:
        scheduler = next((SCHEDULER_OF[word] for word in command if word in SCHEDULER_OF), None)
    machine = Machine(name, scheduler=None if scheduler == "none" else scheduler, **given)
    if scheduler == "none" and not machine.runs_here:
        message = f"{path}: scheduler: none runs scripts here, which {machine.subcmd!r} does not"
        raise MachineError(message)
    if machine.array and machine.runs_here:
        message = (
            f"{path}: array: true needs a subcmd that takes --array as sbatch does, or one of the "
            f"schedulers {', '.join(SCHEDULERS)}; {machine.subcmd!r} runs a script at once"
        )
        raise MachineError(message)
    if machine.array and machine.scheduler is None and "qsub" in command:
        message = (
            f"{path}: array: true with qsub needs 'scheduler: sge' or 'scheduler: pbs', because "
            "their arrays differ"
        )
        raise MachineError(message)
    return machine


def _duration(path: Path, value: Any) -> float:
    """Read ``30min``, ``2h``, ``90s``, or a number of minutes: seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) *(s|min|h|d)?", str(value))
    seconds = float(match[1]) * _UNITS[match[2] or "min"] if match else 0.0
    if not seconds:
        message = f"{path}: task_time must be a time such as 30min or 2h, not {value!r}"
        raise MachineError(message)
    return seconds


def _entries(path: Path, value: Any) -> tuple[dict[str, str], ...]:
    """Check what `escalate` names."""
    entries: list[dict[str, str]] = []
    for entry in value if isinstance(value, list) else [value]:
        if not isinstance(entry, dict) or not entry:
            message = (
                f"{path}: escalate must be a list such as [{{mem: 8G}}, {{mem: 16G}}], not "
                f"{value!r}"
            )
            raise MachineError(message)
        for name, amount in entry.items():
            problem = problem_with(name, amount)
            if name == "time" and not problem and not isinstance(amount, str):
                problem = (
                    f"YAML reads a time without quotes as {amount}; write it in quotes, such as "
                    f"{_clock(amount)!r}"
                )
            if problem:
                message = f"{path}: escalate: {problem}"
                raise MachineError(message)
        entries.append({name: str(amount) for name, amount in entry.items()})
    return tuple(entries)


def _clock(seconds: Any) -> str:
    """Write the time that YAML has read as a number as the user may have done."""
    if not isinstance(seconds, int | float):  # such as a date
        return "04:00:00"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}"


def problem_with(name: Any, amount: Any) -> str | None:
    """Return what is wrong with an amount of memory or time; None if nothing is."""
    if name not in ("mem", "time"):
        return f"it may have mem and time, not {name!r}"
    if isinstance(amount, bool) or not re.fullmatch(r"\d[\d.:-]*[KMGTkmgt]?", str(amount)):
        return (
            f"{name} must be as the scheduler writes it, such as '8G' or '01:00:00', not {amount!r}"
        )
    return None


_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def _check_numbers(path: Path, given: dict[str, Any], of_tasks: bool) -> None:
    for key in ("array", "login_shell"):
        value = given.get(key, False)
        if not isinstance(value, bool):
            message = f"{path}: {key} must be true or false, not {value!r}"
            raise MachineError(message)
    for key in ("array_limit", "max_array_size", "pack", "parallel", "lost_after"):
        value = given.get(key)
        if value is None:
            continue
        least = 0 if key == "lost_after" else 1
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            message = f"{path}: {key} must be an integer ≥ {least}, not {value!r}"
            raise MachineError(message)
        if key in ("pack", "parallel") and of_tasks:
            continue
        if key != "lost_after" and not given.get("array", False):
            message = f"{path}: {key} is for job arrays; add 'array: true' or leave it out"
            raise MachineError(message)
    if given.get("parallel", 1) > given.get("pack", 1) and not of_tasks:
        message = (
            f"{path}: parallel: {given['parallel']} needs a pack of at least that many psets, not "
            f"{given.get('pack', 1)}"
        )
        raise MachineError(message)


def _check_command(path: Path, subcmd: str) -> None:
    """Refuse anything but one command, because it becomes part of a shell line."""
    try:
        words = list(shlex.shlex(subcmd, posix=True, punctuation_chars=True))
    except ValueError as error:
        message = f"{path}: subcmd {subcmd!r}: {error}"
        raise MachineError(message) from error
    bare = re.sub(r"'[^']*'|\"(\\.|[^\"\\])*\"|\\.", "", subcmd)
    if not words or re.search(r"[;&|<>()#\n`]", bare):
        message = (
            f"{path}: subcmd must be one command with its options, without ; & | < > ( ) #, not "
            f"{subcmd!r}; put more into a script and name that"
        )
        raise MachineError(message)
