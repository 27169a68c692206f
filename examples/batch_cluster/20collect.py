"""Read the results that came back from the cluster into the database.

The entries of each job's result.pk become columns. A failed job gets `_failed` and `_exc_txt`, with
the end of its output. Look at the magnetisation: it vanishes at temperature 1,
the Curie point, and near it the susceptibility and the number of iterations grow without limit.
"""

import psweep as ps

if __name__ == "__main__":
    df = ps.batch_collect("calc")

    print(f"{df._pset_runtime.notna().sum()} of {len(df)} psets have been run")
    ps.df_print(df.sort_values("temperature"), skip_cols=["_error"])  # it is printed below
    if "_failed" in df:  # once the first job has ended
        for text in df._exc_txt[df._failed]:
            print(f"\n{text}")
