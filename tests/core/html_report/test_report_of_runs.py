"""The report of runs that go on or were killed, what it refuses, and psweep-report."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from report_pages import SLOW, page_data

import psweep as ps
from psweep_core import cli
from psweep_core.run_status import run_states
from psweep_core.store.study import Study

pytestmark = pytest.mark.processes


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
    assert (run["state"], run["psets"], run["planned"]) == ("incomplete", 3, 5)


def test_a_run_that_starts_or_ends_while_the_study_is_read_is_not_incomplete(script, monkeypatch):
    ps.run_local(lambda pset: {}, [{"a": 9}])
    known, events = Study.known, []

    def states():
        return [run["state"] for run in page_data(ps.report())["runs"]]

    def other_states():
        return [run["state"] for run in run_states()]

    def read(study):
        (events or [lambda: None]).pop()()
        return known(study)

    def start():
        process.append(script(SLOW.replace("POOL", "None").replace("600", "0.1")))
        while len(list(Path("calc/.psweep/database.pk").glob("*.journal"))) == 0:
            time.sleep(0.001)

    monkeypatch.setattr(Study, "known", read)
    for look in (states, other_states):
        process = []
        events += [lambda: process[0].wait(), start]  # the last one comes first
        assert set(look()) <= {"ended", "running"}
        assert set(look()) <= {"ended", "running"}
        assert look()[-1] == "ended"
        assert not events


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


def test_import_psweep_loads_nothing_of_it():
    code = "import sys, psweep as ps; 'report' in dir(ps) or 1/0; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "psweep_core.html_report.data" not in done.stdout.split()


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


@pytest.mark.slow
def test_what_changed_between_runs():
    for text in ("pset['a']", "pset['a'] + 1", "pset['a'] + 1"):
        Path("func.py").write_text(f"def func(pset):\n    return {{'r': {text}}}\n")
        code = "import sys; sys.path.insert(0, '.'); import psweep as ps; from func import func; "
        code += "ps.run_local(func, ps.plist('a', [1, 2]))"
        subprocess.run([sys.executable, "-c", code], check=True)
    path = Path("calc/runs.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for i, line in enumerate(lines):
        line.update(git_commit=f"c0ffee{i}", git_dirty=i == 1)
    lines[2].update(host="elsewhere")
    lines[2]["packages"]["numpy"] = "99"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    runs = page_data(ps.report())["runs"]
    assert [run["func"] for run in runs] == ["func.func"] * 3
    assert [run["commits"] for run in runs] == [["c0ffee0"], ["c0ffee1"], ["c0ffee2"]]
    assert [run["dirty"] for run in runs] == [False, True, False]
    assert runs[0]["changes"] == []
    (changed,) = runs[1]["changes"]
    assert changed.startswith("code: ")
    assert [text.partition(" ")[0] for text in runs[2]["changes"]] == ["host:", "numpy"]
    path.write_text('{"run_id": 3}\n{"run_id": "x", "packages": 3, "argv": 5}\nnot json\n')
    assert len(page_data(ps.report())["runs"]) == 3


def test_failures_are_grouped_and_those_that_succeeded_later_are_counted():
    def func(pset):
        if pset["a"] == 2:
            raise ValueError(f"no root after {pset['b'] * 17} steps")
        if pset["b"] == 3:
            raise KeyError("k")
        return {"r": 1}

    params = ps.pgrid(a=[1, 2, 3], b=[1, 2, 3, 4])
    ps.run_local(func, params, on_error="record")
    ps.run_local(lambda pset: {"r": 2}, [{"a": 1, "b": 3}, {"a": 3, "b": 3}])
    data = page_data(ps.report())
    assert (data["failed"], data["recovered"]) == (6, 2)
    names = [column["name"] for column in data["columns"]]
    shared = [{names[place]: value for place, value in cause["shared"]} for cause in data["causes"]]
    assert [(c["n"], c["recovered"], c["n_such"]) for c in data["causes"]] == [(4, 0, 4), (2, 2, 5)]
    assert data["causes"][0]["cause"] == "ValueError: no root after … steps"
    assert shared == [{"a": 2}, {"b": 3}]
    assert names[names.index("_failed") + 1] == "_error"


def test_values_that_always_fail_are_named():
    def func(pset):
        if pset["a"] % 3 == 2:
            raise ValueError(pset["a"])
        return {"r": 1}

    ps.run_local(func, ps.pgrid(b=[1, 2], a=range(9)), on_error="record")
    (cause,) = page_data(ps.report())["causes"]
    assert cause["shared"] == []
    assert (cause["among"]["values"], cause["among"]["n"]) == ([2, 5, 8], 3)


def test_values_that_always_fail_are_named_besides_what_failures_share():
    def func(pset):
        if pset["method"] == "explicit" and pset["step"] > 0.3:
            raise RuntimeError
        return {"r": 1}

    params = ps.pgrid(method=["explicit", "implicit"], step=[0.1, 0.4, 0.8], order=[1, 2])
    ps.run_local(func, params, on_error="record")
    data = page_data(ps.report())
    names = [column["name"] for column in data["columns"]]
    (cause,) = data["causes"]
    ((place, value),) = cause["shared"]
    assert (names[place], value) == ("method", "explicit")
    assert (names[cause["among"]["column"]], cause["among"]["values"]) == ("step", [0.4, 0.8])


def test_watch_follows_a_run_to_its_end(script, capsys):
    process = script(
        """
        import pathlib, time
        import psweep as ps

        def func(pset):
            while pset["a"] == 3 and not pathlib.Path("go").exists():
                time.sleep(0.01)
            return {"r": pset["a"]}

        if __name__ == "__main__":
            ps.run_local(func, ps.plist("a", range(5)))
        """
    )
    deadline = time.monotonic() + 100
    while not list(Path().glob("calc/.psweep/*/*.journal")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    code = "import sys; from psweep_core import cli; sys.exit(cli.report())"
    with subprocess.Popen([sys.executable, "-c", code, "--watch", "0.1"]) as watch:
        while not Path("calc/report.html").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert page_data("calc/report.html")["reload"] == 0.1
        Path("go").touch()
        assert process.wait(100) == 0
        assert watch.wait(100) == 0
    data = page_data("calc/report.html")
    assert (data["psets"], data["reload"]) == (5, None)
    with pytest.raises(SystemExit):
        cli.report(["--watch", "-1"])
    capsys.readouterr()
    assert cli.report(["--watch", "9"]) == 0
    assert "nothing is in progress" in capsys.readouterr().err


@pytest.mark.usefixtures("children_may_be_interrupted")
def test_ctrl_c_ends_watching_and_the_page_does_not_reload_itself_any_more(script):
    script(SLOW.replace("POOL", "None").replace("== 3", "== 0"))
    deadline = time.monotonic() + 100
    while not list(Path().glob("calc/.psweep/*/*.journal")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    watch = script(
        "import sys; from psweep_core import cli; sys.exit(cli.report(['--watch', '600']))"
    )
    assert watch.stdout.readline() == f"{os.path.join('calc', 'report.html')}\n"
    assert page_data("calc/report.html")["reload"] == 600
    watch.send_signal(signal.SIGINT)
    assert watch.wait(100) == 0
    assert page_data("calc/report.html")["reload"] is None
