"""The keywords of run_local, one by one, serial and with workers."""

from __future__ import annotations

import collections
import collections.abc
import copyreg
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import psweep as ps

BOOK = ["_run_id", "_pset_id", "_calc_dir", "_time_utc", "_pset_hash", "_pset_seq", "_run_seq"]
both = pytest.mark.parametrize("poolsize", [None, 2])


def double(pset):
    return {"b": 2 * pset["a"]}


@both
def test_columns_stand_in_three_groups_also_after_extension(poolsize):
    df = ps.run_local(double, ps.plist("a", [1, 2]), poolsize=poolsize)
    assert list(df.columns) == ["a", *BOOK, "b", "_pset_runtime"]
    df = ps.run_local(lambda p: {"c": 3}, [{"z": 1, "a": 2}], poolsize=poolsize)
    assert list(df.columns) == ["a", "z", *BOOK, "b", "c", "_pset_runtime"]
    df = ps.run_local(lambda p: {}, [{}], poolsize=poolsize, on_error="record", capture_logs="db")
    extra = ["_failed", "_exc_txt", "_logs"]
    assert list(df.columns) == ["a", "z", *BOOK, *extra, "b", "c", "_pset_runtime"]
    assert df._failed.tolist() == [False] * 4
    pd.testing.assert_frame_equal(ps.df_read("calc/database.pk"), df)
    pd.testing.assert_frame_equal(pd.read_pickle("calc/database.pk"), df)


@both
def test_the_book_keeping(poolsize):
    before = pd.Timestamp.now("UTC").tz_localize(None)
    begin = time.perf_counter()
    df = ps.run_local(lambda p: time.sleep(0.01) or {}, ps.plist("a", [1, 2]), poolsize=poolsize)
    middle = time.perf_counter()
    df = ps.run_local(double, ps.plist("a", [1, 2]), poolsize=poolsize)
    end = time.perf_counter()
    assert df.index.equals(pd.RangeIndex(4))
    assert df._pset_seq.tolist() == [0, 1, 2, 3]
    assert df._run_seq.tolist() == [0, 0, 1, 1]
    assert df._run_id.nunique() == 2
    assert df._pset_id.is_unique
    assert df._pset_hash[:2].tolist() == df._pset_hash[2:].tolist()
    assert (df._calc_dir == "calc").all()
    assert df._time_utc.between(before, pd.Timestamp.now("UTC").tz_localize(None)).all()
    assert df._pset_runtime[:2].between(0.01, middle - begin).all()
    assert df._pset_runtime[2:].between(0, end - middle, inclusive="left").all()
    assert df._pset_id.str.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").all()
    assert set(df._pset_id.str[14]) == {"4"}
    assert set(df._pset_id.str[19]) <= set("89ab")


@both
def test_func_gets_a_copy_with_the_book_keeping(poolsize):
    params = [{"a": [1], "b": {"c": np.zeros(2)}}]

    def func(pset):
        seen = {name: pset[name] for name in pset if name.startswith("_")}
        pset["a"].append(2)
        pset["b"]["c"] += 1
        pset["new"] = 1
        return {"seen": seen}

    df = ps.run_local(func, params, poolsize=poolsize)
    assert params[0]["a"] == [1]
    assert params[0]["b"]["c"].tolist() == [0, 0]
    assert params[0].keys() == {"a", "b"}
    seen = df.seen[0]
    assert seen.keys() == set(BOOK)
    for name in BOOK:
        assert seen[name] == df[name][0]
    assert type(seen["_time_utc"]) is pd.Timestamp
    assert ps.df_extract_pset(df, df._pset_id[0])["a"] == [1]


@both
def test_what_func_returns_is_merged_over_the_pset(poolsize):
    df = ps.run_local(lambda p: {**p, "r": 1}, [{"a": 1}], poolsize=poolsize)
    assert list(df.columns) == ["a", *BOOK, "r", "_pset_runtime"]
    df = ps.run_local(lambda p: {"a": 5}, [{"a": 1}], poolsize=poolsize)
    assert df.a.tolist() == [1, 5]
    df = ps.run_local(lambda p: {}, [{"a": 1}], poolsize=poolsize)
    assert len(df) == 3


