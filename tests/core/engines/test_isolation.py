"""Nothing leaks from pset to pset: the working folder, captured output, buffers."""

from __future__ import annotations

import concurrent.futures as cf
import io
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from every_engine import ENGINES, PROCESSES, run

import psweep as ps

pytestmark = pytest.mark.slow  # there are many of them

ONE_AT_A_TIME = ["serial", "unsaved", *PROCESSES]


def in_its_folder(pset):
    """Work in the folder of the pset, as many programs want it."""
    folder = Path(pset["_calc_dir"], pset["_pset_id"])
    folder.mkdir(parents=True)
    os.chdir(folder)
    Path("out").write_text(str(pset["a"]))
    if pset["a"] == 3:
        raise ValueError("after it has changed the folder")
    return {}


# -- the working folder


@pytest.mark.parametrize(
    ("engine", "kwds"),
    [
        *((engine, {}) for engine in ONE_AT_A_TIME),
        *(("serial", kwds) for kwds in ({"retries": 1}, {"capture_logs": "db"}, {"verbose": True})),
        ("poolsize=2", {"retries": 1}),
    ],
)
def test_each_pset_starts_in_the_same_folder(engine, kwds, tmp_path):
    params = ps.plist("a", range(8))
    df = run(engine, in_its_folder, params, on_error="record", **kwds)
    assert Path.cwd() == tmp_path
    assert df._failed.tolist() == [a == 3 for a in range(8)]
    for a, pset_id in zip(df.a, df._pset_id, strict=True):
        assert Path("calc", pset_id, "out").read_text() == str(a)
    assert (df._calc_dir == "calc").all()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_callers_folder_is_as_before_also_if_func_raises(engine, tmp_path):
    with pytest.raises(ValueError, match="after it has"):
        run(engine, in_its_folder, [{"a": 3}])
    assert Path.cwd() == tmp_path


def test_a_relative_path_is_relative_to_the_callers_folder():
    starts = []

    def func(pset):
        starts.append(os.getcwd())
        os.chdir("/")
        return {}

    ps.run_local(func, ps.plist("a", range(3)), on_error="record", save=False)
    ps.run_local(func, ps.plist("a", range(3)))
    assert starts == [os.getcwd()] * 6


@pytest.mark.parametrize("engine", ENGINES)
def test_the_calc_dir_that_func_gets_leads_there_from_everywhere(engine, tmp_path):
    def func(pset):
        os.chdir("/")
        folder = Path(pset["_calc_dir"], pset["_pset_id"])
        folder.mkdir(parents=True)
        Path(os.path.join(pset["_calc_dir"], pset["_pset_id"], "out")).write_text("x")
        return {"place": pset["_calc_dir"], "nested": [pset["_calc_dir"]], **pset}

    df = run(engine, func, ps.plist("a", range(4)), calc_dir="some/where")
    assert Path.cwd() == tmp_path
    for pset_id in df._pset_id:
        assert Path("some/where", pset_id, "out").exists()
    # It is stored as it was given: the study may be moved.
    given = os.path.join("some", "where")
    assert df._calc_dir.tolist() == df.place.tolist() == [given] * 4
    assert df.nested.tolist() == [[given]] * 4
    assert {type(place) for place in df.place} == {str}


@pytest.mark.parametrize("name", ["database.json", "database.pk"])
def test_the_calc_dir_that_func_gets_may_be_a_result_in_any_format(name):
    df = ps.run_local(
        lambda p: {"place": p["_calc_dir"], "nested": {"in": [p["_calc_dir"]]}}, [{"a": 1}],
        database_basename=name,
    )  # fmt: skip
    assert df.place.tolist() == ["calc"]
    assert df.nested.tolist() == [{"in": ["calc"]}]
    assert ps.df_read("calc").place.tolist() == ["calc"]


@pytest.mark.parametrize("engine", ["serial", "poolsize=1", "processes"])
def test_func_may_remove_the_folder_that_it_is_in(engine, tmp_path):
    def func(pset):
        folder = Path(pset["_calc_dir"], pset["_pset_id"])
        folder.mkdir()
        os.chdir(folder)
        shutil.rmtree(folder)
        return {}

    df = run(engine, func, ps.plist("a", range(3)))
    assert len(df) == 3
    assert Path.cwd() == tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="needs a system that removes a folder in use")
@pytest.mark.parametrize("engine", ["serial", "poolsize=1"])
def test_a_working_folder_that_is_gone_does_not_end_a_run(engine, tmp_path):
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")

    def func(pset):
        shutil.rmtree(tmp_path / "gone", ignore_errors=True)
        os.chdir(tmp_path)
        return {}

    df = run(engine, func, ps.plist("a", range(3)), calc_dir=tmp_path / "calc")
    assert len(df) == 3
    os.chdir(tmp_path)


