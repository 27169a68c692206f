"""`prep_batch(git=True)`: what the jobs run is in the commit that their rows name."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import psweep as ps

if shutil.which("git") is None:
    pytest.skip("needs git: apt-get install git", allow_module_level=True)


def git(*args):
    return subprocess.check_output(["git", *args], text=True)


@pytest.fixture
def repo(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))  # this may be in one
    monkeypatch.chdir(tmp_path)
    for args in ("init -q", "config user.name A", "config user.email a@example.com"):
        git(*args.split())
    ps.file_write("templates/calc/run.py", "print($a)")
    ps.file_write("templates/machines/local/info.yaml", "subcmd: sh")
    ps.file_write("templates/machines/local/jobscript", "python3 run.py")


def test_templates_are_committed_before_and_what_was_prepared_after(repo):
    df = ps.prep_batch(ps.plist("a", [1]), git=True)
    log = git("log", "--format=%H %s").splitlines()
    assert len(log) == 2
    assert log[1].split()[0] == df._git_commit[0]
    assert all(line.endswith(f"run_id={df._run_id[0]}") for line in log)
    assert "templates/calc/run.py" in git("ls-tree", "-r", "--name-only", df._git_commit[0])
    assert {"calc/run_local.sh", "calc/database.pk"} <= set(git("ls-files").splitlines())
    assert not git("status", "--porcelain")


def test_templates_that_git_ignores_are_named(repo):
    Path(".gitignore").write_text("calc/\n")
    with pytest.warns(UserWarning, match=r"git ignores templates/calc/run.py, .* write /calc/"):
        ps.prep_batch(ps.plist("a", [1]), git=True)
    Path(".gitignore").write_text("/calc/\n")
    df = ps.prep_batch(ps.plist("a", [2]), git=True)
    files = git("ls-tree", "-r", "--name-only", df._git_commit.iloc[-1]).splitlines()
    assert "templates/calc/run.py" in files
    assert not [name for name in files if name.startswith("calc/")]
