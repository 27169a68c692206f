"""Tune the hyperparameters of a model whose need of memory nobody knows beforehand.

Each pset is a task of its own. It asks for little memory, and after it ran out of memory, at the
next call, for what the next entry of ``escalate`` in templates/machines/cluster/info.yaml says.

Here, with the "scheduler" ``sh``, and few points::

    python study.py

On a cluster, after you have adapted templates/machines/cluster, and with more of them::

    python study.py cluster

Make the same call again when the jobs have ended: three calls at most. Needs psweep-batch.
"""

import sys

import numpy as np

import psweep as ps


def func(pset):
    """Fit a smooth function of some features by kernel ridge regression."""
    rng = np.random.default_rng(pset["_seed"])
    n = pset["n"]
    x = rng.uniform(-1, 1, size=(n + 100, pset["features"]))
    y = np.sin(3 * x[:, 0]) + 0.1 * rng.normal(size=len(x))
    difference = x[:, None] - x  # most of the memory: 8 bytes × n² × features
    kernel = np.exp(-pset["gamma"] * (difference**2).sum(axis=-1))
    weights = np.linalg.solve(kernel[:n, :n] + pset["alpha"] * np.eye(n), y[:n])
    return {"error": float(np.mean((kernel[n:, :n] @ weights - y[n:]) ** 2) ** 0.5)}


if __name__ == "__main__":
    machine = sys.argv[1] if len(sys.argv) > 1 else "here"
    space = {
        "n": [50, 100, 200] if machine == "here" else [500, 1000, 2000, 4000],
        "features": [2, 10],
        "gamma": (0.01, 10, "log"),
        "alpha": (1e-3, 1, "log"),
    }
    params = ps.psample(space, 16, kind="random", seed=1)
    df = ps.run_batch(func, params, machine, seed=1)
    print(f"{len(df)} of {len(params)} psets have finished")
    if len(df):
        cols = ["n", "features", "gamma", "alpha", "_attempts", "error"]
        best = df.sort_values("error").head(3)
        print(best[[name for name in cols if name in df.columns]].round(3).to_string(index=False))
