"""How cost grows with rows and with columns: python benchmarks/growth.py [--quick].

Prints a table, and writes it to growth.csv next to this file unless it is quick. Times are those of
the CPU, each the least of some. The last column is the slope of a straight line through the
logarithms: 1 is in proportion, 0 does not depend on it.
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

FILE = pathlib.Path(__file__).with_name("growth.csv")


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
        "run all": cpu_ms(run, few),
        "one more pset, in a loop": cpu_ms(lambda: ps.run(func, params[:1], progress=False), 5),
        "df_read": cpu_ms(lambda: ps.df_read("calc"), few),
    }


def main(quick):
    """Measure and write."""
    top = 5 if quick else 7
    rows = [10**e for e in range(3, top)]
    columns = [1, 2, 5, 10, 20, 50, 100, 200][: 5 if quick else None]
    n_fixed = 1000 if quick else 10_000
    table = []
    for what, sizes, measured in [
        ("rows, of 2 columns", rows, [costs(n, 2) for n in rows]),
        (f"columns, of {n_fixed} rows", columns, [costs(n_fixed, n) for n in columns]),
    ]:
        for action in measured[0]:
            values = [some[action] for some in measured]
            found = "; ".join(
                f"{size}: {value:.3g}" for size, value in zip(sizes, values, strict=True)
            )
            table.append([action, what, found, f"{slope(sizes, values):.2f}"])
    heads = ["work", "number of", "ms of CPU time", "slope"]
    for row in [heads, *table]:
        print(" | ".join(row), flush=True)
    if not quick:
        with FILE.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([heads, *table])


if __name__ == "__main__":
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        os.chdir(folder)
        main("--quick" in sys.argv)
        os.chdir("/")
