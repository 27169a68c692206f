"""psweep-task on the psets of a spool, without a scheduler and without psweep-batch."""

from __future__ import annotations

import dataclasses
import fractions
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from spools import claim, prepare, run, start, until

import psweep as ps
from psweep_core.engines.wire import dumps
from psweep_core.running.pickled_modules import pickled_modules
from psweep_core.running.time_left import END, START, find_end, slurm_seconds
from psweep_core.store import spool as spool_of_tasks
from psweep_core.store.spool import Spool, append_line
from psweep_core.store.study import Study

pytestmark = pytest.mark.processes

DIFFERENT = ["_run_id", "_pset_id", "_time_utc", "_pset_runtime", "_exec_host"]


def test_rows_are_those_of_run_local():
    def func(pset):
        if pset["a"] == 2:
            message = "no two"
            raise ValueError(message)
        if pset["a"] == 3:
            os._exit(3)
        return {"b": pset["a"] ** 2, "c": "x"}

    params = ps.plist("a", [0, 1, 2, 3, 4, 5])
    spool = prepare(func, params, size=4)
    assert not len(ps.df_read("calc"))
    for chunk in (1, 0):
        claim(spool, chunk)
        assert run(spool, chunk)[0] == 0
        assert not list(Path("calc/.psweep").rglob("*.lock"))
    seen = ps.df_read("calc")  # in memory: the journals stay until somebody has the lock
    assert len(spool.journals()) == 3
    folded = ps.recover("calc")
    pd.testing.assert_frame_equal(seen, folded)
    assert not spool.journals()
    assert spool.recorded() == set(range(6))
    usual = ps.run_local(func, params, calc_dir="other", poolsize=1, on_error="record")
    usual = usual.assign(_calc_dir="calc", _exec_host=None)
    expected = usual[list(folded.columns)]
    # the tracebacks name the pset by its id
    for one, other in zip(folded._pset_id, expected._pset_id, strict=True):
        expected = expected.assign(_exc_txt=expected._exc_txt.str.replace(other, one))
    pd.testing.assert_frame_equal(
        folded.drop(columns=DIFFERENT), expected.drop(columns=DIFFERENT), check_dtype=True
    )
    assert set(folded._pset_id) == set(spool.index.ids)
    assert folded._exec_host.notna().all()
    # numbers go on after those of the spool
    assert ps.run_local(func, [{"a": 9}])._pset_seq.tolist() == [*range(7)]


def test_numbers_are_reserved_before_a_task_runs():
    prepare(lambda pset: {}, [{"a": 1}, {"a": 2}])
    df = ps.run_local(lambda pset: {}, [{"a": 3}])
    assert (df._pset_seq[2], df._run_seq[2]) == (2, 1)


def test_skip_dups_leaves_out_what_is_done_and_what_tasks_have():
    params = ps.plist("a", [1, 2, 3])
    ps.run_local(lambda pset: {}, params[:1])
    spool = prepare(lambda pset: {}, params[:2], skip_dups=True)
    assert len(spool.index.ids) == 1
    assert len(prepare(lambda pset: {}, params, skip_dups=True).index.ids) == 1
    assert prepare(lambda pset: {}, params, skip_dups=True) is None
    assert len(prepare(lambda pset: {}, params).index.ids) == 3


def test_a_finished_chunk_and_a_second_process_run_nothing(tmp_path):
    go = tmp_path / "go"

    def func(pset):
        with open(tmp_path / "calls", "a") as file:
            file.write("x")
        while not go.exists():
            time.sleep(0.02)
        return {}

    spool = prepare(func, [{"a": 1}])
    claim(spool)
    first = start(spool)
    until((tmp_path / "calls").exists)
    assert "another process of this job" in run(spool)[1]
    assert "another process of this job" in run(spool, SLURM_PROCID="1")[1]
    go.touch()
    first.communicate()
    assert first.returncode == 0
    assert "another task has these psets, or had" in run(spool)[1]
    assert (tmp_path / "calls").read_text() == "x"


