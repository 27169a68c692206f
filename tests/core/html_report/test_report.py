"""The web page about a study: what it holds, and what it does in a real browser."""

from __future__ import annotations

import datetime
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import psweep as ps
from psweep_core import cli
from psweep_core.html_report import cells as report_cells
from psweep_core.html_report.data import _error_line

get_plotlyjs = pytest.importorskip("plotly.offline", reason="pip install plotly").get_plotlyjs

HOSTILE = [
    "<script>hacked = 1</script>",
    "</script><script>hacked = 2</script>",
    "<!--<script>",
    '"><img src=x onerror="hacked = 3">',
    "<a href='javascript:hacked = 4'>x</a>",
    "line\u2028paragraph\u2029end",
    "&lt;b&gt; & <b>bold</b>",
    "${hacked = 5}`%{hacked}@@DATA@@",
    "half \ud800 pair",
]


def page_data(path):
    """Read what a page knows, as its script does."""
    text = Path(path).read_text(encoding="utf-8")
    found = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert len(found) == 1
    assert not set(found[0]) & set("<>&\u2028")
    return json.loads(found[0])


def column(data, name):
    """Give the cells of a column as the page shows them."""
    (found,) = [c for c in data["columns"] if c["name"] == name]
    if found["kind"] == "number":
        return found["cells"]
    return [None if code is None else found["different"][code] for code in found["cells"]]


def kind(data, name):
    return next(c["kind"] for c in data["columns"] if c["name"] == name)


def fails_for_two(pset):
    print("log of", pset["a"])
    if pset["a"] == 2:
        raise ValueError("a is\ntwo")
    return {"r": pset["a"] / 4}


# what is in it


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
    assert data["different"] == 5
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
    slowest = ps.df_read("calc")._pset_runtime.to_numpy().argsort()[::-1]
    assert data["slowest"] == slowest.tolist()
    text = Path("calc/report.html").read_text(encoding="utf-8").replace(get_plotlyjs(), "")
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
    assert not failure["mended"]
    assert {row: data["texts"][place] for row, place in data["logs"]} == {
        i: f"log of {i + 1}\n" for i in range(3)
    }
    assert "_exc_txt" not in [c["name"] for c in data["columns"]]
    ps.run_local(lambda p: {"r": 1}, ps.plist("a", [2]), skip_dups=True)
    (failure,) = page_data(ps.report())["failures"]
    assert failure["mended"]


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
    assert _error_line(text) == line


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
    assert arrays[0] == ["array([0, 1, 2])"]
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


# runs that are under way, or were killed


SLOW = """
    import os
    import time
    import psweep as ps

    def func(pset):
        if pset["a"] == 3:
            time.sleep(600)
        return {"r": pset["a"]}

    if __name__ == "__main__":
        ps.run_local(func, ps.plist("a", range(5)), poolsize=POOL)
    """


@pytest.mark.parametrize("poolsize", ["None", "1"])
def test_a_run_that_goes_on_and_is_killed(script, poolsize):
    process = script(SLOW.replace("POOL", poolsize))
    deadline = time.monotonic() + 100
    while True:
        try:
            if len(ps.df_read("calc")) == 3:
                break
        except ps.StudyNotFoundError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.02)
    data = page_data(ps.report())
    (run,) = data["runs"]
    assert (run["state"], run["psets"], run["planned"], data["psets"]) == ("running", 3, 5, 3)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    while (run := page_data(ps.report())["runs"][0])["state"] == "running":
        assert time.monotonic() < deadline  # workers need a moment to see that they are orphans
        time.sleep(0.02)
    assert (run["state"], run["psets"], run["planned"]) == ("crashed", 3, 5)
    assert len(list(Path("calc/.psweep/database.pk").glob("*.journal"))) > 0  # only looked at
    ps.recover("calc")
    (run,) = page_data(ps.report())["runs"]
    assert (run["state"], run["psets"], run["planned"]) == ("ended", 3, None)


def test_a_run_before_its_first_pset_has_finished(script):
    process = script(SLOW.replace("POOL", "None").replace("== 3", "== 0"))
    deadline = time.monotonic() + 100
    while True:
        try:
            data = page_data(ps.report())
        except ps.StudyNotFoundError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            break
    (run,) = data["runs"]
    assert (data["psets"], run["state"], run["psets"]) == (0, "running", 0)
    process.kill()
    process.wait()
    (run,) = page_data(ps.report())["runs"]
    assert (run["state"], run["planned"]) == ("crashed", 5)


