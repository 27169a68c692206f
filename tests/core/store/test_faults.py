"""Runs that are killed at all kinds of moments, for a while; ``nox -s faults`` does it for long."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import psweep as ps

SCRIPT = Path(__file__).parents[1] / "faults.py"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks and kills, as POSIX has it")
@pytest.mark.parametrize("seed", [1, 2])
def test_no_promise_is_broken(tmp_path, seed):
    done = subprocess.run(
        [sys.executable, SCRIPT, "10", str(seed)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    n_kills = int(re.search(r"(\d+) of them with a kill", done.stdout)[1])
    assert n_kills >= 1  # a busy machine does less in ten seconds
    assert ", 0 violations" in done.stdout


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_that_refuses_locks_is_named_before_anything_runs(monkeypatch, number):
    fcntl = pytest.importorskip("fcntl", reason="of POSIX")

    def refuse(*args):
        raise OSError(number, os.strerror(number))

    ran = []
    monkeypatch.setattr(fcntl, "flock", refuse)
    for use in (
        lambda: ps.run_local(lambda pset: ran.append(1) or {}, [{"a": 1}]),
        lambda: ps.run_local(lambda pset: ran.append(1) or {}, [{"a": 1}], poolsize=2),
    ):
        with pytest.raises(
            ps.CalcDirError, match="does not support file locks .*use another one"
        ) as e:
            use()
        assert os.strerror(number) in str(e.value)
    assert not ran
    df = ps.run_local(lambda pset: {"b": 1}, [{"a": 1}], save=False)
    assert df.b.tolist() == [1]
