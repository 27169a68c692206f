"""File systems that take rows and lose them, and folders that vanish during a run."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

import psweep as ps
from psweep_core.store import journal as journal_module
from psweep_core.store.journal import Journal
from psweep_core.store.journal_reader import read_journal
from psweep_core.store.row_bytes import encode
from psweep_core.table.rows import Header

pytestmark = pytest.mark.untraced


@pytest.fixture
def calls(monkeypatch):
    """Note what is synced and what is renamed, in order."""
    noted = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(fd):
        noted.append(("fsync", os.path.basename(os.readlink(f"/proc/self/fd/{fd}"))))
        fsync(fd)

    def noted_replace(old, new):
        noted.append(("replace", os.path.basename(old)))
        replace(old, new)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    return noted


needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="looks into /proc")


@needs_proc
@pytest.mark.parametrize("basename", ["database.pk", "database.json"])
def test_the_database_is_synced_before_it_takes_its_name_and_its_folder_after(calls, basename):
    ps.run_local(lambda p: {}, [{"a": 1}], database_basename=basename)
    (at,) = (i for i, (what, _) in enumerate(calls) if what == "replace")
    assert ("fsync", calls[at][1]) in calls[:at]
    assert ("fsync", "calc") in calls[at:]


@needs_proc
def test_a_journal_is_synced_while_a_pset_runs(calls):
    end = time.monotonic() + 60

    def func(pset):
        if pset["a"] == 1:  # the row of the first one is on the disk before this one ends
            while not any(what == "fsync" and name.endswith(".journal") for what, name in calls):
                assert time.monotonic() < end
                time.sleep(0.01)
        return {}

    assert len(ps.run_local(func, ps.plist("a", [0, 1]))) == 2


# A file system that reports a quota only when it is asked to sync, and one that has promised space
# that it does not have (btrfs). Workers are forked, and so have it, too.
LATE = """
import errno, os, sys, time
import psweep as ps
from psweep_core.store import journal

real = os.fsync

def fsync(fd):
    if os.readlink(f"/proc/self/fd/{fd}").endswith(".journal"):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
    real(fd)

class Full:
    def __init__(self, file):
        self._file, self._good = file, 4

    def write(self, data):
        self._good -= 1
        if self._good < 0:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        return self._file.write(data)

    def __getattr__(self, name):
        return getattr(self._file, name)

poolsize, what, is_plain = int(sys.argv[1]) or None, sys.argv[2], sys.argv[3] == "plain"
if what == "sync":
    os.fsync = fsync
if what in ("sync", "shim"):
    journal._SYNC_SECONDS = 0.02
else:
    journal.open = lambda *args, **kwds: Full(open(*args, **kwds))

def func(pset):
    time.sleep(0.01)
    with open("returned", "a") as file:
        file.write(f"{pset['a']} ")
    return {"b": pset["a"] if is_plain else [pset["a"]]}

try:
    ps.run_local(func, ps.plist("a", range(3000)), poolsize=poolsize)
except OSError as error:
    assert error.errno == errno.EDQUOT
    print("ended")
"""


@needs_proc
@pytest.mark.parametrize(
    "args", [("0", "sync", "plain"), ("1", "sync", "-"), ("0", "full", "-"), ("1", "full", "plain")]
)
def test_a_quota_that_is_reported_late_ends_the_run_and_loses_no_row(script, args):
    out, _ = script(LATE, *args, wait=True)
    assert out == "ended\n"
    returned = [int(word) for word in Path("returned").read_text().split()]
    assert 1 <= len(returned) < 3000
    df = ps.df_read("calc/database.pk")
    assert df.a.tolist() == returned
    assert df.b.tolist() == (returned if args[2] == "plain" else [[a] for a in returned])
    assert os.listdir("calc/.psweep/database.pk") == ["lock"]


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A file system that takes all that is written to a journal, and reports a quota at fsync. */
static int refuses(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 8 || memcmp(path + n - 8, ".journal", 8)) return 0;
    errno = EDQUOT;
    return 1;
}

int fsync(int fd) {
    return refuses(fd) ? -1 : ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}

int fdatasync(int fd) {
    return refuses(fd) ? -1 : ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
"""


@needs_proc
@pytest.mark.parametrize("poolsize", ["0", "1"])
def test_a_quota_that_the_c_library_reports_late_loses_no_row(script, monkeypatch, poolsize):
    """The same below Python, where a file system would do it."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler: apt-get install gcc")
    Path("shim.c").write_text(SHIM)
    command = [compiler, "-shared", "-fPIC", "-o", "shim.so", "shim.c", "-ldl"]
    subprocess.run(command, check=True)
    monkeypatch.setenv("LD_PRELOAD", os.path.abspath("shim.so"))
    test_a_quota_that_is_reported_late_ends_the_run_and_loses_no_row(
        script, (poolsize, "shim", "plain")
    )


CLOSE_SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A file system that finds out that it is full when a file is closed that was written to. */
int close(int fd) {
    char link[64], path[4096];
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "close");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 8 || memcmp(path + n - 8, ".journal", 8)) return real(fd);
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) return real(fd);
    if (ftruncate(fd, 0)) return -1;
    real(fd);
    errno = ENOSPC;
    return -1;
}
"""

