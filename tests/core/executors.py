"""Executors of other libraries, as engines of a run."""

from __future__ import annotations

import contextlib

import pytest

NEEDS_DASK = "needs dask: pip install 'dask[distributed]'"


@contextlib.contextmanager
def loky():
    module = pytest.importorskip("joblib.externals.loky", reason="needs loky: pip install joblib")
    with module.get_reusable_executor(2) as made:
        yield made


@contextlib.contextmanager
def dask(**options):
    """A dask of two workers, in this process unless the options say otherwise."""
    distributed = pytest.importorskip("distributed", reason=NEEDS_DASK)
    options = {"processes": False, "n_workers": 2, "threads_per_worker": 1, **options}
    with (
        distributed.LocalCluster(dashboard_address=":0", **options) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client
