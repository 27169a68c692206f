"""What the report knows of the runs of a study: state, code, environment, jobs."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ..errors import DatabaseError, PsweepError
from ..states import RunState
from ..store.journal_reader import is_over, read_header
from ..store.locks import file_lock
from ..store.regular import is_read_only
from ..store.runs_file import incomplete_runs, read_runs
from ..store.spool import spools_of
from ..store.study import Study
from ..table.outcomes import seconds_of, times_of
from ..table.rows import Header

__all__ = ["jobs_of", "runs_of", "unfinished", "unfinished_in_spools"]

Array = np.ndarray[Any, Any]

_LOCK_SECONDS: Final = 5.0
_MAX_CHANGES: Final = 8


def unfinished(study: Study) -> dict[str, tuple[Header, str]]:
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
        state = (
            RunState.UNFINISHED
            if live is None
            else RunState.RUNNING
            if path in live
            else RunState.CRASHED
        )
        # One process of it that lives is enough.
        known, other = found.get(header.run_id, (header, state))
        best = RunState.RUNNING if RunState.RUNNING in (state, other) else state
        found[header.run_id] = (header if header.n_psets else known, best)
    return found


def _live_journals(study: Study, paths: Iterable[Path]) -> set[Path] | None:
    """Find the journals whose writer lives; None where this cannot be determined."""
    from filelock import Timeout

    # With the lock of the study, as whoever else tries the locks of journals, so that a run which
    # ends at this moment waits, and does not find its own journal in use.
    lock = file_lock(study.layout.lock)
    try:
        lock.acquire(timeout=_LOCK_SECONDS)
    except Timeout:
        return None
    except OSError as error:
        if not is_read_only(error):
            return None
    try:
        return {path for path in paths if path.exists() and not is_over(path)}
    except OSError:
        return None
    finally:
        lock.release()


def jobs_of(study: Study) -> dict[str, dict[str, Any]] | None:
    """Return the state of the job of each pset that was prepared; None if there are no jobs.

    Without psweep-batch nothing is known of jobs.
    """
    has_jobs = any(study.layout.calc_dir.glob("run_*.sh"))
    if not has_jobs or importlib.util.find_spec("psweep_batch") is None:
        return None
    try:
        report = importlib.import_module("psweep_batch.cli").job_report(
            str(study.layout.calc_dir), None, False
        )
    except (PsweepError, OSError):
        return None
    return {str(record["_pset_id"]): record for record in report.data}


def unfinished_in_spools(study: Study) -> dict[str, tuple[Header, list[str]]]:
    """Find the psets of `prep_batch` with ``func`` that have no row yet: their runs and ids."""
    found: dict[str, tuple[Header, list[str]]] = {}
    for spool in spools_of(study.layout):
        try:
            chunks = spool.unfinished()
            if chunks:
                ids = [spool.index.ids[i] for positions in chunks.values() for i in positions]
                found[spool.run_id] = spool.header, ids
        except (DatabaseError, OSError):
            continue  # it has just ended, or cannot be read, as psweep-status says
    return found


def runs_of(
    study: Study,
    df: pd.DataFrame,
    failed: Array,
    waiting: Array,
    planned: dict[str, int],
    open_runs: dict[str, tuple[Header, str]],
    left: dict[str, tuple[Header, list[str]]],
    jobs: dict[str, dict[str, Any]] | None,
) -> list[dict[str, Any]]:
    """Describe each run: what became of it, when, where, by which code.

    Parameters
    ----------
    study : Study
    df : DataFrame
        What is known of it.
    failed, waiting : array of bool
        Rows that failed, and those that were prepared and not run yet.
    planned : dict
        See `planned_psets`; as it was before the rest was read.
    open_runs : dict
        See `unfinished`; as it was before the rows were read.
    left : dict
        See `unfinished_in_spools`; as it was before the rows were read.
    jobs : dict or None
        See `jobs_of`.
    """
    rest = dict(open_runs)
    entries = read_runs(study.layout)
    runs: list[dict[str, Any]] = []
    ids = df["_run_id"] if len(df) else pd.Series([], dtype=object)
    incomplete = incomplete_runs(planned, Counter(ids), open_runs.keys())
    have_rows = {*df["_pset_id"]} if len(df) and left else set()
    without_row = {
        run_id: [i for i in ids_left if i not in have_rows]
        for run_id, (_, ids_left) in left.items()
    }
    for run_id, places in ids.reset_index(drop=True).groupby(ids.to_numpy(), sort=False):
        rows = places.index.to_numpy()
        part = df.iloc[rows]
        header, state = rest.pop(str(run_id), (None, RunState.ENDED))
        ids_left = without_row.pop(str(run_id), [])
        n_waiting = int(waiting[rows].sum())
        if header is not None and len(part) >= header.n_psets > 0:
            state = RunState.ENDED  # all its rows are there, or it is about to move them
        states = _job_states([*part["_pset_id"], *ids_left], jobs)
        if state == RunState.ENDED:
            state = _state_of_tasks(states) if ids_left else _state_of_jobs(states, n_waiting)
        if str(run_id) in incomplete:
            state = RunState.INCOMPLETE
        n = header.n_psets if header is not None else planned.get(str(run_id))
        n = len(part) + len(ids_left) if ids_left else n
        seconds = seconds_of(part)
        starts = times_of(part)[~waiting[rows]]
        took = pd.to_timedelta(np.nan_to_num(seconds), unit="s")[~waiting[rows]]
        runs.append(
            {
                "seq": int(part["_run_seq"].iloc[0]),
                "id": str(run_id),
                "state": state,
                "start": _moment(starts.min()),
                "end": _moment((starts + took).max()),
                "psets": len(part) - n_waiting,
                "waiting": n_waiting + len(ids_left),
                "planned": n or None,
                "failed": int(failed[rows].sum()),
                "seconds": float(np.nansum(seconds)) if (~np.isnan(seconds)).any() else None,
                "commits": _given(part, "_git_commit"),
                "hosts": _given(part, "_exec_host"),
                "jobs": states,
            }
        )
    nothing: dict[str, Any] = {
        "psets": 0,
        "waiting": 0,
        "failed": 0,
        "commits": [],
        "hosts": [],
        "jobs": {},
    }
    started = [(h.run_seq, h.run_id, state, h.n_psets or None) for h, state in rest.values()]
    started += [
        (entries[run_id]["run_seq"], run_id, RunState.INCOMPLETE, planned[run_id])
        for run_id in incomplete
        if run_id in entries and run_id not in {run["id"] for run in runs}
    ]
    names = ("seq", "id", "state", "planned")
    runs += [{**dict(zip(names, some, strict=True)), **nothing} for some in started]
    for of_run, ids_left in without_row.items():
        if ids_left:
            states, n = _job_states(ids_left, jobs), len(ids_left)
            some = (left[of_run][0].run_seq, of_run, _state_of_tasks(states), n)
            waits = {"waiting": n, "jobs": states}
            runs.append({**dict(zip(names, some, strict=True)), **nothing, **waits})
    runs.sort(key=lambda run: run["seq"])
    before: dict[str, Any] | None = None
    for run in runs:
        entry = entries.get(run["id"])
        if entry is not None:
            run.update(_provenance(entry, before))
            if not run["commits"] and run["commit"]:
                run["commits"] = [run["commit"]]
            before = entry
    return runs


def _job_states(ids: Iterable[str], jobs: dict[str, dict[str, Any]] | None) -> dict[str, int]:
    found = [jobs[i]["state"] for i in ids if i in jobs] if jobs else []
    return dict(Counter(map(str, found)).most_common())


def _state_of_jobs(states: dict[str, int], n_waiting: int) -> str:
    for state in (RunState.RUNNING, RunState.QUEUED):
        if state in states:
            return state
    if not n_waiting:
        return RunState.ENDED
    return RunState.PREPARED if not states or "not submitted" in states else RunState.NOT_COLLECTED


def _state_of_tasks(states: dict[str, int]) -> str:
    """Return the state of a run whose tasks leave some psets without a row."""
    state = _state_of_jobs(states, 1)
    # The rows of tasks need not be collected, so these have ended without them.
    return RunState.INCOMPLETE if state == RunState.NOT_COLLECTED else state


def _provenance(entry: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
    """Return who ran what where, and what has changed since the run before."""
    func = ".".join(str(entry[key]) for key in ("module", "qualname") if entry.get(key))
    found: dict[str, Any] = {
        "kind": _text(entry.get("kind")),
        "func": func or None,
        "code": _text(entry.get("fingerprint")),
        "commit": _text(entry.get("git_commit")),
        "dirty": bool(entry.get("git_dirty")),
        "python": _text(entry.get("python")),
        "host": _text(entry.get("host")),
        "argv": " ".join(map(str, entry.get("argv") or [])),
        "packages": _texts(entry.get("packages")),
    }
    changes: list[str] = []
    if before is not None:
        was, now = before.get("fingerprint"), entry.get("fingerprint")
        if was and now and was != now:
            parts = _differences(_texts(before.get("parts")), _texts(entry.get("parts")), False)
            changes.append(f"code: {', '.join(parts)}" if parts else "code")
        changes += [
            f"{key}: {before[key]} → {entry[key]}"
            for key in ("python", "host")
            if before.get(key) and entry.get(key) and before[key] != entry[key]
        ]
        packages = [_texts(some.get("packages")) for some in (before, entry)]
        changes += _differences(packages[0], packages[1], True)
    return {**found, "changes": changes}


def _differences(was: dict[str, str], now: dict[str, str], values: bool) -> list[str]:
    """Name what is different in two dicts; of packages only those that both runs have loaded."""
    names = [name for name in was if name in now and was[name] != now[name]]
    if not values:
        names += [name for name in {**was, **now} if (name in was) != (name in now)]
    shown = [f"{name} {was[name]} → {now[name]}" if values else name for name in names]
    more = len(shown) - _MAX_CHANGES
    return [*shown[:_MAX_CHANGES], *([f"{more} more"] if more > 0 else [])]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _texts(value: Any) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}


def _given(part: pd.DataFrame, name: str) -> list[str]:
    return [str(v) for v in part[name].dropna().unique()] if name in part.columns else []


def _moment(time: Any) -> str | None:
    with contextlib.suppress(ValueError):
        return None if time is pd.NaT else pd.Timestamp(time).isoformat(timespec="seconds")
    return None
