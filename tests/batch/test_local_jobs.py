"""Jobs that run here, one after another, without a scheduler."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import SHELLS, submit

import psweep as ps
from psweep_batch.cli import job_report


def prepare(templates, n=4, info="subcmd: fakesub -x", jobscript="#!/bin/sh\ntrue\n", **kwds):
    templates(m=(info, jobscript))
    return ps.prep_batch(ps.plist("a", range(n)), calc_templ_dir=None, **kwds)


def test_local_jobs_run_one_after_another_and_a_failure_does_not_stop_them(templates):
    script = "echo out; echo err >&2; echo '{}' >result.json; test $a -ne 1\n"
    prepare(templates, info="subcmd: sh", jobscript=f"#SBATCH -o my.log\n{script}", n=3)
    out = submit("calc/run_m.sh")
    assert "exit status 1, see" in out
    assert "3 submitted now" in out
    status = ps.batch_status()
    assert status.state.tolist() == ["done", "failed", "done"]
    assert status.exit_code.tolist() == [0, 1, 0]
    assert status.reason.tolist() == ["", "exit code 1", ""]
    assert [Path(log).name for log in status.log] == ["my.log"] * 3
    assert Path(status.log[1]).read_text() == "out\nerr\n"
    assert (status.runtime >= 0).all()


def test_a_local_run_that_is_killed_or_interrupted(templates, tmp_path):
    prepare(templates, info="subcmd: sh", jobscript="touch started; exec sleep 300", n=3)
    for sig, reason in [(signal.SIGKILL, "its process is gone"), (signal.SIGINT, "interrupted")]:
        n = len(list(Path("calc").glob("*/started")))
        process = subprocess.Popen(
            ["sh", "calc/run_m.sh"], start_new_session=True, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        while len(list(Path("calc").glob("*/started"))) == n:
            time.sleep(0.02)
        assert (ps.batch_status().state == "running").sum() == 1
        os.killpg(process.pid, sig)
        assert process.wait(timeout=120) != 0
        end = time.monotonic() + 100
        while (status := ps.batch_status()).state.eq("running").any() and time.monotonic() < end:
            time.sleep(0.02)
        assert status.state.tolist()[: n + 1] == ["lost"] * (n + 1)
        assert reason in status.reason[n]
    assert status.state[2] == "not submitted"


def test_python_as_the_shell_of_jobscripts(templates):
    templates(
        here=(f"subcmd: {sys.executable}", "open('out', 'w').write('$a')"),
        shebang=("subcmd: fakesub", f"#!{sys.executable}\nopen('out', 'w').write('$a')"),
    )
    df = ps.prep_batch(ps.plist("a", [7]), calc_templ_dir=None)
    submit("calc/run_here.sh")
    assert Path("calc", df._pset_id[0], "out").read_text() == "7"


def test_a_jobscript_is_run_by_what_its_first_line_names(templates, fake_scheduler):
    templates(m=("subcmd: fakesub", f"#!{sys.executable} -I\nopen('out', 'w').write('$a')"))
    df = ps.prep_batch(ps.plist("a", [7]), calc_templ_dir=None)
    submit("calc/run_m.sh")
    folder = Path("calc", df._pset_id[0])
    subprocess.run(["sh", folder / ".jobscript_m"], check=True)
    assert (folder / "out").read_text() == "7"
    assert ps.batch_status().exit_code.tolist() == [0]


# busybox's sh sometimes forgets how a child ended whose end and a signal came at the same time;
# then the signal is what is noted.
@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "busybox"])
@pytest.mark.parametrize("n", range(4))
def test_signals_reach_the_jobscript_and_its_exit_code_is_noted(
    templates, fake_scheduler, shell, n
):
    last = ["sleep 30 &\nwait", "while :; do sleep 0.01; done"][n % 2]
    script = f"trap 'echo saved >saved; exit 7' USR1\ntouch started\n{last}\n"
    templates(m=("subcmd: fakesub", script))
    df = ps.prep_batch(ps.plist("a", [7]), calc_templ_dir=None)
    submit("calc/run_m.sh")
    folder = Path("calc", df._pset_id[0])
    process = subprocess.Popen([shell, folder / ".jobscript_m"])
    while not (folder / "started").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGCONT)  # as SLURM does
    process.send_signal(signal.SIGUSR1)
    assert process.wait(timeout=120) == 7
    assert (folder / "saved").read_text() == "saved\n"
    assert ps.batch_status().exit_code.tolist() == [7]


def test_subcmd_with_variables_and_programs_in_front(templates):
    for subcmd in ("X=4 sh", "timeout 60 sh", "env X=4 nice sh"):
        templates(m=(f"subcmd: {subcmd}", "echo '{}' >result.json; test $a -eq 0"))
        ps.prep_batch(ps.plist("a", [0, 1]), calc_templ_dir=None)
        submit("calc/run_m.sh")
        assert ps.batch_status().state.tolist()[-2:] == ["done", "failed"]


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_a_local_job_outlives_its_script_and_is_known(templates, sig):
    wait = "until [ -e ../../go ]; do sleep 0.05; done"
    text = f"touch started; {wait}; echo '{{\"b\": 1}}' >result.json"
    prepare(templates, n=1, info="subcmd: sh", jobscript=text)
    process = subprocess.Popen(["sh", "calc/run_m.sh"], stderr=subprocess.DEVNULL)
    while not list(Path("calc").glob("*/started")):
        time.sleep(0.02)
    process.send_signal(sig)
    if sig == signal.SIGKILL:
        process.wait()
        assert ps.batch_status().state.tolist() == ["running"]
    Path("go").touch()
    while ps.batch_status().state[0] == "running":
        time.sleep(0.1)
    process.wait()
    assert ps.batch_collect().b.tolist() == [1]


def test_a_cut_short_local_claim_can_be_submitted_again(templates, monkeypatch):
    df = prepare(templates, n=1, info="subcmd: sh", jobscript="echo '{}' >result.json")
    Path("calc", df._pset_id[0], ".submitted_m.1").write_text("here\nby me \n")
    assert ps.batch_status().state.tolist() == ["queued"]
    monkeypatch.setattr("psweep_batch.find_state._GRACE_SECONDS", -1)
    assert ps.batch_resubmit().reason.tolist() == ["submitting it was cut short"]
    submit("calc/resubmit_m.sh")
    assert ps.batch_status().state.tolist() == ["done"]


def test_the_home_folder_is_expanded_everywhere(monkeypatch, tmp_path, templates, capsys):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    templates(local=("subcmd: sh", "test $a = 1 && echo '{}' > result.json\n"))
    os.mkdir(tmp_path / "home")
    shutil.move("templates", tmp_path / "home" / "templates")
    machines = "~/templates/machines"
    places = {"machine_templ_dir": machines, "calc_templ_dir": "~/templates/calc"}
    ps.prep_batch(ps.plist("a", [1, 2]), calc_dir="~/study", **places)
    submit(tmp_path / "home" / "study" / "run_local.sh")
    assert ps.batch_status("~/study").state.tolist() == ["done", "failed"]
    assert job_report("~/study", None, False).data is not None
    assert len(ps.batch_resubmit("~/study")) == 1
    assert ps.batch_cancel("~/study").empty
    assert ps.batch_collect("~/study")._failed.tolist() == [False, True]
    (tmp_path / "home/templates/machines/local/jobscript").write_text("psweep-task\n")
    df = ps.run_batch(
        lambda pset: {}, [{"a": 3}], "local", calc_dir="~/other", machine_templ_dir=machines
    )
    assert len(df) == 1
    assert not Path("~").exists()
