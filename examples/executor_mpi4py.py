"""Run psets on the processes of an MPI job: `executor=MPIPoolExecutor()`.

The second virial coefficient of the Lennard-Jones gas is an integral that changes its sign at the
Boyle temperature, 3.418 in reduced units. Start this script by

    mpiexec -n 3 python -m mpi4py.futures executor_mpi4py.py

(or srun instead of mpiexec): one process runs the script, the others run psets, on all nodes of
the job. The column `rank` has the number of the process that ran the pset.

Needs `pip install mpi4py` and an MPI (`pip install mpich` is one).
"""

import math

import psweep as ps


def func(pset):
    from mpi4py import MPI

    temperature, n = pset["temperature"], pset["n_steps"]
    step = 20.0 / n
    total = 0.0
    for i in range(n):
        r = (i + 0.5) * step
        energy = 4 * (r**-12 - r**-6)
        total += (math.exp(-energy / temperature) - 1) * r**2 * step
    return {"b2": -2 * math.pi * total, "rank": MPI.COMM_WORLD.rank}


if __name__ == "__main__":
    from mpi4py.futures import MPIPoolExecutor

    params = ps.pgrid(
        ps.plist("temperature", [1.0, 2.0, 3.0, 3.4, 3.418, 3.5, 4.0, 6.0]),
        ps.plist("n_steps", [5_000, 50_000]),
    )
    with MPIPoolExecutor() as executor:
        df = ps.run_local(func, params, executor=executor)

    df = df[df._run_seq == df._run_seq.max()]  # the study may have rows of earlier calls
    print(df.pivot(index="temperature", columns="n_steps", values="b2").to_string())
    print(f"{len(df)} psets were run on {', '.join(df._exec_host.unique())}")