def test_task_that_its_scheduler_lost_contact_with_stops_when_the_job_starts_again(tmp_path):
    go, calls = tmp_path / "go", tmp_path / "calls"

    def func(pset):
        with open(calls, "a") as file:
            file.write(f"{pset['a']} {os.getpid()}\n")
        while pset["a"] == 1 and not go.exists():
            time.sleep(0.02)
        return {}

    spool = prepare(func, ps.plist("a", [0, 1, 2]))
    claim(spool)
    first = start(spool, PSWEEP_RUN="/tmp/first")
    until(lambda: calls.exists() and "\n1 " in calls.read_text())
    worker = int(calls.read_text().split()[-1])
    # Started again, with the number that it had: the first one is to be gone before psets begin.
    second = start(spool, PSWEEP_RUN="/tmp/second")
    until(lambda: calls.read_text().count("\n1 ") == 2)
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
    assert first.wait(timeout=60) == 0
    # and once more, as after another loss
    third = start(spool, PSWEEP_RUN="/tmp/third")
    until(lambda: calls.read_text().count("\n1 ") == 3)
    assert second.wait(timeout=60) == 0
    assert not spool.claims()[0].is_over
    go.touch()
    assert third.wait(timeout=60) == 0
    for process in (first, second, third):
        process.stderr.close()
    ended = [(c.attempt, c.state, c.reason) for c in (spool.claim(0, n) for n in (1, 2, 3))]
    why = "a later task has its psets"
    assert ended == [(1, "stopped", why), (2, "stopped", why), (3, "done", "")]
    assert ps.recover("calc").a.tolist() == [0, 1, 2]
    assert [line[0] for line in calls.read_text().splitlines()] == [*"01112"]


def test_rows_stay_in_the_journals_of_a_task_until_it_has_seen_that_it_is_to_stop(monkeypatch):
    spool = prepare(lambda pset: {}, ps.plist("a", [0, 1]))
    claim(spool)
    path = spool.claim_path(0, 1)
    append_line(path, f"start {time.time():.3f} node 1 - first")
    journal = spool.journal(0, 1, "x", 1)
    journal.touch()
    assert spool.ended_journals() == []
    spool.end_earlier(0, 2)
    assert spool.claim(0, 1).is_over
    assert spool.ended_journals() == []
    with monkeypatch.context() as patch:  # its node has crashed
        patch.setattr(spool_of_tasks, "_STOP_SECONDS", -1.0)
        assert spool.ended_journals() == [journal]
    append_line(path, f"end {time.time():.3f} stopped a later task has its psets")
    assert spool.ended_journals() == [journal]


def test_killed_task_is_followed_by_one_that_runs_the_rest_once(tmp_path):
    def func(pset):
        with open(tmp_path / "calls", "a") as file:
            file.write(f"{pset['a']} ")
        if pset["a"] == 2 and not (tmp_path / "killed").exists():
            time.sleep(1000)
        return {"b": pset["a"]}

    spool = prepare(func, ps.plist("a", [0, 1, 2, 3]))
    claim(spool)
    process = start(spool)
    until(lambda: (tmp_path / "calls").exists() and "2" in (tmp_path / "calls").read_text())
    process.kill()
    process.communicate()
    (tmp_path / "killed").touch()
    assert len(ps.df_read("calc")) == 2
    assert len(Study("calc").fold_now()) == 0  # nobody knows yet that it is gone
    spool.lost_path(0, 1).write_text("lost by kill\n")
    assert spool.claims()[0].state == "lost"
    assert len(ps.recover("calc")) == 2
    claim(spool, attempt=2)
    assert run(spool, attempt=2)[0] == 0
    assert ps.recover("calc").b.tolist() == [0, 1, 2, 3]
    assert (tmp_path / "calls").read_text().split() == ["0", "1", "2", "2", "3"]
    assert not spool.unfinished()


@pytest.mark.parametrize("code", [143, 140, 1])
def test_task_that_ended_before_psets_began_and_starts_again_makes_a_claim(code):
    spool = prepare(lambda pset: {}, [{"a": 1}])
    claim(spool)
    with open(spool.claim_path(0, 1), "a") as file:
        file.write(f"said 7\nexit {code} 1.5\n")
    ended = spool.claims()[0]
    by = {143: "killed by SIGTERM", 140: "killed by SIGUSR2"}.get(code, "exit code 1")
    assert ended.state == ("failed" if code == 1 else "lost")
    assert ended.reason == f"{by} before psweep-task began"
    # The scheduler starts the job again. Others may claim the chunk at this moment, so the job
    # must not go on under the claim that has ended.
    assert run(spool)[0] == 0
    again = spool.claims()[0]
    assert (again.attempt, again.state, again.said) == (2, "done", "7")
    assert "start" not in spool.claim_path(0, 1).read_text()
    assert len(ps.recover("calc")) == 1


