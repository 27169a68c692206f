"""What several tests of psweep-batch need."""

from __future__ import annotations

import shutil
import subprocess
import time

import psweep as ps

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


def wait_for_jobs(calc_dir="calc", machine=None, seconds=100):
    """Wait until no job is queued or running; give back their status."""
    end = time.monotonic() + seconds
    while True:
        status = ps.batch_status(calc_dir, machine)
        if not status.state.isin(["queued", "running"]).any():
            return status
        assert time.monotonic() < end, status.to_string()
        time.sleep(0.3)
