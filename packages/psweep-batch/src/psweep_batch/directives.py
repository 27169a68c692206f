"""What a jobscript asks its scheduler for: the comments at its top; what is refused."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from .errors import MachineError
from .machine import Machine
from .schedulers import Scheduler

__all__ = ["Directives", "check_jobscript", "find_refused", "read_directives"]

_FLAGS = {"-cwd"}  # options without a value
_BASH = re.compile(r"#!(.*bash)")


class Directives(NamedTuple):
    """What the comments above the first command of a jobscript ask the scheduler for."""

    shell: str  # that runs the jobscript: a bash named in its first line, or /bin/sh
    lines: str  # each with a line end, without options that differ from task to task
    name: str  # of the job; may be empty


def read_directives(script: str, machine: Machine) -> Directives:
    """Read the directives at the top of a jobscript."""
    scheduler = machine.dialect
    first, *rest = script.split("\n")
    bash = _BASH.match(first)
    kept = ""
    name = ""
    for line in rest if first.startswith("#!") else [first, *rest]:
        if line.startswith(scheduler.prefix):
            shared, found = _without_own_options(line, scheduler)
            kept += f"{shared}\n" if shared else ""
            name = found or name
        elif line.strip() and not line.startswith("#"):
            break
    return Directives(bash[1] if bash else "/bin/sh", kept, name)


def _without_own_options(line: str, scheduler: Scheduler) -> tuple[str, str]:
    """Return a directive without what differs from task to task, and the name of the job."""
    try:
        words = shlex.split(line[len(scheduler.prefix) :], comments=True)
    except ValueError:
        return line.rstrip(), ""  # the scheduler will say what is wrong
    kept = []
    name = ""
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        names, others = (
            next((m for o in options.split("|") if (m := re.match(o, option))), None)
            for options in (scheduler.name_options, scheduler.own_options)
        )
        found = names or others
        # --output=x, -ox and -o x; but no other long option than these
        if not found or (option.startswith("--") and found.end() != len(option)):
            kept.append(word)
            continue
        if not equals:
            value = "" if option.startswith("--") else option[found.end() :]
        elif not option.startswith("--"):
            value = word[found.end() :]
        if not value and found[0] not in _FLAGS:
            value = next(rest, "")
        if names:
            name = value
    if kept == words:
        return line.rstrip(), ""
    return (f"{scheduler.prefix} {shlex.join(kept)}" if kept else ""), name


def check_jobscript(path: Path, data: bytes, machine: Machine) -> None:
    """Refuse jobscripts that a shell or scheduler would misread.

    Raises
    ------
    MachineError
        The message names the line and the fix.
    """
    for mark, what in ((b"\xef\xbb\xbf", "a byte order mark"), (b"\r\n", "Windows line endings")):
        if data.startswith(mark) or (mark == b"\r\n" and mark in data):
            message = f"{path} has {what}, which shells and schedulers reject; save it without"
            raise MachineError(message)
    refused = find_refused(data.decode("utf-8", "replace"), machine)
    if refused is not None:
        number, problem = refused
        message = f"{path}, line {number}: {problem}"
        raise MachineError(message)


def find_refused(script: str, machine: Machine) -> tuple[int, str] | None:
    """Find the first directive that goes against what psweep does: its line, and the problem."""
    if machine.runs_here:
        return None
    for number, line in enumerate(script.splitlines(), 1):
        if line.startswith(machine.dialect.prefix):
            problem = machine.dialect.problem_in(line.split()[1:], machine.array)
            if problem:
                return number, problem
        elif line.strip() and not line.startswith("#"):
            break
    return None
