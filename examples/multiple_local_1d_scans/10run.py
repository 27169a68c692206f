"""Several 1d scans in one study: vary one parameter of an epidemic at a time.

Each parameter is varied on its own around a constant pset, by one call of `run_local` per
parameter. The column "study" names it. `backup=True` copies calc/ to calc.bak_<time>_run_id_<id>
before it is extended, so that you can go back; the first call has nothing to copy yet. Look at
the folders that are listed at the end, then run 20eval.py.
"""

import glob

import psweep as ps


def func(pset):
    infected, recovered, dt = 1e-3, 0.0, pset["dt"]
    peak, peak_day = infected, 0.0
    for step in range(1, round(300 / dt) + 1):
        new_infections = pset["beta"] * infected * (1 - infected - recovered)
        recoveries = pset["gamma"] * infected
        infected += dt * (new_infections - recoveries)
        recovered += dt * recoveries
        if infected > peak:
            peak, peak_day = infected, step * dt
    return {"peak": peak, "peak_day": peak_day, "ever_infected": infected + recovered}


if __name__ == "__main__":
    const = {"beta": 0.3, "gamma": 0.1, "dt": 0.1}  # infections and recoveries a day; time step
    scans = {
        "beta": [0.15, 0.2, 0.3, 0.4, 0.6],
        "gamma": [0.05, 0.1, 0.15, 0.2],
        "dt": [1.0, 0.5, 0.1, 0.05],
    }
    for name, values in scans.items():
        params = ps.stargrid(
            const, vary=[ps.plist(name, values)], vary_labels=[name], vary_label_col="study"
        )
        df = ps.run_local(func, params, backup=True)
        print(f"scan of {name}: {len(params)} psets, {len(df)} rows in the database")

    for folder in sorted(glob.glob("calc*")):
        print(f"{folder}: {len(ps.df_read(f'{folder}/database.pk'))} rows")
