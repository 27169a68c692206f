"""What several tests of psweep-batch need."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import psweep as ps
from psweep_batch import cli

HOSTILE = 'it\'s a "$(touch x)" `touch y` \u00fc\n; -n'
SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


def submit(script="calc/run_local.sh", shell="sh", check=True, **kwds):
    """Call a submit script; give back what it has printed."""
    command = [shell, "sh"] if shell == "busybox" else [shell]
    done = subprocess.run(
        [*command, str(script)], capture_output=True, text=True, timeout=120, check=False, **kwds
    )
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr
    return done


def until(condition, seconds=300):
    """Wait until a condition returns something else than None or False; give that back."""
    end = time.monotonic() + seconds
    while (found := condition()) is None or found is False:
        assert time.monotonic() < end, ps.batch_status().to_string()
        time.sleep(0.2)
    return found


def wait_for_jobs(calc_dir="calc", machine=None, seconds=100):
    """Wait until no job is queued or running; give back their status."""
    end = time.monotonic() + seconds
    while True:
        status = ps.batch_status(calc_dir, machine)
        if not status.state.isin(["queued", "running"]).any():
            return status
        assert time.monotonic() < end, status.to_string()
        time.sleep(0.3)


# Many of these are run, so they do without psweep, whose import takes 0.4 s. The jobs of
# test_round_trip.py use it.
JOB = """
import os, pickle
with open("pset.pk", "rb") as file:
    a = pickle.load(file)["a"]
if a == 2:
    print("no luck with", a)
    raise SystemExit(3)
if a == 3:
    raise SystemExit(0)
if a == 4:
    os.kill(os.getpid(), 9)
with open("result.pk", "wb") as file:
    result = {"square": a ** 2, "half": a / 2, "name": f"n{a}", "even": a % 2 == 0}
    pickle.dump(result, file)
"""


def prepare_squares(templates, n, **kwds):
    """Prepare jobs that square a, but 2 fails, 3 leaves nothing, and 4 is killed."""
    templates({"job.py": JOB}, local=("subcmd: sh", f"exec {sys.executable} job.py\n"))
    return ps.prep_batch(ps.plist("a", n), write_pset=True, **kwds)


def cancel_once_it_began(machine: str) -> None:
    """Cancel a task whose jobscript makes the file "began" and waits, before psweep-task begins."""
    ps.run_batch(lambda pset: {}, [{"a": 1}], machine)
    until(Path("began").exists)
    assert cli.cancel([]) == 0
    until(lambda: "exit " in next(Path("calc").glob(".psweep/batch/*/0.claim")).read_text())
    found = ps.batch_status()
    assert found.state.tolist() == ["cancelled"]
    assert found.reason.tolist() == ["by psweep-cancel"]
