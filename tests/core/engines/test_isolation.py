"""Nothing leaks from pset to pset: the working folder, captured output, buffers."""

from __future__ import annotations

import concurrent.futures as cf
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from every_engine import ENGINES, PROCESSES, run

import psweep as ps

SLOW = pytest.mark.slow


def in_its_folder(pset):
    """Work in the folder of the pset, as many programs want it."""
    folder = Path(pset["_calc_dir"], pset["_pset_id"])
    folder.mkdir(parents=True)
    os.chdir(folder)
    Path("out").write_text(str(pset["a"]))
    if pset["a"] == 3:
        raise ValueError("after it has changed the folder")
    return {}


def assert_each_pset_starts_in(folder, engine, **kwds):
    df = run(engine, in_its_folder, ps.plist("a", range(8)), on_error="record", **kwds)
    assert Path.cwd() == folder
    assert df._failed.tolist() == [a == 3 for a in range(8)]
    for a, pset_id in zip(df.a, df._pset_id, strict=True):
        assert Path("calc", pset_id, "out").read_text() == str(a)
    assert (df._calc_dir == "calc").all()


@pytest.mark.parametrize("engine", ["serial", "unsaved", *PROCESSES])
def test_each_pset_starts_in_the_same_folder(engine, tmp_path):
    assert_each_pset_starts_in(tmp_path, engine)


@pytest.mark.parametrize("kwds", [{"retries": 1}, {"capture_logs": "db"}, {"verbose": True}])
def test_each_pset_starts_in_the_same_folder_with_options(kwds, tmp_path):
    assert_each_pset_starts_in(tmp_path, "serial", **kwds)


@SLOW
def test_retries_in_workers_start_in_the_same_folder(tmp_path):
    assert_each_pset_starts_in(tmp_path, "poolsize=2", retries=1)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_callers_folder_is_as_before_also_if_func_raises(engine, tmp_path):
    with pytest.raises(ValueError, match="after it has"):
        run(engine, in_its_folder, [{"a": 3}])
    assert Path.cwd() == tmp_path


def test_a_relative_path_is_relative_to_the_callers_folder():
    starts = []

    def func(pset):
        starts.append(os.getcwd())
        os.chdir("/")
        return {}

    ps.run_local(func, ps.plist("a", range(3)), on_error="record", save=False)
    ps.run_local(func, ps.plist("a", range(3)))
    assert starts == [os.getcwd()] * 6


@pytest.mark.parametrize("engine", ENGINES)
def test_the_calc_dir_that_func_gets_leads_there_from_everywhere(engine, tmp_path):
    def func(pset):
        os.chdir("/")
        folder = Path(pset["_calc_dir"], pset["_pset_id"])
        folder.mkdir(parents=True)
        Path(os.path.join(pset["_calc_dir"], pset["_pset_id"], "out")).write_text("x")
        return {"place": pset["_calc_dir"], "nested": [pset["_calc_dir"]], **pset}

    df = run(engine, func, ps.plist("a", range(4)), calc_dir="some/where")
    assert Path.cwd() == tmp_path
    for pset_id in df._pset_id:
        assert Path("some/where", pset_id, "out").exists()
    # It is stored as it was given: the study may be moved.
    given = os.path.join("some", "where")
    assert df._calc_dir.tolist() == df.place.tolist() == [given] * 4
    assert df.nested.tolist() == [[given]] * 4
    assert {type(place) for place in df.place} == {str}


@pytest.mark.parametrize("name", ["database.json", "database.pk"])
def test_the_calc_dir_that_func_gets_may_be_a_result_in_any_format(name):
    df = ps.run_local(
        lambda p: {"place": p["_calc_dir"], "nested": {"in": [p["_calc_dir"]]}}, [{"a": 1}],
        database_basename=name,
    )  # fmt: skip
    assert df.place.tolist() == ["calc"]
    assert df.nested.tolist() == [{"in": ["calc"]}]
    assert ps.df_read("calc").place.tolist() == ["calc"]


