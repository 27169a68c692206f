"""A pset never runs twice, and what a job has finished counts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from fake_slurm import FakeSlurm, end, prepare, states
from helpers import SHELLS, submit

import psweep as ps
from psweep_batch.cli import pull, push


def run_job(pset_id, shell="sh", **kwds):
    return subprocess.run([shell, f"calc/{pset_id}/.jobscript_m"], check=False, **kwds).returncode


@pytest.mark.parametrize("shell", [s for s in SHELLS if s != "busybox"])
@pytest.mark.parametrize("inner", ["sh", "bash"])
def test_a_trap_that_saves_and_exits_0_after_a_signal_to_all(templates, fake, shell, inner):
    text = f'#!/bin/{inner}\ntrap \'echo "{{\\"b\\": 1}}" >result.json; exit 0\' TERM\n'
    df = prepare(templates, script=text + "touch started\nwhile :; do sleep 0.05; done\n")
    submit("calc/run_m.sh")
    folder = Path("calc", df._pset_id[0])
    process = subprocess.Popen([shell, folder / ".jobscript_m"], start_new_session=True)
    while not (folder / "started").exists():
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGTERM)  # as scancel does
    assert process.wait(20) == 0
    assert "exit 0 " in (folder / ".job_m.1").read_text()
    status = ps.batch_status()
    assert status.state.tolist() == ["done"]
    assert "SIGTERM" in status.reason[0]
    assert ps.batch_collect().b.tolist() == [1]
    assert ps.batch_resubmit().empty
    # and if the scheduler starts it again, it does not run again
    (folder / "started").unlink()
    assert run_job(df._pset_id[0], shell) == 0
    assert not (folder / "started").exists()


@pytest.mark.parametrize("shell", [s for s in SHELLS if s != "busybox"])
def test_a_signal_to_all_is_never_another_exit_code(templates, fake, shell):
    df = prepare(templates, 12, script="#!/bin/bash\ntouch started\nsleep 60\n")
    submit("calc/run_m.sh")
    started = [
        subprocess.Popen([shell, f"calc/{pset_id}/.jobscript_m"], start_new_session=True)
        for pset_id in df._pset_id
    ]
    while len(list(Path("calc").glob("*/started"))) < 12:
        time.sleep(0.05)
    for process in started:
        os.killpg(process.pid, signal.SIGCONT)
        os.killpg(process.pid, signal.SIGTERM)
    codes = [process.wait(30) for process in started]
    assert codes == [143] * 12
    # requeued and pending: the queue is asked
    fake["queue"] = "".join(f"{n}|PENDING|BeginTime|x|y\n" for n in range(1, 13))
    assert states() == ["queued"] * 12
    assert ps.batch_resubmit().empty
    fake["queue"] = ""
    fake["ended"] = "".join(end(n, "CANCELLED by 0") for n in range(1, 13))
    assert states() == ["cancelled"] * 12


def test_a_requeued_job_that_ends_while_its_queue_is_asked_is_not_lost(templates, fake):
    df = prepare(templates)
    submit("calc/run_m.sh")
    notes = Path("calc", df._pset_id[0], ".job_m.1").absolute()
    notes.write_text("start 1 h 9 1 log\nexit 143 2 TERM\n")  # of its first start
    result = notes.with_name("result.json")
    squeue = fake.folder / "squeue"
    squeue.write_text(
        f"#!/bin/sh\nprintf 'start 3 h 9 1 log\\nexit 0 4\\n' >>'{notes}'\n"
        f"echo '{{\"b\": 2}}' >'{result}'\n"
    )
    fake["ended"] = end(1, "COMPLETED")
    assert states() == ["done"]
    notes.write_text("start 1 h 9 1 log\nexit 143 2 TERM\n")
    result.unlink()
    assert ps.batch_resubmit().empty


def test_negative_codes_of_an_older_psweep_count_as_killed(templates, fake):
    df = prepare(templates)
    submit("calc/run_m.sh")
    Path("calc", df._pset_id[0], ".job_m.1").write_text("start 1 h 9 1 log\nexit -1 2\n")
    fake["queue"] = "1|PENDING|BeginTime|x|y\n"
    assert states() == ["queued"]
    fake["queue"] = ""
    fake["ended"] = end(1, "TIMEOUT")
    status = ps.batch_status()
    assert status.state.tolist() == ["lost"]
    assert status.reason[0].startswith("time limit")


@pytest.mark.parametrize("complete", [True, False])
def test_a_killed_jobs_complete_result_counts(templates, fake, complete):
    text = '#!/bin/sh\nexec python3 -c "import os, signal, time\n'
    write = "import psweep; psweep.pickle_write('result.pk', {'b': 1})\n"
    part = "open('result.pk', 'wb').write(b'\\\\x80\\\\x04\\\\x95')\n"
    text += (write if complete else part) + 'os.kill(os.getpid(), 9)"\n'
    import sys

    df = prepare(templates, script=text.replace("python3", sys.executable))
    submit("calc/run_m.sh")
    assert run_job(df._pset_id[0]) == 137
    fake["ended"] = end(1, "OUT_OF_MEMORY")
    status = ps.batch_status()
    assert status.state.tolist() == ["done" if complete else "lost"]
    assert "out of memory" in status.reason[0]
    assert ps.batch_collect()._failed.tolist() == [not complete]
    assert len(ps.batch_resubmit()) == (not complete)


def test_jobs_on_another_cluster_are_asked_for_by_its_name(templates, fake):
    fake["said"] = "Submitted batch job N on cluster other\n"
    prepare(templates, 2)
    submit("calc/run_m.sh")
    fake["queue.other"] = "1|RUNNING|None|x|y\n2|PENDING|Priority|x|y\n"
    fake["ended"] = end(1, "FAILED", 1000) + end(2, "FAILED", 1000)  # of the cluster here
    assert states() == ["queued", "queued"] or states() == ["running", "queued"]
    assert ps.batch_resubmit().empty
    assert any("-M other" in call for call in fake.calls("squeue"))
    fake["queue.other"] = "2|PENDING|Priority|x|y\n"
    states()
    assert any(call.startswith("-M other") for call in fake.calls("sacct"))


def test_a_stale_queue_and_late_notes_are_not_a_loss(templates, fake):
    df = prepare(templates)
    submit("calc/run_m.sh")
    # the wrapper still shows what was a minute ago: nothing; the controller knows better
    fake["known"] = "JobId=1 JobState=RUNNING ExitCode=0:0 RunTime=00:00:01 EndTime=Unknown\n"
    assert states() == ["queued"]
    # it has ended a moment ago; its notes are on their way
    fake["ended"] = end(1, "COMPLETED", 5)
    status = ps.batch_status()
    assert status.state.tolist() == ["queued"]
    assert "its notes may come within 120 s" in status.reason[0]
    assert ps.batch_resubmit().empty
    fake["ended"] = end(1, "FAILED", 130)
    status = ps.batch_status()
    assert status.state.tolist() == ["lost"]
    assert status.memory.tolist() == ["33K"]
    assert status.elapsed.tolist() == ["00:00:07"]
    assert "33K of memory" in status.reason[0]
    # the resubmit script checks again: meanwhile the notes have come
    assert len(ps.batch_resubmit()) == 1
    assert run_job(df._pset_id[0]) == 0
    assert "1 left alone: their jobs have changed" in submit("calc/resubmit_m.sh")
    assert len(fake.calls()) == 1
    assert states() == ["done"]
    assert ps.batch_collect().b.tolist() == [1]


def test_a_job_that_the_scheduler_has_forgotten_meanwhile_stays_lost(templates, fake):
    prepare(templates)
    submit("calc/run_m.sh")
    fake["sacct.fails"] = "Slurm accounting storage is disabled"
    ended = f"RunTime=00:00:01 EndTime={time.time() - 130:.0f}\n"
    fake["known"] = f"JobId=1 JobState=FAILED ExitCode=0:9 {ended}"
    assert states() == ["lost"]
    fake["known"] = None
    assert states() == ["lost"]
    # but it counts as missing from the beginning after it was there again
    fake["queue"] = "1|RUNNING|None|x|y\n"
    assert states() == ["queued"] or states() == ["running"]
    fake["queue"] = ""
    assert "its notes may come" in ps.batch_status().reason[0]


def test_a_job_that_lives_after_all_is_not_submitted_again(templates, fake):
    prepare(templates)
    submit("calc/run_m.sh")
    fake["ended"] = end(1, "FAILED", 130)
    assert len(ps.batch_resubmit()) == 1
    fake["known"] = "JobId=1 JobState=RUNNING ExitCode=0:0 RunTime=00:00:01 EndTime=Unknown\n"
    assert "1 left alone" in submit("calc/resubmit_m.sh")
    assert len(fake.calls()) == 1


def test_a_late_job_leaves_the_pset_to_the_later_one(templates, fake):
    df = prepare(templates, script="#!/bin/sh\necho x >>ran\necho '{}' >result.json\n")
    submit("calc/run_m.sh")
    fake["ended"] = end(1, "FAILED", 130)
    ps.batch_resubmit()
    first = Path("calc", df._pset_id[0], ".jobscript_m").read_text()
    submit("calc/resubmit_m.sh")
    assert run_job(df._pset_id[0]) == 0  # the second
    Path("calc", df._pset_id[0], ".jobscript_m").write_text(first)
    assert run_job(df._pset_id[0]) == 0  # the first after all
    assert Path("calc", df._pset_id[0], "ran").read_text() == "x\n"


def test_a_job_that_ended_well_meanwhile_is_not_run_again_by_the_next(templates, fake):
    df = prepare(templates, script="#!/bin/sh\necho x >>ran\necho '{\"b\": 1}' >result.json\n")
    submit("calc/run_m.sh")
    job = Path("calc", df._pset_id[0], ".jobscript_m")
    first = job.read_text()
    fake["ended"] = end(1, "FAILED", 130)
    ps.batch_resubmit()
    submit("calc/resubmit_m.sh")
    second = job.read_text()
    claim = Path("calc", df._pset_id[0], ".submitted_m.2")
    claim.rename(claim.with_name("hidden"))  # NFS: the first does not see it yet
    job.write_text(first)
    run_job(df._pset_id[0])
    claim.with_name("hidden").rename(claim)
    job.write_text(second)
    assert run_job(df._pset_id[0]) == 0
    assert Path("calc", df._pset_id[0], "ran").read_text() == "x\n"
    assert states() == ["done"]
    assert ps.batch_collect().b.tolist() == [1]


@pytest.mark.parametrize("broken", ["sacct", "scontrol"])
def test_a_source_that_cannot_be_asked_is_no_answer(templates, fake, broken):
    prepare(templates)
    submit("calc/run_m.sh")
    fake["sacct.fails"] = "sacct: error: accounting storage is disabled"
    if broken == "scontrol":
        fake["scontrol.fails"] = "slurm_load_jobs error: Unable to contact slurm controller"
        for _ in range(2):
            assert states() == ["queued"]
    else:
        # the controller does not know it, and forgets jobs only after an hour
        fake["age"] = "3600"
        assert states() == ["lost"]


def test_no_result_is_one_state(templates):
    templates(m=("subcmd: sh", "echo the last words\n[ $a = 1 ] || echo '{\"b\": 2}' >result.json"))
    ps.prep_batch(ps.plist("a", [0, 1]), calc_templ_dir=None)
    submit("calc/run_m.sh")
    for _ in range(2):  # also after it was collected
        status = ps.batch_status()
        assert status.state.tolist() == ["done", "no result"]
        assert ps.batch_resubmit().index.tolist() == [1]
        df = ps.batch_collect()
        assert df._failed.tolist() == [False, True]
        assert df._exc_txt[1].startswith("no result: job on m: exit code 0, but no result in calc/")
        assert df._exc_txt[1].endswith("the last words")
    # a reader may find one, and then all three know
    assert ps.batch_collect(reader=lambda folder: {"b": 3})._failed.tolist() == [False, False]
    assert states() == ["done", "done"]
    assert ps.batch_resubmit().empty


def test_a_result_that_cannot_be_read_is_no_result(templates):
    templates(m=("subcmd: sh", "echo '{' >result.json"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    submit("calc/run_m.sh")
    assert ps.batch_collect()._failed.tolist() == [True]
    assert states() == ["no result"]
    assert "cannot be read" in ps.batch_status().reason[0]
    assert len(ps.batch_resubmit()) == 1


def test_a_stderr_of_its_own_is_shown(templates, fake):
    df = prepare(templates, script="#!/bin/sh\necho out\necho the cause >&2\nexit 3\n")
    submit("calc/run_m.sh")
    folder = Path("calc", df._pset_id[0])
    with open(folder / "out.txt", "w") as out, open(folder / "err.txt", "w") as err:
        run_job(df._pset_id[0], stdout=out, stderr=err)
    status = ps.batch_status()
    assert status.log[0].endswith("out.txt")
    assert status.stderr[0].endswith("err.txt")
    text = ps.batch_collect()._exc_txt[0]
    assert "the end of" in text
    assert "the cause" in text
    assert "\nout\n" in text


def test_a_pull_that_breaks_changes_no_state(templates, make_ssh, tmp_path, monkeypatch):
    home = tmp_path / "home"
    study = home / "study"
    study.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    fake = FakeSlurm(tmp_path / "fake")
    ssh = make_ssh(path=[fake.folder], environ={"FAKE": str(fake.folder)})
    for name, value in ssh.environ.items():
        monkeypatch.setenv(name, value)
    script = "#!/bin/sh\necho '{\"b\": 1}' >result.json\n"
    templates(cluster=("subcmd: sbatch\nlost_after: 0", script))
    (tmp_path / "templates").rename(study / "templates")
    monkeypatch.chdir(study)
    df = ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    assert push(["cluster"]) == 0
    ssh.run("sh study/calc/run_cluster.sh")
    fake["queue"] = "1|RUNNING|None|x|y\n"
    assert pull(["cluster"]) == 0
    assert states() == ["queued"] or states() == ["running"]
    # it ends, and the next pull asks the queue but does not get the notes
    ssh.run(f"sh study/calc/{df._pset_id[0]}/.jobscript_cluster")
    fake["queue"] = ""
    fake["ended"] = end(1, "COMPLETED", 1000)
    real = subprocess.run(["sh", "-c", "command -v rsync"], capture_output=True, text=True).stdout
    bad = tmp_path / "bad"
    bad.mkdir()
    text = f'case $* in *--exclude*) exit 12 ;; esac\nexec {real.strip()} "$@"\n'
    (bad / "rsync").write_text(f"#!/bin/sh\n{text}")
    (bad / "rsync").chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{bad}:{os.environ['PATH']}")
        assert pull(["cluster"]) == 1
    assert states()[0] in ("queued", "running")
    assert ps.batch_resubmit().empty
    assert pull(["cluster"]) == 0
    assert states() == ["done"]


def test_what_is_collected_is_not_listed_again(templates, monkeypatch):
    templates(m=("subcmd: sh", "echo '{\"b\": 1}' >result.json"))
    df = ps.prep_batch(ps.plist("a", range(5)), calc_templ_dir=None)
    submit("calc/run_m.sh")
    first = ps.batch_status()
    ps.batch_collect()
    listed = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: listed.append(path) or listdir(path))
    import pandas as pd

    pd.testing.assert_frame_equal(ps.batch_status(), first)
    assert ps.batch_collect().b.tolist() == [1] * 5
    assert listed == []
    # one is submitted again, and its folder is looked at
    Path("calc", df._pset_id[2], "jobscript_m").write_text("exit 3")
    ps.batch_resubmit(states=["done"])
    text = Path("calc/resubmit_m.sh").read_text().splitlines()
    keep = [line for line in text if not line.startswith("run ") or df._pset_id[2] in line]
    Path("calc/resubmit_m.sh").write_text("\n".join(keep))
    submit("calc/resubmit_m.sh")
    assert states() == ["done", "done", "failed", "done", "done"]
    assert ps.batch_collect()._failed.tolist() == [False, False, True, False, False]
    # nonsense in the file is no harm
    Path("calc/.psweep/batch_collected.json").write_text(json.dumps({"fields": 3}))
    assert states() == ["done", "done", "failed", "done", "done"]


@pytest.mark.parametrize(
    ("bad", "again"),
    # (prep_batch with skip_dups leaves psets without a result to batch_resubmit.)
    [("exit 3", "prep_batch"), ("exit 3", "run_local"), ("exit 0", "run_local")],
)
def test_what_has_succeeded_in_a_later_run_is_not_submitted_again(templates, capfd, bad, again):
    script = f"if [ $x = 2 ] && [ ! -e ../ok ]; then {bad}; fi\necho '{{\"r\": 1}}' >result.json\n"
    templates(m=("subcmd: sh", script))
    params = ps.plist("x", [1, 2, 3])
    df = ps.prep_batch(params, calc_templ_dir=None, seed=5)
    submit("calc/run_m.sh")
    ps.batch_collect()
    assert ps.batch_resubmit()._pset_id.tolist() == [df._pset_id[1]]
    Path("calc/ok").touch()
    if again == "prep_batch":
        ps.prep_batch(params, calc_templ_dir=None, seed=5, skip_dups=True)
        submit("calc/run_m.sh")
        ps.batch_collect()
    else:
        ps.run_local(lambda pset: {"r": 1}, params, seed=5, skip_dups=True)
    capfd.readouterr()
    assert len(ps.batch_resubmit()) == 0
    assert "1 pset left out, which has succeeded in a later run" in capfd.readouterr().err
    assert ps.df_stats(ps.df_read("calc")).n.tolist() == [1, 1, 1]