@pytest.mark.skipif(not hasattr(os, "closerange"), reason="needs os.closerange")
def test_a_func_that_closes_all_files_still_returns_to_the_folder(script):
    out, _ = script(
        """
        import os
        import psweep as ps

        def func(pset):
            os.closerange(3, 256)
            os.chdir("/")
            return {}

        here = os.getcwd()
        ps.run_local(func, [{"a": 1}, {"a": 2}], save=False)
        print(os.getcwd() == here)
        """,
        wait=True,
    )
    assert out == "True\n"


def test_a_run_within_a_run_returns_to_where_the_outer_pset_was():
    def inner(pset):
        os.chdir("/")
        return {"where": os.getcwd()}

    def outer(pset):
        folder = Path(pset["_calc_dir"], pset["_pset_id"])
        folder.mkdir()
        os.chdir(folder)
        ps.run_local(inner, [{"b": 1}, {"b": 2}], save=False)
        return {"same": Path.cwd() == folder}

    assert ps.run_local(outer, [{"a": 1}, {"a": 2}]).same.tolist() == [True, True]


def test_runs_in_two_threads_leave_the_folder_as_it_was(tmp_path):
    barrier = threading.Barrier(2, timeout=60)

    def func(pset):
        barrier.wait()
        os.chdir("/")
        barrier.wait()
        return {}

    with cf.ThreadPoolExecutor(2) as executor:
        runs = [
            executor.submit(ps.run_local, func, ps.plist("a", range(3)), calc_dir=tmp_path / name)
            for name in ("one", "two")
        ]
        assert [len(each.result()) for each in runs] == [3, 3]
    assert Path.cwd() == tmp_path


# -- captured output


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
    distributed = pytest.importorskip("distributed", reason="needs dask")
    kwds = {"processes": True, "threads_per_worker": 2}
    if cluster == "in this process":
        kwds = {"processes": False, "threads_per_worker": 1}
    with (
        distributed.LocalCluster(dashboard_address=":0", n_workers=1, **kwds) as made,
        distributed.Client(made) as client,
    ):
        with pytest.raises(ps.ParamsError, match="capture_logs.*threads_per_worker=1"):
            ps.run_local(talks, [{"a": 1}], executor=client, capture_logs="db")
        assert not Path("calc").exists()


def test_dask_workers_with_one_thread_capture():
    distributed = pytest.importorskip("distributed", reason="needs dask")
    with (
        distributed.LocalCluster(
            dashboard_address=":0", n_workers=2, processes=True, threads_per_worker=1
        ) as made,
        distributed.Client(made) as client,
    ):
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


def closes_the_descriptors(pset):
    os.close(1)
    os.close(2)


def adds_a_handler(pset):
    logging.getLogger("test_isolation").addHandler(logging.StreamHandler(sys.stdout))


def raises(pset):
    raise LookupError


@pytest.mark.parametrize("poolsize", [None, 1])
@pytest.mark.parametrize(
    "harm",
    [replaces_it, closes_it, detaches_it, closes_the_descriptors, adds_a_handler, raises],
)
def test_whatever_func_does_to_the_output_the_next_pset_has_its_own(harm, poolsize, handler):
    def func(pset):
        print("pset", pset["a"], flush=True)
        harm(pset)
        return {}

    logger = logging.getLogger("test_isolation")
    before = state_of_output(), handler.stream
    df = ps.run_local(
        func, ps.plist("a", range(3)), capture_logs="db", on_error="record", poolsize=poolsize
    )
    assert [text.splitlines()[0] for text in df._logs] == [f"pset {a}" for a in range(3)]
    assert (state_of_output(), handler.stream) == before
    for each in logger.handlers[1:]:
        logger.removeHandler(each)


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


# -- retries, which may find what the call before has left


@pytest.mark.parametrize("on_error", ["raise", "record"])
@pytest.mark.parametrize(
    ("engine", "make"),
    [
        *((engine, os.mkdir) for engine in ("serial", "unsaved", "poolsize=1", "processes")),
        ("serial", os.makedirs),
        ("serial", Path.mkdir),
    ],
)
def test_a_retry_may_make_its_folder_again(engine, on_error, make, tmp_path):
    calls = tmp_path / "calls"
    Path("calc").mkdir()

    def func(pset):
        pset["list"].append(1)
        with open(calls, "a") as file:
            file.write("x")
        folder = Path(pset["_calc_dir"], pset["_pset_id"])
        make(folder)
        os.chdir(folder)
        Path("out").write_text(calls.read_text())
        n = len(calls.read_text())
        if n < 5:
            raise ConnectionError("try again")
        return {"n": n, "length": len(pset["list"])}

    df = run(engine, func, [{"a": 1, "list": []}], retries=3, on_error=on_error)
    # Each further call finds the folder, and begins once more without it.
    assert df.length.tolist() == [1]
    assert Path("calc", df._pset_id[0], "out").exists()
    assert Path("calc", df._pset_id[0] + ".call_1", "out").read_text() == "x"
    assert ps.check_calc_dir("calc", df) == {
        "db_not_disk": set(), "disk_not_db": set(), "unfinished_journals": set(),
        "hash_not_pset": set(),
    }  # fmt: skip


