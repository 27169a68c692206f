"""`psweep-status` for local runs."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import psweep as ps
from psweep_core.run_status import in_words, run_states
from psweep_core.status import status
from psweep_core.store.remove import remove_rows
from psweep_core.store.study import Study

SLOW = """
import time, psweep as ps
from pathlib import Path
def func(pset):
    if pset["a"] == 2:
        raise ValueError("no luck")
    while pset["a"] == 5 and not Path("go").exists():
        time.sleep(0.02)
    return {}
ps.run_local(func, ps.plist("a", range(8)), on_error="record")
"""


@contextlib.contextmanager
def slow_run():
    process = subprocess.Popen([sys.executable, "-c", SLOW], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_run_that_goes_on_ends_or_is_killed(capsys):
    with slow_run() as process:
        while not [*Path("calc").rglob("*.journal")] or sum(s["done"] for s in run_states()) < 4:
            time.sleep(0.05)
        assert status([]) == 3
        out = capsys.readouterr().out
        assert out.startswith("run 0: running, 5 of 8 psets, ")
        assert re.search(r"psets, [0-9.]+/s, done about [0-9]{2}:[0-9]{2}, 1 failed: ", out)
        assert out.endswith(", 1 failed: 1 × ValueError: no luck\n")
        assert status(["--json"]) == 3
        found = json.loads(capsys.readouterr().out)
        (run,) = found["runs"]
        assert (run["n"], run["done"], run["failed"]) == (8, 4, 1)
        assert run["causes"] == {"ValueError: no luck": 1}
        assert run["seconds_left"] > 0
        process.kill()
    assert status([]) == 4
    assert capsys.readouterr().out.startswith("run 0: stopped early, 5 of 8 psets")
    ps.run_local(lambda pset: {}, ps.plist("a", range(8)), skip_dups=True)
    ps.run_local(lambda pset: {}, [{"b": 1}])
    states = run_states()
    assert [state["state"] for state in states] == ["ended"] * 3
    assert [state["done"] for state in states] == [4, 4, 1]


def test_a_run_that_was_interrupted_is_incomplete_until_one_is_complete(script, capsys):
    text = """
        import psweep as ps, sys
        def func(pset):
            if pset["a"] == int(sys.argv[1]):
                raise KeyboardInterrupt if sys.argv[1] == "3" else ValueError
            return {"b": 1}
        ps.run_local(func, ps.plist("a", range(8)), skip_dups=True)
        """
    for stop, said in ((3, "3 of 8"), (3, "0 of 5"), (4, "1 of 5"), (9, "4 of 4")):
        process = script(text, str(stop))
        process.communicate()
        is_last = stop == 9
        assert status([]) == (0 if is_last else 4)
        lines = capsys.readouterr().out.splitlines()
        word = "ended" if is_last else "incomplete"
        assert f"{word}, {said} psets" in lines[-1], lines
    assert [line.split(": ")[1] for line in lines] == [
        "ended, 3 of 8 psets", "ended, 1 of 5 psets", "ended, 4 of 4 psets"
    ]  # fmt: skip
    assert status(["--json"]) == 0
    assert len(ps.df_read("calc")) == 8
    remove_rows(Study.find("calc"), "_run_seq == 3")
    assert status([]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "run 2: ended, 1 of 5 psets"


def test_a_run_without_rows_keeps_its_number_and_is_incomplete(capsys):
    """Another run, which ran something else, has not completed it."""

    def func(pset):
        if pset["a"] < 0:
            raise ValueError("negative")
        return {}

    params = ps.plist("a", [-1, 1, 2, 3])
    for _ in range(2):
        with pytest.raises(ValueError, match="negative"):
            ps.run_local(func, params)
    ps.run_local(func, [{"a": 7}])
    assert ps.df_runs("calc").run_seq.tolist() == [0, 1, 2]
    assert status([]) == 4
    assert capsys.readouterr().out == (
        "run 1: incomplete, 0 of 4 psets\nrun 2: ended, 1 of 1 psets\n"
    )
    ps.run_local(func, ps.plist("a", [1, 2, 3]), skip_dups=True)
    assert status([]) == 0
    assert ps.df_read("calc")._run_seq.tolist() == [2, 3, 3, 3]


def test_failures_that_succeeded_later_do_not_count(capsys):
    def run(*bad, **kwds):
        def func(pset):
            if pset["a"] in bad:
                raise ValueError("no luck")
            return {"b": 1}

        ps.run_local(
            func, ps.plist("a", range(4)), on_error="record", **{"skip_dups": True, **kwds}
        )

    def found():
        capsys.readouterr()
        exit_status = status([])
        return exit_status, [
            line.partition(", ")[2] for line in capsys.readouterr().out.split("\n")
        ]

    why = "ValueError: no luck"
    run(1, 2)
    assert found() == (4, [f"4 of 4 psets, 2 failed: 2 × {why}", ""])
    run(1)
    n = f"4 of 4 psets, 2 failed (1 succeeded later): 2 × {why}"
    assert found() == (4, [n, f"2 of 2 psets, 1 failed: 1 × {why}", ""])
    run()
    first = f"4 of 4 psets, 2 failed (succeeded later): 2 × {why}"
    second = f"2 of 2 psets, 1 failed (succeeded later): 1 × {why}"
    assert found() == (0, [first, second, "1 of 1 psets", ""])
    assert status(["--json"]) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [(run["failed"], run["succeeded_later"]) for run in runs] == [(2, 2), (1, 1), (0, 0)]
    run(3, skip_dups=False)  # it had succeeded before
    assert found()[0] == 4


def test_a_study_without_failures_and_none_at_all(capsys):
    assert status([]) == 1
    assert "psweep-status: there is no" in capsys.readouterr().err
    ps.run_local(lambda pset: {"b": 1}, ps.plist("a", [1, 2]))
    assert status([]) == 0
    assert capsys.readouterr().out == "run 0: ended, 2 of 2 psets\n"
    assert status(["--watch", "9"]) == 0


def test_numbers_of_psets_are_numbers_in_json(capsys):
    numbers = {"int": 1, "float": 0.1, "large": 2**64 + 1}
    pset = {**numbers, "numpy": np.int64(3), "bool": True, "text": "7", "none": None}
    pset |= {"nan": float("nan"), "inf": float("-inf"), "huge": 10**5000, "complex": 1 + 2j}
    pset |= {"list": [1, 2], "array": np.arange(3)}
    ps.run_local(lambda _: {"y": float("inf")}, [pset])
    assert status(["--json"]) == 0

    def refuse(word):
        raise AssertionError(word)

    (run,) = json.loads(capsys.readouterr().out, parse_constant=refuse)["runs"]
    found = run["slowest"]["pset"]
    expected = {**numbers, "numpy": 3, "bool": True, "text": "7", "none": None}
    expected |= {"nan": None, "inf": None, "huge": "<int>", "complex": "(1+2j)"}
    assert found == {**expected, "list": "[1, 2]", "array": "[0 1 2]"}
    assert type(found["bool"]) is bool
    assert run["lowest"]["value"] is None
    assert type(run["slowest"]["seconds"]) is float
    # people see them as before
    (state,) = run_states()
    assert ", none=None, nan=nan, inf=-inf, " in in_words(state, True)[1]


def test_watching_in_a_pipe_prints_one_line_each_time():
    code = "from psweep_core.status import status; raise SystemExit(status(['--watch', '0.2']))"
    with slow_run() as process:
        while not [*Path("calc").rglob("*.journal")] or not run_states():
            time.sleep(0.05)
        watch = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        first = [watch.stdout.readline() for _ in range(2)]
        Path("go").touch()  # or the run would go on
        assert all(first)
        rest = watch.stdout.read().splitlines()
        watch.stdout.close()
        assert watch.wait() == 4
        process.wait()
    assert all("run 0: running, " in line and "; last: " in line for line in first)
    assert rest[-1].endswith("run 0: ended, 8 of 8 psets, 1 failed: 1 × ValueError: no luck")


def _fails(pset):
    raise ValueError("at once")


@pytest.mark.parametrize("basename", ["database.pk", "mine.json"])
def test_a_run_that_raised_at_its_first_pset_is_known(basename, capsys):
    with pytest.raises(ValueError, match="at once"):
        ps.run_local(_fails, ps.plist("a", [1, 2]), database_basename=basename)
    assert ps.df_runs("calc").n_psets.tolist() == [2]
    assert status([]) == 4
    assert capsys.readouterr().out == "run 0: incomplete, 0 of 2 psets\n"
    assert status(["--json"]) == 4
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert (run["n"], run["done"], run["failed"]) == (2, 0, 0)
    with pytest.raises(ps.StudyNotFoundError, match="runs that ended before their first result"):
        ps.df_read("calc")


def test_a_folder_without_runs_is_no_study(capsys):
    Path("calc").mkdir()
    assert status([]) == 1
    assert "there is no database in calc" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", "2 x ValueError: \\u96ea \\xfc \\udcff"),
        ("cp1252", "2 × ValueError: \\u96ea ü \\udcff"),
        ("utf-8", "2 × ValueError: 雪 ü \\udcff"),
    ],
)
@pytest.mark.parametrize("watch", [[], ["--watch"]])
def test_a_terminal_that_cannot_write_what_a_message_holds(monkeypatch, encoding, expected, watch):
    def fails(pset):
        raise ValueError("雪 ü \udcff")

    ps.run_local(fails, ps.plist("a", [1, 2]), on_error="record")
    with open("out", "w", encoding=encoding) as file:
        monkeypatch.setattr(sys, "stdout", file)
        assert status(watch) == 4
    assert Path("out").read_text(encoding=encoding).rstrip().endswith(expected)


def test_a_status_that_nobody_reads(monkeypatch):
    ps.run_local(lambda pset: {}, [{"a": 1}])
    monkeypatch.setattr(sys, "stdout", None)  # after >&-
    assert status([]) == 0
