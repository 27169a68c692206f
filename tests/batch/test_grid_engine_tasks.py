"""Tasks of `prep_batch` with ``func`` on a real Grid Engine, whose words differ from SLURM's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from grid_engine import grid_engine  # noqa: F401 (a fixture)
from helpers import until

import psweep as ps
from psweep_batch import cli


@pytest.fixture
def here(grid_engine, templates, monkeypatch):  # noqa: F811
    """A machine in this folder whose tasks are arrays on Grid Engine."""
    for name, value in grid_engine.environ.items():
        monkeypatch.setenv(name, value)

    def write(before="", info=""):
        path = f"export PATH={Path(sys.executable).parent}:$PATH"
        jobscript = f"#!/bin/sh\n{path}\n{before}psweep-task\n"
        templates(m=(f"scheduler: sge\narray: true\npack: 1\n{info}", jobscript))
        return grid_engine

    return write


def test_a_task_is_cancelled_before_psweep_task_begins(here):
    here("touch began\nsleep 60\n")
    ps.run_batch(lambda pset: {}, [{"a": 1}], "m")
    until(Path("began").exists)
    assert cli.cancel([]) == 0
    until(lambda: "exit " in next(Path("calc").glob(".psweep/batch/*/0.claim")).read_text())
    found = ps.batch_status()
    assert found.state.tolist() == ["cancelled"]
    assert found.reason.tolist() == ["by psweep-cancel"]
