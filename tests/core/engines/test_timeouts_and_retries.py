"""A pset that fails, hangs or kills its process costs itself alone, and may be tried again."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import alive

import psweep as ps

pytestmark = [pytest.mark.processes, pytest.mark.untraced]

METHODS = multiprocessing.get_all_start_methods()


def wait_until(true):
    end = time.monotonic() + 100
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def count(pset):
    """Count the calls for a pset, in whichever process."""
    path = Path(f"calls_{pset['a']}")
    with open(path, "a") as file:
        file.write("x")
    return path.stat().st_size


@pytest.fixture(params=METHODS)
def method(request):
    before = multiprocessing.get_start_method()
    multiprocessing.set_start_method(request.param, force=True)
    yield request.param
    multiprocessing.set_start_method(before, force=True)


@pytest.mark.parametrize("save", [True, False])
def test_a_pset_that_takes_too_long_fails_and_the_others_run_on(method, save):
    def func(pset):
        if pset["a"] == 3:
            time.sleep(3600)
        return {"b": 2 * pset["a"]}

    df = ps.run_local(
        func, ps.plist("a", range(8)), poolsize=2, timeout=3, on_error="record", save=save
    )
    assert df._failed.tolist() == [a == 3 for a in range(8)]
    assert df.b.dropna().tolist() == [0, 2, 4, 8, 10, 12, 14]
    text = df._exc_txt[3]
    assert text.startswith("PsetTimeoutError: the pset {'a': 3}")
    assert "took longer than timeout=3 s" in text
    assert df._pset_runtime[3] == 3


def test_it_ends_a_run_that_does_not_record_failures():
    def func(pset):
        time.sleep(3600 if pset["a"] == 2 else 0)
        return {"b": 1}

    with pytest.raises(ps.PsetTimeoutError, match=r"{'a': 2}.*took longer than timeout=2.5 s") as e:
        ps.run_local(func, ps.plist("a", range(4)), poolsize=1, timeout=2.5)
    assert isinstance(e.value, TimeoutError)
    assert {0, 1} <= set(ps.df_read("calc").a)


def test_the_limit_is_for_one_pset_not_for_a_chunk_or_the_run():
    def func(pset):
        time.sleep(0.01)
        return {}

    # 7.5 s for each worker
    df = ps.run_local(func, ps.plist("a", range(1500)), poolsize=2, timeout=6, on_error="record")
    assert not df._failed.any()


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes in /proc")
def test_what_a_hanging_pset_has_started_ends_with_it():
    def func(pset):
        child = subprocess.Popen(["sh", "-c", "sleep 61 & sleep 62"])
        Path("pid").write_text(str(child.pid))
        child.wait()

    with pytest.raises(ps.PsetTimeoutError):
        ps.run_local(func, [{"a": 1}], poolsize=1, timeout=1)
    wait_until(lambda: not alive(int(Path("pid").read_text())))
    show = ["ps", "-eo", "pgid,args"]
    wait_until(lambda: "sleep 61" not in subprocess.check_output(show, text=True))


@pytest.mark.usefixtures("children_may_be_interrupted")
def test_nor_does_anything_outlive_a_run_that_is_interrupted(script):
    process = script(
        """
        import subprocess, pathlib, psweep as ps
        def func(pset):
            child = subprocess.Popen(["sleep", "63"])
            pathlib.Path("pid").write_text(str(child.pid))
            child.wait()
        if __name__ == "__main__":
            ps.run_local(func, [{"a": 1}], poolsize=1)
        """
    )
    while not (Path("pid").exists() and Path("pid").read_text()):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=120)
    pid = int(Path("pid").read_text())
    wait_until(lambda: not alive(pid))


def test_a_function_that_holds_the_interpreter_is_stopped_too():
    import ctypes

    def func(pset):
        if pset["a"] == 1:
            ctypes.PyDLL(None).sleep(3600)  # in C, and it lets no other thread run
        return {}

    df = ps.run_local(func, ps.plist("a", range(3)), poolsize=1, timeout=3, on_error="record")
    assert df._failed.tolist() == [False, True, False]


@pytest.mark.parametrize("poolsize", [None, 2])
@pytest.mark.parametrize("on_error", ["raise", "record"])
def test_a_pset_that_fails_is_called_again(poolsize, on_error):
    def func(pset):
        n = count(pset)
        if pset["a"] == 2 and n < 3:
            raise OSError(f"call {n}")
        return {"n": n}

    df = ps.run_local(
        func, ps.plist("a", range(5)), poolsize=poolsize, retries=2, on_error=on_error
    )
    assert df.n.tolist() == [1, 1, 3, 1, 1]
    if on_error == "record":
        assert not df._failed.any()
        assert df._exc_txt.isna().all()


@pytest.mark.parametrize("poolsize", [None, 2])
@pytest.mark.parametrize("save", [True, False])
def test_only_so_many_times(poolsize, save):
    def func(pset):
        raise ArithmeticError(f"call {count(pset)}")

    kwds = {"poolsize": poolsize, "retries": 2, "save": save}
    df = ps.run_local(func, [{"a": 1}], on_error="record", **kwds)
    assert df._failed.tolist() == [True]
    assert "ArithmeticError: call 3\npsweep: func was called 3 times" in df._exc_txt[0]
    with pytest.raises(ArithmeticError, match="call 3") as caught:
        ps.run_local(func, [{"a": 2}], **kwds)
    assert "func was called 3 times for this pset" in "".join(caught.value.__notes__)
    assert os.path.getsize("calls_1") == os.path.getsize("calls_2") == 3


@pytest.mark.parametrize("end", ["kill", "exit", "hang"])
def test_a_worker_that_dies_or_hangs_is_a_failure_as_any(method, end, capfd):
    def func(pset):
        n = count(pset)
        if pset["a"] == 1:
            if n == 1:
                raise ValueError("of the code")
            if end == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if end == "exit":
                os._exit(3)
            time.sleep(3600)
        return {"n": n}

    df = ps.run_local(
        func, ps.plist("a", range(6)), poolsize=2, retries=2, on_error="record", timeout=3
    )
    assert df.n.dropna().tolist() == [1] * 5
    assert df._failed.tolist() == [False, True, False, False, False, False]
    assert os.path.getsize("calls_1") == 3
    text = df._exc_txt[1]
    assert text.endswith("\npsweep: func was called 3 times for this pset\n")
    assert "func was called" not in capfd.readouterr().err  # which does not belong to the cause
    assert {
        "kill": "was ended by SIGKILL, possibly because it was out of memory",
        "exit": "exited with status 3",
        "hang": "took longer than timeout=3 s",
    }[end] in text


OF_THREE_CALLS = """\
call 1
program
psweep: call 2 of 3
call 2
program
psweep: call 3 of 3
call 3
program
"""


@pytest.mark.parametrize("on_error", ["raise", "record"])
@pytest.mark.parametrize(
    ("end", "kwds"),
    [
        ("error", {}),
        *itertools.product(
            ["error", "exit", "hang"], [{"poolsize": 1}, {"poolsize": 1, "save": False}]
        ),
    ],
)
def test_what_all_calls_print_is_kept(end, kwds, on_error):
    def func(pset):
        n = count(pset)
        print("call", n)
        subprocess.run(["echo", "program"], check=True)
        if n < 3:
            if end == "exit":
                os._exit(3)
            if end == "hang":
                time.sleep(600)
            raise ValueError
        return {}

    where = "db+file" if kwds.get("save", True) else "db"
    kwds = {**kwds, "timeout": 2} if end == "hang" else kwds
    df = ps.run_local(
        func, ps.plist("a", [1, 2]), retries=2, capture_logs=where, on_error=on_error, **kwds
    )
    assert df.a.tolist() == [1, 2]
    assert df._logs.tolist() == [OF_THREE_CALLS] * 2
    if "file" in where:
        logs = [Path("calc", pset_id, "logs.txt").read_text() for pset_id in df._pset_id]
        assert logs == df._logs.tolist()
        assert os.listdir("calc/.psweep/database.pk") == ["lock"]


@pytest.mark.parametrize("poolsize", [None, 1])
def test_what_all_calls_print_is_kept_if_all_fail(poolsize):
    def func(pset):
        print("call", count(pset), end="")  # its line has no end
        raise ValueError("failed")

    kwds = {"retries": 2, "capture_logs": "db+file", "poolsize": poolsize}
    df = ps.run_local(func, [{"a": 1}], on_error="record", **kwds)
    text = "call 1\npsweep: call 2 of 3\ncall 2\npsweep: call 3 of 3\ncall 3"
    assert df._logs[0] == text
    assert df._exc_txt[0].count("ValueError: failed") == 1  # of the last call
    assert Path("calc", df._pset_id[0], "logs.txt").read_text() == text
    with pytest.raises(ValueError, match="failed"):
        ps.run_local(func, [{"a": 2}], calc_dir="raised", **kwds)
    (log,) = Path("raised").glob("*/logs.txt")
    assert log.read_text() == text


@pytest.mark.parametrize(
    ("kwds", "match"),
    [
        ({"timeout": 1}, "timeout=1 needs worker processes"),
        ({"timeout": 0, "poolsize": 1}, "timeout must be a number of seconds above 0.* not 0"),
        ({"timeout": "1", "poolsize": 1}, "timeout must be a number"),
        ({"timeout": True, "poolsize": 1}, "timeout must be a number"),
        ({"timeout": float("nan"), "poolsize": 1}, "timeout must be a number"),
        ({"retries": -1}, "retries must be an integer ≥ 0, not -1"),
        ({"retries": 1.0}, "retries must be"),
        ({"retries": True}, "retries must be"),
    ],
)  # fmt: skip
def test_bad_values(kwds, match):
    with pytest.raises(ValueError, match=match):
        ps.run_local(lambda pset: {}, [{"a": 1}], **kwds)
    assert not Path("calc").exists()
    assert sys.exc_info() == (None, None, None)
