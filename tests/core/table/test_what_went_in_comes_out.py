"""Guarantee 4: ints stay ints, bools bools, None None, absent absent, whatever rows follow."""

from __future__ import annotations

import copy
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import arrays, names, nested, odd_names, psets, same

import psweep as ps
from psweep_core.table import by_hash

runs = st.lists(st.lists(psets(), min_size=1, max_size=4), min_size=1, max_size=3)
odd_runs = st.lists(
    st.lists(psets(names | odd_names), min_size=1, max_size=3), min_size=1, max_size=3
)


def check(df, expected):
    assert len(df) == len(expected)
    assert list(df.index) == list(df._pset_seq) == list(range(len(df)))
    for pset_id, sha, pset in zip(df._pset_id, df._pset_hash, expected, strict=True):
        found = ps.df_extract_pset(df, pset_id)
        assert same(found, pset), (found, pset)
        assert ps.pset_hash(found) == sha == ps.pset_hash(pset)
    assert all(map(same, ps.df_extract_params(df), expected))


def run_all(all_params, results, suffix):
    shutil.rmtree("calc", ignore_errors=True)
    done = []
    for params in all_params:
        it = iter(results * 100)
        df = ps.run_local(
            lambda pset: next(it),
            params,
            database_basename="database" + suffix,  # noqa: B023
        )
        done += params
        check(df, done)
        check(ps.df_read("calc/database" + suffix), done)


@pytest.mark.slow
@settings(max_examples=75)
@given(
    runs, st.lists(st.dictionaries(names.map("result of ".__add__), nested, max_size=2), min_size=1)
)
def test_params_come_back_after_save_extend_and_load(all_params, results):
    run_all(all_params, results, ".pk")


@pytest.mark.slow
@settings(max_examples=50)
@given(odd_runs)
def test_names_of_any_type_come_back(all_params):
    run_all(all_params, [{"result": 1}], ".pk")


@pytest.mark.slow
@settings(max_examples=50)
@given(st.lists(st.lists(psets(), min_size=1, max_size=3), min_size=2, max_size=2), st.data())
def test_a_result_may_be_called_like_a_param_of_another_run(all_params, data):
    names_of_others = [[*pset] for params in all_params for pset in params]
    # (Names that start with _ are not hashed, so the hash cannot tell which of them is what.)
    pool = sorted({n for some in names_of_others for n in some if not n.startswith("_")})[:3]
    results = [{name: data.draw(nested) for name in pool}]

    def clean(pset):
        return {k: v for k, v in results[0].items() if k not in pset}

    shutil.rmtree("calc", ignore_errors=True)
    done = []
    for params in all_params:
        df = ps.run_local(clean, params)
        done += params
        check(df, done)


jsonable = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
    | st.complex_numbers() | st.binary(max_size=3) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple)
    | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(st.lists(psets(value=jsonable | arrays), min_size=1, max_size=3), min_size=1,
                max_size=2))  # fmt: skip
def test_json_and_parquet_lose_nothing(all_params):
    for suffix in (".json", ".parquet"):
        if suffix == ".parquet":
            pytest.importorskip("pyarrow", reason="needs pip install 'psweep-core[parquet]'")
        run_all(all_params, [{"the result": 1.5}, {"the result": None}], suffix)


def test_columns_have_natural_dtypes_where_that_loses_nothing():
    def func(pset):
        return {"r": 1.5, "n": 3, "ok": True, "text": "x"}

    df = ps.run_local(func, [{"i": 1, "f": 0.5, "t": True, "s": "x", "z": 1j}])
    natural = {"i": "int64", "f": "float64", "t": "bool", "z": "complex128", "r": "float64",
               "n": "int64", "ok": "bool"}  # fmt: skip
    assert {name: str(df[name].dtype) for name in natural} == natural
    assert df.s.dtype == pd.Series(["x"]).dtype
    assert str(df._time_utc.dtype) == "datetime64[ns]"
    df = ps.run_local(func, [{"i": 7, "f": 2.5}, {"b": 1}])
    assert str(df.i.dtype) == "Int64"
    assert str(df.t.dtype) == "boolean"
    assert str(df.f.dtype) == "float64"
    assert str(df.b.dtype) == "Int64"
    assert df[df.i > 3].i.tolist() == [7]
    assert df[df.f > 1].f.tolist() == [2.5]
    assert df[df.s == "x"].index.tolist() == [0]
    assert df.i.isna().tolist() == [False, False, True]


def test_nan_none_and_absent_are_told_apart():
    psets = [{"a": float("nan")}, {"b": 1}, {"a": None, "b": float("nan")}, {"a": 2.5}]
    ps.run_local(lambda pset: {}, psets[:2])
    df = ps.run_local(lambda pset: {}, psets[2:])
    check(df, psets)
    assert df.a.isna().tolist() == [True, True, True, False]
    assert df[df.a.notna()].a.tolist() == [2.5]


