"""How worker processes start: they are forked only while the program has no other threads.

A fork copies the memory, but only the thread that calls it. A lock that another thread holds at
that moment (of logging, print, an OpenMP pool) is held in the child forever.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import re
import sys
import threading
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any

from ..errors import ParamsError

__all__ = [
    "check_may_start_workers",
    "native_threads",
    "new_process",
    "other_threads",
    "usual_method",
    "worker_method",
]

# Of threads that psweep itself starts. They hold no lock that a forked worker needs.
_OWN = "psweep-"


def usual_method() -> str:
    """Return the start method of multiprocessing, and do not settle it, as asking there would."""
    chosen = multiprocessing.get_start_method(allow_none=True)
    return chosen or multiprocessing.get_all_start_methods()[0]


def worker_method() -> str:
    """Return how the next worker starts."""
    method = usual_method()
    # Not by a fork server: it would keep the environment variables of its own start, and takes as
    # long.
    return "spawn" if method == "fork" and other_threads() else method


def other_threads() -> list[str]:
    """Return the names of the other threads that run Python code, but for idle ones."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    found = []
    # with those that _thread or a library has started, which threading does not know
    for ident, frame in sys._current_frames().items():
        name = names.get(ident, f"thread {ident}")
        if ident != threading.get_ident() and not name.startswith(_OWN) and not _is_idle(frame):
            found.append(name)
    return sorted(found)


def _is_idle(frame: FrameType) -> bool:
    """Return whether a thread only waits for work and holds no lock.

    A ThreadPoolExecutor has such threads (dask leaves some behind), and so has pytest-xdist.
    """
    name = frame.f_globals.get("__name__")
    if name == "concurrent.futures.thread" and frame.f_code.co_name == "_worker":
        return True
    while frame.f_back is not None:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__")).startswith("execnet.")


def native_threads() -> bool:
    """Return whether a library has threads of its own that do not survive a fork.

    To be called right after a fork: many libraries, such as OpenBLAS, end their threads before it.
    """
    try:
        mine = Path("/proc/self/comm").read_text()
        known = {str(thread.native_id) for thread in threading.enumerate()} | {str(os.getpid())}
        found = [tid for tid in os.listdir("/proc/self/task") if tid not in known]
        names = {Path("/proc/self/task", tid, "comm").read_text() for tid in found}
        names.discard("jemalloc_bg_thd\n")  # pyarrow's, prepared for forks
        if not names:
            return False
        # Threads that a library did not name are pyarrow's, which start again in a child; or those
        # of GNU OpenMP, without which a child waits forever.
        return names != {mine} or "libgomp" in Path("/proc/self/maps").read_text()
    except OSError:  # not Linux, or one of them has just ended
        return False


def check_may_start_workers(poolsize: int) -> None:
    """Refuse a process that may not have children.

    Raises
    ------
    ParamsError
        It is daemonic.
    """
    process = multiprocessing.current_process()
    if process.daemon:
        message = (
            f"poolsize={poolsize} starts worker processes, which {process.name!r} may not do "
            "because it is a daemonic process, such as a worker of multiprocessing.Pool or dask. "
            "Leave out poolsize there, pass executor=ThreadPoolExecutor(), or run this in a "
            "process that is not daemonic (daemon=False, a ProcessPoolExecutor, or for dask "
            'dask.config.set({"distributed.worker.daemon": False}))'
        )
        raise ParamsError(message)


def new_process(method: str, name: str, target: Any, args: tuple[Any, ...]) -> BaseProcess:
    """Make a process that is not started yet."""
    relies_on_fork = usual_method() == "fork" and method == "spawn" and _main_has_no_guard()
    if relies_on_fork or _main_has_no_file():
        _let_processes_leave_main_out()
        name = _WithoutMain(name)
    context: Any = multiprocessing.get_context(method)
    process: BaseProcess = context.Process(target=target, args=args, name=name)
    return process


def _main_has_no_file() -> bool:
    """Return whether a script was read from the standard input, or has been removed."""
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    return file is not None and main.__spec__ is None and not os.path.exists(file)


def _main_has_no_guard() -> bool:
    """Return whether a script, which may rely on fork, would start its runs again if imported."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    if file is None:  # a notebook, which is not imported anyway
        return False
    with contextlib.suppress(OSError):
        text = Path(file).read_text(encoding="utf-8", errors="replace")
        return re.search(r"^if\b.*__name__", text, re.MULTILINE) is None
    return True


class _WithoutMain(str):
    """Name of a process in which multiprocessing does not import the main script."""

    __slots__ = ()


@functools.lru_cache(maxsize=1)
def _let_processes_leave_main_out() -> None:
    # multiprocessing has no option for that. What func needs of the script, cloudpickle sends.
    from multiprocessing import spawn  # here, for the time that `import psweep` takes

    usual = spawn.get_preparation_data

    @functools.wraps(usual)
    def prepared(name: str) -> dict[str, Any]:
        data: dict[str, Any] = usual(name)
        if isinstance(name, _WithoutMain):
            data["name"] = str(name)
            for key in ("init_main_from_name", "init_main_from_path"):
                data.pop(key, None)
        return data

    spawn.get_preparation_data = prepared
