"""Captured output: each pset has its own, whatever func and other threads do."""

from __future__ import annotations

import concurrent.futures as cf
import contextlib
import io
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from every_engine import run
from executors import dask

import psweep as ps

pytestmark = pytest.mark.slow  # there are many of them


def talks(pset):
    """Print in all ways there are, some of it late."""
    print("first", pset["a"])
    time.sleep(0.002)
    subprocess.run(["echo", f"program {pset['a']}"], check=True)
    logging.getLogger("test_isolation").warning("logged %s", pset["a"])
    time.sleep(0.002)
    print("last", pset["a"], file=sys.stderr)
    return {}


def what_talks_prints(a):
    return [f"first {a}", f"last {a}", f"logged {a}", f"program {a}"]


def state_of_output():
    """Give what must be the same after a run; that of the descriptors as their files."""
    return (
        sys.stdout, sys.stderr, *((os.fstat(fd).st_dev, os.fstat(fd).st_ino) for fd in (1, 2)),
        [(handler, getattr(handler, "stream", None)) for handler in logging.root.handlers],
    )  # fmt: skip


def check_logs(df):
    for a, text in zip(df.a, df._logs, strict=True):
        lines = sorted(line for line in text.splitlines() if line.split()[-1].isdigit())
        assert lines == what_talks_prints(a)


@pytest.fixture
def handler():
    """A logging handler on stderr, as of a program that logs."""
    made = logging.StreamHandler(sys.stderr)
    log = logging.getLogger("test_isolation")
    log.propagate = False
    log.addHandler(made)
    yield made
    log.removeHandler(made)


def test_a_handler_that_looks_up_stderr_itself_is_left_alone():
    """`logging.lastResort` has no stream that could be set, and some libraries use it."""
    log = logging.getLogger("test_last_resort")
    log.propagate = False
    log.addHandler(logging.lastResort)
    try:
        df = ps.run_local(
            lambda pset: {"r": log.warning("a warning")}, ps.plist("a", [1]), capture_logs="db"
        )
    finally:
        log.removeHandler(logging.lastResort)
    assert df._logs[0] == "a warning\n"


def test_runs_in_two_threads_have_their_own_logs_and_leave_the_output_as_it_was(handler):
    before = state_of_output(), handler.stream
    with cf.ThreadPoolExecutor(3) as executor:
        runs = [
            executor.submit(
                ps.run_local, talks, ps.plist("a", range(10 * i, 10 * i + 10)),
                calc_dir=f"calc{i}", capture_logs=where,
            )
            for i, where in enumerate(["db", "db+file", "db"])
        ]  # fmt: skip
        for each in runs:
            check_logs(each.result())
    assert (state_of_output(), handler.stream) == before


def test_output_is_not_captured_beside_a_thread_that_does_not_want_it():
    inside, done = threading.Event(), threading.Event()

    def waits(pset):
        inside.set()
        done.wait(60)
        return {}

    with cf.ThreadPoolExecutor(1) as executor:
        first = executor.submit(ps.run_local, waits, [{"a": 1}], calc_dir="one")
        inside.wait(60)
        try:
            with pytest.raises(ps.ParamsError, match="another thread.*capture_logs in both, or"):
                ps.run_local(talks, [{"a": 1}], capture_logs="db", calc_dir="two")
        finally:
            done.set()
        assert len(first.result()) == 1
    assert len(ps.run_local(talks, [{"a": 1}], capture_logs="db", calc_dir="two")) == 1


@pytest.mark.parametrize("cluster", ["2 threads", "in this process"])
def test_dask_workers_with_threads_are_refused_before_anything_runs(cluster):
    kwds = {"processes": True, "threads_per_worker": 2}
    if cluster == "in this process":
        kwds = {"processes": False, "threads_per_worker": 1}
    with dask(n_workers=1, **kwds) as client:
        with pytest.raises(ps.ParamsError, match="capture_logs.*threads_per_worker=1"):
            ps.run_local(talks, [{"a": 1}], executor=client, capture_logs="db")
        assert not Path("calc").exists()


def test_dask_workers_with_one_thread_capture():
    with dask(processes=True) as client:
        df = ps.run_local(talks, ps.plist("a", range(8)), executor=client, capture_logs="db")
    for a, text in zip(df.a, df._logs, strict=True):
        assert f"first {a}\n" in text
        assert text.count("first") == 1


class HiddenThreads(cf.Executor):
    """An engine that does not say what it is made of."""

    def __init__(self):
        self._pool = cf.ThreadPoolExecutor(4)

    def submit(self, fn, /, *args, **kwargs):
        return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, *args, **kwargs):
        self._pool.shutdown(*args, **kwargs)


