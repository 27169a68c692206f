r"""``runs.jsonl``: one line for each run of a study, written when the run starts.

Lines are only ever added. One that was cut short, as by a full disk, is skipped.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import StudyNotFoundError
from ..table.outcomes import failed_rows
from .databases_in import databases_in
from .paths import Layout, PathLike, split_database
from .regular import is_strange, open_regular
from .removed_numbers import removed_rows
from .study import Study

__all__ = [
    "append_run", "df_runs", "incomplete_runs", "merge_runs", "next_run_seq", "planned_psets",
    "read_runs",
]  # fmt: skip

_COLUMNS = (
    "run_seq", "time_utc", "kind", "module", "qualname", "fingerprint", "n_psets", "n_rows",
    "n_failed", "seed", "repeats", "python", "host", "git_commit", "git_dirty", "argv", "packages",
    "parts", "database", "run_id",
)  # fmt: skip


def append_run(layout: Layout, entry: dict[str, Any]) -> None:
    """Add a line; the study's lock is held."""
    _append(layout.runs, [json.dumps(entry, default=str).encode()])


def _append(path: Path, lines: Iterable[bytes]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    # (In a folder that others may write to, its name could be a link to any file.)
    flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    fd = os.open(path, flags, 0o666)
    try:
        end = os.lseek(fd, 0, os.SEEK_END)
        if end:
            os.lseek(fd, end - 1, os.SEEK_SET)
            if os.read(fd, 1) != b"\n":
                data = b"\n" + data
        while data:
            data = data[os.write(fd, data) :]
    finally:
        os.close(fd)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("run_id"), str) else None


# What was read of a file: its state then, its first bytes, how far, and the entries.
_read: dict[str, tuple[Any, bytes, int, dict[str, dict[str, Any]]]] = {}
_HEAD = 200  # bytes, with the id of the first run in them


def read_runs(layout: Layout) -> dict[str, dict[str, Any]]:
    """Return the entries by their run id. What was read before is not read again."""
    path = str(layout.runs)
    try:
        stat = os.stat(path)
    except OSError:
        return {}
    signature = stat.st_ino, stat.st_size, stat.st_mtime_ns
    known, head, start, entries = _read.get(path, (None, b"", 0, {}))
    if known != signature:
        try:
            opened = open_regular(layout.runs)
        except FileNotFoundError:  # removed just now, or not a file
            return {}
        with opened as file:
            # Is it the file of before, or one that has taken its place, perhaps with its inode?
            if stat.st_size < start or not head or file.read(len(head)) != head:
                start, entries = 0, {}
            file.seek(start)
            data = file.read()
        data = data[: data.rfind(b"\n") + 1]
        entries = {**entries}  # another thread may look at those
        for entry in map(_parsed, data.split(b"\n")):
            if entry is not None:
                entries.setdefault(entry["run_id"], entry)
        if start == 0:
            head = data[:_HEAD]
        _read[path] = signature, head, start + len(data), entries
    return entries


def next_run_seq(layout: Layout) -> int:
    """Return the number after those of all runs, also of those that left no row."""
    entries = read_runs(layout).values()
    mine = [entry.get("run_seq") for entry in entries if entry.get("database") == layout.basename]
    return max((run_seq + 1 for run_seq in mine if isinstance(run_seq, int)), default=0)


def planned_psets(layout: Layout) -> dict[str, int]:
    """Return how many psets each run of `run_local` was to run, by its run id, in order of time.

    Those whose rows `psweep-rm` has removed do not count.
    """
    removed = removed_rows(layout)
    entries = read_runs(layout)
    # In the file, those of another machine stand where they were added.
    return {
        run_id: entry["n_psets"] - removed[run_id]
        for run_id, entry in sorted(entries.items(), key=lambda item: str(item[1].get("time_utc")))
        if entry.get("kind") == "run_local"
        and entry.get("database") == layout.basename
        and isinstance(entry.get("n_psets"), int)
        and isinstance(entry.get("run_seq"), int | None)
    }


