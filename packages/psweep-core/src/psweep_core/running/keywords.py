"""Explain keywords that a function does not have, and shorten the tracebacks of its errors."""

# ruff: noqa: TRY201 (a bare `raise` would show the long traceback again, on Python 3.10)

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..errors import UnknownKeywordError
from ..old_words import translated
from ..show.tracebacks import remove_our_frames

__all__ = ["explain_mistakes"]

P = ParamSpec("P")
T = TypeVar("T")


def explain_mistakes(function: Callable[P, T]) -> Callable[P, T]:
    """Explain unknown keywords, and show exceptions without the frames of psweep.

    One frame of psweep is left in the traceback: that of the function returned here, because
    Python adds it. pytest and IPython hide that one, too.
    """
    known = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checked(*args: P.args, **kwds: P.kwargs) -> T:
        __tracebackhide__ = True
        try:
            words = translated(function.__name__, kwds)
            for name in words:
                if name not in known:
                    raise UnknownKeywordError(_unknown_keyword(function.__name__, name, known))
            return function(*args, **words)
        except BaseException as error:
            if not remove_our_frames(error):
                raise
            raise error  # PSWEEP_FULL_TRACEBACK=1 shows the frames of psweep, too

    return checked


# How other libraries call what psweep has, too
_ELSEWHERE = {
    "poolsize": ("n_jobs", "n_workers", "num_workers", "max_workers", "workers", "parallel",
                 "processes", "nproc", "ncpus"),
    "repeats": ("n_trials", "n_runs", "reps", "replicates"),
    "seed": ("random_state", "random_seed", "rng"),
    "skip_dups": ("resume", "cache", "skip_existing"),
    "calc_dir": ("output_dir", "outdir", "out_dir", "folder", "directory", "path"),
    "on_error": ("catch", "error_score", "raise_exc"),
    "progress": ("verbosity", "show_progress", "progress_bar"),
}  # fmt: skip


def _unknown_keyword(function: str, name: str, known: list[str]) -> str:
    from difflib import get_close_matches  # here, because `import psweep` should be quick

    close = [ours for ours, theirs in _ELSEWHERE.items() if name in theirs and ours in known]
    close += get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"valid keywords are {', '.join(known)}"
    return f"{function} got an unknown keyword {name!r}; {hint}"
