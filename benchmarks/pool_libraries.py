"""Candidates for the pool of `poolsize`: psweep's own, the standard library, loky, pebble.

    python benchmarks/pool_libraries.py

Needs psweep-core, loky and pebble. Each figure is the median of five runs in turns, since machines
are noisy; each pool has two workers. What psweep does beyond that (journal, database) is left out
by save=False in the first two rows, and is in the third.
"""

from __future__ import annotations

import concurrent.futures as cf
import os
import pathlib
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures.process import BrokenProcessPool

import loky
import pebble

import psweep as ps

REPEATS = 5


def trivial(pset):
    return {"b": pset["a"]}


def kills_itself(pset):
    time.sleep(0.01)
    if pset["a"] == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"b": pset["a"]}


def hangs(pset):
    if pset["a"] == 2:
        time.sleep(1000)
    return {"b": pset["a"]}


def with_psweep(func, params, **kwds):
    return ps.run_local(func, params, poolsize=2, save=False, **kwds)


def with_standard_library(func, params):
    with cf.ProcessPoolExecutor(2) as pool:
        return list(pool.map(func, params, chunksize=max(1, len(params) // 8)))


def with_loky(func, params):
    pool = loky.ProcessPoolExecutor(2)
    try:
        return list(pool.map(func, params, chunksize=max(1, len(params) // 8)))
    finally:
        pool.shutdown()


def with_pebble(func, params, timeout=None):
    with pebble.ProcessPool(2) as pool:
        if timeout is None:
            return list(pool.map(func, params, chunksize=max(1, len(params) // 8)).result())
        return [pool.schedule(func, args=[pset], timeout=timeout) for pset in params]


POOLS = {
    "psweep": with_psweep,
    "standard library": with_standard_library,
    "loky": with_loky,
    "pebble": with_pebble,
}


def timed(action, *args):
    start = time.perf_counter()
    action(*args)
    return time.perf_counter() - start


def medians(func, params):
    times = {name: [] for name in POOLS}
    for _ in range(REPEATS):
        for name, pool in POOLS.items():
            times[name].append(timed(pool, func, params))
    return {name: statistics.median(values) for name, values in times.items()}


def show(title, cells):
    print(f"{title:45s}" + "".join(f"{cells[name]!s:>18}" for name in POOLS))


def lambdas(pool):
    k = 2
    try:
        pool(lambda pset: {"b": k * pset["a"]}, ps.plist("a", range(4)))
    except Exception as error:
        return type(error).__name__
    return "yes"


def after_a_kill(name):
    """Count the results of 40 psets, one of which kills its worker."""
    params = ps.plist("a", range(40))
    if name == "psweep":
        df = with_psweep(kills_itself, params, on_error="record")
        return int((~df["_failed"]).sum())
    make = {"standard library": cf.ProcessPoolExecutor, "loky": loky.ProcessPoolExecutor}.get(name)
    if make is not None:
        pool = make(2)
        futures = []
        try:
            for pset in params:
                futures.append(pool.submit(kills_itself, pset))
        except (BrokenProcessPool, RuntimeError):
            pass
        n = sum(future.exception() is None for future in futures)
        pool.shutdown()
        return n
    with pebble.ProcessPool(2) as pool:
        futures = [pool.schedule(kills_itself, args=[pset]) for pset in params]
        return sum(future.exception() is None for future in futures)


def limits(name):
    params = ps.plist("a", range(5))
    if name == "psweep":
        df = with_psweep(hangs, params, on_error="record", timeout=1)
        return f"yes, {int((~df['_failed']).sum())} of 4"
    if name == "pebble":
        futures = with_pebble(hangs, params, timeout=1)
        return f"yes, {sum(future.exception() is None for future in futures)} of 4"
    return "no"


def memory(name):
    """Measure the peak of a fresh process that runs 20 000 trivial psets, and of its workers."""
    command = [sys.executable, __file__, "--memory", name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def peak():
    """Return the peak memory of this process, kB (Linux; ru_maxrss is that of its parent)."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def run_for_memory(name):
    params = ps.plist("a", range(20_000))
    before = peak()
    POOLS[name](trivial, params)
    more = peak() - before
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"{more / 1024:.0f} + {worker / 1024:.0f}")


def main():
    if sys.argv[1:2] == ["--memory"]:
        run_for_memory(sys.argv[2])
        return
    os.chdir(tempfile.mkdtemp())
    show("", {name: name for name in POOLS})
    few, many = ps.plist("a", range(8)), ps.plist("a", range(20_000))
    show("8 trivial psets, s", {k: f"{v:.3f}" for k, v in medians(trivial, few).items()})
    costs = medians(trivial, many)
    show("20 000 trivial psets, us each", {k: f"{v / 20_000 * 1e6:.1f}" for k, v in costs.items()})
    start = time.perf_counter()
    ps.run_local(trivial, many, poolsize=2)
    us = f"{(time.perf_counter() - start) / 20_000 * 1e6:.1f}"
    show("  with journal and database", {name: us if name == "psweep" else "-" for name in POOLS})
    show("MB more in the parent + in a worker", {name: memory(name) for name in POOLS})
    show("lambdas and closures", {name: lambdas(pool) for name, pool in POOLS.items()})
    show("results of 39 if the 21st kills its worker", {name: after_a_kill(name) for name in POOLS})
    show("a limit of time for one pset", {name: limits(name) for name in POOLS})


if __name__ == "__main__":
    main()
