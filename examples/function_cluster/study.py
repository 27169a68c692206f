"""Run one function here, and then on a cluster: only the last line changes.

Here, with the "scheduler" ``sh``::

    python study.py

On a cluster, after you have adapted templates/machines/cluster::

    python study.py cluster

Make the same call again to see what has finished since. It submits what is missing, and nothing
twice. Needs psweep-batch.
"""

import sys

import numpy as np

import psweep as ps


def func(pset):
    """Estimate pi from random points."""
    rng = np.random.default_rng(pset["seed"])
    x, y = rng.random((2, pset["n"]))
    return {"pi": 4 * float(np.mean(x**2 + y**2 < 1))}


if __name__ == "__main__":
    machine = sys.argv[1] if len(sys.argv) > 1 else "here"
    params = ps.pgrid(ps.plist("n", [10**3, 10**5]), ps.plist("seed", range(4)))
    df = ps.run_batch(func, params, machine)
    print(f"{len(df)} of {len(params)} psets have finished")
    if len(df):
        print(df.groupby("n").pi.agg(["mean", "std"]).round(3))
