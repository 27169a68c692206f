"""Look at DataFrames and take them apart."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

import psweep as ps
from psweep_core.table import cells as columns
from psweep_core.table import frames
from psweep_core.table.rows import Header

HEADER = Header("run", 0, "calc", 0, 10)


@pytest.fixture
def df():
    return ps.run_local(
        lambda p: {"r": p["_pset_seq"] / 2}, [{"a": 1, "b": "x"}, {"a": 2}, {"b": None}], save=False
    )


def test_df_extract_row_keeps_every_type(df):
    row = ps.df_extract_row(df, df._pset_id[1])
    assert row.name == 1
    assert "b" not in row.index
    assert type(row.a) is int
    assert type(row.r) is float
    assert type(row._time_utc) is pd.Timestamp
    assert type(row._pset_seq) is int
    row = ps.df_extract_row(df, df._pset_id[2])
    assert row.b is None


def test_df_filter_conds(df):
    assert ps.df_filter_conds(df, []).equals(df)
    assert ps.df_filter_conds(df, [df.a == 1]).index.tolist() == [0]
    assert ps.df_filter_conds(df, [df.a > 0, df.r > 0]).index.tolist() == [1]
    assert ps.df_filter_conds(df, [df.a == 1, df.r == 1], op=np.logical_or).index.tolist() == [0, 2]
    assert ps.df_filter_conds(df, [[True, False, True]]).index.tolist() == [0, 2]
    assert ps.df_filter_conds(df[1:], [df[1:].a > 0]).index.tolist() == [1]


def test_df_print(df, capsys):
    ps.df_print(df)
    assert capsys.readouterr().out == (
        "   a    b   r\n   1    x 0.0\n   2  NaN 0.5\n<NA> None 1.0\n"
    )
    ps.df_print(df, index=True, cols=["r", "_pset_seq"])
    assert (
        capsys.readouterr().out
        == "     r  _pset_seq\n0  0.0          0\n1  0.5          1\n2  1.0          2\n"
    )  # noqa: E501
    ps.df_print(df, special_cols=True, skip_cols=["a", "b"])
    out = capsys.readouterr().out
    assert "_pset_hash" in out
    assert " a " not in out
    ps.df_print(df.assign(**{"x" * 300: 1}))
    assert "..." not in capsys.readouterr().out


def row(seq, params, results=None, extras=None):
    return (seq, f"id{seq}", 10**18 + seq, "sha", 0.5, params, results or {}, extras)


def test_rows_are_sorted_and_get_a_plain_index_where_that_fits():
    df = frames.frame_of_rows([row(2, {"a": 2}), row(1, {"a": 1})], HEADER)
    assert df.a.tolist() == [1, 2]
    assert df.index.equals(pd.RangeIndex(1, 3))
    assert isinstance(df.index, pd.RangeIndex)
    df = frames.frame_of_rows([row(5, {"a": 2}), row(1, {"a": 1})], HEADER)
    assert df.index.tolist() == [1, 5]


def test_appending_sorts_by_sequence_and_leaves_the_old_frame_alone():
    old = frames.frame_of_rows([row(3, {"a": 3})], HEADER)
    new = frames.frame_of_rows([row(1, {"a": 1, "b": True})], HEADER)
    copy = old.copy()
    df = frames.append_frame(old, new)
    assert df.index.tolist() == [1, 3]
    assert df.a.tolist() == [1, 3]
    pd.testing.assert_frame_equal(old, copy)
    assert frames.append_frame(old, new.iloc[:0]) is old
    assert frames.append_frame(None, new) is new
    assert frames.append_frame(pd.DataFrame(), new) is new


@pytest.mark.slow
def test_frames_of_the_same_columns_are_joined_as_others_are(monkeypatch):
    """They are joined all columns at once, which is quicker."""
    values = [1, 0.5, float("nan"), None, "a", True, 1j, 2**70, [1], pd.Timestamp(1)]
    for a, b in itertools.product(values, values):
        halves = [
            frames.frame_of_rows([row(i, {"a": v, 0: 1})], HEADER) for i, v in enumerate((a, b))
        ]
        df = frames.append_frame(*halves)
        with monkeypatch.context() as context:
            context.setattr(frames, "_same_columns", lambda *_: False)
            one_by_one = frames.append_frame(*halves)
        pd.testing.assert_frame_equal(df, one_by_one)
        assert repr(columns.cells(df.a)) == repr(columns.cells(one_by_one.a))
        assert type(df.index) is pd.RangeIndex


@pytest.mark.parametrize(
    ("first", "second", "dtype"),
    [
        ([1], [2], "int64"), ([1], [True], "object"),
        ([1], ["x"], "object"),
        ([0.5], [1.5], "float64"), ([True], [False], "bool"), ([1], [2**70], "object"),
        ([1j], [2j], "complex128"), ([None], [None], "object"), ([[1]], [[2]], "object"),
        ([pd.Timestamp(1)], [pd.Timestamp(2)], "datetime64[ns]"), ([2**70], [1], "object"),
        ([1], [], "Int64"), ([True], [], "boolean"), ([0.5], [], "float64"), ([1j], [], "object"),
        ([pd.Timestamp(1)], [], "datetime64[ns]"), ([], [1], "Int64"), ([], [0.5], "float64"),
    ],
)  # fmt: skip
def test_dtypes_when_columns_are_joined(first, second, dtype):
    old = frames.frame_of_rows([row(0, {"a": v} if first else {}) for v in first or [0]], HEADER)
    new = frames.frame_of_rows([row(1, {"a": v} if second else {}) for v in second or [0]], HEADER)
    df = frames.append_frame(old, new)
    assert str(df.a.dtype) == dtype
    values = columns.cells(df.a)
    expected = [*(first or [columns.MISSING]), *(second or [columns.MISSING])]
    assert values == expected
    assert list(map(type, values)) == list(map(type, expected))


@pytest.mark.parametrize("params", [[1, 2.5], [2.5, 1], [0.5, 1, 10, 100.0], [1, 2.0, 3]])
@pytest.mark.parametrize("at_once", [True, False])
def test_ints_among_floats_are_numbers_to_pandas_and_come_back_as_ints(params, at_once):
    psets = [{"a": value, "b": 2.0, "c": 3} for value in params]
    for part in [psets] if at_once else [psets[:1], psets[1:]]:
        df = ps.run_local(lambda p: {"r": p["a"]}, part)
    assert df.a.dtype == df.r.dtype == float
    assert df.a.tolist() == params
    found = ps.df_extract_params(df)
    assert found == psets
    assert [list(map(type, p.values())) for p in found] == [
        list(map(type, p.values())) for p in psets
    ]
    assert type(ps.df_extract_row(df, df._pset_id[0]).a) is type(params[0])


def test_ints_that_a_float_cannot_hold_stay_ints():
    for psets in ([{"a": 2**53 + 1}, {"a": 0.5}], [{"_a": 1}, {"_a": 0.5}]):
        for part in (psets, psets[:1], psets[1:]):
            df = ps.run_local(lambda p: {}, part)
        assert ps.df_extract_params(df) == [*psets, *psets]
        (name,) = psets[0]
        assert list(map(type, map(dict.get, ps.df_extract_params(df), [name] * 4))) == [
            int, float, int, float
        ]  # fmt: skip
        import shutil

        shutil.rmtree("calc")


def test_many_results_that_become_params_later_are_told_apart():
    first = {"x": 1, "y": 2.0, "z": 3, "w": 4}
    ps.run_local(lambda p: first, [{"a": 1}])
    df = ps.run_local(lambda p: {}, [{"a": 1, **first}])
    assert ps.df_extract_params(df) == [{"a": 1}, {"a": 1, **first}]


def test_text_stays_text_when_rows_without_it_follow():
    text = pd.Series(["x"]).dtype
    old = frames.frame_of_rows([row(0, {"a": "x"})], HEADER)
    df = frames.append_frame(old, frames.frame_of_rows([row(1, {})], HEADER))
    assert df.a.dtype == text
    df = frames.append_frame(df, frames.frame_of_rows([row(2, {"a": "y"})], HEADER))
    assert df.a.dtype == text
    assert columns.cells(df.a) == ["x", columns.MISSING, "y"]


def test_text_stays_text_whatever_its_column_is_called():
    half_a_pair = "\ud800"  # which UTF-8 cannot hold
    psets = [{"x": "a", half_a_pair: "a"}]
    first = ps.run_local(lambda p: {"r": 1}, psets, save=False)
    both = ps.run_local(lambda p: {"r": 1, "more": 2}, psets, df=first, save=False)
    assert both[half_a_pair].dtype == both.x.dtype == first.x.dtype


def test_a_column_that_is_a_result_first_and_a_param_later_stands_among_the_params():
    ps.run_local(lambda p: {"b": 1}, [{"a": 1}])
    df = ps.run_local(lambda p: {}, [{"b": 2}])
    assert list(df.columns[:3]) == ["a", "b", "_run_id"]
    assert ps.df_extract_params(df) == [{"a": 1}, {"b": 2}]


def test_columns_that_the_user_adds_are_kept():
    df = ps.run_local(lambda p: {"r": 1}, [{"a": 1}])
    df["study"] = "first"
    ps.df_write(df, "calc/database.pk")
    df = ps.run_local(lambda p: {"r": 2}, [{"a": 2}])
    assert df.study.isna().tolist() == [False, True]
    assert df.study[0] == "first"
    assert list(df.columns[-3:]) == ["r", "study", "_pset_runtime"]
    assert ps.df_extract_params(df) == [{"a": 1}, {"a": 2}]


def test_the_hash_tells_a_param_from_a_result_of_the_same_name_in_one_run():
    df = ps.run_local(
        lambda p: {} if "b" in p else {"b": 5}, [{"a": 1}, {"a": 1, "b": 2}], save=False
    )
    assert df.b.tolist() == [5, 2]
    assert ps.df_extract_params(df) == [{"a": 1}, {"a": 1, "b": 2}]


def test_missing_marker_has_a_name():
    assert repr(columns.MISSING) == "MISSING"


def test_conditions_are_matched_by_their_labels():
    df = pd.DataFrame({"a": [1, 2, 3]}, index=[7, 8, 9])
    other = df[::-1]
    assert ps.df_filter_conds(df, [other.a == 1]).a.tolist() == [1]
    assert ps.df_filter_conds(df, [other.a <= 2, df.a >= 2]).a.tolist() == [2]
    assert ps.df_filter_conds(other, [df.a >= 2]).a.tolist() == [3, 2]
    assert ps.df_filter_conds(df, [(df.a == 1).to_numpy()]).a.tolist() == [1]
    twice = pd.concat([df, df])
    assert ps.df_filter_conds(twice, [twice.a == 1]).a.tolist() == [1, 1]
    for odd in ((df.a == 1).reset_index(drop=True), (twice.a == 1).iloc[[0, 0, 1]]):
        with pytest.raises(ps.ParamsError, match=r"condition 0 has other row labels than df"):
            ps.df_filter_conds(df, [odd])


@pytest.mark.parametrize("kind", ["list", "struct", "map"])
def test_nested_values_of_pyarrow_are_levels_of_a_parameter(kind):
    pa = pytest.importorskip("pyarrow")
    dtype, one, two = {
        "list": (pa.list_(pa.int8()), [1], [2]),
        "struct": (pa.struct([pa.field("k", pa.int8())]), {"k": 1}, {"k": 2}),
        "map": (pa.map_(pa.string(), pa.int8()), [("k", 1)], [("k", 2)]),
    }[kind]
    df = ps.run_local(lambda p: {"y": p["a"]}, ps.pgrid(a=[1, 2, 3], b=[0, 1]), save=False)
    values = [two if b else one for b in df.pop("b")]
    df.insert(0, "nested", pd.array(values, dtype=pd.ArrowDtype(dtype)))
    df = ps.df_update_pset_hash(df)
    shares = ps.df_importance(df, "y")
    assert shares.term.tolist() == ["a", "nested", "nested:a"]
    assert shares.share.round(6).tolist() == [1, 0, 0]
    assert ps.df_stats(df, over="nested").n.tolist() == [2, 2, 2]


def test_the_hashes_of_no_rows_keep_their_dtype():
    df = ps.run_local(lambda _: {}, [{"a": 1}], save=False)[:0]
    for changed in (ps.df_update_pset_hash(df), ps.df_add_param(df, "b", 1)):
        assert changed._pset_hash.dtype == df._pset_hash.dtype


def test_none_and_missing_bools_among_objects_count_as_false():
    results = iter([True, None, False, True])
    df = ps.run_local(lambda _: {"ok": next(results)}, ps.plist("a", [1, 2, 3, 4]), save=False)
    assert df.ok.dtype == object
    assert ps.df_filter_conds(df, [df.ok]).a.tolist() == [1, 4]
    mixed = pd.Series([True, float("nan"), pd.NA, False], dtype=object)
    assert ps.df_filter_conds(df, [mixed, df.a < 4]).a.tolist() == [1]
    assert len(ps.df_filter_conds(df[:0], [[]])) == 0
    for bad in (["x", True, None, True], [1, None, 0, 1], [1, 2, 3, 4]):
        with pytest.raises(ps.ParamsTypeError, match="not bools"):
            ps.df_filter_conds(df, [pd.Series(bad, dtype=object)])


@pytest.mark.parametrize("cond", [lambda df: df.a == 1, lambda df: (df.a == 1).to_numpy(), str])
def test_one_condition_that_is_not_in_a_list_is_shown(cond):
    df = pd.DataFrame({"a": [1, 2]})
    with pytest.raises(ps.ParamsTypeError, match=r"must be a list, such as \[df.a == 1\]"):
        ps.df_filter_conds(df, cond(df))


def test_an_id_is_one_text():
    df = ps.run_local(lambda _: {}, ps.plist("a", [1, 2]), save=False)
    for odd in (df._pset_id, [df._pset_id[0]], 5, None):
        with pytest.raises(ps.PsetNotFoundError):
            ps.df_extract_pset(df, odd)


@pytest.mark.parametrize("function", [ps.df_importance, ps.df_plot])
@pytest.mark.parametrize("y", [["y"], pd.Series([1.0, 2.0]), {"y": 1}, None, "a"])
def test_what_is_no_name_of_a_result_is_refused(function, y):
    df = ps.run_local(lambda pset: {"y": pset["a"]}, ps.plist("a", [1, 2]), save=False)
    with pytest.raises(ps.ParamsError, match="there is no result"):
        function(df, y)


@pytest.mark.parametrize("given", ["calc", None, {"a": [1]}])
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("df_add_param", ("c", 1)),
        ("df_extract_params", ()),
        ("df_extract_pset", ("id",)),
        ("df_extract_row", ("id",)),
        ("df_filter_conds", ([],)),
        ("df_importance", ("b",)),
        ("df_latest", ()),
        ("df_plot", ("b",)),
        ("df_print", ()),
        ("df_select", ([{"a": 1}],)),
        ("df_stats", ()),
        ("df_to_json", ()),
        ("df_to_xarray", ()),
        ("df_update_pset_hash", ()),
    ],
)
def test_what_is_not_a_dataframe_is_named(name, args, given):
    with pytest.raises(ps.ParamsTypeError, match=f"^{name} needs a DataFrame") as error:
        getattr(ps, name)(given, *args)
    assert repr(given) in str(error.value)
    assert ("; write" in str(error.value)) == (given == "calc")