@pytest.mark.parametrize("parallel", ["1", "2"])
def test_sigterm_to_all_processes_gives_back_the_rest(tmp_path, parallel):
    def func(pset):
        with open(tmp_path / "calls", "a") as file:
            file.write(f"{pset['a']} ")
        time.sleep(0.4)
        return {"b": pset["a"]}

    spool = prepare(func, ps.plist("a", range(200)))
    claim(spool)
    process = start(spool, PSWEEP_PARALLEL=parallel, PSWEEP_KILL_WAIT="30")
    until(lambda: len(ps.df_read("calc")) >= 2)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in [*map(int, children), process.pid]:
        os.kill(pid, signal.SIGTERM)
    assert process.communicate()[0] is None
    assert process.returncode == 0
    state = spool.claims()[0]
    assert (state.state, state.reason) == ("stopped", "got SIGTERM")
    df = ps.recover("calc")
    assert sorted(df.a) == sorted(map(int, (tmp_path / "calls").read_text().split()))
    assert "_failed" in df.columns
    assert not df._failed.any()
    # The same job, started again by its scheduler, has a claim of its own.
    process = start(spool)
    until(lambda: spool.claim_path(0, 2).exists() and len(ps.df_read("calc")) > len(df))
    process.terminate()
    process.communicate()
    assert ps.recover("calc").a.is_unique


def test_no_pset_begins_that_would_not_finish_in_time():
    def func(pset):
        time.sleep(0.3)
        return {"left": ps.time_left()}

    spool = prepare(func, ps.plist("a", range(200)))
    claim(spool)
    code, said = run(spool, **{END: str(time.time() + 5.5)})
    assert code == 0
    assert "given back" in said
    state = spool.claims()[0]
    assert state.state == "stopped"
    assert "before the time limit" in state.reason
    left = ps.recover("calc").left
    assert 1 <= len(left) < 20
    assert (left < 5.5).all()


def test_another_python_is_refused_before_anything_is_unpickled():
    spool = prepare(lambda pset: {}, [{"a": 1}])
    claim(spool)
    path = spool.folder / "work.pk"
    head, _ = path.read_bytes().split(b"\n", 1)
    changed = head.replace(b'"python": "3.', b'"python": "2.')
    path.write_bytes(changed + b"\nno pickle")
    code, said = run(spool)
    assert code == 1
    assert "prepared by Python 2." in said
    assert "use the same version in the jobscript" in said
    assert spool.claims()[0].state == "failed"


def test_func_that_cannot_be_imported_is_reported_once(tmp_path, monkeypatch):
    (tmp_path / "lib/site-packages").mkdir(parents=True)
    (tmp_path / "lib/site-packages/only_here.py").write_text("def func(pset): return {}\n")
    monkeypatch.syspath_prepend(str(tmp_path / "lib/site-packages"))
    import only_here

    spool = prepare(only_here.func, ps.plist("a", [1, 2, 3]))
    claim(spool)
    run(spool)
    df = ps.recover("calc")
    assert df.a.tolist() == [1]
    assert "No module named 'only_here'" in df._exc_txt[0]
    assert "install there what func imports" in df._exc_txt[0]
    assert spool.claims()[0].state == "failed"
    assert spool.unfinished() == {0: [1, 2]}
    spool = prepare(only_here.func, [{"a": 5}], calc_dir="other", database_basename="database.json")
    claim(spool)
    run(spool)
    assert "No module named 'only_here'" in ps.recover("other", "database.json")._exc_txt[0]


