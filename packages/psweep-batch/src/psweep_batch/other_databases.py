"""The other databases in the folder of a study: their psets are in the same submit scripts."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator

from psweep import PsweepError
from psweep_core.plumbing import Layout, Study, databases_in, spools_of

from .machine import Machine
from .task_scripts import task_lines

__all__ = [
    "PsetNumbers",
    "count_free_elsewhere",
    "numbers_elsewhere",
    "numbers_in",
    "task_lines_of_all",
]

PsetNumbers = tuple[str, int, int]  # _pset_id, _run_seq, _pset_seq


def numbers_in(study: Study) -> list[PsetNumbers]:
    """List the psets in the database of a study."""
    df = study.read_database()
    names = ["_pset_id", "_run_seq", "_pset_seq"]
    return list(zip(*(df[name].tolist() for name in names), strict=True)) if len(df) else []


def numbers_elsewhere(study: Study, wanted: Collection[str]) -> Iterator[PsetNumbers]:
    """Find psets in the other databases of the folder; `wanted` are their ids."""
    if wanted:  # else these databases, which may be large, need not be read
        for layout in _others(study.layout):
            # (What is wrong with a database concerns those who use it.)
            with contextlib.suppress(PsweepError, OSError):
                numbers = numbers_in(Study(layout.calc_dir, layout.basename))
                yield from (found for found in numbers if found[0] in wanted)


def task_lines_of_all(layout: Layout, machine: Machine) -> list[str]:
    """Do what `task_lines` does, for all databases of a folder."""
    lines = task_lines(layout, machine)
    for other in _others(layout):
        with contextlib.suppress(PsweepError, OSError):
            if any(spool.unfinished() for spool in spools_of(other)):
                lines += task_lines(other, machine)
    return lines


def count_free_elsewhere(layout: Layout, machine: str) -> int:
    """Count the psets of tasks that a submit script submits for the other databases."""
    n = 0
    for other in _others(layout):
        with contextlib.suppress(PsweepError, OSError):
            for spool in spools_of(other):
                if machine in spool.head["machines"]:
                    unfinished, free = spool.unfinished(), spool.free()
                    n += sum(len(unfinished[chunk]) for chunk in free if chunk in unfinished)
    return n


def _others(layout: Layout) -> list[Layout]:
    names = databases_in(layout.calc_dir) - {layout.basename}
    return [Layout(layout.calc_dir, name) for name in sorted(names)]
