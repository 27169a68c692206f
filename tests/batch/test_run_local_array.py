"""The manual's array of `run_local` on a real SLURM gives the rows of a serial run."""

from __future__ import annotations

import random
import re
import shlex
import sys
import time
from pathlib import Path

import pytest

import psweep as ps

MANUAL = Path(__file__).resolve().parents[2] / "docs"
STUDY = """
import os
import random
import time
import numpy as np
import psweep as ps

def func(pset):
    time.sleep(float(os.environ.get("DELAY", "0")))
    own = np.random.default_rng(pset["_seed"]).normal()
    return {"x": np.random.normal(), "y": random.random(), "z": own}

params = ps.plist("a", range(100))
"""


def good_rows():
    """Those of psets that have run; one more failed if its worker was killed before its parent."""
    df = ps.df_read("calc")
    return df[~df._failed.astype(bool)] if len(df) else df


def count():
    try:
        return len(good_rows())
    except ps.StudyNotFoundError:
        return 0


def values(df):
    names = ["_pset_hash", "_seed", "a", "x", "y", "z"]
    return sorted(df[names].itertuples(index=False, name=None))


@pytest.mark.slow
def test_array_that_is_killed_grown_and_reversed_equals_a_serial_run(slurm, monkeypatch):
    for name, value in slurm.environ.items():
        monkeypatch.setenv(name, value)
    page = (MANUAL / "whole_nodes.md").read_text().split("an array of `run_local`")[1]
    (text,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (command,) = re.findall(r"```sh\n(sbatch .*--wrap.*)\n```", page)
    assert "poolsize=64" in text and "--exclusive" in command
    # so that many tasks share the one node
    command = command.replace("--exclusive", "--parsable --mem=600 --output=%a.out")
    Path("study.py").write_text(STUDY)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")

    def submit(repeats, params="params"):
        options = f"poolsize=2, seed=7, repeats={repeats}"
        new = text.replace("poolsize=64", options).replace("(func, params[", f"(func, {params}[")
        Path("run_part.py").write_text(new)
        return slurm.run(*shlex.split(command)).split(";")[0].strip()

    rng = random.Random(3)
    counts = [0]
    monkeypatch.setenv("DELAY", "0.5")
    for _ in range(5):  # killed after some more rows, and submitted again
        job, n_rows = submit(2), counts[-1] + rng.randrange(1, 30)
        while count() < n_rows:
            assert {"PENDING", "RUNNING"} & {*slurm.states(job)}
            time.sleep(0.1)
        slurm.run("scancel", "--signal=KILL", job)
        slurm.run("scancel", job)
        slurm.wait(job)
        counts.append(count())
    assert 5 < counts[1] < counts[-1] < 200
    monkeypatch.delenv("DELAY")
    slurm.wait(submit(2, "params[::-1]"))
    assert count() == 200
    assert set(slurm.wait(submit(5))) == {"COMPLETED"}
    df = good_rows()
    namespace = {}
    exec(STUDY, namespace)
    serial = ps.run_local(namespace["func"], namespace["params"], seed=7, repeats=5, save=False)
    assert values(df) == values(serial)
    assert df.x.nunique() == df.y.nunique() == df.z.nunique() == df._seed.nunique() == 500
