"""Store large results in files: one folder per pset.

`func` writes to <calc_dir>/<pset_id>/output.txt; both names are in the pset that it gets. No
parameter values are in file names: the database says which folder belongs to which pset.
As all results are on disk, `func` returns an empty dict. Look at one of the files,
then run 20eval.py.
"""

import os

import numpy as np

import psweep as ps


def func(pset):
    """Write the motion of a damped spring: time and position."""
    time = np.linspace(0, 20, 201)
    position = np.exp(-pset["damping"] * time) * np.cos(pset["frequency"] * time)

    folder = os.path.join(pset["_calc_dir"], pset["_pset_id"])
    os.makedirs(folder, exist_ok=True)
    np.savetxt(os.path.join(folder, "output.txt"), np.column_stack([time, position]))
    return {}


if __name__ == "__main__":
    params = ps.pgrid(ps.plist("frequency", [1.0, 3.0]), ps.plist("damping", [0.0, 0.1, 0.5]))
    df = ps.run_local(func, params)

    ps.df_print(df, cols=["frequency", "damping", "_pset_id"])
    print(f"the motions are in {os.path.join('calc', '<_pset_id>', 'output.txt')}")
