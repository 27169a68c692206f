"""How cost grows with rows and with columns: python benchmarks/growth.py [--quick].

Prints two tables, and writes them to growth_rows.csv and growth_columns.csv next to this file
unless it is quick. Times are milliseconds of the CPU, each the least of some. The last column is
the slope of a straight line through the logarithms: 1 is in proportion, 0 does not depend on it.
"""

from __future__ import annotations

import csv
import math
import os
import pathlib
import shutil
import sys
import tempfile
import time

import psweep as ps

HERE = pathlib.Path(__file__).parent


def cpu_ms(action, times=3):
    """Return the least time of some calls."""
    found = []
    for _ in range(times):
        start = time.process_time()
        action()
        found.append(1000 * (time.process_time() - start))
    return min(found)


def slope(sizes, costs):
    """Fit a line to the logarithms."""
    x, y = ([math.log(value) for value in values] for values in (sizes, costs))
    x_mean, y_mean = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - x_mean) * (b - y_mean) for a, b in zip(x, y, strict=True))
    return above / sum((a - x_mean) ** 2 for a in x)


def costs(n_rows, n_columns):
    """Measure a study with as many rows, and as many params and results together."""
    half = n_columns // 2
    params = [{f"p{k}": i + 0.5 * k for k in range(n_columns - half)} for i in range(n_rows)]

    def func(pset):
        return {f"r{k}": pset["p0"] for k in range(half)}

    def run():
        shutil.rmtree("calc", ignore_errors=True)
        ps.run(func, params, progress=False)

    few = 1 if n_rows > 100_000 else 3
    return {
        "run all psets": cpu_ms(run, few),
        "one more pset, in a loop": cpu_ms(lambda: ps.run(func, params[:1], progress=False), 5),
        "df_read": cpu_ms(lambda: ps.df_read("calc"), few),
    }


def spaced(number):
    """Write an integer as the manual does: 1000, 10 000."""
    return f"{number:_}".replace("_", " ") if number >= 10_000 else str(number)


def rounded(value):
    """Write a time with three digits, without an exponent."""
    return spaced(int(float(f"{value:.3g}"))) if value >= 1000 else f"{value:.3g}"


def table(sizes, measured, head):
    """Make a table with a row for each action and a column for each size."""
    rows = [["work", *map(spaced, sizes), "slope"]]
    rows[0][1] += head
    for action in measured[0]:
        values = [some[action] for some in measured]
        rows.append([action, *map(rounded, values), f"{slope(sizes, values):.2f}"])
    return rows


def main(quick):
    """Measure and write."""
    top = 5 if quick else 7
    rows = [10**e for e in range(3, top)]
    columns = [1, 2, 5, 10, 20, 50, 100, 200][: 5 if quick else None]
    n_fixed = 1000 if quick else 10_000
    tables = {
        "rows": table(rows, [costs(n, 2) for n in rows], " rows"),
        "columns": table(columns, [costs(n_fixed, n) for n in columns], " column"),
    }
    for what, lines in tables.items():
        print(what, *map(" | ".join, lines), sep="\n", flush=True)
        if not quick:
            path = HERE / f"growth_{what}.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(lines)


if __name__ == "__main__":
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        os.chdir(folder)
        main("--quick" in sys.argv)
        os.chdir("/")
