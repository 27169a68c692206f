"""What `run_local` does about psets that tasks of batch jobs have."""

from __future__ import annotations

import shutil
import sys

import pytest
from spools import claim, prepare, run

import psweep as ps
from psweep_core.store.spool import Spool, spools_of
from psweep_core.store.study import Study

pytestmark = pytest.mark.processes


@pytest.fixture(autouse=True)
def without_batch(monkeypatch):
    """As where psweep-core is alone: nobody can ask a scheduler."""
    monkeypatch.setitem(sys.modules, "psweep_batch", None)


def local(params, **options):
    return ps.run_local(lambda pset: {"by": "local"}, params, skip_dups=True, **options)


def by_task(pset):
    return {"by": "task"}


def test_psets_that_a_task_has_are_left_to_it(capsys):
    params = ps.plist("a", range(6))
    spool = prepare(by_task, params[:4], size=2)
    claim(spool, 0)
    df = local(params)
    assert df.a.tolist() == [2, 3, 4, 5]
    assert "2 psets are left to batch jobs" in capsys.readouterr().err
    assert run(spool, 0)[0] == 0
    df = local(params, code="ignore")
    assert sorted(df.a) == [*range(6)]
    assert df.by.value_counts().to_dict() == {"local": 4, "task": 2}
    assert not capsys.readouterr().err


def test_no_task_runs_what_was_taken_over():
    params = ps.plist("a", range(4))
    spool = prepare(by_task, params, size=4)
    assert local(params[1:3]).a.tolist() == [1, 2]
    assert spool.unfinished() == {0: [0, 3]}
    assert spool.claims()[0].state == "stopped"
    claim(spool, 0, 2)
    assert run(spool, 0, 2)[0] == 0
    assert ps.recover("calc").sort_values("a").by.tolist() == ["task", "local", "local", "task"]
    assert prepare(by_task, params, skip_dups=True) is None


def test_tasks_that_have_ended_give_their_psets_to_the_next_run():
    params = ps.plist("a", range(3))
    spool = prepare(by_task, params)
    claim(spool, 0)
    assert not len(local(params))
    spool.lost_path(0, 1).write_text("lost by kill\n")
    assert local(params).a.tolist() == [0, 1, 2]
    # Its scheduler starts the job again.
    assert "another task" in run(spool, 0, 1)[1]


def test_only_as_many_as_are_missing_are_taken_over():
    params = ps.plist("a", [1, 2])
    spool = prepare(by_task, params, repeats=3, seed=4)
    df = local(params, repeats=2, seed=4)
    assert df.a.tolist() == [1, 2, 1, 2]
    assert sum(map(len, spool.unfinished().values())) == 2
    expected = ps.run_local(by_task, params, repeats=2, seed=4, save=False)
    assert sorted(df._seed) == sorted(expected._seed)
    assert len(local(params, repeats=2, seed=4)) == 4


def test_nothing_is_taken_over_by_a_simulation_or_without_skip_dups():
    params = ps.plist("a", [1, 2])
    spool = prepare(by_task, params)
    assert len(local(params, simulate=True)) == 2
    assert len(ps.run_local(by_task, params)) == 2
    assert not spool.claims()
    assert len(local(params, save=False)) == 2
    assert not spool.claims()


def test_what_was_copied_elsewhere_is_left_to_others(capsys):
    params = ps.plist("a", [1, 2, 3])
    prepare(by_task, params[:2]).note_pushed()
    assert local(params).a.tolist() == [3]
    assert "2 psets are left to batch jobs" in capsys.readouterr().err


def test_a_note_without_its_claim_takes_nothing():
    spool = prepare(by_task, ps.plist("a", [1, 2]))
    (spool.folder / "0.taken.1.run").write_text("0 1")  # killed in between
    assert spool.unfinished() == {0: [0, 1]}
    claim(spool, 0)
    assert spool.unfinished() == {0: [0, 1]}


@pytest.mark.parametrize("call", [prepare, ps.run_local])
def test_pset_that_finishes_while_rows_are_read_is_not_run_again(monkeypatch, call):
    params = ps.plist("a", [1, 2])
    spool = prepare(by_task, params, seed=3)
    claim(spool)
    read = Study.known

    def known(study):
        df = read(study)
        if spool.claims()[0].start is None:
            assert run(spool)[0] == 0
        return df

    monkeypatch.setattr(Study, "known", known)
    call(by_task, params, skip_dups=True, repeats=2, seed=3)
    df = ps.recover("calc")
    left = [seed for other in spools_of(Study("calc").layout) for seed in other.index.seeds]
    assert len(df) == (2 if call is prepare else 4)
    assert len({*left, *df._seed}) == 4


def test_simulate_says_what_is_left_to_tasks(capsys):
    params = ps.plist("a", range(6))
    spool = prepare(by_task, params[:4], size=2)
    claim(spool, 0)
    local(params, simulate=True)
    said = capsys.readouterr().err
    assert "4 would run" in said
    assert "2 psets are left to batch jobs" in said
    options = {"skip_dups": True, "simulate": True}
    assert prepare(by_task, params, **options) is None
    said = capsys.readouterr().err
    assert "2 would run" in said
    assert "4 psets have batch jobs already" in said