@pytest.mark.parametrize("engine", ["serial", *PROCESSES])
def test_func_may_remove_the_folder_that_it_is_in(engine, tmp_path):
    def func(pset):
        folder = Path(pset["_calc_dir"], pset["_pset_id"])
        folder.mkdir()
        os.chdir(folder)
        shutil.rmtree(folder)
        return {}

    df = run(engine, func, ps.plist("a", range(3)))
    assert len(df) == 3
    assert Path.cwd() == tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="needs a system that removes a folder in use")
@pytest.mark.parametrize("engine", ["serial", *PROCESSES[:1]])
def test_a_working_folder_that_is_gone_does_not_end_a_run(engine, tmp_path):
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")

    def func(pset):
        shutil.rmtree(tmp_path / "gone", ignore_errors=True)
        os.chdir(tmp_path)
        return {}

    df = run(engine, func, ps.plist("a", range(3)), calc_dir=tmp_path / "calc")
    assert len(df) == 3
    os.chdir(tmp_path)


@SLOW
@pytest.mark.skipif(not hasattr(os, "closerange"), reason="needs os.closerange")
def test_a_func_that_closes_all_files_still_returns_to_the_folder(script):
    out, _ = script(
        """
        import os
        import psweep as ps

        def func(pset):
            os.closerange(3, 256)
            os.chdir("/")
            return {}

        here = os.getcwd()
        ps.run_local(func, [{"a": 1}, {"a": 2}], save=False)
        print(os.getcwd() == here)
        """,
        wait=True,
    )
    assert out == "True\n"


@SLOW
@pytest.mark.skipif(sys.platform == "win32", reason="descriptors are inherited otherwise there")
@pytest.mark.parametrize("engine", ["poolsize=1", "spawn"])
@pytest.mark.parametrize("capture_logs", [None, "db"])
def test_each_pset_of_a_worker_has_a_standard_input(engine, capture_logs):
    def func(pset):
        was = subprocess.run(["cat"], check=True, capture_output=True).stdout
        os.close(0)
        return {"was": was}

    df = run(engine, func, ps.plist("a", range(6)), capture_logs=capture_logs)
    assert df.was.tolist() == [b""] * 6


@SLOW
@pytest.mark.skipif(sys.platform == "win32", reason="descriptors are inherited otherwise there")
@pytest.mark.parametrize("engine", ["poolsize=1", "spawn"])
@pytest.mark.parametrize("capture_logs", [None, "db"])
def test_what_a_pset_prints_reaches_no_file_after_another_closed_the_output(
    engine, capture_logs, tmp_path
):
    def func(pset):
        with open(tmp_path / "data.txt", "w") as file:
            file.write("1 2 3")
            file.flush()
            print("noise", flush=True)
            subprocess.run(["echo", "noise"], check=True)
        os.close(1)
        os.close(2)
        return {"data": (tmp_path / "data.txt").read_text()}

    df = run(engine, func, ps.plist("a", range(6)), capture_logs=capture_logs)
    assert df.data.tolist() == ["1 2 3"] * 6


def test_a_run_within_a_run_returns_to_where_the_outer_pset_was():
    def inner(pset):
        os.chdir("/")
        return {"where": os.getcwd()}

    def outer(pset):
        folder = Path(pset["_calc_dir"], pset["_pset_id"])
        folder.mkdir()
        os.chdir(folder)
        ps.run_local(inner, [{"b": 1}, {"b": 2}], save=False)
        return {"same": Path.cwd() == folder}

    assert ps.run_local(outer, [{"a": 1}, {"a": 2}]).same.tolist() == [True, True]


def test_runs_in_two_threads_leave_the_folder_as_it_was(tmp_path):
    barrier = threading.Barrier(2, timeout=60)

    def func(pset):
        barrier.wait()
        os.chdir("/")
        barrier.wait()
        return {}

    with cf.ThreadPoolExecutor(2) as executor:
        runs = [
            executor.submit(ps.run_local, func, ps.plist("a", range(3)), calc_dir=tmp_path / name)
            for name in ("one", "two")
        ]
        assert [len(each.result()) for each in runs] == [3, 3]
    assert Path.cwd() == tmp_path
