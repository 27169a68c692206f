"""What becomes of workers, and of their rows, when a run is ended, stopped, cloned or orphaned."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from conftest import alive

import psweep as ps

pytestmark = [pytest.mark.processes, pytest.mark.untraced]

posix = pytest.mark.skipif(os.name != "posix", reason="forks and signals of POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="prctl, of Linux")


def wait_until(true, process=None):
    while not true():
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.01)


@posix
def test_the_end_of_a_pool_waits_for_a_row_that_is_being_written(script):
    """Another pset raises while this one's result is pickled, which takes longer than the grace."""
    script(
        """
        import os, time
        import psweep as ps
        from psweep_core.engines import pool

        pool._GRACE_SECONDS = 0.2

        class Slow:
            def __reduce__(self):
                open("returned", "w").close()
                end = time.monotonic() + 1.5
                while time.monotonic() < end:  # with the GIL or without
                    if os.path.exists("raised"):
                        time.sleep(0.01)
                return Slow, ()

        def func(pset):
            if pset["a"] == 0:
                return {"b": Slow()}
            while not os.path.exists("returned"):
                time.sleep(0.01)
            open("raised", "w").close()
            raise ValueError("the end")

        try:
            ps.run_local(func, ps.plist("a", [0, 1]), poolsize=2)
        except ValueError:
            pass
        """,
        wait=True,
    )
    assert ps.df_read("calc/database.pk").a.tolist() == [0]


@posix
def test_the_end_of_a_pool_does_not_wait_for_func(script):
    process = script(
        """
        import time
        import psweep as ps

        def func(pset):
            if pset["a"] == 2:
                while not all(open(str(i), "a").tell() for i in (0, 1)):
                    time.sleep(0.01)
                raise ValueError("the end")
            with open(str(pset["a"]), "w") as file:
                file.write("started")
            if pset["a"] == 0:
                time.sleep(10_000)
            while True:
                pass

        ps.run_local(func, ps.plist("a", [0, 1, 2]), poolsize=3)
        """
    )
    _, err = process.communicate(timeout=300)
    assert "ValueError: the end" in err


@posix
@pytest.mark.slow
def test_time_in_which_all_processes_are_stopped_does_not_count(script):
    process = script(
        """
        import os, time
        import psweep as ps

        def func(pset):
            with open(f"pid_{pset['a']}", "w") as file:
                file.write(str(os.getpid()))
            end = time.process_time() + 0.5
            while time.process_time() < end:
                pass
            return {}

        df = ps.run_local(func, ps.plist("a", [0, 1]), poolsize=1, timeout=6, on_error="record")
        print(df._failed.tolist())
        """
    )
    wait_until(lambda: Path("pid_0").exists() and Path("pid_0").read_text(), process)
    pids = process.pid, int(Path("pid_0").read_text())
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(7)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    out, err = process.communicate(timeout=300)
    assert out == "[False, False]\n", err


@posix
def test_a_child_that_func_forks_and_lets_return_is_no_worker(script):
    script(
        """
        import os, time
        import psweep as ps

        def func(pset):
            if pset["a"] == 1:
                pid = os.fork()
                if pid == 0:
                    with open("clone", "w") as file:
                        file.write(str(os.getpid()))
                    return {"b": "clone"}
                os.waitpid(pid, 0)
            return {"b": "worker"}

        ps.run_local(func, ps.plist("a", range(4)), poolsize=1)
        """,
        wait=True,
    )
    df = ps.df_read("calc/database.pk")
    assert df.b.tolist() == ["worker"] * 4
    assert not alive(int(Path("clone").read_text()))


@linux
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_worker_in_c_code_that_keeps_the_interpreter_ends_with_its_parent(script, method):
    """Here the handler is called at once: the number of the signal is that of the seconds."""
    process = script(
        """
        import ctypes, multiprocessing, os, sys
        import psweep as ps
        from psweep_core.engines import worker

        worker._SIGSTKFLT = 1

        def func(pset):
            with open("pid", "w") as file:
                file.write(str(os.getpid()))
            ctypes.PyDLL(None).pause()  # PyDLL does not release the GIL
            return {}

        if __name__ == "__main__":
            multiprocessing.set_start_method(sys.argv[1])
            ps.run_local(func, [{"a": 1}], poolsize=1)
        """,
        method,
    )
    wait_until(lambda: Path("pid").exists() and Path("pid").read_text(), process)
    worker = int(Path("pid").read_text())
    time.sleep(0.2)  # it is in C, or will be
    process.kill()
    wait_until(lambda: not alive(worker))


