"""What an executor calls: run some psets, wherever this is, and return their rows."""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import platform
import random
import sys
import threading
import time
from dataclasses import replace
from typing import Any, NamedTuple

from ..errors import ParamsError
from ..table.rows import failure_of, is_failed
from .call import runner
from .clones import end_clone_since, forks
from .finished import pickled
from .isolation import WorkingFolder, threads_share_output
from .job import Job, Settings, describe
from .random_state import (
    SeedGenerators,
    borrowed_generators,
    own_generators,
    process_token,
    reseed_once,
)
from .wire import Failed, Raised

__all__ = ["Result", "run_chunk", "started_here"]


class Result(NamedTuple):
    """What an executor returns of a chunk: finished rows, and what ended it early, if anything did.

    The psets after these rows were not run: time was up, or there is an error.
    """

    row_bytes: list[bytes]
    n_failed: int
    seconds: float
    error: Raised | Failed | None
    failure: object = None  # what ``_exc_txt`` has of the last row that failed


# The threads of this process that wait for an engine, by process and run.
started_here: dict[tuple[int, str], int] = {}


def run_chunk(func: Any, sent: Any, settings: Settings, seconds: float) -> Result:
    """Run some psets, in any process on any machine, until about `seconds` are over."""
    start = time.perf_counter()
    all_bytes: list[bytes] = []
    n_failed = 0
    failure: object = None
    job = folder = problem = None
    n_forks = forks[0]
    try:
        captures = settings.capture_logs is not None
        me = threading.get_ident()
        if captures and started_here.get((os.getpid(), settings.header.run_id), me) != me:
            raise ParamsError(threads_share_output())
        folder = WorkingFolder(captures, of_executor=True)
        if isinstance(func, bytes):
            n_modules = len(sys.modules)
            func = pickle.loads(func)
            sent = pickle.loads(sent)
            reseed_once(settings.caller, again=len(sys.modules) > n_modules)
        settings = replace(
            settings, extras={**(settings.extras or {}), "_exec_host": platform.node()}
        )
        with _own_generators(settings, sent) as seed:
            run = runner(func, settings, folder, seed)
            if settings.retries:  # (A clone calls func no second time.)
                run = functools.partial(run, tell=functools.partial(end_clone_since, n_forks))
            for job, calls in sent:
                try:
                    row = run(job, calls)[0]
                finally:
                    end_clone_since(n_forks)
                row, row_bytes = pickled(job, row, settings)
                all_bytes.append(row_bytes)
                if is_failed(row):
                    n_failed += 1
                    failure = failure_of(row)
                if time.perf_counter() - start > seconds:
                    break  # psets may differ: finished ones should not wait for others
    except BaseException as error:
        before = "what a worker does before it runs a pset"
        where = before if job is None else describe(Job(*job), settings)
        problem = Raised(error, where)
    finally:
        if folder is not None:
            folder.close()
    return Result(all_bytes, n_failed, time.perf_counter() - start, problem, failure)


def _own_generators(
    settings: Settings, sent: Any
) -> contextlib.AbstractContextManager[SeedGenerators | None]:
    """Return what seeds the global generators, if no other pset draws from them meanwhile."""
    first, _ = sent[0]
    if Job(*first).seed is None:
        return contextlib.nullcontext()
    is_main = threading.current_thread() is threading.main_thread()
    if settings.caller in (None, process_token()):
        # An executor that calls at once, in the thread of the caller; else a pool of threads.
        return borrowed_generators() if is_main else contextlib.nullcontext()
    return own_generators() if is_main or _is_only_thread() else contextlib.nullcontext()


def _is_only_thread() -> bool:
    """Return whether this is a dask worker that runs one pset at a time."""
    distributed = sys.modules.get("distributed")
    try:
        if distributed is None or distributed.get_worker().state.nthreads != 1:
            return False
    except Exception:  # not a dask worker
        return False
    _give_dask_a_generator()
    return True


@functools.cache
def _give_dask_a_generator() -> None:
    """Let dask's own threads draw from another generator than the global one, which func uses.

    While a pset runs, they draw samples of lists to estimate their size (`dask.sizeof`), or
    choose a worker to get data from.
    """
    own = random.Random()  # noqa: S311 (for no secrets)
    for name, module in [*sys.modules.items()]:
        is_dask = name.partition(".")[0] in ("dask", "distributed", "tornado")
        namespace = getattr(module, "__dict__", {})
        if is_dask and namespace.get("random") is random:
            namespace["random"] = own
