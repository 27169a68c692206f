"""Generators that func takes along, which psweep cannot reseed, are reported."""

from __future__ import annotations

import concurrent.futures as cf
import functools
import multiprocessing
import random
import sys
import types

import numpy as np
import pytest

import psweep as ps
from psweep_core.engines.shared_generators import shared_generators

RNG = np.random.default_rng(0)
LEGACY = np.random.RandomState(0)
OLD = random.Random(0)
DRAW = RNG.normal
BY_NAME = {"rng": RNG}
LISTED = [np.random.default_rng(i) for i in range(3)]
SECRET = random.SystemRandom()
settings = types.ModuleType("settings")
settings.rng = RNG


def helper():
    return LEGACY.normal()


def indirect():
    return helper()


class Model:
    rng = np.random.default_rng(0)

    def __init__(self):
        self.gen = np.random.default_rng(1)

    def uses_own(self, pset):
        return {"y": self.gen.normal()}


class Slots:
    __slots__ = ("gen",)

    def __init__(self):
        self.gen = random.Random()

    def __call__(self, pset):
        return {"y": self.gen.random()}


class Unlucky:
    """Has attributes that must not be touched."""

    @property
    def __dict__(self):
        raise AssertionError

    @property
    def __class__(self):
        raise AssertionError

    def __getattr__(self, name):
        raise AssertionError(name)

    def __eq__(self, other):
        raise AssertionError

    def __hash__(self):
        raise AssertionError

    def __call__(self, pset):
        return {}


class Innocent:
    def run(self, pset):
        return {"y": self.RNG.normal()}  # an attribute of the same name


def closure():
    rng = np.random.default_rng(0)
    return lambda pset: {"y": rng.normal()}


def made_inside(pset):
    rng = np.random.default_rng(pset["a"])
    return {"y": rng.normal() + random.Random(3).random() + np.random.normal() + random.random()}


def sets_global(pset):
    global LATER
    LATER = np.random.default_rng(pset["a"])
    return {"y": LATER.normal()}


def with_inner_function(pset):
    def inner():
        return [RNG.normal() for _ in range(3)]

    return {"y": inner()}


LATER = np.random.default_rng(0)
MODEL = Model()


@pytest.mark.parametrize(
    ("func", "names"),
    [
        (lambda p: {"y": RNG.normal()}, ["RNG"]),
        (lambda p: {"y": LEGACY.normal()}, ["LEGACY"]),
        (lambda p: {"y": OLD.random()}, ["OLD"]),
        (lambda p: {"y": DRAW()}, ["DRAW"]),
        (lambda p: {"y": BY_NAME["rng"].normal()}, ["BY_NAME['rng']"]),
        (lambda p: {"y": LISTED[p["a"]].normal()}, ["LISTED"]),
        (lambda p: {"y": settings.rng.normal()}, ["settings.rng"]),
        (lambda p: {"y": RNG.normal() + OLD.random()}, ["RNG", "OLD"]),
        (lambda p: {"y": helper()}, ["LEGACY"]),
        (lambda p: {"y": indirect()}, ["LEGACY"]),
        (lambda p: Model().uses_own(p), ["Model.rng"]),
        (lambda p: MODEL.uses_own(p), ["MODEL.gen", "Model.rng"]),
        (MODEL.uses_own, ["Model.gen", "Model.rng"]),
        (Slots(), ["Slots.gen"]),
        (closure(), ["rng"]),
        (with_inner_function, ["RNG"]),
        (lambda p, rng=OLD: {"y": rng.random()}, ["rng"]),
        (lambda p, *, rng=OLD: {"y": rng.random()}, ["rng"]),
        (functools.partial(lambda rng, p: {"y": rng.normal()}, RNG), ["rng"]),
        (functools.partial(lambda p, gen: {"y": gen.normal()}, gen=RNG), ["gen"]),
        (functools.lru_cache(with_inner_function), ["RNG"]),
        (made_inside, []),
        (sets_global, []),
        (Innocent().run, []),
        (lambda p: {"y": SECRET.random()}, []),
        (np.random.normal, []),
        (random.random, []),
        (len, []),
        (3, []),
    ],
)
def test_generators_that_func_takes_along_are_found(func, names):
    assert shared_generators(func) == names


def test_no_code_of_the_users_is_called():
    unlucky = Unlucky()
    for func in (unlucky, lambda p: unlucky(p), functools.partial(len, unlucky)):
        assert shared_generators(func) == []


@pytest.fixture
def executor_of_forks():
    context = multiprocessing.get_context("fork")
    with cf.ProcessPoolExecutor(2, mp_context=context) as executor:
        yield executor


@pytest.mark.parametrize("kind", ["poolsize", "executor", "threads", "serial"])
def test_workers_copies_are_reported(kind, executor_of_forks, capfd):
    kwds = {
        "poolsize": {"poolsize": 2},
        "executor": {"executor": executor_of_forks},
        "threads": {"executor": cf.ThreadPoolExecutor(2)},
        "serial": {},
    }[kind]
    ps.run_local(lambda p: {"y": RNG.normal()}, ps.plist("a", range(4)), save=False, **kwds)
    ps.run_local(made_inside, ps.plist("a", range(4)), save=False, **kwds)
    lines = capfd.readouterr().err.splitlines()
    if kind in ("threads", "serial"):
        assert lines == []
    else:
        (line,) = lines
        assert line.startswith("psweep: func uses RNG, a random generator made outside func")
        assert "np.random.default_rng()" in line


def test_detection_imports_nothing_and_looks_at_a_limited_number_of_values():
    many = [[object() for _ in range(100)] for _ in range(10_000)]
    modules = set(sys.modules)
    assert shared_generators(lambda p: many) == []
    assert set(sys.modules) == modules
