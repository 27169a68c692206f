"""Write the files in this folder again: run it in an environment of each kind.

``python make_old_files.py pandas`` with pandas 1.5.3 (Python 3.10, numpy<1.24) writes
``pandas-1.5.pk``. Its index is of a class that later versions do not have.
``python make_old_files.py psweep NAME`` with psweep as of commit d58b709 writes ``NAME.pk``,
``NAME.json`` and ``NAME.parquet``.
"""

import datetime
import sys
from pathlib import Path

import numpy as np
import pandas as pd


def with_pandas():
    df = pd.DataFrame(
        {
            "a": [1, 2, 3],
            "_run_id": ["r"] * 3,
            "_pset_id": ["p0", "p1", "p2"],
            "_calc_dir": ["calc"] * 3,
            "_time_utc": pd.to_datetime(["2023-01-01"] * 3),
            "_pset_hash": ["h0", "h1", "h2"],
            "_pset_seq": [0, 1, 2],
            "_run_seq": [0] * 3,
            "result": [0.5, 1.5, 2.5],
            "_pset_runtime": [0.1] * 3,
        },
        index=[0, 1, 2],
    )
    df[df.a > 1].to_pickle("pandas-1.5.pk")


def with_psweep(name):
    import psweep as ps

    plain = {"i": 1, "f": 0.5, "s": "x", "n": None, "t": (1, "a"), "d": datetime.date(2020, 1, 2)}
    params = [plain, {"i": 2, "z": 1j, "when": pd.Timestamp("2020-06-01", tz="Europe/Berlin")}]
    df = ps.run_local(lambda pset: {"y": np.arange(pset["i"])}, params, save=False)
    for suffix in (".json", ".parquet"):
        ps.df_write(df, name + suffix)
    df["c"] = pd.Categorical(["x", "y"], ordered=True)
    df["u"] = pd.to_datetime(["2020-01-01", None]).tz_localize("UTC")
    df["p"] = pd.period_range("2020-01-01", periods=2, freq="D")
    df["Int8"] = pd.array([1, None], dtype="Int8")
    df["text"] = pd.array(["a", None], dtype="string")
    ps.df_write(df, name + ".pk")


if __name__ == "__main__":
    if sys.argv[1] == "pandas":
        with_pandas()
    else:
        with_psweep(Path(sys.argv[2]).name)
