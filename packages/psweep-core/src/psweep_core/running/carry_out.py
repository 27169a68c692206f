"""The recipe of a run: what happens first and last, and which engine runs the psets."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pandas as pd

from ..engines.choose import run_psets
from ..engines.dispatch import Step
from ..engines.failures import note, raises_originals
from ..engines.job import Func, Jobs
from ..engines.shared_generators import generator_notices
from ..errors import DatabaseError
from ..params.grids import Pset
from ..params.hashing import pset_hashes
from ..params.late_modules import LateModulesNoted
from ..show.closing_line import ClosingLine, show_line
from ..show.progress import Progress
from ..store.backup import backup
from ..store.paths import Layout
from ..store.run_record import Record, RunRecord, UnsavedRecord
from ..store.study import Study
from ..table.atoms import are_atomic
from ..table.bookkeeping import SEED
from ..table.frames import append_frame, frame_of_rows, rows_however_numbered, with_extras
from ..table.rows import Header
from .checks import check_df, check_params, check_params_storable
from .done import successful, tried
from .interrupts import Interrupts
from .left_to_tasks import LeftToTasks
from .options import Options
from .planner import Done, Planner, header_after, reserve_numbers
from .provenance import Code, code_of, note_run, remember_run
from .simulate import run_simulated

__all__ = ["carry_out"]

_MANY_COLUMNS = 1000


@raises_originals
def carry_out(
    func: Func,
    params: Sequence[Pset],
    df: pd.DataFrame | None,
    options: Options,
    *,
    done: Done = successful,
    done_or_failed: Done = tried,
    code: Code | None = None,
    afterwards: Callable[[Study], object] | None = None,
) -> pd.DataFrame:
    """Check params, skip what is done, run the rest, and return the study.

    Parameters
    ----------
    func : callable
    params : list of dict
    df : DataFrame or None
        The part of the study that the caller has.
    options : Options
    done, done_or_failed : callable
        Take the database and return the rows that count as done, for ``skip_dups=True`` and
        ``skip_dups="tried"``.
    code : Code, optional
        What makes the results. None: that of `func`.
    afterwards : callable, optional
        Is called with the study when all rows are in the database, before what is there is
        committed.

    Returns
    -------
    DataFrame
        `df`, or the whole study, with the new rows.
    """
    df = check_df(df)
    params, names = check_params(params)
    seeded = SEED in names or options.seed is not None
    atomic = are_atomic(params)
    # The hashes of atomic values cannot fail, so they can be left to the workers.
    lazy = atomic and options.poolsize and not seeded
    hashes = None if lazy else pset_hashes(params)
    if options.save:
        check_params_storable(params, options.database_basename, atomic)
    study = Study(options.calc_dir, options.database_basename)
    skips = None
    if options.skip_dups:
        skips = done_or_failed if options.skip_dups == "tried" else done
    if code is None and (options.save or seeded or options.code != "ignore"):
        code = code_of(func)
    git_commits = options.git_commits()
    run_id = str(uuid.uuid4())
    tasks = None
    if options.skip_dups and options.save and not options.only_prepares:
        tasks = LeftToTasks(study, None if options.simulate else run_id)
    planner = Planner(options, study.layout, code, skips, seeded, tasks)
    if options.simulate:
        return run_simulated(
            study, params, df, planner, poolsize=options.poolsize, save=options.save
        )
    run = _Run(func, options, study, atomic, planner, tasks)
    if not options.save:
        return run.unsaved(params, hashes, df)
    with git_commits(run_id) if git_commits else contextlib.nullcontext() as run.commit:
        extended = run.saved(params, hashes, df, run_id)
        if afterwards is not None:
            afterwards(study)
    return extended


@dataclass
class _Run:
    func: Func
    options: Options
    study: Study
    atomic: bool  # see `job.Settings`
    planner: Planner
    tasks: LeftToTasks | None
    commit: str | None = None
    closing: ClosingLine = field(default_factory=ClosingLine)

    def saved(
        self,
        params: Sequence[Pset],
        hashes: list[str] | None,
        df: pd.DataFrame | None,
        run_id: str,
    ) -> pd.DataFrame:
        """Run psets in a study on disk."""
        study, layout = self.study, self.study.layout
        if self.tasks is not None:
            self.tasks.settle()
        with Interrupts() as interrupts:
            with study.locked():
                known = study.fold()  # what killed runs have left comes first
                n_columns = known.shape[1]
                changed = None
                if df is not None:
                    df = study.storable(df)
                    changed = study.changed_by(df, known)
                if self.options.backup:
                    backup(study, run_id)
                if changed is not None:
                    known = study.adopt(changed)
                jobs = self._plan(params, hashes, study.known)
                if not jobs:
                    with contextlib.suppress(OSError):
                        self._note_start(run_id, None)
                    extended = self._without_jobs(known, df)
                    self.closing.show()
                    return extended
                header = reserve_numbers(study, run_id, known, len(jobs))
                interrupts.hold_back()
                record = RunRecord(header, layout)
                try:
                    # After the journal: whoever sees the note finds that, or the rows.
                    self._note_start(run_id, header)
                    if jobs.seeds is not None and jobs.hashes is not None:
                        record.reserve_seeds(jobs.hashes, jobs.seeds)
                except BaseException:
                    record.close()
                    raise
            try:
                try:
                    interrupts.allow()
                    self._run_psets(jobs, record, self._n_wanted(params) - len(jobs))
                finally:
                    interrupts.hold_back()
            except BaseException as error:
                record.close()
                interrupts.forget()
                with _rows_are_safe(record, layout, self.closing, error):
                    known = study.fold_now(record)
                    if isinstance(error, KeyboardInterrupt):
                        self._report_interruption(known, header, len(jobs))
                self.closing.show()
                raise
            record.close()
            with _rows_are_safe(record, layout, self.closing):
                interrupts.allow()
                known = study.fold_now(record)
        new = rows_however_numbered(known, header)
        n_rows = int(new.sum())
        if n_rows != len(jobs):
            message = (
                f"{len(jobs)} psets were run, but {layout.database} has {n_rows} rows of this run: "
                f"was {layout.name!r} removed or modified during the run? The missing rows may be "
                f"in {layout.calc_dir} or its backups"
            )
            raise DatabaseError(message)
        self.closing.count_failures(known, new)
        self._report_width(known.shape[1], n_columns)
        self.closing.show()
        return known if df is None else append_frame(df, known[new])

    def unsaved(
        self,
        params: Sequence[Pset],
        hashes: list[str] | None,
        df: pd.DataFrame | None,
    ) -> pd.DataFrame:
        """Run psets and touch no file."""
        jobs = self._plan(params, hashes, lambda: df)
        record = UnsavedRecord(header_after(df, self.study.layout.name, len(jobs)))
        try:
            self._run_psets(jobs, record, self._n_wanted(params) - len(jobs))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                self.closing.interrupted(
                    f"{len(record.rows)} of {len(jobs)} psets were finished, but nothing is kept "
                    "because of save=False"
                )
            self.closing.show()
            raise
        if self.planner.code is not None:
            remember_run(self.options, record.header.run_id, self.planner.code)
        new = frame_of_rows(record.rows, record.header)
        extended = self._with_extras(append_frame(df, new))
        self.closing.count_failures(new)
        self._report_width(extended.shape[1], 0 if df is None else df.shape[1])
        self.closing.show()
        return extended

    def _report_width(self, n_columns: int, n_before: int) -> None:
        """Report that a run has made a study very wide, and what to do."""
        if n_columns > max(_MANY_COLUMNS, n_before):
            self.closing.add(
                f"the study has {n_columns} columns now, one for each name in any pset, and each "
                "takes time and memory for all rows; return what has other names in each pset as "
                'a dict in one column, such as {"values": {...}}'
            )

    def _plan(
        self,
        params: Sequence[Pset],
        hashes: list[str] | None,
        known: Callable[[], pd.DataFrame | None],
    ) -> Jobs:
        jobs, notices = self.planner.plan(params, hashes, known)
        for notice in notices:
            self.closing.add(notice)
        if self.planner.near_misses and not self.options.only_prepares:
            # Before they take hours; it is in the line at the end, too.
            show_line(f"starts now, although {'; '.join(self.planner.near_misses)}")
        return jobs

    def _note_start(self, run_id: str, header: Header | None) -> None:
        """Add this run to the table of runs; the lock is held."""
        options, code = self.options, self.planner.code
        if code is not None:
            kind = "prep_batch" if options.only_prepares else "run_local"
            note_run(self.study.layout, options, run_id, code, self.commit, header, kind)

    def _n_wanted(self, params: Sequence[Pset]) -> int:
        return len(params) * self.options.repeats

    def _run_psets(self, jobs: Jobs, record: Record, n_skipped: int) -> None:
        """Run psets; their rows go to the record."""
        bar = Progress(len(jobs), self.options.progress, n_skipped)
        try:
            with LateModulesNoted():
                for step in self._steps(jobs, record):
                    bar.add(step.n, step.n_failed, step.failure)
                    self.closing.n_replaced += step.n_replaced
        finally:
            bar.close()
        seeded = jobs.seeds is not None
        sent = self._sends_func()
        for notice in generator_notices(
            self.func, jobs.psets, sent=sent, seeded=seeded, atomic=self.atomic
        ):
            self.closing.add(notice)

    def _steps(self, jobs: Jobs, record: Record) -> Iterator[Step]:
        options = self.options
        settings = options.settings(record.header, self.study.layout, self.commit, self.atomic)
        return run_psets(
            self.func,
            jobs,
            settings,
            record,
            executor=options.executor,
            poolsize=options.poolsize,
            worker_envs=options.worker_envs,
            max_tasks_per_child=options.max_tasks_per_child,
        )

    def _sends_func(self) -> bool:
        executor = self.options.executor
        return self.options.poolsize is not None or not (
            executor is None or isinstance(executor, ThreadPoolExecutor)
        )

    def _with_extras(self, df: pd.DataFrame) -> pd.DataFrame:
        """Add the columns that every run with these options has, even one without psets."""
        names = ["_failed", "_exc_txt"] if self.options.on_error == "record" else []
        names += ["_logs"] if "db" in (self.options.capture_logs or "") else []
        return with_extras(df, *names)

    def _without_jobs(self, known: pd.DataFrame, df: pd.DataFrame | None) -> pd.DataFrame:
        """Return what a run that had nothing to do returns; the lock is held."""
        extended = self._with_extras(known) if len(known) else known
        if extended is not known:
            self.study.write_database(extended)
        if not len(extended.columns):
            extended = self._with_extras(frame_of_rows([], Header("", 0, "", 0, 0)))
        return extended if df is None else self._with_extras(append_frame(df, extended[:0]))

    def _report_interruption(self, known: pd.DataFrame, header: Header, n_psets: int) -> None:
        """Report what is in the database after Ctrl-C, and how to go on."""
        rows = rows_however_numbered(known, header)
        layout = self.study.layout
        how = (
            "the same call again" if self.options.skip_dups else "the same call with skip_dups=True"
        )
        self.closing.interrupted(
            f"{int(rows.sum())} of {n_psets} psets are safe in "
            f"{os.path.join(layout.name, layout.basename)}; {how} runs the rest"
        )
        self.closing.count_failures(known, rows)


@contextlib.contextmanager
def _rows_are_safe(
    record: RunRecord, layout: Layout, closing: ClosingLine, error: BaseException | None = None
) -> Iterator[None]:
    """If the database cannot be written, say where the rows are and what to do."""
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
        # By reading them back: a file system may have seemed to take more.
        n_safe, n_lost = record.count_safe()
        lost = f", {n_lost} others could not be written and are lost" if n_lost else ""
        where = (
            f"the database {layout.database} could not be written "
            f"({type(problem).__name__}: {problem}). {n_safe} finished "
            f"psets are safe in journals below {layout.calc_dir}{lost}: fix the cause, then start "
            f"another run or call psweep.recover({layout.name!r})"
        )
        if isinstance(error, KeyboardInterrupt):
            closing.interrupted(where)
        else:
            note(problem if error is None else error, f"psweep: {where}")
        if error is None:
            raise
