"""What a worker starts with, and when it ends: `worker_env`, `max_tasks_per_child`."""

from __future__ import annotations

import functools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from conftest import find_mpiexec

import psweep as ps
from psweep_core.store.paths import lock_of

pytestmark = pytest.mark.processes

PARAMS = ps.plist("a", range(6))


def where(pset):
    return {
        "pid": os.getpid(),
        "slot": os.environ.get("PSWEEP_WORKER"),
        "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
    }


def test_each_worker_has_its_own_variables_before_it_imports_anything(script):
    Path("imports_early.py").write_text(
        "import os\nSEEN = os.environ.get('CUDA_VISIBLE_DEVICES'), os.environ['PSWEEP_WORKER']\n"
    )
    out, _ = script(
        """
        import os, time, psweep as ps
        if __name__ == "__main__":
            os.environ["PSWEEP_WORKER"] = "main"
        import imports_early

        def func(pset):
            time.sleep(0.05)
            return {"seen": imports_early.SEEN}

        if __name__ == "__main__":
            env = [{"CUDA_VISIBLE_DEVICES": "5"}, {"CUDA_VISIBLE_DEVICES": "7"}]
            before = dict(os.environ)
            df = ps.run_local(func, ps.plist("a", range(6)), worker_env=env, save=False)
            print(sorted(set(df.seen)))
            print(os.environ == before)
        """,
        wait=True,
    )
    assert out == "[('5', '0'), ('7', '1')]\nTrue\n"


def test_one_dict_is_for_all_workers():
    df = ps.run_local(where, PARAMS, poolsize=1, worker_env={"CUDA_VISIBLE_DEVICES": "3"})
    assert set(df.gpu) == {"3"}
    assert set(df.slot) == {"0"}
    assert "PSWEEP_WORKER" not in os.environ


@pytest.mark.parametrize("how", ["kill", "timeout", "retire"])
def test_a_replacement_has_the_same_number_and_no_two_hold_one(how):
    folder = Path("held").absolute()
    folder.mkdir()

    def func(pset):
        mine = folder / os.environ["PSWEEP_WORKER"]
        for other in [mine] if mine.exists() else []:
            pid = int(other.read_text())
            if pid != os.getpid():
                with pytest.raises(ProcessLookupError):
                    os.kill(pid, 0)
        mine.write_text(str(os.getpid()))
        while len(os.listdir(folder)) < 2 and how != "timeout":  # until the other one runs, too
            time.sleep(0.01)
        if pset["a"] == 1 and how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if pset["a"] == 1 and how == "timeout":
            signal.pause()
        return where(pset)

    kwds = {"retire": {"max_tasks_per_child": 2}, "timeout": {"timeout": 2}}.get(how, {})
    df = ps.run_local(func, PARAMS, poolsize=2, on_error="record", **kwds)
    assert {*os.listdir(folder)} <= {"0", "1"}
    assert df._failed.tolist() == [a == 1 and how != "retire" for a in range(6)]


