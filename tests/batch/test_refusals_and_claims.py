"""What counts as a refusal, and whose a pset is: claims of scripts, machines and users."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from fake_slurm import prepare, states
from helpers import submit

import psweep as ps


def test_a_pipe_whose_first_program_is_missing(templates, fake_scheduler, capfd):
    info = "subcmd: fakesub\nlost_after: 0\nstatcmd: no_qstat -u me | awk '{print $1}'"
    templates(m=(info, "true\n"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit("calc/run_m.sh")
    for _ in range(2):
        assert states() == ["queued"]
    assert "there is no no_qstat here" in capfd.readouterr().err
    for other in ("no_qstat|cat", "no_qstat; true"):
        Path("calc/info_m.yaml").write_text(f"subcmd: fakesub\nlost_after: 0\nstatcmd: {other}")
        assert states() == ["queued"]
        assert "there is no no_qstat here" in capfd.readouterr().err
    # or fails
    info = info.replace("no_qstat -u me", "false")
    Path("calc/info_m.yaml").write_text(info)
    for _ in range(2):
        assert states() == ["queued"]
    Path("calc/info_m.yaml").write_text(info.replace("false", "true"))
    assert states() == ["lost"]


@pytest.mark.parametrize(
    "statcmd",
    [
        "~/bin/myq",
        "$HOME/bin/myq",
        '"$HOME"/bin/myq | cat',
        "(myq; true) | cat",
        "{ myq; } | cat",
        "LANG=C myq",
        "'myq'",
        "myq|cat",
        "if true; then myq; fi",
        "! false && myq",
    ],
)
def test_a_statcmd_is_any_command(templates, fake_scheduler, tmp_path, monkeypatch, capfd, statcmd):
    path = tmp_path / "home" / "bin" / "myq"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\necho 1 R\n")
    path.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
    templates(m=(json.dumps({"subcmd": "fakesub", "lost_after": 0, "statcmd": statcmd}), "true\n"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit("calc/run_m.sh")
    capfd.readouterr()
    assert states() == ["running"]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize(
    ("said", "code", "refused"),
    [
        ("sbatch: error: Batch job submission failed: Zero Bytes were transmitted", 1, 0),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv", 1, 0),
        ("", 137, 0),
        ("", 1, 0),
        ("sbatch: error: Batch job submission failed: Invalid account or account/partition", 1, 1),
        ("sbatch: error: Batch job submission failed: Job violates accounting/QOS policy", 1, 1),
        ("sbatch: error: Batch job submission failed: Invalid partition name specified", 1, 1),
        ("sbatch: unrecognized option '--x'", 1, 1),
        ("sbatch: error: Batch job submission failed: Unable to contact slurm controller", 1, 1),
    ],
)  # fmt: skip
def test_only_known_refusals_are_refusals(templates, fake, said, code, refused, array):
    prepare(templates, info="subcmd: sbatch" + "\narray: true" * array)
    fake["said"] = said + "\n"
    fake["code"] = str(code)
    done = submit("calc/run_m.sh", check=False)
    assert done.returncode == 1
    assert ("may have been submitted" in done.stderr) == (not refused)
    assert (" refused " in done.stderr) == bool(refused)
    fake["said"] = None
    submit("calc/run_m.sh")
    assert len(fake.calls()) == 1 + refused


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        "Submitted batch job N",
        "N",
        "N;other",
        "N.server",
        "N[].server",
        "Job <N> is submitted to queue <normal>.",
        'Your job N ("x") has been submitted',
    ],
)
def test_a_job_with_a_number_was_not_refused(templates, fake, answer, array):
    prepare(templates, info="subcmd: sbatch" + "\narray: true" * array)
    fake["code"] = "1"
    fake["said"] = f"{answer}\nslack-notify: command not found\nsbatch: error: lua: no log\n"
    done = submit("calc/run_m.sh", check=False)
    assert done.returncode == 1
    assert "it is not known whether" in done.stderr
    fake["said"] = None
    assert "0 submitted now, 1 earlier" in submit("calc/run_m.sh")
    assert len(fake.calls()) == 1
    assert ps.batch_status().job_id[0].split("_")[0] == "1"


def test_a_number_from_a_scheduler_that_psweep_does_not_know(templates, fake):
    fake.add("pjsub")
    prepare(templates, info="subcmd: pjsub")
    fake["code"] = "1"
    fake["said"] = "[ERR.] pjsub 52: queue is full (limit: 12 jobs)\nnotify: Permission denied\n"
    assert " refused " in submit("calc/run_m.sh", check=False).stderr
    fake["said"] = "[INFO] pjsub Job N submitted.\nnotify: Permission denied\n"
    assert "it is not known" in submit("calc/run_m.sh", check=False).stderr
    assert "0 submitted now, 1 earlier" in submit("calc/run_m.sh")


@pytest.mark.parametrize("array", [False, True])
def test_psets_that_were_not_submitted_stay_in_the_script(templates, fake, array, capsys):
    info = "subcmd: sbatch" + "\narray: true" * array
    prepare(templates, 2, info)
    prepare(templates, 3, info)
    assert "also submits 2 psets of earlier calls" in capsys.readouterr().err
    assert "5 submitted now" in submit("calc/run_m.sh")
    assert states() == ["queued"] * 5
    prepare(templates, 1, info)
    assert capsys.readouterr().err == ""
    assert "1 submitted now, 0 earlier" in submit("calc/run_m.sh")


def test_a_line_that_a_user_has_changed_stays_so(templates, fake):
    prepare(templates, 2)
    path = Path("calc/run_m.sh")
    text = path.read_text().splitlines()
    lines = [line for line in text if line.startswith("submit ")]
    path.write_text("\n".join(text).replace(lines[0], lines[0].replace("sbatch", "sbatch -p big")))
    prepare(templates, 1)
    submit("calc/run_m.sh")
    assert [call.split()[0] for call in fake.calls()] == ["-p", ".jobscript_m", ".jobscript_m"]


@pytest.mark.parametrize("info", ["subcmd: sh", "subcmd: sbatch", "subcmd: sbatch\narray: true"])
def test_claims_hold_across_machines(templates, fake, info):
    templates(one=("subcmd: sh", "echo x >>../ran"), two=(info, "#!/bin/sh\necho x >>../ran\n"))
    ps.prep_batch(ps.plist("a", range(3)), calc_templ_dir=None)
    submit("calc/run_one.sh")
    assert "3 were submitted on another machine" in submit("calc/run_two.sh")
    assert fake.calls() == []
    assert Path("calc/ran").read_text() == "x\n" * 3


def test_two_scripts_at_once_share_the_work(templates, tmp_path):
    script = 'echo "${PWD##*/}" >>../ran\n'.replace("$", "$$")
    templates(one=("subcmd: sh", script), two=("subcmd: sh", script))
    ps.prep_batch(ps.plist("a", range(30)), calc_templ_dir=None)
    started = [subprocess.Popen(["sh", f"calc/run_{n}.sh"], stderr=-1) for n in ("one", "two")]
    for process in started:
        process.communicate()
    ran = Path("calc/ran").read_text().split()
    assert len(ran) == len(set(ran)) == 30


def test_machines_share_out_psets(templates, fake):
    templates(one=("subcmd: sh", "true"), two=("subcmd: sh", "true"))
    ps.prep_batch(ps.plist("a", range(3)), calc_templ_dir=None, machines=["one"])
    df = ps.prep_batch(ps.plist("a", range(2)), calc_templ_dir=None, machines=["two"])
    assert not Path("calc", df._pset_id[0], "jobscript_two").exists()
    assert "3 submitted now" in submit("calc/run_one.sh")
    assert "2 submitted now" in submit("calc/run_two.sh")
    with pytest.raises(ValueError, match=r"no machine 'x'; available: one, two"):
        ps.prep_batch([{"a": 1}], calc_templ_dir=None, machines=["x"])
    with pytest.raises(ValueError, match="names no machine"):
        ps.prep_batch([{"a": 1}], calc_templ_dir=None, machines=[])
