"""Submit scripts: plain shell with one line per pset, to be read, edited and called again."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from psweep_core.plumbing import Study, file_lock, replacing

from .directives import Directives, read_directives
from .machine import INFO, JOBSCRIPT, Machine
from .other_databases import PsetNumbers, numbers_elsewhere, numbers_in, task_lines_of_all
from .schedulers import LIMITS, REFUSALS, shell_text

__all__ = [
    "Line",
    "OldScript",
    "info_path",
    "read_old_script",
    "run_script_path",
    "write_run_scripts",
    "write_script",
]

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# A line with a pset, commented out or not, also of a script that psweep 0.8 to 0.16 wrote
_OLD_LINE = re.compile(rf"^(?P<off>[#\s]*)(?P<line>\S.*?(?P<pset_id>{_UUID}).*)$", re.MULTILINE)
_VERBS = ("submit ", "run ", "add ")


class Line(NamedTuple):
    """One pset that a script is to submit."""

    pset_id: str
    attempt: int  # 1 the first time
    comment: str
    earlier: str = (
        ""  # its last job, as again() in common.sh takes it: JOB STATE [NUMBER [CLUSTER]]
    )
    text: str = ""  # the whole line, as a user may have edited it
    more: str = ""  # options of the submit command


def info_path(calc_dir: Path, machine: str) -> Path:
    """Path of the copy of a machine's ``info.yaml`` in the study."""
    return calc_dir / f"info_{machine}.yaml"


class OldScript(NamedTuple):
    """The psets in a submit script, as it was before."""

    lines: dict[str, tuple[bool, str]]  # pset id: is it commented out, and the line without that
    # Of each database, the _run_seq that were ever in it, also where a user has removed lines
    runs: dict[str, set[int]]


def read_old_script(path: Path) -> OldScript:
    """Read which psets a script submits."""
    text = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
    text = re.sub(r"^chunks.*$", "", text, flags=re.MULTILINE)  # these are written again
    lines = {m["pset_id"]: ("#" in m["off"], m["line"]) for m in _OLD_LINE.finditer(text)}
    runs = {}
    for name, numbers in re.findall(r'^# runs of (".*"):([ \d]*)$', text, re.MULTILINE):
        runs[json.loads(name)] = set(map(int, numbers.split()))
    return OldScript(lines, runs)


def run_script_path(calc_dir: Path, machine: str) -> Path:
    """Path of the submit script of a machine."""
    return calc_dir / f"run_{machine}.sh"


def write_run_scripts(
    study: Study,
    machines: Sequence[Machine],
    machine_dir: Path,
    prepared: Mapping[str, Mapping[str, Directives | None]],
) -> dict[str, int]:
    """Write ``run_<machine>.sh`` for all psets that are not submitted; the study's lock is held.

    Lines of psets that were submitted become comments. Those that a user has changed stay as they
    are. So do those of other databases in the folder, which have the same script.

    Parameters
    ----------
    study : Study
    machines : sequence of Machine
    machine_dir : Path
    prepared : mapping
        The psets that were prepared just now, and for each of their machines what their
        jobscripts ask for. Everything else is looked up.

    Returns
    -------
    dict of str, int
        For each machine, how many psets of earlier calls its script still submits.
    """
    with file_lock(study.layout.scripts_lock):  # that of the study is not the one of the others
        rows = numbers_in(study)
        waiting = {}
        for machine in machines:
            waiting[machine.name] = _write_run_script(study, machine, rows, prepared)
            with replacing(info_path(study.layout.calc_dir, machine.name)) as file:
                file.write((machine_dir / machine.name / INFO).read_bytes())
    return waiting


def _write_run_script(
    study: Study,
    machine: Machine,
    rows: Sequence[PsetNumbers],
    prepared: Mapping[str, Mapping[str, Directives | None]],
) -> int:
    """Write the script of one machine; return how many psets of earlier calls it submits."""
    calc_dir, basename = study.layout.calc_dir, study.layout.basename
    path = run_script_path(calc_dir, machine.name)
    script = read_old_script(path)
    verb = "run " if machine.runs_here else "submit "
    known = {
        pset_id: found[machine.name] for pset_id, found in prepared.items() if machine.name in found
    }
    old = []
    active = {}
    for pset_id, (off, line) in script.lines.items():
        if off or not line.startswith(_VERBS) or _is_claimed(calc_dir / pset_id):
            old.append(line)
        else:
            active[pset_id] = line if line.startswith(verb) else ""
    runs = {run_seq for pset_id, run_seq, _ in rows if pset_id in script.lines}
    runs |= script.runs.get(basename, set())

    def is_new(pset_id: str, run_seq: int) -> bool:
        if pset_id in script.lines:
            return False
        # Else it may be of a call that was killed before it got here.
        return pset_id in known or (
            run_seq not in runs
            and _jobscript(calc_dir, pset_id, machine).exists()
            and not _is_claimed(calc_dir / pset_id)
        )

    chosen = [
        (pset_id, run_seq, pset_seq)
        for pset_id, run_seq, pset_seq in rows
        if pset_id in active or is_new(pset_id, run_seq)
    ]
    all_runs = {**script.runs, basename: runs | {run_seq for _, run_seq, _ in chosen}}
    chosen += numbers_elsewhere(study, active.keys() - {pset_id for pset_id, _, _ in rows})
    lines = [
        Line(pset_id, 1, f"run_seq={run} pset_seq={seq}", text=active.get(pset_id, ""))
        for pset_id, run, seq in chosen
    ]
    tasks = task_lines_of_all(study.layout, machine)
    write_script(path, machine, lines, old, known, all_runs, tasks)
    return sum(pset_id not in prepared for pset_id, _, _ in chosen)


