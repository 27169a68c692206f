"""`seed=` and `repeats=`: the same numbers however a study came about."""

from __future__ import annotations

import concurrent.futures as cf
import os
import random
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from every_engine import run
from executors import dask

import psweep as ps

pytestmark = pytest.mark.processes

PARAMS = ps.plist("a", range(5))


def draw(pset):
    own = np.random.default_rng(pset["_seed"]).normal()
    return {"x": np.random.normal(), "y": random.random(), "z": own}


def numbers(df):
    return sorted(zip(df._pset_hash, df._seed, df.x, df.y, df.z, strict=True))


@pytest.fixture
def expected():
    return numbers(ps.run_local(draw, PARAMS, seed=7, repeats=3, save=False))


def test_each_row_has_a_seed_of_its_own(expected):
    seeds = [seed for _, seed, *_ in expected]
    assert len(set(seeds)) == 15
    assert all(type(seed) is int and 0 <= seed < 2**32 for seed in seeds)
    other = ps.run_local(draw, PARAMS, seed=8, repeats=3, save=False)
    assert not set(other._seed) & set(seeds)


@pytest.mark.parametrize("engine", ["poolsize=2", "processes", "spawn"])
def test_processes_draw_what_a_serial_run_draws(engine, expected):
    df = run(engine, draw, PARAMS, seed=7, repeats=3)
    assert numbers(df) == expected
    assert df.a.tolist() == [*range(5)] * 3


@pytest.mark.parametrize("engine", ["threads", "dask"])
def test_threads_get_the_seed_and_leave_the_global_state_alone(engine, expected):
    df = run(engine, draw, PARAMS, seed=7, repeats=3)
    got = sorted(zip(df._pset_hash, df._seed, df.z, strict=True))
    assert got == [(sha, seed, z) for sha, seed, _, _, z in expected]
    assert df.x.nunique() == df.y.nunique() == 15


def test_dask_workers_with_one_thread_are_seeded(expected):
    with dask(n_workers=1, processes=True) as client:
        df = ps.run_local(draw, PARAMS, seed=7, repeats=3, executor=client)
        assert numbers(df) == expected

        def draw_beside_dask(pset):
            from dask.sizeof import sizeof  # draws a sample of a list

            thread = threading.Thread(target=sizeof, args=([*range(100)],))
            thread.start()  # as the event loop of a worker does at any time
            thread.join()
            return {"y": random.random()}

        df = ps.run_local(draw_beside_dask, PARAMS, seed=7, executor=client, calc_dir="beside")
        assert df.y.tolist() == [random.Random(seed).random() for seed in df._seed]


def test_an_executor_that_calls_at_once_is_as_good_as_a_serial_run(expected):
    class AtOnce(cf.Executor):
        def submit(self, function, *args):
            future = cf.Future()
            future.set_result(function(*args))
            return future

    state = np.random.get_state()[1].tolist()
    assert numbers(ps.run_local(draw, PARAMS, seed=7, repeats=3, executor=AtOnce())) == expected
    assert np.random.get_state()[1].tolist() == state


def test_a_grown_reversed_and_split_study_has_the_same_numbers(expected):
    kwds = {"seed": 7, "skip_dups": True, "calc_dir": "grown"}
    ps.run_local(draw, PARAMS[:2], **kwds)
    ps.run_local(draw, PARAMS[::-1], **kwds, poolsize=2, repeats=2)
    df = ps.run_local(draw, PARAMS, **kwds, repeats=3)
    assert numbers(df) == expected
    assert len(ps.run_local(draw, PARAMS, **kwds, repeats=3)) == 15
    for _ in range(3):
        df = ps.run_local(draw, PARAMS[::-1], seed=7, calc_dir="by call")
    assert numbers(df) == expected
    for _ in range(3):
        df = ps.run_local(draw, PARAMS, None if _ == 0 else df, seed=7, save=False)
    assert numbers(df) == expected


