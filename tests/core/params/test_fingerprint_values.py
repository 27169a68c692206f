"""What func holds, of whatever type it is, is part of its fingerprint."""

from __future__ import annotations

import pytest
from small_programs import digests

from psweep_core.params.fingerprint import fingerprint

VALUES = {
    "namedtuple": (
        "from typing import NamedTuple\nclass P(NamedTuple):\n    a: int\n    b: int = 0\n",
        "P(1)",
    ),
    "collections.namedtuple": (
        "from collections import namedtuple\nP = namedtuple('P', 'a')\n",
        "P(1)",
    ),
    "slots": (
        "from dataclasses import dataclass\n@dataclass(slots=True)\nclass P:\n    a: int\n",
        "P(1)",
    ),
    "SimpleNamespace": ("from types import SimpleNamespace as P\n", "P(a=1)"),
    "argparse": ("from argparse import Namespace as P\n", "P(a=1)"),
    "defaultdict": ("from collections import defaultdict as P\n", "P(int, a=1)"),
    "default_factory": ("from collections import defaultdict as P\n", "P(lambda: 1)"),
    "OrderedDict": ("from collections import OrderedDict as P\n", "P(a=1)"),
    "dict of ours": ("class P(dict): pass\n", "P(a=1)"),
    "list of ours": ("class P(list): pass\n", "P([1])"),
    "int of ours": ("class P(int): pass\n", "P(1)"),
    "str of ours": ("class P(str): pass\n", "P(1)"),
    "float of ours": ("class P(float): pass\n", "P(1)"),
    "Counter": ("from collections import Counter as P\n", "P(a=1)"),
    "deque": ("from collections import deque as P\n", "P([1])"),
    "DataFrame": ("from pandas import DataFrame as P\n", "P({'a': [1]})"),
    "large DataFrame": ("from pandas import DataFrame as P\n", "P({'a': [1] * 100_000})"),
    "Series": ("from pandas import Series as P\n", "P([1])"),
    "Timestamp": ("from pandas import Timestamp as P\n", "P(1)"),
    "slice": ("P = slice\n", "P(1)"),
    "bytearray": ("P = bytearray\n", "P([1])"),
    "mappingproxy": ("from types import MappingProxyType as P\n", "P({'a': 1})"),
    "re": ("import re\nP = lambda n: re.compile('a' * n)\n", "P(1)"),
    "itemgetter": ("from operator import itemgetter as P\n", "P(1)"),
    "poly1d": ("from numpy import poly1d as P\n", "P([1, 2])"),
    "masked": ("from numpy.ma import masked_equal as P\n", "P([1, 2], 1)"),
    "object array": ("import numpy as np\nP = lambda n: np.array([n], object)\n", "P(1)"),
    "record array": ("import numpy as np\nP = lambda n: np.zeros(2, f'f8,i{8 // n}')\n", "P(1)"),
    "set of functions": (
        "def f(): return 0\ndef g(): return 2\nP = lambda n: {(f, g)[n - 1]}\n",
        "P(1)",
    ),
    "code in a namespace": (
        "from types import SimpleNamespace\ndef f(): return 1\nP = lambda: SimpleNamespace(f=f)\n",
        "return 1",
    ),
    "method of another class": (
        "class Q:\n    def run(self): return 1\nclass P:\n    def __init__(self): self.q = Q()\n",
        "return 1",
    ),
}


@pytest.mark.parametrize("prefix, value", VALUES.values(), ids=VALUES)
def test_values_in_a_closure_count(load, prefix, value):
    made = value if "P(" in value else "P()"
    text = f"{prefix}def make(v):\n    def func(p): return {{'y': v}}\n    return func\n"
    text += f"func = make({made})\n"
    before, again = fingerprint(load({"model.py": text})), fingerprint(load({"model.py": text}))
    assert before == again
    edited = text.replace(value, value.replace("1", "2", 1))
    assert fingerprint(load({"model.py": edited})).digest != before.digest


