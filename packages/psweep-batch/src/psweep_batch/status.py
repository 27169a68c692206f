"""`batch_status`: the state of each pset's job."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from psweep_core.plumbing import PathLike, Study, recovered_rows, split_database

from .collected import Collected, read_collected, write_collected
from .errors import BatchError
from .find_state import Judge, Outcome, Verdict
from .jobs import Attempt, last_attempt, machines_of
from .machine import Machine
from .outputs import outputs, why_ended
from .queues import Queues
from .scheduler_words import CANCELLED
from .states import State
from .status_record import PsetStatus, books_of, outcomes_of
from .task_status import psets_of_tasks, task_statuses

__all__ = [
    "batch_status",
    "job_statuses",
    "not_prepared",
    "remember_collected",
    "status_frame",
    "statuses",
]


def batch_status(calc_dir: PathLike = "calc", machine: str | None = None) -> pd.DataFrame:
    r"""Show the state of each pset's job, from small files in its folder and one scheduler query.

    On the cluster, the scheduler is queried about jobs without a recorded end. Elsewhere, its last
    answer to psweep-pull is used, so the table shows the state at that time. If there is neither,
    these jobs count as queued or running, and a note on stderr says so. A ``statcmd`` in the
    study's ``info.yaml`` is code that this function runs; ``psweep-status`` asks first.

    A job counts as lost only if the queue does not show it, a second source agrees (SLURM's sacct
    and scontrol, Grid Engine's qacct, and so on; with a ``statcmd``, a second query), and
    ``lost_after`` seconds (in ``info.yaml``, default 120) have passed, because files and queues may
    be late.

    Parameters
    ----------
    calc_dir : str or path, default "calc"
        The folder of the study, or a database in it.
    machine : str, optional
        Show only jobs of this machine. None: the last job of each pset, on any machine.

    Returns
    -------
    DataFrame
        One row per pset that was prepared by `prep_batch`; the index is ``_pset_seq``. Columns:

        - ``_pset_id``, ``_run_seq``,
        - ``machine``: None if not submitted anywhere,
        - ``state``: "not submitted", "state unknown" (prepared by psweep 0.8 to 0.16, which keeps
          no records of jobs), "queued", "running", "done" (exit code 0, or killed after its
          result was complete), "failed" (any other exit code), "lost" (killed from outside, by a
          limit of memory or time, or with its node), "cancelled" (by `batch_cancel`, or according
          to the scheduler, for instance by ``scancel``), "no result" (exit code 0, but no result
          file, or a ``result.json`` without an object, and no result in the database),
        - ``job_id``, ``exit_code``, ``host``, ``runtime`` (seconds), as far as known,
        - ``reason``: why it failed, was lost or is still queued,
        - ``log``, ``stderr``: the files with the job's output, as far as known,
        - ``scheduler_state``, ``elapsed``, ``memory``: the scheduler's accounting of jobs that
          ended without a record of their own.

    Raises
    ------
    StudyNotFoundError
        There is no study in that folder.
    BatchError
        Nothing was prepared for that machine.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.file_write("templates/machines/local/info.yaml", "subcmd: sh")
    >>> script = "echo '{\"b\": 1}' > result.json; exit $a"
    >>> ps.file_write("templates/machines/local/jobscript", script)
    >>> df = ps.prep_batch(ps.plist("a", [0, 3]), calc_templ_dir=None)
    >>> import subprocess
    >>> _ = subprocess.run(["sh", "calc/run_local.sh"])
    >>> status = ps.batch_status("calc")
    >>> print(status[["state", "exit_code"]])
        state  exit_code
    0    done          0
    1  failed          3
    """
    return status_frame(statuses(calc_dir, machine))


def status_frame(found: Sequence[PsetStatus]) -> pd.DataFrame:
    """Make a table of it, see `batch_status`."""
    attempts = [status.attempt for status in found]
    accounts = [status.account for status in found]

    def texts(values: Iterable[Any]) -> pd.Series[Any]:
        return pd.Series([value or None for value in values], dtype=object)

    columns: dict[str, Any] = {
        "_pset_id": [status.pset_id for status in found],
        "_run_seq": [status.run_seq for status in found],
        "machine": texts(status.machine for status in found),
        "state": [status.state for status in found],
        "job_id": texts(a.job_id if a else None for a in attempts),
        "exit_code": pd.array([a.exit_code if a else None for a in attempts], dtype="Int64"),
        "host": texts(a.host if a else None for a in attempts),
        "runtime": pd.Series([a.runtime if a else None for a in attempts], dtype="float64"),
        "reason": pd.Series([status.reason for status in found], dtype=object),
        "log": texts(str(s.log) if s.log else None for s in found),
        "stderr": texts(str(s.stderr) if s.stderr else None for s in found),
        "scheduler_state": texts(a.state if a else None for a in accounts),
        "elapsed": texts(a.elapsed if a else None for a in accounts),
        "memory": texts(a.memory if a else None for a in accounts),
    }
    df = pd.DataFrame(columns)
    df.index = pd.Index([status.pset_seq for status in found], dtype="int64")
    return df


def statuses(
    calc_dir: PathLike, machine: str | None, may_ask: Callable[[Machine], bool] | None = None
) -> list[PsetStatus]:
    """Find the state of the jobs and tasks of all psets of a study.

    Parameters
    ----------
    calc_dir : str or path
    machine : str or None
        None: the last job of each pset, on any machine.
    may_ask : callable, optional
        Returns whether the queue of a machine may be queried. None: it may.
    """
    folder = Path(split_database(calc_dir)[0])
    layout = Study.of_folder(calc_dir).layout
    tasks = task_statuses(layout, may_ask)
    df = Study.find(calc_dir).so_far()
    of_tasks = psets_of_tasks(tasks, df, layout, machine)
    of_jobs = job_statuses(df, folder, machine, may_ask)
    if machine and not of_jobs and not of_tasks:
        raise not_prepared(folder, machine)
    recovered = set(df["_pset_id"][recovered_rows(df)]) if len(df) else set()
    return [
        status._replace(succeeded_later=True)
        if status.pset_id in recovered and status.state == State.FAILED
        else status
        for status in [*of_jobs, *of_tasks]
    ]


def job_statuses(
    df: pd.DataFrame,
    calc_dir: Path,
    machine: str | None,
    may_ask: Callable[[Machine], bool] | None = None,
) -> list[PsetStatus]:
    """Find the state of the jobs that templates made; `df` is all that is known of the study."""
    outcomes = outcomes_of(df)
    collected = read_collected(calc_dir, outcomes)
    found: list[PsetStatus | _Prepared] = []
    rows = [df[name].tolist() for name in ("_pset_id", "_pset_seq", "_run_seq")] if len(df) else []
    # Most rows may be of run_local, which needs no folders.
    folders = {entry.name for entry in os.scandir(calc_dir)} if rows else set()
    for pset_id, pset_seq, run_seq in zip(*rows, strict=True):
        known = collected.get(pset_id)
        if known is not None and machine in (None, known.attempt.machine):
            found.append(_as_collected(pset_id, pset_seq, run_seq, calc_dir, known))
            continue
        if pset_id not in folders:
            continue
        try:
            names = set(os.listdir(f"{calc_dir}/{pset_id}"))
        except OSError:
            continue
        prepared = machines_of(names)
        if machine in prepared if machine else prepared:
            attempt = last_attempt(f"{calc_dir}/{pset_id}", names, machine)
            found.append(_Prepared(pset_id, pset_seq, run_seq, attempt))
    # First the notes, then the queue: a job that ends in between is in neither, and its notes are
    # read again. One that was requeued has notes of an end already, of its first start.
    queues = Queues(calc_dir, may_ask)
    judge = Judge(calc_dir, queues, books_of(df))
    verdicts = {
        pset.pset_id: judge(pset.attempt, outcomes.get(pset.pset_id))
        for pset in found
        if isinstance(pset, _Prepared)
    }
    # One call of a second source for all that the queue does not show
    queues.ask_accounts()
    judged = [
        _status(pset, verdicts[pset.pset_id], calc_dir, machine, judge, outcomes)
        if isinstance(pset, _Prepared)
        else pset
        for pset in found
    ]
    queues.remember()
    return judged


class _Prepared(NamedTuple):
    """A pset whose notes were read, and that is not judged yet."""

    pset_id: str
    pset_seq: int
    run_seq: int
    attempt: Attempt | None


def _status(
    pset: _Prepared,
    verdict: Verdict,
    calc_dir: Path,
    machine: str | None,
    judge: Judge,
    outcomes: dict[str, Outcome],
) -> PsetStatus:
    folder = calc_dir / pset.pset_id
    attempt = pset.attempt
    account = None
    if verdict.open:
        if attempt is not None:
            attempt = last_attempt(folder, set(os.listdir(folder)), machine)
        verdict = judge(attempt, outcomes.get(pset.pset_id))
        account = judge.account(attempt) if attempt is not None and verdict.open else None
    log, stderr = outputs(folder, attempt)
    state, reason = verdict.state, verdict.reason
    if state in (State.LOST, State.CANCELLED) and attempt is not None:
        reason = why_ended(calc_dir, attempt, [stderr, log]) or reason
        if reason == CANCELLED:
            state = State.CANCELLED  # not by psweep-cancel, but as its scheduler says
        if account is not None and account.details:
            reason = f"{reason} ({account.details})"
    name = attempt.machine if attempt else machine
    return PsetStatus(
        pset.pset_id,
        pset.pset_seq,
        pset.run_seq,
        name,
        attempt,
        state,
        reason,
        log,
        stderr,
        account,
    )


def _as_collected(
    pset_id: str, pset_seq: int, run_seq: int, calc_dir: Path, known: Collected
) -> PsetStatus:
    log, stderr = (calc_dir / name if name else None for name in (known.log, known.stderr))
    return PsetStatus(
        pset_id,
        pset_seq,
        run_seq,
        known.attempt.machine,
        known.attempt,
        State.DONE,
        known.reason,
        log,
        stderr,
        is_collected=True,
    )


def remember_collected(df: pd.DataFrame, calc_dir: Path, found: Sequence[PsetStatus]) -> None:
    """Keep what is known of the jobs whose results are in the database now."""
    if not any(status.state == State.DONE and not status.is_collected for status in found):
        return
    outcomes = outcomes_of(df)
    kept = {}
    for status in found:
        outcome = outcomes.get(status.pset_id)
        if (
            status.state == State.DONE
            and status.attempt is not None
            and outcome is not None
            and not outcome.failed
            and outcome.runtime == status.attempt.runtime
        ):
            log, stderr = (
                path if path is None else os.path.relpath(path, calc_dir)
                for path in (status.log, status.stderr)
            )
            kept[status.pset_id] = Collected(status.attempt, status.reason, log, stderr)
    if any(not status.is_collected for status in found if status.pset_id in kept):
        write_collected(calc_dir, kept)


def not_prepared(calc_dir: Path, machine: str) -> BatchError:
    """Return the error that no pset was prepared for a machine."""
    there = sorted(path.stem.removeprefix("run_") for path in calc_dir.glob("run_*.sh"))
    hint = f"; for the study in that folder, write -c {machine}" if os.path.isdir(machine) else ""
    message = (
        f"no pset in {calc_dir} was prepared for the machine {machine!r}; there is "
        f"{', '.join(there) or 'none, call prep_batch'}{hint}"
    )
    return BatchError(message)
