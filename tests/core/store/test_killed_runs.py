"""Guarantees 1, 2 and 7 against real processes that are really killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from conftest import alive

import psweep as ps

pytestmark = [
    pytest.mark.usefixtures("children_may_be_interrupted"),
    pytest.mark.processes,
    pytest.mark.untraced,
]

N = 1000

# func notes on disk that it is about to return; what it noted must be found again
RUN = """
import os, sys, time
import psweep as ps

def func(pset):
    time.sleep(0.02)
    fd = os.open("returned.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, b"%d\\n" % pset["a"])
    os.close(fd)
    return {"b": 2 * pset["a"], "pid": os.getpid()}

if __name__ == "__main__":
    poolsize = int(sys.argv[1]) or None
    df = ps.run_local(func, ps.plist("a", range(1000)), poolsize=poolsize, skip_dups=True)
    print(len(df))
"""


def returned():
    path = Path("returned.txt")
    # a killed process may have been cut off in the middle of its last line
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for(n, process):
    end = time.monotonic() + 120
    while len(returned()) < n:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "the run does not get on"
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("poolsize", [0, 2])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_everything_finished_outlives_a_kill_and_the_rest_is_run_next(script, how, poolsize):
    process = script(RUN, str(poolsize))
    wait_for(60, process)
    if how == signal.SIGINT and poolsize:
        os.killpg(process.pid, how)  # a terminal sends Ctrl-C to all processes
    else:
        process.send_signal(how)
    process.wait(timeout=120)
    noted = returned()
    df = ps.df_read("calc")  # at once
    # func notes what it is about to return, so one pset a process may be noted and not returned
    assert set(df.a) <= set(returned())
    assert len(set(noted) - set(df.a)) <= max(1, poolsize)
    assert 60 - max(1, poolsize) <= len(df) < N
    assert df.a.is_unique
    assert (df.b == 2 * df.a).all()

    process = script(RUN, str(poolsize))
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert int(out) == N
    database = ps.df_read("calc/database.pk")
    assert sorted(database.a) == list(range(N))
    assert set(df._pset_id) <= set(database._pset_id)
    assert database._pset_seq.is_unique
    assert database._pset_id.is_unique
    assert sorted(database._run_seq.unique()) == [0, 1]
    # the second run did only the rest
    assert len(returned()) <= N + max(1, poolsize)
    assert not list(Path("calc/.psweep/database.pk").glob("*.journal*"))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_its_parent(script, how):
    process = script(RUN, "2")
    wait_for(20, process)
    pids = set(ps.df_read("calc").pid)
    assert len(pids) == 2
    process.send_signal(how)
    process.wait(timeout=120)
    end = time.monotonic() + 100
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < end, "workers live on"
        time.sleep(0.02)


@pytest.mark.parametrize("basename", ["database.json", "results.pk"])
def test_recover_finds_the_database_whatever_its_name_is(script, basename):
    code = RUN.replace("poolsize=", f"database_basename={basename!r}, poolsize=")
    process = script(code, "0")
    wait_for(10, process)
    process.kill()
    process.wait()
    known = ps.df_read("calc")
    assert ps.recover("calc")._pset_id.tolist() == known._pset_id.tolist()
    assert ps.df_read(Path("calc", basename))._pset_id.tolist() == known._pset_id.tolist()


def test_recover_moves_the_rows_of_a_killed_run_into_the_database(script):
    process = script(RUN, "0")
    wait_for(10, process)
    with pytest.raises(ps.StudyNotFoundError):
        ps.df_read("calc/database.pk")
    process.kill()
    process.wait()
    known = ps.df_read("calc")
    df = ps.recover("calc")
    assert len(df) >= 9
    assert df._pset_id.tolist() == known._pset_id.tolist()
    assert ps.df_read("calc/database.pk")._pset_id.tolist() == known._pset_id.tolist()
    assert ps.recover("calc")._pset_id.tolist() == known._pset_id.tolist()


def test_the_study_can_be_looked_at_while_it_runs(script):
    process = script(RUN, "0")
    seen = 0
    for n in (10, 20, 30):
        wait_for(n, process)
        df = ps.df_read("calc")
        assert len(df) >= max(n - 1, seen)
        assert df.a.tolist() == list(range(len(df)))
        seen = len(df)


def test_ctrl_c_leaves_the_finished_psets_in_the_database(script):
    process = script(RUN, "0")
    wait_for(20, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in err
    assert len(ps.df_read("calc/database.pk")) >= 19


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.01, 0.1])
def test_ctrl_c_at_any_moment_of_quick_psets_loses_no_row(script, delay):
    process = script(
        """
        import os, sys
        import psweep as ps

        fd = os.open("returned.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        def func(pset):
            os.write(fd, b"%d\\n" % pset["a"])
            return {}

        ps.run_local(func, ps.plist("a", range(200_000)))
        """
    )
    wait_for(1, process)
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert "KeyboardInterrupt" in err
    df = ps.df_read("calc/database.pk")
    # at most the one in which func itself was interrupted after its note
    assert 0 <= len(returned()) - len(df) <= 1
    assert df.a.tolist() == list(range(len(df)))


def test_a_slow_func_is_interrupted_at_once(script):
    process = script(
        """
        import time
        import psweep as ps
        def func(pset):
            open("started", "w").close()
            time.sleep(3600)
            return {}
        ps.run_local(func, [{"a": 1}])
        """
    )
    while not Path("started").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=600)


def test_a_backup_that_is_killed_never_bears_the_name_of_one(script):
    ps.run_local(lambda p: {}, [{"a": 1}])
    for i in range(300):
        Path("calc", f"file{i}").write_bytes(bytes(100_000))
    process = script("import psweep as ps; ps.run_local(lambda p: {}, [{'a': 2}], backup=True)")
    while not list(Path().glob(".calc.bak*")):
        assert process.poll() is None
        time.sleep(0.001)
    process.kill()
    process.wait()
    for backup in Path().glob("calc.bak_*"):
        assert len(list(backup.glob("file*"))) == 300
    df = ps.run_local(lambda p: {}, [{"a": 3}], backup=True)
    assert 3 in df.a.tolist()
    assert all(len(list(each.glob("file*"))) == 300 for each in Path().glob("calc.bak_*"))
    assert list(Path().glob(".calc.bak*")) == []


@pytest.mark.slow
def test_a_kill_at_any_moment_of_start_fold_and_write_loses_nothing(script):
    """Short runs are killed at random moments, most of them in the bookkeeping around func."""
    import random

    text = """
        import os, sys
        import psweep as ps

        def func(pset):
            fd = os.open("returned.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(fd, b"%d\\n" % pset["a"])
            os.close(fd)
            return {}

        start = int(sys.argv[1])
        while True:
            ps.run_local(func, ps.plist("a", range(start, start + 5)))
            print("ready", flush=True)
            start += 5
        """
    rng = random.Random(1)
    for round_ in range(12):
        process = script(text, str(round_ * 1_000_000))
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 0.15))
        process.kill()
        process.wait()
        try:
            known = ps.df_read("calc")
        except ps.StudyNotFoundError:
            known = []
        if len(known):
            assert known.a.is_unique
            lost = set(returned()) - set(known.a)
            assert len(lost) <= round_ + 1  # each kill may hit func after its note
            assert known._pset_seq.is_unique
    df = ps.recover("calc")
    assert df.a.tolist() == known.a.tolist()
    assert len(ps.df_read("calc/database.pk")) == len(known) > 20


def test_a_process_that_func_forked_does_not_keep_the_rows_from_the_database(script):
    process = script(
        """
        import os, time
        import psweep as ps
        def func(pset):
            if pset["a"] == 1 and os.fork() == 0:
                time.sleep(60)
                os._exit(0)
            if pset["a"] == 3:
                open("ready", "w").close()
                time.sleep(60)
            return {}
        ps.run_local(func, ps.plist("a", [1, 2, 3]))
        """,
        stdin=None,
    )
    try:
        while not Path("ready").exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.kill()
        process.wait()
        assert ps.recover("calc").a.tolist() == [1, 2]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