def local_while_preparing(params, **options):
    """Run psets; meanwhile, tasks are prepared, which cannot see them yet. Return the spool."""
    spools = []

    def func(pset):
        if not spools:
            spools.append(prepare(by_task, params, size=2, **options))
        return {"by": "local"}

    ps.run_local(func, params, skip_dups=True)
    return spools[0]


@pytest.mark.parametrize("skip_dups", [True, "tried"])
def test_no_task_runs_what_a_run_has_finished_since_it_was_prepared(skip_dups):
    spool = local_while_preparing(ps.plist("a", range(3)), skip_dups=skip_dups)
    claim(spool)
    assert "0 psets have run" in run(spool)[1]
    assert spool.claims()[0].state == "done"
    assert not spool.unfinished()
    assert ps.recover("calc").by.tolist() == ["local"] * 3


def test_task_that_waits_in_a_queue_runs_nothing_that_has_a_row_when_it_begins():
    params = ps.plist("a", range(3))
    spool = prepare(by_task, params, skip_dups=True)
    claim(spool)
    ps.run_local(lambda pset: {"by": "local"}, params[1:])
    assert "1 pset has run" in run(spool)[1]
    assert sorted(ps.recover("calc").by) == ["local", "local", "task"]


def test_tasks_still_run_the_repeats_that_are_missing():
    spool = local_while_preparing(ps.plist("a", [1, 2]), skip_dups=True, repeats=3)
    assert spool.unfinished() == {0: [0, 1], 1: [2, 3]}
    for chunk in range(2):
        claim(spool, chunk)
        assert run(spool, chunk)[0] == 0
    assert ps.recover("calc").a.value_counts().to_dict() == {1: 3, 2: 3}


@pytest.mark.parametrize("options", [{}, {"skip_dups": True, "code": "rerun"}])
def test_tasks_run_again_what_they_were_prepared_for_on_purpose(options):
    spool = local_while_preparing(ps.plist("a", [1, 2]), **options)
    assert spool.unfinished() == {0: [0, 1]}


def test_tasks_run_again_what_has_failed_elsewhere():
    params = ps.plist("a", [1, 2])
    again = prepare(by_task, params, skip_dups=True)
    tried = prepare(by_task, ps.plist("a", [3]), skip_dups="tried")

    def fails(pset):
        raise ValueError

    ps.run_local(fails, ps.plist("a", [1, 2, 3]), on_error="record")
    assert again.unfinished() == {0: [0, 1]}
    assert not tried.unfinished()


def prepared_elsewhere(params, **options):
    """Prepare tasks in a copy of the study on another machine, and copy them from there."""
    there = prepare(by_task, params, calc_dir="there", **options)
    spool = Spool(Study("calc").layout.spool(there.run_id))
    shutil.copytree(there.folder, spool.folder)
    spool.note_pushed()
    return spool


def test_no_task_runs_what_tasks_of_another_machine_have():
    params = ps.plist("a", range(3))
    spool = prepare(by_task, params, size=2, skip_dups=True, seed=1)
    other = prepared_elsewhere(params[1:], skip_dups=True, seed=1)
    claim(other)
    assert prepare(by_task, params, skip_dups=True, seed=1) is None
    assert spool.unfinished() == {0: [0]}
    assert other.unfinished() == {0: [0, 1]}
    claim(spool)
    assert run(spool)[0] == run(other)[0] == 0
    with pytest.warns(RuntimeWarning, match="of another run"):
        df = ps.recover("calc").sort_values("a")
    assert df.a.tolist() == [0, 1, 2]
    expected = ps.run_local(by_task, params, seed=1, save=False)
    assert df._seed.tolist() == expected._seed.tolist()


@pytest.mark.parametrize("first", [{"repeats": 1, "skip_dups": True}, {}])
def test_tasks_run_all_that_the_call_which_wanted_the_most_has_asked_for(first):
    params = ps.plist("a", [1, 2])
    prepare(by_task, params, **first)
    for _ in range(3):
        prepare(by_task, params, skip_dups=True, repeats=3)
    assert (
        sum(len(i) for s in spools_of(Study("calc").layout) for i in s.unfinished().values()) == 6
    )


def test_run_ends_well_next_to_a_spool_that_cannot_be_read():
    params = ps.plist("a", [1, 2])
    spool = prepare(by_task, params, skip_dups=True)
    first = (spool.folder / "work.pk").read_bytes().partition(b"\n")[0]
    (spool.folder / "work.pk").write_bytes(first + b"\n{")
    assert len(ps.run_local(by_task, params)) == 2


@pytest.mark.parametrize(
    "again",
    [lambda params: local(params), lambda p: prepare(by_task, p, skip_dups=True, timeout=9)],
)
@pytest.mark.parametrize("ends", [False, True])
def test_chunk_that_somebody_takes_meanwhile_is_left_to_them(monkeypatch, again, ends):
    params = ps.plist("a", [1, 2])
    spool = prepare(by_task, params)
    free = Spool.free

    def submitted_meanwhile(self):
        found = free(self)
        if not spool.claims():
            claim(spool)
            if ends:
                spool.lost_path(0, 1).write_text("lost by kill\n")
        return found

    monkeypatch.setattr(Spool, "free", submitted_meanwhile)
    again(params)
    assert len(list(spools_of(Study("calc").layout))) == 1
    assert not len(ps.df_read("calc"))
    assert not spool.taken()
