"""Count what a run costs: calls of functions, system calls, bytes."""

from __future__ import annotations

import collections
import gc
import shutil
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from pathlib import Path

import pytest

import psweep as ps
from psweep_core.engines import isolation
from psweep_core.running import provenance

IO = Path("/proc/self/io")
counts_io = pytest.mark.skipif(
    not IO.exists(), reason="needs Linux, whose kernel counts what a process reads and writes"
)


def func(pset):
    return {"result": pset["a"] * pset["b"]}


def grid(n):
    return [{"a": i, "b": 0.5 * i} for i in range(n)]


def more(n):
    return [{"a": -1 - i, "b": 0.5} for i in range(n)]


class Calls:
    """Count the calls of functions, those written in C, too, in all threads of this process."""

    def __enter__(self):
        self.by_name = collections.Counter()
        self.by_package = collections.Counter()
        threading.setprofile(self._count)
        sys.setprofile(self._count)
        return self

    def __exit__(self, *exc):
        sys.setprofile(None)
        threading.setprofile(None)

    def _count(self, frame, event, arg):
        if event == "call":
            name, module = frame.f_code.co_name, frame.f_globals.get("__name__")
        elif event == "c_call":
            name, module = getattr(arg, "__name__", ""), getattr(arg, "__module__", "")
        else:
            return
        self.by_name[name] += 1
        self.by_package[(module or "").partition(".")[0]] += 1

    def __getitem__(self, name):
        return self.by_name[name]

    @property
    def total(self):
        return sum(self.by_name.values())

    @property
    def syncs(self):
        return self["fsync"] + self["fdatasync"] + self["sync"]

    @property
    def hashes(self):
        return self["openssl_sha1"] + self["sha1"]


class Traffic:
    """Count the system calls that read and write, and their bytes, also of ended children."""

    def __enter__(self):
        self._before = self._now()
        return self

    def __exit__(self, *exc):
        after = self._now()
        self.reads, self.writes, self.bytes_read, self.bytes_written = (
            after[name] - self._before[name] for name in ("syscr", "syscw", "rchar", "wchar")
        )

    def _now(self):
        pairs = (line.split(":") for line in IO.read_text().splitlines())
        return {name: int(value) for name, value in pairs}


def leave_out_what_time_decides(monkeypatch=None):
    """Do nothing more often where the machine is slower: what is counted must not depend on it.

    git is asked and workers tell what they have done some times a second, and the working folder
    is restored after each pset that takes longer than a move to a folder.
    """
    set_name = monkeypatch.setattr if monkeypatch else setattr
    set_name(provenance, "_git", lambda digest: (None, None))
    set_name(isolation.WorkingFolder, "_time_of_move", lambda self: float("inf"))


def new_study(n, function=func, **kwds):
    shutil.rmtree("calc", ignore_errors=True)
    ps.run_local(function, grid(n), progress=False, **kwds)


def in_a_new_study(n, count, **kwds):
    """Run psets; give what was counted meanwhile."""
    with count() as counted:
        new_study(n, **kwds)
    return counted


def cost_of_a_pset(name, count, poolsize, few=300, many=12_000):
    """Count in a program of its own: without threads, so that workers are forked.

    A busy machine cannot change it: workers do not tell what they have done some times a second,
    but whenever a chunk is done, and chunks do not get smaller when psets take longer. How often
    the parent waits for them in vain does depend on the machine; of many psets it is a small part.
    """
    code = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from psweep_core.engines import pool, worker
        from count_costs import Calls, Traffic, in_a_new_study, leave_out_what_time_decides
        leave_out_what_time_decides()
        pool.REPORT_SECONDS = worker.REPORT_SECONDS = 60
        in_a_new_study({few}, Calls, poolsize={poolsize})  # imports what it needs
        few, many = (
            in_a_new_study(n, {count.__name__}, poolsize={poolsize}).{name}
            for n in ({few}, {many})
        )
        print((many - few) / {many - few})
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)


def peak_of(action):
    """Give the most memory that was taken at a time, bytes."""
    gc.collect()
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
