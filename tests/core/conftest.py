"""Fixtures for the tests of psweep-core."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "psweep",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("psweep")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Every test works in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def script(tmp_path):
    """Start Python on a script; its output goes to files, so that a killed one leaves it, too."""
    started = []

    def start(text: str, *args: str, wait: bool = False, **kwds):
        path = tmp_path / f"script_{len(started)}.py"
        path.write_text(textwrap.dedent(text))
        process = subprocess.Popen(
            [sys.executable, str(path), *args],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # whoever runs the tests in the background has Ctrl-C ignored, and children inherit that
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            **kwds,
        )
        started.append(process)
        if wait:
            out, err = process.communicate(timeout=300)
            assert process.returncode == 0, err
            return out, err
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def children_may_be_interrupted(monkeypatch):
    """Leave the processes that a test starts out of the coverage.

    Its tracer has a lock that KeyboardInterrupt may leave locked, and then the process hangs.
    """
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


def find_mpiexec() -> str:
    """Find the program that starts MPI programs, or skip the test."""
    pytest.importorskip("mpi4py", reason="needs mpi4py: pip install mpi4py mpich")
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])
    mpiexec = shutil.which("mpiexec", path=path)
    if mpiexec is None:
        pytest.skip("needs an MPI: pip install mpich")
    return mpiexec


def alive(pid: int) -> bool:
    """Tell whether a process is running (a zombie is not)."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