def test_where_locks_cannot_be_taken_the_page_says_that_it_does_not_know(script):
    process = script(SLOW.replace("POOL", "None").replace("time.sleep(600)", "os._exit(1)"))
    process.wait()
    lock = Path("calc/.psweep/database.pk/lock")
    lock.unlink(missing_ok=True)
    lock.mkdir()  # so it cannot be opened
    (run,) = page_data(ps.report())["runs"]
    assert run["state"] == "unfinished"


# what is refused


def test_no_study():
    for where in ("nowhere", "nowhere/database.pk", "."):
        with pytest.raises(ps.StudyNotFoundError, match=re.escape(where)):
            ps.report(where)
    assert list(Path().iterdir()) == []


def test_a_damaged_database_is_the_same_error_as_of_df_read():
    ps.run_local(lambda p: {}, ps.plist("a", [1]))
    Path("calc/database.pk").write_bytes(b"\x80\x05no pickle")
    with pytest.raises(ps.DatabaseError) as read:
        ps.df_read("calc")
    with pytest.raises(ps.DatabaseError) as caught:
        ps.report()
    assert str(caught.value) == str(read.value)
    assert not Path("calc/report.html").exists()


def test_nothing_to_show_is_refused():
    ps.run_local(lambda p: {}, ps.plist("a", [1]))
    with pytest.raises(ps.ParamsError, match="max_psets=0"):
        ps.report(max_psets=0)


BLOCKED = """
import sys
from psweep import cli

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name == "plotly":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
sys.exit(cli.report([]))
"""
BROKEN = """
import sys
sys.path.insert(0, ".")
import psweep as ps
try:
    ps.report()
except ModuleNotFoundError as error:
    print(type(error).__name__, error.name)
"""


def test_without_plotly_the_error_says_how_to_get_it():
    ps.run_local(lambda p: {}, ps.plist("a", [1]))
    done = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install 'psweep-core[report]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path("calc/report.html").exists()


def test_an_error_inside_plotly_passes_through():
    Path("plotly").mkdir()
    Path("plotly/__init__.py").write_text("import no_such_module_at_all\n")
    done = subprocess.run([sys.executable, "-c", BROKEN], capture_output=True, text=True)
    assert done.stdout == "ModuleNotFoundError no_such_module_at_all\n", done.stderr


def test_import_psweep_loads_nothing_of_it():
    code = "import sys, psweep as ps; 'report' in dir(ps) or 1/0; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"plotly", "psweep_core.html_report.data"} & set(done.stdout.split())


# psweep-report


