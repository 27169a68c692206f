"""`psweep-push` while the study there changes, and what transfers leave behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cluster import links

import psweep as ps
from psweep_batch import remote_database
from psweep_batch.cli import pull, push

NEEDED = "sh bash rsync find ln mkdir cmp mv rm cp sleep cat tail awk".split()


@pytest.fixture
def connect(tmp_path, monkeypatch, make_ssh):
    """Push a study to another machine, and return where it is there."""

    def connect(**kwds):
        folder = tmp_path / "laptop/study"
        folder.mkdir(parents=True)
        monkeypatch.setenv("HOME", str(folder.parent))
        monkeypatch.chdir(folder)
        ssh = make_ssh(**kwds)
        for name, value in ssh.environ.items():
            monkeypatch.setenv(name, value)
        run(2)
        assert push(["cluster"]) == 0
        return ssh.home / "study/calc"

    return connect


def run(n, **kwds):
    return ps.run_local(lambda pset: {"b": 1}, ps.plist("a", range(n)), verbose=False, **kwds)


def run_there_when_rsync_copies(source, target, there, tmp_path, monkeypatch):
    """Let a run there end just before rsync copies from a place here to one there."""
    (tmp_path / "study.py").write_text(
        "import psweep as ps\n"
        f"ps.run_local(lambda pset: {{'b': 2}}, [{{'a': 9}}], calc_dir={str(there)!r})\n"
    )
    rsync = tmp_path / "slow/rsync"
    rsync.parent.mkdir()
    rsync.write_text(
        f"#!/bin/sh\nfor last; do before=$here here=$last; done\ncase $before:$last in\n"
        f"*/{source}:{target}) {sys.executable} {tmp_path}/study.py ;;\nesac\n"
        f'exec {shutil.which("rsync")} "$@"\n'
    )
    rsync.chmod(0o755)
    monkeypatch.setenv("PATH", f"{rsync.parent}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("source", "target"),
    [("", "cluster:study/calc/"), ("database.pk", "cluster:study/calc/.transfer_*")],
)
def test_rows_that_are_new_there_since_they_were_compared_stay(
    connect, tmp_path, monkeypatch, capfd, source, target
):
    there = connect()
    run(3)
    run_there_when_rsync_copies(source, target, there, tmp_path, monkeypatch)
    assert push(["cluster"]) == 1
    assert "calc/database.pk has changed since it was compared" in capfd.readouterr().err
    assert ps.df_read(there).a.tolist() == [0, 1, 9]
    assert not list(there.glob(".transfer_*"))


def test_a_first_push_does_not_replace_a_study_that_is_new_there(
    connect, tmp_path, monkeypatch, capfd
):
    there = connect()
    shutil.rmtree(there)
    run_there_when_rsync_copies(
        "database.pk", "cluster:study/calc/.transfer_*", there, tmp_path, monkeypatch
    )
    assert push(["cluster"]) == 1
    assert ps.df_read(there).a.tolist() == [9]


@pytest.mark.parametrize("locker", ["flock", "perl"])
def test_the_database_there_is_replaced_under_its_lock(
    connect, tmp_path, monkeypatch, capfd, locker
):
    there = connect(base_path=str(links(tmp_path / "few", *NEEDED, locker)))
    monkeypatch.setattr(remote_database, "_PATIENCE", 3)
    run(3)
    ours = Path("calc/database.pk").read_bytes()
    lock = there / ".psweep/database.pk/lock"
    lock.parent.mkdir(parents=True)
    with open(lock, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert push(["cluster"]) == 1
        assert "keeps the study locked; repeat this" in capfd.readouterr().err
        assert len(ps.df_read(there)) == 2
    assert push(["cluster"]) == 0
    assert (there / "database.pk").read_bytes() == ours
    assert not list(there.glob(".transfer_*"))


def test_without_a_program_that_locks_the_database_is_still_compared(connect, tmp_path):
    there = connect(base_path=str(links(tmp_path / "few", *NEEDED)))
    run(3)
    assert push(["cluster"]) == 0
    assert len(ps.df_read(there)) == len(ps.df_read("calc"))


def test_runs_that_begin_there_during_a_push_stay_in_the_table(connect, tmp_path, monkeypatch):
    there = connect()
    run(2, skip_dups=True)  # a run without new rows
    os.utime("calc/database.pk", (1, 1))  # theirs is newer, and stays
    run_there_when_rsync_copies("", "cluster:study/calc/", there, tmp_path, monkeypatch)
    assert push(["cluster"]) == 0
    ours, theirs = (set(ps.df_runs(calc).run_id) for calc in ("calc", there))
    assert len(theirs - ours) == 1
    assert not ours - theirs


@pytest.mark.parametrize("end", ["\n", '\n{"run_id": "cut'])
def test_the_table_of_runs_there_is_extended_also_where_it_is_newer(connect, end):
    there = connect()
    table = there / "runs.jsonl"
    old = table.read_text().rstrip("\n") + end
    table.write_text(old)
    in_an_hour = time.time() + 3600  # its clock is ahead
    os.utime(table, (in_an_hour, in_an_hour))
    run(3)
    assert push(["cluster"]) == 0
    assert table.read_text().startswith(old)
    assert set(ps.df_runs(there).run_id) == set(ps.df_runs("calc").run_id)
    new = table.read_text()
    assert push(["cluster"]) == 0
    assert table.read_text() == new


def test_databases_behind_links(connect, tmp_path):
    there = connect()
    for folder in (there, Path("calc")):
        elsewhere = tmp_path / folder.parent.parent.name
        elsewhere.mkdir(exist_ok=True)
        (folder / "database.pk").rename(elsewhere / "big.pk")
        (folder / "database.pk").symlink_to((elsewhere / "big.pk").absolute())
    run(3)
    assert push(["cluster"]) == 0
    assert len(ps.df_read(there)) == 5


def test_temporary_files_of_rsync_are_in_a_folder_of_their_own(connect):
    # Next to the others, a job would take .submitted_m.2.Ab12Cd for the claim of a later job.
    there = connect()
    name = ".submitted_m.2"

    def is_temporary(other):
        return other.startswith(f"{name}.")

    for call, source, target in [(push, Path("calc"), there), (pull, there, Path("calc"))]:
        (source / "pset").mkdir(exist_ok=True)
        (source / "pset" / name).write_bytes(os.urandom(600_000))
        seen = set()
        with ThreadPoolExecutor() as pool:
            transfer = pool.submit(call, ["cluster", "--bwlimit=1000"])
            while not transfer.done():
                walk = os.walk(target)
                seen |= {Path(at) for at, _, names in walk if any(map(is_temporary, names))}
        assert transfer.result() == 0
        assert [path.name[:10] for path in seen] == [".transfer_"]
        assert not list(target.glob(".transfer_*"))


def test_what_killed_transfers_have_left_is_removed_after_a_day(connect):
    there = connect()
    for call, target in [(push, there), (pull, Path("calc"))]:
        old, new = target / ".transfer_old", target / ".transfer_new"
        for folder in (old, new):
            (folder / "old").mkdir(parents=True)
        os.utime(old, (1, time.time() - 2 * 86400))
        assert call(["cluster"]) == 0
        assert not old.exists()
        assert new.exists()
    assert not (Path("calc") / ".transfer_old").exists()


def test_delete_excluded_spares_the_database(connect):
    there = connect()
    assert push(["cluster", "--delete-excluded", "--delete"]) == 0
    assert len(ps.df_read(there)) == 2
