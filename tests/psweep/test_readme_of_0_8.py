"""The code of the README of psweep 0.8.0 does the same under the real 0.8.0 and under this one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("readme_0_8.py")
VERSION = "0.8.0"
# What is in all databases, read by the pandas of the old release
READ = """
import json, pathlib, pandas as pd
found = {}
for path in pathlib.Path(".").rglob("database*.pk"):
    if path.is_file() and ".bak_" not in str(path):
        df = pd.read_pickle(path)
        found[str(path)] = [[*df.columns], df._pset_hash.tolist(), df._run_seq.tolist()]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def old_python(tmp_path_factory):
    folder = tmp_path_factory.mktemp("old") / "env"
    environ = {name: value for name, value in os.environ.items() if "CONSTRAINT" not in name}
    environ["UV_SYSTEM_CERTS"] = "true"
    # pandas 1.5 has no wheels for Python 3.12 and later
    base = sys.executable if sys.version_info < (3, 12) else "3.11"
    python = folder / "bin" / "python"
    needs = [f"psweep=={VERSION}", "pandas<2", "numpy<2", "setuptools"]
    for words in (
        ["venv", "-q", "--python", base, str(folder)],
        ["pip", "install", "-q", "--python", str(python), *needs],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "uv", *words], capture_output=True, text=True, env=environ
        )
        if done.returncode != 0:
            pytest.skip(f"needs Python 3.11 and an index that has psweep {VERSION}: {done.stderr}")
    return python


def outcome(python, old_python, folder):
    folder.mkdir()
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    outs = [
        subprocess.run(
            [*command], cwd=folder, env=environ, check=True, capture_output=True, text=True
        ).stdout
        for command in ([python, "-W", "ignore", SCRIPT], [old_python, "-W", "ignore", "-c", READ])
    ]
    return outs[0], json.loads(outs[1])


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("git"), reason="needs git: apt-get install git")
def test_both_do_the_same(old_python, tmp_path):
    old_out, old = outcome(old_python, old_python, tmp_path / "old")
    out, ours = outcome(sys.executable, old_python, tmp_path / "ours")
    assert out == old_out
    assert ours.keys() == old.keys()
    for name, (columns, *rest) in ours.items():
        assert [column for column in columns if column != "_git_commit"] == old[name][0]
        assert rest == old[name][1:], name
    assert len(ours) == 14
