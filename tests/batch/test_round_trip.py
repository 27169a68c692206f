"""Laptop, cluster, laptop: all six commands, a job that fails and one that takes too much memory.

On a real SLURM and a real Grid Engine, over a real sshd.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest
from grid_engine import grid_engine  # noqa: F401 (a fixture)
from helpers import submit

import psweep as ps
from psweep_batch.cli import pull, push
from psweep_core.status import status

FUNC = """
import math

def func(pset):
    x, name = pset["x"], pset["name"]
    return {"root": math.sqrt(x), "n": len(name), "both": [x, name], "even": x % 2 == 0}
"""
RUN = """
import os, sys, time
import psweep as ps
from model import func
pset = ps.pickle_read("pset.pk")
trouble = not os.path.exists("mended")
if trouble and pset["x"] == 3:
    raise RuntimeError("did not converge")
if trouble and pset["x"] == 4:
    taken = bytearray(900_000_000)
    time.sleep(60)
time.sleep(0.3)
ps.pickle_write("result.pk", func(pset))
"""
JOBSCRIPT = """#!/bin/sh
#SBATCH -J study_$_pset_seq
#SBATCH -o out.job
#SBATCH --mem=500
echo "x=$x name="${name@Q}
exec PYTHON run.py
"""


# On Grid Engine, a program that takes too much gets no more, and so it fails: it is not killed.
GRID_ENGINE = """#!/bin/sh
#$$ -N study_$_pset_seq
#$$ -o out.job
#$$ -j y
#$$ -l h_vmem=900M
OPENBLAS_NUM_THREADS=1
export OPENBLAS_NUM_THREADS
echo "x=$x name="${name@Q}
exec PYTHON run.py
"""
KINDS = {
    "slurm": ("subcmd: sbatch", 12),
    "slurm, array": ("subcmd: sbatch\narray: true\narray_limit: 4", 1),
    "sge, array": ("scheduler: sge\narray: true\narray_limit: 4", 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(tmp_path, templates, make_ssh, request, monkeypatch, capfd, kind):
    of_sge = kind.startswith("sge")
    cluster = request.getfixturevalue("grid_engine" if of_sge else "slurm")
    ssh_cluster = make_ssh(environ=cluster.environ)
    home = tmp_path / "home of a user"
    study = home / "work" / "my study"
    study.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    for name, value in ssh_cluster.environ.items():
        monkeypatch.setenv(name, value)
    for name in ("SLURM_CONF", "SGE_ROOT"):  # the laptop has no scheduler
        monkeypatch.delenv(name, raising=False)

    info, n_jobs = KINDS[kind]
    files = {"run.py": RUN, "model.py": FUNC}
    jobscript = (GRID_ENGINE if of_sge else JOBSCRIPT).replace("PYTHON", sys.executable)
    templates(files, cluster=(f"{info}\nlost_after: 2", jobscript))
    (tmp_path / "templates").rename(study / "templates")
    monkeypatch.chdir(study)
    params = ps.pgrid(ps.plist("x", range(6)), ps.plist("name", ["it's $HOME", "\u00fc\n"]))
    df = ps.prep_batch(params, write_pset=True)

    assert push(["cluster"]) == 0
    said = ssh_cluster.run("sh 'work/my study/calc/run_cluster.sh'")
    assert len(re.findall(r"Submitted batch job|Your job", said)) == n_jobs
    assert status(["cluster"]) == 0
    assert "cluster: 12 psets: 12 not submitted" in capfd.readouterr().out  # nothing is pulled yet

    # while they run
    collected = set()
    while True:
        assert pull(["cluster"]) == 0
        now = ps.batch_status()
        done = ps.batch_collect()
        collected.add(int(done.root.notna().sum()) if "root" in done else 0)
        if not now.state.isin(["queued", "running"]).any():
            break
    assert len(collected) > 1
    too_much = "failed" if of_sge else "lost"
    assert now.state.tolist() == ["done"] * 6 + ["failed"] * 2 + [too_much] * 2 + ["done"] * 2
    assert set(now.reason[8:10]) == {"exit code 1" if of_sge else "out of memory"}
    df = ps.batch_collect()
    assert df._failed.tolist() == [n in (6, 7, 8, 9) for n in range(12)]
    assert "RuntimeError: did not converge" in df._exc_txt[6]
    assert ("MemoryError" if of_sge else "out of memory") in df._exc_txt[8]
    assert status([]) == 4
    counts = "4 failed" if of_sge else "2 failed, 2 lost"
    assert f"cluster: 12 psets: 8 done, {counts}" in capfd.readouterr().out

    again = ps.batch_resubmit()
    assert again.index.tolist() == [6, 7, 8, 9]
    for pset_id in again._pset_id:
        Path("calc", pset_id, "mended").touch()
    assert push(["cluster"]) == 0
    for _ in range(2):
        said = ssh_cluster.run("sh 'work/my study/calc/resubmit_cluster.sh'")
    assert "Submitted" not in said
    assert "Your job" not in said
    while ps.batch_status().state.ne("done").any():
        assert pull(["cluster"]) == 0
    df = ps.batch_collect()

    space: dict = {}
    exec(textwrap.dedent(FUNC), space)
    expected = ps.run_local(space["func"], params, calc_dir="local", on_error="record")
    assert df.columns.tolist() == expected.columns.tolist()
    own = ["_run_id", "_pset_id", "_calc_dir", "_time_utc", "_pset_runtime"]
    pd.testing.assert_frame_equal(df.drop(columns=own), expected.drop(columns=own))
    assert df._pset_runtime.gt(0.29).all()
    assert ps.df_extract_params(df) == params
    pd.testing.assert_frame_equal(ps.df_read("calc"), df)
    assert ps.check_calc_dir("calc")["db_not_disk"] == set()


def test_more_memory_each_time_by_an_entry_of_the_pset(templates):
    """The loop of the manual: only what has no result yet gets more."""
    script = "#SBATCH --mem=${_mem}\necho ${_mem} >>../ran_$a\n"
    script += "case ${_mem} in 4G) [ $a = 0 ] ;; 8G) [ $a = 1 ] ;; esac || exit 137\n"
    templates(m=("subcmd: sh", script + "echo '{\"b\": 1}' >result.json\n"))
    params = ps.plist("a", range(3))
    for mem in ("4G", "8G", "16G"):
        ps.prep_batch(
            [{**pset, "_mem": mem} for pset in params], calc_templ_dir=None, skip_dups=True
        )
        submit("calc/run_m.sh")
        df = ps.batch_collect()
    ran = [Path(f"calc/ran_{a}").read_text().split() for a in range(3)]
    assert ran == [["4G"], ["4G", "8G"], ["4G", "8G", "16G"]]
    good = df[~df._failed]
    assert sorted(zip(good.a, good._mem, strict=True)) == [(0, "4G"), (1, "8G"), (2, "16G")]
