"""A function as tasks of a cluster: the same call submits, collects and extends.

From random points in a square, estimate pi: a share of pi / 4 of them is in the circle. Each number
of points is run 20 times, with random numbers of its own. Here, with the "scheduler" ``sh``::

    python study.py

On a cluster, after you have adapted templates/machines/cluster::

    python study.py cluster

Needs psweep-batch. ``python plot.py`` plots the error.
"""

import sys

import numpy as np

import psweep as ps


def func(pset):
    rng = np.random.default_rng(pset["_seed"])
    x, y = rng.random((2, pset["n_points"]))
    pi = 4 * float(np.mean(x**2 + y**2 < 1))
    return {"pi": pi, "error": abs(pi - np.pi)}


if __name__ == "__main__":
    machine = sys.argv[1] if len(sys.argv) > 1 else "here"
    params = ps.plist("n_points", [10**3, 10**4, 10**5, 10**6])
    df = ps.run_batch(func, params, machine, repeats=20, seed=1)
    print(f"{len(df)} of {20 * len(params)} psets have finished")
    if len(df) == 20 * len(params):
        stats = ps.df_stats(df)
        ps.df_print(stats, cols=["n_points", "n", "pi_mean", "error_mean", "error_sem"])
