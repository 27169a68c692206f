"""The one line that a run prints at its end: what failed, what Ctrl-C left, and other notices."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pandas as pd
import pytest
from terminal import in_terminal

import psweep as ps
from psweep_core.show.closing_line import ClosingLine, failures_by_cause
from psweep_core.store import database

pytestmark = [pytest.mark.usefixtures("children_may_be_interrupted"), pytest.mark.processes]


def func(pset):
    if pset["a"] % 3 == 0:
        raise ValueError(f"no {pset['a']}")
    return {"b": 1}


def good(pset):
    return {"b": 1}


@pytest.mark.parametrize("save", [True, False])
def test_failures_by_cause_on_every_engine(engine, save, capfd):
    ps.run_local(func, ps.plist("a", range(9)), on_error="record", save=save, **engine)
    out = capfd.readouterr()
    assert out.err == "psweep: 3 of 9 failed: 3 × ValueError: no …\n"
    assert out.out == ""


@pytest.mark.parametrize("save", [True, False])
def test_nothing_is_printed_if_all_went_well(engine, save, capfd):
    ps.run_local(good, ps.plist("a", range(9)), on_error="record", save=save, **engine)
    ps.run_local(good, [], on_error="record", save=save)
    ps.run_local(good, ps.plist("a", range(9)), save=save)
    assert capfd.readouterr() == ("", "")


def test_failures_of_earlier_runs_are_not_reported(capfd):
    ps.run_local(func, ps.plist("a", range(9)), on_error="record")
    capfd.readouterr()
    other_code = {"skip_dups": True, "code": "ignore"}
    ps.run_local(good, ps.plist("a", range(9)), on_error="record", **other_code)
    ps.run_local(good, ps.plist("a", range(9)), **other_code)
    ps.run_local(good, ps.plist("a", [100]))
    assert capfd.readouterr().err == ""
    df = ps.run_local(func, ps.plist("a", [30, 31]), on_error="record")
    assert capfd.readouterr().err == "psweep: 1 of 2 failed: 1 × ValueError: no 30\n"
    ps.run_local(func, ps.plist("a", [33, 31]), df=df, on_error="record", save=False)
    assert capfd.readouterr().err == "psweep: 1 of 2 failed: 1 × ValueError: no 33\n"


def test_an_exception_that_ends_the_run_is_not_reported_twice(engine, capfd):
    with pytest.raises(ValueError, match="no 0"):
        ps.run_local(func, [{"a": 0}], **engine)
    assert capfd.readouterr().err == ""


def test_timeouts_and_workers_that_died(capfd):
    def hangs(pset):
        if pset["a"] == 0:
            time.sleep(600)
        if pset["a"] in (1, 2):
            os._exit(3)
        if pset["a"] == 3:
            raise KeyError("x")
        return {}

    params = ps.plist("a", range(8))
    ps.run_local(hangs, params, poolsize=2, timeout=2, on_error="record")
    err = capfd.readouterr().err
    assert err.startswith("psweep: 4 of 8 failed: 2 × WorkerError: the worker process exited with")
    assert "status 3" in err
    assert "1 × timeout" in err
    assert "1 × KeyError: 'x'" in err
    assert err.endswith("; 3 workers replaced\n")
    assert err.count("\n") == 1


def test_a_worker_that_died_is_reported_also_if_a_retry_saved_its_pset(capfd):
    def dies_once(pset):
        path = Path(pset["_calc_dir"], "died")
        if pset["a"] == 1 and not path.exists():
            path.touch()
            os._exit(1)
        return {}

    ps.run_local(dies_once, ps.plist("a", range(4)), poolsize=2, retries=1)
    assert capfd.readouterr().err == "psweep: 1 worker replaced\n"


def test_a_terminal_shows_it_below_the_bar():
    text = in_terminal(
        """
        def func(pset):
            if pset["a"] == 3:
                raise ValueError("\\x1b[31mred\\r\\x07")
            return {}
        ps.run_local(func, ps.plist("a", range(9)), on_error="record", progress=True)
        """
    )
    last = text.replace("\r\n", "\n").splitlines()[-1]
    assert last == "psweep: 1 of 9 failed: 1 × ValueError: \\x1b[31mred"
    assert "1 failed" in text


def test_a_terminal_without_unicode_and_no_terminal_at_all(script):
    code = """
        import sys
        import psweep as ps
        def func(pset):
            raise ValueError(f"number {pset['a']}")
        params = ps.plist("a", [1, 2])
        ps.run_local(func, params, on_error="record", save=False)
        sys.stderr.close()
        ps.run_local(func, params, on_error="record", save=False)
        sys.stderr = None
        df = ps.run_local(func, params, on_error="record", save=False)
        print(len(df))
        """
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    out, err = script(code, wait=True, env=env)
    assert out == "2\n"
    assert err == "psweep: 2 of 2 failed: 2 x ValueError: number ...\n"


def test_a_notebook_gets_it_where_it_gets_the_bar(capsys, monkeypatch):
    monkeypatch.setattr("psweep_core.show.progress.in_notebook", lambda: True)
    ps.run_local(func, [{"a": 0}], on_error="record", save=False)
    out = capsys.readouterr()
    assert (out.out, out.err) == ("psweep: 1 of 1 failed: 1 × ValueError: no 0\n", "")


def traced(line):
    return f'Traceback (most recent call last):\n  File "x.py", line 1, in func\n    f()\n{line}\n'


CHAINED = "\nThe above exception was the direct cause of the following exception:\n\n"
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "x.py", line 1, in func
  |     raise ExceptionGroup("many", [ValueError(1), ValueError(2)])
  | ExceptionGroup: many (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: 1
    +---------------- 2 ----------------
    | ValueError: 2
    +------------------------------------
"""
PSET = "the pset {'a': [\n1, (2)]} (_pset_seq=1, _pset_id='0-1')"


