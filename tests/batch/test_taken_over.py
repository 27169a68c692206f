"""What `run_local` has taken over from tasks, and what one call leaves to the tasks of another."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from helpers import submit

import psweep as ps
from psweep_core.status import status


@pytest.fixture(autouse=True)
def study(monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")

    def write(name, info):
        ps.file_write(f"templates/machines/{name}/info.yaml", info)
        ps.file_write(f"templates/machines/{name}/jobscript", "#!/bin/sh\npsweep-task\n")

    return write


def func(pset):
    return {"y": pset["a"], "worker": os.environ.get("PSWEEP_WORKER")}


def fails(pset):
    raise ValueError(pset)


def test_what_a_run_took_and_did_not_run_is_shown_and_comes_back(study, capsys):
    study("here", "subcmd: sh\npack: 2\n")
    params = ps.plist("a", range(4))
    ps.prep_batch(params, func=func)
    with pytest.raises(ValueError, match="'a': 0"):
        ps.run_local(fails, params, skip_dups=True)
    submit("calc/run_here.sh")
    found = ps.batch_status()
    assert found.state.tolist() == ["not submitted"] * 4
    assert set(found.reason) == {"another run took it and has ended; run that again"}
    status([])
    assert "4 psets: 4 not submitted" in capsys.readouterr().out
    assert sorted(ps.run_local(func, params, skip_dups=True).y) == [0, 1, 2, 3]
    assert not len(ps.batch_status())


def test_the_rest_of_a_chunk_is_of_its_machine(study, capsys):
    study("cl", "scheduler: slurm\npack: 4\n")
    params = ps.plist("a", range(4))
    ps.prep_batch(params, func=func)
    assert len(ps.run_local(func, params[:2], skip_dups=True)) == 2
    assert ps.batch_status(machine="cl").state.tolist() == ["not submitted"] * 2
    status(["cl"])
    assert "2 psets: 2 not submitted" in capsys.readouterr().out


def test_worker_env_of_a_call_is_not_of_earlier_ones(study):
    study("here", "subcmd: sh\npack: 8\nparallel: 1\n")
    ps.prep_batch(ps.plist("a", range(4)), func=func)
    envs = [{"G": str(i)} for i in range(2)]
    ps.prep_batch(ps.plist("a", range(100, 104)), func=func, worker_env=envs)
    submit("calc/run_here.sh")
    df = ps.df_read("calc")
    assert len(df) == 8
    assert set(df.worker[df.a < 100]) == {"0"}
    text = Path("calc/run_here.sh").read_text()
    assert " 0 0 1 " in text
    assert " 0 0 2 " in text


def test_a_machine_that_cannot_be_read_does_not_keep_run_local_from_running(study, capsys):
    study("here", "subcmd: sh\npack: 2\n")
    ps.prep_batch(ps.plist("a", range(2)), func=func)
    (spool,) = Path("calc/.psweep/batch").iterdir()
    (spool / "0.claim").write_text("job x.sh\nby here me c\n")  # somebody has it
    Path("calc/info_here.yaml").write_text("- 1\n")
    df = ps.run_local(func, ps.plist("a", range(4)), skip_dups=True)
    assert {2, 3} <= set(df.y)


def test_what_another_run_has_finished_is_no_pset_of_tasks_any_more(study, capsys):
    study("here", "subcmd: sh\npack: 2\n")
    params = ps.plist("a", range(4))

    def prepares(pset):
        if pset["a"] == 0:
            ps.prep_batch(params, func=func, skip_dups=True)
        return {"y": -1}

    ps.run_local(prepares, params[:3], skip_dups=True)
    assert ps.batch_status().state.tolist() == ["not submitted"]
    submit("calc/run_here.sh")
    df = ps.run_local(func, params, skip_dups=True)
    assert sorted(df.y) == [-1, -1, -1, 3]
    assert ps.batch_status().state.tolist() == ["done"]
    capsys.readouterr()
    status([])
    assert "incomplete" not in capsys.readouterr().out
