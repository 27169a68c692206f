"""Pairs of values with one hash (SAME) and with two (DIFFER), and what refuses to be hashed.

Run as a script, it prints all hashes as JSON. The classes below are then those of ``__main__``.
``hash_corpus.json`` holds what it printed when it was written.
"""

from __future__ import annotations

import abc
import array
import collections
import collections.abc
import ctypes
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import itertools
import json
import math
import operator
import pathlib
import pickle
import re
import sys
import threading
import types
import typing
import uuid
import weakref
import zoneinfo

import hash_corpus_more
import numpy as np
import pandas as pd

import psweep as ps

SCALE = 3
__version__ = "1.2.3"  # of this "library"


# What can be imported


@dataclasses.dataclass
class Config:
    x: int = 1
    tags: list = dataclasses.field(default_factory=list)


class Solver(str, enum.Enum):
    CG = "cg"
    LU = "lu"


class Level(enum.IntEnum):
    LOW = 1


class Flags(enum.Flag):
    A = 1
    B = 2


class Name(str):
    pass


class Number(int):
    pass


class Words(list):
    pass


class Table(dict):
    pass


class Bag(set):
    pass


class Pair(typing.NamedTuple):
    x: int
    y: int = 2


Point = collections.namedtuple("Point", "x y")


class Outer:
    class Inner:
        pass

    def method(self):
        return 1


class Cached:
    def __init__(self, x):
        self.x = x

    @functools.cached_property
    def square(self):
        return self.x**2


class Slots:
    __slots__ = ("a", "b")

    def __init__(self, a, b=0):
        self.a, self.b = a, b


class Estimator:
    """Adds its library's version to its state, as scikit-learn's do."""

    def __init__(self, alpha, library_version=None):
        self.alpha = alpha

    def __getstate__(self):
        return {**self.__dict__, "_sklearn_version": np.random.default_rng().integers(99)}


class Versioned:
    def __init__(self, alpha):
        self.alpha = alpha

    def __getstate__(self):
        return {**self.__dict__, "_corpus_version": __version__}


class Empty:
    pass


def importable(x):
    return x


def read(obj):
    """Let an object fill its caches."""
    _ = obj.square
    return obj


# What cannot be imported


def make(n):
    class Made:
        factor = n

        def times(self, x):
            return n * x

    return Made


def made_by_code(flag):
    if flag:

        class Made:
            def go(self):
                return 1
    else:

        class Made:
            def go(self):
                return 2

    return Made


def made_with_body(kind):
    classes = {}

    class Model:
        @property
        def size(self):
            return 1

    classes["property 1"] = Model

    class Model:
        @property
        def size(self):
            return 2

    classes["property 2"] = Model

    class Model:
        @staticmethod
        def size():
            return 1

    classes["static"] = Model

    class Model:
        @classmethod
        def size(cls):
            return 1

    classes["class"] = Model

    class Model:
        @functools.cached_property
        def size(self):
            return 1

    classes["cached"] = Model

    class Model:
        def size(self):
            return 1

    classes["method"] = Model

    class Model:
        def size(self):
            """Say how large it is."""
            return 1  # a comment

    classes["method with text"] = Model

    class Model(Outer):
        def size(self):
            return 1

    classes["base"] = Model

    class Model(abc.ABC):
        @abc.abstractmethod
        def size(self):
            return 1

    classes["abstract"] = Model

    class Model:
        __slots__ = ("a",)

    classes["slots"] = Model

    class Model:
        class Part:
            n = 1

    classes["nested 1"] = Model

    class Model:
        class Part:
            n = 2

    classes["nested 2"] = Model

    class Model:
        def copy(self):
            return Model()

    classes["itself"] = Model

    class Model:
        def again(self):
            return __class__

    classes["own cell"] = Model

    class Model:
        size: int

    classes["annotation 1"] = Model

    class Model:
        size: str

    classes["annotation 2"] = Model
    return classes[kind]


