"""`prep_batch` with ``func``, and `run_batch`, where ``subcmd: sh`` runs the tasks here."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from helpers import submit

import psweep as ps
import psweep_batch.status
from psweep_batch import MachineError
from psweep_core.cli import rm
from psweep_core.status import status
from psweep_core.store.spool import Spool
from psweep_core.store.study import Study

DIFFERENT = ["_run_id", "_pset_id", "_time_utc", "_pset_runtime"]


@pytest.fixture(autouse=True)
def programs(monkeypatch):
    """As an activated environment."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")


@pytest.fixture
def machine(tmp_path):
    """Write the templates of a machine."""

    def write(info="subcmd: sh", jobscript="psweep-task\n", name="here"):
        folder = tmp_path / "templates/machines" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "info.yaml").write_text(info)
        if jobscript is not None:
            (folder / "jobscript").write_text(jobscript)

    return write


def square(pset):
    if pset["a"] == 3:
        message = "no three"
        raise ValueError(message)
    return {"b": pset["a"] ** 2}


GENERATOR = random.Random(1)


@pytest.mark.parametrize(
    ("func", "values", "seed", "said"),
    [
        (lambda p: {"y": GENERATOR.random()}, [1, 2], None, "each process has its own copy"),
        (lambda p: {"y": GENERATOR.random()}, [1, 2], 1, "its numbers do not depend on _seed"),
        (lambda p: {"y": p["b"].random()}, [GENERATOR] * 2, None, "the same random generator"),
        (lambda p: {"y": random.Random(p["b"]).random()}, [1, 2], None, None),
    ],
)
@pytest.mark.parametrize("prepared", [False, True])
def test_shared_generators_are_named(machine, capfd, func, values, seed, said, prepared):
    machine()
    params = [{"a": a, "b": value} for a, value in enumerate(values)]
    if prepared:
        ps.prep_batch(params, func=func, seed=seed)
    else:
        ps.run_batch(func, params, "here", seed=seed)
    err = capfd.readouterr().err
    assert said in err if said else "random generator" not in err


def test_one_call_gives_what_run_local_gives(machine):
    machine("subcmd: sh\npack: 3\nparallel: 2")
    params = ps.plist("a", range(7))
    df = ps.run_batch(square, params, "here")
    usual = ps.run_local(square, params, calc_dir="other", poolsize=2, on_error="record")
    usual = usual.assign(_calc_dir="calc")
    columns = [name for name in df.columns if name != "_exec_host"]
    assert columns == list(usual.columns)
    same = [*DIFFERENT, "_exc_txt"]
    pd.testing.assert_frame_equal(
        df[columns].drop(columns=same), usual.drop(columns=same), check_dtype=True
    )
    pd.testing.assert_frame_equal(df, ps.df_read("calc/database.pk"))
    found = sorted(path.name for path in Path("calc").glob(".psweep/batch/*/*"))
    assert [name.partition(".")[0] for name in found] == [*"001122", "recorded", "work"]
    assert not list(Path("calc/arrays_here").iterdir())


@pytest.mark.parametrize(
    ("owner", "name", "states"),
    [
        (psweep_batch.status, "task_statuses", ["done"] * 3 + ["failed"] + ["done"] * 3),
        (Study, "so_far", ["not submitted"] * 7),  # as it was when they were looked at
    ],
)
def test_tasks_that_end_while_they_are_looked_at_have_a_result(
    machine, monkeypatch, owner, name, states
):
    machine("subcmd: sh\npack: 3")
    ps.prep_batch(ps.plist("a", range(7)), func=square, calc_templ_dir=None)
    look = getattr(owner, name)

    def look_before_they_end(*args):
        found = look(*args)
        submit("calc/run_here.sh")
        return found

    monkeypatch.setattr(owner, name, look_before_they_end)
    assert ps.batch_status().state.tolist() == states


