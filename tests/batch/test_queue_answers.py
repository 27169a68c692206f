"""What schedulers answer at length: whole reasons, and one call for all jobs."""

from __future__ import annotations

import os
import re
import shutil
import time

import pytest
from fake_slurm import prepare
from grid_engine import grid_engine  # noqa: F401 (a fixture)
from helpers import submit

import psweep as ps
from psweep_batch.machine import Machine
from psweep_batch.queue import Queue

PBS = """Job Id: 12.server
    Job_Name = ps_m
    job_state = Q
    comment = Not Running: Insufficient amount of resource: ncpus (R: 128 A: 64 T:
\t 256), host requested node17 is down | since yesterday
    Variable_List = PBS_O_HOME=/root,PBS_O_WORKDIR=/x

"""
SGE = """==============
job_number:                 12
cwd:                        /x
script_file:                .jobscript_m
scheduling info:            queue instance "a.q@n1" dropped because it is full
                            cannot run in PE "smp" because it only offers 0 slots
binding:                    NONE
"""
SGE_QUEUE = "job-ID prior name\n----\n 12 0.5 jobscript_ root qw 01/01/2026 12:00:00   1\n"


PBS_REASON = (
    "Not Running: Insufficient amount of resource: ncpus (R: 128 A: 64 T: 256), host requested "
    "node17 is down / since yesterday"
)
SGE_REASON = (
    'queue instance "a.q@n1" dropped because it is full; cannot run in PE "smp" because it only '
    "offers 0 slots"
)


@pytest.mark.parametrize(
    ("name", "answers", "reason"),
    [
        (
            "pbs",
            {"qselect": {"*": "12.server\n"}, "qstat": {"*": PBS}},
            PBS_REASON,
        ),
        (
            "sge",
            {"qstat": {"*-u*": SGE_QUEUE, "*": SGE}},
            SGE_REASON,
        ),
    ],
)
def test_a_reason_of_several_lines(tmp_path, monkeypatch, name, answers, reason):
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for command, said in answers.items():
        cases = "".join(
            f"{pattern}) cat {bin_dir}/{command}.{i} ;;\n" for i, pattern in enumerate(said)
        )
        for i, text in enumerate(said.values()):
            (bin_dir / f"{command}.{i}").write_text(text)
        (bin_dir / command).write_text(f'#!/bin/sh\ncase "$*" in\n{cases}esac\n')
        (bin_dir / command).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_dir}:{os.environ['PATH']}")
    queue = Queue.ask(Machine("m", "qsub", scheduler=name), tmp_path)
    assert queue.state("", "12") == (False, reason)


def test_slurm_without_sacct_is_asked_once(templates, fake):
    prepare(templates, 40)
    submit("calc/run_m.sh")
    fake["sacct.fails"] = "accounting storage is disabled"
    fake["known"] = (
        "JobId=3 JobName=x JobState=RUNNING RunTime=00:00:01 EndTime=Unknown ExitCode=0:0\n"
        "JobId=4 JobName=x JobState=TIMEOUT RunTime=00:01:01 EndTime=1 ExitCode=0:15\n"
    )
    fake["age"] = "3600"
    before = len(fake.calls("scontrol"))
    status = ps.batch_status()
    assert len(fake.calls("scontrol")) - before <= 3
    assert status.state.tolist()[2:4] == ["queued", "lost"]
    assert status.reason[3].startswith("time limit")
    assert set(status.state.drop(2)) == {"lost"}


def test_grid_engine_is_asked_once_for_all(grid_engine, tmp_path, monkeypatch):  # noqa: F811
    for key, value in grid_engine.environ.items():
        monkeypatch.setenv(key, value)
    qacct = tmp_path / "bin" / "qacct"
    qacct.parent.mkdir()
    ask = f'#!/bin/sh\necho x >>{tmp_path}/calls\nexec {shutil.which("qacct")} "$@"\n'
    qacct.write_text(ask)
    qacct.chmod(0o755)
    monkeypatch.setenv("PATH", f"{qacct.parent}:{os.environ['PATH']}")

    def qsub(text, *options):
        (tmp_path / "job").write_text(f"#!/bin/sh\n{text}\n")
        said = grid_engine.run("qsub", "-S", "/bin/sh", "-wd", str(tmp_path), *options, "job")
        return re.search(r"\d+", said)[0]

    def answers(jobs):
        queue = Queue("", time.time())
        queue.ask_accounts(Machine("m", "qsub", scheduler="sge"), [("", job) for job in jobs])
        return [queue.account("", job) for job in jobs]

    monkeypatch.chdir(tmp_path)
    array, ended, lives = qsub("exit 0", "-t", "1-2"), qsub("exit 3"), qsub("sleep 600")
    jobs = [f"{array}_1", f"{array}_2", ended, lives, "9999", "9998_1"]
    end = time.monotonic() + 100
    while [a and a.state for a in answers(jobs)][:4] != ["COMPLETED"] * 3 + ["RUNNING"]:
        assert time.monotonic() < end
        time.sleep(0.2)
    (tmp_path / "calls").unlink()
    *_, third, fourth, fifth, sixth = answers(jobs)
    assert third.code == "3"
    assert third.end > time.time() - 1000
    assert fourth.lives
    assert fifth.unknown
    assert sixth.unknown
    assert (tmp_path / "calls").read_text() == "x\n"
    # What does not answer says nothing
    qacct.write_text("#!/bin/sh\necho no such file\nexit 1\n")
    assert [a and a.state for a in answers(jobs)] == [None] * 3 + ["RUNNING"] + [None] * 2
    grid_engine.run("qdel", lives)


