"""Whatever func is, returns or raises: lambdas, threads, odd values, what cannot be stored."""

from __future__ import annotations

import collections
import collections.abc
import copyreg
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import psweep as ps

both = pytest.mark.parametrize("poolsize", [None, 2])


def test_run_is_run_local():
    assert ps.run is ps.run_local


def test_values_that_pickle_only_by_value():
    class Local:
        x = 3

    n = 5
    params = [{"f": lambda x: x + n, "o": Local()}]
    for poolsize in (None, 2):
        df = ps.run_local(lambda p: {"r": p["f"](1), "g": lambda: n}, params, poolsize=poolsize)
    assert df.r.tolist() == [6, 6]
    assert df.g[0]() == df.g[1]() == 5
    assert ps.df_extract_params(df)[0]["f"](2) == 7
    assert df._pset_hash[0] == df._pset_hash[1]
    code = "import psweep as ps; print(ps.df_read('calc').f[0](1))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "6\n"


def test_a_result_that_cannot_be_stored_costs_only_its_pset():
    def func(pset):
        return {"ok": 1, "bad": threading.Lock() if pset["a"] == 2 else 0}

    for poolsize in (None, 2):
        df = ps.run_local(func, ps.plist("a", [1, 2, 3]), on_error="record", poolsize=poolsize)
        df = df[df._run_seq == df._run_seq.max()]
        assert df.a.tolist() == [1, 2, 3]
        assert df._failed.tolist() == [False, True, False]
        assert "'bad'" in df._exc_txt.iloc[1]
        with pytest.raises(ps.ResultError, match=r"\{'a': 2\}.*'bad'.*return data"):
            ps.run_local(func, ps.plist("a", [1, 2]), poolsize=poolsize)


@both
def test_func_may_use_threads_and_processes(poolsize):
    def func(pset):
        import multiprocessing
        import threading

        found = []
        thread = threading.Thread(target=lambda: found.append(pset["a"]))
        thread.start()
        thread.join()
        process = multiprocessing.get_context("spawn").Process(target=print, args=("child",))
        process.start()
        process.join()
        return {"found": found[0], "exit": process.exitcode}

    df = ps.run_local(func, ps.plist("a", [1, 2]), poolsize=poolsize)
    assert df.found.tolist() == [1, 2]
    assert df.exit.tolist() == [0, 0]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_lambdas_and_closures_work_with_every_start_method(script, method):
    out, _ = script(
        f"""
        import multiprocessing
        import psweep as ps

        class Model:
            def __init__(self, x):
                self.x = x

        def main():
            n = 10
            params = [{{"m": Model(i), "a": i}} for i in range(3)]
            df = ps.run_local(
                lambda p: {{"b": n * p["m"].x, "same": isinstance(p["m"], Model), "m2": p["m"]}},
                params, poolsize=2,
            )
            print(df.b.tolist(), df.same.tolist(), {{type(m) is Model for m in df.m2}})

        if __name__ == "__main__":
            multiprocessing.set_start_method("{method}")
            main()
        """,
        wait=True,
    )
    assert out == "[0, 10, 20] [True, True, True] {True}\n"


def test_a_script_without_main_guard_is_told_so(script):
    process = script(
        """
        import multiprocessing
        import psweep as ps
        multiprocessing.set_start_method("spawn", force=True)
        ps.run_local(lambda p: {}, [{"a": 1}], poolsize=1)
        """
    )
    _, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert 'if __name__ == "__main__":' in err.splitlines()[-1]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_func_that_cannot_be_sent_works_where_it_is_forked_and_is_refused_elsewhere(script, method):
    out, _ = script(
        f"""
        import multiprocessing, threading
        import psweep as ps

        lock = threading.Lock()

        def func(pset):
            with lock:
                return {{"b": 1}}

        if __name__ == "__main__":
            multiprocessing.set_start_method("{method}")
            try:
                print(len(ps.run_local(func, [{{"a": 1}}], poolsize=2)))
            except ps.ParamsTypeError as error:
                print(error)
                print(ps.Study if hasattr(ps, "Study") else "nothing ran")
        """,
        wait=True,
    )
    if method == "fork":
        assert out == "1\n"
    else:
        assert "cannot be sent to worker processes" in out
        assert "lock" in out
        assert "inside func" in out


