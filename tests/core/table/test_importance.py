"""How much of a result's variance parameters explain; studies as xarray Datasets."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import psweep as ps

PI = math.pi


def run(func, params, **kwds):
    return ps.run_local(func, params, save=False, **kwds)


def shares(df, y="y", **kwds):
    table = ps.df_importance(df, y, **kwds)
    assert list(table) == ["term", "share", "exact"]
    assert table.exact.nunique() == 1
    return dict(zip(table.term, table.share))


@settings(max_examples=40)
@given(st.lists(st.integers(2, 4), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_on_a_grid_it_is_the_functional_anova(sizes, seed):
    table = np.random.default_rng(seed).normal(size=sizes)
    names = "abcd"[: len(sizes)]
    params = ps.pgrid(**{name: list(range(n)) for name, n in zip(names, sizes)})
    df = run(lambda pset: {"y": float(table[tuple(pset[name] for name in names)])}, params)
    found = shares(df)
    # by its definition: each effect is a conditional mean without the effects that it contains
    effects = {}
    for order in range(len(sizes) + 1):
        for some in itertools.combinations(range(len(sizes)), order):
            others = tuple(set(range(len(sizes))) - set(some))
            mean = table.mean(axis=others, keepdims=True) if others else table
            effects[some] = mean - sum(e for s, e in effects.items() if set(s) < set(some))
    for some, effect in effects.items():
        if 0 < len(some) < 3:
            term = ":".join(names[i] for i in some)
            assert found[term] == pytest.approx(np.mean(effect**2) / table.var(), abs=1e-9)
    assert sum(found.values()) == pytest.approx(1)
    assert ps.df_importance(df, "y").exact.all()


def test_repeats_are_averaged_and_noise_has_a_row():
    rng = np.random.default_rng(0)
    params = ps.pgrid(a=[1, 2, 3], b=["x", "y"]) * 400
    df = run(lambda pset: {"y": pset["a"] + 2 * rng.normal()}, params)
    found = shares(df)
    assert found["noise"] == pytest.approx(4 / (4 + 2 / 3), abs=0.03)
    assert found["a"] == pytest.approx((2 / 3) / (4 + 2 / 3), abs=0.03)
    assert found["b"] < 0.01
    assert sum(found.values()) == pytest.approx(1)
    # as many rows of some psets as one likes
    more = run(lambda pset: {"y": pset["a"]}, ps.pgrid(a=[1, 2, 3], b=[0, 1]) + [{"a": 1, "b": 0}])
    assert shares(more) == pytest.approx({"a": 1, "b": 0, "a:b": 0, "noise": 0})


def test_the_logarithm_of_what_spans_decades():
    df = run(lambda pset: {"y": pset["a"] * 10.0 ** pset["b"]}, ps.pgrid(a=[1, 2], b=range(5)))
    table = ps.df_importance(df, "y")
    assert table.columns.name == "log10(y)"
    assert str(table).startswith("log10(y)")
    assert dict(zip(table.term, table.share))["a:b"] == pytest.approx(0, abs=1e-12)
    assert ps.df_importance(df, "y", log=False).columns.name == "y"
    assert shares(df, log=False)["a:b"] > 0.05
    with pytest.raises(ps.ParamsError, match="positive values, but 'y' has -1"):
        ps.df_importance(df.assign(y=-1.0), "y", log=True)


def test_parameters_that_vary_together_are_one_term():
    params = ps.pgrid(zip(ps.plist("a", [1, 2]), ps.plist("c", ["u", "v"])), ps.plist("b", [1, 2]))
    found = shares(run(lambda pset: {"y": pset["a"] + pset["b"]}, params))
    assert found == pytest.approx({"a, c": 0.5, "b": 0.5, "a, c:b": 0})


def test_failed_rows_make_an_estimate_of_a_grid():
    params = ps.pgrid(a=range(6), b=list("uvw"), c=[None, float("nan")])

    def func(pset):
        if pset["a"] == 5 and pset["b"] == "w":
            raise ValueError
        return {"y": pset["a"] + 10 * (pset["b"] == "u"), "text": "x"}

    df = run(func, params, on_error="record")
    table = ps.df_importance(df, "y")
    assert not table.exact.any()
    found = dict(zip(table.term, table.share))
    assert found["b"] == pytest.approx(0.88, abs=0.05)
    assert found["c"] < 0.01
    assert found["rest"] < 0.05


def test_few_gaps_in_a_grid_leave_little_unexplained():
    effect = np.random.default_rng(0).normal(size=(3, 5))
    params = ps.pgrid(a=range(3), b=range(5), c=range(3), d=range(3), e=range(2))
    df = run(lambda pset: {"y": float(effect[pset["a"], pset["b"]])}, params[6:])
    found = shares(df)
    assert found["rest"] < 0.01
    pair = effect - effect.mean(axis=0) - effect.mean(axis=1, keepdims=True) + effect.mean()
    assert found["a:b"] == pytest.approx(pair.var() / effect.var(), abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sobol", "lhs", "random"])
def test_first_order_indices_of_the_ishigami_function(kind):
    pytest.importorskip("scipy")
    space = dict.fromkeys(("x1", "x2", "x3"), (-PI, PI))

    def ishigami(x1, x2, x3):
        return math.sin(x1) + 7 * math.sin(x2) ** 2 + 0.1 * x3**4 * math.sin(x1)

    total = 7**2 / 8 + 0.1 * PI**4 / 5 + 0.1**2 * PI**8 / 18 + 1 / 2
    wanted = {"x1": (1 + 0.1 * PI**4 / 5) ** 2 / 2 / total, "x2": 7**2 / 8 / total, "x3": 0}
    df = run(ps.by_name(ishigami, "y"), ps.psample(space, 4096, kind))
    found = shares(df)
    for name, index in wanted.items():
        assert found[name] == pytest.approx(index, abs=0.02)
    assert found["x1:x3"] == pytest.approx(8 * 0.1**2 * PI**8 / 225 / total, abs=0.03)
    assert not ps.df_importance(df, "y").exact.any()
    if kind != "sobol":  # importing it takes seconds
        return
    salib = pytest.importorskip("SALib.analyze.rbd_fast")
    problem = {"num_vars": 3, "names": [*space], "bounds": [[-PI, PI]] * 3}
    first = salib.analyze(problem, df[[*space]].to_numpy(), df.y.to_numpy(), seed=1)["S1"]
    assert first == pytest.approx([*wanted.values()], abs=0.02)


@pytest.mark.parametrize("repeats", [1, 2])
def test_a_star_has_the_shares_of_its_grid_if_parameters_act_alone(repeats):
    def func(pset):
        return {"y": pset["a"] ** 2 + pset["b"] + ord(pset["c"])}

    values = {"a": [1, 2, 3], "b": [2, 4, 5], "c": ["x", "y"]}
    centre = {"a": 1, "b": 4, "c": "x"}
    star = ps.stargrid(centre, [ps.plist(name, some) for name, some in values.items()])
    df = run(func, star, repeats=repeats)
    table = ps.df_importance(df, "y")
    assert table.exact.tolist() == [False] * len(table)
    expected = shares(run(func, ps.pgrid(**values)))
    expected = {name: expected[name] for name in values} | ({"noise": 0} if repeats > 1 else {})
    assert shares(df) == pytest.approx(expected)
    # without its centre it is another design
    with pytest.raises(ps.ParamsError, match="5 psets with a result are too few.*at least 8"):
        ps.df_importance(df[(df.a != 1) | (df.b != 4) | (df.c != "x")], "y")


def test_many_parameters_and_few_rows():
    rng = np.random.default_rng(1)
    names = [f"p{i:02}" for i in range(30)]
    params = [dict(zip(names, row)) for row in rng.random((1000, 30)).tolist()]
    found = shares(run(lambda pset: {"y": pset["p00"] + 2 * pset["p01"]}, params))
    assert found["p00"] == pytest.approx(0.2, abs=0.03)
    assert found["p01"] == pytest.approx(0.8, abs=0.05)
    few = [{"a": a, "b": b} for a, b in rng.random((7, 2)).tolist()]
    assert 0 <= shares(run(lambda pset: {"y": pset["a"]}, few))["b"] <= 1
    with pytest.raises(ps.ParamsError, match="3 psets with a result are too few.*at least 6"):
        ps.df_importance(run(lambda pset: {"y": pset["a"]}, few[:3]), "y")


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e154, 1e300])
def test_the_scale_of_a_result_does_not_matter(scale):
    params = ps.pgrid(a=[1, 2, 3], b=[1, 2])
    one = ps.df_importance(run(lambda p: {"y": p["a"] * p["b"]}, params), "y")
    other = ps.df_importance(run(lambda p: {"y": p["a"] * p["b"] * scale}, params), "y")
    assert other.term.tolist() == one.term.tolist()
    np.testing.assert_allclose(other.share, one.share, rtol=1e-9)


def test_a_result_that_does_not_vary():
    table = ps.df_importance(run(lambda pset: {"y": 0.1}, ps.pgrid(a=[1, 2], b=[1, 2])), "y")
    assert table.share.isna().all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda df: ps.df_importance(df, "z"), "no result 'z'; numeric results are 'y'"),
        (lambda df: ps.df_importance(df, "a"), "no result 'a'"),
        (lambda df: ps.df_importance(df, "t"), "'t' is not numeric; numeric results are 'y'"),
        (lambda df: ps.df_importance(df, "w"), "complex"),
        (lambda df: ps.df_importance(df.assign(y=np.inf), "y"), "infinite"),
        (lambda df: ps.df_importance(df[:1], "y"), "no parameter varies"),
        (lambda df: ps.df_importance(df[:0], "y"), "no parameter varies"),
        (lambda df: ps.df_to_xarray(df, "z"), "no result 'z'"),
        (lambda df: ps.df_to_xarray(df.rename(columns={"y": "repeat"}).iloc[[0, 0]]), "'repeat'"),
        (lambda df: ps.df_to_xarray(df.rename(columns={"a": "repeat"}).iloc[[0, 0]]), "'repeat'"),
    ],
)  # fmt: skip
def test_mistakes_are_named(call, said):
    pytest.importorskip("xarray")
    df = run(lambda pset: {"y": 1.5, "t": "x", "w": 1j}, ps.plist("a", [1, 2]))
    with pytest.raises(ps.PsweepError) as caught:
        call(df)
    assert said in str(caught.value)


def test_a_grid_is_an_xarray_dataset():
    pytest.importorskip("xarray")
    params = ps.pgrid(b=[3, 1, 2], a=["x", None], k=[0.5])

    def func(pset):
        if pset["b"] == 1 and pset["a"] is None:
            raise ValueError
        return {"y": pset["b"] * 10, "t": "u", "f": 0.5}

    ds = ps.df_to_xarray(run(func, params, on_error="record"))
    assert dict(ds.sizes) == {"b": 3, "a": 2, "k": 1}
    assert ds.b.values.tolist() == [1, 2, 3]
    assert ds.a.values.tolist() == ["x", None]
    assert ds.y.sel(a="x", k=0.5).values.tolist() == [10, 20, 30]
    assert ds.y.isel(a=1, k=0).isnull().values.tolist() == [True, False, False]
    assert ds.t.isel(a=1, k=0).values.tolist()[1:] == ["u", "u"]
    assert ds.t.isel(a=1, k=0).isnull().values.tolist() == [True, False, False]
    full = ps.df_to_xarray(run(lambda p: {"y": p["a"], "ok": True}, ps.pgrid(a=[1, 2], b=[1, 2])))
    assert full.y.dtype == np.int64
    assert full.ok.dtype == np.bool_
    assert list(ps.df_to_xarray(run(func, params, on_error="record"), ["f"])) == ["f"]


def test_repeats_are_a_dimension_and_lists_are_labels():
    pytest.importorskip("xarray")
    df = run(lambda pset: {"y": 1.0 * pset["a"]}, ps.pgrid(a=[1, 2], o=[[1], [2]]) * 3)
    ds = ps.df_to_xarray(df[:-1])
    assert dict(ds.sizes) == {"a": 2, "o": 2, "repeat": 3}
    assert ds.o.values.tolist() == ["[1]", "[2]"]
    assert ds.y.mean("repeat").values.tolist() == [[1, 1], [2, 2]]
    assert int(ds.y.isnull().sum()) == 1
    assert dict(ps.df_to_xarray(run(lambda p: {"y": 1}, [{}])).sizes) == {}


def test_what_is_not_on_a_grid_is_refused():
    pytest.importorskip("xarray")
    rng = np.random.default_rng(0)
    params = [dict(zip("abc", row)) for row in rng.random((300, 3)).tolist()]
    with pytest.raises(ps.ParamsError, match="300 rows are not on a grid"):
        ps.df_to_xarray(run(lambda pset: {"y": 1}, params))


def test_without_xarray_and_matplotlib_the_errors_name_the_extras():
    code = """
import sys
import psweep as ps
assert not {"scipy", "xarray", "matplotlib"} & {*sys.modules}, "slow import"
sys.modules["xarray"] = sys.modules["matplotlib"] = None
df = ps.run_local(lambda pset: {"y": 1}, [{"a": 1}, {"a": 2}], save=False)
for call in (ps.df_to_xarray, lambda df: ps.df_plot(df, "y")):
    try:
        call(df)
    except ps.NotInstalledError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'psweep-core[xarray]'" in done.stdout
    assert "pip install 'psweep-core[plot]'" in done.stdout