@pytest.mark.parametrize("name", ["database.json", "database.parquet"])
def test_databases_that_hold_data_only(name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")

    def func(pset):
        if pset["a"] == 2:
            os._exit(1)
        return {"b": [pset["a"]]}

    spool = prepare(func, ps.plist("a", [1, 2, 3]), database_basename=name)
    assert spool.folder.suffix == Path(name).suffix  # which says how its journals are to be read
    claim(spool)
    run(spool)
    df = ps.recover("calc", name)
    assert df.b.dropna().tolist() == [[1], [3]]
    assert df._failed.tolist() == [False, True, False]
    assert not spool.journals()
    # not in the folder of such a database, whatever its header says
    moved = spool.folder.rename(spool.folder.with_suffix(""))
    assert len(list(Study("calc", name).layout.spools())) == 1
    assert ps.run_local(func, [{"a": 5}], database_basename=name)._run_seq.tolist()[-1] == 1
    assert moved.exists()


def test_code_of_the_project_goes_along(tmp_path, monkeypatch):
    (tmp_path / "helper_of_it.py").write_text("N = 3\ndef times(a): return a * N\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import helper_of_it

    spool = prepare(lambda pset: {"b": helper_of_it.times(pset["a"])}, [{"a": 2}])
    (tmp_path / "helper_of_it.py").unlink()
    claim(spool)
    run(spool)
    assert ps.recover("calc").b.tolist() == [6]


def test_options_reach_the_task():
    def func(pset):
        print("hello", pset["a"])
        if pset["a"] == 2:
            time.sleep(100)
        return {}

    spool = prepare(func, ps.plist("a", [1, 2]), capture_logs="db+file", timeout=0.5, tmpsave=True)
    claim(spool)
    run(spool)
    df = ps.recover("calc")
    assert df._logs[0] == "hello 1\n"
    assert "PsetTimeoutError" in df._exc_txt[1]
    assert Path("calc", df._pset_id[0], "logs.txt").read_text() == "hello 1\n"
    assert Path("calc/tmpsave", df._run_id[0], f"{df._pset_id[0]}.pk").exists()


def test_on_error_raise_ends_the_task_and_gives_back_the_rest():
    def func(pset):
        if pset["a"] == 2:
            message = "no two"
            raise ValueError(message)
        return {}

    spool = prepare(func, ps.plist("a", [1, 2, 3]), on_error="raise")
    claim(spool)
    code, said = run(spool)
    assert code == 1
    assert "ValueError: no two" in said
    state = spool.claims()[0]
    assert (state.state, state.reason) == ("failed", "ValueError: no two")
    assert ps.recover("calc").a.tolist() == [1]


def test_keyboard_interrupt_that_func_raises_is_a_failed_row():
    def func(pset):
        if pset["a"] == 0:
            raise KeyboardInterrupt
        return {}

    params = ps.plist("a", range(3))
    spool = prepare(func, params)
    claim(spool)
    code, said = run(spool)
    assert code == 0
    assert "3 psets have run, 1 failed" in said
    df = ps.recover("calc")
    assert df._failed.tolist() == [True, False, False]
    assert df._exc_txt[0].endswith("KeyboardInterrupt\n")
    other = prepare(func, params, on_error="raise")
    claim(other)
    assert run(other)[0] == 1
    assert other.claims()[0].reason == "KeyboardInterrupt"


def test_sigint_gives_back_the_pset_whose_program_it_has_ended():
    def func(pset):
        subprocess.run(["sleep", "60"], check=True)

    spool = prepare(func, ps.plist("a", range(3)))
    claim(spool)
    process = start(spool, PSWEEP_KILL_WAIT="30")

    def children(pid):
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

    def workers():
        return [pid for pid in children(process.pid) if children(pid)]

    until(workers)
    (worker,) = workers()
    os.kill(process.pid, signal.SIGINT)
    os.killpg(int(worker), signal.SIGINT)
    process.communicate()
    assert process.returncode == 0
    assert (spool.claims()[0].state, spool.claims()[0].reason) == ("stopped", "got SIGINT")
    assert not len(ps.recover("calc"))


def test_task_by_hand_says_what_it_is_for(capsys, monkeypatch):
    monkeypatch.delenv("PSWEEP_SPOOL", raising=False)
    from psweep_core.task import task

    assert task([]) == 1
    assert "a line of a jobscript" in capsys.readouterr().err


def test_work_starts_with_a_plain_header():
    spool = prepare(lambda pset: {}, [{"a": 1}])
    first, second = (spool.folder / "work.pk").read_bytes().split(b"\n")[:2]
    head = json.loads(first.removeprefix(b"psweep-work "))
    assert head["python"] == "{}.{}".format(*sys.version_info)
    assert json.loads(second)["hashes"] == [ps.pset_hash({"a": 1})]
    assert Spool(spool.folder).header.n_psets == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("59\n", 3540),
        ("0:59", 59),
        ("1:00:01\n", 3601),
        ("2-00:00:05", 172805),
        ("UNLIMITED", None),
        ("", None),
    ],
)
def test_times_that_slurm_writes(text, seconds):
    assert slurm_seconds(text) == seconds


