"""``psweep-status``: the state of a study's runs, and with psweep-batch of its jobs."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from . import _siblings
from ._version import __version__
from .cli import run_command
from .errors import DatabaseError
from .messages import printable
from .store.journal_reader import is_over, read_header
from .store.layout import PathLike
from .store.spool import spools_of
from .store.study import Study
from .table.rows import RUNTIME

__all__ = ["Report", "run_states", "status"]

_IN_PROGRESS = 3  # exit statuses
_FAILED = 4
_WATCH_SECONDS = 10.0
_CLEAR = "\x1b[H\x1b[2J"
_SHORT = 100  # characters of a cause


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
        Exit status: 3 while anything is in progress, else 4 if anything failed, was lost or
        cancelled or left no result, else 0; 1 for errors.
    """
    parser = argparse.ArgumentParser(
        prog="psweep-status",
        description="Show the state of a study's local runs and batch jobs.",
        epilog="Exit status: 3 while anything is in progress, else 4 if anything failed, was lost "
        "or cancelled or left no result, else 0; 1 for errors.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "-c", "--calc-dir", default="calc", metavar="CALC_DIR", help="the study (default: calc)"
    )
    parser.add_argument(
        "machine", nargs="?", metavar="MACHINE", help="only jobs of this machine (default: all)"
    )
    parser.add_argument("-a", "--all", action="store_true", help="one line per pset with a job")
    parser.add_argument("--json", action="store_true", help="print JSON, for other programs")
    parser.add_argument(
        "--watch",
        nargs="?",
        type=float,
        const=_WATCH_SECONDS,
        metavar="SECONDS",
        help="repeat this (default: every 10 s) until nothing is in progress",
    )
    words = list(sys.argv[1:] if argv is None else argv)
    for i, word in enumerate(words[:-1]):
        if word == "--watch" and not words[i + 1].replace(".", "", 1).isdigit():
            words[i] = f"--watch={_WATCH_SECONDS}"  # what follows is a machine
    args = parser.parse_args(words)
    return run_command(lambda: _show(args), "psweep-status")


def _show(args: argparse.Namespace) -> int:
    while True:
        reports = _reports(args)
        exit_status = (
            _IN_PROGRESS
            if any(report.in_progress for report in reports.values())
            else _FAILED
            if any(report.failed for report in reports.values())
            else 0
        )
        if args.json:
            found = {name: report.data for name, report in reports.items()}
            print(json.dumps({"exit_status": exit_status, **found}), flush=True)
        elif args.watch is None or sys.stdout.isatty():
            lines = [line for report in reports.values() for line in report.lines]
            clear = _CLEAR if args.watch is not None else ""
            text = printable("\n".join(lines or ["nothing was run or prepared"]))
            print(clear + text, flush=True)
        else:
            line = "; ".join(report.line for report in reports.values() if report.line)
            now = time.strftime("%Y-%m-%d %H:%M:%S")
            print(now, printable(line) or "nothing was run", flush=True)
        if args.watch is None or exit_status != _IN_PROGRESS:
            return exit_status
        try:
            time.sleep(max(args.watch, 0.1))
        except KeyboardInterrupt:
            return exit_status


def _reports(args: argparse.Namespace) -> dict[str, Report]:
    reports = {}
    if args.machine is None:
        reports["runs"] = _run_report(args.calc_dir)
    has_jobs = any(Path(args.calc_dir).glob("run_*.sh"))
    if args.machine is not None or (has_jobs and importlib.util.find_spec("psweep_batch")):
        _siblings.load("psweep_batch", "psweep-status MACHINE")
        batch = importlib.import_module("psweep_batch.cli")
        reports["jobs"] = batch.job_report(args.calc_dir, args.machine, args.all)
    return reports


