"""The programs: quick to show their help, and on studies of a million rows."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from terminal import in_terminal

import psweep as ps
from psweep_core import cli
from psweep_core.programs import wait
from psweep_core.run_status import in_words, run_states
from psweep_core.status import status
from psweep_core.store.json_forms import ORIENTS

PROGRAMS = [
    ("psweep_core.cli", "checkdir"),
    ("psweep_core.cli", "db2json"),
    ("psweep_core.cli", "db2table"),
    ("psweep_core.cli", "migrate"),
    ("psweep_core.cli", "report"),
    ("psweep_core.cli", "rm"),
    ("psweep_core.status", "status"),
    ("psweep_core.task", "task"),
]
QUICK = """
import importlib, sys
for module, name in {}:
    program = getattr(importlib.import_module(module), name)
    for argv, code in (["--help"], 0), (["--version"], 0), (["--nonsense"], 2):
        try:
            program(argv)
        except SystemExit as error:
            assert error.code == code, (name, argv, error.code)
assert not {{"pandas", "numpy"}} & {{*sys.modules}}
"""


def test_help_version_and_mistakes_do_not_wait_for_pandas():
    code = QUICK.format(PROGRAMS)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(ps.__version__) == len(PROGRAMS)
    assert done.stderr.count("unrecognized arguments: --nonsense") >= len(PROGRAMS) - 1


def test_a_ctrl_c_that_ends_no_sleep_ends_the_wait():
    def interrupt() -> None:
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    # (Programs that a shell starts in the background ignore Ctrl-C.)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        start = time.monotonic()
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            wait(60)
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert 0.2 <= time.monotonic() - start < 30


def test_warnings_are_lines_of_the_program():
    ps.run_local(lambda p: {}, ps.plist("a", [1, 2]))
    (Path("calc/.psweep/database.pk") / "9.\x1b.0.journal").mkdir()
    for module, name in ("status", "status"), ("cli", "checkdir"):
        code = f"from psweep_core import {module}; {module}.{name}()"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"psweep-{name}: ")
        assert "which psweep has not made" in line
        assert "\x1b" not in line


def test_a_folder_with_control_characters_is_escaped(capsys):
    ps.run_local(lambda p: {}, ps.plist("a", [1, 2]), calc_dir="c\x1b[31m")
    for program, argv in (cli.migrate, ["-n", "c\x1b[31m"]), (cli.report, ["c\x1b[31m"]):
        assert program(argv) == 0
        out = capsys.readouterr().out
        assert r"c\x1b[31m" in out
        assert "\x1b" not in out


def test_db2json_knows_all_forms(capsys):
    with pytest.raises(SystemExit):
        cli.db2json(["--help"])
    shown = capsys.readouterr().out
    assert "{" + ",".join(sorted(ORIENTS)) + "}" in shown.replace("\n", "")


def test_the_package_gives_out_its_names_when_they_are_used():
    code = (
        "import sys, psweep_core.errors, psweep_core\n"
        "assert 'pandas' not in sys.modules and 'psweep' not in sys.modules\n"
        "import pickle\n"
        "error = pickle.loads(pickle.dumps(psweep_core.errors.ParamsError('x')))\n"
        "assert type(error) is psweep_core.ParamsError\n"
        "assert 'run_local' in dir(psweep_core)\n"
        "from psweep_core import *\n"
        "run_local\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="module 'psweep' has no attribute 'no_such_name'"):
        ps.no_such_name  # noqa: B018


# the state of runs


def failing(pset):
    if pset["a"] % 5 == 4:
        raise ValueError(f"no luck with {pset['a']}")
    return {"note": "x", "loss": (pset["a"] - 7) ** 2 / 3, "b": pset["a"]}


def test_the_best_and_the_last_rows(capsys):
    ps.run_local(failing, ps.plist("a", range(20)), on_error="record")
    (state,) = run_states()
    assert state["causes"] == {"ValueError: no luck with …": 4}
    assert (state["lowest"]["_pset_seq"], state["highest"]["_pset_seq"]) == (7, 18)
    assert state["lowest"] == {"_pset_seq": 7, "pset": {"a": 7}, "result": "loss", "value": 0.0}
    assert state["last"]["_pset_seq"] == 19
    assert status(["--watch"]) == 4
    line = capsys.readouterr().out
    failed = "4 failed: 4 × ValueError: no luck with …"
    assert line.endswith(f" run 0: ended, 20 of 20 psets, {failed}\n")
    lines = in_words(run_states(result="b")[0], details=True)
    assert lines[0] == f"run 0: ended, 20 of 20 psets, {failed}"
    assert lines[3:] == ["    lowest b: 0, pset 0: a=0", "    highest b: 18, pset 18: a=18"]
    assert status(["--watch", "--result", "note"]) == 1
    assert "there is no numeric result 'note'; there are: loss, b" in capsys.readouterr().err


def test_when_a_run_will_be_done():
    state = {"run_seq": 3, "state": "running", "n": 3000, "done": 1167, "failed": 37, "rate": 0.54}
    state |= {"causes": {"ValueError: no root": 31, "timeout": 6}, "succeeded_later": 0}
    state["seconds_left"] = 3325.9
    when = time.strftime("%H:%M", time.localtime(time.time() + 3325.9))
    then = time.strftime("%H:%M", time.localtime(time.time() + 3325.9))  # a minute may have passed
    (line,) = in_words(state, details=False)
    found = re.fullmatch(
        r"run 3: running, 1204 of 3000 psets, 0.54/s, done about (\d\d:\d\d), "
        r"37 failed: 31 × ValueError: no root, 6 × timeout",
        line,
    )
    assert found
    assert found[1] in (when, then)
    (line,) = in_words({**state, "seconds_left": 2e6}, details=False)
    assert re.search(r"done about \d{4}-\d\d-\d\d \d\d:\d\d, ", line)


def test_runs_whose_rows_lack_columns_or_all_failed():
    ps.run_local(lambda pset: 1 / 0, ps.plist("a", [1, 2]), on_error="record")
    ps.run_local(lambda pset: {"y": None, "z": "text"}, ps.plist("b", [1]))
    ps.run_local(lambda pset: {"y": float("nan")}, [{}])
    first, second, third = run_states()
    assert first["causes"] == {"ZeroDivisionError: division by zero": 2}
    assert [state["done"] for state in (first, second, third)] == [0, 1, 1]
    assert first["lowest"] is None
    assert third["lowest"] is None
    assert second["last"]["pset"].items() >= {"b": 1}.items()


RUN = """
import pathlib, time, psweep as ps
def func(pset):
    pathlib.Path(f"began_{pset['a']}").touch()
    while pset["a"] == 3 and not pathlib.Path("go").exists():
        time.sleep(0.02)
    return {"loss": pset["a"]}
