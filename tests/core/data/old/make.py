"""Write the studies in this folder again, by a real old release.

``python make.py FOLDER`` writes them into ``FOLDER/<version>/<study>/database.pk``. Run it in an
environment that has one of the releases and what it needs, such as Python 3.10 with
``psweep==0.8.0 "pandas<2" "numpy<2" setuptools jinja2``. The files here are of 0.8.0, 0.9.0,
0.11.1, 0.13.0 and 0.16.0, with pandas 1.5.3 and NumPy 1.26.4.
"""

import importlib.metadata
import os
import shutil
import sys
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from uuid import UUID

import numpy as np

import psweep as ps

run = getattr(ps, "run", None) or ps.run_local


def func(pset):
    return {"y_": pset["a"] * 10, "text_": str(pset["a"])}  # 0.12 and later want the _


def overwrite(pset):
    return {"y_": 1, "a": -pset["a"]}


A = ps.plist("a", [1, 2, 3])
MORE = ps.plist("a", [4, 5])
B = ps.plist("b", [1, 2])
MIXED = [None, 3, "x", 1.5, 2.0, True]
SETS = [{1, 2}, {"x"}, {1, "x", None}]
DAY = date(2020, 1, 1)
OBJECTS = [
    DAY, [DAY, {"day": DAY}], PurePosixPath("a/b"), Decimal("1.50"), Fraction(1, 3), range(3),
    UUID(int=3), 1j, frozenset({1}), datetime(2020, 1, 1, tzinfo=timezone.utc),
]  # fmt: skip
TIMES = [
    {"a": 1, "b": datetime(2020, 1, 1), "c": timedelta(1)},
    {"a": 2, "b": datetime(2020, 1, 2, 3, 4, 5, 6), "c": timedelta(0, 2)},
]
COMPLEX = [1j, 2.0, 3, True]
BOOLS = [2.5, True, False, 1.0, 0]
NUMBERS = [None, 3, 1.5, 2.0, float("nan")]

# name: calls with params and keywords. Tests read them, too.
STUDIES = {
    "serial": [(A, {}), (MORE, {})],
    "pooled": [(A, {"poolsize": 2})],
    "mixed": [(A, {}), (MORE, {"poolsize": 2}), (ps.plist("a", [6]), {})],
    "late": [(A, {}), (ps.pgrid(A, B), {}), ([{"a": 9, "c": None}, {"a": 9, "c": 0.5}], {})],
    "types": [([{"a": i, "b": b} for i, b in enumerate(MIXED)], {}), (MORE, {})],
    "numbers": [([{"a": i, "b": b} for i, b in enumerate(NUMBERS)], {}), (MORE, {})],
    "numpy": [(ps.plist("a", np.linspace(0, 1, 3)), {}), (ps.plist("a", np.arange(1, 3)), {})],
    "numpy_later": [(ps.plist("a", [0.0, *np.linspace(0.25, 0.75, 3)]), {}), (MORE, {})],
    "sets": [(ps.plist("a", [1, 2]), {}), ([{"a": 3, "s": s} for s in SETS], {})],
    "objects": [([{"a": i, "b": b} for i, b in enumerate(OBJECTS)], {})],
    "objects_later": [(A, {}), ([{"a": i, "b": b} for i, b in enumerate(OBJECTS)], {})],
    "times": [(TIMES, {})],
    "times_and_more": [(TIMES, {}), ([{"a": 0.5, "d": 1}], {})],
    "complex": [([{"a": i, "b": b} for i, b in enumerate(COMPLEX)], {}), ([{"a": 0.5}], {})],
    "bools": [([{"a": i, "b": b} for i, b in enumerate(BOOLS)], {})],
    "backup": [(A, {}), (MORE, {"backup": True})],
}


def main(folder):
    folder = Path(folder, importlib.metadata.version("psweep"))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.chdir(folder)
    for name, calls in STUDIES.items():
        for params, kwds in calls:
            run(func, params, calc_dir=name, **kwds)
    run(overwrite, ps.pgrid(A, B), calc_dir="overwritten")
    run(func, [{"a": 1, "b": 1, "c": 1}], calc_dir="overwritten")
    Path("templates/calc").mkdir(parents=True)
    Path("templates/machines/local").mkdir(parents=True)
    Path("templates/calc/run.sh").write_text("echo $a {{a}} > out\n")
    Path("templates/machines/local/jobscript").write_text("sh run.sh\n")
    Path("templates/machines/local/info.yaml").write_text("subcmd: sh\n")
    ps.prep_batch(A, calc_dir="batch")
    shutil.rmtree("templates")
    for path in Path().glob("backup.bak_*"):
        shutil.rmtree(path)


if __name__ == "__main__":
    main(sys.argv[1])
