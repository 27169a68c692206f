"""Small programs with an edit: is it seen if it matters, and does a call of func change nothing?"""

from __future__ import annotations

import os
import re
import sys
import types

import pytest
from small_programs import digests

import psweep as ps
from psweep_core.params.fingerprint import fingerprint

# Names: which are local, and where

SCOPES = {
    "parameter of a lambda": (
        "scale = 3\n"
        "def func(p):\n"
        "    best = max(p['xs'], key=lambda scale: -scale)\n"
        "    return {'y': best * scale}\n"
    ),
    "variable of a comprehension": (
        "scale = 3\ndef func(p):\n    ys = [scale for scale in p['xs']]\n    return {'y': scale}\n"
    ),
    "first iterable of a comprehension": (
        "scale = 3\ndef func(p):\n    return {'y': [scale for scale in range(scale)]}\n"
    ),
    "local of an inner function": (
        "scale = 3\n"
        "def func(p):\n"
        "    def go():\n        scale = 2\n        return scale\n"
        "    return {'y': scale + go()}\n"
    ),
    "attribute of an inner class": (
        "scale = 3\n"
        "def func(p):\n"
        "    class A:\n"
        "        scale = 1\n"
        "        def run(self):\n            return scale\n"
        "    return {'y': A().run()}\n"
    ),
    "default of a parameter of that name": (
        "scale = 3\n"
        "def func(p):\n"
        "    def go(scale=scale):\n        return scale\n"
        "    return {'y': go()}\n"
    ),
    "global declared in an inner function": (
        "scale = 3\n"
        "def func(p):\n"
        "    def one(scale):\n        return scale\n"
        "    def go():\n        global other\n        return scale\n"
        "    return {'y': go() + one(1)}\n"
    ),
    "walrus in a comprehension of a helper": (
        "scale = 3\n"
        "def func(p):\n"
        "    def go():\n        return [scale := x for x in p['xs']], scale\n"
        "    return {'y': scale, 'z': go()}\n"
    ),
    "nonlocal": (
        "scale = 3\n"
        "def func(p):\n"
        "    def go():\n"
        "        scale = 1\n"
        "        def inner():\n            nonlocal scale\n            scale = 2\n"
        "        inner()\n        return scale\n"
        "    return {'y': go() * scale}\n"
    ),
}


@pytest.mark.parametrize("text", SCOPES.values(), ids=SCOPES)
def test_a_local_name_does_not_hide_a_global_one_elsewhere(load, text):
    before, after = digests(load, text, "scale = 3", "scale = 4")
    assert before != after


def test_a_local_name_hides_a_global_one_where_it_is_bound(load):
    text = (
        "x = 3\n"
        "def func(p):\n"
        "    x = 1\n"
        "    def go(key=x):\n        return [x + key for _ in range(2)]\n"
        "    if (number := 1) and any(last := each for each in p):\n        number += last\n"
        "    return {'y': (lambda: x)() + go()}\n"
    )
    before, after = digests(load, text, "x = 3", "x = 4")
    assert before == after
    for name in ("last", "each", "go", "key", "number"):
        before, after = digests(load, text, name, f"new_{name}")
        assert before == after, name


@pytest.mark.parametrize("other", ["lambda x: x + x", "lambda y: x + x", "lambda x: y + x"])
def test_names_of_different_scopes_differ(load, other):
    text = "def func(x):\n    y = 2\n    return {'y': (lambda y: x + y)(1)}\n"
    before, after = digests(load, text, "lambda y: x + y", other)
    assert before != after


# Modules

