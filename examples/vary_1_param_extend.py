"""Extend a study: first a coarse scan, then a fine one where it gets interesting.

A ball is thrown with air drag; which angle takes it farthest? Some angles of the fine scan are in
the coarse one already, and `skip_dups=True` leaves these out. See how few psets the second call
runs, and that a second start of the script runs none at all.
"""

import math

import psweep as ps


def func(pset):
    angle = math.radians(pset["angle"])
    vx, vy = 40 * math.cos(angle), 40 * math.sin(angle)  # m/s
    x = y = 0.0
    dt = 1e-3
    while y >= 0:
        drag = 0.01 * math.hypot(vx, vy)
        vx -= drag * vx * dt
        vy -= (drag * vy + 9.81) * dt
        x += vx * dt
        y += vy * dt
    return {"distance": x}


if __name__ == "__main__":
    params = ps.plist("angle", range(15, 90, 15))
    df = ps.run_local(func, params, skip_dups=True)
    n_coarse = len(df)
    print(f"coarse: {len(params)} angles, best is {df.angle[df.distance.idxmax()]} degrees")

    # Now that we have seen where the maximum is:
    params = ps.plist("angle", range(30, 61, 3))
    df = ps.run_local(func, params, skip_dups=True)
    print(f"fine: {len(params)} angles, {len(df) - n_coarse} of them were new")
    print(f"best of all is {df.angle[df.distance.idxmax()]} degrees")

    ps.df_print(df.sort_values("angle"), cols=["angle", "distance", "_run_seq", "_pset_seq"])
