"""What a job left that was told to end: status, collect and resubmit say the same of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_slurm import end, prepare, states
from helpers import submit

import psweep as ps


def reader(folder):
    return {"v": int((folder / "out.txt").read_text())}


def end_by(folder, sig):
    """Start the job of a pset as a scheduler does, and send a signal to all of it."""
    process = subprocess.Popen(["sh", folder / ".jobscript_m"], start_new_session=True)
    while not (folder / "started").exists():
        time.sleep(0.02)
    os.killpg(process.pid, getattr(signal, f"SIG{sig}"))
    return process.wait(60)


@pytest.mark.parametrize("sig", ["TERM", "USR1", "XCPU"])
@pytest.mark.parametrize("known", [True, False])
def test_what_a_reader_finds_after_a_signal_counts(templates, fake, sig, known):
    text = f'#!/bin/bash\ntrap "echo 5 >out.txt; exit 0" {sig}\n'
    text += (
        "[ $a = 0 ] || { echo 6 >out.txt; exit 0; }\ntouch started\nwhile :; do sleep 0.05; done\n"
    )
    df = prepare(templates, 2, script=text)
    submit("calc/run_m.sh")
    subprocess.run(["sh", f"calc/{df._pset_id[1]}/.jobscript_m"], check=True)
    if known:  # that this study has a reader
        ps.batch_collect(reader=reader)
    assert end_by(Path("calc", df._pset_id[0]), sig) == 0
    fake["ended"] = end(1, "COMPLETED", 1000) + end(2, "COMPLETED", 1000)
    if known:
        assert states() == ["done", "done"]
        assert ps.batch_resubmit().empty
    for _ in range(2):
        df = ps.batch_collect(reader=reader)
        assert df.v.tolist() == [5, 6]
        assert df._failed.tolist() == [False, False]
        assert states() == ["done", "done"]
        assert f"SIG{sig}" in ps.batch_status().reason[0]
        assert ps.batch_resubmit().empty


@pytest.mark.parametrize(("sig", "state"), [("TERM", "lost"), ("USR1", "no result")])
def test_a_reader_that_finds_nothing_after_a_signal(templates, fake, sig, state):
    text = f'#!/bin/bash\ntrap "exit 0" {sig}\n'
    text += (
        "[ $a = 0 ] || { echo 6 >out.txt; exit 0; }\ntouch started\nwhile :; do sleep 0.05; done\n"
    )
    df = prepare(templates, 2, script=text)
    submit("calc/run_m.sh")
    subprocess.run(["sh", f"calc/{df._pset_id[1]}/.jobscript_m"], check=True)
    ps.batch_collect(reader=reader)
    assert end_by(Path("calc", df._pset_id[0]), sig) == 0
    fake["ended"] = end(1, "COMPLETED", 1000) + end(2, "COMPLETED", 1000)
    for _ in range(3):
        df = ps.batch_collect(reader=reader)
        assert df._failed.tolist() == [True, False]
        assert df._exc_txt[0].startswith(f"{state}: job 1 on m: ")
        assert "out.txt" in df._exc_txt[0]
        assert states() == [state, "done"]
        assert ps.batch_resubmit().index.tolist() == [0]


@pytest.mark.parametrize(
    "text",
    ["[1]", "3", "null", '{"b": 1', "", '{"b": 1}\n{"b":', '{"_pset_id": "x"}'],
)
@pytest.mark.parametrize("how", ["exit code", "none", "caught"])
def test_what_a_killed_job_left_is_no_result(templates, fake, text, how):
    script = f"#!/bin/bash\nprintf '%s' '{text}' >result.json\n"
    script += "trap 'exit 0' TERM; kill -s TERM $$$$\n" if how == "caught" else "kill -9 $$$$\n"
    df = prepare(templates, script=script)
    submit("calc/run_m.sh")
    folder = Path("calc", df._pset_id[0])
    subprocess.run(["sh", folder / ".jobscript_m"], check=False)
    note = folder / ".job_m.1"
    start, last, *_ = note.read_text().splitlines()
    if how == "none":
        note.write_text(start + "\n")
    elif how == "caught":
        note.write_text(f"{start}\n{last} TERM\n")
    fake["ended"] = end(1, "OUT_OF_MEMORY", 1000)
    before = states()
    for _ in range(2):
        df = ps.batch_collect()
        assert df._failed.tolist() == [True]
        after = states()
        assert after == (["no result"] if how == "caught" else ["lost"])
        assert len(ps.batch_resubmit()) == 1
    if how != "caught" and "_pset_id" not in text:
        assert before == after


@pytest.mark.parametrize(
    ("value", "complete"),
    [
        ("{}", True),
        ("{'b': [1]}", True),
        ("collections.OrderedDict(b=1)", True),
        ("[1]", False),
        ("3", False),
        ("None", False),
        ("({}, 1)", False),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_of_a_pickle_only_a_dict_is_a_result(tmp_path, value, complete, protocol):
    from psweep_batch.result_files import is_complete

    code = "import collections, pickle, sys; value = eval(sys.argv[1])\n"
    code += "pickle.dump(value, open('result.pk', 'wb'), int(sys.argv[2]))"
    subprocess.run([sys.executable, "-c", code, value, str(protocol)], check=True)
    assert is_complete(str(tmp_path)) == complete
    Path("result.pk").write_bytes(Path("result.pk").read_bytes()[:-1])
    assert not is_complete(str(tmp_path))
