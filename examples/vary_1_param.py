"""Vary one parameter: the period of a pendulum as its swings get wider.

`func` gets one pset, here {"angle": ...}, and returns a dict of results. The table that is
printed has one row per pset; see how the period leaves the textbook's value as the angle grows.
The same rows are in calc/database.pk, with the bookkeeping columns listed at the end. Start the
script again and it appends its rows to the study.
"""

import math

import psweep as ps

LENGTH = 1.0  # m
GRAVITY = 9.81  # m/s^2


def func(pset):
    small_swings = 2 * math.pi * math.sqrt(LENGTH / GRAVITY)
    # The exact period needs the arithmetic-geometric mean of 1 and cos(angle / 2).
    a, b = 1.0, math.cos(math.radians(pset["angle"]) / 2)
    while abs(a - b) > 1e-12:
        a, b = (a + b) / 2, math.sqrt(a * b)
    return {"period": small_swings / a, "longer_by_percent": 100 * (1 / a - 1)}


if __name__ == "__main__":
    params = ps.plist("angle", [1, 10, 30, 60, 90, 120, 150, 170])
    df = ps.run_local(func, params)

    ps.df_print(df)
    print("all columns:", ", ".join(df.columns))
