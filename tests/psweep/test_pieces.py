"""Pieces in empty environments and in different places: what is missing is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from type_checkers import checked_lines

import psweep as ps

ROOT = Path(__file__).resolve().parents[2]
WHEELS = {
    path.name.partition("-")[0]: str(path)
    for path in Path(os.environ.get("PSWEEP_WHEELS", "nowhere")).rglob("*.whl")
}
pytestmark = pytest.mark.skipif(not WHEELS, reason="needs wheels: run it by nox")

SCRIPT = """
import os
import psweep as ps
df = ps.run_local(lambda p: {"b": 2 * p["a"]}, ps.plist("a", [1, 2]), poolsize=None)
print(df.b.tolist())
before = sorted(os.listdir())
for use in (
    lambda: ps.git_commits,
    lambda: ps.run_local(print, [{"a": 1}], git=True),
    lambda: ps.batch_status,
    lambda: ps.prep_batch([{"a": 1}]),
):
    try:
        use()
        print("there")
    except ps.NotInstalledError as error:
        print(error)
    except ps.PsweepError as error:
        print("refused:", error)
assert sorted(os.listdir()) == before
"""


class Env:
    """A virtual environment that sees its user's site-packages, and nothing else."""

    def __init__(self, folder):
        self.folder = folder
        self.python = str(folder / "env" / "bin" / "python")
        make = [sys.executable, "-m", "venv", "--system-site-packages", str(folder / "env")]
        subprocess.run(make, check=True)
        self.environ = {
            **os.environ,
            "PYTHONUSERBASE": str(folder / "user"),
            "GIT_CEILING_DIRECTORIES": str(folder.parent),  # this may be in a repository
        }

    def __call__(self, *args):
        done = subprocess.run(
            [self.python, *args], cwd=self.folder, env=self.environ, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def install(self, *args):
        # to compile all of pandas takes longer than to install it
        self("-m", "pip", "install", "--quiet", "--no-compile", *args)


@pytest.fixture
def env(tmp_path):
    return Env(tmp_path)


def test_the_same_script_runs_with_core_alone_with_git_and_with_everything(env):
    outs = []
    for wheel in ("psweep_core", "psweep_git", "psweep_batch", "psweep"):
        env.install(WHEELS[wheel])
        outs.append(env("-c", SCRIPT).splitlines())
    assert [eval(out[0]) for out in outs] == [[2, 4] * n for n in (1, 2, 3, 4)]
    command = f"pip install psweep-git=={ps.__version__} (in a clone of the repository: "
    command += "pip install ./packages/psweep-git)"
    assert outs[0][1:3] == [f"psweep.git_commits needs psweep-git: {command}",
                            f"git=True needs psweep-git: {command}"]  # fmt: skip
    for out in outs[1:]:
        assert out[1] == "there"
        assert out[2].startswith("refused: git=True")
    command = f"pip install psweep-batch=={ps.__version__} (in a clone of the repository: "
    command += "pip install ./packages/psweep-batch)"
    for out in outs[:2]:
        assert out[3:] == [f"psweep.batch_status needs psweep-batch: {command}",
                           f"psweep.prep_batch needs psweep-batch: {command}"]  # fmt: skip
    for out in outs[2:]:
        assert out[3] == "there"
        assert out[4].startswith("refused: there is no folder machine_templ_dir='templates")


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_misspelt_names_are_flagged_where_the_siblings_are_missing(env, checker):
    env.install(WHEELS["psweep_core"])
    lines = ["ps.plist('a', [1])", "ps.git_comits", "ps.run_lokal", "ps.plist()"]
    said = checked_lines(checker, env.folder, env.python, "import psweep as ps\n", lines)
    assert ["error" in text for text in said] == [False, True, True, True], said


@pytest.mark.parametrize(
    ("here", "user"), [("psweep_core", "psweep_git"), ("psweep_git", "psweep_core")]
)
def test_pieces_in_the_system_and_in_the_user_site(env, here, user):
    env.install(WHEELS["psweep_core"])  # for what it depends on
    env("-m", "pip", "uninstall", "--quiet", "--yes", "psweep-core")
    env.install("--no-deps", WHEELS[here])
    env.install("--no-deps", "--user", WHEELS[user])
    code = "import psweep, psweep_git; print(psweep.__file__, psweep_git.__file__)"
    core, git = env("-c", code).split()
    assert (str(env.folder / "user") in core) == (user == "psweep_core")
    assert (str(env.folder / "user") in git) == (user == "psweep_git")
    assert env("-c", SCRIPT).splitlines()[1] == "there"
    version = Path(git).with_name("_version.py")
    version.write_text('__version__ = "0.0.1"\n')
    out = env("-c", "import psweep as ps\ntry: ps.git_commits\nexcept ImportError as e: print(e)")
    assert "psweep-git 0.0.1" in out
    assert git in out
    assert f"psweep-core {ps.__version__}" in out
    assert str(Path(core).parent) in out
