"""The web page about a study: what it holds, and what it does in a real browser."""

from __future__ import annotations

import datetime
import math
import os
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_pages import HOSTILE, kind, page_data

import psweep as ps
from psweep_core.html_report import cells as report_cells
from psweep_core.show.tracebacks import error_line


def column(data, name):
    """Give the cells of a column as the page shows them."""
    (found,) = [c for c in data["columns"] if c["name"] == name]
    if found["kind"] == "number":
        return found["cells"]
    return [None if code is None else found["different"][code] for code in found["cells"]]


def fails_for_two(pset):
    print("log of", pset["a"])
    if pset["a"] == 2:
        raise ValueError("a is\ntwo")
    return {"r": pset["a"] / 4}


def test_a_study(tmp_path):
    params = ps.pgrid(ps.plist("a", [1, 3]), ps.plist("s", ["x", "y"]))
    ps.run_local(lambda p: {"r": p["a"] * 2.5}, params)
    ps.run_local(lambda p: {"r": p["a"] * 2.5}, [{"a": 1, "s": "x"}, {"a": 9}])
    before = Path("calc/database.pk").stat()
    assert ps.report() == os.path.join("calc", "report.html")
    after = Path("calc/database.pk").stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)
    data = page_data("calc/report.html")
    assert (data["name"], data["psets"], data["shown"], data["failed"]) == ("calc", 6, 6, 0)
    assert data["design"]["different"] == 5
    assert [run["seq"] for run in data["runs"]] == [0, 1]
    assert [run["psets"] for run in data["runs"]] == [4, 2]
    assert [run["state"] for run in data["runs"]] == ["ended", "ended"]
    times = pd.to_datetime(ps.df_read("calc")._time_utc).dt.floor("s")
    assert data["runs"][0]["start"] == times.min().isoformat()
    assert data["seconds"] == pytest.approx(ps.df_read("calc")._pset_runtime.sum())
    assert [(p["n_values"], p["missing"], p["types"]) for p in data["params"]] == [
        (3, 0, ["int"]), (2, 1, ["str"])
    ]  # fmt: skip
    assert [(p["low"], p["high"]) for p in data["params"]] == [(1, 9), (None, None)]
    assert data["params"][1]["values"] == ["x", "y"]
    assert column(data, "r") == [2.5, 2.5, 7.5, 7.5, 2.5, 22.5]
    assert column(data, "s") == ["x", "y", "x", "y", "x", None]
    assert [c["name"] for c in data["columns"] if c["role"] == "result"] == ["r", "_pset_runtime"]
    runtimes = ps.df_read("calc")._pset_runtime  # two may be equal
    assert sorted(data["slowest"]) == [*range(6)]
    assert runtimes[data["slowest"]].is_monotonic_decreasing
    text = Path("calc/report.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.search(r"<(script|link|img)[^>]* (src|href)=(?!\"data:)", text)


def test_where_the_page_goes(tmp_path):
    ps.run_local(lambda p: {}, ps.plist("a", [1]), calc_dir="deep/calc")
    page = tmp_path / "new" / "page.html"
    assert ps.report("deep/calc", page) == str(page)
    assert page_data(page)["psets"] == 1
    assert not Path("deep/calc/report.html").exists()
    ps.report("deep/calc", page)  # replaces it
    assert [path.name for path in page.parent.iterdir()] == ["page.html"]


@pytest.mark.parametrize("name", ["database.json", "other.pk"])
def test_a_database_file(name):
    ps.run_local(lambda p: {"r": 2}, ps.plist("a", [1]), database_basename=name)
    for where in ("calc", f"calc/{name}", Path("calc", name).absolute()):
        path = ps.report(where)
        assert Path(path).samefile("calc/report.html")
        assert page_data(path)["database"] == name
    os.chdir("calc")
    assert Path(ps.report(name)).samefile("report.html")


def test_failures_with_traceback_and_log():
    ps.run_local(
        fails_for_two, ps.plist("a", [1, 2, 3]), on_error="record", capture_logs="db", poolsize=1
    )
    data = page_data(ps.report())
    assert data["failed"] == data["runs"][0]["failed"] == 1
    (failure,) = data["failures"]
    assert failure["row"] == 1
    assert failure["error"] == "ValueError: a is"
    assert data["texts"][failure["text"]] == ps.df_read("calc")._exc_txt[1]
    assert not failure["recovered"]
    assert {row: data["texts"][place] for row, place in data["logs"]} == {
        i: f"log of {i + 1}\n" for i in range(3)
    }
    assert "_exc_txt" not in [c["name"] for c in data["columns"]]
    ps.run_local(lambda p: {"r": 1}, ps.plist("a", [2]), skip_dups=True)
    (failure,) = page_data(ps.report())["failures"]
    assert failure["recovered"]


def test_logs_in_files():
    ps.run_local(
        fails_for_two, ps.plist("a", [1, 2]), on_error="record", capture_logs="file"
    )  # fmt: skip
    data = page_data(ps.report())
    assert [row for row, _ in data["logs"]] == [1, 0]  # those of failures come first
    assert data["texts"][data["logs"][0][1]] == "log of 2\n"


def test_a_stranger_cannot_name_files_outside_of_the_study():
    df = ps.run_local(lambda p: {}, ps.plist("a", [1]))
    Path("secret").mkdir()
    Path("secret/logs.txt").write_text("secret")
    df["_pset_id"] = ["../secret"]
    ps.df_write(df, "calc/database.pk")
    data = page_data(ps.report())
    assert data["logs"] == []
    assert "secret" not in data["texts"]


# a picture of one pixel
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c636060606000000005000132a50d0a0000000049454e44ae426082"
)