def test_a_killed_study_goes_on_with_the_same_numbers(script, expected):
    text = """
        import os, signal, sys, random, numpy as np, psweep as ps
        def draw(pset):
            if sys.argv[1:] and pset["_pset_seq"] >= 7:
                open("begun", "w").close()
                signal.pause()
            own = np.random.default_rng(pset["_seed"]).normal()
            return {"x": np.random.normal(), "y": random.random(), "z": own}
        if __name__ == "__main__":
            ps.run_local(draw, ps.plist("a", range(5)), seed=7, repeats=3, skip_dups=True)
        """
    process = script(text, "wait")
    while not Path("begun").exists():
        assert process.poll() is None
    os.killpg(process.pid, 9)
    process.wait()
    script(text, wait=True)
    df = ps.df_read("calc")
    assert numbers(df) == expected
    assert df.a.tolist() == [*range(5)] * 3


def test_gaps_that_a_killed_pool_leaves_are_filled(expected):
    df = ps.run_local(draw, PARAMS, seed=7, repeats=3)
    left = df[~df._pset_seq.isin([0, 1, 6, 12])]
    ps.df_write("calc/database.pk", left)
    df = ps.run_local(draw, PARAMS, seed=7, repeats=3, skip_dups=True)
    assert numbers(df) == expected


def test_a_run_that_goes_on_has_reserved_its_seeds():
    started, go_on = threading.Event(), threading.Event()

    def waits(pset):
        started.set()
        go_on.wait()
        return {}

    kwds = {"seed": 7, "calc_dir": "both"}
    thread = threading.Thread(target=ps.run_local, args=(waits, PARAMS), kwargs=kwds)
    thread.start()
    started.wait()
    ps.run_local(lambda pset: {}, PARAMS, **kwds)
    go_on.set()
    thread.join()
    df = ps.df_read("both")
    assert len(df) == df._seed.nunique() == 10
    assert not [*Path("both").rglob("*.seeds")]


def test_a_failed_pset_is_run_again_with_its_seed():
    def fails(pset):
        seeds.append(pset["_seed"])
        return {"y": 1 / (len(seeds) % 3)}

    seeds = [0, 0]
    df = ps.run_local(fails, [{"a": 1}], seed=7, on_error="record")
    assert df._failed.tolist() == [True]
    assert df._seed.tolist() == seeds[2:3]
    ps.run_local(fails, [{"a": 1}], seed=7, skip_dups=True)
    assert len(set(seeds[2:])) == 1
    seeds[:] = [0, 0]
    ps.run_local(fails, [{"a": 1}], seed=7, retries=1, calc_dir="retried")
    assert seeds[2] == seeds[3]


def test_a_worker_that_died_leaves_the_seed_in_its_row():
    df = ps.run_local(
        lambda p: os._exit(1) if p["a"] == 1 else {},
        PARAMS[:3],
        seed=7,
        poolsize=1,
        on_error="record",
    )
    again = ps.run_local(lambda p: {}, PARAMS[:3], seed=7, save=False)
    assert df._failed.tolist() == [False, True, False]
    assert df._seed.tolist() == again._seed.tolist()


@pytest.mark.parametrize("kwds", [{}, {"seed": 3}, {"poolsize": 2}])
def test_a_row_can_be_run_again_from_its_seed(kwds, expected):
    df = ps.run_local(draw, PARAMS, seed=7)
    row = df.iloc[3]
    pset = {**ps.df_extract_pset(df, row._pset_id), "_seed": row._seed}
    again = ps.run_local(draw, [pset, {"a": 100}], save=False, **kwds)
    assert again[["_seed", "x", "y", "z"]].iloc[0].tolist() == [row._seed, row.x, row.y, row.z]
    assert again._pset_hash[0] == row._pset_hash
    assert pset["_seed"] == row._seed  # the caller's pset is as it was


def test_repeats_of_a_pset_with_its_own_seed_are_reported(capfd):
    ps.run_local(draw, [{"a": 1, "_seed": 5}], repeats=3, save=False)
    assert "2 psets have a '_seed' of their own" in capfd.readouterr().err
    ps.run_local(draw, [{"a": 1, "_seed": 5}], repeats=2, save=False)
    assert "1 pset has a '_seed' of its own that another of its rows has" in capfd.readouterr().err