@pytest.mark.parametrize(
    ("n", "kwds"), [(4, {}), (3, {"save": False}), (5, {"worker_env": {"X": "1"}}), (100, {})]
)
def test_workers_are_replaced_after_some_psets(n, kwds, capfd):
    df = ps.run_local(where, PARAMS, poolsize=1, max_tasks_per_child=n, **kwds)
    assert df.groupby("pid").a.count().max() == min(n, 6)
    assert df.pid.nunique() == -(-6 // n)
    assert df.a.tolist() == [*range(6)]
    assert "worker" not in capfd.readouterr().err
    if "save" not in kwds:
        assert ps.df_read("calc").a.tolist() == [*range(6)]
        assert os.listdir("calc/.psweep/database.pk") == ["lock"]


def test_many_short_lived_workers_leave_few_files():
    def count(pset):
        return {"n": len(os.listdir("calc/.psweep/database.pk"))}

    df = ps.run_local(count, ps.plist("a", range(5)), poolsize=1, max_tasks_per_child=1)
    assert df.n.max() <= 6  # the lock, the journals of the parent and of one worker


@pytest.mark.parametrize("on_error", ["raise", "record"])
def test_func_that_limits_the_size_of_files_costs_no_result(on_error):
    resource = pytest.importorskip("resource")

    def func(pset):
        if pset["a"] == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
        return {"b": pset["a"] ** 2}

    for n in (6, 2000):  # of some size, rows travel in groups
        df = ps.run_local(
            func, ps.plist("a", range(n)), poolsize=2, on_error=on_error, calc_dir=f"calc_{n}"
        )
        assert df.b.tolist() == [a**2 for a in range(n)]
        assert ps.df_read(f"calc_{n}/database.pk").equals(df)


def test_a_worker_that_does_not_end_is_ended():
    def leaves_a_thread(pset):
        threading.Thread(target=signal.sigwait, args=([signal.SIGUSR1],)).start()
        return {"y": 1}

    df = ps.run_local(leaves_a_thread, PARAMS[:2], poolsize=1, max_tasks_per_child=1)
    assert df.y.tolist() == [1, 1]


def test_a_killed_parent_loses_nothing_of_workers_that_were_replaced(script):
    process = script(
        """
        import time, psweep as ps
        def func(pset):
            if pset["a"] == 3:
                open("begun", "w").close()
                time.sleep(600)
            return {"y": pset["a"]}
        ps.run_local(func, ps.plist("a", range(4)), poolsize=1, max_tasks_per_child=1)
        """
    )
    while not Path("begun").exists():
        assert process.poll() is None
    process.kill()
    process.wait()
    assert ps.recover("calc").y.tolist() == [0, 1, 2]


@pytest.fixture
def kill_new_workers(monkeypatch):
    """Return a function that has the next n workers killed as soon as they start."""
    left = []
    start = BaseProcess.start

    def start_and_kill(process):
        if left:
            # as late as between the lock of its journal and the journal;
            if (path := process._args[1].journal_path) is not None:
                lock_of(path).touch()
            # by itself: on a busy machine it may be ready before this process gets to kill it
            process.run = functools.partial(signal.raise_signal, left.pop())
        start(process)

    monkeypatch.setattr(BaseProcess, "start", start_and_kill)
    return lambda n, number=signal.SIGKILL: left.extend([number] * n)


@pytest.mark.parametrize("kwds", [{}, {"worker_env": {"X": "1"}}, {"max_tasks_per_child": 1}])
def test_a_worker_that_is_killed_before_it_is_ready_is_replaced(kwds, kill_new_workers, capfd):
    kill_new_workers(2)
    df = ps.run_local(where, PARAMS, poolsize=1, **kwds)
    assert df.a.tolist() == [*range(6)]
    assert set(df.slot) == {"0"}
    # (One is not counted if it had just been told to make room for a spawned one.)
    assert re.search("[12] workers? replaced", capfd.readouterr().err)
    assert os.listdir("calc/.psweep/database.pk") == ["lock"]


def test_workers_that_are_always_killed_before_they_are_ready_end_the_run(kill_new_workers):
    kill_new_workers(100)
    with pytest.raises(ps.WorkerError, match="5 worker processes in a row were killed"):
        ps.run_local(where, PARAMS, poolsize=1, on_error="record")


def test_a_worker_that_crashes_before_it_is_ready_ends_the_run(kill_new_workers):
    # (Not the first one alone: it may have just been told to make room for a spawned one.)
    kill_new_workers(100, signal.SIGSEGV)
    with pytest.raises(ps.WorkerError, match="ended by SIGSEGV during startup"):
        ps.run_local(where, PARAMS, poolsize=1, on_error="record")


def test_workers_in_a_program_of_mpiexec_are_told_to_use_an_executor(tmp_path):
    script = tmp_path / "study.py"
    script.write_text(
        "import psweep as ps\nfrom mpi4py import MPI\n"
        "if __name__ == '__main__':\n    ps.run_local(dict, ps.plist('a', [1]), poolsize=1)\n"
    )
    command = [find_mpiexec(), "-n", "1", sys.executable, str(script)]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=120, check=False
    )
    assert done.returncode
    assert "executor=mpi4py.futures.MPIPoolExecutor() instead of poolsize" in done.stderr


@pytest.mark.parametrize(
    ("kwds", "error", "text"),
    [
        ({"worker_env": {"A": "1"}}, ps.ParamsError, "add poolsize=1"),
        ({"worker_env": []}, ps.ParamsError, "empty list"),
        ({"worker_env": [{}, {}], "poolsize": 3}, ps.ParamsError, "poolsize is 3; leave out"),
        ({"worker_env": "A=1", "poolsize": 1}, ps.ParamsTypeError, "must be a dict"),
        ({"worker_env": ["A=1"]}, ps.ParamsTypeError, "must be a dict"),
        ({"worker_env": {"A": 1}, "poolsize": 1}, ps.ParamsTypeError, "write '1' instead of 1"),
        ({"worker_env": {"A": None}, "poolsize": 1}, ps.ParamsTypeError, "are text"),
        ({"worker_env": {"A=B": "1"}, "poolsize": 1}, ps.ParamsError, "cannot be"),
        ({"worker_env": {"": "1"}, "poolsize": 1}, ps.ParamsError, "cannot be"),
        ({"worker_env": {"A": "\0"}, "poolsize": 1}, ps.ParamsError, "cannot be"),
        ({"worker_env": {"PSWEEP_WORKER": "1"}, "poolsize": 1}, ps.ParamsError, "psweep sets"),
        ({"max_tasks_per_child": 1}, ps.ParamsError, "add poolsize"),
        ({"max_tasks_per_child": 0, "poolsize": 1}, ps.ParamsError, "≥ 1, or None, not 0"),
        ({"max_tasks_per_child": True, "poolsize": 1}, ps.ParamsError, "≥ 1"),
    ],
)
def test_options_that_make_no_sense(kwds, error, text):
    with pytest.raises(error, match=text):
        ps.run_local(where, PARAMS, **kwds)
    assert not Path("calc").exists()
