"""Compare psweep with similar tools: `nox -s bench`.

Each side of a case runs in a fresh process and a fresh folder, in turns with the others, A B B A
and so on. So a machine that is slow for a while is slow for all, and the figure of a repeat that
counts is the ratio of what ran side by side.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import chart
from cases import (
    ARROW,
    ENVIRONMENTS,
    GROUPS,
    HERE,
    OLD,
    XYZPY,
    Base,
    Case,
    Results,
    Side,
    all_cases,
)

FOLDER = pathlib.Path(__file__).resolve().parent
RESULTS = FOLDER / "results.csv"
MAX_SECONDS = 600  # for one side, which takes less than 30 on a quiet machine
COLUMNS = ["case", "what", "median", "least", "most", "unit", "target"]
PACKAGES = {
    HERE: ["pandas", "numpy", "joblib", "distributed"],
    ARROW: ["pyarrow"],
    OLD: ["psweep", "pandas"],
    XYZPY: ["xyzpy", "pandas"],
}


def main() -> None:
    options = parse(sys.argv[1:])
    cases = all_cases(10 if options.quick else 1)
    known = [case.name for case in cases]
    names = {name for some in options.cases for name in GROUPS.get(some, [some])}
    unknown = sorted(names - set(known))
    if unknown:
        sys.exit(f"unknown case {unknown[0]!r}; the cases are {', '.join([*GROUPS, *known])}")
    chosen = [case for case in cases if not names or case.name in names]
    once = options.quick or options.once
    kept = not once and not options.cpu and not names
    pythons = dict(peer.split("=", 1) for peer in options.python)
    missing = sorted(set(ENVIRONMENTS) - set(pythons))
    if missing:
        sys.exit(f"say by --python which Python has {missing[0]}, or run nox -s bench")
    with contextlib.ExitStack() as stack:
        runner = Runner(
            pythons,
            memory=stack.enter_context(new_folder(memory_folder())),
            disk=stack.enter_context(new_folder(options.disk)),
            cpu=options.cpu,
        )
        measured = {}
        for case in chosen:
            measured[case.name] = runner.measure(case, 1 if once else case.repeats)
            print("\n".join(report_rows(case, measured[case.name])), flush=True)
        print(runner.facts())
    if options.quick:
        print("Quick: one repeat, a tenth of the psets. These figures say little.")
    if options.cpu:
        print("CPU time, not time by the clock: waits for disks and other processes do not count.")
    if kept:
        with RESULTS.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows_of(chosen, measured))
        chart.update()


def parse(args: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "cases", nargs="*", help="only these; large: those of wide studies and of many rows"
    )
    parser.add_argument("--quick", action="store_true", help="one repeat, a tenth of the psets")
    parser.add_argument("--once", action="store_true", help="one repeat, all psets")
    parser.add_argument("--cpu", action="store_true", help="CPU time, for a machine that is busy")
    parser.add_argument(
        "--python", action="append", default=[], help="NAME=PATH: the Python of an environment"
    )
    parser.add_argument("--disk", default=".", help="a folder on a real disk")
    return parser.parse_args(args)


def memory_folder() -> str:
    """Find a folder in memory, so that the noise of a disk stays out."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()


def new_folder(parent: str) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="psweep-bench-", dir=parent)


