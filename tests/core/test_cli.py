"""The console scripts, as they are installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

import psweep as ps
from psweep_core import cli
from psweep_core.status import status
from psweep_core.store import checkdir
from psweep_core.store.run_record import RunRecord
from psweep_core.store.study import Study

pytestmark = pytest.mark.processes


@pytest.fixture
def df():
    return ps.run_local(
        lambda p: {"r": p["a"] / 4, "o": [1]}, [{"a": 1, "s": "x"}, {"a": 2}], calc_dir="calc"
    )


def test_db2json(df, capsys):
    assert cli.db2json(["calc"]) == 0
    out = capsys.readouterr().out
    assert out == ps.df_to_json(df, orient="records") + "\n"
    records = json.loads(out)
    assert [row["_pset_id"] for row in records] == df._pset_id.tolist()
    assert records[0].items() >= {"a": 1, "s": "x", "r": 0.25, "o": [1]}.items()
    assert records[1]["s"] is None
    assert cli.db2json(["calc/database.pk", "--indent", "1", "-o", "split"]) == 0
    assert json.loads(capsys.readouterr().out)["index"] == [0, 1]


def test_db2table(df, capsys):
    assert cli.db2table([]) == 0
    assert capsys.readouterr().out == (
        "  a  s       r  o\n---  ---  ----  ---\n  1  x    0.25  [1]\n  2  -    0.50  [1]\n"
    )
    assert cli.db2table(["calc", "_pset_seq", "r", "-i", "-f", "plain"]) == 0
    assert (
        capsys.readouterr().out
        == "      _pset_seq     r\n 0            0  0.25\n 1            1  0.50\n"
    )  # noqa: E501
    assert cli.db2table(["calc", "-a", "-f", "github"]) == 0
    out = capsys.readouterr().out
    assert "_pset_hash" in out
    assert out.startswith("|")


def test_db2table_with_mistakes(df, capsys):
    assert cli.db2table(["calc", "nope"]) == 1
    assert "no column 'nope'; available: a, s, _run_id" in capsys.readouterr().err
    assert cli.db2table(["elsewhere"]) == 1
    assert "elsewhere" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.db2table(["calc", "-f", "nonsense"])
    assert "nonsense" in capsys.readouterr().err


def test_checkdir(df, capsys):
    ids = df._pset_id.tolist()
    assert cli.checkdir([]) == 0
    assert "none of the 2 rows has a folder" in capsys.readouterr().out
    for pset_id in ids:
        Path("calc", pset_id).mkdir()
    Path("calc", "notes").mkdir()
    assert cli.checkdir(["calc"]) == 0
    assert capsys.readouterr().out == (
        "rows without folder: 0\nfolders without row: 0\nunfinished journals: 0\n"
    )
    Path("calc", ids[0]).rmdir()
    assert cli.checkdir(["calc"]) == 1
    assert f"rows without folder: 1\n    {ids[0]}\n" in capsys.readouterr().out
    Path("calc", ids[0]).mkdir()
    stray = "0" * 8 + "-0000-4000-8000-" + "0" * 12
    Path("calc", stray).mkdir()
    assert cli.checkdir(["calc"]) == 1
    assert f"folders without row: 1\n    {stray}\n" in capsys.readouterr().out
    assert ps.check_calc_dir("calc", df) == {
        "db_not_disk": set(), "disk_not_db": {stray}, "unfinished_journals": set(),
        "hash_not_pset": set(),
    }  # fmt: skip
    assert cli.checkdir(["elsewhere"]) == 1
    assert "elsewhere" in capsys.readouterr().err


def test_checkdir_finds_unfinished_journals(script, capsys):
    process = script(
        """
        import os
        import psweep as ps
        ps.run_local(lambda p: os.kill(os.getpid(), 9) if p["a"] else {}, ps.plist("a", [0, 1]))
        """
    )
    process.wait()
    assert cli.checkdir(["calc"]) == 1
    assert "unfinished journals: 1\n" in capsys.readouterr().out
    ps.recover("calc")
    assert cli.checkdir(["calc"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["psweep-db2json", "psweep-db2table", "psweep-checkdir", "psweep-migrate", "psweep-report"],
)
def test_the_scripts_are_installed(df, name):
    path = shutil.which(name, path=str(Path(sys.executable).parent))
    if path is None:
        pytest.skip("psweep-core is not installed here, only importable: use nox")
    done = subprocess.run([path], capture_output=True, text=True, check=True)
    assert done.stdout
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{name} {ps.__version__}\n"
    done = subprocess.run([path, "--help"], capture_output=True, text=True, check=True)
    assert "calc" in done.stdout


@pytest.mark.slow
def test_a_closed_pipe_is_no_error(df):
    code = "import sys; from psweep import cli; sys.exit(cli.{}(['calc']))"
    for name in ("db2json", "db2table", "checkdir"):
        command = f'"{sys.executable}" -c "{code.format(name)}"; echo $? >&2'
        done = subprocess.run(
            f"({command}) | true", shell=True, capture_output=True, text=True, check=True
        )
        assert done.stderr == "0\n"


def test_checkdir_does_not_call_a_running_study_wrong(script, capsys):
    process = script(
        """
        import os, time
        import psweep as ps

        def func(pset):
            os.mkdir(f"calc/{pset['_pset_id']}")
            if pset["a"] == 2:
                open("ready", "w").close()
                time.sleep(3600)
            return {}

        ps.run_local(func, ps.plist("a", range(4)), poolsize=1)
        """
    )
    while not Path("ready").exists():
        assert process.poll() is None
    assert cli.checkdir(["calc"]) == 0
    assert "unfinished journals: 0" in capsys.readouterr().out
    stray = "0" * 8 + "-0000-4000-8000-" + "0" * 12
    Path("calc", stray).mkdir()
    os.utime(Path("calc", stray), (1e9, 1e9))  # is older than the run
    assert cli.checkdir(["calc"]) == 1
    Path("calc", stray).rmdir()
    process.kill()
    process.wait()
    out = ""
    # The worker may notice a little later, even between the two looks of one call.
    while not ("unfinished journals: 2" in out and "folders without row: 1" in out):
        assert cli.checkdir(["calc"]) == 1
        out = capsys.readouterr().out


def unfinished():
    return ps.check_calc_dir("calc")["unfinished_journals"]


def test_checkdir_does_not_call_a_run_wrong_that_is_ending(monkeypatch):
    """The run has closed its journals, and waits for the lock of the study."""
    found = []
    fold_now = Study.fold_now

    def later(self, record=None):
        check = threading.Thread(target=lambda: found.append(unfinished()))
        check.start()
        time.sleep(0.5)
        df = fold_now(self, record)
        check.join()
        return df

    monkeypatch.setattr(Study, "fold_now", later)
    ps.run_local(lambda pset: {}, ps.plist("a", range(4)), poolsize=2)
    assert found == [set()]


def test_checkdir_does_not_call_workers_wrong_that_have_ended(monkeypatch):
    found = []
    absorb = RunRecord.absorb

    def watched(self, path, rows):
        found.append(unfinished())
        absorb(self, path, rows)

    monkeypatch.setattr(RunRecord, "absorb", watched)
    ps.run_local(lambda pset: {}, ps.plist("a", range(3)), poolsize=1, max_tasks_per_child=1)
    assert found == [set(), set()]


def test_checkdir_leaves_what_a_killed_run_left_to_who_holds_the_lock(script, monkeypatch):
    script(
        """
        import os
        import psweep as ps
        ps.run_local(lambda p: os.kill(os.getpid(), 9) if p["a"] else {}, ps.plist("a", [0, 1]))
        """
    ).wait()
    monkeypatch.setattr(checkdir, "_GRACE_SECONDS", 0.2)
    monkeypatch.setattr(checkdir, "_MAX_SECONDS", 0.5)
    assert len(unfinished()) == 1
    with Study("calc").locked():
        assert unfinished() == set()


def test_checkdir_expands_the_home_folder(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    ps.run_local(lambda pset: {}, [{"a": 1}], calc_dir="~/study", capture_logs="file")
    assert not any(ps.check_calc_dir("~/study").values())
    assert cli.checkdir(["~/study"]) == 0


def test_checkdir_knows_the_rows_of_all_databases_in_the_folder():
    kwds = {"calc_dir": "calc", "capture_logs": "file"}
    first = ps.run_local(lambda pset: {}, [{"a": 1}], **kwds)
    ps.run_local(lambda pset: {}, [{"a": 2}], **kwds, database_basename="other.pk")
    assert not any(ps.check_calc_dir("calc").values())
    assert not any(ps.check_calc_dir("calc", first).values())


TAKE_A_FOLDER = [
    ps.check_calc_dir, ps.recover, ps.df_runs, ps.migrate, ps.report, lambda p: ps.edit(p, len)
]  # fmt: skip


def study_in(basename, **kwds):
    kwds = {"calc_dir": "calc", "skip_dups": True, **kwds}
    return ps.run_local(
        lambda p: {"y": p["x"]}, ps.plist("x", [1, 2]), database_basename=basename, **kwds
    )


def all_programs(path):
    """Call each program that looks at a study; return what psweep-status has printed."""
    programs = [
        (cli.checkdir, [path]), (cli.report, [path]), (cli.db2table, [path]), (cli.db2json, [path]),
        (cli.migrate, [path]), (cli.rm, ["x == 1", "-c", path]), (cli.rm, ["--undo", "-c", path])
    ]  # fmt: skip
    for program, args in programs:
        assert program(args) == 0, (program, args)
    return status(["-c", path])


@pytest.mark.parametrize("function", TAKE_A_FOLDER)
def test_a_file_that_is_no_database_is_refused(df, function):
    Path("calc/notes.txt").write_text("x")
    with pytest.raises(ps.DatabaseError, match=r"'\.txt' names no database format"):
        function("calc/notes.txt")
    assert not Path("calc/.psweep/notes.txt").exists()


@pytest.mark.parametrize("is_run", [True, False])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("database.json", "database.pkl"),
        ("database.pk", "database.json"),
        ("mine.pk", "database.json"),
        ("database.json", "database.pk"),
    ],
)
def test_a_study_may_get_another_format(old, new, is_run, capsys):
    study_in(old)
    ps.df_write(ps.recover("calc"), f"calc/{new}")
    Path("calc", old).unlink()
    if is_run:
        study_in(new)
    elif new == "database.pkl":  # no usual name, and psweep has not seen it yet
        with pytest.raises(ps.StudyNotFoundError, match=rf"is its database, name it: calc/{new}"):
            ps.df_read("calc")
    for path in (f"calc/{new}", *(["calc"] if is_run or new != "database.pkl" else [])):
        capsys.readouterr()
        assert all_programs(path) == 0
        assert capsys.readouterr().out.endswith("run 0: ended, 2 of 2 psets\n")
        for function in TAKE_A_FOLDER[:-1]:
            function(path)
    assert len(study_in(new)) == 2


def test_of_several_databases_in_a_folder_one_can_be_named(capsys):
    study_in("a.json")
    study_in("b.pk", repeats=2)
    said = "calc holds the databases ['a.json', 'b.pk']; name one of these files, such as calc/a."
    for function in TAKE_A_FOLDER:
        with pytest.raises(ps.StudyNotFoundError, match=re.escape(said)):
            function("calc")
    assert status([]) == 1
    assert said in capsys.readouterr().err
    for basename, n in (("a.json", 2), ("b.pk", 4)):
        path = f"calc/{basename}"
        assert all_programs(path) == 0
        assert capsys.readouterr().out.endswith(f"run 0: ended, {n} of {n} psets\n")
        assert ps.df_runs(path).n_rows.tolist() == [n]
        assert ps.df_runs(path).database.tolist() == [basename]
        assert len(ps.recover(path)) == len(ps.edit(path, lambda df: df)) == n
    assert ps.check_calc_dir("calc/a.json")["disk_not_db"] == set()
    study_in("database.pk", repeats=3)  # is meant by the folder
    assert ps.df_runs("calc").n_rows.tolist() == [6]


def test_a_database_that_a_killed_run_would_have_written_can_be_named(script, capsys):
    """It is not there yet, and counts; so does an older one next to it."""
    study_in("database.json")
    killed = script(
        """
        import os, psweep as ps
        def func(pset):
            return {"y": 1} if pset["x"] < 3 else os._exit(1)
        ps.run_local(func, ps.plist("x", [1, 2, 3]), database_basename="b.pk")
        """
    )
    killed.communicate()
    assert not Path("calc/b.pk").exists()
    with pytest.raises(ps.StudyNotFoundError, match=r"holds the databases \['b.pk', 'database.j"):
        ps.df_read("calc")
    assert status(["-c", "calc/b.pk"]) == 4
    assert "stopped early, 2 of 3 psets" in capsys.readouterr().out
    with pytest.raises(ps.StudyNotFoundError, match="there is no .*c.pk, and no unfinished run"):
        ps.recover("calc/c.pk")
    assert len(ps.recover("calc/b.pk")) == 2


def test_db2json_prints_values_of_any_type(capsys):
    class Odd:
        def __str__(self):
            raise RuntimeError("no")

    values = [Path("a/b"), Decimal("1.10"), range(3), Odd(), [Path("c"), {"d": Fraction(1, 3)}], 1]
    ps.run_local(lambda _: {}, ps.plist("a", values))
    assert cli.db2json(["calc"]) == 0
    found = [row["a"] for row in json.loads(capsys.readouterr().out)]
    assert found[:3] == [str(Path("a/b")), "1.10", "range(0, 3)"]
    assert "Odd" in found[3]
    assert found[4:] == [["c", {"d": "1/3"}], 1]
    with pytest.raises(ps.ParamsTypeError, match="PosixPath|WindowsPath"):
        ps.df_to_json(ps.df_read("calc"))
