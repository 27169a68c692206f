"""Files that somebody else has made: nothing in them runs, and nothing of ours is spoiled."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import threading
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hostile import Evil, journal_of, row

import psweep as ps
from psweep_core.store import atomic
from psweep_core.store.journal_reader import read_journal
from psweep_core.store.paths import Layout, lock_of
from psweep_core.store.records import record, salt_of
from psweep_core.store.study import Study

# files that are written


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_a_link_with_the_name_of_a_temporary_file_is_not_followed(monkeypatch):
    Path("mine").write_text("precious")
    names = iter(["a", "b"])
    monkeypatch.setattr(atomic.secrets, "token_hex", lambda n: next(names))
    for old in (f".out.json.{os.getpid()}.tmp", f".out.json.{os.getpid()}-a.tmp"):
        os.symlink("mine", old)
    ps.file_write("out.json", "new")
    assert Path("mine").read_text() == "precious"
    assert not Path("out.json").is_symlink()
    assert Path("out.json").read_text() == "new"


def test_threads_that_write_one_file_each_write_it_whole():
    errors = []

    def write(who):
        try:
            for _ in range(15):
                ps.file_write("text", who * 50_000)
                ps.df_write(pd.DataFrame({"a": [who] * 1000}), "frame.pk")
                assert len(set(ps.file_read("text"))) == 1
                assert ps.df_read("frame.pk").a.nunique() == 1
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(who,)) for who in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sorted(os.listdir()) == ["frame.pk", "text"]


def test_a_fold_removes_what_a_killed_writer_has_left_and_not_what_is_being_written():
    df = ps.run_local(lambda p: {}, [{"a": 1}])
    Path("calc/.database.pk.77.tmp").write_bytes(b"abandoned")
    with atomic.replacing("calc/database.pk") as file:
        pickle.dump(df, file)
        ps.recover("calc")
        names = [name for name in os.listdir("calc") if name.endswith(".tmp")]
        assert len(names) == (1 if os.name == "posix" else 0)
        assert "calc/.database.pk.77.tmp" not in names
    assert ps.df_read("calc").a.tolist() == [1]


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_a_group_shares_a_study():
    os.mkdir("calc")
    os.chmod("calc", 0o2775)
    old = os.umask(0o002)
    try:
        ps.run_local(lambda p: {}, [{"a": 1}], poolsize=1)
        ps.run_local(lambda p: {}, [{"a": 2}])
    finally:
        os.umask(old)
    for path in [Path("calc"), *Path("calc").rglob("*")]:
        assert path.stat().st_mode & 0o060 == 0o060, path
    assert Path("calc/.psweep").stat().st_mode & 0o2000


# files that are read


@pytest.mark.parametrize("basename", ["database.json", "database.parquet"])
@pytest.mark.parametrize("database", ["intact", "damaged", "none"])
def test_reading_a_study_that_holds_data_only_unpickles_nothing(basename, database):
    if basename.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="of the extra parquet")
    ps.run_local(lambda p: {}, [{"a": 1}], database_basename=basename)
    folder = Path("calc/.psweep", basename)
    evil = record(pickle.dumps(Evil()))
    header = record(pickle.dumps({"run_id": "x"}))
    (folder / "3.x.0.journal").write_bytes(evil)
    (folder / "4.y.0.journal").write_bytes(header + evil)
    (folder / "4.y.0.journal.row_groups").write_bytes(evil)
    good = journal_of(basename, "z", 5, rows=0)
    salted = record(pickle.dumps(Evil()), salt_of("z"))
    good.write_bytes(good.read_bytes().rstrip(b"\0") + salted)
    Path(f"{good}.row_groups").write_bytes(salted)
    (folder / "6.w.0.journal").write_bytes(record(b'{"format": 2, "run_id": ["no"]}'))
    if database == "damaged":
        Path("calc", basename).write_text("damaged")
    elif database == "none":
        Path("calc", basename).unlink()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for read in (
            lambda: ps.df_read("calc"),
            lambda: ps.df_read(f"calc/{basename}"),
            lambda: ps.recover("calc", basename),
            lambda: ps.run_local(lambda p: {}, [{"a": 2}], database_basename=basename),
            lambda: ps.check_calc_dir("calc"),
        ):
            try:
                read()
            except (ps.DatabaseError, ps.StudyNotFoundError):
                assert database != "intact"
    assert not Path("hacked").exists()
    assert any("pickles, which may run code" in str(each.message) for each in told)
    if database != "damaged":
        with pytest.warns(RuntimeWarning):
            assert 2 in ps.df_read("calc").a.tolist()


@pytest.mark.parametrize("poolsize", [None, 2])
def test_journals_of_a_json_study_hold_json(poolsize):
    held = []

    def func(pset):
        for path in Path("calc/.psweep/database.json").glob("*.journal*"):
            held.append(path.read_bytes())
        return {"r": (1, pset["a"]), "x": float("nan"), "b": b"\xff", "odd": {1: None}}

    params = ps.plist("a", [1, 2.5, "é\x1b", None, 10**30, b"x", float("inf")])
    df = ps.run_local(func, params, poolsize=poolsize, database_basename="database.json")
    pd.testing.assert_frame_equal(df, ps.df_read("calc/database.json"))
    assert df.r.tolist()[:2] == [(1, 1), (1, 2.5)]
    if poolsize is None:
        assert b'"pset' not in held[0]
        assert not any(b"\x80\x05" in data for data in held)


@pytest.mark.parametrize("basename", ["database.pk", "database.json"])
def test_rows_of_a_killed_run_are_the_same_in_any_journal(basename):
    journal_of(basename, rows=12)
    df = ps.recover("calc", basename)
    assert df.a.tolist() == list(range(12))
    assert df.r.tolist() == [1.5] * 12


def test_a_database_of_json_cannot_ask_for_memory():
    for value, shape in (("", []), ([], [0]), ([""], [1])):
        array = {"__py__": "ndarray", "dtype": "<U400000000", "shape": shape, "v": value}
        text = json.dumps({"columns": ["a"], "index": [0], "data": [[array]]})
        Path("bomb.json").write_text(text)
        tracemalloc.start()
        try:
            ps.df_read("bomb.json")
        except ps.DatabaseError:
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 50e6


def test_many_small_arrays_cannot_ask_for_memory_either():
    def array(width):
        return {"__py__": "ndarray", "dtype": f"<U{width}", "shape": [1], "v": [""]}

    for width in (16_000, 4_000, 600, 500):
        text = json.dumps({"columns": ["a"], "index": [0], "data": [[[array(width)] * 3000]]})
        Path("bomb.json").write_text(text)
        tracemalloc.start()
        try:
            ps.df_read("bomb.json")
        except ps.DatabaseError:
            assert width > 500
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 80 * len(text)


@pytest.mark.parametrize("dtype", ["<U16000", ">U16000", "S5000", "<U511", "<U512", "<U513", "U3"])
@pytest.mark.parametrize("items", [[""], ["x", "y"], [], ["é" * 3] * 40])
def test_arrays_of_text_that_is_much_shorter_than_its_dtype_come_back(dtype, items):
    array = np.array([i.encode("utf-8") if "S" in dtype else i for i in items], dtype=dtype)
    df = ps.run_local(lambda p: {"y": array}, [{"a": 1}], database_basename="database.json")
    for found in (df.y[0], ps.df_read("calc/database.json").y[0]):
        assert found.dtype == array.dtype
        assert found.tolist() == array.tolist()
    text = Path("calc/database.json").read_text()
    assert array.nbytes < 4096 + 80 * len(text)


def test_what_only_looks_like_a_journal_is_skipped_with_a_warning():
    ps.run_local(lambda p: {}, [{"a": 1}])
    journal = journal_of(run_seq=7, rows=1)
    folder = journal.parent
    shutil.copy(journal, folder / f"copy of {journal.name}")
    shutil.copy(journal, folder / "7.run.0 (1).journal")
    (folder / f"._{journal.name}").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    (folder / "x.journal").mkdir()
    (folder / "8.y.0.journal").mkdir()
    for look in (
        lambda: ps.df_read("calc"),
        lambda: ps.recover("calc"),
        lambda: ps.run_local(lambda p: {}, [{"a": 2}], skip_dups=True),
    ):
        with pytest.warns(RuntimeWarning, match=r"which psweep has not made; it is skipped"):
            df = look()
        assert df.a.tolist() == [1, 70] + [2] * (len(df) - 2)
    assert (folder / "x.journal").exists()
    assert (folder / f"copy of {journal.name}").exists()
    with pytest.warns(RuntimeWarning, match="it is skipped"):
        assert ps.check_calc_dir("calc")["unfinished_journals"] == set()


def test_a_journal_of_a_newer_psweep_is_named():
    ps.run_local(lambda p: {}, [{"a": 1}])
    header = {"format": 99, "run_id": "run", "compressed": True}
    path = Path("calc/.psweep/database.pk/1.run.0.journal")
    path.write_bytes(record(json.dumps(header).encode()) + record(b"new", 5))
    with pytest.warns(RuntimeWarning, match="made by a newer psweep .*it is skipped"):
        assert ps.df_read("calc").a.tolist() == [1]
    for use in (lambda: ps.recover("calc"), lambda: ps.run_local(lambda p: {}, [{"a": 2}])):
        with pytest.raises(ps.DatabaseError, match=r"made by a newer psweep .*update psweep"):
            use()
    assert path.exists()


def test_journals_of_the_first_format_can_be_read():
    header = {"run_id": "run", "run_seq": 3, "calc_dir": "calc", "first_seq": 5, "n_psets": 2}
    path = Path("calc/.psweep/database.pk/3.run.0.journal")
    path.parent.mkdir(parents=True)
    rows = [row(5), row(6)]
    path.write_bytes(b"".join(record(pickle.dumps(part, 5)) for part in (header, *rows)))
    assert read_journal(path).rows == rows
    assert ps.recover("calc").a.tolist() == [5, 6]


def test_records_that_a_removed_journal_left_on_the_disk_are_not_taken_again():
    """After a power cut, a file system may return old blocks below a new header."""
    old = journal_of(run="old", run_seq=0, rows=5)
    data = old.read_bytes().rstrip(b"\0")
    assert len(ps.recover("calc")) == 5
    new = journal_of(run="new", run_seq=1, rows=0)
    header = new.read_bytes().rstrip(b"\0")
    new.write_bytes(header + data[len(header) :] + bytes(100))
    assert ps.df_read("calc")._pset_id.is_unique
    assert len(ps.df_read("calc")) == 5
    # or the whole file, header and all, by its new name
    new.write_bytes(data)
    for df in (ps.df_read("calc"), ps.recover("calc"), ps.df_read("calc/database.pk")):
        assert len(df) == 5
        assert df._pset_id.is_unique


# who looks at the wrong moment


def test_a_run_that_ends_while_somebody_looks_for_it_is_found():
    path = journal_of(rows=2)
    looks = []
    exists, journals = Path.exists, Layout.journals

    def ends_after(found):
        looks.append(found)
        if len(looks) == 1:
            with pytest.MonkeyPatch.context() as inner:
                inner.setattr(Path, "exists", exists)
                inner.setattr(Layout, "journals", journals)
                ps.recover("calc")
        return found

    def look_for_file(self, **kwds):
        return ends_after(exists(self)) if self.name == "database.pk" else exists(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "exists", look_for_file)
        patch.setattr(Layout, "journals", lambda self: ends_after(journals(self)))
        assert ps.df_read("calc").a.tolist() == [0, 1]
    assert looks
    assert not path.exists()


@pytest.mark.parametrize("when", ["before", "after"])
def test_rows_never_vanish_for_a_reader(when):
    """Of a run that ends between two looks of one reader, one at the journals, one at the rest."""
    ps.run_local(lambda p: {}, [{"a": 7}])
    journal_of(rows=2, run_seq=1)
    from psweep_core.store import study

    for name in ("find_journal", "read_database"):
        with pytest.MonkeyPatch.context() as patch:
            place = study if name == "find_journal" else Study
            real = getattr(place, name)

            def look(*args, real=real, patch=patch):
                patch.undo()
                if when == "before":
                    ps.recover("calc")
                found = real(*args)
                if when == "after":
                    ps.recover("calc")
                return found

            patch.setattr(place, name, look)
            assert ps.df_read("calc").a.tolist() == [7, 10, 11]
        shutil.rmtree("calc")
        ps.run_local(lambda p: {}, [{"a": 7}])
        journal_of(rows=2, run_seq=1)


@pytest.mark.parametrize("n", [1, 7, 8, 9, 30, 311])
def test_the_last_row_of_a_journal_is_a_row(n):
    path = journal_of(rows=n)
    assert [each.seq for each in read_journal(path).rows] == list(range(n))
    assert len(ps.df_read("calc")) == n
    assert len(ps.recover("calc")) == n
    assert not lock_of(path).exists()


def test_two_databases_in_one_folder_are_backed_up_at_once():
    names = ["one.pk", "two.pk"]
    for name in names:
        ps.run_local(lambda p: {}, ps.plist("a", range(3)), database_basename=name)
    for i in range(200):
        Path("calc", f"file_{i}").write_text("x")
    errors = []

    def runs(name):
        try:
            for i in range(4):
                ps.run_local(lambda p: {}, [{"a": i}], database_basename=name, backup=True)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=runs, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    backups = list(Path().glob("calc.bak_*"))
    assert len(backups) == 8
    assert all(len(list(folder.glob("file_*"))) == 200 for folder in backups)
    assert not list(Path().glob(".calc.bak*"))


def test_a_link_in_place_of_our_gitignore_is_not_followed():
    private = Path("calc/.psweep/database.pk")
    private.mkdir(parents=True)
    Layout("calc").gitignore.symlink_to(Path("mine").resolve())
    ps.run_local(lambda p: {}, [{"a": 1}])
    assert not Path("mine").exists()