def data(kind):
    if kind == 1:

        @dataclasses.dataclass
        class Data:
            x: int = 1

    elif kind == 2:

        @dataclasses.dataclass
        class Data:
            x: int = 2

    elif kind == 3:

        @dataclasses.dataclass
        class Data:
            x: float = 1

    elif kind == 4:

        @dataclasses.dataclass(frozen=True)
        class Data:
            x: int = 1

    elif kind == 5:

        @dataclasses.dataclass(order=True)
        class Data:
            x: int = 1

    elif kind == 6:

        @dataclasses.dataclass
        class Data:
            x: int = dataclasses.field(default=1, compare=False)

    elif kind == 7:

        @dataclasses.dataclass
        class Data:
            x: int = 1

            def __eq__(self, other):
                return True

    elif kind == 8:

        @dataclasses.dataclass
        class Data:
            x: list = dataclasses.field(default_factory=lambda: [1])

    elif kind == 9:

        @dataclasses.dataclass
        class Data:
            x: list = dataclasses.field(default_factory=lambda: [2])

    else:

        @dataclasses.dataclass(slots=True)
        class Data:
            x: int = 1

    return Data


def named(*fields, **kwds):
    return collections.namedtuple("Named", fields, **kwds)


def colors(kind):
    if kind == 1:

        class Color(enum.Enum):
            RED = 1
            BLUE = 2

    elif kind == 2:

        class Color(enum.Enum):
            RED = 1
            BLUE = 3

    elif kind == 3:

        class Color(enum.IntEnum):
            RED = 1
            BLUE = 2

    elif kind == 4:

        class Color(enum.Enum):
            RED = 1
            BLUE = 2

            def paint(self):
                return self.value

    else:

        class Color(enum.Flag):
            RED = 1
            BLUE = 2

    return Color


def both(flag):
    return flag.RED | flag.BLUE


def adder(n):
    def add(x):
        return x + n

    return add


def defaults(n):
    return lambda x, y=n, *, z=n: x + y + z


def annotated(x):
    one, two = (lambda a: a + 1), (lambda a: a + 2)
    return [one, two][x]


def uses_global(value):
    namespace = {"K": value, "__name__": __name__}
    return types.FunctionType((lambda x: x * K).__code__, namespace)  # noqa: F821


def mutual(n):
    def even(x):
        return x == 0 or odd(x - 1)

    def odd(x):
        return x == n and even(x - 1)

    return even


def factorial():
    def fact(n):
        return 1 if n == 0 else n * fact(n - 1)

    return fact


def wrapped(n):
    def decorate(func):
        @functools.wraps(func)
        def inner(x):
            return func(x) + n

        return inner

    @decorate
    def go(x):
        return x

    return go


def strings(kind):
    return [
        lambda x, w=1: f"{x!r:>{w}}{x=}tail",
        lambda x, w=1: f"{x!r:>{w}}{x=}tale",
    ][kind]


def matcher(kind):
    def go(x):
        match x:
            case {"a": [1, *rest]}:
                return rest
            case Point(x=0, y=y) | Point(x=y, y=0) if y > kind:
                return y
        return [i for i in range(3) if (j := i) in {1, 2} and j] + [(lambda v: v * SCALE)(1)]

    return go


def documented(kind):
    if kind == 1:

        def go(x):
            """Do it."""
            return x + 1

    else:

        def go(x):
            # Do something else, it seems.

            return (x
                    + 1)  # fmt: skip

    return go


def make_property(n):
    return property(lambda self: n)


def cycle(n):
    loop = [n]
    loop.append(loop)
    return loop


def shared():
    x = [1, 2]
    return [x, x]


# Data


def frame(**kwds):
    return pd.DataFrame({"x": [1, 2], "y": ["a", "b"]}, **kwds)


def categories(order, ordered=False):
    return pd.Categorical(["a", "b"], categories=list(order), ordered=ordered)


def records(names=("x", "y"), kinds=("i8", "f8"), **kwds):
    dtype = np.dtype({"names": names, "formats": kinds, **kwds})
    out = np.zeros(2, dtype)
    out[names[0]] = [1, 2]
    return out


def masked(under=0, mask=(True, False), **kwds):
    return np.ma.array([under, 2], mask=mask, **kwds)


def rng(n=0):
    generator = np.random.default_rng(0)
    generator.random(n)
    return generator


def old_rng(n=0):
    state = np.random.RandomState(0)
    state.random(n)
    return state


def big_endian(values, dtype):
    return np.array(values, dtype=np.dtype(dtype).newbyteorder(">"))


class Meters(np.ndarray):
    def __reduce__(self):
        return meters, (self.unit,)