class Runner:
    """Run the sides of cases.

    Parameters
    ----------
    pythons : dict
        The interpreter of each environment.
    memory, disk : str
        Folders to work in.
    cpu : bool, default False
        Take CPU time instead of time by the clock.
    """

    def __init__(self, pythons: dict[str, str], memory: str, disk: str, cpu: bool = False) -> None:
        self.pythons = pythons
        self.cpu = cpu
        self.folders = {False: pathlib.Path(memory), True: pathlib.Path(disk)}
        self._bases: dict[Base, pathlib.Path] = {}

    def measure(self, case: Case, repeats: int) -> list[Results]:
        """Return the results of each repeat."""
        repeated = []
        for i in range(repeats):
            sides = case.sides[::-1] if i % 2 else case.sides
            results = {side.name: self._run(side, on_disk=case.on_disk) for side in sides}
            checks = {result["check"] for result in results.values() if "check" in result}
            if len(checks) > 1:
                message = f"{case.name}: the sides give different values {checks}"
                raise RuntimeError(message)
            repeated.append(results)
        return repeated

    def facts(self) -> str:
        """Describe the machine and the versions."""
        found = [
            (name, self._call(name, "versions", {"names": packages}, self.folders[False]))
            for name, packages in PACKAGES.items()
        ]
        texts = [
            f"{name}: " + ", ".join(f"{key} {value}" for key, value in versions.items())
            for name, versions in found
        ]
        where = "/dev/shm" if self.folders[False].parent == pathlib.Path("/dev/shm") else "TMPDIR"
        return f"{os.cpu_count()} CPUs, {sys.platform}, files in {where}. " + "; ".join(texts) + "."

    def _run(self, side: Side, *, on_disk: bool) -> dict[str, object]:
        work = self.folders[on_disk] / "work"
        work.mkdir()
        try:
            if side.base is not None:
                shutil.copytree(self._base(side.base) / "calc", work / "calc")
            return self._call(side.environment, side.action, side.args, work)
        finally:
            shutil.rmtree(work)

    def _base(self, base: Base) -> pathlib.Path:
        if base not in self._bases:
            folder = self.folders[False] / f"base{len(self._bases)}"
            folder.mkdir()
            self._call(base.environment, base.action, {"n": base.rows}, folder)
            self._bases[base] = folder
        return self._bases[base]

    def _call(
        self, environment: str, action: str, args: dict[str, object], folder: pathlib.Path
    ) -> dict[str, object]:
        command = [self.pythons[environment], str(FOLDER / "sides.py"), action, json.dumps(args)]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=MAX_SECONDS,
            )
        except subprocess.TimeoutExpired:
            sys.exit(f"{environment}: {action} {args} took more than {MAX_SECONDS} s")
        if done.returncode:
            sys.exit(f"{environment}: {action} {args} failed:\n{done.stderr}")
        found = json.loads(done.stdout.splitlines()[-1])
        cpu_seconds = found.pop("cpu_seconds")
        if self.cpu and "seconds" in found:
            found["seconds"] = cpu_seconds
        return found


def number(value: float) -> str:
    """Write a number with three digits, or all before the point."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def spread(values: list[float]) -> str:
    """Write the median, and the range if there is one."""
    text = number(statistics.median(values))
    if len(values) > 1:
        text += f" ({number(min(values))} to {number(max(values))})"
    return text


def report_rows(case: Case, repeated: list[Results]) -> list[str]:
    """Write what the checks of a case found, for a terminal."""
    rows = []
    for check in case.checks:
        values = [check.value(results) for results in repeated]
        reached = "yes" if check.reached(values) else "**no**"
        rows.append(
            f"| {case.title}: {check.what} | {spread(values)} | {check.bound()} | {reached} |"
        )
    return rows


def written(values: list[float]) -> dict[str, str]:
    """Write the median, the least and the most."""
    three = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {name: number(value) for name, value in three.items()}


def rows_of(cases: list[Case], measured: dict[str, list[Results]]) -> list[dict[str, str]]:
    """Make the rows of the CSV file: of each case the time of each side, then the checks."""
    rows = []
    for case in cases:
        for name, values in case.times(measured[case.name]).items():
            rows.append({"case": case.title, "what": name, **written(values), "unit": case.unit})
        for check in case.checks:
            values = [check.value(results) for results in measured[case.name]]
            rows.append(
                {"case": case.title, "what": check.what, **written(values), "target": check.bound()}
            )
    return rows


if __name__ == "__main__":
    main()
