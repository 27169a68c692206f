"""A private copy gets the rows that are new, in place, and nothing else changes it."""

import contextlib
import random

import numpy as np
import pandas as pd
import pytest

import psweep as ps
from psweep_core.store.growing_copy import GrowingCopy
from psweep_core.table.cells import cells

COLUMNS = {
    "int": [1, 2, 3, 4],
    "bool": [True, False, True, True],
    "float": [0.5, float("nan"), -0.0, 1e300],
    "complex": [1j, 2.0, 3j, 4j],
    "time": [*pd.to_datetime(["2020-01-01", "2021-01-01", None, "2022-01-01"])],
    "text": ["a", "é\n", "c", "d"],
    "missing text": pd.Series(["a", None, "c", "d"]),
    "Int64": pd.Series([1, None, 3, 4], dtype="Int64"),
    "boolean": pd.Series([True, None, False, True], dtype="boolean"),
    "object": pd.Series([1, "a", None, 2.5], dtype=object),
}


def frame(n, names=COLUMNS):
    return pd.DataFrame({name: pd.Series(COLUMNS[name])[:n] for name in names})


def held_by_pyarrow():
    arrow = getattr(pd.Series(["x"]).dtype, "storage", "") == "pyarrow"
    return {"text", "missing text"} if arrow else set()


@pytest.mark.parametrize("name", COLUMNS)
def test_rows_are_added_in_place(name):
    first, whole = frame(2, [name]), frame(4, [name])
    copy = GrowingCopy(first)
    pd.testing.assert_frame_equal(copy.df, first)
    before = copy.df
    # (The cells of columns that pyarrow holds cannot be changed: these are copied each time.)
    assert copy.grow(whole) == (name not in held_by_pyarrow())
    if name not in held_by_pyarrow():
        pd.testing.assert_frame_equal(copy.df, whole)
        assert repr(cells(copy.df[name])) == repr(cells(whole[name]))
    pd.testing.assert_frame_equal(before, first)
    pd.testing.assert_frame_equal(GrowingCopy(whole).df, whole)


@pytest.mark.parametrize("name", COLUMNS)
def test_no_memory_is_shared(name):
    copy = GrowingCopy(frame(2, [name]))
    df = frame(4, [name])
    copy.grow(df)
    wanted = repr(cells(copy.df[name]))
    for array in (df[name].array, df[name].to_numpy(), df[name].values):
        with contextlib.suppress(ValueError, TypeError):  # read-only
            array[:] = array[[1, 0, 3, 2]]
    df.iloc[0, 0] = df.iloc[3, 0]
    assert repr(cells(copy.df[name])) == wanted


@pytest.mark.parametrize("name", [name for name in COLUMNS if name not in held_by_pyarrow()])
def test_other_rows_are_refused(name):
    for rows in ([1, 1, 2, 3], [0, 2, 3], [0, 1], [0], [0, 1] * 100):
        copy = GrowingCopy(frame(2, [name]))
        df = frame(4, [name]).iloc[rows].reset_index(drop=True)
        assert not copy.grow(df)
        pd.testing.assert_frame_equal(copy.df, frame(2, [name]))


def test_other_columns_are_refused():
    copy = GrowingCopy(frame(2, ["int", "float"]))
    for names in (["int"], ["int", "float", "text"], ["float", "int"], ["int", "complex"]):
        assert not copy.grow(frame(4, names))
    changed = frame(4, ["int", "float"]).astype({"int": float})
    assert not copy.grow(changed)
    assert copy.grow(frame(4, ["int", "float"]))


def test_a_copy_grows_until_it_is_full():
    n = 1000
    df = pd.DataFrame({"x": np.arange(n * 2), "text": list(map(str, range(n * 2)))}, dtype=object)
    copy = GrowingCopy(df[:n])
    grown = [copy.grow(df[:m]) for m in range(n + 1, n + 130)]
    assert grown == [True] * 125 + [False] * 4
    pd.testing.assert_frame_equal(copy.df, df[: n + 125])
    assert not GrowingCopy(df[:0]).grow(df)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_any_loop_of_runs_keeps_all_rows(seed):
    rng = random.Random(seed)
    kinds = [
        lambda i: i, lambda i: i + 0.5, lambda i: rng.choice([i, None]), lambda i: f"text {i}",
        lambda i: rng.choice(["a", "b\n", None]), lambda i: i % 2 == 0, lambda i: 1j * i,
        lambda i: rng.choice([0.5, float("nan")]), lambda i: pd.Timestamp(i), lambda i: 2**70 + i,
    ]  # fmt: skip
    wanted = []
    kind = rng.choice(kinds)
    for i in range(30):
        if rng.random() < 0.2:
            kind = rng.choice(kinds)
        values = [kind(i) for _ in range(rng.choice([1, 1, 1, 3, 40]))]
        wanted += values
        params = [{"x": value} for value in values]
        df = ps.run_local(lambda pset: {"y": pset["x"]}, params, progress=False)
        for column in (*"xy", "_pset_id"):
            array = df[column].array
            with contextlib.suppress(ValueError):
                array[:] = array[::-1].copy()
    found = pd.read_pickle("calc/database.pk")
    for name in "xy":
        assert [repr(v) for v in cells(found[name])] == [repr(v) for v in wanted]
    assert found["_pset_id"].is_unique
    assert found["_pset_hash"].tolist() == [ps.pset_hash({"x": x}) for x in cells(found["x"])]
