"""The options of run_local: logs, tmpsave, backup, simulate, where the study is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import psweep as ps

both = pytest.mark.parametrize("poolsize", [None, 2])


def double(pset):
    return {"b": 2 * pset["a"]}


def test_calc_dir_and_database_basename(tmp_path):
    df = ps.run_local(double, [{"a": 1}], calc_dir=Path("some where") / "it's", save=True)
    assert df._calc_dir[0] == os.path.join("some where", "it's")
    assert Path("some where/it's/database.pk").exists()
    ps.run_local(double, [{"a": 1}], calc_dir="calc/", database_basename="one.json")
    df = ps.run_local(double, [{"a": 1}], calc_dir="./calc", database_basename="one.json")
    assert len(df) == 2
    assert (df._calc_dir == "calc").all()
    assert sorted(p.name for p in Path("calc").iterdir()) == [".psweep", "one.json", "runs.jsonl"]
    assert len(ps.df_read("calc")) == 2
    ps.run_local(double, [{"a": 1}], database_basename="two.pk")
    with pytest.raises(ps.StudyNotFoundError, match="one.json.*two.pk"):
        ps.df_read("calc")
    absolute = ps.run_local(double, [{"a": 1}], calc_dir=tmp_path / "abs")
    assert absolute._calc_dir[0] == str(tmp_path / "abs")


@both
def test_func_may_change_the_working_directory(poolsize, tmp_path):
    df = ps.run_local(
        lambda p: os.chdir("/") or print("x") or {}, ps.plist("a", [1, 2]), poolsize=poolsize,
        capture_logs="file", tmpsave=True,
    )  # fmt: skip
    os.chdir(tmp_path)
    assert len(ps.df_read("calc/database.pk")) == len(df) == 2
    assert len(list(Path("calc").glob("*/logs.txt"))) == 2


@both
@pytest.mark.parametrize("where", ["db", "file", "db+file"])
def test_logs_of_func_and_of_its_programs_are_captured(poolsize, where, capfd):
    def func(pset):
        print("python", pset["a"])
        print("error", file=sys.stderr)
        subprocess.run(["sh", "-c", "echo program; echo oops >&2"], check=True)
        print("ünïcode")
        return {}

    df = ps.run_local(func, ps.plist("a", [1, 2]), capture_logs=where, poolsize=poolsize)
    for a, pset_id in zip(df.a, df._pset_id, strict=True):
        text = f"python {a}\nerror\nprogram\noops\nünïcode\n"
        path = Path("calc") / pset_id / "logs.txt"
        if "file" in where:
            assert path.read_text(encoding="utf-8") == text
        else:
            assert not path.exists()
        if "db" in where:
            assert df._logs[a - 1] == text
        else:
            assert "_logs" not in df.columns
    print("after")
    out = capfd.readouterr()
    assert out.out == "after\n"
    assert out.err == ""


def test_logs_of_a_failed_pset_are_kept():
    def func(pset):
        print("before it failed")
        raise ValueError

    df = ps.run_local(func, [{"a": 1}], capture_logs="db", on_error="record")
    assert df._logs[0] == "before it failed\n"
    assert df._failed[0]
    with pytest.raises(ValueError):
        ps.run_local(func, [{"a": 2}], capture_logs="file")
    assert len(list(Path("calc").glob("*/logs.txt"))) == 1


@both
def test_verbose_prints_each_pset_as_it_starts(poolsize, capfd):
    ps.run_local(double, [{"a": 11, "b": "xx"}], verbose=True, poolsize=poolsize)
    out = capfd.readouterr().out
    assert "11" in out
    assert "xx" in out
    assert "_run_id" not in out
    ps.run_local(double, [{"a": 11, "b": "xx"}], verbose=["b", "_pset_seq"], poolsize=poolsize)
    out = capfd.readouterr().out
    assert "11" not in out.split()
    assert "_pset_seq" in out
    assert "1" in out.split()


@both
def test_tmpsave_writes_each_row(poolsize):
    df = ps.run_local(double, ps.plist("a", [1, 2]), tmpsave=True, poolsize=poolsize)
    for i in (0, 1):
        path = Path("calc/tmpsave") / df._run_id[i] / f"{df._pset_id[i]}.pk"
        row = ps.df_read(path)
        assert row.a.tolist() == [i + 1]
        assert row.b.tolist() == [2 * i + 2]
        assert row._pset_id.tolist() == [df._pset_id[i]]


def test_backup_copies_the_folder_with_the_time_and_run_of_its_last_row():
    ps.run_local(double, [{"a": 1}], backup=True)
    assert not list(Path().glob("calc.bak*"))
    old = ps.df_read("calc")
    Path("calc", "file").write_text("x")
    df = ps.run_local(double, [{"a": 2}], backup=True)
    (backup,) = Path().glob("calc.bak_*")
    stamp = old._time_utc[0].isoformat(timespec="microseconds")
    assert backup.name == f"calc.bak_{stamp}Z_run_id_{old._run_id[0]}"
    assert (backup / "file").read_text() == "x"
    pd.testing.assert_frame_equal(ps.df_read(backup), old)
    assert len(df) == 2
    ps.run_local(double, [{"a": 2}], backup=True, skip_dups=True)
    ps.run_local(double, [{"a": 2}], backup=True, skip_dups=True)
    assert len(list(Path().glob("calc.bak_*"))) == 3
    assert len(list(Path().iterdir())) == 4
    # the way back, as the README of psweep 0.8.0 shows it
    import shutil

    shutil.rmtree("calc")
    backup.rename("calc")
    assert ps.run_local(double, [{"a": 5}]).a.tolist() == [1, 5]


@pytest.mark.processes
def test_tmpsave_writes_the_row_of_a_pset_that_ended_its_worker():
    options = {"tmpsave": True, "poolsize": 1, "on_error": "record"}
    df = ps.run_local(lambda pset: os._exit(pset["a"]), [{"a": 3}], **options)
    row = ps.df_read(Path("calc/tmpsave") / df._run_id[0] / f"{df._pset_id[0]}.pk")
    assert "status 3" in row._exc_txt[0]


def test_a_backup_is_made_before_the_changes_of_df_are_written():
    old = ps.run_local(double, ps.plist("a", [1, 2]))
    df = ps.run_local(double, [{"a": 3}], old.assign(mine=["u", "v"], b=99), backup=True)
    (backup,) = Path().glob("calc.bak_*")
    pd.testing.assert_frame_equal(ps.df_read(backup), old)
    pd.testing.assert_frame_equal(ps.df_read("calc"), df)
    assert df.b.tolist() == [99, 99, 6]
    stranger = ps.run_local(double, [{"a": 3}], calc_dir="other")
    with pytest.raises(ps.ParamsError, match="two studies"):
        ps.run_local(double, [{"a": 4}], stranger, backup=True)
    assert [*Path().glob("calc.bak_*")] == [backup]


def test_a_backup_that_fails_leaves_nothing_under_its_name(monkeypatch):
    ps.run_local(double, [{"a": 1}])
    Path("calc", "secret").write_text("x")
    import shutil

    def fail(source, target):
        if str(source).endswith("secret"):
            raise OSError(28, "No space left on device")
        return real(source, target)

    real = shutil.copy2
    monkeypatch.setattr(shutil, "copy2", fail)
    ran = []
    with pytest.raises(OSError, match="No space"):
        ps.run_local(lambda p: ran.append(1) or {}, [{"a": 2}], backup=True)
    assert not ran
    assert [path.name for path in Path().iterdir()] == ["calc"]


def test_simulate_with_df_skips_what_a_run_with_it_skips(capsys):
    first = ps.run_local(double, ps.plist("a", [1, 2]))
    ps.run_local(double, ps.plist("a", [3, 4]))
    options = {"params": ps.plist("a", [1, 2, 3, 4, 5]), "skip_dups": True}
    sim = ps.run_local(double, df=first, simulate=True, **options)
    assert "5 psets, 1 new, 4 with a successful row already; 1 would run" in capsys.readouterr().err
    assert ps.df_read("calc.simulate").a.tolist() == [1, 2, 3, 4, 5]
    df = ps.run_local(double, df=first, **options)
    assert df.a.tolist() == sim.a.tolist() == [1, 2, 5]
    assert df.index.tolist() == sim.index.tolist()


def test_simulate_leaves_the_study_alone(capsys):
    def func(pset):
        calls.append(1)
        time.sleep(0.1)
        return {"b": 1}

    calls: list[int] = []
    df = ps.run_local(func, ps.plist("a", [1, 2]))
    Path("calc", "big").write_text("x")
    before = Path("calc/database.pk").read_bytes()
    sim = ps.run_local(func, ps.plist("a", [2, 3, 4, 3]), simulate=True, backup=True)
    assert len(calls) == 2
    assert sorted(p.name for p in Path().iterdir()) == ["calc", "calc.simulate"]
    assert not Path("calc.simulate/big").exists()
    assert Path("calc/database.pk").read_bytes() == before
    assert sim.a.tolist() == [1, 2, 2, 3, 4, 3]
    assert sim._calc_dir.tolist() == ["calc"] * 2 + ["calc.simulate"] * 4
    assert sim.b.isna().tolist() == [False] * 2 + [True] * 4
    assert sim._run_seq.tolist() == [0, 0, 1, 1, 1, 1]
    pd.testing.assert_frame_equal(ps.df_read("calc.simulate"), sim)
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "4 psets, 2 new, 1 with a successful row already; 4 would run" in err
    found = re.search(r"in about ([\d.]+) s at the study's median _pset_runtime", err)
    assert float(found[1]) == pytest.approx(4 * df._pset_runtime.median(), rel=0.1)
    # again: the copy starts afresh
    sim = ps.run_local(func, [{"a": 2}, {"a": 3}], simulate=True, skip_dups=True, poolsize=2)
    assert sim.a.tolist() == [1, 2, 3]
    err = capsys.readouterr().err
    assert "1 would run" in err
    assert "poolsize=2" in err
    pd.testing.assert_frame_equal(ps.df_read("calc"), df)


def test_simulate_without_a_study(capsys):
    sim = ps.run_local(double, [{"a": 1}], simulate=True)
    assert len(sim) == 1
    assert capsys.readouterr().err == (
        "psweep: simulate: 1 pset, 1 new, 0 with a successful row already; 1 would run\n"
    )
    assert [p.name for p in Path().iterdir()] == ["calc.simulate"]


@pytest.mark.parametrize("save", [False, True])
def test_rows_of_a_simulation_do_not_count_as_done(save):
    sim = ps.run_local(double, [{"a": 1}, {"a": 2}], simulate=True, save=save)
    assert sim._pset_runtime.isna().all()
    df = ps.run_local(double, [{"a": 1}, {"a": 2}], df=sim, skip_dups=True, save=save)
    assert len(df) == 4
    assert ps.df_read("calc").shape[0] == 4 if save else True


def test_changes_to_a_passed_df_are_kept_on_disk():
    df = ps.run_local(lambda p: {"r": 1}, ps.plist("a", [1, 2]))
    df["study"] = "first"
    df.loc[0, "r"] = 5
    out = ps.run_local(lambda p: {"r": 1}, [{"a": 3, "study": "second"}], df=df)
    assert out.study.tolist() == ["first", "first", "second"]
    assert out.r.tolist() == [5, 1, 1]
    pd.testing.assert_frame_equal(ps.df_read("calc"), out)
    # but what was left out of it is not taken away
    less = out.drop(columns="r")[:1]
    ps.run_local(lambda p: {"r": 1}, [{"a": 4}], df=less)
    assert ps.df_read("calc").r.tolist() == [5, 1, 1, 1]


def test_a_study_behind_a_symbolic_link_is_backed_up_beside_the_link(tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "home").mkdir()
    os.chdir(tmp_path / "home")
    Path("calc").symlink_to(tmp_path / "scratch")
    ps.run_local(double, [{"a": 1}])
    ps.run_local(double, [{"a": 2}], backup=True)
    (backup,) = Path().glob("calc.bak_*")
    assert len(ps.df_read(backup)) == 1


def test_simulate_in_a_calc_dir_of_dots(tmp_path):
    (tmp_path / "study").mkdir()
    os.chdir(tmp_path / "study")
    ps.run_local(double, [{"a": 1}], calc_dir=".")
    ps.run_local(double, [{"a": 1}], calc_dir=".", simulate=True)
    assert len(ps.df_read(tmp_path / "study.simulate")) == 2


def test_a_study_that_was_copied_without_its_hidden_folder():
    ps.run_local(double, [{"a": 1}], database_basename="database.json")
    Path("copy").mkdir()
    Path("copy/database.json").write_bytes(Path("calc/database.json").read_bytes())
    assert len(ps.df_read("copy")) == 1
