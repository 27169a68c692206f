"""A study of somebody else, in a folder where nothing can be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import psweep as ps

pytestmark = pytest.mark.untraced

WRITER = """
import time, psweep as ps
def func(pset):
    while pset["a"] == 2:
        time.sleep(0.02)
    return {"b": 1}
ps.run_local(func, ps.plist("a", range(3)))
"""
READER = """
import json, os, sys
import psweep as ps
from psweep_core.cli import report
from psweep_core.run_status import run_states

def look():
    (run,) = run_states()
    left = len(ps.check_calc_dir("calc")["unfinished_journals"])
    assert report(["-o", page]) == 0
    return [len(ps.df_read("calc")), run["state"], left]

study, page = sys.argv[1:]
os.chdir(study)
if os.getuid() == 0:
    look()  # imports what another user may not be able to import
    os.setuid(65534)
found = look()
assert report([]) == 1
print(json.dumps(found))
"""


def look(folder):
    done = subprocess.run(
        [sys.executable, "-c", READER, folder, f"{folder}/pages/1.html"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "the page cannot be written here; name another file" in done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(os.name != "posix", reason="needs the permissions of POSIX")
def test_all_that_only_reads_works_during_a_run_and_after_a_kill():
    with tempfile.TemporaryDirectory() as folder:  # others may not enter that of pytest
        names = ("", "calc", "calc/.psweep", "calc/.psweep/database.pk")
        places = [Path(folder, name) for name in names]
        Path(folder, "pages").mkdir()
        Path(folder, "pages").chmod(0o777)
        with subprocess.Popen([sys.executable, "-c", WRITER], cwd=folder) as writer:
            try:
                while not [*places[3].glob("*.journal")] or len(ps.df_read(places[1])) < 2:
                    time.sleep(0.02)
                for place in places:
                    place.chmod(0o555)
                assert look(folder) == [2, "running", 0]
            finally:
                writer.kill()
        assert look(folder) == [2, "stopped early", 1]
        for place in places:
            place.chmod(0o755)
