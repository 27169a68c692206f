"""A dask whose workers are SLURM jobs, as dask-jobqueue makes it, as `executor` of `run_local`."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import psweep as ps

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
OWN = ["_run_id", "_pset_id", "_calc_dir", "_time_utc", "_pset_runtime"]

# One job is cancelled while it runs the pset 20, which ends only when that job is gone.
SCRIPT = """
import os, pathlib, subprocess, sys, threading, time
import numpy as np
import psweep as ps

folder = pathlib.Path(sys.argv[1])
params = [
    *ps.plist("a", range(60)),
    {"a": 1.5, "b": "text"},
    {"a": None, "grid": np.arange(4)},
    {"b": "no a"},
]

def func(pset):
    a = pset.get("a")
    if a == 20 and folder.exists():
        (folder / "job").write_text(os.environ["SLURM_JOB_ID"])
        os.replace(folder / "job", folder / "running")
        while not (folder / "gone").exists():
            time.sleep(0.05)
    if a == 30:
        raise ArithmeticError("no 30")
    return {"c": [a], "double": a if a is None else 2 * a, "jobs": os.environ.get("SLURM_JOB_ID")}

def cancel_one_job():
    while not (folder / "running").exists():
        time.sleep(0.05)
    job = (folder / "running").read_text()
    subprocess.run(["scancel", job], check=True)
    while job in subprocess.check_output(["squeue", "-h", "-o", "%A"], text=True).split():
        time.sleep(0.1)
    (folder / "cancelled").write_text(job)
    (folder / "gone").touch()

if __name__ == "__main__":
    from dask.distributed import Client
    from dask_jobqueue import SLURMCluster

    folder.mkdir()
    with (
        SLURMCluster(cores=1, memory="500MB", walltime="00:10:00") as cluster,
        Client(cluster) as client,
    ):
        cluster.scale(jobs=2)
        client.wait_for_workers(2)
        thread = threading.Thread(target=cancel_one_job)
        thread.start()
        ps.run_local(func, params, executor=client, on_error="record")
        thread.join()
"""


@pytest.fixture
def dask_on_slurm(slurm, monkeypatch):
    """What a user has in ~/.config/dask/jobqueue.yaml, here in the environment."""
    pytest.importorskip("dask_jobqueue", reason="needs dask-jobqueue: pip install dask-jobqueue")
    for name, value in slurm.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DASK_JOBQUEUE__SLURM__INTERFACE", "lo")
    scheduler_options = "{'dashboard_address': ':0'}"  # any port that is free
    monkeypatch.setenv("DASK_JOBQUEUE__SLURM__SCHEDULER_OPTIONS", scheduler_options)


def run(*command):
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, encoding="utf-8", timeout=300, check=False
    )
    logs = "\n".join(p.read_text(errors="replace")[-2000:] for p in Path().rglob("*.out"))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{logs}"
    return done.stdout


def test_a_cancelled_job_costs_no_row(dask_on_slurm, tmp_path):
    Path("study.py").write_text(SCRIPT)
    run("study.py", str(tmp_path / "notes"))
    cancelled = Path("notes/cancelled").read_text()
    df = ps.df_read("calc")
    assert (df.pop("_exec_host") == platform.node()).all()
    jobs = df.pop("jobs")
    assert jobs[20] not in (cancelled, None)
    assert jobs.drop(30).str.fullmatch(r"\d+").all()

    # The same again, but in one process.
    code = "import study, psweep as ps; ps.run_local(study.func, study.params, on_error='record')"
    Path("serial").mkdir()
    shutil.copy("study.py", "serial")
    env = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_")}
    subprocess.run([sys.executable, "-c", code, "none"], cwd="serial", env=env, check=True)
    expected = ps.df_read("serial/calc").drop(columns="jobs")
    assert df._pset_id.is_unique
    assert df._failed.tolist() == [i == 30 for i in range(63)]
    texts = df.pop("_exc_txt"), expected.pop("_exc_txt")
    assert all("ArithmeticError: no 30" in text[30] for text in texts)
    pd.testing.assert_frame_equal(df.drop(columns=OWN), expected.drop(columns=OWN))


def test_the_example(dask_on_slurm, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    shutil.copy(EXAMPLES / "executor_dask_slurm.py", tmp_path)
    out = run("executor_dask_slurm.py")
    df = ps.df_read("calc")
    assert f"15 psets were run on {platform.node()}" in out
    assert re.search(r"^12 +0\.\d+ +0\.999\d+ +0\.\d+$", out, re.MULTILINE)
    assert len(df) == df._pset_hash.nunique() == 15
    # the textbooks' formula for the wavelength that the mirror is made for
    at_design = df[df.wavelength == 1]
    admittance = 1.52 * (at_design.high / at_design.low) ** (2 * at_design.pairs)
    expected = ((1 - admittance) / (1 + admittance)) ** 2
    assert at_design.reflectance.to_numpy() == pytest.approx(expected.to_numpy())
    assert df.reflectance.between(0, 1).all()
    assert np.all(np.diff(at_design.reflectance) > 0)
    assert list(Path("logs").glob("*.out"))
