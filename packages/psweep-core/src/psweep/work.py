"""Carry out a run: what it does first and last, and who runs its psets."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from .backup import backup as make_backup
from .call import Func, Settings, note
from .closing_line import ClosingLine
from .dispatch import Step
from .errors import DatabaseError
from .frames import append_frame, frame_of_rows, rows_of_run, with_extras
from .journal_reader import count_rows
from .layout import Layout
from .params import Pset
from .plan import Jobs, header_after, next_number, plan_jobs
from .pool import run_pool
from .progress import Progress
from .random_state import shared_generators_notice
from .rows import Header
from .run_record import Record, RunRecord, UnsavedRecord
from .serial import run_serial
from .study import Study

__all__ = ["Work", "run_saved", "run_unsaved"]

Done = Callable[["pd.DataFrame | None"], set[str]]


@dataclass(frozen=True)
class Work:
    """How psets are run."""

    func: Func
    poolsize: int | None
    progress: bool | None
    settings: Callable[..., Settings]
    executor: Any = None
    closing: ClosingLine = field(default_factory=ClosingLine)
    records: bool = False  # failures

    def extended(self, df: pd.DataFrame) -> pd.DataFrame:
        """Add the columns that every run with these options has, even one without psets."""
        return with_extras(df, "_failed", "_exc_txt") if self.records else df

    def carry_out(self, jobs: Jobs, record: Record, layout: Layout, n_skipped: int) -> None:
        """Run psets; their rows go to the record."""
        settings = self.settings(header=record.header, folder=str(layout.calc_dir))
        steps: Iterator[Step]
        if self.executor is not None:
            from .executors import run_executor

            steps = run_executor(self.func, jobs, settings, record, self.executor)
        elif self.poolsize is not None:
            steps = run_pool(self.func, jobs, settings, record, self.poolsize)
        else:
            steps = run_serial(self.func, jobs, settings, record)
        bar = Progress(len(jobs), self.progress, n_skipped)
        try:
            for step in steps:
                bar.add(step.n, step.n_failed)
                self.closing.n_replaced += step.n_replaced
        finally:
            bar.close()
        if jobs and self._sends_func():
            notice = shared_generators_notice(self.func)
            if notice is not None:
                self.closing.add(notice)

    def _sends_func(self) -> bool:
        return self.poolsize is not None or not (
            self.executor is None or isinstance(self.executor, ThreadPoolExecutor)
        )


def run_saved(
    study: Study,
    work: Work,
    params: Sequence[Pset],
    hashes: list[str] | None,
    df: pd.DataFrame | None,
    *,
    run_id: str,
    backup: bool,
    done: Done | None,
) -> pd.DataFrame:
    """Run psets in a study on disk.

    Parameters
    ----------
    study : Study
    work : Work
        How psets are run.
    params : list of dict
    hashes : list of str or None
        Their hashes. None: they are made when they are wanted.
    df : DataFrame or None
        The part of the study that the caller has.
    run_id : str
    backup : bool
    done : callable or None
        Takes the database and gives the hashes that need not be run. None: all are run.

    Returns
    -------
    DataFrame
        `df`, or the whole study, with the new rows.
    """
    with study.locked():
        known = study.fold()  # what killed runs have left comes first
        if df is not None:
            known = study.adopt(df)
        if backup:
            make_backup(study, run_id)
        jobs = plan_jobs(params, hashes, done(study.known()) if done else None)
        if not jobs:
            return _without_jobs(study, work, known, df)
        header = study.reserve(
            run_id, next_number(known, "_run_seq"), next_number(known, "_pset_seq"), len(jobs)
        )
        record = RunRecord(header, study.layout)
    closing = work.closing
    try:
        work.carry_out(jobs, record, study.layout, len(params) - len(jobs))
    except BaseException as error:
        record.close()
        with _rows_are_safe(study.layout, closing, error):
            known = study.fold_now()
            if isinstance(error, KeyboardInterrupt):
                _report_interruption(closing, study, known, header, len(jobs))
        closing.show()
        raise
    record.close()
    with _rows_are_safe(study.layout, closing):
        known = study.fold_now(record)
    new = rows_of_run(known, header)
    n_rows = int(new.sum())
    if n_rows != len(jobs):
        message = (
            f"{len(jobs)} psets were run, but {study.layout.database} has {n_rows} rows of this "
            f"run: was {study.layout.name!r} removed or modified during the run? The missing rows "
            f"may be in {study.layout.calc_dir} or its backups"
        )
        raise DatabaseError(message)
    closing.count_failures(known, new)
    closing.show()
    return known if df is None else append_frame(df, known[new])


def _without_jobs(
    study: Study, work: Work, known: pd.DataFrame, df: pd.DataFrame | None
) -> pd.DataFrame:
    """Return what a run that had nothing to do returns; the lock is held."""
    extended = work.extended(known) if len(known) else known
    if extended is not known:
        study.write_database(extended)
    if not len(extended.columns):
        extended = work.extended(frame_of_rows([], Header("", 0, "", 0, 0)))
    return extended if df is None else work.extended(append_frame(df, extended[:0]))


def _report_interruption(
    closing: ClosingLine, study: Study, known: pd.DataFrame, header: Header, n_psets: int
) -> None:
    """Report what is in the database after Ctrl-C, and how to go on."""
    rows = rows_of_run(known, header)
    database = os.path.join(study.layout.name, study.layout.basename)
    closing.interrupted(
        f"{int(rows.sum())} of {n_psets} psets are finished and safe in {database}; "
        "to run the rest, call it again with skip_dups=True"
    )
    closing.count_failures(known, rows)


def run_unsaved(
    study: Study,
    work: Work,
    params: Sequence[Pset],
    hashes: list[str] | None,
    df: pd.DataFrame | None,
    *,
    done: Done | None,
) -> pd.DataFrame:
    """Run psets and touch no file; for the arguments see `run_saved`."""
    jobs = plan_jobs(params, hashes, done(df) if done else None)
    record = UnsavedRecord(header_after(df, study.layout.name, len(jobs)))
    rows = record.rows
    try:
        work.carry_out(jobs, record, study.layout, len(params) - len(jobs))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            work.closing.interrupted(
                f"{len(rows)} of {len(jobs)} psets were finished, but nothing is kept "
                "because of save=False"
            )
        work.closing.show()
        raise
    new = frame_of_rows(rows, record.header)
    work.closing.count_failures(new)
    work.closing.show()
    return work.extended(append_frame(df, new))


@contextlib.contextmanager
def _rows_are_safe(
    layout: Layout, closing: ClosingLine, error: BaseException | None = None
) -> Iterator[None]:
    """Where the database cannot be written, say where the rows are and what to do."""
    try:
        yield
    except KeyboardInterrupt:
        closing.interrupted(
            f"the finished psets are safe below {layout.calc_dir}, but not all of them are in "
            f"{layout.database} yet: start another run or call psweep.recover({layout.name!r})"
        )
        closing.show()
        raise
    except Exception as problem:
        where = (
            f"the database {layout.database} could not be written "
            f"({type(problem).__name__}: {problem}). {count_rows(layout.journals())} finished "
            f"psets are safe in journals below {layout.calc_dir}: fix the cause, then start "
            f"another run or call psweep.recover({layout.name!r})"
        )
        if isinstance(error, KeyboardInterrupt):
            closing.interrupted(where)
        else:
            note(problem if error is None else error, f"psweep: {where}")
        if error is None:
            raise
