"""The fingerprint of a function changes if its code does something else, and only then."""

from __future__ import annotations

import functools
import importlib
import os
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import psweep as ps
from psweep_core.params.fingerprint import fingerprint

FILES = {
    "model.py": '''
        """A model."""
        import math
        import functools
        import numpy as np
        from dataclasses import dataclass
        import helpers
        from helpers import scale as rescale, TABLE
        from settings import LIMITS

        STEPS = 10
        RATE = 0.5
        SHAPE = (2, 3)
        ORDERS = [1, 2, 3]
        GRID = np.linspace(0, 1, STEPS)
        OPS = {"add": lambda x, y: x + y, "mul": lambda x, y: x * y}
        REGISTRY = {}


        def register(function):
            REGISTRY[function.__name__] = function
            return function


        @register
        def cube(value):
            return value ** 3


        def twice(function):
            @functools.wraps(function)
            def wrapper(*args):
                return 2 * function(*args)
            return wrapper


        @twice
        def decorated(x):
            return x + 1


        @dataclass
        class Body:
            """A body."""
            mass: float
            speed: float = 1.0

            def energy(self):
                return 0.5 * self.mass * self.speed ** 2


        class Solver:
            order = 2

            def __init__(self, tol):
                self.tol = tol

            def run(self, x):
                result = x
                for _ in range(self.order):
                    result = result - self.tol
                return self.finish(result)

            def finish(self, x):
                return round(x, 3)


        def make(power):
            def inner(x):
                return x ** power
            return inner


        squared = make(2)
        shifted = functools.partial(helpers.shift, by=3)


        def unused(x):
            return x


        def integrate(start, stop, *, weight=1.0):
            """Integrate."""
            total = 0.0
            for i in range(STEPS):
                total += weight * rescale(start + i * (stop - start) / STEPS)
            return total


        def func(pset):
            """Run one pset."""
            # a comment
            x = pset["x"]
            total = integrate(0, x, weight=RATE)
            names = [name for name in OPS]
            if x > LIMITS["max"]:
                x = LIMITS["max"]
            return {
                "y": total + OPS["add"](x, 1) + sum(ORDERS) + squared(x) + decorated(x),
                "z": Solver(1e-3).run(x) + Body(x).energy() + shifted(x) + math.sin(x),
                "w": helpers.late(x) + TABLE["a"] + GRID.sum() + SHAPE[0] + REGISTRY["cube"](x),
                "v": f"{x:.3f} of {names}",
            }
    ''',
    "helpers.py": '''
        """Helpers."""
        import os

        FACTOR = 3.0
        TABLE = {"a": 1, "b": 2}


        def scale(x: float) -> float:
            return FACTOR * x


        def shift(x, by):
            return x + by


        def late(x):
            from deeper import polynomial
            return polynomial(x)
    ''',
    "settings.py": "LIMITS = {'max': 4}\n",
    "deeper.py": "def polynomial(x):\n    return 1 + x\n",
}

