"""Run psets on dask, here on one machine: `executor=client`.

In a grid, each site conducts with probability p. If p is above 0.593, the whole grid conducts from
top to bottom (site percolation). The share of conducting grids rises from 0 to 1 around this value,
more steeply for larger grids. To use another cluster, change only the Client. The column
`_exec_host` shows which machine ran each pset.

Needs `pip install "dask[distributed]"`.
"""

import random

import psweep as ps


def conducts(p, size, rng):
    open_sites = {(x, y) for x in range(size) for y in range(size) if rng.random() < p}
    reached = [site for site in open_sites if site[1] == 0]
    open_sites.difference_update(reached)
    while reached:
        x, y = reached.pop()
        if y == size - 1:
            return True
        for site in (x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1):
            if site in open_sites:
                open_sites.remove(site)
                reached.append(site)
    return False


def func(pset):
    rng = random.Random(pset["seed"])
    n = pset["n_grids"]
    return {"share": sum(conducts(pset["p"], pset["size"], rng) for _ in range(n)) / n}


if __name__ == "__main__":
    from dask.distributed import Client, LocalCluster

    params = ps.pgrid(
        ps.plist("size", [10, 40]),
        ps.plist("p", [0.4, 0.5, 0.55, 0.593, 0.65, 0.7, 0.8]),
        ps.plist("n_grids", [50]),
        ps.plist("seed", [1]),
    )
    # client.dashboard_link shows the workers in a browser (needs bokeh), at any port that is free
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        df = ps.run_local(func, params, executor=client)

    df = df[df._run_seq == df._run_seq.max()]  # the study may have rows of earlier calls
    print(df.pivot(index="p", columns="size", values="share").to_string())
    print(f"{len(df)} psets were run on {', '.join(df._exec_host.unique())}")
