"""The journal: rows outlive their process, torn and garbled ends cost only themselves."""

from __future__ import annotations

import errno
import os
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psweep_core.store import paths
from psweep_core.store.journal import Journal
from psweep_core.store.journal_reader import is_over, read_header, read_journal
from psweep_core.store.locks import file_lock
from psweep_core.store.row_bytes import encode
from psweep_core.table.rows import Header

HEADER = Header("id", 3, "calc", 10, 5)


def row(seq, value=1.5):
    return (seq, f"pset-{seq}", 10**18, "sha", 0.1, {"a": seq}, {"r": value}, None)


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "calc" / ".psweep" / "database.pk"
    folder.mkdir(parents=True)
    return folder / "3.id.0.journal"


def write(path, rows):
    book = Journal(path, HEADER)
    for each in rows:
        book.append(encode(each))
    book.close()


def whole_end(path):
    """Where the last whole record ends."""
    return len(path.read_bytes().rstrip(b"\0"))


def test_rows_come_back_in_order_with_their_header(path):
    rows = [row(i) for i in range(5)]
    write(path, rows)
    assert read_journal(path) == (HEADER, rows, [], [], 0)
    assert read_header(path) == HEADER


def test_rows_can_be_read_while_the_journal_is_written(path):
    book = Journal(path, HEADER)
    for i in range(5):
        book.append(encode(row(i)))
        assert read_journal(path).rows == [row(j) for j in range(i + 1)]
    book.close()


def test_room_is_taken_before_it_is_needed(path):
    book = Journal(path, HEADER)
    book.append(encode(row(0, "x" * 300_000)))
    book.reserve()
    size = path.stat().st_size
    assert size > 900_000
    book.append(encode(row(1, "x" * 300_000)))
    assert path.stat().st_size == size
    book.close()
    assert len(read_journal(path).rows) == 2


def test_a_torn_end_costs_only_the_torn_row(path):
    write(path, [row(i) for i in range(2)])
    whole = whole_end(path)
    path.unlink()
    write(path, [row(i) for i in range(3)])
    data = path.read_bytes()
    for cut in range(whole, whole_end(path)):
        for tail in (b"", b"\0" * 100):
            path.write_bytes(data[:cut] + tail)
            assert read_journal(path) == (HEADER, [row(0), row(1)], [], [], 0)


@given(st.data())
def test_garbage_anywhere_costs_only_the_rows_it_hits(data):
    path = os.path.abspath("3.id.0.journal")
    for old in (path, path + ".lock"):
        if os.path.exists(old):
            os.unlink(old)
    path = Path(path)
    rows = [row(i) for i in range(6)]
    write(path, rows)
    content = bytearray(path.read_bytes())
    start = data.draw(st.integers(0, whole_end(path) - 1))
    junk = data.draw(st.binary(min_size=1, max_size=60))
    content[start : start + len(junk)] = junk
    path.write_bytes(content)
    found = read_journal(path)
    assert all(each in rows for each in found.rows)
    longest = len(encode(rows[0])) + 16
    assert len(found.rows) >= 6 - (len(junk) // longest + 2)
    assert found.header.run_id == "id"
    assert found.header.run_seq == 3


def test_a_lost_header_is_made_up_from_the_name(path):
    write(path, [row(0)])
    data = bytearray(path.read_bytes())
    data[8] ^= 255
    path.write_bytes(data)
    found = read_journal(path)
    assert (found.header.run_id, found.header.run_seq) == ("id", 3)
    assert found.header.calc_dir.endswith("calc")
    assert found.rows == [row(0)]
    assert read_header(path).run_seq == 3


def test_garbage_between_rows_is_reported(path):
    write(path, [row(i) for i in range(3)])
    data = bytearray(path.read_bytes())
    at = data.index(b"pset-1")
    data[at] ^= 255
    path.write_bytes(data)
    found = read_journal(path)
    assert found.rows == [row(0), row(2)]
    assert "damaged" in found.unreadable[0]


def test_a_file_that_is_no_journal_is_reported(path):
    path.write_bytes(b"something else entirely")
    assert "damaged" in read_journal(path).unreadable[0]


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 70, b"\xb6", b"\xb6PS\n", b"\xb6PS\n" + b"\0" * 70],
    ids=["nothing", "zeros", "a byte", "four bytes", "four bytes and zeros"],
)
def test_a_journal_cut_off_at_birth_is_empty(path, content):
    path.write_bytes(content)
    assert read_journal(path).rows == []
    assert read_journal(path).unreadable == []


