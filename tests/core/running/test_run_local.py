"""The keywords of run_local, one by one, serial and with workers."""

from __future__ import annotations

import os
import sys
import threading
import time

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


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no groups")
def test_of_a_group_only_what_cannot_leave_its_process_is_replaced():
    def func(pset):
        inner = ExceptionGroup("inner", [ValueError(threading.Lock()), LookupError("found")])  # noqa: F821
        raise ExceptionGroup("outer", [KeyError("key"), inner])  # noqa: F821

    with pytest.raises(ExceptionGroup, match="outer") as caught:  # noqa: F821
        ps.run_local(func, [{"a": 1}], poolsize=1)
    key, inner = caught.value.exceptions
    assert repr(key) == "KeyError('key')"
    lost, found = inner.exceptions
    assert isinstance(lost, ps.WorkerError)
    assert "ValueError: <unlocked _thread.lock" in str(lost)
    assert repr(found) == "LookupError('found')"
    assert "'a': 1" in "".join(caught.value.__notes__)


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


def test_many_workers_and_many_columns_do_not_slow_the_end_of_a_run(monkeypatch):
    def many(pset):
        return {f"r{j}": 1.0 for j in range(300)} | {"list": []}  # which could change: not kept

    union = sys.modules["psweep_core.store.union"]
    made = []  # the lengths of the frames
    frame_of_row_group = union.frame_of_row_group
    monkeypatch.setattr(
        union,
        "frame_of_row_group",
        lambda block, *args: made.append(len(block.ids)) or frame_of_row_group(block, *args),
    )
    ps.run_local(many, [{"a": i} for i in range(24)], poolsize=12)
    assert made == [24]  # one of all rows, not one of each worker's journal
