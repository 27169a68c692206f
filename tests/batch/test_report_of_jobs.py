"""The report of studies with jobs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from report_pages import page_data

import psweep as ps


def test_prepared_psets_are_not_shown_as_ended(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ps.file_write("templates/machines/local/info.yaml", "subcmd: sh")
    ps.file_write("templates/machines/local/jobscript", "echo '{\"b\": 1}' > result.json; exit $a")
    ps.prep_batch(ps.plist("a", [0, 3, 4]), calc_templ_dir=None)
    (run,) = page_data(ps.report())["runs"]
    assert (run["state"], run["psets"], run["waiting"]) == ("prepared", 0, 3)
    assert run["jobs"] == {"not submitted": 3}
    subprocess.run(["sh", "calc/run_local.sh"], check=False, capture_output=True)
    data = page_data(ps.report())
    (run,) = data["runs"]
    assert (run["state"], run["waiting"]) == ("not collected", 3)
    assert run["jobs"] == {"failed": 2, "done": 1}
    (states,) = [column for column in data["columns"] if column["name"] == "_job_state"]
    assert states["different"] == ["done", "failed"]
    assert states["cells"] == [0, 1, 1]
    ps.batch_collect("calc")
    data = page_data(ps.report())
    (run,) = data["runs"]
    assert (run["state"], run["psets"], run["waiting"], run["failed"]) == ("ended", 3, 0, 2)


def test_psets_of_functions_that_have_no_row_are_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    ps.file_write("templates/machines/local/info.yaml", "subcmd: sh\npack: 2")
    jobscript = "[ ! -e stop ] || exit 9\npsweep-task\ntouch stop"  # the first task runs
    ps.file_write("templates/machines/local/jobscript", jobscript)
    ps.prep_batch(ps.plist("a", range(5)), func=lambda pset: {"b": pset["a"]})
    data = page_data(ps.report())
    (run,) = data["runs"]
    assert (run["seq"], run["state"], run["planned"]) == (0, "prepared", 5)
    assert (run["psets"], run["waiting"], data["waiting"]) == (0, 5, 0)
    assert run["jobs"] == {"not submitted": 5}
    subprocess.run(["sh", "calc/run_local.sh"], check=False, capture_output=True)
    data = page_data(ps.report())
    (run,) = data["runs"]
    assert (run["state"], run["planned"]) == ("incomplete", 5)
    assert (data["psets"], run["psets"], run["waiting"]) == (2, 2, 3)
    assert run["jobs"] == {"failed": 3, "done": 2}
    ps.run_local(lambda pset: {"b": pset["a"]}, ps.plist("a", range(5)), skip_dups=True)
    runs = page_data(ps.report())["runs"]
    assert [(run["state"], run["psets"], run["waiting"]) for run in runs] == [
        ("ended", 2, 0), ("ended", 3, 0)
    ]  # fmt: skip
