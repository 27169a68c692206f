"""Averages, and rows chosen by their psets."""

from __future__ import annotations

import collections
import math
import time
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import plain_psets

import psweep as ps


def run(func, params, df=None, **kwds):
    return ps.run_local(func, params, df=df, save=False, **kwds)


def study(params, results):
    """A study whose results, or failures (None), were chosen."""
    left = iter(results)

    def func(pset):
        result = next(left)
        if result is None:
            raise ValueError("chosen")
        return result

    return run(func, params, on_error="record")


class Tensor:
    """A number of another library."""

    ndim = 0

    def __init__(self, number):
        self.number = number

    def item(self):
        return self.number


@pytest.mark.parametrize("kind", [np.array, Decimal, Fraction, Tensor])
def test_numbers_in_other_clothes_are_averaged(kind):
    numbers = iter([1, 2, 4, 6])
    df = run(lambda pset: {"y": kind(next(numbers))}, [{"a": 1}, {"a": 1}, {"a": 2}, {"a": 2}])
    assert ps.df_stats(df).y_mean.tolist() == [1.5, 5.0]


@pytest.mark.parametrize("value", [Fraction(10**400), Decimal("sNaN"), np.array("x")])
def test_what_is_no_number_is_left_out(value):
    df = run(lambda pset: {"y": value, "z": 1}, ps.plist("a", [1, 2]))
    assert [name for name in ps.df_stats(df) if name.endswith("mean")] == ["z_mean"]


values = st.floats(-1e6, 1e6) | st.just(float("nan"))
results = st.none() | st.fixed_dictionaries(
    {"y": values, "n_steps": st.integers(-1000, 1000), "ok": st.booleans(), "text": st.just("x")}
)


@settings(max_examples=60)
@given(
    st.lists(plain_psets.filter(lambda p: {"n", "y"}.isdisjoint(p)), min_size=1, max_size=4),
    st.data(),
)
def test_it_equals_a_loop_over_the_rows(psets, data):
    psets = [{f"p{name}": value for name, value in pset.items()} for pset in psets]
    params = data.draw(st.lists(st.sampled_from(psets), min_size=1, max_size=12))
    rows = data.draw(st.lists(results, min_size=len(params), max_size=len(params)))
    df = study(params, rows)
    stats = ps.df_stats(df)
    good, failed = collections.defaultdict(list), collections.Counter()
    order = dict.fromkeys(ps.pset_hash(pset) for pset in params)
    for pset, row in zip(params, rows):
        if row is None:
            failed[ps.pset_hash(pset)] += 1
        else:
            good[ps.pset_hash(pset)].append(row)
    assert stats.n.tolist() == [len(good[sha]) for sha in order]
    assert stats.n_failed.tolist() == [failed[sha] for sha in order]
    for name in ("y", "n_steps", "ok"):
        if all(row is None or math.isnan(row[name]) for row in rows):
            continue
        for i, sha in enumerate(order):
            some = np.array([row[name] for row in good[sha] if not math.isnan(row[name])], float)
            wanted = [
                some.mean() if len(some) else math.nan,
                some.std(ddof=1) if len(some) > 1 else math.nan,
                some.std(ddof=1) / len(some) ** 0.5 if len(some) > 1 else math.nan,
            ]
            found = [stats[f"{name}_{kind}"][i] for kind in ("mean", "std", "sem")]
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
    assert not [name for name in stats if str(name).startswith("text")]


def test_it_equals_a_groupby():
    rng = np.random.default_rng(0)
    params = ps.pgrid(a=[1, 2.5], b=["x", "y"], rep=range(20))
    df = run(lambda pset: {"y": rng.normal(), "k": int(rng.integers(9))}, params)
    for over, by in [("rep", ["a", "b"]), (["rep", "b"], ["a"])]:
        stats = ps.df_stats(df, over=over)
        grouped = df.groupby(by, sort=False)
        for y in ("y", "k"):
            for kind in ("mean", "std", "sem"):
                assert stats[f"{y}_{kind}"].tolist() == getattr(grouped[y], kind)().tolist()
        assert stats[by].values.tolist() == grouped.y.mean().reset_index()[by].values.tolist()


