"""One HTML page about a study: what was run, what came out of it, what failed.

The page holds all that it needs, its scripts and the data, and asks no network for anything.
This module gathers the data; what the page does with them is in the folder ``page``.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import gzip
import hashlib
import json
import os
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from .._version import __version__
from ..errors import ParamsError
from ..states import RunState
from ..store.atomic import writing
from ..store.paths import PathLike
from ..store.regular import is_read_only, open_regular
from ..store.runs_file import planned_psets
from ..store.study import Study
from ..table.bookkeeping import RUNTIME
from ..table.cells import MISSING, cells
from ..table.factors import factors_of
from ..table.frames import check_numbers, groups
from ..table.outcomes import failed_rows, recovered_rows, seconds_of, waiting_rows
from ..table.rows import Header
from .answers import answers_of
from .axes import axes_of, design
from .cells import MAX_TEXT, Column, Texts, param_column, short
from .failures import causes, errors_of, failures, texts_of
from .nested import split_dicts
from .pictures import Pictures
from .runs import jobs_of, runs_of, unfinished, unfinished_in_spools

__all__ = ["report", "write_page"]

Array = np.ndarray[Any, Any]

_MAX_CELLS: Final = 400_000  # at most 5 MB of page
_N_SLOWEST: Final = 10
_IN_PROGRESS: Final = (RunState.RUNNING, RunState.QUEUED)
_IN_DETAILS: Final = ("_exc_txt", "_logs")  # columns that are too long for a table
# What the folder ``page`` has, in the order in which it is put together.
_SCRIPTS: Final = (
    "columns.js",
    "elements.js",
    "widgets.js",
    "scales.js",
    "charts.js",
    "answers.js",
    "pair.js",
    "best.js",
    "plots.js",
    "parallel.js",
    "table.js",
    "runs.js",
    "main.js",
)


def report(
    calc_dir: PathLike = "calc", path: PathLike | None = None, *, max_psets: int = 20_000
) -> str:
    """Write a web page about a study: runs, parameters, plots, table, failures.

    The page is one file that needs no network. The study may be finished, under way, or killed:
    the page shows what is known now. It starts with the answers: whether the study is complete,
    which parameters explain a result (as `df_importance`), the strongest pair of them, the best
    combinations, and the causes of failures. All of these are computed from all rows.

    Parameters
    ----------
    calc_dir : str or path, default "calc"
        The folder of the study, or a database file in it.
    path : str or path, optional
        The page; it is replaced if it exists, also if it is a symbolic link. A device or a pipe,
        such as ``/dev/stdout``, is written into. None: ``report.html`` in the folder of the study.
    max_psets : int, default 20 000
        If the study has more psets, plots of single psets and the table show only this many:
        the slowest, the best and worst of each result, those that failed, and others chosen at
        random, always the same. The page says so. With over 20 columns it may be fewer.

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
    ParamsError
        `max_psets` is less than 1.
    OSError
        The page cannot be written.

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
    return write_page(calc_dir, path, max_psets)[0]


def write_page(
    calc_dir: PathLike, path: PathLike | None, max_psets: int, reload: float | None = None
) -> tuple[str, bool]:
    """Write the page; return its path, and whether a run or a job is in progress.

    Parameters
    ----------
    calc_dir, path, max_psets
        See `report`.
    reload : float, optional
        The page reloads itself after this many seconds, as long as anything is in progress.
    """
    study = Study.find(calc_dir)
    target = os.path.join(study.layout.name, "report.html") if path is None else os.fspath(path)
    # In this order: a run that ends meanwhile has its rows, and one that starts is in no list.
    planned = planned_psets(study.layout)
    open_runs = unfinished(study)
    left = unfinished_in_spools(study)
    df = study.known()
    check_numbers(df, str(study.layout.database))
    data = _data_of(study, df, planned, open_runs, left, max_psets)
    in_progress = any(run["state"] in _IN_PROGRESS for run in data["runs"])
    data["reload"] = reload if in_progress else None
    try:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        with writing(target, follow=False) as file:
            file.write(_page(data).encode("utf-8"))
    except OSError as error:
        if not is_read_only(error):
            raise
        message = "the page cannot be written here; name another file (psweep-report -o FILE)"
        raise OSError(error.errno, message, target) from error
    return target, in_progress


