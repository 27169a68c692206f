"""Wrong arguments are refused before a file is touched or a pset is run, with value and cure."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import psweep as ps

A = [{"a": 1}]


@pytest.mark.parametrize(
    ("kwds", "error", "said"),
    [
        ({"params": {"a": 1}}, TypeError, ["dict", "[pset]"]),
        ({"params": pd.DataFrame({"a": [1]})}, TypeError, ["DataFrame", "df_extract_params"]),
        ({"params": "abc"}, TypeError, ["str"]),
        ({"params": None}, TypeError, ["NoneType"]),
        ({"params": [{"a": 1}, 3]}, TypeError, ["params[1]", "3 (int)", "plist"]),
        ({"params": [[{"a": 1}]]}, TypeError, ["params[0]", "[{'a': 1}]"]),
        ({"params": [{"_pset_id": 1}]}, ValueError, ["params[0]", "'_pset_id'", "rename"]),
        ({"params": [{"a": 1, "_failed": 1}]}, ValueError, ["'_failed'", "rename"]),
        ({"params": [{"_pset_runtime": 1}]}, ValueError, ["'_pset_runtime'"]),
        ({"params": [{"a": open(os.devnull)}]}, TypeError, ["'a'", "TextIOWrapper", "'_'"]),
        ({"func": 5}, TypeError, ["func", "5"]),
        ({"poolsize": 0}, ValueError, ["poolsize", "0", "≥ 1"]),
        ({"poolsize": 2.0}, ValueError, ["poolsize", "2.0"]),
        ({"poolsize": True}, ValueError, ["poolsize", "True"]),
        ({"poolsize": np.float64(2)}, ValueError, ["poolsize", "2.0"]),
        ({"retries": np.True_}, ValueError, ["retries", "True"]),
        ({"timeout": np.True_, "poolsize": 1}, ValueError, ["timeout", "True"]),
        ({"timeout": 2 + 1j, "poolsize": 1}, ValueError, ["timeout", "2+1j"]),
        ({"skip_dups": np.array([1, 2])}, ValueError, ["skip_dups", "array([1, 2])", "'tried'"]),
        ({"on_error": ["record"]}, ValueError, ["on_error", "['record']"]),
        ({"on_error": "ignore"}, ValueError, ["on_error", "'ignore'", "'record'"]),
        ({"capture_logs": "both"}, ValueError, ["capture_logs", "'both'", "'db+file'"]),
        ({"capture_logs": "file", "save": False}, ValueError, ["save=False", "'file'"]),
        ({"tmpsave": True, "save": False}, ValueError, ["save=False", "tmpsave"]),
        ({"backup": True, "save": False}, ValueError, ["save=False", "backup"]),
        ({"verbose": "a"}, TypeError, ["verbose", "['a']"]),
        ({"verbose": 3}, TypeError, ["verbose", "3"]),
        ({"database_basename": "x/db.pk"}, ValueError, ["x/db.pk", "calc_dir"]),
        ({"database_basename": "db.csv"}, ValueError, [".csv", ".json"]),
        ({"database_basename": None}, ValueError, ["None"]),
        ({"database_basename": ""}, ValueError, ["''"]),
        ({"database_basename": ".."}, ValueError, ["'..'"]),
        ({"database_basename": "batch"}, ValueError, ["'batch'", "choose another"]),
        ({"database_basename": "numbers.json"}, ValueError, ["'numbers.json'", "choose another"]),
        ({"database_basename": "d" * 227 + ".pk"}, ValueError, ["230 bytes", "at most 220"]),
        ({"database_basename": "a\0.pk"}, ValueError, ["x00"]),
        ({"calc_dir": None}, TypeError, ["calc_dir", "None", "'calc'"]),
        ({"calc_dir": 3}, TypeError, ["calc_dir", "3"]),
        ({"calc_dir": b"calc"}, TypeError, ["calc_dir", "b'calc'"]),
        ({"calc_dir": ""}, ValueError, ["calc_dir", "''"]),
        ({"calc_dir": "a\0b"}, ValueError, ["calc_dir", "x00"]),
        ({"save": "no"}, TypeError, ["save", "'no'", "True or False"]),
        ({"backup": 3}, TypeError, ["backup", "3"]),
        ({"git": "yes"}, TypeError, ["git", "'yes'"]),
        ({"tmpsave": None}, TypeError, ["tmpsave", "None"]),
        ({"progress": "no"}, TypeError, ["progress", "'no'", "None"]),
        ({"df": [1]}, TypeError, ["df", "[1]"]),
        ({"df": pd.DataFrame({"a": [1]})}, ValueError, ["_run_id", "'a'"]),
        ({"pool_size": 2}, TypeError, ["'pool_size'", "did you mean 'poolsize'"]),
        ({"xyz": 2}, TypeError, ["'xyz'", "calc_dir"]),
        ({"git": True, "save": False}, ValueError, ["save=False", "git=True"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("simulate", [False, True])
def test_refused_before_anything_is_touched(tmp_path, kwds, error, said, simulate):
    ran = []
    args = {"func": lambda p: ran.append(1) or {}, "params": A, "simulate": simulate, **kwds}
    with pytest.raises(ps.PsweepError) as caught:
        ps.run_local(**args)
    assert isinstance(caught.value, error)
    for text in said:
        assert text in str(caught.value)
    assert not ran
    assert list(tmp_path.iterdir()) == []


async def is_async(pset):
    return {"b": 1}


def has_yield(pset):
    yield {"b": 1}


async def has_both(pset):
    yield {"b": 1}


@pytest.mark.parametrize(
    "func, said",
    [
        (is_async, r"is_async is async; write lambda pset: asyncio\.run\(is_async\(pset\)\)"),
        (has_yield, "has_yield is a generator function; use return instead of yield"),
        (has_both, "has_both is a generator function; use return instead of yield"),
    ],
)
def test_functions_that_return_no_dict_are_refused_before_anything_is_touched(func, said, tmp_path):
    with pytest.raises(TypeError, match=said):
        ps.run_local(func, [{"a": 1}], on_error="record")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("number", [np.int64, np.uint8, np.array])
def test_numbers_of_numpy_are_numbers(number):
    one, two = number(1), number(2)
    df = ps.run_local(
        lambda p: {"pid": os.getpid()},
        ps.plist("a", range(3)),
        poolsize=two,
        repeats=two,
        retries=one,
        max_tasks_per_child=one,
        seed=one,
        timeout=np.float32(100),
        on_error="record",
        database_basename="d" * 217 + ".pk",
    )
    assert len(df) == df.pid.nunique() == 6
    assert (
        df._seed.tolist()[:3] == ps.run_local(dict, ps.plist("a", range(3)), seed=1)._seed.tolist()
    )


def test_simulate_that_is_no_bool_is_refused(tmp_path):
    with pytest.raises(TypeError, match="simulate must be True or False, not 'False'"):
        ps.run_local(lambda p: {}, A, simulate="False")
    assert list(tmp_path.iterdir()) == []


def test_parquet_without_pyarrow_is_refused_before_a_pset_runs(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ps.NotInstalledError, match="psweep-core\\[parquet\\]"):
        ps.run_local(lambda p: {}, A, database_basename="database.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_calc_dir_that_is_a_file():
    Path("calc").write_text("not a folder")
    with pytest.raises(ps.CalcDirError, match="'calc'.*calc is a file.*another folder") as caught:
        ps.run_local(lambda p: {}, A)
    assert isinstance(caught.value, OSError)
    assert Path("calc").read_text() == "not a folder"
    with pytest.raises(ps.CalcDirError, match="calc is a file"):
        ps.run_local(lambda p: {}, A, calc_dir="calc/below")


def test_a_calc_dir_that_cannot_be_written_to():
    # by someone who is not root, to whom no folder is closed
    code = """
