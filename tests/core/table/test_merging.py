"""Several studies as one, one more parameter, and hashes after a change by hand."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import plain, psets, same

import psweep as ps

DIFFER = ["_run_id", "_pset_id", "_time_utc", "_pset_runtime", "_calc_dir"]


def run(params, df=None, func=lambda pset: {"y": 1}, **kwds):
    return ps.run_local(func, params, df=df, save=False, **kwds)


def test_merged_parts_equal_the_single_study():
    def func(pset):
        return {"y": pset["a"] * 0.5, "n": pset["a"] if pset["a"] % 7 else pset["a"] + 0.5}

    params = ps.pgrid(a=range(1000), b=[1, 2.5, None, "x", True], c=["u", "v"])
    parts = [run(params[i : i + 500], func=func) for i in range(0, len(params), 500)]
    merged, single = ps.df_merge(*parts), None
    for i in range(0, len(params), 500):
        single = run(params[i : i + 500], single, func)
    pd.testing.assert_frame_equal(
        merged.drop(columns=DIFFER), single.drop(columns=DIFFER), check_exact=True
    )
    assert list(merged) == list(single)
    assert type(merged.index) is type(single.index)
    assert ps.df_extract_params(merged) == params
    pd.testing.assert_frame_equal(ps.df_merge(parts), merged)


def no_param(pset):
    """Return a result whose name no pset of the tests has."""
    return {"the result": 1}


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(st.lists(psets(), max_size=4), min_size=1, max_size=4))
def test_psets_and_hashes_stay_whatever_they_are(parts):
    dfs = [run(part, func=no_param) for part in parts]
    merged = ps.df_merge(dfs)
    wanted = [pset for part in parts for pset in part]
    assert all(map(same, ps.df_extract_params(merged), wanted))
    if wanted:
        assert merged._pset_hash.tolist() == [ps.pset_hash(pset) for pset in wanted]
        assert merged._pset_seq.tolist() == merged.index.tolist() == list(range(len(wanted)))
    else:
        assert not len(merged)


def test_a_parameter_more_stays_a_parameter():
    one, two = run([{"a": 1}]), run([{"a": 2, "b": 3}], func=lambda pset: {"c": 4})
    merged = ps.df_merge(one, two)
    assert list(merged)[:3] == ["a", "b", "_run_id"]
    assert list(merged)[-3:] == ["y", "c", "_pset_runtime"]
    assert ps.df_extract_params(merged) == [{"a": 1}, {"a": 2, "b": 3}]
    # a result in one study and a parameter in the other
    merged = ps.df_merge(one, run([{"y": 5}], func=lambda pset: {}))
    assert ps.df_extract_params(merged) == [{"a": 1}, {"y": 5}]


def test_a_row_in_two_studies_comes_once():
    first = run(ps.plist("a", [1, 2]), on_error="record", func=lambda p: {"y": 1 / (p["a"] - 1)})
    longer = run([{"a": 3}], first)
    fixed = first.assign(_failed=False, y=[7.0, 7.0])
    for order in ([first, longer], [longer, first], [longer, longer[:1], first[1:]]):
        merged = ps.df_merge(order)
        assert sorted(merged.a) == [1, 2, 3]
        assert merged._pset_id.is_unique
    assert ps.df_merge(first, fixed).y.tolist() == ps.df_merge(fixed, first[:1]).y.tolist()
    assert ps.df_merge(fixed, first).y.tolist() == [7, 1]  # good before failed, else the later
    assert ps.df_merge(longer, longer)._run_seq.tolist() == [0, 0, 1]
    with pytest.raises(ps.ParamsError, match="different parameters.*df_add_param"):
        ps.df_merge(ps.df_add_param(first[:1], "b", 1), first)


def test_a_row_in_two_studies_stays_before_newer_ones():
    old = ps.run_local(lambda p: {"y": "old"}, ps.plist("x", [1, 2]), save=False)
    grown = ps.run_local(lambda p: {"y": "new"}, [{"x": 1}], old, save=False)
    other = ps.run_local(lambda p: {"y": "other"}, [{"x": 7}], old.assign(y="edited"), save=False)
    for dfs, values in [
        ((grown, old), ["old", "old", "new"]),
        ((old, grown), ["old", "old", "new"]),
        ((grown, other), ["edited", "edited", "new", "other"]),
        ((grown[2:], other), ["new", "edited", "edited", "other"]),
    ]:
        df = ps.df_merge(*dfs)
        assert df.y.tolist() == values
        assert df._pset_seq.tolist() == df.index.tolist() == [*range(len(df))]
        assert df._run_seq.tolist() == [*pd.factorize(df._run_id)[0]]
        assert ps.df_extract_params(df) == [{"x": x} for x in df.x]
    latest = ps.df_latest(ps.df_merge(grown, old))
    assert dict(zip(latest.x, latest.y, strict=True)) == {1: "new", 2: "old"}


def test_rows_in_disorder_and_options_of_some_studies():
    one = run(ps.plist("a", [1, 2, 3])).sample(frac=1, random_state=1)
    two = run(ps.plist("a", [0]), on_error="record", func=lambda p: {"y": 1 / p["a"]})
    merged = ps.df_merge(one[sorted(one.columns)], two)
    assert merged.a.tolist() == [1, 2, 3, 0]
    assert merged._failed.tolist() == [False, False, False, True]
    assert ps.df_merge(one[:0], two[:0]).empty
    assert ps.df_merge(pd.DataFrame(), two).a.tolist() == [0]
    before = two.copy()
    ps.df_merge(two, one)
    pd.testing.assert_frame_equal(two, before)


def test_a_merged_study_is_extended():
    ps.df_write(ps.df_merge(run([{"a": 1}]), run([{"a": 2.5}])), "both/database.pk")
    params = ps.plist("a", [1, 2.5, 3])
    df = ps.run_local(lambda pset: {"y": 1}, params, calc_dir="both", skip_dups=True)
    assert df.a.tolist() == [1, 2.5, 3]
    assert df._run_seq.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda df: ps.df_merge(), "df_merge(df1, df2)"),
        (lambda df: ps.df_merge([]), "df_merge(df1, df2)"),
        (lambda df: ps.df_merge(df, "calc"), "psweep.df_read('calc')"),
        (lambda df: ps.df_merge("calc"), "psweep.df_read('calc')"),
        (lambda df: ps.df_merge(df, None), "argument 1 of df_merge must be a DataFrame"),
        (lambda df: ps.df_merge(df, df[["a"]]), "argument 1 of df_merge is no"),
        (lambda df: ps.df_add_param(df, "_run_id", 1), "reserved"),
        (lambda df: ps.df_add_param(df, [], 1), "hashable"),
        (lambda df: ps.df_add_param(df, "y", 1), "a result of this study"),
        (lambda df: ps.df_add_param(df.assign(a=5), "b", 1), "df_update_pset_hash(df) first"),
        (lambda df: ps.df_add_param(df, "b", object()), "cannot be hashed"),
        (lambda df: ps.df_add_param("calc", "b", 1), "psweep.df_read('calc')"),
        (lambda df: ps.df_update_pset_hash(df[["a"]]), "'_run_id'"),
    ],
)  # fmt: skip
def test_mistakes_are_named(call, said):
    with pytest.raises(ps.PsweepError) as caught:
        call(run([{"a": 1}]))
    assert said in str(caught.value)


@settings(max_examples=40)
@given(st.lists(psets(), min_size=1, max_size=5), plain | st.lists(plain, max_size=2))
def test_an_added_parameter_is_one_that_was_always_there(params, value):
    df = ps.df_add_param(run(params, func=no_param), "added", value)
    wanted = [{"added": value, **pset} for pset in params]
    assert all(map(same, ps.df_extract_params(df), wanted))
    assert df._pset_hash.tolist() == [ps.pset_hash(pset) for pset in wanted]
    assert ps.df_add_param(df, "added", 5)._pset_hash.tolist() == df._pset_hash.tolist()


def test_only_rows_without_it_get_a_parameter():
    df = run([{"a": 1}, {"a": 2, "b": 3}, {"a": 2, "b": None}])
    new = ps.df_add_param(df, "b", 0)
    assert ps.df_extract_params(new) == [{"a": 1, "b": 0}, {"a": 2, "b": 3}, {"a": 2, "b": None}]
    assert list(new) == list(df)
    assert "b" not in ps.df_extract_params(df)[0]
    new = ps.df_add_param(df, "_label", "x")  # not a part of the hash
    assert new._pset_hash.tolist() == df._pset_hash.tolist()
    assert list(ps.df_add_param(run([{}]), "z", 1))[0] == "z"
    assert list(ps.df_add_param(df[:0], "z", 1))[:3] == ["a", "b", "z"]
    mixed = run([{"a": 1}, {"b": 1}], func=lambda pset: {"b": 2} if "a" in pset else {})
    with pytest.raises(ps.ParamsError, match="'b' is a result in some rows"):
        ps.df_add_param(mixed, "b", 1)


def test_after_it_nothing_is_run_again():
    params = ps.pgrid(a=range(100), b=np.linspace(0, 1, 100).tolist())
    ps.df_write(ps.df_add_param(run(params), "c", "x"), "calc/database.pk")
    calls = []
    df = ps.run_local(calls.append, [{**p, "c": "x"} for p in params], skip_dups=True)
    assert not calls
    assert len(df) == len(params)


def test_hashes_follow_a_change_by_hand():
    df = run([{"a": 1, "b": 0.5}, {"a": 2, "b": 2}, {"a": 3, "b": 1}])
    assert ps.df_update_pset_hash(df)._pset_hash.tolist() == df._pset_hash.tolist()

    def updated(df):
        df = ps.df_update_pset_hash(df)
        psets = ps.df_extract_params(df)
        assert df._pset_hash.tolist() == [ps.pset_hash(pset) for pset in psets]
        return psets

    changed = df.copy()
    changed.loc[0, "a"] = 10
    changed.loc[2, "b"] = 7  # an int, as the other whole numbers in this column of floats
    assert updated(changed) == [{"a": 10, "b": 0.5}, {"a": 2, "b": 2}, {"a": 3, "b": 7}]
    assert [type(p["b"]) for p in updated(changed)] == [float, int, int]
    renamed = updated(df.rename(columns={"a": "x"}))
    assert [pset["x"] for pset in renamed] == [1, 2, 3]
    inserted = df.copy()
    inserted.insert(0, "new", "v")
    assert [pset["new"] for pset in updated(inserted)] == ["v"] * 3
    assert [[*pset] for pset in updated(df.drop(columns="b"))] == [["a"]] * 3
    filled = run([{"a": 1}, {"a": 1, "b": 2}]).fillna({"b": 5})
    assert updated(filled) == [{"a": 1, "b": 5}, {"a": 1, "b": 2}]
    assert updated(df.drop(columns="_pset_hash"))[1] == {"a": 2, "b": 2}
    for odd in (df.convert_dtypes(), df[sorted(df.columns)]):
        assert ps.df_update_pset_hash(odd)._pset_hash.tolist() == df._pset_hash.tolist()


def test_rows_with_the_same_random_numbers_are_reported():
    def func(pset):
        return {"y": pset["_seed"] % 7}

    def run(seed, n):
        return ps.run_local(func, ps.plist("x", [1, 2]), seed=seed, repeats=n, save=False)

    mine, same, other = run(1, 3), run(1, 2), run(2, 3)
    with pytest.warns(UserWarning, match="4 rows have the pset and the _seed of a row of another"):
        both = ps.df_merge(mine, other, same)
    assert len(both) == 16
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ps.df_merge(mine, other)
        ps.df_merge(mine, mine)  # the same rows, not the same numbers


def test_the_tables_of_runs_of_merged_studies_belong_to_the_new_one():
    for name in ("one", "two"):
        ps.run_local(lambda p: {"y": 1}, ps.plist("x", [1, 2]), calc_dir=name)
    ps.df_write(ps.df_merge(ps.df_read("one"), ps.df_read("two")), "both/database.pk")
    lines = [Path(name, "runs.jsonl").read_text() for name in ("one", "two")]
    Path("both/runs.jsonl").write_text("".join(lines))
    runs = ps.df_runs("both")
    assert runs[["run_seq", "n_psets", "n_rows"]].values.tolist() == [[0, 2, 2], [1, 2, 2]]