def test_pictures_of_results():
    def func(pset):
        folder = Path("calc", pset["_pset_id"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "plot.png").write_bytes(PNG)
        (folder / "fake.png").write_text("<script>")
        name = ["plot.png", str(folder / "plot.png"), "fake.png", "../../secret.png"][pset["a"]]
        return {"file": name, "png": PNG, "line": np.arange(500.0), "map": np.ones((50, 3))}

    Path("secret.png").write_bytes(PNG)
    ps.run_local(func, ps.plist("a", range(4)))
    data = page_data(ps.report())
    files = column(data, "file")
    assert [len(value) for value in files[:2]] == [2, 2]
    assert files[0][1]["src"].startswith("data:image/png;base64,")
    assert files[2:] == ["fake.png", "../../secret.png"]
    assert "src" in column(data, "png")[0][1]
    (name, line) = column(data, "line")[0]
    assert name.startswith("array(")
    assert (line["shape"], line["values"][0], line["values"][-1]) == ([1, 60], 0, 499)
    assert column(data, "map")[0][1]["shape"] == [24, 3]


def test_the_middle_of_a_long_log_is_left_out():
    ps.run_local(lambda p: {}, ps.plist("a", [1]))
    folder = Path("calc", ps.df_read("calc")._pset_id[0])
    folder.mkdir()
    for size in (30_000, 50_000_000):
        Path(folder, "logs.txt").write_bytes(b"first\n" + b"x" * size + b"\xff\nlast")
        data = page_data(ps.report())
        (text,) = data["texts"]
        assert text.startswith("first\n")
        assert text.endswith("\ufffd\nlast")
        assert "left out" in text
        assert len(text) < 21_000


def test_texts_that_do_not_fit_are_counted_and_failures_come_first(monkeypatch):
    monkeypatch.setattr(report_cells, "_MAX_TEXTS", 1500)

    def func(pset):
        print(str(pset["a"]) * 1000)
        if pset["a"] == 4:
            raise ValueError
        return {}

    ps.run_local(func, ps.plist("a", [1, 2, 3, 4]), on_error="record", capture_logs="db")
    data = page_data(ps.report())
    assert data["texts_left_out"] == 3
    assert [row for row, _ in data["logs"]] == [3]
    assert "ValueError" in data["texts"][data["failures"][0]["text"]]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Traceback:\n  File \"a\", line 1\n    x\nKeyError: 'b'\na note: y", "KeyError: 'b'"),
        ("WorkerError: it died\n", "WorkerError: it died"),
        ("Traceback:\n  File \"a\"\nE: 1\n\nThen:\n\n  File \"b\"\n    f()\nm.F: 2\n", "m.F: 2"),
        ("", ""),
    ],
)  # fmt: skip
def test_the_line_that_names_the_exception(text, line):
    assert error_line(text) == line


class Odd:
    def __repr__(self):
        raise RuntimeError("no repr")


