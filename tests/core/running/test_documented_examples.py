"""The worked examples of the README of psweep 0.8.0, typed into an interpreter."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pandas as pd
import pytest

import psweep as ps

HASHES = [
    "2580bf27aca152e5427389214758e61ea0e544e0",
    "f2f17559c39b416483251f097ac895945641ea3a",
    "010552c86c69e723feafb1f2fdd5b7d7f7e46e32",
    "b57c5feac0608a43a65518f01da5aaf20a493535",
    "719b2a864450534f5b683a228de018bc71f4cf2d",
    "54baeefd998f4d8a8c9524c50aa0d88407cabb46",
]


def test_getting_started():
    def func(pset):
        return {"result": random.random() * pset["a"] * pset["b"]}

    a = ps.plist("a", [1, 2, 3])
    b = ps.plist("b", [88, 99])
    params = ps.pgrid(a, b)
    assert repr(params) == (
        "[{'a': 1, 'b': 88}, {'a': 1, 'b': 99}, {'a': 2, 'b': 88}, {'a': 2, 'b': 99}, "
        "{'a': 3, 'b': 88}, {'a': 3, 'b': 99}]"
    )
    df = ps.run_local(func, params)
    ids = {
        **dict.fromkeys(df._pset_id, "PSET_ID"),
        **dict.fromkeys(df._run_id, "RUN_ID"),
    }
    shown = df.assign(
        _run_id=df._run_id.map(ids), _pset_id=df._pset_id.map(ids), result=0.5,
        _time_utc="TIME", _pset_runtime=0.25,
    )  # fmt: skip
    expected = """\
   a   b _run_id _pset_id _calc_dir _time_utc                                _pset_hash  _pset_seq  _run_seq  result  _pset_runtime
0  1  88  RUN_ID  PSET_ID      calc      TIME  2580bf27aca152e5427389214758e61ea0e544e0          0         0     0.5           0.25
1  1  99  RUN_ID  PSET_ID      calc      TIME  f2f17559c39b416483251f097ac895945641ea3a          1         0     0.5           0.25
2  2  88  RUN_ID  PSET_ID      calc      TIME  010552c86c69e723feafb1f2fdd5b7d7f7e46e32          2         0     0.5           0.25
3  2  99  RUN_ID  PSET_ID      calc      TIME  b57c5feac0608a43a65518f01da5aaf20a493535          3         0     0.5           0.25
4  3  88  RUN_ID  PSET_ID      calc      TIME  719b2a864450534f5b683a228de018bc71f4cf2d          4         0     0.5           0.25
5  3  99  RUN_ID  PSET_ID      calc      TIME  54baeefd998f4d8a8c9524c50aa0d88407cabb46          5         0     0.5           0.25"""  # noqa: E501
    assert shown.to_string() == expected
    assert df._pset_hash.tolist() == HASHES
    assert df.index.equals(df._pset_seq.rename(None).pipe(pd.Index))


def test_building_parameter_grids():
    a = ps.plist("a", [1, 2])
    b = ps.plist("b", ["xx", "yy"])
    assert repr(a) == "[{'a': 1}, {'a': 2}]"
    assert repr(b) == "[{'b': 'xx'}, {'b': 'yy'}]"
    assert repr(list(product(a, b))) == (
        "[({'a': 1}, {'b': 'xx'}), ({'a': 1}, {'b': 'yy'}), "
        "({'a': 2}, {'b': 'xx'}), ({'a': 2}, {'b': 'yy'})]"
    )
    grid = "[{'a': 1, 'b': 'xx'}, {'a': 1, 'b': 'yy'}, {'a': 2, 'b': 'xx'}, {'a': 2, 'b': 'yy'}]"
    assert repr(ps.itr2params(product(a, b))) == grid
    assert repr(ps.pgrid(a, b)) == repr(ps.pgrid([a, b])) == grid
    assert repr(ps.pgrid([zip(a, b)])) == "[{'a': 1, 'b': 'xx'}, {'a': 2, 'b': 'yy'}]"
    c = ps.plist("c", [88, None, "Z"])
    const = ps.plist("const", [1.23])
    assert repr(ps.pgrid(zip(a, b), c, const)) == (
        "[{'a': 1, 'b': 'xx', 'c': 88, 'const': 1.23}, "
        "{'a': 1, 'b': 'xx', 'c': None, 'const': 1.23}, "
        "{'a': 1, 'b': 'xx', 'c': 'Z', 'const': 1.23}, "
        "{'a': 2, 'b': 'yy', 'c': 88, 'const': 1.23}, "
        "{'a': 2, 'b': 'yy', 'c': None, 'const': 1.23}, "
        "{'a': 2, 'b': 'yy', 'c': 'Z', 'const': 1.23}]"
    )
    assert repr(ps.pgrid([a])) == "[{'a': 1}, {'a': 2}]"
    for wrong in (a, zip(a, b)):
        with pytest.raises(ValueError):
            ps.pgrid(wrong)


def test_the_database():
    params = ps.plist("a", [1, 2])
    other_params = ps.plist("a", [3])

    def func(pset):
        return {"result": 1.234}

    df_run_0 = ps.run_local(func, params, save=False)
    df_run_0_and_1 = ps.run_local(func, other_params, save=False, df=df_run_0)
    assert df_run_0_and_1._run_seq.tolist() == [0, 0, 1]
    ps.run_local(func, params)
    df = ps.run_local(func, other_params)
    assert df._run_seq.tolist() == [0, 0, 1]


def test_repeated_runs_with_the_same_params():
    params = ps.plist("a", [1, 2, 3])
    ps.run_local(lambda pset: {"result": random.random()}, params)
    df = ps.run_local(lambda pset: {"result": random.random()}, params)
    assert df._run_seq.tolist() == [0, 0, 0, 1, 1, 1]
    assert df._pset_seq.tolist() == [0, 1, 2, 3, 4, 5]
    assert df._pset_hash[:3].tolist() == df._pset_hash[3:].tolist()
    assert df._pset_id.nunique() == 6


def test_post_processing():
    ps.run_local(lambda pset: {}, ps.plist("a", [1.0, 2.0, -3.0]))
    ps.run_local(lambda pset: {}, ps.plist("b", [1]))
    df = ps.df_read("calc/database.pk")
    df = df[(df.a > 0) & ~df.a.isna()]
    arr = np.array([[a, 2 * a] for a in df.a.values])
    df["mean"] = arr.mean(axis=1)
    ps.df_print(df[["a", "mean", "_pset_id"]], special_cols=True)
    ps.df_write(df, "calc/database_eval.pk")
    assert ps.df_read("calc/database_eval.pk")["mean"].tolist() == [1.5, 3.0]


def test_study_column():
    ps.run_local(lambda pset: {}, ps.pgrid(ps.plist("a", [1, 2]), ps.plist("study", ["scan=a:b"])))
    df = ps.run_local(lambda p: {}, ps.pgrid(ps.plist("b", [10, 11]), ps.plist("study", ["foo"])))
    assert df[df.study == "scan=a:b"].a.tolist() == [1, 2]
    assert ps.df_filter_conds(df, [df.b == 10, df.study == "foo"]).b.tolist() == [10]
    cols = "scan=a:b".split("=")[1].split(":")
    assert df[cols].values.shape == (4, 2)
