"""The state of an attempt: from its records, the queue, and a second source if that lacks it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, NamedTuple, TypeGuard

from psweep_core.plumbing import PRIVATE

from .jobs import Attempt
from .queue import Account, Queue
from .queues import Queues
from .result_files import UNUSABLE, BookOf, is_complete, why_no_result
from .scheduler_words import WAITING
from .states import State

__all__ = [
    "READER_MARK",
    "RUNS_ANOTHER",
    "Judge",
    "Outcome",
    "Verdict",
]

READER_MARK: Final = "batch_reader"  # in .psweep, if the user has read results by a reader

RUNS_ANOTHER: Final = "its task runs another pset"
_GRACE_SECONDS = 60  # a local submit script may take this long to start a job


class Outcome(NamedTuple):
    """What the database says of a pset."""

    failed: bool
    cause: str
    runtime: float


class Verdict(NamedTuple):
    """The state of an attempt, and why it is in it."""

    state: str
    reason: str = ""
    open: bool = False  # its scheduler does not show it, so a second source is to be asked


class Judge:
    """Finds the state of attempts."""

    def __init__(self, calc_dir: Path, queues: Queues, book_of: BookOf) -> None:
        self._calc_dir = calc_dir
        self._book_of = book_of
        self._queues = queues
        self._has_reader = (calc_dir / PRIVATE / READER_MARK).exists()

    def __call__(self, attempt: Attempt | None, outcome: Outcome | None) -> Verdict:
        """Judge one.

        Parameters
        ----------
        attempt : Attempt or None
            The last of a pset.
        outcome : Outcome or None
            What the database says of the pset.
        """
        if attempt is None:
            # Only an earlier psweep has given a runtime to psets that it had just prepared.
            if outcome is not None and not outcome.failed:
                return Verdict(State.UNKNOWN, "prepared by an earlier psweep")
            return Verdict(State.NOT_SUBMITTED)
        if attempt.exit_code == 0 and (
            attempt.caught is None or attempt.has_result or _went_well(attempt, outcome)
        ):
            return self._ended_well(attempt, outcome)
        if attempt.exit_code is not None:
            if attempt.exit_code == 0 or attempt.killed:
                return self._killed(attempt, outcome)
            by = f" ({attempt.signal})" if attempt.signal else ""
            return Verdict(State.FAILED, f"exit code {attempt.exit_code}{by}")
        if attempt.here:
            return self._here(attempt, outcome)
        return self._without_end(attempt, outcome)

    def account(self, attempt: Attempt) -> Account | None:
        """Return what a second source says of it."""
        return self._queues.account(attempt)

    def _ended_well(self, attempt: Attempt, outcome: Outcome | None) -> Verdict:
        # It may have got a signal before.
        reason = attempt.killed or (f"got SIG{attempt.caught}" if attempt.caught else "")
        # The database knows more, if it speaks of this attempt: what a reader has found, or that
        # a result cannot be read.
        if _went_well(attempt, outcome):
            return Verdict(State.DONE, reason)
        if _speaks_of(outcome, attempt) and outcome.cause.startswith("no result: "):
            return Verdict(State.NO_RESULT, _first_line(outcome.cause))
        if self._has_reader or not (why := why_no_result(attempt.folder, self._book_of)):
            return Verdict(State.DONE, reason)
        return Verdict(State.NO_RESULT, _no_result(attempt, why))

    def _gone(self, attempt: Attempt, reason: str, outcome: Outcome | None) -> Verdict:
        """Report what is left of a job that is certainly gone."""
        # A reader may find a result elsewhere; if it was asked, the database has it or says so.
        may_count = (attempt.has_result and is_complete(attempt.folder, self._book_of)) or (
            attempt.exit_code == 0 and self._has_reader
        )
        if may_count and not _was_unusable(attempt, outcome):
            return Verdict(State.DONE, reason, open=True)
        state = State.CANCELLED if self._queues.was_cancelled(attempt) else State.LOST
        if attempt.exit_code == 0 and not attempt.killed:
            why = why_no_result(attempt.folder, self._book_of) or "its result was cut short"
            state, reason = State.NO_RESULT, _no_result(attempt, why)
        return Verdict(state, reason, open=True)

    def _killed(self, attempt: Attempt, outcome: Outcome | None) -> Verdict:
        """Judge a job that has noted its end, but whose scheduler may start it again."""
        reason = attempt.killed or f"got SIG{attempt.caught}"
        if attempt.here:
            return self._gone(attempt, reason, outcome)
        queue = self._queues.of(attempt)
        found = self._in_queue(attempt, queue)
        if found:
            return found
        if queue is None:
            return Verdict(State.RUNNING, f"{reason}; it is not known if it starts again")
        account = self._queues.account(attempt)
        if account is not None and account.lives:
            return Verdict(State.QUEUED, "started again", open=True)
        if account is not None and not account.unknown and not account.may_come_back:
            return self._gone(attempt, account.reason or reason, outcome)
        if queue.when - (attempt.end or 0) >= self._queues.machine(attempt.machine).lost_after:
            return self._gone(attempt, reason, outcome)
        return Verdict(State.RUNNING, f"{reason}; it may start again", open=True)

    def _here(self, attempt: Attempt, outcome: Outcome | None) -> Verdict:
        if attempt.gone():
            return self._gone(attempt, "its process is gone", outcome)
        if attempt.start is None:
            if time.time() - attempt.since > _GRACE_SECONDS:
                return Verdict(State.LOST, "submitting it was cut short")
            return Verdict(State.QUEUED)
        return Verdict(State.RUNNING)

    def _without_end(self, attempt: Attempt, outcome: Outcome | None) -> Verdict:
        """Judge a job that has noted no end."""
        state = State.QUEUED if attempt.start is None else State.RUNNING
        queue = self._queues.of(attempt)
        found = self._in_queue(attempt, queue)
        if found:
            return found
        grace = self._queues.machine(attempt.machine).lost_after
        if queue is None or queue.when < attempt.since:
            # the queue is not known, or only as it was before the submission
            return Verdict(state, "" if attempt.job_id else "being submitted, or not")
        if attempt.job_id is None:
            if queue.when - attempt.since < max(grace, 1):
                return Verdict(State.QUEUED, "being submitted")
            return self._gone(attempt, "submitting it was cut short", outcome)
        if self._queues.was_cancelled(attempt):
            return self._gone(attempt, "by psweep-cancel", outcome)
        account = self._queues.account(attempt)
        waits = Verdict(
            state, f"has left the queue; its notes may come within {grace} s", open=True
        )
        reason = "ended without an exit code"
        if account is None:
            if self._queues.machine(attempt.machine).account is not None:
                return waits
        elif account.lives:
            self._queues.mark_present(attempt)
            return Verdict(State.QUEUED if account.state in WAITING else state, "", open=True)
        elif not account.unknown:
            reason = account.reason or reason
            never_ran = attempt.start is None and account.state.startswith("CANCELLED")
            if never_ran and account.elapsed in ("00:00:00", "0", "0s"):
                return self._gone(attempt, reason, outcome)
            if account.end is not None and not account.may_come_back:
                # The scheduler may have forgotten it when it is asked again.
                self._queues.missing_for(attempt, queue, account.end)
                if queue.when - account.end >= grace:
                    return self._gone(attempt, reason, outcome)
                return waits
        elif queue.forgets_after is not None and queue.forgets_after >= grace:
            return self._gone(attempt, reason, outcome)  # it left the queue longer ago than that
        if self._queues.missing_for(attempt, queue) >= grace:
            return self._gone(attempt, reason, outcome)
        return waits

    def _in_queue(self, attempt: Attempt, queue: Queue | None) -> Verdict | None:
        """Judge a job that its scheduler still has; None if it has not."""
        if queue is None:
            return None
        job_id = queue.find(attempt.cluster, attempt.job_id, attempt.known_as, attempt.task)
        if job_id is None:
            return None
        self._queues.mark_present(attempt)
        runs, reason = queue.state(attempt.cluster, job_id)
        if runs and attempt.start is None and attempt.task:
            return Verdict(State.QUEUED, RUNS_ANOTHER)
        if attempt.exit_code is not None:
            return Verdict(State.RUNNING if runs else State.QUEUED, "started again")
        if runs is None:
            runs = attempt.start is not None
        return Verdict(State.RUNNING) if runs else Verdict(State.QUEUED, reason)


def _speaks_of(outcome: Outcome | None, attempt: Attempt) -> TypeGuard[Outcome]:
    """Return whether the database has this attempt; others have other runtimes."""
    return outcome is not None and outcome.runtime == attempt.runtime


def _went_well(attempt: Attempt, outcome: Outcome | None) -> bool:
    return _speaks_of(outcome, attempt) and not outcome.failed


def _was_unusable(attempt: Attempt, outcome: Outcome | None) -> bool:
    """Return whether `batch_collect` found nothing usable of this attempt."""
    if outcome is None or not outcome.failed:
        return False
    if UNUSABLE not in outcome.cause and not outcome.cause.startswith("no result: "):
        return False
    if attempt.runtime is None:  # (but the cause has the number of the job)
        return attempt.job_id is not None and (
            f": job {attempt.job_id} on {attempt.machine}: " in outcome.cause
        )
    return outcome.runtime == attempt.runtime


def _no_result(attempt: Attempt, why: str) -> str:
    return f"exit code 0, but no result in {attempt.folder}: {why}"


def _first_line(cause: str) -> str:
    # after "no result: job 7 on cluster: "
    line, _, _ = cause.partition("; the end of ")[0].partition("\n")
    return line.split(": ", maxsplit=2)[-1]
