"""Upgrade in place from releases that were one package, as `pip install -U psweep` does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from type_checkers import checked_lines

import psweep as ps

WHEELS = sorted(Path(os.environ.get("PSWEEP_WHEELS", "nowhere")).rglob("*.whl"))
PROGRAMS = [
    "checkdir", "db2json", "db2table", "migrate", "pull", "push", "report", "rm", "status",
]  # fmt: skip
pytestmark = pytest.mark.skipif(not WHEELS, reason="needs wheels: run it by nox")


class Env:
    """A virtual environment, changed by pip or by uv."""

    def __init__(self, folder: Path, tool: str) -> None:
        self.folder = folder
        self._tool = tool
        subprocess.run([sys.executable, "-m", "venv", str(folder / "env")], check=True)
        self.bin = folder / "env" / "bin"
        self.python = str(self.bin / "python")

    def __call__(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        if words[0] == "install" and self._tool == "pip":
            words = ("install", "--no-compile", *words[1:])  # compiling takes longer than the rest
        command = {
            "pip": [self.python, "-m", "pip", *words],
            "uv": [sys.executable, "-m", "uv", "pip", words[0], "--python", self.python],
        }[self._tool]
        if self._tool == "uv":  # which does not ask
            command += [word for word in words[1:] if word != "--yes"]
        # Old releases need older versions of what they depend on than those that tests take.
        environ = {name: value for name, value in os.environ.items() if "CONSTRAINT" not in name}
        # uv trusts certificates of its own, pip those of the system: let both trust these
        environ["UV_SYSTEM_CERTS"] = "true"
        return subprocess.run(command, check=check, capture_output=True, text=True, env=environ)

    def run(self, code: str) -> str:
        done = subprocess.run(
            [self.python, "-c", code], capture_output=True, text=True, cwd=self.folder
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def install_old(self, release: str) -> None:
        done = self("install", release, check=False)
        if done.returncode != 0:
            pytest.skip(f"needs an index that has {release}: {done.stderr.strip()[-200:]}")

    def programs(self) -> list[str]:
        names = [name for name in PROGRAMS if (self.bin / f"psweep-{name}").exists()]
        for name in names:
            subprocess.run(
                [str(self.bin / f"psweep-{name}"), "--version"], check=True, capture_output=True
            )
        return names


NEW = """
import psweep as ps
print(ps.__version__, len(ps.run(lambda p: {}, [{}], save=False)), ps.prep_batch.__module__)
"""


@pytest.mark.parametrize("release", ["psweep==0.8.0", "psweep==0.16.0"])
@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_upgrade_in_place(tmp_path, tool, release):
    env = Env(tmp_path, tool)
    env.install_old(release)
    env("install", "-U", *map(str, WHEELS))
    version, n, module = env.run(NEW).split()
    assert (version, n) == (ps.__version__, "1")
    assert module.startswith("psweep_batch")
    assert env.programs() == PROGRAMS
    begin = "import psweep as ps\ndef f(pset: dict[str, int]) -> dict[str, int]:\n    return {}\n"
    lines = ["reveal_type(ps.run_local(f, [{}]))", "ps.run_lokal"]
    said = checked_lines("mypy", tmp_path, env.python, begin, lines)
    assert ["error" in text for text in said] == [False, True], said
    # And back again, and forward again
    env("install", release)
    assert env.run("import psweep; print('old')") == "old\n"
    env("uninstall", "--yes", "psweep-core", "psweep-batch", "psweep-git")
    env("install", "-U", *map(str, WHEELS))
    assert env.run(NEW).split()[0] == ps.__version__
    assert env.programs() == PROGRAMS


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_what_an_uninstall_of_the_meta_package_leaves(tmp_path, tool):
    env = Env(tmp_path, tool)
    env("install", *map(str, WHEELS))
    env("uninstall", "--yes", "psweep")
    assert env.run(NEW).split()[0] == ps.__version__
    # The scripts that it shares with the parts are gone; installing these again brings them back.
    assert env.programs() == ["migrate", "report", "rm", "status"]
    parts = [str(wheel) for wheel in WHEELS if not wheel.name.startswith("psweep-")]
    env("install", "--force-reinstall" if tool == "pip" else "--reinstall", "--no-deps", *parts)
    assert env.programs() == PROGRAMS