@pytest.mark.parametrize(
    ("texts", "summed_up"),
    [
        ([traced("ValueError: a")], "1 × ValueError: a"),
        ([traced("KeyError: 1")] * 2 + [traced("ValueError: a")] * 3,
         "3 × ValueError: a, 2 × KeyError: 1"),
        ([traced(f"E: NaN after {i} of 10 steps, lr={x}") for i, x in enumerate((0.1, 1e-7, -3))],
         "3 × E: NaN after … of 10 steps, lr=…"),
        ([traced("E: at 0x7f00aa"), traced("E: at 0x7fbbbb")], "2 × E: at …"),
        ([traced(f"E: {c}") for c in "aabbcdddde"], "4 × E: d, 2 × E: a, 2 × E: b, 2 × …"),
        ([traced("E: a\nmore\nand more")], "1 × E: a"),
        ([traced("AssertionError: \nArrays are not equal\n\nMismatch")],
         "1 × AssertionError: Arrays are not equal"),
        ([traced("E: \x1b[2Jtab\there\u202e")], r"1 × E: \x1b[2Jtab\there\u202e"),
        ([traced("E: a\nnote: of the user")], "1 × E: a"),
        ([f"PsetTimeoutError: {PSET} took longer than timeout=1 s"], "1 × timeout"),
        ([f"WorkerError: the worker process that ran {PSET} was ended by SIGKILL"],
         "1 × WorkerError: the worker process was ended by SIGKILL"),
        ([f"psweep.ResultError: func returned 3 (int) for {PSET}; return a dict"],
         "1 × ResultError: func returned 3 (int); return a dict"),
        ([f"WorkerError: the executor could not run {PSET}: OSError: lost"],
         "1 × WorkerError: the executor could not run a pset: OSError: lost"),
        ([traced("A: 1") + CHAINED + "B: 2\n"], "1 × B: 2"),
        ([GROUP], "1 × ExceptionGroup: many (2 sub-exceptions)"),
        ([GROUP[GROUP.index("  | Exc") :]], "1 × ExceptionGroup: many (2 sub-exceptions)"),
        ([None, float("nan"), "", 3], "4 × failed"),
    ],
)  # fmt: skip
def test_causes(texts, summed_up):
    assert failures_by_cause(texts) == summed_up


