"""Guarantee 3: runs that write into one calc_dir at the same time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pandas as pd
import pytest

import psweep as ps

RUN = """
import glob, os, sys, time
import psweep as ps

def func(pset):
    time.sleep(0.01)
    open(f"under_way_{who}", "w").close()
    while len(glob.glob("under_way_*")) < 20:  # for ever, if a run waits for another one to end
        time.sleep(0.01)
    return {"r": who}

if __name__ == "__main__":
    who = int(sys.argv[1])
    open(f"ready_{who}", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.001)
    df = ps.run_local(
        func, ps.plist(f"a{who % 3}", range(200)), poolsize=2 if who % 5 == 0 else None
    )
    mine = df[df.r == who]
    assert len(mine) == 200, len(mine)
    assert mine._run_id.nunique() == 1
"""


@pytest.mark.slow
def test_twenty_runs_at_once_keep_every_row_and_do_not_wait(script):
    processes = [script(RUN, str(who)) for who in range(20)]
    end = time.monotonic() + 300
    while len(list(Path().glob("ready_*"))) < 20:
        assert time.monotonic() < end
        time.sleep(0.05)
    Path("go").touch()
    for process in processes:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    df = ps.df_read("calc/database.pk")
    assert len(df) == 4000
    assert sorted(df._pset_seq) == list(range(4000))
    assert list(df.index) == list(df._pset_seq)
    assert sorted(df._run_seq.unique()) == list(range(20))
    assert df._pset_id.is_unique
    assert df._run_id.nunique() == 20
    assert (df.groupby("_run_id")._pset_seq.agg(lambda s: s.max() - s.min()) == 199).all()
    assert (df.r.value_counts() == 200).all()
    assert not list(Path("calc/.psweep/database.pk").glob("*.journal*"))
    # All were under way at one moment: none waited for another one to end.
    times = df.groupby("_run_id")._time_utc
    assert times.min().max() < times.max().min()


def test_threads_of_one_process_share_a_study():
    errors = []

    def one(who):
        try:
            ps.run_local(lambda pset: {"r": who}, ps.plist("a", range(20)))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    df = ps.df_read("calc/database.pk")
    assert sorted(df._pset_seq) == list(range(160))
    assert sorted(df._run_seq.unique()) == list(range(8))


def test_a_run_inside_a_run():
    def func(pset):
        inner = ps.run_local(lambda p: {"c": p["b"]}, ps.plist("b", [1, 2]), skip_dups=True)
        return {"n_inner": int((~inner.b.isna()).sum())}

    df = ps.run_local(func, ps.plist("a", [1, 2]))
    assert len(df) == 4
    assert df._pset_seq.is_unique
    assert df.n_inner.dropna().tolist() == [2, 2]


def test_a_short_run_does_not_wait_for_a_long_one():
    def long(pset):
        df = ps.run_local(lambda p: {"r": 2}, [{"b": 1}])  # while the long one is under way
        assert df.b.notna().sum() == 1
        return {"r": 1}

    df = ps.run_local(long, [{"a": 1}])
    assert df._pset_seq.tolist() == [0, 1]
    assert df.a.notna().tolist() == [True, False]


def test_skip_dups_sees_what_another_live_run_has_finished(script):
    process = script(
        """
        import time
        import psweep as ps
        def func(pset):
            if pset["a"] == 3:
                open("ready", "w").close()
                time.sleep(60)
            return {}
        ps.run_local(func, ps.plist("a", [1, 2, 3]))
        """
    )
    while not Path("ready").exists():
        assert process.poll() is None
    ran = []
    ps.run_local(lambda p: ran.append(p["a"]) or {}, ps.plist("a", [1, 2, 4]), skip_dups=True)
    assert ran == [4]
    process.kill()
    process.wait()
    assert ps.recover("calc").a.tolist() == [1, 2, 4]


def test_a_database_that_was_replaced_during_the_run_is_read_again():
    def func(pset):
        if pset["a"] == 1:
            other = ps.run_local(lambda p: {}, [{"z": 0}], save=False)
            other["_pset_seq"] = 100
            other["_run_seq"] = 7
            ps.df_write(other, "calc/database.pk")
        return {}

    df = ps.run_local(func, ps.plist("a", [1, 2]))
    assert len(df) == 3
    assert df.index.tolist() == [0, 1, 100]


@pytest.mark.parametrize("given", [True, False])
def test_rows_of_a_passed_df_are_not_written_twice(given):
    first = ps.run_local(lambda p: {}, [{"a": 1}])
    second = ps.run_local(lambda p: {}, [{"a": 2}], df=first if given else None)
    assert second.a.tolist() == [1, 2]
    pd.testing.assert_frame_equal(ps.df_read("calc/database.pk"), second)
