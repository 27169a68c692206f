"""Tracebacks name the file and show the source line, wherever func was called."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from psweep_core.engines import wire as crossing
from psweep_core.store import portable_pickle as portable

pytestmark = [pytest.mark.processes, pytest.mark.untraced]

ENGINES = {
    "serial": "run()",
    "fork": "multiprocessing.set_start_method('fork'); run(poolsize=2)",
    "spawn": "multiprocessing.set_start_method('spawn'); run(poolsize=2)",
    "forkserver": "multiprocessing.set_start_method('forkserver'); run(poolsize=2)",
    "threads": "run(executor=cf.ThreadPoolExecutor(2))",
    "processes": "run(executor=cf.ProcessPoolExecutor(2))",
    "spawned processes": (
        "run(executor=cf.ProcessPoolExecutor(2, multiprocessing.get_context('spawn')))"
    ),
    "loky": "from joblib.externals import loky; run(executor=loky.get_reusable_executor(2))",
    "dask": (
        "import distributed; cluster = distributed.LocalCluster(n_workers=2, "
        "threads_per_worker=1, dashboard_address=':0'); run(executor=cluster.get_client())"
    ),
}
CELL = "def in_a_cell(pset):\n    # a cell is no file\n    return 1 / pset['zero']  # cell\n"
CELL_FILE = "<ipython-input-1-abcdef>"
SCRIPT = f"""
import concurrent.futures as cf, functools, linecache, multiprocessing
import psweep as ps

CELL, CELL_FILE = {CELL!r}, {CELL_FILE!r}

a_lambda = lambda pset: 1 / pset["zero"]  # a_lambda

def function(pset):
    def nested():
        return 1 / pset["zero"]  # function

    return nested()

def make(one):
    def closure(pset):
        return [one / x for x in [pset["zero"]]]  # closure

    return closure

class Model:
    def __init__(self, one):
        self.one = one

    def method(self, pset):
        return self.one / pset["zero"]  # method

    def __call__(self, pset):
        return Model.static(self.one, pset)

    @staticmethod
    def static(one, pset):
        return (lambda x: one / x)(pset["zero"])  # instance

exec(compile(CELL, CELL_FILE, "exec"))
linecache.cache[CELL_FILE] = len(CELL), None, CELL.splitlines(True), CELL_FILE  # as IPython does

funcs = dict(
    a_lambda=a_lambda,
    function=function,
    closure=make(1),
    method=Model(1).method,
    instance=Model(1),
    cell=in_a_cell,
    partial=functools.partial(lambda one, pset: one / pset["zero"], 1),  # partial
)

def call(pset):
    return funcs[pset["name"]](pset)

def run(**kwds):
    params = [dict(name=name, zero=0) for name in funcs]
    df = ps.run_local(call, params, save=False, on_error="record", **kwds)
    print(df.set_index("name")._exc_txt.to_json())

if __name__ == "__main__":
    ENGINE
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_recorded_tracebacks_have_the_file_and_the_line(script, engine):
    if engine == "dask":
        pytest.importorskip("distributed", reason="needs dask: pip install 'dask[distributed]'")
    if engine == "loky":
        pytest.importorskip("joblib", reason="needs loky: pip install joblib")
    out, _ = script(SCRIPT.replace("ENGINE", ENGINES[engine]), wait=True)
    files = {
        "script_0.py": Path("script_0.py").read_text().split("\n"),
        CELL_FILE: CELL.split("\n"),
    }
    texts = json.loads(out)
    assert len(texts) == 7
    for name, text in texts.items():
        pattern = rf'  File "(.*)", line (\d+), in .*\n    (.* # {name})\n'
        shown = re.findall(pattern, text)
        assert shown, text
        for path, number, line in shown:
            file = files[os.path.basename(path)]
            assert (path == CELL_FILE) == (name == "cell")
            assert file[int(number) - 1].strip() == line
        assert text.endswith("\nZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_raised_error_has_the_line_of_the_worker(script, method):
    _, err = script(
        f"""
        import multiprocessing
        import psweep as ps

        def func(pset):
            return {{"y": 1 / pset["x"]}}

        if __name__ == "__main__":
            multiprocessing.set_start_method("{method}")
            try:
                ps.run_local(func, [{{"x": 0}}], poolsize=1, save=False)
            except ZeroDivisionError:
                import traceback
                traceback.print_exc()
        """,
        wait=True,
    )
    assert 'script_0.py", line 6, in func\n    return {"y": 1 / pset["x"]}' in err


def function_of(source: str, file: Path):
    """Run a file that defines `func`, as a program would."""
    file.write_text(source)
    space = {"__name__": "__main__"}
    exec(compile(source, str(file), "exec"), space)
    return space["func"]


def test_the_lines_are_sent_where_the_file_is_not(tmp_path):
    file = tmp_path / "gone.py"
    func = function_of("def func(x):\n    return 1 / x  # the line\n", file)
    Path("func.pk").write_bytes(crossing.dumps([func, func]))
    file.unlink()
    code = """
import pickle, traceback
try:
    pickle.load(open("func.pk", "rb"))[1](0)
except ZeroDivisionError:
    traceback.print_exc()
"""
    err = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr
    assert f'File "{file}", line 2, in func\n    return 1 / x  # the line' in err


def test_the_newest_lines_are_sent(tmp_path):
    file = tmp_path / "edited.py"
    for change in ("first", "second"):
        func = function_of(f"\n# {change}\ndef func(x):\n    return 1 / x  # {change}\n", file)
        func = pickle.loads(crossing.dumps(func))
        with pytest.raises(ZeroDivisionError) as caught:
            func(0)
        assert f"return 1 / x  # {change}" in str(caught.getrepr())


def test_a_file_is_sent_once(tmp_path):
    source = "def func(x):\n    return func\n" + "# a long comment\n" * 1000
    func = function_of(source, tmp_path / "long.py")
    other = function_of(source, tmp_path / "long.py")
    one, two = (len(crossing.dumps(funcs)) for funcs in ([func], [func, other]))
    assert two - one < len(source) / 10


def test_stored_functions_keep_their_file(tmp_path):
    file = tmp_path / "func.py"
    func = function_of("def func(x):\n    return (lambda: 1 / x)()\n", file)
    loaded = pickle.loads(portable.dumps(func))
    assert loaded.__code__ == func.__code__
    assert loaded.__code__.co_filename == str(file)
    nested = [x for x in loaded.__code__.co_consts if hasattr(x, "co_filename")]
    assert [x.co_filename for x in nested] == [str(file)]
