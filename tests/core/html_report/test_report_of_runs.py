"""The report of runs that go on or were killed, what it refuses, and psweep-report."""

from __future__ import annotations

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
