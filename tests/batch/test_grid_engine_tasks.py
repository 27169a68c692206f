"""Tasks of `prep_batch` with ``func`` on a real Grid Engine, whose words differ from SLURM's."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from grid_engine import grid_engine  # noqa: F401 (a fixture)
from helpers import cancel_once_it_began, until

import psweep as ps
from psweep_batch.machine import Machine
from psweep_batch.queue import Queue
from psweep_batch.scheduler_words import runs


@pytest.fixture
def here(grid_engine, templates, monkeypatch):  # noqa: F811
    """A machine in this folder whose tasks are arrays on Grid Engine."""
    for name, value in grid_engine.environ.items():
        monkeypatch.setenv(name, value)

    def write(before="", info=""):
        path = f"export PATH={Path(sys.executable).parent}:$PATH"
        jobscript = f"#!/bin/sh\n#$ -r y\n{path}\n{before}psweep-task\n"
        templates(m=(f"scheduler: sge\narray: true\npack: 1\n{info}", jobscript))
        return grid_engine

    return write


def test_a_task_is_cancelled_before_psweep_task_begins(here):
    here("touch began\nsleep 60\n")
    cancel_once_it_began("m")


def test_a_task_that_waits_to_be_started_again_is_cancelled_with_the_others(here, tmp_path):
    engine = here(info="lost_after: 1\n")
    calls = tmp_path / "calls"

    def func(pset):
        with open(calls, "a") as file:
            file.write(f"{pset['a']} ")
        time.sleep(100)

    ps.run_batch(func, ps.plist("a", [1, 2]), "m")
    until(lambda: calls.exists() and len(calls.read_text().split()) == 2)
    job = ps.batch_status().job_id[0].partition("_")[0]
    engine.run("qmod", "-d", "all.q")
    try:
        engine.run("qmod", "-rj", f"{job}.2")
        until(lambda: " Rq " in engine.run("qstat", "-g", "d"))
        queue = Queue.ask(Machine("m", "qsub", scheduler="sge"), tmp_path)
        assert queue.find("", f"{job}_2", "", "2") == f"{job}_2"
        assert queue.state("", f"{job}_2")[0] is False
        found = ps.batch_cancel()
        assert found.job_id.tolist() == [f"{job}_1", f"{job}_2"]
        until(lambda: engine.run("qstat") == "", 20)
    finally:
        engine.run("qmod", "-e", "all.q")
    assert ps.batch_status().state.tolist() == ["cancelled", "cancelled"]
    assert sorted(calls.read_text().split()) == ["1", "2"]


@pytest.mark.parametrize(
    ("state", "running"),
    [
        *[(state, False) for state in ("qw", "hqw", "Rq", "hRq", "Eqw", "Ehqw", "dRq")],
        *[(state, True) for state in ("r", "t", "Rr", "Rt", "dr", "s", "S", "hr", "dhr")],
        ("host", None),
    ],
)
def test_states_of_grid_engine(state, running):
    assert runs(state) is running
