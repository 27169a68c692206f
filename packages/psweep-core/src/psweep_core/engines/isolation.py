"""Keep psets apart that run in one process: their working folder, and values that can change.

What they print is kept apart in `capture`.
"""

from __future__ import annotations

import contextlib
import copy
import os
import sys
import threading
import time
from typing import Any

from ..errors import ParamsError
from ..params.naming import global_generators

__all__ = [
    "StudyFolder",
    "WorkingFolder",
    "copied",
    "reopen_standard_streams",
    "threads_share_output",
    "with_given_folders",
]

# How many runs a thread of this process is in: func may call run_local.
_busy_threads: dict[int, int] = {}


class StudyFolder(str):
    """``pset["_calc_dir"]``: an absolute path that is stored as the user wrote it.

    A relative path would lead elsewhere once func has changed the working folder. An absolute one
    in the database would be wrong once the study has been moved.
    """

    given: str

    def __new__(cls, path: str, given: str) -> StudyFolder:
        """Take the absolute path, and what the user wrote."""
        folder = super().__new__(cls, path)
        folder.given = given
        return folder

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        """Pickle, and copy, as what the user wrote."""
        return str, (self.given,)


def with_given_folders(value: Any) -> Any:
    """Replace each `StudyFolder` by what the user wrote, for formats that do not pickle it."""
    kind = type(value)
    if kind is StudyFolder:
        return value.given
    if kind is dict:
        return {name: with_given_folders(each) for name, each in value.items()}
    if kind in (list, tuple):
        return kind(map(with_given_folders, value))
    return value


def threads_share_output() -> str:
    """Explain why the output of threads is not captured."""
    return (
        "capture_logs cannot tell threads apart, because they share one output; use processes that "
        "run one pset at a time: poolsize, a process pool, or dask workers with one thread each, "
        "such as LocalCluster(processes=True, threads_per_worker=1)"
    )


class WorkingFolder:
    """The folder in which each pset of a run starts, and which the run leaves as it was.

    The threads of a process share one. So nothing is done while another thread runs psets, too: it
    would be moved. The last thread that ends restores the folder.

    Attributes
    ----------
    shortest_move : float
        Seconds. A call of func that took less has not changed the folder, so there is no need for
        a system call, which may take a tenth of the time that psweep needs for a pset.

    Parameters
    ----------
    captures : bool, default False
        Whether what the psets print is captured.
    of_executor : bool, default False
        An engine of the user's has called, perhaps in one of several threads.

    Raises
    ------
    ParamsError
        Another thread runs psets, and their output would be mixed.
    """

    def __init__(self, captures: bool = False, of_executor: bool = False) -> None:
        self._thread = threading.get_ident()
        self._captures = captures
        self._of_executor = of_executor
        with _lock:
            others = [each for each in _open if each._thread != self._thread]
            self._check_output(others)
            # In a thread: another one may have moved since the first run began.
            self._fd, self._path = _copy_of(others[0]) if others else _here()
            _open.append(self)
            _busy_threads[self._thread] = _busy_threads.get(self._thread, 0) + 1
        self.shortest_move = 0.5 * min(self._time_of_move() for _ in range(5))

    def _check_output(self, others: list[WorkingFolder]) -> None:
        if not any(each._captures for each in (self, *others)):
            return
        if any(self._of_executor or each._of_executor for each in others):
            raise ParamsError(threads_share_output())
        if any(each._captures != self._captures for each in others):
            message = (
                "another thread of this program runs psets, and only one of the two runs has "
                "capture_logs, so it would collect the output of both; use capture_logs in both, "
                "or run one after the other"
            )
            raise ParamsError(message)

    def _time_of_move(self) -> float:
        start = time.perf_counter()
        self.return_to()
        return time.perf_counter() - start

    def return_to(self) -> None:
        """Return to the folder, unless other threads run psets."""
        if len(_busy_threads) == 1:
            self._restore()

    def _restore(self) -> None:
        if self._fd is not None:
            try:
                os.fchdir(self._fd)
            except OSError:  # func has closed all files, perhaps
                pass
            else:
                return
        # If the folder was removed, the run continues.
        with contextlib.suppress(OSError):
            if self._path is not None and _name_of_here() != self._path:
                os.chdir(self._path)

    def close(self) -> None:
        """Leave the working folder as it was."""
        with _lock:
            if self not in _open:  # in a process that func has forked
                return
            _open.remove(self)
            _busy_threads[self._thread] -= 1
            if not _busy_threads[self._thread]:
                del _busy_threads[self._thread]
            if not any(each._thread != self._thread for each in _open):
                self._restore()
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)

    def __enter__(self) -> WorkingFolder:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


_lock = threading.Lock()
_open: list[WorkingFolder] = []


def _here() -> tuple[int | None, str | None]:
    """Open the working folder and name it, as far as that is possible."""
    fd = None
    if hasattr(os, "fchdir"):
        with contextlib.suppress(OSError):
            # O_PATH also opens a folder that this user may enter, but not list.
            fd = os.open(".", getattr(os, "O_PATH", os.O_RDONLY))
    return fd, _name_of_here()


def _name_of_here() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _copy_of(other: WorkingFolder) -> tuple[int | None, str | None]:
    fd = None
    if other._fd is not None:
        with contextlib.suppress(OSError):
            fd = os.dup(other._fd)
    return fd, other._path


def _forget_other_threads() -> None:
    """Begin again in a process that was forked: it has none of the other threads."""
    global _lock
    _lock = threading.Lock()
    _open.clear()
    _busy_threads.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


def reopen_standard_streams() -> None:
    """Open the descriptors 0 to 2 of a worker again if func has closed them; nothing is there then.

    Otherwise the next pset could neither close nor write to them, and the next file that is opened
    would take the place of one of them: what is printed would go to a file with results.
    """
    if sys.platform == "win32":
        return
    for fd in (0, 1, 2):  # in this order, because the lowest free one is taken
        try:
            os.get_blocking(fd)  # the quickest of all that fail
        except OSError:
            with contextlib.suppress(OSError):
                opened = os.open(os.devnull, os.O_RDONLY if fd == 0 else os.O_WRONLY)
                if opened == fd:
                    os.set_inheritable(fd, True)
                else:  # a thread has just opened something
                    os.close(opened)


def copied(values: dict[Any, Any]) -> dict[Any, Any]:
    """Copy a dict and all in it that can be changed; what cannot be copied stays as it is."""
    return {name: _copied(value) for name, value in values.items()}


def _copied(value: Any) -> Any:
    kept = {id(generator): generator for generator, _ in global_generators()}
    try:
        return copy.deepcopy(value, kept)
    except KeyboardInterrupt:
        raise
    except BaseException:
        # It contains something like a lock. What is next to that can still be copied.
        kind = type(value)
        with contextlib.suppress(Exception):
            if kind is dict:
                return copied(value)
            if kind in (list, tuple):
                return kind(map(_copied, value))
        return value
