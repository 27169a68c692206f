"""Engines of the user's: threads, processes, loky, dask. They all give the same."""

from __future__ import annotations

import concurrent.futures as cf
import os
import platform
import signal
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

import psweep as ps

OWN = ["_run_id", "_pset_id", "_calc_dir", "_time_utc", "_pset_runtime"]
FACTOR = 3


def loky():
    from joblib.externals.loky import get_reusable_executor

    return get_reusable_executor(2)


ENGINES = {
    "threads": lambda: cf.ThreadPoolExecutor(2),
    "processes": lambda: cf.ProcessPoolExecutor(2),
    "loky": loky,
}


@pytest.fixture(params=ENGINES)
def executor(request):
    with ENGINES[request.param]() as made:
        yield made


def func(pset):
    if pset["a"] % 50 == 7:
        raise ArithmeticError(f"no {pset['a']}")
    return {"b": FACTOR * pset["a"], "c": [pset["a"]], "d": None}


def test_the_same_as_in_this_process(executor):
    params = [*ps.plist("a", range(200)), {"a": 1.5, "x": "y"}]
    expected = ps.run_local(func, params, calc_dir="serial", on_error="record")
    df = ps.run_local(func, params, executor=executor, on_error="record")
    assert (df.pop("_exec_host") == platform.node()).all()
    text, other = df.pop("_exc_txt"), expected.pop("_exc_txt")
    assert text.notna().tolist() == other.notna().tolist()
    assert all("ArithmeticError: no " in t and "in func" in t for t in text.dropna())
    pd.testing.assert_frame_equal(df.drop(columns=OWN), expected.drop(columns=OWN))
    assert ps.df_extract_params(df) == params
    assert df._pset_runtime.lt(1).all()
    stored = ps.df_read("calc").drop(columns=["_exec_host", "_exc_txt"])
    pd.testing.assert_frame_equal(stored, df)


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
    def fails(pset):
        if pset["a"] == 30:
            raise KeyError("of func")
        return {"b": 1}

    with pytest.raises(KeyError, match="of func") as caught:
        ps.run_local(fails, ps.plist("a", range(60)), executor=executor)
    assert "'a': 30" in "".join(caught.value.__notes__)
    df = ps.df_read("calc")
    assert set(range(30)) <= set(df.a)
    assert 30 not in set(df.a)
    assert not list(Path("calc/.psweep").rglob("*.journal"))


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
    def slow(pset):
        time.sleep(0.05)
        return {}

    seen = []
    stop = threading.Event()

    def look():
        while not stop.wait(0.1):
            try:
                seen.append(len(ps.df_read("calc")))
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


def test_ctrl_c_keeps_what_is_about_to_end(script):
    process = script(
        """
        import concurrent.futures as cf, time, psweep as ps
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
    process.communicate(timeout=20)
    assert process.returncode != 0
    started = len(Path("started").read_text())
    assert started - 1 <= len(ps.df_read("calc")) <= started


DASK = """
import os, sys, time
import psweep as ps
from dask.distributed import Client, LocalCluster

def main():
    k = 3
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            params = ps.plist("a", range(300))
            df = ps.run_local(lambda p: {"b": k * p["a"]}, params, executor=client)
            assert df.b.tolist() == [3 * a for a in range(300)]
            assert df.a.tolist() == list(range(300))
            # equal psets are run each, not once
            df = ps.run_local(lambda p: {"pid": os.getpid()}, [{"a": 1}] * 20, executor=client)
            assert len(df) == 320
            with client.get_executor(pure=False) as executor:
                df = ps.run_local(lambda p: {"b": 1}, [{"a": 1}] * 20, executor=executor)
            assert len(df) == 340

            try:
                ps.run_local(lambda p: {}, params, executor=cluster)
            except TypeError as error:
                assert "pass executor.get_client()" in str(error)
            else:
                raise AssertionError
    print("all is well")

if __name__ == "__main__":
    main()
"""


def test_dask(script):
    pytest.importorskip("distributed", reason="needs pip install 'dask[distributed]'")
    out, _ = script(DASK, wait=True)
    assert "all is well" in out


def test_an_executor_that_gives_up_a_task_costs_the_pset_that_is_to_blame():
    class Moody(cf.ThreadPoolExecutor):
        """Gives up every chunk with the pset 7."""

        def submit(self, call, f, sent, settings):
            if any(job.params["a"] == 7 for job, _ in sent):
                future = cf.Future()
                future.set_exception(OSError("lost the node"))
                return future
            return super().submit(call, f, sent, settings)

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
        ({"executor": 2}, TypeError, "executor must be a concurrent.futures.Executor .* not 2"),
        ({"executor": cf.ThreadPoolExecutor}, TypeError, r"make one: ThreadPoolExecutor\(\)"),
        ({"executor": cf.ThreadPoolExecutor(1), "poolsize": 2}, ValueError, "leave out one"),
        (
            {"executor": cf.ThreadPoolExecutor(1), "timeout": 2},
            ValueError,
            "needs worker processes",
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
