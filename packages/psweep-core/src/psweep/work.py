"""Carry out a run: what it does first and last, and who runs its psets."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from .backup import backup as make_backup
from .call import Func, Settings, note
from .errors import DatabaseError
from .frames import append_frame, frame_of_block, frame_of_rows, rows_of_run
from .journal import Journal, count_rows
from .params import Pset
from .plan import Jobs, header_after, next_number, plan_jobs
from .pool import run_pool
from .progress import Progress
from .rows import Header, Row
from .serial import run_serial
from .study import KeptRows, Study

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

    def rows(
        self,
        jobs: Jobs,
        header: Header,
        study: Study,
        journal: Journal | None,
        n_skipped: int,
    ) -> Iterator[Row]:
        """Run psets; yield those of their rows that no journal has."""
        bar = Progress(len(jobs), self.progress, n_skipped)
        settings = self.settings(header=header, folder=str(study.calc_dir))
        try:
            if self.executor is not None:
                from .executors import run_executor

                for news in run_executor(self.func, jobs, settings, self.executor, journal):
                    bar.add(news.n, news.n_failed)
                    yield from news.rows
            elif self.poolsize is None:
                yield from run_serial(self.func, jobs, settings, journal, bar)
            elif jobs:
                place = None if journal is None else functools.partial(study.journal_path, header)
                for news in run_pool(self.func, jobs, settings, self.poolsize, journal, place):
                    bar.add(news.n, news.n_failed)
                    yield from news.rows
        finally:
            bar.close()


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
            df = study.storable(df)
            known = study.adopt(df)
        if backup:
            make_backup(study, run_id)
        jobs = plan_jobs(params, hashes, done(study.known()) if done else None)
        if not jobs:
            if not len(known.columns):
                known = frame_of_rows([], Header(run_id, 0, "", 0, 0))
            return known if df is None else append_frame(df, known[:0])
        header = study.reserve(
            run_id, next_number(known, "_run_seq"), next_number(known, "_pset_seq"), len(jobs)
        )
        journal = Journal(study.journal_path(header, 0), header)
    try:
        for _ in work.rows(jobs, header, study, journal, len(params) - len(jobs)):
            pass
    except BaseException as error:
        journal.close()
        with _rows_are_safe(study, error):
            study.fold_now()
        raise
    journal.close()
    with _rows_are_safe(study):
        known = study.fold_now(_kept_rows(journal, header, jobs))
    new = rows_of_run(known, header)
    n_rows = int(new.sum())
    if n_rows != len(jobs):
        message = (
            f"{len(jobs)} psets were run, but {study.database} has {n_rows} rows of this run: was "
            f"{study.name!r} removed or changed meanwhile? Look for the rest in {study.calc_dir} "
            "and in its backups"
        )
        raise DatabaseError(message)
    return known if df is None else append_frame(df, known[new])


def _kept_rows(journal: Journal, header: Header, jobs: Jobs) -> KeptRows | None:
    """Make a DataFrame of the rows of a run, if they were kept."""
    block = journal.all_kept()
    if block is None or len(block.ids) != len(jobs):
        return None
    df = frame_of_block(block, header)
    return KeptRows(header, {journal.path, *journal.others}, df)


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
    header = header_after(df, study.name, len(jobs))
    rows = list(work.rows(jobs, header, study, None, len(params) - len(jobs)))
    return append_frame(df, frame_of_rows(rows, header))


@contextlib.contextmanager
def _rows_are_safe(study: Study, error: BaseException | None = None) -> Iterator[None]:
    """Where the database cannot be written, say where the rows are and what to do."""
    try:
        yield
    except Exception as problem:
        text = (
            f"psweep: the database {study.database} could not be written "
            f"({type(problem).__name__}: {problem}). {count_rows(study.database)} finished psets "
            f"are safe in journals below {study.calc_dir}: mend the cause, then start the next "
            f"run or call psweep.recover({study.name!r})"
        )
        note(problem if error is None else error, text)
        if error is None:
            raise
