"""The report of studies with jobs."""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
from pathlib import Path

import psweep as ps


def page_data(path):
    text = Path(path).read_text(encoding="utf-8")
    (found,) = re.findall(r'id="data">([A-Za-z0-9+/=]*)</script>', text)
    return json.loads(gzip.decompress(base64.b64decode(found)))


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
