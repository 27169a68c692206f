"""Child processes that func has forked, and that have left func as if they were the run."""

from __future__ import annotations

import contextlib
import os

__all__ = ["end_clone", "end_clone_since", "forks"]

forks = [0]  # how many, from the first process of the program to this one


def _count_fork() -> None:
    forks[0] += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


def end_clone_since(n_forks: int) -> None:
    """End this process if it was forked since there were that many forks."""
    if forks[0] != n_forks:
        end_clone()


def end_clone() -> None:
    """End a child process that func has forked and that has left func, as if it were this run.

    It would run all further psets a second time, into the same journal, or answer for a worker of
    an executor.
    """
    line = (
        f"psweep: func has forked, and the child process {os.getpid()} has left func, so it ends "
        "here and its result is not kept; end such a child in func, by os._exit(0)\n"
    )
    with contextlib.suppress(OSError):
        os.write(2, line.encode())  # (sys.stderr may hold what the parent has written)
    os._exit(1)