def test_none_nan_and_missing_are_groups_of_their_own():
    params = [{"a": None}, {"a": float("nan")}, {"a": 1.5}, {}, {"a": 1}, {"a": 1.0}]
    df = run(lambda pset: {"y": 1}, params * 2)
    assert ps.df_stats(df).n.tolist() == [2] * 6
    with_rep = [{**pset, "rep": i} for i in range(2) for pset in params[:4]]
    df = run(lambda pset: {"y": 1}, with_rep)
    assert ps.df_stats(df, over="rep").n.tolist() == [2] * 4
    df = run(lambda pset: {}, [{"o": o, "rep": r} for o in ([1], [2], None, "x") for r in (0, 1)])
    assert ps.df_stats(df, over=["rep"]).n.tolist() == [2] * 4


def tried(outcomes, seed=None, repeats=1):
    """Run one pset once per text of outcomes, whose letters are those of its calls."""
    df = None
    for text in outcomes:
        left = iter(text)

        def func(pset):
            if next(left) == "f":
                raise ValueError
            return {"y": 1}

        kwds = {"seed": seed, "repeats": repeats, "skip_dups": repeats > 1}
        df = run(
            func, [{"x": 1}] * (1 if repeats > 1 else len(text)), df, on_error="record", **kwds
        )
    return df


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize(
    ("outcomes", "repeats", "n", "n_failed"),
    [
        (["f", "g"], 1, 1, 0),  # run again, as by skip_dups
        (["f", "f", "g"], 1, 1, 0),
        (["f", "f"], 1, 0, 1),
        (["gffgf", "ffg", "gf"], 5, 4, 1),
        (["gffgf", "ggg"], 5, 5, 0),
        (["gffgf"], 5, 2, 3),
        (["gff", "g"], 1, 2, 1),  # a run that was interrupted, or of fewer psets
    ],
)
def test_a_failed_try_counts_until_it_is_tried_again(outcomes, repeats, n, n_failed, seed):
    df = tried(outcomes, seed, repeats)
    stats = ps.df_stats(df)
    assert stats[["n", "n_failed"]].values.tolist() == [[n, n_failed]]
    assert ps.df_stats(df.iloc[::-1]).n_failed.tolist() == [n_failed]
    assert ps.df_stats(df.assign(z=1), over=["x"]).n_failed.tolist() == [n_failed]


def test_failures_are_counted_where_run_numbers_have_gaps():
    def func(pset):
        raise ValueError

    df = ps.run_local(func, ps.plist("a", [1, 2]), save=False, on_error="record")
    df["_run_seq"] = pd.array([0, None], dtype=object)
    assert ps.df_stats(df).n_failed.tolist() == [1, 1]


def test_another_seed_is_another_try():
    def func(pset):
        if pset["_seed"] == 1:
            raise ValueError
        return {"y": 1}

    df = None
    for seed, n_failed in [(1, 1), (2, 1), (1, 1)]:
        df = run(func, [{"x": 1, "_seed": seed}], df, on_error="record")
        assert ps.df_stats(df).n_failed.tolist() == [n_failed]
    df = run(lambda pset: {"y": 1}, [{"x": 1, "_seed": 1}], df, on_error="record")
    assert ps.df_stats(df)[["n", "n_failed"]].values.tolist() == [[2, 0]]
    # where nobody knows which run a row is of, all failed rows count
    assert ps.df_stats(df.drop(columns="_run_seq")).n_failed.tolist() == [2]


@pytest.mark.parametrize("first", [None, 1])
def test_a_try_without_a_seed_stands_for_one_with_a_seed(first):
    def func(pset):
        if fails:
            raise ValueError
        return {"y": 1}

    later = 1 if first is None else None
    df = None
    for seed, repeats, fails, expected in [
        (first, 2, True, [0, 2]),
        (later, 1, True, [0, 2]),  # one of them, and itself
        (later, 1, False, [1, 1]),
        (later, 1, False, [2, 0]),
    ]:
        # `fails` is read at the call
        df = run(func, [{"x": 1}], df, on_error="record", seed=seed, repeats=repeats)
        assert ps.df_stats(df)[["n", "n_failed"]].values.tolist() == [expected]


