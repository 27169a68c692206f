"""Tasks of `prep_batch` with ``func`` on a real SLURM: ends of all kinds, and each pset once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import venv
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
from cluster import script
from helpers import cancel_once_it_began, submit, until
from packaging.requirements import Requirement

import psweep as ps
import psweep_core
from psweep_batch import cli
from psweep_core.status import status

JOBSCRIPT = "#!/bin/bash\n#SBATCH --mem=400\n#SBATCH --job-name=study\npsweep-task\n"


@pytest.fixture
def here(slurm, monkeypatch, tmp_path):
    """A folder with templates on the cluster."""
    for name, value in slurm.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")

    def write(info, jobscript=JOBSCRIPT):
        folder = tmp_path / "templates/machines/cluster"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "info.yaml").write_text(f"subcmd: sbatch\nlost_after: 1\n{info}")
        (folder / "jobscript").write_text(jobscript)
        return slurm

    return write


def test_each_pset_runs_once_whatever_ends_its_task(here, tmp_path):
    slurm = here("array: true\npack: 4")
    calls, go = tmp_path / "calls", tmp_path / "go"

    def func(pset):
        with open(calls, "a") as file:
            file.write(f"{pset['a']} ")
        while pset["a"] % 4 == 1 and not go.exists():
            time.sleep(0.05)
        with open(tmp_path / "ended", "a") as file:
            file.write(f"{pset['a']} ")
        return {"b": pset["a"] ** 2}

    params = ps.plist("a", range(20))
    df = ps.run_batch(func, params, "cluster")
    assert not len(df)
    # Four tasks of five run, and are in the middle of their chunks.
    until(lambda: len(ps.df_read("calc")) >= 4)
    found = ps.batch_status()
    assert set(found.state) <= {"done", "running", "queued"}
    assert status(["cluster"]) == 3
    # A call in between submits nothing.
    ps.run_batch(func, params, "cluster")
    n_claims = len(list(Path("calc").glob(".psweep/batch/*/*.claim*")))
    assert n_claims == 5
    jobs = found.job_id[found.state == "running"].unique().tolist()
    slurm.run("scancel", jobs[0])
    pids = [claim.read_text().split("start ")[1].split()[2] for claim in _started()]
    os.kill(int(pids[-1]), signal.SIGKILL)
    cancelled = ps.batch_cancel("calc", queued=True)
    assert set(cancelled.state) <= {"queued"}
    time.sleep(1)
    go.touch()

    def finished():
        df = ps.run_batch(func, params, "cluster")
        return df if len(df) == 20 else None

    df = until(finished)
    assert df.b.tolist() == [a**2 for a in range(20)]
    assert df._pset_seq.tolist() == [*range(20)]
    ended = (tmp_path / "ended").read_text().split()
    assert sorted(map(int, ended)) == [*range(20)]
    until(lambda: not ps.batch_status().state.isin(["running", "queued"]).any())
    assert set(ps.batch_status().state) == {"done"}
    assert (
        not list(Path("calc").glob(".psweep/batch/*/*.journal")) or ps.recover("calc") is not None
    )
    # nothing but work, claims, logs and the list of rows
    assert {p.suffix for p in Path("calc").glob("arrays_cluster/*")} <= {".sh", ".out"}


def _started():
    claims = Path("calc").glob(".psweep/batch/*/*.claim")
    return sorted(claim for claim in claims if "start " in claim.read_text())


def test_one_job_per_chunk_with_its_own_resources(here):
    slurm = here("pack: 2", JOBSCRIPT.replace("psweep-task", 'cd "$SLURM_SUBMIT_DIR"\npsweep-task'))
    Path("data").write_text("7")

    def func(pset):
        return {
            "n": int(Path("data").read_text()),
            "mem": os.environ.get("SLURM_MEM_PER_NODE"),
            "left": ps.time_left(),
        }

    params = [{"a": 1}, {"a": 2, "_mem": "500M"}, {"a": 3}, {"a": 4}]
    ps.prep_batch(params, func=func, resources=lambda pset: {"time": "01:00:00"})
    said = submit(Path("calc/run_cluster.sh").absolute(), cwd="/")
    assert said.count("Submitted batch job") == 3
    assert "0 submitted now" in submit("calc/run_cluster.sh")
    df = until(lambda: d if len(d := ps.df_read("calc")) == 4 else None)
    assert df.n.tolist() == [7, 7, 7, 7]
    assert df.mem.tolist() == ["400", "500", "400", "400"]
    assert df.left.between(3000, 3600).all()
    assert slurm.run("squeue", "-h", "--states=all", "--format=%j").split().count("study") >= 3
    assert set(ps.batch_status().host) == {os.uname().nodename}


@pytest.mark.slow
def test_time_left_grows_when_the_job_was_suspended(here, tmp_path):
    slurm = here("", JOBSCRIPT.replace("--mem=400", "--mem=400 --time=5"))
    began, go = tmp_path / "began", tmp_path / "go"

    def func(pset):
        began.touch()
        while not go.exists():
            time.sleep(0.05)
        end = time.monotonic() + 10
        query = ["squeue", "-h", "-j", os.environ["SLURM_JOB_ID"], "-o", "%L"]
        while time.monotonic() < end:  # until the task has noticed it
            minutes, seconds = subprocess.check_output(query, text=True).split(":")
            late = 60 * int(minutes) + int(seconds) - ps.time_left()
            if late < 3:
                break
            time.sleep(0.2)
        return {"late": late}

    ps.run_batch(func, [{"a": 1}], "cluster")
    until(began.exists)
    job = ps.batch_status().job_id[0]
    slurm.run("scontrol", "suspend", job)
    time.sleep(7)
    slurm.run("scontrol", "resume", job)
    go.touch()
    df = until(lambda: d if len(d := ps.df_read("calc")) else None)
    assert abs(df.late[0]) < 3


@pytest.mark.slow
def test_requeued_task_goes_on(here, tmp_path):
    slurm = here("array: true\npack: 10")
    go = tmp_path / "go"

    def func(pset):
        with open(tmp_path / "calls", "a") as file:
            file.write(f"{pset['a']} ")
        while pset["a"] == 3 and not go.exists():
            time.sleep(0.05)
        return {}

    ps.run_batch(func, ps.plist("a", range(6)), "cluster")
    until(lambda: len(ps.df_read("calc")) == 3)
    job = ps.batch_status().job_id[3]
    slurm.run("scontrol", "requeue", job)
    until(lambda: "end " in _started()[0].read_text())
    go.touch()
    slurm.run("scontrol", "release", job)
    df = until(
        lambda: d if len(d := ps.run_batch(func, ps.plist("a", range(6)), "cluster")) == 6 else None
    )
    assert df.a.tolist() == [*range(6)]
    calls = (tmp_path / "calls").read_text().split()
    assert sorted(calls) == sorted([*"0123345"])


def test_job_that_starts_again_while_its_processes_live(here, tmp_path):
    slurm = here("array: true\npack: 10")
    go, calls = tmp_path / "go", tmp_path / "calls"

    def func(pset):
        with open(calls, "a") as file:
            file.write(f"{pset['a']} {os.getpid()}\n")
        while pset["a"] == 1 and not go.exists():
            time.sleep(0.05)
        return {}

    params = ps.plist("a", range(3))
    ps.run_batch(func, params, "cluster")
    until(lambda: calls.exists() and "\n1 " in calls.read_text())
    worker = int(calls.read_text().split()[-1])
    # As SLURM does after a node has failed: the same script, with the same task
    (part,) = Path("calc").glob("arrays_cluster/*.sh")
    slurm.run("sbatch", "--array=0", str(part.relative_to("calc")), cwd="calc")
    until(lambda: calls.read_text().count("\n1 ") == 2)
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
    assert ps.batch_status().state.tolist() == ["done", "running", "running"]
    ps.run_batch(func, params, "cluster")
    assert len(list(Path("calc").glob("arrays_cluster/*.sh"))) == 1
    go.touch()
    until(lambda: set(ps.batch_status().state) == {"done"})
    assert [line[0] for line in calls.read_text().splitlines()] == [*"0112"]


def test_cancel_finds_a_job_that_waits_to_be_started_again(here):
    slurm = here("array: true\npack: 3")
    ps.run_batch(lambda pset: time.sleep(100), ps.plist("a", range(3)), "cluster")
    until(lambda: bool(_started()))
    job = ps.batch_status().job_id[0]
    slurm.run("scontrol", "requeuehold", job)
    until(lambda: "exit " in _started()[0].read_text() and slurm.states(job) == ["PENDING"])
    found = ps.batch_status()
    assert set(found.state) == {"not submitted"}
    assert set(found.reason) == {"given back: got SIGTERM"}
    assert len(ps.batch_cancel("calc")) == 3
    assert {*slurm.states(job)} <= {"CANCELLED"}
    assert set(ps.batch_status().state) == {"cancelled"}
    assert not len(ps.batch_cancel("calc"))


def only_core(folder):
    """Make an environment of psweep-core and what it declares to need, and nothing else."""
    venv.create(folder)
    (there,) = folder.glob("lib/python*/site-packages")
    found, names = set(), ["psweep-core"]
    while names:
        name = names.pop()
        if name not in found:
            found.add(name)
            distribution = metadata.distribution(name)
            needed = map(Requirement, distribution.requires or ())
            names += [
                r.name for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})
            ]
            for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
                if name != "psweep-core":  # which may be editable
                    (there / top).symlink_to(distribution.locate_file(top))
    for module in (ps, psweep_core):
        path = Path(module.__file__)
        path = path.parent if path.name == "__init__.py" else path
        (there / path.name).symlink_to(path)
    (entry,) = metadata.distribution("psweep-core").entry_points.select(name="psweep-task")
    code = f"from {entry.module} import {entry.attr}\nraise SystemExit({entry.attr}())\n"
    script(folder / "bin/psweep-task", f"#!{folder}/bin/python\n{code}")
    return folder


def test_task_needs_psweep_core_alone(here, tmp_path):
    folder = only_core(tmp_path / "env")
    here(
        "array: true",
        JOBSCRIPT.replace("psweep-task", f"export PATH={folder}/bin:/bin\npsweep-task"),
    )

    def func(pset):
        missing = [name for name in ("psweep_batch", "psweep_git", "yaml") if not find_spec(name)]
        return {"missing": len(missing), "sees": ps.__name__, "prefix": sys.prefix}

    ps.run_batch(func, ps.plist("a", [1, 2]), "cluster")
    df = until(lambda: d if len(d := ps.df_read("calc")) == 2 else None)
    assert df.missing.tolist() == [3, 3]
    assert set(df.prefix) == {str(folder)}
    until(lambda: set(ps.batch_status().state) == {"done"})


@pytest.mark.parametrize("name", ["5%A of it's", "a\\b%n c"])
@pytest.mark.parametrize("array", ["true", "false"])
def test_folder_whose_name_slurm_would_change(here, tmp_path, monkeypatch, array, name):
    here(f"array: {array}\npack: 2")
    (tmp_path / name).mkdir()
    (tmp_path / "templates").rename(tmp_path / name / "templates")
    monkeypatch.chdir(tmp_path / name)
    params = ps.plist("a", [1, 2, 3])
    ps.run_batch(lambda pset: {"b": -pset["a"]}, params, "cluster")
    until(lambda: set(ps.batch_status().state) == {"done"})
    assert sorted(ps.df_read("calc").b) == [-3, -2, -1]


def test_jobscript_that_fails_says_why(here):
    here(
        "array: true",
        JOBSCRIPT.replace("psweep-task", "echo no such module >&2; exit 3; psweep-task"),
    )
    ps.run_batch(lambda pset: {}, [{"a": 1}], "cluster")
    found = until(lambda: s if set((s := ps.batch_status()).state) == {"failed"} else None)
    assert found.reason[0] == "exit code 3 before psweep-task began"
    assert Path(found.log[0]).read_text() == "no such module\n"


@pytest.mark.parametrize(
    "wrong",
    [
        "--mem=900G",
        "--mem=much",
        "--mem=100 --mem-per-cpu=100",
        "--memory=100",
        "--begin=soon",
        '--comment="',
    ],
)
def test_refused_tasks_stay_to_be_submitted(here, wrong):
    here("array: true", JOBSCRIPT.replace("--mem=400", wrong))
    with pytest.raises(ps.PsweepError, match="refused 1 task ") as error:
        ps.run_batch(lambda pset: {"b": 1}, [{"a": 1}], "cluster")
    assert "make the same call again" in str(error.value)
    assert set(ps.batch_status().state) == {"not submitted"}
    here("array: true")
    ps.run_batch(lambda pset: {"b": 1}, [{"a": 1}], "cluster")
    assert until(lambda: d if len(d := ps.df_read("calc")) else None).b.tolist() == [1]


def test_laptop_pushes_runs_and_pulls(here, ssh_cluster, monkeypatch, tmp_path):
    here(
        "array: true\nremote_dir: study",
        f"#!/bin/bash\nexport PATH={os.environ['PATH']}\npsweep-task\n",
    )
    for name, value in ssh_cluster.environ.items():
        monkeypatch.setenv(name, value)
    call = [
        sys.executable,
        "-c",
        "import sys; from psweep_batch import cli; exit(getattr(cli, sys.argv[1])(['cluster']))",
    ]
    ps.prep_batch(ps.plist("a", [1, 2]), func=lambda pset: {"b": pset["a"] ** 2})
    subprocess.run([*call, "push"], check=True)
    there = ssh_cluster.home / "study/calc"
    subprocess.run([*call, "pull"], check=True)  # when neither side has a row yet
    ssh_cluster.run("sh study/calc/run_cluster.sh")
    until(lambda: len(ps.df_read(there)) == 2)
    subprocess.run([*call, "pull"], check=True)
    assert ps.df_read("calc").b.tolist() == [1, 4]
    locks = {path.name for path in Path("calc/.psweep").rglob("*.lock")}
    assert locks == {"scripts.lock"}  # of prep_batch here; those there stay there
    until(lambda: all(c.read_text().count("exit") for c in there.glob(".psweep/batch/*/*.claim")))
    subprocess.run([*call, "pull"], check=True)
    assert set(ps.batch_status().state) == {"done"}
    assert ps.batch_collect().b.tolist() == [1, 4]
    subprocess.run([*call, "push"], check=True)
    assert (
        "0 submitted now"
        in subprocess.run(
            [ssh_cluster.bin / "ssh", "cluster", "sh study/calc/run_cluster.sh"],
            capture_output=True,
            text=True,
            check=True,
        ).stderr
    )


def test_what_a_site_adds_to_the_answer_of_sbatch_is_no_number(here, monkeypatch, tmp_path):
    slurm = here("array: true\npack: 1")
    (tmp_path / "bin").mkdir()
    text = (
        '/usr/bin/sbatch --hold "$@" && echo "Your project has 1200 core hours left, until day 365"'
    )
    script(tmp_path / "bin/sbatch", f"#!/bin/sh\n{text}\n")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")

    def call():
        return ps.run_batch(lambda pset: {}, ps.plist("a", [1, 2]), "cluster")

    call()
    found = ps.batch_status()
    job = found.job_id[0].partition("_")[0]
    assert slurm.run("squeue", "-h", "-r", "--format=%i", f"--jobs={job}").split() == [
        *found.job_id
    ]
    time.sleep(1.5)  # longer than lost_after
    assert not len(call())
    assert ps.batch_status().equals(found)
    assert len(ps.batch_cancel("calc")) == 2


@pytest.mark.parametrize("array", ["true", "false"])
def test_laptop_learns_that_tasks_were_cancelled(here, ssh_cluster, monkeypatch, array):
    slurm = here(f"array: {array}\nremote_dir: study\npack: 1", JOBSCRIPT)
    info = Path("templates/machines/cluster/info.yaml")
    info.write_text(info.read_text().replace("subcmd: sbatch", "subcmd: sbatch --hold"))
    for name, value in ssh_cluster.environ.items():
        monkeypatch.setenv(name, value)
    ps.prep_batch(ps.plist("a", [1, 2]), func=lambda pset: {})
    assert cli.push(["cluster"]) == 0
    ssh_cluster.run("sh study/calc/run_cluster.sh")
    assert cli.pull(["cluster"]) == 0
    found = ps.batch_status()
    assert found.state.tolist() == ["queued", "queued"]
    slurm.run("scancel", *{job.partition("_")[0] for job in found.job_id})
    time.sleep(1.5)  # longer than lost_after

    def ended():
        assert cli.pull(["cluster"]) == 0
        found = ps.batch_status()
        return found if not found.state.isin(["queued", "running"]).any() else None

    assert until(ended, 20).state.tolist() == ["cancelled", "cancelled"]
    assert status([]) == 4
    assert len(ps.batch_resubmit(states=["cancelled"])) == 2


def test_task_cancelled_before_psweep_task_begins(here):
    here("array: true", JOBSCRIPT.replace("psweep-task", "touch began\nsleep 60\npsweep-task"))
    cancel_once_it_began("cluster")