def _is_claimed(folder: Path) -> bool:
    """Return whether a pset was submitted, or is just being submitted, on any machine."""
    try:
        names = os.listdir(folder)
    except OSError:
        return False  # the script reports that it is missing
    return any(name.startswith(".submitted_") for name in names)


def _jobscript(calc_dir: Path, pset_id: str, machine: Machine) -> Path:
    return calc_dir / pset_id / f"{JOBSCRIPT}_{machine.name}"


def write_script(
    path: Path,
    machine: Machine,
    lines: Sequence[Line],
    old: Sequence[str] = (),
    known: Mapping[str, Directives | None] | None = None,
    runs: Mapping[str, Iterable[int]] | None = None,
    tasks: Sequence[str] = (),
) -> None:
    """Write a script that submits psets.

    Parameters
    ----------
    path : Path
        In the folder of the study.
    machine : Machine
    lines : sequence of Line
        The psets.
    old : sequence of str
        Lines of earlier scripts, to be kept as comments.
    known : mapping, optional
        What the jobscripts of psets ask for, if known already.
    runs : mapping, optional
        Of each database, the ``_run_seq`` whose psets are or were in the script.
    tasks : sequence of str
        What `task_lines` returns.
    """
    text = [
        "#!/bin/sh",
        f"# Submit the psets of this study on {machine.name}: sh {path.name}",
        "# One line per pset below. Safe to run again: nothing is submitted twice. You may edit",
        "# this file; prep_batch rewrites it, and keeps your changes to these lines.",
        "",
        f"ps_machine={shlex.quote(machine.name)}",
        shell_text("common"),
    ]
    how = "here" if machine.runs_here else "array" if machine.array else "each"
    notes = shell_text("notes")
    job = notes + shell_text("here_job" if machine.runs_here else "job")
    text += [notes]
    text += [] if machine.runs_here else [_settings(machine), shell_text("scheduler")]
    if lines or (tasks and machine.runs_here):
        what = "jobs made of templates" if lines else "what runs here"
        text.append(f'[ -z "$ps_feed" ] || stop "--feed is not for {what}"')
    text += ["job_text() {", "    cat <<'END_OF_JOB'", job.rstrip(), "END_OF_JOB", "}", ""]
    text += [shell_text(how)]
    for name, numbers in (runs or {}).items():
        text += [f"# runs of {json.dumps(name)}: {' '.join(map(str, sorted(numbers)))}"]
    text += [f"# {line}" for line in old]
    if machine.array:
        text += _array_lines(path.parent, machine, lines, known or {})
    else:
        verb = "run" if machine.runs_here else "submit"
        for line in sorted(lines, key=lambda line: line.attempt):
            if line.attempt > 1 or line.earlier:
                text.append(f"again {line.attempt} {line.earlier}".rstrip())
            command = f"{machine.subcmd} {line.more}".rstrip()
            pset = shlex.quote(line.pset_id)
            text.append(line.text or f"{verb} {pset} {command}  # {line.comment}")
    if tasks:
        text += ["task_text() {", "    cat <<'END_OF_TASK'", shell_text("task_job").rstrip()]
        text += ["END_OF_TASK", "}", "", *_array_settings(machine), shell_text("chunks")]
        text += ["submit_tasks() {", *tasks, "}", ""]
        if not machine.runs_here:
            text += _feeding(machine)
        text += ["submit_tasks", "report_held"] if machine.runs_here else []
    text += ["report", ""]
    with replacing(path) as file:
        file.write("\n".join(text).encode("utf-8", "surrogateescape"))
    path.chmod(path.stat().st_mode | (path.stat().st_mode & 0o444) >> 2)  # x for all who may read


