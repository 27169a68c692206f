"""A study from somebody else: none of what is in it goes to a shell as code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import fake_schedulers
import pytest
from fake_slurm import end, prepare, states
from helpers import submit

import psweep as ps
from psweep_batch.cli import cancel, pull, push

STATUS = "from psweep_core.status import status; raise SystemExit(status())"
HOSTILE = ["$(touch${IFS}hacked)", "1;touch${IFS}hacked", "`touch${IFS}hacked`", "1_0|touch_hacked"]


def program(code):
    """Run one as a program with no terminal."""
    return subprocess.run(
        [sys.executable, "-c", code], stdin=-3, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("number", HOSTILE)
def test_what_is_no_number_of_a_job_is_not_asked_for(templates, fake, number):
    templates(m=("subcmd: sbatch\nlost_after: 0", "#!/bin/sh\ntrue\n"))
    df = ps.prep_batch([{"a": 1}], calc_templ_dir=None, database_basename="database.json")
    folder = Path("calc", df._pset_id[0])
    (folder / ".submitted_m.1").write_text("each\nby  \n")
    os.utime(folder / ".submitted_m.1", (1, 1))
    (folder / ".job_m.1").write_text(f"start 1 h 9 {number} log\n")
    done = program(STATUS)
    assert done.returncode == 4, done.stderr
    assert not list(Path.cwd().rglob("*hacked*"))
    assert ps.batch_status().job_id[0] is None
    assert len(ps.batch_resubmit()) == 1
    script = Path("calc/resubmit_m.sh").read_text()
    assert "hacked" not in script
    submit("calc/resubmit_m.sh")
    assert not list(Path.cwd().rglob("*hacked*"))


def test_names_of_machines_and_clusters_are_names(templates, fake):
    df = prepare(templates)
    folder = Path("calc", df._pset_id[0])
    (folder / ".submitted_$(touch hacked).1").write_text("each\nby me here \nSubmitted batch job 1")
    assert states() == ["not submitted"]
    submit("calc/run_m.sh")
    claim = folder / ".submitted_m.1"
    claim.write_text("each\nby  $(touch${IFS}hacked) \nSubmitted batch job 1 on cluster `touch\n")
    fake["ended"] = end(1, "FAILED", 1000)
    assert states() == ["lost"]
    assert not list(Path.cwd().rglob("*hacked"))


def test_a_hostile_cluster_is_not_run_by_psweep_cancel(templates, tmp_path, monkeypatch):
    for name, value in fake_schedulers.install(tmp_path / "fake", "pbs").items():
        monkeypatch.setenv(name, value)
    templates(m=("scheduler: pbs", "#!/bin/sh\nsleep 30\n"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit("calc/run_m.sh")
    (claim,) = Path("calc").glob("*/.submitted_m.1")
    how, _, said = claim.read_text().splitlines()
    claim.write_text(f"{how}\nby root $(touch${{IFS}}hacked) \n{said}\n")
    assert cancel([]) == 0
    assert not list(Path.cwd().rglob("hacked"))
    assert states() == ["cancelled"]


@pytest.mark.parametrize("info", ["subcmd: fakesub", "subcmd: fakesub\nscheduler: slurm"])
def test_psweep_cancel_runs_no_statcmd_of_somebody_else(templates, fake_scheduler, info):
    templates(m=(f"{info}\nstatcmd: echo 1 R", "#!/bin/sh\ntrue\n"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit("calc/run_m.sh")
    Path("calc/info_m.yaml").write_text(f"{info}\nstatcmd: touch hacked; echo 1 R")
    for more in ("['-n']", "[]"):
        done = program(f"from psweep_batch.cli import cancel; raise SystemExit(cancel({more}))")
        assert done.returncode == 1
        assert "the statcmd of m was not confirmed; call psweep-cancel in a" in done.stderr
    assert not list(Path.cwd().rglob("hacked"))


def test_psweep_pull_runs_no_statcmd_of_somebody_else(
    templates, make_ssh, tmp_path, monkeypatch, capfd
):
    study = tmp_path / "home" / "study"
    study.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    ssh = make_ssh()
    for name, value in ssh.environ.items():
        monkeypatch.setenv(name, value)
    templates(cluster=("subcmd: fakesub\nstatcmd: echo 1 R", "true\n"))
    (tmp_path / "templates").rename(study / "templates")
    monkeypatch.chdir(study)
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    Path("calc/info_cluster.yaml").write_text("subcmd: fakesub\nstatcmd: touch hacked; echo 1 R")
    assert push(["cluster"]) == 0
    assert pull(["cluster"]) == 0
    assert "the statcmd of cluster was not confirmed" in capfd.readouterr().err
    assert not list(tmp_path.rglob("hacked"))
    assert not Path("calc/.psweep/queue_cluster").exists()