def meters(unit):
    out = np.array([1.0]).view(Meters)
    out.unit = unit
    return out


class Survey(pd.DataFrame):
    _metadata = ["crs"]

    @property
    def _constructor(self):
        return Survey


def survey(crs):
    out = Survey({"x": [1]})
    out.crs = crs
    return out


def with_attrs(obj, **attrs):
    obj.attrs.update(attrs)
    return obj


class Place(pathlib.PurePosixPath):
    pass


class Key(uuid.UUID):
    pass


class BackedByLazy:
    """Like the views of networkx: a descriptor fills the instance's dict."""

    def __init__(self, n):
        self.n = n
        self.__networkx_cache__ = {}

    @functools.cached_property
    def nodes(self):
        return {"view": self.n}


def lazy(n, used=False):
    out = BackedByLazy(n)
    if used:
        _ = out.nodes
        out.__networkx_cache__["backend"] = object()
    return out


def renamed(func, **kwds):
    for name, value in kwds.items():
        setattr(func, name, value)
    return func


UTC = datetime.timezone.utc
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
DAY = datetime.datetime(2020, 1, 1)
DAYS = pd.date_range("2020", periods=2, freq="D").as_unit("ns")
MULTI = pd.MultiIndex.from_tuples([(1, "a"), (2, "b")], names=["i", "j"])