HELPERS = "def f(x):\n    return x + 1\n"
MODULES = {
    "folder without __init__": {
        "model.py": "import lib.h\ndef func(p): return {'y': lib.h.f(p)}\n",
        "lib/h.py": HELPERS,
    },
    "local name": {
        "model.py": "import h\ndef func(p):\n    m = h\n    return {'y': m.f(p)}\n",
        "h.py": HELPERS,
    },
    "alias": {
        "model.py": "import h\nm = h\ndef func(p): return {'y': m.f(p)}\n",
        "h.py": HELPERS,
    },
    "dict": {
        "model.py": "import h\nMODS = {'a': h}\ndef func(p): return {'y': MODS['a'].f(p)}\n",
        "h.py": HELPERS,
    },
    "partial": {
        "model.py": "import h, functools\ndef run(m, p): return {'y': m.f(p)}\n"
        "func = functools.partial(run, h)\n",
        "h.py": HELPERS,
    },
    "getattr": {
        "model.py": "import h\ndef func(p): return {'y': getattr(h, p['name'])(1)}\n",
        "h.py": HELPERS,
    },
    "package in a local name": {
        "model.py": "import lib.h\ndef func(p):\n    m = lib.h\n    return {'y': m.f(p)}\n",
        "lib/__init__.py": "",
        "lib/h.py": HELPERS,
    },
    "import_module in func": {
        "model.py": "import importlib\n"
        "def func(p): return {'y': importlib.import_module('lib.h').f(p)}\n",
        "lib/h.py": HELPERS,
    },
    "import_module with a dot": {
        "model.py": "import lib.m\ndef func(p): return {'y': lib.m.g(p)}\n",
        "lib/m.py": "from importlib import import_module\n"
        "def g(p): return import_module('.h', __package__).f(p)\n",
        "lib/h.py": HELPERS,
    },
    "import_module at the top": {
        "model.py": "import importlib\nh = importlib.import_module('h')\n"
        "def func(p): return {'y': h.f(p)}\n",
        "h.py": HELPERS,
    },
    "import_module in a dict": {
        "model.py": "import importlib\nMODS = {'a': importlib.import_module('h')}\n"
        "def func(p): return {'y': MODS['a'].f(p)}\n",
        "h.py": HELPERS,
    },
    "subclasses": {
        "model.py": "import h\nfrom base import Base\n"
        "def func(p): return {'y': [c().f(1) for c in Base.__subclasses__()]}\n",
        "base.py": "class Base: pass\n",
        "h.py": "import base\nclass A(base.Base):\n    def f(self, x): return x + 1\n",
    },
    "subclasses of subclasses": {
        "model.py": "from base import make\nimport h\ndef func(p): return {'y': make('B').f(1)}\n",
        "base.py": "class Base: pass\n"
        "def every(c): return [c, *(e for s in c.__subclasses__() for e in every(s))]\n"
        "def make(name): return {c.__name__: c for c in every(Base)}[name]()\n",
        "h.py": "from base import Base\nclass A(Base): pass\n"
        "class B(A):\n    def f(self, x): return x + 1\n",
    },
    "subclasses, found by the base class": {
        "model.py": "import h\ndef func(p): return {'y': h.Base.make().f(1)}\n",
        "h.py": "class Base:\n    @classmethod\n"
        "    def make(cls): return cls.__subclasses__()[0]()\n"
        "class A(Base):\n    def f(self, x): return x + 1\n",
    },
    "registry of classes": {
        "model.py": "REG = {}\ndef reg(c):\n    REG[c.__name__] = c\n    return c\n"
        "@reg\nclass A:\n    def f(self, x): return x + 1\n"
        "def func(p): return {'y': REG['A']().f(1)}\n",
    },
    "registry of objects": {
        "model.py": "REG = {}\nclass A:\n    def f(self, x): return x + 1\n"
        "def setup():\n    REG['a'] = A()\nsetup()\n"
        "def func(p): return {'y': REG['a'].f(1)}\n",
    },
    "registry that is an object": {
        "model.py": "from reg import REG\nimport h\ndef func(p): return {'y': REG.found['f'](1)}\n",
        "reg.py": "class Registry:\n    def __init__(self): self.found = {}\n"
        "    def add(self, f):\n        self.found[f.__name__] = f\n        return f\n"
        "REG = Registry()\n",
        "h.py": "from reg import REG\n@REG.add\ndef f(x): return x + 1\n",
    },
    "registry that is a kind of dict": {
        "model.py": "class Registry(dict):\n"
        "    def add(self, f): self[f.__name__] = f\n"
        "REG = Registry()\n@REG.add\ndef f(x): return x + 1\n"
        "def func(p): return {'y': REG['f'](1)}\n",
    },
    "registry of tuples": {
        "model.py": "REG = []\ndef reg(f): REG.append(('name', f))\n"
        "@reg\ndef f(x): return x + 1\n"
        "def func(p): return {'y': REG[0][1](1)}\n",
    },
    "registry of lists": {
        "model.py": "import collections\nREG = collections.defaultdict(list)\n"
        "def reg(f): REG['pre'].append(f)\n"
        "@reg\ndef f(x): return x + 1\n"
        "def func(p): return {'y': REG['pre'][0](1)}\n",
    },
    "registry of objects that hold functions": {
        "model.py": "class Task:\n    def __init__(self, f): self.f = f\n"
        "REG = []\ndef reg(f): REG.append(Task(f))\n"
        "@reg\ndef f(x): return x + 1\n"
        "def func(p): return {'y': REG[0].f(1)}\n",
    },
    "registry of wrappers": {
        "model.py": "REG = {}\ndef reg(f): REG['f'] = lambda *args: f(*args)\n"
        "@reg\ndef f(x): return x + 1\n"
        "def func(p): return {'y': REG['f'](1)}\n",
    },
    "registry of methods": {
        "model.py": "REG = set()\nclass Model:\n"
        "    def __init__(self): REG.add(self.f)\n    def f(self, x): return x + 1\nModel()\n"
        "def func(p): return {'y': [f(1) for f in REG]}\n",
    },
    "registry in a namespace": {
        "model.py": "import types\nHOOKS = types.SimpleNamespace()\n"
        "def reg(f): HOOKS.start = f\n"
        "@reg\ndef f(x): return x + 1\n"
        "def func(p): return {'y': HOOKS.start(1)}\n",
    },
    "registry in a class": {
        "model.py": "class Registry:\n    found = {}\n    @classmethod\n"
        "    def add(cls, f): cls.found[f.__name__] = f\n"
        "@Registry.add\ndef f(x): return x + 1\n"
        "def func(p): return {'y': Registry.found['f'](1)}\n",
    },
    "subclasses that register themselves": {
        "model.py": "class Base:\n    found = {}\n"
        "    def __init_subclass__(cls): Base.found[cls.__name__] = cls\n"
        "class A(Base):\n    def f(self, x): return x + 1\n"
        "def func(p): return {'y': Base.found['A']().f(1)}\n",
    },
}