@pytest.mark.parametrize("on_error", ["raise", "record"])
def test_an_engine_that_turns_out_to_be_threads_is_refused(on_error):
    before = state_of_output()
    with HiddenThreads() as executor:
        with pytest.raises(ps.ParamsError, match="cannot tell threads apart"):
            ps.run_local(
                talks, ps.plist("a", range(20)), executor=executor, capture_logs="db",
                on_error=on_error,
            )  # fmt: skip
        assert len(ps.run_local(talks, [{"a": 1}], executor=executor, calc_dir="other")) == 1
    assert state_of_output() == before


def replaces_it(pset):
    sys.stdout = sys.stderr = io.StringIO()


def closes_it(pset):
    sys.stdout.close()
    sys.stderr.close()


def detaches_it(pset):
    sys.stdout.detach()


def changes_its_encoding(pset):
    sys.stdout.reconfigure(encoding="ascii", errors="strict")


def closes_the_descriptors(pset):
    os.close(1)
    os.close(2)


def closes_all_descriptors(pset):
    for fd in (0, 1, 2):
        with contextlib.suppress(OSError):
            os.close(fd)


def adds_a_handler(pset):
    logging.getLogger("test_isolation").addHandler(logging.StreamHandler(sys.stdout))


def raises(pset):
    raise LookupError


@pytest.mark.parametrize("poolsize", [None, 1])
@pytest.mark.parametrize(
    "harm",
    [
        replaces_it,
        closes_it,
        detaches_it,
        changes_its_encoding,
        closes_the_descriptors,
        adds_a_handler,
        raises,
    ],
)
def test_whatever_func_does_to_the_output_the_next_pset_has_its_own(harm, poolsize, handler):
    def func(pset):
        print("pset", pset["a"], "ä", flush=True)
        harm(pset)
        return {}

    logger = logging.getLogger("test_isolation")
    before = state_of_output(), handler.stream
    df = ps.run_local(
        func, ps.plist("a", range(3)), capture_logs="db", on_error="record", poolsize=poolsize
    )
    assert [text.splitlines()[0] for text in df._logs] == [f"pset {a} ä" for a in range(3)]
    assert (state_of_output(), handler.stream) == before
    for each in logger.handlers[1:]:
        logger.removeHandler(each)


@pytest.mark.parametrize("capture_logs", ["db", "db+file"])
def test_func_that_closes_all_descriptors_harms_no_other_pset(capture_logs):
    def func(pset):
        print("pset", pset["a"], flush=True)
        closes_all_descriptors(pset)
        return {}

    df = ps.run_local(
        func, ps.plist("a", range(6)), capture_logs=capture_logs, on_error="record", poolsize=2
    )
    assert not df._failed.any()
    assert sum(text.startswith("pset") for text in df._logs) == 6


@pytest.mark.parametrize("engine", ["serial", "poolsize=2", "processes"])
def test_the_log_file_leaves_the_folder_for_func_to_make(engine):
    def func(pset):
        folder = Path(pset["_calc_dir"], pset["_pset_id"])
        folder.mkdir()
        print("made", pset["a"])
        if pset["a"] == 1:
            raise ValueError("the real error")
        return {}

    df = run(engine, func, ps.plist("a", range(3)), capture_logs="file", on_error="record")
    assert df._failed.tolist() == [False, True, False]
    assert "ValueError: the real error" in df._exc_txt[1]
    for a, pset_id in zip(df.a, df._pset_id, strict=True):
        assert Path("calc", pset_id, "logs.txt").read_text() == f"made {a}\n"
    assert not list(Path("calc/.psweep").rglob("*.txt"))


def test_the_log_of_a_worker_that_was_killed_is_where_logs_belong():
    def func(pset):
        Path(pset["_calc_dir"], pset["_pset_id"]).mkdir()
        print("before it was killed", flush=True)
        if pset["a"] == 1:
            os.kill(os.getpid(), 9)
        return {}

    df = ps.run_local(
        func, ps.plist("a", [1, 2]), poolsize=1, capture_logs="file", on_error="record"
    )
    assert df._failed.tolist() == [True, False]
    for pset_id in df._pset_id:
        assert Path("calc", pset_id, "logs.txt").read_text() == "before it was killed\n"


def test_the_log_of_a_run_that_was_killed_can_be_read_and_is_moved_later(script):
    process = script(
        """
        import time
        import psweep as ps

        def func(pset):
            print("still running", flush=True)
            if pset["a"] == 2:
                open("ready", "w").close()
                time.sleep(600)
            return {}

        ps.run_local(func, ps.plist("a", [1, 2]), capture_logs="file")
        """
    )
    while not Path("ready").exists():
        time.sleep(0.05)
        assert process.poll() is None
    (log,) = Path("calc/.psweep/database.pk").glob("*.logs/*.txt")
    assert log.read_text() == "still running\n"
    ps.recover("calc")  # of no use while the run lives
    assert log.exists()
    process.kill()
    process.wait()
    assert len(ps.recover("calc")) == 1
    assert Path("calc", log.stem, "logs.txt").read_text() == "still running\n"
    assert not log.parent.exists()


