"""Submit scripts: plain shell, one line a pset, to be read, edited and called again."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from psweep.atomic import replacing
from psweep.study import Study

from .machines import INFO, JOBSCRIPT, Machine

__all__ = [
    "Directives",
    "Line",
    "OldScript",
    "directives",
    "info_path",
    "read_old_script",
    "run_script_path",
    "write_run_scripts",
    "write_script",
]

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# A line with a pset, commented out or not, also of a script that psweep 0.8 to 0.16 wrote
_OLD_LINE = re.compile(rf"^(?P<off>[#\s]*)(?P<line>\S.*?(?P<pset_id>{_UUID}).*)$", re.MULTILINE)
# Options of sbatch that differ from task to task, with a value each
_OWN_OPTIONS = re.compile(
    r"(?P<short>-[oeJ])(?P<glued>.*)"
    r"|--(?P<long>output|error|open-mode|job-name)(?:=(?P<value>.*))?"
)
_BASH = re.compile(r"#!(.*bash)")


class Line(NamedTuple):
    """One pset that a script is to submit."""

    pset_id: str
    attempt: int  # 1 the first time
    comment: str


def info_path(calc_dir: Path, machine: str) -> Path:
    """Place the copy of a machine's ``info.yaml`` that goes with the study."""
    return calc_dir / f"info_{machine}.yaml"


class OldScript(NamedTuple):
    """The psets in a submit script, as it was before."""

    lines: dict[str, tuple[bool, str]]  # pset id: is it commented out, and the line without that
    runs: set[int]  # the _run_seq that were ever in it, also where a user has removed lines


def read_old_script(path: Path) -> OldScript:
    """Read which psets a script submits."""
    text = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
    lines = {m["pset_id"]: ("#" in m["off"], m["line"]) for m in _OLD_LINE.finditer(text)}
    runs = {int(number) for number in re.findall(r"run_seq=(\d+)", text)}
    for numbers in re.findall(r"^# runs:(.*)$", text, re.MULTILINE):
        runs |= set(map(int, numbers.split()))
    return OldScript(lines, runs)


def run_script_path(calc_dir: Path, machine: str) -> Path:
    """Place the submit script of a machine."""
    return calc_dir / f"run_{machine}.sh"


def write_run_scripts(
    study: Study,
    machines: Sequence[Machine],
    machine_dir: Path,
    prepared: Mapping[str, Mapping[str, Directives]],
    before: Mapping[str, OldScript],
) -> None:
    """Write ``run_<machine>.sh`` for all psets that are in none yet; the study's lock is held.

    Parameters
    ----------
    study : Study
    machines : sequence of Machine
    machine_dir : Path
    prepared : mapping
        The psets that were prepared for all these machines just now, and for those that make
        arrays what their jobscripts ask for. What else there is, is looked up.
    before : mapping
        The scripts as they were when this call began. What was in them is commented out now; what
        another call has put there meanwhile stays.
    """
    df = study.read_database()
    names = ["_pset_id", "_run_seq", "_pset_seq"]
    rows = list(zip(*(df[name].tolist() for name in names), strict=True)) if len(df) else []
    for machine in machines:
        path = run_script_path(study.layout.calc_dir, machine.name)
        script = read_old_script(path)
        old = []
        active = set()
        for pset_id, (off, line) in script.lines.items():
            if off or pset_id in before[machine.name].lines:
                old.append(line)
            else:
                active.add(pset_id)
        # Also those of a call that was killed before it got here
        chosen = [
            (pset_id, run_seq, pset_seq)
            for pset_id, run_seq, pset_seq in rows
            if pset_id in active
            or (
                pset_id not in script.lines
                and (
                    pset_id in prepared
                    or (
                        run_seq not in script.runs
                        and _jobscript(study.layout.calc_dir, pset_id, machine).exists()
                    )
                )
            )
        ]
        lines = [Line(pset_id, 1, f"run_seq={run} pset_seq={seq}") for pset_id, run, seq in chosen]
        runs = script.runs | {run_seq for _, run_seq, _ in chosen}
        known = {
            pset_id: found[machine.name]
            for pset_id, found in prepared.items()
            if machine.name in found
        }
        write_script(path, machine, lines, old, known, runs)
        shutil.copyfile(
            machine_dir / machine.name / INFO, info_path(study.layout.calc_dir, machine.name)
        )


def _jobscript(calc_dir: Path, pset_id: str, machine: Machine) -> Path:
    return calc_dir / pset_id / f"{JOBSCRIPT}_{machine.name}"


