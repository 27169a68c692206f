"""``psweep-status``: the state of a study's runs, and with psweep-batch of its jobs.

It imports other modules only when it needs them, see `programs`.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ._siblings import load
from .messages import writable
from .programs import add_calc_dir, parser_of, run_command, wait
from .states import RunState

if TYPE_CHECKING:
    import argparse

__all__ = ["Report", "status"]

_IN_PROGRESS = 3  # exit statuses
_FAILED = 4
_WITHOUT_RESULTS = (RunState.STOPPED_EARLY, RunState.INCOMPLETE)
_WATCH_SECONDS = 10.0
_CLEAR = "\x1b[2J"
# What was there is written over, line by line, so nothing flickers.
_HOME, _END_OF_LINE, _REST = "\x1b[H", "\x1b[K", "\x1b[J"


class Report(NamedTuple):
    """One part of what is shown: of the runs, or of the jobs."""

    lines: list[str]
    data: list[dict[str, Any]]
    in_progress: bool
    failed: bool
    line: str  # all of it in one line


def status(argv: Sequence[str] | None = None) -> int:
    """Show the state of a study's runs and jobs (``psweep-status``).

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. None: those of the command line.

    Returns
    -------
    int
        Exit status: 3 while anything is in progress; otherwise 4 if anything failed and did not
        succeed in a later run, was lost, was cancelled or left no result, or if a run stopped
        early; otherwise 0. For errors 1.
    """
    parser = parser_of(
        "psweep-status",
        "Show the state of a study's local runs and batch jobs.",
        epilog="Exit status: 3 while anything is in progress; otherwise 4 if anything failed and "
        "did not succeed in a later run, was lost, was cancelled or left no result, or if a run "
        "stopped early; otherwise 0. For errors 1, or 2 if an argument is invalid.",
    )
    add_calc_dir(parser, option=True)
    parser.add_argument(
        "machine", nargs="?", metavar="MACHINE", help="only jobs of this machine (default: all)"
    )
    parser.add_argument(
        "-a",
        "--all",
        action="store_true",
        help="print one line per pset with a job, instead of one per reason",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print JSON, for other programs; NaN, infinity and None are null, and values that are "
        "neither numbers nor bools are text",
    )
    parser.add_argument(
        "--watch",
        nargs="?",
        type=float,
        const=_WATCH_SECONDS,
        metavar="SECONDS",
        help="repeat every SECONDS (default: 10) until nothing is in progress; also show the last, "
        "the slowest and the best psets",
    )
    parser.add_argument(
        "--result",
        metavar="NAME",
        help="with --watch, show the lowest and the highest value of this result (default: the "
        "first numeric one)",
    )
    words = list(sys.argv[1:] if argv is None else argv)
    for i, word in enumerate(words[:-1]):
        if word == "--watch" and not words[i + 1].replace(".", "", 1).isdigit():
            words[i] = f"--watch={_WATCH_SECONDS}"  # what follows is a machine
    args = parser.parse_args(words)
    return run_command(lambda: _show(args), "psweep-status")


def _show(args: argparse.Namespace) -> int:
    screen = _Screen() if args.watch is not None and sys.stdout.isatty() else None
    while True:
        reports = _reports(args)
        exit_status = (
            _IN_PROGRESS
            if any(report.in_progress for report in reports.values())
            else _FAILED
            if any(report.failed for report in reports.values())
            else 0
        )
        lines = [line for report in reports.values() for line in report.lines]
        lines = lines or ["nothing was run or prepared"]
        if args.json:
            found = {name: report.data for name, report in reports.items()}
            print(json.dumps({"exit_status": exit_status, **found}), flush=True)
        elif screen is not None:
            screen.show(lines, is_last=exit_status != _IN_PROGRESS)
        elif args.watch is None:
            print(writable("\n".join(lines), sys.stdout), flush=True)
        else:
            line = "; ".join(report.line for report in reports.values() if report.line)
            now = time.strftime("%Y-%m-%d %H:%M:%S")
            print(now, writable(line, sys.stdout) or "nothing was run", flush=True)
        if args.watch is None or exit_status != _IN_PROGRESS:
            return exit_status
        try:
            wait(max(args.watch, 0.1))
        except KeyboardInterrupt:
            return exit_status


class _Screen:
    """Lines that replace the ones before, in a terminal."""

    def __init__(self) -> None:
        self._is_dumb = os.environ.get("TERM") == "dumb"
        self._clear = _CLEAR

    def show(self, lines: list[str], *, is_last: bool) -> None:
        """Show lines, cut to the terminal while more are to come."""
        size = shutil.get_terminal_size()
        lines = [line for text in lines for line in writable(text, sys.stdout).split("\n")]
        if self._is_dumb:
            print("\n".join(lines), flush=True)
            return
        if not is_last:
            from .show.widths import shortened

            lines = [shortened(line, size.columns) for line in lines][: max(size.lines - 1, 1)]
        text = "".join(f"{line}{_END_OF_LINE}\n" for line in lines)
        print(f"{self._clear}{_HOME}{text}{_REST}", end="", flush=True)
        self._clear = ""


def _reports(args: argparse.Namespace) -> dict[str, Report]:
    reports = {}
    if args.machine is None:
        reports["runs"] = _run_report(args.calc_dir, args.result, args.watch is not None)
    has_jobs = any(_folder_of(args.calc_dir).glob("run_*.sh"))
    if args.machine is not None or (has_jobs and importlib.util.find_spec("psweep_batch")):
        load("psweep_batch", "psweep-status MACHINE")
        batch = importlib.import_module("psweep_batch.cli")
        reports["jobs"] = batch.job_report(args.calc_dir, args.machine, args.all)
    return reports


def _folder_of(calc_dir: str) -> Path:
    from .store.paths import split_database

    return Path(split_database(calc_dir)[0])


def _run_report(calc_dir: str, result: str | None, watches: bool) -> Report:
    from .run_status import for_json, in_words, run_states

    states = run_states(calc_dir, result)
    lines = []
    short = []
    for state in states:
        is_running = state["state"] == RunState.RUNNING
        lines += in_words(state, details=watches and (is_running or state is states[-1]))
        text, *rows = in_words(state, details=is_running)
        short.append("; ".join([text, *map(str.strip, rows)]))
    return Report(
        lines,
        [for_json(state) for state in states],
        any(state["state"] == RunState.RUNNING for state in states),
        any(
            state["failed"] > state["succeeded_later"] or state["state"] in _WITHOUT_RESULTS
            for state in states
        ),
        ", ".join(short),
    )
