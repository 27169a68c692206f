"""The console scripts: look at a study from the shell."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from . import __version__
from .errors import PsweepError
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
from .store.read import df_read

__all__ = ["checkdir", "db2json", "db2table", "report", "run_command"]


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
        "--indent", type=int, metavar="N", help="put each item on a line of its own"
    )
    args = parser.parse_args(argv)
    return run_command(lambda: _print(df_to_json(df_read(args.database), indent=args.indent)))


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
        "List rows without a folder, folders without a row, and unfinished journals. "
        "A study in which no row has a folder keeps no files, so nothing is missing.",
    )
    args = parser.parse_args(argv)

    def check() -> int:
        found = check_calc_dir(args.database)
        n_rows = len(df_read(args.database))
        missing = found["db_not_disk"]
        no_folders = len(missing) == n_rows
        inconsistent = False
        for title, names in (
            ("rows without folder", set() if no_folders else missing),
            ("folders without row", found["disk_not_db"]),
            ("unfinished journals", found["unfinished_journals"]),
        ):
            print(f"{title}: {len(names)}")
            for name in sorted(names):
                print(f"    {name}")
            inconsistent = inconsistent or bool(names)
        if no_folders and n_rows:
            print(f"none of the {n_rows} rows has a folder")
        return int(inconsistent)

    return run_command(check)


def report(argv: Sequence[str] | None = None) -> int:
    """Write a web page about a study (``psweep-report``).

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. None: those of the command line.

    Returns
    -------
    int
        Exit status: 0, or 1 if there is no such study, or plotly is not installed.
    """
    parser = _parser(
        "psweep-report",
        "Write a web page about a study: runs, parameters, plots, table, failures. "
        "The study may be under way. Needs plotly: pip install 'psweep-core[report]'.",
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
    args = parser.parse_args(argv)

    def write() -> int:
        from .html_report.data import report

        path = report(args.database, args.output, max_psets=args.max_psets)
        print(path)
        if args.open:
            import webbrowser

            webbrowser.open(Path(path).absolute().as_uri())
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


def _print(text: str) -> int:
    print(text)
    return 0


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
        print(f"{prog}: {error}", file=sys.stderr)
        return 1
    return status
