"""Upgrade from a psweep that shipped its own files, the way that README.md says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import psweep as ps

ROOT = Path(__file__).resolve().parents[2]
WHEELS = sorted(Path(os.environ.get("PSWEEP_WHEELS", "nowhere")).rglob("*.whl"))
OLD = "psweep==0.16.0"


@pytest.mark.skipif(not WHEELS, reason="needs wheels: run it by nox")
@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_upgrade_in_place(tmp_path, tool):
    env = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", str(env)], check=True)
    python = str(env / "bin" / "python")

    def pip(*words, check=True):
        command = {
            "pip": [python, "-m", "pip", *words],
            "uv": [sys.executable, "-m", "uv", "pip", words[0], "--python", python, *words[1:]],
        }[tool]
        # uv trusts certificates of its own, pip those of the system: let both trust these
        environ = {**os.environ, "UV_SYSTEM_CERTS": "true"}
        return subprocess.run(command, check=check, capture_output=True, text=True, env=environ)

    first = pip("install", OLD, check=False)
    if first.returncode != 0:
        pytest.skip(f"needs an index that has {OLD}: {first.stderr.strip().splitlines()[-1]}")
    readme = (ROOT / "README.md").read_text()
    (commands,) = re.findall(r"```sh\n(pip uninstall --yes psweep\npip install .*)\n```", readme)
    for command in commands.splitlines():
        words = shlex.split(command)[1:]
        if words[0] == "uninstall" and tool == "uv":
            words.remove("--yes")  # it does not ask
        # in place of the folders of a clone, the wheels that were built of them
        words = [word for word in words if not word.startswith("./")]
        if words[0] == "install":
            words += map(str, WHEELS)
        pip(*words)
    code = "import psweep as ps; print(ps.__version__, len(ps.run(lambda p: {}, [{}], save=False)))"
    done = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == [ps.__version__, "1"]