def test_a_worker_of_a_fork_server_may_use_one_itself(script):
    out, _ = script(
        """
        import multiprocessing
        import psweep as ps

        def func(pset):
            with multiprocessing.get_context("forkserver").Pool(1) as pool:
                return {"b": pool.map(abs, [-pset["a"]])}

        if __name__ == "__main__":
            multiprocessing.set_start_method("forkserver")
            df = ps.run_local(func, ps.plist("a", [1, 2, 3]), poolsize=2)
            print(df.b.tolist(), len(ps.run_local(func, [{"a": 4}], poolsize=1)))
        """,
        wait=True,
    )
    assert out == "[[1], [2], [3]] 4\n"


@posix
def test_the_thread_that_syncs_is_there_before_func_is_called():
    """Func may use up the memory that its start would need."""

    def func(pset):
        import threading

        return {"threads": [thread.name for thread in threading.enumerate()]}

    for poolsize in (None, 1):
        df = ps.run_local(func, [{"a": 1}], poolsize=poolsize)
        assert "psweep-sync" in df.threads.iloc[-1]


class Odd(concurrent.futures.Executor):
    """An executor that does not do what it should."""

    def __init__(self, submit):
        self.submit = submit


def done(value):
    future = concurrent.futures.Future()
    future.set_result(value)
    return future


@pytest.mark.parametrize(
    ("submit", "error", "match"),
    [
        (lambda *args, **kwds: done(None), ps.WorkerError, "returned None for a call"),
        (lambda *args, **kwds: done([]), ps.WorkerError, r"returned \[\] for a call"),
        (lambda *args, **kwds: None, ps.ParamsTypeError, "returned None, which is not a future"),
    ],
)
def test_an_executor_that_returns_something_else_is_an_error(submit, error, match):
    with pytest.raises(error, match=match):
        ps.run_local(lambda p: {}, [{"a": 1}], executor=Odd(submit))


def test_a_dask_whose_scheduler_is_gone_ends_the_run(script):
    pytest.importorskip("distributed", reason="needs dask: pip install 'dask[distributed]'")
    out, _ = script(
        """
        import os, threading, time
        import psweep as ps
        from distributed import Client, LocalCluster

        options = {"n_workers": 1, "threads_per_worker": 1, "processes": False}
        cluster = LocalCluster(**options, dashboard_address=None)
        here = os.getcwd()

        def func(pset):
            open(os.path.join(here, "started"), "w").close()
            if pset["a"]:
                time.sleep(0.5)
            return {}

        def close():
            while not os.path.exists("started"):
                time.sleep(0.01)
            cluster.sync(cluster.scheduler.close)

        threading.Thread(target=close).start()
        try:
            ps.run_local(func, ps.plist("a", range(9)), executor=Client(cluster), on_error="record")
        except ps.WorkerError as error:
            print(error, flush=True)
        os._exit(0)  # dask would wait for what it has lost
        """,
        wait=True,
    )
    assert "the dask scheduler is lost" in out or "no more work" in out


@posix
@pytest.mark.parametrize(
    ("poolsize", "end", "stays"),
    [
        (2, "normal", True),
        (2, "raise", False),
        (2, "SIGKILL", False),
        (2, "SIGTERM", False),
        (2, "SIGINT", False),
        (None, "normal", True),
        (None, "SIGKILL", True),
    ],
)
@pytest.mark.usefixtures("children_may_be_interrupted")
def test_which_programs_that_func_has_started_end_with_the_run(script, poolsize, end, stays):
    process = script(
        f"""
        import os, subprocess, time
        import psweep as ps

        def func(pset):
            program = subprocess.Popen(["sleep", "600"])
            with open("making", "w") as file:
                file.write(str(program.pid))
            os.rename("making", "program")
            if {end!r} == "raise":
                raise ValueError
            if {end!r} != "normal":
                time.sleep(600)
            return {{}}

        ps.run_local(func, [{{"a": 1}}], poolsize={poolsize})
        """
    )
    wait_until(Path("program").exists)
    program = int(Path("program").read_text())
    if end.startswith("SIG"):
        process.send_signal(getattr(signal, end))
    process.wait(timeout=100)  # (The program that stays has its output.)
    deadline = time.monotonic() + (1 if stays else 60)
    while alive(program) and time.monotonic() < deadline:
        time.sleep(0.01)
    is_there = alive(program)
    if is_there:
        os.kill(program, signal.SIGKILL)
    assert is_there == stays