RUN = """
import sys
import psweep as ps

poolsize, is_plain = int(sys.argv[1]) or None, sys.argv[2] == "plain"
df = ps.run_local(
    lambda p: {"b": p["a"] if is_plain else [p["a"]]}, ps.plist("a", range(5)), poolsize=poolsize
)
print(df.a.tolist(), df.b.tolist())
"""


@needs_proc
@pytest.mark.parametrize("args", [("0", "plain"), ("0", "-"), ("1", "plain"), ("1", "-")])
def test_a_disk_that_is_full_when_a_journal_is_closed_loses_no_row(script, monkeypatch, args):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler: apt-get install gcc")
    Path("shim.c").write_text(CLOSE_SHIM)
    command = [compiler, "-shared", "-fPIC", "-o", "shim.so", "shim.c", "-ldl"]
    subprocess.run(command, check=True)
    monkeypatch.setenv("LD_PRELOAD", os.path.abspath("shim.so"))
    out, _ = script(RUN, *args, wait=True)
    rows = [*range(5)]
    assert out == f"{rows} {rows if args[1] == 'plain' else [[a] for a in rows]}\n"
    monkeypatch.delenv("LD_PRELOAD")
    assert ps.df_read("calc/database.pk").a.tolist() == rows
    assert os.listdir("calc/.psweep/database.pk") == ["lock"]


@needs_proc
def test_a_file_system_that_cannot_sync_is_no_reason_to_stop(monkeypatch):
    real = os.fsync

    def fsync(fd):
        if os.readlink(f"/proc/self/fd/{fd}").endswith(".journal"):
            raise OSError(errno.EINVAL, "Invalid argument")
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(journal_module, "_SYNC_SECONDS", 0.02)
    df = ps.run_local(lambda p: threading.Event().wait(0.01) and {} or {}, ps.plist("a", range(20)))
    assert len(df) == 20


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be removed on Windows")
@pytest.mark.parametrize("folder", ["calc", "calc/.psweep"])
@pytest.mark.parametrize(("poolsize", "fails"), [(None, True), (None, False), (2, True)])
def test_a_folder_that_is_removed_during_a_run_costs_no_row(folder, poolsize, fails):
    def func(pset):
        if pset["a"] == 3:
            shutil.rmtree(folder, ignore_errors=True)
        if pset["a"] == 9 and fails:
            while len(os.listdir("done")) < 9:  # what the other worker runs
                threading.Event().wait(0.01)
            raise ValueError("the end")
        Path("done", str(pset["a"])).touch()
        return {"b": [pset["a"]]}

    os.mkdir("done")
    try:
        ps.run_local(func, ps.plist("a", range(10)), poolsize=poolsize)
    except ValueError:
        assert fails
    df = ps.df_read("calc/database.pk")
    assert df.a.tolist() == list(range(9 if fails else 10))
    assert df.b.tolist() == [[a] for a in df.a]


@needs_proc
def test_what_is_safe_is_counted_by_reading_it_back(monkeypatch):
    """The disk loses a row of a journal, and the database cannot be written either."""

    def func(pset):
        if pset["a"] == 2:
            (found,) = Path("calc/.psweep/database.pk").glob("*.journal")
            data = found.read_bytes()
            found.write_bytes(data[: data.index(b"row-2")].ljust(len(data), b"\0"))
            Path("calc/database.pk").mkdir()  # nothing can take its place
        return {"b": f"row-{pset['a'] + 1}"}

    with pytest.raises(ps.DatabaseError, match="is a folder, a pipe") as caught:
        ps.run_local(func, ps.plist("a", range(3)))
    (note,) = caught.value.__notes__
    assert "2 finished psets are safe in journals" in note, note
    Path("calc/database.pk").rmdir()
    with pytest.warns(RuntimeWarning, match="damaged"):
        assert ps.recover("calc").a.tolist() == [0, 2]


def test_a_journal_is_released_however_it_is_closed(monkeypatch):
    path = Path("calc/.psweep/database.pk/0.run.0.journal")
    book = Journal(path, Header("run", 0, "calc", 0, 3))
    book.append(encode((0, "id", 1, "sha", 0.1, {"a": 1}, {}, None)))
    monkeypatch.setattr(book._syncer, "join", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        book.close()
    assert len(read_journal(path).rows) == 1
    assert ps.recover("calc").a.tolist() == [1]
    assert not path.exists()


def test_a_folder_that_is_removed_while_the_database_is_written(monkeypatch):
    replace = os.replace

    def removed_first(source, target):
        monkeypatch.setattr(os, "replace", replace)
        shutil.rmtree("calc")
        replace(source, target)

    def func(pset):
        if pset["a"] == 1:
            monkeypatch.setattr(os, "replace", removed_first)
        return {"y": pset["a"]}

    df = ps.run_local(func, ps.plist("a", [0, 1]))
    assert [*df.y] == [*ps.df_read("calc").y] == [0, 1]