ps.run_local(func, ps.plist("a", range(5)))
"""


def test_watching_in_a_terminal_redraws():
    process = subprocess.Popen([sys.executable, "-c", RUN])
    try:
        while not os.path.exists("began_3"):
            time.sleep(0.02)
        code = """
            import threading, pathlib
            def go():
                pathlib.Path("go").touch()
            from psweep_core import status as module
            shown = []
            show = module._Screen.show
            def counted(self, lines, *, is_last):
                show(self, lines, is_last=is_last)
                shown.append(lines)
                if len(shown) == 2:
                    go()
            module._Screen.show = counted
            module.status(["--watch", "0.1"])
        """
        out = in_terminal(code, 60)
    finally:
        process.kill()
        process.wait()
    clear, first, *screens = out.replace("\r\n", "\n").split("\x1b[H")
    assert clear == "\x1b[2J"  # only once
    assert len(screens) >= 2
    lines = [line.removesuffix("\x1b[K") for line in first.split("\n")]
    assert lines[0].startswith("run 0: running, 3 of 5 psets, ")
    assert [line.split(":")[0].strip() for line in lines[1:5]] == [
        *["last", "slowest", "lowest loss", "highest loss"]
    ]
    assert all(len(line) <= 60 for line in lines)
    assert "run 0: ended, 5 of 5 psets\x1b[K" in screens[-1]
    assert "    highest loss: 4, pset 4: a=4\x1b[K" in screens[-1]
