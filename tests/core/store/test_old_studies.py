"""Studies of psweep 0.8 to 0.16 open as if this psweep had made them.

The databases in ``data/old`` were written by the real releases, see ``data/old/make.py``.
"""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

import psweep as ps
from psweep_core import cli
from psweep_core.store import old_files
from psweep_core.table.bookkeeping import BOOK, EXTRAS
from psweep_core.table.witness import Column, find_ways, stored

OLD = Path(__file__).parents[1] / "data" / "old"
VERSIONS = ["0.8.0", "0.9.0", "0.11.1", "0.13.0", "0.16.0"]
RELEASES = {
    "0.8.0": "0.8",
    "0.9.0": "0.9-0.10",
    "0.11.1": "0.11",
    "0.13.0": "0.12-0.14",
    "0.16.0": "0.15-0.16",
}


def load_maker():
    spec = importlib.util.spec_from_file_location("make", OLD / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = load_maker()


def psets_of(study):
    """Return the psets of a study, with NumPy's scalars as the values that they hold."""
    psets = [pset for params, _ in MAKE.STUDIES[study] for pset in params]
    return [
        {name: v.item() if isinstance(v, np.generic) else v for name, v in pset.items()}
        for pset in psets
    ]


@pytest.fixture(autouse=True)
def reported_anew(monkeypatch):
    monkeypatch.setattr(old_files, "_reported", set())


def copied(version, study, source=OLD):
    shutil.copytree(source / version / study, study)
    return study


def contents(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def alike(one, other):
    return [*map(repr, map(sorted_items, one))] == [*map(repr, map(sorted_items, other))]


def sorted_items(pset):
    """List names and values; the members of a set in one order, which its repr may not have."""
    return sorted(
        (name, ("set", *sorted(map(repr, v))) if isinstance(v, set) else v)
        for name, v in pset.items()
    )


def check_frame(df, psets):
    """Check that a database is as this psweep would have made it."""
    assert alike(ps.df_extract_params(df), psets)
    assert df._pset_hash.tolist() == [*map(ps.pset_hash, psets)]
    assert df.index.tolist() == df._pset_seq.tolist() == [*range(len(psets))]
    names = [name for pset in psets for name in pset]
    book = [*BOOK, *(name for name in EXTRAS if name in df.columns)]
    results = ["y_", "text_", "_pset_runtime"]
    assert df.columns.tolist() == [*dict.fromkeys(names), *book, *results]
    assert str(df._pset_seq.dtype) == str(df._run_seq.dtype) == "int64"
    assert str(df._time_utc.dtype) == "datetime64[ns]"
    assert str(df._pset_runtime.dtype) == "float64"


def without(psets, *names):
    """Leave out what 0.16 has stored as a missing value."""
    return [
        {
            name: v
            for name, v in pset.items()
            if not (name in names and (v is None or (isinstance(v, float) and math.isnan(v))))
        }
        for pset in psets
    ]


def expected(version, study):
    psets = psets_of(study)
    if version != "0.16.0":
        return psets
    if study.startswith("times"):  # 0.16 hashed what pandas had made of them
        psets = [{name: as_by_pandas(v) for name, v in pset.items()} for pset in psets]
    return without(psets, "b", "c")


def as_by_pandas(value):
    if isinstance(value, timedelta):
        return pd.Timedelta(value)
    return pd.Timestamp(value) if isinstance(value, datetime) else value


def never(pset):
    raise AssertionError(pset)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("study", MAKE.STUDIES)
def test_old_studies_open_and_go_on(version, study, source=OLD):
    copied(version, study, source)
    before = contents(study)
    psets = expected(version, study)
    df = ps.df_read(study)
    n = len(psets)
    assert alike(ps.df_extract_params(df), psets)
    assert alike(ps.df_extract_params(ps.df_read(f"{study}/database.pk")), psets)
    # nothing is run again, and nothing is written as long as nothing is new
    again = ps.run_local(never, psets, calc_dir=study, skip_dups=True)
    assert len(again) == n
    files = contents(study)
    assert {path: files[path] for path in before} == before
    new = {"a": 99, "b": 0.25}
    df = ps.run_local(MAKE.func, [*psets, new], calc_dir=study, skip_dups=True)
    assert len(df) == n + 1
    check_frame(df, [*psets, new])
    check_frame(ps.df_read(study), [*psets, new])
    kept = Path(study, f"database.pk.old_{RELEASES[version]}")
    if kept.exists():
        assert kept.read_bytes() == before[Path(study, "database.pk")]
    else:  # nothing but the version differs
        assert version == "0.8.0"
        assert study in ("serial", "backup", "types", "numbers")
    assert len(ps.run_local(never, [*psets, new], calc_dir=study, skip_dups=True)) == n + 1


def by_csv(df):
    df.to_csv("study.csv", index=False)
    return pd.read_csv("study.csv", parse_dates=["_time_utc"])


@pytest.mark.parametrize(
    "change", [pd.DataFrame.infer_objects, pd.DataFrame.convert_dtypes, by_csv]
)
@pytest.mark.parametrize("study", ["late", "numbers", "types"])
def test_an_old_study_opens_after_its_user_has_changed_the_dtypes(study, change, capsys):
    """Only 0.15 and 0.16 hashed pandas.NA, whatever the columns are now."""
    if change is by_csv and study == "types":
        pytest.skip("its ints have become text")
    for version in ("0.16.0", "0.13.0"):
        shutil.rmtree(study, ignore_errors=True)
        copied(version, study)
        df = change(pd.read_pickle(f"{study}/database.pk"))
        df.to_pickle(f"{study}/database.pk")
        psets = expected(version, study)
        df = ps.df_read(study)
        assert f"made by psweep {RELEASES[version]}" in capsys.readouterr().err
        assert df._pset_hash.tolist() == [*map(ps.pset_hash, psets)]
        assert alike(ps.df_extract_params(df), psets)
        ps.run_local(never, psets, calc_dir=study, skip_dups=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_func_has_overwritten(version, capsys):
    copied(version, "overwritten")
    df = ps.df_read("overwritten")
    assert df.columns.tolist()[:3] == ["a", "b", "c"]
    rehashed = version == "0.16.0"  # which hashed the rows again when there was a new parameter
    assert (f"{6} could not be verified" in capsys.readouterr().err) == (not rehashed)
    stored = pd.read_pickle("overwritten/database.pk")._pset_hash.tolist()
    if not rehashed:
        assert df._pset_hash.tolist() == stored
        params = ps.pgrid(MAKE.A, MAKE.B)
        assert len(ps.run_local(never, params, calc_dir="overwritten", skip_dups=True)) == 7


def test_one_line_says_what_was_found(capsys):
    copied("0.8.0", "mixed")
    for _ in range(2):
        ps.df_read("mixed")
    assert capsys.readouterr().err == (
        "psweep: mixed/database.pk: made by psweep 0.8, 6 rows, 3 had no _pset_seq and are "
        "numbered in row order, all verified by their hashes\n"
    )


def test_bools_that_are_numbers_are_restored_and_reported(capsys):
    copied("0.8.0", "bools")
    values = [pset["b"] for pset in ps.df_extract_params(ps.df_read("bools"))]
    assert [*map(repr, values)] == ["2.5", "True", "False", "1.0", "0"]
    assert "2 hold bools that had become numbers, all verified" in capsys.readouterr().err


def test_bools_that_the_user_made_numbers_are_not_of_an_old_release(capsys):
    df = ps.run_local(lambda pset: {"y": 1}, [{"a": 2.5}, {"a": True}])
    df["a"], df["_pset_runtime"] = df["a"].astype(float), math.nan
    ps.df_write(df, "calc/database.pk")
    ps.df_read("calc")
    assert "made by" not in capsys.readouterr().err


def test_our_own_studies_are_none_of_an_old_release(capsys):
    params = [{"a": 1.5, "b": None}, {"a": 2, "b": 0.5}, {"a": 2.0}, {"c": np.arange(3)}]
    df = ps.run_local(lambda pset: {"y": 1, "a": 7}, params)
    df["mean"] = 3.0
    ps.df_write(df, "calc/database.pk")
    df = ps.run_local(lambda pset: {"y": 1}, [{"d": 1}])
    assert "made by" not in capsys.readouterr().err
    assert sorted(os.listdir("calc")) == [".psweep", "database.pk", "runs.jsonl"]


@pytest.mark.parametrize("by_program", [True, False])
def test_only_the_user_knows_what_was_none(by_program, capsys):
    copied("0.16.0", "numbers")
    ps.df_read("numbers")
    assert "psweep-migrate numbers --none b" in capsys.readouterr().err
    before = contents("numbers")
    assert cli.migrate(["-n", "numbers", "--none", "b"]) == 0
    out = capsys.readouterr().out
    assert "made by psweep 0.15-0.16" in out
    assert "database.pk.old_0.15-0.16" in out
    assert contents("numbers") == before
    with pytest.raises(ps.ParamsError, match="'a' was None; .* that is open: 'b'"):
        ps.migrate("numbers", none=["a"])
    assert {path: contents("numbers")[path] for path in before} == before
    if by_program:
        assert cli.migrate(["numbers", "--none", "b"]) == 0
    else:
        ps.migrate("numbers", none=["b"])
    psets = psets_of("numbers")
    assert math.isnan(psets[4].pop("b"))
    psets[4]["b"] = None  # 0.16 does not tell it from None
    check_frame(ps.df_read("numbers"), psets)
    capsys.readouterr()
    assert cli.migrate(["numbers"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert cli.migrate(["numbers", "--none", "b"]) == 1
    assert "is of this version" in capsys.readouterr().err


@pytest.mark.parametrize("version", VERSIONS)
def test_programs_open_old_studies(version, capsys):
    copied(version, "mixed")
    before = contents("mixed")
    assert cli.db2table(["mixed", "a", "_pset_seq", "-f", "plain"]) == 0
    assert capsys.readouterr().out.split() == [
        "a", "_pset_seq", *(word for i in range(6) for word in (str(i + 1), str(i)))
    ]  # fmt: skip
    assert cli.db2json(["mixed"]) == 0
    assert cli.checkdir(["mixed"]) == 0
    assert contents("mixed") == before


def test_the_error_names_what_may_be_the_database_of_an_old_study():
    copied("0.8.0", "serial")
    Path("serial/database.pk").rename("serial/my.pk")
    with pytest.raises(ps.StudyNotFoundError, match=r"holds my\.pk: .*, name it: serial/my\.pk"):
        ps.df_read("serial")
    assert len(ps.df_read("serial/my.pk")) == 5
    assert (
        len(ps.run_local(MAKE.func, [{"a": 9}], calc_dir="serial", database_basename="my.pk")) == 6
    )
    assert len(ps.df_read("serial")) == 6


def test_a_frame_of_an_old_release_is_extended():
    df = pd.read_pickle(OLD / "0.16.0" / "late" / "database.pk")
    df = ps.run_local(MAKE.func, [{"a": 99}], df=df, save=False)
    check_frame(df, [*expected("0.16.0", "late"), {"a": 99}])


def test_parameters_that_came_later_were_absent_before(capsys):
    copied("0.16.0", "late")
    ps.df_read("late")
    assert "of c (rows: 1): " in capsys.readouterr().err
    ps.migrate("late", none=["c"])
    check_frame(ps.df_read("late"), psets_of("late"))


def test_results_that_0_16_hashed_when_a_parameter_was_added_are_no_parameters():
    """It did so where their names do not end in _; these hashes are those that it made."""
    df = pd.read_pickle(OLD / "0.16.0" / "numbers" / "database.pk")[:3].astype(object)
    book = [name for name in df.columns if name.startswith("_") and name != "_pset_runtime"]
    old = pd.DataFrame({"a": [1, 2, 1]}, index=df.index, dtype=object).join(df[book])
    old["y"] = [1.5, 3.0, 1.5]
    old = old.join(df["_pset_runtime"]).astype(object)
    old["b"] = pd.Series([pd.NA, pd.NA, 2], index=df.index, dtype=object)
    old["_pset_hash"] = [
        "4a2b0d002045ced1ca53f4a57799a2b76c6ce163",
        "915fddae32420d2a5077c1d05107aed325aeedf7",
        "f1e77cfd07e4d7919f5bc9ac0e9bbbc28eda40d3",
    ]
    Path("calc").mkdir()
    old.to_pickle("calc/database.pk")
    new = ps.df_read("calc")
    psets = [{"a": 1}, {"a": 2}, {"a": 1, "b": 2}]
    assert ps.df_extract_params(new) == psets
    assert list(new._pset_hash) == [ps.pset_hash(pset) for pset in psets]
    assert list(new.columns)[-2:] == ["y", "_pset_runtime"]
    assert len(ps.run_local(lambda pset: {"y": 0.0}, psets, skip_dups=True)) == 3


# 0.16.0 with pandas 3.1 stored and hashed None, NaN and no value as NaN in a column of texts.
HASHES_WITH_PANDAS_3 = [
    ({"a": 1, "b": "x"}, "3360efbdb01fa34431962f103ade8883eacb5aa9"),
    ({"a": 2, "b": math.nan}, "d9dbe030bd45fcef588b217d76102b9baf997cf5"),
    ({"a": 3, "b": None}, "e969eb3bc56eba568860c29ad9f7d703072c4ad8"),
    ({"a": 4}, "0bdeef8924709b6ebf447eab15e105e64d08dfb3"),
]


def test_what_was_none_among_texts_is_open_with_pandas_3():
    numbers = [1, 2, 3, 4]
    texts = ["x", math.nan, math.nan, math.nan]
    old = pd.read_pickle(OLD / "0.16.0" / "numbers" / "database.pk")[:4].astype(object)
    old["a"], old["b"] = pd.Series(numbers, dtype=object), pd.Series(texts, dtype=object)
    old["_pset_hash"] = [sha for _, sha in HASHES_WITH_PANDAS_3]
    Path("calc").mkdir()
    old.to_pickle("calc/database.pk")
    absent = without([pset for pset, _ in HASHES_WITH_PANDAS_3], "b")
    assert alike(ps.df_extract_params(ps.df_read("calc")), absent)
    ps.run_local(never, absent, skip_dups=True)
    ps.migrate("calc", none=["b"])
    none = [{"a": a, "b": "x" if a == 1 else None} for a in numbers]
    check_frame(ps.df_read("calc"), none)
    ps.run_local(never, none, skip_dups=True)


@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_are_found_in_the_unit_in_which_they_were_hashed(unit, zone):
    given = [pd.Timestamp(f"{year}-01-01", tz=zone).as_unit(unit) for year in (2020, 2021)]
    hashes = [joblib.hash({"i": 1, "t": moment}, hash_name="sha1") for moment in given]
    columns = [Column("i", [1, 1], 0), Column("t", [moment.as_unit("ns") for moment in given], 0)]
    for row, reading in enumerate(find_ways(columns, hashes, with_na=False)):
        assert reading is not None
        moment = stored(columns[1].values[row], reading[1])
        assert (moment, moment.unit) == (given[row], unit)


def test_names_of_columns_cannot_change_the_terminal(capsys):
    df = pd.read_pickle(OLD / "0.16.0" / "numbers" / "database.pk")
    sha = ps.pset_hash({"a": 1, "\x1b[31m b'": 3})
    df = df.rename(columns={"b": "\x1b[31m b'"})[1:2].assign(_pset_hash=sha)
    late = df.assign(_pset_runtime=1.0)
    late.insert(late.shape[1], "\n", 1)
    late["_pset_hash"] = ps.pset_hash({"a": 1, "\x1b[31m b'": 3, "\n": 1})
    ps.df_write(late, "calc/database.pk")
    ps.df_read("calc")
    err = capsys.readouterr().err
    assert r"parameters added later: '\n'" in err
    assert err.count("\n") == 1
    assert "\x1b" not in err


def test_a_killed_first_write_keeps_the_old_file_once():
    code = """
import os, psweep as ps
replace = os.replace
def dying(source, target):
    if str(target).endswith("database.pk"):
        os.kill(os.getpid(), 9)
    replace(source, target)
os.replace = dying
ps.run_local(lambda pset: {"y_": 1}, [{"a": 99}], calc_dir="late")
"""
    copied("0.16.0", "late")
    for n in (1, 2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True)
        assert done.returncode == -9
        assert len(ps.df_read("late")) == 11 + 1
    df = ps.run_local(MAKE.func, [{"a": 100}], calc_dir="late")
    check_frame(df, [*expected("0.16.0", "late"), {"a": 99}, {"a": 100}])
    kept = [name for name in os.listdir("late") if "old" in name]
    assert kept == ["database.pk.old_0.15-0.16"]


def test_two_old_files_are_both_kept():
    Path("serial").mkdir()
    for study in ("serial", "late", "late"):
        shutil.copy(OLD / "0.9.0" / study / "database.pk", "serial")
        ps.migrate("serial")
    assert sorted(os.listdir("serial")) == [
        ".psweep", "database.pk", "database.pk.old_0.9-0.10", "database.pk.old_0.9-0.10_2"
    ]  # fmt: skip


@pytest.mark.slow
def test_many_rows_of_an_old_release_open_quickly():
    """Compared to as many rows of this one; a search for each row takes thousands of times more."""
    params = [{"a": i, "b": float(i)} for i in range(30_000)]
    df = ps.run_local(lambda p: {"y_": 0.5}, params, calc_dir="ours")
    start = time.process_time()
    ps.df_read("ours/database.pk")
    ours = time.process_time() - start
    book = ["_pset_hash", "_pset_id", "_run_seq", "_pset_seq", "_run_id", "_calc_dir", "_time_utc"]
    late = df[["a", *book, "y_", "_pset_runtime", "b"]]
    for old in (late.astype(object), late, df.assign(_pset_seq=math.nan)):
        old.to_pickle("old.pk")
        start = time.process_time()
        found = ps.df_read("old.pk")
        assert time.process_time() - start < 150 * ours
        assert alike(ps.df_extract_params(found.iloc[[7, -1]]), [params[7], params[-1]])


@pytest.mark.slow
@pytest.mark.parametrize("version", ["0.8.0", "0.16.0"])
def test_studies_made_by_the_real_release(version, tmp_path):
    python = tmp_path / "env" / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    environ = {name: value for name, value in os.environ.items() if "CONSTRAINT" not in name}
    environ["UV_SYSTEM_CERTS"] = "true"
    # pandas 1.5 has no wheels for Python 3.12 and later
    base = sys.executable if sys.version_info < (3, 12) else "3.11"
    for words in (
        ["venv", "-q", "--python", base, str(tmp_path / "env")],
        ["pip", "install", "-q", "--python", str(python), f"psweep=={version}", "pandas<2",
         "numpy<2", "setuptools", "jinja2"],
    ):  # fmt: skip
        done = subprocess.run([*uv, *words], capture_output=True, text=True, env=environ)
        if done.returncode != 0:
            pytest.skip(f"needs Python 3.11 and an index that has psweep {version}: {done.stderr}")
    made = tmp_path / "made"
    subprocess.run([python, "-W", "ignore", OLD / "make.py", made], check=True, capture_output=True)
    for study in MAKE.STUDIES:
        test_old_studies_open_and_go_on(version, study, made)
