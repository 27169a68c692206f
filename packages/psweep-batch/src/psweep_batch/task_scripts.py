"""Tasks of `prep_batch` with ``func``: their jobscript, their chunks, and their submit lines."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from psweep import ParamsTypeError
from psweep_core.plumbing import Chunk, Layout, Pset, Spool, Study, replacing, spools_of

from .directives import Directives, check_jobscript, find_refused, read_directives
from .errors import MachineError
from .escalate import grown_asks, merged
from .info_yaml import problem_with
from .machine import INFO, JOBSCRIPT, Machine
from .schedulers import SCHEDULERS, EarlySignal

__all__ = [
    "asks_of",
    "jobscript_path",
    "make_cutter",
    "read_jobscripts",
    "submit_options",
    "task_lines",
    "write_jobscripts",
]

_N_TASKS = 20  # of one call, if nothing says how large they should be
_MANY = "99"  # entries of `escalate`: no pset gets a failed row, because it has another chance
_PILOT = 4  # psets of the first chunk, with task_time, while no runtime is known
_LINE = re.compile(
    r"^(?!\s*(?:echo|printf)\s[^;&|\n]*$)"  # a line that only prints the name
    r"[^#\n]*(?<![\w./$-])(?:\S*/)?psweep-task(?![\w.-])",
    re.MULTILINE,
)


def jobscript_path(calc_dir: Path, machine: str) -> Path:
    """Path of the jobscript of tasks, a copy in the study."""
    return calc_dir / f"{JOBSCRIPT}_{machine}"


def read_jobscripts(machine_dir: Path, machines: Sequence[Machine]) -> dict[str, bytes]:
    """Read the jobscript of each machine, or make one of its info.yaml.

    Raises
    ------
    MachineError
        There is none, or nothing in it runs psets.
    """
    found = {}
    for machine in machines:
        path = machine_dir / machine.name / JOBSCRIPT
        if machine.directives is not None or machine.setup is not None:
            if path.exists():
                message = (
                    f"{path.parent} has a jobscript, and directives or setup in info.yaml, which "
                    "make one; remove one of the two"
                )
                raise MachineError(message)
            made = _jobscript_from_info(machine)
            refused = find_refused(made, machine)
            if refused is not None:
                message = f"{path.parent / INFO}: directives: {refused[1]}"
                raise MachineError(message)
            found[machine.name] = made.encode()
            continue
        if not path.is_file():
            message = (
                f"{path.parent} has no file {JOBSCRIPT}; write one with the line psweep-task, or "
                "add 'directives:' and 'setup:' to its info.yaml"
            )
            raise MachineError(message)
        data = path.read_bytes()
        check_jobscript(path, data, machine)
        if not _LINE.search(data.decode("utf-8", "replace")):
            message = (
                f"{path} has no line that runs psets, which prep_batch(func=...) needs; add this "
                "line, after those that load modules or an environment:\npsweep-task"
            )
            raise MachineError(message)
        found[machine.name] = data
    return found


def _jobscript_from_info(machine: Machine) -> str:
    prefix = machine.dialect.prefix
    lines = ["#!/bin/sh" if machine.runs_here else "#!/bin/bash"]
    given = filter(None, map(str.strip, (machine.directives or "").splitlines()))
    lines += [line if line.startswith(prefix) else f"{prefix} {line}" for line in given]
    return "\n".join([*lines, machine.setup or "", "psweep-task", ""])


def write_jobscripts(calc_dir: Path, jobscripts: Mapping[str, bytes]) -> None:
    """Put the jobscripts into the study. Tasks that still wait will use them, too."""
    for name, data in jobscripts.items():
        with replacing(jobscript_path(calc_dir, name)) as file:
            file.write(data)


def make_cutter(
    machines: Sequence[Machine], asks_of_pset: Callable[[Pset], Mapping[str, str]]
) -> Callable[[Sequence[Pset], float | None], list[Chunk]]:
    """Make the function that cuts psets into chunks, one for each task.

    Parameters
    ----------
    machines : sequence of Machine
        Any of them may run a chunk.
    asks_of_pset : callable
        Takes a pset, and returns what it asks the scheduler for, beyond the jobscript.

    Returns
    -------
    callable
        Takes psets and the typical runtime of one (seconds; None: not known), and returns chunks.
        Psets of a chunk ask for the same.
    """

    def cut(psets: Sequence[Pset], runtime: float | None) -> list[Chunk]:
        groups: dict[tuple[tuple[str, str], ...], list[int]] = {}
        for position, pset in enumerate(psets):
            groups.setdefault(tuple(sorted(asks_of_pset(pset).items())), []).append(position)
        chunks = []
        for key, positions in groups.items():
            sizes = [_size(machine, len(positions), runtime) for machine in machines]
            size = max(1, min(sizes))
            start = 0
            if runtime is None and any(machine.task_time for machine in machines):
                start = min(_PILOT, size)
                chunks.append(Chunk(positions[:start], dict(key)))
            starts = range(start, len(positions), size)
            chunks += [Chunk(positions[i : i + size], dict(key)) for i in starts]
        return chunks

    return cut


def _size(machine: Machine, n: int, runtime: float | None) -> int:
    if machine.pack is not None:
        return machine.pack
    if machine.task_time is not None and runtime is not None:
        seconds = machine.task_time * machine.parallel
        return int(max(1, min(n, seconds / max(runtime, 1e-6))))
    return n if machine.runs_here else math.ceil(n / _N_TASKS)


def asks_of(pset: Pset, resources: Callable[[Pset], Any] | None) -> dict[str, str]:
    """Return what a pset asks the scheduler for: ``mem``, ``time``, both or nothing.

    Raises
    ------
    ParamsTypeError
        It is not a dict with ``mem`` and ``time``.
    """
    found: Any = {} if resources is None else resources(dict(pset))
    if not isinstance(found, Mapping):
        message = (
            "resources must return a dict such as {'mem': '8G', 'time': '01:00:00'}, not "
            f"{found!r}, which it did for {pset!r}"
        )
        raise ParamsTypeError(message)
    own = {name[1:]: pset[name] for name in ("_mem", "_time") if pset.get(name) is not None}
    asks = {str(name): value for name, value in {**found, **own}.items() if value is not None}
    for name, value in asks.items():
        if name not in ("mem", "time"):
            message = f"a pset may ask for mem and time, not for {name!r} ({pset!r})"
            raise ParamsTypeError(message)
        problem = problem_with(name, value)
        if problem:
            message = f"{problem} ({pset!r})"
            raise ParamsTypeError(message)
    return {name: str(value) for name, value in asks.items()}


def submit_options(machine: Machine, asks: Mapping[str, str]) -> list[str]:
    """Write what is asked for as options of the submit command."""
    return [machine.dialect.asks[name].format(amount) for name, amount in asks.items()]


def task_lines(
    layout: Layout,
    machine: Machine,
    only: Mapping[tuple[str, int], int] | None = None,
    change: Mapping[str, str] | None = None,
) -> list[str]:
    """Write the lines of a submit script that submit what nobody has; none if there is nothing.

    Parameters
    ----------
    layout : Layout
    machine : Machine
    only : mapping of (str, int) to int, optional
        The run ids of spools and the chunks of these that are wanted, and the number of the last
        claim of each: the script submits those whose last claim still is that one. None: all.
    change : mapping, optional
        What they ask for now, whatever they have asked for before. None: see `escalate`.
    """
    path = jobscript_path(layout.calc_dir, machine.name)
    spools = [spool for spool in spools_of(layout) if machine.name in spool.head["machines"]]
    if not spools or not path.exists():
        return []
    spools.sort(key=lambda spool: spool.header.run_seq)
    df = Study(layout.calc_dir, layout.basename).known()
    known = set(df["_pset_id"]) if len(df) else set()
    levels = _MANY if change else str(len(machine.escalate))
    levels += " time" if any("time" in entry for entry in machine.escalate) else ""
    found = read_directives(path.read_bytes().decode("utf-8", "surrogateescape"), machine)
    early = _early_signal(machine, found)
    lines = [
        f"ps_cwd={shlex.quote(spools[-1].head['cwd'])}",
        "ps_kill_wait=",
        f"ps_levels='{levels}'",
        f"ps_warns={early.signal if early else ''}",
    ]
    n_before = len(lines)
    for spool in spools:
        unfinished = spool.unfinished(known)
        wanted = [c for c in unfinished if only is None or (spool.run_id, c) in only]
        for chunks in _runs_of_alike(spool, wanted):
            if only is not None:
                seen = "".join(f" {chunk}:{only[spool.run_id, chunk]}" for chunk in chunks)
                lines.append(f"ps_seen='{seen} '")
            lines += _lines_of(spool, chunks, machine, found, change)
    return lines if len(lines) > n_before or only is None else []


def _early_signal(machine: Machine, found: Directives) -> EarlySignal | None:
    """Return how to ask for a signal before the end; None if the jobscript does so itself."""
    early = SCHEDULERS[machine.scheduler].early_signal if machine.scheduler else None
    if early and re.search(rf"(?<!\S){early.option}(?![\w-])", found.lines):
        return None
    return early


def _runs_of_alike(spool: Spool, chunks: Iterable[int]) -> list[list[int]]:
    """Group chunks that follow each other and ask for the same."""
    found: list[list[int]] = []
    asks = spool.index.asks
    for chunk in sorted(chunks):
        last = found[-1][-1] if found else None
        if last is not None and chunk == last + 1 and asks[chunk] == asks[last]:
            found[-1].append(chunk)
        else:
            found.append([chunk])
    return found


def _lines_of(
    spool: Spool,
    chunks: list[int],
    machine: Machine,
    found: Directives,
    change: Mapping[str, str] | None,
) -> list[str]:
    n = sum(len(spool.index.chunks[chunk]) for chunk in chunks)
    parallel = spool.head.get("parallel") or machine.parallel
    what = f"{spool.folder.name} {chunks[0]} {chunks[-1]} {parallel}"
    comment = f"# run_seq={spool.header.run_seq}: {n} pset{'s' * (n > 1)}"
    asks = spool.index.asks[chunks[0]]
    if change:
        asks = {**asks, **change}
    if machine.runs_here:
        return [f"chunks_here {what} {machine.subcmd}  {comment}"]
    scheduler = machine.dialect
    command = " ".join([machine.subcmd, *submit_options(machine, asks)])
    head = scheduler.array_head
    if not machine.array:
        head = head.replace("%A_%a", "%j").replace("%J_%I", "%J")
    name = shlex.quote(found.name) if found.name else f"ps_{machine.name:.12}"
    early = _early_signal(machine, found)
    if early:
        head += f"{scheduler.prefix} {early.directive}\n"
    more = ["    *) more= ;;"]
    for level in range(len(machine.escalate), 0, -1) if not change else ():
        grown = grown_asks(asks, merged(machine.escalate[:level]), machine)
        words = shlex.quote(" ".join(submit_options(machine, grown)))
        more.insert(0, f"    {level}) more={words} ;;")
    limits = f"{machine.array_limit or '-'} {machine.max_array_size or '-'}"
    if not machine.array:
        limits = "- 1"
    return [
        comment,
        *("more_at() { # LEVEL", "    case $1 in", *more, "    esac", "}"),
        f"chunks {what} {limits} {command} <<'END_OF_DIRECTIVES'",
        f"#!{found.shell}",
        found.lines + head.format(machine=machine.name, shell=found.shell).rstrip("\n"),
        scheduler.name_directive(name),
        "END_OF_DIRECTIVES",
    ]
