"""Run psets on a SLURM cluster from a script on its login node: dask's workers are SLURM jobs.

This needs no templates and no files per pset: dask-jobqueue submits as many jobs as you ask for,
psets go to them as soon as they run, and rows come back as they finish. Each pset is the mirror
of a laser: layers a quarter of a wavelength thick on glass, with high and low refractive index in
turn. If a job is cancelled or reaches its time limit, only time is lost: dask runs its psets
again in another. If all jobs may end before the study does, let `cluster.adapt(maximum_jobs=2)`
submit new ones.

Settings of your cluster (queue, account, network interface) go into SLURMCluster(...) or into
~/.config/dask/jobqueue.yaml. Needs `pip install dask-jobqueue`.
"""

import numpy as np

import psweep as ps

GLASS = 1.52


def func(pset):
    """Multiply the matrices of the layers."""
    matrix = np.eye(2)
    for n in [pset["high"], pset["low"]] * pset["pairs"]:
        delta = np.pi / 2 / pset["wavelength"]  # in units of the design wavelength
        layer = [[np.cos(delta), 1j * np.sin(delta) / n], [1j * n * np.sin(delta), np.cos(delta)]]
        matrix = matrix @ np.array(layer)
    b, c = matrix @ np.array([1, GLASS])
    return {"reflectance": float(abs((b - c) / (b + c)) ** 2)}


if __name__ == "__main__":
    from dask.distributed import Client
    from dask_jobqueue import SLURMCluster

    params = ps.pgrid(
        ps.plist("pairs", [1, 2, 4, 8, 12]),
        ps.plist("wavelength", [0.8, 1.0, 1.2]),
        ps.plist("high", [2.35]),
        ps.plist("low", [1.38]),
    )
    with (
        SLURMCluster(cores=1, memory="1GB", walltime="00:10:00", log_directory="logs") as cluster,
        Client(cluster) as client,
    ):
        cluster.scale(jobs=2)
        df = ps.run_local(func, params, executor=client)

    df = df[df._run_seq == df._run_seq.max()]  # the study may have rows of earlier calls
    print(df.pivot(index="pairs", columns="wavelength", values="reflectance").to_string())
    print(f"{len(df)} psets were run on {', '.join(df._exec_host.unique())}")
