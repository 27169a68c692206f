"""`batch_collect`: what came of jobs, in the database."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
from helpers import prepare_squares, submit

import psweep as ps
from psweep_batch import BatchError
from psweep_core.status import status


def test_done_failed_lost_without_result_and_missing_are_told_apart(templates):
    prepare_squares(templates, range(5))
    assert not ps.batch_collect()._failed.any()  # and not an error, though nothing ran yet
    submit()
    prepare_squares(templates, [5])
    df = ps.batch_collect()
    assert df._failed.tolist() == [False, False, True, True, True, False]
    assert df.square.tolist() == [0, 1, pd.NA, pd.NA, pd.NA, pd.NA]
    assert str(df.square.dtype) == "Int64"
    assert df._pset_runtime.notna().tolist() == [True] * 5 + [False]
    failed, no_result, lost = df._exc_txt[2:5]
    log = f"calc/{df._pset_id[2]}/jobscript_local.log"
    assert failed == (f"failed: job on local: exit code 3; the end of {log}:\nno luck with 2")
    assert "no result in calc/" in no_result
    assert "there is neither result.pk nor result.json" in no_result
    assert lost.startswith("lost: job on local: killed by SIGKILL, possibly out of memory; the end")
    assert df._exc_txt[[0, 1, 5]].isna().all()
    pd.testing.assert_frame_equal(ps.df_read("calc"), df)


@pytest.mark.parametrize("kind", [int, str])
def test_failed_may_have_another_dtype(templates, kind):
    prepare_squares(templates, range(5))
    submit()
    ps.batch_collect()
    states = ps.batch_status().state.tolist()
    ps.edit("calc", lambda df: df.assign(_failed=df._failed.astype(kind)))
    assert ps.batch_status().state.tolist() == states
    df = ps.batch_collect(again=True)
    assert df.square.dropna().tolist() == [0, 1]
    assert ps.batch_status().state.tolist() == states


def test_columns_are_those_of_run_local(templates):
    def func(pset):
        a = pset["a"]
        return {"square": a**2, "half": a / 2, "name": f"n{a}", "even": a % 2 == 0}

    params = ps.plist("a", [0, 1, 5, 6])
    expected = ps.run_local(func, params, calc_dir="other", on_error="record")
    prepare_squares(templates, [0, 1])
    submit()
    ps.batch_collect()
    prepare_squares(templates, [5, 6])
    part = ps.batch_collect()
    assert part.square.tolist() == [0, 1, pd.NA, pd.NA]
    submit()
    df = ps.batch_collect()
    own = ["_run_id", "_pset_id", "_calc_dir", "_time_utc", "_run_seq", "_pset_runtime"]
    assert df.columns.tolist() == expected.columns.tolist()
    pd.testing.assert_frame_equal(df.drop(columns=own), expected.drop(columns=own))
    assert (df.dtypes == expected.dtypes).all()
    assert ps.df_extract_params(df) == params
    assert df._pset_runtime.between(0.001, 60).all()


@pytest.mark.parametrize("name", ["result.json", "result.pk"])
def test_results_of_jobs_that_were_run_by_other_means(templates, name):
    templates(local=("subcmd: sh", "true"))
    df = ps.prep_batch(ps.plist("a", [1, 2, 3]), calc_templ_dir=None)
    write = ps.json_write if name == "result.json" else ps.pickle_write
    write(f"calc/{df._pset_id[0]}/{name}", {"b": 10})
    Path("calc", df._pset_id[1], name).write_bytes(b'{"b": ')  # half-written
    for _ in range(2):
        df = ps.batch_collect()
        assert df.b.tolist() == [10, pd.NA, pd.NA]
        assert df._failed.tolist() == [False] * 3
    write(f"calc/{df._pset_id[1]}/{name}", {"b": 20, "c": None})
    write(f"calc/{df._pset_id[0]}/{name}", {"b": 11})
    df = ps.batch_collect()
    assert df.b.tolist() == [11, 20, pd.NA]
    assert df.c[1] is None


def test_incremental_and_idempotent(templates):
    prepare_squares(templates, range(3))
    submit()
    first = ps.batch_collect()
    stamp = Path("calc/database.pk").stat().st_mtime_ns
    pd.testing.assert_frame_equal(ps.batch_collect(), first)
    assert Path("calc/database.pk").stat().st_mtime_ns == stamp  # nothing new, nothing written
    first["comment"] = ["x", "y", "z"]
    ps.df_write(first, "calc/database.pk")
    prepare_squares(templates, [7])
    submit()
    df = ps.batch_collect()
    assert df.square.tolist() == [0, 1, pd.NA, 49]
    assert df.comment.tolist()[:3] == ["x", "y", "z"]
    assert df.columns[-1] == "_pset_runtime"


def test_what_was_mended_and_submitted_again(templates):
    df = prepare_squares(templates, range(5))
    submit()
    ps.batch_collect()
    for pset_id in df._pset_id[2:]:
        Path("calc", pset_id, "job.py").write_text("raise SystemExit(9)")
    again = ps.batch_resubmit()
    assert again.index.tolist() == [2, 3, 4]
    assert again.state.tolist() == ["failed", "no result", "lost"]
    submit("calc/resubmit_local.sh")
    df = ps.batch_collect()
    assert "exit code 9" in df._exc_txt[2]
    old = Path("calc", df._pset_id[2], "jobscript_local.log.1")
    assert old.read_text() == "no luck with 2\n"
    for pset_id in df._pset_id[2:]:
        text = "print('{\"square\": -1}', file=open('result.json', 'w'))"
        Path("calc", pset_id, "job.py").write_text(text)
    assert ps.batch_resubmit(states=["failed", "lost", "done"]).index.tolist() == [0, 1, 2, 3, 4]
    submit("calc/resubmit_local.sh")
    df = ps.batch_collect()
    assert df.square.tolist() == [0, 1, -1, -1, -1]
    assert not df._failed.any()
    assert df._exc_txt.isna().all()
    assert ps.batch_resubmit().empty
    # what went well before and fails now has no result any more
    Path("calc", df._pset_id[0], "job.py").write_text("raise SystemExit(4)")
    ps.batch_resubmit(states=["done"])
    submit("calc/resubmit_local.sh")
    df = ps.batch_collect()
    assert df._failed.tolist() == [True, False, False, False, False]
    assert df.square.tolist() == [pd.NA, 1, -1, -1, -1]
    assert df.name.tolist()[:2] == [None, "n1"] or pd.isna(df.name[0])


def test_while_jobs_run_only_what_has_ended_is_taken(templates):
    wait = "until [ -e ../../go ]; do sleep 0.05; done"
    slow = f"echo '{{\"b\": 1}}' >result.json; [ $a -lt 2 ] || {wait}; exit 0"
    templates(local=("subcmd: sh", slow))
    ps.prep_batch(ps.plist("a", range(4)), calc_templ_dir=None)
    process = subprocess.Popen(["sh", "calc/run_local.sh"], stderr=subprocess.DEVNULL)
    seen = set()
    while process.poll() is None:
        df = ps.batch_collect()
        n = int(df.b.notna().sum()) if "b" in df else 0
        status = ps.batch_status().state.tolist()
        assert n <= status.count("done")
        seen.add(n)
        if n == 2:
            Path("go").touch()
        time.sleep(0.05)
    assert ps.batch_collect().b.tolist() == [1, 1, 1, 1]
    assert len(seen) > 1


@pytest.mark.parametrize("basename", ["database.json", "my.pk"])
def test_other_databases(templates, basename):
    prepare_squares(templates, range(3), database_basename=basename)
    submit()
    df = ps.batch_collect()
    assert df.square.tolist() == [0, 1, pd.NA]
    pd.testing.assert_frame_equal(ps.df_read(f"calc/{basename}"), df)
    pd.testing.assert_frame_equal(ps.batch_collect(database_basename=basename), df)
    if basename.endswith("json"):
        templates(local=("subcmd: sh", "true"))
        last = ps.prep_batch([{"a": 1}], database_basename=basename)._pset_id.iloc[-1]
        submit()
        ps.pickle_write(f"calc/{last}/result.pk", {"f": threading.Thread})
        assert "has no form in JSON" in ps.batch_collect()._exc_txt.iloc[-1]


def test_of_several_databases_in_a_folder_one_can_be_named(templates, capsys):
    for basename, n in (("a.json", 3), ("b.pk", 2)):
        prepare_squares(templates, range(n), database_basename=basename)
        submit()
    for function in (ps.batch_status, ps.batch_collect, ps.batch_resubmit, ps.batch_cancel):
        with pytest.raises(ps.StudyNotFoundError, match="name one of these files, such as calc/a."):
            function("calc")
    for path, n in (("calc/a.json", 3), ("calc/b.pk", 2)):
        assert len(ps.batch_status(path)) == len(ps.batch_collect(path)) == n
        assert len(ps.batch_resubmit(path, states=["done"])) > 0
        assert len(ps.batch_cancel(path)) == 0
        status(["-c", path])
        assert f"local: {n} psets" in capsys.readouterr().out


def test_runs_and_collects_at_once_lose_nothing(templates):
    prepare_squares(templates, [0, 1])
    submit()
    code = "import psweep as ps; ps.batch_collect()"
    run = "import psweep as ps; ps.run_local(lambda p: {'r': p['b']}, ps.plist('b', range(50)))"
    started = [subprocess.Popen([sys.executable, "-c", c]) for c in (code, run, code, run)]
    assert [process.wait() for process in started] == [0] * 4
    df = ps.df_read("calc")
    assert len(df) == 102
    assert df.square.dropna().tolist() == [0, 1]
    assert df.r.notna().sum() == 100


def test_killed_while_it_writes_the_database_is_the_old_or_the_new_one(templates):
    prepare_squares(templates, [0, 1])
    submit()
    shutil.copytree("calc", "saved")
    code = (
        "import os, psweep as ps, psweep_core.store.study as study\n"
        "replace = os.replace\n"
        "def kill(*args):\n    {0}\n    os.kill(os.getpid(), 9)\n"
        "os.replace = kill\nps.batch_collect()\n"
    )
    for when, n in (("pass", 0), ("replace(*args)", 2)):
        shutil.rmtree("calc")
        shutil.copytree("saved", "calc")
        done = subprocess.run([sys.executable, "-c", code.format(when)], check=False)
        assert done.returncode == -9
        df = ps.df_read("calc")
        assert len(df) == 2
        assert ("square" in df.columns) == (n == 2)
        assert ps.batch_collect().square.tolist() == [0, 1]


def test_where_there_is_nothing(templates):
    for call in (ps.batch_collect, ps.batch_status, ps.batch_resubmit):
        with pytest.raises(ps.StudyNotFoundError, match="there is no database in nowhere"):
            call("nowhere")
    with pytest.raises(ps.StudyNotFoundError, match=r"there is no .*calc/other.pk"):
        ps.batch_collect(database_basename="other.pk")
    ps.run_local(lambda p: {"b": 1}, [{"a": 1}])
    assert ps.batch_status().empty
    assert ps.batch_resubmit().empty
    assert ps.batch_collect().b.tolist() == [1]
    with pytest.raises(BatchError, match="prepared for the machine 'x'; there is none"):
        ps.batch_status(machine="x")
    templates(local=("subcmd: sh", "true"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    with pytest.raises(BatchError, match="prepared for the machine 'x'; there is local"):
        ps.batch_collect(machine="x")
    with pytest.raises(BatchError, match=r"states must be some of 'failed'.* not 'running'"):
        ps.batch_resubmit(states=["running"])
    with pytest.raises(BatchError, match=r"have not been submitted yet; pass machine="):
        ps.batch_resubmit(states="not submitted")


def test_the_last_machine_counts_unless_one_is_named(templates):
    templates(one=("subcmd: sh", "exit 1"), two=("subcmd: sh", "echo '{}' >result.json"))
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)
    for name, state in (("one", "failed"), ("two", "done")):
        if name == "two":
            assert "1 were submitted on another machine" in submit("calc/run_two.sh")
            ps.batch_resubmit(machine="two")
        submit("calc/run_one.sh" if name == "one" else "calc/resubmit_two.sh")
        assert ps.batch_status().state.tolist() == [state]
        assert ps.batch_status().machine.tolist() == [name]
    assert ps.batch_status(machine="one").state.tolist() == ["failed"]
    assert ps.batch_collect()._failed.tolist() == [False]
    assert ps.batch_collect(machine="one")._failed.tolist() == [False]


def test_status_as_a_command(templates, capsys):
    from psweep_core.status import status

    prepare_squares(templates, [0, 2, 4])
    assert status([]) == 0
    assert capsys.readouterr().out == "no machine: 3 psets: 3 not submitted\n"
    submit()
    capsys.readouterr()
    assert status(["local"]) == 4
    out = capsys.readouterr().out
    df = ps.df_read("calc")
    assert out.startswith("local: 3 psets: 1 done, 1 failed, 1 lost\n\n")
    log = f"calc/{df._pset_id[1]}/jobscript_local.log"
    assert re.search(rf"^1 +failed +local +exit code 3 +1 +- +{log}$", out, re.MULTILINE)
    assert re.search(r"^1 +lost +local +killed by SIGKILL, pos.* +2 +- +calc", out, re.MULTILINE)
    assert "done" not in out.split("\n\n")[1]
    assert status(["--all"]) == 4
    assert re.search(r"^0 +done", capsys.readouterr().out, re.MULTILINE)
    assert status(["nowhere"]) == 1
    assert "psweep-status: no pset in calc was prepared for" in capsys.readouterr().err
    assert status(["-c", "nowhere"]) == 1
    with pytest.raises(SystemExit):
        status(["--version"])
    assert ps.__version__ in capsys.readouterr().out
    os.chdir("calc")
    assert status(["-c", "."]) == 4


def test_a_machine_alone_takes_only_what_ran_there_last(templates):
    templates(
        one=("subcmd: sh", "echo '{\"b\": 1}' >result.json; exit $a"), two=("subcmd: sh", "true")
    )
    ps.prep_batch(ps.plist("a", [0, 3]), calc_templ_dir=None)
    submit("calc/run_one.sh")
    before = ps.batch_collect()
    assert before._failed.tolist() == [False, True]
    pd.testing.assert_frame_equal(ps.batch_collect(machine="two"), before)
    # what failed there may be submitted here
    again = ps.batch_resubmit(machine="two")
    assert again.index.tolist() == [1]
    submit("calc/resubmit_two.sh")
    assert ps.batch_status().machine.tolist() == ["one", "two"]
    # and the result that the first job had left is none of the second
    df = ps.batch_collect()
    assert df._failed.tolist() == [False, True]
    assert "no result" in df._exc_txt[1]


def test_status_into_a_pipe_that_closes(templates):
    prepare_squares(templates, range(300))
    code = "from psweep_core.status import status; raise SystemExit(status(['-a']))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=120) == 0
    assert process.stderr.read() == ""
    process.stderr.close()