def incomplete_runs(
    planned: Mapping[str, int], n_rows: Mapping[str, int], live: Collection[str] = ()
) -> list[str]:
    """Find the latest runs that have ended with fewer rows than psets that they were to run.

    Ctrl-C ends a run in this way, an exception, and a kill. Those do not count after which as many
    psets were run as they lack, or a run that found nothing to do: most often what was missing is
    there by then.

    Parameters
    ----------
    planned : mapping of str to int
        See `planned_psets`.
    n_rows : mapping of str to int
        How many rows each run has.
    live : collection of str
        The ids of runs that go on.

    Returns
    -------
    list of str
        Their ids. Of runs without any row, such as those of a script that does not start yet, only
        the latest is among them.
    """
    found: list[str] = []
    n_later = 0
    has_empty = False
    for run_id in reversed([run_id for run_id in planned if run_id not in live]):
        n = n_rows.get(run_id, 0)
        if planned[run_id] == 0:
            break
        if planned[run_id] - n > n_later and (n or not has_empty):
            found.append(run_id)
        has_empty = has_empty or n == 0
        n_later += n
    return found


def merge_runs(ours: Path, theirs: Path) -> None:
    """Add to a file the runs that only another one has."""
    known = {entry["run_id"] for entry in _entries(ours).values()}
    new = [line for line, entry in _entries(theirs).items() if entry["run_id"] not in known]
    if new:
        _append(ours, new)


def _entries(path: Path) -> dict[bytes, dict[str, Any]]:
    lines = path.read_bytes().split(b"\n") if path.exists() and not is_strange(path) else []
    return {line: entry for line in lines if (entry := _parsed(line)) is not None}


def df_runs(calc_dir: PathLike = "calc") -> pd.DataFrame:
    """Return the table of the runs of a study: when, where and by which code.

    Parameters
    ----------
    calc_dir : str or path, default "calc"
        The folder of the study, or a database in it.

    Returns
    -------
    DataFrame
        One row per run and per call of `prep_batch`, in the order of their start. Columns:
        ``run_seq``, ``time_utc``, ``kind`` (``run_local`` or ``prep_batch``), ``module`` and
        ``qualname`` of ``func``, ``fingerprint`` of its code (None: its source was not found),
        ``n_psets`` that were to run, ``n_rows`` and ``n_failed`` that the study has, ``seed``,
        ``repeats``, ``python``, ``host``, ``git_commit``, ``git_dirty`` (whether a file under
        version control was changed), ``argv``, ``packages`` (their versions), ``parts`` (a hash of
        each part of the code), ``database``, ``run_id``. Runs from before psweep kept such a table
        have rows, too, without all that is not known.

    Raises
    ------
    StudyNotFoundError
        There is no study in that folder.

    Examples
    --------
    >>> import psweep as ps
    >>> _ = ps.run_local(lambda pset: {"b": 2}, ps.plist("a", [1, 2]))
    >>> ps.df_runs("calc")[["run_seq", "kind", "n_psets", "n_rows"]]
       run_seq       kind  n_psets  n_rows
    0        0  run_local        2       2
    """
    own = Study.of_folder(calc_dir).layout.basename  # raises if there are several
    folder, basename = split_database(calc_dir)
    entries = {run_id: {**entry} for run_id, entry in read_runs(Layout(folder)).items()}
    try:
        df = Study.find(calc_dir).known()
    except StudyNotFoundError:
        if not entries:
            raise
        df = pd.DataFrame()
    n_rows: Counter[str] = Counter()
    n_failed: Counter[str] = Counter()
    if len(df):
        failed = failed_rows(df).tolist()
        book = zip(df["_run_id"], df["_run_seq"], df["_time_utc"], failed, strict=True)
        for run_id, run_seq, time, bad in book:
            n_rows[run_id] += 1
            n_failed[run_id] += bad
            entry = entries.setdefault(run_id, {"run_id": run_id, "time_utc": str(time)})
            entry["run_seq"] = run_seq  # in a merged study not the one of its file
    # (A run whose rows are here may have written them into a file of another name.)
    others = databases_in(folder) - {own}
    entries = {
        run_id: entry
        for run_id, entry in entries.items()
        if run_id in n_rows
        or (
            entry.get("database") not in others
            if basename is None
            else entry.get("database") in (None, basename)
        )
    }
    for run_id, entry in entries.items():
        entry["n_rows"], entry["n_failed"] = n_rows[run_id], n_failed[run_id]
    rows = [{name: entry.get(name) for name in _COLUMNS} for entry in entries.values()]
    table = pd.DataFrame(rows, columns=list(_COLUMNS), dtype=object)
    for name in ("run_seq", "n_psets", "n_rows", "n_failed", "repeats"):
        table[name] = table[name].astype("Int64" if table[name].isna().any() else "int64")
    table["time_utc"] = pd.to_datetime(table["time_utc"], format="ISO8601", errors="coerce")
    return table.sort_values("time_utc", kind="stable", ignore_index=True)
