"""What a call of func leaves behind: for a retry, and in buffers that func uses again."""

from __future__ import annotations

import concurrent.futures as cf
import os
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from every_engine import run

import psweep as ps


@pytest.mark.parametrize("on_error", ["raise", "record"])
@pytest.mark.parametrize(
    ("engine", "make"),
    [
        *((engine, os.mkdir) for engine in ("serial", "unsaved")),
        *(
            pytest.param(engine, os.mkdir, marks=pytest.mark.slow)
            for engine in ("poolsize=1", "processes")
        ),
        ("serial", os.makedirs),
        ("serial", Path.mkdir),
    ],
)
def test_a_retry_may_make_its_folder_again(engine, on_error, make, tmp_path):
    calls = tmp_path / "calls"
    Path("calc").mkdir()

    def func(pset):
        pset["list"].append(1)
        with open(calls, "a") as file:
            file.write("x")
        folder = Path(pset["_calc_dir"], pset["_pset_id"])
        make(folder)
        os.chdir(folder)
        Path("out").write_text(calls.read_text())
        n = len(calls.read_text())
        if n < 5:
            raise ConnectionError("try again")
        return {"n": n, "length": len(pset["list"])}

    df = run(engine, func, [{"a": 1, "list": []}], retries=3, on_error=on_error)
    # Each further call finds the folder, and begins once more without it.
    assert df.length.tolist() == [1]
    assert Path("calc", df._pset_id[0], "out").exists()
    assert Path("calc", df._pset_id[0] + ".call_1", "out").read_text() == "x"
    assert ps.check_calc_dir("calc", df) == {
        "db_not_disk": set(), "disk_not_db": set(), "unfinished_journals": set(),
        "hash_not_pset": set(),
    }  # fmt: skip


def test_the_last_error_of_retries_is_the_real_one():
    def func(pset):
        Path(pset["_calc_dir"], pset["_pset_id"]).mkdir()
        raise ConnectionError("no network")

    for kwds in ({}, {"capture_logs": "file"}):
        with pytest.raises(ConnectionError, match="no network"):
            ps.run_local(func, [{"a": 1}], retries=2, **kwds)
        df = ps.run_local(func, [{"a": 1}], retries=2, on_error="record", **kwds)
        assert "ConnectionError: no network\npsweep: func was called 3" in df._exc_txt.iloc[-1]


def test_a_retry_goes_on_from_what_the_first_call_left():
    def func(pset):
        folder = Path(pset["_calc_dir"], pset["_pset_id"])
        folder.mkdir(exist_ok=True)
        checkpoint = folder / "checkpoint"
        if not checkpoint.exists():
            checkpoint.write_text("halfway")
            raise ConnectionError
        return {"from": checkpoint.read_text()}

    assert ps.run_local(func, [{"a": 1}], retries=1)["from"].tolist() == ["halfway"]


def test_an_existing_folder_of_another_name_is_an_error_as_any():
    Path("mine").mkdir()

    def func(pset):
        Path("mine").mkdir()

    with pytest.raises(FileExistsError, match="mine"):
        ps.run_local(func, [{"a": 1}], retries=1)
    assert Path("mine").exists()


ARRAY = np.zeros(2)
LIST: list = [0]
DICT: dict = {"array": np.zeros(1), "list": [[0]]}
FRAME = pd.DataFrame({"x": [0.0, 0.0]})


def fills_buffers(pset):
    a = pset["a"]
    ARRAY[:] = a
    LIST[0] = a
    DICT["array"][:] = a
    DICT["list"][0][0] = a
    FRAME.loc[0, "x"] = a
    return {
        "array": ARRAY, "list": LIST, "dict": DICT, "frame": FRAME, "view": ARRAY[:1],
        "series": FRAME["x"], "tuple": (LIST,), "given": LIST,
    }  # fmt: skip


@pytest.mark.parametrize("save", [True, False])
@pytest.mark.parametrize(
    ("engine", "kwds"),
    [
        ("serial", {}),
        ("serial", {"on_error": "record"}),
        ("serial", {"capture_logs": "db"}),
        ("serial", {"verbose": True}),
        ("serial", {"retries": 1}),
        pytest.param("poolsize=1", {}, marks=pytest.mark.slow),
        ("one thread", {}),
    ],
)
def test_a_row_holds_what_func_returned_at_that_moment(engine, kwds, save):
    if engine == "one thread":
        with cf.ThreadPoolExecutor(1) as executor:
            df = ps.run_local(
                fills_buffers, [{"a": a, "given": [0]} for a in range(4)], executor=executor,
                save=save,
            )  # fmt: skip
    else:
        params = [{"a": a, "given": [0]} for a in range(4)]
        df = run(engine, fills_buffers, params, save=save, **kwds)
    for a, row in enumerate(df.to_dict("records")):
        assert row["array"].tolist() == [a, a]
        assert row["view"].tolist() == [a]
        assert row["list"] == row["given"] == [a]
        assert row["tuple"] == ([a],)
        assert row["dict"]["array"].tolist() == [a]
        assert row["dict"]["list"] == [[a]]
        assert row["frame"].x.tolist() == [a, 0]
        assert row["series"].tolist() == [a, 0]


def test_the_callers_params_may_be_changed_later():
    params = [{"a": [1]}]
    df = ps.run_local(lambda pset: {}, params, save=False)
    params[0]["a"].append(2)
    assert df.a.tolist() == [[1]]


def test_what_cannot_be_copied_is_kept_as_it_is():
    lock = threading.Lock()
    buffer = [0]

    def func(pset):
        buffer[0] = pset["a"]
        return {"lock": lock, "both": {"lock": lock, "buffer": buffer, "pair": (lock, buffer)}}

    df = ps.run_local(func, ps.plist("a", range(3)), save=False)
    assert df.lock.tolist() == [lock] * 3
    assert [both["buffer"] for both in df.both] == [[0], [1], [2]]
    assert [both["pair"] for both in df.both] == [(lock, [0]), (lock, [1]), (lock, [2])]
