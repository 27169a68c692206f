"""Read a machine's ``info.yaml``, and refuse what is wrong in it."""

from __future__ import annotations

import difflib
import re
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from .errors import MachineError
from .machine import Machine
from .schedulers import SCHEDULER_OF, SCHEDULERS

__all__ = ["problem_with", "read_info"]

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


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
        given["escalate"] = _escalate_entries(path, given["escalate"])
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
    _check_flags_and_numbers(path, given, of_tasks)
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


def _escalate_entries(path: Path, value: Any) -> tuple[dict[str, str], ...]:
    """Check the value of ``escalate``; return its entries."""
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


def _check_flags_and_numbers(path: Path, given: dict[str, Any], of_tasks: bool) -> None:
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
