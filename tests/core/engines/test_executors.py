"""Engines of the user's: threads, processes, loky, dask. They all give the same."""

from __future__ import annotations

import concurrent.futures as cf
import contextlib
import os
import platform
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from executors import dask, loky

import psweep as ps

pytestmark = pytest.mark.processes

OWN = ["_run_id", "_pset_id", "_calc_dir", "_time_utc", "_pset_runtime"]
FACTOR = 3


ENGINES = {
    "threads": lambda: cf.ThreadPoolExecutor(2),
    "processes": lambda: cf.ProcessPoolExecutor(2),
    "loky": loky,
    "dask": dask,
}


@pytest.fixture(params=ENGINES)
def executor(request):
    with ENGINES[request.param]() as made:
        yield made


def varied_study():
    """Params and results of many types; one pset fails."""
    params = [
        {"a": 1, "x": 0.5, "name": "one"},
        {"a": 2, "x": float("nan"), "name": 'it\'s "two"\n'},
        {"a": 3, "x": None, "name": "drei ß"},
        {"a": 4, "name": ""},
        {"a": 5, "x": -1e300, "name": "five", "grid": np.arange(6.0).reshape(2, 3)},
        {"a": 2**70, "x": 1.0, "name": "big", "grid": np.array([True, False])},
        {"a": True, "x": 2, "name": "bool"},
        *({"a": a, "x": a / 7, "name": str(a)} for a in range(7, 60)),
    ]

    def func(pset):
        a = pset["a"]
        if a == 13:
            raise ArithmeticError(f"no {a}")
        result = {
            "whole": a % 5,
            "real": np.float64(a % 7) / 3,
            "text": pset["name"].upper(),
            "flag": a % 2 == 0,
            "nothing": None,
            "array": np.full(3, a % 11),
            "nested": {"keys": sorted(set(pset) & {"a", "x", "name", "grid"}), "tuple": (a, "t")},
            "when": pd.Timestamp("2024-02-29 12:00") + pd.Timedelta(a % 100, unit="s"),
        }
        if a % 3 == 0:
            result["sometimes"] = a % 100
        if "grid" in pset:
            result["sum"] = pset["grid"].sum()
        if a == 5:
            result["x"] = 7.5  # a new value of a parameter
        return result

    return func, params


@pytest.mark.parametrize("engine", ["poolsize", *ENGINES, "dask processes"])
def test_every_engine_gives_the_same_dataframe(engine):
    func, params = varied_study()
    expected = ps.run_local(func, params, calc_dir="serial", on_error="record")
    assert expected._failed.tolist() == [pset["a"] == 13 for pset in params]
    assert "ArithmeticError: no 13" in expected._exc_txt[13]
    kwds = {"poolsize": 2}
    with contextlib.ExitStack() as stack:
        if engine == "dask processes":
            kwds = {"executor": stack.enter_context(dask(processes=True))}
        elif engine != "poolsize":
            kwds = {"executor": stack.enter_context(ENGINES[engine]())}
        begin = time.perf_counter()
        df = ps.run_local(func, params, on_error="record", **kwds)
        seconds = time.perf_counter() - begin

    assert df._pset_runtime.between(0, seconds, inclusive="left").all()
    if engine != "poolsize":
        assert (df.pop("_exec_host") == platform.node()).all()
    pd.testing.assert_frame_equal(df.drop(columns=OWN), expected.drop(columns=OWN))
    stored = [ps.df_read(folder).drop(columns=OWN) for folder in ("calc", "serial")]
    stored[0] = stored[0].drop(columns="_exec_host", errors="ignore")
    pd.testing.assert_frame_equal(*stored)
    kinds = [frame.drop(columns=OWN).apply(lambda x: x.map(type)) for frame in (df, expected)]
    assert kinds[0].equals(kinds[1])


def func(pset):
    if pset["a"] % 50 == 7:
        raise ArithmeticError(f"no {pset['a']}")
    return {"b": FACTOR * pset["a"], "c": [pset["a"]], "d": None}


def test_lambdas_closures_and_methods(executor):
    class Model:
        k = 5

        def run(self, pset):
            return {"b": self.k * pset["a"]}

    k = 5
    for f in (lambda pset: {"b": k * pset["a"]}, Model().run):
        df = ps.run_local(f, ps.plist("a", range(20)), executor=executor, save=False)
        assert df.b.tolist() == [5 * a for a in range(20)]
    assert not Path("calc").exists()


