"""Building params: the examples of psweep 0.8.0, properties, and bad input."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import psets

import psweep as ps


@pytest.fixture
def a():
    return ps.plist("a", [1, 2])


@pytest.fixture
def b():
    return ps.plist("b", ["xx", "yy"])


@pytest.fixture
def c():
    return ps.plist("c", [88, None, "Z"])


def test_plist():
    assert ps.plist("a", [1, 2]) == [{"a": 1}, {"a": 2}]
    assert ps.plist("a", (x for x in "xy")) == [{"a": "x"}, {"a": "y"}]
    assert ps.plist(("a", 1), [3]) == [{("a", 1): 3}]
    assert ps.plist("a", []) == []


def test_grids_are_nested_loops(a, b, c):
    grid = [{"a": x, "b": y} for x in (1, 2) for y in ("xx", "yy")]
    assert ps.pgrid(a, b) == ps.pgrid([a, b]) == ps.pgrid((a, b)) == grid
    assert ps.pgrid(iter([a, b])) == ps.pgrid(x for x in (a, b)) == grid
    assert ps.itr2params(itertools.product(a, b)) == grid
    assert ps.pgrid([a]) == a
    zipped = [{"a": 1, "b": "xx"}, {"a": 2, "b": "yy"}]
    assert ps.pgrid([zip(a, b)]) == ps.itr2params(zip(a, b)) == zipped
    triple = [{**x, "c": z} for x in zipped for z in (88, None, "Z")]
    assert ps.pgrid(zip(a, b), c) == ps.pgrid([zip(a, b), c]) == triple
    assert ps.itr2params(itertools.product(zip(a, b), c)) == triple
    const = ps.plist("const", [1.23])
    assert ps.pgrid(zip(a, b), c, const) == [{**x, "const": 1.23} for x in triple]


def test_a_grid_of_params_that_are_made_already(a, b):
    made = ps.pgrid(a, b)
    assert ps.pgrid(made, ps.plist("z", [0])) == [{**x, "z": 0} for x in made]


@given(st.lists(st.lists(st.integers(), max_size=3), min_size=1, max_size=4))
def test_pgrid_is_itertools_product(values):
    plists = [ps.plist(i, each) for i, each in enumerate(values)]
    expected = [dict(enumerate(point)) for point in itertools.product(*values)]
    assert ps.pgrid(plists) == ps.itr2params(itertools.product(*plists)) == expected


def test_psets_of_a_grid_do_not_share_their_dicts(a, b):
    grid = ps.pgrid(a, b)
    grid[0]["a"] = "changed"
    assert grid[1]["a"] == 1
    assert a == [{"a": 1}, {"a": 2}]
    single = ps.pgrid([a])
    single[0]["a"] = "changed"
    assert a[0]["a"] == 1


@pytest.mark.parametrize(
    ("make", "error", "said", "cure"),
    [
        (lambda a, b: ps.pgrid(a), ValueError, "one bare plist", "pgrid([a])"),
        (lambda a, b: ps.pgrid(zip(a, b)), ValueError, "one zip", "pgrid([zip(a, b)])"),
        (lambda a, b: ps.pgrid(a, a), ValueError, "'a' is in plist 0 and in plist 1", "rename"),
        (lambda a, b: ps.pgrid([b, zip(a, b)]), ValueError, "'b'", "rename"),
        (lambda a, b: ps.pgrid([zip(a, a)]), ValueError, "'a' comes twice", "rename"),
        (lambda a, b: ps.itr2params(itertools.product(a, a)), ValueError, "'a' comes", "rename"),
        (lambda a, b: ps.pgrid([list(zip(a, b))]), None, "", ""),
        (lambda a, b: ps.pgrid(list(zip(a, b))), ValueError, "'a'", "rename"),
        (lambda a, b: ps.pgrid(), ValueError, "no plist", "pgrid(a, b)"),
        (lambda a, b: ps.pgrid([]), ValueError, "no plist", "pgrid(a, b)"),
        (lambda a, b: ps.pgrid(a, [1, 2]), TypeError, "1 (int)", "plist(name, values)"),
        (lambda a, b: ps.pgrid(a, 5), TypeError, "5 (int)", "plist(name, values)"),
        (lambda a, b: ps.pgrid(a, {"b": 1}), TypeError, "{'b': 1}", "list of length one"),
        (lambda a, b: ps.pgrid({"a": 5}), TypeError, "5 (int)", "pgrid({'a': [5]})"),
        (lambda a, b: ps.pgrid(a=5), TypeError, "5 (int)", "pgrid(a=[5])"),
        (lambda a, b: ps.pgrid(a="cg"), TypeError, "'cg' (str)", "pgrid(a=['cg'])"),
        (lambda a, b: ps.pgrid(a=b"cg"), TypeError, "b'cg' (bytes)", "pgrid(a=[b'cg'])"),
        (lambda a, b: ps.pgrid(a={"b": 1}), TypeError, "{'b': 1} (dict)", "pgrid(a=[{'b': 1}])"),
        (lambda a, b: ps.pgrid(a, a=[1]), ValueError, "'a' is in plist 0 and in plist 1", "rename"),
        (lambda a, b: ps.pgrid({}), ValueError, "no plist", "pgrid(a, b)"),
        (lambda a, b: ps.pgrid(a, "xy"), TypeError, "'xy'", "plist(name, values)"),
        (lambda a, b: ps.pgrid(7), TypeError, "7 (int)", "pgrid([a])"),
        (lambda a, b: ps.itr2params([1]), TypeError, "1 (int)", "plist(name, values)"),
        (lambda a, b: ps.plist("a", 5), TypeError, "5", "plist('a', [5])"),
        (lambda a, b: ps.plist([], [5]), TypeError, "[]", "hashable"),
        (lambda a, b: ps.merge_dicts({}, 3), TypeError, "3 (int)", "not a dict"),
        (lambda a, b: ps.stargrid(a, [b]), TypeError, "[{'a': 1}, {'a': 2}]", "must be a dict"),
        (lambda a, b: ps.stargrid({}, [a, b], ["a"]), ValueError, "['a'] for 2", "one label"),
        (lambda a, b: ps.flatten_dict({"a": {"b": 1}, "a_b": 2}), ValueError, "'a_b'", "sep"),
        (lambda a, b: ps.logspace(0, 10), ValueError, "0 has no logarithm", "offset above 0"),
        (lambda a, b: ps.logspace(5, -2, offset=1), ValueError, "-1", "offset above 2"),
        (lambda a, b: ps.logspace(1, float("inf")), ValueError, "inf", "finite"),
        (lambda a, b: ps.logspace("a", 1), ValueError, "'a'", "finite"),
        (lambda a, b: ps.intspace(0, 300, 4, dtype="uint8"), ValueError, "300", "uint8 cannot"),
        (lambda a, b: ps.intspace(0, float("nan"), 4), ValueError, "nan", "int64 cannot"),
        (lambda a, b: ps.intspace(2**53, 2**53 + 10, 11), ValueError, "9007199254740992", "range"),
        (lambda a, b: ps.intspace(-(10**17) - 5, -(10**17), 6), ValueError, "-1000", "range"),
        (lambda a, b: ps.pset_hash(a), TypeError, "[{'a': 1}, {'a': 2}] (list)", "dict"),
    ],
)  # fmt: skip
def test_bad_input_is_named_with_its_cure(a, b, make, error, said, cure):
    if error is None:
        make(a, b)
        return
    with pytest.raises(ps.PsweepError) as caught:
        make(a, b)
    assert isinstance(caught.value, error)
    assert said in str(caught.value)
    assert cure in str(caught.value)


def test_stargrid_varies_one_plist_at_a_time():
    const = {"a": 1, "b": 77, "c": 11}
    a, b = ps.plist("a", [1, 2, 3]), ps.plist("b", [77, 88])
    assert ps.stargrid(const, vary=[a, b]) == [
        {"a": 1, "b": 77, "c": 11},
        {"a": 2, "b": 77, "c": 11},
        {"a": 3, "b": 77, "c": 11},
        {"a": 1, "b": 88, "c": 11},
    ]
    labelled = ps.stargrid(const, [a, b], vary_labels=["a", "b"], skip_dups=False)
    assert [pset["_vary"] for pset in labelled] == ["a"] * 3 + ["b"] * 2
    renamed = ps.stargrid(const, [a], vary_labels=["x"], vary_label_col="study")
    assert renamed[0] == {**const, "study": "x"}
    both = ps.stargrid(const, [zip(a, b)])
    assert both == [{"a": 1, "b": 77, "c": 11}, {"a": 2, "b": 88, "c": 11}]
    assert const == {"a": 1, "b": 77, "c": 11}


def test_merge_dicts_takes_dicts_or_a_sequence_of_them():
    assert ps.merge_dicts({"a": 1}, {"a": 2, "b": 3}) == {"a": 2, "b": 3}
    assert ps.merge_dicts([{"a": 1}, {"b": 3}]) == {"a": 1, "b": 3}
    assert ps.merge_dicts() == {}
    one = {"a": 1}
    assert ps.merge_dicts(one) == one
    assert ps.merge_dicts(one) is not one


def test_flatten_dict():
    nested = {"a": {"b": 1, "c": {"d": 2}}, "e": 3, "empty": {}}
    assert ps.flatten_dict(nested) == {"a_b": 1, "a_c_d": 2, "e": 3, "empty": {}}
    assert ps.flatten_dict(nested, sep=".") == {"a.b": 1, "a.c.d": 2, "e": 3, "empty": {}}


def test_filters_by_hash():
    params = [{"a": 1}, {"a": 1, "_x": 2}, {"a": 1.0}, {"a": 2}]
    assert ps.filter_params_unique(params) == [{"a": 1}, {"a": 1.0}, {"a": 2}]
    assert ps.filter_params_dup_hash(params, [ps.pset_hash({"a": 1})]) == params[2:]
    assert ps.filter_params_dup_hash(params, []) == params


@pytest.mark.slow
@given(st.lists(psets(), max_size=6))
def test_unique_params_have_unique_hashes(params):
    unique = ps.filter_params_unique(params)
    hashes = [ps.pset_hash(pset) for pset in unique]
    assert len(set(hashes)) == len(hashes)
    assert set(hashes) == set(map(ps.pset_hash, params))


def test_logspace_takes_the_bounds_as_they_are():
    assert ps.logspace(1, 100, 3).tolist() == [1, 10, 100]
    assert len(ps.logspace(1, 2)) == 50
    assert ps.logspace(100, 1, 3).tolist() == [100, 10, 1]
    expected = np.logspace(np.log10(1), np.log10(101), 5) - 1
    np.testing.assert_allclose(ps.logspace(0, 100, 5, offset=1), expected, atol=1e-12)
    assert ps.logspace(0.1, 0.7, 9)[[0, -1]].tolist() == [0.1, 0.7]
    assert ps.logspace(1, 100, 2, endpoint=False)[-1] == pytest.approx(10)
    assert ps.logspace(1, 100, 1).tolist() == [1]
    assert ps.logspace(1, 100, 0).tolist() == []


def test_intspace_is_linspace_rounded_to_unique_ints():
    assert ps.intspace(0, 4, 10).tolist() == [0, 1, 2, 3, 4]
    assert ps.intspace(1, 10, 4).tolist() == [1, 4, 7, 10]
    assert ps.intspace(0, 4, 10).dtype == np.int64
    assert ps.intspace(0, 4, 10, dtype="int32").dtype == np.int32


def test_a_single_hash_is_no_list_of_hashes():
    sha = ps.pset_hash({"a": 1})
    with pytest.raises(TypeError, match=f"write \\['{sha}'\\]"):
        ps.filter_params_dup_hash([{"a": 1}], sha)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ps.itr2params(5), "dicts or tuples of dicts, not 5 (int)"),
        (lambda: ps.itr2params({"a": 1}), "not {'a': 1} (dict)"),
        (lambda: ps.stargrid({"a": 1}, None), "vary must be a list of plists"),
        (lambda: ps.merge_dicts(None), "a list of dicts, not None (NoneType)"),
        (lambda: ps.flatten_dict([{"a": 1}]), "a dict, not [{'a': 1}] (list)"),
        (lambda: ps.filter_params_unique(5), "params must be a list of dicts, not 5 (int)"),
        (lambda: ps.filter_params_unique({"a": 1}), "not {'a': 1} (dict)"),
        (lambda: ps.filter_params_dup_hash([{"a": 1}], None), "a list of hashes, not None"),
        (lambda: ps.filter_params_dup_hash(["e4ad"], [{"a": 1}]), "not of psets such as {'a': 1}"),
        (lambda: ps.shuffled({"a": 1}, 0), "params must be a list of dicts, not {'a': 1} (dict)"),
    ],
)
def test_what_is_no_list_of_dicts_is_shown(call, words):
    with pytest.raises(ps.ParamsTypeError, match=re.escape(words)):
        call()


def test_an_error_in_a_generator_of_the_users_passes_through():
    def psets():
        yield {"a": 1}
        raise TypeError("mine")

    for function in (ps.itr2params, ps.filter_params_unique, ps.merge_dicts):
        with pytest.raises(TypeError, match="^mine$"):
            function(psets())


def test_shuffled_takes_the_ints_of_numpy():
    params = ps.plist("a", range(10))
    assert ps.shuffled(params, np.int64(3)) == ps.shuffled(params, 3) != params
    with pytest.raises(ps.ParamsTypeError):
        ps.shuffled(params, True)