@pytest.mark.parametrize("files", MODULES.values(), ids=MODULES)
def test_code_behind_modules_and_registries_counts(load, files):
    before, after = digests(load, files, "x + 1", "x + 2")
    assert before != after


def test_of_a_module_only_what_is_used_counts(load):
    helpers = f"{HELPERS}def g(x):\n    return x * 2\n"
    files = {"model.py": "import lib.h\ndef func(p): return {'y': lib.h.f(p)}\n"}
    for more in ({}, {"lib/__init__.py": ""}):
        before, after = digests(load, {**files, "lib/h.py": helpers, **more}, "x * 2", "x * 3")
        assert before == after


def test_subclasses_count_only_where_code_looks_for_them(load):
    files = {
        "model.py": "import h\ndef func(p): return {'y': h.Base().f(1)}\n",
        "h.py": "class Base:\n    def f(self, x): return x\n"
        "class A(Base):\n    def f(self, x): return x + 1\n",
    }
    before, after = digests(load, files, "x + 1", "x + 2")
    assert before == after


ADDED = {
    "attribute of a class": "class M:\n    k = 1\nM.k = 3\ndef func(p): return {'y': M.k}\n",
    "method of a class": (
        "class M:\n    def run(self): return 1\ndef other(self): return 3\nM.run = other\n"
        "def func(p): return {'y': M().run()}\n"
    ),
    "attribute of a function": "def h(x): return h.k\nh.k = 3\ndef func(p): return {'y': h(1)}\n",
    "with": (
        "import contextlib\nC = []\nwith contextlib.nullcontext():\n    C.append(3)\n"
        "def func(p): return {'y': C}\n"
    ),
    "for": "C = {}\nfor i in [1]:\n    C[i] = 3\ndef func(p): return {'y': C}\n",
    "setattr": "class M: pass\nm = M()\nsetattr(m, 'k', 3)\ndef func(p): return {'y': m.k}\n",
    "setattr in for": (
        "class M: pass\nfor n in ['k']:\n    setattr(M, n, 3)\ndef func(p): return {'y': M.k}\n"
    ),
    "call in for": "C = []\nfor i in [1]:\n    C.append(3)\ndef func(p): return {'y': C}\n",
}


