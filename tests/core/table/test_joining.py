"""Columns below each other: the same as if all cells had come at once."""

import decimal
import itertools
import sys

import numpy as np
import pandas as pd
import pytest

from psweep_core.table.cells import MISSING, cells, column
from psweep_core.table.joining import join

NAN = float("nan")
PARTS = {
    "nothing": None,
    "int": [1, 2],
    "int, missing": [1, MISSING],
    "large int": [2**53 + 1, 3],
    "bool": [True, False],
    "bool, missing": [MISSING, True],
    "float": [0.5, 2.0],
    "float, missing": [MISSING, 0.5],
    "NaN": [NAN, NAN],
    "NaN, missing": [NAN, MISSING],
    "float, None": [None, 0.5],
    "None": [None, None],
    "None, missing": [None, MISSING],
    "int, None": [1, None],
    "complex": [1j, 2 + 0j],
    "complex, missing": [1j, MISSING],
    "complex, NaN": [1j, NAN],
    "text": ["x", "y\n"],
    "text, missing": [MISSING, "x"],
    "text, None": [None, "x"],
    "half of a pair": ["\ud800", "x"],
    "time": [pd.Timestamp("2020-01-01").as_unit("ns"), pd.Timestamp(5)],
    "time, missing": [pd.Timestamp(5), MISSING],
    "pandas' own": [pd.NA, pd.NaT],
    "mixed": [1, "x"],
    "mixed, missing": [MISSING, (1, 2), 0.5],
    "odd NaN": [np.float64("nan"), decimal.Decimal("NaN"), "x"],
    "lists": [[1], {"a": 2}],
    "arrays": [np.arange(3), MISSING],
}


def series(values, exact):
    if values is None:
        return None
    made = column(values, exact)
    return pd.Series(made, dtype=made.dtype)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("upper", PARTS)
def test_two_halves_become_what_all_cells_at_once_become(upper, exact):
    for lower in PARTS:
        halves = PARTS[upper], PARTS[lower]
        if halves == (None, None):
            continue
        every = [*itertools.chain.from_iterable(half or [MISSING] * 3 for half in halves)]
        expected = series(every, exact)
        lengths = tuple(3 if half is None else len(half) for half in halves)
        found = join(*(series(half, exact) for half in halves), lengths, exact)
        assert (found.dtype, [*map(repr, cells(found))]) == (
            expected.dtype,
            [*map(repr, cells(expected))],
        ), lower
        assert [*found.index] == [*range(sum(lengths))]


def test_old_cells_are_not_touched_one_by_one():
    n = 20_000
    wide = {
        "Int64": pd.array([1] * n, dtype="Int64"),
        "boolean": pd.array([True] * n, dtype="boolean"),
        "objects": pd.Series([[1], None] * (n // 2), dtype=object),
        "complex": pd.Series([1j] * n),
        "missing": None,
    }
    new = {"int": [1], "text": ["x"], "list": [[2]], "complex": [2j], "nothing": None}
    lines = 0

    def count(frame, event, arg):
        nonlocal lines
        ours = "psweep_core" in frame.f_code.co_filename
        lines += ours
        return count if ours else None

    for (_, upper), (_, lower) in itertools.product(wide.items(), new.items()):
        if upper is None and lower is None:
            continue
        below = series(lower, exact=False)
        before = sys.gettrace()
        sys.settrace(count)
        try:
            join(None if upper is None else pd.Series(upper), below, (n, 1))
        finally:
            sys.settrace(before)
    assert lines < 5000


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("ints", [[1, 2], [1, MISSING]])
def test_floats_without_a_value_make_no_floats_of_ints(ints, exact):
    empty = pd.Series([NAN, NAN])  # as read from JSON and Parquet
    expected = [MISSING, MISSING, *ints]
    made = join(empty, series(ints, exact), (2, 2), exact)
    assert str(made.dtype) == "Int64"
    assert cells(made) == expected
    made = join(series(ints, exact), empty, (2, 2), exact)
    assert str(made.dtype) == "Int64"
    assert cells(made) == [*ints, MISSING, MISSING]
