"""Run the same psets again to get better statistics: pi from random points.

Each call of `run_local` appends rows to the study in calc/, it replaces nothing. Rows of the
same pset share one `_pset_hash`, while `_pset_id` and `_run_seq` differ. Grouping by the hash
thus gives mean and spread over all repetitions; start the script again and `repetitions` grows.
"""

import numpy as np

import psweep as ps


def func(pset):
    x, y = np.random.default_rng().random((2, pset["n_points"]))
    return {"pi": float(4 * np.mean(x**2 + y**2 < 1))}


if __name__ == "__main__":
    params = ps.plist("n_points", [100, 10_000, 1_000_000])
    for _ in range(4):
        df = ps.run_local(func, params)

    ps.df_print(df, cols=["_run_seq", "_pset_seq", "_pset_hash", "n_points", "pi"])

    same_pset = df.groupby("_pset_hash", sort=False)
    print()
    print(
        same_pset.agg(
            n_points=("n_points", "first"),
            repetitions=("pi", "size"),
            mean=("pi", "mean"),
            spread=("pi", "std"),
        ).to_string(index=False)
    )
