"""A journal that was copied from another study: both studies' rows are kept and can be used."""

from __future__ import annotations

import re
import shutil
import warnings
from pathlib import Path

import pytest
from hostile import journal_of

import psweep as ps
from psweep_core import cli

NUMBERS_AGAIN = "has numbers .* of another run"


def func(pset):
    return {"r": 1.5}


def copy_of_a_journal(basename="database.pk", into="calc", **kwds):
    """Put the journal of a run of another study, which was killed, into a study."""
    journal = journal_of(run="foreign", calc_dir="other", **kwds)
    return Path(shutil.copy(journal, Path(into, ".psweep", basename)))


def check(n_rows, n_runs):
    """Check that all rows are there, with numbers of their own, and that it can be changed."""
    df = ps.recover("calc")
    assert len(df) == n_rows
    for name in ("_pset_seq", "_pset_id"):
        assert df[name].is_unique
    assert len(df[["_run_id", "_run_seq"]].drop_duplicates()) == n_runs
    assert df._run_seq.nunique() == n_runs
    assert len(ps.edit("calc", lambda df: ps.df_add_param(df, "new", 1))) == n_rows
    last = ps.recover("calc")._pset_id.iloc[-1]
    assert cli.rm([f"_pset_id == '{last}'"]) == 0
    assert cli.rm(["--undo"]) == 0
    assert ps.recover("calc")._pset_id.tolist() == df._pset_id.tolist()
    assert len(ps.run_local(func, [{"a": 1000}])) == n_rows + 1
    assert not ps.check_calc_dir("calc")["unfinished_journals"]


def test_two_killed_runs_in_one_folder():
    journal_of(rows=2)
    copy_of_a_journal(rows=3)
    with pytest.warns(RuntimeWarning, match=NUMBERS_AGAIN):
        assert ps.df_read("calc")._pset_seq.is_unique
    calls = []
    with pytest.warns(RuntimeWarning, match=NUMBERS_AGAIN):
        df = ps.run_local(lambda pset: calls.append(1) or func(pset), [{"a": 100}])
    assert df.a.tolist() in ([0, 1, 0, 1, 2, 100], [0, 1, 2, 0, 1, 100])
    assert calls == [1]
    check(6, 3)


@pytest.mark.parametrize("first", [0, 1])  # 1: only the number of the run is that of another
def test_a_database_and_the_journal_of_another_study(first):
    ps.run_local(func, ps.plist("a", range(1 + 9 * first)))
    ps.run_local(func, ps.plist("a", range(10 - 9 * first)))
    copy_of_a_journal(rows=2, run_seq=first)
    with pytest.warns(RuntimeWarning, match=NUMBERS_AGAIN):
        df = ps.run_local(func, [{"a": 100}])
    assert df._run_seq.tolist() == [0] * (1 + 9 * first) + [1] * (10 - 9 * first) + [2, 2, 3]
    check(14, 4)


@pytest.mark.parametrize("kwds", [{}, {"poolsize": 1}])
@pytest.mark.parametrize("merged", [True, False])
def test_a_journal_that_is_copied_during_a_run(kwds, merged):
    def copies(pset):
        copy_of_a_journal(rows=2)
        if merged:
            with pytest.warns(RuntimeWarning, match=NUMBERS_AGAIN):
                ps.recover("calc")
        return func(pset)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        df = ps.run_local(copies, [{"a": 100}], **kwds)
    assert any("of another run" in str(each.message) for each in told) == (not merged)
    assert df.a.tolist() == [100, 0, 1]
    assert df._pset_seq.tolist()[0] == 0
    check(3, 2)


def test_removed_rows_whose_numbers_are_taken_come_back():
    ps.run_local(func, ps.plist("a", [100, 101]))
    assert cli.rm(["a > 0"]) == 0
    copy_of_a_journal(rows=3)
    assert ps.recover("calc")._pset_seq.tolist() == [0, 1, 2]
    with pytest.warns(RuntimeWarning, match="now have _run_seq from . and _pset_seq from ."):
        assert cli.rm(["--undo"]) == 0
    assert ps.df_read("calc").a.tolist() == [0, 1, 2, 100, 101]
    check(5, 2)


def test_no_warning_of_runs_of_one_study():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for run_seq in (3, 1, 2):
            journal_of(run=f"run{run_seq}", run_seq=run_seq)
            assert ps.df_read("calc")._pset_seq.is_unique
            ps.recover("calc")
    assert ps.df_read("calc")._run_seq.tolist() == [1] * 3 + [2] * 3 + [3] * 3


def test_a_skipped_journal_does_not_block_changes():
    basename = "database.json"
    ps.run_local(func, ps.plist("a", [1, 3]), database_basename=basename)
    journal = copy_of_a_journal(basename, rows=2)
    for param in ("x", "y"):
        with pytest.warns(RuntimeWarning, match="could not be loaded"):
            df = ps.edit("calc", lambda df, name=param: ps.df_add_param(df, name, 1))
        assert df[param].tolist() == [1, 1]
    assert journal.exists()


@pytest.mark.parametrize("poolsize", [None, 1])
@pytest.mark.parametrize("result", [1.5, [1.5]])  # the rows of plain values are cached
def test_rows_with_the_same_numbers_come_during_a_run(poolsize, result):
    """They come as by psweep-push or psweep-pull, which see no journal."""
    params = ps.plist("a", [1, 2])
    ps.run_local(func, params)
    shutil.copytree("calc", "other")
    ps.run_local(func, ps.plist("a", [3, 4]), calc_dir="other")

    def transferred(pset):
        if pset["a"] == 5:
            shutil.copy("other/database.pk", "calc/database.pk")
        return {"r": result}

    # (`pytest.warns` would pass on that of Python 3.12 about forks of threads, as an error.)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        df = ps.run_local(transferred, ps.plist("a", [5, 6, 7]), poolsize=poolsize)
    assert [w for w in caught if re.search(NUMBERS_AGAIN, str(w.message))]
    assert df.a.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert ps.df_runs("calc").n_rows.tolist() == [2, 2, 3]
    check(7, 3)


def test_an_interrupted_run_counts_rows_that_got_other_numbers(capsys):
    ps.run_local(func, [{"a": 1}])
    shutil.copytree("calc", "other")
    ps.run_local(func, [{"a": 2}], calc_dir="other")

    def interrupted(pset):
        if pset["a"] == 5:
            shutil.copy("other/database.pk", "calc/database.pk")
            raise KeyboardInterrupt
        return {"r": 1.5}

    with (
        pytest.warns(RuntimeWarning, match=NUMBERS_AGAIN),
        pytest.raises(KeyboardInterrupt),
    ):
        ps.run_local(interrupted, ps.plist("a", [3, 4, 5]))
    assert "2 of 3 psets are safe" in capsys.readouterr().err
    check(4, 3)