def test_tasks_that_wait_share_a_record(templates, fake):
    prepare(templates, 4, info="subcmd: sbatch\narray: true")
    submit("calc/run_m.sh")
    fake["sacct.fails"] = "accounting storage is disabled"
    fake["age"] = "3600"
    line = (
        "JobId={} ArrayJobId=1 ArrayTaskId={} JobState={} RunTime=00:00:01 EndTime=1 ExitCode=0:9\n"
    )
    fake["known"] = line.format(1, "1-3%1", "PENDING") + line.format(2, 0, "FAILED")
    assert ps.batch_status().state.tolist() == ["lost", "queued", "queued", "queued"]
    fake["known"] = line.format(2, 0, "FAILED") + line.format(3, 2, "RUNNING")
    assert ps.batch_status().state.tolist() == ["lost", "lost", "queued", "lost"]


@pytest.mark.parametrize(
    ("waiting", "gone"),
    [
        ("1-3,5-9", [4]),
        ("1,4-9%2", [2, 3]),
        ("1-9:2%1", [2, 4, 6, 8]),
        ("1-4,6-9:3%12", [5, 7, 8]),
        ("1,3,5...", []),  # which of the others wait is not known
    ],
)
def test_tasks_that_were_cancelled_while_they_waited_are_lost(templates, fake, waiting, gone):
    prepare(templates, 10, info="subcmd: sbatch\narray: true")
    submit("calc/run_m.sh")
    fake["sacct.fails"] = "accounting storage is disabled"
    fake["age"] = "3600"
    line = (
        "JobId={} ArrayJobId=1 ArrayTaskId={} JobState={} RunTime=00:00:01 EndTime=1 ExitCode=0:0\n"
    )
    fake["known"] = line.format(1, waiting, "PENDING") + line.format(2, 0, "RUNNING")
    status = ps.batch_status()
    assert [i for i, state in enumerate(status.state) if state == "lost"] == gone


@pytest.mark.parametrize("has_sacct", [True, False])
def test_cancelled_tasks_of_an_array_that_waits_are_free(
    slurm, templates, tmp_path, monkeypatch, has_sacct
):
    for name, value in slurm.environ.items():
        monkeypatch.setenv(name, value)
    if not has_sacct:
        path = tmp_path / "bin/sacct"
        path.parent.mkdir()
        path.write_text("#!/bin/sh\nexit 1\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
    templates(m=("subcmd: sbatch --hold\narray: true\npack: 1\nlost_after: 1", "psweep-task\n"))
    params = ps.plist("a", range(6))
    ps.run_batch(lambda pset: {}, params, "m")
    (job,) = {job.partition("_")[0] for job in ps.batch_status().job_id}
    slurm.run("scancel", f"{job}_[1,3-4]")
    assert ps.batch_status().state.tolist() == [
        *("queued", "lost", "queued", "lost", "lost", "queued"),
    ]
    ps.run_batch(lambda pset: {}, params, "m")
    assert ps.batch_status().state.tolist() == ["queued"] * 6
    assert len(ps.batch_cancel()) == 6


def test_an_answer_without_a_cluster_is_of_the_one_that_has_the_job():
    # as of a statcmd, or of Grid Engine where `scontrol` is there, too
    queue = Queue("12_3 RUNNING\n13 PENDING\n", 0)
    assert queue.find("here", "12_3", "a.sh", "3") == "12_3"
    assert queue.state("here", "12_3") == (True, "")
    assert queue.find("here", "14", "a.sh", "") is None
    queue = Queue("ClusterName = here\n12|RUNNING||a.sh\n", 0)
    assert queue.find("here", "12", "a.sh", "") == "12"
    assert queue.find("there", "12", "a.sh", "") is None


def test_cancel_names_no_cluster_if_the_answer_names_none(templates, fake):
    """`scancel -M` needs slurmdbd."""
    df = prepare(templates, 2)
    submit("calc/run_m.sh")
    folders = [os.path.realpath(f"calc/{pset_id}") for pset_id in df._pset_id]
    fake["queue"] = "".join(
        f"{n}|PENDING|Resources|{folder}/.jobscript_m|{folder}\n"
        for n, folder in enumerate(folders, 1)
    )
    fake["scontrol.fails"] = "slurm_load_jobs error: Unable to contact slurm controller"
    fake.add("scancel")
    assert len(ps.batch_cancel()) == 2
    assert fake.calls("scancel") == ["1 2"]
