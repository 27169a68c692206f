"""Jobs on another cluster, by ``sbatch -M``, and what a real sacct says of them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from accounting import PACKAGES, PROGRAMS, Accounting, Cluster
from cluster import needs, short_folder
from helpers import submit, until, wait_for_jobs

import psweep as ps

INFO = "subcmd: sbatch -M there\nlost_after: 1\narray: true\n"


@pytest.fixture(scope="module")
def clusters():
    """Two clusters: ``here``, whose slurm.conf is used, and ``there``."""
    needs("SLURM's accounting", PACKAGES, *PROGRAMS)
    with (
        Accounting(short_folder()) as accounting,
        Cluster(short_folder(), "here", accounting) as here,
        Cluster(short_folder(), "there", accounting) as there,
    ):
        yield here, there


@pytest.fixture
def two(clusters, monkeypatch):
    here, there = clusters
    for name, value in here.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    return here, there


@pytest.mark.slow
def test_jobs_on_another_cluster(two, templates):
    here, _ = two
    text = """#!/bin/sh
#SBATCH -o out.job --mem=400
python3 -c '
import os, time
taken = bytearray(200 << 20)
open("started", "w").close()
while not os.path.exists("go"):
    time.sleep(0.1)
'
echo '{"b": 1}' >result.json
"""
    templates(m=(INFO, text))
    df = ps.prep_batch(ps.plist("a", range(3)), calc_templ_dir=None)
    assert "on cluster there" in submit("calc/run_m.sh")
    # A job of the same number ends here, and says nothing of the one there.
    number = ps.batch_status().job_id[0].partition("_")[0]
    while True:
        mine = here.run("sbatch", "-o", "/dev/null", "--parsable", "--wrap", "exit 3")
        if int(mine.partition(";")[0]) >= int(number):
            break
    folders = [Path("calc", pset_id) for pset_id in df._pset_id]
    until(lambda: all((folder / "started").exists() for folder in folders))
    until(lambda: not here.run("squeue", "-h").strip())
    assert ps.batch_status().state.tolist() == ["running"] * 3
    assert ps.batch_resubmit().empty
    (folders[0] / "go").touch()
    time.sleep(3)  # SLURM looks at the memory every second
    (note,) = folders[1].glob(".job_m.1")
    os.kill(int(note.read_text().split()[3]), signal.SIGKILL)  # before it can note its end
    until(lambda: ps.batch_status().state.tolist() == ["done", "lost", "running"])
    status = ps.batch_status()
    # what sacct says of the job there
    assert status.scheduler_state[1] == "FAILED"
    assert status.elapsed[1].count(":") == 2
    assert re.fullmatch(r"2\d\d\d{3}K|2\d\d(\.\d+)?M", status.memory[1]), status.memory[1]
    assert ps.batch_cancel().index.tolist() == [2]
    status = wait_for_jobs()
    assert status.state.tolist() == ["done", "lost", "cancelled"]
    assert ps.batch_collect()._failed.tolist() == [False, True, True]


@pytest.mark.slow
def test_tasks_on_another_cluster(two, templates, tmp_path):
    templates(m=(INFO + "pack: 2\n", "#!/bin/bash\n#SBATCH --mem=400\npsweep-task\n"))
    go = tmp_path / "go"

    def func(pset):
        with open(tmp_path / "calls", "a") as file:
            file.write(f"{pset['a']} ")
        while not go.exists():
            time.sleep(0.05)
        return {"b": pset["a"]}

    params = ps.plist("a", range(4))
    ps.run_batch(func, params, "m")
    until(lambda: (tmp_path / "calls").exists())
    until(lambda: set(ps.batch_status().state) == {"running"})
    time.sleep(1.5)  # longer than `lost_after`
    ps.run_batch(func, params, "m")  # nothing is free
    assert len(list(Path("calc").glob(".psweep/batch/*/*.claim*"))) == 2
    go.touch()
    until(lambda: len(ps.run_batch(func, params, "m")) == 4)
    assert sorted((tmp_path / "calls").read_text().split()) == [*"0123"]


@pytest.mark.slow
def test_feeding_another_cluster(two, templates, tmp_path):
    here, there = two
    templates(m=(INFO + "pack: 1\n", "#!/bin/bash\n#SBATCH --mem=400\npsweep-task\n"))
    go = tmp_path / "go"

    def func(pset):
        while not go.exists():
            time.sleep(0.05)
        return {"b": pset["a"]}

    ps.prep_batch(ps.plist("a", range(2)), func=func)
    command = ["sh", "calc/run_m.sh", "--feed", "2"]
    feeding = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        folder = Path("calc/.psweep/batch")
        until(lambda: sum("start " in p.read_text() for p in folder.glob("*/*.claim")) == 2)
        number = int(ps.batch_status().job_id[0].partition("_")[0])
        # A job here, which was cancelled, has the number of a job there, which is killed.
        mine = 0
        while mine < number:
            said = here.run("sbatch", "-H", "--parsable", "--wrap", "true")
            mine = int(said.partition(";")[0])
            here.run("scancel", str(mine))
        (claim,) = folder.glob("*/0.claim")
        pids = [int(claim.read_text().split("start ")[1].split()[2])]
        while "slurmstepd" not in Path(f"/proc/{pids[0]}/comm").read_text():
            pids.insert(
                0, int(Path(f"/proc/{pids[0]}/stat").read_text().rsplit(")", 1)[1].split()[1])
            )
        for pid in pids[1:]:  # the job's shell first, so that nobody notes the end
            os.kill(pid, signal.SIGKILL)
        lost = claim.with_name("0.lost.1")
        until(lost.exists)
        assert lost.read_text() == "lost ended without an exit code\n"
        go.touch()
        said = feeding.communicate(timeout=200)[1]
    finally:
        feeding.kill()
        feeding.communicate()
    assert feeding.returncode == 0, said
    assert len(ps.recover("calc")) == 2
