"""The record of a run: what is cached, and the copy in columns next to the journal."""

from __future__ import annotations

import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psweep_core.store import run_record
from psweep_core.store.journal_reader import find_journal, read_journal
from psweep_core.store.paths import Layout, calc_dir_of, remove_journal, row_groups_of
from psweep_core.store.row_bytes import encode
from psweep_core.store.run_record import RunRecord
from psweep_core.table.row_groups import joined, listed, row_group
from psweep_core.table.rows import Header

HEADER = Header("id", 3, "calc", 10, 35)


def row(seq, value=1.5):
    return (seq, f"pset-{seq}", 10**18, "sha", 0.1, {"a": seq}, {"r": value}, None)


@pytest.fixture
def path(tmp_path):
    return made_path(tmp_path / "calc")


def made_path(calc_dir):
    layout = Layout(calc_dir)
    layout.private.mkdir(parents=True, exist_ok=True)
    return layout.journal(3, "id", 0)


def write_atomic(path, rows):
    book = RunRecord(HEADER, Layout(calc_dir_of(path)))
    for each in rows:
        book.add(each)
    return book


def parts(block):
    return [
        {name: listed(cells) for name, cells in part.items()}
        if isinstance(part, dict)
        else listed(part)
        for part in block
    ]


def seen(path):
    """All that a look finds."""
    found = find_journal(path)
    assert (found.header, found.unreadable) == (HEADER, [])
    return parts(
        joined([*found.row_groups, row_group([*itertools.chain.from_iterable(found.rows)])])
    )


def expected(rows):
    return parts(row_group([*itertools.chain.from_iterable(rows)]))


def some_rows(n):
    """Rows whose names differ."""
    return [
        (*row(i)[:5], {"a": i} if i % 3 else {"b": None}, {f"r{i // 40}": 0.5}, None)
        for i in range(n)
    ]


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(run_record, "GROUP_ROWS", 10)


@pytest.mark.parametrize("n", [0, 9, 10, 11, 95])
def test_who_looks_finds_all_rows_in_blocks_and_after_them(path, n, small_blocks):
    rows = some_rows(n)
    book = write_atomic(path, rows)
    assert seen(path) == expected(rows)
    found = find_journal(path)
    assert [len(block.ids) for block in found.row_groups] == [10] * (n // 10)
    assert found.rows == rows[n // 10 * 10 :]
    book.close()
    remove_journal(path)
    assert os.listdir(path.parent) == []


def test_rows_that_can_change_are_in_no_block(path, small_blocks):
    rows = some_rows(47)
    book = write_atomic(path, rows[:24])
    for each in rows[24:]:
        book.add_bytes(encode(each))
    assert [len(block.ids) for block in find_journal(path).row_groups] == [10, 10]
    assert seen(path) == expected(rows)
    book.close()


@given(st.data())
def test_blocks_that_are_garbled_or_lost_cost_nothing(data):
    path = made_path("some")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_record, "GROUP_ROWS", 10)
        rows = some_rows(55)
        write_atomic(path, rows).close()
    content = bytearray(row_groups_of(path).read_bytes())
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, len(content)))
    content[start:end] = data.draw(st.binary(max_size=60))
    row_groups_of(path).write_bytes(content)
    assert seen(path) == expected(rows)
    remove_journal(path)


def test_rows_that_the_journal_has_lost_are_in_the_blocks(path, small_blocks):
    rows = some_rows(25)
    write_atomic(path, rows).close()
    data = path.read_bytes()
    for start, end in ((data.index(b"pset-7"), data.index(b"pset-9")), (3000, len(data))):
        path.write_bytes(data[:start] + bytes(end - start) + data[end:])
        found = read_journal(path)
        assert [len(block.ids) for block in found.row_groups] == [10, 10]
        assert found.rows in (rows[20:], [])
        assert found.header == HEADER


def test_of_large_rows_there_are_no_blocks_on_the_disk(path, small_blocks):
    rows = [row(i, "x" * 200_000 * (i > 12)) for i in range(35)]
    book = write_atomic(path, rows)
    assert [len(block.ids) for block in read_journal(path).row_groups] == [10]
    assert seen(path) == expected(rows)
    assert parts(book.cached()) == expected(rows)
    book.close()


def test_blocks_that_cannot_be_written_cost_nothing(path, small_blocks):
    row_groups_of(path).mkdir()
    rows = some_rows(25)
    book = write_atomic(path, rows)
    book.close()
    assert seen(path) == expected(rows)