def test_long_messages_are_cut():
    text = failures_by_cause([traced(f"E: {c * 1000}") for c in "abcdef"])
    assert len(text) < 200
    assert text.count("aaa…, 1 × E: bbb") == 1
    assert len(failures_by_cause([traced("E: " + "a" * 1000)])) < 200


def test_notices_are_joined_and_printed_once(capsys):
    closing = ClosingLine()
    closing.show()
    assert capsys.readouterr().err == ""
    closing.add("func uses rng")
    closing.add("3 rows were made by other code")
    closing.add("func uses rng")
    closing.count_failures(pd.DataFrame({"_failed": [True, False]}))
    closing.n_replaced = 2
    closing.show()
    assert capsys.readouterr().err == (
        "psweep: 1 of 2 failed: 1 × failed; 2 workers replaced; func uses rng; "
        "3 rows were made by other code\n"
    )


# _failed is there whenever failures are recorded


@pytest.mark.parametrize("save", [True, False])
@pytest.mark.parametrize("params", [[], ps.plist("a", [1, 2])])
def test_failed_is_there_if_nothing_failed_or_nothing_was_run(engine, save, params):
    df = ps.run_local(good, params, on_error="record", save=save, **engine)
    assert df._failed.tolist() == [False] * len(params)
    assert df._failed.dtype == bool
    assert df._exc_txt.isna().all()
    assert len(df[~df._failed]) == len(params)
    columns = list(df.columns)
    book = columns[columns.index("_run_id") :]
    assert [name for name in book if name not in ("_exec_host", "b")] == [
        *["_run_id", "_pset_id", "_calc_dir", "_time_utc", "_pset_hash", "_pset_seq", "_run_seq"],
        *["_failed", "_exc_txt", "_pset_runtime"],
    ]


@pytest.mark.parametrize("save", [True, False])
def test_failed_is_added_to_a_study_that_lacks_it(engine, save):
    old = ps.run_local(good, ps.plist("a", [1, 2]), save=save)
    assert "_failed" not in old.columns
    kwds = {"save": save, "on_error": "record", "skip_dups": True, **engine}
    df = ps.run_local(good, ps.plist("a", [1, 2]), df=None if save else old, **kwds)
    assert df._failed.tolist() == [False, False]
    assert df._exc_txt.tolist() == [None, None]
    assert "_failed" not in old.columns
    if save:
        pd.testing.assert_frame_equal(ps.df_read("calc/database.pk"), df)
        given = ps.run_local(good, ps.plist("a", [1, 2]), df=old, **kwds)
        assert given._failed.tolist() == [False, False]
    df = ps.run_local(func, ps.plist("a", [1, 2, 3]), df=None if save else df, **kwds)
    assert df._failed.tolist() == [False, False, True]


def test_a_run_without_rows_writes_no_database():
    ps.run_local(good, [], on_error="record")
    assert not Path("calc/database.pk").exists()


# Ctrl-C

INTERRUPTED = """
    import json, os, sys, time
    import concurrent.futures as cf
    import psweep as ps

    def func(pset):
        if pset["a"] == 1:
            raise ValueError("bad")
        with open("calls", "ab") as file:
            file.write(b"x")
            # not when pset 12 begins: one of two workers may begin with it
            if file.tell() > 12:
                open("ready", "w").close()
        time.sleep(0.03)
        return {}

    if __name__ == "__main__":
        kwds = json.loads(sys.argv[1])
        if "executor" in kwds:
            kwds["executor"] = getattr(cf, kwds["executor"])(2)
        ps.run_local(func, ps.plist("a", range(1000)), on_error="record", **kwds)
    """


