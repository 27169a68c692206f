"""`prep_batch(git=True)`: what the jobs run is in the commit that their rows name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
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


def test_there_is_no_git_program(repo, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ps.PsweepError, match="git=True needs the git program"):
        ps.prep_batch(ps.plist("a", [1]), git=True)
    assert not Path("calc").exists()


def test_ignored_templates_are_named_in_a_hook_of_git_too(repo, tmp_path, monkeypatch):
    study = tmp_path / "study"
    study.mkdir()
    (tmp_path / "templates").rename(study / "templates")
    monkeypatch.chdir(study)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))  # without GIT_WORK_TREE, study is the top
    (tmp_path / ".gitignore").write_text("run.py\n")
    with pytest.warns(UserWarning, match=r"git ignores templates/calc/run.py"):
        ps.prep_batch(ps.plist("a", [1]), git=True)


def test_the_example_names_the_commit_of_the_templates(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    example = Path(__file__).resolve().parents[2] / "examples" / "batch_with_git"
    folder = tmp_path / "study"
    shutil.copytree(example, folder)
    for left in ("calc", ".git"):  # by someone who has run it in place
        shutil.rmtree(folder / left, ignore_errors=True)
    monkeypatch.chdir(folder)

    def run(*command):
        return subprocess.check_output(command, text=True)

    for old, new in [("2 *", "3 *"), ("3 *", "4 *")]:
        run(sys.executable, "10prep.py")
        run("sh", "calc/run_local.sh")
        out = run(sys.executable, "20eval.py")
        assert 'float("$length"), float("$gravity")' in out
        assert "2 * math.pi" in out  # that of pset 0
        assert not git("status", "--porcelain")
        path = Path("templates/calc/run.py")
        path.write_text(path.read_text().replace(old, new))
        script = Path("10prep.py").read_text()
        Path("10prep.py").write_text(script.replace("0.5, 1.0, 2.0", "3.0"))
    df = ps.df_read("calc/database_eval.pk")
    assert len(df) == 8
    assert df._git_commit.nunique() == 2
    assert df.period[6] / df.period[0] == pytest.approx(1.5 * 6**0.5)