def test_columns_keep_their_dtypes_and_the_study_is_left_alone():
    df = run(lambda pset: {"y": 1, "z": 1j * pset["i"]}, ps.pgrid(i=[1, 2], s=["x", "y"]) * 3)
    before = df.copy()
    stats = ps.df_stats(df)
    assert list(stats) == [
        "i", "s", "n", "n_failed", "y_mean", "y_std", "y_sem", "z_mean", "z_std", "z_sem",
    ]  # fmt: skip
    assert stats.dtypes[["i", "s", "n"]].tolist() == [df.i.dtype, df.s.dtype, np.dtype(int)]
    assert stats.z_mean.tolist() == [1j, 1j, 2j, 2j]
    assert type(stats.index) is pd.RangeIndex
    pd.testing.assert_frame_equal(df, before)
    assert len(ps.df_stats(df[:0])) == 0
    assert ps.df_stats(df[df.i == 1]).n.tolist() == [3, 3]


def test_only_failed_rows_and_only_prepared_rows():
    df = study([{"x": 1}, {"x": 1}, {"x": 2}], [None, {"y": 3}, None])
    stats = ps.df_stats(df)
    assert stats.n.tolist() == [1, 0]
    assert stats.n_failed.tolist() == [1, 1]
    assert stats.y_mean.tolist()[0] == 3
    assert math.isnan(stats.y_mean[1])
    waiting = df.assign(_pset_runtime=float("nan"), y=float("nan"))  # as a prepared batch job
    assert ps.df_stats(waiting[1:])[["n", "n_failed"]].values.tolist() == [[0, 0], [0, 1]]
    assert ps.df_stats(waiting)[["n", "n_failed"]].values.tolist() == [[0, 1], [0, 1]]
    assert ps.df_latest(waiting)._pset_seq.tolist() == [0, 2]
    assert ps.df_latest(waiting[1:])._pset_seq.tolist() == [1, 2]


def test_a_parameter_called_n_keeps_its_name():
    df = run(lambda pset: {"y": pset["n"]}, ps.plist("n", [1, 2]) * 2)
    stats = ps.df_stats(df)
    assert list(stats) == ["n", "_n", "n_failed", "y_mean", "y_std", "y_sem"]
    assert stats[["n", "_n", "n_failed", "y_mean"]].values.tolist() == [[1, 2, 0, 1], [2, 2, 0, 2]]
    df = run(lambda pset: {"y": 1}, [{"n": 3, "n_failed": 4}] * 2)
    assert ps.df_stats(df)[["n", "n_failed", "_n", "_n_failed"]].values.tolist() == [[3, 4, 2, 0]]
    assert ps.df_stats(df, over="n").columns[:3].tolist() == ["n_failed", "n", "_n_failed"]


def test_a_parameter_that_is_called_as_a_mean_is_refused_with_a_way_out():
    df = run(lambda pset: {"y": 1}, [{"y_mean": 3}])
    with pytest.raises(ps.ParamsError, match="two columns would be called 'y_mean'.*rename it"):
        ps.df_stats(df)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda df: ps.df_stats(df, over="z"), "no parameter 'z'; there are: 'x'"),
        (lambda df: ps.df_stats(df, over=["y"]), "no parameter 'y'"),
        (lambda df: ps.df_stats("calc"), "df_stats(psweep.df_read('calc'))"),
        (lambda df: ps.df_stats(df[["x", "y"]]), "no column '_run_id'"),
        (lambda df: ps.df_latest(df.drop(columns="_pset_hash")), "'_pset_hash'"),
        (lambda df: ps.df_select(df, 3), "must be a list of dicts, not 3"),
        (lambda df: ps.df_select(df, df), "df_extract_params(df)"),
        (lambda df: ps.df_select(df, [3]), "a pset must be a dict, not 3"),
    ],
)  # fmt: skip
def test_mistakes_are_named(call, said):
    with pytest.raises(ps.PsweepError) as caught:
        call(run(lambda pset: {"y": 1}, ps.plist("x", [1])))
    assert said in str(caught.value)


