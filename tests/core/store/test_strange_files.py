"""What only has the name of a file of psweep: pipes, links, sockets, folders, pickles."""

from __future__ import annotations

import os
import pickle
import shutil
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import spools
from hostile import Evil, journal_of

import psweep as ps
from psweep_core import cli
from psweep_core.store.records import record, salt_of
from psweep_core.store.spool import Spool

posix = pytest.mark.skipif(os.name != "posix", reason="pipes, links and sockets of POSIX")


def make(kind, path):
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "dangling link":
        path.symlink_to("nowhere")
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "link to a file":
        path.symlink_to(Path("mine").absolute())
    elif kind == "folder":
        path.mkdir()
    else:
        here = os.getcwd()
        os.chdir(path.parent)  # the path of a socket must be short
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
        os.chdir(here)


KINDS = ["pipe", "dangling link", "loop", "link to a file", "folder", "socket"]
LOOKS = {
    "df_read": lambda: len(ps.df_read("calc")),
    "recover": lambda: len(ps.recover("calc")),
    "run": lambda: len(ps.run_local(lambda p: {}, [{"a": 1}], skip_dups=True)),
    "backup": lambda: len(ps.run_local(lambda p: {}, [{"a": 1}], skip_dups=True, backup=True)),
    "checkdir": lambda: len(ps.check_calc_dir("calc")["unfinished_journals"]) or 2,
    "report": lambda: ps.report("calc") and 2,
    "edit": lambda: len(ps.edit("calc", lambda df: df)),
}


@posix
@pytest.mark.parametrize("kind", ["pipe", "folder", "socket", "link to a pipe"])
def test_only_a_file_is_a_database(kind):
    ps.run_local(lambda p: {}, ps.plist("a", [1, 2]))
    database = Path("calc/database.pk")
    database.unlink()
    if kind == "link to a pipe":
        os.mkfifo("pipe")
        database.symlink_to(Path("pipe").absolute())
    else:
        make(kind, database)
    before = os.lstat(database)
    for look in LOOKS.values():
        with pytest.raises(ps.DatabaseError, match="is a folder, a pipe"):
            look()
    # (a folder may be one with a study)
    error = ps.StudyNotFoundError if kind == "folder" else ps.DatabaseError
    with pytest.raises(error):
        ps.df_read("calc/database.pk")
    assert os.lstat(database).st_ino == before.st_ino


@posix
@pytest.mark.parametrize("kind", KINDS)
def test_only_a_file_is_a_journal(kind):
    ps.run_local(lambda p: {}, ps.plist("a", [1, 2]))
    Path("mine").write_bytes(b"precious")
    stray = Path("calc/.psweep/database.pk/9.z.0.journal")
    make(kind, stray)
    for name, look in LOOKS.items():
        with pytest.warns(RuntimeWarning, match=r"holds \['9.z.0.journal'\], which psweep has not"):
            assert look() == 2, name
    assert os.path.lexists(stray)
    assert Path("mine").read_bytes() == b"precious"


@posix
@pytest.mark.parametrize("kind", KINDS)
def test_a_table_of_runs_that_is_no_file_is_not_read(kind):
    ps.run_local(lambda p: {}, [{"a": 1}])
    Path("mine").write_bytes(b"precious")
    Path("calc/runs.jsonl").unlink()
    make(kind, Path("calc/runs.jsonl"))
    assert len(ps.df_runs("calc")) == 1
    assert len(ps.df_read("calc")) == 1
    ps.report("calc")


@posix
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", ["blocks", "seeds"])
def test_the_rows_of_a_journal_count_whatever_is_next_to_it(kind, ending):
    Path("mine").write_bytes(b"precious")
    journal = journal_of(rows=2)
    make(kind, Path(f"{journal}.{ending}"))
    assert ps.df_read("calc").a.tolist() == [0, 1]
    assert ps.run_local(lambda p: {}, [{"a": 8}], seed=1).a.tolist() == [0, 1, 8]
    assert ps.df_read("calc/database.pk").a.tolist() == [0, 1, 8]
    assert not journal.exists()
    assert Path("mine").read_bytes() == b"precious"


@posix
@pytest.mark.parametrize("kind", KINDS)
def test_a_journal_whose_lock_is_none_is_read_and_stays(kind):
    """Nobody can tell whether its writer lives."""
    ps.run_local(lambda p: {}, [{"a": 7}])
    Path("mine").write_bytes(b"precious")
    journal = journal_of(rows=2, run_seq=1)
    lock = Path(f"{journal}.lock")
    lock.unlink(missing_ok=True)
    make(kind, lock)
    for look in (ps.df_read, ps.recover, lambda _: ps.run_local(lambda p: {}, [{"a": 8}])):
        with pytest.warns(RuntimeWarning, match=r"holds \['1.run.0.journal.lock'\], which psweep"):
            assert 7 in look("calc").a.tolist()
    with pytest.warns(RuntimeWarning, match="journal.lock"):
        df = ps.df_read("calc")
    assert sorted(df.a) == [7, 8, 10, 11]
    assert df._pset_seq.is_unique
    assert Path("mine").read_bytes() == b"precious"
    lock.rmdir() if lock.is_dir() and not lock.is_symlink() else lock.unlink()
    assert sorted(ps.recover("calc").a) == [7, 8, 10, 11]


