"""What a job left that was told to end: status, collect and resubmit say the same of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_slurm import end, prepare, states
from helpers import SHELLS, submit, wait_for_jobs

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


@pytest.mark.parametrize(
    ("outer", "inner"),
    [pair for pair in (("dash", "bash"), ("bash", "sh"), ("busybox", "sh")) if pair[0] in SHELLS],
)
@pytest.mark.parametrize(
    ("sent", "to"),
    [("INT TERM", "all"), ("INT", "batch"), ("QUIT", "all"), ("QUIT", "batch"), ("ALRM", "batch")],
)
def test_a_jobscript_may_trap_any_signal(templates, fake, outer, inner, sent, to):
    first, *more = sent.split()
    text = (
        f'#!/bin/{inner}\ntrap \'sleep 0.2; echo "{{\\"b\\": 1}}" >result.json; exit 0\' {first}\n'
    )
    df = prepare(templates, script=text + "touch started\nwhile :; do sleep 0.05; done\n")
    submit("calc/run_m.sh")
    folder = Path("calc", df._pset_id[0])

    def as_a_scheduler():
        os.setsid()
        for sig in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(sig, signal.SIG_DFL)

    command = [outer, "sh"] if outer == "busybox" else [outer]
    process = subprocess.Popen([*command, folder / ".jobscript_m"], preexec_fn=as_a_scheduler)
    while not (folder / "started").exists():
        time.sleep(0.02)
    (os.killpg if to == "all" else os.kill)(process.pid, getattr(signal, f"SIG{first}"))
    for sig in more:  # LSF waits for some seconds
        while not (folder / "result.json").exists():
            time.sleep(0.02)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, getattr(signal, f"SIG{sig}"))
    process.wait(60)
    assert "exit " in (folder / ".job_m.1").read_text()
    fake["ended"] = end(1, "CANCELLED by 0", 1000)
    assert states() == ["done"]
    assert ps.batch_collect().b.tolist() == [1]
    assert ps.batch_resubmit().empty


def test_quit_to_a_local_jobscript(templates):
    text = 'trap \'echo "{\\"b\\": 1}" >result.json; exit 0\' QUIT\n'
    text += "touch started\nwhile :; do sleep 0.05; done\n"
    templates(m=("subcmd: sh", text))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)

    def in_a_terminal():
        os.setsid()
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)

    process = subprocess.Popen(["sh", "calc/run_m.sh"], preexec_fn=in_a_terminal)
    while not list(Path("calc").glob("*/started")):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGQUIT)
    process.wait(60)
    while states() == ["running"]:
        time.sleep(0.05)
    assert states() == ["done"]
    assert ps.batch_collect().b.tolist() == [1]


@pytest.mark.parametrize("array", [False, True])
def test_a_warning_to_the_batch_shell_of_slurm(templates, slurm, monkeypatch, array):
    for name, value in slurm.environ.items():
        monkeypatch.setenv(name, value)
    text = '#!/bin/bash\n#SBATCH -o out\ntrap \'echo "{\\"b\\": 1}" >result.json; exit 0\' INT\n'
    text += "touch started\nwhile :; do sleep 0.1; done\n"
    info = "scheduler: slurm\nlost_after: 1" + "\narray: true" * array
    templates(m=(info, text))
    df = ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit("calc/run_m.sh")
    while not Path("calc", df._pset_id[0], "started").exists():
        time.sleep(0.05)
    slurm.run("scancel", "-s", "INT", "--batch", ps.batch_status().job_id[0])
    assert wait_for_jobs().state.tolist() == ["done"]
    assert ps.batch_collect().b.tolist() == [1]