@pytest.mark.parametrize("text", ADDED.values(), ids=ADDED)
def test_what_is_added_later_counts(load, text):
    before, after = digests(load, text, "3", "4")
    assert before != after


MADE = {
    "Enum": "import enum\nM = enum.Enum('M', {'k': 3})\n",
    "namedtuple": "import collections\nM = collections.namedtuple('M', 'k', defaults=[3])\n",
    "dataclass": "import dataclasses as d\nM = d.make_dataclass('M', [('k', int, 3)])\n",
    "type": "M = type('M', (), {'k': 3})\n",
    "function": "def make(n):\n    class M:\n        k = n\n    return M\nM = make(3)\n",
}


@pytest.mark.parametrize("text", MADE.values(), ids=MADE)
@pytest.mark.parametrize("how", ["", "from h import M\n", "import h\nM = h.M\n"])
def test_the_call_that_makes_a_class_counts(load, text, how):
    func = "def func(p): return {'y': M.k}\n"
    files = {"model.py": how + func, "h.py": text} if how else {"model.py": text + func}
    before, after = digests(load, files, "3", "4")
    assert before != after


def test_what_only_looks_at_a_value_does_not_count(load):
    text = "T = {'a': 1}\ndef h(): return T\ndef func(p): return {'y': h()}\n"
    more = f"{text}for k in T.items():\n    print(k)\nprint(T['a'], h())\nassert T\n"
    assert fingerprint(load({"model.py": text})) == fingerprint(load({"model.py": more}))


# What func changes while it runs

STATE = {
    "memo": (
        "def memo(f):\n    cache = {}\n    def inner(p):\n        if p['x'] not in cache:\n"
        "            cache[p['x']] = f(p)\n        return cache[p['x']]\n    return inner\n"
        "@memo\ndef func(p): return {'y': 1}\n"
    ),
    "list": (
        "def make():\n    log = []\n    def func(p):\n        log.append(p)\n"
        "        return {'y': 1}\n    return func\nfunc = make()\n"
    ),
    "nonlocal": (
        "def make():\n    n = 0\n    def func(p):\n        nonlocal n\n        n += 1\n"
        "        return {'y': 1}\n    return func\nfunc = make()\n"
    ),
    "bound method": (
        "class A:\n    def __init__(self):\n        self.n = 0\n        self.log = {}\n"
        "    def count(self):\n        self.n += 1\n        self.log[self.n] = 1\n"
        "        self.late = 3\n"
        "    def run(self, p):\n        self.count()\n        return {'y': 1}\n"
        "func = A().run\n"
    ),
    "callable object": (
        "class A(dict):\n    def __call__(self, p):\n        self.n = p\n        self[1] = p\n"
        "        return {'y': 1}\nfunc = A()\n"
    ),
    "cached property": (
        "import functools\nclass A:\n    @functools.cached_property\n    def k(self): return 2\n"
        "    def run(self, p): return {'y': 1 + self.k}\nfunc = A().run\n"
    ),
    "attribute of an object": (
        "class A:\n    n = 0\ndef make(a):\n    def func(p):\n        a.n += 1\n"
        "        return {'y': 1}\n    return func\nfunc = make(A())\n"
    ),
    "subclass in a function": (
        "class A: pass\ndef func(p):\n    class B(A): pass\n"
        "    return {'y': 1 + len(A.__subclasses__())}\n"
    ),
    "global in a helper": (
        "N = 0\ndef bump():\n    global N\n    N += 1\ndef func(p):\n    y = N\n    bump()\n"
        "    return {'y': 1}\n"
    ),
}


@pytest.mark.parametrize("text", STATE.values(), ids=STATE)
def test_what_the_code_changes_is_no_change_of_the_code(load, text):
    func = load({"model.py": text})
    before = fingerprint(func)
    for x in (1, 2):
        assert func({"x": x})["y"] >= 1
        assert fingerprint(func) == before
    assert fingerprint(load({"model.py": text.replace("'y': 1", "'y': 2")})) != before


def test_a_module_with_subclasses_that_is_imported_late(load):
    files = {
        "model.py": "import importlib\nfrom base import Base\ndef func(p):\n"
        "    importlib.import_module(p['name'])\n    return {'y': len(Base.__subclasses__())}\n",
        "base.py": "class Base: pass\n",
        "plugin.py": "from base import Base\nclass A(Base): pass\n",
    }
    func = load(files)
    before = fingerprint(func)
    sys.path.insert(0, os.getcwd())
    try:
        df = ps.run_local(func, [{"name": "plugin"}], save=False)
    finally:
        sys.path.remove(os.getcwd())
    assert df.y.tolist() == [1]
    assert fingerprint(func) == before


