"""Columns in a pickle: as arrays, few cells by their positions, and as they were."""

import pickle
import pickletools
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from psweep_core.store import portable_pickle as portable
from psweep_core.table.cells import MISSING, cells, column

N = 1000
VALUES = {
    "int": lambda i: i - 2**40,
    "float": lambda i: i * 0.5,
    "NaN and None": lambda i: None if i % 20 else float("nan"),
    "bool": lambda i: i % 20 == 0,
    "text": lambda i: f"ü\n{i}",
    "text that repeats": lambda i: "xy"[i % 20 == 0],
    "half of a pair": lambda i: "\ud800",
    "complex": lambda i: complex(i, -1),
    "time": lambda i: pd.Timestamp(10**18 + i),
    "duration": lambda i: pd.Timedelta(i),
    "None": lambda i: None,
    "pandas' own": lambda i: pd.NA if i % 20 else pd.NaT,
    "lists": lambda i: [i, {"a": (i,)}],
}


def few_cells(of, every=10, start=0):
    made = column([of(i) if i % every == start else MISSING for i in range(N)])
    return pd.Series(made, dtype=made.dtype)


def through_a_pickle(df):
    return pickle.loads(portable.dumps(df))


@pytest.mark.parametrize("every", [1, 2, 10])
@pytest.mark.parametrize("name", VALUES)
def test_what_goes_in_comes_out(name, every):
    df = pd.DataFrame({i: few_cells(VALUES[name], every, i) for i in range(min(every, 3))})
    found = through_a_pickle(df)
    assert [*found.dtypes] == [*df.dtypes]
    for i in df.columns:
        assert [*map(repr, cells(found[i]))] == [*map(repr, cells(df[i]))]


@pytest.mark.parametrize("name", VALUES)
def test_a_column_with_few_cells_takes_few_bytes(name):
    def size(n):
        """Leave out what is the same for any number of columns."""
        df = pd.DataFrame({i: few_cells(VALUES[name], N, i) for i in range(n)})
        return len(portable.dumps(df))

    assert (size(30) - size(10)) / 20 < 200


def test_bits_of_every_nan_come_back():
    bits = np.array([0x7FF8 << 48, 0xFFF8 << 48, (0x7FF8 << 48) + 5, 0x7FF0 << 48], dtype=np.uint64)
    array = np.full(N, np.nan)
    array[:4] = bits.view(np.float64)
    found = through_a_pickle(pd.DataFrame({"a": array}))["a"].to_numpy()
    assert (found.view(np.uint64) == array.view(np.uint64)).all()


def test_what_was_read_can_be_changed_cell_by_cell():
    df = pd.DataFrame({name: few_cells(of) for name, of in VALUES.items()})
    df["other float"] = few_cells(VALUES["float"])
    found = through_a_pickle(df)
    found.loc[1, "float"] = -1.0
    found.loc[1, "int"] = -1
    found.loc[1, "lists"] = "x"
    found.loc[1, "text"] = "changed"
    row = found.loc[1, ["float", "int", "lists", "text"]].tolist()
    assert row == [-1.0, -1, "x", "changed"]
    assert found["other float"].isna()[1]
    rest = [name for name in df.columns if name not in ("float", "int", "lists", "text")]
    pd.testing.assert_frame_equal(found[rest], df[rest])
    assert found.isna().sum().sum() == df.isna().sum().sum() - 4


def test_only_public_names_are_in_it():
    df = pd.DataFrame({i: few_cells(of) for i, of in enumerate(VALUES.values())})
    data = portable.dumps(df)
    texts = [arg for _, arg, _ in pickletools.genops(data) if isinstance(arg, str)]
    inside = ("pandas.", "numpy.", "psweep", "cloudpickle")
    assert [text for text in texts if text.startswith(inside)] == []


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 99, 100, 101])
def test_any_number_of_rows(n):
    df = pd.DataFrame(
        {
            "text": pd.Series([f"{i}" for i in range(n)], dtype="str"),
            "empty text": pd.Series([""] * n, dtype="str"),
            "lines": pd.Series(["\n", "a\nb"][: min(n, 2)] + ["x"] * (n - 2), dtype="str"),
            "objects": pd.Series([f"{i}" for i in range(n)], dtype=object),
            "missing": np.full(n, np.nan),
            "int": pd.array([pd.NA] * n, dtype="Int64"),
        },
        index=range(5, 5 + n) if n % 2 else [f"i{i}" for i in range(n)],
    )
    found = through_a_pickle(df)
    pd.testing.assert_frame_equal(found, df)
    assert [*map(repr, found["objects"])] == [*map(repr, df["objects"])]


def test_columns_of_users_dtypes():
    frame = pd.DataFrame({
        "f4": np.where(np.arange(N) % 50, np.nan, 1.5).astype("f4"),
        "i1": np.arange(N).astype("i1"),
        "Int8": pd.array([1] + [pd.NA] * (N - 1), dtype="Int8"),
        "Float64": pd.array([0.5] + [pd.NA] * (N - 1), dtype="Float64"),
        "string": pd.array(["x"] + [pd.NA] * (N - 1), dtype="string[python]"),
        "category": pd.Categorical(["x"] + [None] * (N - 1)),
        "zone": pd.to_datetime(["2020-01-01"] + [None] * (N - 1)).tz_localize("UTC"),
        "seconds": pd.Series(["2020-01-01"] + [None] * (N - 1), dtype="M8[s]"),
        "sparse": pd.arrays.SparseArray([1.0] + [np.nan] * (N - 1)),
    })  # fmt: skip
    frame.index = pd.Index(range(3, N + 3), name="n")
    pd.testing.assert_frame_equal(through_a_pickle(frame), frame)


@pytest.mark.parametrize("every", [1, 10])
def test_a_signaling_nan_comes_back(every):
    df = pd.DataFrame({"a": few_cells(lambda i: Decimal("sNaN"), every)})
    back = through_a_pickle(df)
    assert list(map(repr, cells(back["a"]))) == list(map(repr, cells(df["a"])))
