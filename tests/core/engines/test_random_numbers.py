"""Fresh random numbers in each process."""

from __future__ import annotations

import concurrent.futures as cf
import importlib
import multiprocessing
import os
import random
import signal
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from executors import dask
from random_table import ENGINES, N, different

import psweep as ps

pytestmark = [pytest.mark.processes, pytest.mark.untraced]

SLOW = {"spawn", "forkserver", "ProcessPoolExecutor, spawn", "loky", "dask processes"}
NEEDS = {"loky": "joblib", "dask processes": "distributed", "dask in this process": "distributed"}


def global_states():
    return random.getstate(), [str(part) for part in np.random.get_state()]


@pytest.fixture(autouse=True)
def seeded():
    """The caller has seeded, as many scripts do; that must not decide what workers draw."""
    random.seed(1)
    np.random.seed(1)


@pytest.fixture
def executor_of_forks():
    context = multiprocessing.get_context("fork")
    with cf.ProcessPoolExecutor(2, mp_context=context) as executor:
        yield executor


@pytest.mark.parametrize(
    "engine", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in ENGINES]
)
def test_all_psets_draw_different_numbers_and_the_caller_keeps_its_state(engine):
    pytest.importorskip(NEEDS.get(engine, "psweep"))
    before = global_states()
    with ENGINES[engine]() as kwds:
        assert different(kwds) == {"random": N, "numpy.random": N}
    if engine not in ("threads", "dask in this process"):  # they draw from the caller's state
        # dask's client itself draws from `random`
        first = 1 if engine == "dask processes" else 0
        assert global_states()[first:] == before[first:]


def test_threads_and_serial_runs_draw_the_callers_numbers():
    expected = np.random.normal(size=6)
    for kwds in ({}, {"executor": cf.ThreadPoolExecutor(1)}):
        np.random.seed(1)
        df = ps.run_local(
            lambda p: {"y": np.random.normal()}, ps.plist("a", range(6)), save=False, **kwds
        )
        assert df.y.tolist() == expected.tolist()


def test_dask_in_this_process_draws_the_callers_numbers():
    expected = np.random.normal(size=6)
    with dask(n_workers=1) as client:
        np.random.seed(1)
        df = ps.run_local(
            lambda p: {"y": np.random.normal()},
            ps.plist("a", range(6)),
            save=False,
            executor=client,
        )
    assert sorted(df.y) == sorted(expected)


@pytest.mark.slow
def test_repeats_with_poolsize_have_a_spread():
    for _ in range(20):
        df = ps.run_local(lambda p: {"y": np.random.normal(p["mu"])}, [{"mu": 5}], poolsize=1)
    assert df.y.nunique() == 20
    stats = df.groupby("_pset_hash").y.agg(["count", "std"])
    assert stats["std"].iloc[0] > 0.1


def test_runs_on_one_executor_go_on_with_their_numbers(executor_of_forks):
    def draw(pset):
        return {"y": np.random.normal(), "z": random.random()}

    for _ in range(3):
        df = ps.run_local(draw, ps.plist("a", range(20)), executor=executor_of_forks)
    assert df.y.nunique() == df.z.nunique() == 60


def test_an_executor_inside_a_worker_is_seeded_too():
    """Its processes inherit that this worker was seeded, and the state it has by then."""

    def draw(pset):
        return {"y": np.random.normal()}

    def nested(pset):
        context = multiprocessing.get_context("fork")
        ys = []
        for _ in range(2):
            with cf.ProcessPoolExecutor(1, mp_context=context) as executor:
                ys += ps.run_local(draw, [{"b": 1}], executor=executor, save=False).y.tolist()
        return {"ys": ys}

    df = ps.run_local(nested, ps.plist("a", range(2)), poolsize=2, save=False)
    assert len(set(sum(df.ys, []))) == 4


def test_retries_and_replaced_workers_draw_other_numbers():
    folder = os.path.abspath("drawn")
    Path(folder).mkdir()

    def dies(pset):
        y = np.random.normal()
        Path(folder, repr(y)).touch()
        calls = len(os.listdir(folder))
        if calls % 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"y": y}

    df = ps.run_local(dies, ps.plist("a", range(3)), poolsize=1, retries=3, save=False)
    assert len(os.listdir(folder)) == 12  # as many numbers as calls
    assert df.y.nunique() == 3