def write_script(
    path: Path,
    machine: Machine,
    lines: Sequence[Line],
    old: Sequence[str] = (),
    known: Mapping[str, Directives] | None = None,
    runs: Iterable[int] = (),
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
    runs : iterable of int
        The ``_run_seq`` whose psets are or were in the script.
    """
    text = [
        "#!/bin/sh",
        f"# Submit the psets of this study on {machine.name}: sh {path.name}",
        "# Each line at the end is a pset. What was submitted before is not submitted again, so",
        "# call this again after it was stopped. Edit it as you like, until it is written anew.",
        "",
        f"ps_machine={machine.name}",
        _shell("common"),
    ]
    how = "here" if machine.runs_here else "array" if machine.array else "each"
    job = _shell("notes") + _shell("here_job" if machine.runs_here else "job")
    text += [] if machine.runs_here else [_shell("scheduler")]
    text += ["job_text() {", "    cat <<'END_OF_JOB'", job.rstrip(), "END_OF_JOB", "}", ""]
    text += [_shell(how)]
    text += [f"# runs: {' '.join(map(str, sorted(runs)))}"] if runs else []
    text += [f"# {line}" for line in old]
    if machine.array:
        text += _array_lines(path.parent, machine, lines, known or {})
    else:
        verb = "run" if machine.runs_here else "submit"
        attempt = 1
        for line in sorted(lines, key=lambda line: line.attempt):
            if line.attempt != attempt:
                attempt = line.attempt
                text.append(f"ps_attempt={attempt}")
            text.append(f"{verb} {line.pset_id} {machine.subcmd}  # {line.comment}")
    text += ["report", ""]
    with replacing(path) as file:
        file.write("\n".join(text).encode("utf-8", "surrogateescape"))
    path.chmod(path.stat().st_mode | (path.stat().st_mode & 0o444) >> 2)  # x for all who may read


def _shell(name: str) -> str:
    return (files(__package__) / "shell" / f"{name}.sh").read_text(encoding="utf-8")


def _array_lines(
    calc_dir: Path, machine: Machine, lines: Sequence[Line], known: Mapping[str, Directives]
) -> Iterator[str]:
    """Make an array of all psets that ask the scheduler for the same."""
    groups: dict[tuple[int, str, str], list[Line]] = {}
    names: dict[tuple[int, str, str], str] = {}
    for line in lines:
        found = known.get(line.pset_id)
        if found is None:
            script = _jobscript(calc_dir, line.pset_id, machine).read_bytes()
            found = directives(script.decode("utf-8", "surrogateescape"))
        key = (line.attempt, found.shell, found.asked)
        if key not in groups:
            groups[key], names[key] = [], _common_name(found.name, line)
        groups[key].append(line)
    options = [str(machine.array_limit or "-"), str(machine.max_array_size or "-")]
    for key, group in sorted(groups.items(), key=lambda item: item[0][0]):
        attempt, shell, asked = key
        yield f"ps_attempt={attempt}"
        for line in group:
            yield f"add {line.pset_id}  # {line.comment}"
        yield (
            f"submit_array {' '.join(options)} {machine.pack} {machine.subcmd} "
            "<<'END_OF_DIRECTIVES'"
        )
        yield f"#!{shell}\n{asked}#SBATCH --output=arrays_{machine.name}/%A_%a.out"
        if names[key]:
            yield f"#SBATCH --job-name={names[key]}"
        yield "END_OF_DIRECTIVES"


class Directives(NamedTuple):
    """What the comments above the first command of a jobscript ask the scheduler for."""

    shell: str
    asked: str  # without what differs from task to task
    name: str  # of the job; may be empty


def directives(script: str) -> Directives:
    """Read them."""
    first, *rest = script.split("\n")
    bash = _BASH.match(first)
    kept = ""
    name = ""
    for line in rest if first.startswith("#!") else [first, *rest]:
        if line.startswith("#SBATCH"):
            asked, found = _without_own_options(line)
            kept += f"{asked}\n" if asked else ""
            name = found or name
        elif line.strip() and not line.startswith("#"):
            break
    return Directives(bash[1] if bash else "/bin/sh", kept, name)


def _without_own_options(line: str) -> tuple[str, str]:
    """Leave out of a directive what differs from task to task; give also the name of the job."""
    try:
        words = shlex.split(line[len("#SBATCH") :], comments=True)
    except ValueError:
        return line.rstrip(), ""  # sbatch will say what is wrong
    kept = []
    name = ""
    rest = iter(words)
    for word in rest:
        found = _OWN_OPTIONS.fullmatch(word)
        if not found:
            kept.append(word)
            continue
        value = found["glued"] if found["short"] else found["value"]
        if not value:
            value = next(rest, "")
        if found["short"] == "-J" or found["long"] == "job-name":
            name = value
    if kept == words:
        return line.rstrip(), ""
    return (f"#SBATCH {shlex.join(kept)}" if kept else ""), name


def _common_name(name: str, line: Line) -> str:
    """Take out of a job's name what is of one pset alone."""
    numbers = re.findall(r"=(\d+)", line.comment)
    for own in [line.pset_id, *numbers]:
        name = re.sub(rf"(^|[-_.]){re.escape(own)}(?=$|[-_.])", "", name)
    return shlex.quote(name) if name else ""
