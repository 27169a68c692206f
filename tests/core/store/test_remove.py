"""`psweep-rm`: rows and their folders go, and come back bit for bit."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import psweep as ps
from psweep_core import cli
from psweep_core.store import remove
from psweep_core.store.study import Study

pytestmark = pytest.mark.processes


def func(pset):
    folder = Path(pset["_calc_dir"], pset["_pset_id"])
    folder.mkdir()
    (folder / "out.bin").write_bytes(os.urandom(100))
    if pset["x"] == 3:
        raise ValueError("three")
    return {"y": pset["x"] + 0.5, "o": [1, None], "t": "text"}


@pytest.fixture
def df():
    ps.run_local(func, ps.plist("x", range(8)), on_error="record")
    return ps.run_local(func, [{"x": 20, "z": None}, {"x": 2.5, "z": "u"}])


def state(folder="calc"):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file() and ".psweep" not in path.parts
    }


@pytest.mark.parametrize(
    ("query", "seqs"),
    [
        ("x > 4", [5, 6, 7, 8]),
        ("_failed", [3]),
        ("x >= 0", [*range(10)]),
        ("_pset_seq == 9", [9]),
        ("t.isna() or y == 0.5", [0, 3]),
        ("z == 'u' and _run_seq == 1", [9]),
    ],
)
def test_what_was_removed_comes_back_bit_for_bit(df, query, seqs, capsys):
    before = state()
    assert cli.rm([query]) == 0
    n, s = len(seqs), "s" * (len(seqs) > 1)
    assert f"moved {n} row{s} and {n} folder{s} to" in capsys.readouterr().out
    left = ps.df_read("calc")
    assert sorted({*range(10)} - {*left._pset_seq}) == seqs
    gone = df._pset_id[seqs]
    assert not [i for i in gone if Path("calc", i).exists()]
    assert all(Path("calc/removed/1", i, "out.bin").exists() for i in gone)
    assert not any(ps.check_calc_dir("calc").values())
    assert cli.rm(["--undo"]) == 0
    assert state() == before
    assert not Path("calc/removed").exists()
    pd.testing.assert_frame_equal(ps.df_read("calc"), df)


def test_runs_in_between_do_not_get_the_numbers_of_removed_rows(df):
    cli.rm(["x > 4"])
    cli.rm(["_run_seq == 1"])
    cli.rm(["x == 0"])
    new = ps.run_local(func, ps.plist("x", [30, 5]), skip_dups=True)
    assert new._pset_seq.tolist() == [1, 2, 3, 4, 10, 11]
    assert new._run_seq.tolist() == [0] * 4 + [2] * 2
    for _ in range(3):
        assert cli.rm(["--undo"]) == 0
    assert cli.rm(["--undo"]) == 1
    after = ps.df_read("calc")
    assert after._pset_seq.tolist() == after.index.tolist() == [*range(12)]
    pd.testing.assert_frame_equal(after[:10].drop(columns="o"), df.drop(columns="o"))
    assert after.o[:10].tolist()[0] == [1, None]
    assert type(after.index) is pd.RangeIndex
    assert not any(ps.check_calc_dir("calc").values())


@pytest.mark.parametrize("basename", ["database.json", "database.parquet"])
def test_other_formats(basename):
    pytest.importorskip("pyarrow")
    df = ps.run_local(func, ps.plist("x", [1, 2]), database_basename=basename)
    before = state()
    assert cli.rm(["x == 1"]) == 0
    assert Path("calc/removed/1", basename).exists()
    ps.run_local(func, ps.plist("x", [5]), database_basename=basename)
    assert cli.rm(["--undo"]) == 0
    after = ps.df_read("calc")
    pd.testing.assert_frame_equal(after[:2], df)
    assert {
        name: before[name] for name in before if name.name not in (basename, "runs.jsonl")
    }.items() <= state().items()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("x = 4", "write|compare columns"),
        ("nope > 3", "'nope' is not defined"),
        ("x", "true or false of no row"),
        ("__import__('os').system('touch hacked')", "fails"),
        ("@os.system('touch hacked')", "fails"),
        ("x >", "fails"),
        ("", "fails"),
        ("True", "compare columns"),
    ],
)
def test_queries_that_make_no_sense_change_nothing(df, query, said, capsys):
    before = state()
    assert cli.rm([query]) == 1
    error = capsys.readouterr().err
    assert any(part in error for part in said.split("|"))
    assert state() == before
    assert not Path("hacked").exists()


def test_nothing_found_dry_runs_and_usage(df, capsys):
    before = state()
    assert cli.rm(["x == 99"]) == 1
    assert cli.rm(["-n", "x == 1"]) == 0
    assert capsys.readouterr().out == "no row was removed\nwould remove 1 row and 1 folder\n"
    assert state() == before
    assert cli.rm(["x == 1", "--calc-dir", "nowhere"]) == 1
    assert cli.rm(["x == 1", "--calc-dir", "calc"]) == 0
    assert cli.rm(["--undo", "-n"]) == 0
    assert "would bring back 1 row" in capsys.readouterr().out
    for words in ([], ["x == 1", "--undo"]):
        with pytest.raises(SystemExit):
            cli.rm(words)


def test_a_folder_in_the_way_is_not_overwritten(df, capsys):
    cli.rm(["x == 1"])
    place = Path("calc", df._pset_id[1])
    place.mkdir()
    assert cli.rm(["--undo"]) == 1
    assert "rename or remove one of them" in capsys.readouterr().err
    place.rmdir()
    assert cli.rm(["--undo"]) == 0
    assert (place / "out.bin").exists()


class Killed(BaseException):
    pass


def interrupted(monkeypatch, module, name, call, after):
    """Let a function fail when it is called for the nth time, as a kill between two steps."""
    real, left = getattr(module, name), [after]

    def stops(*args, **kwds):
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return real(*args, **kwds)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, stops)
        with pytest.raises(Killed):
            call()


@pytest.mark.parametrize(
    ("module", "name", "after"),
    [
        (remove, "write_numbers", 0),
        (remove.database, "write_file", 0),
        (Study, "write_database", 0),
        (remove.os, "rename", 0),
        (remove.os, "rename", 1),
        (remove.os, "rename", 2),
    ],
)
def test_a_killed_removal_is_finished_or_undone(df, monkeypatch, module, name, after):
    before = state()
    interrupted(
        monkeypatch, module, name, lambda: remove.remove_rows(Study.find("calc"), "x > 5"), after
    )
    n_rows = len(ps.df_read("calc"))
    assert n_rows in (10, 7)
    cli.rm(["x == 1"])  # which finishes it first
    assert ps.check_calc_dir("calc")["disk_not_db"] == set()
    assert ps.check_calc_dir("calc")["db_not_disk"] == set()
    while cli.rm(["--undo"]) == 0:
        pass
    assert not Path("calc/removed").exists()
    after_all = state()
    assert after_all.keys() == before.keys()
    assert [n for n in before if before[n] != after_all[n]] in ([], [Path("database.pk")])
    pd.testing.assert_frame_equal(ps.df_read("calc"), df)


@pytest.mark.parametrize(
    ("module", "name", "after"), [(remove.os, "rename", 1), (Study, "write_database", 0)]
)
def test_a_killed_undo_is_called_again(df, monkeypatch, module, name, after):
    before = state()
    cli.rm(["x > 5"])
    df2 = ps.run_local(func, [{"x": -1}])
    assert len(df2) == 8
    interrupted(monkeypatch, module, name, lambda: remove.undo_removal(Study.find("calc")), after)
    cli.rm(["--undo"])
    assert len(ps.df_read("calc")) == 11
    assert not any(ps.check_calc_dir("calc").values())
    assert {n: before[n] for n in before if n.name == "out.bin"}.items() <= state().items()


def test_while_two_runs_write(df, script):
    before = {name: data for name, data in state().items() if name.name == "out.bin"}
    code = """
        import os, sys, time
        from pathlib import Path
        import psweep as ps
        def func(pset):
            Path(pset["_calc_dir"], pset["_pset_id"]).mkdir()
            return {"y": 0.5}
        n = 0
        while not os.path.exists("stop"):
            ps.run_local(func, [{"x": 100 + i, "run": sys.argv[1]} for i in range(5)])
            n += 5
            Path("ran" + sys.argv[1]).write_text(str(n))
        """
    runs = [script(code, name) for name in "ab"]
    while not all(Path("ran" + name).exists() for name in "ab"):
        assert all(run.poll() is None for run in runs)
    for query in ("x < 4", "_failed", "x < 10 and y > 3"):
        assert cli.rm([query]) == 0
        assert cli.rm(["--undo"]) == 0
    cli.rm(["x < 4"])
    cli.rm(["x < 30"])
    cli.rm(["--undo"])
    Path("stop").touch()
    for run in runs:
        _, error = run.communicate()
        assert run.returncode == 0, error
    cli.rm(["--undo"])
    after = ps.df_read("calc")
    n_new = sum(int(Path("ran" + name).read_text()) for name in "ab")
    assert len(after) == 10 + n_new
    assert after._pset_seq.is_unique
    assert after._pset_id.is_unique
    assert after.groupby("_run_id")._run_seq.nunique().eq(1).all()
    assert after._run_seq.nunique() == after._run_id.nunique()
    old = after[after._pset_id.isin(set(df._pset_id))]
    assert np.array_equal(old._pset_seq, df._pset_seq)
    assert ps.df_extract_params(old) == ps.df_extract_params(df)
    assert before.items() <= state().items()
    assert not any(ps.check_calc_dir("calc").values())


def test_rows_of_a_run_that_goes_on_are_kept(script, capsys):
    process = script(
        """
        import os, time
        import psweep as ps
        def func(pset):
            if pset["x"] == 1:
                open("started", "w").close()
                while not os.path.exists("go"):
                    time.sleep(0.01)
            return {"y": 1}
        ps.run_local(func, ps.plist("x", [0, 1]))
        """
    )
    while not Path("started").exists():
        assert process.poll() is None
    assert cli.rm(["x == 0"]) == 1
    assert "1 row kept, because the run has not ended" in capsys.readouterr().out
    Path("go").touch()
    process.communicate()
    assert len(ps.df_read("calc")) == 2
    assert cli.rm(["x == 0"]) == 0


def test_undo_counts_rows_that_have_the_random_numbers_of_others(capsys):
    def func(pset):
        if pset["x"] == 2:
            raise ValueError
        return {}

    def run(x):
        options = {"skip_dups": True, "on_error": "record", "calc_dir": "seeds"}
        return ps.run_local(func, ps.plist("x", x), seed=1, **options)

    run([0, 1, 2])
    assert cli.rm(["x > 0", "-c", "seeds"]) == 0
    df = run([1, 2])  # (a failed row has the seed of the one that was removed, too)
    capsys.readouterr()
    for options in (["--dry-run"], []):
        assert cli.rm(["--undo", "-c", "seeds", *options]) == 0
        said = capsys.readouterr().out
        assert "\n1 row has the pset and the _seed of another row" in said
    assert len(ps.df_read("seeds")) == 5
    assert cli.rm(["_run_seq == 1", "-c", "seeds"]) == 0
    run([3])
    capsys.readouterr()
    assert cli.rm(["--undo", "-c", "seeds"]) == 0
    assert "1 row has" in capsys.readouterr().out
    assert len(df) == 3


@pytest.mark.parametrize("suffix", ["pk", "json", "parquet"])
def test_a_study_without_rows_keeps_its_dtypes(suffix):
    def everything(pset):
        return {"i": 1, "f": 0.5, "b": True, "t": "text", "c": 1j, "d": pd.Timedelta(1, "s")}

    params = ps.pgrid(a=[1, 2], k=["u", "v"], x=[0.5, None])
    basename = f"database.{suffix}"
    before = ps.run_local(everything, params, database_basename=basename)
    assert cli.rm(["a > 0"]) == 0
    empty = ps.df_read("calc")
    assert len(empty) == 0
    assert empty.dtypes.tolist() == before.dtypes.tolist()
    assert list(empty.columns) == list(before.columns)
    new = ps.run_local(everything, params, database_basename=basename, skip_dups=True)
    assert new.dtypes.tolist() == before.dtypes.tolist()
    assert ps.df_extract_params(new) == params


@pytest.mark.parametrize("suffix", ["pk", "json", "parquet"])
def test_rows_with_ints_among_floats_can_be_removed_from_a_column_of_objects(suffix):
    results = iter(["text", 1, 2.5, None, float("nan"), 7])
    basename = f"database.{suffix}"
    params = ps.plist("a", range(6))
    df = ps.run_local(lambda _: {"y": next(results)}, params, database_basename=basename)
    before = Path("calc", basename).read_bytes()
    assert cli.rm(["a > 0"]) == 0
    (removed,) = Path("calc/removed").glob(f"*/{basename}")
    assert repr([*ps.df_read(removed).y]) == "[1, 2.5, None, nan, 7]"
    assert cli.rm(["--undo"]) == 0
    assert Path("calc", basename).read_bytes() == before
    assert cli.rm(["a == 0"]) == 0
    left = ps.df_read("calc")
    assert repr([*left.y]) == "[1, 2.5, None, nan, 7]"
    assert ps.df_read("calc").dtypes.tolist() == df.dtypes.tolist()


@pytest.mark.parametrize("suffix", ["pk", "json", "parquet"])
def test_results_of_rows_that_were_removed_stay_ints_when_they_come_back(suffix):
    basename = f"database.{suffix}"

    def results_of_large(pset):
        return {"y": 1} if pset["a"] > 1 else {}

    ps.run_local(results_of_large, ps.plist("a", range(4)), database_basename=basename)
    assert cli.rm(["a > 1"]) == 0
    ps.run_local(lambda _: {}, [{"a": 9}], database_basename=basename)
    assert cli.rm(["--undo"]) == 0
    df = ps.df_read("calc")
    assert str(df.y.dtype) == "Int64"
    assert df.y.dropna().tolist() == [1, 1]


def test_a_name_with_brackets(capsys):
    kwds = {"database_basename": "study[1].pk"}
    df = ps.run_local(func, ps.plist("x", [0, 1]), **kwds)
    assert cli.rm(["-c", "calc/study[1].pk", "x == 1"]) == 0
    new = ps.run_local(func, ps.plist("x", [2]), **kwds)
    assert new._pset_seq.tolist() == [0, 2]
    assert cli.rm(["-c", "calc/study[1].pk", "--undo"]) == 0
    assert ps.recover("calc", **kwds)._pset_id.tolist()[:2] == df._pset_id.tolist()