@both
def test_logging_handlers_that_func_makes_are_captured_every_time(poolsize):
    def func(pset):
        import logging

        logging.basicConfig(level=logging.INFO)
        # (not the root logger, whose class old releases of NumPy change)
        logging.getLogger("mine").info("hello %s", pset["a"])
        return {}

    import logging

    before = logging.root.handlers[:]
    for handler in before:
        logging.root.removeHandler(handler)
    try:
        df = ps.run_local(
            func, ps.plist("a", [1, 2, 3]), save=False, capture_logs="db", poolsize=poolsize
        )
    finally:
        for handler in logging.root.handlers[:]:
            logging.root.removeHandler(handler)
        for handler in before:
            logging.root.addHandler(handler)
    assert df._logs.tolist() == [f"INFO:mine:hello {a}\n" for a in (1, 2, 3)]


def test_logging_handlers_made_before_are_captured_too(capfd):
    import logging

    log = logging.getLogger("test_of_psweep")
    handler = logging.StreamHandler(sys.stdout)
    log.addHandler(handler)
    try:
        df = ps.run_local(
            lambda p: log.warning("from %s", p["a"]) or {}, ps.plist("a", [1, 2]), save=False,
            capture_logs="db",
        )  # fmt: skip
        log.warning("after")
    finally:
        log.removeHandler(handler)
    assert df._logs.tolist() == ["from 1\n", "from 2\n"]
    assert capfd.readouterr().out == "after\n"


ODD_VALUES = [
    np.timedelta64(5, "s"), np.datetime64("2020-01-01"), np.longdouble("0.1"), pd.Timedelta(3),
    pd.Period("2020-01"), pd.Interval(0, 1), Path("x"), type, len, ..., NotImplemented,
    [np.timedelta64(1, "s"), 2], pd.Timestamp("2020", tz="Europe/Berlin"),
]  # fmt: skip


@pytest.mark.parametrize("value", ODD_VALUES, ids=repr)
def test_no_value_spoils_a_study(value):
    for params in ([{"a": value}], [{"a": 1}], [{"b": value}, {"a": value}]):
        df = ps.run_local(lambda p: {"r": value}, params)
    assert len(ps.df_read("calc")) == len(ps.recover("calc")) == 4
    assert df.r.tolist() == [value] * 4
    assert ps.df_extract_params(df) == [{"a": value}, {"a": 1}, {"b": value}, {"a": value}]


def test_odd_names_do_not_spoil_a_study():
    df = ps.run_local(lambda p: {"\udcff": 1, 3: 2, None: 3}, [{"a": 1, "\udcfe": 2}])
    assert ps.df_read("calc").shape == df.shape
    assert ps.df_extract_params(df) == [{"a": 1, "\udcfe": 2}]


class ComesNotOut(Exception):
    def __init__(self, one, two):
        super().__init__(one)


@both
def test_what_pickles_but_does_not_unpickle_costs_only_its_pset(poolsize):
    def func(pset):
        return {"r": ComesNotOut(1, 2) if pset["a"] == 2 else 0}

    df = ps.run_local(func, ps.plist("a", [1, 2, 3]), on_error="record", poolsize=poolsize)
    assert df._failed.tolist() == [False, True, False]
    with pytest.raises(ps.ParamsTypeError, match=r"params\[1\].*cannot be kept.*save=False"):
        ps.run_local(func, [{"a": 1}, {"a": ComesNotOut(1, 2)}], poolsize=poolsize)


def test_exceptions_are_written_the_same_way_whatever_is_registered_for_them(monkeypatch):
    # as tblib does, for all exceptions, when dask is imported
    monkeypatch.setitem(copyreg.dispatch_table, KeyError, lambda error: (elsewhere, error.args))
    df = ps.run_local(lambda pset: {"r": KeyError(pset["a"])}, ps.plist("a", [1, 2]))
    assert [type(r) for r in df.r] == [KeyError, KeyError]
    assert [r.args for r in ps.df_read("calc").r] == [(1,), (2,)]
    assert b"elsewhere" not in Path("calc/database.pk").read_bytes()


