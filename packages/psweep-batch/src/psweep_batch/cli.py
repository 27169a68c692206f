"""The console scripts: how jobs are, and copies to another machine and back."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from psweep.cli import run_command

from . import __version__
from .queue import Queue, snapshot_path
from .status import batch_status, count_states
from .transfer import pull as pull_study
from .transfer import push as push_study

__all__ = ["pull", "push", "status"]


def status(argv: Sequence[str] | None = None) -> int:
    """Tell how the jobs of a study are (``psweep-status``).

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. None: those of the command line.

    Returns
    -------
    int
        Exit status: 0, or 1 if it cannot be told.
    """
    parser = _parser("psweep-status", "Tell how the jobs of a study are.")
    parser.add_argument(
        "machine", nargs="?", metavar="MACHINE", help="only jobs of this one (default: of all)"
    )
    parser.add_argument("-a", "--all", action="store_true", help="a line for each pset")
    args = parser.parse_args(argv)

    def show() -> None:
        df = batch_status(args.calc_dir, args.machine)
        for name, part in df.groupby(df["machine"].fillna("no machine"), sort=True):
            counts = count_states(part["state"])
            text = ", ".join(f"{n} {state}" for state, n in counts.items())
            print(f"{name}: {len(part)} pset{'s' * (len(part) > 1)}: {text}")
            saved = snapshot_path(Path(args.calc_dir), str(name))
            if saved.exists() and part["state"].isin(["queued", "running", "lost"]).any():
                when = time.strftime("%H:%M:%S", time.localtime(Queue.read(saved).when))
                print(f"as of {when}, when psweep-pull was called last")
        if not len(df):
            print("no psets were prepared")
        shown = df if args.all else df[df["state"].isin(["failed", "lost"])]
        if len(shown):
            print()
            print(_table(shown))

    return run_command(show, "psweep-status")


def _table(df: pd.DataFrame) -> str:
    from tabulate import tabulate

    names = ["state", "machine", "job_id", "reason", "log"]
    rows = [
        [seq, *(None if pd.isna(value) or value == "" else value for value in values)]
        for seq, *values in df[names].itertuples(name=None)
    ]
    headers = ["_pset_seq", *names]
    return tabulate(rows, headers, tablefmt="simple", missingval="-", disable_numparse=True)


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
        "Copy a study to the same place below the home of another machine, by rsync over ssh. What "
        "is newer there stays. Patterns in the file excl_push are left out."
    )
    args, options = _transfer_arguments("psweep-push", text, argv)
    return run_command(
        lambda: push_study(args.host, args.calc_dir, dry_run=args.dry_run, options=options),
        "psweep-push",
    )


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
        "Copy a study back from the same place below the home of another machine, by rsync over "
        "ssh. What is newer here stays, and nothing is deleted. Patterns in the file excl_pull are "
        "left out."
    )
    args, options = _transfer_arguments("psweep-pull", text, argv)
    return run_command(
        lambda: pull_study(args.host, args.calc_dir, dry_run=args.dry_run, options=options),
        "psweep-pull",
    )


def _transfer_arguments(
    prog: str, text: str, argv: Sequence[str] | None
) -> tuple[argparse.Namespace, list[str]]:
    parser = _parser(prog, text, usage=f"{prog} [-h] [-n] [-c CALC_DIR] HOST [RSYNC_OPTION ...]")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what it would do")
    parser.add_argument("host", metavar="HOST", help="a machine, as ssh knows it")
    parser.add_argument(
        "options",
        nargs=argparse.REMAINDER,
        metavar="RSYNC_OPTION",
        help="passed on to rsync",
    )
    args = parser.parse_args(argv)
    # also among the options for rsync, as in -vn
    options = [option for option in args.options if option != "--dry-run"]
    short = [o for o in options if re.fullmatch("-[a-zA-Z]*n[a-zA-Z]*", o)]
    args.dry_run = args.dry_run or bool(short) or len(options) < len(args.options)
    return args, options


def _parser(prog: str, description: str, usage: str | None = None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description=description, usage=usage)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "-c", "--calc-dir", default="calc", metavar="CALC_DIR", help="the study (default: calc)"
    )
    return parser
