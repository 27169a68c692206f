"""Read the results of the jobs into the database.

Each job wrote its results to result.json in its folder; `batch_collect` reads these files. You can
call it at any time: psets with unfinished jobs are read the next time, and a failed job gets
`_failed` and `_exc_txt`. Look at the column `visible`, the part of the power that is
visible light: a lamp of 2700 K wastes nearly all, and the sun with its 5772 K is hard to beat.
"""

import psweep as ps

if __name__ == "__main__":
    df = ps.batch_collect("calc")

    print(f"{df._pset_runtime.notna().sum()} of {len(df)} psets have been run")
    ps.df_print(df.sort_values("temperature"))
