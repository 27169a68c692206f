"""More pairs of the corpus: caches, subclasses of NumPy's types, zones, unknown arrays, None."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import pathlib
import types
import typing

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray, ExtensionDtype

# Caches


class CachedLoader:
    def __init__(self, k):
        self.k = k


@dataclasses.dataclass
class WithLoader:
    loader: object = CachedLoader(0)


class CachedValue:
    """No cached property, since an instance may have a value of its own."""

    def __get__(self, obj, owner=None):
        return 1


class WithValue:
    level = CachedValue()

    def __init__(self, level):
        self.level = level


class cached_property:  # noqa: N801
    """As other libraries have it."""

    def __init__(self, func):
        self.func = func

    def __get__(self, obj, owner=None):
        if obj is None:
            return self
        value = obj.__dict__[self.func.__name__] = self.func(obj)
        return value


class Grid:
    @functools.cached_property
    def points(self):
        return [1, 2, 3]

    @cached_property
    def edges(self):
        return [4]


class SlottedGrid(Grid):
    __slots__ = ("n",)

    def __init__(self, n):
        self.n = n


class GridWithState(Grid):
    def __getstate__(self):
        return dict(self.__dict__)


class GridOfArray(np.ndarray):
    points = Grid.__dict__["points"]


class GridOfSet(set):
    points = Grid.__dict__["points"]


class GridOfPath(pathlib.PurePosixPath):
    points = Grid.__dict__["points"]


class Replaced(Grid):
    points = None  # no cache any more

    def __init__(self, points):
        self.points = points


def used(grid):
    _ = grid.points, getattr(grid, "edges", None)
    return grid


# Subclasses


class Metres(np.float64):
    pass


class Feet(np.float64):
    pass


class Count(np.int64):
    pass


class Label(np.str_):
    pass


class Bag(set):
    __slots__ = ("unit",)

    def __reduce__(self):  # which sets of Python 3.10 do without their slots
        return bag, ([*self], self.unit)


def bag(values, unit):
    return having(Bag(values), unit=unit)


class MaskedMetres(np.ma.MaskedArray):
    def __reduce__(self):
        return masked_metres, (self.unit,)


def masked_metres(unit):
    return having(np.ma.array([1]).view(MaskedMetres), unit=unit)


def having(obj, **attributes):
    for name, value in attributes.items():
        setattr(obj, name, value)
    return obj


def masked_records(a=1, mask=(True, False), fields="ab", fill=None):
    dtype = [(name, "f8") for name in fields]
    return np.ma.array([(a, 2.0)], mask=[mask], dtype=dtype, fill_value=fill)


def nested_masked(under, mask):
    dtype = [("a", [("b", "i8"), ("c", "f8", (2,))])]
    return np.ma.array([((under, (1, 2)),)], mask=[((mask, (False, True)),)], dtype=dtype)


# Zones


class Zone(datetime.tzinfo):
    def __init__(self, key="", hours=0):
        self.key, self.hours = key, hours

    def utcoffset(self, moment):
        return datetime.timedelta(hours=self.hours)

    def dst(self, moment):
        return None

    def tzname(self, moment):
        return self.key

    def __repr__(self):
        return self.key


DAY = datetime.datetime(2020, 1, 1)


def days(zone, n=1):
    return pd.DatetimeIndex([DAY] * n).as_unit("ns").tz_localize(zone)


# Arrays of classes that psweep does not know


class MapDtype(ExtensionDtype):
    name, type, na_value = "map", float, np.nan

    @classmethod
    def construct_array_type(cls):
        return MapArray


class MapArray(ExtensionArray):
    dtype = MapDtype()

    def __init__(self, values, crs):
        self.values, self.crs = np.asarray(values, float), crs

    @classmethod
    def _from_sequence(cls, values, dtype=None, copy=False):
        return cls(list(values), None)

    def __getitem__(self, i):
        found = self.values[i]
        return MapArray(found, self.crs) if isinstance(found, np.ndarray) else found

    def __len__(self):
        return len(self.values)

    def isna(self):
        return np.isnan(self.values)

    def copy(self):
        return MapArray(self.values.copy(), self.crs)

    def take(self, places, allow_fill=False, fill_value=None):
        return MapArray(self.values.take(places), self.crs)


# None and other types that `builtins` has no name for


def optional(kind):
    if kind == 1:

        @dataclasses.dataclass
        class Config:
            tol: float | None = None
            name: typing.Optional[str] = None  # noqa: UP007, UP045

    elif kind == 2:

        @dataclasses.dataclass
        class Config:
            tol: float = None
            name: typing.Optional[str] = None  # noqa: UP007, UP045

    return Config


def evaluated(kind):
    """Have annotations that are types and not texts."""
    return dataclasses.make_dataclass("Config", [("tol", kind, None)])


NAN = float("nan")

SAME = {
    "object with nothing but a cache": lambda: (Grid(), used(Grid())),
    "slots and a cache": lambda: (SlottedGrid(1), used(SlottedGrid(1))),
    "__getstate__ and a cache": lambda: (GridWithState(), used(GridWithState())),
    "array with a cache": lambda: (
        np.ones(2).view(GridOfArray),
        used(np.ones(2).view(GridOfArray)),
    ),
    "set with a cache": lambda: (GridOfSet("a"), used(GridOfSet("a"))),
    "path with a cache": lambda: (GridOfPath("a"), used(GridOfPath("a"))),
    "text of NumPy, zeros at its end": lambda: (np.str_("a\0"), "a\0"),
    "bytes of NumPy, zeros at their end": lambda: (np.bytes_(b"a\0"), b"a\0"),
    "names of NumPy": lambda: ({np.str_("ab"): 1, np.str_("b"): 2}, {"b": 2, "ab": 1}),
    "complex NaN": lambda: (np.array([complex(NAN, 1)]), np.array([complex(-NAN, 1)])),
    "NumPy number of a user": lambda: (Metres(1), Metres(1)),
    "zone of a user": lambda: (Zone("a", 1), Zone("a", 1)),
    "moments in a zone of a user": lambda: (days(Zone("a", 1)), days(Zone("a", 1))),
    "map": lambda: (MapArray([1], "a"), MapArray([1], "a")[:]),
    "column of a map": lambda: (
        pd.Series(MapArray([1, 2], "a"))[:1],
        pd.Series(MapArray([1], "a")),
    ),
    "masked records": lambda: (masked_records(1), masked_records(9)),
    "nested masked records": lambda: (nested_masked(1, True), nested_masked(2, True)),
    "local class with None": lambda: (optional(1), optional(1)),
    "instance of a local class with None": lambda: (optional(1)(), optional(1)()),
    "unions with None": lambda: (evaluated(float | None), evaluated(typing.Optional[float])),  # noqa: UP007, UP045
    "NoneType": lambda: (type(None), types.NoneType),
    "type of functions": lambda: (types.LambdaType, type(masked_records)),
}

DIFFER = {
    "kinds of records": lambda: (
        np.zeros(1, "i8,f8").view(np.recarray)[0],
        np.zeros(1, "i8,f8")[0],
    ),
    "default that is called cached": lambda: (
        WithLoader(CachedLoader(1)),
        WithLoader(CachedLoader(2)),
    ),
    "descriptor that is called cached": lambda: (WithValue(1), WithValue(2)),
    "cached property that a subclass replaces": lambda: (Replaced(1), Replaced(2)),
    "empty objects": lambda: (Grid(), GridWithState()),
    "imaginary parts of NaN": lambda: (np.array([complex(NAN, 1)]), np.array([complex(NAN, 2)])),
    "real parts of NaN": lambda: (np.array([complex(1, NAN)]), np.array([complex(2, NAN)])),
    "NaN in both parts": lambda: (np.array(complex(NAN, NAN)), np.array(complex(NAN, 0))),
    "NumPy number of a user": lambda: (Metres(1), 1.0),
    "NumPy numbers of two classes": lambda: (Metres(1), Feet(1)),
    "NumPy numbers of one class": lambda: (Metres(1), Metres(2)),
    "attribute of a NumPy number": lambda: (having(Metres(1), unit="m"), Metres(1)),
    "NumPy int of a user": lambda: (Count(1), 1),
    "NumPy str of a user": lambda: (Label("a"), "a"),
    "zeros at the end": lambda: (Label("a\0"), Label("a")),
    "slots of a set": lambda: (having(Bag("a"), unit="m"), having(Bag("a"), unit="km")),
    "zones of one key": lambda: (Zone("a", 1), Zone("a", 2)),
    "moments in zones of one key": lambda: (
        DAY.replace(tzinfo=Zone("a", 1)),
        DAY.replace(tzinfo=Zone("a", 2)),
    ),
    "indexes in zones of one name": lambda: (days(Zone("a", 1), 0), days(Zone("a", 2), 0)),
    "dtypes of zones of one name": lambda: (days(Zone("a", 1)).dtype, days(Zone("a", 2)).dtype),
    "maps": lambda: (MapArray([1], "a"), MapArray([1], "b")),
    "columns of maps": lambda: (pd.Series(MapArray([1], "a")), pd.Series(MapArray([1], "b"))),
    "frames of maps": lambda: (
        pd.DataFrame({"x": MapArray([1], "a")}),
        pd.DataFrame({"x": MapArray([1], "b")}),
    ),
    "indexes of maps": lambda: (pd.Index(MapArray([1], "a")), pd.Index(MapArray([1], "b"))),
    "masked records": lambda: (masked_records(mask=(False, False)), masked_records()),
    "values of masked records": lambda: (
        masked_records(1, (False, True)),
        masked_records(2, (False, True)),
    ),
    "names of masked records": lambda: (masked_records(), masked_records(fields="ac")),
    "fill values of masked records": lambda: (masked_records(), masked_records(fill=(1, 2))),
    "masked records or not": lambda: (
        masked_records(mask=(False, False)),
        masked_records(mask=(False, False)).data,
    ),
    "nested masked records": lambda: (nested_masked(1, False), nested_masked(2, False)),
    "attributes of masked arrays": lambda: (masked_metres("m"), masked_metres("km")),
    "0-d array and moment": lambda: (np.array(1, "M8[s]"), np.datetime64(1, "s")),
    "0-d array and duration": lambda: (np.array(1, "m8[s]"), np.timedelta64(1, "s")),
    "0-d array and record": lambda: (np.zeros((), "i8,f8"), np.zeros((), "i8,f8")[()]),
    "0-d array and long double": lambda: (np.array(1, np.longdouble), np.longdouble(1)),
    "local classes with and without None": lambda: (optional(1), optional(2)),
    "annotations with and without None": lambda: (evaluated(float | None), evaluated(float)),
    "types without names": lambda: (type(None), type(...)),
    "type of None and None": lambda: (type(None), None),
    "zeros at the end of a text of NumPy": lambda: (np.str_("a\0"), np.str_("a")),
    "zeros at the end of bytes of NumPy": lambda: (np.bytes_(b"a\0"), np.bytes_(b"a")),
}