def test_rows_are_read_once(machine, monkeypatch):
    machine("subcmd: sh\npack: 3")
    ps.prep_batch(ps.plist("a", range(7)), func=square, calc_templ_dir=None)
    monkeypatch.setattr(Spool, "unfinished", None)
    monkeypatch.setattr(Study, "known", _once(Study.known))
    assert len(ps.batch_status()) == 7


def _once(function):
    calls = []

    def wrapper(*args):
        assert not calls
        calls.append(args)
        return function(*args)

    return wrapper


def test_the_same_call_runs_nothing_twice(machine, capsys):
    machine()
    params = ps.plist("a", range(5))
    ps.run_batch(square, params[:2], "here")
    ps.run_batch(square, params, "here")
    df = ps.run_batch(square, params, "here")
    assert df._pset_seq.tolist() == [*range(5)]
    assert df._run_seq.tolist() == [0, 0, 1, 1, 1]
    assert "1 pset has failed; skip_dups=True runs it again" in capsys.readouterr().err
    assert ps.run_batch(square, params, "here", skip_dups=True).a.tolist() == [*range(5), 3]
    assert len(ps.run_batch(square, params, "here", skip_dups=False)) == 11


def fails_while_told(pset):
    if pset["a"] == 1 and Path("fail").exists():
        raise ValueError("no luck")
    return {"b": 1}


def test_failures_that_succeeded_later_do_not_count(machine, capsys):
    machine()
    Path("fail").touch()
    for exit_status in (4, 0):
        ps.run_batch(fails_while_told, ps.plist("a", range(3)), "here", skip_dups=True)
        capsys.readouterr()
        assert status([]) == exit_status
        said = capsys.readouterr().out
        assert ("no luck" in said) == bool(exit_status)
        Path("fail").unlink(missing_ok=True)
    assert "here: 4 psets: 3 done, 1 failed (succeeded later)" in said
    assert status(["--json"]) == 0
    jobs = json.loads(capsys.readouterr().out)["jobs"]
    found = [(job["state"], job["succeeded_later"]) for job in jobs]
    assert sorted(found) == [*[("done", False)] * 3, ("failed", True)]


def test_status_and_collect_know_these_psets(machine, capsys):
    machine("subcmd: sh\npack: 2", "[ ! -e stop ] || exit 9\npsweep-task\n")
    ps.prep_batch(ps.plist("a", range(5)), func=square)
    assert set(ps.batch_status().state) == {"not submitted"}
    Path("stop").touch()
    submit("calc/run_here.sh", check=False)
    found = ps.batch_status()
    assert set(found.state) == {"failed"}
    assert found.reason[0] == "exit code 9 before psweep-task began"
    assert len(ps.batch_resubmit("calc")) == 5
    Path("stop").unlink()
    submit("calc/resubmit_here.sh")
    assert ps.batch_status().state.tolist() == ["done", "done", "done", "failed", "done"]
    assert status([]) == 4
    said = capsys.readouterr().out
    assert "here: 5 psets: 4 done, 1 failed" in said
    assert "ValueError: no three" in said
    assert "run 0" not in said
    assert ps.batch_collect()["b"].tolist()[:3] == [0, 1, 4]
    assert len(ps.batch_resubmit("calc")) == 0
    assert "with skip_dups=True for those that failed" in capsys.readouterr().err
    submit("calc/run_here.sh")
    assert len(ps.recover("calc")) == 5


@pytest.mark.parametrize("change", [str, lambda time: 5], ids=["text", "no time"])
def test_times_that_the_user_has_changed(machine, change, capsys):
    machine("subcmd: sh", "psweep-task\n")
    ps.prep_batch(ps.plist("a", [1, 2]), func=square)
    submit("calc/run_here.sh")
    df = ps.recover("calc")
    ps.df_write(df.assign(_time_utc=df._time_utc.map(change)), "calc/database.pk")
    assert ps.batch_status().state.tolist() == ["done", "done"]
    assert status([]) == 0
    assert "2 done" in capsys.readouterr().out


