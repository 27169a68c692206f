"""Evaluate the scans of 10run.py: one table each, found by the column "study".

Where 10run.py was run more than once, the last row of each pset is taken. Look at the scan of
dt: the results barely change from 0.1 to 0.05, so the time step of the other scans was fine.
"""

import psweep as ps

if __name__ == "__main__":
    df = ps.df_read("calc/database.pk").drop_duplicates("_pset_hash", keep="last")

    for study, scan in df.groupby("study", sort=False):
        table = scan[[study, "peak", "peak_day", "ever_infected"]].sort_values(study)
        print(f"\nscan of {study}")
        ps.df_print(table.round(3))

    scan = df[df.study == "dt"].sort_values("dt")
    change = abs(scan.peak.iloc[1] / scan.peak.iloc[0] - 1)
    print(f"\nhalving dt from {scan.dt.iloc[1]} changes the peak by {change:.2%}")
