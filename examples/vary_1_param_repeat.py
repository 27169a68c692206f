"""Run a study again with other values: how fast does a cup of coffee cool?

Each call of `run_local` is a run. It appends rows to the study in calc/ and replaces nothing. Look
at the columns: `_run_seq` counts the runs, `_pset_seq` counts the psets over all runs, and
`_pset_id` is the unique name of a row. Start the script again, and two more runs are added.
"""

import math

import psweep as ps


def func(pset):
    return {"celsius": 20 + 70 * math.exp(-0.05 * pset["minutes"])}


if __name__ == "__main__":
    ps.run_local(func, ps.plist("minutes", [0, 10, 20, 40]))
    df = ps.run_local(func, ps.plist("minutes", [5, 15, 30]))

    ps.df_print(df, cols=["_run_seq", "_pset_seq", "_pset_id", "minutes", "celsius"])

    print()
    latest = df[df._run_seq == df._run_seq.max()]
    print(f"{df._run_id.nunique()} runs, {len(df)} rows, {len(latest)} of them from the latest run")
    ps.df_print(df.drop_duplicates("_pset_hash").sort_values("minutes"))