@posix
def test_pipes_and_links_in_a_spool_are_not_read():
    spool = spools.prepare(lambda p: {"y": 1}, ps.plist("a", range(4)), size=2)
    Path("mine").write_bytes(b"precious")
    for name in ("0.claim", "1.taken.1.x", "recorded.x", "0.lost.1", "0.running.1"):
        os.mkfifo(spool.folder / name)
    header = spool.header
    os.mkfifo(spool.folder / f"{header.run_seq}.{spool.run_id}.0-1-x.0.journal")
    Path("calc/.psweep/batch/x").mkdir()
    os.mkfifo("calc/.psweep/batch/x/work.pk")
    again = Spool(spool.folder)
    assert again.claims() == {}
    assert again.unfinished() == {0: [0, 1], 1: [2, 3]}
    assert not again.begun()
    # (Nothing says that nobody has the first chunk.)
    df = ps.run_local(lambda p: {"y": 2}, ps.plist("a", range(4)), skip_dups=True)
    assert df.a.tolist() == [2, 3]


def test_a_pickle_in_a_spool_that_holds_data_only_is_skipped():
    spool = spools.prepare(
        lambda p: {"y": 1}, ps.plist("a", range(4)), size=2, database_basename="database.json"
    )
    header, evil = spool.header, pickle.dumps(Evil())
    first = f"{header.run_seq}.{spool.run_id}"
    (spool.folder / f"{first}.0-1-x.0.journal").write_bytes(record(evil))
    (spool.folder / f"{first}.0-1-x.0.journal.row_groups").write_bytes(
        record(evil, salt_of(spool.run_id))
    )
    (spool.folder / "0.claim").write_text("here\nby m me c\nstart 1 h 9 -\nend 2 stopped -\n")
    options = {"database_basename": "database.json"}
    for look in (
        lambda: ps.run_local(lambda p: {"y": 2}, [{"a": 9}], **options),
        lambda: ps.run_local(lambda p: {"y": 2}, ps.plist("a", [0, 1]), skip_dups=True, **options),
        lambda: ps.df_read("calc"),
        lambda: ps.recover("calc", "database.json"),
        lambda: Spool(spool.folder).unfinished(),
        lambda: spools.prepare(lambda p: {}, [{"a": 5}], **options),
    ):
        with pytest.warns(RuntimeWarning, match="holds pickles, which may run code .*skipped"):
            look()
    assert not Path("hacked").exists()
    assert sorted(ps.df_read("calc/database.json").a) == [0, 1, 9]


@pytest.mark.parametrize("data", [record(pickle.dumps(Evil())), record(b'{"format": 2}')])
def test_a_journal_that_is_none_keeps_no_one_from_changing_a_study(data):
    basename = "database.json"
    ps.run_local(lambda p: {}, ps.plist("a", [1, 2]), database_basename=basename)
    Path("calc/.psweep", basename, "9.z.0.journal").write_bytes(data)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert len(ps.edit("calc", lambda df: df.assign(b=1))) == 2
        assert cli.rm(["a == 1", "-c", "calc"]) == 0
        assert cli.rm(["--undo", "-c", "calc"]) == 0
        assert len(ps.df_read("calc")) == 2
    assert any("it is skipped" in str(each.message) for each in told)
    assert not Path("hacked").exists()


def test_a_study_that_is_copied_without_its_private_folder_opens():
    ps.run_local(lambda p: {}, [{"a": 1}])
    shutil.rmtree("calc/.psweep")
    Path("calc/.psweep").write_text("a file")
    assert len(ps.df_read("calc")) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems want names in UTF-8")
def test_the_name_of_a_folder_need_not_be_utf8():
    name = os.fsdecode(b"na\xefve")
    ps.run_local(lambda pset: {}, ps.plist("a", [1, 2]), calc_dir=name)
    df = ps.run_local(lambda pset: {}, ps.plist("a", [2, 3]), calc_dir=name, skip_dups=True)
    assert [*df._calc_dir] == [*ps.df_read(name)._calc_dir] == [name] * 3


@posix
def test_the_report_does_not_wait_for_a_pipe_in_the_place_of_a_log():
    df = ps.run_local(lambda p: {}, [{"a": 1}], capture_logs="file")
    log = Path(f"calc/{df._pset_id[0]}/logs.txt")
    log.unlink()
    os.mkfifo(log)
    ps.report("calc")


@posix
@pytest.mark.parametrize(
    "write",
    [
        lambda path: ps.report("calc", path),
        lambda path: ps.file_write(path, "text"),
        lambda path: ps.json_write(path, {"a": 1}),
        lambda path: ps.pickle_write(path, {"a": 1}),
    ],
)
def test_what_a_user_names_may_be_a_pipe_or_a_device(write):
    ps.run_local(lambda pset: {"b": 1}, [{"a": 1}])
    write("file")
    os.mkfifo("pipe")
    with subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE) as cat:
        write("pipe")
        said = cat.stdout.read()
    assert Path("pipe").is_fifo()
    assert len(said) == pytest.approx(Path("file").stat().st_size, abs=200)  # the time differs
    end, other_end = os.pipe()
    with (
        open(end, "rb") as stdin,
        subprocess.Popen(["cat"], stdin=stdin, stdout=subprocess.PIPE) as cat,
    ):
        write(f"/dev/fd/{other_end}")  # as a shell names it for `>(cat)`
        os.close(other_end)
        assert len(cat.stdout.read()) == pytest.approx(len(said), abs=200)
