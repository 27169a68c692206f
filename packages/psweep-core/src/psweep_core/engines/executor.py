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
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..errors import ParamsError, ParamsTypeError, WorkerError
from ..messages import safe_repr, summary_of
from ..store.row_bytes import decode, encode
from ..store.run_record import Record
from .chunk import Result, run_chunk, started_here
from .dask_cluster import DaskCluster, is_dask_client, uses_threads
from .dispatch import Dispatch, Step
from .finished import save_row
from .isolation import threads_share_output
from .job import Func, Jobs, Settings
from .random_state import process_token
from .wire import dumps, pickled_func

__all__ = ["check_executor", "run_executor"]

_CHUNK_SECONDS = 0.2
_JOB_SECONDS = 30.0  # the same where each chunk is a job, which takes time to start
_POLL_SECONDS = 0.1
_MAX_CHUNK = 1000
_TICK_SECONDS = 1.0  # yield at least this often
_LAST_SECONDS = 2.0  # how long to wait for rows in transit when a run is ended


def check_executor(executor: Any, poolsize: int | None, capture_logs: str | None) -> None:
    """Refuse objects that are not engines, and options that an engine does not support."""
    if poolsize is not None:
        message = f"poolsize={poolsize} and executor say two different things; leave out one"
        raise ParamsError(message)
    if isinstance(executor, type) or not callable(getattr(executor, "submit", None)):
        hint = ""
        if isinstance(executor, type):
            hint = f"; make one: {executor.__name__}()"
        elif hasattr(executor, "get_client"):
            hint = "; pass executor.get_client()"
        message = (
            "executor must be a concurrent.futures.Executor, a dask.distributed.Client, or have a "
            f"method submit() like these, not {executor!r}{hint}"
        )
        raise ParamsTypeError(message)
    is_pool = isinstance(executor, concurrent.futures.ThreadPoolExecutor)
    if capture_logs and (is_pool or uses_threads(executor)):
        raise ParamsError(threads_share_output())


def run_executor(
    func: Func, jobs: Jobs, settings: Settings, record: Record, executor: Any
) -> Iterator[Step]:
    """Run all psets on an executor.

    Parameters
    ----------
    func : callable
    jobs : Jobs
    settings : Settings
    record : RunRecord or UnsavedRecord
        Where the rows are kept.
    executor : Executor or Client

    Yields
    ------
    Step
        At least once a second, even if nothing has finished.

    Raises
    ------
    Exception
        Of ``func``, unless failures are to be recorded.
    WorkerError
        The executor has given up.
    """
    engine = _Engine(func, jobs, settings, record, executor)
    here = os.getpid(), settings.header.run_id
    started_here[here] = threading.get_ident()
    try:
        yield from engine.results()
    except BaseException:
        engine.keep_what_comes()
        raise
    finally:
        del started_here[here]