@pytest.mark.parametrize(
    "one, other",
    [
        ("{1: 1}", "{'1': 1}"),
        ("[(1,)]", "[[1]]"),
        ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
        ("[1]", "[True]"),
        ("[1, [2.0]]", "[1, [2]]"),
        ("[['a'], 'b']", "[['a', 'b']]"),
        ("{1, 2}", "frozenset({1, 2})"),
        ("[None]", "['None']"),
        ("[0] * 100_000", "[0] * 100_001"),
    ],
)
def test_containers_are_told_apart(load, one, other):
    text = f"func = (lambda v: lambda p: {{'y': v}})({one})\n"
    before, after = digests(load, text, one, other)
    assert before != after


def test_a_decorator_with_slots_does_not_hide_the_function(load):
    text = (
        "class deco:\n"
        "    __slots__ = ('f',)\n"
        "    def __init__(self, f): self.f = f\n"
        "    def __call__(self, p): return self.f(p)\n"
        "@deco\n"
        "def func(p): return {'y': 1}\n"
    )
    before, after = digests(load, text, "'y': 1", "'y': 2")
    assert before != after


ODD = {
    "int of many digits": ("", "10**5000"),
    "such ints": ("", "[10**5000]"),
    "surrogate": ("", "['\\ud800']"),
    "inside itself": ("a = {}\na['a'] = [a]\n", "a"),
    "deep": ("a = []\nfor _ in range(3000): a = [a]\n", "a"),
    "large set": ("", "{str(i) for i in range(20_000)}"),
    "lock": ("import threading\n", "threading.Lock()"),
    "file": ("import sys\n", "sys.stderr"),
    "generator": ("", "(i for i in range(3))"),
    "property __dict__": (
        "class A:\n    @property\n    def __dict__(self): raise OSError\n",
        "A()",
    ),
    "key that is an int": ("class A: pass\na = A()\na.__dict__[3] = a.x = 1\n", "a"),
    "list of ours that fails": (
        "class L(list):\n    def __iter__(self): raise OSError\n    __len__ = __iter__\n",
        "L([1])",
    ),
    "metaclass that fails": (
        "class M(type): __getattr__ = 3\nclass A(metaclass=M): pass\n",
        "[A, A()]",
    ),
}


@pytest.mark.parametrize("prefix, value", ODD.values(), ids=ODD)
def test_odd_values_do_no_harm(load, prefix, value):
    text = f"{prefix}func = (lambda v: lambda p: {{'y': 1}})({value})\n"
    func = load({"model.py": text})
    before = fingerprint(func)
    assert before is not None
    assert fingerprint(func) == before
    assert fingerprint(load({"model.py": text})) == before
    after = fingerprint(load({"model.py": text.replace("'y': 1", "'y': 2")}))
    assert after.digest != before.digest


GENERATORS = ["np.random.default_rng(1)", "np.random.RandomState(1)", "[np.random.default_rng(1)]"]


@pytest.mark.parametrize("value", GENERATORS)
def test_numbers_that_a_generator_gives_do_not_change_the_code(load, value):
    text = (
        "import numpy as np\ndef make(v):\n    def func(p):\n"
        "        return {'y': np.ravel(v)[0].normal()}\n    return func\n"
        f"func = make({value})\n"
    )
    func = load({"model.py": text})
    before = fingerprint(func)
    func({})
    assert fingerprint(func) == before


BROKEN = """
import collections, unittest.mock, weakref
class Broken:
    def __getattr__(self, name): raise KeyError(name)
    @property
    def __class__(self): raise KeyError
    def __call__(self): raise KeyError
    __eq__ = __lt__ = __len__ = __iter__ = __bool__ = __repr__ = __call__
    __hash__ = object.__hash__
"""
ODD = {
    "object whose methods fail": "Broken()",
    "object that says it is a dict": "unittest.mock.Mock(spec=dict)",
    "proxy of what is gone": "weakref.proxy(collections.Counter())",
}
HELD_IN = {
    "closure": "def make(value): return lambda pset: value\nfunc = make({})\n",
    "list in a closure": "def make(value): return lambda pset: value\nfunc = make([{}])\n",
    "global list": "HELD = [{}]\ndef func(pset): return HELD\n",
    "class": "class Holder:\n    held = {}\ndef func(pset): return Holder.held\n",
}


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
@pytest.mark.parametrize("text", HELD_IN.values(), ids=HELD_IN)
def test_methods_of_odd_objects_do_not_run(load, value, text):
    assert fingerprint(load({"model.py": BROKEN + text.format(value)})) is not None
