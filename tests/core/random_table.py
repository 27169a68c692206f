"""How many of 200 psets draw different numbers, for each engine. As a script, print a table."""

from __future__ import annotations

import concurrent.futures as cf
import contextlib
import importlib
import multiprocessing
import random
import tempfile

import numpy as np

import psweep as ps

N = 200


def draws(pset):
    return {"numpy": np.random.normal(pset["mu"]), "python": random.gauss(pset["mu"], 1)}


@contextlib.contextmanager
def start_method(method):
    """Let multiprocessing start processes in this way."""
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method(method, force=True)
    try:
        yield {"poolsize": 4}
    finally:
        multiprocessing.set_start_method(before, force=True)


@contextlib.contextmanager
def pool_of_processes(method):
    context = multiprocessing.get_context(method)
    with cf.ProcessPoolExecutor(4, mp_context=context) as executor:
        yield {"executor": executor}


@contextlib.contextmanager
def threads():
    with cf.ThreadPoolExecutor(4) as executor:
        yield {"executor": executor}


@contextlib.contextmanager
def loky():
    module = importlib.import_module("joblib.externals.loky")
    with module.get_reusable_executor(3) as executor:
        yield {"executor": executor}


@contextlib.contextmanager
def dask(processes):
    distributed = importlib.import_module("distributed")
    options = {"n_workers": 2, "threads_per_worker": 2, "processes": processes}
    with (
        distributed.LocalCluster(dashboard_address=":0", **options) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield {"executor": client}


ENGINES = {
    "fork": lambda: start_method("fork"),
    "spawn": lambda: start_method("spawn"),
    "forkserver": lambda: start_method("forkserver"),
    "threads": threads,
    "ProcessPoolExecutor, fork": lambda: pool_of_processes("fork"),
    "ProcessPoolExecutor, spawn": lambda: pool_of_processes("spawn"),
    "loky": loky,
    "dask processes": lambda: dask(processes=True),
    "dask in this process": lambda: dask(processes=False),
}


def different(kwds):
    """Run psets that are all the same; count the different numbers, by generator."""
    df = ps.run_local(draws, ps.plist("mu", [5] * N), save=False, **kwds)
    return {"random": df.python.nunique(), "numpy.random": df.numpy.nunique()}


def print_table():
    print(f"| engine | random | numpy.random |   (of {N})\n| --- | --- | --- |")
    for name, engine in ENGINES.items():
        with engine() as kwds:
            found = different(kwds)
        print(f"| {name} | {found['random']} | {found['numpy.random']} |", flush=True)
    for _ in range(20):
        df = ps.run_local(draws, [{"mu": 5}], calc_dir=tempfile.gettempdir() + "/mc", poolsize=1)
    print(f"std of repeats with poolsize=1: {df.numpy.tail(20).std():.3f}")


if __name__ == "__main__":
    np.random.seed(1)
    random.seed(1)
    print_table()
