"""Journals that tests make, and what must never be unpickled."""

from __future__ import annotations

from pathlib import Path

from psweep_core.params.hashing import pset_hash
from psweep_core.store.journal import Journal
from psweep_core.store.row_bytes import encode
from psweep_core.table.rows import Header


class Evil:
    """An object whose pickle makes a file."""

    def __reduce__(self):
        return Path.touch, (Path("hacked"),)


def row(seq, run="run"):
    params = {"a": seq}
    return (seq, f"{run}-{seq}", 10**18, pset_hash(params), 0.1, params, {"r": 1.5}, None)


def journal_of(basename="database.pk", run="run", run_seq=0, rows=3, calc_dir="calc"):
    """Write a journal of a run that was killed."""
    path = Path(calc_dir, ".psweep", basename, f"{run_seq}.{run}.0.journal")
    book = Journal(path, Header(run, run_seq, calc_dir, 10 * run_seq, 10))
    for i in range(rows):
        book.append(encode(row(10 * run_seq + i, run), basename.endswith(".json")))
    book.close()
    return path
