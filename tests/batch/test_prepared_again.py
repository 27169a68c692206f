"""Psets that an earlier call has prepared and no task has: the options of the last call count."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from helpers import submit

import psweep as ps
from psweep_core.plumbing import Study, spools_of


@pytest.fixture(autouse=True)
def machines(monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    for name, info in (
        ("here", "subcmd: sh\npack: 4"),
        ("there", "subcmd: sh"),
        ("queue", "subcmd: 'true'"),  # which takes jobs, and never runs them
    ):
        ps.file_write(f"templates/machines/{name}/info.yaml", info)
        ps.file_write(f"templates/machines/{name}/jobscript", "#!/bin/sh\npsweep-task\n")


PARAMS = ps.plist("a", [1, 2])


def func(pset):
    with open("calls", "a") as file:
        file.write(f"{pset['a']} ")
    print("hello")
    return {"y": pset["a"], "env": os.environ.get("OWN")}


def fails(pset):
    func(pset)
    message = "no"
    raise ValueError(message)


def calls():
    return Path("calls").read_text().split()


def test_seed_of_the_call_counts(capsys):
    ps.prep_batch(PARAMS, func=func, seed=1)
    df = ps.run_batch(func, PARAMS, "here", seed=2)
    expected = ps.run_local(func, PARAMS, seed=2, save=False)
    assert df._seed.tolist() == expected._seed.tolist()
    assert calls() == ["1", "2"] * 2
    assert not capsys.readouterr().err
    assert ps.batch_status().state.tolist() == ["done"] * 2
    ps.prep_batch(ps.plist("a", [3]), func=func)
    assert "_seed" in ps.run_batch(func, ps.plist("a", [3]), "here", seed=2)


def test_seed_of_a_pset_counts():
    ps.prep_batch([{"a": 1, "_seed": 1}, {"a": 2}], func=func, seed=1)
    df = ps.run_batch(func, [{"a": 1, "_seed": 5}, {"a": 2}], "here", seed=1)
    expected = ps.run_local(func, [{"a": 2}], seed=1, save=False)
    assert df.sort_values("a")._seed.tolist() == [5, *expected._seed]


@pytest.mark.parametrize("early", [{}, {"capture_logs": "file", "timeout": 100, "retries": 1}])
def test_options_of_the_call_count(early):
    ps.prep_batch(PARAMS, func=func, **early)
    options = {"capture_logs": "db", "worker_env": {"OWN": "1"}, "on_error": "raise"}
    df = ps.run_batch(func, PARAMS, "here", **options)
    assert df._logs.tolist() == ["hello\n"] * 2
    assert df.env.tolist() == ["1"] * 2
    ps.prep_batch(ps.plist("a", [3]), func=slow, **early)
    df = ps.run_batch(slow, ps.plist("a", [3]), "here", timeout=0.5)
    assert "timeout=0.5" in df._exc_txt.tolist()[-1]


def slow(pset):
    time.sleep(60)


def test_resources_of_the_call_count():
    for info, func_of in (("2G", lambda pset: {"mem": "1G"}), ("3G", None)):
        ps.file_write("templates/machines/here/info.yaml", "subcmd: sbatch\narray: true")
        params = [{"a": 1, "_mem": info}, {"a": 2}]
        ps.prep_batch(params, func=func, resources=func_of, skip_dups=True, machines=["here"])
        text = Path("calc/run_here.sh").read_text()
        assert f"sbatch --mem={info} <<" in text
        assert ("sbatch --mem=1G <<" in text) == (func_of is not None)
    assert "sbatch --mem=2G <<" not in text


def test_machine_of_the_call_counts():
    ps.prep_batch(PARAMS, func=func, machines=["there"])
    assert len(ps.run_batch(func, PARAMS, "here")) == 2
    submit("calc/run_there.sh")
    assert calls() == ["1", "2"]


def test_the_same_call_prepares_nothing_again():
    options = {
        "seed": 1,
        "worker_env": {"B": "1", "A": "2"},
        "timeout": 50,
        "resources": lambda pset: {"mem": "1G"},
    }
    params = [{"a": 1, "_seed": 3, "_mem": "2G"}, {"a": 2}]
    for _ in range(2):
        ps.prep_batch(params, func=func, skip_dups=True, machines=["here", "queue"], **options)
        assert len([*spools_of(Study("calc").layout)]) == 1
    ps.run_batch(func, params, "here", repeats=1, **options)
    assert len([*spools_of(Study("calc").layout)]) == 1
    assert sorted(calls()) == ["1", "2"]


def test_failures_that_end_tasks_can_be_fixed(capsys):
    assert not len(ps.run_batch(fails, PARAMS, "here", on_error="raise"))
    assert not len(ps.run_batch(func, PARAMS, "here", on_error="raise"))
    said = capsys.readouterr().err
    assert "2 psets of earlier calls run func as it was then; code='rerun' prepares those" in said
    df = ps.run_batch(func, PARAMS, "here", on_error="raise", code="rerun")
    assert df.y.tolist() == [1, 2]
    assert "as it was then" not in capsys.readouterr().err


def test_failures_that_end_tasks_can_be_recorded():
    ps.run_batch(fails, PARAMS, "here", on_error="raise")
    assert ps.run_batch(func, PARAMS, "here").y.tolist() == [1, 2]
    assert ps.batch_status().state.tolist() == ["done"] * 2


def test_psets_that_tasks_have_stay_with_them(capsys):
    ps.run_batch(func, PARAMS, "queue", seed=1)
    ps.prep_batch(PARAMS, func=fails, machines=["here"], seed=2, timeout=5, skip_dups=True)
    said = capsys.readouterr().err
    assert "2 submitted psets keep the seed, timeout of the call that prepared them" in said
    assert "2 psets of earlier calls run func as it was then" in said
    assert "code='rerun'" not in said
    submit("calc/run_here.sh")
    assert not Path("calls").exists()


def test_only_as_many_as_are_missing_are_prepared_again():
    ps.prep_batch(PARAMS, func=func, seed=1, repeats=3)
    df = ps.run_batch(func, PARAMS, "here", seed=2, repeats=2)
    assert sorted(calls()) == ["1", "1", "2", "2"]
    expected = ps.run_local(func, PARAMS, seed=2, repeats=2, save=False)
    assert sorted(expected._seed) == sorted(df._seed)


def test_simulate_takes_nothing_out(capsys):
    ps.prep_batch(PARAMS, func=func, seed=1)
    ps.prep_batch(PARAMS, func=func, seed=2, skip_dups=True, simulate=True)
    assert "2 would run" in capsys.readouterr().err
    (spool,) = spools_of(Study("calc").layout)
    assert not spool.claims()


def test_call_that_ended_before_it_prepared_is_made_up_for(monkeypatch):
    ps.prep_batch(PARAMS, func=func)
    with monkeypatch.context() as patch:
        patch.setattr("psweep_core.running.spool_work.reserve_numbers", None)
        with pytest.raises(TypeError):
            ps.run_batch(func, PARAMS, "here", seed=2)
    assert ps.batch_status().state.tolist() == ["not submitted"] * 2
    assert len(ps.run_batch(func, PARAMS, "here", seed=2)) == 2
    assert calls() == ["1", "2"]


def test_other_psets_that_are_submitted_are_reported(capsys):
    ps.prep_batch(PARAMS, func=func, machines=["here"])
    ps.prep_batch(PARAMS, func=func, machines=["here"], skip_dups=True)
    assert not capsys.readouterr().err
    ps.prep_batch(ps.plist("a", [3]), func=func, machines=["there"])
    assert not capsys.readouterr().err
    assert len(ps.run_batch(func, ps.plist("a", [1, 4]), "here")) == 3
    also = "calc/run_here.sh also submits 1 pset that earlier calls have prepared"
    assert also in capsys.readouterr().err
    ps.run_batch(func, ps.plist("a", [5]), "here")
    assert not capsys.readouterr().err


def test_repeated_psets_that_are_submitted_are_reported(capsys):
    ps.prep_batch(PARAMS, func=func, machines=["here"])
    ps.prep_batch(PARAMS, func=func, machines=["here"])
    assert "also submits 2 psets" in capsys.readouterr().err
    ps.run_batch(func, ps.plist("a", [1]), "here", skip_dups=False)
    assert "also submits 4 psets" in capsys.readouterr().err
    assert sorted(calls()) == ["1", "1", "1", "2", "2"]


def test_prepared_psets_can_be_discarded():
    ps.run_batch(func, PARAMS, "here")
    ps.prep_batch(ps.plist("a", [3, 4]), func=func, machines=["here"])
    shutil.rmtree(Path("calc/.psweep/batch", ps.df_runs("calc").run_id.tolist()[-1]))
    assert ps.batch_status().state.tolist() == ["done"] * 2
    assert ps.run_batch(func, ps.plist("a", [5]), "here").a.tolist() == [1, 2, 5]
    submit("calc/run_here.sh")
    assert calls() == ["1", "2", "5"]