@both
@pytest.mark.parametrize("result", [None, 3, [("a", 1)]])
def test_another_result_than_a_dict_is_refused(poolsize, result):
    with pytest.raises(ps.ResultError) as caught:
        ps.run_local(lambda p: result, [{"a": 7}], poolsize=poolsize)
    assert isinstance(caught.value, TypeError)
    assert repr(result) in str(caught.value)
    assert "{'a': 7}" in str(caught.value)
    assert "return a dict" in str(caught.value)


@both
@pytest.mark.parametrize("name", ["_pset_id", "_failed", "_pset_runtime", "_logs"])
def test_results_must_not_replace_the_book_keeping(poolsize, name):
    with pytest.raises(ps.ResultError, match=f"'{name}'.*another name"):
        ps.run_local(lambda p: {name: "mine"}, [{"a": 7}], poolsize=poolsize)


@both
def test_rows_stand_in_the_order_of_params(poolsize):
    params = ps.plist("a", [0.05, 0.03, 0.02, 0.0, 0.01])
    df = ps.run_local(lambda p: time.sleep(p["a"]) or {}, params, poolsize=poolsize)
    assert df.a.tolist() == [0.05, 0.03, 0.02, 0.0, 0.01]


@both
def test_an_exception_is_the_users_own_with_a_note(poolsize):
    def func(pset):
        if pset["a"] == 3:
            raise LookupError("mine")
        return {}

    with pytest.raises(LookupError, match="mine") as caught:
        ps.run_local(func, ps.plist("a", [1, 2, 3, 4, 5]), poolsize=poolsize)
    notes = "".join(caught.value.__notes__)
    assert "{'a': 3}" in notes
    assert "_pset_seq=2" in notes
    df = ps.df_read("calc/database.pk")
    assert {1, 2} - ({2} if poolsize else set()) <= set(df.a) <= {1, 2, 4, 5}
    if poolsize:
        assert "func" in str(caught.value.__cause__)  # the traceback in the worker
        assert "LookupError: mine" in str(caught.value.__cause__)
    ran = []
    df = ps.run_local(
        lambda p: ran.append(p["a"]) or {}, ps.plist("a", range(1, 6)), skip_dups=True
    )
    assert 3 in ran
    assert sorted(df.a) == [1, 2, 3, 4, 5]


class Strange(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} {two}")
        self.one = one


@both
def test_an_exception_with_arguments_of_its_own_is_still_the_users_own(poolsize):
    def func(pset):
        raise Strange(1, 2)

    with pytest.raises(Strange, match="1 2") as caught:
        ps.run_local(func, [{"a": 1}], poolsize=poolsize)
    assert caught.value.one == 1
    assert "'a': 1" in "".join(caught.value.__notes__)


def test_an_exception_that_cannot_leave_its_process_is_told():
    def func(pset):
        raise ValueError(threading.Lock())

    with pytest.raises(ps.WorkerError, match="ValueError: .*lock") as caught:
        ps.run_local(func, [{"a": 1}], poolsize=1)
    assert "'a': 1" in "".join(caught.value.__notes__)
    assert "in func" in str(caught.value.__cause__)


