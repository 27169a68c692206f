"""A func that forks and lets its child return: the child is not a second run, and no worker."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest
from conftest import alive

import psweep as ps

pytestmark = [
    pytest.mark.untraced,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="forks"),
]


def forks(pset):
    if pset["a"] == 2:
        child = os.fork()
        if child == 0 and pset["how"] == "raise":
            raise ValueError
        if child == 0 and pset["how"] == "exit":
            raise SystemExit(0)
        if child:
            assert os.waitpid(child, 0)[1] == 1 << 8
    return {"pid": os.getpid()}


@pytest.mark.parametrize("how", ["return", "raise", "exit"])
@pytest.mark.parametrize("options", [{}, {"on_error": "record", "retries": 1}, {"save": False}])
def test_the_child_ends_and_leaves_the_study_alone(how, options, capfd):
    df = ps.run_local(forks, ps.pgrid(a=range(5), how=[how]), **options)
    assert df.a.tolist() == [0, 1, 2, 3, 4]
    assert df.pid.tolist() == [os.getpid()] * 5
    err = capfd.readouterr().err
    assert err.count("has left func, so it ends here and its result is not kept; end such") == 1
    assert err.count("\n") == 1
    if options.get("save", True):
        assert ps.df_read("calc").equals(df)
        assert len(ps.recover("calc")) == 5


EXECUTOR = """
import concurrent.futures, multiprocessing, os, sys
import psweep as ps

kind, how, retries = sys.argv[1:]

def func(pset):
    if pset["a"] == 1:
        child = os.fork()
        if child == 0:
            with open("clone", "w") as file:
                file.write(str(os.getpid()))
            if how == "raise":
                raise ValueError
            if how == "exit":
                raise SystemExit(0)
            return {"b": "clone"}
        os.waitpid(child, 0)
    return {"b": "worker"}

context = multiprocessing.get_context("fork")
executor = (
    concurrent.futures.ProcessPoolExecutor(1, context)
    if kind == "processes"
    else concurrent.futures.ThreadPoolExecutor(1)
)
with executor:
    options = {"on_error": "record", "retries": int(retries)}
    df = ps.run_local(func, ps.plist("a", range(4)), executor=executor, **options)
print(df.b.tolist())
"""


@pytest.mark.parametrize("how", ["return", "raise", "exit"])
@pytest.mark.parametrize(("kind", "retries"), [("processes", 0), ("processes", 1), ("threads", 0)])
def test_the_child_of_a_worker_of_an_executor_ends(script, kind, how, retries):
    out, err = script(EXECUTOR, kind, how, str(retries), wait=True)
    assert out == "['worker', 'worker', 'worker', 'worker']\n"
    assert err.count("has left func, so it ends here") == 1
    assert not alive(int(Path("clone").read_text()))
    assert len(ps.recover("calc")) == 4


def in_a_child(number):
    """A study of its own, in a process that is forked in func."""
    df = ps.run_local(lambda pset: {"y": pset["b"]}, ps.plist("b", [number]), calc_dir="inner")
    os._exit(len(df))


def test_a_child_may_have_a_study_of_its_own():
    def func(pset):
        context = multiprocessing.get_context("fork")
        process = context.Process(target=in_a_child, args=(pset["a"],))
        process.start()
        process.join()
        return {"code": process.exitcode}

    df = ps.run_local(func, ps.plist("a", [1, 2]))
    assert df.code.tolist() == [1, 2]
