"""The console scripts: look at a study from the shell."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from . import __version__
from .errors import PsweepError
from .messages import printable
from .show.terminal import (
    ERROR,
    chosen,
    encodable,
    errors_of,
    fitted_cells,
    left_out,
    showable,
    terminal_width,
    text_width,
)
from .store.checkdir import check_calc_dir
from .store.database import df_to_json
from .store.json_forms import ORIENTS
from .store.read import df_read
from .store.study import Study

__all__ = ["checkdir", "db2json", "db2table", "migrate", "report", "rm", "run_command"]


def db2json(argv: Sequence[str] | None = None) -> int:
    """Print a database as JSON (``psweep-db2json``).

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. None: those of the command line.

    Returns
    -------
    int
        Exit status: 0, or 1 if the database cannot be read.
    """
    parser = _parser("psweep-db2json", "Print a psweep database as JSON.")
    parser.add_argument(
        "-o",
        "--orient",
        default="records",
        choices=ORIENTS,
        help="the form, as in pandas' to_json: records is a list of rows (default: %(default)s)",
    )
    parser.add_argument(
        "--indent", type=int, metavar="N", help="put each item on a line of its own"
    )
    args = parser.parse_args(argv)

    def show() -> int:
        text = df_to_json(df_read(args.database), orient=args.orient, indent=args.indent)
        print(printable(text.replace("\x7f", "\\u007f")))  # (JSON has escaped all others)
        return 0

    return run_command(show)


def db2table(argv: Sequence[str] | None = None) -> int:
    """Print a database as a table (``psweep-db2table``).

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. None: those of the command line.

    Returns
    -------
    int
        Exit status: 0, or 1 if the database cannot be read or has no such column.
    """
    from tabulate import tabulate, tabulate_formats

    parser = _parser("psweep-db2table", "Print a psweep database as a table.")
    parser.add_argument(
        "columns",
        nargs="*",
        metavar="COLUMN",
        help="columns to print (default: all whose names do not start with _, and _error if rows "
        "failed, which is the last line of _exc_txt)",
    )
    parser.add_argument("-a", "--all", action="store_true", help="print the bookkeeping, too")
    parser.add_argument("-i", "--index", action="store_true", help="print the index, too")
    parser.add_argument(
        "-f",
        "--format",
        default="simple",
        choices=tabulate_formats,
        metavar="FORMAT",
        help=f"one of {', '.join(tabulate_formats)} (default: %(default)s)",
    )
    args = parser.parse_args(argv)

    def show() -> int:
        df = df_read(args.database)
        errors = errors_of(df, good=None)
        if ERROR not in df.columns and (errors is not None or ERROR in args.columns):
            df = df.assign(**{ERROR: errors})
        shown = _chosen(df, args.columns, args.all, failures=errors is not None)
        shown = showable(shown)
        rows = shown.astype(object).where(shown.notna(), None).to_numpy().tolist()
        names = [str(name) for name in shown.columns]
        index = shown.index.tolist() if args.index else []

        def table(rows: list[list[Any]], names: list[str]) -> str:
            return tabulate(
                rows,
                headers=names,
                showindex=index if args.index else False,
                tablefmt=args.format,
                missingval="-",
            )

        text = table(rows, names)
        room = terminal_width()
        if room and rows and text_width(text) > room and _is_for_the_eye(args.format):
            is_framed = args.format not in ("plain", "simple")
            gap, edges = (3, 4) if is_framed else (2, 0)
            taken = max(2, *map(len, map(str, index))) + gap if index else 0
            kept, rows, heads = fitted_cells(
                rows, names, room - taken - edges, gap, keep_all=bool(args.columns)
            )
            text = table(rows, heads)
            if len(kept) < len(names):
                others = [name for i, name in enumerate(names) if i not in kept]
                hint = "name the columns to print, or see all of them by `| less -S`"
                text += f"\n\n{left_out(others, room, hint)}"
        print(encodable(text))
        return 0

    return run_command(show)


def _is_for_the_eye(style: str) -> bool:
    """Return whether a table format is for reading, not for pasting."""
    return style in ("plain", "simple", "pretty", "presto", "psql") or style.endswith(
        ("grid", "outline")
    )


def checkdir(argv: Sequence[str] | None = None) -> int:
    """Compare a study's database with its folders (``psweep-checkdir``).

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. None: those of the command line.

    Returns
    -------
    int
        Exit status: 1 if anything is inconsistent or unreadable, else 0.
    """
    parser = _parser(
        "psweep-checkdir",
        "List rows without a folder, folders without a row, unfinished journals, and rows whose "
        "hash is not that of their parameters. "
        "A study in which no row has a folder keeps no files, so nothing is missing.",
    )
    args = parser.parse_args(argv)

    def check() -> int:
        df = df_read(args.database)
        found = check_calc_dir(args.database)
        missing, stale = found["db_not_disk"], found["hash_not_pset"]
        n_rows = len(df)
        no_folders = missing >= set(df["_pset_id"] if n_rows else ())
        inconsistent = False
        for title, names in (
            ("rows without folder", set() if no_folders else missing),
            ("folders without row", found["disk_not_db"]),
            ("unfinished journals", found["unfinished_journals"]),
            *([("rows with the hash of another pset", stale)] if stale else []),
        ):
            print(f"{title}: {len(names)}")
            for name in sorted(names):
                print(f"    {printable(name)}")
            inconsistent = inconsistent or bool(names)
        if stale:
            print("    psweep.df_update_pset_hash updates them, see psweep.edit")
        if no_folders and n_rows:
            print(f"none of the {n_rows} rows has a folder")
        return int(inconsistent)

    return run_command(check)


def rm(argv: Sequence[str] | None = None) -> int:
    """Remove rows of a study with their folders, or bring them back (``psweep-rm``).

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. None: those of the command line.

    Returns
    -------
    int
        Exit status: 0, or 1 if the query or the study makes no sense, or nothing was found.
    """
    parser = argparse.ArgumentParser(
        prog="psweep-rm",
        description="Move rows of a study and their folders to CALC_DIR/removed.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "query",
        nargs="?",
        metavar="QUERY",
        help="which rows, as in DataFrame.query: 'x > 3 and solver == \"cg\"'",
    )
    parser.add_argument(
        "-c", "--calc-dir", default="calc", metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument("--undo", action="store_true", help="bring back what was removed last")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what it would do")
    args = parser.parse_args(argv)
    if args.undo == (args.query is not None):
        parser.error("give either a QUERY or --undo")

    def remove() -> int:
        from .store.remove import remove_rows, undo_removal

        study = Study.find(args.calc_dir)
        if args.undo:
            done = undo_removal(study, args.dry_run)
        else:
            done = remove_rows(study, args.query, args.dry_run)
        what = f"{done.n_rows} rows and {done.n_folders} folders"
        if args.undo and done.folder is None:
            what = "nothing was removed, so there is nothing to bring back"
        elif args.dry_run:
            what = f"would {'bring back' if args.undo else 'remove'} {what}"
        elif args.undo:
            what = f"brought back {what}"
        elif done.n_rows:
            what = f"moved {what} to {done.folder}; psweep-rm --undo brings them back"
        else:
            what = "no row was removed"
        print(encodable(what))
        if done.n_kept:
            print(f"{done.n_kept} rows were kept, because their run has not ended")
        return int(not done.n_rows)

    return run_command(remove, "psweep-rm")


def migrate(argv: Sequence[str] | None = None) -> int:
    """Convert the study of an old psweep (``psweep-migrate``).

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. None: those of the command line.

    Returns
    -------
    int
        Exit status: 0, or 1 if there is no such study, or a name after ``--none`` makes no sense.
    """
    parser = argparse.ArgumentParser(
        prog="psweep-migrate",
        description="Convert the study of psweep 0.8 to 0.16 to this version, and explain what is "
        "converted. The old file is kept next to the new one. This is optional: the next run "
        "converts the study, too.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "calc_dir", nargs="?", default="calc", metavar="CALC_DIR", help="the study (default: calc)"
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="only explain")
    parser.add_argument(
        "--none",
        nargs="+",
        default=[],
        metavar="NAME",
        help="parameters whose missing values were None (of 0.15 and 0.16, which do not tell)",
    )
    args = parser.parse_args(argv)

    def convert() -> int:
        from .store.migrate import explain, migrate

        for line in explain(args.calc_dir, args.none):
            print(line)
        if not args.dry_run:
            migrate(args.calc_dir, args.none)
        return 0

    return run_command(convert, "psweep-migrate")


def report(argv: Sequence[str] | None = None) -> int:
    """Write a web page about a study (``psweep-report``).

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. None: those of the command line.

    Returns
    -------
    int
        Exit status: 0, or 1 if there is no such study.
    """
    parser = _parser(
        "psweep-report",
        "Write a web page about a study: what matters, best psets, failures, plots, table, runs. "
        "The study may be running.",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="the page (default: report.html in the folder of the study)",
    )
    parser.add_argument(
        "--max-psets",
        type=int,
        default=20_000,
        metavar="N",
        help="show a sample if there are more (default: %(default)s)",
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.add_argument(
        "--watch",
        type=float,
        metavar="SECONDS",
        help="while a run or a job is in progress, write the page again after this time; the page "
        "reloads itself",
    )
    args = parser.parse_args(argv)
    if args.watch is not None and not args.watch > 0:
        parser.error(f"--watch {args.watch:g}: give a positive number of seconds")

    def write() -> int:
        from .html_report.data import write_page

        def page(reload: float | None) -> tuple[str, bool]:
            return write_page(args.database, args.output, args.max_psets, reload)

        path, in_progress = page(args.watch)
        try:
            print(path, flush=True)
            if args.open:
                import webbrowser

                webbrowser.open(Path(path).absolute().as_uri())
            while args.watch is not None and in_progress:
                time.sleep(args.watch)
                in_progress = page(args.watch)[1]
        except KeyboardInterrupt:
            page(None)  # which does not reload itself any more
        return 0

    return run_command(write)


def _parser(prog: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    if prog == "psweep-checkdir":
        parser.add_argument(
            "database", nargs="?", default="calc", metavar="CALC_DIR", help="default: calc"
        )
    else:
        parser.add_argument(
            "database",
            nargs="?",
            default="calc",
            metavar="DATABASE",
            help="a database file, or the folder of a study (default: calc)",
        )
    return parser


def _chosen(
    df: pd.DataFrame, names: Sequence[str], everything: bool, failures: bool
) -> pd.DataFrame:
    by_text = {str(name): name for name in df.columns}
    for name in names:
        if name not in by_text:
            message = f"there is no column {name!r}; there are {', '.join(by_text)}"
            raise PsweepError(message)
    if names:
        return chosen(df, [by_text[name] for name in names])
    if everything:
        return df
    shown = [name for name in df.columns if not str(name).startswith("_")]
    return chosen(df, [*shown, *([ERROR] if failures else [])])


def run_command(action: Any, prog: str = "psweep") -> int:
    """Call what a console script does; errors become a line and the exit status 1.

    Parameters
    ----------
    action : callable
        Returns an exit status, or None for 0.
    prog : str, default "psweep"
        Its name, for errors.
    """
    try:
        status = int(action() or 0)
        sys.stdout.flush()
    except BrokenPipeError:
        # `| head` has seen enough; the interpreter should not complain at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (PsweepError, OSError) as error:
        print(printable(f"{prog}: {error}"), file=sys.stderr)
        return 1
    return status
