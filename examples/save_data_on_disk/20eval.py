"""Read the files that 10run.py wrote, and make new columns from them.

The evaluation is a separate script, so that it can change without running anything again.
It leaves calc/database.pk alone and writes calc/database_eval.pk, which has the same rows and the
new columns `rms` and `crossings`: how often the spring passes its rest position.
"""

import os

import numpy as np

import psweep as ps

if __name__ == "__main__":
    df = ps.df_read("calc/database.pk")

    rms, crossings = [], []
    for pset_id in df._pset_id:
        _, position = np.loadtxt(os.path.join("calc", pset_id, "output.txt")).T
        rms.append(np.sqrt(np.mean(position**2)))
        crossings.append(np.count_nonzero(np.diff(np.sign(position))))
    df["rms"] = rms
    df["crossings"] = crossings

    ps.df_print(df, cols=["frequency", "damping", "rms", "crossings", "_pset_id"])
    ps.df_write("calc/database_eval.pk", df)
    print(f"wrote {len(df)} rows to calc/database_eval.pk")