@both
def test_failures_are_recorded(poolsize):
    def func(pset):
        if pset["a"] == 2:
            sys.exit("leave")
        return {"b": 6 // pset["a"]}

    df = ps.run_local(func, ps.plist("a", [0, 1, 2, 3]), on_error="record", poolsize=poolsize)
    assert df._failed.tolist() == [True, False, True, False]
    assert "ZeroDivisionError" in df._exc_txt[0]
    assert "in func" in df._exc_txt[0]
    assert "psweep/call.py" not in df._exc_txt[0]
    assert df._exc_txt[0].endswith("\nZeroDivisionError: integer division or modulo by zero\n")
    assert "SystemExit: leave" in df._exc_txt[2]
    assert df._exc_txt[1] is None
    assert str(df.b.dtype) == "Int64"
    assert df.b.dropna().tolist() == [6, 2]
    assert df._failed.dtype == bool
    assert df[~df._failed].a.tolist() == [1, 3]
    assert ps.df_extract_params(df) == ps.plist("a", [0, 1, 2, 3])

    ran = []
    params = ps.plist("a", [0, 1, 2, 3])
    df = ps.run_local(lambda p: ran.append(p["a"]) or {"b": -1}, params, skip_dups=True)
    assert ran == [0, 2]
    assert df.a.tolist() == [0, 1, 2, 3, 0, 2]
    assert df._failed.tolist() == [True, False, True, False, False, False]


def test_a_worker_that_dies_costs_its_pset_alone():
    def func(pset):
        if pset["a"] == 5:
            os.kill(os.getpid(), 9)
        if pset["a"] == 7:
            os._exit(3)
        return {"b": pset["a"]}

    df = ps.run_local(func, ps.plist("a", range(20)), poolsize=2, on_error="record")
    assert df.a.tolist() == list(range(20))
    assert df[df._failed].a.tolist() == [5, 7]
    assert "SIGKILL" in df._exc_txt[5]
    assert "status 3" in df._exc_txt[7]
    assert df[~df._failed].b.tolist() == [i for i in range(20) if i not in (5, 7)]
    again = ps.run_local(func, ps.plist("a", range(20)), poolsize=2, save=False, on_error="record")
    assert again[again._failed].a.tolist() == [5, 7]
    with pytest.raises(ps.WorkerError, match="'a': 5.*SIGKILL"):
        ps.run_local(func, [{"a": 5}], poolsize=2)


@both
def test_skip_dups_runs_each_new_pset_once(poolsize):
    params = ps.plist("a", [1, 2, 1, 3])
    df = ps.run_local(double, params, skip_dups=True, poolsize=poolsize)
    assert df.a.tolist() == [1, 2, 3]
    df = ps.run_local(double, ps.plist("a", [3, 4]), skip_dups=True, poolsize=poolsize)
    assert df.a.tolist() == [1, 2, 3, 4]
    again = ps.run_local(double, params, skip_dups=True, poolsize=poolsize)
    pd.testing.assert_frame_equal(again, df)
    assert len(ps.run_local(double, params, poolsize=poolsize)) == 8


@both
def test_save_false_touches_no_file(poolsize, tmp_path):
    df = ps.run_local(double, ps.plist("a", [1, 2]), save=False, poolsize=poolsize)
    assert df.b.tolist() == [2, 4]
    both_runs = ps.run_local(double, ps.plist("a", [3]), save=False, df=df, poolsize=poolsize)
    assert both_runs.a.tolist() == [1, 2, 3]
    assert both_runs._run_seq.tolist() == [0, 0, 1]
    assert len(df) == 2
    logs = ps.run_local(
        lambda p: print("hi") or {}, [{}], save=False, capture_logs="db", poolsize=poolsize
    )
    assert logs._logs.tolist() == ["hi\n"]
    failed = ps.run_local(
        lambda p: 1 / 0, [{"a": 1}], save=False, on_error="record", poolsize=poolsize
    )
    assert failed._failed.tolist() == [True]
    simulated = ps.run_local(double, [{"a": 1}], save=False, simulate=True)
    assert len(simulated) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_passed_df_is_extended_and_not_modified():
    df = ps.run_local(double, [{"a": 1}], save=False)
    copy = df.copy()
    more = ps.run_local(double, [{"a": 2, "z": 1}], df=df)
    pd.testing.assert_frame_equal(df, copy)
    assert more.a.tolist() == [1, 2]
    pd.testing.assert_frame_equal(ps.df_read("calc"), more)
    # only part of the study is passed: the rest stays on disk
    part = ps.run_local(double, [{"a": 3}], df=more[more.a == 2])
    assert part.a.tolist() == [2, 3]
    assert ps.df_read("calc").a.tolist() == [1, 2, 3]
    other = ps.run_local(double, [{"a": 9}], save=False)
    with pytest.raises(ps.ParamsError, match="two studies"):
        ps.run_local(double, [{"a": 3}], df=other)


def test_empty_params_and_empty_psets():
    empty = ps.run_local(double, [])
    assert list(empty.columns) == [*BOOK, "_pset_runtime"]
    assert len(empty) == 0
    df = ps.run_local(lambda p: {"r": 1}, [{}])
    assert df.r.tolist() == [1]
    assert ps.df_extract_params(df) == [{}]
    assert len(ps.run_local(double, [])) == 1
    assert len(ps.run_local(double, [], poolsize=2)) == 1
    assert len(ps.run_local(double, [], save=False)) == 0
    assert len(ps.run_local(double, [], save=False, poolsize=3)) == 0


def test_calc_dir_and_database_basename(tmp_path):
    df = ps.run_local(double, [{"a": 1}], calc_dir=Path("some where") / "it's", save=True)
    assert df._calc_dir[0] == os.path.join("some where", "it's")
    assert Path("some where/it's/database.pk").exists()
    ps.run_local(double, [{"a": 1}], calc_dir="calc/", database_basename="one.json")
    df = ps.run_local(double, [{"a": 1}], calc_dir="./calc", database_basename="one.json")
    assert len(df) == 2
    assert (df._calc_dir == "calc").all()
    assert sorted(p.name for p in Path("calc").iterdir()) == [".psweep", "one.json"]
    assert len(ps.df_read("calc")) == 2
    ps.run_local(double, [{"a": 1}], database_basename="two.pk")
    with pytest.raises(ps.StudyNotFoundError, match="one.json.*two.pk"):
        ps.df_read("calc")
    absolute = ps.run_local(double, [{"a": 1}], calc_dir=tmp_path / "abs")
    assert absolute._calc_dir[0] == str(tmp_path / "abs")


@both
def test_func_may_change_the_working_directory(poolsize, tmp_path):
    df = ps.run_local(
        lambda p: os.chdir("/") or print("x") or {}, ps.plist("a", [1, 2]), poolsize=poolsize,
        capture_logs="file", tmpsave=True,
    )  # fmt: skip
    os.chdir(tmp_path)
    assert len(ps.df_read("calc/database.pk")) == len(df) == 2
    assert len(list(Path("calc").glob("*/logs.txt"))) == 2


@both
@pytest.mark.parametrize("where", ["db", "file", "db+file"])
def test_logs_of_func_and_of_its_programs_are_captured(poolsize, where, capfd):
    def func(pset):
        print("python", pset["a"])
        print("error", file=sys.stderr)
        subprocess.run(["sh", "-c", "echo program; echo oops >&2"], check=True)
        print("ünïcode")
        return {}

    df = ps.run_local(func, ps.plist("a", [1, 2]), capture_logs=where, poolsize=poolsize)
    for a, pset_id in zip(df.a, df._pset_id, strict=True):
        text = f"python {a}\nerror\nprogram\noops\nünïcode\n"
        path = Path("calc") / pset_id / "logs.txt"
        if "file" in where:
            assert path.read_text(encoding="utf-8") == text
        else:
            assert not path.exists()
        if "db" in where:
            assert df._logs[a - 1] == text
        else:
            assert "_logs" not in df.columns
    print("after")
    out = capfd.readouterr()
    assert out.out == "after\n"
    assert out.err == ""


def test_logs_of_a_failed_pset_are_kept():
    def func(pset):
        print("before it failed")
        raise ValueError

    df = ps.run_local(func, [{"a": 1}], capture_logs="db", on_error="record")
    assert df._logs[0] == "before it failed\n"
    assert df._failed[0]
    with pytest.raises(ValueError):
        ps.run_local(func, [{"a": 2}], capture_logs="file")
    assert len(list(Path("calc").glob("*/logs.txt"))) == 1


@both
def test_verbose_prints_each_pset_as_it_starts(poolsize, capfd):
    ps.run_local(double, [{"a": 11, "b": "xx"}], verbose=True, poolsize=poolsize)
    out = capfd.readouterr().out
    assert "11" in out
    assert "xx" in out
    assert "_run_id" not in out
    ps.run_local(double, [{"a": 11, "b": "xx"}], verbose=["b", "_pset_seq"], poolsize=poolsize)
    out = capfd.readouterr().out
    assert "11" not in out.split()
    assert "_pset_seq" in out
    assert "1" in out.split()


@both
def test_tmpsave_writes_each_row(poolsize):
    df = ps.run_local(double, ps.plist("a", [1, 2]), tmpsave=True, poolsize=poolsize)
    for i in (0, 1):
        path = Path("calc/tmpsave") / df._run_id[i] / f"{df._pset_id[i]}.pk"
        row = ps.df_read(path)
        assert row.a.tolist() == [i + 1]
        assert row.b.tolist() == [2 * i + 2]
        assert row._pset_id.tolist() == [df._pset_id[i]]


def test_backup_copies_the_folder_with_the_time_and_run_of_its_last_row():
    ps.run_local(double, [{"a": 1}], backup=True)
    assert not list(Path().glob("calc.bak*"))
    old = ps.df_read("calc")
    Path("calc", "file").write_text("x")
    df = ps.run_local(double, [{"a": 2}], backup=True)
    (backup,) = Path().glob("calc.bak_*")
    stamp = old._time_utc[0].isoformat(timespec="microseconds")
    assert backup.name == f"calc.bak_{stamp}Z_run_id_{old._run_id[0]}"
    assert (backup / "file").read_text() == "x"
    pd.testing.assert_frame_equal(ps.df_read(backup), old)
    assert len(df) == 2
    ps.run_local(double, [{"a": 2}], backup=True, skip_dups=True)
    ps.run_local(double, [{"a": 2}], backup=True, skip_dups=True)
    assert len(list(Path().glob("calc.bak_*"))) == 3
    assert len(list(Path().iterdir())) == 4
    # the way back, as the README of psweep 0.8.0 shows it
    import shutil

    shutil.rmtree("calc")
    backup.rename("calc")
    assert ps.run_local(double, [{"a": 5}]).a.tolist() == [1, 5]


def test_a_backup_that_fails_leaves_nothing_under_its_name(monkeypatch):
    ps.run_local(double, [{"a": 1}])
    Path("calc", "secret").write_text("x")
    import shutil

    def fail(source, target):
        if str(source).endswith("secret"):
            raise OSError(28, "No space left on device")
        return real(source, target)

    real = shutil.copy2
    monkeypatch.setattr(shutil, "copy2", fail)
    ran = []
    with pytest.raises(OSError, match="No space"):
        ps.run_local(lambda p: ran.append(1) or {}, [{"a": 2}], backup=True)
    assert not ran
    assert [path.name for path in Path().iterdir()] == ["calc"]


def test_simulate_leaves_the_study_alone(capsys):
    def func(pset):
        calls.append(1)
        time.sleep(0.1)
        return {"b": 1}

    calls: list[int] = []
    df = ps.run_local(func, ps.plist("a", [1, 2]))
    Path("calc", "big").write_text("x")
    before = Path("calc/database.pk").read_bytes()
    sim = ps.run_local(func, ps.plist("a", [2, 3, 4, 3]), simulate=True, backup=True)
    assert len(calls) == 2
    assert sorted(p.name for p in Path().iterdir()) == ["calc", "calc.simulate"]
    assert not Path("calc.simulate/big").exists()
    assert Path("calc/database.pk").read_bytes() == before
    assert sim.a.tolist() == [1, 2, 2, 3, 4, 3]
    assert sim._calc_dir.tolist() == ["calc"] * 2 + ["calc.simulate"] * 4
    assert sim.b.isna().tolist() == [False] * 2 + [True] * 4
    assert sim._run_seq.tolist() == [0, 0, 1, 1, 1, 1]
    pd.testing.assert_frame_equal(ps.df_read("calc.simulate"), sim)
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "4 psets, 2 new, 1 with a successful row already; 4 would run" in err
    found = re.search(r"in about ([\d.]+) s at the study's median _pset_runtime", err)
    assert float(found[1]) == pytest.approx(4 * df._pset_runtime.median(), rel=0.1)
    # again: the copy starts afresh
    sim = ps.run_local(func, [{"a": 2}, {"a": 3}], simulate=True, skip_dups=True, poolsize=2)
    assert sim.a.tolist() == [1, 2, 3]
    err = capsys.readouterr().err
    assert "1 would run" in err
    assert "poolsize=2" in err
    pd.testing.assert_frame_equal(ps.df_read("calc"), df)


def test_simulate_without_a_study(capsys):
    sim = ps.run_local(double, [{"a": 1}], simulate=True)
    assert len(sim) == 1
    assert capsys.readouterr().err == (
        "psweep: simulate: 1 psets, 1 new, 0 with a successful row already; 1 would run\n"
    )
    assert [p.name for p in Path().iterdir()] == ["calc.simulate"]


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
        logging.info("hello %s", pset["a"])
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
    assert df._logs.tolist() == [f"INFO:root:hello {a}\n" for a in (1, 2, 3)]


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
def test_a_study_that_is_removed_while_it_runs_is_no_success(poolsize):
    import shutil

    def func(pset):
        if pset["a"] == 2:
            shutil.rmtree("calc")
        return {}

    with pytest.raises((ps.DatabaseError, OSError), match="calc"):
        ps.run_local(func, ps.plist("a", [1, 2, 3]), poolsize=poolsize)


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


def test_changes_to_a_passed_df_are_kept_on_disk():
    df = ps.run_local(lambda p: {"r": 1}, ps.plist("a", [1, 2]))
    df["study"] = "first"
    df.loc[0, "r"] = 5
    out = ps.run_local(lambda p: {"r": 1}, [{"a": 3, "study": "second"}], df=df)
    assert out.study.tolist() == ["first", "first", "second"]
    assert out.r.tolist() == [5, 1, 1]
    pd.testing.assert_frame_equal(ps.df_read("calc"), out)
    # but what was left out of it is not taken away
    less = out.drop(columns="r")[:1]
    ps.run_local(lambda p: {"r": 1}, [{"a": 4}], df=less)
    assert ps.df_read("calc").r.tolist() == [5, 1, 1, 1]


def test_a_study_behind_a_symbolic_link_is_backed_up_beside_the_link(tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "home").mkdir()
    os.chdir(tmp_path / "home")
    Path("calc").symlink_to(tmp_path / "scratch")
    ps.run_local(double, [{"a": 1}])
    ps.run_local(double, [{"a": 2}], backup=True)
    (backup,) = Path().glob("calc.bak_*")
    assert len(ps.df_read(backup)) == 1


def test_simulate_in_a_calc_dir_of_dots(tmp_path):
    (tmp_path / "study").mkdir()
    os.chdir(tmp_path / "study")
    ps.run_local(double, [{"a": 1}], calc_dir=".")
    ps.run_local(double, [{"a": 1}], calc_dir=".", simulate=True)
    assert len(ps.df_read(tmp_path / "study.simulate")) == 2


def test_a_study_that_was_copied_without_its_hidden_folder():
    ps.run_local(double, [{"a": 1}], database_basename="database.json")
    Path("copy").mkdir()
    Path("copy/database.json").write_bytes(Path("calc/database.json").read_bytes())
    assert len(ps.df_read("copy")) == 1


def test_many_workers_and_many_columns_do_not_slow_the_end_of_a_run(monkeypatch):
    def many(pset):
        return {f"r{j}": 1.0 for j in range(300)} | {"list": []}  # which could change: not kept

    study = sys.modules["psweep_core.store.study"]
    made = []  # the lengths of the frames
    frame_of_block = study.frame_of_block
    monkeypatch.setattr(
        study,
        "frame_of_block",
        lambda block, *args: made.append(len(block.ids)) or frame_of_block(block, *args),
    )
    ps.run_local(many, [{"a": i} for i in range(24)], poolsize=12)
    assert made == [24]  # one of all rows, not one of each worker's journal


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
