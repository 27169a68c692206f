"""The console scripts: jobs in psweep-status, psweep-cancel, psweep-push and psweep-pull.

They import other modules only when they need them, see `psweep_core.programs`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from psweep_core.programs import add_calc_dir, add_dry_run, parser_of, run_command

if TYPE_CHECKING:
    import pandas as pd

    from psweep_core.plumbing import Report

    from .machine import Machine

__all__ = ["cancel", "is_confirmed", "job_report", "pull", "push"]

_RANGES = 8  # of _pset_seq in one line


def job_report(calc_dir: str, machine: str | None, show_all: bool) -> Report:
    """Report on the jobs of a study, for psweep-status.

    Parameters
    ----------
    calc_dir : str
        The folder of the study, or a database in it.
    machine : str or None
        None: all of them.
    show_all : bool
        One line per pset.
    """
    from psweep_core.plumbing import Report, count_failed, split_database

    from .queue import Queue, snapshot_path
    from .states import State, count_states
    from .status import status_frame, statuses

    folder = Path(split_database(calc_dir)[0])
    found = statuses(calc_dir, machine, is_confirmed)
    df = status_frame(found)
    df["succeeded_later"] = [status.succeeded_later for status in found]
    lines = []
    short = []
    for name, part in df.groupby(df["machine"].fillna("no machine"), sort=True):
        counts = count_states(part["state"])
        n_later = int(part["succeeded_later"].sum())
        text = ", ".join(
            count_failed(n, n_later) if state == State.FAILED else f"{n} {state}"
            for state, n in counts.items()
        )
        lines.append(f"{name}: {len(part)} pset{'s' * (len(part) > 1)}: {text}")
        short.append(lines[-1])
        saved = snapshot_path(folder, str(name))
        if saved.exists() and part["state"].isin([State.QUEUED, State.RUNNING, State.LOST]).any():
            lines.append(_as_of(Queue.read(saved).when))
    if not len(df):
        lines.append("no psets were prepared")
    bad = df["state"].isin([State.FAILED, State.LOST, State.CANCELLED, State.NO_RESULT])
    bad &= ~df["succeeded_later"].astype(bool)
    if show_all and len(df):
        lines += ["", _table(df)]
    else:
        why = bad | (df["state"].isin([State.QUEUED, State.UNKNOWN]) & (df["reason"] != ""))
        lines += ["", _by_reason(df[why])] if why.any() else []
    records = json.loads(df.reset_index(names="_pset_seq").to_json(orient="records"))
    in_progress = bool(df["state"].isin([State.QUEUED, State.RUNNING]).any())
    return Report(lines, records, in_progress, bool(bad.any()), ", ".join(short))


def _as_of(when: float) -> str:
    seconds = max(0, round(time.time() - when))
    for name, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= 2 * size or size == 1:
            n = seconds // size
            age = f"{n} {name}{'s' * (n != 1)} ago"
            break
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
    return f"as of {at} ({age}; last psweep-pull)"


def _by_reason(df: pd.DataFrame) -> str:
    """Show one line per reason, with the psets that have it and the log of one.

    In a terminal that is too narrow for such lines, reasons are wrapped, and the logs come below.
    """
    import pandas as pd
    from tabulate import tabulate

    from psweep_core.plumbing import causes_of, terminal_width, text_width, wrapped

    from .states import State

    rows = []
    # details that differ from pset to pset do not make another reason
    reasons = [
        reason.replace(pset_id, "<_pset_id>")
        for reason, pset_id in zip(df["reason"], df["_pset_id"], strict=True)
    ]
    # Without an exit code, it was an exception in a task of a function.
    raised = [*((df["state"] == State.FAILED) & df["exit_code"].isna()).to_numpy().nonzero()[0]]
    for cause, places in causes_of([reasons[i] for i in raised]):
        for place in places:
            reasons[raised[place]] = cause
    for (state, machine, reason), part in df.groupby(
        [df["state"], df["machine"], pd.Series(reasons, index=df.index)], sort=False, dropna=False
    ):
        first = part.iloc[0]
        output = first["stderr"] or first["log"]
        psets = _numbers(part.index.tolist())
        rows.append([len(part), state, machine, reason or None, psets, first["job_id"], output])
    headers = ["psets", "state", "machine", "reason", "_pset_seq", "a job", "its output"]
    shown = partial(tabulate, tablefmt="simple", missingval="-", disable_numparse=True)
    table, width = shown(rows, headers), terminal_width()
    if width is None or text_width(table) <= width:
        return table
    outputs = [row.pop() for row in rows]
    others = text_width(shown([[*row[:3], "", *row[4:]] for row in rows], headers[:-1]))
    room = width - others + len("reason")
    below = [
        f"output of pset {re.split('[-,]', row[4])[0]}: {output}"
        for row, output in zip(rows, outputs, strict=True)
        if output
    ]
    for row in rows:
        row[3] = row[3] and wrapped(row[3], room)
    return "\n\n".join(filter(None, [shown(rows, headers[:-1]), "\n".join(below)]))


def _numbers(seqs: list[int]) -> str:
    """Write 0 1 2 5 as 0-2,5; not more than some."""
    from .schedulers import number_ranges

    texts = number_ranges(seqs)
    return ",".join(texts[:_RANGES]) + ",..." * (len(texts) > _RANGES)


_declined: set[str] = set()


def is_confirmed(machine: Machine, program: str = "psweep-status") -> bool:
    """Return whether a statcmd may run: it is code, and a study may come from somebody else.

    One that `prep_batch` has seen here may. In a terminal, the user is asked once for another.
    All programs that query a queue go through this.
    """
    from psweep_core.plumbing import printable

    from .confirmed_statcmds import confirm_statcmd, confirmed_statcmds

    if machine.statcmd is None or machine.statcmd in confirmed_statcmds():
        return True
    if machine.statcmd in _declined or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    # (Nothing in it may hide what it is.)
    command = printable(machine.statcmd).encode("ascii", "backslashreplace").decode()
    print(f"{program}: info_{machine.name}.yaml has this statcmd:", file=sys.stderr)
    print(f"    {command}", file=sys.stderr)
    print("Run it, now and later? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        _declined.add(machine.statcmd)
        return False
    confirm_statcmd(machine.statcmd)
    return True


def _table(df: pd.DataFrame) -> str:
    import pandas as pd
    from tabulate import tabulate

    names = ["state", "machine", "job_id", "reason", "log"]
    rows = [
        [seq, *(None if pd.isna(value) or value == "" else value for value in values)]
        for seq, *values in df[names].itertuples(name=None)
    ]
    headers = ["_pset_seq", *names]
    return tabulate(rows, headers, tablefmt="simple", missingval="-", disable_numparse=True)


def cancel(argv: Sequence[str] | None = None) -> int:
    """Cancel the jobs of a study (``psweep-cancel``).

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. None: those of the command line.

    Returns
    -------
    int
        Exit status: 0, or 1 if they could not be cancelled.
    """
    parser = parser_of(
        "psweep-cancel",
        "Cancel the queued and running jobs of a study, and no others. Call it on the machine with "
        "the scheduler.",
    )
    add_calc_dir(parser, option=True)
    parser.add_argument(
        "machine", nargs="?", metavar="MACHINE", help="only jobs of this machine (default: all)"
    )
    parser.add_argument("--queued", action="store_true", help="only jobs that are not running yet")
    add_dry_run(parser)
    args = parser.parse_args(argv)

    def show() -> None:
        from .cancel import cancel_jobs

        df = cancel_jobs(
            args.calc_dir,
            args.machine,
            queued=args.queued,
            dry_run=args.dry_run,
            may_ask=partial(is_confirmed, program="psweep-cancel"),
        )
        for name, part in df.groupby("machine"):
            jobs = {int(job_id.partition("_")[0]) for job_id in part["job_id"]}
            verb = "would cancel" if args.dry_run else "cancelled"
            psets = f"{len(part)} pset{'s' * (len(part) > 1)}"
            of = f"of the job{'s' * (len(jobs) > 1)} {_numbers([*jobs])}"
            print(f"{name}: {verb} {psets} {of}")
        if not len(df):
            print("there is nothing to cancel")

    return run_command(show, "psweep-cancel")


def push(argv: Sequence[str] | None = None) -> int:
    """Copy a study to another machine (``psweep-push``).

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. None: those of the command line.

    Returns
    -------
    int
        Exit status: 0, or 1 if it could not be copied.
    """
    text = (
        "Copy a study to another machine, by rsync over ssh, to the same path below your home "
        "directory there. Files that are newer there are kept. Files that match a pattern in the "
        "file excl_push are not copied."
    )
    args, options = _transfer_arguments("psweep-push", text, argv)

    def push_it() -> None:
        from .transfer import push as push_study

        push_study(args.host, args.calc_dir, dry_run=args.dry_run, options=options)

    return run_command(push_it, "psweep-push")


def pull(argv: Sequence[str] | None = None) -> int:
    """Copy a study back from another machine (``psweep-pull``).

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. None: those of the command line.

    Returns
    -------
    int
        Exit status: 0, or 1 if it could not be copied.
    """
    text = (
        "Copy a study back from another machine, by rsync over ssh, from the same path below your "
        "home directory there. Files that are newer here are kept, and nothing is deleted. Files "
        "that match a pattern in the file excl_pull are not copied."
    )
    args, options = _transfer_arguments("psweep-pull", text, argv)

    def pull_it() -> None:
        from .transfer import pull as pull_study

        pull_study(
            args.host,
            args.calc_dir,
            dry_run=args.dry_run,
            options=options,
            may_ask=partial(is_confirmed, program="psweep-pull"),
        )

    return run_command(pull_it, "psweep-pull")


def _transfer_arguments(
    prog: str, text: str, argv: Sequence[str] | None
) -> tuple[argparse.Namespace, list[str]]:
    usage = f"{prog} [-h] [-n] [-c CALC_DIR] HOST [RSYNC_OPTION ...]"
    parser = parser_of(prog, text, usage=usage)
    add_calc_dir(parser, option=True, takes_file=False)
    add_dry_run(parser)
    parser.add_argument(
        "host",
        metavar="HOST",
        help="the name of the machine for ssh, or HOST:PATH with the folder there that contains "
        "the study",
    )
    options_of_rsync = parser.add_argument(
        "options",
        nargs=argparse.REMAINDER,
        metavar="RSYNC_OPTION",
        help="options for rsync, such as -v or --bwlimit=1000",
    )
    options_of_rsync.required = False  # as argparse says when HOST is missing
    args = parser.parse_args(argv)
    # also among the options for rsync, as in -vn
    options = [option for option in args.options if option != "--dry-run"]
    short = [o for o in options if re.fullmatch("-[a-zA-Z]*n[a-zA-Z]*", o)]
    args.dry_run = args.dry_run or bool(short) or len(options) < len(args.options)
    return args, options