def test_the_column_is_bookkeeping_and_only_there_if_it_was_used():
    df = ps.run_local(lambda p: {"y": 1}, PARAMS)
    assert "_seed" not in df.columns
    df = ps.run_local(lambda p: {**p, "y": 1}, PARAMS, seed=1)
    assert df.columns.tolist() == [
        "a", "_run_id", "_pset_id", "_calc_dir", "_time_utc", "_pset_hash", "_pset_seq",
        "_run_seq", "_seed", "y", "_pset_runtime",
    ]  # fmt: skip
    assert df._seed.tolist()[:5] == [None] * 5
    assert all(type(seed) is int for seed in df._seed[5:])
    assert ps.df_extract_params(df) == PARAMS * 2
    ps.run_local(lambda p: {"y": 1}, PARAMS, seed=1, calc_dir="j", database_basename="d.json")
    assert ps.df_read("j")._seed.dtype == np.int64


def test_rows_without_a_seed_count():
    ps.run_local(lambda p: {}, [{"a": 1}])
    df = ps.run_local(lambda p: {}, [{"a": 1}], seed=1)
    other = ps.run_local(lambda p: {}, [{"a": 1}], seed=1, repeats=2, save=False)
    assert df._seed[1] == other._seed[1]


def test_a_serial_run_restores_the_callers_state():
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()

    def nested(pset):
        first = np.random.normal()
        ps.run_local(draw, PARAMS, seed=2, save=False)
        return {"first": first, "second": np.random.normal()}

    df = ps.run_local(nested, PARAMS, seed=1, save=False)
    alone = np.random.RandomState(df._seed[2])
    assert df[["first", "second"]].iloc[2].tolist() == alone.normal(size=2).tolist()
    with pytest.raises(ZeroDivisionError):
        ps.run_local(lambda p: 1 / 0, PARAMS, seed=1, save=False)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_two_serial_runs_in_two_threads_do_not_reset_each_other():
    random.seed(1)
    before = random.getstate()
    inside, leave = threading.Event(), threading.Event()

    def waits(pset):
        inside.set()
        leave.wait()
        return {"y": random.random()}

    out = []
    kwds = {"seed": 1, "save": False}
    thread = threading.Thread(target=lambda: out.append(ps.run_local(waits, [{"a": 1}], **kwds)))
    thread.start()
    inside.wait()
    ps.run_local(lambda p: {}, [{"a": 2}], **kwds)
    leave.set()
    thread.join()
    assert out[0].y[0] == random.Random(int(out[0]._seed[0])).random()
    assert random.getstate() == before


def test_a_process_of_an_executor_draws_fresh_numbers_after_a_seeded_run():
    with cf.ProcessPoolExecutor(1) as executor:
        fresh = [
            ps.run_local(f, [{"a": 1}], save=False, executor=executor, **kwds).x[0]
            for _ in range(3)
            for f, kwds in [
                (draw, {"seed": 1}),
                (lambda p: {"x": np.random.normal()}, {}),
            ]
        ]
    assert len(set(fresh)) == 4


