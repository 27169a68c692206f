"""Run each pset as its own job, from templates: how much of a hot body's light is visible?

`prep_batch` starts nothing. For each pset it makes a folder calc/<pset_id> with the files of
templates/calc and templates/machines/local, their placeholders such as $temperature filled in,
and it writes calc/run_local.sh, which runs the jobs one after another. Look into one of the
folders, then call

    sh calc/run_local.sh
    psweep-status

and run 20collect.py. Run all of it again with other temperatures: only the new psets will run.
"""

import psweep as ps

if __name__ == "__main__":
    params = ps.plist("temperature", [1000, 2000, 2700, 4000, 5772, 10000, 20000])
    df = ps.prep_batch(params, skip_dups=True)

    ps.df_print(df, cols=["_run_seq", "_pset_seq", "temperature", "_pset_id"])
    n_new = df._pset_runtime.isna().sum()
    print(f"{n_new} of {len(df)} psets have no results yet; next: sh calc/run_local.sh")
