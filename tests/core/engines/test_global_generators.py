"""What draws from a global generator draws from that of the process where it is used."""

from __future__ import annotations

import concurrent.futures as cf
import copy
import functools
import multiprocessing
import pickle
import random
from random import gauss

import numpy as np
import pytest
from numpy.random import normal

import psweep as ps
from psweep_core.engines import wire
from psweep_core.store import portable_pickle

pytestmark = pytest.mark.processes

N = 12


class Noise:
    """Such as a frozen distribution of SciPy, which holds NumPy's global generator."""

    def __init__(self):
        self.generator = np.random.mtrand._rand
        self.draw = random.random


def func(pset):
    noise = pset["noise"]
    return {
        "imported": gauss(0, 1),
        "of_numpy": normal(),
        "in_params": noise.generator.normal(),
        "method_in_params": noise.draw(),
        "function_in_params": pset["draw"](),
    }


NAMES = ["imported", "of_numpy", "in_params", "method_in_params", "function_in_params"]


def params():
    return [{"noise": Noise(), "draw": normal, "a": a} for a in range(N)]


def executor(method):
    return cf.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method))


@pytest.mark.parametrize("engine", ["serial", "fork", "spawn", "one pset", "executor"])
def test_no_two_psets_draw_the_same_numbers(engine):
    kwds = {
        "fork": {"poolsize": 2},
        "spawn": {"poolsize": 2, "worker_env": {"A": "1"}},
        "one pset": {"poolsize": 2, "max_tasks_per_child": 1},
    }.get(engine, {})
    if engine == "executor":
        with executor("fork") as pool:
            df = ps.run_local(func, params(), save=False, executor=pool)
    else:
        df = ps.run_local(func, params(), save=False, **kwds)
    assert [df[name].nunique() for name in NAMES] == [N] * 5


def test_a_seed_gives_the_same_numbers_in_each_process():
    runs = [
        ps.run_local(func, params(), save=False, seed=1, **kwds)
        for kwds in ({}, {"poolsize": 2, "worker_env": {"A": "1"}})
    ]
    assert runs[0][NAMES].equals(runs[1][NAMES])


@pytest.mark.parametrize(
    "copied",
    [
        lambda value: pickle.loads(portable_pickle.dumps(value)),
        lambda value: pickle.loads(wire.dumps(value)),
    ],
)
def test_pickles_hold_the_name_and_not_the_state(copied):
    noise = copied(Noise())
    assert noise.generator is np.random.mtrand._rand
    assert noise.draw.__self__ is random._inst
    own = copied(np.random.RandomState(1)), copied(random.Random(1))
    assert own[0].normal() == np.random.RandomState(1).normal()
    assert own[1].random() == random.Random(1).random()


def test_the_hash_does_not_depend_on_the_state():
    values = [Noise(), normal, gauss, functools.partial(normal, 2)]
    before = [ps.pset_hash({"a": value}) for value in values]
    random.random()
    normal()
    assert [ps.pset_hash({"a": value}) for value in values] == before
    assert len({*before, ps.pset_hash({"a": copy.deepcopy(Noise())})}) == 5


def test_distributions_are_found_again_and_draw_other_numbers():
    stats = pytest.importorskip("scipy.stats")
    pset = {"dist": stats.norm(0, 1)}

    def draw(pset):
        return {"b": float(pset["dist"].rvs())}

    df = ps.run_local(draw, [pset] * 3)
    assert df.b.nunique() == 3
    assert len(ps.run_local(draw, [pset], skip_dups=True)) == 3
    assert ps.pset_hash(ps.df_extract_pset(df, df._pset_id[0])) == df._pset_hash[0]


class Model:
    def __init__(self, rng):
        self.rng = rng


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState, random.Random])
@pytest.mark.parametrize("kwds", [{}, {"repeats": 2}])
@pytest.mark.parametrize("hold", [lambda rng: rng, lambda rng: {"deep": [rng]}, Model])
def test_a_generator_that_psets_share_is_reported(hold, make, kwds, capfd):
    shared = make(1)
    params = [{"rng": hold(shared), "a": a} for a in range(3)]
    ps.run_local(lambda pset: {}, params, save=False, **kwds)
    assert "psets have the same random generator as 'rng'" in capfd.readouterr().err
    params = [{"rng": hold(make(a)), "a": a} for a in range(3)]
    ps.run_local(lambda pset: {}, params, save=False)
    assert capfd.readouterr().err == ""