@pytest.mark.parametrize("capture_logs", ["db", "db+file"])
@pytest.mark.parametrize("how", ["timeout", "kill"])
def test_what_a_pset_printed_whose_worker_was_killed_is_in_its_row(capture_logs, how):
    def func(pset):
        print("pset", pset["a"])
        subprocess.run(["echo", "program"], check=True)
        if pset["a"] == 1:
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(600)
        return {}

    kwds = {"timeout": 2} if how == "timeout" else {}
    df = ps.run_local(
        func, ps.plist("a", range(3)), poolsize=1, on_error="record",
        capture_logs=capture_logs, **kwds,
    )  # fmt: skip
    assert df._failed.tolist() == [False, True, False]
    assert df._logs.tolist() == [f"pset {a}\nprogram\n" for a in range(3)]
    assert os.listdir("calc/.psweep/database.pk") == ["lock"]
    folders = {name for name in os.listdir("calc") if name in {*df._pset_id}}
    assert folders == ({*df._pset_id} if "file" in capture_logs else set())


def test_a_log_for_the_database_alone_is_no_file_in_the_study_of_a_killed_run(script):
    process = script(
        """
        import os, signal, time
        import psweep as ps

        def func(pset):
            print("begun")
            if pset["a"]:
                open("begun", "w").close()
                time.sleep(600)
            return {}

        ps.run_local(func, ps.plist("a", [0, 1]), poolsize=1, capture_logs="db")
        """
    )
    while not Path("begun").exists():
        assert process.poll() is None
    process.kill()
    process.wait()
    for _ in range(100):  # until the worker has noticed
        ps.recover("calc")
        if os.listdir("calc/.psweep/database.pk") == ["lock"]:
            break
        time.sleep(0.1)
    assert os.listdir("calc/.psweep/database.pk") == ["lock"]
    assert ps.df_read("calc").a.tolist() == [0]
    assert ps.check_calc_dir("calc")["disk_not_db"] == set()


def test_without_saving_no_log_touches_a_file():
    def func(pset):
        print("x")
        return {"files": os.listdir(".")}

    df = ps.run_local(func, [{"a": 1}], poolsize=1, capture_logs="db", save=False)
    assert df.files[0] == []
    assert df._logs[0] == "x\n"


@pytest.mark.parametrize("how", ["exit", "timeout"])
def test_without_saving_what_a_lost_worker_had_printed_is_in_its_row(how, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))

    def func(pset):
        print("pset", pset["a"], flush=True)
        if pset["a"] == 1:
            if how == "exit":
                os._exit(3)
            time.sleep(600)
        return {}

    kwds = {"timeout": 2} if how == "timeout" else {}
    for values in ([1], range(3)):
        df = ps.run_local(
            func, ps.plist("a", values), poolsize=1, on_error="record", capture_logs="db",
            save=False, **kwds,
        )  # fmt: skip
        assert df._logs.tolist() == [f"pset {a}\n" for a in values]
    assert os.listdir(folder) == []
    assert not Path("calc").exists()


class LosesAll(cf.Executor):
    """An engine whose nodes die."""

    def submit(self, fn, /, *args, **kwargs):
        future = cf.Future()
        future.set_exception(OSError("lost the node"))
        return future


@pytest.mark.parametrize("capture_logs", ["db", "db+file"])
def test_the_column_is_there_whatever_becomes_of_the_psets(capture_logs):
    kwds = {"capture_logs": capture_logs, "on_error": "record"}
    df = ps.run_local(talks, [{"a": 1}], executor=LosesAll(), **kwds)
    assert df._logs.tolist() == [None]
    assert df._failed.tolist() == [True]
    assert "_logs" in ps.run_local(talks, [], calc_dir="none", **kwds).columns


def test_a_log_for_the_database_needs_no_place_in_the_study():
    """As on a full disk, or on Windows, where a file that a program has open cannot be removed."""

    def func(pset):
        print("pset", pset["a"])
        if pset["a"] == 1:
            (folder,) = Path("calc/.psweep/database.pk").glob("*.logs")
            shutil.rmtree(folder)
            folder.touch()
        return {"b": 1}

    df = ps.run_local(func, ps.plist("a", range(3)), poolsize=1, capture_logs="db")
    assert df.b.tolist() == [1, 1, 1]
    assert df._logs.tolist() == ["pset 0\n", "pset 1\n", "pset 2\n"]
