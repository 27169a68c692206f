"""Run psets in two processes at the same time: order and chaos in the logistic map.

The only difference from a serial run is `poolsize=2`. The rows are in the order of `params`, no
matter which process was faster; the column `worker` has the id of the process that ran the pset.
A positive Lyapunov exponent means chaos: it sets in at r = 3.57 and pauses
at r = 3.83.
"""

import math
import os

import psweep as ps


def func(pset):
    r, x = pset["r"], pset["x0"]
    n_steps = 100_000
    total = 0.0
    for _ in range(n_steps):
        x = r * x * (1 - x)
        total += math.log(abs(r * (1 - 2 * x)))
    return {"lyapunov": total / n_steps, "worker": os.getpid()}


if __name__ == "__main__":
    r = ps.plist("r", [2.8, 3.2, 3.5, 3.6, 3.7, 3.83, 3.9, 3.99])
    x0 = ps.plist("x0", [0.2, 0.3])
    df = ps.run_local(func, ps.pgrid(r, x0), poolsize=2)

    df = df[df._run_seq == df._run_seq.max()].copy()  # the study may have rows of earlier calls
    df["chaos"] = df.lyapunov > 0
    ps.df_print(df[["r", "x0", "lyapunov", "chaos", "worker"]])
    print(f"{len(df)} psets were run by {df.worker.nunique()} processes")
