"""Make what has come back from the cluster columns of the database.

What each job has written to result.pk becomes columns; a failed one gets `_failed` and `_exc_txt`,
which has the end of what it has printed. Look at the magnetisation: it vanishes at temperature 1,
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