def interrupted(script, kwds):
    process = script(INTERRUPTED, json.dumps(kwds))
    while not Path("ready").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGINT
    assert out == ""
    return [line for line in err.splitlines() if line.startswith("psweep: ")], err


@pytest.mark.parametrize(
    "kwds",
    [
        {},
        {"poolsize": 2},
        {"executor": "ThreadPoolExecutor"},
        {"progress": True, "skip_dups": True},
        {"calc_dir": "my/calc", "database_basename": "study.json"},
    ],
)
def test_ctrl_c_says_how_many_psets_are_safe_and_how_to_go_on(script, kwds):
    (line,), err = interrupted(script, kwds)
    database = Path(kwds.get("calc_dir", "calc"), kwds.get("database_basename", "database.pk"))
    n = len(ps.df_read(database))
    assert 5 < n < 1000
    how = "the same call again" if "skip_dups" in kwds else "the same call with skip_dups=True"
    assert line == (
        f"psweep: interrupted: {n} of 1000 psets are safe in {database}; {how} runs "
        f"the rest; 1 of {n} failed: 1 × ValueError: bad"
    )
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    # the frames of the script, and the one of psweep that Python adds
    assert len(re.findall('  File ".*psweep_core', err)) == 1
    if "poolsize" not in kwds and "executor" not in kwds:
        assert "in func" in err


@pytest.mark.parametrize("kwds", [{}, {"poolsize": 2}])
def test_ctrl_c_says_that_nothing_is_kept_if_it_is_not(script, kwds):
    (line,), _ = interrupted(script, {**kwds, "save": False})
    assert "of 1000 psets were finished, but nothing is kept because of save=False" in line
    assert not Path("calc").exists()


def test_ctrl_c_where_the_database_cannot_be_written_says_where_the_rows_are():
    code = """
        import os, shutil
        import psweep as ps
        def func(pset):
            if pset["a"] == 3:
                os.mkdir("calc/database.pk")  # nothing can take its place
                open("calc/database.pk/x", "w").close()
                raise KeyboardInterrupt
            return {}
        ps.run_local(func, ps.plist("a", range(9)))
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.stderr.startswith("psweep: interrupted: the database ")
    assert "3 finished psets are safe in journals" in done.stderr
    assert "psweep.recover('calc')" in done.stderr.splitlines()[0]
    assert done.stderr.splitlines()[-1] == "KeyboardInterrupt"
    shutil.rmtree("calc/database.pk")
    assert ps.recover("calc").a.tolist() == [0, 1, 2]


def test_the_second_ctrl_c_says_where_the_rows_are(capsys):
    def interrupt(*args):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:

        def func(pset):
            if pset["a"] == 3:
                patch.setattr(database, "write_file", interrupt)
                raise KeyboardInterrupt
            return {}

        with pytest.raises(KeyboardInterrupt):
            ps.run_local(func, ps.plist("a", range(9)))
    line = capsys.readouterr().err
    assert line.startswith("psweep: interrupted: the finished psets are safe below ")
    assert "psweep.recover('calc')" in line
    assert ps.recover("calc").a.tolist() == [0, 1, 2]


@pytest.mark.slow
def test_a_terminal_that_is_too_narrow_breaks_the_line_between_words():
    code = "ps.run_local(func, params(0, -1, 2), on_error='record', calc_dir={!r})"
    for columns in (24, 40, 200):
        text = in_terminal(code.format(f"calc{columns}"), columns=columns).replace("\r\n", "\n")
        lines = text.splitlines()
        assert " ".join(lines) == "psweep: 1 of 2 failed: 1 × ValueError"
        assert all(len(line) <= columns for line in lines)
        assert (len(lines) > 1) == (columns < 40)