# Each is a function, so that both sides are made from scratch.
SAME = {
    "order of a dict": lambda: ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "order of a set": lambda: ({"a", "b", "c"}, {"c", "b", "a"}),
    "sharing": lambda: (shared(), [[1, 2], [1, 2]]),
    "cycle": lambda: (cycle(1), cycle(1)),
    "numpy int": lambda: (np.int64(1), 1),
    "numpy small int": lambda: (np.uint8(1), 1),
    "numpy float": lambda: (np.float64(0.1), 0.1),
    "numpy bool": lambda: (np.bool_(True), True),
    "numpy str": lambda: (np.str_("a"), "a"),
    "nan": lambda: (float("nan"), float("inf") - float("inf")),
    "str made elsewhere": lambda: ("ab", "abc"[:2]),
    "class made twice": lambda: (make(1), make(1)),
    "instance of a class made twice": lambda: (make(1)(), make(1)()),
    "instance with state": lambda: (Config(1, [2]), Config(1, [2])),
    "local dataclass": lambda: (data(1), data(1)),
    "instance of a local dataclass": lambda: (data(1)(3), data(1)(3)),
    "local namedtuple": lambda: (named("x", "y"), named("x", "y")),
    "instance of a local namedtuple": lambda: (named("x", "y")(1, 2), named("x", "y")(1, 2)),
    "local enum": lambda: (colors(1), colors(1)),
    "member of a local enum": lambda: (colors(1).RED, colors(1).RED),
    "local flag": lambda: (both(colors(5)), colors(5)(3)),
    "docstrings and comments of methods": lambda: (
        made_with_body("method"),
        made_with_body("method with text"),
    ),
    "class that refers to itself": lambda: (made_with_body("itself"), made_with_body("itself")),
    "class cell": lambda: (made_with_body("own cell"), made_with_body("own cell")),
    "abstract class": lambda: (made_with_body("abstract"), made_with_body("abstract")),
    "closure": lambda: (adder(1), adder(1)),
    "defaults": lambda: (defaults(1), defaults(1)),
    "documentation and format": lambda: (documented(1), documented(2)),
    "f-strings": lambda: (strings(0), strings(0)),
    "functions of one line": lambda: (
        (lambda n: lambda x: x + n)(1),
        (lambda n: lambda x: x + n)(1),
    ),
    "match, walrus, comprehension": lambda: (matcher(1), matcher(1)),
    "global value": lambda: (uses_global(1), uses_global(1)),
    "mutual recursion": lambda: (mutual(1), mutual(1)),
    "recursion": lambda: (factorial(), factorial()),
    "decorator": lambda: (wrapped(1), wrapped(1)),
    "partial": lambda: (functools.partial(adder(1), 2), functools.partial(adder(1), 2)),
    "bound method": lambda: (make(1)().times, make(1)().times),
    "property": lambda: (make_property(1), make_property(1)),
    "lru_cache": lambda: (functools.lru_cache(adder(1)), functools.lru_cache(adder(1))),
    "cached property": lambda: (Cached(2), read(Cached(2))),
    "library cache": lambda: (lazy(1), lazy(1, used=True)),
    "version stamp": lambda: (Estimator(1), Estimator(1)),
    "slots": lambda: (Slots(1), Slots(1)),
    "empty instances": lambda: (Empty(), Empty()),
    "memory order": lambda: (
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    ),
    "byte order": lambda: (np.array([1, 2], "i8"), big_endian([1, 2], "i8")),
    "byte order of text": lambda: (np.array(["a"]), big_endian(["a"], "U1")),
    "strides": lambda: (np.arange(6)[::2], np.array([0, 2, 4])),
    "0-d": lambda: (np.array(1.5), np.array([1.5])[0:1].reshape(())),
    "records, padding": lambda: (records(), records(offsets=[0, 16], itemsize=32)),
    "records, byte order": lambda: (records(), records(kinds=(">i8", ">f8"))),
    "under the mask": lambda: (masked(0), masked(99)),
    "no mask": lambda: (np.ma.array([1, 2]), masked(1, (False, False))),
    "masked, pickled": lambda: (masked(), pickle.loads(pickle.dumps(masked()))),
    "random generator": lambda: (rng(), rng()),
    "frame": lambda: (frame(), frame()),
    "frame, order of attrs": lambda: (
        with_attrs(frame(), a=1, b=2),
        with_attrs(frame(), b=2, a=1),
    ),
    "path": lambda: (pathlib.Path("a"), pathlib.Path("./a")),
    "frame, copied": lambda: (frame(), frame().copy()),
    "frame, blocks": lambda: (
        pd.DataFrame({"x": [1, 2], "z": [3, 4]}),
        pd.DataFrame({"x": [1, 2]}).assign(z=[3, 4]),
    ),
    "range index": lambda: (frame(), frame(index=pd.Index([0, 1]))),
    "text columns": lambda: (
        pd.Series(["a", "b"]),
        pd.Series(["a", "b"], dtype=object),
    ),
    "categories": lambda: (pd.Series(categories("ab")), pd.Series(categories("ab"))),
    "freq of an index": lambda: (DAYS, pd.DatetimeIndex(DAYS.to_numpy())),
    "multi index, unused levels": lambda: (MULTI[:1], MULTI[:1].remove_unused_levels()),
    "timestamp, unit": lambda: (
        pd.Timestamp("2020").as_unit("s"),
        pd.Timestamp("2020").as_unit("ns"),
    ),
    "zones": lambda: (
        DAY.replace(tzinfo=BERLIN),
        DAY.replace(tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    ),
    "ordered dict": lambda: (
        collections.OrderedDict(a=1, b=2),
        collections.OrderedDict(b=2, a=1),
    ),
    "counter": lambda: (collections.Counter("aab"), collections.Counter("baa")),
    "set subclass": lambda: (Bag("abc"), Bag("cba")),
    "object arrays": lambda: (np.array([1, "a", None], object), np.array([1, "a", None], object)),
    "mapping proxy": lambda: (
        types.MappingProxyType({"a": 1, "b": 2}),
        types.MappingProxyType({"b": 2, "a": 1}),
    ),
    "union": lambda: (typing.Union[int, str], str | int),  # noqa: UP007
    "buffer": lambda: (io.BytesIO(b"a"), io.BytesIO(b"a")),
}

DIFFER = {
    "classes made by a function": lambda: (make(1), make(2)),
    "their instances": lambda: (make(1)(), make(2)()),
    "their methods": lambda: (make(1).times, make(2).times),
    "their bound methods": lambda: (make(1)().times, make(2)().times),
    "inside containers": lambda: ({"a": [make(1)]}, {"a": [make(2)]}),
    "code of methods": lambda: (made_by_code(True), made_by_code(False)),
    "code of properties": lambda: (made_with_body("property 1"), made_with_body("property 2")),
    "method or property": lambda: (made_with_body("method"), made_with_body("property 1")),
    "static or class method": lambda: (made_with_body("static"), made_with_body("class")),
    "cached or plain": lambda: (made_with_body("cached"), made_with_body("property 1")),
    "base class": lambda: (made_with_body("base"), made_with_body("method")),
    "metaclass": lambda: (made_with_body("abstract"), made_with_body("method")),
    "slots of a class": lambda: (made_with_body("slots"), made_with_body("method")),
    "nested class": lambda: (made_with_body("nested 1"), made_with_body("nested 2")),
    "annotations of a class": lambda: (
        made_with_body("annotation 1"),
        made_with_body("annotation 2"),
    ),
    "name of a class": lambda: (type("A", (), {}), type("B", (), {})),
    "bases of type()": lambda: (type("A", (int,), {}), type("A", (), {})),
    "class and instance": lambda: (make(1), make(1)()),
    "dataclass default": lambda: (data(1), data(2)),
    "dataclass field type": lambda: (data(1), data(3)),
    "dataclass frozen": lambda: (data(1), data(4)),
    "dataclass order": lambda: (data(1), data(5)),
    "dataclass field option": lambda: (data(1), data(6)),
    "dataclass with __eq__": lambda: (data(1), data(7)),
    "dataclass factory": lambda: (data(8), data(9)),
    "dataclass slots": lambda: (data(1), data(10)),
    "instances of dataclasses": lambda: (data(1)(3), data(2)(3)),
    "instances with other state": lambda: (data(1)(3), data(1)(4)),
    "namedtuple fields": lambda: (named("x", "y"), named("x", "z")),
    "namedtuple defaults": lambda: (named("x", defaults=[1]), named("x", defaults=[2])),
    "instances of namedtuples": lambda: (named("x")(1), named("y")(1)),
    "namedtuple or tuple": lambda: (Point(1, 2), (1, 2)),
    "two namedtuples": lambda: (Point(1, 2), Pair(1, 2)),
    "enum values": lambda: (colors(1), colors(2)),
    "enum members of one value": lambda: (colors(1).RED, colors(2).RED),
    "enum base": lambda: (colors(1), colors(3)),
    "enum method": lambda: (colors(1), colors(4)),
    "enum or flag": lambda: (colors(1).RED, colors(5).RED),
    "str enum or str": lambda: (Solver.CG, "cg"),
    "int enum or int": lambda: (Level.LOW, 1),
    "flags": lambda: (Flags.A, Flags.A | Flags.B),
    "closures": lambda: (adder(1), adder(2)),
    "type of a closure": lambda: (adder(1), adder(1.0)),
    "defaults": lambda: (defaults(1), defaults(2)),
    "closures of one line": lambda: (
        (lambda n: lambda x: x + n)(1),
        (lambda n: lambda x: x + n)(2),
    ),
    "lambdas in lambdas": lambda: (lambda x: lambda y: 1, lambda x: lambda y: 2),
    "lambdas on one line": lambda: (annotated(0), annotated(1)),
    "f-strings": lambda: (strings(0), strings(1)),
    "globals": lambda: (uses_global(1), uses_global(2)),
    "global classes": lambda: (uses_global(make(1)), uses_global(make(2))),
    "mutual recursion": lambda: (mutual(1), mutual(2)),
    "decorated": lambda: (wrapped(1), wrapped(2)),
    "decorated or not": lambda: (wrapped(1), wrapped(1).__wrapped__),
    "attributes of functions": lambda: (renamed(adder(1), k=1), renamed(adder(1), k=2)),
    "argument names": lambda: (lambda x: 1, lambda y: 1),
    "constants": lambda: (lambda: 1, lambda: 1.0),
    "constants in sets": lambda: (lambda x: x in {1, 2}, lambda x: x in {1, 3}),
    "operators": lambda: (lambda x: x + 1, lambda x: x - 1),
    "attribute names": lambda: (lambda x: x.a, lambda x: x.b),
    "partials": lambda: (functools.partial(adder(1), 2), functools.partial(adder(1), 3)),
    "functions in partials": lambda: (functools.partial(adder(1)), functools.partial(adder(2))),
    "properties": lambda: (make_property(1), make_property(2)),
    "size of lru_cache": lambda: (
        functools.lru_cache(1)(adder(1)),
        functools.lru_cache(2)(adder(1)),
    ),
    "function of lru_cache": lambda: (functools.lru_cache(adder(1)), functools.lru_cache(adder(2))),
    "methods of lists": lambda: ([].append, [1].append),
    "builtin functions": lambda: (math.sin, math.cos),
    "operator functions": lambda: (operator.itemgetter(1), operator.itemgetter(2)),
    "cached property, other value": lambda: (read(Cached(2)), read(Cached(3))),
    "version stamp, other value": lambda: (Estimator(1), Estimator(2)),
    "slots": lambda: (Slots(1), Slots(2)),
    "other slots": lambda: (Slots(1, 2), Slots(2, 1)),
    "classes": lambda: (Outer, Outer.Inner),
    "instances of classes": lambda: (Empty(), Outer()),
    "1 and 1.0": lambda: (1, 1.0),
    "1 and True": lambda: (1, True),
    "0.0 and -0.0": lambda: (0.0, -0.0),
    "str and bytes": lambda: ("a", b"a"),
    "list and tuple": lambda: ([1], (1,)),
    "set and frozenset": lambda: ({1}, frozenset({1})),
    "cycles": lambda: (cycle(1), cycle(2)),
    "subclass of str": lambda: (Name("a"), "a"),
    "subclass of int": lambda: (Number(1), 1),
    "subclass of list": lambda: (Words([1]), [1]),
    "subclass of dict": lambda: (Table(a=1), {"a": 1}),
    "subclass of set": lambda: (Bag({1}), {1}),
    "content of subclasses": lambda: (Words([1]), Words([2])),
    "ordered dict": lambda: (collections.OrderedDict(a=1), {"a": 1}),
    "default dict": lambda: (collections.defaultdict(int), collections.defaultdict(float)),
    "counter": lambda: (collections.Counter("a"), {"a": 1}),
    "deque": lambda: (collections.deque([1], 2), collections.deque([1], 3)),
    "range": lambda: (range(3), range(4)),
    "slice": lambda: (slice(1), slice(2)),
    "singletons": lambda: (Ellipsis, NotImplemented),
    "bytearray": lambda: (bytearray(b"a"), b"a"),
    "arrays of array": lambda: (array.array("i", [1]), array.array("l", [1])),
    "decimals": lambda: (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
    "fractions": lambda: (fractions.Fraction(1, 2), 0.5),
    "complex": lambda: (1 + 0j, 1.0),
    "patterns": lambda: (re.compile("a"), re.compile("b")),
    "flags of patterns": lambda: (re.compile("a"), re.compile("a", re.I)),
    "paths": lambda: (pathlib.PurePosixPath("a"), pathlib.PurePosixPath("b")),
    "kinds of pure paths": lambda: (pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a")),
    "subclass of a path": lambda: (Place("a"), pathlib.PurePosixPath("a")),
    "subclass of UUID": lambda: (Key(int=1), uuid.UUID(int=1)),
    "uuids": lambda: (uuid.UUID(int=1), uuid.UUID(int=2)),
    "scopes of ip addresses": lambda: (
        ipaddress.ip_address("fe80::1%a"),
        ipaddress.ip_address("fe80::1%b"),
    ),
    "types of callables": lambda: (
        collections.abc.Callable[[int], int],
        collections.abc.Callable[[int], str],
    ),
    "ip addresses": lambda: (ipaddress.ip_address("1.1.1.1"), ipaddress.ip_address("1.1.1.2")),
    "dates": lambda: (datetime.date(2020, 1, 1), DAY),
    "times": lambda: (datetime.time(1), datetime.time(1, fold=1)),
    "timedeltas": lambda: (datetime.timedelta(1), datetime.timedelta(2)),
    "zones": lambda: (DAY.replace(tzinfo=UTC), DAY),
    "other zones": lambda: (
        DAY.replace(tzinfo=BERLIN),
        DAY.replace(tzinfo=zoneinfo.ZoneInfo("Asia/Tokyo")),
    ),
    "datetime64 units": lambda: (np.datetime64(1, "s"), np.datetime64(1, "ms")),
    "timedelta64": lambda: (np.timedelta64(1, "s"), np.datetime64(1, "s")),
    "NaT and NA": lambda: (pd.NaT, pd.NA),
    "NaT and None": lambda: (pd.NaT, None),
    "NaTs": lambda: (np.datetime64("NaT", "s"), pd.NaT),
    "dtype of an array": lambda: (np.array([1], "i8"), np.array([1], "i4")),
    "shape": lambda: (np.zeros(2), np.zeros((2, 1))),
    "array and list": lambda: (np.array([1]), [1]),
    "array and scalar": lambda: (np.array(1), 1),
    "object array": lambda: (np.array([1], object), np.array([1.0], object)),
    "transposed": lambda: (np.arange(4).reshape(2, 2), np.arange(4).reshape(2, 2).T),
    "names of fields": lambda: (records(), records(names=("x", "z"))),
    "order of fields": lambda: (records(kinds=("i8", "i8")), records(("y", "x"), ("i8", "i8"))),
    "dtypes of fields": lambda: (records(), records(kinds=("i4", "f8"))),
    "records, one of them": lambda: (records()[0], records()[1]),
    "record and tuple": lambda: (records()[0], (1, 0.0)),
    "nested records": lambda: (
        np.zeros(1, [("a", [("b", "i8")])]),
        np.zeros(1, [("a", [("c", "i8")])]),
    ),
    "recarray": lambda: (records().view(np.recarray), records()),
    "raw bytes": lambda: (np.void(b"ab"), b"ab"),
    "mask": lambda: (masked(), masked(mask=(False, True))),
    "masked or not": lambda: (masked(mask=(False, False)), np.array([0, 2])),
    "fill value": lambda: (masked(), masked(fill_value=7)),
    "subclass of ndarray": lambda: (meters("m"), np.array([1.0])),
    "state of a subclass of ndarray": lambda: (meters("m"), meters("km")),
    "dtypes": lambda: (np.dtype("i8"), np.dtype("f8")),
    "dtypes of records": lambda: (records().dtype, records(names=("x", "z")).dtype),
    "dtype and class": lambda: (np.dtype("i8"), np.int64),
    "ufuncs": lambda: (np.sin, np.cos),
    "random generators": lambda: (rng(), rng(1)),
    "random states": lambda: (old_rng(), old_rng(1)),
    "bit generators": lambda: (rng().bit_generator, rng(1).bit_generator),
    "generator and its bits": lambda: (rng(), rng().bit_generator),
    "frame, dtype": lambda: (frame(), frame().astype({"x": float})),
    "frame, small dtype": lambda: (frame(), frame().astype({"x": "int32"})),
    "frame, nullable dtype": lambda: (frame(), frame().astype({"x": "Int64"})),
    "frame, string dtype": lambda: (frame(), frame().astype({"y": "string"})),
    "frame, object dtype": lambda: (frame(), frame().astype({"x": object})),
    "frame, index": lambda: (frame(), frame(index=[1, 2])),
    "frame, index name": lambda: (frame(), frame().rename_axis("k")),
    "frame, columns name": lambda: (frame(), frame().rename_axis("k", axis=1)),
    "frame, index dtype": lambda: (frame(), frame(index=[0.0, 1.0])),
    "frame, column names": lambda: (frame(), frame().rename(columns={"x": "z"})),
    "frame, order of columns": lambda: (frame(), frame()[["y", "x"]]),
    "frame, empty": lambda: (frame()[:0], frame()[:0].astype({"x": float})),
    "frame, categories": lambda: (
        frame(index=pd.CategoricalIndex(categories("ab"))),
        frame(index=pd.CategoricalIndex(categories("ba"))),
    ),
    "frame, subclass": lambda: (survey("a"), pd.DataFrame({"x": [1]})),
    "frame, subclass with attributes": lambda: (survey("a"), survey("b")),
    "frame and dict": lambda: (frame(), frame().to_dict()),
    "frame, attrs": lambda: (with_attrs(frame(), unit="m"), frame()),
    "frame, other attrs": lambda: (with_attrs(frame(), unit="m"), with_attrs(frame(), unit="km")),
    "series, attrs": lambda: (with_attrs(pd.Series([1]), unit="m"), pd.Series([1])),
    "series, name": lambda: (pd.Series([1], name="a"), pd.Series([1], name="b")),
    "series, dtype": lambda: (pd.Series([1, 2]), pd.Series([1.0, 2.0])),
    "series, index name": lambda: (pd.Series([1]), pd.Series([1]).rename_axis("k")),
    "series, sparse": lambda: (pd.Series([0, 1]), pd.Series([0, 1]).astype("Sparse[int64]")),
    "series, unit": lambda: (
        pd.Series(np.array([1], "M8[s]")),
        pd.Series(np.array([1], "M8[s]")).astype("M8[ms]"),
    ),
    "series, zone": lambda: (
        pd.Series(DAYS.tz_localize("UTC")),
        pd.Series(DAYS.tz_localize("UTC").tz_convert("Asia/Tokyo")),
    ),
    "series and array": lambda: (pd.Series([1]), np.array([1])),
    "series and index": lambda: (pd.Series([1]), pd.Index([1])),
    "index names": lambda: (pd.Index([1], name="a"), pd.Index([1])),
    "index dtype": lambda: (pd.Index([1]), pd.Index([1.0])),
    "multi index names": lambda: (MULTI, MULTI.set_names(["i", "k"])),
    "multi index dtype": lambda: (MULTI, MULTI.set_levels([1.0, 2.0], level=0)),
    "multi index and tuples": lambda: (MULTI, pd.Index(MULTI.to_list(), tupleize_cols=False)),
    "order of categories": lambda: (categories("ab"), categories("ba")),
    "unused categories": lambda: (categories("ab"), categories("abc")),
    "ordered categories": lambda: (categories("ab"), categories("ab", ordered=True)),
    "dtypes of categories": lambda: (categories("ab").dtype, categories("ba").dtype),
    "extension arrays": lambda: (pd.array([1, None], "Int64"), pd.array([1, None], "Int32")),
    "extension dtypes": lambda: (pd.Int64Dtype(), pd.Int32Dtype()),
    "interval": lambda: (pd.Interval(0, 1), pd.Interval(0, 1, closed="left")),
    "intervals": lambda: (
        pd.interval_range(0, 2).array,
        pd.interval_range(0, 2, closed="left").array,
    ),
    "period": lambda: (pd.Period("2020-01", "M"), pd.Period("2020-01-01", "D")),
    "offsets": lambda: (pd.offsets.Day(1), pd.offsets.Day(2)),
    "kinds of offsets": lambda: (pd.offsets.BusinessDay(), pd.offsets.Day()),
    "timestamp zone": lambda: (pd.Timestamp("2020", tz="UTC"), pd.Timestamp("2020")),
    "timestamp and datetime": lambda: (pd.Timestamp(DAY), DAY),
    "types": lambda: (list[int], list[str]),
    "modules": lambda: (math, operator),
    "exceptions": lambda: (ValueError(1), KeyError(1)),
    "namespace": lambda: (types.SimpleNamespace(a=1), types.SimpleNamespace(a=2)),
}

REFUSED = {
    "object()": object,
    "generator": lambda: (i for i in range(3)),
    "iterator": lambda: iter([1, 2]),
    "map": lambda: map(str, [1]),
    "count": itertools.count,
    "lock": threading.Lock,
    "standard output": lambda: sys.stdout,
    "weak reference": lambda: weakref.ref(Empty),
    "pointer": lambda: ctypes.pointer(ctypes.c_int(1)),
    "ufunc without a name": lambda: np.frompyfunc(lambda x: x, 1, 1),
    "memoryview": lambda: memoryview(b"ab"),
    "keys of a dict": lambda: {}.keys(),
    "code": lambda: (lambda: 1).__code__,
    "function without source": lambda: eval("lambda x: x"),
    "class without source": lambda: types.new_class(
        "A", exec_body=lambda ns: exec("def f(self): pass", ns)
    ),
    "closure over a lock": lambda: adder(threading.Lock()),
    "module that is not imported": lambda: types.ModuleType("nowhere"),
    "instance with a lock": lambda: Slots(threading.Lock()),
}

SAME.update({f"more: {name}": make for name, make in hash_corpus_more.SAME.items()})
DIFFER.update({f"more: {name}": make for name, make in hash_corpus_more.DIFFER.items()})


def hashes() -> dict[str, list[str]]:
    """Hash all pairs."""
    pairs = {f"same: {name}": make for name, make in SAME.items()}
    pairs.update({f"differ: {name}": make for name, make in DIFFER.items()})
    return {name: [ps.pset_hash({"v": v}) for v in make()] for name, make in pairs.items()}


if __name__ == "__main__":
    print(json.dumps(hashes(), indent=1))
