"""The hashes of old releases, which are those of joblib, of values of any type."""

from __future__ import annotations

import collections
import dataclasses
import enum
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo

import joblib
import numpy as np
import pandas as pd
import pytest

from psweep_core.params.old_hashes import is_old_hash


class Color(enum.Enum):
    RED = 1


class Name(str, enum.Enum):
    A = "a"


class Names(list):
    pass


Pair = collections.namedtuple("Pair", "a b")


@dataclasses.dataclass
class Config:
    x: int
    day: date


DAY = date(2020, 1, 1)
VALUES = [
    DAY, datetime(2020, 1, 1, 2, 3, 4, 5), datetime(2020, 1, 1, tzinfo=timezone.utc),
    datetime(2020, 1, 1, tzinfo=ZoneInfo("UTC")), time(1), timedelta(1, 2, 3),
    timezone(timedelta(hours=1), "x"), Path("a/b"), PurePosixPath("/a"), PureWindowsPath("c:/a"),
    1j, complex("nan"), Decimal("1.50"), Fraction(1, 3), range(1, 9, 2), UUID(int=5), slice(1),
    Color.RED, Name.A, Config(1, DAY), Names([1, DAY]), Pair(1, DAY), frozenset({1}),
    bytearray(b"a"), collections.OrderedDict(a=1), collections.Counter("ab"),
    collections.defaultdict(list, a=[1]), [DAY, DAY], {"x": DAY, "y": [DAY]}, {DAY}, ([1], [1]),
    int, Path, len, dict.fromkeys, np.mean, np.float64(1), np.float32(1),
    np.int8(1), np.bool_(True), np.str_("a"), np.complex128(1j),
    np.datetime64("2020-01-01"), np.timedelta64(1, "D"), np.arange(3), np.dtype("f8"),
    pd.Timestamp("2020"), pd.Timestamp("2020", tz="UTC"), pd.Timedelta("1D"), pd.NA,
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_old_hashes_are_those_of_joblib(value):
    # also of one object in two places, to which a pickle refers
    for pset in ({"a": value}, {"a": value, "b": 1, "c": value}, {"b": [value, {"d": value}]}):
        sha = joblib.hash(pset, hash_name="sha1")
        assert is_old_hash(sha, pset)
        assert not is_old_hash(sha, {**pset, "b": 2})


# by NumPy 1.26 and pandas 1.5, by Python 3.10, 3.11.2, 3.11 and 3.13
HASHES = [
    (pd.Timestamp("2020").as_unit("ns"), "2b8e2c0021b9100ae6e1c6cf3baef7bf6e569b34"),
    (pd.Timedelta("1h").as_unit("ns"), "319ace8a561caee4589cbaeb3965403b427706ff"),
    (np.datetime64("2020-01-01"), "97a88da15aab7ce77837ced4d223f963103f7be6"),
    (np.complex128(1j), "56e18c1d63819c64a4835c8ce3d91e88728afd46"),
    (Fraction(1, 3), "e1477b60a3e621d6c7ffccaf4993e280f629ed37"),
    (Fraction(1, 3), "6ffda2a4ac99f1c5ddb8f81742cf3b4d18609553"),
    (PurePosixPath("a"), "799fc0049a5c11ea7e340b2e874948b9f074ce7a"),
    (SafeUUID.safe, "4bbd5eec97fbf963ad7e019f330e076a71ccbbd0"),
    (PurePosixPath("a"), "cd9461378a6d7c50d01cd35e316f277a11f78bc3"),
]


@pytest.mark.parametrize(("value", "sha"), HASHES)
def test_hashes_of_other_versions_are_known(value, sha):
    assert is_old_hash(sha, {"a": value})
