"""The hash of a pset: pinned values, joblib's for plain psets, values alone for all others."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import itertools
import math
import os
import pathlib
import subprocess
import sys
import tracemalloc
import uuid
from collections import OrderedDict, namedtuple
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import nested, odd_names, plain_psets, psets

import psweep as ps
from psweep_core.params.hashing import pset_hashes

pytestmark = pytest.mark.untraced


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Size(enum.IntEnum):
    SMALL = 1


@dataclasses.dataclass
class Model:
    x: int = 1
    y: str = "a"


Point = namedtuple("Point", "x y")


def by_joblib(pset):
    return joblib.hash(pset, hash_name="sha1")


def test_the_first_table_of_the_seed():
    params = ps.pgrid(ps.plist("a", [1, 2, 3]), ps.plist("b", [88, 99]))
    assert [ps.pset_hash(pset) for pset in params] == [
        "2580bf27aca152e5427389214758e61ea0e544e0",
        "f2f17559c39b416483251f097ac895945641ea3a",
        "010552c86c69e723feafb1f2fdd5b7d7f7e46e32",
        "b57c5feac0608a43a65518f01da5aaf20a493535",
        "719b2a864450534f5b683a228de018bc71f4cf2d",
        "54baeefd998f4d8a8c9524c50aa0d88407cabb46",
    ]


PINNED = [
    ({}, "62977be8e45d8a56a5537c11dfd5d2fd8dda69e0"),
    ({"v": [1, "a", None]}, "fb00fb106cd31922ef66191ec995d0f7702f6563"),
    ({"v": {"x": (1.5, True)}}, "5c01d1dbd2e90e7def6c4cf5b634d4ef5b812102"),
    ({"v": uuid.SafeUUID.safe}, "30fede73b5dbba1cfa978edffa2111420ab72c1d"),
    ({"v": np.arange(6, dtype="i8").reshape(2, 3)}, "a59f84d1e2fcd43d63e17b7ca6d756043edea3b9"),
    ({"v": np.array([0.5, np.nan])}, "805b5400ee2fcf8e91766d951cefc66a38df97c8"),
    ({"v": pathlib.PurePosixPath("a/b")}, "2c60936ac512edff8a605705d9e0db12afd3372b"),
    ({"v": datetime.date(2020, 1, 2)}, "a8b9a3eff4ef63cf125dfd29c48c8b9aef81ba01"),
    (
        {"v": pd.Timestamp("2020-01-02T03:04:05.000000006")},
        "459032c569bad63988592921c131a5eac3abb0cf",
    ),
    ({"v": decimal.Decimal("1.20")}, "bd27da1e6e2dd453575649013595c72addb462fe"),
    ({"v": fractions.Fraction(1, 3)}, "3663c93a1a363c43ce9c14e1cd618a53a10a6a62"),
    ({"v": {3, 1, 2}}, "02296127b80d43dfeda801f12c0e02d04d1be992"),
    ({"v": 1 + 2j}, "010de9fbf2437f39fc8db1b1590c202c2b58c297"),
    ({"v": math.sin}, "e68529216875976ef2a3bb6fab5befea7765810d"),
    ({"v": np.sin}, "8acfd6844ce241bda380b1f292d02e213a176e75"),
    ({"v": uuid.UUID(int=5)}, "428286f9e9377dad609d3195abf0171f7319c33b"),
    ({"v": pd.NA}, "cbbd44d094b0feeb8c21471a7b0c9de4c421f46c"),
    ({"v": range(3)}, "678664881f7adeb40eac1add1485a97caf90fc1a"),
    ({"v": functools.partial(int, base=2)}, "8df28c70a3850686ad42b5b52bc31773a95e7b06"),
    ({1: 2, "v": b"x"}, "42ad066f3107636daecbf1d110459a334315a746"),
]


@pytest.mark.parametrize(("pset", "sha"), PINNED)
def test_pinned_on_every_supported_python_pandas_and_numpy(pset, sha):
    assert ps.pset_hash(pset) == sha


@pytest.mark.slow
@settings(max_examples=500)
@given(plain_psets)
def test_plain_psets_hash_as_joblib_does(pset):
    # joblib tells NaN from NaN by bits that no one sees, see the test of NaN below
    shown = {
        name: math.nan if value != value else value
        for name, value in pset.items()
        if not name.startswith("_")
    }
    assert ps.pset_hash(pset) == by_joblib(shown)


grids = st.dictionaries(
    st.sampled_from(["a", "b", "_c", "%b", "\u00e9"]),
    st.lists(st.sampled_from([0, 1, True, -0.0, 0.0, math.nan, "x", None, 2**80, b"", (1,)])
             | st.floats() | st.integers() | st.text(max_size=3), min_size=1, max_size=3),
    max_size=3,
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(grids, min_size=1, max_size=3))
def test_many_psets_hash_as_each_of_them_does(some):
    params = [
        dict(zip(grid, values, strict=True))
        for grid in some
        for values in itertools.product(*grid.values())
    ]
    assert pset_hashes(params) == [ps.pset_hash(pset) for pset in params]


def test_psets_that_differ_in_a_name_that_is_not_hashed():
    params = [{"a": 1, "_x": 1}, {"a": 1, "b": 1}, {"b": 2, "a": 1}, OrderedDict(a=1, b=2)]
    assert pset_hashes(params) == [ps.pset_hash(pset) for pset in params]
    assert pset_hashes([]) == []


@pytest.mark.parametrize("n", [0, 1, 2, 255, 256, 999, 1000, 1001, 2001])
def test_large_psets_hash_as_joblib_does(n):
    pset = {f"name{i}": i for i in range(n)}
    assert ps.pset_hash(pset) == by_joblib(pset)
    pset = {"v": list(range(n)), "w": [[i] for i in range(min(n, 400))]}
    assert ps.pset_hash(pset) == by_joblib(pset)


containers = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=4).map(tuple)
    | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from("abc"), containers, max_size=3))
def test_containers_hash_as_joblib_does_where_no_object_is_shared(pset):
    import copy
    import json

    try:
        apart = {k: json.loads(json.dumps(v)) for k, v in pset.items()}
    except ValueError:
        apart = copy.deepcopy(pset)
    assert ps.pset_hash(apart) == by_joblib(apart)


@given(psets(value=nested))
def test_order_and_sharing_do_not_matter(pset):
    backwards = dict(reversed(pset.items()))
    assert ps.pset_hash(backwards) == ps.pset_hash(pset)


def test_sharing_one_object_does_not_matter():
    x = [1, 2]
    t = (x, x)
    assert ps.pset_hash({"a": x, "b": x}) == ps.pset_hash({"a": [1, 2], "b": [1, 2]})
    assert ps.pset_hash({"a": t}) == ps.pset_hash({"a": ([1, 2], [1, 2])})


def test_private_names_do_not_count():
    assert ps.pset_hash({"a": 1, "_b": object()}) == ps.pset_hash({"a": 1})
    assert ps.pset_hash({"a": 1, 2: 3, "_b": object()}) == ps.pset_hash({"a": 1, 2: 3})


def test_numpy_scalars_count_as_their_numbers():
    for left, right in [
        (np.int64(1), 1), (np.uint8(1), 1), (np.float64(0.5), 0.5), (np.float32(0.5), 0.5),
        (np.bool_(True), True), (np.str_("x"), "x"), (np.complex128(1j), 1j),
        (np.bytes_(b"x"), b"x"),
    ]:  # fmt: skip
        assert ps.pset_hash({"a": left}) == ps.pset_hash({"a": right})
        assert ps.pset_hash({"a": [left]}) == ps.pset_hash({"a": [right]})
        assert ps.pset_hash({"a": {"k": (left,)}}) == ps.pset_hash({"a": {"k": (right,)}})


def test_types_differ():
    values = [1, 1.0, True, "1", b"1", None, [1], (1,), {1}, frozenset({1}), {1: 1}, 1 + 0j,
              decimal.Decimal(1), Size.SMALL, Color.RED, np.array([1]), np.array([1.0]),
              np.array([[1]]), np.array(1), np.datetime64(1, "s"), np.datetime64(1, "ns"), Model(),
              Point(1, 1), range(1), Ellipsis, int, float, len, np.sin, np.cos, math.sin,
              Color.BLUE, bytearray(b"1"), [[1]], [[], 1], [1, []], np.array([1, None]),
              lambda x: x, lambda x: x + 1]  # fmt: skip
    assert len({ps.pset_hash({"a": value}) for value in values}) == len(values)
    assert ps.pset_hash({"a": 1, "b": 2}) != ps.pset_hash({"a": 2, "b": 1})


def test_nan_is_nan_whatever_its_bits():
    odd = float("inf") - float("inf")
    for make in (lambda v: v, lambda v: [v], np.float64, lambda v: np.array([v])):
        assert ps.pset_hash({"a": make(odd)}) == ps.pset_hash({"a": make(float("nan"))})
    assert ps.pset_hash({"a": float("nan")}) == by_joblib({"a": float("nan")})


def test_names_that_are_one_key_are_one_name():
    assert ps.pset_hash({1: "x"}) == ps.pset_hash({True: "x"}) == ps.pset_hash({1.0: "x"})
    assert ps.pset_hash({np.int64(1): "x"}) == ps.pset_hash({1: "x"})


@given(st.dictionaries(odd_names | st.text(max_size=3), st.integers(), max_size=5))
def test_names_of_any_type(pset):
    assert ps.pset_hash(dict(reversed(pset.items()))) == ps.pset_hash(pset)


def test_memory_layout_does_not_matter():
    array = np.arange(6.0).reshape(2, 3)
    for other in (np.asfortranarray(array), array.astype(">f8"), np.vstack([array, array])[:2]):
        assert ps.pset_hash({"a": other}) == ps.pset_hash({"a": array})
    assert ps.pset_hash({"a": array.T}) != ps.pset_hash({"a": array})
    ints = np.arange(3, dtype="<i8")
    assert ps.pset_hash({"a": ints.astype(">i8")}) == ps.pset_hash({"a": ints})


def test_objects_count_by_class_and_state():
    assert ps.pset_hash({"a": Model(1)}) == ps.pset_hash({"a": Model(1)})
    assert ps.pset_hash({"a": Model(1)}) != ps.pset_hash({"a": Model(2)})
    one, other = OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)
    assert ps.pset_hash({"a": one}) == ps.pset_hash({"a": other}) != ps.pset_hash({"a": dict(one)})
    df = pd.DataFrame({"x": [1, 2], "y": ["a", None]})
    assert ps.pset_hash({"a": df}) == ps.pset_hash({"a": df.copy()})
    assert ps.pset_hash({"a": df}) != ps.pset_hash({"a": df[::-1]})
    assert ps.pset_hash({"a": df.x}) != ps.pset_hash({"a": df.x.rename("z")})


def test_functions():
    def make(n):
        return lambda x, k=2: x + n + k

    assert ps.pset_hash({"f": make(1)}) == ps.pset_hash({"f": make(1)})
    assert ps.pset_hash({"f": make(1)}) != ps.pset_hash({"f": make(2)})
    assert ps.pset_hash({"f": [].append}) != ps.pset_hash({"f": [1].append})


def test_containers_inside_themselves():
    loop: list = [1]
    loop.append(loop)
    other: list = [1]
    other.append(other)
    assert ps.pset_hash({"a": loop}) == ps.pset_hash({"a": other})
    assert ps.pset_hash({"a": loop}) != ps.pset_hash({"a": [1, [1]]})


def test_what_is_no_data_is_named():
    with open(__file__) as file, pytest.raises(ps.HashError, match="'b'.*TextIOWrapper.*'_'") as e:
        ps.pset_hash({"a": 1, "b": [file]})
    assert isinstance(e.value, TypeError)


def test_other_processes_with_other_string_hashes_agree():
    code = """
