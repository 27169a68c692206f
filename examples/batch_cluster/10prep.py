"""Prepare jobs for a cluster: the magnetisation of a magnet, below and above its Curie point.

There are templates for two machines, so there will be two scripts: calc/run_cluster.sh, which
submits all new psets as one SLURM job array, and calc/run_local.sh, which runs them here. With
`write_pset=True` each folder holds its pset in pset.pk, which run.py reads, so that nothing in
run.py needs to be a placeholder. README.md has the commands that come next.

Run it again with more temperatures: `skip_dups=True` leaves out those that are there already.
"""

import psweep as ps

if __name__ == "__main__":
    params = ps.plist("temperature", [0.2, 0.5, 0.8, 0.9, 0.95, 0.999, 1.1, 1.5])
    df = ps.prep_batch(params, write_pset=True, skip_dups=True)

    ps.df_print(df, cols=["_run_seq", "_pset_seq", "temperature", "_pset_id"])
    print(f"{len(df)} psets are prepared; next: psweep-push cluster")
