"""Kill runs with ``kill -9`` at all kinds of moments, and see that no promise was broken.

    python faults.py SECONDS [SEED]

Each round makes a study in a new folder, and a reader looks at it all the time: a row that it has
seen must never be gone. Child processes run psets in it, one or several at a time,
serial or in two workers. A child is killed at a random time, or at the n-th system call that
matters (before it, after it, or in the middle of a write), in whichever of its processes comes to
that first. Or from the n-th call on all of these calls fail, as on a disk that is full, broken, or
has become read-only. This goes on for some rounds, the clock may jump, and garbage may be appended
to journals. Then come the promises: the database loads, no row stands twice, no number is given
twice, every pset whose function had returned is there, and a last run completes the study.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

import pandas as pd

import psweep as ps
from psweep_core.store import journal, run_record

N_PSETS = 50
CALLS = ("replace", "fsync", "unlink", "posix_fallocate", "mkdir")


class Fault:
    """Kill this process at the n-th call that matters, or let all such calls fail from there on."""

    def __init__(self, rng: random.Random) -> None:
        self.left = rng.randint(1, 35) if rng.random() < 0.5 else rng.randint(36, 130)
        run_record.GROUP_ROWS = rng.randint(2, 20)  # or there would be none of them
        self.how = rng.choice(["before", "after"])
        self.part = rng.random()
        self.error = rng.choice([None, None, errno.ENOSPC, errno.EIO, errno.EROFS])
        if self.error is not None and rng.random() < 0.3:
            # a file system that takes everything, and reports a quota when it is asked to sync
            self.error, self.left = errno.EDQUOT, 0
            journal._SYNC_SECONDS = 0.01
            os.fsync = self._late(os.fsync)
            return
        for name in CALLS:
            setattr(os, name, self._faulty(getattr(os, name)))
        journal.open = run_record.open = lambda *args, **kwds: FaultyFile(open(*args, **kwds), self)

    def _faulty(self, call):
        def called(*args, **kwds):
            if self.comes() and self.how == "before":
                self.strike()
            result = call(*args, **kwds)
            if self.left == 0:
                self.strike()
            return result

        return called

    def _late(self, fsync):
        def late(fd):
            if os.readlink(f"/proc/self/fd/{fd}").endswith(".journal"):
                self.strike()
            return fsync(fd)

        return late

    def comes(self) -> bool:
        """Count a call; tell whether this one is struck."""
        if self.left or self.error is None:
            self.left -= 1
        return self.left == 0

    def strike(self) -> None:
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
        note("kills")
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)


class FaultyFile:
    """A file of which a write may be cut short."""

    def __init__(self, file, fault: Fault) -> None:
        self._file = file
        self._fault = fault

    def write(self, data):
        if self._fault.comes():
            self._file.write(data[: int(len(data) * self._fault.part)])
            self._fault.strike()
        return self._file.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._file.close()

    def __getattr__(self, name):
        return getattr(self._file, name)


def func(pset):
    # O_APPEND: one line each, from whichever process, that outlives it
    note(f"starts {os.getpid()} {pset['a']}")
    time.sleep(0.002)
    result = {"b": 2 * pset["a"]}
    note(f"returns {os.getpid()} {pset['a']}")
    return result


def note(text: str) -> None:
    fd = os.open("notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{text}\n".encode())
    os.close(fd)


def noted() -> list[str]:
    lines = Path("notes").read_text().splitlines() if Path("notes").exists() else []
    return [line for line in lines if line != "kills"]


def certainly_returned() -> set[int]:
    """Tell for which psets func had returned: those after which their process began another one.

    Of the last one of a process nobody knows whether it had left func when it was killed.
    """
    returned, last = set(), {}
    for line in noted():
        what, pid, a = line.split()
        if what == "starts" and pid in last:
            returned.add(last.pop(pid))
        elif what == "returns":
            last[pid] = int(a)
    return returned


def run(part: int, poolsize: int | None, rng: random.Random | None, jumps: bool) -> None:
    """Do one run in this process, which may not survive it."""
    if jumps:
        time_ns, clock = time.time_ns, random.Random(1)
        time.time_ns = lambda: time_ns() + clock.randint(-(10**15), 10**15)
    if rng is not None:
        Fault(rng)
    first = 100 * part
    params = ps.plist("a", range(first, first + N_PSETS))
    ps.run_local(func, params, poolsize=poolsize, skip_dups=True, on_error="record")


def watch() -> None:
    """Look at the study again and again, until a file says that it is enough."""
    warnings.simplefilter("ignore")
    seen: set[str] = set()
    while not Path("enough").exists():
        ids = []
        with contextlib.suppress(ps.StudyNotFoundError):
            df = ps.df_read("calc")
            ids = df["_pset_id"].tolist() if len(df) else []
        gone = seen.difference(ids)
        if gone:
            Path("gone").write_text(f"{len(gone)} of {len(seen)} rows vanished for a reader")
            return
        seen.update(ids)


def watcher() -> int:
    """Fork a child that calls `watch`."""
    child = os.fork()
    if child == 0:
        try:
            watch()
        except BaseException as error:
            Path("gone").write_text(f"a reader got {type(error).__name__}: {error}")
        finally:
            os._exit(0)
    return child


def count_kills() -> int:
    return Path("notes").read_text().count("kills\n") if Path("notes").exists() else 0


def in_children(
    n: int, poolsize: int | None, rng: random.Random, jumps: bool, tally: collections.Counter[str]
) -> None:
    """Do n runs at the same time, each in a child, and count what becomes of them."""
    before = count_kills()
    by_time = rng.random() < 0.3
    children = [start(part, poolsize, rng.random(), by_time, jumps) for part in range(n)]
    if by_time:
        time.sleep(rng.uniform(0, 0.08))
        os.kill(rng.choice(children), signal.SIGKILL)
    ends = [os.waitpid(child, 0)[1] for child in children]
    tally["runs"] += n
    tally["kills"] += max(sum(map(os.WIFSIGNALED, ends)), count_kills() - before)
    tally["errors"] += sum(os.WIFEXITED(end) and os.WEXITSTATUS(end) != 0 for end in ends)


def start(part: int, poolsize: int | None, seed: float, by_time: bool, jumps: bool) -> int:
    """Fork a child that does one run; it exits with 1 if the run ended by an exception."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        status = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            run(part, poolsize, None if by_time else random.Random(seed), jumps)
            status = 0
        finally:
            os._exit(status)
    return child