def test_a_float_column_with_nan_and_absent_stays_float():
    df = ps.run_local(lambda pset: {}, [{"a": float("nan")}, {"b": 1}, {"a": 2.5}])
    assert df.a.dtype == np.float64
    check(df, [{"a": float("nan")}, {"b": 1}, {"a": 2.5}])
    assert df[df.a > 1].a.tolist() == [2.5]


def test_rows_cut_out_and_joined_by_pandas_keep_their_psets():
    psets = [{"a": float("nan")}, {"b": 1}, {"a": 2.5, "c": "x"}]
    df = ps.run_local(lambda pset: {"r": pset["_pset_seq"]}, psets)
    for part in (df[::-1], df.copy(), df[df.r >= 0], df.sort_values("r", ascending=False)):
        for pset_id, seq in zip(part._pset_id, part._pset_seq, strict=True):
            assert same(ps.df_extract_pset(part, pset_id), psets[seq])


def test_plots_and_numbers_of_columns_with_missing_cells_work():
    df = ps.run_local(lambda pset: {"y": pset.get("x", 0) * 2}, [{"x": 1}, {"x": 2}, {"z": 3.5}])
    assert df.x.sum() == 3
    assert df.y.mean() == 2
    numbers = df[["x", "y", "z"]].astype(float)
    assert numbers.shape == (3, 3)


def test_a_row_with_a_result_that_is_a_param_elsewhere_has_ints_among_floats():
    def func(pset):
        return {name: None for name in ("a", "f") if name not in pset}

    first = [{"a": np.array([]), "i": 0.5}]
    ps.run_local(func, first)
    second = [{"i": 0, "f": 0.0, "g": 1.0}, {"i": 1, "f": 1.5, "g": 1.0}]
    df = ps.run_local(func, second)
    assert df.i.dtype == df.g.dtype == float
    check(df, first + second)


def test_ints_come_back_although_func_replaced_a_param_of_an_earlier_row():
    params = [{"i": 0.5, "n": 3}, {"i": 2, "n": 3}]
    df = ps.run_local(lambda pset: {"n": 4} if pset["i"] == 0.5 else {}, params)
    assert df.i.dtype == float
    first, second = ps.df_extract_params(df)
    assert first == {"i": 0.5, "n": 4}
    assert same(second, params[1])


def test_rows_that_were_changed_leave_those_after_them_their_psets():
    """What is a result here and a param there is found out for each row."""
    result = {"a": (), "b": {}, "i": 4}
    first = [{"a": np.array([]), "b": 1, "t": 1}]
    ps.run_local(lambda _: {}, first)

    def func(pset):
        changed = {"t": False} if pset["t"] == 2 else {}
        return {**{name: v for name, v in result.items() if name not in pset}, **changed}

    params = [{"i": -3, "t": 2}, {"i": 1, "t": 3}, {"i": 2, "t": 4}, {"t": 5}, {"i": 3, "t": 6}]
    df = ps.run_local(func, params)
    found = ps.df_extract_params(df)
    assert all(map(same, [found[0], *found[2:]], first + params[1:]))


@pytest.mark.slow
def test_rows_that_cannot_be_read_leave_others_theirs():
    many = [{name: float(i) for name in "abcdefgh"} for i in range(30)]
    df = ps.run_local(lambda pset: {"a": pset["a"] + 0.25}, many, save=False)
    others = [{"k": 1, "y": 2.0}, {"k": 1.5, "y": 2.0}]
    df = ps.run_local(lambda _: {}, others, df=df, save=False)
    assert all(map(same, ps.df_extract_params(df)[30:], others))


@pytest.mark.slow
def test_extracting_rows_whose_params_func_replaced_takes_no_longer_with_more_of_them():
    params = [{name: float(i) for name in "abcdefg"} for i in range(400)]
    df = ps.run_local(lambda pset: {"a": "new"}, params, save=False)
    hashed = []

    def counted(pset):
        hashed.append(1)
        return hash_of(pset)

    hash_of = by_hash.pset_hash
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_hash, "pset_hash", counted)
        ps.df_extract_params(df)
    assert len(hashed) < 60_000


@pytest.mark.parametrize("suffix", [".pk", ".json"])
@pytest.mark.parametrize("text", ["a\0", b"a\0"])
def test_a_text_of_numpy_keeps_the_zeros_at_its_end(tmp_path, monkeypatch, suffix, text):
    monkeypatch.chdir(tmp_path)
    of_numpy = np.str_(text) if isinstance(text, str) else np.bytes_(text)
    name = f"database{suffix}"
    df = ps.run_local(lambda pset: {"y": pset["a"]}, [{"a": of_numpy}], database_basename=name)
    for found in (df, ps.df_read(f"calc/{name}")):
        pset = ps.df_extract_pset(found, found._pset_id[0])
        assert ps.pset_hash(pset) == found._pset_hash[0] == ps.pset_hash({"a": text})
        assert pset["a"][:] == text
        assert found.y[0][:] == copy.copy(of_numpy)[:]  # where NumPy's own copies keep them
