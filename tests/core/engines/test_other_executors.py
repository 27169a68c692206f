"""Executors that are of no known class, but can do what is needed, such as submitit's."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future

import numpy as np
import pytest

import psweep as ps

pytestmark = pytest.mark.processes

PARAMS = ps.plist("a", range(12))


class Job:
    """A job that has to be asked whether it has ended, and runs in a thread here."""

    def __init__(self, function, args):
        self.outcome = self.error = None
        self.thread = threading.Thread(target=self.run, args=(function, args))
        self.thread.start()

    def __eq__(self, other):
        raise AssertionError

    __hash__ = None

    def run(self, function, args):
        try:
            self.outcome = function(*args)
        except BaseException as error:
            self.error = error

    def done(self):
        return not self.thread.is_alive()

    def result(self):
        self.thread.join()
        if self.error is not None:
            raise self.error
        return self.outcome


class Jobs:
    def submit(self, function, *args):
        return Job(function, args)


class Refused(Jobs):
    def submit(self, function, *args):
        def fail(*_):
            raise RuntimeError("the node has crashed")

        return Job(fail, args)


class Now:
    """Runs what is submitted at once, like executors for debugging."""

    def submit(self, function, *args):
        future = Future()
        future.set_result(function(*args))
        return future


def func(pset):
    return {"b": 1 / (pset["a"] - 3)} if pset["a"] < 4 else {"b": pset["a"]}


def test_jobs_are_asked_whether_they_have_ended():
    df = ps.run_local(func, PARAMS, executor=Jobs(), on_error="record", seed=1)
    assert df.b.tolist()[4:] == [*range(4, 12)]
    assert df._failed.tolist() == [a == 3 for a in range(12)]
    assert df._seed.nunique() == 12
    with pytest.raises(ZeroDivisionError):
        ps.run_local(func, PARAMS, executor=Jobs(), calc_dir="two")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_is_called_after_the_end_where_submit_itself_calls(error, tmp_path):
    def fails(pset):
        (tmp_path / str(pset["a"])).touch()
        if pset["a"] == 1:
            raise error
        return {"b": pset["a"]}

    with pytest.raises(error):
        ps.run_local(fails, PARAMS, executor=Now())
    assert sorted(path.name for path in tmp_path.glob("[0-9]*")) == ["0", "1"]
    assert ps.df_read("calc").b.tolist() == [0]


def test_a_job_that_fails_is_recorded():
    df = ps.run_local(func, PARAMS[:2], executor=Refused(), on_error="record")
    assert df._failed.tolist() == [True, True]
    assert "the node has crashed" in df._exc_txt[0]


@pytest.mark.parametrize("returned", [None, 3, "job"])
def test_what_is_no_future_is_refused(returned):
    class Odd:
        def submit(self, *_):
            return returned

    with pytest.raises(ps.ParamsTypeError, match=r"is not a future: it needs .*result\(\)"):
        ps.run_local(func, PARAMS, executor=Odd())


@pytest.mark.parametrize("executor", [3, "dask", [], Jobs, object(), threading])
def test_what_is_no_executor_is_refused(executor):
    with pytest.raises(ps.ParamsTypeError, match=r"executor must be .* method submit\(\)"):
        ps.run_local(func, PARAMS, executor=executor)


def test_submitit():
    submitit = pytest.importorskip("submitit", reason="needs submitit: pip install submitit")
    executor = submitit.LocalExecutor(folder="jobs")
    executor.update_parameters(timeout_min=5)

    def draw(pset):
        return {"x": np.random.normal(), "pid": os.getpid()}

    params = PARAMS[:3]
    df = ps.run_local(draw, params, executor=executor, seed=1)
    expected = ps.run_local(draw, params, seed=1, save=False)
    assert df.x.tolist() == expected.x.tolist()
    assert os.getpid() not in df.pid.tolist()
