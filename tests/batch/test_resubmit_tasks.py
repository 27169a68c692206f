"""A resubmit script submits the tasks of `run_batch` once, however often it is run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import submit

import psweep as ps


@pytest.fixture
def machine(monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")

    def write(info, jobscript="#!/bin/sh\npsweep-task\n"):
        ps.file_write("templates/machines/here/info.yaml", info)
        ps.file_write("templates/machines/here/jobscript", jobscript)

    return write


def fails(pset):
    with open("calls", "a") as file:
        file.write(f"{pset['a']} ")
    message = "no"
    raise ValueError(message)


def calls():
    return Path("calls").read_text().split()


def test_task_that_fails_again_is_left_alone(machine):
    machine("subcmd: sh\npack: 1")
    params = ps.plist("a", [1, 2])
    ps.run_batch(fails, params, "here", on_error="raise")
    assert len(ps.batch_resubmit()) == 2
    assert "2 submitted now" in submit("calc/resubmit_here.sh")
    assert "0 submitted now" in (said := submit("calc/resubmit_here.sh"))
    assert "2 left alone: their jobs have changed since this script was written" in said
    assert sorted(calls()) == ["1", "1", "2", "2"]
    assert len(ps.batch_resubmit()) == 2
    assert "2 submitted now" in submit("calc/resubmit_here.sh")


def test_task_that_was_run_meanwhile_is_left_alone(machine):
    machine("subcmd: sh")
    ps.run_batch(fails, [{"a": 1}], "here", on_error="raise")
    ps.batch_resubmit()
    submit("calc/run_here.sh")
    assert "1 left alone" in submit("calc/resubmit_here.sh")
    assert calls() == ["1", "1"]


@pytest.mark.parametrize("args", [(), ("--feed", "5")], ids=["plain", "feed"])
def test_cancelled_task_is_left_alone(machine, fake_scheduler, args):
    machine("subcmd: fakesub\narray: true\npack: 1")
    ps.prep_batch(ps.plist("a", [1, 2]), func=fails)
    submit("calc/run_here.sh")
    (spool,) = Path("calc/.psweep/batch").iterdir()
    for chunk in 0, 1:
        (spool / f"{chunk}.lost.1").write_text("lost by kill\n")
    assert len(ps.batch_resubmit()) == 2
    submit("calc/resubmit_here.sh")
    assert len(fake_scheduler()) == 2
    for chunk in 0, 1:
        (spool / f"{chunk}.lost.2").write_text("cancelled by psweep-cancel\n")
    done = subprocess.run(
        ["sh", "calc/resubmit_here.sh", *args], capture_output=True, text=True, timeout=100
    )
    assert "2 left alone" in done.stderr
    assert len(fake_scheduler()) == 2


def test_only_those_in_the_wanted_state_are_submitted(machine):
    machine("subcmd: sh\npack: 1")
    ps.run_batch(fails, [{"a": 1}], "here", on_error="raise")
    ps.prep_batch([{"a": 2}], func=fails)
    assert len(ps.batch_resubmit(machine="here", states=["not submitted"])) == 1
    submit("calc/resubmit_here.sh")
    submit("calc/resubmit_here.sh")
    assert calls() == ["1", "2"]
