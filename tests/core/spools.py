"""Spools and tasks without a scheduler, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from psweep_core.running.options import Options
from psweep_core.running.spool_work import Chunk, spool_work


def prepare(func, params, size=100, **options):
    """Write a spool with chunks of a size; return it, or None if there was nothing to do."""
    options = {"poolsize": 1, "on_error": "record", **options}

    def cut(psets, runtime):
        return [
            Chunk(list(range(i, min(i + size, len(psets)))), {}) for i in range(0, len(psets), size)
        ]

    found = spool_work(
        func, params, None, Options(**options), cut, lambda pset: {}, lambda study: None, ["m"]
    )
    return found.spool


def claim(spool, chunk=0, attempt=1):
    with open(spool.claim_path(chunk, attempt), "x") as file:
        file.write("job x.sh\nby m me c\n")


def start(spool, chunk=0, attempt=1, **environ):
    environ = {
        "PSWEEP_SPOOL": str(spool.folder),
        "PSWEEP_CHUNK": str(chunk),
        "PSWEEP_ATTEMPT": str(attempt),
        **environ,
    }
    command = [sys.executable, "-c", "from psweep_core.task import task; exit(task())"]
    return subprocess.Popen(
        command, env=os.environ | environ, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def run(spool, chunk=0, attempt=1, **environ):
    """Run a task to its end; return its exit status and what it said."""
    process = start(spool, chunk, attempt, **environ)
    said = process.communicate(timeout=300)[1]
    return process.returncode, said


def until(condition, seconds=200):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
