"""Tasks that have too little memory or time, or are ended while programs run."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from spools import claim, prepare, run, start, until

import psweep as ps
from psweep_core.running.job_memory import count_kills, kills_in

pytestmark = pytest.mark.processes

LEVELS = "PSWEEP_LEVELS"


def greedy(pset):
    if pset["a"] == 2:
        message = "no more"
        raise MemoryError(message)
    return {"b": pset["a"] ** 2}


@pytest.mark.parametrize("name", ["database.pk", "database.json"])
def test_pset_that_runs_out_of_memory_is_given_back_while_there_is_more(name):
    spool = prepare(greedy, ps.plist("a", [1, 2, 3]), database_basename=name)
    claim(spool)
    assert run(spool, **{LEVELS: "1"})[0] == 0
    state = spool.claims()[0]
    assert (state.state, state.reason) == ("stopped", "out of memory: 1 of the psets need more")
    df = ps.recover("calc", name)
    assert df.a.tolist() == [1, 3]
    assert df._attempts.tolist() == [1, 1]
    # With the last entry, it becomes a row that has failed.
    claim(spool, attempt=2)
    run(spool, attempt=2, **{LEVELS: "1"})
    df = ps.recover("calc", name)
    assert df.set_index("a")._attempts.to_dict() == {1: 1, 2: 2, 3: 1}
    assert "MemoryError: no more" in df.loc[df.a == 2, "_exc_txt"].item()
    assert spool.claims()[0].state == "done"


def test_without_escalate_it_fails_at_once_and_nothing_is_counted():
    spool = prepare(greedy, ps.plist("a", [1, 2]))
    claim(spool)
    run(spool, **{LEVELS: "0"})
    df = ps.recover("calc")
    assert df._failed.tolist() == [False, True]
    assert "_attempts" not in df.columns
    assert not list(spool.folder.glob("*.running.*"))


def killed(spool, attempt, running, **environ):
    """Run a task until just these psets run, and kill all of its processes for memory."""
    process = start(spool, attempt=attempt, **environ)
    until(lambda: sorted(spool.ran_last(claim_of(spool, attempt))) == running)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in [process.pid, *map(int, children)]:
        os.kill(pid, signal.SIGKILL)
    process.communicate()
    spool.lost_path(0, attempt).write_text("lost out of memory\n")


def claim_of(spool, attempt):
    return spool.claim(0, attempt)


def test_pset_for_which_a_task_was_killed_gets_a_failed_row_and_the_rest_runs():
    def func(pset):
        print("pset", pset["a"], flush=True)
        if pset["a"] in (2, 4):
            time.sleep(1000)
        return {"b": pset["a"]}

    spool = prepare(func, ps.plist("a", [1, 2, 3, 4, 5]), capture_logs="db")
    claim(spool)
    killed(spool, 1, [1])
    claim(spool, attempt=2)
    killed(spool, 2, [3])
    claim(spool, attempt=3)
    assert run(spool, attempt=3)[0] == 0
    df = ps.recover("calc")
    assert df.a.tolist() == [1, 2, 3, 4, 5]
    assert df._failed.tolist() == [False, True, False, True, False]
    assert "the task that ran this pset was killed" in df._exc_txt[1]
    assert df._logs.tolist() == [f"pset {a}\n" for a in df.a]


def test_if_several_ran_the_next_task_runs_one_at_a_time(tmp_path):
    def func(pset):
        if pset["a"] == 2 or not (tmp_path / "killed").exists():
            time.sleep(1000)
        return {"b": pset["a"], "n": int(os.environ["PSWEEP_WORKER"])}

    spool = prepare(func, ps.plist("a", [1, 2, 3]))
    claim(spool)
    killed(spool, 1, [0, 1], PSWEEP_PARALLEL="2")
    (tmp_path / "killed").touch()
    claim(spool, attempt=2)
    killed(spool, 2, [1], PSWEEP_PARALLEL="2")
    claim(spool, attempt=3)
    run(spool, attempt=3, PSWEEP_PARALLEL="2")
    df = ps.recover("calc")
    assert df._failed.tolist() == [False, True, False]


def test_time_limit_counts_as_a_try_and_wins_no_row(tmp_path):
    def func(pset):
        if not (tmp_path / "quick").exists():
            time.sleep(1000)
        return {}

    spool = prepare(func, [{"a": 1}])
    claim(spool)
    end = str(time.time() + 1)
    process = start(spool, PSWEEP_TASK_END=end, PSWEEP_KILL_WAIT="1", **{LEVELS: "1 time"})
    until(lambda: spool.ran_last(spool.claim(0, 1)))
    process.terminate()
    process.communicate()
    assert spool.claims()[0].reason == "time limit: 1 of the psets did not finish"
    (tmp_path / "quick").touch()
    claim(spool, attempt=2)
    run(spool, attempt=2, **{LEVELS: "1 time"})
    assert ps.recover("calc")._attempts.tolist() == [2]


def test_pset_whose_program_was_ended_with_the_job_is_given_back(tmp_path):
    def func(pset):
        (tmp_path / "begun").touch()
        subprocess.run(["sleep", "1000"], check=True)
        return {}

    spool = prepare(func, [{"a": 1}])
    claim(spool)
    process = start(spool)
    until((tmp_path / "begun").exists)
    time.sleep(0.2)
    # as a scheduler does: to all processes at once
    pids, new = [], [process.pid]
    while new:
        pids += new
        new = [
            int(pid)
            for parent in new
            for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        ]
    assert len(pids) >= 3
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    process.communicate()
    assert spool.claims()[0].state == "stopped"
    assert not len(ps.recover("calc"))


def test_workers_have_their_own_environment():
    def func(pset):
        time.sleep(0.2)
        return {"gpu": os.environ["GPU"], "n": os.environ["PSWEEP_WORKER"]}

    spool = prepare(
        func, ps.plist("a", range(6)), worker_env=[{"GPU": "g0"}, {"GPU": "g1"}], poolsize=None
    )
    claim(spool)
    assert run(spool, PSWEEP_PARALLEL="1")[0] == 0
    df = ps.recover("calc")
    assert {*zip(df.gpu, df.n, strict=True)} == {("g0", "0"), ("g1", "1")}


def test_counts_of_killed_processes_are_read_from_control_groups(tmp_path):
    path = tmp_path / "memory.events"
    path.write_text("low 0\nhigh 0\nmax 3\noom 2\noom_kill 2\n")
    assert kills_in(str(path)) == 2
    assert kills_in(str(tmp_path / "nothing")) is None
    assert count_kills() is None or count_kills() >= 0


def test_the_death_of_a_worker_is_not_blamed_on_a_pset_given_back_before():
    def func(pset):
        if pset["a"] == 100:
            raise MemoryError("too little")
        if pset["a"] == 101:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"b": pset["a"]}

    spool = prepare(func, ps.plist("a", range(200)), size=200)
    claim(spool)
    run(spool, **{LEVELS: "1"})
    df = ps.recover("calc")
    assert 100 not in df.a.tolist()
    assert df.a[df._failed].tolist() == [101]
    assert spool.unfinished() == {0: [100]}
