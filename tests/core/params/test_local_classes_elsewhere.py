"""Classes that cannot be imported: the same hash and the same class in every process."""

from __future__ import annotations

import copy
import dataclasses
import enum
import pickle
import subprocess
import sys

import cloudpickle
import pytest

import psweep as ps
from psweep_core.store.portable_pickle import dumps

pytestmark = pytest.mark.untraced

SAME_HASHES = """
import psweep as ps

df = ps.df_read("calc")
assert [ps.pset_hash(pset) for pset in ps.df_extract_params(df)] == [*df._pset_hash]
"""


def make(n):
    class Plain:
        def times(self, x):
            return n * x

    class Slotted:
        __slots__ = ("x",)

        def __init__(self):
            self.x = n

    class Both(Slotted):
        def __init__(self):
            super().__init__()
            self.y = n

    @dataclasses.dataclass
    class Data:
        x: int = n
        y: list = dataclasses.field(default_factory=list)

    return Plain, Slotted, Both, Data


def run_elsewhere(folder, code):
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_hash_of_a_class_does_not_depend_on_its_instances():
    for cls in make(1):
        sha = ps.pset_hash({"a": cls})
        copy.copy(cls())  # for which Python notes the names of the slots in the class
        assert ps.pset_hash({"a": cls}) == sha
        pickle.loads(cloudpickle.dumps(cls()))  # which sets the parts of the class again
        assert ps.pset_hash({"a": cls}) == sha


def test_classes_and_instances_have_their_hashes_in_another_process(tmp_path):
    values = [value for cls in make(1) for value in (cls, cls())]
    df = ps.run_local(lambda pset: {}, [{"a": value} for value in values], poolsize=1)
    assert df._pset_hash.nunique() == len(values)
    run_elsewhere(tmp_path, SAME_HASHES)
    again = ps.plist("a", [value for cls in make(1) for value in (cls, cls())])
    assert len(ps.run_local(lambda pset: {}, again, skip_dups=True)) == len(values)


ENUMS = """
import enum

import psweep as ps


class Alias(enum.Enum):
    A = 1
    B = 1
    C = 2


class Mode(enum.Flag):
    R = 1
    W = 2
    RW = 3


class Bits(enum.IntFlag):
    A = 1
    SIX = 6


class Planet(enum.Enum):
    EARTH = (5.9, 6.4)
    HOME = EARTH

    def __init__(self, mass, radius):
        self.mass = mass

    def heavier(self):
        return 2 * Planet.EARTH.mass


class Labelled(enum.Enum):
    def __new__(cls, value, label):
        member = object.__new__(cls)
        member._value_ = value
        member.label = label
        return member

    A = (1, "first")


def members():
    return [Alias.B, Alias.C, Mode.RW, Bits.SIX, Planet.HOME, Labelled.A, Planet, Mode]


def func(pset):
    member = pset["m"]
    return {"found": [member.mass if isinstance(member, Planet) else str(member)]}


if __name__ == "__main__":
    for kwds in {}, {"poolsize": 2}, {"poolsize": 1, "worker_env": {"A": "1"}}:
        df = ps.run_local(func, ps.plist("m", members()), calc_dir="calc", **kwds)
        assert [*df.m] == members() * (len(df) // 8)
"""
READ_ENUMS = """
import sys

import pandas as pd

import psweep as ps

df = ps.df_read("calc")
assert len(df) == 24
alias, other, rw, six, home, labelled, planets, modes = df.m[:8]
assert alias is type(alias).A is type(alias).B is type(alias)["B"] and other.name == "C"
assert rw is type(rw).RW is modes["RW"] and rw == modes.R | modes.W
assert six.name == "SIX" and six & 2 == 2
assert home.mass == 5.9 and home.heavier() == 11.8 and planets["HOME"] is planets.EARTH
assert labelled.label == "first"
"""


def test_enums_of_a_script_are_whole_in_another_process(tmp_path):
    (tmp_path / "study.py").write_text(ENUMS)
    done = subprocess.run(
        [sys.executable, "study.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    run_elsewhere(tmp_path, READ_ENUMS + SAME_HASHES)
    run_elsewhere(
        tmp_path,
        "import sys; sys.modules['psweep'] = None; import pandas as pd; "
        "assert pd.read_pickle('calc/database.pk').m[2].name == 'RW'",
    )


def test_enums_that_cannot_be_imported_come_back_as_themselves():
    class Alias(enum.Enum):
        A = 1
        B = 1  # noqa: PIE796

    class Mode(enum.Flag):
        R = 1
        W = 2
        RW = 3

    members = [Alias.B, Mode.RW]
    df = ps.run_local(lambda pset: {"m": pset["a"]}, ps.plist("a", members), poolsize=1)
    assert [*df.a] == [*df.m] == members
    for member in members:
        assert pickle.loads(dumps(member)) is member


def test_a_flag_keeps_its_boundary(tmp_path):
    code = """
import enum
import psweep as ps

class Bits(enum.Flag, **({"boundary": enum.KEEP} if hasattr(enum, "KEEP") else {})):
    A = 1
    SIX = 6

ps.run_local(lambda pset: {}, [{"m": Bits.SIX}, {"m": Bits.A}])
"""
    (tmp_path / "study.py").write_text(code)
    subprocess.run([sys.executable, "study.py"], cwd=tmp_path, check=True)
    run_elsewhere(tmp_path, SAME_HASHES + "assert df.m[0].name == 'SIX'")