@pytest.mark.parametrize(
    ("environ", "left"),
    [
        ({}, None),
        ({"SLURM_JOB_END_TIME": "1100"}, 100),
        ({"PBS_JOBID": "1", "PBS_WALLTIME": "60"}, 60),
        ({"PBS_JOBID": "1", "PBS_WALLTIME": "60", START: "960"}, 20),
        ({"PBS_JOBID": "1", "PBS_WALLTIME": ""}, None),
        ({"SLURM_JOB_ID": "1", "PATH": ""}, None),  # without squeue
        ({"JOB_ID": "1", "SGE_TASK_ID": "undefined", "PATH": ""}, None),  # without qstat
    ],
)
def test_the_end_of_a_job(environ, left, monkeypatch):
    for name in (END, START, "SLURM_JOB_END_TIME", "SLURM_JOB_ID", "PBS_JOBID", "JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("SGE_TASK_ID", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    assert find_end() == (None if left is None else 1000 + left)


def test_time_left_outside_a_task(monkeypatch):
    monkeypatch.delenv(END, raising=False)
    assert ps.time_left() is None
    monkeypatch.setenv(END, "1")
    assert ps.time_left() == 0.0


def test_psets_begin_after_a_pause_that_moved_the_end(tmp_path):
    squeue = tmp_path / "squeue"
    squeue.write_text("#!/bin/sh\necho 10:00\n")
    squeue.chmod(0o755)

    def func(pset):
        (tmp_path / "began").touch()
        time.sleep(0.3)
        return {"left": ps.time_left()}

    spool = prepare(func, ps.plist("a", range(8)))
    claim(spool)
    path = f"{tmp_path}:{os.environ['PATH']}"
    environ = {"SLURM_JOB_ID": "1", "PATH": path, "PSWEEP_RUN": str(tmp_path)}
    task = start(spool, **environ, **{END: str(time.time() + 9)})
    until((tmp_path / "began").exists)
    os.killpg(task.pid, signal.SIGSTOP)
    time.sleep(5.5)
    os.killpg(task.pid, signal.SIGCONT)
    task.communicate(timeout=60)
    assert task.returncode == 0
    left = ps.recover("calc").left
    assert len(left) == 8
    assert 590 < left.iloc[-1] <= 600


def test_a_module_is_sent_although_psets_contain_its_name_as_text(tmp_path, monkeypatch):
    """The task cannot import it, because the script has extended sys.path."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "solver.py").write_text("def energy(x): return 3 * x\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(source))
    solver = importlib.import_module("solver")

    @dataclasses.dataclass
    class Mesh:
        solver: str

    def func(pset):
        return {"y": solver.energy(pset["x"])}

    params = [{"x": 1, "solver": Mesh("solver")}, {"x": 2, "solver": Mesh("its solver")}]
    try:
        spool = prepare(func, params, size=2)
    finally:
        del sys.modules["solver"]
    claim(spool, 0)
    assert run(spool, 0)[0] == 0
    assert ps.recover("calc").y.tolist() == [3, 6]


def test_psets_with_classes_of_a_folder_that_the_script_has_added(tmp_path, monkeypatch):
    source = tmp_path / "src"
    source.mkdir()
    (source / "shapes.py").write_text(
        "class Box:\n    def __init__(self, a):\n        self.a = a\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(source))
    shapes = importlib.import_module("shapes")

    def func(pset):
        return {"y": pset["box"].a, "is_box": type(pset["box"]) is shapes.Box}

    try:
        spool = prepare(func, [{"box": shapes.Box(1)}, {"box": shapes.Box(2)}], size=1)
        claim(spool, 0)
        assert run(spool, 0)[0] == 0
        df = ps.recover("calc")
        source.rename(tmp_path / "old")
        claim(spool, 1)
        status, said = run(spool, 1)
    finally:
        del sys.modules["shapes"]
    assert df.y.tolist() == [1]
    assert df.is_box.tolist() == [True]
    assert status == 1
    assert "No module named 'shapes': it cannot load the psets" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("value", "is_there"),
    [
        ("fractions", False),
        ({"fractions": ["fractions", "Fraction"]}, False),
        (fractions.Fraction, True),
        (fractions, True),
        (["fractions", fractions.Fraction(1, 3)], True),
        (lambda: fractions.Fraction, True),
        (lambda fraction="fractions": fraction, True),  # a tuple of one text may be a module
    ],
)
def test_modules_that_a_pickle_imports(value, is_there):
    found = pickled_modules(dumps({"a": value, "b": value}))
    assert ("fractions" in found) == is_there
