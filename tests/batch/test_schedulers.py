"""Grid Engine for real, and PBS and LSF as their manuals have them."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import fake_schedulers
import pytest
from grid_engine import grid_engine  # noqa: F401 (a fixture)
from helpers import submit, wait_for_jobs

import psweep as ps
from psweep_batch import MachineError

RUN = """
import json, os, sys, time
a = $a
print("this is", a)
print("on stderr", file=sys.stderr)
if a == 3:
    sys.exit("no convergence")
json.dump({"square": a ** 2}, open("result.json", "w"))
"""
JOBSCRIPT = f"#!/bin/bash\nexport X=$a\nexec {sys.executable} run.py\n"
MODES = {
    "each": "",
    "array": "array: true\narray_limit: 3\n",
    "packed": "array: true\npack: 3\nparallel: 2\n",
    "one task": "array: true\npack: 9\nparallel: 9\n",
}


@pytest.fixture(params=["sge", "pbs", "lsf"])
def scheduler(request, tmp_path, monkeypatch):
    """The name of a scheduler whose commands are in PATH."""
    if request.param == "sge":
        environ = request.getfixturevalue("grid_engine").environ
    else:
        environ = fake_schedulers.install(tmp_path / "fake", request.param)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return request.param


@pytest.mark.parametrize("mode", MODES)
def test_round_trip(templates, scheduler, mode, tmp_path):
    templates({"run.py": RUN}, m=(f"scheduler: {scheduler}\n{MODES[mode]}", JOBSCRIPT))
    calc = tmp_path / "a study" / "calc"
    df = ps.prep_batch(ps.plist("a", range(8)), calc_dir=calc)
    out = submit(calc / "run_m.sh", cwd="/")
    assert "8 submitted now, 0 earlier" in out
    states = ps.batch_status(calc).state
    assert states.isin(["queued", "running", "done", "failed"]).all()
    assert "0 submitted now, 8 earlier" in submit(calc / "run_m.sh")
    status = wait_for_jobs(calc)
    assert status.state.tolist() == ["failed" if a == 3 else "done" for a in range(8)]
    assert status.job_id.notna().all()
    assert status.job_id.nunique() == {"packed": 3, "one task": 1}.get(mode, 8)
    df = ps.batch_collect(calc)
    assert df.square.dropna().tolist() == [a**2 for a in range(8) if a != 3]
    assert "failed: job " in df._exc_txt[3]
    assert "this is 3" in df._exc_txt[3]
    assert "no convergence" in df._exc_txt[3]
    again = ps.batch_resubmit(calc)
    assert again.index.tolist() == [3]
    path = calc / df._pset_id[3] / "run.py"
    path.write_text(path.read_text().replace("if a == 3", "if a == -3"))
    submit(calc / "resubmit_m.sh")
    assert set(wait_for_jobs(calc).state) == {"done"}
    assert ps.batch_collect(calc).square.tolist() == [a**2 for a in range(8)]


def test_a_killed_job_is_lost_and_what_its_scheduler_says_is_the_reason(
    templates, scheduler, monkeypatch
):
    text = "touch started\ntrap '' TERM\nwhile :; do sleep 0.1; done\n"
    templates(m=(f"scheduler: {scheduler}\nlost_after: 1", f"#!/bin/sh\n{text}"))
    df = ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit("calc/run_m.sh")
    while not Path("calc", df._pset_id[0], "started").exists():
        time.sleep(0.1)
    assert ps.batch_status().state.tolist() == ["running"]
    (note,) = Path("calc").glob("*/.job_m.1")
    pid = int(note.read_text().split()[3])
    for other in Path("/proc").glob("[0-9]*"):
        try:  # all processes of the job
            if os.getsid(int(other.name)) == os.getsid(pid):
                os.kill(int(other.name), 9)
        except OSError:
            continue
    status = wait_for_jobs()
    assert status.state.tolist() == ["lost"]
    assert status.scheduler_state.notna().all()
    assert status.memory.notna().all()


def test_refusals_are_known(templates, scheduler):
    option = {"sge": "-q nowhere.q", "pbs": "-q nowhere", "lsf": "-q nowhere"}[scheduler]
    prefix = {"sge": "#$$", "pbs": "#PBS", "lsf": "#BSUB"}[scheduler]
    templates(m=(f"scheduler: {scheduler}", f"#!/bin/sh\n{prefix} {option}\ntrue\n"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    done = submit("calc/run_m.sh", check=False)
    assert done.returncode == 1
    assert " refused " in done.stderr
    assert ps.batch_status().state.tolist() == ["not submitted"]


def test_a_scheduler_that_is_not_here_is_no_empty_queue(templates, scheduler, monkeypatch, capfd):
    templates(m=(f"scheduler: {scheduler}\nlost_after: 0", "#!/bin/sh\nkill -9 $$$$\n"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit("calc/run_m.sh")
    (note,) = Path("calc").glob("*/.submitted_m.1")
    for path in Path("calc").glob("*/.job_m.1"):
        path.unlink()
    monkeypatch.setenv("PATH", "/bin")
    with monkeypatch.context() as patch:
        few = Path("few")
        few.mkdir()
        for name in ("sh", "bash", "date", "id", "cat", "awk", "sed", "sort"):
            (few / name).symlink_to(f"/bin/{name}")
        patch.setenv("PATH", str(few.absolute()))
        for _ in range(2):
            assert ps.batch_status().state[0] in ("queued", "running")
            time.sleep(0.1)
    assert "there is no q" in (err := capfd.readouterr().err) or "there is no bjobs" in err


@pytest.mark.parametrize(
    ("info", "match"),
    [
        ("scheduler: condor", "scheduler must be one of slurm, sge, pbs, lsf, none, not 'condor'"),
        ("subcmd: qsub\narray: true", "needs 'scheduler: sge' or 'scheduler: pbs'"),
        ("scheduler: none\narray: true", "'sh' runs a script at once"),
        ("scheduler: none\nsubcmd: sbatch", "scheduler: none runs scripts here"),
        ("scheduler: slurm\narray: true\nparallel: 2", "parallel: 2 needs a pack of at least"),
        ("scheduler: slurm\nlost_after: -1", "lost_after must be an integer ≥ 0"),
        ("scheduler: slurm\nlogin_shell: 1", "login_shell must be true or false"),
    ],
)
def test_settings_that_make_no_sense(templates, info, match):
    templates(m=(info, "true\n"))
    with pytest.raises(ValueError, match=re.escape(match)):
        ps.prep_batch([{"a": 1}], calc_templ_dir=None)


_ARRAYS = [
    ("slurm", "sbatch", "--array=0-2", "--array=0-2"),
    ("slurm", "sbatch", "-a 0-2", "-a"),
    ("slurm", "sbatch", "-a0-2", "-a0-2"),
    ("sge", "qsub", "-t 1-3", "-t"),
    ("pbs", "qsub", "-J 0-2", "-J"),
    ("pbs", "qsub", "-t 0-2", "-t 0-2"),
    ("lsf", "bsub", "-J name[1-3]", "-J name[1-3]"),
    ("lsf", "bsub", "-Jname[1-3]", "-Jname[1-3]"),
]


@pytest.mark.parametrize("where", ["subcmd", "jobscript"])
@pytest.mark.parametrize(("name", "submit", "options", "shown"), _ARRAYS)
@pytest.mark.parametrize("func", [None, dict])
def test_arrays_of_the_user_are_refused(templates, where, name, submit, options, shown, func):
    info, script = f"scheduler: {name}\n", "psweep-task\n"
    if where == "subcmd":
        info += f"subcmd: /usr/bin/{submit} -q long {options}\n"
    else:
        # (A dollar sign is doubled in a template.)
        prefix = {"sge": "#$" if func else "#$$", "pbs": "#PBS", "lsf": "#BSUB"}
        script = f"{prefix.get(name, '#SBATCH')} -q long {options}\n{script}"
    templates(m=(info, script))
    match = f"{shown} must not be set here: psweep creates arrays itself: 'array: true'"
    kwds = {"calc_templ_dir": None} if func is None else {"func": func}
    with pytest.raises(MachineError, match=re.escape(match)) as caught:
        ps.prep_batch([{"a": 1}], **kwds)
    assert ("m/info.yaml: subcmd: " if where == "subcmd" else "line 1: ") in str(caught.value)
    assert not Path("calc").exists()


@pytest.mark.parametrize(
    "info",
    [
        "subcmd: sbatch -D /tmp",
        "subcmd: sbatch --input=x\narray: true",
        "subcmd: ssh -x head qsub -J 0-2",
        "subcmd: qsub -t 1-3",
    ],
)
def test_options_of_a_submit_command_are_refused_as_those_of_a_jobscript(templates, info):
    templates(m=(info, "true\n"))
    with pytest.raises(MachineError, match=r"info.yaml: subcmd: -.* must not be set here"):
        ps.prep_batch([{"a": 1}], calc_templ_dir=None)


@pytest.mark.parametrize(
    "info",
    [
        "subcmd: ssh -a head sbatch",
        "subcmd: ./mysub -a",
        "scheduler: sge\nsubcmd: qsub -tc 5 -terse",
        "scheduler: lsf\nsubcmd: bsub -J name -R rusage[mem=4]",
        "subcmd: sbatch -A project -i in",
        "scheduler: pbs\nsubcmd: qsub -j oe -N t",
    ],
)
def test_other_options_of_a_submit_command_are_not_refused(templates, info):
    templates(m=(info, "true\n"))
    assert len(ps.prep_batch([{"a": 1}], calc_templ_dir=None)) == 1


def test_the_psets_of_a_task_run_at_once(templates, scheduler):
    # each waits for the other two
    text = "touch ../here_$a\nwhile [ $$(ls .. | grep -c here_) -lt 3 ]; do sleep 0.1; done\n"
    text += "echo '{}' >result.json\n"
    info = f"scheduler: {scheduler}\narray: true\npack: 6\nparallel: 3"
    templates(m=(info, f"#!/bin/sh\n{text}"))
    ps.prep_batch(ps.plist("a", range(6)), calc_templ_dir=None)
    submit("calc/run_m.sh")
    assert set(wait_for_jobs().state) == {"done"}


def test_tasks_of_a_function(templates, scheduler, monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    path = os.environ["PATH"]
    script = f"#!/bin/bash\nexport PATH='{path}'\npsweep-task\n"
    templates(m=(f"scheduler: {scheduler}\npack: 3\narray: true", script))
    params = ps.plist("a", range(8))
    ps.run_batch(lambda pset: {"b": pset["a"] ** 2}, params, "m")
    status = wait_for_jobs()
    assert status.state.tolist() == 8 * ["done"]
    assert status.job_id.nunique() == 3
    assert ps.run_batch(lambda pset: {}, params, "m").b.tolist() == [a**2 for a in range(8)]