def _settings(machine: Machine) -> str:
    """Write the settings of a machine's scheduler, for the shell."""
    dialect = machine.dialect
    head = [
        f"    wants {shlex.quote(pattern)} || "
        f"printf '%s\\n' {_filled(f'{dialect.prefix} {line}', machine)}"
        for pattern, line in dialect.head
    ]
    if machine.scheduler:
        alive = shell_text(f"{machine.scheduler}_alive").rstrip()
    elif machine.statcmd:
        alive = (
            f"ps_said=$({{ {machine.statcmd}\n}} 2>/dev/null </dev/null) || return 0\n"
            'printf \'%s\\n\' "$ps_said" | shows "$1"'
        )
    else:
        alive = "return 1"
    lines = [
        f"ps_scheduler={machine.scheduler or 'other'}",
        f"ps_refusals={shlex.quote(REFUSALS[machine.scheduler])}",
        f"ps_stdin={'yes' if dialect.by_stdin else ''}",
        "",
        "alive() { # NUMBER: does this job wait or run?",
        alive,
        "}",
        "",
    ]
    if machine.array:
        lines += _array_settings(machine)
    else:
        lines += [
            f"ps_prefix={shlex.quote(dialect.prefix)}",
            "",
            "job_head() { # SHELL: directives that the jobscript does not have",
            *head,
            "}",
            "",
        ]
    return "\n".join(lines)


def _array_settings(machine: Machine) -> list[str]:
    """Write how arrays are submitted, for the shell; ps_task is empty for single jobs."""
    return [
        f"ps_first_task={machine.dialect.first_task}",
        f"ps_task={shlex.quote(machine.dialect.task) if machine.array else ''}",
        "",
        "array_options() { # TASKS LIMIT",
        f"    {machine.dialect.array}",
        "}",
        "",
    ]


def _feeding(machine: Machine) -> list[str]:
    """Write what ``--feed`` needs, and the choice between it and one round."""
    queries = [("query_text", machine.query), ("account_text", machine.account)]
    text = [f"ps_lost_after={machine.lost_after}", f"ps_limits={shlex.quote(LIMITS)}", ""]
    for name, query in queries:
        body = ["cat <<'END_OF_QUERY'", query.rstrip(), "END_OF_QUERY"] if query else [":"]
        text += [f"{name}() {{", *body, "}", ""]
    return [
        *text,
        'if [ -n "$ps_feed" ]; then',
        shell_text("feed").rstrip(),
        "",
        "feed",
        "else",
        "submit_tasks",
        "report_held",
        "fi",
    ]


def _filled(text: str, machine: Machine) -> str:
    """Quote a directive as a word for the shell, in which $1 is the shell of the job."""
    before, _, after = text.replace("{shell}", "\0").format(machine=machine.name).partition("\0")
    return shlex.quote(before) + (f'"$1"{shlex.quote(after)}' if "{shell}" in text else "")


def _array_lines(
    calc_dir: Path, machine: Machine, lines: Sequence[Line], known: Mapping[str, Directives | None]
) -> Iterator[str]:
    """Make an array of all psets that ask the scheduler for the same."""
    groups: dict[tuple[int, str, str, str], list[Line]] = {}
    names: dict[tuple[int, str, str, str], str] = {}
    for line in lines:
        found = known.get(line.pset_id)
        if found is None:
            script = _jobscript(calc_dir, line.pset_id, machine).read_bytes()
            found = read_directives(script.decode("utf-8", "surrogateescape"), machine)
        key = (line.attempt, found.shell, found.lines, line.more)
        if key not in groups:
            groups[key], names[key] = [], _common_name(found.name, line)
        groups[key].append(line)
    scheduler = machine.dialect
    options = [str(machine.array_limit or "-"), str(machine.max_array_size or "-")]
    for key, group in sorted(groups.items(), key=lambda item: item[0][0]):
        attempt, shell, shared, more = key
        yield f"ps_attempt={attempt}"
        for line in group:
            if line.attempt > 1 or line.earlier:
                yield f"again {line.attempt} {line.earlier}".rstrip()
            yield f"add {shlex.quote(line.pset_id)}  # {line.comment}"
        yield (
            f"submit_array {' '.join(options)} {machine.pack or 1} {machine.parallel} "
            f"{machine.subcmd} {more}{' ' * bool(more)}"
            "<<'END_OF_DIRECTIVES'"
        )
        yield f"#!{shell}\n{shared}" + scheduler.array_head.format(
            machine=machine.name, shell=shell
        ).rstrip("\n")
        if names[key]:
            yield scheduler.name_directive(names[key])
        elif not scheduler.takes_any_name:
            default = next(line for _, line in scheduler.head if line.startswith("-N"))
            yield f"{scheduler.prefix} {default.format(machine=machine.name)}"
        yield "END_OF_DIRECTIVES"


def _common_name(name: str, line: Line) -> str:
    """Take out of a job's name what is of one pset alone."""
    numbers = re.findall(r"=(\d+)", line.comment)
    for own in [line.pset_id, *numbers]:
        name = re.sub(rf"(^|[-_.]){re.escape(own)}(?=$|[-_.])", "", name)
    return shlex.quote(name) if name else ""
