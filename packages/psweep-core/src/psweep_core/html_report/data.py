"""One HTML page about a study: what was run, what came out of it, what failed.

The page holds all that it needs, plotly.js and the data included, and asks no network for anything.
This module gathers the data; what the page does with them is in the folder ``page``.
"""

from __future__ import annotations

import datetime
import importlib
import json
import os
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from .._version import __version__
from ..errors import DatabaseError, NotInstalledError, ParamsError
from ..show.tracebacks import error_line as _error_line
from ..store.files import file_write
from ..store.journal_reader import is_over, read_header
from ..store.layout import PathLike
from ..store.locks import file_lock
from ..store.read import is_folder
from ..store.study import Study
from ..table.cells import cells
from ..table.frames import groups
from ..table.rows import RUNTIME, Header
from .cells import MAX_TEXT, Column, Texts, short

__all__ = ["report"]

_MAX_CELLS: Final = 2_000_000  # about 30 MB of page
_N_SLOWEST: Final = 10
_LOCK_SECONDS: Final = 5.0
_IN_DETAILS: Final = ("_exc_txt", "_logs")  # columns that are too long for a table


def report(
    calc_dir: PathLike = "calc", path: PathLike | None = None, *, max_psets: int = 20_000
) -> str:
    """Write a web page about a study: runs, parameters, plots, table, failures.

    The page is one file that needs no network. The study may be finished, under way, or killed:
    the page shows what is known now. Needs plotly: ``pip install 'psweep-core[report]'``.

    Parameters
    ----------
    calc_dir : str or path, default "calc"
        The folder of the study, or a database file in it.
    path : str or path, optional
        The page; it is replaced if it exists. None: ``report.html`` in the folder of the study.
    max_psets : int, default 20 000
        If the study has more psets, plots and table show only this many: those that
        failed, the slowest, and others chosen at random, always the same. The page says
        so, and its counts are still those of all. With over 100 columns it may be fewer.

    Returns
    -------
    str
        The path of the page.

    Raises
    ------
    StudyNotFoundError
        There is no study.
    DatabaseError
        The database is damaged. It is left as it is.
    NotInstalledError
        plotly is not installed.
    ParamsError
        `max_psets` is less than 1.

    Warnings
    --------
    As in `df_read`, reading a study's pickles runs code that these choose. The page shows values as
    text and runs none of them.

    Examples
    --------
    >>> import psweep as ps
    >>> _ = ps.run_local(lambda pset: {"b": pset["a"] ** 2}, ps.plist("a", [1, 2, 3]))
    >>> ps.report("calc")
    'calc/report.html'
    """
    if max_psets < 1:
        message = f"max_psets={max_psets!r} shows nothing; give a positive number"
        raise ParamsError(message)
    plotly_js = _plotly_js()
    study = _find(calc_dir)
    target = os.path.join(study.layout.name, "report.html") if path is None else os.fspath(path)
    df = study.known()
    # After the rows: a run that ends in between is then under way no more.
    data = _data_of(study, df, _unfinished(study), max_psets)
    file_write(target, _page(plotly_js, data))
    return target


def _plotly_js() -> str:
    try:
        offline = importlib.import_module("plotly.offline")
    except ModuleNotFoundError as error:
        if error.name != "plotly":
            raise
        message = "psweep.report needs plotly: pip install 'psweep-core[report]'"
        raise NotInstalledError(message, name="plotly") from None
    text: str = offline.get_plotlyjs()
    return text


def _find(calc_dir: PathLike) -> Study:
    if is_folder(calc_dir):
        return Study.find(calc_dir)
    folder, name = os.path.split(calc_dir)
    return Study.find(folder or ".", name)


