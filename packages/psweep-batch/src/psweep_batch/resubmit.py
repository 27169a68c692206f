"""`batch_resubmit`: a script that submits psets again."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from psweep import df_read
from psweep_core.plumbing import PathLike, Study

from .errors import BatchError
from .function_jobs import task_lines
from .jobs import Attempt, machines_of, next_number
from .machines import read_info
from .scripts import Line, info_path, write_script
from .status import nothing_for, status_frame, statuses
from .tasks import settle

__all__ = ["batch_resubmit"]

_AT_REST = ("failed", "lost", "no result", "cancelled", "done", "not submitted")


def batch_resubmit(
    calc_dir: PathLike = "calc",
    machine: str | None = None,
    *,
    states: Sequence[str] = ("failed", "lost", "no result"),
) -> pd.DataFrame:
    """Write a script that submits psets again if their jobs failed, were lost or left no result.

    The script is ``<calc_dir>/resubmit_<machine>.sh``, like ``run_<machine>.sh`` but for these
    psets alone. It submits each of them once, however often it is called, and none whose job has
    changed since the script was written. Fix the cause first: the files in the folders of the psets
    are used as they are.

    Parameters
    ----------
    calc_dir : str or path, default "calc"
        The folder of the study.
    machine : str, optional
        Where they are to be submitted. None: where each was submitted last.
    states : sequence of str, default ("failed", "lost", "no result")
        Which psets, see `batch_status`, by their last job; also "cancelled", "done", and "not
        submitted", which needs a machine.

    Returns
    -------
    DataFrame
        Those rows of `batch_status` whose psets are in the scripts. If it is empty, no script was
        written.

    Raises
    ------
    StudyNotFoundError
        There is no study in that folder.
    BatchError
        A state that cannot be submitted again, or nothing was prepared for that machine.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.file_write("templates/machines/local/info.yaml", "subcmd: sh")
    >>> ps.file_write("templates/machines/local/jobscript", "exit $a")
    >>> df = ps.prep_batch(ps.plist("a", [2, 3]), calc_templ_dir=None)
    >>> import subprocess
    >>> _ = subprocess.run(["sh", "calc/run_local.sh"])
    >>> ps.batch_resubmit("calc").reason.tolist()
    ['exit code 2', 'exit code 3']
    >>> _ = subprocess.run(["sh", "calc/resubmit_local.sh"])
    """
    if isinstance(states, str):
        states = [states]
    for state in states:
        if state not in _AT_REST:
            message = f"states must be some of {', '.join(map(repr, _AT_REST))}, not {state!r}"
            raise BatchError(message)
    folder = Path(calc_dir)
    chosen = [s for s in statuses(df_read(folder), folder, None) if s.state in states]
    n_ran = sum(status.has_row for status in chosen)
    if n_ran:
        print(
            f"psweep: {n_ran} psets of prep_batch(func=...) have run and are left out; make that "
            "call again to run them again, with skip_dups=True for those that failed",
            file=sys.stderr,
        )
        chosen = [status for status in chosen if not status.has_row]
    layout = Study.of_folder(folder).layout
    settle(layout)
    lines: dict[str, list[Line]] = {}
    for status in chosen:
        target = machine or status.machine
        if target is None:
            message = "these psets have not been submitted yet; pass machine=..."
            raise BatchError(message)
        if status.of_task:
            lines.setdefault(target, [])
            continue
        names = set(os.listdir(folder / status.pset_id))
        if target not in machines_of(names):
            raise BatchError(nothing_for(folder, target))
        last = status.attempt
        comment = f"run_seq={status.run_seq} pset_seq={status.pset_seq} {status.reason}"
        lines.setdefault(target, []).append(
            Line(
                status.pset_id,
                next_number(names),
                " ".join(comment.split()),
                _earlier(last, target),
            )
        )
    for name, of_machine in lines.items():
        path = info_path(folder, name)
        if not path.exists():
            message = f"{path} is missing; run prep_batch again to recreate it"
            raise BatchError(message)
        info = read_info(path, name)
        tasks = task_lines(layout, info)
        write_script(folder / f"resubmit_{name}.sh", info, of_machine, tasks=tasks)
    return status_frame(chosen)


def _earlier(last: Attempt | None, target: str) -> str:
    """Write the state of a pset's last job, which the script checks again."""
    if last is None:
        return ""
    # Its number only if its end was not recorded: then the scheduler is queried again.
    ask = last.job_id if last.exit_code is None and last.machine == target else None
    return f"{last.machine}.{last.number} {last.seen} {ask or ''}".rstrip()
