"""Beginners' mistakes are refused before anything runs: what was passed, what to write instead."""

from __future__ import annotations

import functools
import inspect
import itertools
import os
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest

import psweep as ps

A = [{"a": 1}]


def func(pset):
    return {}


def refused(tmp_path, action, *said):
    with pytest.raises(ps.PsweepError) as caught:
        action()
    text = str(caught.value)
    for part in said:
        assert part in text
    assert list(tmp_path.iterdir()) == []
    return caught.value


# func


def two(a, b):
    return {}


def none():
    return {}


def by_name(pset, *, tol):
    return {}


class Model:
    def __init__(self, name="x"):
        self.name = name

    def __call__(self, pset):
        return {}

    def run(self, pset):
        return {}

    def run_two(self, a, b):
        return {}

    @classmethod
    def make(cls, pset):
        return {}

    @staticmethod
    def plain(pset):
        return {}


class TwoCall:
    def __call__(self, a, b):
        return {}


class NoArguments:
    pass


class Results(dict):
    def __init__(self, pset):
        super().__init__(b=1)


def unpacked(function):
    @functools.wraps(function)
    def wrapper(pset):
        return function(pset["a"], 1)

    return wrapper


class Signed:
    """What it says of its signature need not be that of the call."""

    __signature__ = None

    def __init__(self):
        self.__signature__ = inspect.signature(two)

    def __call__(self, *args):
        return {}


@pytest.mark.parametrize(
    "function",
    [
        func,
        lambda pset: {},
        lambda pset, tol=1: {},
        lambda *args: {},
        lambda pset, *args, **kwds: {},
        lambda pset, /, *, tol=1: {},
        lambda pset=None: {},
        Model(),
        Model().run,
        Model.make,
        Model.plain,
        Results,
        functools.partial(two, 1),
        functools.partial(two, b=1),
        functools.partial(by_name, tol=1),
        unpacked(two),
        functools.partial(unpacked(two)),
        functools.lru_cache(maxsize=0)(lambda pset: {}).__wrapped__,
        functools.singledispatch(func),
        Mock(return_value={}),
        Signed(),
        dict,
    ],
)
def test_functions_that_can_be_called_with_a_pset(function):
    assert len(ps.run_local(function, A, save=False)) == 1


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (two, ["two(a, b)", 'lambda pset: two(pset["a"], pset["b"])']),
        (lambda x, y: {}, ["func(x, y)", 'lambda pset: func(pset["x"], pset["y"])']),
        (lambda a, b, c=1: {}, ['lambda pset: func(pset["a"], pset["b"])']),
        (none, ["none()", "def none(pset)"]),
        (lambda: {"b": 1}, ["def func(pset)"]),
        (by_name, ["by_name(pset, *, tol)", 'lambda pset: by_name(pset, tol=pset["tol"])']),
        (Model().run_two, ["run_two(a, b)", 'run_two(pset["a"], pset["b"])']),
        (TwoCall(), ["func(a, b)", "lambda pset"]),
        (functools.partial(two, 1, 2), ["def func(pset)"]),
        (functools.partial(two, a=1), ["func(*, a=1, b)", 'func(b=pset["b"])']),
        (functools.partial(none), ["def func(pset)"]),
        (NoArguments, ["NoArguments is a class", "an object"]),
    ],
)
def test_functions_that_cannot(tmp_path, function, said):
    error = refused(tmp_path, lambda: ps.run_local(function, A), *said, "one argument, the pset")
    assert isinstance(error, TypeError)
    refused(tmp_path, lambda: ps.run_local(function, A, simulate=True), *said)


@pytest.mark.parametrize("value", [{"result": 1}, None, 3.5, [1, 2]])
def test_what_func_returns_instead_of_func(tmp_path, value):
    said = [repr(value), type(value).__name__, "the function itself", "not what func(...) returns"]
    refused(tmp_path, lambda: ps.run_local(value, A), *said)


def test_the_name_of_func(tmp_path):
    refused(tmp_path, lambda: ps.run_local("func", A), "'func'", "not its name")


def test_swapped_arguments(tmp_path):
    said = ["[{'a': 1}]", "swapped", "run_local(func, params)"]
    error = refused(tmp_path, lambda: ps.run_local(A, func), *said)
    assert isinstance(error, TypeError)


# params


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"a": [1, 2]}, ["{'a': [1, 2]} (dict)", "write plist('a', [1, 2])", "[pset]"]),
        ({"a": [1, 2], "b": range(3)}, ["pgrid(plist('a', [1, 2]), plist('b', range(0, 3)))"]),
        ({"a": np.array([1, 2]), "b": "cg"}, ["plist('a', array([1, 2]))", "plist('b', ['cg'])"]),
        ({"a": [*range(100)]}, ["plist('a', [...])"]),
        (dict.fromkeys("abcde", (1,)), ["plist('c', (1,)), ...)"]),
        ({"a": 1, "b": "xx"}, ["[pset]"]),
        ("abc", ["'abc' (str)", "plist"]),
        (None, ["None (NoneType)", "plist"]),
        (3, ["3 (int)", "plist"]),
        (zip(A, A, strict=True), ["zip", "itr2params"]),
        (itertools.product(A, A), ["product", "itr2params"]),
        (pd.DataFrame(A), ["DataFrame", "df_extract_params"]),
        ([1, 2], ["params[0]", "1 (int)", "plist(name, values)"]),
        (["abc"], ["params[0]", "'abc' (str)", "plist(name, values)"]),
        ([(1, 2), (3, 4)], ["(1, 2) (tuple)", "[{'a': a, 'b': b} for a, b in params]"]),
        ([A, A], ["params[0]", "[{'a': 1}] (list)", "pgrid(a, b)"]),
        ([[]], ["params[0]", "[] (list)"]),
        ([(A[0], {"b": 1})], ["params[0]", "itr2params"]),
        ([{"a": 1}, None], ["params[1]", "None (NoneType)"]),
    ],
)  # fmt: skip
def test_params(tmp_path, params, said):
    error = refused(tmp_path, lambda: ps.run_local(func, params), *said)
    assert isinstance(error, TypeError)


