"""A resubmit script asks again whether the earlier jobs live: where they are, and task by task."""

from __future__ import annotations

import time
from pathlib import Path

import fake_schedulers
import pytest
from fake_slurm import end, prepare, states
from grid_engine import grid_engine  # noqa: F401 (a fixture)
from helpers import SHELLS, submit

import psweep as ps

RUNS = "JobId=1 JobState=RUNNING ExitCode=0:0 RunTime=00:00:01 EndTime=Unknown\n"


@pytest.mark.parametrize("array", [False, True])
def test_the_cluster_of_a_job_is_asked(templates, fake, array):
    fake["said"] = "Submitted batch job N on cluster other\n"
    prepare(templates, info="subcmd: sbatch" + "\narray: true" * array)
    submit("calc/run_m.sh")
    fake["queue.other"] = ""
    fake["ended"] = end("1_0" if array else 1, "FAILED", 130)
    assert states() == ["lost"]
    assert len(ps.batch_resubmit()) == 1
    fake["known.other"] = RUNS.replace("=1 ", "=1_0 " if array else "=1 ")
    assert "1 left alone" in submit("calc/resubmit_m.sh")
    assert len(fake.calls()) == 1
    # a job here with its number says nothing
    (fake.folder / "known.other").rename(fake.folder / "known")
    assert "1 submitted now" in submit("calc/resubmit_m.sh")


def test_a_scheduler_that_does_not_answer_says_nothing(templates, fake):
    prepare(templates)
    submit("calc/run_m.sh")
    fake["ended"] = end(1, "FAILED", 130)
    assert len(ps.batch_resubmit()) == 1
    fake["scontrol.fails"] = "slurm_load_jobs error: Unable to contact slurm controller"
    assert "1 left alone" in submit("calc/resubmit_m.sh")
    fake["scontrol.fails"] = None
    assert "1 submitted now" in submit("calc/resubmit_m.sh")


@pytest.mark.parametrize(
    ("queue", "lives"),
    [
        ("1_0 R\n1_1 R\n", [0, 1]),
        ("1_1 R\n", [1]),
        ("1[0].server R\n", [0]),
        ("1[1].server|R|why|text\n", [1]),
        ("1[].server B\n", [0, 1]),
        ("1[].server B\n1[1].server R\n", [1]),
        ("1_[0-1%2] PD\n", [0, 1]),
        ("1_0 R\n1_[1-3] PD\n", [0, 1]),
        ("1 qw 0-1:1\n", [0, 1]),
        ("12_0 R\n11[].server R\n10 R\n", []),
        ("", []),
    ],
)
def test_tasks_of_any_scheduler(templates, fake_scheduler, tmp_path, queue, lives):
    path = tmp_path / "queue"
    path.write_text("")
    info = f"subcmd: fakesub\nlost_after: 0\narray: true\nstatcmd: cat {path}"
    templates(m=(info, "true\n"))
    ps.prep_batch(ps.plist("a", range(2)), calc_templ_dir=None)
    submit("calc/run_m.sh")
    states()
    assert states() == ["lost"] * 2
    assert len(ps.batch_resubmit()) == 2
    path.write_text(queue)
    assert [i for i, state in enumerate(states()) if state != "lost"] == lives
    said = submit("calc/resubmit_m.sh", SHELLS[len(queue) % len(SHELLS)])
    assert (f"{len(lives)} left alone" in said) == bool(lives)
    assert f"{2 - len(lives)} submitted now" in said
    assert len(fake_scheduler()) == (1 if len(lives) == 2 else 2)


def test_a_statcmd_that_fails_says_nothing(templates, fake_scheduler, tmp_path):
    path = tmp_path / "queue"
    path.write_text("")
    templates(m=(f"subcmd: fakesub\nlost_after: 0\nstatcmd: cat {path}", "true\n"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit("calc/run_m.sh")
    states()
    assert len(ps.batch_resubmit()) == 1
    path.unlink()
    assert "1 left alone" in submit("calc/resubmit_m.sh")
    path.write_text("")
    assert "1 submitted now" in submit("calc/resubmit_m.sh")


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize("name", ["slurm", "sge", "pbs", "lsf"])
def test_jobs_that_run_are_not_submitted_again(
    templates, request, tmp_path, monkeypatch, name, array
):
    """The script was written while the scheduler seemed to know nothing of them."""
    if name in ("pbs", "lsf"):
        environ = fake_schedulers.install(tmp_path / "fake", name)
    else:
        environ = request.getfixturevalue({"slurm": "slurm", "sge": "grid_engine"}[name]).environ
    for key, value in environ.items():
        monkeypatch.setenv(key, value)
    info = f"scheduler: {name}\nlost_after: 0" + "\narray: true" * array
    templates(m=(info, "#!/bin/sh\nexec sleep 100\n"))
    ps.prep_batch(ps.plist("a", range(2)), calc_templ_dir=None)
    submit("calc/run_m.sh")
    jobs = ps.batch_status().job_id
    assert ("_" in jobs[0]) == array
    lines = [f"{time.time() + 1000}", "ClusterName = test"]
    lines += [f"account||job|{job}|UNKNOWN||||" for job in jobs]
    Path("calc/.psweep").mkdir(exist_ok=True)
    Path("calc/.psweep/queue_m").write_text("\n".join(lines))
    assert states() == ["lost"] * 2
    assert len(ps.batch_resubmit()) == 2
    assert "2 left alone" in submit("calc/resubmit_m.sh")
    assert len(ps.batch_cancel()) == 2