def test_a_global_of_another_module_that_the_code_changes(load):
    files = {
        "model.py": "import h\ndef func(p):\n    h.N += 1\n    return {'y': h.N + h.K}\n",
        "h.py": "N = 0\nK = 1\n",
    }
    func = load(files)
    before = fingerprint(func)
    func({})
    assert fingerprint(func) == before
    for old, new in [("K = 1", "K = 2"), ("N = 0", "N = 5")]:
        before, after = digests(load, files, old, new)
        assert before != after


def test_attributes_that_were_set_before_the_study_count(load):
    """Although a method sets them, which the study does not call."""
    text = (
        "class A:\n    def __init__(self):\n        self.k = 0\n"
        "    def setup(self, k):\n        self.k = k\n"
        "    def run(self, p):\n        return {'y': self.k}\n"
        "a = A()\na.setup(3)\nfunc = a.run\n"
    )
    before, after = digests(load, text, "a.setup(3)", "a.setup(4)")
    assert before != after


CACHES = {
    "objects": "CACHE[k] = Model(k)",
    "objects in a list": "LIST.append(Model(k))",
    "functions": "CACHE[k] = make(k)",
    "partials": "CACHE[k] = functools.partial(go, k)",
    "classes": "CACHE[k] = made(k)",
    "objects in an object": "STORE.own[k] = Model(k)",
    "objects, by a method": "STORE.fill(k)",
    "objects in a class": "Store.found[k] = Model(k)",
    "objects in a kind of dict": "TABLE[k]",
    "functions, by another name": "cache = LIST; cache.append(make(k))",
    "partials, by a helper": "put(CACHE, k, functools.partial(go, k))",
}


@pytest.mark.parametrize("fill", CACHES.values(), ids=CACHES)
def test_what_func_puts_into_a_cache_does_not_count(load, fill):
    text = f"""
import functools
CACHE, LIST = {{}}, []
class Model:
    def __init__(self, k): self.k = k
class Store:
    found = {{}}
    def __init__(self): self.own = {{}}
    def fill(self, k): self.own[k] = Model(k)
class Table(dict):
    def __missing__(self, k): self[k] = Model(k)
STORE, TABLE = Store(), Table()
def go(k): return k
def put(cache, k, value): cache[k] = value
def make(k):
    def inner(): return go(k)
    return inner
def made(k):
    class Made(Model): pass
    return Made(k)
def func(p):
    k = p["a"]
    if k not in CACHE: {fill}
    return {{"y": [CACHE, LIST, STORE, TABLE]}}
"""
    func = load({"model.py": text})
    before = fingerprint(func)
    func({"a": 1})
    func({"a": 2})
    assert fingerprint(func) == before


GET = "def func(p): return {'y': get(K)}\n"
SETTINGS = {
    "a dict, by main": "K = {}\ndef main():\n    K['a'] = 3\nmain()\n",
    "a name, by main": "K = []\ndef main():\n    global K\n    K = [3]\nmain()\n",
    "an object, by main": "class C: pass\nK = C()\ndef main():\n    K.k = 3\nmain()\n",
    "a class, by main": "class K: pass\ndef main():\n    K.k = 3\nmain()\n",
    "except": "try:\n    import nowhere\n    K = []\nexcept ImportError:\n    K = [3]\n",
    "match": "K = []\nmatch 1:\n    case 1:\n        K.append(3)\n",
    "del": "K = [1, 2] * 5\ndel K[3]\n",
}


@pytest.mark.parametrize("text", SETTINGS.values(), ids=SETTINGS)
def test_what_sets_a_global_value_counts(load, text):
    before, after = digests(load, text + GET, "3", "4")
    assert before != after
    other = {"model.py": f"{text}{GET}def other():\n    K = [1]\n    K.append(2)\n"}
    assert before == fingerprint(load(other)).digest


