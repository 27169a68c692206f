"""A real SLURM: single jobs, arrays, packed arrays, and what kills them."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster import Slurm, links, short_folder
from helpers import submit, wait_for_jobs

import psweep as ps

JOBSCRIPT = """#!/bin/bash
#SBATCH -J foo_${_pset_seq}_${_pset_id}
#SBATCH -o out.job
#SBATCH --mem=100

cd "$$SLURM_SUBMIT_DIR"
echo "this is $a"
exec python3 run.py
"""
RUN = """
import json, os, sys, time
a = $a
if a == 3:
    sys.exit("no convergence")
if a == 4:
    taken = bytearray(300_000_000)
    time.sleep(60)
time.sleep(a == 5 and 2 or 0)
json.dump({"square": a ** 2}, open("result.json", "w"))
"""
MODES = {
    "each": "subcmd: sbatch\nlost_after: 1",
    "array": "scheduler: slurm\nlost_after: 1\narray: true\narray_limit: 3",
    "packed": (
        "subcmd: sbatch --comment 'a b'\nlost_after: 1\narray: true\npack: 3\nmax_array_size: 2"
    ),
}


@pytest.fixture
def cluster_here(slurm, monkeypatch):
    for name, value in slurm.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    return slurm


@pytest.mark.parametrize("mode", MODES)
def test_modes_share_one_jobscript_and_give_the_same(templates, cluster_here, mode, tmp_path):
    templates({"run.py": RUN}, m=(MODES[mode], JOBSCRIPT))
    calc = tmp_path / 'it\'s "my" $HOME' / "calc"
    df = ps.prep_batch(ps.plist("a", range(8)), calc_dir=calc)
    out = submit(calc / "run_m.sh", cwd="/")
    n_jobs = {"each": 8, "array": 1, "packed": 2}[mode]
    assert len(re.findall("Submitted batch job", out)) == n_jobs
    states = set(ps.batch_status(calc).state)
    assert states <= {"queued", "running", "done", "failed"}
    assert "0 submitted now, 8 earlier" in submit(calc / "run_m.sh")
    status = wait_for_jobs(calc)
    lost = [4, 5] if mode == "packed" else [4]  # the rest of its task
    expected = ["lost" if a in lost else "failed" if a == 3 else "done" for a in range(8)]
    assert status.state.tolist() == expected
    assert status.reason[3] == "exit code 1"
    assert set(status.reason[lost]) == {"out of memory"}
    for a in range(5):
        log = Path(status.log[a])
        assert log == calc / df._pset_id[a] / "out.job"
        assert f"this is {a}\n" in log.read_text()
    assert "no convergence" in Path(status.log[3]).read_text()
    assert status.job_id.nunique() == {"each": 8, "array": 8, "packed": 3}[mode]
    assert (status.runtime[status.state == "done"] > 0).all()
    assert status.runtime[5] >= 2 or mode == "packed"

    df = ps.batch_collect(calc)
    assert df.square.tolist() == [pd_na(a in (3, *lost), a**2) for a in range(8)]
    assert "no convergence" in df._exc_txt[3]
    assert df._exc_txt[4].startswith("lost: job ")
    assert "out of memory" in df._exc_txt[4]

    again = ps.batch_resubmit(calc)
    assert again.index.tolist() == [3, *lost]
    for pset_id in again._pset_id:
        path = calc / pset_id / "run.py"
        path.write_text(path.read_text().replace("if a ==", "if a == -"))
    submit(calc / "resubmit_m.sh")
    submit(calc / "resubmit_m.sh")
    assert set(wait_for_jobs(calc).state) == {"done"}
    df = ps.batch_collect(calc)
    assert df.square.tolist() == [a**2 for a in range(8)]
    assert not df._failed.any()
    names = cluster_here.run("squeue", "-h", "-t", "all", "-o", "%j").split()
    assert not [name for name in names if name.startswith(".jobscript")]


def pd_na(missing, value):
    import pandas as pd

    return pd.NA if missing else value


def test_scancel_and_a_held_job(templates, cluster_here, capfd):
    text = "#!/bin/sh\n#SBATCH -o my%j.log\ntouch started\nsleep 60\n"
    hold = "#!/bin/sh\n#SBATCH --hold\n"
    templates(m=("subcmd: sbatch\nlost_after: 1", text), held=("subcmd: sbatch", hold))
    ps.prep_batch(ps.plist("a", range(2)), calc_templ_dir=None, machines="held")
    df = ps.prep_batch(ps.plist("a", range(2)), calc_templ_dir=None, machines="m")[2:]
    submit("calc/run_m.sh")
    while not all(Path("calc", pset_id, "started").exists() for pset_id in df._pset_id):
        time.sleep(0.1)
    status = ps.batch_status(machine="m")
    assert status.state.tolist() == ["running"] * 2
    cluster_here.run("scancel", status.job_id[2])
    cluster_here.run("scancel", "--signal=KILL", "--full", status.job_id[3])
    status = wait_for_jobs(machine="m")
    assert status.state.tolist() == ["cancelled"] * 2  # as SLURM says
    assert status.reason[2].startswith("cancelled")
    assert ps.batch_resubmit(machine="m").empty
    assert "2 psets left out, whose jobs were cancelled" in capfd.readouterr().err
    assert len(ps.batch_resubmit(machine="m", states=["cancelled"])) == 2
    assert Path(status.log[2]).name == f"my{status.job_id[2]}.log"
    submit("calc/run_held.sh")
    status = ps.batch_status(machine="held")
    assert status.state.tolist() == ["queued"] * 2
    assert status.reason.tolist() == ["JobHeldUser"] * 2
    cluster_here.run("scancel", *status.job_id)
    status = wait_for_jobs(machine="held")
    assert status.reason.tolist() == ["cancelled"] * 2
    assert ps.batch_collect(machine="held")._failed.tolist() == [True, True, False, False]


def test_an_array_is_split_where_slurm_takes_no_larger_one(templates, monkeypatch):
    with Slurm(short_folder(), max_array_size=4) as other:
        monkeypatch.setenv("SLURM_CONF", other.environ["SLURM_CONF"])
        templates(m=("subcmd: sbatch\narray: true", "#!/bin/sh\necho '{\"b\": $a}' >result.json\n"))
        ps.prep_batch(ps.plist("a", range(10)), calc_templ_dir=None)
        out = submit("calc/run_m.sh")
        assert len(re.findall("Submitted batch job", out)) == 3
        assert set(wait_for_jobs().state) == {"done"}
        assert ps.batch_collect().b.tolist() == list(range(10))

        templates(m=("subcmd: sbatch\narray: true\nmax_array_size: 5", "#!/bin/sh\n"))
        ps.prep_batch(ps.plist("a", range(10)), calc_templ_dir=None)
        done = submit("calc/run_m.sh", check=False)
        assert done.returncode == 1
        assert "Invalid job array specification" in done.stderr
        assert ps.batch_status().state.tolist() == ["done"] * 10 + ["not submitted"] * 10


@pytest.mark.slow
def test_a_batch_signal_before_the_time_limit_reaches_the_jobscript(templates, cluster_here):
    # SLURM looks at the time limits every 30 s, and sends the signal up to 30 s early: if it were
    # due soon after the start, it might come before the trap is set.
    text = (
        "#!/bin/bash\n#SBATCH -o log\n#SBATCH --signal=B:USR1@58\n#SBATCH --time=2\n"
        "trap 'echo \"{}\" >result.json; exit 0' USR1\nsleep 200 & wait\n"
    )
    templates(m=("subcmd: sbatch\narray: true", text))
    ps.prep_batch(ps.plist("a", [1]), calc_templ_dir=None)
    submit("calc/run_m.sh")
    assert wait_for_jobs(seconds=200).state.tolist() == ["done"]


def test_at_most_one_query(templates, cluster_here, tmp_path, monkeypatch):
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    (bin_dir / "squeue").write_text(
        f"#!/bin/sh\necho >>'{tmp_path}/n'\nexec /usr/bin/squeue \"$@\"\n"
    )
    (bin_dir / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_dir}:/usr/bin:/bin")
    queries = lambda: len(Path("n").read_text()) if Path("n").exists() else 0  # noqa: E731
    templates(m=("subcmd: sbatch", "#!/bin/sh\n"), l=("subcmd: sh", "true"))
    ps.prep_batch(ps.plist("a", range(5)), calc_templ_dir=None)
    assert ps.batch_status().state.tolist() == ["not submitted"] * 5
    assert queries() == 0
    submit("calc/run_m.sh")
    wait = ps.batch_status()
    assert queries() == 1 or set(wait.state) == {"no result"}
    wait_for_jobs()
    n = queries()
    assert set(ps.batch_status().state) == {"no result"}
    assert queries() == n


def test_where_the_queue_cannot_be_asked(templates, cluster_here, monkeypatch, capsys, tmp_path):
    templates(m=("subcmd: sbatch", "#!/bin/sh\n#SBATCH --hold\n"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit("calc/run_m.sh")
    job_id = ps.batch_status().job_id[0]
    Path("bin").mkdir()
    Path("bin/squeue").write_text(
        "#!/bin/sh\necho 'slurm_load_jobs error: no answer' >&2\nexit 1\n"
    )
    Path("bin/squeue").chmod(0o755)
    links(tmp_path / "few", "sh", "date", "id", "cat")
    for path, said in [
        (f"{tmp_path}/few", "exit status 127: there is no squeue here"),
        (f"{tmp_path}/bin:/bin", "exit status 1: slurm"),
    ]:
        with monkeypatch.context() as patch:
            patch.setenv("PATH", path)
            assert ps.batch_status().state.tolist() == ["queued"]
            err = capsys.readouterr().err
            assert "cannot query the queue of m from here" in err
            assert said in err
            assert ps.batch_collect()._pset_runtime.isna().all()
    cluster_here.run("scancel", job_id)
    assert wait_for_jobs().state.tolist() == ["cancelled"]


def test_other_schedulers_by_statcmd(templates, fake_scheduler, tmp_path):
    info = f"subcmd: fakesub\nlost_after: 1\nstatcmd: cat '{tmp_path}/queue'"
    templates(m=(info, "true\n"))
    ps.prep_batch(ps.plist("a", range(4)), calc_templ_dir=None)
    submit("calc/run_m.sh")
    Path("queue").write_text("1.server R user\n2.server Q user\n3\n")
    # there is no second source, so it takes a second look
    assert ps.batch_status().state.tolist() == ["running", "queued", "queued", "queued"]
    time.sleep(1.1)
    status = ps.batch_status()
    assert status.state.tolist() == ["running", "queued", "queued", "lost"]
    Path("queue").unlink()
    assert ps.batch_status().state.tolist() == ["queued"] * 4


def test_the_numbers_that_submit_commands_print():
    from psweep_batch.scheduler_words import job_id_of

    for said, expected in [
        ("Submitted batch job 123\n", "123"),
        ("sbatch: a warning of 2 things\nSubmitted batch job 123 on cluster c\n", "123"),
        ("123\n", "123"),
        ("123;cluster\n", "123"),
        ("123.pbs.example.org\n", "123"),
        ("123[].pbs\n", "123"),
        ("Job <123> is submitted to queue <normal>.\n", "123"),
        ('Your job 123 ("x.sh") has been submitted\n', "123"),
        ("your job has got number 123\n", "123"),
        ("thank you\n", None),
    ]:
        assert job_id_of(said) == expected


def test_the_runner_of_a_packed_task_after_a_requeue(templates, fake_scheduler, tmp_path):
    info = "subcmd: fakesub\narray: true\npack: 3"
    templates(m=(info, "echo x >>ran\n[ $a -ne 1 ] || [ -e again ]\n"))
    df = ps.prep_batch(ps.plist("a", range(3)), calc_templ_dir=None)
    submit("calc/run_m.sh")
    (script,) = Path("calc/arrays_m").glob("*.sh")
    env = {"SLURM_ARRAY_JOB_ID": "1", "SLURM_ARRAY_TASK_ID": "0", "PATH": "/usr/bin:/bin"}
    assert subprocess.run(["sh", script], env=env, check=False).returncode == 1
    assert ps.batch_status().exit_code.tolist() == [0, 1, 0]
    Path("calc", df._pset_id[1], "again").touch()
    assert subprocess.run(["sh", script], env=env, check=False).returncode == 0
    assert ps.batch_status().exit_code.tolist() == [0, 0, 0]
    ran = [Path("calc", pset_id, "ran").read_text() for pset_id in df._pset_id]
    assert ran == ["x\n", "x\nx\n", "x\n"]


def test_a_temporary_file_of_rsync_is_no_claim(templates, fake_scheduler):
    templates(m=("subcmd: fakesub\narray: true", "echo x >>ran\n"))
    df = ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit("calc/run_m.sh")
    folder = Path("calc", df._pset_id[0])
    (folder / ".submitted_m.1.eg5Nub").touch()
    (script,) = Path("calc/arrays_m").glob("*.sh")
    env = {"SLURM_ARRAY_JOB_ID": "1", "SLURM_ARRAY_TASK_ID": "0", "PATH": "/usr/bin:/bin"}
    subprocess.run(["sh", script], env=env, check=True)
    assert (folder / "ran").exists()


def test_a_job_that_slurm_starts_again_is_not_lost(templates, cluster_here):
    text = "#!/bin/sh\n#SBATCH --requeue\n[ -e again ] || { touch again; sleep 60; }\n"
    templates(m=("subcmd: sbatch\nlost_after: 1", text))
    df = ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit("calc/run_m.sh")
    again = Path("calc", df._pset_id[0], "again")
    while not again.exists():
        time.sleep(0.1)
    job_id = ps.batch_status().job_id[0]
    cluster_here.run("scontrol", "requeue", job_id)
    while "exit" not in Path("calc", df._pset_id[0], ".job_m.1").read_text():
        time.sleep(0.1)
    while (status := ps.batch_status()).state.tolist() == ["running"]:
        time.sleep(0.1)  # it is just ending
    assert status.state.tolist() == ["queued"]  # SLURM waits two minutes before it does
    assert status.reason.tolist() == ["started again"]
    assert not ps.batch_collect()._failed.any()
    assert ps.batch_resubmit().empty
    cluster_here.run("scancel", job_id)
    assert wait_for_jobs().state.tolist() == ["cancelled"]


def test_a_job_that_starts_again_while_its_processes_live(templates, cluster_here):
    # The program is not the process that psweep has started, but one that this has started.
    text = "#!/bin/sh\nsh program\nexit $$?\n"
    program = "echo $$$$ >>pids\nwhile [ ! -e go ]; do sleep 0.1; done\necho '{}' >result.json\n"
    info = "subcmd: sbatch\nlost_after: 1\narray: true\npack: 2"
    templates({"program": program}, m=(info, text))
    df = ps.prep_batch(ps.plist("a", [1, 2]))
    submit("calc/run_m.sh")
    folder, other = (Path("calc", pset_id) for pset_id in df._pset_id)
    (other / "go").touch()
    pids = folder / "pids"
    while not pids.exists() or not pids.read_text().endswith("\n"):
        time.sleep(0.05)
    # As SLURM does after a node has failed: the same script, with the same task
    (script,) = Path("calc").glob("arrays_m/*.sh")
    cluster_here.run("sbatch", "--array=0", str(script.relative_to("calc")), cwd="calc")
    while pids.read_text().count("\n") < 2:
        time.sleep(0.05)
    first = pids.read_text().split()[0]
    state = subprocess.run(["ps", "-o", "stat=", "-p", first], capture_output=True, check=False)
    assert state.stdout.strip()[:1] in (b"", b"Z")  # Z: has ended
    assert not (other / "pids").exists()
    (folder / "go").touch()
    assert wait_for_jobs().state.tolist() == ["done", "done"]
    assert len((other / "pids").read_text().split()) == 1
    assert len(pids.read_text().split()) == 2


@pytest.mark.parametrize("array", [False, True])
def test_a_job_whose_number_was_not_noted_is_found_in_the_queue(templates, cluster_here, array):
    info = "subcmd: sbatch\nlost_after: 0" + "\narray: true" * array
    templates(m=(info, "#!/bin/sh\n#SBATCH --hold\n"))
    ps.prep_batch(ps.plist("a", range(3)), calc_templ_dir=None)
    submit("calc/run_m.sh")
    job_ids = ps.batch_status().job_id.tolist()
    # as if the script had been killed before it could note the answer
    for path in Path("calc").glob("*/.submitted_m.1"):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    for path in Path("calc").glob("arrays_m/*.said"):
        path.unlink()
    assert ps.batch_status().state.tolist() == ["queued"] * 3
    assert ps.batch_resubmit().empty
    assert "3 may have been submitted" in submit("calc/run_m.sh")
    cluster_here.run("scancel", *{job_id.split("_")[0] for job_id in job_ids})
    assert wait_for_jobs().reason.tolist() == ["submitting it was cut short"] * 3


def test_jobs_of_another_cluster_or_user_are_not_lost(templates, cluster_here, capsys):
    templates(m=("subcmd: sbatch", "#!/bin/sh\n#SBATCH --hold\n"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit("calc/run_m.sh")
    (path,) = Path("calc").glob("*/.submitted_m.1")
    text = path.read_text()
    job_id = ps.batch_status().job_id[0]
    cluster_here.run("scancel", job_id)
    for old, new in [("by ", "by other-"), (text.split()[3], "elsewhere")]:
        path.write_text(text.replace(old, new, 1))
        assert ps.batch_status().state.tolist() == ["queued"]
        assert "from here (jobs are of " in capsys.readouterr().err
    path.write_text(text)
    assert wait_for_jobs().state.tolist() == ["cancelled"]


def test_input_files_and_the_default_name_of_a_job(templates, cluster_here):
    text = "#!/bin/sh\n#SBATCH -i in.txt\ncat >out\necho {} >result.json\n"
    text += 'echo "$$SLURM_JOB_NAME" >name\n'
    templates({"in.txt": "$a"}, m=("subcmd: sbatch", text))
    templates(named=("subcmd: sbatch", text.replace("-i in.txt", "-i in.txt -J mine")))
    for name, expected in (("m", "jobscript_m"), ("named", "mine")):
        df = ps.prep_batch([{"a": 5}], machines=[name])
        folder = Path("calc", df._pset_id.iloc[-1])
        submit(f"calc/run_{name}.sh")
        assert set(wait_for_jobs().state) == {"done"}
        assert (folder / "out").read_text() == "5"
        assert (folder / "name").read_text() == f"{expected}\n"