import os, sys
import psweep as ps
if os.getuid() == 0:
    os.setuid(65534)
os.chdir(sys.argv[1])
for calc in ("calc", "calc/new"):
    try:
        ps.run_local(lambda p: print("ran"), [{"a": 1}], calc_dir=calc)
    except ps.CalcDirError as error:
        assert isinstance(error, OSError)
        print(error)
"""
    with tempfile.TemporaryDirectory() as folder:
        calc = Path(folder, "calc")
        calc.mkdir()
        Path(folder).chmod(0o755)
        calc.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", code, folder], capture_output=True, text=True, check=True
        )
        calc.chmod(0o755)
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert "cannot be written to; name another folder" in line


def truncated():
    ps.run_local(lambda p: {"b": 1}, [{"a": i} for i in range(50)])
    path = Path("calc/database.pk")
    data = path.read_bytes()[:-100]
    path.write_bytes(data)
    return path, data


def test_a_truncated_database_is_named_and_never_overwritten():
    path, data = truncated()
    ran = []
    for action in (
        lambda: ps.run_local(lambda p: ran.append(1) or {}, A),
        lambda: ps.run_local(lambda p: ran.append(1) or {}, A, simulate=True),
        lambda: ps.df_read("calc"),
        lambda: ps.df_read(path),
        lambda: ps.recover("calc"),
        lambda: ps.check_calc_dir("calc"),
    ):
        with pytest.raises(ps.DatabaseError, match=r"database\.pk is damaged.*left as it is"):
            action()
    assert not ran
    assert path.read_bytes() == data


class OfAnotherPython:
    """Can be pickled, but not loaded: so is a lambda by another version of Python."""

    def __reduce__(self):
        return types.SimpleNamespace, (1, 2, 3)


@pytest.mark.parametrize("cut", [0, 1])
def test_a_whole_database_of_another_python_is_not_called_damaged(cut):
    df = ps.run_local(lambda p: {}, A).assign(y=[OfAnotherPython()])
    df.to_pickle("calc/database.pk")
    data = Path("calc/database.pk").read_bytes()
    Path("calc/database.pk").write_bytes(data[: len(data) - cut])
    whole = r"loaded by Python \d.* and pandas \d.*TypeError.* is whole: read it"
    message = "is damaged" if cut else whole
    with pytest.raises(ps.DatabaseError, match=message):
        ps.df_read("calc")


def test_a_database_that_is_damaged_during_the_run_is_not_overwritten():
    def func(pset):
        Path("calc/database.pk").write_bytes(b"garbage")
        return {"b": pset["a"]}

    ps.run_local(lambda p: {}, A)
    with pytest.raises(ps.DatabaseError, match="damaged") as caught:
        ps.run_local(func, ps.plist("a", [5, 6]))
    assert "2 finished psets are safe in journals" in "".join(caught.value.__notes__)
    assert Path("calc/database.pk").read_bytes() == b"garbage"
    with pytest.raises(ps.DatabaseError, match="2 rows in the journals"):
        ps.df_read("calc/database.pk")
    Path("calc/database.pk").unlink()
    assert ps.recover("calc").b.tolist() == [5, 6]


def test_a_database_without_its_book_keeping_is_named_and_not_extended():
    df = ps.run_local(lambda p: {"b": 1}, A)
    ps.df_write(df[["a", "_run_id", "b"]], "calc/database.pk")
    before = Path("calc/database.pk").read_bytes()
    with pytest.raises(ps.DatabaseError, match=r"database\.pk.*lacks the columns.*'_pset_id'"):
        ps.run_local(lambda p: {"b": 1}, A)
    assert Path("calc/database.pk").read_bytes() == before


def test_what_can_still_be_recovered_is_said():
    ps.run_local(lambda p: {}, A, tmpsave=True)
    ps.run_local(lambda p: {}, A, backup=True)
    Path("calc/database.pk").write_bytes(b"garbage")
    with pytest.raises(ps.DatabaseError, match="tmpsave.*calc.bak_.*move it away"):
        ps.df_read("calc/database.pk")
    Path("alone.pk").write_bytes(b"")
    with pytest.raises(ps.DatabaseError, match=r"alone\.pk is damaged.*restore a copy"):
        ps.df_read("alone.pk")


@pytest.mark.parametrize("name", ["calc", "calc/database.pk", "no.json"])
def test_what_is_not_there_is_named(name):
    with pytest.raises(ps.StudyNotFoundError, match=name) as caught:
        ps.df_read(name)
    assert isinstance(caught.value, FileNotFoundError)


def test_no_study_to_recover():
    with pytest.raises(ps.StudyNotFoundError, match="calc"):
        ps.recover("calc")
    assert not Path("calc").exists()


def test_a_pickle_of_something_else():
    ps.pickle_write("list.pk", [1])
    with pytest.raises(ps.DatabaseError, match="list, not a DataFrame"):
        ps.df_read("list.pk")


def test_a_value_whose_class_is_gone_is_no_damage():
    Path("mod.py").write_text("class Thing:\n    x = 1\n")
    sys.path.insert(0, "")
    try:
        import mod

        ps.run_local(lambda p: {"t": mod.Thing()}, A)
        del sys.modules["mod"]
        Path("mod.py").unlink()
        import importlib

        importlib.invalidate_caches()
        with pytest.raises(ps.DatabaseError, match="mod.*file is whole"):
            ps.df_read("calc")
    finally:
        sys.path.remove("")


def test_mistakes_with_dataframes_are_named():
    df = ps.run_local(lambda p: {"b": 1}, A, save=False)
    os.mkdir("folder")
    with pytest.raises(ps.PsetNotFoundError, match="'nope'.*df._pset_id") as caught:
        ps.df_extract_pset(df, "nope")
    assert isinstance(caught.value, KeyError)
    for action, said in [
        (lambda: ps.df_extract_pset(df[["a"]], "x"), "_pset_id"),
        (lambda: ps.df_extract_params(df[["a"]]), "_run_id"),
        (lambda: ps.df_filter_conds(df, [[True, False]]), "2 values for 1 rows"),
        (lambda: ps.df_filter_conds(df, [df.a]), "not bools"),
        (lambda: ps.df_write(df, "folder"), "folder is a folder; name a file in it"),
        (lambda: ps.file_write("a.txt", b"x"), "writes text, not b'x'"),
        (lambda: ps.df_filter_conds(df, [df.a == 1], op="xor"), "op must be a function"),
        (lambda: ps.df_print(df, cols=["z"]), "'z'"),
        (lambda: ps.df_print(df, skip_cols=["z"]), "'z'"),
        (lambda: ps.df_write(df, "x.csv"), ".csv"),
        (lambda: ps.df_write(1, "x.pk"), "1"),
        (lambda: ps.df_write(df, df), "DataFrame"),
        (lambda: ps.check_calc_dir(".", df[["a"]]), "_pset_id"),
    ]:
        with pytest.raises(ps.PsweepError) as caught:
            action()
        assert said in str(caught.value)
