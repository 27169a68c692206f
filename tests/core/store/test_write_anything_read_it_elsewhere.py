"""Write anything, read it in another process: never unreadable, never stuck, all as it went in.

``PSWEEP_TEST_MINUTES=30 pytest`` of this file looks for new examples for half an hour; normally it
is a short look.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from kinds import COLUMNS, DATA, OBJECTS
from reader import hash_of
from strategies import arrays, hashable, names, nested, odd_names, psets

import psweep as ps

MINUTES = float(os.environ.get("PSWEEP_TEST_MINUTES", "0"))
SUFFIXES = [".pk", ".json", *([".parquet"] if importlib.util.find_spec("pyarrow") else [])]

VALUES = {**DATA, **OBJECTS}
anything = st.recursive(
    nested | arrays | st.sampled_from([*VALUES]).map(lambda name: VALUES[name]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(hashable, inner, max_size=2)
    ),
    max_leaves=3,
)
# Of what the hash covers for sure; the rest comes as results.
param = nested | arrays | st.sampled_from([*DATA]).map(lambda name: DATA[name])
params = st.lists(psets(names | odd_names, param), min_size=1, max_size=3)
results = st.lists(
    st.dictionaries(st.sampled_from(["y", "result z"]), anything, max_size=2),
    min_size=1,
    max_size=3,
)
columns = st.none() | st.tuples(
    st.sampled_from([*COLUMNS]), st.lists(st.integers(-1, 2), min_size=9, max_size=9)
)


class Reader:
    """A process that reads studies."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parents[1] / "reader.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self, base: str, results: list[str]) -> dict:
        request = {"folder": os.getcwd(), "base": base, "results": results}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer
        return answer


@pytest.fixture(scope="module")
def reader():
    reader = Reader()
    with reader.process:  # which closes its pipes and waits for it
        yield reader


def take(name: str, places: list[int], index: pd.Index) -> pd.Series:
    """Draw values of a column, -1 for missing ones where the dtype has any."""
    column = pd.Series(COLUMNS[name])
    where = places[: len(index)]
    try:
        values = column.array.take(where, allow_fill=True)
        if values.dtype != column.dtype:
            raise TypeError
    except Exception:
        values = column.array.take([abs(place) for place in where])
    return pd.Series(values, index=index)


def check_anything(reader, suffix, params, results, column, by_df):
    shutil.rmtree("calc", ignore_errors=True)
    base = "database" + suffix
    ran = []
    done = []

    def func(pset):
        ran.append(pset)
        given = results[len(ran) % len(results)]
        return {name: value for name, value in given.items() if name not in pset}

    def run(psets, **kwds):
        before = len(ran)
        try:
            df = ps.run_local(func, psets, database_basename=base, on_error="record", **kwds)
        except (ps.ParamsTypeError, ps.HashError) as error:
            assert len(ran) == before, "func ran before this was refused"
            event(f"{suffix}: {type(error).__name__}")
            return None
        done.extend(map(ps.pset_hash, psets))
        return df

    df = run(params)
    if df is None:
        df = run([{"a": 1}])
    check(reader, base, df, done)
    if column is not None:
        df["user"] = take(*column, df.index)
        if by_df or suffix != ".pk":
            run([{"b": 2}], df=df)
        else:
            df.to_pickle(f"calc/{base}")
    df = run([{"b": 3}])
    if df is None:  # the column cannot be kept, so it goes
        assert column is not None
        df = ps.df_read(f"calc/{base}").drop(columns="user")
        ps.df_write(df, f"calc/{base}")
        df = run([{"b": 3}])
    check(reader, base, df, done)


def check(reader, base, df, done):
    answer = reader.read(base, ["y", "result z"])
    assert answer["rows"] == done == list(df._pset_hash)
    assert answer["psets"] == done
    rows = [ps.df_extract_row(df, pset_id) for pset_id in df._pset_id]
    assert answer["results"] == [
        [hash_of(row[name]) for name in ("y", "result z") if name in row] for row in rows
    ]
    assert answer["dtypes"] == {repr(name): str(dtype) for name, dtype in df.dtypes.items()}


def given_anything(max_examples, *more):
    def decorate(test):
        checked = settings(
            max_examples=max_examples, deadline=None, suppress_health_check=[*HealthCheck]
        )
        return checked(given(*more, params, results, columns, st.booleans())(test))

    return decorate


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
@given_anything(20)
def test_anything_that_is_written_can_be_read_elsewhere(
    reader, suffix, params, results, column, by_df
):
    check_anything(reader, suffix, params, results, column, by_df)


@pytest.mark.timeout(0)
@pytest.mark.skipif(not MINUTES, reason="takes PSWEEP_TEST_MINUTES, which is not set")
def test_anything_for_many_minutes(reader):
    end = time.monotonic() + 60 * MINUTES
    n = 0

    def check_until_then(suffix, params, results, column, by_df):
        nonlocal n
        if time.monotonic() < end:
            n += 1
            check_anything(reader, suffix, params, results, column, by_df)

    # Hypothesis has no limit by time, so after it examples pass at once; rounds keep these few.
    while time.monotonic() < end:
        given_anything(300, st.sampled_from(SUFFIXES))(check_until_then)()
    print(f"{n} examples in {MINUTES} minutes")