# ruff: noqa: E501
# file, what is there, what is there instead
COSMETIC = [
    ("model.py", "# a comment", "# another comment\n            # of two lines"),
    ("model.py", '"""Run one pset."""', '"""Run a pset, and say more about it."""'),
    ("model.py", '    """Run one pset."""\n', ""),
    ("model.py", '"""A model."""', '"""A model of something."""\n\n\n\n'),
    ("model.py", "def unused(x):\n            return x", "def unused(x):\n            return 2 * x"),
    ("model.py", "def unused(x):\n            return x\n", ""),
    ("model.py", "def func(pset):", "def func(pset: dict) -> dict[str, float]:"),
    ("model.py", "total = 0.0", "total: float = 0.0"),
    ("model.py", "total", "accumulated"),
    ("model.py", "for i in range(STEPS):", "for i in range(  STEPS  ):  # loop"),
    ("model.py", "start + i * (stop - start)", "start + (i * (stop - start))"),
    ("model.py", "[name for name in OPS]", "[key for key in OPS]"),
    ("model.py", 'x = pset["x"]', "x = pset['x']"),
    ("model.py", "import math\n        import functools", "import functools\n        import math"),
    ("model.py", "pset", "parameters"),
    ("model.py", '"""A body."""', '"""What has a mass."""'),
    ("model.py", "STEPS = 10", "STEPS = 1_0"),
    ("model.py", "1e-3", "0.001"),
    ("helpers.py", "def scale(x: float) -> float:", "def scale(x):"),
    ("helpers.py", "FACTOR = 3.0", "OTHER = 1\n\n\nFACTOR = 3.00  # times three"),
    ("helpers.py", "def shift(x, by):\n            return x + by", 'def shift(x, by):\n            """Shift."""\n            return (\n                x + by\n)'),
    ("model.py", "result", "outcome"),
    ("model.py", "def inner(x):\n                return x ** power", "def inner(b):\n                return b ** power"),
    ("deeper.py", "def polynomial", "# more\n\ndef polynomial"),
]  # fmt: skip
REAL = [
    ("model.py", "STEPS = 10", "STEPS = 11"),
    ("model.py", "RATE = 0.5", "RATE = 0.25"),
    ("model.py", "RATE = 0.5", "RATE = '0.5'"),
    ("model.py", "SHAPE = (2, 3)", "SHAPE = (3, 3)"),
    ("model.py", "ORDERS = [1, 2, 3]", "ORDERS = [1, 2, 4]"),
    ("model.py", "np.linspace(0, 1, STEPS)", "np.linspace(0, 2, STEPS)"),
    ("model.py", "lambda x, y: x * y", "lambda x, y: x / y"),
    ("model.py", "value ** 3", "value ** 4"),
    ("model.py", "2 * function(*args)", "3 * function(*args)"),
    ("model.py", "@twice\n", "\n"),
    ("model.py", "speed: float = 1.0", "speed: float = 2.0"),
    ("model.py", "0.5 * self.mass", "0.6 * self.mass"),
    ("model.py", "order = 2", "order = 3"),
    ("model.py", "round(x, 3)", "round(x, 4)"),
    ("model.py", "make(2)", "make(3)"),
    ("model.py", "by=3", "by=4"),
    ("model.py", "weight=1.0", "weight=2.0"),
    ("model.py", "math.sin", "math.cos"),
    ("model.py", "total + OPS", "total - OPS"),
    ("model.py", 'OPS["add"]', 'OPS["mul"]'),
    ("model.py", "{x:.3f}", "{x:.4f}"),
    ("model.py", "scale as rescale", "shift as rescale"),
    ("model.py", "i * (stop - start)", "i * (start - stop)"),
    ("helpers.py", "FACTOR = 3.0", "FACTOR = 3"),
    ("helpers.py", "FACTOR * x", "FACTOR + x"),
    ("helpers.py", "x + by", "x - by"),
    ("helpers.py", '"a": 1', '"a": 5'),
    ("settings.py", "4", "5"),
    ("deeper.py", "1 + x", "2 + x"),
]
PINNED = "2ba2839881a85adceff06a91b0aeab636795c7c6"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Write the files with an edit, import them, and return the fingerprint of func."""
    numbers = iter(range(100))

    def load(file=None, old="", new="", is_new=False):
        folder = tmp_path / f"project_{next(numbers)}"
        folder.mkdir()
        for name, text in FILES.items():
            text = textwrap.dedent(text)
            if name == file:
                old, new = (part.replace("\n        ", "\n") for part in (old, new))
                assert old in text
                text = text.replace(old, new)
            path = folder / name
            path.write_text(text)
            if not is_new:
                os.utime(path, (1e9, 1e9))
        monkeypatch.chdir(folder)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(folder))
            importlib.invalidate_caches()
            try:
                return fingerprint(importlib.import_module("model").func)
            finally:
                for name in FILES:
                    sys.modules.pop(name.removesuffix(".py"), None)

    return load


@pytest.mark.parametrize("is_new", [False, True])
def test_cosmetic_edits_change_nothing(project, is_new):
    before = project()
    alarms = [edit for edit in COSMETIC if project(*edit, is_new).digest != before.digest]
    assert alarms == []


@pytest.mark.parametrize("is_new", [False, True])
def test_real_edits_are_seen(project, is_new):
    before = project()
    missed = [edit for edit in REAL if project(*edit, is_new).digest == before.digest]
    assert missed == []


def test_it_is_the_same_in_each_version_of_python(project):
    assert project().digest == PINNED


def test_what_has_changed_can_be_named(project):
    before, after = project().parts, project("helpers.py", "FACTOR * x", "FACTOR + x").parts
    assert [name for name in after if after[name] != before.get(name)] == ["helpers:scale"]


# What func holds


def of_lambda(value):
    return lambda pset: {"y": value}


def adds(x, y=1):
    return x + y


class Model:
    factor = 2

    def __init__(self, a):
        self.a = a

    def run(self, pset):
        return {"y": self.a * self.factor}

    def __call__(self, pset):
        return self.run(pset)


def in_loop(pset, k=1):
    return {"y": k}


@pytest.mark.parametrize(
    "make",
    [
        of_lambda,
        lambda v: of_lambda([v]),
        lambda v: of_lambda({"a": {"b": (v,)}}),
        lambda v: of_lambda(np.array([v, 2])),
        lambda v: of_lambda({(1, 2): {v}}),
        lambda v: of_lambda(Model(v)),
        lambda v: of_lambda(functools.partial(adds, y=v)),
        lambda v: functools.partial(adds, y=v),
        lambda v: functools.partial(adds, v),
        lambda v: Model(v).run,
        lambda v: Model(v),
        lambda v: functools.lru_cache(of_lambda(v)),
        lambda v: lambda pset, k=v: {"y": k},
        lambda v: of_lambda(adds if v == 1 else in_loop),
        lambda v: of_lambda(np.sin if v == 1 else np.cos),
        lambda v: of_lambda(str(v)),
        lambda v: of_lambda(range(int(v))),
        lambda v: of_lambda(Path(str(v))),
        lambda v: of_lambda(np.full(1_000_000, v)),
    ],
)
def test_closures_defaults_partials_and_objects_count(make, monkeypatch):
    monkeypatch.chdir(Path(__file__).parent)
    one, same, two, other = (fingerprint(make(v)) for v in (1, 1, 2, 1.0))
    assert one is not None
    assert one == same
    assert one.digest != two.digest
    assert type(other.digest) is str


def test_what_has_no_source_has_no_fingerprint(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent)
    space = {}
    exec("def f(pset): return {}", space)
    for func in (space["f"], len, np.sin, dict, 3, None, type("T", (), {}), object()):
        assert fingerprint(func) is None


def test_nothing_of_the_users_is_called(monkeypatch):
    class Unlucky:
        def __getattr__(self, name):
            raise AssertionError(name)

        def __eq__(self, other):
            raise AssertionError

        def __hash__(self):
            raise AssertionError

        def __repr__(self):
            raise AssertionError

    monkeypatch.chdir(Path(__file__).parent)
    unlucky = Unlucky()
    assert fingerprint(of_lambda(unlucky)) == fingerprint(of_lambda(unlucky))
    assert fingerprint(of_lambda([unlucky, {1: unlucky}])) is not None


def test_code_outside_of_the_project_counts_by_name(tmp_path, monkeypatch):
    """But for the file of func, which may be anywhere, such as in an editable installation."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def digest(factor, helper, get):
        (tmp_path / "helper.py").write_text(f"def helper(x):\n    return {helper}\n")
        (tmp_path / "elsewhere.py").write_text(
            "import functools\nfrom helper import helper\n"
            "def func(pset):\n"
            f"    return {{'y': helper(pset['a']) * {factor}}}\n"
            "def decorated(f):\n"
            "    return functools.wraps(f)(lambda pset: f(pset))\n"
            "wrapped = decorated(func)\n"
            "class Model:\n"
            "    __call__ = method = lambda self, pset: func(pset)\n"
        )
        importlib.invalidate_caches()
        for name in "helper", "elsewhere":
            sys.modules.pop(name, None)
        return fingerprint(get(importlib.import_module("elsewhere"))).digest

    for get in (
        lambda module: module.func,
        lambda module: functools.partial(module.func),
        lambda module: ps.by_name(module.func, "y"),
        lambda module: module.wrapped,
        lambda module: module.Model(),
        lambda module: module.Model().method,
    ):
        assert digest(2, "x", get) == digest(2, "x + 1", get) != digest(3, "x", get)