def test_the_last_error_of_retries_is_the_real_one():
    def func(pset):
        Path(pset["_calc_dir"], pset["_pset_id"]).mkdir()
        raise ConnectionError("no network")

    for kwds in ({}, {"capture_logs": "file"}):
        with pytest.raises(ConnectionError, match="no network"):
            ps.run_local(func, [{"a": 1}], retries=2, **kwds)
        df = ps.run_local(func, [{"a": 1}], retries=2, on_error="record", **kwds)
        assert "ConnectionError: no network\npsweep: func was called 3" in df._exc_txt.iloc[-1]


def test_a_retry_goes_on_from_what_the_first_call_left():
    def func(pset):
        folder = Path(pset["_calc_dir"], pset["_pset_id"])
        folder.mkdir(exist_ok=True)
        checkpoint = folder / "checkpoint"
        if not checkpoint.exists():
            checkpoint.write_text("halfway")
            raise ConnectionError
        return {"from": checkpoint.read_text()}

    assert ps.run_local(func, [{"a": 1}], retries=1)["from"].tolist() == ["halfway"]


def test_an_existing_folder_of_another_name_is_an_error_as_any():
    Path("mine").mkdir()

    def func(pset):
        Path("mine").mkdir()

    with pytest.raises(FileExistsError, match="mine"):
        ps.run_local(func, [{"a": 1}], retries=1)
    assert Path("mine").exists()


# -- buffers

ARRAY = np.zeros(2)
LIST: list = [0]
DICT: dict = {"array": np.zeros(1), "list": [[0]]}
FRAME = pd.DataFrame({"x": [0.0, 0.0]})


def fills_buffers(pset):
    a = pset["a"]
    ARRAY[:] = a
    LIST[0] = a
    DICT["array"][:] = a
    DICT["list"][0][0] = a
    FRAME.loc[0, "x"] = a
    return {
        "array": ARRAY, "list": LIST, "dict": DICT, "frame": FRAME, "view": ARRAY[:1],
        "series": FRAME["x"], "tuple": (LIST,), "given": LIST,
    }  # fmt: skip


@pytest.mark.parametrize("save", [True, False])
@pytest.mark.parametrize(
    ("engine", "kwds"),
    [
        ("serial", {}),
        ("serial", {"on_error": "record"}),
        ("serial", {"capture_logs": "db"}),
        ("serial", {"verbose": True}),
        ("serial", {"retries": 1}),
        ("poolsize=1", {}),
        ("one thread", {}),
    ],
)
def test_a_row_holds_what_func_returned_at_that_moment(engine, kwds, save):
    if engine == "one thread":
        with cf.ThreadPoolExecutor(1) as executor:
            df = ps.run_local(
                fills_buffers, [{"a": a, "given": [0]} for a in range(4)], executor=executor,
                save=save,
            )  # fmt: skip
    else:
        params = [{"a": a, "given": [0]} for a in range(4)]
        df = run(engine, fills_buffers, params, save=save, **kwds)
    for a, row in enumerate(df.to_dict("records")):
        assert row["array"].tolist() == [a, a]
        assert row["view"].tolist() == [a]
        assert row["list"] == row["given"] == [a]
        assert row["tuple"] == ([a],)
        assert row["dict"]["array"].tolist() == [a]
        assert row["dict"]["list"] == [[a]]
        assert row["frame"].x.tolist() == [a, 0]
        assert row["series"].tolist() == [a, 0]


def test_the_callers_params_may_be_changed_later():
    params = [{"a": [1]}]
    df = ps.run_local(lambda pset: {}, params, save=False)
    params[0]["a"].append(2)
    assert df.a.tolist() == [[1]]


def test_what_cannot_be_copied_is_kept_as_it_is():
    lock = threading.Lock()
    buffer = [0]

    def func(pset):
        buffer[0] = pset["a"]
        return {"lock": lock, "both": {"lock": lock, "buffer": buffer, "pair": (lock, buffer)}}

    df = ps.run_local(func, ps.plist("a", range(3)), save=False)
    assert df.lock.tolist() == [lock] * 3
    assert [both["buffer"] for both in df.both] == [[0], [1], [2]]
    assert [both["pair"] for both in df.both] == [(lock, [0]), (lock, [1]), (lock, [2])]