def test_an_exception_ends_the_run_with_all_finished_rows(executor):
    Path("returned").mkdir()

    def fails(pset):
        if pset["a"] == 30:
            raise KeyError("of func")
        Path(pset["where"], str(pset["a"])).touch()
        return {"b": 1}

    params = [{"a": a, "where": os.path.abspath("returned")} for a in range(60)]
    with pytest.raises(KeyError, match="of func") as caught:
        ps.run_local(fails, params, executor=executor)
    assert "'a': 30" in "".join(caught.value.__notes__)
    # Which ones those are, the engine decides: it may not have begun with a pset before the 30th.
    returned = {int(path.name) for path in Path("returned").iterdir()}
    assert returned
    assert set(ps.df_read("calc").a) == returned
    assert not list(Path("calc/.psweep").rglob("*.journal"))


def test_what_is_finished_does_not_wait_for_slow_psets_behind_it():
    """The first psets are quick, so many travel together; then each takes long.

    Quick ones may wait for one slow pset: a chunk ends when its time is over, not in the middle of
    a pset.
    """
    folder = os.path.abspath("calc")
    finished = []  # slow ones

    def slows_down(pset):
        is_slow = pset["a"] >= 20
        time.sleep(0.5 if is_slow else 0.001)
        deadline = time.monotonic() + 100
        while (waiting := len(finished) - n_slow(ps.df_read(folder))) > 1 and is_slow:
            assert time.monotonic() < deadline
        if is_slow:
            finished.append(pset["a"])
        return {"waiting": waiting}

    def n_slow(df):
        return (df.a >= 20).sum() if len(df) else 0

    with cf.ThreadPoolExecutor(1) as executor:
        df = ps.run_local(slows_down, ps.plist("a", range(32)), executor=executor)
    assert (df.waiting[20:] <= 1).all(), df.waiting.tolist()


def test_options_do_what_they_do_elsewhere(executor):
    def sometimes(pset):
        path = Path(pset["_calc_dir"], f"calls_{pset['a']}")
        with open(path, "a") as file:
            file.write("x")
        if path.stat().st_size < 3:
            raise OSError
        return {"n": path.stat().st_size}

    kwds = {"executor": executor, "calc_dir": os.path.abspath("calc")}
    df = ps.run_local(sometimes, ps.plist("a", [1, 2]), retries=2, tmpsave=True, **kwds)
    assert df.n.tolist() == [3, 3]
    assert len(list(Path("calc/tmpsave").rglob("*.pk"))) == 2
    df = ps.run_local(sometimes, ps.plist("a", [1, 2, 3]), retries=2, skip_dups=True, **kwds)
    assert df.a.tolist() == [1, 2, 3]
    df = ps.run_local(sometimes, ps.plist("a", [4]), on_error="record", **kwds)
    assert df._failed.tolist() == [False, False, False, True]


def test_logs_of_processes():
    def talks(pset):
        print("pset", pset["a"])
        return {}

    with cf.ProcessPoolExecutor(2) as executor:
        df = ps.run_local(talks, ps.plist("a", range(5)), executor=executor, capture_logs="db+file")
    assert df._logs.tolist() == [f"pset {a}\n" for a in range(5)]
    assert Path("calc", df._pset_id[4], "logs.txt").read_text() == "pset 4\n"


def test_rows_are_kept_as_they_come_and_seen_from_elsewhere(executor):
    looked = os.path.abspath("looked")

    def slow(pset):
        time.sleep(0.05)
        deadline = time.monotonic() + 100
        while pset["a"] > 20 and not os.path.exists(looked) and time.monotonic() < deadline:
            time.sleep(0.05)
        return {}

    seen = []
    stop = threading.Event()

    def look():
        while not stop.wait(0.1):
            try:
                seen.append(len(ps.df_read("calc")))
                if seen[-1]:
                    Path(looked).touch()
            except ps.StudyNotFoundError:
                pass

    thread = threading.Thread(target=look)
    thread.start()
    ps.run_local(slow, ps.plist("a", range(40)), executor=executor)
    stop.set()
    thread.join()
    assert any(0 < n < 40 for n in seen)


def test_a_pool_that_breaks_keeps_what_is_finished():
    def dies(pset):
        if pset["a"] == 40:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.005)
        return {}

    with cf.ProcessPoolExecutor(2) as executor:
        for _ in range(2):  # it stays broken
            with pytest.raises(ps.WorkerError, match=r"broken|takes no more work"):
                ps.run_local(dies, ps.plist("a", range(80)), executor=executor)
    done = ps.df_read("calc")
    assert 0 < len(done) < 80
    with cf.ProcessPoolExecutor(2) as executor:
        df = ps.run_local(func, ps.plist("a", range(7)), executor=executor, skip_dups=True)
    assert df.a.is_unique
    assert set(df.a) == set(done.a) | set(range(7))


