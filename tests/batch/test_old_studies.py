"""Batch studies of psweep 0.8 to 0.16; see core's ``data/old/make.py``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import psweep as ps
from psweep_core.status import status

OLD = Path(__file__).parents[1] / "core" / "data" / "old"


@pytest.mark.parametrize("version", ["0.8.0", "0.16.0"])
def test_a_batch_study_of_an_old_release(version, templates, capsys):
    shutil.copytree(OLD / version / "batch", "calc")
    found = ps.batch_status("calc")
    assert found.state.tolist() == ["state unknown"] * 3
    assert found.reason.tolist() == ["prepared by an earlier psweep"] * 3
    assert status([]) == 0
    out = capsys.readouterr().out
    assert "3 state unknown" in out
    assert "prepared by an earlier psweep" in out
    # Extend it: what the old one has prepared is not submitted again.
    templates({"run.sh": "echo $a >out"}, local=("subcmd: sh", "sh run.sh"))
    df = ps.prep_batch(ps.plist("a", [1, 2, 3, 4]), skip_dups=True)
    assert df.a.tolist() == [1, 2, 3, 4]
    lines = Path("calc/run_local.sh").read_text().splitlines()
    new = df._pset_id.tolist()[-1]
    active = [line for line in lines if any(pset_id in line for pset_id in df._pset_id)]
    assert [line for line in active if not line.startswith("#")] == [
        line for line in active if new in line
    ]
    assert ps.batch_status("calc").state.tolist() == ["state unknown"] * 3 + ["not submitted"]
    # Results can be read all the same.
    before = ps.batch_collect("calc")
    assert before._pset_runtime.notna().tolist() == [True] * 3 + [False]

    def reader(folder):
        if folder.name == new:
            raise FileNotFoundError
        return {"y": 1}

    df = ps.batch_collect("calc", reader=reader)
    assert df.y.tolist()[:3] == [1, 1, 1]
    assert ps.batch_status("calc").state.tolist() == ["state unknown"] * 3 + ["not submitted"]
