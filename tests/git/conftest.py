"""A real git repository in a hostile path, with no configuration but its own."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

if shutil.which("git") is None:
    pytest.skip("needs git: apt-get install git", allow_module_level=True)


class Repo:
    def __init__(self, path):
        self.path = path

    def __call__(self, *args, **kwds):
        done = subprocess.run(
            ["git", *args], cwd=self.path, capture_output=True, text=True, check=True, **kwds
        )
        return done.stdout.rstrip("\n")

    def log(self):
        return self("log", "--format=%s").splitlines()

    def files(self, commit="HEAD"):
        return sorted(self("ls-tree", "-rz", "--name-only", commit).split("\0")[:-1])

    def hook(self, name, text):
        path = self.path / ".git" / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)


@pytest.fixture(params=["plain", 'it\'s a "$(touch x)" \u00fc', "-n"])
def place(request, tmp_path, monkeypatch):
    """The folder of a study; what it is called must not matter."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))  # this may be in a repository
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER"))]:
        monkeypatch.delenv(name)
    path = tmp_path / request.param
    path.mkdir()
    monkeypatch.chdir(path)
    return path


@pytest.fixture
def repo(place):
    git = Repo(place)
    git("init", "--quiet", "--initial-branch=main")
    git("config", "user.name", "A Tester")
    git("config", "user.email", "tester@example.com")
    return git