TORCH = """
import random

class Generator:
    def manual_seed(self, seed):
        self.random = random.Random(seed)

default_generator = Generator()
default_generator.manual_seed(67280421310721)  # as in every process

def manual_seed(seed):
    default_generator.manual_seed(seed)

def rand():
    return default_generator.random.random()
"""


@pytest.fixture
def torch(monkeypatch):
    """A module that has of torch what counts here."""
    Path("torch.py").write_text(TORCH)
    monkeypatch.syspath_prepend(os.getcwd())
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    yield lambda: importlib.import_module("torch")
    sys.modules.pop("torch", None)


@pytest.mark.parametrize("when", ["before", "in func"])
def test_torch_is_seeded(torch, when):
    folder = os.getcwd()
    before = torch().default_generator.random.getstate() if when == "before" else None

    def draw(pset):
        if folder not in sys.path:
            sys.path.insert(0, folder)
        import torch

        return {"y": torch.rand()}

    for _ in range(3):
        df = ps.run_local(draw, ps.plist("a", range(20)), poolsize=2)
    context = multiprocessing.get_context("fork")
    with cf.ProcessPoolExecutor(2, mp_context=context) as executor:
        df = ps.run_local(draw, ps.plist("a", range(20)), executor=executor)
    assert df.y.nunique() == 80
    if when == "before":
        assert torch().default_generator.random.getstate() == before
    else:
        assert "torch" not in sys.modules
        assert not [finder for finder in sys.meta_path if "Torch" in type(finder).__name__]


def test_modules_that_seed_when_they_are_imported(script):
    """A spawned worker imports them, each seeding the same."""
    Path("my_model.py").write_text(
        textwrap.dedent(
            """
            import random
            import numpy as np
            np.random.seed(42)
            random.seed(42)

            def func(pset):
                return {"y": np.random.normal(), "z": random.random()}
            """
        )
    )
    out, _ = script(
        """
        import multiprocessing, my_model, psweep as ps
        if __name__ == "__main__":
            multiprocessing.set_start_method("spawn")
            df = ps.run_local(my_model.func, ps.plist("a", range(40)), poolsize=2)
            print(df.y.nunique(), df.z.nunique())
        """,
        wait=True,
    )
    assert out == "40 40\n"


def test_modules_that_seed_when_a_later_run_imports_them(executor_of_forks, monkeypatch):
    monkeypatch.syspath_prepend(os.getcwd())
    for name in ("model_one", "model_two"):
        Path(f"{name}.py").write_text(
            "import numpy as np\nnp.random.seed(42)\n"
            "class Model:\n    def draw(self):\n        return np.random.normal()\n"
        )
        module = importlib.import_module(name)
        params = ps.plist("m", [module.Model() for _ in range(20)])
        if name == "model_one":
            next(executor_of_forks.map(int, [0]))  # its processes have not imported the other one
        draw = lambda pset: {"y": pset["m"].draw()}  # noqa: E731
        df = ps.run_local(draw, params, executor=executor_of_forks, save=False)
        assert df.y.nunique() == 20


def test_caller_threads_are_not_stopped_from_drawing(executor_of_forks):
    """Seeding is for the process of a worker; no lock of the caller is held meanwhile."""
    drawn = []
    stop = threading.Event()

    def draw():
        while not stop.is_set():
            drawn.append(np.random.normal())

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        df = ps.run_local(
            lambda p: {"y": np.random.normal()},
            ps.plist("a", range(20)),
            executor=executor_of_forks,
            save=False,
        )
    finally:
        stop.set()
        thread.join()
    assert df.y.nunique() == 20
    assert not set(df.y) & set(drawn)


def test_a_script_that_seeds_and_uses_a_pool(script):
    """As in the manual, in a process of its own."""
    out, _ = script(
        """
        import numpy as np, psweep as ps
        np.random.seed(0)
        f = lambda p: {"y": np.random.normal(p["mu"], 1)}
        for _ in range(20):
            df = ps.run_local(f, [{"mu": 5}], calc_dir="mc", poolsize=1)
        print(df.y.std() > 0.1, df.y.nunique())
        print(ps.run_local(f, ps.plist("mu", [5] * 200), poolsize=8, save=False).y.nunique())
        """,
        wait=True,
    )
    assert out == "True 20\n200\n"