def test_values_of_any_type():
    zone = datetime.timezone.utc
    values = {
        "numbers": [1, 2.5, math.nan, math.inf, -math.inf, None],
        "big": [2**53 + 1, 3, 4, 5, 6, 7],
        "bools": [True, False, True, np.True_, True, False],
        "mixed": [1, "1", True, None, 1.5, (1,)],
        "dates": [
            datetime.date(2024, 1, 2), datetime.datetime(2024, 1, 2, 3), pd.Timestamp("2024"),
            np.datetime64("2024-01-02"), pd.Timestamp("2024", tz="UTC"),
            datetime.datetime(2024, 1, 1, tzinfo=zone),
        ],
        "arrays": [np.arange(3), np.zeros(10**5), [1] * 1000, {"k": 1}, {1, 2}, b"bytes"],
        "objects": [
            1j, Odd(), print, datetime.timedelta(1), np.float32(2), pd.DataFrame({"c": [1]}),
        ],
        "long": ["x" * 5000, "y", "", "z", "z", "z"],
    }  # fmt: skip
    ps.run_local(lambda p: {n: v[p["i"]] for n, v in values.items()}, ps.plist("i", range(6)))
    data = page_data(ps.report())
    assert {name: kind(data, name) for name in values} == {
        "numbers": "number", "big": "text", "bools": "bool", "mixed": "text", "dates": "date",
        "arrays": "text", "objects": "text", "long": "text",
    }  # fmt: skip
    assert column(data, "numbers") == [1, 2.5, ["nan"], ["inf"], ["-inf"], ["None"]]
    assert column(data, "big")[:2] == [["9007199254740993"], 3]
    assert column(data, "mixed") == [1, "1", True, ["None"], 1.5, ["(1,)"]]
    assert column(data, "dates")[:2] == ["2024-01-02", "2024-01-02T03:00:00"]
    arrays = column(data, "arrays")
    assert arrays[0] == ["array([0, 1, 2])", {"shape": [1, 3], "values": [0, 1, 2]}]
    assert arrays[1][1] == {"shape": [1, 60], "values": [0] * 60}
    assert all(len(value[0]) < 300 for value in arrays)
    objects = column(data, "objects")
    assert objects[0] == ["1j"]
    assert "Odd" in objects[1][0]
    assert objects[4] == 2
    assert len(column(data, "long")[0][0]) < 1100


def test_names_of_any_type_and_hostile_names():
    pset = {1: 2, ("a", "b"): 3, "</script>": 4, "n" * 500: 5}
    ps.run_local(lambda p: {}, [pset])
    names = [c["name"] for c in page_data(ps.report())["columns"]]
    assert names[:4] == ["1", "('a', 'b')", "</script>", "n" * 500]


def test_hostile_values_come_through_unchanged():
    params = [{"v": value, "i": i} for i, value in enumerate(HOSTILE)]
    ps.run_local(lambda p: {"w": p["v"]}, params)
    data = page_data(ps.report())
    assert column(data, "v") == column(data, "w") == HOSTILE


def test_a_sample_keeps_failures_and_the_slowest_and_says_so():
    def func(pset):
        if pset["i"] % 100 == 7:
            raise ValueError(pset["i"])
        if pset["i"] == 333:
            time.sleep(0.2)
        return {"r": pset["i"]}

    ps.run_local(func, ps.plist("i", range(1000)), on_error="record")
    data = page_data(ps.report(max_psets=50))
    assert (data["psets"], data["shown"], data["failed"]) == (1000, 50, 10)
    rows = column(data, "i")
    assert rows == sorted(rows)
    assert len(set(rows)) == 50
    slowest = int(ps.df_read("calc")._pset_runtime.idxmax())  # 333, or the machine was busy
    assert {*range(7, 1000, 100), slowest} <= set(rows)
    assert [rows[failure["row"]] for failure in data["failures"]] == [*range(7, 1000, 100)]
    assert rows[data["slowest"][0]] == slowest
    assert data["params"][0]["n_values"] == 1000
    assert data["runs"][0]["psets"] == 1000
    assert column(page_data(ps.report(max_psets=50)), "i") == rows
    few = page_data(ps.report(max_psets=5))  # too few for all failures
    assert few["shown"] == 5
    assert few["failed"] == 10
    assert few["slowest"]


def test_many_psets_are_not_sampled_up_to_20_000():
    ps.run_local(lambda p: {"r": p["i"] % 7}, ps.plist("i", range(20_000)))
    assert page_data(ps.report())["shown"] == 20_000


@pytest.mark.slow
def test_more_than_20_000_psets_are_sampled():
    ps.run_local(lambda p: {"r": p["i"] % 7}, ps.plist("i", range(20_001)))
    data = page_data(ps.report())
    assert (data["psets"], data["shown"]) == (20_001, 20_000)


def test_commits_and_hosts():
    df = ps.run_local(lambda p: {}, ps.plist("a", [1, 2, 3]))
    place = df.columns.get_loc("_run_seq") + 1
    df.insert(place, "_exec_host", ["one", "two", None])
    df.insert(place + 1, "_git_commit", ["c0ffee", "c0ffee", None])
    ps.df_write(df, "calc/database.pk")
    (run,) = page_data(ps.report())["runs"]
    assert (run["commits"], run["hosts"]) == (["c0ffee"], ["one", "two"])


def test_rows_that_were_not_run_have_no_times():
    df = ps.run_local(lambda p: {}, ps.plist("a", [1, 2]))
    df["_pset_runtime"] = math.nan  # as of jobs that have not been collected yet
    ps.df_write(df, "calc/database.pk")
    data = page_data(ps.report())
    assert data["seconds"] is None
    assert data["runs"][0]["seconds"] is None
    assert data["slowest"] == []