def elsewhere(*args):
    raise AssertionError(args)


@both
def test_a_study_that_is_removed_while_it_runs_is_written_all_the_same(poolsize):
    import shutil

    def func(pset):
        if pset["a"] == 2:
            shutil.rmtree("calc")
        return {}

    df = ps.run_local(func, ps.plist("a", [1, 2, 3]), poolsize=poolsize)
    assert df.a.tolist() == [1, 2, 3]
    pd.testing.assert_frame_equal(ps.df_read("calc"), df)


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_values_that_the_format_has_no_form_for_cost_only_their_pset(suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="needs pip install 'psweep-core[parquet]'")
    name = "database" + suffix
    df = ps.run_local(
        lambda p: {"r": Path("x") if p["a"] == 1 else 2}, ps.plist("a", [1, 2]),
        database_basename=name, on_error="record",
    )  # fmt: skip
    assert df._failed.tolist() == [True, False]
    assert "no form in JSON" in df._exc_txt[0]
    with pytest.raises(ps.ParamsTypeError, match=r"params\[0\].*no form in JSON"):
        ps.run_local(lambda p: {}, [{"a": Path("x")}], database_basename=name)
    assert len(ps.df_read("calc")) == 2


def test_a_param_that_func_replaces_by_what_the_format_cannot_hold_costs_only_its_pset():
    df = ps.run_local(
        lambda p: {"a": Path("x")} if p["a"] == 1 else {}, ps.plist("a", [1, 2]),
        database_basename="database.json", on_error="record",
    )  # fmt: skip
    assert df._failed.tolist() == [True, False]
    assert df.a.tolist() == [1, 2]
    assert len(ps.df_read("calc")) == 2


@both
def test_what_a_pset_printed_is_kept_if_its_result_cannot_be(poolsize):
    df = ps.run_local(
        lambda p: print("said") or {"r": threading.Lock()}, [{"a": 1}], on_error="record",
        capture_logs="db", poolsize=poolsize,
    )  # fmt: skip
    assert df._failed.tolist() == [True]
    assert df._logs.tolist() == ["said\n"]


@pytest.mark.parametrize("poolsize", [None, 2])
@pytest.mark.parametrize(
    "kwds",
    [{}, {"on_error": "record"}, {"capture_logs": "db"}, {"verbose": ["a"]}, {"save": False}],
)
def test_func_may_use_its_dict_again(poolsize, kwds):
    results = collections.Counter()

    def func(pset):
        results.clear()
        results["odd" if pset["a"] % 2 else "even"] = pset["a"]
        return results

    df = ps.run_local(func, ps.plist("a", range(50)), poolsize=poolsize, **kwds)
    assert df.odd[1::2].tolist() == df.a[1::2].tolist()
    assert df.even[::2].tolist() == df.a[::2].tolist()
    assert df.odd[::2].isna().all()
    assert df.even[1::2].isna().all()
    if kwds.get("save", True):
        pd.testing.assert_frame_equal(ps.df_read("calc"), df)


class Pairs(collections.abc.Sequence):
    """Psets in a container of the user's own."""

    def __len__(self):
        return 3

    def __getitem__(self, position):
        if not 0 <= position < 3:
            raise IndexError
        return {"a": position, "b": [position]}


@pytest.mark.parametrize("kwds", [{}, {"simulate": True}, {"skip_dups": True}, {"poolsize": 2}])
@pytest.mark.parametrize("params", [Pairs(), collections.deque(Pairs())])
def test_params_may_be_any_sequence(params, kwds):
    df = ps.run_local(lambda pset: {"result": pset["a"]}, params, **kwds)
    assert df["a"].tolist() == [0, 1, 2]


def test_a_result_that_a_thread_still_changes():
    """What a row has of it is whole, whenever that was."""
    shared = {f"r{i}": i for i in range(2000)}
    done = threading.Event()

    def change():
        while not done.is_set():
            for i in range(2000, 2100):
                shared[f"r{i}"] = i
            for i in range(2000, 2100):
                del shared[f"r{i}"]

    thread = threading.Thread(target=change)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        df = ps.run_local(lambda pset: shared, ps.plist("a", range(100)))
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert df["r1999"].tolist() == [1999] * 100