def test_cells_of_a_notebook(monkeypatch):
    """They are in no file; globals are seen by their value."""
    import linecache
    import types

    main = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)

    def run_cell(number, text):
        name = f"/tmp/ipykernel_1/{number}.py"
        linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name
        exec(compile(text, name, "exec"), vars(main))

    run_cell(1, "a = [1, 2]\nb = 3\n")
    run_cell(2, "def helper(x):\n    return x + a[0] + b\n")
    run_cell(3, "def func(pset):\n    return {'y': helper(pset['x'])}\n")
    digests = [fingerprint(main.func).digest]
    for cell in ("b = 4", "b = 3", "a[1] = 5", "a[1] = 2", "def helper(x):\n    return x\n"):
        run_cell(4 + len(digests), cell)
        digests.append(fingerprint(main.func).digest)
    assert digests[0] == digests[2] == digests[4]
    assert len(set(digests)) == 4


def test_a_global_that_func_changes_while_it_runs_is_no_change(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("counts.py").write_text(
        "CALLS = []\nCACHE = {}\nN = 0\n"
        "def func(pset):\n    global N, M\n    N += 1\n    M = N\n    CALLS.append(M)\n"
        "    CACHE[len(CALLS)] = pset\n    return {}\n"
    )
    func = importlib.import_module("counts").func
    before = fingerprint(func)
    func({})
    assert fingerprint(func) == before
    sys.modules.pop("counts")


def test_what_an_estimator_learns_is_no_change_but_what_it_was_made_with_is():
    linear_model = pytest.importorskip("sklearn.linear_model", reason="pip install scikit-learn")
    x = np.arange(6.0).reshape(3, 2)

    class Study:
        def __init__(self, model):
            self.model = model

        def __call__(self, pset):
            self.model.fit(x, x[:, 0])
            return {"score": self.model.score(x, x[:, 0])}

    def fit(model, pset):
        return Study(model)(pset)

    def closure(model):
        return lambda pset: {"coef": model.fit(x, x[:, 0]).coef_}

    for wrap in (Study, closure, lambda model: functools.partial(fit, model)):
        func = wrap(linear_model.Ridge(alpha=1))
        before = fingerprint(func)
        func({})
        assert fingerprint(func) == before
        assert fingerprint(wrap(linear_model.Ridge(alpha=2))) != before


def test_what_an_estimator_has_learned_before_the_study_counts():
    linear_model = pytest.importorskip("sklearn.linear_model", reason="pip install scikit-learn")
    x = np.arange(6.0).reshape(3, 2)
    models = [linear_model.LinearRegression().fit(x, y) for y in (x[:, 0], x[:, 0] ** 2)]

    def with_model(model):
        return lambda pset: {"y": model.predict(x)}

    assert fingerprint(with_model(models[0])) != fingerprint(with_model(models[1]))