@pytest.mark.parametrize("kwds", [{}, {"poolsize": 1}])
def test_torch_that_func_imports_is_seeded_as_well(kwds, monkeypatch):
    folder = Path("modules").absolute()
    folder.mkdir()
    text = "import random\nstate = random.Random(0)\nmanual_seed = state.seed\n"
    (folder / "torch.py").write_text(
        text + "get_rng_state = state.getstate\nset_rng_state = state.setstate\n"
        "class cuda:\n    is_initialized = staticmethod(lambda: False)\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "torch", raising=False)

    def f(pset):
        import torch

        return {"y": torch.state.random()}

    df = ps.run_local(f, PARAMS[:2], seed=1, save=False, **kwds)
    assert df.y.tolist() == [random.Random(int(seed)).random() for seed in df._seed]
    if not kwds:
        assert sys.modules["torch"].state.random() == random.Random(0).random()
    sys.modules.pop("torch", None)
    assert not [finder for finder in sys.meta_path if "Torch" in type(finder).__name__]


RNG = np.random.default_rng(0)


def test_a_generator_made_outside_func_is_reported_in_serial_runs_too(capfd):
    ps.run_local(lambda p: {"y": RNG.normal()}, PARAMS, seed=1, save=False)
    assert 'np.random.default_rng(pset["_seed"])' in capfd.readouterr().err


def test_repeats_without_seeds():
    df = ps.run_local(lambda p: {"y": 1}, PARAMS, repeats=2)
    assert df.a.tolist() == [*range(5)] * 2
    df = ps.run_local(lambda p: {"y": 1}, [*PARAMS, {"a": 9}], repeats=3, skip_dups=True)
    assert df.a.tolist()[10:] == [9, 9, *range(5), 9]
    df = ps.run_local(lambda p: {"y": 1}, PARAMS * 2, repeats=4, skip_dups=True, poolsize=2)
    assert df.a.tolist()[18:] == [*range(5)]


def test_tried_skips_what_has_failed():
    def fails(pset):
        calls.append(pset["a"])
        return {"y": 1 / pset["a"]}

    calls = []
    for skip in (True, True, "tried"):
        ps.run_local(fails, PARAMS[:2], skip_dups=skip, on_error="record")
    assert calls == [0, 1, 0]


@pytest.mark.parametrize(
    ("kwds", "text"),
    [
        ({"seed": 1.5}, "seed must be None or an integer, not 1.5"),
        ({"seed": "1"}, "write 1 without quotes"),
        ({"seed": True}, "seed must be"),
        ({"repeats": 0}, "repeats must be an integer ≥ 1, not 0"),
        ({"repeats": 2.0}, "repeats must be"),
        ({"skip_dups": "failed"}, "skip_dups must be one of False, True, 'tried'"),
    ],
)
def test_options_that_make_no_sense(kwds, text):
    with pytest.raises(ps.ParamsError, match=text):
        ps.run_local(draw, PARAMS, **kwds)
    assert not Path("calc").exists()


@pytest.mark.parametrize("value", [-1, 2**32, 1.0, "a", None, True, float("nan")])
def test_seeds_in_psets_that_make_no_sense(value):
    with pytest.raises(ps.ParamsError, match=r"params\[1\] has '_seed' = "):
        ps.run_local(draw, [{"a": 1, "_seed": np.int64(3)}, {"a": 1, "_seed": value}])
    assert not Path("calc").exists()


UNSEEDED = """
    import random
    import numpy as np
    import psweep as ps

    def draws(pset):
        own = np.random.default_rng(seed=None).normal()
        return {"x": own + random.Random().random(), "y": pset.get("data_seed")}

    def chooses(pset):
        given = pset.get("_seed")
        return {"x": (np.random.default_rng(given) if given else np.random.default_rng()).normal()}

    def global_one(pset):
        return {"x": np.random.normal()}

    class Model:
        def run(self, pset):
            return draws(pset)

    if __name__ == "__main__":
        for func in FUNCS:
            ps.run_local(func, ps.plist("a", [1, 2]), KWDS)
    """


@pytest.mark.parametrize("kwds", ["seed=7", "seed=7, poolsize=2", "seed=7, save=False"])
def test_a_generator_without_a_seed_is_reported(kwds, script):
    funcs = "[draws, Model().run, lambda p: draws(p)]"
    _, err = script(UNSEEDED.replace("KWDS", kwds).replace("FUNCS", funcs), wait=True)
    said = "psweep: func calls Random() and default_rng() without a seed, on which seed= has no"
    assert err.count(said) == 3
    assert "write Random(pset['_seed'])" in err


@pytest.mark.parametrize(
    ("kwds", "funcs"), [("seed=7", "chooses, global_one"), ("", "draws"), ("save=False", "draws")]
)
def test_generators_that_seed_reaches_are_not_reported(kwds, funcs, script):
    _, err = script(UNSEEDED.replace("KWDS", kwds).replace("FUNCS", f"[{funcs}]"), wait=True)
    assert err == ""


def test_rows_that_were_made_with_another_seed_are_reported(capfd):
    def said(**kwds):
        capfd.readouterr()
        ps.run_local(draw, PARAMS, skip_dups=True, **kwds)
        return capfd.readouterr().err

    assert said(seed=1) == said(seed=1) == ""
    text = "psweep: 5 skipped psets have rows that were made with seed=1, not with seed=2"
    assert said(seed=2).startswith(text)
    assert said(seed=2, repeats=2).startswith(text)
    ps.run_local(lambda p: {"x": 1}, [{"a": 7}])
    capfd.readouterr()
    ps.run_local(draw, [{"a": 7}], skip_dups=True, seed=1, code="ignore")
    assert "1 skipped pset has rows that were made without a seed" in capfd.readouterr().err
