"""Symbolic links that somebody else has made in a shared folder lead to no file of ours."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
import spools

import psweep as ps
from psweep_core import cli
from psweep_core.store.running_psets import Running

OLD = Path(__file__).parents[1] / "data" / "old"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="symbolic links")


@pytest.fixture
def mine():
    path = Path("mine").absolute()
    path.write_text("precious")
    yield path
    assert path.read_text() == "precious"
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask():
    old = os.umask(0)
    os.umask(old)
    return old


def test_a_report_takes_the_place_of_a_link(mine):
    ps.run_local(lambda p: {"y": 1}, [{"a": 1}])
    page = Path("calc/report.html")
    for target in (mine, "nowhere", page.name):
        page.unlink(missing_ok=True)
        page.symlink_to(target)
        assert ps.report("calc") == "calc/report.html"
        assert not page.is_symlink()
        assert page.read_text().startswith("<!DOCTYPE html>")
        assert page.stat().st_mode & 0o777 == 0o666 & ~umask()
    assert not Path("calc/nowhere").exists()


def test_an_old_file_is_not_kept_in_that_of_another(mine, monkeypatch):
    def without_hard_links(*args, **kwds):
        raise OSError(95, "not supported")

    monkeypatch.setattr(os, "link", without_hard_links)
    shutil.copytree(OLD / "0.16.0" / "late", "late")
    before = Path("late/database.pk").read_bytes()
    Path("late/.database.pk.old_0.15-0.16.tmp").symlink_to(mine)
    Path("late/database.pk.old_0.15-0.16").symlink_to("database.pk")  # as if it were kept already
    Path("late/database.pk.old_0.15-0.16_2").symlink_to("nowhere")
    assert len(ps.migrate("late")) == 11
    assert Path("late/database.pk.old_0.15-0.16_3").read_bytes() == before


def test_a_database_that_its_owner_has_linked_stays_a_link():
    ps.run_local(lambda p: {}, ps.plist("a", [1, 2]))
    os.mkdir("large_disk")
    os.rename("calc/database.pk", "large_disk/study.pk")
    Path("calc/database.pk").symlink_to("../large_disk/study.pk")
    assert len(ps.run_local(lambda p: {}, [{"a": 3}])) == 3
    assert Path("calc/database.pk").is_symlink()
    assert pd.read_pickle("large_disk/study.pk").a.tolist() == [1, 2, 3]
    assert cli.rm(["a == 1", "-c", "calc"]) == 0
    assert ps.df_read("calc").a.tolist() == [2, 3]
    assert cli.rm(["--undo", "-c", "calc"]) == 0
    assert ps.df_read("calc").a.tolist() == [1, 2, 3]


def test_files_that_the_user_names_may_be_links():
    for name, write in {
        "a.txt": lambda path: ps.file_write(path, "new"),
        "a.pk": lambda path: ps.pickle_write(path, 1),
        "a.json": lambda path: ps.json_write(path, 1),
        "b.pk": lambda path: ps.df_write(pd.DataFrame({"a": [1]}), path),
    }.items():
        Path(f"link_{name}").symlink_to(name)
        write(f"link_{name}")
        assert Path(name).exists()
        assert Path(f"link_{name}").is_symlink()


def test_links_in_the_files_of_a_run_lead_nowhere(mine):
    def func(pset):
        folder = Path(pset["_calc_dir"])
        (folder / "tmpsave" / pset["_run_id"]).mkdir(parents=True)
        (folder / "tmpsave" / pset["_run_id"] / f"{pset['_pset_id']}.pk").symlink_to(mine)
        return {}

    ps.run_local(func, [{"a": 1}], tmpsave=True)
    (saved,) = Path("calc/tmpsave").glob("*/*.pk")
    assert not saved.is_symlink()
    assert pd.read_pickle(saved).a.tolist() == [1]


def test_links_in_a_spool_lead_nowhere(mine):
    spool = spools.prepare(lambda p: {"y": 1}, ps.plist("a", [1, 2]), size=1)
    spool.note_recorded([])
    (recorded,) = spool.folder.glob("recorded.*")
    for path in (recorded, spool.folder / ".pushed", spool.folder / "0.running.1"):
        path.unlink(missing_ok=True)
        path.symlink_to(mine)
    spool.note_pushed()
    running = Running(spool.folder, 0, 1)
    for write in (
        lambda: spool.note_recorded([0]),
        lambda: running.begin(1),
        lambda: running.end([1]),
    ):
        with pytest.raises(OSError, match="symbolic links"):
            write()
