"""The example of git=True, run as it stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psweep as ps

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "with_git"


def run(script):
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_example(place):
    for path in EXAMPLE.glob("*.py"):
        shutil.copy(path, place)
    for n in (1, 2):
        out = run("10run.py")
        df = ps.df_read("calc")
        assert len(df) == 3 * n
        assert df._git_commit.nunique() == n
        assert df._git_commit.iloc[-1] in out
    text = Path("10run.py").read_text()
    Path("10run.py").write_text(text.replace("9.81", "1.62"))  # another planet, another result
    run("10run.py")
    df = ps.df_read("calc")
    assert df.seconds[6] > df.seconds[0]
    out = run("20again.py")
    assert f": {df.seconds[0]}, in the database: {df.seconds[0]}\n" in out
    assert not Path("clone").exists()
