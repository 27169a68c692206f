"""Classes of a script: one hash as a script and imported, and any program reads the study."""

from __future__ import annotations

import pickle
import subprocess
import sys

import cloudpickle
import pytest

import psweep as ps
from psweep_core.params.canonical import encoded
from psweep_core.params.naming import MARK
from psweep_core.store.portable_pickle import dumps

pytestmark = pytest.mark.slow  # there are many of them

STUDY = """
import dataclasses
import enum
import multiprocessing
import sys
import threading

import psweep as ps

K = 3
LOCK = threading.Lock()


@dataclasses.dataclass
class Config:
    x: int = 1
    tags: list = dataclasses.field(default_factory=list)

    def scaled(self):
        return K * self.x


class Solver(str, enum.Enum):
    CG = "cg"


class Outer:
    class Inner:
        def __init__(self, n):
            self.n = n


class Locked:
    def locked(self):
        return LOCK


@dataclasses.dataclass
class Result:
    y: int


def helper(x):
    return x + K


def make(n):
    class Made:
        def times(self, x):
            return n * x

    return Made


def func(pset):
    return {"result": Result(pset["config"].scaled())}


PSET = {"config": Config(2, ["a"]), "solver": [Solver.CG], "inner": Outer.Inner(1),
        "helper": helper, "f": lambda x: x * K, "made": make(1), "of_made": make(2)()}


def check(df):
    pset, = ps.df_extract_params(df)
    assert pset["config"] == PSET["config"]
    assert type(pset["config"]) is Config
    assert pset["solver"] == [Solver.CG] and type(pset["solver"][0]) is Solver
    assert type(pset["inner"]) is Outer.Inner
    assert pset["helper"] is helper
    assert type(df["result"][0]) is Result
    assert ps.pset_hash(pset) == df._pset_hash[0] == ps.pset_hash(PSET)


if __name__ == "__main__":
    kwds = {}
    if len(sys.argv) > 1:
        multiprocessing.set_start_method(sys.argv[1])
        kwds["poolsize"] = 1
    for _ in range(2):  # the second finds it
        df = ps.run_local(func, [PSET], skip_dups=True, **kwds)
        check(df)
        check(ps.df_read("calc"))
    # What cannot go by value goes by name, as before.
    df = ps.run_local(lambda pset: {}, [{"l": Locked()}], calc_dir="locked")
    assert type(ps.df_read("locked").l[0]) is Locked
    print(ps.pset_hash(PSET))
"""
READ = """
import dataclasses
import psweep as ps

df = ps.df_read("calc")
pset, = ps.df_extract_params(df)
assert ps.pset_hash(pset) == df._pset_hash[0]
assert pset["config"].scaled() == 6
assert dataclasses.asdict(pset["config"]) == {"x": 2, "tags": ["a"]}
assert pset["f"](2) == 6 and pset["helper"](2) == 5 and pset["of_made"].times(2) == 4
assert pset["inner"].n == 1 and pset["solver"][0].value == "cg"
assert df["result"][0].y == 6
ps.df_write(df, "copy.pk")
pset, = ps.df_extract_params(ps.df_read("copy.pk"))
assert ps.pset_hash(pset) == df._pset_hash[0]
"""


@pytest.fixture
def run(tmp_path):
    def start(*args):
        done = subprocess.run([sys.executable, *args], cwd=tmp_path, capture_output=True, text=True)
        assert not done.stderr, done.stderr
        return done.stdout

    return start


@pytest.mark.parametrize("method", [None, "spawn", "fork", "forkserver"])
def test_any_program_reads_the_study(run, tmp_path, method):
    (tmp_path / "study.py").write_text(STUDY)
    sha = run("study.py", *([method] if method else [])).strip()
    (tmp_path / "read.py").write_text(READ)
    run("read.py")
    code = "import study, psweep as ps; study.check(ps.df_read('calc'))"
    run("-c", code)
    assert run("-c", "import study, psweep as ps; print(ps.pset_hash(study.PSET))").strip() == sha
    # under another name, with other classes of these names
    (tmp_path / "other.py").write_text("class Config: pass\nclass Result: pass\n" + READ)
    run("other.py")
    # and without psweep
    run("-c", "import sys; sys.modules['psweep'] = None; import pandas as pd; "
              "print(pd.read_pickle('calc/database.pk').config[0])")  # fmt: skip