def run_states(calc_dir: PathLike = "calc") -> list[dict[str, Any]]:
    """Describe the runs of `run_local` in a study.

    Parameters
    ----------
    calc_dir : str or path, default "calc"

    Returns
    -------
    list of dict
        One per run: ``run_seq``, ``run_id``, ``state`` ("running", "stopped early" or "ended"),
        ``n`` (psets to run), ``done`` (good rows), ``failed``, ``causes`` (of failures, and how
        many of each), ``rate`` (psets per second) and ``seconds_left`` of a running one, ``last``
        and ``slowest`` (``_pset_seq``, and seconds).
    """
    study = Study.find(calc_dir)
    headers = {}
    live = set()
    for path in study.layout.journals():
        try:
            header = read_header(path)
        except (OSError, DatabaseError):
            continue  # it was folded a moment ago, or is one that `Study.known` warns of
        headers[header.run_id] = header
        if not is_over(path):
            live.add(header.run_id)
    df = study.known()
    found = {}
    if len(df):
        # Rows of prep_batch are psets with jobs.
        prepared = df[RUNTIME].isna()
        if "_failed" in df.columns:
            prepared &= ~df["_failed"].astype(bool)
        has_folder = df["_pset_id"].map(_has_jobscript(study.layout.calc_dir))
        of_tasks = df["_run_id"].isin([spool.run_id for spool in spools_of(study.layout)])
        for run_id, part in df[~(prepared | has_folder | of_tasks)].groupby("_run_id", sort=False):
            found[run_id] = _run_state(part, headers.get(str(run_id)), run_id in live)
    for run_id in headers.keys() - found.keys():
        header = headers[run_id]
        if header.n_psets and not any(df["_run_id"] == run_id if len(df) else ()):
            found[run_id] = _run_state(df.iloc[:0], header, run_id in live)
    return sorted(found.values(), key=lambda state: state["run_seq"])


def _has_jobscript(calc_dir: Path) -> Any:
    if not any(calc_dir.glob("run_*.sh")):
        return lambda _: False

    def has_jobscript(pset_id: str) -> bool:
        try:
            return any(name.startswith("jobscript_") for name in os.listdir(calc_dir / pset_id))
        except OSError:
            return False

    return has_jobscript


def _run_state(df: pd.DataFrame, header: Any, is_live: bool) -> dict[str, Any]:
    bad = df["_failed"].astype(bool) if "_failed" in df.columns else pd.Series(False, df.index)
    texts = df.loc[bad, "_exc_txt"].tolist() if len(df) and "_exc_txt" in df.columns else []
    state: dict[str, Any] = {
        "run_seq": header.run_seq if header else int(df["_run_seq"].iloc[0]),
        "run_id": header.run_id if header else str(df["_run_id"].iloc[0]),
        "state": "running" if is_live else "stopped early" if header else "ended",
        "n": header.n_psets if header else len(df),
        "done": len(df) - int(bad.sum()),
        "failed": int(bad.sum()),
        "causes": dict(Counter(map(_cause, texts)).most_common()),
        "rate": None,
        "seconds_left": None,
        "last": None,
        "slowest": None,
    }
    if header and len(df) >= header.n_psets and not is_live:
        state["state"] = "ended"
    if len(df):
        seqs = df["_pset_seq"].tolist()
        times = df["_time_utc"].tolist()
        runtimes = df[RUNTIME].astype("f8").fillna(0.0).tolist()
        for name, values in (("last", times), ("slowest", runtimes)):
            i = values.index(max(values))
            state[name] = {"_pset_seq": int(seqs[i]), "seconds": float(runtimes[i])}
    if is_live and len(df):
        begin = pd.Timestamp(df["_time_utc"].min())
        now = pd.Timestamp.now(begin.tz)
        if begin.tz is None:
            now = pd.Timestamp.now("UTC").tz_localize(None)
        seconds = max((now - begin).total_seconds(), 1e-3)
        state["rate"] = len(df) / seconds
        state["seconds_left"] = (state["n"] - len(df)) / state["rate"]
    return state


def _cause(text: Any) -> str:
    """Name a failure by the last line of its traceback."""
    lines = str(text).strip().splitlines() or ["unknown"]
    return lines[-1].strip()[:_SHORT]


def _run_report(calc_dir: str) -> Report:
    states = run_states(calc_dir)
    lines = []
    short = []
    for state in states:
        done = state["done"] + state["failed"]
        text = f"run {state['run_seq']}: {state['state']}, {done} of {state['n']} psets"
        short.append(f"{text}, {state['failed']} failed" if state["failed"] else text)
        if state["rate"]:
            rate, left = state["rate"], _duration(state["seconds_left"])
            text += f", {rate:.3g} per second, about {left} left"
        if state["failed"]:
            causes = ", ".join(f"{n} x {cause}" for cause, n in state["causes"].items())
            text += f"; {state['failed']} failed: {causes}"
        if state["slowest"] and state["state"] != "ended":
            text += "".join(
                f"; {name}: pset {state[name]['_pset_seq']} ({state[name]['seconds']:.3g} s)"
                for name in ("last", "slowest")
            )
        lines.append(text)
    return Report(
        lines,
        states,
        any(state["state"] == "running" for state in states),
        any(state["failed"] or state["state"] == "stopped early" for state in states),
        ", ".join(short),
    )


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
