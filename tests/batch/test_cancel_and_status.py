"""`psweep-cancel` on real schedulers, and jobs in `psweep-status`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import fake_schedulers
import pytest
from grid_engine import grid_engine  # noqa: F401 (a fixture)
from helpers import submit, wait_for_jobs

import psweep as ps
from psweep_batch import cancel as cancel_of_jobs
from psweep_batch import status as status_of_jobs
from psweep_batch.cli import cancel
from psweep_core.status import status

SLEEP = "#!/bin/sh\ntouch started\nsleep 60\n"
MODES = {"each": "", "array": "array: true\n", "packed": "array: true\npack: 2\n"}


@pytest.fixture(params=["slurm", "sge", "pbs", "lsf"])
def scheduler(request, tmp_path, monkeypatch):
    if request.param in ("pbs", "lsf"):
        environ = fake_schedulers.install(tmp_path / "fake", request.param)
    else:
        name = {"slurm": "slurm", "sge": "grid_engine"}[request.param]
        environ = request.getfixturevalue(name).environ
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return request.param


@pytest.mark.parametrize("mode", MODES)
def test_only_jobs_of_this_study_are_cancelled(templates, scheduler, mode, capsys):
    templates(m=(f"scheduler: {scheduler}\n{MODES[mode]}", SLEEP))
    ps.prep_batch(ps.plist("a", range(6)), calc_templ_dir=None, calc_dir="other")
    submit("other/run_m.sh")
    ps.prep_batch(ps.plist("a", range(6)), calc_templ_dir=None)
    submit("calc/run_m.sh")
    found = ps.batch_status()
    assert found.state.isin(["queued", "running"]).all(), found.to_string()
    assert cancel(["-n"]) == 0
    jobs = "jobs" if mode == "each" else "job"
    assert f"m: would cancel 6 psets of the {jobs} " in capsys.readouterr().out
    assert ps.batch_status().state.isin(["queued", "running"]).all()
    assert cancel([]) == 0
    assert "m: cancelled 6 psets" in capsys.readouterr().out
    state = wait_for_jobs().state
    assert set(state) == {"cancelled"}
    assert ps.batch_status("other").state.isin(["queued", "running"]).all()
    assert status([]) == 4
    assert "6 cancelled" in capsys.readouterr().out
    assert ps.batch_collect()._failed.all()
    assert ps.batch_resubmit().empty
    assert len(ps.batch_resubmit(states=["cancelled"])) == 6
    shutil.copytree("other", "copy")  # its jobs are those of the other study
    assert ps.batch_cancel("copy").empty
    # numbers are reused: here, as if those of the other study were also this one's
    names = "*/.submitted_m.1" if mode == "each" else "arrays_m/*.said"
    for ours, theirs in zip(
        sorted(Path("calc").glob(names)), sorted(Path("other").glob(names)), strict=True
    ):
        lines = ours.read_text().splitlines(keepends=True)
        answer = theirs.read_text().splitlines(keepends=True)[-1]
        ours.write_text("".join([*lines[:2], answer] if mode == "each" else [answer]))
    for note in Path("calc").glob("*/.job_m.1"):
        note.unlink()
    assert ps.batch_cancel().empty
    assert len(ps.batch_cancel("other")) == 6


def test_only_queued_ones(templates, slurm, monkeypatch):
    for name, value in slurm.environ.items():
        monkeypatch.setenv(name, value)
    templates(m=("scheduler: slurm\narray: true\narray_limit: 2", SLEEP))
    ps.prep_batch(ps.plist("a", range(6)), calc_templ_dir=None)
    submit("calc/run_m.sh")
    while len(list(Path("calc").glob("*/started"))) < 2:
        time.sleep(0.1)
    assert ps.batch_cancel(queued=True).index.tolist() == [2, 3, 4, 5]
    assert ps.batch_status().state.tolist() == ["running"] * 2 + ["cancelled"] * 4
    assert ps.batch_cancel().index.tolist() == [0, 1]
    assert set(wait_for_jobs().state) == {"cancelled"}


@pytest.mark.parametrize("mode", MODES)
def test_jobs_that_a_statcmd_shows(templates, slurm, monkeypatch, mode, capsys):
    for name, value in slurm.environ.items():
        monkeypatch.setenv(name, value)
    statcmd = "squeue -h -r -u $(id -un) -o '%i %T'"
    templates(m=(f'subcmd: sbatch\nstatcmd: "{statcmd}"\n{MODES[mode]}', SLEEP))
    ps.prep_batch(ps.plist("a", range(4)), calc_templ_dir=None)
    submit("calc/run_m.sh")
    end = time.monotonic() + 30
    while "running" not in set(ps.batch_status().state):
        assert time.monotonic() < end, ps.batch_status().to_string()
    assert cancel([]) == 0
    assert "m: cancelled 4 psets" in capsys.readouterr().out
    assert set(wait_for_jobs().state) == {"cancelled"}


def test_where_no_jobs_can_be_cancelled(templates, fake_scheduler, capsys, tmp_path, monkeypatch):
    templates(m=("subcmd: fakesub\nstatcmd: echo 1", "true\n"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    assert cancel([]) == 0
    assert "there is nothing to cancel" in capsys.readouterr().out
    submit("calc/run_m.sh")
    assert cancel([]) == 1
    assert "psweep does not know how to cancel jobs of m" in capsys.readouterr().err
    Path("calc/info_m.yaml").write_text("scheduler: lsf")
    assert cancel([]) == 1
    assert "call psweep-cancel where the scheduler is" in capsys.readouterr().err
    assert cancel(["x"]) == 1


def test_info_yaml_is_not_read_for_each_pset(templates, fake_scheduler, monkeypatch, capsys):
    templates(m=("subcmd: fakesub\nstatcmd: echo 1", "true\n"))
    ps.prep_batch(ps.plist("a", range(9)), calc_templ_dir=None)
    submit("calc/run_m.sh")
    submitted = status_of_jobs.statuses(Path("calc"), None)
    ended = [each._replace(state="done") for each in submitted]
    given_back = [each._replace(state="not submitted", of_task=True) for each in ended]
    monkeypatch.setattr(cancel_of_jobs, "statuses", lambda *args: found)
    reads = []
    read = cancel_of_jobs.machine_of
    monkeypatch.setattr(cancel_of_jobs, "machine_of", lambda *args: reads.append(1) or read(*args))
    for found, n in (ended, 0), (given_back, 1):
        assert cancel([]) == 0
        assert "there is nothing to cancel" in capsys.readouterr().out
        assert len(reads) == n


def test_jobs_are_grouped_by_reason(templates, capsys):
    templates(m=("subcmd: sh", "echo '{}' >result.json; exit $$(($a % 3))"))
    ps.prep_batch(ps.plist("a", range(9)), calc_templ_dir=None)
    submit("calc/run_m.sh")
    capsys.readouterr()
    assert status([]) == 4
    out = capsys.readouterr().out
    assert out.startswith("m: 9 psets: 3 done, 6 failed\n\n")
    assert re.search(r"^3 +failed +m +exit code 1 +1,4,7 +- +calc/\S+log$", out, re.MULTILINE)
    assert re.search(r"^3 +failed +m +exit code 2 +2,5,8 ", out, re.MULTILINE)
    assert status(["--all", "m"]) == 4
    assert len(capsys.readouterr().out.splitlines()) == 13
    assert status(["--json"]) == 4
    found = json.loads(capsys.readouterr().out)
    assert found["exit_status"] == 4
    assert [job["state"] for job in found["jobs"]][:3] == ["done", "failed", "failed"]
    assert found["runs"] == []


@pytest.mark.parametrize(("width", "reason"), [(70, "exit code 1"), (60, "exit")])
def test_a_narrow_terminal_shows_outputs_below(templates, capsys, monkeypatch, width, reason):
    templates(m=("subcmd: sh", "echo words; echo '{}' >result.json; exit $a"))
    ps.prep_batch(ps.plist("a", range(3)), calc_templ_dir=None)
    submit("calc/run_m.sh")
    monkeypatch.setattr("psweep_core.plumbing.terminal_width", lambda: width)
    capsys.readouterr()
    assert status([]) == 4
    table, outputs = capsys.readouterr().out.removesuffix("\n").split("\n\n")[1:]
    assert max(map(len, table.splitlines())) <= width
    assert re.search(rf"^1 +failed +m +{reason} +1 ", table, re.MULTILINE)
    logs = re.findall(r"^output of pset (\d): (\S+)$", outputs, re.MULTILINE)
    assert [seq for seq, _ in logs] == ["1", "2"]
    assert all(Path(log).read_text() == "words\n" for _, log in logs)


def test_exit_statuses(templates, capsys):
    templates(m=("subcmd: sh", "touch started; sleep 1; echo '{}' >result.json"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    assert status([]) == 0
    process = subprocess.Popen(["sh", "calc/run_m.sh"], stderr=subprocess.DEVNULL)
    while not list(Path("calc").glob("*/started")):
        time.sleep(0.02)
    assert status([]) == 3
    capsys.readouterr()
    assert status(["--watch", "0.2"]) == 0  # until nothing is in progress
    lines = capsys.readouterr().out.splitlines()
    assert "m: 1 pset: 1 running" in lines[0]
    assert "m: 1 pset: 1 done" in lines[-1]
    process.wait()
    assert status(["nowhere"]) == 1
    assert "write -c" not in capsys.readouterr().err
    assert status(["calc"]) == 1  # which is no machine
    assert "for the study in that folder, write -c calc" in capsys.readouterr().err
    assert status(["-c", "nowhere"]) == 1


def test_a_job_that_ends_while_its_folder_is_looked_at_is_done(templates, monkeypatch):
    templates(m=("subcmd: sh\n", "#!/bin/sh\necho '{\"y\": 1}' > result.json\n"))
    ps.prep_batch([{"a": 1}])
    submit("calc/run_m.sh")
    listdir = os.listdir
    monkeypatch.setattr(  # the list is older than what is read of the job then
        os, "listdir", lambda path: [name for name in listdir(path) if name != "result.json"]
    )
    assert ps.batch_status("calc").state.tolist() == ["done"]
    os.remove(next(Path("calc").glob("*/result.json")))
    assert ps.batch_status("calc").state.tolist() == ["no result"]


def test_the_age_of_what_psweep_pull_has_heard(templates, fake_scheduler, capsys):
    templates(m=("scheduler: slurm\nsubcmd: fakesub", "#!/bin/sh\ntrue\n"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit("calc/run_m.sh")
    when = time.time() - 3 * 3600
    os.utime(next(Path("calc").glob("*/.submitted_m.1")), (when - 9, when - 9))
    reason = "ReqNodeNotAvail, UnavailableNodes:node[1-4]"
    line = f"1|PENDING|({reason})|x|y"
    Path("calc/.psweep").mkdir(exist_ok=True)
    Path("calc/.psweep/queue_m").write_text(f"{when}\n{line}\n")
    assert status([]) == 3
    out = capsys.readouterr().out
    day = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
    assert f"as of {day} (3 hours ago; last psweep-pull)" in out
    assert reason in out


def test_a_statcmd_of_somebody_else_is_not_run(templates, fake_scheduler, capsys):
    templates(m=("subcmd: fakesub\nstatcmd: echo 1 R", "true\n"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit("calc/run_m.sh")
    assert status([]) == 3  # this one is the user's own
    Path("calc/info_m.yaml").write_text("subcmd: fakesub\nstatcmd: touch hacked; echo 1 R")
    code = "from psweep_core.status import status; raise SystemExit(status())"
    done = subprocess.run(
        [sys.executable, "-c", code], stdin=-3, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "its statcmd was not confirmed" in done.stderr
    assert not Path("hacked").exists()
    # in a terminal, it asks once
    import pty

    for answer, ran in ((b"n\n", False), (b"y\n", True), (b"", True)):
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=follower, stderr=follower, stdout=-3
        )
        os.close(follower)
        if answer:
            said = b""
            while b"[y/N]" not in said:
                said += os.read(leader, 1000)
            os.write(leader, answer)
        assert process.wait(30) == 3
        os.close(leader)
        assert Path("hacked").exists() == ran
        Path("hacked").unlink(missing_ok=True)


def test_help_of_the_programs_does_not_wait_for_pandas():
    code = (
        "import sys\nfrom psweep_batch import cli\n"
        "for program in (cli.cancel, cli.push, cli.pull):\n"
        "    for argv in ['--help'], ['--version'], ['--nonsense', '--help']:\n"
        "        try:\n            program(argv)\n"
        "        except SystemExit:\n            pass\n"
        "assert not {'pandas', 'yaml'} & {*sys.modules}\n"
        "import psweep_batch\nassert set(psweep_batch.__all__) <= {*dir(psweep_batch)}\n"
        "assert all(hasattr(psweep_batch, name) for name in psweep_batch.__all__)\n"
        "assert not hasattr(psweep_batch, 'nonsense')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_status_lists_no_folders_that_are_not_there(templates, fake_scheduler, monkeypatch, capsys):
    templates(m=("subcmd: fakesub\nstatcmd: echo 1", "true\n"))
    ps.run_local(lambda pset: {"y": 1}, ps.plist("a", range(20)))
    ps.prep_batch([{"a": 100}], calc_templ_dir=None)
    listed = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path=".": listed.append(str(path)) or listdir(path))
    assert status([]) == 0
    assert capsys.readouterr().out.startswith("run 0: ended, 20 of 20 psets\nno machine: 1 pset: ")
    pset_id = ps.df_read("calc")._pset_id.iloc[-1]
    assert {path.rpartition("/")[2] for path in listed if len(path) > 36} <= {pset_id}
