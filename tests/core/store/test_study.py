"""A study on disk: who owns which numbers, what is folded, what is left alone."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pandas as pd
import pytest

import psweep as ps
from psweep_core.store import run_record
from psweep_core.store.locks import file_lock
from psweep_core.store.paths import Layout, lock_of
from psweep_core.store.row_bytes import encode
from psweep_core.store.run_record import RunRecord
from psweep_core.store.study import Study
from psweep_core.table.frames import frame_of_rows


def row(seq, name="id"):
    return (seq, f"{name}{seq}", 10**18 + seq, ps.pset_hash({"a": seq}), 0.1, {"a": seq}, {}, None)


@pytest.fixture
def study():
    return Study("calc")


def begin(study, run_id="run", n=10, numbers=(0, 0)):
    with study.locked():
        header = study.reserve(run_id, *numbers, n)
        return header, RunRecord(header, study.layout)


def test_numbers_of_live_runs_are_not_given_twice(study):
    first, one = begin(study, "one", 10)
    second, two = begin(study, "two", 5)
    third, three = begin(study, "three", 1, numbers=(7, 100))
    assert (first.run_seq, first.first_seq) == (0, 0)
    assert (second.run_seq, second.first_seq) == (1, 10)
    assert (third.run_seq, third.first_seq) == (7, 100)
    for book in (one, two, three):
        book.close()
    assert study.fold_now().empty
    assert study.layout.journals() == []
    again, book = begin(study, "four", 1)
    assert (again.run_seq, again.first_seq) == (0, 0)
    book.close()


@pytest.mark.parametrize("kept", [True, False])
def test_rows_that_are_in_the_database_already_are_not_taken_twice(study, kept):
    """Whoever moved them there may have been killed before the journal was removed."""
    header, book = begin(study, n=2)
    rows = [row(0), row(1)]
    for each in rows:
        book.add(each)
    book.close()
    ps.df_write(frame_of_rows(rows, header)[:1], "calc/database.pk")
    df = study.fold_now(book if kept else None)
    assert df.a.tolist() == [0, 1]
    assert study.layout.journals() == []


def test_live_journals_are_read_but_not_folded(study):
    _, book = begin(study)
    book.add_bytes(encode(row(0)))
    assert study.known().a.tolist() == [0]
    assert study.fold_now().empty
    assert study.known().a.tolist() == [0]
    assert len(study.layout.journals()) == 1
    book.close()
    assert study.fold_now().a.tolist() == [0]
    assert study.layout.journals() == []
    assert os.listdir("calc/.psweep/database.pk") == ["lock"]
    assert Path("calc/.psweep/.gitignore").read_text() == "*\n"


def test_a_fold_that_was_cut_off_before_it_removed_its_journals_is_not_done_twice(study):
    header, book = begin(study)
    rows = [row(i) for i in range(4)]
    for each in rows:
        book.add_bytes(encode(each))
    book.close()
    ps.df_write(frame_of_rows(rows[:3], header), "calc/database.pk")
    assert study.known().a.tolist() == [0, 1, 2, 3]
    assert Study("calc").fold_now().a.tolist() == [0, 1, 2, 3]
    assert ps.df_read("calc/database.pk")._pset_id.is_unique


def test_rows_that_cannot_be_read_keep_their_journal(study):
    header, book = begin(study)
    book.add_bytes(encode(row(0)))
    book.add_bytes(encode(row(1)).replace(b"id1", b"\xff\xff\xff"))
    book.add_bytes(encode(row(2)))
    book.close()
    for _ in range(2):
        with pytest.warns(
            RuntimeWarning, match="1 finished psets could not be loaded.*psweep.recover"
        ):
            df = ps.recover("calc")
        assert df.a.tolist() == [0, 2]
        assert len(study.layout.journals()) == 1
    with pytest.warns(RuntimeWarning, match="could not be loaded"):
        assert ps.df_read("calc").a.tolist() == [0, 2]


def test_a_journal_with_garbage_is_kept(study):
    header, book = begin(study)
    for i in range(3):
        book.add_bytes(encode(row(i)))
    book.close()
    (path,) = book.journals
    data = bytearray(path.read_bytes())
    data[data.index(b"id1")] ^= 255
    path.write_bytes(data)
    with pytest.warns(RuntimeWarning, match="damaged"):
        df = ps.recover("calc")
    assert df.a.tolist() == [0, 2]
    assert path.exists()


def test_a_journal_that_vanishes_between_listing_and_reading_is_no_error(study, monkeypatch):
    ps.run_local(lambda p: {}, [{"a": 1}])
    gone = Path("calc/.psweep/database.pk/5.run.0.journal")
    monkeypatch.setattr(Layout, "journals", lambda self: [gone])
    assert ps.df_read("calc").a.tolist() == [1]


def test_the_database_is_read_once_a_run_if_another_process_wrote_it(monkeypatch):
    from psweep_core.store import database, last_written

    ps.run_local(lambda p: {}, [{"a": 1}])
    reads = []
    real = database.read_file
    monkeypatch.setattr(database, "read_file", lambda path: (reads.append(path), real(path))[1])
    last_written.forget()
    ps.run_local(lambda p: {}, [{"a": 2}], skip_dups=True)
    assert len(reads) == 1
    ps.run_local(lambda p: {}, [{"a": 3}], skip_dups=True)
    assert len(reads) == 2
    ps.run_local(lambda p: {}, [{"a": 3}], skip_dups=True)
    assert len(reads) == 2  # it is what this process wrote last, for the second time
    last_written.forget()
    header, book = begin(Study("calc"), numbers=(3, 3))
    book.add_bytes(encode(row(3)))
    book.close()
    ps.run_local(lambda p: {}, [{"a": 9}], skip_dups=True)
    assert len(reads) == 3
    assert ps.df_read("calc").a.tolist() == [1, 2, 3, 3, 9]


def test_only_one_process_changes_the_database_at_a_time(study):
    from filelock import Timeout

    with study.locked(), pytest.raises(Timeout):
        file_lock(Path("calc/.psweep/database.pk/lock")).acquire(timeout=0)


def test_a_forked_child_does_not_keep_the_locks_of_its_parent(study):
    header, book = begin(study)
    book.add_bytes(encode(row(0)))
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    book.close()
    try:
        assert study.fold_now().a.tolist() == [0]
        assert study.layout.journals() == []
    finally:
        os.write(go[1], b"x")
        os.waitpid(child, 0)
        for fd in (*ready, *go):
            os.close(fd)


def test_columns_are_in_the_order_of_the_rows_in_whatever_order_these_finished(study):
    rows = [
        (i, f"id{i}", 10**18, "sha", 0.1, {"a": i}, results, None)
        for i, results in enumerate([{"first": 1, "both": 2}, {"both": 2, "first": 1, "last": 3}])
    ]
    header, book = begin(study)
    for each in reversed(rows):
        book.add_bytes(encode(each))
    for df in (study.known(), (book.close(), study.fold_now())[1]):
        pd.testing.assert_frame_equal(df, frame_of_rows(rows, header))
        assert [name for name in df if not name.startswith("_")] == ["a", "first", "both", "last"]


def test_what_a_damaged_journal_has_lost_comes_from_its_blocks(study, monkeypatch):
    monkeypatch.setattr(run_record, "GROUP_ROWS", 10)
    header, book = begin(study)
    for i in range(25):
        book.add(row(i))
    book.close()
    (path,) = book.journals
    data = path.read_bytes()
    start = data.index(b"id15")
    path.write_bytes(data[:start] + bytes(len(data) - start))  # as after a power cut
    for df in (study.known(), study.fold_now(), study.known()):
        assert df.a.tolist() == list(range(20))
    assert study.layout.journals() == []


def test_who_looks_sees_each_row_once_also_of_blocks(study, monkeypatch):
    """A run that is killed after it wrote the database leaves all it had."""
    monkeypatch.setattr(run_record, "GROUP_ROWS", 10)
    names = ["early"] * 17 + ["late"] * 18
    rows = [
        (i, f"id{i}", 10**18, "sha", 0.1, {"a": i}, {name: i}, None) for i, name in enumerate(names)
    ]
    header, book = begin(study)
    for each in rows:
        book.add(each)
    expected = frame_of_rows(rows, header)
    pd.testing.assert_frame_equal(study.known(), expected)
    for n in (5, 10, 17, 25, 33, 35):
        ps.df_write(frame_of_rows(rows[:n], header), "calc/database.pk")
        pd.testing.assert_frame_equal(study.known(), expected)
    book.close()
    Path("calc/database.pk").unlink()
    pd.testing.assert_frame_equal(study.fold_now(), expected)
    assert os.listdir("calc/.psweep/database.pk") == ["lock"]


def test_whoever_asks_if_a_run_lives_at_the_moment_it_ends_takes_no_row(study):
    """psweep-status and others try the lock of a journal for a moment, as its writer holds it."""
    _, book = begin(study, n=1)
    book.add_bytes(encode(row(0)))  # it is only in the journal, as rows with lists are
    (path,) = study.layout.journals()
    book.close()
    asked = file_lock(lock_of(path))
    asked.acquire()
    timer = threading.Timer(0.2, asked.release)
    timer.start()
    df = study.fold_now(book)
    timer.join()
    assert df["a"].tolist() == [0]


@pytest.mark.parametrize("basename", ["database.pk", "database.json", "database.parquet"])
def test_rows_in_journals_are_named_when_the_database_is_damaged(basename):
    if basename.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="needs pyarrow: pip install pyarrow")
    study = Study("calc", basename)
    _, book = begin(study, n=2)
    for seq in range(2):
        book.add(row(seq))
    book.close()
    study.layout.database.write_bytes(b"no database")
    with pytest.raises(ps.DatabaseError, match="2 rows in the journals"):
        ps.df_read("calc")


def test_a_run_without_a_row_has_the_columns_that_it_will_have():
    def func(pset):
        df = ps.df_read("calc")
        return {"n": len(df), "ids": df._pset_id.tolist(), "stats": len(ps.df_stats(df))}

    df = ps.run_local(func, ps.plist("a", [1, 2]))
    assert df.n.tolist() == [0, 1]
    assert df.ids.tolist() == [[], [df._pset_id[0]]]
    assert df.stats.tolist() == [0, 1]


def test_the_warning_of_damaged_rows_says_how_to_be_done_with_it(study):
    header, book = begin(study)
    for i in range(3):
        book.add_bytes(encode(row(i)))
    book.close()
    (path,) = study.layout.journals()
    data = path.read_bytes()
    path.write_bytes(data.replace(b"id1", b"ix1"))
    for read in (ps.df_read, ps.recover):
        with pytest.warns(RuntimeWarning, match="damaged.*restore this file") as found:
            assert read("calc").a.tolist() == [0, 2]
        (warning,) = found
        assert str(warning.message).startswith(f"{path}: ")
        assert "version of Python" not in str(warning.message)
    path.unlink()
    assert ps.recover("calc").a.tolist() == [0, 2]
