"""Tracebacks show the frames of the user, and not ours."""

from __future__ import annotations

import concurrent.futures as cf
import dataclasses
import os
import re
import sys
import traceback

import pytest

import psweep as ps
from psweep_core.errors import RemoteTraceback
from psweep_core.running import planner

pytestmark = [pytest.mark.processes, pytest.mark.untraced]

SCRIPT = """
    import concurrent.futures as cf, functools, json, sys
    import psweep as ps

    def helper(x):
        return json.loads(x)

    def func(pset):
        return {"b": helper(pset["a"])}

    if __name__ == "__main__":
        kwds = eval(sys.argv[1])
        ps.run_local(func, [{"a": "1"}, {"a": "{]"}], **kwds)
    """

ENGINE_CODES = [
    "{}",
    "{'save': False}",
    "{'capture_logs': 'db'}",
    "{'retries': 1}",
    "{'poolsize': 2}",
    "{'poolsize': 2, 'timeout': 100, 'save': False}",
    "{'executor': cf.ThreadPoolExecutor(2)}",
    "{'executor': cf.ProcessPoolExecutor(2)}",
]


def frames(text):
    """Give file and function of each frame in what Python has printed."""
    found = re.findall(r'^ *File "(.*)", line \d+, in (.*)$', text, re.MULTILINE)
    return [(file.replace("\\\\", "/").split("/")[-1], name) for file, name in found]


@pytest.mark.parametrize("kwds", ENGINE_CODES)
def test_python_prints_the_frames_of_the_user(script, kwds):
    process = script(SCRIPT, kwds)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    ours = [frame for frame in frames(err) if frame[0] == "keywords.py"]
    rest = [name for _, name in frames(err) if name in ("<module>", "func", "helper", "loads")]
    assert len(ours) == 1  # Python adds the frame in which run_local raises
    assert err.count("/psweep_core/") == 1
    assert "PSWEEP_FULL_TRACEBACK=1 shows" in err
    assert sorted(rest) == ["<module>", "func", "helper", "loads"]
    for internal in ("multiprocessing", "concurrent", "contextlib"):
        assert internal not in err
    assert "json.decoder.JSONDecodeError: " in err
    if sys.version_info >= (3, 11):  # which has notes
        assert "psweep: raised for the pset {'a': '{]'}" in err


@pytest.mark.parametrize("kwds", ["{}", "{'poolsize': 2}"])
def test_all_frames_are_shown_on_demand(script, kwds, monkeypatch):
    monkeypatch.setenv("PSWEEP_FULL_TRACEBACK", "1")
    process = script(SCRIPT, kwds)
    _, err = process.communicate(timeout=120)
    names = [name for _, name in frames(err)]
    assert "run_local" in names
    assert "saved" in names
    assert names.count("checked") == 1
    assert "func" in names
    monkeypatch.setenv("PSWEEP_FULL_TRACEBACK", "0")
    process = script(SCRIPT, kwds)
    _, err = process.communicate(timeout=120)
    assert "in saved" not in err


def shown(error):
    return "".join(traceback.format_exception(error))


def test_causes_and_contexts_are_the_users(engine):  # noqa: F811
    def func(pset):
        try:
            return {"b": {}[pset["a"]]}
        except KeyError as error:
            raise ValueError("mine") from error

    with pytest.raises(ValueError, match="mine") as caught:
        ps.run_local(func, [{"a": 1}], **engine)
    text = shown(caught.value)
    assert "KeyError: 1" in text
    assert "direct cause" in text
    assert text.count("/psweep_core/") == 1
    assert "in func" in text


def test_the_users_own_context_stays():
    def func(pset):
        raise ValueError("inner")

    with pytest.raises(ValueError, match="inner") as caught:
        try:
            raise LookupError("outer")
        except LookupError:
            ps.run_local(func, [{"a": 1}])
    assert isinstance(caught.value.__context__, LookupError)
    assert not caught.value.__suppress_context__


