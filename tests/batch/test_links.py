"""Symbolic links that somebody else has made in a shared study lead to no file of ours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import prepare_squares, submit, wait_for_jobs

import psweep as ps

pytestmark = pytest.mark.skipif(os.name != "posix", reason="symbolic links")


def test_what_is_generated_takes_the_place_of_a_link(templates):
    mine = Path("mine").absolute()
    mine.write_text("precious")
    prepare_squares(templates, [0])
    submit()
    wait_for_jobs()
    ps.batch_collect("calc")
    names = ["run_local.sh", "info_local.yaml", "report.html"]
    names += [f".psweep/{path.name}" for path in Path("calc/.psweep").glob("*.json")]
    assert len(names) > 3, os.listdir("calc/.psweep")
    for name in names:
        path = Path("calc", name)
        path.unlink(missing_ok=True)
        path.symlink_to(mine)
    prepare_squares(templates, [0, 1], skip_dups=True)
    ps.batch_status("calc")
    ps.batch_collect("calc")
    ps.report("calc")
    assert mine.read_text() == "precious"
    assert mine.stat().st_mode & 0o111 == 0
    assert not Path("calc/run_local.sh").is_symlink()
    assert os.access("calc/run_local.sh", os.X_OK)
