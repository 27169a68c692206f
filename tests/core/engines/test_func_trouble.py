"""Whatever func raises or returns, the trouble is its own pset's."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from every_engine import ENGINES, PROCESSES, run

import psweep as ps

SLOW = pytest.mark.slow
TWO_AT_A_TIME = "poolsize=2", "processes", "threads"
SAVED = [engine for engine in ENGINES if engine != "unsaved"]


class PanicException(BaseException):
    """As pyo3 raises it if Rust code panics."""


class Unshowable(Exception):
    def __str__(self):
        raise RuntimeError("no str")

    __repr__ = __str__


class RefusesNotes(Exception):
    def add_note(self, text):
        raise AttributeError


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    """Nothing can be set in it, not even ``__traceback__``."""

    code: int


class RaisesWhenLookedAt(Exception):
    @property
    def __traceback__(self):
        raise LookupError("no traceback")

    @property
    def __cause__(self):
        raise LookupError("no cause")

    @property
    def __context__(self):
        raise LookupError("no context")

    @property
    def __notes__(self):
        raise LookupError("no notes")

    @property
    def args(self):
        raise LookupError("no args")


class HidesItsClass(Exception):
    @property
    def __class__(self):
        raise LookupError("no class")

    def __str__(self):
        raise LookupError("no str")

    __repr__ = __reduce__ = __reduce_ex__ = __str__


class HidesAll(Exception):
    def __getattribute__(self, name):
        raise LookupError(name)


CANNOT_BE_LOOKED_AT = {
    "RaisesWhenLookedAt": RaisesWhenLookedAt,
    "HidesItsClass": HidesItsClass,
    "HidesAll": HidesAll,
}
KINDS = CANNOT_BE_LOOKED_AT | {
    kind.__name__: kind
    for kind in (
        PanicException, GeneratorExit, asyncio.CancelledError, SystemExit, StopIteration,
        StopAsyncIteration, BaseException, Unshowable, RefusesNotes, Frozen,
    )
}  # fmt: skip


def fails_for_two(name):
    def func(pset):
        if pset["a"] == 2:
            raise KINDS[name](1)
        Path(f"finished_{pset['a']}").touch()
        return {"b": pset["a"]}

    return func


def assert_what_finished_is_kept(engine):
    kept = set(ps.df_read("calc").a)
    assert 2 not in kept
    if engine in TWO_AT_A_TIME:  # the other one may not have begun
        finished = {int(path.name.removeprefix("finished_")) for path in Path().glob("finished_*")}
        # (A worker of ours that has not returned yet is ended.)
        assert finished <= kept or engine == "poolsize=2"
    else:
        assert {0, 1} <= kept


@pytest.mark.parametrize("engine", ENGINES[:-1])
def test_whatever_func_raises_is_recorded_with_its_traceback(engine):
    def func(pset):
        if pset["name"] is not None:
            raise KINDS[pset["name"]](1)
        return {}

    names = [each for name in KINDS for each in (name, None)]
    df = run(engine, func, ps.plist("name", names), on_error="record", retries=1)
    assert df._failed.tolist() == [True, False] * len(KINDS)
    for name, text in zip(KINDS, df._exc_txt[::2], strict=True):
        assert f"{name}: " in text
        assert "in func" in text
        assert text.endswith("psweep: func was called 2 times for this pset\n")


@pytest.mark.parametrize("engine", ["serial", *ENGINES[-1:]])
@pytest.mark.parametrize("capture_logs", [None, "db"])
def test_all_that_func_raises_in_one_run_is_recorded(engine, capture_logs):
    def func(pset):
        print("about to raise")
        raise KINDS[pset["name"]](1)

    if engine == "dask":
        capture_logs = None
    kwds = {"on_error": "record", "capture_logs": capture_logs}
    df = run(engine, func, ps.plist("name", [*KINDS]), **kwds)
    assert df._failed.all()
    for name, text in zip(KINDS, df._exc_txt, strict=True):
        assert f"{name}: " in text
    if capture_logs:
        assert df._logs.tolist() == ["about to raise\n"] * len(KINDS)


@pytest.mark.parametrize("engine", ["serial", pytest.param("spawn", marks=SLOW)])
def test_an_exception_whose_class_hides_its_name_is_recorded(engine):
    def func(pset):
        class Nameless(type):
            def __getattribute__(cls, name):
                raise LookupError(name)

        class HidesItsName(Exception, metaclass=Nameless):
            pass

        raise HidesItsName(1)

    df = run(engine, func, ps.plist("a", [1, 2]), on_error="record")
    assert df._failed.all()
    assert df._exc_txt[1].endswith("HidesItsName: 1\n")


# (pytest cannot report those that cannot be looked at; for Frozen see the next test.)
@pytest.mark.parametrize(
    "name", sorted(KINDS.keys() - {"Frozen", "SystemExit"} - CANNOT_BE_LOOKED_AT.keys())
)
@pytest.mark.parametrize("engine", ENGINES[:-1])
def test_the_user_gets_their_own_exception(engine, name):
    with pytest.raises(KINDS[name]) as caught:
        run(engine, fails_for_two(name), ps.plist("a", range(5)), retries=1)
    assert type(caught.value) is KINDS[name]
    assert caught.value.args == (1,)
    if name != "RefusesNotes":
        notes = "".join(caught.value.__notes__)
        assert notes.count("raised for the pset {'a': 2} (_pset_seq=2") == 1
        assert "func was called 2 times" in notes
    if engine != "unsaved":
        assert_what_finished_is_kept(engine)


@pytest.mark.parametrize("name", ["Frozen", "StopIteration", "ValueError"])
@pytest.mark.parametrize("kwds", [{"capture_logs": "db"}, {"seed": 1}])
@pytest.mark.parametrize("poolsize", [None, pytest.param(1, marks=SLOW)])
def test_the_user_gets_their_own_exception_with_options(poolsize, kwds, name):
    kind = {**KINDS, "ValueError": ValueError}[name]

    def func(pset):
        raise kind(1)

    with pytest.raises(kind) as caught:
        ps.run_local(func, [{"a": 2}], poolsize=poolsize, **kwds)
    assert type(caught.value) is kind
    assert caught.value.__context__ is None


@SLOW
@pytest.mark.parametrize("name", ["StopIteration", "PanicException"])
def test_the_user_gets_their_own_exception_from_dask(name):
    with pytest.raises(KINDS[name]) as caught:
        run("dask", fails_for_two(name), ps.plist("a", range(5)))
    assert "{'a': 2}" in "".join(caught.value.__notes__)


@pytest.mark.parametrize(
    "kwds",
    [
        *({}, {"save": False}, {"capture_logs": "db"}, {"verbose": True}),
        pytest.param({"poolsize": 1}, marks=SLOW),
    ],
)
def test_next_without_a_default(kwds):
    def func(pset):
        return {"first": next(iter(pset["list"]))}

    params = [{"list": [1]}, {"list": []}]
    with pytest.raises(StopIteration) as caught:
        ps.run_local(func, params, **kwds)
    assert "raised for the pset {'list': []}" in "".join(caught.value.__notes__)
    assert caught.value.__context__ is None
    df = ps.run_local(func, params, on_error="record", **kwds)
    assert df._failed.tolist()[-2:] == [False, True]
    assert df._exc_txt.iloc[-1].startswith("Traceback (most recent call last):\n")
    assert df._exc_txt.iloc[-1].endswith("\nStopIteration\n")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("code", [0, None, "leave"])
def test_sys_exit_is_an_error_that_names_the_pset(engine, code):
    if code is None and engine not in ("serial", "poolsize=1"):
        code = 0

    def func(pset):
        if pset["a"] == 2:
            sys.exit(code)
        return {}

    with pytest.raises(ps.PsetExitError, match=r"sys\.exit\(.*the pset \{'a': 2\}") as caught:
        run(engine, func, ps.plist("a", range(5)))
    assert f"sys.exit({code!r})" in str(caught.value)
    assert "on_error='record'" in str(caught.value)
    assert isinstance(caught.value, RuntimeError)
    if engine in ("serial", "unsaved", "threads", "dask"):  # (dask's worker is in this process.)
        assert isinstance(caught.value.__cause__, SystemExit)
    else:
        assert "SystemExit" in str(caught.value.__cause__)
    df = run(engine, func, ps.plist("a", range(5)), on_error="record", calc_dir="other")
    assert df._failed.tolist() == [False, False, True, False, False]
    assert "SystemExit" in df._exc_txt[2]


@SLOW
@pytest.mark.parametrize("kwds", ["", ", save=False", ", poolsize=1", ", capture_logs='db'"])
def test_sys_exit_does_not_end_a_program_as_if_all_had_been_well(script, kwds):
    process = script(
        f"""
        import sys
        import psweep as ps
        ps.run_local(lambda pset: sys.exit(0), [{{"a": 1}}]{kwds})
        """
    )
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "PsetExitError: func called sys.exit(0) for the pset {'a': 1}" in err


@pytest.mark.parametrize("on_error", ["raise", "record"])
@pytest.mark.parametrize("kwds", [{}, {"save": False}, {"retries": 2}, {"capture_logs": "db"}])
def test_ctrl_c_in_func_is_a_keyboard_interrupt(kwds, on_error):
    calls = []

    def func(pset):
        calls.append(pset["a"])
        if pset["a"] == 1:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        return {}

    # (whoever runs the tests in the background has Ctrl-C ignored)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            ps.run_local(func, ps.plist("a", range(3)), on_error=on_error, **kwds)
    finally:
        signal.signal(signal.SIGINT, before)
    assert calls == [0, 1]
    if kwds.get("save", True):
        assert ps.df_read("calc").a.tolist() == [0]


@pytest.mark.parametrize("on_error", ["raise", "record"])
@pytest.mark.parametrize("engine", ENGINES[:-1])
def test_a_keyboard_interrupt_that_func_raises_ends_the_run(engine, on_error):
    def func(pset):
        if pset["a"] == 2:
            raise KeyboardInterrupt
        Path(f"finished_{pset['a']}").touch()
        return {}

    with pytest.raises(KeyboardInterrupt):
        run(engine, func, ps.plist("a", range(5)), on_error=on_error)
    if engine != "unsaved":
        assert_what_finished_is_kept(engine)


# -- values that can be neither stored nor shown


class Hopeless:
    def __repr__(self):
        raise PanicException("no repr")

    def __reduce__(self):
        raise Unshowable


def deep(n=5000):
    value = []
    for _ in range(n):
        value = [value]
    return value


class DictOfMine(dict):
    def __repr__(self):
        raise RuntimeError("no repr")


RESULTS = {
    "hopeless": lambda: {"r": Hopeless()},
    "within": lambda: {"r": [{"x": Hopeless()}]},
    "name": lambda: {Unshowable(): Hopeless()},
    "deep": lambda: {"r": deep()},
    "no dict": Hopeless,
    "deep list": deep,
    "param": lambda: {"a": Hopeless()},
    "reserved": lambda: {"_pset_id": Hopeless()},
}


def returns(name):
    def func(pset):
        return RESULTS[name]() if pset["a"] == 1 else DictOfMine(r=1)

    return func


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("engine", SAVED[:-1])
def test_a_result_that_is_neither_stored_nor_shown_fails_alone(engine, name):
    func = returns(name)
    df = run(engine, func, ps.plist("a", range(3)), on_error="record")
    assert df._failed.tolist() == [False, True, False]
    assert "ResultError: " in df._exc_txt[1]
    assert "the pset {'a': 1}" in df._exc_txt[1]
    assert df.r.dropna().tolist() == [1, 1]
    with pytest.raises(ps.ResultError, match="the pset {'a': 1}"):
        run(engine, func, ps.plist("a", range(3)))


@pytest.mark.parametrize("database", ["database.json", "database.parquet"])
@pytest.mark.parametrize("name", RESULTS)
def test_so_it_is_in_formats_that_hold_data_only(name, database):
    if database.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="needs pip install 'psweep-core[parquet]'")
    df = ps.run_local(
        returns(name), ps.plist("a", range(3)), on_error="record", database_basename=database
    )
    assert df._failed.tolist() == [False, True, False]
    assert len(ps.df_read("calc")) == 3


@pytest.mark.parametrize("name", ["no dict", "deep list", "reserved"])
def test_a_wrong_result_that_cannot_be_shown_fails_alone_without_files_too(name):
    df = ps.run_local(returns(name), ps.plist("a", range(3)), on_error="record", save=False)
    assert df._failed.tolist() == [False, True, False]


@SLOW
@pytest.mark.parametrize("depth", [50, 100, 200, 300, 400, 500, 700, 1000, 2000, 20_000])
@pytest.mark.parametrize("engine", ["serial", "poolsize=1", "threads"])
def test_results_of_any_depth_are_kept_or_fail_alone(engine, depth):
    def func(pset):
        return {"r": deep(depth) if pset["a"] == 1 else 1}

    df = run(engine, func, ps.plist("a", range(3)), on_error="record")
    assert df._failed.tolist() in ([False, True, False], [False, False, False])
    assert len(ps.run_local(lambda pset: {}, [{"a": 7}])) == 4
    assert len(ps.df_read("calc")) == 4


@pytest.mark.parametrize("kwds", [{}, {"poolsize": 1}, {"database_basename": "database.json"}])
@pytest.mark.parametrize("value", [Hopeless(), deep(), [Hopeless()]], ids=["one", "deep", "in"])
def test_such_params_are_refused_before_anything_runs(value, kwds, tmp_path):
    ran = []
    with pytest.raises(ps.PsweepError, match="'a'") as caught:
        ps.run_local(lambda pset: ran.append(1), [{"a": 1}, {"a": value}], **kwds)
    assert isinstance(caught.value, TypeError)
    assert not ran
    assert list(tmp_path.iterdir()) == []


class NoRepr:
    def __repr__(self):
        raise RuntimeError("no repr")


@pytest.mark.parametrize("engine", ["serial", *PROCESSES[:1]])
def test_params_that_only_cannot_be_shown_are_run_and_may_fail(engine):
    params = [{"a": NoRepr(), "b": 1}, {"a": NoRepr(), "b": 2}]

    def func(pset):
        if pset["b"] == 2:
            raise ValueError("of two")
        return {}

    df = run(engine, func, params, on_error="record", verbose=True)
    assert df._failed.tolist() == [False, True]
    with pytest.raises(ValueError, match="of two") as caught:
        run(engine, func, params[1:])
    assert "<NoRepr object, not shown because of RuntimeError>, 'b': 2" in "".join(
        caught.value.__notes__
    )


def test_a_message_is_not_longer_than_it_needs_to_be():
    with pytest.raises(ps.ResultError) as caught:
        ps.run_local(lambda pset: "x" * 100_000, [{"a": "y" * 100_000}])
    assert len(str(caught.value)) < 2000


@SLOW
def test_the_scripts_own_exceptions_can_be_caught_on_every_engine(script):
    out, _ = script(
        """
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        import psweep as ps

        class Plain(Exception):
            pass

        class WithState(Exception):
            def __init__(self, pset, residual):
                super().__init__(f"not converged: {residual}")
                self.pset, self.residual = pset, residual

        def func(pset):
            raise Plain("no") if pset["a"] == 0 else WithState(pset, Plain("inner"))

        if __name__ == "__main__":
            fork = multiprocessing.get_context("fork")
            with ProcessPoolExecutor(1, mp_context=fork) as executor:
                for kwds in (
                    {},
                    {"poolsize": 1},
                    {"poolsize": 1, "worker_env": {"A": "1"}},
                    {"executor": executor},
                ):
                    for a in (0, 1):
                        try:
                            ps.run_local(func, [{"a": a}], save=False, **kwds)
                        except Plain:
                            print("plain", end=" ")
                        except WithState as error:
                            print(error.pset["a"], type(error.residual) is Plain)
        """,
        wait=True,
    )
    assert out.splitlines() == ["plain 1 True"] * 4


@SLOW
def test_an_exception_class_inside_a_function_can_be_caught_on_every_engine():
    class Base(Exception):
        pass

    class Inner(Base):
        def __init__(self, a):
            super().__init__(f"no {a}")
            self.a = a

    def func(pset):
        raise Inner(pset["a"])

    for kwds in ({}, {"poolsize": 1}, {"poolsize": 1, "worker_env": {"A": "1"}}):
        with pytest.raises(Base) as caught:
            ps.run_local(func, [{"a": 3}], save=False, **kwds)
        assert type(caught.value) is Inner
        assert (caught.value.a, str(caught.value)) == (3, "no 3")


def test_an_error_of_a_file_keeps_its_number_and_its_file():
    class Missing(FileNotFoundError):
        def __init__(self, path):
            super().__init__(2, "gone", path)

    def func(pset):
        raise Missing("f.txt")

    for kwds in ({}, {"poolsize": 1}):
        with pytest.raises(Missing) as caught:
            ps.run_local(func, [{"a": 3}], save=False, **kwds)
        assert (caught.value.errno, caught.value.filename) == (2, "f.txt")
        assert str(caught.value) == "[Errno 2] gone: 'f.txt'"
