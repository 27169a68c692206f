"""The state of tasks: from their claims, the queue, and a second source if that lacks them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from psweep_core.plumbing import (
    Claim,
    ClaimState,
    Layout,
    Spool,
    cause_of,
    live_runs,
    removed_ids,
    replacing,
    spools_of,
    times_of,
)

from .find_state import RUNS_ANOTHER, Judge, Outcome, Verdict
from .jobs import Attempt, safe_cluster, safe_job_id, safe_machine
from .machine import Machine
from .outputs import why_ended
from .queues import Queues
from .result_files import no_book
from .scheduler_words import CANCELLED, cluster_of, job_id_of
from .states import State
from .status_record import PsetStatus, outcomes_of

__all__ = [
    "TaskStatus",
    "judge_tasks",
    "psets_of_tasks",
    "settle",
    "task_statuses",
]


class TaskStatus(NamedTuple):
    """The state of the task of one chunk."""

    spool: Spool
    chunk: int
    claim: Claim | None  # None: it was not submitted
    attempt: Attempt | None  # the same, as `find_state` takes it
    verdict: Verdict

    @property
    def log(self) -> Path | None:
        """The file with what the task has printed."""
        path = self.spool.folder / f"{self.chunk}.log"
        return path if path.exists() else None


def task_statuses(
    layout: Layout, may_ask: Callable[[Machine], bool] | None = None
) -> list[TaskStatus]:
    """Find the state of all tasks.

    Parameters
    ----------
    layout : Layout
    may_ask : callable, optional
        Returns whether the queue of a machine may be queried. None: it may.
    """
    queues = Queues(layout.calc_dir, may_ask)
    judge = Judge(layout.calc_dir, queues, no_book)  # (tasks leave no result files)
    found = []
    for spool in sorted(spools_of(layout), key=lambda spool: spool.header.run_seq):
        claims = spool.claims()
        for chunk in range(len(spool.index.chunks)):
            claim = claims.get(chunk)
            attempt = _attempt(claim, spool) if claim is not None else None
            verdict = _verdict(judge, queues, spool, claim, attempt)
            found.append(TaskStatus(spool, chunk, claim, attempt, verdict))
    # One call of a second source for all that the queue does not show
    queues.ask_accounts()
    for i, status in enumerate(found):
        if status.verdict.open and status.claim is not None:
            # It may have ended between the look at its claim and that at the queue.
            claim = status.spool.claim(status.chunk, status.claim.attempt)
            attempt = _attempt(claim, status.spool) if claim is not None else None
            verdict = _verdict(judge, queues, status.spool, claim, attempt)
            found[i] = status._replace(claim=claim, attempt=attempt, verdict=verdict)
    queues.remember()
    return found


def judge_tasks(layout: Layout, judge: Judge, machine: str) -> None:
    """Judge the tasks on a machine that have noted no end, for `Queues.ask_accounts`."""
    for spool in spools_of(layout):
        for claim in spool.claims().values():
            if not claim.is_over and claim.machine == machine:
                judge(_attempt(claim, spool)._replace(exit_code=None, end=None), None)


def _attempt(claim: Claim, spool: Spool) -> Attempt:
    """Describe a claim as `find_state` and `cancel` want it."""
    words = claim.how.split(" ")
    task = words[1] if words[0] == "task" and words[1:] and words[1].isdecimal() else ""
    job_id = job_id_of(claim.said) if claim.said else None
    job_id = f"{job_id}_{task}" if job_id and task else job_id
    if claim.job and re.fullmatch(r"\d+(_\d+)?", claim.job):
        job_id = claim.job  # the job itself knows it best
    return Attempt(
        folder=str(spool.folder / f"{spool.run_id}.{claim.chunk}"),
        machine=safe_machine(claim.machine),
        number=claim.attempt,
        since=claim.since,
        here=claim.how == "here",
        user=claim.user,
        cluster=safe_cluster(cluster_of(claim.said) or claim.cluster),
        known_as=words[-1],
        task=task,
        job_id=safe_job_id(job_id or claim.job),
        start=claim.start,
        host=claim.host,
        pid=claim.pid,
        exit_code=claim.exit_code,
        end=claim.end,
        spool=spool.folder.name,
    )


def _verdict(
    judge: Judge, queues: Queues, spool: Spool, claim: Claim | None, attempt: Attempt | None
) -> Verdict:
    if claim is None or attempt is None:
        return Verdict(State.NOT_SUBMITTED)
    if not claim.is_over:
        attempt = attempt._replace(exit_code=None, end=None)
        verdict = judge(attempt, None)
        if verdict.state == State.LOST:
            reason = why_ended(spool.folder.parents[2], attempt, []) or verdict.reason
            state = State.CANCELLED if reason == CANCELLED else State.LOST
            return verdict._replace(state=state, reason=reason)
        if verdict.state == State.QUEUED and verdict.reason == RUNS_ANOTHER:
            return Verdict(State.RUNNING, "psweep-task has not begun")
        return verdict
    # (A task that is cancelled before psweep-task begins counts as killed.)
    if claim.state in (ClaimState.STOPPED, ClaimState.LOST) and queues.was_cancelled(attempt):
        return Verdict(State.CANCELLED, "by psweep-cancel")
    if claim.state == ClaimState.STOPPED:
        return Verdict(State.NOT_SUBMITTED, f"given back: {claim.reason}")
    return Verdict(claim.state, claim.reason)


def psets_of_tasks(
    tasks: Sequence[TaskStatus], df: pd.DataFrame, layout: Layout, machine: str | None
) -> list[PsetStatus]:
    """Find the state of the psets of `prep_batch` with ``func``.

    Parameters
    ----------
    tasks : sequence of TaskStatus
    df : DataFrame
        All that is known of the study, read after the tasks: so a task that had ended then has all
        its rows there.
    layout : Layout
    machine : str or None
        None: on any machine.
    """
    if not tasks:
        return []
    outcomes = outcomes_of(df)
    times: dict[str, pd.Timestamp] = {}
    if len(df):
        times = dict(zip(df["_pset_id"].tolist(), times_of(df).tolist(), strict=True))
    hashes = set(df["_pset_hash"].tolist()) if len(df) else set()
    spools = {task.spool.run_id: task.spool for task in tasks}
    shown_elsewhere = {*live_runs(layout), *spools}  # runs that show the psets that they have taken
    taken = {run_id: spool.taken() for run_id, spool in spools.items()}
    unneeded = {run_id: spool.unneeded() for run_id, spool in spools.items()}
    removed = removed_ids(layout)
    found = []
    for task in tasks:
        attempt, (state, reason, _) = task.attempt, task.verdict
        # (A run of `run_local` has no machine.)
        name = (attempt.machine if attempt else None) or None
        names = task.spool.head["machines"] if name is None else [name]
        if machine is not None and machine not in names:
            continue
        if state == State.DONE:
            state, reason = State.NO_RESULT, "its task has ended, and its row is not here"
        run_id, header, index = task.spool.run_id, task.spool.header, task.spool.index
        for position in index.chunks[task.chunk]:
            pset_id = index.ids[position]
            by = taken[run_id].get(position)
            if by is not None and (by in shown_elsewhere or index.hashes[position] in hashes):
                continue
            if pset_id in removed or (position in unneeded[run_id] and pset_id not in times):
                continue
            status = PsetStatus(
                pset_id,
                header.first_seq + position,
                header.run_seq,
                name or machine,
                attempt,
                state,
                reason,
                task.log,
                of_task=True,
                chunk=(run_id, task.chunk),
            )
            if by is not None:
                why = "another run took it and has ended; run that again"
                status = status._replace(state=State.NOT_SUBMITTED, reason=why)
            if pset_id in times:
                status = _with_row(status, times[pset_id], outcomes.get(pset_id))
            found.append(status)
    return found


def _with_row(status: PsetStatus, when: pd.Timestamp, outcome: Outcome | None) -> PsetStatus:
    """Put in what the row of a pset says: it knows more than the task.

    Parameters
    ----------
    status : PsetStatus
    when : Timestamp
        Its ``_time_utc``, which may be NaT.
    outcome : Outcome or None
        None: it has no runtime, and has not failed.
    """
    start = None if pd.isna(when) else when.timestamp()
    outcome = outcome or Outcome(False, "", float("nan"))
    attempt = status.attempt and status.attempt._replace(
        start=start,
        end=None if start is None else start + outcome.runtime,
        exit_code=None,
    )
    state, reason = (State.FAILED, cause_of(outcome.cause)) if outcome.failed else (State.DONE, "")
    return status._replace(attempt=attempt, state=state, reason=reason, has_row=True)


def settle(layout: Layout) -> None:
    """Record which tasks are lost or cancelled, so that others can have their psets.

    If a queue does not answer, its tasks stay as they are.
    """
    if all(c.is_over for spool in spools_of(layout) for c in spool.claims().values()):
        return
    for status in task_statuses(layout):
        claim, (state, reason, _) = status.claim, status.verdict
        if claim is not None and not claim.is_over and state in (State.LOST, State.CANCELLED):
            path = status.spool.lost_path(claim.chunk, claim.attempt)
            with replacing(path) as file:
                file.write(f"{state} {reason}\n".encode())
