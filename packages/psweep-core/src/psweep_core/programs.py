"""What the console scripts have in common: their arguments, and what becomes of errors.

Only quick modules are imported here, and by the modules of the programs: ``--help``, ``--version``
and a mistake in the arguments should not wait for pandas.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

from ._version import __version__
from .errors import PsweepError
from .messages import printable

__all__ = ["add_calc_dir", "add_database", "add_dry_run", "parser_of", "run_command", "wait"]


def parser_of(prog: str, description: str, **options: Any) -> argparse.ArgumentParser:
    """Return the parser of a program, with ``--help`` and ``--version``.

    Parameters
    ----------
    prog : str
        The name of the program.
    description : str
        What it does.
    **options
        For `argparse.ArgumentParser`.
    """
    parser = argparse.ArgumentParser(prog=prog, description=description, **options)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def add_database(parser: argparse.ArgumentParser) -> None:
    """Add the argument DATABASE: a file or a study."""
    parser.add_argument(
        "database",
        nargs="?",
        default="calc",
        metavar="DATABASE",
        help="a database file or the folder of a study (default: calc)",
    )


def add_calc_dir(parser: argparse.ArgumentParser, *, option: bool, takes_file: bool = True) -> None:
    """Add the folder of a study, or a database in it, as ``-c`` or as an argument."""
    text = f"the folder of the study{', or a database in it' * takes_file} (default: calc)"
    if option:
        parser.add_argument("-c", "--calc-dir", default="calc", metavar="CALC_DIR", help=text)
    else:
        parser.add_argument("calc_dir", nargs="?", default="calc", metavar="CALC_DIR", help=text)


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--dry-run``."""
    parser.add_argument("-n", "--dry-run", action="store_true", help="only show what it would do")


def run_command(action: Callable[[], int | None], prog: str) -> int:
    """Call what a console script does; errors become a line and the exit status 1.

    Parameters
    ----------
    action : callable
        Returns an exit status, or None for 0.
    prog : str
        Its name, for errors and warnings.
    """
    of_python = warnings.formatwarning
    # without the file and the line of psweep
    warnings.formatwarning = lambda message, *_args, **_kwds: printable(f"{prog}: {message}") + "\n"
    try:
        status = int(action() or 0)
        if sys.stdout is not None:  # as after `>&-`
            sys.stdout.flush()
    except BrokenPipeError:
        # `| head` has seen enough; the interpreter should not complain at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (PsweepError, OSError) as error:
        print(printable(f"{prog}: {error}"), file=sys.stderr)
        return 1
    finally:
        warnings.formatwarning = of_python
    return status


def wait(seconds: float) -> None:
    """Sleep, but look for Ctrl-C every second.

    It does not end a sleep that begins just after it, nor one of the main thread if the system
    gives the signal to another thread.
    """
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 1.0))