def test_the_program(capsys):
    ps.run_local(lambda p: {}, ps.plist("a", range(30)))
    assert cli.report([]) == 0
    assert capsys.readouterr().out == f"{os.path.join('calc', 'report.html')}\n"
    assert cli.report(["calc", "-o", "x.html", "--max-psets", "20"]) == 0
    assert capsys.readouterr().out == "x.html\n"
    assert page_data("x.html")["shown"] == 20
    assert cli.report(["nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_the_program_opens_the_browser(tmp_path):
    ps.run_local(lambda p: {}, ps.plist("a", [1]))
    browser = tmp_path / "browser"
    browser.write_text('#!/bin/sh\necho "$1" > opened\n')
    browser.chmod(0o755)
    subprocess.run(
        [sys.executable, "-c", "from psweep import cli; cli.report()", "--open"],
        env={**os.environ, "BROWSER": str(browser)},
        check=True,
    )
    assert Path("opened").read_text().strip() == Path("calc/report.html").absolute().as_uri()


# in a browser


CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "chrome"])), None)


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    if CHROMIUM is None:
        pytest.skip("install chromium (on Debian: apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        args = ["--no-sandbox", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Open a page; at the end it must have said no error and asked for nothing but itself."""
    troubles = []
    asked = []
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(100_000)

    def start(path):
        page = context.new_page()
        page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
        page.goto(Path(path).absolute().as_uri())
        page.wait_for_selector("body[data-ready]", state="attached")
        return page

    yield start
    context.close()
    assert not troubles
    assert asked
    assert all(url.startswith("file://") and url.endswith(".html") for url in asked)


def texts(page, selector):
    return page.eval_on_selector_all(selector, "nodes => nodes.map(node => node.textContent)")


def cells_of(page, number):
    return texts(page, f"#rows tbody td:nth-child({number})")


def n_traces(page, plot):
    return page.evaluate(f"document.getElementById('{plot}').data.length")


@pytest.mark.slow
def test_the_demo_in_a_browser(open_page, tmp_path):
    """Table, plots and their choosers of the report of examples/compressors.py."""
    demo = Path(__file__).resolve().parents[3] / "examples" / "compressors.py"
    subprocess.run([sys.executable, str(demo)], check=True, stdout=subprocess.DEVNULL)
    page = open_page(ps.report())
    assert page.title() == "calc – psweep report"
    assert page.inner_text("#cards").split()[:2] == ["48", "psets"]
    heads = texts(page, "#rows thead th button")
    assert heads[:5] == ["pset", "codec", "level", "file", "size"]
    n_ratio = heads.index("ratio") + 1

    # sort: up, down, not at all
    df = ps.df_read("calc")
    name = page.locator("#rows thead th button").nth(n_ratio - 1)
    name.click()
    assert cells_of(page, 1) == [str(seq) for seq in df.ratio.sort_values(kind="stable").index]
    name.click()
    assert cells_of(page, 1)[0] == str(df.ratio.idxmax())
    name.click()
    assert cells_of(page, 1) == [str(seq) for seq in df.index]

    # filter
    page.locator("#rows thead input").nth(1).fill("lzm")
    page.locator("#rows thead input").nth(n_ratio - 1).fill("> 4.5")
    expected = df[(df.codec == "lzma") & (df.ratio > 4.5)]
    assert 0 < len(expected) < len(df)
    assert cells_of(page, 1) == [str(seq) for seq in expected.index]
    assert page.inner_text("#table-count") == f"{len(expected)} of 48 rows"
    page.click("#table-clear")
    page.fill("#table-search", "typing.py")
    assert page.inner_text("#table-count") == "6 of 48 rows"
    page.click("#table-clear")
    assert page.inner_text("#table-count") == "48 rows"

    # hide and show columns
    page.click("#table summary")
    page.locator("#table-columns label", has_text="codec").click()
    page.locator("#table-columns label", has_text="_pset_hash").click()
    heads = texts(page, "#rows thead th button")
    assert "codec" not in heads
    assert heads[-1] == "_pset_hash"
    page.click("#table h2")  # which closes the menu

    # all of a pset
    page.locator("#rows tbody button").first.click()
    assert page.inner_text("#details-title") == "Pset 0"
    assert df._pset_id[0] in page.inner_text("#details-body")
    page.click("#details-close")

    # a result against each parameter
    assert page.locator("#each-plots .main-svg").count() >= 3
    assert texts(page, "#each-plots .ytitle")[0] == "ratio"
    page.select_option("#each-result", label="compress_s")
    assert set(texts(page, "#each-plots .ytitle")) == {"compress_s"}

    # the chooser
    assert page.evaluate("document.getElementById('explore-plot').data[0].type") == "heatmap"
    page.select_option("#explore-kind", "lines")
    page.select_option("#explore-x", label="level")
    page.select_option("#explore-y", label="ratio")
    page.select_option("#explore-hue", label="codec")
    assert n_traces(page, "explore-plot") == 3
    assert texts(page, "#explore-plot .legendtext") == ["zlib", "bz2", "lzma"]
    page.select_option("#explore-kind", "points")
    page.select_option("#explore-hue", "")
    assert n_traces(page, "explore-plot") == 1

    # no button of plotly sends the data somewhere
    titles = page.eval_on_selector_all(".modebar-btn", "all => all.map(n => n.dataset.title)")
    assert set(titles) == {
        "Download plot as a PNG", "Zoom", "Pan", "Zoom in", "Zoom out", "Reset axes",
    }  # fmt: skip

    # a range on an axis of the parallel coordinates chooses rows of the table
    assert "WebGL" not in page.inner_text("#parallel-plot")
    axis = page.locator("#parallel-plot .axis-brush").nth(1)  # level: 1 below, 6 above
    axis.scroll_into_view_if_needed()
    box = axis.bounding_box()
    x, top = box["x"] + box["width"] / 2, box["y"]
    page.mouse.move(x, top + box["height"] * 0.4)
    page.mouse.down()
    page.mouse.move(x, top - 5, steps=4)
    page.mouse.up()
    page.wait_for_function("document.getElementById('table-count').textContent == '24 of 48 rows'")
    assert set(cells_of(page, 2)) == {"6"}
    page.click("#parallel-clear")
    assert page.inner_text("#table-count") == "48 rows"
    page.click("#parallel summary")
    page.locator("#parallel-axes label", has_text="size").click()
    axes = "document.getElementById('parallel-plot').data[0].dimensions"
    names = page.evaluate(f"{axes}.map(axis => axis.label)")
    assert "size" not in names
    assert "codec" in names


@pytest.mark.slow
def test_failures_and_hostile_values_in_a_browser(open_page):
    """Nothing of them runs, wherever the page shows them."""

    def func(pset):
        print(pset["v"])
        if pset["i"] % 3 == 2:
            raise ValueError(pset["v"])
        return {"w": pset["v"], "<b>r</b>": pset["i"]}

    params = [{"v": value, "i": i} for i, value in enumerate(HOSTILE[:-1])]
    ps.run_local(func, params, on_error="record", capture_logs="db")
    name = "<img src=x onerror=hacked=6>"
    Path("calc").rename(name)
    page = open_page(ps.report(name))
    assert page.inner_text("h1") == f"Study {name}"
    assert HOSTILE[0] in texts(page, "#rows tbody td span")
    page.select_option("#explore-x", label="v")
    page.select_option("#explore-y", label="<b>r</b>")
    for kind in ("lines", "heatmap", "points"):
        page.select_option("#explore-kind", kind)
        page.select_option("#explore-hue", label="i" if kind == "heatmap" else "v")
    assert "<script>hacked" in "".join(texts(page, "#explore-plot .legendtext"))
    page.select_option("#parallel-hue", label="v")
    assert "<script>hacked" in "".join(texts(page, "#parallel-plot .axis"))
    assert "&lt;script" not in page.text_content("#parallel-plot")
    page.locator("#failures-list summary").first.click()
    text = page.inner_text("#failures-list details >> nth=0")
    assert "raise ValueError" in text
    assert f"\n{HOSTILE[2]}\n" in text  # the log
    assert page.inner_text("#failures-kind").split() == ["all", "(2)", "ValueError", "(2)"]
    page.locator("#failures-list details button").first.click()
    assert HOSTILE[2] in page.inner_text("#details-body")
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.evaluate("document.querySelectorAll('main a[href^=javascript], img').length") == 0
    assert page.evaluate("document.querySelectorAll('body > script').length") == 3


@pytest.mark.slow
def test_20_000_psets_in_a_browser(open_page):
    rng = np.random.default_rng(0)
    params = [{"x": x, "n": i % 5, "i": i} for i, x in enumerate(rng.random(20_000).tolist())]
    ps.run_local(lambda p: {"r": p["x"] * p["n"]}, params)
    page = open_page(ps.report())
    assert page.inner_text("#table-count") == "20\u202f000 rows"
    assert page.inner_text("#table-page") == "page 1 of 200"
    page.click("#table-next")
    assert cells_of(page, 1)[0] == "100"
    heads = texts(page, "#rows thead th button")
    page.locator("#rows thead th button").nth(heads.index("x")).click()
    df = ps.df_read("calc")
    assert cells_of(page, 1) == [str(seq) for seq in df.x.sort_values().index[:100]]
    page.locator("#rows thead input").nth(heads.index("n")).fill("3..4")
    assert page.inner_text("#table-count") == "8\u202f000 of 20\u202f000 rows"
    assert page.evaluate("document.getElementById('explore-plot').data[0].type") == "scattergl"
    assert "3\u202f000 of 20\u202f000 psets are drawn" in page.inner_text("#parallel-note")
    assert "WebGL" not in page.inner_text("#parallel-plot")


@pytest.mark.slow
def test_the_page_of_a_run_without_rows_in_a_browser(open_page, script):
    process = script(SLOW.replace("POOL", "None").replace("== 3", "== 0"))
    deadline = time.monotonic() + 100
    while not list(Path().glob("calc/.psweep/*/*.journal")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    page = open_page(ps.report())
    assert "Run 0 is under way" in page.inner_text("#notes")
    assert "No pset has finished yet" in page.inner_text("#notes")
    assert texts(page, "#nav a") == ["Runs"]
    process.kill()
