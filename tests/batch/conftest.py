"""Fixtures for the tests of psweep-batch: templates, shells, a real SLURM and a real sshd."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cluster import make_ssh, slurm, ssh_cluster  # noqa: F401 (fixtures)
from fake_slurm import FakeSlurm


def pytest_collection_modifyitems(items):
    """Let each process of xdist begin with some of the slow tests, which take minutes.

    It gives each one its part of the list, and what is begun or next is not taken away any more:
    slow ones in one place, or late, would have the others wait at the end.
    """
    n = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [item for item in items if item.get_closest_marker("slow")]
    rest = [item for item in items if not item.get_closest_marker("slow")]
    dealt = []
    for i in range(n):
        part = slow[i::n]
        size = (len(items) - len(dealt)) // (n - i) - len(part)
        part += rest[: max(size, 0)]
        rest = rest[max(size, 0) :]
        dealt += part
    items[:] = dealt + rest


@pytest.fixture(autouse=True, scope="session")
def started_pythons_are_not_traced():
    """Leave each Python that a test starts, also in a job, out of the coverage.

    It would take half as long again, and the tests themselves reach the lines of psweep_batch.
    """
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Every test works in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def templates(tmp_path):
    """Write templates: machines as name=(info, jobscript), files of the psets as a dict."""

    def write(files=None, **machines):
        (tmp_path / "templates/calc").mkdir(parents=True, exist_ok=True)
        for name, text in (files or {}).items():
            path = tmp_path / "templates/calc" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        for name, (info, jobscript) in machines.items():
            folder = tmp_path / "templates/machines" / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "info.yaml").write_text(info)
            (folder / "jobscript").write_text(jobscript)

    return write


@pytest.fixture
def fake_scheduler(tmp_path, monkeypatch):
    """A submit command that notes each call, and refuses when it is told to."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    path = bin_dir / "fakesub"
    path.write_text(
        "#!/bin/sh\n"
        f"[ ! -e '{tmp_path}/full' ] || {{ echo 'queue is full' >&2; exit 3; }}\n"
        f'printf "%s\\n" "$*" >>"{tmp_path}/calls"\n'
        f'echo "Submitted batch job $(wc -l <"{tmp_path}/calls")"\n'
    )
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_dir}:{os.environ['PATH']}")

    def calls():
        file = Path(tmp_path, "calls")
        return file.read_text().splitlines() if file.exists() else []

    return calls


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Have a SLURM of files on the PATH."""
    fake = FakeSlurm(tmp_path / "fake")
    monkeypatch.setenv("FAKE", str(fake.folder))
    monkeypatch.setenv("PATH", f"{fake.folder}:{os.environ['PATH']}")
    return fake
