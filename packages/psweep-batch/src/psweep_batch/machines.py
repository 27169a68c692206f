"""Find the machines of a study: a folder each, with ``info.yaml`` and a jobscript."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from .errors import MachineError
from .info_yaml import read_info
from .machine import INFO, JOBSCRIPT, Machine
from .schedulers import SCHEDULERS, SUBMITS

__all__ = ["chosen_machines", "find_machines"]


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
    if scheduler is None:
        return
    problem = SCHEDULERS[scheduler].problem_in(words[submits + 1 :], machine.array)
    if problem:
        message = f"{path}: subcmd: {problem}"
        raise MachineError(message)
