"""Run each example of batch jobs as a user would, and look at what it leaves."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cluster
import numpy as np
import pytest
from helpers import wait_for_jobs

import psweep as ps

make_ssh = cluster.make_ssh

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder with what the examples call: a python3 that knows psweep, and psweep's commands."""
    folder = tmp_path / "programs"
    folder.mkdir()
    python = shlex.quote(sys.executable)
    for name in ("python", "python3"):
        cluster.script(folder / name, f'#!/bin/sh\nexec {python} "$@"\n')
    modules = {"status": "psweep_core.status", "task": "psweep_core.task"}
    for name in ("status", "task", "push", "pull"):
        module = modules.get(name, "psweep_batch.cli")
        code = f"import sys; from {module} import {name}; sys.exit({name}())"
        text = f'#!/bin/sh\nexec {python} -c {shlex.quote(code)} "$@"\n'
        cluster.script(folder / f"psweep-{name}", text)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONWARNINGS", "error")  # for the jobs, too
    return folder


@pytest.fixture
def example(tmp_path, programs, monkeypatch):
    """Copy an example and go there."""

    def copy(name, folder=None):
        folder = folder or tmp_path / name
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(EXAMPLES / name, folder, ignore=ignored)
        shutil.rmtree(folder / "calc", ignore_errors=True)  # of someone who has run it in place
        monkeypatch.chdir(folder)

    return copy