def test_a_study_of_a_module_of_a_package(run, tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    text = """
        import dataclasses
        import psweep as ps

        @dataclasses.dataclass
        class Config:
            x: int = 1

        print(ps.pset_hash({"c": Config()}))
    """
    (package / "study.py").write_text("\n".join(line[8:] for line in text.split("\n")))
    found = {run("package/study.py"), run("-m", "package.study"), run("-c", "import package.study")}
    assert len(found) == 1


def test_rows_of_a_script_that_was_killed(run, tmp_path):
    text = STUDY.replace(
        '    return {"result"', "    if pset['config'].x == 3: os._exit(0)\n    return {\"result\""
    )
    text = "import os\n" + text.partition('if __name__ == "__main__"')[0]
    text += "other = {**PSET, 'config': Config(3)}\nps.run_local(func, [PSET, other])\n"
    (tmp_path / "study.py").write_text(text)
    run("study.py")
    (tmp_path / "read.py").write_text("import psweep as ps\nps.recover('calc')\n" + READ)
    run("read.py")


def test_edited_notebooks_count_by_code(run, tmp_path):
    # A notebook has no file of its own; linecache knows its cells.
    text = """
import linecache, sys, psweep as ps
del __file__
def cell(text):
    linecache.cache[f"cell {len(text)} {text[-9:]}"] = (len(text), None, text.splitlines(True), "")
    exec(compile(text, f"cell {len(text)} {text[-9:]}", "exec"), globals())
found = []
for body in ("1", "1  # one", "2"):
    cell(f"class Config:\\n    def size(self):\\n        return {body}\\n")
    cell(f"def go(x):\\n    return {body}\\n")
    found.append((ps.pset_hash({"c": Config()}), ps.pset_hash({"f": go})))
assert found[0] == found[1]
assert found[0][0] != found[2][0] and found[0][1] != found[2][1]
df = ps.run_local(lambda pset: {}, [{"c": Config(), "f": go}])
pset, = ps.df_extract_params(ps.df_read("calc"))
assert type(pset["c"]) is Config and pset["f"] is go
"""
    (tmp_path / "notebook.py").write_text(text)
    run("notebook.py")
    code = "import psweep as ps; df = ps.df_read('calc'); pset, = ps.df_extract_params(df); "
    run("-c", code + "assert ps.pset_hash(pset) == df._pset_hash[0], pset")


def test_a_mark_does_not_pass_for_another_function():
    def decorate(func):
        import functools

        @functools.wraps(func)
        def inner(x):
            return 2 * func(x)

        return inner

    def go(x):
        return x

    before = ps.pset_hash({"f": go})
    other = decorate(go)
    assert ps.pset_hash({"f": other}) != before
    assert ps.pset_hash({"f": other}) != ps.pset_hash({"f": decorate(other)})


def test_a_source_that_has_changed_is_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "changing.py"
    path.write_text("def make():\n    return lambda x: x + 1\n")
    import changing

    path.write_text("def make():\n    return lambda x: x + 22\n")
    with pytest.raises(ps.HashError, match="source of the function '<lambda>'"):
        ps.pset_hash({"f": changing.make()})
    del sys.modules["changing"]


def test_a_value_whose_repr_fails_is_named():
    class Odd:
        def __repr__(self):
            raise ValueError("no")

        def __reduce__(self):
            raise TypeError("no state")

    with pytest.raises(ps.HashError, match="'a' cannot be hashed: <Odd object, .*: no state"):
        ps.pset_hash({"a": Odd()})


def test_a_class_that_is_pickled_by_cloudpickle_alone_keeps_its_name():
    cls = type("Config", (), {"__module__": "__main__", MARK: "elsewhere:Config "})
    copy = pickle.loads(cloudpickle.dumps(cls))
    same = pickle.loads(dumps(cls))
    assert ps.pset_hash({"a": copy}) == ps.pset_hash({"a": same}) == ps.pset_hash({"a": cls})
    assert encoded(cls) == b"\xffglobal elsewhere:Config\n"
