"""Machines on which things are different: the login shell, the PATH, where the study is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import psweep as ps
from psweep_batch.cli import pull, push


@pytest.fixture
def study(tmp_path, monkeypatch, templates):
    """A prepared study below a home on this side; its machine prints its queue by a program."""

    def make(info="scheduler: slurm"):
        folder = tmp_path / "laptop" / "my study"
        folder.mkdir(parents=True)
        monkeypatch.setenv("HOME", str(tmp_path / "laptop"))
        templates(cluster=(info, "#!/bin/sh\ntrue\n"))
        (tmp_path / "templates").rename(folder / "templates")
        monkeypatch.chdir(folder)
        return ps.prep_batch([{"a": 1}], calc_templ_dir=None)

    return make


@pytest.fixture
def connect(make_ssh, monkeypatch):
    def connect(**kwds):
        ssh = make_ssh(**kwds)
        for name, value in ssh.environ.items():
            monkeypatch.setenv(name, value)
        return ssh

    return connect


def squeue(folder):
    folder.mkdir()
    (folder / "squeue").write_text('#!/bin/sh\necho "7|PENDING|it\'s a \\$HOME !x|y|z"\n')
    (folder / "squeue").chmod(0o755)
    return folder


@pytest.mark.parametrize("name", ["csh", "fish", "dash"])
@pytest.mark.parametrize("where", ["", ':it\'s a "place" for !x'])
def test_any_login_shell_will_do(study, connect, tmp_path, name, where):
    shell = shutil.which(name) or pytest.skip(f"needs {name}: apt-get install {name}")
    ssh = connect(shell=shell, path=[squeue(tmp_path / "slurm")])
    study()
    assert push([f"cluster{where}"]) == 0
    there = ssh.home / (where[1:] or "my study") / "calc"
    assert (there / "run_cluster.sh").exists()
    (there / "new").write_text("x")
    assert pull([f"cluster{where}"]) == 0
    assert Path("calc/new").exists()
    assert "7|PENDING|it's a $HOME !x|y|z" in Path("calc/.psweep/queue_cluster").read_text()


@pytest.mark.parametrize("folder", ["work", "work/calc"])
def test_a_study_elsewhere_by_remote_dir(study, connect, tmp_path, folder):
    scratch = tmp_path / "scratch of me"
    scratch.mkdir()
    ssh = connect(environ={"SCRATCH": str(scratch)})
    study(f"scheduler: slurm\nremote_dir: $SCRATCH/{folder}")
    assert push(["cluster"]) == 0
    there = scratch / "work" / "calc"
    assert (there / "run_cluster.sh").exists()
    assert not (ssh.home / "my study").exists()
    (there / "new").write_text("x")
    assert pull(["cluster"]) == 0
    assert Path("calc/new").exists()


def test_a_variable_that_is_not_set_there(study, connect, capfd):
    connect()
    study("scheduler: slurm\nremote_dir: $NO_SUCH_PLACE/x")
    assert push(["cluster"]) == 1
    assert "NO_SUCH_PLACE" in capfd.readouterr().err


def test_a_study_that_is_not_below_home_goes_to_a_place_that_is_named(
    connect, tmp_path, monkeypatch
):
    ssh = connect()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    ps.run_local(lambda pset: {}, [{"a": 1}])
    assert push(["cluster:somewhere/"]) == 0
    assert (ssh.home / "somewhere/calc/database.pk").exists()
    assert pull(["cluster:~/somewhere"]) == 0


def test_programs_that_only_a_login_shell_finds(study, connect, tmp_path, capfd):
    ssh = connect()
    slurm = squeue(tmp_path / "slurm")
    (ssh.home / ".profile").write_text(f"PATH={slurm}:$PATH\n")
    (ssh.home / ".bash_profile").write_text(f"PATH={slurm}:$PATH\n")
    study()
    assert push(["cluster"]) == 0
    if not shutil.which("squeue"):
        assert pull(["cluster"]) == 0
        assert "write 'login_shell: true' into info.yaml" in capfd.readouterr().err
    Path("calc/info_cluster.yaml").write_text("scheduler: slurm\nlogin_shell: true")
    assert pull(["cluster"]) == 0
    assert "7|PENDING" in Path("calc/.psweep/queue_cluster").read_text()


def test_one_connection_for_all_steps(study, connect, capfd):
    ssh = connect()
    study()
    for call in (push, pull):
        log = ssh.folder / "sshd.log"
        before = log.read_text().count("Accepted publickey") if log.exists() else 0
        assert call(["cluster"]) == 0
        assert log.read_text().count("Accepted publickey") - before == 1