def run(command):
    """What a command line prints, on stdout and stderr."""
    done = subprocess.run(
        ["sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    # psweep-status: while jobs run, and if one has failed
    fine = (0, 3, 4) if command.startswith("psweep-status") else (0,)
    assert done.returncode in fine, f"{command}\n{done.stdout}"
    return done.stdout


def logs(machine="local"):
    paths = sorted(Path("calc").glob(f"*/jobscript_{machine}.log"))
    return [path.read_text(encoding="utf-8") for path in paths]


def edit(path, old, new):
    text = Path(path).read_text(encoding="utf-8")
    assert text.count(old) == 1
    Path(path).write_text(text.replace(old, new), encoding="utf-8")


def test_local(example):
    example("batch_local")
    assert "7 of 7 psets have no results yet" in run("python 10prep.py")
    assert "0 of 7 psets have been run" in run("python 20collect.py")
    assert "7 submitted now, 0 earlier" in run("sh calc/run_local.sh")
    assert run("psweep-status") == "local: 7 psets: 7 done\n"
    assert "7 of 7 psets have been run" in run("python 20collect.py")

    df = ps.df_read("calc")
    assert df.temperature.is_monotonic_increasing
    assert not df._failed.any()
    assert df._pset_runtime.gt(0).all()
    # textbooks: the sun at 502 nm, with 37 % of its power from 400 to 700 nm
    sun = df[df.temperature == 5772].iloc[0]
    assert sun.peak_nm == pytest.approx(502.04, abs=0.01)
    assert sun.visible == df.visible.max() == pytest.approx(0.367, abs=0.001)
    assert df.visible[df.temperature == 2700].iloc[0] == pytest.approx(0.050, abs=0.001)
    assert all(re.search(r"^pset \d with \d+ K on .*, .*\n.* W/m\^2 of visible", t) for t in logs())

    edit("10prep.py", "2700, ", "2700, 3000, ")
    assert "1 of 8 psets have no results yet" in run("python 10prep.py")
    assert "1 submitted now, 0 earlier" in run("sh calc/run_local.sh")
    assert "8 of 8 psets have been run" in run("python 20collect.py")
    again = ps.df_read("calc")
    assert again.temperature.tolist() == [*df.temperature, 3000]
    assert again.visible[:7].tolist() == df.visible.tolist()
    assert df.visible[2] < again.visible[7] < df.visible[3]


def test_function(example):
    example("function_cluster")
    for _ in range(2):
        assert "80 of 80 psets have finished" in run("python study.py")
    assert run("psweep-status") == "here: 80 psets: 80 done\n"
    assert ps.df_read("calc").pi[60:].mean() == pytest.approx(np.pi, abs=0.001)  # 4 sigma


@pytest.mark.slow
def test_function_on_a_cluster_by_its_readme(example, on_slurm):
    example("function_cluster")
    slurm = on_slurm("1G")
    text = Path("README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    submit, look, collect, extend = (re.split(r"^\$ ", b, flags=re.MULTILINE)[1:] for b in blocks)
    moment = re.compile(r"^\d+ (?=of)|,? \d+ (queued|running|done)")  # depends on it

    def check(parts):
        for command, _, shown in (part.partition("\n") for part in parts):
            assert run(command).startswith(shown.partition("...")[0]), command

    check(submit)
    for command, shown, *_ in map(str.splitlines, look):
        printed = run(command).splitlines()[0]
        assert moment.sub("", printed) == moment.sub("", shown)
    wait_for_jobs()
    check(collect)
    edit("study.py", "10**6]", "10**6, 10**7]")
    slurm.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    try:
        check(extend)
    finally:
        slurm.run("scontrol", "update", "PartitionName=main", "State=UP")
    wait_for_jobs()
    assert len(ps.recover("calc")) == 100


@pytest.fixture
def on_slurm(slurm, monkeypatch):
    """Adapt an example to the SLURM here."""
    for name, value in slurm.environ.items():
        monkeypatch.setenv(name, value)

    def adapt(mem):
        machine = Path("templates/machines/cluster")
        edit(machine / "info.yaml", "array: true", "array: true\nlost_after: 1")
        edit(machine / "jobscript", "--mem=1G", f"--mem={mem}")
        edit(machine / "jobscript", "# module load python", "export OPENBLAS_NUM_THREADS=1")
        return slurm

    return adapt


@pytest.mark.slow
def test_function_of_unknown_memory(example, on_slurm):
    example("function_memory")
    assert "16 of 16 psets have finished" in run("python study.py")
    shutil.rmtree("calc")
    on_slurm("400M")
    info = Path("templates/machines/cluster/info.yaml")
    edit(info, "4G", "900M")
    edit(info, "16G", "3G")
    edit("study.py", "[500, 1000, 2000, 4000]", "[50, 2700]")
    edit("study.py", "psample(space, 16", "psample(space, 5")
    # SLURM looks at the memory once a second.
    edit("study.py", "    kernel = ", "    __import__('time').sleep(2.5)\n    kernel = ")
    for _ in range(3):
        said = run("python study.py cluster")
        wait_for_jobs()
    df = ps.recover("calc")
    assert len(df) == 5, said
    assert not df._failed.any()
    small = df.n * df.n * df.features < 1e6
    assert df._attempts[small].eq(1).all()
    assert df._attempts[~small].between(1, 3).all()
    assert df._attempts.max() > 1


@pytest.mark.slow
def test_function_that_runs_longer_than_its_jobs(example, on_slurm):
    example("function_checkpoint")
    assert "4 of 4 psets have finished" in run("python study.py")
    shutil.rmtree("calc")
    slurm = on_slurm("400M")
    edit("study.py", "10**10", "10**7")
    edit("study.py", "SAVE_EVERY = 60", "SAVE_EVERY = 0.2")
    assert "0 of 4 psets" in run("python study.py cluster")
    end = time.monotonic() + 200
    while len(list(Path("calc").glob("*/state.pk"))) < 4:
        assert time.monotonic() < end
        time.sleep(0.02)
    slurm.run("scancel", ps.batch_status().job_id[0].partition("_")[0])
    wait_for_jobs()
    run("python study.py cluster")
    wait_for_jobs()
    df = ps.recover("calc")
    assert len(df) == 4
    assert df.jobs.max() == 2
    # and it is as if nobody had interrupted it
    func = runpy.run_path("study.py")["func"]
    params = [{"temperature": 0.8, "steps": 10**7}]
    alone = ps.run_local(func, params, seed=1, calc_dir="alone")
    assert alone.hops[0] == df.hops[df.temperature == 0.8].iloc[0]


def test_input_file(example):
    example("batch_input_file")
    out = run("python 10prep.py")
    assert "half_life_mother = 65.94\nhalf_life_daughter = 6.007\nbranching = 0.876\n" in out
    assert "9 submitted now, 0 earlier" in run("sh calc/run_local.sh")
    out = run("python 20collect.py")
    assert "9 of 9 psets have been run" in out

    df = ps.df_read("calc")
    assert len(df) == 9
    assert not df._failed.any()
    # the time when production and decay are in balance, and the activity then
    mother, daughter = np.log(2) / df.mother, np.log(2) / df.daughter
    hours = np.log(daughter / mother) / (daughter - mother)
    activity = df.branching * np.exp(-mother * hours)
    assert hours[0] == pytest.approx(22.84, abs=0.01)
    assert ((df.hours - hours).abs() <= df.daughter / df.steps).all()
    error = (df.activity / activity - 1).abs()
    assert (error[df.steps > 2] < 1e-5).all()
    assert error[0] > 1e-4
    for pset_id, title, steps in zip(df._pset_id, df.title, df.steps, strict=True):
        folder = Path("calc", pset_id)
        lines = (folder / "output.txt").read_text(encoding="utf-8").splitlines()
        assert lines[0] == f"# {title}"
        assert len(lines) == 20 * steps + 1 + 3
        assert f"steps_per_half_life = {steps}\n" in ps.file_read(folder / "numerics/grid.txt")
        log = (folder / "jobscript_local.log").read_text(encoding="utf-8")
        assert log.startswith(f"{title}: starts on ")

    run("python 10prep.py")
    assert "0 submitted now" in run("sh calc/run_local.sh")
    assert run("python 20collect.py") == out


def test_input_file_with_output_that_was_cut_short(example):
    example("batch_input_file")
    run("python 10prep.py; sh calc/run_local.sh")
    first = ps.df_read("calc")._pset_id[0]
    Path("calc", first, "output.txt").write_text("# hours")
    run("python 20collect.py")
    df = ps.df_read("calc")
    assert df._failed.tolist() == [True] + [False] * 8
    assert "in reader\n" in df._exc_txt[0]


def check_magnet(df, converged):
    df = df.sort_values("temperature")
    assert df.temperature.tolist() == [0.2, 0.5, 0.8, 0.9, 0.95, 0.999, 1.1, 1.5]
    assert df._failed.tolist() == [False] * 5 + [not converged] + [False] * 2
    good = df[~df._failed]
    m, temperature = good.magnetisation, good.temperature
    assert m.to_numpy() == pytest.approx(np.tanh(m / temperature), abs=1e-6)
    assert m[temperature < 1].gt(0.05).all()
    assert m[temperature > 1].eq(0).all()
    # the law of Curie and Weiss
    chi = good.susceptibility[temperature > 1]
    assert chi.to_numpy() == pytest.approx(1 / (temperature[temperature > 1] - 1))
    if converged:
        assert df.n_iterations.idxmax() == df.temperature.sub(1).abs().idxmin()
        assert df.n_iterations.max() == 6600
    else:
        (text,) = df._exc_txt[df._failed]
        assert text.startswith("failed: job")
        assert text.endswith("no convergence in 1000 iterations, the last changed m by 9.2e-06")


def mend():
    edit("templates/calc/run.py", "MAX_ITERATIONS = 1000\n", "MAX_ITERATIONS = 100_000\n")


def round_trip_in_place(machine):
    """Both on this machine: the first round, and another for the pset that failed."""
    assert "8 psets are prepared" in run("python 10prep.py")
    assert "0 of 8 psets have been run" in run("python 20collect.py")
    assert "8 submitted now, 0 earlier" in run(f"sh calc/run_{machine}.sh")
    states = wait_for_jobs().state.tolist()
    assert states == ["done"] * 5 + ["failed"] + ["done"] * 2
    assert f"{machine}: 8 psets: 7 done, 1 failed" in run("psweep-status")
    assert "no convergence in 1000 iterations" in run("python 20collect.py")
    df = ps.df_read("calc")
    check_magnet(df, converged=False)

    mend()
    out = run("python 30resubmit.py")
    assert f"1\nby calc/resubmit_{machine}.sh: failed, exit code 1\n" in out
    assert "1 submitted now, 0 earlier" in run(f"sh calc/resubmit_{machine}.sh")
    assert wait_for_jobs().state.eq("done").all()
    assert "no convergence" not in run("python 20collect.py")
    again = ps.df_read("calc")
    check_magnet(again, converged=True)
    assert again._pset_id.tolist() == df._pset_id.tolist()
    assert run("python 30resubmit.py") == "psets to submit again: 0\n"

    edit("10prep.py", "1.5]", "1.5, 3.0]")
    run("python 10prep.py")
    assert "1 submitted now, 0 earlier" in run(f"sh calc/run_{machine}.sh")
    wait_for_jobs()
    assert "9 of 9 psets have been run" in run("python 20collect.py")
    df = ps.df_read("calc")
    assert df.susceptibility[8] == pytest.approx(0.5)
    assert df.magnetisation[:8].tolist() == again.magnetisation.tolist()


@pytest.mark.slow
def test_cluster_without_a_cluster(example):
    example("batch_cluster")
    round_trip_in_place("local")


@pytest.mark.slow
def test_cluster_on_the_cluster_itself(example, slurm, monkeypatch):
    for name, value in slurm.environ.items():
        monkeypatch.setenv(name, value)
    example("batch_cluster")
    round_trip_in_place("cluster")
    logs = sorted(path.read_text() for path in Path("calc").glob("*/out.txt"))
    assert len(logs) == 9
    assert all(re.match(rf"pset {seq}, task \d, on \S+\n", log) for seq, log in enumerate(logs))
    assert len(list(Path("calc/arrays_cluster").glob("*.psets"))) == 3  # one array a round


def blurred(line):
    """A line without what differs from run to run: ids, job numbers, hosts and column widths."""
    line = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", line)
    line = re.sub(r"(?<=\bjob )\d+|\b\d+(?=_\d+\b)", "N", line)
    line = re.sub(r"(?<=, on )\S+$", "HOST", line)
    return re.sub(r"[\s-]+", " ", line).strip()


@pytest.mark.slow
def test_cluster_by_its_readme(example, programs, slurm, make_ssh, tmp_path, monkeypatch):
    ssh = make_ssh(path=[programs], environ={**slurm.environ, "PYTHONWARNINGS": "error"})
    monkeypatch.setenv("PATH", f"{ssh.bin}:{os.environ['PATH']}")
    home = tmp_path / "my home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    example("batch_cluster", home / "magnet")
    text = Path("README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3

    for block, converged in zip(blocks, [None, False, True], strict=True):
        if converged:
            mend()
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = part.splitlines()
            printed = [blurred(line) for line in run(command).splitlines()]
            left = iter(printed)
            for line in map(blurred, shown):
                if line != "...":
                    assert line in left, f"{command} should print {line!r}:\n{printed}"
            if command.startswith("ssh"):
                run("psweep-pull cluster")
                wait_until_jobs_have_ended(slurm)
                # what is here is older, and no reason to take jobs for lost
                assert "lost" not in run("psweep-status cluster; python 20collect.py")
        if converged is not None:
            check_magnet(ps.df_read("calc"), converged)
    assert sorted(os.listdir(ssh.home)) == ["magnet"]
    assert os.listdir(ssh.home / "magnet") == ["calc"]


def wait_until_jobs_have_ended(slurm, seconds=100):
    end = time.monotonic() + seconds
    while slurm.run("squeue", "-h", "--name=magnet"):
        assert time.monotonic() < end
        time.sleep(0.3)