MOVED = {
    "plain": ("    def f(self): return self.k\n", "    def g(self): return 2\n"),
    "local names": ("    def f(self, a=1): return a\n", "    def g(self, b=2): return b\n"),
    "property": ("    @property\n    def f(self): 1\n", "    @staticmethod\n    def g(): 2\n"),
    "other": ("    def f(self): return self.g()\n", "    def g(self): return 2\n    k = 3\n"),
}  # fmt: skip


@pytest.mark.parametrize("parts", MOVED.values(), ids=MOVED)
def test_methods_may_be_moved(load, parts):
    one, other = (
        fingerprint(load({"model.py": f"class C:\n{text}def func(p): return {{'y': C().f}}\n"}))
        for text in ("".join(parts), "".join(reversed(parts)))
    )
    assert one.digest == other.digest


@pytest.mark.parametrize(
    "parts",
    [
        ("    def f(self): return 1\n", "    def f(self): return 2\n"),
        ("    def f(self): return 1\n    g = f\n", "    def f(self): return 2\n"),
        ("    @KNOWN.append\n    def f(self): 1\n", "    @KNOWN.append\n    def g(self): 2\n"),
    ],
)  # fmt: skip
def test_methods_may_not_be_moved_where_the_order_matters(load, parts):
    one, other = (
        fingerprint(
            load({"model.py": f"KNOWN = []\nclass C:\n{text}def func(p): return {{'y': C()}}\n"})
        )
        for text in ("".join(parts), "".join(reversed(parts)))
    )
    assert one.digest != other.digest


@pytest.mark.parametrize(
    "text",
    [
        "K = [1]\nC = list(K)\nK.append(3)\n",
        "n = 1\nC = [n] * 5\nn = 3\n",
        "K = {}\nC = dict(K)\nif True:\n    K['a'] = 3\n",
    ],
)
def test_a_change_that_moves_past_a_use_counts(load, text):
    before, use, change = re.split(r"(C = .*\n)", text)
    func = "def func(p): return {'y': C}\n"
    one = fingerprint(load({"model.py": before + use + change + func}))
    other = fingerprint(load({"model.py": before + change + use + func}))
    assert one.digest != other.digest
    elsewhere = fingerprint(load({"model.py": before + "Z = 1\n" + use + change + func}))
    assert one.digest == elsewhere.digest


@pytest.mark.parametrize("other", ["a = 1", "a: ClassVar[int] = 1", "a: InitVar[int] = 1"])
def test_what_is_a_field_of_a_dataclass_counts(load, other):
    text = (
        "from dataclasses import InitVar, dataclass\nfrom typing import ClassVar\n"
        "@dataclass\nclass C:\n    a: int = 1\ndef func(p): return vars(C())\n"
    )
    before, after = digests(load, text, "a: int = 1", other)
    assert before != after
    before, after = digests(load, text, "a: int", "a: float")
    assert before == after


def test_a_global_that_func_makes_does_not_count(load):
    func = load(
        {
            "model.py": "def setup():\n    global MODEL\n    MODEL = [1]\n"
            "def get(): return MODEL\n"
            "def func(p):\n    setup()\n    return {'y': get()}\n"
        }
    )
    before = fingerprint(func)
    func({})
    assert fingerprint(func) == before


# Calls with parameters by name


@pytest.mark.parametrize(
    "other, is_seen",
    [
        ("sim(b, a): return b - a", True),
        ("sim(a, c): return a - c", True),
        ("sim(a, b): return a + b", True),
        ("sim(a: int, b: int): return a - b", False),
    ],
)
def test_names_of_parameters_count_by_name(load, other, is_seen):
    text = "import psweep as ps\ndef sim(a, b): return a - b\nfunc = ps.by_name(sim, 'y')\n"
    before, after = digests(load, text, "sim(a, b): return a - b", other)
    assert (before != after) == is_seen


# What a loop at the top of a file does around runs; `find` stands for `run_local`.

FOUND = []


def find(func, *_):
    FOUND.append(fingerprint(func))


CLEARED = """
def func(p):
    LOG.append(p)
    return {'y': 1}
for n in [1, 2]:
    find(func, range(n))
    LOG.clear()
"""
EXTENDED = """
def func(p): return {'y': sum(LOG)}
for n in [1, 2]:
    LOG.append(n)
    find(func)
"""
SET = """
def func(p): return {'y': value[0]}
for _, value in [(1, [1]), (2, [2])]:
    find(func)
"""