def check(df: pd.DataFrame, what: str) -> list[str]:
    """Look for promises that were broken."""
    wrong = []
    for name in ("_pset_id", "_pset_seq"):
        if df[name].duplicated().any():
            wrong.append(f"{what}: a {name} stands twice")
    good = df[~df["_failed"].astype(bool)] if "_failed" in df.columns else df
    if good["a"].duplicated().any():
        wrong.append(f"{what}: psets {sorted(good.a[good.a.duplicated()])} were run twice")
    if "b" in df.columns and not (good["b"] == 2 * good["a"]).all():
        wrong.append(f"{what}: a result is wrong")
    if (df.index != df["_pset_seq"]).any():
        wrong.append(f"{what}: the index is not _pset_seq")
    return wrong


def one_round(rng: random.Random, tally: collections.Counter[str]) -> list[str]:
    wrong: list[str] = []
    poolsize = rng.choice([None, None, 2])
    jumps = rng.random() < 0.2
    garbage = False
    n = rng.choice([1, 1, 1, 2, 3])
    reader = watcher()
    for _ in range(rng.randint(1, 3)):
        in_children(n, poolsize, rng, jumps, tally)
        time.sleep(0.02 if poolsize else 0)  # its workers notice, and leave
        if rng.random() < 0.3:
            for path in Path("calc/.psweep").rglob(rng.choice(["*.journal", "*.blocks"])):
                with open(path, "ab") as file:  # garbage after what was written
                    file.write(rng.randbytes(rng.randint(1, 99)))
                tally["garbage"] += 1
                garbage = True
        if Path("calc/database.pk").exists():
            pd.read_pickle("calc/database.pk")  # is whole, for who has no psweep
        try:
            df = ps.df_read("calc")
        except ps.StudyNotFoundError:
            df = pd.DataFrame()
        lost = certainly_returned() - (set(df["a"]) if len(df) else set())
        if lost:
            wrong.append(f"after a kill: psets {sorted(lost)} are lost")
        if len(df):
            wrong += check(df, "after a kill")
    for part in range(n):
        run(part, None, None, jumps=False)
    Path("enough").touch()
    os.waitpid(reader, 0)
    if Path("gone").exists():
        wrong.append(Path("gone").read_text())
    df = ps.df_read("calc")
    wrong += check(df, "at the end")
    done = df[~df["_failed"].astype(bool)] if "_failed" in df.columns else df
    if sorted(done["a"]) != [100 * part + i for part in range(n) for i in range(N_PSETS)]:
        wrong.append(f"at the end: the study has {sorted(done['a'])}")
    # A journal with garbage in its midst is kept, for a human to look at.
    left = [
        path.name
        for path in Path("calc").rglob("*")
        if path.suffix in (".tmp", ".journal", ".blocks")
    ]
    if left and not poolsize and not garbage:
        wrong.append(f"at the end: {left} is left")
    return wrong


def main(seconds: float, seed: int) -> int:
    warnings.simplefilter("ignore")
    end = time.monotonic() + seconds
    tally: collections.Counter[str] = collections.Counter()
    violations = []
    rounds = 0
    home = os.getcwd()
    while time.monotonic() < end:
        rng = random.Random(f"{seed}.{rounds}")
        folder = tempfile.mkdtemp(dir=home)
        os.chdir(folder)
        wrong = one_round(rng, tally)
        os.chdir(home)
        if wrong:
            violations += wrong
            print(f"seed {seed}, round {rounds}, in {folder}: {wrong}", flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        rounds += 1
    print(
        f"{rounds} studies, {tally['runs']} runs, {tally['kills']} of them with a kill, "
        f"{tally['errors']} with failing system calls, {tally['garbage']} journals with garbage, "
        f"{len(violations)} violations"
    )
    return bool(violations)


if __name__ == "__main__":
    raise SystemExit(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
