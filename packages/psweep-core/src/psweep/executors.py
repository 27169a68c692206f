"""Run psets on an engine of the user's: any `concurrent.futures.Executor`, or dask's Client.

Psets travel in chunks that take a fraction of a second. What comes back are finished rows, which
the parent writes into its journal, so nothing is asked of the engine but that it runs a function
and gives back what that returns.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import os
import pickle
import platform
import queue
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cloudpickle

from .call import Func, Job, Settings, describe, failed_row, pickled, runner, save_row
from .crossing import pickled_exception, pickled_func, unpickled_exception
from .errors import ParamsError, ParamsTypeError, WorkerError
from .journal import Journal, encode
from .progress import News, is_failed
from .random_state import process_token, reseed_once
from .rows import Row

__all__ = ["check_executor", "run_executor"]

_CHUNK_SECONDS = 0.2
_MAX_CHUNK = 1000
_TICK_SECONDS = 1.0  # something is said at least so often
_PATIENCE_SECONDS = 20.0  # without a single worker, until something is done about it
_LAST_SECONDS = 2.0  # rows that are on their way when a run is ended are waited for so long


def check_executor(executor: Any, poolsize: int | None, capture_logs: str | None) -> None:
    """Refuse what is no engine, and what an engine cannot do."""
    if poolsize is not None:
        message = f"poolsize={poolsize} and executor say two different things; leave out one"
        raise ParamsError(message)
    if not (isinstance(executor, concurrent.futures.Executor) or _is_dask_client(executor)):
        hint = ""
        if isinstance(executor, type):
            hint = f"; make one: {executor.__name__}()"
        elif hasattr(executor, "get_client"):
            hint = "; pass executor.get_client()"
        message = (
            "executor must be a concurrent.futures.Executor or a dask.distributed.Client, not "
            f"{executor!r}{hint}"
        )
        raise ParamsTypeError(message)
    if capture_logs and isinstance(executor, concurrent.futures.ThreadPoolExecutor):
        message = (
            f"capture_logs={capture_logs!r} cannot tell threads apart, which share one output; "
            "take a pool of processes"
        )
        raise ParamsError(message)


def _is_dask_client(executor: Any) -> bool:
    return _is_a(executor, "distributed.client.Client")


def _is_a(value: Any, kind: str) -> bool:
    """Tell whether something is of a class whose library is perhaps not there."""
    return any(f"{base.__module__}.{base.__name__}" == kind for base in type(value).__mro__)


@dataclass(frozen=True)
class _Result:
    """What comes back of a chunk: the rows that are finished, and what went wrong with the next.

    The psets after these were not run: time was up, or there is an error.
    """

    payloads: list[bytes]
    n_failed: int
    seconds: float
    error: tuple[bytes, str, str, str] | None


def run_executor(
    func: Func, jobs: Sequence[Job], settings: Settings, executor: Any, journal: Journal | None
) -> Iterator[News]:
    """Run all psets on an engine.

    Parameters
    ----------
    func : callable
    jobs : sequence of Job
    settings : Settings
    executor : Executor or Client
    journal : Journal, optional
        Where the rows are kept. None: nowhere.

    Yields
    ------
    News
        How many psets are through, and their rows unless the journal has them; at least once a
        second, also if it is none.

    Raises
    ------
    Exception
        Of ``func``, unless failures are to be recorded.
    WorkerError
        The engine has given up.
    """
    engine = _Engine(func, jobs, settings, executor, journal)
    try:
        yield from engine.results()
    except BaseException:
        engine.keep_what_comes()
        raise


class _Engine:
    def __init__(
        self,
        func: Func,
        jobs: Sequence[Job],
        settings: Settings,
        executor: Any,
        journal: Journal | None,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._todo = collections.deque(jobs)
        self._left = len(jobs)
        self._pace: float | None = None  # s a pset
        self._out: dict[Any, list[Job]] = {}  # chunks on their way
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._calls: dict[str, int] = {}
        # Psets that the engine has given up, perhaps only since they were on the same worker as the
        # one that killed it. They are run once more, when all others are through, one at a time.
        self._suspects: collections.deque[Job] = collections.deque()
        self._suspected: set[str] = set()
        self._client = executor if _is_dask_client(executor) else None
        self._executor = executor
        self._seen = time.monotonic()  # when dask last had a worker
        shares_memory = isinstance(executor, concurrent.futures.ThreadPoolExecutor)
        self._func: Any = func if shares_memory else pickled_func(func)
        self._shares_memory = shares_memory
        if not shares_memory:
            self._settings = replace(settings, caller=process_token())

    def results(self) -> Iterator[News]:
        while self._left:
            self._feed()
            try:
                future = self._done.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                self._look_for_workers()
                yield News(0, 0)
                continue
            jobs = self._out.pop(future)
            try:
                result = self._outcome(future)
                if result is None:
                    self._expect(future, jobs)
                    self._look_for_workers()
                    yield News(0, 0)
                    continue
            except concurrent.futures.BrokenExecutor as error:
                message = (
                    f"the executor {self._executor!r} is broken ({type(error).__name__}: {error}), "
                    "probably since one of its workers died; make a new one and call again with "
                    "skip_dups=True"
                )
                raise WorkerError(message) from error
            except (Exception, concurrent.futures.CancelledError) as error:
                rows = self._given_up(jobs, error)
                yield News(len(rows), len(rows), rows if self._journal is None else ())
                continue
            self._seen = time.monotonic()
            self._todo.extendleft(reversed(jobs[len(result.payloads) :]))
            rows = self._taken(result)
            kept = rows if self._journal is None else ()
            yield News(len(result.payloads), result.n_failed, kept)
            if result.error is not None:
                raise unpickled_exception(*result.error)

    def _feed(self) -> None:
        workers = self._n_workers()
        while self._todo and len(self._out) < 2 * workers:
            size = 1
            if self._pace is not None:
                size = int(min(_MAX_CHUNK, _CHUNK_SECONDS / max(self._pace, 1e-9)))
                size = max(1, min(size, len(self._todo) // (2 * workers)))
            self._submit([self._todo.popleft() for _ in range(min(size, len(self._todo)))])
        if not self._out:
            self._submit([self._suspects.popleft()])

    def _submit(self, jobs: list[Job]) -> None:
        calls = [self._calls.get(job.pset_id, 1) for job in jobs]
        sent: Any = list(zip(jobs, calls, strict=True))
        if not self._shares_memory:
            sent = cloudpickle.dumps(sent)
        try:
            # Not by dask's get_executor(): a future of that never ends where a worker dies between
            # its task's end and the result's way home, and then the task fails when it is repeated.
            # And dask would run a task once for two that look the same to it.
            kwds = {} if self._client is None else {"pure": False}
            future = self._executor.submit(_run_chunk, self._func, sent, self._settings, **kwds)
        except Exception as error:  # broken, or shut down
            message = f"the executor {self._executor!r} takes no more work: {error}"
            raise WorkerError(message) from error
        self._expect(future, jobs)

    def _expect(self, future: Any, jobs: list[Job]) -> None:
        self._out[future] = jobs
        future.add_done_callback(self._done.put)

    def _outcome(self, future: Any) -> _Result | None:
        """Give what came back of a chunk; None if it has to be waited for once more."""
        seconds = _TICK_SECONDS if self._client else None
        while True:
            try:
                result: _Result = future.result(timeout=seconds)
                if self._client is not None:
                    future.release()  # or dask runs it again when this worker dies
                return result
            except Exception as error:
                # asyncio's, too, which Python 3.10 tells from the builtin one
                if seconds is None or type(error).__name__ != "TimeoutError":
                    raise
                if not future.done():  # any more: lost with its worker, and to be run again
                    return None
                seconds *= 2  # large, or on a slow network

    def _n_workers(self) -> int:
        if self._client is not None:
            with contextlib.suppress(Exception):
                n_threads: int = sum(self._client.nthreads().values())  # these may come and go
                return max(1, n_threads)
        for name in ("_max_workers", "num_workers"):  # of the standard library, loky; mpi4py
            n = getattr(self._executor, name, None)
            if isinstance(n, int) and n > 0:
                return n
        return os.cpu_count() or 1

    def _look_for_workers(self) -> None:
        """Do something about a dask cluster that has no workers: it would wait for ever."""
        if self._client is None:
            return
        try:
            there = bool(self._client.nthreads())
        except Exception:  # the scheduler is gone, too; then all futures end
            return
        if there:
            self._seen = time.monotonic()
        if time.monotonic() - self._seen < _PATIENCE_SECONDS:
            return
        self._seen = time.monotonic()
        cluster = self._client.cluster
        if _is_a(cluster, "distributed.deploy.local.LocalCluster") and cluster.worker_spec:
            # Some time after a worker has died (lost-worker-timeout, 15 s), it closes for good what
            # has not yet started again by then; so one that dies often may be just missed.
            cluster.scale(len(cluster.worker_spec))
            return
        message = (
            "the dask cluster has no workers, so the run waits for the first one; if none is to "
            "come, start some, such as by cluster.scale(2)"
        )
        warnings.warn(message, stacklevel=2)

    def _taken(self, result: _Result) -> list[Row]:
        """Keep the rows of a chunk; give them back where no journal has them."""
        rows: list[Row] = []
        for payload in result.payloads:
            if self._journal is not None:
                self._journal.take_room()
                self._journal.append(payload)
            if self._journal is None or self._settings.tmpsave:
                row = pickle.loads(payload)
                save_row(row, self._settings)
                rows.append(row)
        n = len(result.payloads)
        if n:
            self._pace = result.seconds / n
        self._left -= n
        return rows

    def _given_up(self, jobs: list[Job], error: BaseException) -> list[Row]:
        """Account for a chunk that the engine could not run, however often it tried."""
        if len(jobs) > 1:  # one of them is to blame; alone, each shows whether it is the one
            for job in jobs:
                self._submit([job])
            return []
        (job,) = jobs
        calls = self._calls.get(job.pset_id, 1)
        if calls <= self._settings.retries:
            self._calls[job.pset_id] = calls + 1
            self._submit(jobs)
            return []
        if self._settings.on_error == "record" and job.pset_id not in self._suspected:
            self._suspected.add(job.pset_id)
            self._suspects.append(job)
            return []
        what = f"the executor could not run {describe(job, self._settings)}: "
        problem = WorkerError(f"{what}{type(error).__name__}: {error}")
        if self._settings.on_error == "raise":
            raise problem from error
        row = failed_row(
            job, self._settings, time.time_ns(), float("nan"), f"WorkerError: {problem}"
        )
        if self._journal is not None:
            self._journal.append(encode(row))
        self._left -= 1
        return [row]

    def keep_what_comes(self) -> None:
        """Take back what has not begun; keep the rows of what is about to end."""
        if self._client is None:  # dask would also cancel what has begun
            for future in self._out:
                future.cancel()
        deadline = time.monotonic() + _LAST_SECONDS
        waiting = {future for future in self._out if not future.cancelled()}
        while waiting:
            try:
                future = self._done.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if future in waiting:
                waiting.discard(future)
                with contextlib.suppress(BaseException):
                    self._taken(future.result(timeout=_LAST_SECONDS))
        for future in waiting:
            future.cancel()


def _run_chunk(func: Any, sent: Any, settings: Settings) -> _Result:
    """Run some psets, wherever this is."""
    start = time.perf_counter()
    payloads: list[bytes] = []
    n_failed = 0
    job = None
    try:
        if isinstance(func, bytes):
            n_modules = len(sys.modules)
            func = pickle.loads(func)
            sent = pickle.loads(sent)
            reseed_once(settings.caller, again=len(sys.modules) > n_modules)
        settings = replace(
            settings, extras={**(settings.extras or {}), "_exec_host": platform.node()}
        )
        run = runner(func, settings)
        for job, calls in sent:
            row, payload = pickled(job, run(job, calls)[0], settings)
            payloads.append(payload)
            n_failed += is_failed(row)
            if time.perf_counter() - start > 2 * _CHUNK_SECONDS:
                break  # psets may differ: what is finished shall not wait for others to be
    except (Exception, SystemExit) as error:
        before = "what a worker does before it runs a pset"
        error_parts = (
            pickled_exception(error),
            f"{type(error).__name__}: {error}",
            "".join(traceback.format_exception(error)),
            before if job is None else describe(job, settings),
        )
        return _Result(payloads, n_failed, time.perf_counter() - start, error_parts)
    return _Result(payloads, n_failed, time.perf_counter() - start, None)
