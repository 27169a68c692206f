"""Guarantee 1 on a disk that fills up: what had returned is found again once there is room."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

import psweep as ps

# A file system of 1 MB in a mount namespace of its own, so that no other process sees it. A filler
# leaves some room, which the run uses up; then the filler goes and the rows are looked for.
MOUNT = """
mount -t tmpfs -o size={size} none small && cd small && exec "$@"
"""
RUN = """
import json, os, sys
from concurrent.futures import ThreadPoolExecutor
import psweep as ps

poolsize, n_bytes, kept = int(sys.argv[1]) or None, int(sys.argv[2]), sys.argv[3]
engine = {"poolsize": poolsize}
if poolsize == -1:
    engine = {"executor": ThreadPoolExecutor(2)}
ps.run_local(lambda p: {"x": b"x" * n_bytes}, ps.plist("a", [0]))
if kept == "filled":
    free = os.statvfs(".").f_bavail * os.statvfs(".").f_frsize
    with open("filler", "wb") as file:
        file.write(bytes(free - 700_000))

def func(pset):
    with open("../returned.txt", "a") as file:
        file.write("%d\\n" % pset["a"])
    return {"x": os.urandom(n_bytes)}

error = None
try:
    ps.run_local(func, ps.plist("a", range(1, 20_000)), **engine)
except OSError as e:
    error = [e.errno, *getattr(e, "__notes__", [])]
before = ps.df_read("calc")
os.unlink("filler")
after = ps.recover("calc")
frames = [before, after, ps.df_read("calc/database.pk")]
print(json.dumps([error, *(sorted(df.a) for df in frames)]))
"""


def namespaces():
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    command = [unshare, "--user", "--map-root-user", "--mount"]
    try:
        subprocess.run([*command, "sh", "-c", "mount -t tmpfs none /mnt"], check=True,
                       capture_output=True, timeout=120)  # fmt: skip
    except (subprocess.SubprocessError, OSError):
        return None
    return command


@pytest.mark.slow
@pytest.mark.skipif(
    namespaces() is None,
    reason="needs unshare (util-linux) and the right to mount in a user namespace",
)
@pytest.mark.parametrize("n_bytes", [10, 3000, 20_000])
@pytest.mark.parametrize("poolsize", [0, 2, -1])
def test_nothing_that_returned_is_lost(poolsize, n_bytes):
    """-1 stands for an executor, whose rows come in chunks."""
    Path("small").mkdir()
    Path("run.py").write_text(RUN)
    inside = [sys.executable, str(Path("run.py").resolve()), str(poolsize), str(n_bytes), "filled"]
    done = subprocess.run(
        [*namespaces(), "sh", "-c", MOUNT.format(size="3m"), "sh", *inside],
        capture_output=True, text=True, timeout=1200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    error, before, after, database = json.loads(done.stdout.splitlines()[-1])
    returned = sorted(int(line) for line in Path("returned.txt").read_text().split())
    assert error[0] == errno.ENOSPC
    assert len(returned) < 19_999
    # When one worker finds the disk full, another may be stopped within func, after its note.
    lost = set(returned) - set(after)
    assert len(lost) <= max(0, poolsize - 1)
    assert set(after) <= {0, *returned}
    assert len(set(after)) == len(after)
    assert before == after == database


def test_a_limit_on_the_size_of_files_ends_a_run_with_its_rows_safe():
    pytest.importorskip("resource", reason="needs a POSIX system")
    code = """
import resource
import psweep as ps

def func(pset):
    open("returned.txt", "a").write("%d\\n" % pset["a"])
    return {"x": b"x" * 5000}

resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, -1))
try:
    ps.run_local(func, ps.plist("a", range(500)))
except OSError as error:
    print(error.errno)
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
print(ps.recover("calc").a.tolist())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    number, rows = done.stdout.splitlines()
    assert int(number) == errno.EFBIG
    returned = [int(line) for line in Path("returned.txt").read_text().split()]
    assert json.loads(rows) == returned
    assert 20 < len(returned) < 400


def test_a_database_that_cannot_be_written_is_told_with_the_way_out():
    pytest.importorskip("resource", reason="needs a POSIX system")
    code = """
import resource
import psweep as ps
ps.run_local(lambda p: {"x": b"%04d" % p["a"] * 750}, ps.plist("a", range(100)))
resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, -1))
try:
    ps.run_local(lambda p: {"x": 1}, ps.plist("b", range(10)))
except OSError as error:
    print(error.__notes__)
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
print(len(ps.df_read("calc/database.pk")), len(ps.df_read("calc")), len(ps.recover("calc")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    notes, counts = done.stdout.splitlines()
    assert "10 finished psets are safe in journals" in notes
    assert "psweep.recover('calc')" in notes
    assert counts == "100 110 110"
    assert uuid.UUID(ps.df_read("calc")._run_id.iloc[-1])
