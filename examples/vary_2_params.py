"""Vary two parameters on a grid: how strongly a driven oscillator swings.

`pgrid` makes every combination of the two plists; the last one varies fastest. The database
is an ordinary DataFrame with one row per combination, so `pivot_table` turns it into a map of
amplitude over frequency and damping. Look for the resonance near frequency 1: the less
damping, the higher the peak.
"""

import math

import psweep as ps


def func(pset):
    w, damping = pset["frequency"], pset["damping"]
    return {"amplitude": 1 / math.hypot(1 - w**2, 2 * damping * w)}


if __name__ == "__main__":
    frequency = ps.plist("frequency", [0.5, 0.8, 0.9, 1.0, 1.1, 1.5, 2.0])
    damping = ps.plist("damping", [0.05, 0.1, 0.5])
    params = ps.pgrid(frequency, damping)
    print(f"{len(frequency)} x {len(damping)} values make {len(params)} psets, such as {params[0]}")

    df = ps.run_local(func, params)
    print(df.pivot_table(index="frequency", columns="damping", values="amplitude").round(2))
