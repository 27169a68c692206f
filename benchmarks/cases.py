"""What is measured, by whom, and what is to be reached."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = [
    "ARROW",
    "ENVIRONMENTS",
    "GROUPS",
    "HERE",
    "OLD",
    "XYZPY",
    "Base",
    "Case",
    "Check",
    "Side",
    "all_cases",
]

HERE = "psweep"
ARROW = "psweep with pyarrow"
OLD = "psweep 0.16.0"
XYZPY = "xyzpy"
ENVIRONMENTS = (HERE, ARROW, OLD, XYZPY)
# What may be named instead of the names of cases. "large": what each cell and each old row takes
GROUPS = {
    "large": [
        "serial", "wide_run", "wide_one", "wide_many", "wide_read", "own_names", "loop",
        "loop_arrow", "status", "checkdir", "db2table", "help",
    ],
}  # fmt: skip

Results = dict[str, dict[str, Any]]  # of one repeat, by the name of the side
Value = Callable[[Results], float]


@dataclass(frozen=True)
class Base:
    """A ``calc`` that lies there before the clock starts."""

    environment: str
    action: str
    rows: int


@dataclass(frozen=True)
class Side:
    """Who does it: a call of a function of `sides.py` in an environment."""

    name: str
    environment: str
    action: str
    args: dict[str, Any]
    base: Base | None = None


@dataclass(frozen=True)
class Check:
    """A figure of each repeat, and its bound."""

    what: str
    value: Value
    at_most: float | None = None
    at_least: float | None = None
    judged: Callable[[list[float]], float] = statistics.median

    def bound(self) -> str:
        """Describe the limit."""
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return f"at least {self.at_least:g}"

    def reached(self, values: list[float]) -> bool:
        """Compare what was measured with the bound."""
        value = self.judged(values)
        if self.at_most is not None:
            return value <= self.at_most
        return self.at_least is not None and value >= self.at_least


@dataclass(frozen=True)
class Case:
    """Sides that do the same, in turns."""

    name: str  # on the command line
    title: str
    sides: list[Side]
    checks: list[Check]
    unit: str = "µs per pset"
    repeats: int = 5
    on_disk: bool = False

    def times(self, repeated: list[Results]) -> dict[str, list[float]]:
        """Return for each side the time of each repeat, in `unit`."""
        unit, _, per_pset = self.unit.partition(" ")
        scale = {"µs": 1e6, "ms": 1e3, "s": 1.0}[unit]
        return {
            side.name: [
                scale * result["seconds"] / (result["units"] if per_pset else 1)
                for result in (results[side.name] for results in repeated)
            ]
            for side in self.sides
        }


def cost(side: str) -> Value:
    """Return the time per unit, in µs."""
    return lambda results: 1e6 * results[side]["seconds"] / results[side]["units"]


def ratio(side: str, other: str) -> Value:
    """Return the time per unit of a side as a multiple of that of another."""
    return lambda results: cost(side)(results) / cost(other)(results)


def spaced(n: int) -> str:
    """Write 100000 as 100 000."""
    return f"{n:,}".replace(",", " ")


def all_cases(divisor: int = 1) -> list[Case]:
    """List the cases.

    Parameters
    ----------
    divisor : int, default 1
        Take this many times fewer psets.
    """
    n, million = 100_000 // divisor, 1_000_000 // divisor
    n_dask, n_slow, n_hashes = 10_000 // divisor, 1000 // divisor, 20_000 // divisor

    def run(name: str, environment: str = HERE, **args: Any) -> Side:
        return Side(name, environment, "run", args)

    serial = [
        run(HERE, n=n),
        run(OLD, OLD, n=n),
        Side("bare loop", HERE, "bare_loop", {"n": n}),
        Side("bare loop with hashes", HERE, "bare_loop", {"n": n, "hashed": True}),
        Side(XYZPY, XYZPY, "xyzpy_run", {"n": n}),
    ]

    def append(rows: int, *peers: str) -> list[Side]:
        here = Base(HERE, "run", rows)
        sides = [
            Side(HERE, HERE, "append", {"n": 10, "rows": rows}, here),
            Side("df_read and df_write", HERE, "read_and_write", {"rows": rows}, here),
        ]
        if OLD in peers:
            base = Base(OLD, "run", rows)
            sides.append(Side(OLD, OLD, "append", {"n": 10, "rows": rows}, base))
        if XYZPY in peers:
            base = Base(XYZPY, "xyzpy_run", rows)
            sides.append(Side(XYZPY, XYZPY, "xyzpy_append", {"n": 10, "rows": rows}, base))
        return sides

    read_and_write = Check(
        "as a multiple of reading and writing that file",
        ratio(HERE, "df_read and df_write"),
        at_most=1.3,
    )

    def hashes(entries: int) -> Case:
        args = {"n": n_hashes, "entries": entries}
        return Case(
            f"hash{entries}",
            f"`pset_hash`, {entries} plain entries",
            [
                Side(HERE, HERE, "pset_hash", {**args, "by": "psweep"}),
                Side("joblib.hash", HERE, "pset_hash", {**args, "by": "joblib"}),
                Side(OLD, OLD, "pset_hash", {**args, "by": "psweep"}),
            ],
            [Check("times faster than `joblib.hash`", ratio("joblib.hash", HERE), at_least=4)],
        )

    def wide(
        name: str,
        title: str,
        action: str,
        floor: str,
        checks: list[Check],
        environment: str = HERE,
        **args: Any,
    ) -> Case:
        here = Base(HERE, "run", n)
        sides = [
            Side(HERE, environment, action, {**args, "rows": n}, here),
            Side(floor, environment, action, {**args, "rows": n, "by": "pandas"}, here),
        ]
        return Case(name, title, sides, checks, unit="ms", repeats=3)

    def program(name: str) -> Case:
        here = Base(HERE, "run", million)
        read = ["-c", "import pandas; pandas.read_pickle('calc/database.pk')"]
        script = f"psweep-{name}"
        return Case(
            name,
            f"`{script}`, {spaced(million)} rows",
            [
                Side(HERE, HERE, "program", {"name": script, "args": []}, here),
                Side("read_pickle", HERE, "program", {"name": "python", "args": read}, here),
            ],
            [Check("s", lambda results: results[HERE]["seconds"], at_most=4)],
            unit="s",
            repeats=3,
        )

    programs = [
        *map(program, ("status", "checkdir", "db2table")),
        Case(
            "help",
            "`psweep-status --help`",
            [
                Side(HERE, HERE, "program", {"name": "psweep-status", "args": ["--help"]}),
                Side(
                    "import argparse",
                    HERE,
                    "program",
                    {"name": "python", "args": ["-c", "import argparse"]},
                ),
                Side(
                    "import pandas",
                    HERE,
                    "program",
                    {"name": "python", "args": ["-c", "import pandas"]},
                ),
            ],
            [Check("s", lambda results: results[HERE]["seconds"], at_most=0.15)],
            unit="s",
        ),
    ]

    n_arrays = 1000 // divisor
    by_pandas, by_df_write = "to_pickle and read_pickle", "df_write"
    columns = f"50 + 50 new columns for {spaced(n)} rows"
    n_wide = 10_000 // divisor
    by_hand = "bare loop with hashes"
    wide_cases = [
        Case(
            "wide_run",
            f"serial, {spaced(n_wide)} psets with 52 params and 50 results",
            [
                Side(HERE, HERE, "wide_run", {"n": n_wide}),
                Side(by_hand, HERE, "wide_run", {"n": n_wide, "by": "hand"}),
                Side("func alone", HERE, "wide_run", {"n": n_wide, "by": "func"}),
            ],
            [
                Check(
                    "µs per cell without func",
                    lambda results: cost(HERE)(results) - cost("func alone")(results),
                    at_most=0.4,
                ),
                Check("as a multiple of a bare loop", ratio(HERE, by_hand), at_most=1),
            ],
            unit="µs per cell",
        ),
        wide(
            "wide_one",
            f"one pset with {columns}",
            "widen",
            by_pandas,
            [Check("as a multiple of what pandas takes", ratio(HERE, by_pandas), at_most=2)],
            n=1,
        ),
        wide(
            "wide_many",
            f"{spaced(n // 5)} psets with {columns}",
            "widen",
            by_pandas,
            [
                Check("s", lambda results: results[HERE]["seconds"], at_most=3),
                Check(
                    "GB of peak memory above the DataFrame",
                    lambda results: results[HERE]["bytes"] / 1e9,
                    at_most=0.6,
                ),
            ],
            n=n // 5,
        ),
        wide(
            "wide_read",
            f"read {spaced(n)} rows of which one has 50 + 50 further columns",
            "read_wide",
            "read_pickle",
            [Check("as a multiple of what pandas takes", ratio(HERE, "read_pickle"), at_most=2)],
        ),
        wide(
            "loop",
            f"20 calls of one pset each, {spaced(n)} rows, without pyarrow",
            "loop",
            by_df_write,
            [Check("as a multiple of writing the file", ratio(HERE, by_df_write), at_most=1.2)],
            n=20,
        ),
        wide(
            "loop_arrow",
            f"20 calls of one pset each, {spaced(n)} rows, with pyarrow",
            "loop",
            by_df_write,
            [Check("as a multiple of writing the file", ratio(HERE, by_df_write), at_most=1.2)],
            environment=ARROW,
            n=20,
        ),
        Case(
            "own_names",
            f"{spaced(4000 // divisor)} psets with 3 result names of their own",
            [Side(HERE, HERE, "own_names", {"n": 4000 // divisor})],
            [Check("MB on disk", lambda results: results[HERE]["bytes"] / 1e6, at_most=5)],
            unit="s",
            repeats=1,
        ),
        Case(
            "arrays",
            f"one more pset where {spaced(n_arrays)} have results of 100 kB",
            [
                Side("in the table", HERE, "arrays", {"n": n_arrays, "how": "table"}),
                Side("in files", HERE, "arrays", {"n": n_arrays, "how": "files"}),
            ],
            [],
            unit="ms",
            repeats=3,
        ),
    ]

    return [
        Case(
            "serial",
            f"serial, {spaced(n)} trivial psets",
            serial,
            [
                Check("µs per pset", cost(HERE), at_most=10),
                Check(f"times faster than {OLD}", ratio(OLD, HERE), at_least=4),
            ],
            repeats=11,
        ),
        Case(
            "million",
            f"serial, {spaced(million)} trivial psets",
            [run(HERE, n=million), run(f"{spaced(n)} psets", n=n)],
            [
                Check(
                    f"cost per pset as a multiple of that with {spaced(n)}",
                    ratio(HERE, f"{spaced(n)} psets"),
                    at_most=1.2,
                ),
                Check(
                    "kB per pset of peak memory above the params",
                    lambda results: results[HERE]["bytes"] / million / 1000,
                    at_most=1.5,
                ),
            ],
            repeats=3,
        ),
        Case(
            "disk",
            f"serial, {spaced(n)} trivial psets, on a real disk",
            serial[:2],
            [],
            repeats=3,
            on_disk=True,
        ),
        Case(
            "append",
            f"append 10 psets to {spaced(n)} rows",
            append(n, OLD, XYZPY),
            [
                read_and_write,
                Check(f"times faster than {OLD}", ratio(OLD, HERE), at_least=15),
            ],
            unit="s",
        ),
        Case(
            "append_million",
            f"append 10 psets to {spaced(million)} rows",
            append(million),
            [read_and_write],
            unit="s",
        ),
        Case(
            "pool",
            f"`poolsize=2`, {spaced(n)} trivial psets",
            [
                run(HERE, n=n, poolsize=2),
                run("psweep, serial", n=n),
                Side("joblib.Parallel", HERE, "joblib_parallel", {"n": n}),
                Side(
                    "joblib.Parallel, hashed and saved",
                    HERE,
                    "joblib_parallel",
                    {"n": n, "saved": True},
                ),
                Side("bare loops with hashes, in 2 processes", HERE, "bare_pool", {"n": n}),
                run(OLD, OLD, n=n, poolsize=2),
            ],
            [
                Check(
                    "as a multiple of the serial cost", ratio(HERE, "psweep, serial"), at_most=1.5
                ),
                Check(
                    "as a multiple of `joblib.Parallel`, in the worst repeat",
                    ratio(HERE, "joblib.Parallel"),
                    at_most=1,
                    judged=max,
                ),
            ],
        ),
        Case(
            "pool_few",
            "`poolsize=2`, 8 trivial psets",
            [
                run(HERE, n=8, poolsize=2),
                Side("joblib.Parallel", HERE, "joblib_parallel", {"n": 8}),
                run(OLD, OLD, n=8, poolsize=2),
            ],
            [Check("s, all in", lambda results: results[HERE]["seconds"], at_most=0.25)],
            unit="s",
            repeats=9,
        ),
        Case(
            "pool_slow",
            f"`poolsize=2`, {spaced(n_slow)} psets that keep a core busy for 10 ms",
            [
                run(HERE, n=n_slow, poolsize=2, work="busy"),
                Side("joblib.Parallel", HERE, "joblib_parallel", {"n": n_slow, "work": "busy"}),
                run(OLD, OLD, n=n_slow, poolsize=2, work="busy"),
            ],
            [Check("% of two cores", lambda results: 0.5e6 / cost(HERE)(results), at_least=95)],
            unit="ms per pset",
            repeats=3,
        ),
        Case(
            "dask",
            f"dask LocalCluster of 2, {spaced(n_dask)} trivial psets",
            [
                Side(HERE, HERE, "dask_run", {"n": n_dask, "how": "executor"}),
                Side("client.map, gather", HERE, "dask_run", {"n": n_dask, "how": "map"}),
            ],
            [
                Check(
                    "as a multiple of `client.map` and `gather`",
                    ratio(HERE, "client.map, gather"),
                    at_most=0.5,
                )
            ],
            repeats=3,
        ),
        Case(
            "pgrid",
            f"`pgrid`, {spaced(million)} psets",
            [
                Side(HERE, HERE, "pgrid", {"n": million}),
                Side(OLD, OLD, "pgrid", {"n": million}),
                Side("bare loop", HERE, "bare_grid", {"n": million}),
            ],
            [Check("µs per pset", cost(HERE), at_most=1)],
        ),
        hashes(2),
        hashes(20),
        Case(
            "import",
            "`import psweep`",
            [
                Side(HERE, HERE, "import", {"module": "psweep"}),
                Side("import pandas", HERE, "import", {"module": "pandas"}),
            ],
            [
                Check(
                    "as a multiple of `import pandas`",
                    lambda results: results[HERE]["seconds"] / results[HERE]["pandas"],
                    at_most=1.15,
                )
            ],
            unit="s",
            repeats=15,
        ),
        Case(
            "look",
            f'`df_read("calc")` while a run of {spaced(n)} is half done',
            [
                Side(HERE, HERE, "read_at_half", {"n": n}),
                Side(
                    "df_read of a file", HERE, "read", {"rows": n // 2}, Base(HERE, "run", n // 2)
                ),
                Side(
                    "bare loop",
                    HERE,
                    "bare_read",
                    {"rows": n // 2},
                    Base(HERE, "bare_loop", n // 2),
                ),
            ],
            [
                Check(
                    f"as a multiple of loading a database of {spaced(n // 2)} rows",
                    ratio(HERE, "df_read of a file"),
                    at_most=2,
                )
            ],
            unit="ms",
        ),
        *wide_cases,
        *programs,
    ]