def _page(data: dict[str, Any]) -> str:
    """Put the page together. The data are compressed, so nothing of them can be taken for HTML."""
    folder = resources.files(__package__) / "page"

    def read(*names: str) -> str:
        return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)

    as_json = json.dumps(data, allow_nan=False, separators=(",", ":"))
    # (lone surrogates are escaped in JSON, so this is ASCII)
    packed = base64.b64encode(gzip.compress(as_json.encode("ascii"), 4, mtime=0)).decode()
    # One function for all scripts, so that nothing of them is global.
    script = f'"use strict";\n(async () => {{\n{read(*_SCRIPTS)}\n}})();'
    style = read("page.css")
    # Only these two run: neither what the data might smuggle in, nor a handler in an attribute.
    policy = (
        "default-src 'none'; img-src data: blob:; base-uri 'none'; form-action 'none'; "
        f"script-src {_digest(script)}; style-src {_digest(style)}"
    )
    parts = {"POLICY": policy, "STYLE": style, "DATA": packed, "SCRIPT": script}
    # text, name, text, name, ..., so that no part is searched for names
    pieces = read("page.html").split("@@")
    return "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))


def _digest(text: str) -> str:
    """Return the name of an inline script or style in a Content-Security-Policy."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


# the rows


def _data_of(
    study: Study,
    df: pd.DataFrame,
    planned: dict[str, int],
    open_runs: dict[str, tuple[Header, str]],
    left: dict[str, tuple[Header, list[str]]],
    max_psets: int,
) -> dict[str, Any]:
    n = len(df)
    failed, waiting = failed_rows(df), waiting_rows(df) if n else np.zeros(0, dtype=bool)
    recovered = recovered_rows(df)
    df, paths = split_dicts(df)
    seconds = seconds_of(df)
    slowest = np.argsort(-np.nan_to_num(seconds, nan=-1.0), kind="stable")[:_N_SLOWEST]
    slowest = slowest[~np.isnan(seconds[slowest])]
    factors = factors_of(df) if n else []  # psets that were not run yet count, too
    axes = axes_of(df, factors)
    answers = answers_of(df, factors, axes, failed, waiting, recovered)
    first = failed.astype(np.int64)
    first[answers.averaged] = 1
    first[answers.rows] = 2
    first[slowest] = 3
    shown = _sample(n, min(max_psets, max(1, _MAX_CELLS // max(20, df.shape[1]))), first)
    places = {int(row): i for i, row in enumerate(shown)}
    jobs = jobs_of(study) if n or left else None
    columns, params, names = _columns_of(study, df, shown, failed, jobs, paths)
    _name_places(answers.data, names, places)

    texts = Texts()
    shown_failures = failures(df, failed, recovered, places, texts)
    column_of = {name: i for i, name in names.items()}
    levels = {column_of[name]: factor.codes for factor in factors for name in factor.names}

    def value_at(column: int, row: int) -> Any:
        return Column(cells(df[names[column]].iloc[[row]])).values[0]

    calc_dir = study.layout.calc_dir
    return {
        "name": calc_dir.name or str(calc_dir),
        "folder": calc_dir.parent.name,
        "calc_dir": study.layout.name,
        "database": study.layout.basename,
        "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "version": __version__,
        "psets": n,
        "shown": len(shown),
        "failed": int(failed.sum()),
        "recovered": int(recovered.sum()),
        "waiting": int(waiting.sum()),
        "seconds": float(np.nansum(seconds)) if (~np.isnan(seconds)).any() else None,
        "design": design(df, factors),
        "axes": [None if axis is None else axis.encoded() for axis in axes],
        "factors": [[column_of[name] for name in factor.names] for factor in factors],
        "answers": answers.data,
        "runs": runs_of(study, df, failed, waiting, planned, open_runs, left, jobs),
        "slowest": [places[int(row)] for row in slowest if int(row) in places],
        "params": params,
        "columns": columns,
        "causes": causes(df, failed, recovered, levels, value_at, places),
        "failures": shown_failures,
        "logs": _logs_of(study, df, shown, texts),
        "texts": texts.all,
        "texts_left_out": texts.left_out,
    }


def _folders(study: Study) -> set[str]:
    found = set()
    for entry in os.scandir(study.layout.calc_dir):
        with contextlib.suppress(OSError):  # a link to itself
            if entry.is_dir():
                found.add(entry.name)
    return found


def _columns_of(
    study: Study,
    df: pd.DataFrame,
    shown: Array,
    failed: Array,
    jobs: dict[str, dict[str, Any]] | None,
    paths: dict[Any, tuple[str, ...]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[int, Any]]:
    """Return the columns of the page, what is known of the parameters, and all names."""
    kinds = groups(df) if len(df.columns) else ([], [], [])
    n_params, book = len(kinds[0]), {*kinds[1]} - {RUNTIME}
    columns: list[dict[str, Any]] = []
    params: list[dict[str, Any]] = []
    names: dict[int, Any] = {}
    pictures = Pictures(len(shown))
    ids = df["_pset_id"].iloc[shown].tolist() if len(df) else []
    # Only folders that are really there: a database may come from a stranger.
    folders = _folders(study)

    def picture_of(i: int, value: Any) -> dict[str, Any] | None:
        folder = study.layout.calc_dir / ids[i] if ids[i] in folders else None
        return pictures.of(value, folder)

    def add(name: Any, role: str, column: Column) -> None:
        # (a name that is not a text is shown as Python code)
        title: dict[str, Any]
        title = {"name": name} if isinstance(name, str) else {"name": short(name), "code": True}
        if name in paths:  # an entry of a dict
            title["path"] = paths[name]
        columns.append({**title, "role": role, **column.encoded()})

    for place, name in enumerate(df.columns):
        if name in _IN_DETAILS:
            continue
        role = "param" if place < n_params else "book" if name in book else "result"
        names[len(columns)] = name
        if role == "param":
            column, summary = param_column(df.iloc[:, place], shown)
            params.append({"column": len(columns), **summary})
        else:
            column = Column(cells(df.iloc[shown, place]), picture_of if role == "result" else None)
        add(name, role, column)
        if name == "_failed" and failed.any() and "_error" not in df.columns:
            errors = errors_of(df, failed, shown)
            add("_error", "book", Column([MISSING if e is None else e for e in errors]))
    if jobs:
        states = [str(jobs[i]["state"]) if i in jobs else MISSING for i in ids]
        add("_job_state", "book", Column(states))
    return columns, params, names


def _name_places(answers: dict[str, Any], names: dict[int, Any], places: dict[int, int]) -> None:
    """Replace columns and rows of the study by their places on the page."""
    columns = {name: i for i, name in names.items()}
    for result in answers["results"]:
        result["column"] = columns[result["column"]]
        for view in result["views"]:
            for key, best in view["best"].items():
                view["best"][key] = [
                    {
                        **one,
                        "row": places[one["row"]],
                        "rows": [places[row] for row in one["rows"] if row in places],
                    }
                    for one in best
                    if one["row"] in places
                ]


def _sample(n: int, most: int, first: Array) -> Array:
    """Choose the rows that are shown, in their order: those with the largest `first`, others."""
    if n <= most:
        return np.arange(n)
    # At random: every tenth row of a grid may have the same value of a parameter. But always alike,
    # so that two pages of one study can be compared.
    order = np.random.default_rng(0).permutation(n)
    return np.sort(order[np.argsort(-first[order], kind="stable")][:most])


def _logs_of(study: Study, df: pd.DataFrame, shown: Array, texts: Texts) -> list[tuple[int, int]]:
    """Collect what psets have printed: pairs of a row that is shown and the place of its text."""
    if not len(df):
        return []
    ids = df["_pset_id"].iloc[shown].tolist()
    column = texts_of(df, "_logs", shown)
    folders = _folders(study)
    failed = failed_rows(df)[shown].tolist()
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
        with open_regular(path, follow=True) as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(2 * MAX_TEXT)
            if size > 4 * MAX_TEXT:  # such as of a program that prints for a day
                file.seek(-2 * MAX_TEXT, os.SEEK_END)
                data += b"\n[...]\n"
            data += file.read(2 * MAX_TEXT)
    except OSError:
        return None
    return data.decode("utf-8", "replace")