import psweep as ps, pathlib
print(ps.pset_hash({"a": {"x", "y", "z", 1}, "b": {"k": frozenset("abc"), 3: None}, "c": (1, [2])}))
"""
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }  # fmt: skip
    assert len(found) == 1


def test_names_that_are_the_same_key_hash_the_same_in_whatever_order_they_come():
    class Name(str, enum.Enum):
        a = "a"

    for names in itertools.permutations(["a", np.str_("a"), Name.a]):
        sys.modules["psweep_core.params.hashing"]._form.cache_clear()
        assert len({ps.pset_hash({name: 1}) for name in names}) == 1
        assert len({ps.pset_hash({name: 1, "b": float("nan")}) for name in names}) == 1


def test_threads_hash_at_the_same_time():
    psets = [{"a": i, "b": "x" * (i % 50)} for i in range(3000)]
    expected = [ps.pset_hash(pset) for pset in psets]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ps.pset_hash, psets * 3)) == expected * 3


EDGES = [0, 255, 256, 2**16 - 1, 2**16, 2**31 - 1, 2**31, -1, -(2**31), -(2**31) - 1, 10**30]


@pytest.mark.parametrize("first", EDGES)
def test_hashes_of_columns_of_numbers_are_those_of_each_number(first):
    """Numbers that take the same number of bytes are encoded all at once."""
    columns = [[first + step * i for i in range(18)] for step in (0, 1, -1, 40_000)]
    columns += [[float(first), 0.5, -0.0, float("inf"), float("nan"), -float("nan")] * 3]
    for column in columns:
        psets = [{"a": value} for value in column]
        assert pset_hashes(psets) == [*map(ps.pset_hash, psets)]


COLUMNS = {
    "floats": [0.5, math.nan, -0.0], "a byte": [0, 255], "two bytes": [256, 65535],
    "four bytes": [65536, 2**31 - 1], "negative": [-1, -(2**31)], "of any size": [1, 256, -1],
    "large": [2**40, 2**70], "bools": [True, False], "one text": ["%b"],
    "texts": ["a", "", "\u00e9"], "none": [None], "mixed": [1, 1.0, True], "not basic": [(1,), 1],
}  # fmt: skip


@pytest.mark.parametrize("names", [("a", "b", "c"), ("%b", "_x", "\u00e9"), ("c", "b", "a")])
def test_columns_of_all_kinds_next_to_each_other_are_hashed_as_each_pset_is(names):
    for three in itertools.permutations(COLUMNS.values(), 3):
        columns = [values * 12 for values in three]
        psets = [dict(zip(names, row, strict=False)) for row in zip(*columns, strict=False)]
        assert pset_hashes(psets) == [*map(ps.pset_hash, psets)], three


def test_long_names_need_little_memory():
    psets = [{f"{j:04}" * 150: float(i) for j in range(500)} for i in range(200)]
    tracemalloc.start()
    try:
        hashes = pset_hashes(psets)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30e6  # all psets have 60 MB of names
    assert hashes[::50] == [ps.pset_hash(pset) for pset in psets[::50]]