@pytest.mark.parametrize(("text", "is_equal"), [(CLEARED, True), (EXTENDED, False), (SET, False)])
def test_a_loop_around_runs_counts_by_what_it_changes(load, monkeypatch, text, is_equal):
    finder = types.ModuleType("finder")
    finder.find = find
    monkeypatch.setitem(sys.modules, "finder", finder)
    FOUND.clear()
    load({"model.py": f"from finder import find\nLOG = []\n{text}"})
    first, second = FOUND
    assert (first == second) is is_equal


# What the script changes in another module

SCRIPTS = {
    "an imported dict": ("K = {}\n", "from h import K, g\nK['a'] = 3\n"),
    "an imported list, in place": ("K = []\n", "from h import K, g\nK += [3]\n"),
    "a name": ("K = []\n", "import h\nh.K = [3]\n"),
    "setattr": ("K = []\n", "import h\nsetattr(h, 'K', [3])\n"),
    "a list": ("K = []\n", "import h\nh.K.append(3)\n"),
    "in a loop": ("K = []\n", "import h\nfor n in range(3):\n    h.K.append(n)\n"),
    "an object": ("class C: pass\nK = C()\n", "import h\nh.K.k = 3\n"),
    "a function": ("def K(): return 1\n", "import h\nh.K.k = 3\n"),
    "a class": ("class K: pass\n", "from h import K\nK.k = 3\n"),
    "what a function returns": ("K = {}\n", "import h\nh.g()['a'] = 3\n"),
    "in a function": ("K = {}\n", "import h\ndef setup():\n    h.K['a'] = 3\nsetup()\n"),
    "in a function, of a name": (
        "K = []\n",
        "from h import K\ndef setup(n):\n    for i in range(n):\n        K.append(3)\nsetup(1)\n",
    ),
    "in a function, an object": (
        "class C: pass\nK = C()\n",
        "import h\ndef main():\n    if True:\n        h.K.k = 3\nmain()\n",
    ),
}


@pytest.mark.parametrize(("text", "script"), SCRIPTS.values(), ids=SCRIPTS)
def test_what_the_script_changes_in_another_module_counts(load, monkeypatch, text, script):
    found = []
    for value in "3", "4":
        start = f"import sys; sys.modules['__main__'] = sys.modules[__name__]\n{script}"
        func = "import h\ndef func(p): return {'y': h.g()}\n"
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "__main__", sys.modules["__main__"])
            files = {
                "h.py": f"{text}L = []\ndef g(): return K\n",
                "model.py": start.replace("3", value) + func,
            }
            found.append(fingerprint(load(files)))
            files["model.py"] += "h.L.append(3)\nh.g()\nprint(h.K)\n"
            assert fingerprint(load(files)) == found[-1]
    assert found[0] != found[1]


MAIN = """
import sys; sys.modules['__main__'] = sys.modules[__name__]
import h
def func(p): return {'y': h.g()}
def main():
    n = 3
    h.K['a'] = n
    K = [n]
    K.append(1)
    print(func({'a': 1}))
main()
"""
EDITS = {
    "a local variable of another name": (("n = 3", "m = 3"), ("= n", "= m"), ("[n]", "[m]")),
    "another statement": (("print(", "str("),),
    "a local variable of the same name": (("K.append(1)", "K.append(2)"),),
}


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS)
def test_of_a_function_of_the_script_only_what_changes_other_modules_counts(
    load, monkeypatch, edits
):
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    edited = MAIN
    for old, new in edits:
        assert old in edited
        edited = edited.replace(old, new)
    helpers = {"h.py": "K = {}\ndef g(): return K\n"}
    found = [fingerprint(load({**helpers, "model.py": text})) for text in (MAIN, edited)]
    assert found[0] == found[1]


# The place of the files

