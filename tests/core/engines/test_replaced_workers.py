"""The rows of workers that have ended before their run: nobody may miss them, whatever he does."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import time

import pytest

import psweep as ps
from psweep_core.engines import worker_process
from psweep_core.store import journal_reader, study
from psweep_core.store.regular import open_regular
from psweep_core.store.run_record import RunRecord

pytestmark = [pytest.mark.processes, pytest.mark.untraced]


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be removed on Windows")
@pytest.mark.parametrize("folder", ["calc", "calc/.psweep"])
@pytest.mark.parametrize("how", ["retire", "kill", "timeout"])
def test_a_removed_folder_costs_no_row_of_workers_that_have_ended(folder, how):
    def func(pset):
        if pset["a"] == 2 and how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if pset["a"] == 2 and how == "timeout":
            time.sleep(600)
        if pset["a"] in (3, 5):
            shutil.rmtree(folder, ignore_errors=True)
        return {"b": [pset["a"]]}

    kwds = {"retire": {"max_tasks_per_child": 1}, "timeout": {"timeout": 2}}.get(how, {})
    df = ps.run_local(func, ps.plist("a", range(8)), poolsize=1, on_error="record", **kwds)
    good = [a for a in range(8) if a != 2 or how == "retire"]
    assert df[~df._failed].a.tolist() == good
    assert df._pset_seq.tolist() == [*range(8)]
    assert ps.df_read("calc")._pset_id.tolist() == df._pset_id.tolist()
    assert os.listdir("calc/.psweep/database.pk") == ["lock"]


def test_a_journal_that_could_not_be_opened_at_first_costs_no_row(monkeypatch):
    """As when this process had too many open files at that moment."""
    n = [0]

    def refused(path):
        n[0] += 1
        if n[0] == 1:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))
        return open_regular(path)

    monkeypatch.setattr(worker_process, "open_regular", refused)
    df = ps.run_local(lambda pset: {}, ps.plist("a", range(4)), poolsize=1, max_tasks_per_child=2)
    assert df.a.tolist() == [0, 1, 2, 3]


def during_moves(monkeypatch, look):
    """Call a function before and after the rows of a worker that has ended move."""
    absorb = RunRecord.absorb

    def watched(self, path, rows):
        look()
        absorb(self, path, rows)
        look()

    monkeypatch.setattr(RunRecord, "absorb", watched)


def test_a_reader_misses_no_row_that_moves(monkeypatch):
    """The rows of a worker move while a reader is between two journals."""
    moves = []
    absorb = RunRecord.absorb
    find = study.find_journal

    def found(path):
        contents = find(path)
        while moves:
            absorb(*moves.pop())
        return contents

    def put_off(self, path, rows):
        moves.append((self, path, [*rows]))
        assert ps.df_read("calc")._pset_seq.tolist() == [*range(len(seen) + 1)]
        seen.append(path)

    seen = []
    monkeypatch.setattr(RunRecord, "absorb", put_off)
    monkeypatch.setattr(study, "find_journal", found)
    df = ps.run_local(lambda pset: {}, ps.plist("a", range(4)), poolsize=1, max_tasks_per_child=1)
    assert len(df) == 4
    assert len(seen) == 3


def test_a_run_that_ends_meanwhile_may_take_the_rows_or_find_them_gone(monkeypatch):
    n = [0]

    def other_run():
        n[0] += 1
        ps.run_local(lambda pset: {}, [{"other": n[0]}])

    during_moves(monkeypatch, other_run)
    df = ps.run_local(lambda pset: {}, ps.plist("a", range(4)), poolsize=1, max_tasks_per_child=1)
    assert df.a.dropna().tolist() == [0, 1, 2, 3]
    assert df.other.dropna().tolist() == [*range(1, n[0] + 1)]
    assert df._pset_id.is_unique
    assert df._pset_seq.tolist() == [*range(len(df))]


def test_a_journal_that_goes_while_another_run_ends_is_no_error(monkeypatch):
    """A run has asked whether a worker has ended, and then the worker's rows move."""
    moves = []
    absorb = RunRecord.absorb
    is_over = journal_reader.is_over

    def asked(path, seconds=0):
        answer = is_over(path, seconds)
        while answer and moves:
            absorb(*moves.pop())
        return answer

    def put_off(self, path, rows):
        moves.append((self, path, [*rows]))
        ps.run_local(lambda pset: {}, [{"other": 1}])
        assert not moves

    monkeypatch.setattr(RunRecord, "absorb", put_off)
    monkeypatch.setattr(study, "is_over", asked)
    df = ps.run_local(lambda pset: {}, ps.plist("a", range(3)), poolsize=1, max_tasks_per_child=1)
    assert df.a.dropna().tolist() == [0, 1, 2]
    assert df.other.notna().sum() == 2
