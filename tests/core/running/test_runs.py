"""The table of runs, rows made by other code, and psets that are nearly done."""

from __future__ import annotations

import functools
import importlib
import itertools
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import psweep as ps
from psweep_core.store.paths import Layout
from psweep_core.store.remove import remove_rows
from psweep_core.store.runs_file import append_run, merge_runs, read_runs
from psweep_core.store.study import Study

PARAMS = ps.plist("a", [1, 2, 3])
numbers = itertools.count()


def func_of(text, name="func"):
    """Return a function of a module that was just written."""
    module = f"code_{next(numbers)}"
    Path(f"{module}.py").write_text(text)
    sys.path.insert(0, os.getcwd())
    try:
        importlib.invalidate_caches()
        return getattr(importlib.import_module(module), name)
    finally:
        sys.path.remove(os.getcwd())


def func_with(k):
    return func_of(f"K = {k}\ndef func(pset):\n    return {{'y': pset['a'] * K}}\n")


OF_EACH_MODULE = r"code_\d+:K, code_\d+:K"  # of `func_with`, in a line about changed code


def test_each_run_has_a_line():
    df = ps.run_local(func_with(2), PARAMS, seed=3, repeats=2)
    ps.run_local(func_with(2), PARAMS, skip_dups=True)
    ps.run_local(lambda p: 1 / 0, PARAMS[:1], on_error="record", poolsize=1)
    runs = ps.df_runs("calc")
    assert runs.kind.tolist() == ["run_local"] * 3
    assert runs.run_seq.tolist()[::2] == [0, 1]
    assert runs[["n_psets", "n_rows", "n_failed"]].values.tolist() == [[6, 6, 0], [0] * 3, [1] * 3]
    assert runs.run_id[0] == df._run_id[0]
    assert runs.qualname[0] == "func"
    assert runs.module[0].startswith("code_")
    assert runs.packages[0]["numpy"] == np.__version__
    assert runs.argv[0] == sys.argv
    assert runs.fingerprint[0] == runs.fingerprint[1]
    assert runs[["seed", "repeats"]].iloc[0].tolist() == [3, 2]
    assert abs((runs.time_utc[0] - df._time_utc[0]).total_seconds()) < 60
    text = Path("calc/runs.jsonl").read_text()
    assert len(text.splitlines()) == 3
    assert os.environ["PATH"] not in text


def test_nothing_is_written_by_simulate_or_without_save():
    ps.run_local(func_with(1), PARAMS, simulate=True)
    ps.run_local(func_with(1), PARAMS, save=False)
    assert not Path("calc").exists()
    assert os.listdir("calc.simulate") == [".psweep", "database.pk"]