def test_failures_of_one_kind_are_one_line(machine, capsys):
    machine("subcmd: sh\npack: 3")

    def func(pset):
        if pset["a"] % 2:
            time.sleep(60)
        message = f"x = {pset['a'] / 4} is too large"
        raise ValueError(message)

    ps.run_batch(func, ps.plist("a", range(6)), "here", timeout=0.5)
    capsys.readouterr()
    assert status([]) == 4
    lines = [
        line.split(None, 3)[3] for line in capsys.readouterr().out.splitlines() if "failed" in line
    ]
    assert len(lines) == 3
    assert lines[1].startswith("ValueError: x = … is too large  0,2,4")
    assert lines[2].startswith("timeout  ")
    assert "took longer than timeout=0.5" in ps.batch_status().reason[1]


def test_the_reason_of_a_failure_is_its_cause_as_at_the_end_of_a_run(machine, capsys):
    machine("subcmd: sh")

    def func(pset):
        if pset["a"] == 0:
            message = "bad grid\nhint: use more points"
            raise ValueError(message)
        if pset["a"] == 1:
            error = ValueError("with a note")
            error.__notes__ = ["my note"]
            raise error
        raise ps.PsweepError("of ours")

    params = ps.plist("a", range(3))
    ps.run_batch(func, params, "here")
    reasons = ps.batch_status().reason.tolist()
    assert reasons == ["ValueError: bad grid", "ValueError: with a note", "PsweepError: of ours"]
    capsys.readouterr()
    ps.run_local(func, params, on_error="record", calc_dir="local")
    said = capsys.readouterr().err
    assert all(reason in said for reason in reasons)


def test_one_task_and_one_pset_are_not_called_tasks_and_psets(machine, fake_scheduler, capsys):
    machine("subcmd: fakesub\narray: true")
    ps.prep_batch([{"a": 1}], func=square)

    def said():
        done = subprocess.run(["sh", "calc/run_here.sh"], capture_output=True, text=True)
        return done.stdout + done.stderr

    assert "Submitted batch job 1: 1 task\n" in said()
    assert "1 task is queued or running\n" in said()
    machine("subcmd: sh")
    ps.run_batch(square, [{"a": 3}], "here", calc_dir="other")
    ps.batch_resubmit("other")
    assert "1 pset of prep_batch(func=...) has run and is left out" in capsys.readouterr().err


def test_rows_that_were_removed_are_not_missed(machine):
    machine()
    ps.run_batch(square, ps.plist("a", range(5)), "here")
    assert status([]) == 4
    assert rm(["_failed"]) == 0
    assert ps.batch_status().state.tolist() == ["done"] * 4
    assert status([]) == 0
    assert len(ps.batch_resubmit()) == 0
    assert rm(["--undo"]) == 0
    assert status([]) == 4


def test_another_call_leaves_psets_to_the_task_that_runs_here(machine, tmp_path):
    machine()

    def func(pset):
        with open(tmp_path / "calls", "a") as file:
            file.write(f"{pset['a']} ")
        until = time.monotonic() + 20
        while not (tmp_path / "go").exists() and time.monotonic() < until:
            time.sleep(0.02)
        return {"b": pset["a"]}

    params = ps.plist("a", range(3))
    ps.prep_batch(params, func=func)
    with subprocess.Popen(["sh", "calc/run_here.sh"], stderr=subprocess.DEVNULL) as process:
        while not (tmp_path / "calls").exists():
            time.sleep(0.02)
        assert ps.batch_status().state.tolist() == ["running"] * 3
        assert len(ps.run_batch(func, params, "here")) == 0
        (tmp_path / "go").touch()
        assert process.wait(timeout=120) == 0
    assert (tmp_path / "calls").read_text() == "0 1 2 "
    assert ps.batch_status().state.tolist() == ["done"] * 3


