"""The ways to run psets, by name, so that a test can go through all of them."""

from __future__ import annotations

import concurrent.futures as cf
import contextlib
import multiprocessing

import pytest
from executors import dask

import psweep as ps


def _slow(*names):
    return [pytest.param(name, marks=pytest.mark.slow) for name in names]


PROCESSES = _slow("poolsize=1", "poolsize=2", "spawn", "processes")
ENGINES = ["serial", "unsaved", *PROCESSES, "threads", *_slow("dask")]


@contextlib.contextmanager
def options(engine):
    """Give the keywords of run_local for an engine."""
    if engine == "serial":
        yield {}
    elif engine == "unsaved":
        yield {"save": False}
    elif engine.startswith("poolsize"):
        yield {"poolsize": int(engine[-1])}
    elif engine == "spawn":
        before = multiprocessing.get_start_method()
        multiprocessing.set_start_method("spawn", force=True)
        try:
            yield {"poolsize": 1}
        finally:
            multiprocessing.set_start_method(before, force=True)
    elif engine == "dask":
        with dask(n_workers=1, threads_per_worker=2) as client:
            yield {"executor": client}
    else:
        kind = {"processes": cf.ProcessPoolExecutor, "threads": cf.ThreadPoolExecutor}[engine]
        with kind(2) as executor:
            yield {"executor": executor}


def run(engine, func, params, **kwds):
    """Call run_local with an engine."""
    with options(engine) as of_engine:
        return ps.run_local(func, params, **of_engine, **kwds)