def test_the_hints_for_params_work():
    params = {"a": [1, 2], "b": range(3)}
    with pytest.raises(TypeError) as caught:
        ps.run_local(func, params)
    code = str(caught.value).partition("write ")[2].partition(" to vary")[0]
    assert len(ps.run_local(func, eval(code, vars(ps)), save=False)) == 6
    with pytest.raises(TypeError) as caught:
        ps.run_local(func, [(1, 2), (3, 4)])
    code = str(caught.value).rpartition(": [")[2].rpartition("]")[0]
    params = eval(f"[{code}]", {"params": [(1, 2), (3, 4)]})
    assert params == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


# keywords


@pytest.mark.parametrize(
    ("kwds", "said"),
    [
        ({"poolsize": "4"}, ["poolsize", "≥ 1", "'4' (str)", "write 4 without quotes"]),
        ({"poolsize": 0}, ["poolsize", "≥ 1", "0"]),
        ({"retries": "2"}, ["retries", "≥ 0", "write 2 without quotes"]),
        ({"retries": -1}, ["retries", "≥ 0", "-1"]),
        ({"timeout": "1.5", "poolsize": 1}, ["timeout", "write 1.5 without quotes"]),
        ({"timeout": "soon", "poolsize": 1}, ["timeout", "'soon' (str)"]),
        ({"df": "calc"}, ["df", "'calc' (str)", "calc_dir='calc'"]),
        ({"df": 4}, ["df", "4 (int)", "poolsize=4"]),
        ({"poolsise": 2}, ["'poolsise'", "did you mean 'poolsize'"]),
        ({"n_jobs": 2}, ["'n_jobs'", "did you mean 'poolsize'"]),
        ({"random_state": 2}, ["'random_state'", "did you mean 'seed'"]),
        ({"xyz": 2}, ["'xyz'", "valid keywords are func, params"]),
    ],
)
def test_keywords(tmp_path, kwds, said):
    refused(tmp_path, lambda: ps.run_local(func, A, **kwds), *said)


def test_a_folder_as_the_third_argument(tmp_path):
    refused(tmp_path, lambda: ps.run_local(func, A, "my/calc"), "calc_dir='my/calc'")
    refused(tmp_path, lambda: ps.run_local(func, A, tmp_path), f"calc_dir={str(tmp_path)!r}")


# plist, pgrid


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (lambda: ps.plist("solver", "cg"), ["'solver', 'cg'", "write plist('solver', ['cg'])"]),
        (lambda: ps.plist("data", b"xy"), ["write plist('data', [b'xy'])"]),
        (lambda: ps.plist("a", 3), ["write plist('a', [3])"]),
        (lambda: ps.plist(["cg"], "solver"), ["['cg']", "write plist('solver', ['cg'])"]),
        (lambda: ps.pgrid(ps.plist("a", [1])), ["one bare plist", "{'a': 1}", "write pgrid([a])"]),
        (lambda: ps.pgrid(zip(A, A, strict=True)), ["zip", "write pgrid([zip(a, b)])"]),
        (lambda: ps.pgrid(A, ps.plist("a", [2])), ["'a'", "plist 0", "plist 1", "rename", "zip"]),
        (lambda: ps.pgrid([zip(A, A, strict=True)]), ["'a' comes twice", "merge_dicts if"]),
        (lambda: ps.itr2params([(A[0], A[0])]), ["'a' comes twice", "rename"]),
        (lambda: ps.pgrid([[1, 2], [3]]), ["expected a dict, got 1 (int)", "plist(name, values)"]),
        (lambda: ps.pgrid(A, {"b": 1}), ["plist 1", "{'b': 1}", "list of length one"]),
        (lambda: ps.pgrid(), ["no plist", "pgrid(a, b)"]),
    ],
)
def test_plist_and_pgrid(tmp_path, action, said):
    refused(tmp_path, action, *said)


def test_values_without_a_repr_can_be_named():
    class Odd:
        def __repr__(self):
            raise RuntimeError("no repr")

    with pytest.raises(TypeError, match=r"params\[0\] must be a dict, not .*Odd"):
        ps.run_local(func, [Odd()])


@pytest.mark.parametrize("poolsize", [None, 1])
def test_a_func_that_wants_a_seed_without_one(poolsize):
    with pytest.raises(KeyError) as caught:
        ps.run_local(lambda pset: {"y": pset["_seed"]}, [{"a": 1}], poolsize=poolsize)
    assert "psets have a _seed if seed= is passed" in "".join(caught.value.__notes__)


def test_a_study_that_gets_very_wide(capsys):
    def own_names(pset):
        return {f"r{pset['a']}_{k}": 0.5 for k in range(4)}

    params = [{"a": a} for a in range(260)]
    ps.run_local(own_names, params[:200], progress=False)
    assert capsys.readouterr().err == ""
    df = ps.run_local(own_names, params[200:], progress=False)
    assert f"the study has {df.shape[1]} columns now" in (err := capsys.readouterr().err)
    assert "a dict in one column" in err
    assert err.count("\n") == 1
    ps.run_local(own_names, params[:1], progress=False)  # not again
    assert capsys.readouterr().err == ""
    assert os.path.getsize("calc/database.pk") < 150_000  # 8 bytes a cell would be 2 MB
    ps.run_local(own_names, params, save=False, progress=False)
    assert "1049 columns" in capsys.readouterr().err
