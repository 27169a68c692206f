"""Hypothesis strategies for psets: names and values of many types."""

from __future__ import annotations

import datetime
import math

import numpy as np
import pandas as pd
from hypothesis import strategies as st

RESERVED = {
    "_run_id", "_pset_id", "_calc_dir", "_time_utc", "_pset_hash", "_pset_seq", "_run_seq",
    "_pset_runtime", "_failed", "_exc_txt", "_logs", "_exec_host", "_git_commit",
}  # fmt: skip

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)

numpy_scalars = (
    st.integers(-5, 5).map(np.int64)
    | st.integers(0, 5).map(np.uint8)
    | st.floats().map(np.float64)
    | st.floats(width=32).map(np.float32)
    | st.booleans().map(np.bool_)
    | st.sampled_from([np.datetime64("2020-01-01"), np.datetime64("NaT", "s"), np.str_("x")])
)

others = st.sampled_from(
    [
        pd.NA,
        pd.NaT,
        pd.Timestamp("2020-01-01T00:00:00.123456789"),
        datetime.date(2020, 1, 1),
        1j,
        complex("nan"),
        b"bytes",
        frozenset({1, 2}),
        {1, "a"},
        range(3),
        math.sin,
        dict,
        "\ud800",
        (),
        [],
        {},
    ]
)

hashable = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
nested = st.recursive(
    plain | numpy_scalars | others,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(hashable, inner, max_size=3)
    ),
    max_leaves=5,
)
arrays = st.lists(st.floats(allow_nan=False) | st.integers(-9, 9), max_size=4).map(np.array)

names = st.sampled_from(["a", "b", "c", "_private", "x y", ""]) | st.text(max_size=3)
odd_names = st.sampled_from([0, 1, 2.5, None, ("a", 1), True, b"n"])

plain_psets = st.dictionaries(st.text(max_size=6), plain, max_size=6)


def psets(name=names, value=nested | arrays):
    """Psets that differ in their names, with values that often repeat in type."""
    columns = st.fixed_dictionaries(
        {},
        optional={"i": st.integers(-3, 3), "f": st.floats(), "s": st.text(max_size=3),
                  "t": st.booleans()},
    )  # fmt: skip
    anything = st.dictionaries(name, value, max_size=4)
    return st.builds(lambda a, b: {**a, **b}, columns, anything).filter(
        lambda pset: RESERVED.isdisjoint(pset)
    )


def same(left, right) -> bool:
    """Equal in value and type; NaN equals NaN, and a NumPy scalar the number it holds."""
    left, right = (v.item() if isinstance(v, np.generic) and not isinstance(v, np.datetime64)
                   and type(v.item()) in (int, float, bool, str, complex) else v
                   for v in (left, right))  # fmt: skip
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right)
    if left is pd.NA or left is pd.NaT:
        return left is right
    if isinstance(left, np.datetime64) and np.isnat(left):
        return bool(np.isnat(right))
    if left != left:  # noqa: PLR0124
        return right != right  # noqa: PLR0124
    return bool(left == right)