def test_a_hundred_thousand_rows_take_less_than_a_few_groupbys():
    params = ps.pgrid(a=range(100), b=np.linspace(0, 1, 100).tolist(), rep=range(10))
    df = run(lambda pset: {"y": pset["b"], "z": pset["a"]}, params)

    def seconds(call):
        start = time.process_time()
        call()
        return time.process_time() - start

    mine = min(seconds(lambda: ps.df_stats(df, over="rep")) for _ in range(3))
    theirs = min(
        seconds(lambda: df.groupby(["a", "b"])[["y", "z"]].agg(["mean", "std", "sem"]))
        for _ in range(3)
    )
    assert mine < 20 * theirs + 0.1


def test_the_latest_row_of_each_pset():
    df = study([{"x": 1}, {"x": 2}, {"x": 3}], [{"y": 1}, None, None])
    left = iter([None, {"y": 5}, None])

    def func(pset):
        return next(left) or 1 / 0

    df = run(func, ps.plist("x", [1, 2, 3]), df=df, on_error="record")
    latest = ps.df_latest(df)
    assert latest._pset_seq.tolist() == [0, 4, 5]
    assert latest.index.tolist() == [0, 4, 5]
    assert ps.df_latest(df[::-1])._pset_seq.tolist() == [5, 4, 0]
    assert len(ps.df_latest(df[:0])) == 0


def test_rows_of_some_psets():
    params = [{"x": 1}, {"x": 1.0}, {"x": None}, {}, {"x": 1, "_label": "a"}]
    df = run(lambda pset: {"y": 1}, params)
    assert ps.df_select(df, [{"x": 1}]).index.tolist() == [0, 4]
    assert ps.df_select(df, {"x": 1.0}).index.tolist() == [1]
    assert ps.df_select(df, iter([{}, {"x": None}, {"x": 9}])).index.tolist() == [2, 3]
    assert len(ps.df_select(df, [])) == 0


def test_na_of_pandas_is_left_out_of_a_mean_like_none():
    df = study([{"a": 1}] * 3, [{"y": 1.0}, {"y": pd.NA}, {"y": 3.0}])
    assert df.y.dtype == object
    assert ps.df_stats(df)[["n", "y_mean"]].values.tolist() == [[3, 2.0]]
    grid = study(ps.plist("a", [1, 2, 3]), [{"y": 1}, {"y": pd.NA}, {"y": 3}])
    assert ps.df_importance(grid, "y").share.tolist() == [1.0]


def test_scalars_of_numpy_are_the_level_that_they_are_for_the_hash():
    """Also in a column of objects, where texts are among the numbers."""
    values = [np.int64(1), 1, "auto", np.str_("auto"), np.float64(0.5), 0.5, np.bool_(True), True]
    params = [{"a": a, "b": b, "rep": 0} for a in values for b in (1, 2)]
    df = study(params, [{"y": len(str(pset["a"])) * pset["b"]} for pset in params])
    assert df.a.dtype == object
    assert ps.df_stats(df).n.tolist() == [2] * 8
    averaged = ps.df_stats(df, over="rep")
    assert averaged.n.tolist() == [2] * 8
    assert averaged.a.tolist()[::2] == [1, "auto", 0.5, True]
    assert ps.df_importance(df, "y").exact.all()


def test_missing_complex_values_count_in_neither_part():
    results = [{"y": v} for v in (1 + 2j, 3 + 4j, None, float("nan"), complex("nan"))]
    found = ps.df_stats(study([{"a": 1}] * 6, [*results, {}]))
    assert found.y_mean[0] == 2 + 3j
    assert found.y_std[0] == pytest.approx(2)
    assert found.y_sem[0] == pytest.approx(2**0.5)
    infinite = ps.df_stats(study([{"a": 1}] * 2, [{"y": 1j}, {"y": complex(1, math.inf)}]))
    assert infinite.y_mean[0] == complex(0.5, math.inf)


@pytest.mark.parametrize("other", [1.5, "text", None])
def test_zero_and_minus_zero_are_two_levels_in_any_column(other):
    params = ps.pgrid(a=[0.0, -0.0, other], rep=[1, 2])
    df = study(params, [{"y": i} for i in range(6)])
    assert len(ps.df_stats(df)) == 6
    assert ps.df_stats(df, over="rep").y_mean.tolist() == [0.5, 2.5, 4.5]
