"""`psweep-push` and `psweep-pull` over a real sshd, with a real rsync."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from cluster import links

import psweep as ps
from psweep_batch.cli import pull, push
from psweep_batch.remote_study import RemoteStudy
from psweep_core.cli import rm
from psweep_core.status import status
from psweep_core.store.spool import spools_of
from psweep_core.store.study import Study

STUDY = Path("my work/study")


@pytest.fixture
def laptop(tmp_path, monkeypatch):
    """A home on this side, and a study below it."""
    home = tmp_path / "laptop's home"
    (home / STUDY).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home / STUDY)
    return home


@pytest.fixture
def connect(make_ssh, monkeypatch, laptop):
    def connect(**kwds):
        ssh = make_ssh(**kwds)
        for name, value in ssh.environ.items():
            monkeypatch.setenv(name, value)
        return ssh.home / STUDY

    return connect


@pytest.fixture(params=["home", 'a "b" $(c) home'])
def there(request, connect):
    """The same place on the other machine."""
    return connect(home=request.param)


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file() and ".psweep" not in path.parts
    }


def run(n=2, **kwds):
    return ps.run_local(lambda p: {"b": 1}, ps.plist("a", range(n)), **kwds)


def test_there_and_back(there, laptop):
    df = run(capture_logs="file")
    script = Path("calc/run_x.sh")
    script.write_text("x")
    script.chmod(0o750)
    assert push(["cluster"]) == 0
    assert tree("calc") == tree(there / "calc")
    assert not (there / "calc/.psweep").exists()
    assert (there / "calc/run_x.sh").stat().st_mode & 0o777 == 0o750
    (there / "calc" / df._pset_id[0] / "result \u00fc $x'.txt").write_text("1")
    (there / "calc/logs").mkdir()
    (there / "calc/logs/new").write_text("2")
    assert pull(["cluster"]) == 0
    assert tree("calc") == tree(there / "calc")


def test_a_dollar_in_the_name_of_a_folder_is_no_variable(there, laptop, monkeypatch):
    folder = laptop / "5$ and $HOME"
    folder.mkdir()
    monkeypatch.chdir(folder)
    run(calc_dir="$x")
    assert push(["-c", "$x", "cluster"]) == 0
    home = there.parents[len(STUDY.parts) - 1]
    assert tree("$x") == tree(home / folder.name / "$x")
    assert push(["-c", "$x", "cluster:$HOME/b"]) == 0
    assert tree("$x") == tree(home / "b/$x")
    assert pull(["-c", "$x", "cluster"]) == 0


def test_a_dry_run_changes_nothing_and_says_what_it_would_do(there, laptop, capfd):
    run()
    assert push(["-n", "cluster"]) == 0
    assert not there.exists()
    assert "database.pk" in capfd.readouterr().out
    assert push(["cluster"]) == 0
    (there / "calc/new").write_text("2")
    before = tree("calc")
    assert pull(["cluster", "-n"]) == 0
    assert "new" in capfd.readouterr().out
    assert tree("calc") == before


def test_excludes_and_further_options(there, laptop):
    run()
    for name in ("big.bin", "small.txt", "huge.dat"):
        Path("calc", name).write_text(name)
    Path("excl_push").write_text("*.bin\n")
    Path("excl_pull").write_text("core.*\n")
    assert push(["cluster", "--exclude", "*.dat", "--bwlimit=9999"]) == 0
    assert set(tree(there / "calc")) == {"database.pk", "runs.jsonl", "small.txt"}
    (there / "calc/core.1").write_text("x")
    (there / "calc/out.1").write_text("x")
    assert pull(["cluster"]) == 0
    assert "out.1" in tree("calc")
    assert "core.1" not in tree("calc")
    assert "big.bin" in tree("calc")  # nothing is deleted
    assert pull(["cluster", "--delete"]) == 0  # unless one says so
    assert "big.bin" not in tree("calc")
    assert len(ps.df_read("calc")) == 2


def test_what_tasks_there_may_run_is_left_to_them(there, laptop, monkeypatch, capsys):
    def func(pset):
        return {"b": 1}

    place = there / "templates/machines/cluster"
    place.mkdir(parents=True)
    (place / "info.yaml").write_text("subcmd: sbatch\n")
    (place / "jobscript").write_text("psweep-task\n")
    params = ps.plist("a", [1, 2])
    with monkeypatch.context() as patch:
        patch.chdir(there)
        ps.prep_batch(params, func=func)
    assert pull(["cluster"]) == 0
    assert ps.run_local(func, [*params, {"a": 3}], skip_dups=True).a.tolist() == [3]
    assert "2 psets are left to batch jobs" in capsys.readouterr().err
    # but not from that machine
    monkeypatch.chdir(there)
    assert ps.run_local(func, params, skip_dups=True).a.tolist() == [1, 2]


def test_pull_keeps_a_newer_database_and_newer_files(there, laptop, capfd):
    df = run()
    Path("calc/notes").write_text("old")
    os.utime("calc/notes", (1, 1))
    assert push(["cluster"]) == 0
    run(3)  # the study grows here
    Path("calc/notes").write_text("new")
    (there / "calc/out").write_text("x")
    before = tree("calc")
    assert pull(["cluster"]) == 0
    assert tree("calc") == {**before, "out": b"x"}
    assert df._pset_id.isin(ps.df_read("calc")._pset_id).all()


def test_a_study_that_was_extended_on_both_machines_is_merged(there, laptop, capfd):
    run()
    assert push(["cluster"]) == 0
    run(3)
    ps.run_local(lambda p: {"b": 2}, [{"a": 9}, {"a": 10}], calc_dir=there / "calc")
    before = ps.df_read("calc")
    theirs = ps.df_read(there / "calc")
    assert pull(["cluster"]) == 0
    assert (
        "2 psets of cluster:my work/study/calc were added to "
        f"{Path('calc/database.pk').absolute()}, with _run_seq from 2 and _pset_seq from 5: the "
        "study was extended on both machines"
    ) in capfd.readouterr().out
    df = ps.df_read("calc")
    pd.testing.assert_frame_equal(df[:5], before)
    assert df._pset_id[5:].tolist() == theirs._pset_id[2:].tolist()
    assert df._pset_seq.tolist() == [*range(7)]
    assert df._run_seq.tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert push(["cluster"]) == 0
    pd.testing.assert_frame_equal(ps.df_read(there / "calc"), df)
    assert pull(["cluster"]) == 0
    pd.testing.assert_frame_equal(ps.df_read("calc"), df)
    # and so on
    ps.run_local(lambda p: {"b": 3}, [{"a": 11}], calc_dir=there / "calc")
    assert pull(["cluster"]) == 0
    assert ps.df_read("calc")._run_seq.tolist() == [0, 0, 1, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("name", ["database.pk", "database.json"])
def test_push_adds_rows_to_a_database_that_is_newer_there(connect, laptop, name):
    there = connect()
    kwds = {"database_basename": name}
    run(**kwds)
    assert push(["cluster"]) == 0
    run(4, skip_dups=True, **kwds)
    theirs = ps.df_read(there / "calc")
    theirs["note"] = ["x", "y"]
    ps.df_write(there / "calc" / name, theirs)  # newer, with a column that is only there
    assert push(["cluster"]) == 0
    df = ps.df_read(there / "calc")
    assert df._pset_id.tolist() == ps.df_read("calc")._pset_id.tolist()
    assert df.note.tolist()[:2] == ["x", "y"]
    before = tree(there / "calc")
    assert push(["cluster"]) == 0
    assert tree(there / "calc") == before
    assert not len(run(4, skip_dups=True, calc_dir=there / "calc", **kwds)[4:])
    assert pull(["cluster"]) == 0
    assert ps.df_read("calc").note.tolist()[:2] == ["x", "y"]


def test_push_does_not_bring_back_what_was_removed_there(connect, laptop, capfd):
    there = connect()
    run()
    assert push(["cluster"]) == 0
    run(3, skip_dups=True)
    assert rm(["-c", str(there / "calc"), "a == 0"]) == 0
    capfd.readouterr()
    for is_known in (False, True):
        assert push(["cluster"]) == 0
        said = "; run `psweep-pull cluster`, then push again"
        assert (said in capfd.readouterr().out) is not is_known
        assert 0 not in ps.df_read(there / "calc").a.tolist()
        assert pull(["cluster"]) == 0
    assert ps.df_read(there / "calc").a.tolist() == [1, 2]


def test_two_runs_do_not_get_one_number_by_a_pull(there, laptop):
    run()
    assert push(["cluster"]) == 0
    run(3)
    ps.run_local(lambda p: {"b": 2}, ps.plist("a", range(5)), calc_dir=there / "calc")
    remove(there / "calc", "_pset_seq in (2, 3, 4)")  # the numbers that are taken here
    assert pull(["cluster"]) == 0
    assert ps.df_read("calc")._run_seq.tolist() == [0, 0, 1, 1, 1, 2, 2]


def test_tasks_go_on_where_a_study_was_extended_on_both_machines(there, laptop, monkeypatch):
    def func(pset):
        return {"b": 1}

    for folder in (there, Path()):
        place = folder / "templates/machines/cluster"
        place.mkdir(parents=True)
        (place / "info.yaml").write_text("subcmd: sh\npack: 2\n")
        (place / "jobscript").write_text("psweep-task\n")
    run()
    assert push(["cluster"]) == 0
    with monkeypatch.context() as patch:
        patch.chdir(there)
        ps.run_batch(func, ps.plist("a", range(10, 13)), "cluster")
    run(3)
    assert pull(["cluster"]) == 0
    assert push(["cluster"]) == 0
    for folder in (there, Path()):
        df = ps.df_read(folder / "calc")
        assert df.a.tolist() == [0, 1, 0, 1, 2, 10, 11, 12]
        assert df._pset_seq.is_unique
        assert ps.batch_status(folder / "calc").state.tolist() == 3 * ["done"]
    assert len(ps.run_batch(func, ps.plist("a", range(10, 13)), "cluster")) == 8


def test_pull_takes_a_newer_database_that_has_all_rows(there, laptop):
    run()
    assert push(["cluster"]) == 0
    time.sleep(0.01)
    ps.run_local(lambda p: {"b": 2}, [{"a": 9}], calc_dir=there / "calc")
    assert pull(["cluster"]) == 0
    assert len(ps.df_read("calc")) == 3
    shutil.rmtree("calc")
    assert pull(["cluster"]) == 0
    assert len(ps.df_read("calc")) == 3
    assert not list(Path("calc").glob(".pull_*"))


def fails(capfd, call, args, *texts):
    assert call(args) == 1
    err = capfd.readouterr().err
    for text in texts:
        assert text in err
    assert "Traceback" not in err


def test_hosts_and_places_that_are_not_there(connect, laptop, capfd, monkeypatch, tmp_path):
    connect()
    fails(capfd, push, ["cluster"], "there is no folder", "to push")
    run()
    fails(capfd, push, ["no-such-host.invalid"], "Could not resolve hostname", "is the name right?")
    fails(capfd, pull, ["cluster"], "No such file or directory", "is there a study at that place?")
    for host in ("", "a b", "host:"):
        fails(capfd, push, [host], "HOST must be a machine that ssh knows")
    with pytest.raises(SystemExit):
        push(["--", "-oProxyCommand=touch x"]) == 1 and exit(1)
    assert not Path("x").exists()
    monkeypatch.chdir(tmp_path)
    fails(capfd, push, ["cluster"], "is not below your home", "no same place on cluster")
    with pytest.raises(SystemExit):
        push([])
    assert "HOST" in capfd.readouterr().err


def test_no_rsync_there_or_here(connect, laptop, capfd, tmp_path, monkeypatch):
    run()
    few = links(tmp_path / "few", "sh", "bash", "mkdir", "test", "cat")
    connect(base_path=str(few))
    fails(capfd, push, ["cluster"], "install rsync on cluster")
    monkeypatch.setenv("PATH", os.environ["PATH"].split(":")[0])
    ssh_alone = links(tmp_path / "ssh_alone", "sh")
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{ssh_alone}")
    fails(capfd, push, ["cluster"], "there is no rsync here; install it")
    monkeypatch.setenv("PATH", str(ssh_alone))
    fails(capfd, push, ["cluster"], "there is no ssh here; install it")


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare: apt-get install util-linux")
def test_a_full_disk_there_is_named_and_nothing_here_is_changed(connect, laptop, capfd, tmp_path):
    there = connect()
    (there / "calc").mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "none", there / "calc"],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk: run as root")
    try:
        run()
        Path("calc/big").write_bytes(os.urandom(500_000))
        before = tree("calc")
        fails(capfd, push, ["cluster"], "No space left on device", "the disk is full: make room")
        assert tree("calc") == before
    finally:
        subprocess.run(["umount", "--lazy", there / "calc"], check=True)


def test_a_transfer_that_was_killed_can_be_repeated(connect, laptop, capfd, tmp_path, monkeypatch):
    connect()
    run()
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "rsync").write_text("#!/bin/sh\nkill -9 $$\n")
    (bad / "rsync").chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{bad}:{os.environ['PATH']}")
        fails(capfd, push, ["cluster"], "exit status -9", "repeat this")
    assert push(["cluster"]) == 0


def test_pull_while_jobs_rename_their_files(there, laptop, capfd):
    df = run()
    assert push(["cluster"]) == 0
    folder = there / "calc" / df._pset_id[0]
    folder.mkdir()
    (folder / "a big result").write_bytes(os.urandom(300_000))
    (folder / "checkpoint.new").write_text("1")
    (folder / ".result.pk.4711.tmp").write_text("half of a resu")  # ps.pickle_write is at it
    here = Path("calc", df._pset_id[0])

    def rename_while_the_big_one_is_copied():
        while not list(Path("calc").glob(".transfer_*/*a big result.*")):
            time.sleep(0.01)
        (folder / "checkpoint.new").rename(folder / "checkpoint")

    with ThreadPoolExecutor() as pool:
        renamed = pool.submit(rename_while_the_big_one_is_copied)
        assert pull(["cluster", "--bwlimit=200"]) == 0
        renamed.result()
    assert "vanished" in capfd.readouterr().err  # what rsync says
    assert [path.name for path in here.iterdir()] == ["a big result"]
    assert pull(["cluster"]) == 0
    assert sorted(path.name for path in here.iterdir()) == ["a big result", "checkpoint"]


def test_a_database_that_vanishes_meanwhile_is_no_empty_one(there, laptop, capfd, monkeypatch):
    run()
    assert push(["cluster"]) == 0
    rsync = laptop / "bin" / "rsync"
    rsync.parent.mkdir()
    rsync.write_text(f'#!/bin/sh\n{shutil.which("rsync")} "$@"\nexit 24\n')
    rsync.chmod(0o755)
    monkeypatch.setenv("PATH", f"{rsync.parent}:{os.environ['PATH']}")
    for call in (push, pull):
        fails(capfd, call, ["cluster"], "exit status 24")


def test_progress_in_a_terminal(there, laptop):
    import pty

    run()
    Path("calc/big").write_bytes(bytes(3_000_000))
    leader, follower = pty.openpty()
    code = "from psweep_batch.cli import push; raise SystemExit(push(['cluster']))"
    import sys

    process = subprocess.Popen([sys.executable, "-c", code], stdout=follower, stderr=follower)
    os.close(follower)
    shown = b""
    while True:
        try:
            data = os.read(leader, 1000)
        except OSError:
            break
        if not data:
            break
        shown += data
    assert process.wait() == 0
    assert b"100%" in shown


def test_a_newer_database_with_less_in_it_does_not_replace_ours(there, laptop, capfd):
    df = run()
    assert push(["cluster"]) == 0
    df["study"] = "mine"
    ps.df_write(df, "calc/database.pk")
    os.utime(there / "calc/database.pk")  # newer there
    assert pull(["cluster"]) == 0
    assert ps.df_read("calc").study.tolist() == ["mine", "mine"]


def test_rows_that_are_only_there_are_added(there, laptop, capfd):
    run()
    assert push(["cluster"]) == 0
    ps.run_local(lambda p: {"b": 2}, [{"a": 9}], calc_dir=there / "calc")
    df = ps.df_read("calc")
    df["study"] = "mine"
    ps.df_write(df, "calc/database.pk")
    os.utime("calc/database.pk")
    assert pull(["cluster"]) == 0
    assert "1 pset of cluster:my work/study/calc was added to" in capfd.readouterr().out
    df = ps.df_read("calc")
    assert df.a.tolist() == [0, 1, 9]
    assert df.study.tolist()[:2] == ["mine", "mine"]
    assert push(["cluster"]) == 0


@pytest.mark.parametrize("basename", ["database.json", "my.pk"])
def test_databases_of_other_names_come_to_an_empty_folder(there, laptop, basename):
    run(database_basename=basename, calc_dir="calc")
    assert push(["cluster"]) == 0
    ps.run_local(
        lambda p: {"b": 2}, [{"a": 9}], calc_dir=there / "calc", database_basename=basename
    )
    shutil.rmtree("calc")
    assert pull(["cluster"]) == 0
    assert len(ps.df_read("calc")) == 3
    assert len(ps.df_read(f"calc/{basename}")) == 3


def test_no_task_runs_what_the_other_machine_has_finished(connect, laptop, templates):
    there = connect()
    templates(x=("subcmd: sh", "psweep-task"))
    shutil.copytree(laptop.parent / "templates", "templates")
    params = ps.plist("a", [0, 1])
    ps.prep_batch(params, func=lambda p: {"b": 1}, skip_dups=True)
    ps.run_local(lambda p: {"b": 2}, params[:1], calc_dir=there / "calc")
    assert pull(["cluster"]) == 0
    (spool,) = spools_of(Study("calc").layout)
    assert spool.unfinished() == {0: [1]}
    assert ps.batch_status().state.tolist() == ["not submitted"]
    # Also if both have rows of their own
    ps.run_local(lambda p: {"b": 3}, ps.plist("a", [7]))
    ps.run_local(lambda p: {"b": 2}, params[1:], calc_dir=there / "calc")
    assert pull(["cluster"]) == 0
    assert not spool.unfinished()


def test_the_machine_knows_how_the_database_is_called(connect, laptop, templates):
    there = connect()
    templates(x=("subcmd: sh", "true"))
    shutil.copytree(laptop.parent / "templates", "templates")
    params = ps.plist("a", [0, 1])
    df = ps.prep_batch(params, calc_templ_dir=None, database_basename="my.json")
    assert push(["cluster"]) == 0
    found = ps.batch_status(there / "calc")
    assert found._pset_id.tolist() == df._pset_id.tolist()


def test_a_shell_that_greets_is_named(connect, laptop, capfd):
    there = connect()
    run()
    Path("calc/info_cluster.yaml").write_text("subcmd: sbatch\nstatcmd: echo 1 R")
    assert push(["cluster"]) == 0
    (there.parents[1] / ".bashrc").write_text("echo yes there is a welcome\n")
    fails(capfd, pull, ["cluster"], "a file such as ~/.bashrc on cluster prints something")
    assert not Path("calc/.psweep/queue_cluster").exists()  # without the notes of that moment


def test_dry_runs_in_the_options_and_a_typo_leave_nothing(there, laptop):
    assert pull(["clutser.invalid"]) == 1
    assert not Path("calc").exists()
    run()
    assert push(["cluster", "-vn"]) == 0
    assert not there.exists()


def test_tables_of_runs_are_merged(there, laptop):
    run()
    assert push(["cluster"]) == 0
    mine = list(ps.df_runs("calc").run_id)
    theirs = Path("calc/runs.jsonl").read_text().replace(mine[0], "theirs")
    with open(there / "calc/runs.jsonl", "a") as file:
        file.write(theirs)
    run(3)
    mine = list(ps.df_runs("calc").run_id)
    assert pull(["cluster"]) == 0
    assert sorted(ps.df_runs("calc").run_id) == sorted([*mine, "theirs"])
    assert push(["cluster"]) == 0
    # Lines are only ever added, so their order may differ.
    lines = [Path(calc, "runs.jsonl").read_text().splitlines() for calc in ("calc", there / "calc")]
    assert sorted(lines[0]) == sorted(lines[1])
    assert {**tree("calc"), "runs.jsonl": b""} == {**tree(there / "calc"), "runs.jsonl": b""}


def test_only_a_missing_host_is_missed(capsys):
    with pytest.raises(SystemExit):
        push([])
    assert capsys.readouterr().err.endswith("the following arguments are required: HOST\n")


def test_home_in_calc_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert RemoteStudy("cluster", "~/study/calc").folder == tmp_path / "study" / "calc"


def remove(calc, query):
    assert rm([query, "-c", str(calc)]) == 0


def undo(calc):
    """Bring back what was removed last, and return all values of ``a``."""
    assert rm(["--undo", "-c", str(calc)]) == 0
    return sorted(ps.df_read(calc).a)


def test_what_was_removed_on_one_machine_can_be_brought_back_after_a_pull(there, laptop):
    run(4)
    assert push(["cluster"]) == 0
    run(2)  # has not been there
    remove("calc", "a == 1 and _run_seq == 1")
    remove(there / "calc", "a == 0")
    assert pull(["cluster"]) == 0
    assert undo("calc") == [0, 0, 1, 1, 2, 3]
    assert undo(there / "calc") == [0, 1, 2, 3]


def test_what_was_removed_on_one_machine_can_be_brought_back_after_a_push(there, laptop):
    run(4, capture_logs="file")
    assert push(["cluster"]) == 0
    ps.run_local(lambda p: {"b": 2}, [{"a": 9}], calc_dir=there / "calc", capture_logs="file")
    remove(there / "calc", "a == 9")
    remove("calc", "a == 0")
    ours = tree("calc/removed")
    theirs = tree(there / "calc/removed")
    assert push(["cluster"]) == 1  # the row that is still there
    assert pull(["cluster"]) == 0
    assert push(["cluster", "--delete-excluded", "--delete"]) == 0
    assert tree("calc/removed") == ours
    assert tree(there / "calc/removed") == theirs
    assert undo(there / "calc") == [0, 1, 2, 3, 9]


def test_rows_that_were_removed_before_the_first_push_are_not_missed_there(there, laptop):
    run(4)
    remove("calc", "a == 0")
    assert push(["cluster"]) == 0
    assert tree("calc") == tree(there / "calc")
    assert status(["-c", str(there / "calc")]) == status([]) == 0


@pytest.mark.parametrize("names", [["database.pk", "other.pk"], ["a b.json", "c[1].pk"]])
def test_no_database_of_several_loses_rows(connect, laptop, capfd, names):
    """They may be in one folder, see `database_basename`."""
    there = connect()
    for name in names:
        run(1, database_basename=name)
    assert push(["cluster"]) == 0
    assert len(ps.df_read("calc" if "database.pk" in names else f"calc/{names[0]}")) == 1
    for name in names:
        one, other = [{"a": 8}], [{"a": 9}]
        ps.run_local(lambda p: {"b": 2}, one, calc_dir=there / "calc", database_basename=name)
        ps.run_local(lambda p: {"b": 3}, other, database_basename=name)
    fails(capfd, push, ["cluster"], "contains psets that", f"{names[0]} lacks")
    assert pull(["cluster"]) == 0
    assert push(["cluster"]) == 0
    for name in names:
        for calc in (Path("calc"), there / "calc"):
            df = ps.df_read(calc / name)
            assert df.a.tolist() == [0, 9, 8]
            assert df._pset_seq.tolist() == df._run_seq.tolist() == [0, 1, 2]
    shutil.rmtree("calc")
    assert pull(["cluster"]) == 0
    assert [len(ps.df_read(f"calc/{name}")) for name in names] == [3, 3]
    assert not list(there.glob("calc/.transfer_*"))


def test_a_second_database_does_not_hide_the_first_on_the_other_machine(connect, laptop):
    there = connect()
    run(2)
    assert push(["cluster"]) == 0
    run(1, database_basename="other.pk")
    assert push(["cluster"]) == 0
    assert len(ps.df_read(there / "calc")) == 2
