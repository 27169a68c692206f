"""Functions with a signature of their own, by `by_name`."""

from __future__ import annotations

import concurrent.futures
import functools
import math
import pickle
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

import psweep as ps


def power(x, n=2):
    return x**n


class Model:
    scale = 3

    def __call__(self, x):
        return self.scale * x

    def run(self, x, *, offset=0):
        return x + offset


def run(func, params, **kwds):
    return ps.run_local(func, params, save=False, **kwds)


def test_entries_that_the_signature_names_are_passed():
    func = ps.by_name(power, "y")
    assert func({"x": 3, "other": 1}) == {"y": 9}
    assert run(func, ps.pgrid(x=[2, 3], n=[1, 3])).y.tolist() == [2, 8, 3, 27]
    assert run(ps.by_name(lambda **kwds: sorted(kwds), "names"), [{"b": 1, "a": 2, "_p": 3}]).names[
        0
    ] == ["_p", "a", "b"]
    assert ps.by_name(lambda x, /, y=5, *args, z=1: (x, y, args, z), "a", "b", "c", "d")(
        {"x": 1, "z": 2, "args": 9}
    ) == {"a": 1, "b": 5, "c": (), "d": 2}
    assert ps.by_name(lambda x=1, /, y=2: x + y, "s")({"y": 5}) == {"s": 6}
    assert ps.by_name(lambda x, /, **kwds: (x, kwds), "x", "k")({"x": 1, "y": 2}) == {
        "x": 1, "k": {"y": 2},
    }  # fmt: skip
    assert ps.by_name(Model(), "y")({"x": 2}) == {"y": 6}
    assert ps.by_name(Model().run, "y")({"x": 2, "offset": 5}) == {"y": 7}
    assert ps.by_name(functools.partial(power, n=3), "y")({"x": 2}) == {"y": 8}
    assert ps.by_name(math.sqrt, "y")({"x": 4}) == {"y": 2.0}


def test_bookkeeping_can_be_named_and_is_not_in_kwargs():
    def sim(x, _pset_id, _calc_dir, **others):
        folder = Path(_calc_dir, _pset_id)
        folder.mkdir(parents=True)
        return sorted(others)

    df = ps.run_local(ps.by_name(sim, "others"), [{"x": 1, "label": "a"}])
    assert df.others[0] == ["label"]
    assert Path("calc", df._pset_id[0]).is_dir()


def test_return_values_become_named_results():
    pair = namedtuple("pair", "a b")
    for returned in [(1, [2]), [1, [2]], pair(1, [2])]:
        assert ps.by_name(lambda: returned, "a", "b")({}) == {"a": 1, "b": [2]}
    assert ps.by_name(lambda: np.array([1.5, 2]), "a", "b")({}) == {"a": 1.5, "b": 2.0}
    assert ps.by_name(lambda: (1, 2), "both")({}) == {"both": (1, 2)}
    assert ps.by_name(lambda: None, "y")({}) == {"y": None}
    assert ps.by_name(lambda: {"p": 1})({}) == {"p": 1}


@pytest.mark.parametrize(
    ("returned", "names", "said"),
    [
        ((1, 2, 3), ("a", "b"), "returned 3 values, (1, 2, 3) (tuple)"),
        (5, ("a", "b"), "returned 5 (int) for the pset {'x': 1}"),
        ("ab", ("a", "b"), "'ab' (str)"),
        ({"a": 1, "b": 2}, ("a", "b"), "one name for each value"),
        (None, ("a", "b"), "None (NoneType)"),
        (np.array(3.0), ("a", "b"), "2 names 'a', 'b'"),
        (5, (), "by_name(sim, 'y')"),
        (None, (), "not a dict"),
    ],
)  # fmt: skip
def test_a_wrong_number_of_values_is_an_error_that_names_the_pset(returned, names, said):
    with pytest.raises(ps.ResultError) as caught:
        run(ps.by_name(lambda x: returned, *names), [{"x": 1}])
    assert said in str(caught.value)
    assert "_run_id" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ps.by_name("y", power), "write by_name(sim, 'y')"),
        (lambda: ps.by_name(3), "must be a function, not 3"),
        (lambda: ps.by_name(power, ["a", "b"]), "by_name(sim, 'a', 'b')"),
        (lambda: ps.by_name(power, 3), "must be a str, not 3"),
        (lambda: ps.by_name(power, "y", "y"), "two results are called 'y'"),
        (lambda: ps.by_name(power, "_pset_id"), "reserved"),
        (lambda: ps.by_name(power, "_seed"), "reserved"),
        (lambda: ps.by_name(np.sin, "y") and ps.by_name(dict, "y"), "wrap it"),
        (lambda: ps.by_name(power, "y")({"n": 1}), "power needs 'x', which the pset {'n': 1}"),
        (lambda: ps.by_name(lambda tolerance=1: 0, "y")({"tolerances": 2}), "'tolerance'"),
    ],
)  # fmt: skip
def test_mistakes_are_named(make, said):
    with pytest.raises(ps.PsweepError) as caught:
        make()
    assert said in str(caught.value)


def test_a_label_that_resembles_nothing_is_left_out():
    assert ps.by_name(power, "y")({"x": 2, "study": "a", 5: 6}) == {"y": 4}
    assert ps.by_name(lambda reps=1, speed=2: reps, "y")({"rep": 3, "seed": 4}) == {"y": 1}


@pytest.mark.parametrize("by_value", [False, True])
def test_it_runs_in_workers_and_executors(by_value):
    offset = 10
    sim = (lambda x, n=1: (x + offset, n)) if by_value else power
    names = ("y", "n_used") if by_value else ("y",)
    func = ps.by_name(sim, *names)
    params = ps.plist("x", [1, 2, 3])
    expected = run(func, params).y.tolist()
    assert run(func, params, poolsize=2).y.tolist() == expected
    with concurrent.futures.ProcessPoolExecutor(1) as executor:
        assert run(func, params, executor=executor).y.tolist() == expected
    if not by_value:
        assert pickle.loads(pickle.dumps(func))({"x": 3}) == {"y": 9}


def test_it_names_what_makes_the_results():
    func = ps.by_name(functools.partial(power, n=3), "y")
    assert func.__wrapped__.keywords == {"n": 3}
    assert (func.__module__, func.__qualname__) == (power.__module__, "power")
    assert ps.by_name(Model(), "y").__qualname__ == "Model"
    assert ps.by_name(power, "a", "b").__wrapped__.args == ("a", "b")


def test_errors_of_the_function_show_its_frames():
    def sim(x):
        raise ValueError("inside")

    df = run(ps.by_name(sim, "y"), [{"x": 1}], on_error="record")
    assert "in sim" in df._exc_txt[0]
    assert "running/by_name.py" not in df._exc_txt[0]
    assert repr(ps.by_name(sim, "y")) == "by_name(sim, 'y')"
