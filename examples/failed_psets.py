"""Let some psets fail, fix the function, and run only the failed ones again.

Kepler's equation E - e sin(E) = M is solved by simple iteration, which needs too many steps for
eccentric orbits. With `on_error="record"` these psets become rows with `_failed` and the
traceback in `_exc_txt`, while the others continue. The second call has a better solver, and
`skip_dups=True`, so it runs only the psets without a successful row.
"""

import math

import psweep as ps

MEAN = 0.05  # M, the mean anomaly, in radians


def iterate(pset):
    anomaly = MEAN
    for n_steps in range(1, 21):
        before, anomaly = anomaly, MEAN + pset["e"] * math.sin(anomaly)
        if abs(anomaly - before) < 1e-6:
            return {"E": anomaly, "n_steps": n_steps}
    message = f"no convergence in {n_steps} steps"
    raise ArithmeticError(message)


def newton(pset):
    e, anomaly = pset["e"], math.pi
    n_steps = 0
    while abs(error := anomaly - e * math.sin(anomaly) - MEAN) > 1e-6:
        anomaly -= error / (1 - e * math.cos(anomaly))
        n_steps += 1
    return {"E": anomaly, "n_steps": n_steps}


if __name__ == "__main__":
    params = ps.plist("e", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])

    df = ps.run_local(iterate, params, on_error="record", skip_dups=True)
    failed = df[df._failed]
    print(f"{len(failed)} of {len(params)} psets failed, those with e = {failed.e.tolist()}")
    print(f"the first of them with this traceback:\n{failed._exc_txt.iloc[0]}")

    n_before = len(df)
    df = ps.run_local(newton, params, on_error="record", skip_dups=True)
    print(f"the fixed function was run for {len(df) - n_before} psets\n")

    ps.df_print(df, cols=["_run_seq", "_pset_seq", "e", "_failed", "E", "n_steps"])
    print("\nwhat to work with from here: df[~df._failed]")
    ps.df_print(df[~df._failed].sort_values("e"))
