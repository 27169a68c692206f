"""The README of psweep 0.8.0 and our examples do the same under the real 0.8.0 and under this one.

Of the examples, those whose names are in that README.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("readme_0_8.py")
VERSION = "0.8.0"
EXAMPLES = [
    "vary_1_param.py",
    "vary_1_param_repeat.py",
    "vary_1_param_repeat_same.py",
    "vary_1_param_simulate.py",
    "vary_1_param_study_column.py",
    "vary_2_params.py",
    "vary_2_params_parallel.py",
    "multiple_local_1d_scans",
    "save_data_on_disk",
    "batch_with_git",
]
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


def outcome(python, old_python, folder, scripts):
    """Run scripts in a folder; return what they print, and what is in the databases then.

    After each one, the jobs are run that it has prepared.
    """
    folder.mkdir()
    templates = scripts[0].parent / "templates"
    if templates.exists():
        shutil.copytree(templates, folder / "templates")
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    environ["GIT_CEILING_DIRECTORIES"] = str(folder.parent)

    def said(*command):
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    out = ""
    for script in scripts:
        out += said(python, "-W", "ignore", script)
        if (folder / "calc/run_local.sh").exists():
            said("sh", "-c", "cd calc && sh run_local.sh")
    return out, json.loads(said(old_python, "-W", "ignore", "-c", READ))


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("git"), reason="needs git: apt-get install git")
def test_both_do_the_same(old_python, tmp_path):
    old_out, old = outcome(old_python, old_python, tmp_path / "old", [SCRIPT])
    out, ours = outcome(sys.executable, old_python, tmp_path / "ours", [SCRIPT])
    assert out == old_out
    assert_same(ours, old)
    assert len(ours) == 14


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run_unchanged_under_both(old_python, tmp_path, name):
    path = ROOT / "examples" / name
    scripts = sorted(path.glob("*.py")) if path.is_dir() else [path]
    _, old = outcome(old_python, old_python, tmp_path / "old", scripts)
    _, ours = outcome(sys.executable, old_python, tmp_path / "ours", scripts)
    assert_same(ours, old)
    assert old


def assert_same(ours, old):
    assert ours.keys() == old.keys()
    for name, (columns, *rest) in ours.items():
        assert [column for column in columns if column != "_git_commit"] == old[name][0]
        assert rest == old[name][1:], name