def test_ctrl_c_says_what_is_safe(machine, tmp_path):
    machine()
    script = """
import pathlib, time
import psweep as ps

def func(pset):
    if pset["a"] == 2:
        pathlib.Path("third").touch()
        time.sleep(5)
    return {}

ps.run_batch(func, ps.plist("a", range(4)), "here")
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        while not (tmp_path / "third").exists():
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=120)[1]
    hint = "the same call again runs the rest"
    assert f"psweep: interrupted: 2 psets are safe in calc; {hint}\n" in said
    assert said.endswith("KeyboardInterrupt\n")


def test_killed_script_is_continued_by_the_next_call(machine, tmp_path):
    machine("subcmd: sh\npack: 3")

    def func(pset):
        with open(tmp_path / "calls", "a") as file:
            file.write(f"{pset['a']} ")
        if pset["a"] == 4 and not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            # all but this worker, which is in a group of its own, and leaves when it notices
            os.killpg(int((tmp_path / "group").read_text()), signal.SIGKILL)
            time.sleep(100)
        return {}

    params = ps.plist("a", range(8))
    ps.prep_batch(params, func=func)
    with subprocess.Popen(
        ["sh", "-c", "echo $$ >group; exec sh calc/run_here.sh"], start_new_session=True
    ):
        pass
    until = time.monotonic() + 60
    while ps.batch_status().state.eq("running").any() and time.monotonic() < until:
        time.sleep(0.02)  # a process that was killed may take a moment to end
    df = ps.run_batch(func, params, "here")
    assert df.a.tolist() == [*range(8)]
    assert (tmp_path / "calls").read_text().split() == [*"012344567"]
    assert ps.batch_status().state.tolist() == 8 * ["done"]


def test_free_chunks_of_earlier_calls_are_taken_up(machine):
    machine("subcmd: sh\npack: 2")
    ps.prep_batch(ps.plist("a", [10, 11, 12]), func=square)
    df = ps.run_batch(square, ps.plist("a", [12, 13]), "here")
    assert df.a.tolist() == [10, 11, 12, 13]
    assert df._run_seq.tolist() == [0, 0, 0, 1]


def test_function_that_has_changed_is_reported(machine, capsys):
    machine()
    ps.prep_batch([{"a": 1}], func=square)
    df = ps.run_batch(lambda pset: {"b": -1}, [{"a": 1}, {"a": 2}], "here")
    assert df.b.tolist() == [1, -1]
    assert "1 pset of an earlier call runs func as it was then" in capsys.readouterr().err


def test_jobscript_needs_the_line_that_runs_psets(machine):
    for text in (
        "python3 run.py\n",
        "# psweep-task\n",
        "psweep-tasks\n",
        "my-psweep-task\n",
        "echo psweep-task >log",
        "",
    ):
        machine(jobscript=text)
        with pytest.raises(MachineError, match="(?s)add this line.*\npsweep-task$"):
            ps.prep_batch([{"a": 1}], func=square)
    assert not Path("calc").exists()
    for text in (
        "exec psweep-task",
        "srun venv/bin/psweep-task # run",
        "a && psweep-task",
        "echo a; psweep-task",
    ):
        machine(jobscript=text)
        ps.prep_batch([{"a": 1}], func=square)


def test_the_time_of_a_job_counts_from_its_begin(machine):
    machine("subcmd: sh", "#!/bin/sh\nexport BEGAN=$(date +%s)\nsleep 2\npsweep-task\n")
    names = ["BEGAN", "PSWEEP_JOB_START"]
    df = ps.run_batch(lambda _: {n: int(os.environ[n]) for n in names}, [{"a": 1}], "here")
    assert 0 <= df.BEGAN[0] - df.PSWEEP_JOB_START[0] < 2


def test_jobscript_can_be_made_of_directives_and_setup(machine):
    machine(
        "subcmd: sbatch\narray: true\ndirectives:\n- --time=1:00\n- '#SBATCH --mem=1G'\n"
        "setup: |\n  module load python\n  export X=1\n",
        None,
    )
    ps.prep_batch([{"a": 1}], func=square)
    assert Path("calc/jobscript_here").read_text() == (
        "#!/bin/bash\n#SBATCH --time=1:00\n#SBATCH --mem=1G\n"
        "module load python\nexport X=1\npsweep-task\n"
    )
    assert "#SBATCH --time=1:00\n#SBATCH --mem=1G\n" in Path("calc/run_here.sh").read_text()
    machine("subcmd: sh\nsetup: export X=3", None)
    df = ps.run_batch(lambda pset: {"x": __import__("os").environ["X"]}, [{"a": 2}], "here")
    assert df.x.tolist() == [None, "3"] or df.x.tolist()[-1] == "3"
    machine("subcmd: sh\nsetup: export X=3", "psweep-task")
    with pytest.raises(MachineError, match="remove one of the two"):
        ps.prep_batch([{"a": 1}], func=square)


@pytest.mark.parametrize("option", ["--array=1-3", "-a 1-3", "--chdir=/tmp", "-D /tmp"])
def test_directives_are_refused_as_those_of_a_jobscript(machine, option):
    machine(f"subcmd: sbatch\narray: true\ndirectives: --mem=1G {option}\n", None)
    name = option.partition(" ")[0]
    match = rf"here/info\.yaml: directives: {name} must not be set here: "
    with pytest.raises(MachineError, match=match):
        ps.prep_batch([{"a": 1}], func=square)
    assert not Path("calc").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"calc_templ_dir": "t"},
        {"calc_templ_dir": "templates/calc"},
        {"template_mode": "jinja"},
        {"write_pset": True},
    ],
)
def test_options_of_templates_are_refused_with_func(machine, wrong):
    machine()
    with pytest.raises(ps.ParamsError, match=f"{[*wrong][0]}=.*is for jobs made of templates"):
        ps.prep_batch([{"a": 1}], func=square, **wrong)
    assert not Path("calc").exists()


@pytest.mark.parametrize(
    "wrong",
    [{"retries": 1}, {"timeout": 3}, {"on_error": "raise"}, {"resources": len}, {"tmpsave": True}],
)
def test_options_of_tasks_are_refused_without_func(templates, wrong):
    templates(here=("subcmd: sh", "true"))
    with pytest.raises(ps.ParamsError, match="is for prep_batch.*func="):
        ps.prep_batch([{"a": 1}], calc_templ_dir=None, **wrong)


def test_mistakes_are_found_before_anything_is_written(machine):
    with pytest.raises(MachineError, match="no folder machine_templ_dir"):
        ps.run_batch(square, [{"a": 1}], "here")
    machine("subcmd: sh\npack: 2\ntask_time: 1h")
    with pytest.raises(MachineError, match="leave out one"):
        ps.prep_batch([{"a": 1}], func=square)
    machine("subcmd: sh\ntask_time: soon")
    with pytest.raises(MachineError, match="such as 30min"):
        ps.prep_batch([{"a": 1}], func=square)
    machine()
    machine(jobscript=None, name="empty")
    with pytest.raises(MachineError, match="write one with the line psweep-task"):
        ps.prep_batch([{"a": 1}], func=square, machines=["empty"])
    for args, message in (
        (([{"a": 1}], square, "here"), r"swapped: write run_batch\(func, params, machine\)"),
        ((square, [{"a": 1}], 3), "name of a folder"),
        ((square, [{"a": 1}], "there"), "no machine 'there'"),
        ((square, {"a": [1]}, "here"), "list of dicts"),
    ):
        with pytest.raises(ps.PsweepError, match=message):
            ps.run_batch(*args)
    with pytest.raises(ps.ParamsTypeError, match=r"swapped: write prep_batch\(params, func=func\)"):
        ps.prep_batch(square, func=[{"a": 1}])
    for resources, message in (
        (lambda pset: 3, "must return a dict"),
        (lambda pset: {"gpu": 1}, "may ask for mem and time"),
        (lambda pset: {"mem": "lots; rm -rf"}, "as the scheduler writes it"),
    ):
        with pytest.raises(ps.ParamsTypeError, match=message):
            ps.prep_batch([{"a": 1}], func=square, resources=resources, machines=["here"])
    assert not Path("calc").exists()


def test_psets_that_ask_for_the_same_share_arrays(machine):
    machine("subcmd: sbatch\narray: true\npack: 2", "#!/bin/sh\npsweep-task\n")
    params = [{"a": a, "_mem": "2G" if a % 2 else None} for a in range(6)]
    ps.prep_batch(params, func=square, resources=lambda pset: {"time": "00:10:00"})
    text = Path("calc/run_here.sh").read_text()
    assert text.count("\nchunks ") == 2
    assert "sbatch --mem=2G --time=00:10:00 <<" in text
    assert "sbatch --time=00:10:00 <<" in text


def test_task_time_makes_a_pilot_and_then_tasks_of_that_time(machine):
    machine("subcmd: sh\ntask_time: 10s")
    ps.prep_batch(ps.plist("a", range(10)), func=square)
    spools = list(Path("calc/.psweep/batch").iterdir())
    assert '"chunks": [[0, 1, 2, 3], [4, 5, 6, 7, 8, 9]]' in spools[0].joinpath(
        "work.pk"
    ).read_bytes().decode("latin-1")


def test_jobs_of_templates_and_tasks_share_a_study(templates):
    templates({"f": "$a"}, here=("subcmd: sh", "cp f result.json; echo '{\"b\": 0}' >result.json"))
    templates(tasks=("subcmd: sh", "psweep-task"))
    ps.prep_batch([{"a": 1}], machines=["here"])
    ps.prep_batch([{"a": 2}], func=square, machines=["tasks"])
    submit("calc/run_here.sh")
    submit("calc/run_tasks.sh")
    assert ps.batch_collect().b.tolist() == [0, 4]
    assert ps.batch_status().state.tolist() == ["done", "done"]
    assert ps.batch_status("calc", "tasks").index.tolist() == [1]


def test_simulate_writes_no_spool(machine, capsys):
    machine()
    df = ps.prep_batch(ps.plist("a", [1, 2]), func=square, simulate=True)
    assert len(df) == 2
    assert "2 would run" in capsys.readouterr().err
    assert not Path("calc").exists()


def test_seeds_and_repeats_are_those_of_run_local(machine):
    machine()

    def func(pset):
        return {"y": random.random()}

    params = ps.plist("a", [1, 2, 3])
    for repeats in (2, 4):
        df = ps.run_batch(func, params, "here", seed=3, repeats=repeats)
        expected = ps.run_local(func, params, seed=3, repeats=repeats, save=False)
        assert sorted(df.y) == sorted(expected.y)
        assert sorted(df._seed) == sorted(expected._seed)
    runs = ps.df_runs("calc")
    assert runs[["kind", "n_psets", "n_rows", "seed", "repeats"]].to_numpy().tolist() == [
        ["prep_batch", 6, 6, 3, 2],
        ["prep_batch", 6, 6, 3, 4],
    ]


def test_seeds_of_tasks_that_wait_are_not_given_again(machine):
    machine()
    params = ps.plist("a", [1, 2])
    ps.prep_batch(params, func=square, seed=3)
    df = ps.run_local(square, params, seed=3)
    submit("calc/run_here.sh")
    seeds = ps.recover("calc")._seed.tolist()
    assert len({*seeds, *df._seed}) == 4


@pytest.mark.parametrize("on_error", ["record", "raise"])
def test_before_the_first_row_the_study_has_its_columns(machine, on_error):
    machine("subcmd: 'true'")  # which takes jobs, and never runs them
    params = ps.plist("a", [1, 2])
    extras = ["_failed", "_exc_txt"] if on_error == "record" else []
    prepared = ps.prep_batch(params, func=square, on_error=on_error)
    submitted = ps.run_batch(square, params, "here", on_error=on_error)
    columns = [*ps.df_read("calc").columns]
    assert "_pset_id" in columns
    for df in (prepared, submitted):
        assert len(df) == 0
        assert sorted(df.columns) == sorted([*columns, *extras])
        assert len(ps.df_stats(df)) == 0
