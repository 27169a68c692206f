"""What ``--feed`` finds of tasks that are gone, from what the scheduler says of their jobs."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

SHELL = Path(str(files("psweep_batch"))) / "shell"
LOOK = """
. "$SHELL_FILES/chunks.sh"
. "$SHELL_FILES/feed.sh"
query_text() { echo 'echo user me'; }
account_text() { printf '%s' 'for i; do echo "job|$i|$HOW|||"; done'; }
ps_look=$PWD/look ps_lost_after=0 ps_machine=m ps_spool=spool ps_levels=0
mkdir "$ps_look" && echo 'spool 0 1' >"$ps_look/open"
find_lost
"""


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
@pytest.mark.parametrize("where", ["", " on cluster other"])
@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("NODE_FAIL", "lost ended without an exit code\n"),
        ("TIMEOUT", "lost time limit\n"),
        ("OUT_OF_MEMORY", "lost out of memory\n"),
        ("CANCELLED by 0", "cancelled cancelled\n"),
        ("RUNNING", None),
    ],
)
def test_what_is_noted_of_a_task_that_is_gone(tmp_path, shell, where, how, expected):
    if not shutil.which(shell):
        pytest.skip(f"needs {shell}")
    spool = tmp_path / "spool"
    spool.mkdir()
    said = f"Submitted batch job 12{where}"
    (spool / "0.claim").write_text(f"task 0 x\nby m me here\nsaid {said}\n")
    environ = {**os.environ, "SHELL_FILES": str(SHELL), "HOW": how}
    done = subprocess.run(
        [shell, "-c", LOOK], cwd=tmp_path, env=environ, capture_output=True, text=True
    )
    assert done.stderr == ""
    note = spool / "0.lost.1"
    assert (note.read_text() if note.exists() else None) == expected