PLACES = {
    "a logger": "import logging\nlog = logging.getLogger(__name__)\n"
    "def func(p):\n    log.info(__doc__)\n    return {'y': __file__}\n",
    "a path": "from pathlib import Path\nHERE = Path(__file__).resolve().parent\n"
    "def func(p):\n    return {'y': HERE / 'in.txt'}\n",
    "a text": "import os\nHERE = os.path.dirname(os.path.abspath(__file__))\n"
    "DATA = os.path.join(HERE, 'in.txt')\nCOMMAND = f'{HERE}/sim --in={DATA}'\n"
    "def func(p):\n    return {'y': COMMAND}\n",
    "the parent": "import os\nfrom lib.paths import TOP\nimport lib.paths as paths\n"
    "DATA = os.path.join(TOP, 'in.txt')\n"
    "def func(p):\n    return {'y': DATA, 'z': [paths.TOP, paths.__path__]}\n",
    "the working folder": "import os\nHERE = os.getcwd()\nDATA = HERE + '/in.txt'\n"
    "def func(p):\n    return {'y': DATA}\n",
}
LIB = {
    "lib/__init__.py": "",
    "lib/paths.py": "import os\nTOP = os.path.dirname(os.path.dirname(__file__))\n",
}


@pytest.mark.parametrize("text", PLACES.values(), ids=PLACES)
def test_a_study_in_another_folder_has_the_same_code(load, text):
    before, moved = (fingerprint(load({"model.py": text, **LIB})) for _ in range(2))
    assert before == moved
    if "in.txt" in text:
        edited = fingerprint(load({"model.py": text.replace("in.txt", "other.txt"), **LIB}))
        assert edited.digest != before.digest


def test_the_name_of_the_module_is_not_its_code(load):
    func = load({"model.py": PLACES["a logger"]})
    before = fingerprint(func)
    func.__globals__["__name__"] = "__main__"
    assert fingerprint(func).digest == before.digest


def test_a_path_that_is_written_out_or_comes_from_elsewhere_counts(load, monkeypatch):
    text = "import os\nDATA = os.environ['DATA']\ndef func(p):\n    return {'y': DATA}\n"
    found = []
    for value in ("/data/1", "/data/1", "/data/2"):
        monkeypatch.setenv("DATA", value)
        found.append(fingerprint(load({"model.py": text})).digest)
    assert found[0] == found[1] != found[2]
    before, after = digests(load, "X = '/data/1'\ndef func(p): return {'y': X}\n", "/1", "/2")
    assert before != after


PROCESSES = {
    "a time": "import time\nT0 = time.time()\nNAME = f'{T0}.log'\n"
    "def func(p):\n    return {'y': NAME}\n",
    "a time, imported": "from time import perf_counter as now\nT0: float = now()\n"
    "def func(p):\n    return {'y': T0}\n",
    "a folder": "import tempfile\nTMP = tempfile.mkdtemp() + '/a.log'\n"
    "def func(p):\n    return {'y': TMP}\n",
    "a date": "from datetime import datetime\nNAME = datetime.now().strftime('%f.log')\n"
    "def func(p):\n    return {'y': NAME}\n",
    "an id, from a module": "from lib.ids import ID\ndef func(p):\n    return {'y': ID}\n",
}
IDS = {"lib/__init__.py": "", "lib/ids.py": "import uuid\nID = str(uuid.uuid4()) + '.log'\n"}


@pytest.mark.parametrize("text", PROCESSES.values(), ids=PROCESSES)
def test_what_differs_in_each_process_does_not_count(load, text):
    files = {"model.py": text, **IDS}
    before, again = (fingerprint(load(files)) for _ in range(2))
    assert before == again
    if ".log" in "".join(files.values()):
        old, new = (".log", ".txt") if "T0: float" not in text else ("now()", "now() + 1")
        before, after = digests(load, files, old, new)
        assert before != after


def test_what_the_user_passes_counts(load, monkeypatch):
    text = (
        "import os\nN = int(os.environ.get('N', os.cpu_count()))\ndef func(p):\n"
        "    return {'y': N}\n"
    )
    found = []
    for n in ("1", "1", "2"):
        monkeypatch.setenv("N", n)
        found.append(fingerprint(load({"model.py": text})).digest)
    assert found[0] == found[1] != found[2]


def test_a_value_of_a_loop_counts_next_to_a_clock(load):
    """As in a script that loops over models and runs a study for each."""
    text = (
        "import time\nfound = []\nfor k in (1, 2):\n    K = k\n    T = time.time()\n"
        "    def func(p):\n        return {'y': K}\n"
        "    from psweep_core.params.fingerprint import fingerprint\n"
        "    found.append(fingerprint(func).digest)\n"
    )
    found = load({"model.py": text}).__globals__["found"]
    assert found[0] != found[1]
