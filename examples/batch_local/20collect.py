"""Make what the jobs have written columns of the database.

Each job has left its results in result.json in its folder; `batch_collect` finds them. Call it
whenever you like: a pset whose job has not ended waits for the next time, and one whose job has
failed gets `_failed` and `_exc_txt`. Look at the column `visible`, the part of the power that is
visible light: a lamp of 2700 K wastes nearly all, and the sun with its 5772 K is hard to beat.
"""

import psweep as ps

if __name__ == "__main__":
    df = ps.batch_collect("calc")

    print(f"{df._pset_runtime.notna().sum()} of {len(df)} psets have been run")
    ps.df_print(df.sort_values("temperature"))
