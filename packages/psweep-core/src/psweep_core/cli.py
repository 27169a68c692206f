"""The console scripts: look at a study from the shell.

They import other modules only when they need them, see `programs`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .errors import PsweepError
from .messages import printable
from .programs import add_calc_dir, add_database, add_dry_run, parser_of, run_command, wait

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["checkdir", "db2json", "db2table", "migrate", "report", "rm"]

# As pandas' to_json; `store.json_forms` has them all.
_ORIENTS = ("columns", "index", "records", "split", "values")


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
    parser = parser_of("psweep-db2json", "Print a psweep database as JSON.")
    add_database(parser)
    parser.add_argument(
        "-o",
        "--orient",
        default="records",
        choices=_ORIENTS,
        help="the layout, as in pandas' to_json: records is a list of rows (default: %(default)s)",
    )
    parser.add_argument(
        "--indent",
        type=int,
        metavar="N",
        help="print each item on its own line, indented by N spaces",
    )
    args = parser.parse_args(argv)

    def show() -> int:
        from .store.database import df_to_json
        from .store.read import df_read

        text = df_to_json(df_read(args.database), orient=args.orient, indent=args.indent)
        print(printable(text.replace("\x7f", "\\u007f")))  # (JSON has escaped all others)
        return 0

    return run_command(show, "psweep-db2json")


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
    from tabulate import tabulate_formats

    parser = parser_of("psweep-db2table", "Print a psweep database as a table.")
    add_database(parser)
    parser.add_argument(
        "columns",
        nargs="*",
        metavar="COLUMN",
        help="print these columns (default: all whose names do not start with _; if rows failed, "
        "also _error, the reason)",
    )
    parser.add_argument(
        "-a", "--all", action="store_true", help="also print the bookkeeping columns"
    )
    parser.add_argument("-i", "--index", action="store_true", help="also print the index")
    parser.add_argument(
        "-r",
        "--rows",
        type=int,
        metavar="N",
        help="print at most N rows, half from the start and half from the end; 0 prints all "
        "(default: 20 if there are more than 60 in a terminal, or more than 10000 elsewhere; all "
        "in formats for documents and other programs, such as tsv)",
    )
    parser.add_argument(
        "-f",
        "--format",
        default="simple",
        choices=tabulate_formats,
        metavar="FORMAT",
        help=f"one of {', '.join(tabulate_formats)} (default: %(default)s)",
    )
    args = parser.parse_args(argv)
    if args.rows is not None and args.rows < 0:
        parser.error(f"--rows must be a number of rows, or 0 for all, not {args.rows}")

    def show() -> int:
        from .show.table_formats import formatted
        from .show.widths import encodable
        from .store.read import df_read

        df = df_read(args.database)
        names = _names(df, args.columns, args.all)
        rows = len(df) or 1 if args.rows == 0 else args.rows
        text = formatted(
            df,
            names,
            args.format,
            named=names if args.columns else (),
            max_rows=rows,
            index=args.index,
        )
        print(encodable(text))
        return 0

    return run_command(show, "psweep-db2table")


def _names(df: pd.DataFrame, names: Sequence[str], everything: bool) -> list[Any]:
    """Choose the columns of a table."""
    from .show.tables import ERROR, failed

    have = list(df.columns)
    if ERROR not in have and (failed(df).any() or ERROR in names):
        have.append(ERROR)
    if names:
        by_text = {str(name): name for name in have}
        for name in names:
            if name not in by_text:
                message = f"no column {name!r}; available: {', '.join(by_text)}"
                raise PsweepError(message)
        return [by_text[name] for name in names]
    if everything:
        return have
    return [
        name
        for name in have
        if not str(name).startswith("_") or (name == ERROR and ERROR not in df.columns)
    ]


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
    parser = parser_of(
        "psweep-checkdir",
        "List rows without a folder, folders without a row, journals of killed runs that have not "
        "been merged into the database, and rows whose hash does not match their parameters. If no "
        "row has a folder, the study keeps no files, and no folder is missing.",
    )
    add_calc_dir(parser, option=False)
    args = parser.parse_args(argv)

    def check() -> int:
        from .store.checkdir import compared

        df, found = compared(args.calc_dir)
        missing, stale = found["db_not_disk"], found["hash_not_pset"]
        n_rows = len(df)
        no_folders = len(missing) == n_rows
        inconsistent = False
        for title, names in (
            ("rows without folder", set() if no_folders else missing),
            ("folders without row", found["disk_not_db"]),
            ("unfinished journals", found["unfinished_journals"]),
            *([("rows whose hash does not fit their parameters", stale)] if stale else []),
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

    return run_command(check, "psweep-checkdir")


def rm(argv: Sequence[str] | None = None) -> int:
    """Remove rows of a study with their folders, or bring them back (``psweep-rm``).

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. None: those of the command line.

    Returns
    -------
    int
        Exit status: 0, or 1 if the query is invalid, the study was not found, or no row was removed
        or brought back.
    """
    parser = parser_of("psweep-rm", "Move rows of a study and their folders to CALC_DIR/removed.")
    parser.add_argument(
        "query",
        nargs="?",
        metavar="QUERY",
        help="which rows to remove, as in DataFrame.query: 'x > 3 and solver == \"cg\"'",
    )
    add_calc_dir(parser, option=True)
    parser.add_argument(
        "--undo", action="store_true", help="bring back the rows that were removed last"
    )
    add_dry_run(parser)
    args = parser.parse_args(argv)
    if args.undo == (args.query is not None):
        parser.error("give either a QUERY or --undo")

    def remove() -> int:
        from .show.widths import encodable
        from .store.remove import remove_rows, undo_removal
        from .store.study import Study

        study = Study.find(args.calc_dir)
        if args.undo:
            done = undo_removal(study, args.dry_run)
        else:
            done = remove_rows(study, args.query, args.dry_run)
        what = f"{_count(done.n_rows, 'row')} and {_count(done.n_folders, 'folder')}"
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
            print(f"{_count(done.n_kept, 'row')} kept, because the run has not ended")
        if done.n_same:
            be = "has" if done.n_same == 1 else "have"
            print(
                f"{_count(done.n_same, 'row')} {be} the pset and the _seed of another row, so the "
                "same random numbers: they are no further repeats"
            )
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
        Exit status: 0, or 1 if the study was not found, or a name after ``--none`` is invalid.
    """
    parser = parser_of(
        "psweep-migrate",
        "Convert a study of psweep 0.8 to 0.16 to this version, and explain the changes. The old "
        "file is kept next to the new one. This is optional: the next run also converts the study.",
    )
    add_calc_dir(parser, option=False)
    parser.add_argument("-n", "--dry-run", action="store_true", help="only explain the changes")
    parser.add_argument(
        "--none",
        nargs="+",
        default=[],
        metavar="NAME",
        help="parameters whose missing values were None; 0.15 and 0.16 did not store the "
        "difference",
    )
    args = parser.parse_args(argv)

    def convert() -> int:
        from .store.migrate import explain, migrate

        for line in explain(args.calc_dir, args.none):
            print(printable(line))
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
        Exit status: 0, or 1 if the study was not found.
    """
    parser = parser_of(
        "psweep-report",
        "Write a web page about a study: what matters, best psets, failures, plots, table, runs. "
        "The study may be running.",
    )
    add_database(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="the file to write (default: report.html in the folder of the study)",
    )
    parser.add_argument(
        "--max-psets",
        type=int,
        default=20_000,
        metavar="N",
        help="if there are more psets, single psets are shown only for a sample of at most N "
        "(default: %(default)s)",
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.add_argument(
        "--watch",
        type=float,
        metavar="SECONDS",
        help="while a run or a job is in progress, rewrite the page every SECONDS; the page "
        "reloads itself",
    )
    args = parser.parse_args(argv)
    if args.watch is not None and not args.watch > 0:
        parser.error(f"--watch {args.watch:g}: give a positive number of seconds")
    if args.max_psets < 1:
        parser.error(f"--max-psets {args.max_psets}: give a positive number")

    def write() -> int:
        from .html_report.data import write_page

        def page(reload: float | None) -> tuple[str, bool]:
            return write_page(args.database, args.output, args.max_psets, reload)

        path, in_progress = page(args.watch)
        try:
            print(printable(path), flush=True)
            if args.open:
                import webbrowser
                from pathlib import Path

                webbrowser.open(Path(path).absolute().as_uri())
            if args.watch is not None and not in_progress:
                text = "nothing is in progress, so the page will not be written again"
                print(f"psweep-report: {text}", file=sys.stderr)
            while args.watch is not None and in_progress:
                wait(args.watch)
                in_progress = page(args.watch)[1]
        except KeyboardInterrupt:
            page(None)  # which does not reload itself any more
        return 0

    return run_command(write, "psweep-report")


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
