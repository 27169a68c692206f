"""Cut the power of a disk at random moments, and see that no promise was broken.

    python powercut.py SECONDS [SEED] [--plant database|journals]

Needs root, loop devices and ext4. Runs write into a small disk, a file in memory. At random moments
all of their processes are stopped and the file is copied: it has what had reached the disk, and
nothing of what the system holds in memory. The copy is mounted, and then come the promises: the
database loads, with `pandas.read_pickle` alone, too; no row is there twice; and no row is missing
whose pset had returned some seconds before. ``--plant`` leaves out the fsync of one kind of
file, to see that this is noticed.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

import psweep as ps

MEGABYTES = 24
# Rows may be lost if they are younger: a second, and a sync, which takes its time on a busy machine
SAFE_SECONDS = 4.0
# As careless as ext4 can be: data may come to the disk long after the names of files
OPTIONS = "loop,data=writeback,noauto_da_alloc,commit=30"


def sh(*command: object) -> None:
    subprocess.run([*map(str, command)], check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    sh("mount", "-o", OPTIONS, image, folder)
    try:
        yield folder
    finally:
        sh("umount", folder)


def write(seed: int, plant: str | None) -> None:
    """Make runs in the working folder until killed; note outside of it what has returned."""
    notes = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    fsync = os.fsync

    def planted(fd: int) -> None:
        path = os.readlink(f"/proc/self/fd/{fd}")
        is_ours = path.endswith(".journal") if plant == "journals" else "database.pk" in path
        if plant is None or not is_ours or os.path.isdir(path):
            fsync(fd)

    os.fsync = planted
    rng = random.Random(seed)

    def func(pset):
        time.sleep(pset["seconds"])
        os.write(notes, f"{time.monotonic()} {pset['a']}\n".encode())
        return {"b": 2 * pset["a"], "text": "x" * 200}

    first = 0
    while True:
        n = rng.randint(5, 120)
        seconds = rng.choice([0.01, 0.05, 0.2])
        params = [{"a": first + i, "seconds": seconds} for i in range(n)]
        ps.run_local(func, params, poolsize=rng.choice([None, 2]), progress=False)
        first += n


def check(folder: Path, notes: list[str], when: float) -> tuple[int, list[str]]:
    """Look for promises that were broken on a disk whose power was cut; give the rows, too."""
    calc = folder / "calc"
    old = {int(a) for moment, a in map(str.split, notes) if float(moment) < when - SAFE_SECONDS}
    wrong = []
    try:
        if (calc / "database.pk").exists():
            pd.read_pickle(calc / "database.pk")
        df = ps.df_read(calc)
        recovered = ps.recover(calc)
    except ps.StudyNotFoundError:
        return 0, [f"{len(old)} rows are lost, and so is the study"] if old else []
    except Exception as error:
        return 0, [f"{type(error).__name__}: {error}"]
    for what, rows in ("read", df), ("recovered", recovered):
        lost = old - set(rows["a"]) if len(rows) else old
        if lost:
            wrong.append(f"{what}: {len(lost)} of {len(old)} rows are lost: {sorted(lost)[:5]}")
        if len(rows) and (rows["_pset_id"].duplicated().any() or rows["a"].duplicated().any()):
            wrong.append(f"{what}: a row is there twice")
        if len(rows) and not (rows["b"] == 2 * rows["a"]).all():
            wrong.append(f"{what}: a result is wrong")
    return len(recovered), wrong


def one_disk(home: Path, rng: random.Random, plant: str | None) -> Iterator[tuple[int, list[str]]]:
    """Write to a disk for a while, and look at it as it would be after some power cuts."""
    image, copy, notes = home / "disk.img", home / "copy.img", home / "notes"
    notes.touch()
    sh("truncate", "-s", f"{MEGABYTES}M", image)
    sh("mkfs.ext4", "-q", "-F", image)
    with mounted(image, home / "disk") as disk:
        command = [sys.executable, __file__, "0", str(rng.randint(0, 10**9)), "--write"]
        process = subprocess.Popen(
            [*command, *(["--plant", plant] if plant else [])],
            cwd=disk, env={**os.environ, "NOTES": str(notes)}, start_new_session=True,
        )  # fmt: skip
        try:
            for _ in range(4):
                time.sleep(rng.uniform(1, 8))
                group = _tree(process.pid)
                for pid in group:
                    _signal(pid, signal.SIGSTOP)
                when = time.monotonic()
                time.sleep(0.1)  # in which what is on its way gets to the disk
                shutil.copyfile(image, copy)
                noted = notes.read_text().splitlines()
                for pid in group:
                    _signal(pid, signal.SIGCONT)
                with mounted(copy, home / "after") as after:
                    yield check(after, noted, when)
        finally:
            for pid in _tree(process.pid):
                _signal(pid, signal.SIGKILL)
            process.wait()
            time.sleep(0.2)


def _tree(pid: int) -> list[int]:
    """List a process and its descendants."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", type=float)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    parser.add_argument("--plant", choices=["database", "journals"])
    parser.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.write:
        write(args.seed, args.plant)
    warnings.simplefilter("ignore")
    end = time.monotonic() + args.seconds
    tally: collections.Counter[str] = collections.Counter()
    while time.monotonic() < end:
        rng = random.Random(f"{args.seed}.{tally['disks']}")
        in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        home = Path(tempfile.mkdtemp(prefix="psweep-powercut-", dir=in_memory))
        tally["disks"] += 1
        for n_rows, wrong in one_disk(home, rng, args.plant):
            tally["cuts"] += 1
            tally["rows"] += n_rows
            tally["violations"] += len(wrong)
            if wrong:
                print(f"seed {args.seed}, disk {tally['disks'] - 1}: {wrong}", flush=True)
        shutil.rmtree(home, ignore_errors=True)
    print(
        f"{tally['disks']} disks, {tally['cuts']} power cuts, {tally['rows']} rows after them, "
        f"{tally['violations']} violations"
    )
    return bool(tally["violations"])


if __name__ == "__main__":
    raise SystemExit(main())
