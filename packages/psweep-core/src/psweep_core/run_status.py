"""The states of the runs of a study: what ``psweep-status`` shows of local runs."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .errors import DatabaseError, ParamsError, StudyNotFoundError
from .show.cell_texts import one_line
from .show.closing_line import count_causes, failures_by_cause
from .states import RunState, count_failed
from .store.journal_reader import is_over, read_header
from .store.paths import PathLike
from .store.runs_file import incomplete_runs, planned_psets, read_runs
from .store.spool import spools_of
from .store.study import Study
from .table.bookkeeping import RUNTIME, is_private
from .table.frames import arranged, check_numbers, groups
from .table.outcomes import failed_rows, recovered_rows, seconds_of, times_of
from .table.stats import numbers_of

__all__ = ["for_json", "in_words", "run_states"]

_DAY = 86_400.0  # s
_STAND_OUT = ("last", "slowest", "lowest", "highest")  # rows of a run
_MAX_BITS = 10_000  # Python writes ints as decimals only up to 4300 digits


def run_states(calc_dir: PathLike = "calc", result: str | None = None) -> list[dict[str, Any]]:
    """Describe the runs of `run_local` in a study.

    Parameters
    ----------
    calc_dir : str or path, default "calc"
        The folder of the study, or a database in it.
    result : str, optional
        The result of which the lowest and the highest value are looked up. None: the first
        numeric one.

    Returns
    -------
    list of dict
        One per run: ``run_seq``, ``run_id``, ``state`` ("running", "stopped early", "incomplete"
        or "ended"; see `incomplete_runs`), ``n`` (psets to run), ``done`` (good rows), ``failed``,
        ``succeeded_later`` (of these, those whose psets have succeeded in a later run), ``causes``
        (of failures, and how many of each; messages that differ only in numbers are one cause),
        ``rate`` (psets per second) and ``seconds_left`` of a running one, ``last`` and ``slowest``
        (``_pset_seq``, ``seconds``, ``pset``), ``lowest`` and ``highest`` (``_pset_seq``,
        ``result``, ``value``, ``pset``); what is not known is None.

    Raises
    ------
    StudyNotFoundError
        There is no study in that folder.
    ParamsError
        There is no numeric result of that name.
    DatabaseError
        A row has no number.
    """
    study = _study_of(calc_dir)
    # In this order: a run that ends meanwhile has its rows, and one that starts is in no list.
    planned = planned_psets(study.layout)
    entries = read_runs(study.layout)
    headers = {}
    live = set()
    for path in study.layout.journals():
        try:
            header = read_header(path)
        except (OSError, DatabaseError):
            continue  # it was folded a moment ago, or is one that `Study.known` warns of
        headers[header.run_id] = header
        if not is_over(path):
            live.add(header.run_id)
    df = study.known()
    check_numbers(df, str(study.layout.database))
    found: dict[str, dict[str, Any]] = {}
    if len(df):
        rows = _Rows(df, result)
        of_tasks = {spool.run_id for spool in spools_of(study.layout)}
        is_local = ~_with_jobs(df, rows.bad, study.layout.calc_dir)
        for run_id, places in rows.runs():
            if run_id not in of_tasks and (own := places[is_local[places]]).size:
                found[run_id] = rows.state(own, headers.get(run_id), run_id in live)
            elif run_id in headers:
                del headers[run_id]
    for run_id in headers.keys() - found.keys():
        header = headers[run_id]
        if header.n_psets:
            state = RunState.RUNNING if run_id in live else RunState.STOPPED_EARLY
            found[run_id] = _without_rows(run_id, header.run_seq, header.n_psets, state)
    n_rows = {run_id: state["done"] + state["failed"] for run_id, state in found.items()}
    for run_id, n in planned.items():
        if run_id in found:
            found[run_id]["n"] = max(n, n_rows[run_id])
    # A run whose number has rows of another id does not lack them: the user has changed the ids, or
    # an earlier release has given the number twice.
    numbers = {state["run_seq"] for state in found.values()}
    for run_id in incomplete_runs(planned, n_rows, headers.keys()):
        if run_id in found:
            found[run_id]["state"] = RunState.INCOMPLETE
        elif run_id in entries and (run_seq := entries[run_id]["run_seq"]) not in numbers:
            n = planned[run_id]
            found[run_id] = _without_rows(run_id, run_seq, n, RunState.INCOMPLETE)
    return sorted(found.values(), key=lambda state: state["run_seq"])


def _study_of(calc_dir: PathLike) -> Study:
    """Find the study in a folder; one of which only the table of runs is known counts, too."""
    try:
        return Study.find(calc_dir)
    except StudyNotFoundError:
        study = Study.of_folder(calc_dir)
        if not planned_psets(study.layout):
            raise
        return study  # its runs have raised before a pset was finished


def _without_rows(run_id: str, run_seq: int, n: int, state: str) -> dict[str, Any]:
    unknown = dict.fromkeys(("rate", "seconds_left", *_STAND_OUT))
    known = {"run_seq": run_seq, "run_id": run_id, "state": state, "n": n}
    return {**unknown, **known, "done": 0, "failed": 0, "succeeded_later": 0, "causes": {}}


def _with_jobs(df: pd.DataFrame, bad: Any, calc_dir: Path) -> Any:
    """Mark the rows of prep_batch: psets with jobs."""
    prepared = df[RUNTIME].isna().to_numpy(dtype=bool) & ~bad
    if any(calc_dir.glob("run_*.sh")):
        # Of a million rows of run_local perhaps none has a folder.
        folders = {entry.name for entry in os.scandir(calc_dir)}
        ids = df["_pset_id"]
        for i in np.flatnonzero(ids.isin(folders).to_numpy(dtype=bool)):
            prepared[i] = prepared[i] or _has_jobscript(calc_dir / ids.iloc[i])
    return prepared


def _has_jobscript(folder: Path) -> bool:
    try:
        return any(name.startswith("jobscript_") for name in os.listdir(folder))
    except OSError:
        return False


class _Rows:
    """What is needed of all rows, in columns."""

    def __init__(self, df: pd.DataFrame, result: str | None) -> None:
        self.df = df
        self.bad = failed_rows(df)
        self.recovered = recovered_rows(df)
        self.seqs = df["_pset_seq"].to_numpy()
        self.ns = times_of(df).astype("datetime64[ns]").to_numpy().view(np.int64)
        self.runtimes = np.nan_to_num(seconds_of(df))
        self.params, _, results = groups(arranged(df))
        self.result = _chosen_result(df, results, result)
        self.values: Any = None if self.result is None else numbers_of(df[self.result])

    def runs(self) -> Iterator[tuple[str, Any]]:
        """Yield the ids of runs, and the places of their rows."""
        codes, ids = pd.factorize(self.df["_run_id"], use_na_sentinel=False)
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes, minlength=len(ids)))
        for run_id, places in zip(ids, np.split(order, ends[:-1]), strict=True):
            yield str(run_id), places

    def state(self, places: Any, header: Any, is_live: bool) -> dict[str, Any]:
        """Describe one run."""
        df = self.df
        bad = places[self.bad[places]]
        texts = df["_exc_txt"].iloc[bad].tolist() if "_exc_txt" in df.columns else [None] * len(bad)
        n_rows = len(places)
        n = header.n_psets if header else n_rows
        state = (
            RunState.RUNNING
            if is_live and not n_rows >= n > 0
            else RunState.STOPPED_EARLY
            if header and n_rows < n
            else RunState.ENDED
        )
        last = places[np.argmax(self.ns[places])]
        found: dict[str, Any] = {
            "run_seq": header.run_seq if header else int(df["_run_seq"].iloc[places[0]]),
            "run_id": header.run_id if header else str(df["_run_id"].iloc[places[0]]),
            "state": state,
            "n": n,
            "done": n_rows - len(bad),
            "failed": len(bad),
            "succeeded_later": int(self.recovered[bad].sum()),
            "causes": count_causes(texts),
            "rate": None,
            "seconds_left": None,
            "last": self._timed(last),
            "slowest": self._timed(places[np.argmax(self.runtimes[places])]),
            "lowest": None,
            "highest": None,
        }
        good = places[~self.bad[places]]
        if self.values is not None:
            good = good[~np.isnan(self.values[good])]
            if good.size:
                found["lowest"] = self._valued(good[np.argmin(self.values[good])])
                found["highest"] = self._valued(good[np.argmax(self.values[good])])
        if is_live:
            seconds = max(time.time() - self.ns[places].min() / 1e9, 1e-3)
            found["rate"] = n_rows / seconds
            found["seconds_left"] = (n - n_rows) / found["rate"]
        return found

    def _timed(self, place: int) -> dict[str, Any]:
        return {**self._pset(place), "seconds": float(self.runtimes[place])}

    def _valued(self, place: int) -> dict[str, Any]:
        value = self.values[place].item()
        return {**self._pset(place), "result": str(self.result), "value": value}

    def _pset(self, place: int) -> dict[str, Any]:
        row = self.df.iloc[place]
        pset = {str(name): row[name] for name in self.params if not is_private(name)}
        return {"_pset_seq": int(self.seqs[place]), "pset": pset}


def _chosen_result(df: pd.DataFrame, results: list[Any], wanted: str | None) -> Any:
    """Find the numeric result with this name, or the first one; None if there is none."""
    public = [name for name in results if not is_private(name)]
    if wanted is None:
        kinds = {name: getattr(df[name].dtype, "kind", "O") for name in public}
        return next((name for name, kind in kinds.items() if kind in "iuf"), None)
    numeric = [
        name
        for name in public
        if (values := numbers_of(df[name])) is not None and values.dtype.kind != "c"
    ]
    found = next((name for name in numeric if str(name) == wanted), None)
    if found is None:
        names = ", ".join(map(str, numeric)) or "none"
        message = f"there is no numeric result {wanted!r}; there are: {names}"
        raise ParamsError(message)
    return found


def in_words(state: dict[str, Any], details: bool) -> list[str]:
    """Describe a run in lines: one, and with details those of its rows that stand out.

    Parameters
    ----------
    state : dict
        See `run_states`.
    details : bool
        With the last, the slowest, and the best rows.
    """
    n = state["done"] + state["failed"]
    parts = [f"run {state['run_seq']}: {state['state']}, {n} of {state['n']} psets"]
    if state["rate"]:
        parts += [f"{state['rate']:.3g}/s", f"done about {_clock(state['seconds_left'])}"]
    if state["failed"]:
        causes = failures_by_cause(state["causes"])
        parts.append(f"{count_failed(state['failed'], state['succeeded_later'])}: {causes}")
    lines = [", ".join(parts)]
    for name in _STAND_OUT if details else ():
        row = state[name]
        if row is not None:
            what = name if name in ("last", "slowest") else f"{name} {row['result']}"
            value = f"{row['seconds']:.3g} s" if "seconds" in row else f"{row['value']:.6g}"
            pset = ", ".join(f"{key}={one_line(value)}" for key, value in row["pset"].items())
            lines.append(f"    {what}: {value}, pset {row['_pset_seq']}: {pset}")
    return lines


def for_json(state: dict[str, Any]) -> dict[str, Any]:
    """Return a run in values that JSON has.

    Numbers stay numbers. None, NaN and infinity are null, as in ``psweep-db2json``; all else is
    text, as in `in_words`.

    Parameters
    ----------
    state : dict
        See `run_states`.
    """
    found = dict(state)
    for name in _STAND_OUT:
        if (row := state[name]) is not None:
            found[name] = {
                **{key: _plain(value) for key, value in row.items()},
                "pset": {param: _plain(value) for param, value in row["pset"].items()},
            }
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, np.number | np.bool_):
        value = value.item()
    kind = type(value)
    if kind is bool or (kind is int and value.bit_length() <= _MAX_BITS):
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    return None if value is None or value is pd.NA or value is pd.NaT else one_line(value)


def _clock(seconds: float) -> str:
    """Write the local time at which these seconds will be over."""
    when = time.localtime(time.time() + seconds)
    return time.strftime("%H:%M" if seconds < _DAY / 2 else "%Y-%m-%d %H:%M", when)
