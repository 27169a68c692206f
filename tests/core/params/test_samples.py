"""Params from lists of values, from samples of a space, and in a random order."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import psweep as ps

SPACE = {"x": (0, 1), "k": (1e-3, 1e3, "log"), "n": [1, 2, 4]}
KINDS = ["sobol", "lhs", "random"]
needs_scipy = pytest.mark.usefixtures("scipy")


@pytest.fixture
def scipy():
    return pytest.importorskip("scipy")


def test_pgrid_takes_values_by_name_and_as_a_dict():
    a, b = ps.plist("a", [1, 2]), ps.plist("b", ["x", None])
    grid = ps.pgrid(a, b)
    assert ps.pgrid(a=[1, 2], b=["x", None]) == grid
    assert ps.pgrid({"a": [1, 2], "b": ["x", None]}) == grid
    assert ps.pgrid(a, b=["x", None]) == ps.pgrid({"a": [1, 2]}, b=["x", None]) == grid
    assert ps.pgrid(zip(a, b), c=[0]) == [{**x, **y, "c": 0} for x, y in zip(a, b)]
    assert ps.pgrid(a=range(2)) == ps.pgrid(a=iter([0, 1])) == ps.pgrid({"a": np.arange(2)})
    assert ps.pgrid({1: [2], ("t",): [3]}) == [{1: 2, ("t",): 3}]
    assert ps.pgrid(a=[]) == []


@needs_scipy
@pytest.mark.parametrize("kind", KINDS)
def test_samples_are_plain_values_in_their_ranges(kind):
    params = ps.psample(SPACE, 96, kind, seed=3)
    assert len(params) == 96
    assert {tuple(map(type, pset.values())) for pset in params} == {(float, float, int)}
    assert all(0 <= p["x"] <= 1 and 1e-3 <= p["k"] <= 1e3 and p["n"] in (1, 2, 4) for p in params)
    for below in (1e-2, 1, 1e2):  # as many in each decade
        share = np.mean([pset["k"] < below for pset in params])
        assert share == pytest.approx((np.log10(below) + 3) / 6, abs=0.15)
    assert params == ps.psample(SPACE, 96, kind, seed=3) != ps.psample(SPACE, 96, kind, seed=4)


@needs_scipy
@pytest.mark.parametrize("kind", ["sobol", "random"])
def test_a_longer_sample_begins_with_the_shorter_one(kind):
    assert ps.psample(SPACE, 64, kind) == ps.psample(SPACE, 128, kind)[:64]
    assert ps.psample(SPACE, 7, kind) == ps.psample(SPACE, 100, kind)[:7]


@needs_scipy
def test_a_sample_is_the_same_in_another_process():
    code = f"import psweep as ps; print([ps.psample({SPACE!r}, 8, k, seed=5) for k in {KINDS!r}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([ps.psample(SPACE, 8, kind, seed=5) for kind in KINDS])


@needs_scipy
def test_sobol_and_latin_hypercubes_are_even():
    for kind in ("sobol", "lhs"):
        params = ps.psample({"x": (0, 8), "c": list("abcd")}, 64, kind)
        assert np.bincount([int(pset["x"]) for pset in params]).tolist() == [8] * 8
        assert {sum(pset["c"] == c for pset in params) for c in "abcd"} == {16}


def test_choices_are_returned_as_they_are():
    choices = [None, "x", [1, 2], np.int64(3), (4, 5), np.arange(2)]
    found = ps.psample({"c": choices, "r": range(2), "a": np.array([0.5, 1.5])}, 200, "random")
    assert {type(pset["c"]) for pset in found} == {type(None), str, list, int, tuple, np.ndarray}
    assert {pset["r"] for pset in found} == {0, 1}
    assert {type(pset["a"]) for pset in found} == {float}


@pytest.mark.parametrize(
    ("space", "n", "kwds", "said"),
    [
        ([("x", (0, 1))], 4, {}, "space must be a dict"),
        ({}, 4, {}, "nothing to vary"),
        ({"x": (0, 1)}, 0, {}, "integer ≥ 1, not 0"),
        ({"x": (0, 1)}, 2.0, {}, "integer ≥ 1, not 2.0"),
        ({"x": (0, 1)}, True, {}, "integer ≥ 1, not True"),
        ({"x": (0, 1)}, 4, {"kind": "sobel"}, "'sobol', 'lhs', 'random', not 'sobel'"),
        ({"x": (0, 1)}, 4, {"seed": None}, "seed must be an integer ≥ 0, not None"),
        ({"x": (0, 1)}, 4, {"seed": -1}, "seed must be an integer ≥ 0"),
        ({"x": (1, 0)}, 4, {}, "the lower one first"),
        ({"x": (1, 1)}, 4, {}, "[value] for a constant"),
        ({"x": (0, float("inf"))}, 4, {}, "finite bounds"),
        ({"x": (0, float("nan"))}, 4, {}, "finite bounds"),
        ({"x": (0, 1, "log")}, 4, {}, "0.0 has no logarithm"),
        ({"x": (1, 2, 4)}, 4, {}, "write a list for choices: [1, 2, 4]"),
        ({"x": (0, 1, "lin")}, 4, {}, "(low, high, 'log')"),
        ({"x": ("a", "b")}, 4, {}, "write a list for choices"),
        ({"x": (False, True)}, 4, {}, "write a list for choices"),
        ({"x": "cg"}, 4, {}, "a constant is a list of one value"),
        ({"x": 3}, 4, {}, "a constant is a list of one value"),
        ({"x": []}, 4, {}, "the list is empty"),
    ],
)  # fmt: skip
def test_bad_spaces_are_refused(space, n, kwds, said):
    with pytest.raises(ps.PsweepError) as caught:
        ps.psample(space, n, **kwds)
    assert said in str(caught.value)


def test_without_scipy_the_error_names_the_extra():
    code = """
import sys
sys.modules["scipy"] = None
import psweep as ps
assert len(ps.psample({"x": (0, 1)}, 3, "random")) == 3
for kind in ("sobol", "lhs"):
    try:
        ps.psample({"x": (0, 1)}, 3, kind)
    except ps.NotInstalledError as error:
        assert isinstance(error, ImportError)
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("pip install 'psweep-core[sample]'") == 2


def test_extreme_ranges():
    params = ps.psample({"x": (-1e308, 1e308), "t": (1e-300, 1e300, "log")}, 50, "random")
    assert all(np.isfinite(list(pset.values())).all() for pset in params)


@given(st.lists(st.integers(), max_size=30), st.integers() | st.text(max_size=5))
def test_shuffled_has_the_same_psets_in_an_order_of_the_seed(values, seed):
    params = ps.plist("a", values)
    found = ps.shuffled(params, seed)
    assert found == ps.shuffled(iter(params), seed)
    assert sorted(p["a"] for p in found) == sorted(values)
    assert params == ps.plist("a", values)


def test_shuffled_has_the_order_that_it_always_had():
    assert [p["a"] for p in ps.shuffled(ps.plist("a", range(8)), 1)] == [3, 6, 1, 5, 7, 0, 4, 2]
    for bad in (None, 1.5, True):
        with pytest.raises(ps.ParamsTypeError, match="seed must be an int or a str"):
            ps.shuffled([{"a": 1}], bad)
    with pytest.raises(ps.ParamsTypeError, match="list of dicts"):
        ps.shuffled({"a": [1]}, 1)
    with pytest.raises(ps.ParamsTypeError, match=r"params\[1\] must be a dict, not 3"):
        ps.shuffled([{"a": 1}, 3], 1)
