"""What mypy and pyright say of each line of a script."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest


def checked_lines(
    checker: str, folder: Path, python: str, begin: str, lines: list[str]
) -> list[str]:
    """Return what a type checker says to each line of a script, which it reads at once."""
    pytest.importorskip(checker, reason=f"needs pip install {checker}")
    # pyright leaves out folders that start with a dot, in one of which this may be
    (folder / "pyrightconfig.json").write_text('{"include": ["script.py"], "exclude": []}')
    (folder / "script.py").write_text(begin + "".join(f"{line}\n" for line in lines))
    command = {
        "mypy": ["mypy", "--strict", "--python-executable", python, "script.py"],
        "pyright": ["pyright", "--pythonpath", python, "-p", "."],
    }[checker]
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True
    )
    said = [""] * len(lines)
    for number, text in re.findall(r"script\.py:(\d+):(.*)", done.stdout):
        place = int(number) - 1 - begin.count("\n")
        assert place >= 0, f"in the beginning, which has no mistake: {text}"
        said[place] += f"{text}\n"
    assert any(said), done.stdout + done.stderr
    return said