def test_the_commit_and_whether_the_tree_is_dirty():
    def git(*args):
        name = ["-c", "user.name=n", "-c", "user.email=e"]
        done = subprocess.run(["git", *name, *args], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    ps.run_local(func_with(1), PARAMS)
    Path("tracked").write_text("1")
    git("add", "tracked")
    git("commit", "-qm", "one")
    ps.run_local(func_with(1), PARAMS)
    Path("tracked").write_text("2")
    ps.run_local(func_with(2), PARAMS)
    commit = git("rev-parse", "HEAD")
    runs = ps.df_runs("calc")
    assert runs.git_commit.tolist() == [None, commit, commit]
    assert runs.git_dirty.tolist() == [None, False, True]


@pytest.mark.parametrize("is_worktree", [True, False])
def test_the_commit_is_the_newest_one(is_worktree, monkeypatch):
    def git(*args):
        who = ["-c", "user.name=n", "-c", "user.email=e"]
        done = subprocess.run(["git", *who, *args], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q", "main")
    monkeypatch.chdir("main")
    git("commit", "-q", "--allow-empty", "-m", "one")
    if is_worktree:
        git("worktree", "add", "-q", "../tree")
        monkeypatch.chdir("../tree")
    func = func_with(1)
    commits = []
    for _ in range(5):
        git("commit", "-q", "--allow-empty", "-m", "next")
        ps.run_local(func, PARAMS)
        commits.append(git("rev-parse", "HEAD"))
    assert ps.df_runs("calc").git_commit.tolist() == commits


@pytest.mark.parametrize("names", [("GIT_DIR",), ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")])
@pytest.mark.parametrize("is_in_repository", [True, False])
def test_the_commit_is_that_of_the_working_folder_in_a_hook_too(
    names, is_in_repository, monkeypatch, tmp_path
):
    def commit(folder):
        who = ["-c", "user.name=n", "-c", "user.email=e"]
        for args in (["init", "-q"], ["add", "-N", "."], ["commit", "-qam", folder]):
            subprocess.run(["git", *who, *args], cwd=folder, check=True)
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    for folder in ("here", "there"):
        Path(folder).mkdir()
        Path(folder, folder).write_text("1")
    expected = [commit("here"), False] if is_in_repository else [None, None]
    there = Path("there").absolute()
    commit("there")
    values = {"GIT_DIR": ".git", "GIT_INDEX_FILE": ".git/index", "GIT_WORK_TREE": ""}
    for name in names:
        monkeypatch.setenv(name, str(there / values[name]))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.chdir("here")
    ps.run_local(func_with(1), PARAMS)
    runs = ps.df_runs("calc")
    assert [runs.git_commit[0], runs.git_dirty[0]] == expected


def test_a_submodule_whose_changes_git_does_not_report_makes_the_tree_dirty():
    def git(*args):
        who = ["-c", "user.name=n", "-c", "user.email=e", "-c", "protocol.file.allow=always"]
        subprocess.run(["git", *who, *args], check=True, capture_output=True)

    git("init", "-q", "lib")
    Path("lib/tracked").write_text("1")
    git("-C", "lib", "add", "tracked")
    git("-C", "lib", "commit", "-qm", "one")
    git("init", "-q")
    git("submodule", "add", "./lib", "sub")
    git("config", "-f", ".gitmodules", "submodule.sub.ignore", "all")
    git("add", ".gitmodules", "sub")
    git("commit", "-qm", "one")
    ps.run_local(func_with(1), PARAMS)
    Path("sub/tracked").write_text("2")
    ps.run_local(func_with(2), PARAMS)
    assert ps.df_runs("calc").git_dirty.tolist() == [False, True]


@pytest.mark.parametrize("git", ["#!/bin/sh\nexit 3\n", "#!/bin/sh\nsleep 20\n", None])
def test_git_that_fails_or_hangs_is_no_reason_to_fail(git, monkeypatch):
    Path(".git").mkdir()
    Path("bin").mkdir()
    if git:
        Path("bin/git").write_text(git)
        Path("bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", os.path.abspath("bin") + (":/usr/bin:/bin" if git else ""))
    ps.run_local(lambda p: {}, PARAMS)
    assert ps.df_runs("calc").git_commit.tolist() == [None]


class Odd:
    """A value that cannot be shown."""

    def __repr__(self):
        raise ValueError


def run_again(func, capfd, params=PARAMS, **kwds):
    capfd.readouterr()
    df = ps.run_local(func, params, **{"skip_dups": True, **kwds})
    return df, capfd.readouterr().err


def test_skipped_psets_that_other_code_has_made_are_reported(capfd):
    ps.run_local(func_with(2), PARAMS)
    assert run_again(func_with(2), capfd)[1] == ""
    df, said = run_again(func_with(3), capfd, [*PARAMS, {"a": 4}])
    assert re.sub(OF_EACH_MODULE, "K", said) == (
        "psweep: 3 skipped psets have rows made by different code (changed: K); code='rerun' runs "
        "them again, code='ignore' leaves out this message\n"
    )
    assert df.y.tolist() == [2, 4, 6, 12]
    assert "1 skipped pset has" in run_again(func_with(3), capfd, PARAMS[:1], poolsize=1)[1]
    assert run_again(func_with(3), capfd, [{"a": 4}])[1] == ""
    assert run_again(func_with(3), capfd, code="ignore")[1] == ""
    assert "3 skipped" in run_again(func_with(3), capfd, simulate=True)[1]
    df, said = run_again(func_with(3), capfd, code="rerun")
    assert (df.y.tolist()[4:], said) == ([3, 6, 9], "")
    assert run_again(func_with(3), capfd)[1] == ""
    assert len(run_again(func_with(3), capfd, code="rerun")[0]) == 7
    assert "3 skipped" in run_again(func_with(3), capfd, repeats=2)[1]
    assert len(run_again(func_with(3), capfd, repeats=2, code="rerun")[0]) == 10
    assert run_again(func_with(3), capfd, repeats=2)[1] == ""


@pytest.mark.parametrize("saved", [(False, False), (True, False), (False, True)])
def test_other_code_is_found_also_if_a_run_saves_nothing(saved, capfd):
    first, second = saved
    df = ps.run_local(func_with(2), PARAMS, save=first, seed=1)
    for code, values, said in [
        ("ignore", [2, 4, 6], ""),
        ("warn", [2, 4, 6], "3 skipped psets have rows made by different code"),
        ("rerun", [2, 4, 6, 3, 6, 9], ""),
    ]:
        new, text = run_again(
            func_with(3), capfd, df=df, save=second, calc_dir="calc", code=code, seed=1
        )
        assert new.y.tolist() == values
        assert said in text
        assert text == "" or said
    again, _ = run_again(func_with(3), capfd, df=new, save=second, code="rerun", seed=1)
    assert len(again) == 6
    assert "not with seed=2" in run_again(func_with(3), capfd, df=new, save=False, seed=2)[1]


def test_newer_rows_of_other_code_are_reported(capfd):
    """Which `df_latest` takes, though there are some of the code that runs now."""
    for k in (2, 3):
        ps.run_local(func_with(k), PARAMS, skip_dups=True, code="rerun")
    for code in ("warn", "rerun"):
        df, said = run_again(func_with(2), capfd, [*PARAMS[:2], {"a": 4}], code=code)
        assert re.sub(OF_EACH_MODULE, "K", said) == (
            "psweep: 2 skipped psets have newer rows made by different code (changed: K), which "
            "psweep.df_latest takes; to use those of the code of now, remove the newer ones, such "
            "as by psweep-rm '_run_seq == 1'\n"
        )
        assert len(df) == 7
    assert run_again(func_with(2), capfd, code="ignore")[1] == ""
    assert run_again(func_with(3), capfd)[1] == ""
    remove_rows(Study.find("calc"), "_run_seq == 1")
    assert run_again(func_with(2), capfd)[1] == ""


def test_a_constant_that_has_changed_is_named_with_its_module(script):
    for k in (1, 22):
        Path("helper.py").write_text(f"K = {k}\nL = 1\n")
        _, said = script(
            """
            import helper, psweep as ps
            from helper import L
            def func(pset):
                return {"y": helper.K * L}
            ps.run_local(func, ps.plist("a", [1]), skip_dups=True)
            """,
            wait=True,
        )
    assert "(changed: helper:K);" in said


METHODS = """
class Model:
    def times(self, pset, k):
        return {"y": pset["a"] * k}

def times(pset, k):
    return Model().times(pset, k)

def applies(pset, f):
    return {"y": f(pset["a"])}

def doubles(x):
    return BY * x
"""


@pytest.mark.parametrize(
    "make",
    [
        lambda code, k: functools.partial(code.times, k=k),
        lambda code, k: functools.partial(functools.partial(code.times), k=k),
        lambda code, k: functools.partial(code.Model().times, k=k),
        lambda code, _: functools.partial(code.applies, f=code.doubles),
    ],
    ids=["function", "partial", "method", "helper"],
)
def test_arguments_of_a_partial_are_code(make, capfd):
    def partial(k):
        return make(sys.modules[func_of(f"BY = {k}\n{METHODS}", "times").__module__], k)

    ps.run_local(partial(2), PARAMS)
    assert run_again(partial(2), capfd)[1] == ""
    assert "3 skipped psets have rows made by different code" in run_again(partial(3), capfd)[1]
    df, _ = run_again(partial(3), capfd, code="rerun")
    assert df.y.tolist() == [2, 4, 6, 3, 6, 9]


def test_another_function_is_reported(capfd):
    ps.run_local(func_with(2), PARAMS)
    other = func_of("def other(pset):\n    return {'y': 1}\n", "other")
    assert "made by another function (func, now other)" in run_again(other, capfd)[1]


def test_rows_without_a_fingerprint_are_not_reported(capfd):
    space = {}
    exec("def f(pset): return {}", space)
    ps.run_local(space["f"], PARAMS)
    assert run_again(func_with(2), capfd)[1] == ""
    ps.run_local(func_with(2), PARAMS, calc_dir="two")
    assert run_again(space["f"], capfd, calc_dir="two")[1] == ""
    os.remove("two/runs.jsonl")
    assert run_again(func_with(3), capfd, calc_dir="two")[1] == ""
    assert ps.df_runs("two").n_rows.tolist() == [3, 0]


@pytest.mark.parametrize(
    ("new", "text"),
    [
        ({"a": 1.0, "b": 0.3}, "differs from a finished one only in the type of a number"),
        (
            {"a": 1.0, "b": 0.1 * 3},
            "only in the type and the last digits of a number: {'a': 1.0, 'b': 0.3000000000000000",
        ),
        (
            {"a": 1, "b": 0.1 * 3},
            "only in the last digits of a number: {'b': 0.30000000000000004} instead of {'b': 0.3}",
        ),
        ({"a": True, "b": 0.3}, "{'a': True} instead of {'a': 1}"),
        ({"a": 1, "b": 0.3, "c": 3}, "differs from a finished one only by the new name 'c'"),
        ({"a": 1, "b": 0.3, "c": 3, "d": 4}, "only by the new names 'c', 'd'"),
        ({"a": "1", "b": 0.3}, "only in the type of a value: {'a': '1'} instead of {'a': 1}"),
        ({"a": 2, "b": 0.3}, ""),
        ({"a": "b", "b": 0.3}, ""),
        ({"a": 1}, ""),
        ({"a": 1, "b": float("nan")}, ""),
        ({"a": 1, "b": [0.3]}, ""),
        ({"a": 10**400, "b": 0.3}, ""),
        ({}, ""),
    ],
)
def test_near_misses_are_named(new, text, capfd):
    ps.run_local(lambda p: {}, [{"a": 1, "b": 0.3}])
    said = run_again(lambda p: {}, capfd, [new], code="ignore")[1]
    assert text in said
    assert bool(text) == bool(said)


def test_a_number_that_is_nearly_one_of_the_study_is_named(capfd):
    ps.run_local(lambda p: {}, ps.pgrid(a=[0.1 * 3, 0.7], b=[0.1 * 3, 1.0]))
    said = run_again(lambda p: {}, capfd, [{"a": 0.3, "b": 0.3}], code="ignore")[1]
    assert "{'a': 0.3, 'b': 0.3} instead of {'a': 0.30000000000000004, 'b': 0.3000" in said
    said = run_again(lambda p: {}, capfd, [{"a": 0.7, "b": 0.3}], code="ignore")[1]
    assert "{'b': 0.3} instead of {'b': 0.30000000000000004}" in said
    assert run_again(lambda p: {}, capfd, [{"a": 0.31, "b": 1.0}], code="ignore")[1] == ""


@pytest.mark.parametrize("other", ["text", True, None, [1]])
def test_a_near_number_is_found_among_values_of_other_types(other, capfd):
    ps.run_local(lambda p: {}, ps.plist("a", [other, 0.1 * 3]))
    said = run_again(lambda p: {}, capfd, [{"a": 0.3}], code="ignore")[1]
    assert "{'a': 0.3} instead of {'a': 0.30000000000000004}" in said


def test_near_misses_are_named_before_hours_are_spent(capfd):
    ps.run_local(lambda p: {}, PARAMS)
    capfd.readouterr()
    before = []

    def func(pset):
        before.append(capfd.readouterr().err)
        return {}

    ps.run_local(func, ps.plist("a", [1.0, 7]), skip_dups=True, code="ignore")
    text = "1 new pset differs from a finished one only in the type of a number"
    assert before[0].startswith(f"psweep: starts now, although {text}")
    assert before[0].count("\n") == 1
    assert before[1] == ""
    assert capfd.readouterr().err.startswith(f"psweep: {text}")


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ([1, 2], (1, 2)),
        ((1, 2.5), [1, 2.5]),
        ([1, [2]], [1.0, [2.0]]),
        ({"x": 1.0}, {"x": 1}),
        (True, 1),
        (1, True),
        (np.array([1, 2]), np.array([1.0, 2.0])),
        ("a", Path("a")),
        (datetime(2020, 1, 1), pd.Timestamp("2020")),
        (pd.Timestamp("2020"), datetime(2020, 1, 1)),
        (1, np.float64(1)),
        (1.0, np.int64(1)),
        (True, np.int8(1)),
        ([1], np.array([1])),
        (np.array([1.5, 2]), [1.5, 2]),
    ],
)
def test_near_misses_of_other_types_are_named(then, now, capfd):
    ps.run_local(lambda p: {}, [{"a": then}])
    assert run_again(lambda p: {}, capfd, [{"a": then}], code="ignore")[1] == ""
    said = run_again(lambda p: {}, capfd, [{"a": now}], code="ignore")[1]
    assert "1 new pset differs from a finished one only in the type of a" in said


@pytest.mark.parametrize(
    ("then", "now", "difference"),
    [
        ({"x": 0.3}, {"x": 0.1 * 3}, "last digits"),
        ({"x": 0.1 * 3, "s": "q"}, {"s": "q", "x": 0.3}, "last digits"),
        ([0.1, 0.1 * 3], [0.1, 0.3], "last digits"),
        ({"x": [(0.3, 2)]}, {"x": [(0.1 * 3, 2)]}, "last digits"),
        ({"x": 1, "y": 2.0}, {"x": 1.0, "y": 2}, "type"),
        ([{"x": True}], [{"x": 1}], "type"),
        ({"x": [1, 2]}, {"x": (1, 2)}, "type"),
        ({"x": 1}, {"x": np.float64(1)}, "type"),
        ({"x": 1, "y": 0.3}, {"x": 1.0, "y": 0.1 * 3}, "type and the last digits"),
    ],
)
def test_near_numbers_in_containers_are_named(then, now, difference, capfd):
    ps.run_local(lambda p: {}, [{"a": then, "b": 1}, {"a": "text", "b": 1}])
    said = run_again(lambda p: {}, capfd, [{"a": now, "b": 1}], code="ignore")[1]
    change = f"{{'a': {now!r}}} instead of {{'a': {then!r}}}"
    assert f"only in the {difference} of a value: {change}" in said
    assert run_again(lambda p: {}, capfd, [{"a": now, "b": 2}], code="ignore")[1] == ""
    other = {"x": 0.31, "s": "q", "y": 5}
    assert run_again(lambda p: {}, capfd, [{"a": other, "b": 1}], code="ignore")[1] == ""


@pytest.mark.parametrize(
    ("then", "now", "other"),
    [
        ([1, b"x"], [1.0, b"x"], [1.0, b"y"]),
        ({"x": 1, "p": Path("q")}, {"x": 1.0, "p": Path("q")}, {"x": 1.0, "p": Path("z")}),
        ([1, {3}], (1, {3}), (1, {4})),
        ([1, [np.array([1])]], [1.0, [np.array([1])]], [1.0, [np.array([9])]]),
        ([1] * 2000, [1.0] * 2000, [1.0] * 1999 + [7.0]),
    ],
)
def test_containers_with_other_values_are_no_near_misses(then, now, other, capfd):
    ps.run_local(lambda p: {}, [{"a": then, "b": 1}])
    assert run_again(lambda p: {}, capfd, [{"a": other, "b": 1}], code="ignore")[1] == ""
    said = run_again(lambda p: {}, capfd, [{"a": now, "b": 1}], code="ignore")[1]
    assert "only in the type of a value" in said


def test_each_kind_of_near_miss_has_a_line(capfd):
    ps.run_local(lambda p: {}, ps.plist("a", [1, 2, 0.3, 0.0]))
    new = ps.plist("a", [1.0, 2.0, 0.1 * 3, -0.0])
    said = run_again(lambda p: {}, capfd, new, code="ignore")[1]
    for line in (
        "2 new psets differ from finished ones only in the type of a number: {'a': 1.0}",
        "1 new pset differs from a finished one only in the last digits of a number: {'a': 0.3000",
        "1 new pset differs from a finished one only in the sign of a number: {'a': -0.0}",
    ):
        assert line in said


def test_containers_that_cannot_be_compared_are_no_near_misses(capfd):
    deep = []
    for _ in range(300):
        deep = [deep, float("nan"), {"x": Odd(), Odd(): None}]
    ps.run_local(lambda p: {}, [{"a": deep}])
    assert run_again(lambda p: {}, capfd, [{"a": [deep, 1.0]}], code="ignore")[1] == ""


def test_lines_that_cannot_be_read_are_skipped():
    ps.run_local(func_with(1), PARAMS)
    path = Path("calc/runs.jsonl")
    with open(path, "ab") as file:
        file.write(b'\n[1]\n{"run_id": 3}\n\xff\x00\n{"run_id": "half')
    ps.run_local(func_with(1), PARAMS)
    assert ps.df_runs("calc").n_rows.tolist() == [3, 3]
    path.unlink()
    assert ps.df_runs("calc").n_rows.tolist() == [3, 3]
    with pytest.raises(ps.StudyNotFoundError):
        ps.df_runs("nowhere")


def test_a_file_that_takes_the_place_of_another_is_read_from_its_start():
    ps.run_local(func_with(1), PARAMS)
    path = Path("calc/runs.jsonl")
    (run_id,) = read_runs(Layout("calc"))
    # in place, so with the inode and the size of the other one
    path.write_bytes(path.read_bytes().replace(run_id.encode(), b"x" * len(run_id)))
    assert [*read_runs(Layout("calc"))] == ["x" * len(run_id)]


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="no O_NOFOLLOW")
def test_a_link_in_place_of_the_table_is_not_followed():
    Path("calc").mkdir()
    Path("mine").write_text("mine")
    Path("calc/runs.jsonl").symlink_to(Path("mine").resolve())
    with pytest.raises(OSError):
        ps.run_local(func_with(1), PARAMS)
    assert Path("mine").read_text() == "mine"


def test_runs_are_merged_by_their_id():
    one, two = Layout("one"), Layout("two")
    for layout, ids in ((one, "ab"), (two, "bc")):
        layout.calc_dir.mkdir()
        for run_id in ids:
            append_run(layout, {"run_id": run_id, "from": layout.name})
    for _ in range(2):
        merge_runs(one.runs, two.runs)
    entries = [json.loads(line) for line in one.runs.read_text().splitlines()]
    assert [(e["run_id"], e["from"]) for e in entries] == [("a", "one"), ("b", "one"), ("c", "two")]
    assert [*read_runs(one)] == ["a", "b", "c"]


def test_many_runs_at_once_lose_no_line():
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda i: ps.run_local(lambda p: {}, [{"a": i}]), range(24)):
            pass
    runs = ps.df_runs("calc")
    assert sorted(runs.run_seq) == [*range(24)]
    assert runs.n_rows.tolist() == [1] * 24


def test_a_seed_of_its_own_does_not_make_a_pset_run_again_but_a_line_says_so(capfd):
    params = ps.pgrid(a=[1, 2], _seed=[3, 4])
    assert len(ps.run_local(lambda p: {"y": p["_seed"]}, params)) == 4
    capfd.readouterr()
    params = ps.pgrid(a=[1, 5], _seed=[3, 6])
    df = ps.run_local(lambda p: {"y": p["_seed"]}, params, skip_dups=True, code="ignore", seed=1)
    text = "psweep: 1 pset is skipped although no row has its '_seed', which does not count for"
    assert capfd.readouterr().err.startswith(text)
    assert df.y.tolist() == [3, 4, 3, 4, 3]


def test_rows_that_are_run_again_for_their_code_are_not_reported_for_their_seed(capfd):
    ps.run_local(func_with(2), PARAMS, seed=1)
    capfd.readouterr()
    ps.run_local(func_with(3), PARAMS, seed=2, skip_dups=True, code="rerun")
    assert "seed=1" not in capfd.readouterr().err