class _Engine:
    def __init__(
        self, func: Func, jobs: Jobs, settings: Settings, record: Record, executor: Any
    ) -> None:
        self._settings = settings
        self._record = record
        self._jobs = jobs
        self._executor = executor
        self._dask = DaskCluster(executor) if is_dask_client(executor) else None
        is_quick = self._dask or isinstance(executor, concurrent.futures.Executor)
        self._chunk_seconds = _CHUNK_SECONDS if is_quick else _JOB_SECONDS
        self._dispatch = Dispatch(jobs, settings, self._chunk_seconds, _MAX_CHUNK)
        self._polled: list[_Polled] = []  # they do not report their end
        self._sent: dict[Any, list[int]] = {}  # the psets of chunks that have not returned
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._taken: Any = None  # a chunk that has returned, whose rows are not kept yet
        # Psets that the executor has given up, perhaps only because they were on the same worker as
        # the one that killed it. They are run once more, one at a time, after all others.
        self._suspects: collections.deque[int] = collections.deque()
        self._suspected: set[int] = set()
        self._shares_memory = isinstance(executor, concurrent.futures.ThreadPoolExecutor)
        self._func: Any = func if self._shares_memory else pickled_func(func)
        if not self._shares_memory:
            self._settings = replace(settings, caller=process_token())

    def results(self) -> Iterator[Step]:
        while self._dispatch.n_left:
            self._feed()
            try:
                future = self._done.get(timeout=_POLL_SECONDS if self._polled else _TICK_SECONDS)
            except queue.Empty:
                self._poll()
                if self._dask:
                    self._dask.look_for_workers()
                yield Step(0, 0)
                continue
            positions = self._sent.pop(future)
            self._taken = future
            try:
                result = self._outcome(future)
                if result is None:
                    self._expect(future, positions)
                    if self._dask:
                        self._dask.look_for_workers()
                    yield Step(0, 0)
                    continue
            except WorkerError:
                raise
            except concurrent.futures.BrokenExecutor as error:
                message = (
                    f"the executor {self._executor!r} is broken ({type(error).__name__}: {error}), "
                    "probably since one of its workers died; make a new one and call again with "
                    "skip_dups=True"
                )
                raise WorkerError(message) from error
            except (Exception, concurrent.futures.CancelledError) as error:
                n_failed = self._given_up(positions, error)
                yield Step(n_failed, n_failed, failure=f"{type(error).__name__}: {error}")
                continue
            if self._dask:
                self._dask.saw_worker()
            self._dispatch.put_back(positions[len(result.row_bytes) :])
            self._keep(result)
            self._taken = None
            yield Step(len(result.row_bytes), result.n_failed, failure=result.failure)
            if result.error is not None:
                raise result.error.to_exception()

    def _feed(self) -> None:
        workers = self._n_workers()
        while self._dispatch.has_next and len(self._sent) < 2 * workers:
            self._submit(self._dispatch.next_chunk(workers))
            if not self._done.empty():
                return  # what has ended may end the run; such as Ctrl-C if submit() itself runs it
        if not self._sent:
            self._submit([self._suspects.popleft()])

    def _submit(self, positions: list[int]) -> None:
        # of all on their way, because the disk may be full when they come
        self._record.expect(sum(map(len, self._sent.values()), len(positions)))
        calls = self._dispatch.calls(positions)
        sent: Any = [(job, calls.get(job[0], 1)) for job in self._jobs.tuples(positions)]
        if not self._shares_memory:
            sent = dumps(sent)
        try:
            # Not by dask's get_executor(): a future of that never ends where a worker dies between
            # its task's end and the result's way home, and then the task fails when it is repeated.
            # And dask would run a task once for two that look the same to it.
            kwds = {"pure": False} if self._dask else {}
            args = self._func, sent, self._settings, 2 * self._chunk_seconds
            future = self._executor.submit(run_chunk, *args, **kwds)
        except Exception as error:  # broken, or shut down
            message = f"the executor {self._executor!r} takes no more work: {error}"
            raise WorkerError(message) from error
        self._expect(future, positions)

    def _expect(self, future: Any, positions: list[int]) -> None:
        if hasattr(future, "add_done_callback"):
            self._sent[future] = positions
            future.add_done_callback(self._done.put)
            return
        if not all(callable(getattr(future, name, None)) for name in ("result", "done")):
            message = (
                f"submit() of the executor {self._executor!r} returned {safe_repr(future)}, which "
                "is not a future: it needs the methods result() and done()"
            )
            raise ParamsTypeError(message)
        polled = _Polled(future)
        self._sent[polled] = positions
        self._polled.append(polled)

    def _poll(self) -> None:
        for polled in [polled for polled in self._polled if polled.done()]:
            self._polled.remove(polled)
            self._done.put(polled)

    def _outcome(self, future: Any) -> Result | None:
        """Return the result of a chunk; None if it has to be waited for once more."""
        seconds = _TICK_SECONDS if self._dask else None
        while True:
            try:
                result: Any = future.result(timeout=seconds)
                if not isinstance(result, Result):
                    message = (
                        f"the executor {self._executor!r} returned {safe_repr(result)} for a call "
                        "that returns something else: submit must return a future, whose result() "
                        "is what the submitted function returned"
                    )
                    raise WorkerError(message)
                if self._dask:
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
        if self._dask:
            if self._settings.capture_logs and uses_threads(self._executor):  # that came later
                raise ParamsError(threads_share_output())
            if n_threads := self._dask.n_threads():
                return n_threads
        for name in ("_max_workers", "num_workers"):  # of the standard library, loky; mpi4py
            n = getattr(self._executor, name, None)
            if isinstance(n, int) and n > 0:
                return n
        return os.cpu_count() or 1

    def _keep(self, result: Result) -> None:
        """Keep the rows of a chunk."""
        for n, row_bytes in enumerate(result.row_bytes):
            try:
                self._record.add_bytes(row_bytes)  # for which there is space, see `_submit`
            except BaseException:
                self._record.keep(result.row_bytes[n:])
                raise
        if self._settings.tmpsave:
            for row_bytes in result.row_bytes:
                save_row(decode(row_bytes), self._settings)
        self._dispatch.took(len(result.row_bytes), result.seconds)

    def _given_up(self, positions: list[int], error: BaseException) -> int:
        """Account for a chunk that the executor could not run; return how many psets failed."""
        dispatch = self._dispatch
        if self._dask:
            self._dask.check_scheduler()
        if len(positions) > 1:  # one of them is to blame; alone, each shows whether it is the one
            for position in positions:
                self._submit([position])
            return 0
        (position,) = positions
        if dispatch.may_retry(position):
            self._submit(positions)
            return 0
        if self._settings.on_error == "record" and position not in self._suspected:
            self._suspected.add(position)
            self._suspects.append(position)
            return 0
        what = f"the executor could not run {dispatch.describe(position)}: "
        problem = WorkerError(f"{what}{summary_of(error)}")
        problem.__cause__ = error
        row = dispatch.blame(position, problem)
        self._record.add_bytes(encode(row, self._settings.data_only))
        save_row(row, self._settings)
        return 1

    def keep_what_comes(self) -> None:
        """Take back what has not begun; keep the rows of what is about to end."""
        if not self._dask:  # dask would also cancel what has begun
            for future in self._sent:
                future.cancel()
        if self._taken is not None and self._taken.done():  # Ctrl-C came in between
            with contextlib.suppress(BaseException):
                self._keep(self._taken.result(timeout=_LAST_SECONDS))
        deadline = time.monotonic() + _LAST_SECONDS
        waiting = {future for future in self._sent if not future.cancelled()}
        while waiting:
            self._poll()
            try:
                left = max(0.0, deadline - time.monotonic())
                future = self._done.get(timeout=min(left, _POLL_SECONDS) if self._polled else left)
            except queue.Empty:
                if left and self._polled:
                    continue
                break
            if future in waiting:
                waiting.discard(future)
                with contextlib.suppress(BaseException):
                    self._keep(future.result(timeout=_LAST_SECONDS))
        for future in waiting:
            future.cancel()


class _Polled:
    """A job of an executor that is asked whether it has ended, such as submitit's."""

    def __init__(self, job: Any) -> None:
        self._job = job

    def done(self) -> bool:
        """Return whether it has ended."""
        with contextlib.suppress(Exception):  # a queue that does not answer
            return bool(self._job.done())
        return False

    def result(self, **_: Any) -> Any:
        """Return its result; it has ended."""
        return self._job.result()

    def cancel(self) -> None:
        """End it, if its executor can do so."""
        with contextlib.suppress(Exception):
            self._job.cancel()

    def cancelled(self) -> bool:
        """Return False, since it is not known."""
        return False
