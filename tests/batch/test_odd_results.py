"""Results that make no sense, of many types, or that nobody can read."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import prepare_squares, submit

import psweep as ps


def test_a_reader_of_the_users(templates):
    templates(local=("subcmd: sh", "test $a -eq 3 || echo v = $$(($a * 2)) >out.txt; exit $a"))
    ps.prep_batch(ps.plist("a", [0, 3]), calc_templ_dir=None)
    ps.prep_batch(ps.plist("a", [0]), calc_templ_dir=None)

    def reader(folder):
        return {"v": int(re.search("v = (.*)", (folder / "out.txt").read_text())[1])}

    ps.batch_resubmit(machine="local", states=["not submitted"])
    submit("calc/resubmit_local.sh")
    df = ps.batch_collect(reader=reader)
    assert df.v.tolist() == [0, pd.NA, 0]
    assert df._failed.tolist() == [False, True, False]

    def bad(folder):
        raise ZeroDivisionError("of the reader")

    ps.prep_batch(ps.plist("a", [0]), calc_templ_dir=None)
    submit()
    df = ps.batch_collect(reader=bad)
    assert df._failed.tolist() == [False, True, False, True]
    assert "ZeroDivisionError: of the reader" in df._exc_txt[3]
    assert "in bad" in df._exc_txt[3]
    assert ps.batch_collect(reader=reader)._failed.tolist() == [False, True, False, False]
    ps.batch_resubmit(states=["done"])
    submit("calc/resubmit_local.sh")
    df = ps.batch_collect(reader=lambda folder: 5)
    assert "returned 5 (int), not a dict" in df._exc_txt[0]
    with pytest.raises(TypeError, match="reader must be a function of a folder"):
        ps.batch_collect(reader="result.txt")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"garbage", "result.pk cannot be read"),
        (b"", "result.pk cannot be read: EOFError"),
        ([1, 2], r"holds [1, 2] (list), not a dict"),
        ({"_pset_id": "x"}, "'_pset_id' is reserved by psweep"),
        ({"_failed": True}, "'_failed' is reserved by psweep"),
    ],
)
def test_results_that_make_no_sense_are_failures_with_a_cause(templates, data, what):
    templates(local=("subcmd: sh", "true"))
    df = ps.prep_batch(ps.plist("a", [1, 2]), calc_templ_dir=None)
    submit()
    path = Path("calc", df._pset_id[0], "result.pk")
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        ps.pickle_write(path, data)
    ps.pickle_write(f"calc/{df._pset_id[1]}/result.pk", {"b": 1})
    df = ps.batch_collect()
    assert df._failed.tolist() == [True, False]
    assert what in df._exc_txt[0]
    assert df.b.tolist() == [pd.NA, 1]


def test_a_result_may_be_the_whole_pset_and_of_any_type(templates):
    job = (
        "import psweep as ps, numpy as np\npset = ps.pickle_read('pset.pk')\n"
        "ps.pickle_write('result.pk', {**pset, 'a': 10 * pset['a'], 'arr': np.arange(3), 4: 'x'})"
    )
    templates({"job.py": job}, local=("subcmd: sh", f"{sys.executable} job.py"))
    ps.prep_batch([{"a": 1, "s": "t"}], write_pset=True)
    submit()
    df = ps.batch_collect()
    assert df.columns.tolist()[:2] == ["a", "s"]
    assert df.a[0] == 10  # as in run_local
    assert df.arr[0].tolist() == [0, 1, 2]
    assert df[4][0] == "x"
    assert df.columns.tolist()[-3:] == ["arr", 4, "_pset_runtime"]


def test_results_of_many_types_keep_them(templates):
    values = {"i": 3, "f": 0.5, "n": None, "b": True, "s": "x", "l": [1, {"k": 2}], "nan": np.nan}
    templates(local=("subcmd: sh", "true"))
    df = ps.prep_batch(ps.plist("a", [1, 2]), calc_templ_dir=None)
    submit()
    for pset_id in df._pset_id:
        Path("calc", pset_id, "result.json").write_text(json.dumps(values))
    df = ps.batch_collect()
    for name, value in values.items():
        got = df[name].tolist()[0]
        assert type(got) is type(value), name
        assert got == value or name == "nan"


def test_a_mended_reader_reads_again(templates):
    templates(local=("subcmd: sh", "echo 5 >out.txt"))
    ps.prep_batch(ps.plist("a", [1, 2]), calc_templ_dir=None)
    submit()
    ps.batch_collect(reader=lambda folder: {"v": 0})

    def mended(folder):
        return {"v": int((folder / "out.txt").read_text())}

    assert ps.batch_collect(reader=mended).v.tolist() == [0, 0]
    assert ps.batch_collect(reader=mended, again=True).v.tolist() == [5, 5]


def test_notes_that_nobody_can_read_are_no_notes(templates, monkeypatch):
    df = prepare_squares(templates, range(2))
    submit()
    folder = Path("calc", df._pset_id[0])
    for text in (
        "start x y z - log\n",
        "exit\n",
        "exit a b\n",
        "\0\xff\n",
        "start 1 h 9 - l\nexit 0",
    ):
        (folder / ".job_local.1").write_text(text)
        assert ps.batch_status().state[0] in ("queued", "lost", "running")
        ps.batch_collect()
    (folder / ".submitted_local.1").write_text("nonsense")
    assert ps.batch_status().state[1] == "done"
    Path("calc/.psweep/batch_collected.json").unlink()
    listdir = os.listdir  # a claim that is taken back at that moment
    monkeypatch.setattr(os, "listdir", lambda path: [*listdir(path), ".submitted_local.7"])
    assert ps.batch_status().state[1] == "state unknown"  # it has a row


@pytest.mark.skipif(os.name == "nt", reason="no named pipes")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("end", ["exit 0", "kill -9 $$$$"])
def test_named_pipes_among_the_files_of_a_job_are_not_waited_for(templates, end):
    templates(local=("subcmd: sh", f"test $a -eq 1 || {{ mkfifo result.json; {end}; }}"))
    ps.prep_batch(ps.plist("a", [0, 1]), calc_templ_dir=None)
    submit()
    (Path("calc") / ps.batch_status()._pset_id[1] / "result.json").write_text('{"v": 1}')
    df = ps.batch_collect()
    assert df._failed.tolist() == [True, False]
    assert df.v.tolist() == [pd.NA, 1]
    if end == "exit 0":
        assert re.search(
            "result.json cannot be read: FileNotFoundError: .* not a file", df._exc_txt[0]
        )
    os.mkfifo(f"calc/{df._pset_id[0]}/.submitted_local.2")
    assert len(ps.batch_status()) == 2


@pytest.mark.parametrize(
    ("write", "why"),
    [
        ("echo '{\"y\": '", "cannot be read: JSONDecodeError"),
        ("echo '[1]'", r"holds \[1\] \(list\), not a dict"),
        ("true", "cannot be read: JSONDecodeError"),
        ("echo '{\"_run_id\": 3}'", "'_run_id' is reserved by psweep"),
        ("echo '{\"_failed\": false}'", "'_failed' is reserved by psweep"),
        ("echo '{\"_pset_seq\": [0, 1]}'", "'_pset_seq' is reserved by psweep"),
    ],
)
def test_status_resubmit_and_collect_agree_about_json_that_is_no_result(templates, write, why):
    templates(local=("subcmd: sh", f"{write} > result.json"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit()
    before = ps.batch_status()
    assert before.state.tolist() == ["no result"]
    assert re.search(why, before.reason[0])
    assert len(ps.batch_resubmit()) == 1
    df = ps.batch_collect()
    assert df._failed.tolist() == [True]
    assert before.reason[0] in df._exc_txt[0]
    assert ps.batch_status().state.tolist() == ["no result"]
    assert len(ps.batch_resubmit()) == 1


@pytest.mark.parametrize(("seq", "state"), [("$_pset_seq", "done"), ("7", "lost")])
def test_status_and_collect_agree_about_results_of_killed_jobs(templates, seq, state):
    text = f'{{"_pset_id": "$_pset_id", "_pset_seq": {seq}, "b": 1}}'
    templates(local=("subcmd: sh", f"echo '{text}' > result.json; kill -9 $$$$"))
    ps.prep_batch(ps.plist("a", [1, 2]), calc_templ_dir=None)
    submit(check=False)
    assert ps.batch_status().state.tolist() == 2 * [state]
    assert ps.batch_collect()._failed.tolist() == 2 * [state == "lost"]
    assert ps.batch_status().state.tolist() == 2 * [state]


def test_a_result_may_repeat_the_bookkeeping_of_its_row(templates):
    text = '{"_pset_id": "$_pset_id", "_seed": $_seed, "_run_seq": 0, "_time_utc": 0, "b": 1}'
    templates(local=("subcmd: sh", f"echo '{text}' > result.json"))
    ps.prep_batch(ps.plist("a", [1, 2]), calc_templ_dir=None, seed=3)
    submit()
    assert ps.batch_status().state.tolist() == ["done", "done"]
    assert ps.batch_collect()._failed.tolist() == [False, False]


def test_status_does_not_unpickle(templates):
    templates(local=("subcmd: sh", "echo x > result.pk"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit()
    assert ps.batch_status().state.tolist() == ["done"]
    assert ps.batch_collect()._failed.tolist() == [True]
    assert ps.batch_status().state.tolist() == ["no result"]
