"""Run a function that takes longer than the time limit of a job: it saves its state.

When a job ends, its psets are given back. The same call submits them again, and each goes on from
what it has saved.

Here, with the "scheduler" ``sh``::

    python study.py

On a cluster, after you have adapted templates/machines/cluster::

    python study.py cluster

Make the same call again when the jobs have ended, until all have finished; or let
``sh calc/run_cluster.sh --feed 20`` do so. Needs psweep-batch.
"""

import sys
import time
from pathlib import Path

import numpy as np

import psweep as ps

SAVE_EVERY = 60  # s; as much work is lost at most


def func(pset):
    """Count how often a particle in a double well hops to the other side."""
    # The folder of a pset is the same in all jobs, until the pset has a row.
    folder = Path(pset["_calc_dir"], pset["_pset_id"])
    folder.mkdir(exist_ok=True)
    saved = folder / "state.pk"
    if saved.exists():
        step, x, side, hops, rng, jobs = ps.pickle_read(saved)
    else:
        step, x, side, hops, jobs = 0, -1.0, -1, 0, 0
        rng = np.random.default_rng(pset["_seed"])  # its state is saved, too
    jobs += 1
    last_saved = time.monotonic()
    dt = 0.01
    while step < pset["steps"]:
        for push in rng.normal(scale=np.sqrt(2 * pset["temperature"] * dt), size=1000):
            x += (x - x**3) * dt + push
            if x * side < -0.5:
                side, hops = -side, hops + 1
        step += 1000
        if time.monotonic() - last_saved > SAVE_EVERY:
            # The file is replaced as a whole: a job that ends now leaves the last state.
            ps.pickle_write(saved, (step, x, side, hops, rng, jobs))
            last_saved = time.monotonic()
    return {"hops": hops, "rate": hops / (step * dt), "jobs": jobs}


if __name__ == "__main__":
    machine = sys.argv[1] if len(sys.argv) > 1 else "here"
    steps = 20_000 if machine == "here" else 10**10
    params = ps.pgrid(ps.plist("temperature", [0.1, 0.2, 0.4, 0.8]), ps.plist("steps", [steps]))
    df = ps.run_batch(func, params, machine, seed=1)
    print(f"{len(df)} of {len(params)} psets have finished")
    if len(df):
        ps.df_print(df, cols=["temperature", "hops", "rate", "jobs"])