def _page(plotly_js: str, data: dict[str, Any]) -> str:
    """Put the page together; nothing in `data` can end its script element or start another."""
    folder = resources.files(__package__) / "page"
    page, style, script = (
        (folder / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js")
    )
    as_json = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for char in "<>&":
        as_json = as_json.replace(char, f"\\u{ord(char):04x}")
    parts = {"STYLE": style, "PLOTLY": plotly_js, "DATA": as_json, "SCRIPT": script}
    pieces = page.split("@@")  # text, name, text, name, ..., so that no part is searched for names
    return "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))


# what is known of the runs


def _unfinished(study: Study) -> dict[str, tuple[Header, str]]:
    """Find the runs that have a journal, and what has become of them."""
    paths = study.layout.journals()
    if not paths:
        return {}
    live = _live_journals(study, paths)
    found: dict[str, tuple[Header, str]] = {}
    for path in paths:
        try:
            header = read_header(path)
        except (FileNotFoundError, DatabaseError):
            continue  # the run has just ended, or it is one that `Study.known` warns of
        state = "unfinished" if live is None else "running" if path in live else "crashed"
        # One process of it that lives is enough.
        known, other = found.get(header.run_id, (header, state))
        best = "running" if "running" in (state, other) else state
        found[header.run_id] = (header if header.n_psets else known, best)
    return found


def _live_journals(study: Study, paths: Iterable[Path]) -> set[Path] | None:
    """Find the journals whose writer lives; None where this cannot be told."""
    from filelock import Timeout

    # With the lock of the study, as whoever else tries the locks of journals, so that a run which
    # ends at this moment waits, and does not find its own journal in use.
    try:
        with file_lock(study.layout.lock).acquire(timeout=_LOCK_SECONDS):
            return {path for path in paths if path.exists() and not is_over(path)}
    except (OSError, Timeout):
        return None


def _runs_of(
    df: pd.DataFrame, failed: np.ndarray[Any, Any], unfinished: dict[str, tuple[Header, str]]
) -> list[dict[str, Any]]:
    rest = dict(unfinished)
    runs = []
    ids = df["_run_id"] if len(df) else pd.Series([], dtype=object)
    for run_id, places in ids.reset_index(drop=True).groupby(ids.to_numpy(), sort=False):
        part = df.iloc[places.index.to_numpy()]
        header, state = rest.pop(str(run_id), (None, "ended"))
        if header is not None and state != "running" and len(part) >= header.n_psets > 0:
            state = "ended"  # all its rows are there
        seconds = _seconds(part)
        starts = part["_time_utc"]
        took = pd.to_timedelta(np.nan_to_num(seconds), unit="s")
        runs.append(
            {
                "seq": int(part["_run_seq"].iloc[0]),
                "id": str(run_id),
                "state": state,
                "start": _moment(starts.min()),
                "end": _moment((starts + took).max()),
                "psets": len(part),
                "planned": header.n_psets if header is not None and header.n_psets else None,
                "failed": int(failed[places.index.to_numpy()].sum()),
                "seconds": float(np.nansum(seconds)) if (~np.isnan(seconds)).any() else None,
                "commits": _given(part, "_git_commit"),
                "hosts": _given(part, "_exec_host"),
            }
        )
    nothing = {"psets": 0, "failed": 0, "commits": [], "hosts": []}
    for header, state in rest.values():
        planned = header.n_psets or None
        started = {"seq": header.run_seq, "id": header.run_id, "state": state, "planned": planned}
        runs.append({**started, **nothing})
    return sorted(runs, key=lambda run: run["seq"])


def _given(part: pd.DataFrame, name: str) -> list[str]:
    return [str(v) for v in part[name].dropna().unique()] if name in part.columns else []


def _moment(time: Any) -> str | None:
    return None if time is pd.NaT else pd.Timestamp(time).isoformat(timespec="seconds")


# the rows


def _seconds(df: pd.DataFrame) -> np.ndarray[Any, Any]:
    if RUNTIME not in df.columns:  # there are no rows, or the user has removed it
        return np.full(len(df), np.nan)
    return df[RUNTIME].to_numpy(dtype=np.float64, na_value=np.nan)


def _data_of(
    study: Study, df: pd.DataFrame, unfinished: dict[str, tuple[Header, str]], max_psets: int
) -> dict[str, Any]:
    n = len(df)
    failed = np.zeros(n, dtype=bool)
    if "_failed" in df.columns:
        failed = np.array([value in (True, np.True_) for value in cells(df["_failed"])], dtype=bool)
    n_params = len(groups(df)[0]) if len(df.columns) else 0
    book = set(groups(df)[1]) - {RUNTIME} if len(df.columns) else set()
    seconds = _seconds(df)
    slowest = np.argsort(-np.nan_to_num(seconds, nan=-1.0), kind="stable")[:_N_SLOWEST]
    slowest = slowest[~np.isnan(seconds[slowest])]
    shown = _sample(n, min(max_psets, max(1, _MAX_CELLS // max(20, df.shape[1]))), failed, slowest)

    params: list[dict[str, Any]] = []
    columns: list[dict[str, Any]] = []
    for place, name in enumerate(df.columns):
        if name in _IN_DETAILS:
            continue
        role = "param" if place < n_params else "book" if name in book else "result"
        title = name if isinstance(name, str) else short(name)
        column = Column(cells(df.iloc[:, place] if role == "param" else df.iloc[shown, place]))
        if role == "param":
            params.append({"column": len(columns), **column.summary()})
            column.keep(shown)
        columns.append({"name": title, "role": role, **column.encoded()})

    places = {int(row): i for i, row in enumerate(shown)}
    texts = Texts()
    failures = _failures_of(df, failed, places, texts)
    return {
        "name": study.layout.calc_dir.name or str(study.layout.calc_dir),
        "database": study.layout.basename,
        "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "version": __version__,
        "psets": n,
        "different": int(df["_pset_hash"].nunique()) if n else 0,
        "shown": len(shown),
        "failed": int(failed.sum()),
        "seconds": float(np.nansum(seconds)) if (~np.isnan(seconds)).any() else None,
        "runs": _runs_of(df, failed, unfinished),
        "slowest": [places[int(row)] for row in slowest if int(row) in places],
        "params": params,
        "columns": columns,
        "failures": failures,
        "logs": _logs_of(study, df, shown, texts),
        "texts": texts.all,
        "texts_left_out": texts.left_out,
    }


def _sample(
    n: int, most: int, failed: np.ndarray[Any, Any], slowest: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Choose the rows that are shown, in their order."""
    if n <= most:
        return np.arange(n)
    # At random: every tenth row of a grid may have the same value of a parameter. But always alike,
    # so that two pages of one study can be compared.
    order = np.random.default_rng(0).permutation(n)
    first = failed.astype(int)
    first[slowest] = 2
    return np.sort(order[np.argsort(-first[order], kind="stable")][:most])


# tracebacks and logs


def _failures_of(
    df: pd.DataFrame,
    failed: np.ndarray[Any, Any],
    places: dict[int, int],
    texts: Texts,
) -> list[dict[str, Any]]:
    rows = [int(row) for row in np.flatnonzero(failed) if int(row) in places]
    if not rows:
        return []
    tracebacks = _texts_of(df, "_exc_txt", rows)
    mended = set(df["_pset_hash"][~failed])
    return [
        {
            "row": places[row],
            "error": _error_line(why) if isinstance(why, str) else "",
            "text": texts.add(why),
            "mended": sha in mended,
        }
        for row, why, sha in zip(rows, tracebacks, df["_pset_hash"].iloc[rows], strict=True)
    ]


def _texts_of(df: pd.DataFrame, name: str, rows: Any) -> list[Any]:
    return cells(df[name].iloc[rows]) if name in df.columns else [None] * len(rows)


def _logs_of(
    study: Study, df: pd.DataFrame, shown: np.ndarray[Any, Any], texts: Texts
) -> list[tuple[int, int]]:
    """Collect what psets have printed: pairs of a row that is shown and the place of its text."""
    if not len(df):
        return []
    ids = df["_pset_id"].iloc[shown].tolist()
    column = _texts_of(df, "_logs", shown)
    # Only folders that are really there: a database may come from a stranger.
    folders = {entry.name for entry in os.scandir(study.layout.calc_dir) if entry.is_dir()}
    failed = df["_failed"].iloc[shown].tolist() if "_failed" in df.columns else [False] * len(shown)
    found = []
    # Those of failures first, in case not all fit.
    for i in sorted(range(len(shown)), key=lambda i: not failed[i]):
        text = column[i]
        if not isinstance(text, str) and ids[i] in folders:
            text = _read_log(study.layout.log(ids[i]))
        place = texts.add(text)
        if place is not None:
            found.append((i, place))
    return found


def _read_log(path: Path) -> str | None:
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(2 * MAX_TEXT)
            if size > 4 * MAX_TEXT:  # such as of a program that prints for a day
                file.seek(-2 * MAX_TEXT, os.SEEK_END)
                data += b"\n[...]\n"
            data += file.read(2 * MAX_TEXT)
    except OSError:
        return None
    return data.decode("utf-8", "replace")
