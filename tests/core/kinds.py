"""Columns of every dtype and values of every type that a study may meet."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import pathlib
import re
import uuid
import warnings
import zoneinfo

import numpy as np
import pandas as pd

try:
    import pyarrow as pa
except ModuleNotFoundError:
    pa = None

MOMENTS = pd.to_datetime(["2020-06-01 00:00", "2020-10-25 00:30", None]).as_unit("ns")
FIXED = datetime.timezone(datetime.timedelta(hours=1))


def _columns():
    for dtype in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"):
        yield dtype, pd.array([1, None, 3], dtype=dtype)
    yield "large UInt64", pd.array([2**64 - 1, None, 3], dtype="UInt64")
    for dtype in ("Float32", "Float64"):
        yield dtype, pd.array([1.5, None, 3], dtype=dtype)
    yield (
        "Float64 of NaN",
        pd.arrays.FloatingArray(np.array([1.5, np.nan, 0]), np.array([0, 0, 1], bool)),
    )
    yield "boolean", pd.array([True, None, False], dtype="boolean")
    yield "string[python]", pd.array(["a", None, "ü"], dtype="string[python]")
    yield "text", pd.Series(["a", np.nan, "c"])
    yield "objects", pd.Series([None, 1, "x"], dtype=object)
    yield "objects of text", pd.Series(["a", "b", "c"], dtype=object)
    yield "category", pd.Categorical(["x", None, "y"], categories=["z", "y", "x"])
    yield "ordered category", pd.Categorical([1, None, 2], categories=[2, 1], ordered=True)
    yield "category of intervals", pd.cut([1, 5, 9], 3)
    yield "category of moments", pd.Categorical(MOMENTS.tz_localize("UTC"))
    yield "category of periods", pd.Categorical(pd.period_range("2020", periods=3, freq="D"))
    for closed in ("left", "right", "both", "neither"):
        yield f"interval {closed}", pd.arrays.IntervalArray.from_breaks([0, 1, 2, 3], closed=closed)
    yield "interval with NaN", pd.arrays.IntervalArray.from_tuples([(0.0, 1.0), np.nan, (2.0, 3.0)])
    yield "interval index", pd.interval_range(0, 3)
    days = pd.date_range("2020", periods=4)
    yield "interval of moments", pd.arrays.IntervalArray.from_breaks(days)
    yield "interval with zone", pd.arrays.IntervalArray.from_breaks(days.tz_localize("UTC"))
    for freq in (pd.offsets.Day(), pd.offsets.MonthEnd(), pd.offsets.QuarterEnd(startingMonth=3),
                 pd.offsets.YearEnd(), pd.offsets.Week(weekday=2), pd.offsets.Hour(3)):  # fmt: skip
        yield f"period {freq!r}", pd.period_range("2020-01-01", periods=3, freq=freq).array
    yield (
        "period with NaT",
        pd.array([pd.Period("2020-01", "M"), pd.NaT, pd.Period("2021-01", "M")]),
    )
    for name, values, fill in (
        ("int", [0, 1, 0], None), ("7", [7, 1, 7], 7), ("float", [np.nan, 1.0, np.nan], None),
        ("0.0", [np.nan, 0.0, 1.0], 0.0), ("bool", [True, False, False], None),
        ("int8", np.array([7, 0, 7], dtype="i1"), None),
        ("text", np.array(["a", np.nan, "b"], dtype=object), None),
    ):  # fmt: skip
        yield f"sparse {name}", pd.arrays.SparseArray(values, fill_value=fill)
    zones = {
        "UTC": "UTC",
        "Berlin": "Europe/Berlin",
        "zoneinfo": zoneinfo.ZoneInfo("Asia/Kolkata"),
        "fixed": FIXED,
        "named": datetime.timezone(datetime.timedelta(hours=2), "two"),
    }
    for unit in ("s", "ms", "us", "ns"):
        for name, zone in zones.items():
            moments = MOMENTS.tz_localize("UTC").tz_convert(zone).as_unit(unit)
            yield f"moments {unit} {name}", moments
        yield f"M8[{unit}]", np.array(["2020", "NaT", "2021"], dtype=f"M8[{unit}]")
        yield f"m8[{unit}]", np.array([1, "NaT", 3], dtype=f"m8[{unit}]")
    for code in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "g", "c8", "c16",
                 "G", "?"):  # fmt: skip
        yield f"numpy {code}", np.array([0, 1, 1], dtype=code)
    if pa is not None:
        yield "string[pyarrow]", pd.array(["a", None, "ü"], dtype="string[pyarrow]")
        for dtype, values in _arrow():
            yield f"arrow {dtype}", pd.arrays.ArrowExtensionArray(pa.array(values, type=dtype))


def _arrow():
    yield pa.list_(pa.int64()), [[1, 2], None, []]
    yield pa.large_list(pa.int64()), [[1, 2], None, []]
    yield pa.list_(pa.int64(), 2), [[1, 2], None, [3, 4]]
    yield (
        pa.struct([("a", pa.int64()), ("b", pa.string())]),
        [{"a": 1, "b": "x"}, None, {"a": None, "b": ""}],
    )
    yield pa.list_(pa.struct([("a", pa.list_(pa.int64()))])), [[{"a": [1]}], None, []]
    yield pa.map_(pa.string(), pa.int64()), [[("a", 1)], None, []]
    yield pa.decimal128(10, 2), [decimal.Decimal("1.25"), None, decimal.Decimal("0.00")]
    moments = [datetime.datetime(2020, 1, 1), None, datetime.datetime(2021, 1, 1)]
    days = [datetime.date(2020, 1, 1), None, datetime.date(2021, 1, 1)]
    times = [datetime.time(1), None, datetime.time(2)]
    for unit in ("s", "us", "ns"):
        yield pa.timestamp(unit), moments
    yield pa.timestamp("ns", "Europe/Berlin"), moments
    yield pa.date32(), days
    yield pa.date64(), days
    yield pa.time32("s"), times
    yield pa.time64("us"), times
    yield pa.duration("s"), [datetime.timedelta(1), None, datetime.timedelta(2)]
    for dtype in (pa.binary(), pa.large_binary()):
        yield dtype, [b"a", None, b""]
    yield pa.binary(1), [b"a", None, b"b"]
    yield pa.dictionary(pa.int32(), pa.string()), ["a", None, "a"]
    yield pa.null(), [None] * 3
    yield pa.bool_(), [True, None, False]
    for dtype in (pa.string(), pa.large_string()):
        yield dtype, ["a", None, "b"]
    for dtype in (pa.int8(), pa.int64(), pa.uint8(), pa.uint64()):
        yield dtype, [1, None, 2]
    for dtype in (pa.float32(), pa.float64()):
        yield dtype, [1.0, None, float("nan")]


COLUMNS = dict(_columns())


class Colour(enum.Enum):
    RED = 1


class Text(str):
    pass


@dataclasses.dataclass(frozen=True)
class Point:
    x: int


Pair = collections.namedtuple("Pair", "a b")  # noqa: PYI024
RECORDS = np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # NumPy 2.5 deprecates times without a unit
    WITHOUT_UNIT = {
        "datetime64 without unit": np.datetime64("NaT"),
        "timedelta64 without unit": np.timedelta64(5),
    }

# Each has an equal in JSON and Parquet ...
DATA = {
    "very wide array": np.array(["a"], dtype="<U100000"),
    "None": None,
    "bool": True,
    "int": -3,
    "large int": 2**70,
    "huge int": 7**9000,
    "float": 0.1,
    "-0.0": -0.0,
    "nan": float("nan"),
    "inf": float("-inf"),
    "complex": complex(0.5, float("nan")),
    "str": "ü\0\n",
    "half a pair": "\ud800",
    "bytes": b"\0\xff",
    "list": [1, [None, "x"]],
    "tuple": (1, ()),
    "set": {1, "a", None},
    "frozenset": frozenset({(1, 2)}),
    "dict": {"a": {}},
    "odd keys": {1: 2, None: (3,), ("a", 1): 4},
    "tag": {"__py__": "None"},
    "NA": pd.NA,
    "NaT": pd.NaT,
    "date": datetime.date(2020, 1, 2),
    "time": datetime.time(1, 2, 3, 4),
    "fold": datetime.datetime(2020, 10, 25, 2, 30, fold=1),
    "time with fold": datetime.time(2, fold=1),
    "datetime": datetime.datetime(2020, 1, 2),
    "timedelta": datetime.timedelta(-1, 2, 3),
    **{
        f"Timestamp {unit}": pd.Timestamp("2020-01-02 03:04:05").as_unit(unit)
        for unit in ("s", "ms", "us", "ns")
    },
    "Timestamp with zone": pd.Timestamp("2020-10-25 00:30", tz="UTC").tz_convert("Europe/Berlin"),
    "Timestamp later": pd.Timestamp("2020-10-25 01:30", tz="UTC").tz_convert("Europe/Berlin"),
    "Timestamp fixed": pd.Timestamp("2020-06-01", tz=FIXED),
    "Timestamp with fold": pd.Timestamp("2020-10-25 02:30").replace(fold=1),
    **{f"Timedelta {unit}": pd.Timedelta(5, "s").as_unit(unit) for unit in ("s", "ms", "us", "ns")},
    **{
        f"datetime64 {unit}": np.datetime64(5, unit)
        for unit in "Y M W D h m s ms us ns ps fs as 25s".split()
    },
    **{f"NaT {unit}": np.datetime64("NaT", unit) for unit in ("D", "s", "ns")},
    **WITHOUT_UNIT,
    "timedelta64": np.timedelta64(5, "D"),
    "timedelta64 NaT": np.timedelta64("NaT", "s"),
    "datetime64 before": np.datetime64("1900-01-01", "ns"),
    **{
        f"array {code}": np.array([[0, 1]], dtype=code)
        for code in "? i1 u8 f2 f4 c8 c16 M8[s] m8[ns]".split()
    },
    "array of text": np.array(["a", "", "ü"]),
    "array of bytes": np.array([b"a", b""]),
    "wide array of text": np.array(["a"], dtype="<U40"),
    "array of NaT": np.array(["NaT"], dtype="M8[D]"),
    "no array": np.zeros((0, 3)),
    "number as array": np.array(3.5),
}
# ... and these only in a pickle.
OBJECTS = {
    "longdouble": np.longdouble("0.1"),
    "clongdouble": np.clongdouble(1j),
    "void": RECORDS[0],
    "raw void": np.void(b"ab\0"),
    "records": RECORDS,
    "record array": RECORDS.view(np.recarray),
    "record": RECORDS.view(np.recarray)[0],
    "array of objects": np.array([1, "x", None], dtype=object),
    "masked": np.ma.array([1, 2], mask=[0, 1]),
    "long array": np.array([0.1], dtype="g"),
    "Decimal": decimal.Decimal("1.10"),
    "Fraction": fractions.Fraction(1, 3),
    "UUID": uuid.UUID(int=5),
    "Path": pathlib.PurePosixPath("a/b"),
    "range": range(3),
    "deque": collections.deque([1], maxlen=3),
    "OrderedDict": collections.OrderedDict(a=1),
    "Counter": collections.Counter("aab"),
    "defaultdict": collections.defaultdict(list, {1: [2]}),
    "namedtuple": Pair(1, 2),
    "dataclass": Point(1),
    "enum": Colour.RED,
    "pattern": re.compile("a+", re.I),
    "Text": Text("x"),
    "bytearray": bytearray(b"x"),
    "datetime with zone": datetime.datetime(2020, 1, 1, tzinfo=FIXED),
    "Timestamp with a named zone": pd.Timestamp(
        "2020", tz=datetime.timezone(datetime.timedelta(0, 60), "CET")
    ),
    "Period": pd.Period("2020-01", "M"),
    "Interval": pd.Interval(0, 1, "both"),
    "Interval of moments": pd.Interval(pd.Timestamp("2020"), pd.Timestamp("2021")),
    "offset": pd.offsets.MonthEnd(2),
    "hours": pd.offsets.Hour(3),
    "months": pd.offsets.DateOffset(months=2),
    "DataFrame": pd.DataFrame({"a": pd.interval_range(0, 2)}),
    "Series": pd.Series([1, 2], name=("a", 1)),
    "named by a function": pd.Series([1], name=len),
    "dtype": pd.CategoricalDtype(["a"], ordered=True),
    "Int64": pd.array([1, None]),
    "NumpyExtensionArray": pd.Series([1, 2]).array,
    "MultiIndex": pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None]),
    "DatetimeIndex": pd.date_range("2020", periods=3, freq=pd.offsets.Hour(2), tz="Europe/Berlin"),
    "dates": pd.date_range("2020", periods=3, freq=pd.offsets.MonthEnd(), name="t"),
    "TimedeltaIndex": pd.timedelta_range("1s", periods=3),
    "IntervalIndex": pd.interval_range(0, 3),
    "PeriodIndex": pd.period_range("2020", periods=3, freq=pd.offsets.QuarterEnd(startingMonth=1)),
    "CategoricalIndex": pd.CategoricalIndex(["a", "b"], name="c"),
    "class": pd.arrays.IntervalArray,
    "function": pd.read_csv,
    "ufunc": np.add,
    "levels": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
    "empty": pd.DataFrame(index=pd.date_range("2020", periods=2)),
}


def described(obj):
    """Say all about an object that can be compared."""
    if isinstance(obj, pd.DataFrame):
        columns = [described(obj.iloc[:, i]) for i in range(obj.shape[1])]
        return "frame", columns, described(obj.index), described(obj.columns), obj.attrs
    if isinstance(obj, pd.Series):
        return "series", repr(obj.name), described(obj.array), obj.attrs
    if isinstance(obj, pd.MultiIndex):
        return "levels", [*map(repr, obj.names)], [*map(repr, obj)]
    if isinstance(obj, pd.Index):
        freq = repr(getattr(obj, "freq", None))
        return type(obj).__name__, repr(obj.name), described(obj.array), freq
    if isinstance(obj, pd.api.extensions.ExtensionArray):
        missing = [bool(is_missing) for is_missing in np.asarray(obj.isna())]
        return "array", str(obj.dtype), [*map(repr, obj)], missing
    if isinstance(obj, np.ndarray | np.generic):
        return type(obj).__name__, str(obj.dtype), np.shape(obj), repr(obj.tolist()), repr(obj)
    if isinstance(obj, list | tuple):
        return type(obj).__name__, [*map(described, obj)]
    if isinstance(obj, set | frozenset):
        return type(obj).__name__, sorted(map(repr, obj))
    return (
        type(obj).__name__,
        hex(obj) if isinstance(obj, int) else repr(obj),
        getattr(obj, "fold", None),
    )
