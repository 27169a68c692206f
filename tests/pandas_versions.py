"""Write a study under one pandas, read it under another: see `nox -s pandas_versions`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

# pandas 2.2 has given them other names
YEAR, HOUR = ("Y", "h") if "Y" in pd.Period("2020", freq="Y").freqstr else ("A", "H")

PSETS = [
    {"i": 1, "f": 0.5, "s": "text", "t": True, "n": None},
    {"i": -2, "f": float("nan"), "s": "ü\N{GRINNING FACE}", "x": [1, {"k": (2, "v")}]},
    {"i": np.int64(3), "f": np.float32(0.5), "t": np.bool_(False), "s": None},
    {"when": pd.Timestamp("2020-01-02T03:04:05.000000006"), "z": 1j, "b": b"bytes"},
    {"zoned": pd.Timestamp("2020-06-01", tz="Europe/Berlin"), "na": pd.NA, "half": "\ud800"},
    {"year": pd.Period("2020", YEAR), "hours": pd.Period("2020-01-01 03:00", f"2{HOUR}")},
    {"march": pd.PeriodDtype(f"{YEAR}-MAR"), "months": [pd.DateOffset(months=2, day=1)]},
    {
        "periods": pd.period_range("2020", periods=2, freq=HOUR).array,
        "week": pd.Period("2020", "W"),
    },
    # text that repeats, and that the first rows lack
    *({"word": "left" if k % 2 else "ü"} for k in range(150)),
]


def func(pset):
    return {
        "array": np.arange(4).reshape(2, 2),
        "scalar": np.float64(1.5),
        "time": np.datetime64("2020-01-01"),
        "objects": np.array([1, "x", None], dtype=object),
        "frame": pd.DataFrame({"a": [1, 2], "s": ["x", "y"]}),
        "series": pd.Series([1.5, 2.5], name="n"),
        "maybe": pset["_pset_seq"] if pset["_pset_seq"] % 2 else None,
        "category": pd.Categorical(["x", "y", "x"]),
    }


def write(folder: Path) -> None:
    import shutil

    import psweep as ps

    shutil.rmtree(folder, ignore_errors=True)
    for params in (PSETS[:2], PSETS[2:8], PSETS[8:]):
        ps.run_local(func, params, calc_dir=folder)
    hashes = [ps.pset_hash(pset) for pset in PSETS]
    (folder / "hashes.json").write_text(json.dumps(hashes))


def read(folder: Path) -> None:
    """Read by pandas alone first: psweep must not be needed."""
    df = pd.read_pickle(folder / "database.pk")
    if "psweep" in sys.modules:
        message = "the database has imported psweep"
        raise AssertionError(message)
    import psweep as ps

    expected = json.loads((folder / "hashes.json").read_text())
    check(df._pset_hash.tolist() == expected, "the hashes in the database")
    check([ps.pset_hash(pset) for pset in PSETS] == expected, "the hashes that are made here")
    found = ps.df_extract_params(df)
    check([ps.pset_hash(pset) for pset in found] == expected, "the psets that come back")
    check([pset.keys() for pset in found] == [pset.keys() for pset in PSETS], "their names")
    check(str(df.i.dtype) == "Int64", "natural dtypes")
    check(df[df.i > 0].i.tolist() == [1, 3], "comparisons")
    check(df.word.isna().tolist() == [True] * 8 + [False] * 150, "cells without text")
    check(df.word[8:].tolist() == ["ü", "left"] * 75, "text that repeats")
    check(df._run_seq.tolist() == [0] * 2 + [1] * 6 + [2] * 150, "numbers of runs")
    check(df._run_id.nunique() == 3, "ids of runs")
    check(df._run_id.dtype == df._pset_id.dtype, "the dtype of text")
    check(df.array[0].tolist() == [[0, 1], [2, 3]], "arrays")
    check(df.objects[1].tolist() == [1, "x", None], "arrays of objects")
    check(df.frame[0].s.tolist() == ["x", "y"], "DataFrames in cells")
    check(df.series[0].tolist() == [1.5, 2.5], "Series in cells")
    check(list(df.category[0]) == ["x", "y", "x"], "categories in cells")
    n = len(df)
    df = ps.run_local(func, [{"i": 9}], calc_dir=folder)
    check(len(df) == n + 1, "extending the study")
    df = df[:-1]
    ps.df_write(df, folder / "database.pk")
    print(f"pandas {pd.__version__} and NumPy {np.__version__} read {folder.name}")


def check(true: bool, what: str) -> None:
    if not true:
        message = f"wrong under pandas {pd.__version__}: {what}"
        raise AssertionError(message)


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]))