def test_a_func_that_calls_psweep():
    def func(pset):
        ps.run_local(lambda p: {"c": 1 / p["b"]}, [{"b": 0}], save=False)
        return {}

    with pytest.raises(ZeroDivisionError) as caught:
        ps.run_local(func, [{"a": 1}])
    names = [entry.name for entry in traceback.extract_tb(caught.value.__traceback__)]
    assert names == ["test_a_func_that_calls_psweep", "checked", "func", "<lambda>"]

    def reads(pset):
        return ps.df_read("nowhere")

    with pytest.raises(ps.StudyNotFoundError) as caught:
        ps.run_local(reads, [{"a": 1}])
    names = [entry.name for entry in traceback.extract_tb(caught.value.__traceback__)]
    assert names == ["test_a_func_that_calls_psweep", "checked", "reads"]


def test_a_func_in_c():
    with pytest.raises(TypeError, match="not 'dict'") as caught:
        ps.run_local(float, [{"a": 1}])
    assert shown(caught.value).count("/psweep_core/") == 1


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    """Takes no further attributes, which is what notes and tracebacks are, too."""

    a: int
    exceptions: int = 3


def test_an_exception_that_cannot_be_changed(engine):  # noqa: F811
    def func(pset):
        raise Frozen(pset["a"])

    with pytest.raises(Frozen) as caught:
        ps.run_local(func, [{"a": 5}], **engine)
    assert caught.value.a == 5
    assert shown(caught.value).count("/psweep_core/") == 1
    df = ps.run_local(func, [{"a": 5}], on_error="record", **engine)
    assert "Frozen" in df._exc_txt[0]


@pytest.mark.parametrize(
    "kwds",
    [{"poolsize": 0}, {"params": [3]}, {"nonsense": 1}, {"params": [{"a": (i for i in ())}]},
     {"func": lambda p: 3}, {"func": lambda p: {"b": (i for i in ())}}],
)  # fmt: skip
def test_errors_of_psweep_show_the_line_that_called_it(kwds):
    with pytest.raises(ps.PsweepError) as caught:
        ps.run_local(**{"func": lambda p: {}, "params": [{"a": 1}], **kwds})
    text = shown(caught.value)
    assert text.count("/psweep_core/") == 1
    assert "ps.run_local(**{" in text


def test_a_bug_in_psweep_is_shown_in_full(monkeypatch):
    def bug(*args, **kwds):
        raise IndexError("a bug")

    monkeypatch.setattr(planner, "plan_jobs", bug)
    with pytest.raises(IndexError) as caught:
        ps.run_local(lambda p: {}, [{"a": 1}])
    names = [entry.name for entry in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-3:] == ["_plan", "plan", "bug"]
    assert names.count("checked") == 1


def test_recorded_tracebacks_begin_at_func(engine):  # noqa: F811
    def func(pset):
        raise ValueError("bad")

    df = ps.run_local(func, [{"a": 1}], on_error="record", **engine)
    first, second, *_, last = df._exc_txt[0].splitlines()
    assert first == "Traceback (most recent call last):"
    assert second.endswith("in func")
    assert last == "ValueError: bad"


def test_a_replaced_worker_does_not_show_how_its_predecessor_died():
    def func(pset):
        if pset["a"] == 0:
            os._exit(1)
        raise ValueError("bad")

    df = ps.run_local(func, ps.plist("a", [0, 1]), poolsize=1, on_error="record")
    assert "EOFError" not in df._exc_txt[1]
    assert df._exc_txt[1].count("Traceback") == 1


def test_pytest_and_ipython_hide_the_last_frame_of_ours():
    with pytest.raises(ZeroDivisionError) as caught:
        ps.run_local(lambda p: 1 / 0, [{"a": 1}])
    entries = [e for e in caught.traceback if e.name == "checked"]
    assert len(entries) == 1
    assert entries[0].frame.f_locals["__tracebackhide__"] is True


def bad(pset):
    raise ValueError("bad")


def test_the_traceback_of_another_process_is_the_cause():
    with cf.ProcessPoolExecutor(1) as executor:
        with pytest.raises(ValueError, match="bad") as caught:
            ps.run_local(bad, [{"a": 1}], executor=executor)
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert "in bad" in str(caught.value.__cause__)
    assert "/psweep_core/" not in str(caught.value.__cause__)
