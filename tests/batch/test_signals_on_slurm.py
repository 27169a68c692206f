"""60 jobs each in bash and dash on a real SLURM, ended in all the ways that send signals."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from cluster import Slurm, needs, short_folder
from helpers import submit

import psweep as ps

N = 60
KINDS = ("scancel", "time limit", "requeue", "trap, scancel", "trap, requeue", "trap, time limit")
# On a busy machine SLURM sends TERM again before the trap is done, and dash would run it twice.
JOBSCRIPT = """#!/bin/SHELL
#SBATCH -o out
#SBATCH --requeue
#SBATCH --mem=100
${_limit}
kind=${kind@Q}
echo "start $${SLURM_RESTART_COUNT:-0}" >>runs
case $$kind in
trap*) trap 'trap "" TERM; echo "{\\"b\\": 1}" >result.json; echo saved >>runs; exit 0' TERM ;;
esac
touch started
if [ "$$kind" = requeue ] && [ -n "$$SLURM_RESTART_COUNT" ]; then
    echo '{"b": 2}' >result.json
    echo saved >>runs
    exit 0
fi
while :; do sleep 1; done  # of 60 at once, shorter ones would take half a core
"""


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_no_pset_runs_twice_and_each_result_counts(templates, monkeypatch, shell, capsys):
    needs("SLURM", "slurm-wlm munge", "munged", "slurmctld", "slurmd", "sbatch", "squeue")
    # On a busy machine 60 traps at once take more than the two seconds of other tests.
    with Slurm(short_folder(), cpus=N, min_job_age=600, kill_wait=20) as slurm:
        for name, value in slurm.environ.items():
            monkeypatch.setenv(name, value)
        text = JOBSCRIPT.replace("SHELL", shell)
        templates(m=("scheduler: slurm\nlost_after: 5", text))
        params = [
            {"i": i, "kind": KINDS[i % 6], "_limit": "#SBATCH -t 1" * ("time" in KINDS[i % 6])}
            for i in range(N)
        ]
        df = ps.prep_batch(params, calc_templ_dir=None)
        submit("calc/run_m.sh")
        while len(list(Path("calc").glob("*/started"))) < N:
            time.sleep(0.2)
        jobs = ps.batch_status().job_id.tolist()
        for kind in ("scancel", "requeue"):
            command = ["scancel"] if kind == "scancel" else ["scontrol", "requeue"]
            for job, pset in zip(jobs, params, strict=True):
                if pset["kind"].endswith(kind):
                    slurm.run(*command, job)
        end = time.monotonic() + 400
        resubmitted = 0
        while time.monotonic() < end:
            status = ps.batch_status()
            resubmitted += len(
                [i for i in ps.batch_resubmit().index if params[i]["kind"].endswith("requeue")]
            )
            ps.batch_collect()
            if not status.state.isin(["queued", "running"]).any():
                break
            time.sleep(1)
        # a job that SLURM starts again has not ended: it takes two minutes until it does so
        while slurm.run("squeue", "-h").strip() and time.monotonic() < end:
            time.sleep(1)
        status = ps.batch_status()
        collected = ps.batch_collect()
        table = Counter()
        for i, pset in enumerate(params):
            folder = Path("calc", df._pset_id[i])
            said = slurm.run("scontrol", "-o", "show", "job", jobs[i])
            of_slurm = re.search(r"JobState=(\w+)", said)[1]
            runs = (folder / "runs").read_text().split("\n")[:-1]
            # once it has saved its result, it was not started again
            assert runs.count("saved") <= 1
            assert "saved" not in runs or runs[-1] == "saved"
            assert len(runs) - runs.count("saved") <= (2 if pset["kind"] == "requeue" else 1)
            has_result = (folder / "result.json").exists()
            assert (collected.b.notna()[i]) == has_result
            ends = {"CANCELLED": "cancelled", "TIMEOUT": "lost"}
            expected = "done" if has_result else ends[of_slurm]
            assert status.state[i] == expected, (pset, of_slurm, status.loc[i].to_string())
            assert has_result == (pset["kind"] not in ("scancel", "time limit"))
            reason = status.reason[i]
            if pset["kind"] in ("scancel", "time limit"):
                assert {"CANCELLED": "cancelled", "TIMEOUT": "time limit"}[of_slurm] in reason
            table[pset["kind"], of_slurm, status.state[i], reason] += 1
        assert resubmitted == 0
        with capsys.disabled():
            print(f"\n{shell}:")
            for row, n in sorted(table.items()):
                print(f"  {n:3} {' | '.join(row)}")
    assert os.path.exists("calc")
