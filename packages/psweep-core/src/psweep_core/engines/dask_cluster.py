"""A dask cluster behind its client: workers that come and go, and what waits for them forever."""

from __future__ import annotations

import contextlib
import time
import warnings
from typing import Any

from ..errors import WorkerError

__all__ = ["DaskCluster", "is_dask_client", "uses_threads"]

_PATIENCE_SECONDS = 20.0  # without a single worker, until something is done about it


def is_dask_client(executor: Any) -> bool:
    """Return whether an executor is dask's Client, also if dask is perhaps not installed."""
    return _is_a(executor, "distributed.client.Client")


def uses_threads(executor: Any) -> bool:
    """Return whether a dask cluster has workers that run several psets at once in one process."""
    with contextlib.suppress(Exception):  # a scheduler that does not answer; the run will see
        if is_dask_client(executor):
            workers = executor.nthreads()
            return any(n > 1 or at.startswith("inproc:") for at, n in workers.items())
    return False


def _is_a(value: Any, kind: str) -> bool:
    return any(f"{base.__module__}.{base.__name__}" == kind for base in type(value).__mro__)


class DaskCluster:
    """The scheduler and the workers of a client."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._seen = time.monotonic()  # when there was last a worker

    def saw_worker(self) -> None:
        """Note that a worker has returned something."""
        self._seen = time.monotonic()

    def n_threads(self) -> int | None:
        """Return how many psets can run at once; None if the scheduler does not answer."""
        with contextlib.suppress(Exception):
            n_threads: int = sum(self._client.nthreads().values())  # these may come and go
            return max(1, n_threads)
        return None

    def check_scheduler(self) -> None:
        """End the run if there is no scheduler any more: nothing would come of what is submitted.

        A client that has lost the connection has also given up all that it was waiting for.
        """
        status = getattr(self._client, "status", None)
        if status in ("connecting", "closing", "closed"):
            message = (
                f"the connection to the dask scheduler is lost (the client is {status}): was the "
                "cluster closed? Rows that had come back are safe; make a new client and call "
                "again with skip_dups=True"
            )
            raise WorkerError(message)

    def look_for_workers(self) -> None:
        """Do something about a cluster that has no workers: it would wait forever."""
        self.check_scheduler()
        try:
            there = bool(self._client.nthreads())
        except Exception:  # the scheduler does not answer
            there = False
            self.check_scheduler()
        if there:
            self.saw_worker()
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
