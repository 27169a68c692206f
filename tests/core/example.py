"""One of the examples, run as a user would run it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psweep as ps

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Example:
    """A copy of an example in an otherwise empty folder."""

    def __init__(self, name, folder):
        self.folder = folder
        source = EXAMPLES / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("calc*", "__pycache__")
            shutil.copytree(source, folder, dirs_exist_ok=True, ignore=ignored)
            self.scripts = sorted(path.name for path in source.glob("[0-9]*.py"))
        else:
            shutil.copy(source, folder)
            self.scripts = [name]

    def run(self, *args):
        """Run all scripts; give back what each has printed, as one text unless there are more."""
        outs = []
        for script in self.scripts:
            done = subprocess.run(
                [sys.executable, script, *args],
                cwd=self.folder,
                env={**os.environ, "PYTHONWARNINGS": "error"},
                capture_output=True,
                encoding="utf-8",
                timeout=120,
            )
            assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
            assert done.stdout.strip(), f"{script} has printed nothing"
            outs.append(done.stdout)
            self.stderr = done.stderr
        return outs[0] if len(outs) == 1 else outs

    def df(self, name="calc"):
        return ps.df_read(self.folder / name)