class HiddenThreads(cf.Executor):
    """An engine that does not say what it is made of."""

    def __init__(self):
        self._pool = cf.ThreadPoolExecutor(2)

    def submit(self, fn, /, *args, **kwargs):
        return self._pool.submit(fn, *args, **kwargs)


@pytest.mark.parametrize("engine", [cf.ThreadPoolExecutor, HiddenThreads])
def test_what_func_raises_in_a_thread_is_raised_itself(engine):
    made = []

    def fails(pset):
        made.append(ValueError(threading.Lock()))
        raise made[0] from KeyError("the cause")

    with pytest.raises(ValueError, match="lock") as caught:
        ps.run_local(fails, [{"a": 1}], executor=engine())
    if engine is cf.ThreadPoolExecutor:  # (The other one has a copy of func.)
        assert caught.value is made[0]
    assert isinstance(caught.value.__cause__, KeyError)
    assert [entry.name for entry in caught.traceback][-1] == "fails"
    assert "'a': 1" in "".join(caught.value.__notes__)


@pytest.mark.usefixtures("children_may_be_interrupted")
def test_ctrl_c_keeps_what_is_about_to_end(script):
    process = script(
        """
        import concurrent.futures as cf, time, psweep as ps, psweep_core.engines.executor
        psweep_core.engines.executor._LAST_SECONDS = 100  # on a busy machine
        def func(pset):
            open("started", "a").write("x")
            time.sleep(0.3)
            return {}
        if __name__ == "__main__":
            with cf.ThreadPoolExecutor(2) as executor:
                ps.run_local(func, ps.plist("a", range(100)), executor=executor)
        """
    )
    while not Path("started").exists() or len(Path("started").read_text()) < 3:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode != 0
    started = len(Path("started").read_text())
    assert started - 1 <= len(ps.df_read("calc")) <= started


def test_an_executor_that_gives_up_a_task_costs_the_pset_that_is_to_blame():
    class Moody(cf.ThreadPoolExecutor):
        """Gives up every chunk with the pset 7."""

        def submit(self, call, f, sent, *others):
            if any(params["a"] == 7 for (*_, params, _seed), _ in sent):
                future = cf.Future()
                future.set_exception(OSError("lost the node"))
                return future
            return super().submit(call, f, sent, *others)

    with Moody(2) as executor:
        df = ps.run_local(
            lambda p: {"b": 1}, ps.plist("a", range(300)), executor=executor, on_error="record"
        )
        assert df.a[df._failed].tolist() == [7]
        assert "the executor could not run the pset {'a': 7}" in df._exc_txt[7]
        assert "OSError: lost the node" in df._exc_txt[7]
        with pytest.raises(ps.WorkerError, match="lost the node"):
            ps.run_local(lambda p: {"b": 1}, ps.plist("a", range(9)), executor=executor, retries=1)


@pytest.mark.parametrize(
    ("kwds", "kind", "match"),
    [
        ({"executor": 2}, TypeError, "executor must be a concurrent.futures.Executor.* not 2"),
        ({"executor": cf.ThreadPoolExecutor}, TypeError, r"make one: ThreadPoolExecutor\(\)"),
        ({"executor": cf.ThreadPoolExecutor(1), "poolsize": 2}, ValueError, "leave out one"),
        (
            {"executor": cf.ThreadPoolExecutor(1), "timeout": 2},
            ValueError,
            "needs worker processes.* pass poolsize=1 or more instead of executor",
        ),
        ({"executor": cf.ThreadPoolExecutor(1), "capture_logs": "db"}, ValueError, "threads apart"),
    ],
)
def test_bad_arguments(kwds, kind, match):
    with pytest.raises(kind, match=match):
        ps.run_local(func, [{"a": 1}], **kwds)
    assert not Path("calc").exists()


def test_what_cannot_be_sent_is_named_before_anything_runs():
    lock = threading.Lock()
    with cf.ProcessPoolExecutor(1) as executor:
        with pytest.raises(TypeError, match="cannot be sent to worker processes.*lock"):
            ps.run_local(lambda p: {"b": lock}, [{"a": 1}], executor=executor)
    assert sys.exc_info() == (None, None, None)
