"""Name your scans, so that you find them again: a constant parameter "study".

Two scans go into one database: one varies the radius of a wire, the other its length. The
name of a scan says what it varies, so the evaluation needs no run ids and no list of
the values that were constant. See how each of the tables is found by its name alone, and how the
columns to print are taken from it.
"""

import math

import psweep as ps

RESISTIVITY = 1.68e-8  # copper, ohm m


def func(pset):
    area = math.pi * (pset["radius_mm"] * 1e-3) ** 2
    return {"resistance": RESISTIVITY * pset["length_m"] / area}


if __name__ == "__main__":
    radius = ps.plist("radius_mm", [0.1, 0.2, 0.5, 1.0])
    params = ps.pgrid(radius, ps.plist("length_m", [10]), ps.plist("study", ["scan=radius_mm"]))
    ps.run_local(func, params)

    length = ps.plist("length_m", [1, 10, 100])
    params = ps.pgrid(ps.plist("radius_mm", [0.5]), length, ps.plist("study", ["scan=length_m"]))
    df = ps.run_local(func, params)

    print(f"{len(df)} rows in all")
    for study, scan in df.groupby("study"):
        varied = study.split("=")[1]
        print(f"\n{study}: {len(scan)} rows")
        ps.df_print(scan, cols=[varied, "resistance"])