def test_a_row_that_cannot_be_unpickled_here_is_reported_and_the_others_read(path):
    book = Journal(path, HEADER)
    book.append(encode(row(0)))
    book.append(pickle.dumps(row(1)).replace(b"pset-1", b"pset-1").replace(b"sha", b"sh\xff"))
    book.append(encode(row(2)))
    book.close()
    found = read_journal(path)
    assert found.rows == [row(0), row(2)]
    assert len(found.unreadable) == 1


def test_rows_are_synced_to_the_disk_within_a_second_or_so_and_not_one_by_one(path, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(time.monotonic()), real(fd)))
    book = Journal(path, HEADER)
    waits = []
    wait = book._closing.wait
    monkeypatch.setattr(
        book._closing, "wait", lambda seconds: waits.append(seconds) or wait(seconds)
    )
    start = time.monotonic()
    for i in range(500):
        book.append(encode(row(i)))
    last = time.monotonic()
    assert len(synced) <= (last - start) + 1
    while not any(when > last for when in synced):
        assert time.monotonic() < last + 100
        time.sleep(0.01)
    book.close()
    assert set(waits) == {1.0}  # seconds between two syncs; a busy machine adds to that


def test_nobody_else_holds_a_journal_while_its_writer_lives(path):
    from filelock import Timeout

    book = Journal(path, HEADER)
    with pytest.raises(Timeout):
        file_lock(paths.lock_of(path)).acquire(timeout=0)
    book.close()
    file_lock(paths.lock_of(path)).acquire(timeout=0).__exit__(None, None, None)


def test_a_journal_that_is_closed_has_no_trouble_whoever_asks_and_closes_again(path):
    book = Journal(path, HEADER)
    book.append(encode(row(0)))
    book.close()
    path.unlink()  # what happens after the end is no trouble of the writer
    assert not book.has_trouble()
    book.close()
    assert not book.unsafe


def test_threads_that_close_a_journal_and_ask_for_trouble_at_once_do_not_disturb_each_other(path):
    for number in range(50):
        book = Journal(path.with_name(f"3.id.{number}.journal"), HEADER)
        book.append(encode(row(0)))
        with ThreadPoolExecutor(3) as threads:
            calls = [threads.submit(call) for call in (book.close, book.has_trouble, book.close)]
        assert not any(call.result() for call in calls)
        assert not book.unsafe


def test_an_existing_journal_is_never_overwritten(path):
    write(path, [row(0)])
    with pytest.raises(FileExistsError):
        Journal(path, HEADER)
    assert read_journal(path).rows == [row(0)]
    file_lock(paths.lock_of(path)).acquire(timeout=0).__exit__(None, None, None)


def test_a_full_disk_is_noticed_before_a_pset_is_run(path, monkeypatch):
    book = Journal(path, HEADER)

    def full(fd, offset, n):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    book.append(encode(row(0, "x" * 100_000)))
    with pytest.raises(OSError, match="No space"):
        book.reserve()
    book.close()
    assert len(read_journal(path).rows) == 1


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EINVAL, None])
def test_room_is_taken_by_writing_where_there_is_no_other_way(path, monkeypatch, code):
    def unknown(fd, offset, n):
        raise OSError(code, "not here")

    if code is None:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    else:
        monkeypatch.setattr(os, "posix_fallocate", unknown, raising=False)
    book = Journal(path, HEADER)
    for i in range(3):
        book.append(encode(row(i, "x" * 100_000)))
        book.reserve()
        assert path.stat().st_size >= book.end + 2 * 100_000
    book.close()
    assert read_journal(path).rows == [row(i, "x" * 100_000) for i in range(3)]


def test_the_lock_of_a_journal_that_went_is_not_left(tmp_path):
    path = tmp_path / "0.run.0.journal"
    assert is_over(path)
    assert not [*tmp_path.iterdir()]
