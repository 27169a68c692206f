"""A study on disk: its database, its journals and its lock; `paths` says where they are.

All that is known of a study is the union of its database and its journals, by ``_pset_id``.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import CalcDirError, DatabaseError, ParamsError, StudyNotFoundError
from ..table import frames
from ..table.frames import append_frame, frame_of_row_group, rows_of_run
from ..table.gc_pause import gc_paused
from ..table.rows import Header
from . import database, joined_texts, last_written
from .atomic import remove_if_abandoned
from .databases_in import databases_in, not_found
from .journal_reader import (
    ForeignJournalError,
    JournalContents,
    NewerJournalError,
    find_journal,
    is_over,
    read_header,
    warn_skipped,
)
from .locks import file_lock
from .log_files import place_leftovers
from .old_files import keep_old, understood
from .paths import Layout, PathLike, remove_journal, run_of, split_database
from .private_folder import make_private_folder
from .removed_numbers import removed_numbers
from .run_record import RunRecord
from .spool import spools_of
from .union import are_taken, union, warn_unreadable
from .unneeded import note_unneeded

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from ..table.old_database import OldDatabase
    from .growing_copy import GrowingCopy

__all__ = ["Study"]


_held: set[tuple[Path, int]] = set()  # locks of this process, each with the thread that has it


class Study:
    """A ``calc_dir`` and the database in it.

    Parameters
    ----------
    calc_dir : str or path
        The folder.
    basename : str, default "database.pk"
        The database in it.
    """

    def __init__(self, calc_dir: PathLike, basename: str = "database.pk") -> None:
        self.layout = Layout(calc_dir, basename)
        self._df = pd.DataFrame()  # the database as it was read or written last
        self._signature: last_written.Signature | None = None  # of its file; None: read it
        self._taken: GrowingCopy | None = None  # whose DataFrame is the one that was read
        self._old: OldDatabase | None = None  # what was read is the file of an old release
        self._where = os.path.join(self.layout.name, basename)  # for reports

    @classmethod
    def of_folder(cls, calc_dir: PathLike) -> Study:
        """Find the one study of a folder, whatever its database is called.

        If there are several, the path of a database says which one.
        """
        folder, basename = split_database(calc_dir)
        if basename is not None:
            return cls(folder, basename)
        names = databases_in(folder)
        if len(names) > 1 and "database.pk" not in names:
            example = os.path.join(folder, min(names))
            message = (
                f"{folder} holds the databases {sorted(names)!r}; name one of these files, such as "
                f"{example}"
            )
            raise StudyNotFoundError(message)
        return cls(folder, names.pop()) if len(names) == 1 else cls(folder)

    @classmethod
    def find(cls, calc_dir: PathLike, basename: str | None = None) -> Study:
        """Find the study in a folder that must have one; see `of_folder` if `basename` is None."""
        study = cls.of_folder(calc_dir) if basename is None else cls(calc_dir, basename)
        named = split_database(calc_dir)[1] if basename is None else basename
        if basename is None and named is not None and not study.layout.private.exists():
            study.read_database()  # so that no folder is made for a file that is something else
        if not study.exists():
            raise not_found(study.layout, calc_dir, named)
        return study

    # look at it, without a lock

    def exists(self) -> bool:
        """Return whether there is a database, or a journal of a run that could not write one."""
        # In this order: a run that ends in between moves its rows to the database.
        layout = self.layout
        return bool(layout.journals()) or any(spools_of(layout)) or layout.database.exists()

    @gc_paused()
    def known(self) -> pd.DataFrame:
        """Return every finished pset known so far, also of runs that go on or were killed."""
        # The journals first: a run that ends in between moves its rows to the database, where
        # they are found again, and not the other way round.
        journals = {}
        spooled = [path for spool in spools_of(self.layout) for path in spool.journals()]
        for path in [*self._journals(), *spooled]:
            try:
                contents = find_journal(path)
            except (ForeignJournalError, NewerJournalError) as error:
                warn_skipped(str(error))
                continue
            if contents is not None:
                journals[path] = contents
        df = self.read_database()
        for path, contents in journals.items():
            warn_unreadable(path, contents)
        return union(df, journals.values())

    def so_far(self, *extras: str) -> pd.DataFrame:
        """Return `known`; without any row, the columns of the bookkeeping and these."""
        df = self.known()
        if len(df.columns):
            return df
        return frames.with_extras(frames.frame_of_rows([], Header("", 0, "", 0, 0)), *extras)

    def _journals(self) -> list[Path]:
        """List the journals, and warn of what only looks like one."""
        journals = self.layout.journals()
        foreign = [path.name for path in self.layout.foreign_journals()]
        if foreign:
            warn_skipped(f"{self.layout.private} holds {foreign!r}, which psweep has not made")
        return journals

    # change it, with the lock held

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who changes the database."""
        key = self.layout.lock, threading.get_ident()
        if key in _held:  # it would wait for itself, forever
            message = (
                f"calc_dir={self.layout.name!r} is locked by psweep.edit; start runs and further "
                "edits after it has returned, not in its function"
            )
            raise CalcDirError(message)
        make_private_folder(self.layout)
        with self._lock():
            _held.add(key)
            try:
                yield
            finally:
                _held.discard(key)

    def _lock(self) -> BaseFileLock:
        return file_lock(self.layout.lock)

    @gc_paused()
    def fold(self, record: RunRecord | None = None) -> pd.DataFrame:
        """Move the rows of all runs that have ended, however they did, into the database.

        Parameters
        ----------
        record : RunRecord, optional
            A run that has just ended. The rows that it has cached need not be read.

        Returns
        -------
        DataFrame
            The database; an empty one if there is none yet.
        """
        for rest in self.layout.unfinished_writes():
            remove_if_abandoned(rest)
        # A column that a user added must not keep rows out of the database that are run now.
        known = df = frames.usable(self._read_for_writing(), str(self.layout.database))
        # A run shows nobody what it has read until its rows are there, too.
        before = None if record is None else self._taken
        header = None if record is None else record.header
        ours = set() if record is None else record.journals
        ended = [path for path in self._journals() if is_over(path, 1 if path in ours else 0)]
        unread = [*ended]
        cached = None if record is None else record.cached()
        # (Of our run there may be rows already, and fewer journals than it had, if others folded
        # before it was quite over, or if somebody has removed the folder.)
        if (
            record is not None
            and cached is not None
            and record.journals <= {*ended}
            and not rows_of_run(known, record.header).any()
            and not are_taken(known, (), cached, record.header)
        ):
            df = append_frame(df, frame_of_row_group(cached, record.header))
            unread = [path for path in ended if path not in record.journals]
            record = None
        # Tasks of batch jobs hold no locks: their claims say whether they have ended.
        spools = {
            path: spool for spool in spools_of(self.layout) for path in spool.ended_journals()
        }
        contents: dict[Path, JournalContents] = {}
        for path in [*unread, *spools]:
            try:
                journal = find_journal(path)
            except ForeignJournalError as error:
                warn_skipped(str(error))
                if path in spools:
                    del spools[path]
                else:
                    ended.remove(path)
                continue
            if journal is not None:
                contents[path] = journal
            elif path in spools:
                del spools[path]
            # (None: a run that goes on has moved the rows of a worker that has ended.)
        found = [*contents.values()]
        if record is not None:
            found.append(record.in_memory())
            if cached is not None:
                found.append(JournalContents(record.header, [], [], [cached]))
        live = [] if header is None else [header]
        if contents:
            live += self._headers_of_live_runs({*unread})
        df = union(df, found, live)
        if df is not known:
            df = self.write_database(df, before)
        for path, spool in spools.items():
            spool.note_recorded(row.seq - spool.header.first_seq for row in contents[path].rows)
        if df is not known:
            note_unneeded(self.layout, df)
        for path in [*ended, *spools]:
            if path in contents and contents[path].unreadable:
                warn_unreadable(path, contents[path])
            else:
                remove_journal(path)
        place_leftovers(self.layout)
        return df

    def _headers_of_live_runs(self, ended: set[Path]) -> Iterator[Header]:
        for path in self.layout.journals():
            # A newer journal keeps new runs out, but not the rows of those that have ended.
            with contextlib.suppress(FileNotFoundError, ForeignJournalError, NewerJournalError):
                if path not in ended:
                    yield read_header(path)
        yield from (spool.header for spool in spools_of(self.layout))

    def fold_now(self, record: RunRecord | None = None) -> pd.DataFrame:
        """Take the lock and `fold`; once more if the folder is removed at that moment."""
        try:
            with self.locked():
                return self.fold(record)
        except FileNotFoundError:
            if record is None or self.layout.private.exists():
                raise
        with self.locked():
            return self.fold(record)

    def changed_by(self, df: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame | None:
        """Join a DataFrame of the user's: its new rows, and its changes to the others.

        Rows that it lacks stay. If it lacks columns, the rows that are known stay as they are.
        None: it changes nothing.
        """
        if not len(df) or frames.are_same(known, df):
            return None
        ids = set(df["_pset_id"])
        if set(known.columns) <= set(df.columns):
            known, new = known[~known["_pset_id"].isin(ids)] if len(known) else known, df
        else:
            new = df[~df["_pset_id"].isin(set(known["_pset_id"]))]
        if not len(new):
            return None
        taken = set(known["_pset_seq"]) & set(new["_pset_seq"]) if len(known) else set()
        if taken:
            message = (
                f"df holds rows that {self.layout.database} does not have, but whose _pset_seq it "
                f"has ({sorted(taken)[:5]!r} and so on): these are two studies. Leave out df to "
                "extend the one on disk, or name another calc_dir"
            )
            raise ParamsError(message)
        return append_frame(known, new)

    def adopt(self, changed: pd.DataFrame) -> pd.DataFrame:
        """Write what `changed_by` returned."""
        known = self.write_database(changed)
        # The user, and so func, has the memory of some of these rows: read what was written.
        self._df, self._signature = pd.DataFrame(), None
        return known

    def forget_journals(self) -> None:
        """Remove the journals of runs that have ended, rows and all."""
        for path in self.layout.journals():
            if is_over(path):
                remove_journal(path)

    def reserve(self, run_id: str, run_seq: int, first_seq: int, n_psets: int) -> Header:
        """Choose numbers for a new run that no row, live run or removed row has."""
        for path in self.layout.journals():
            try:
                other = read_header(path)
            except ForeignJournalError:
                run_seq = max(run_seq, run_of(path)[0] + 1)
                continue
            run_seq = max(run_seq, other.run_seq + 1)
            first_seq = max(first_seq, other.first_seq + other.n_psets)
        for last in removed_numbers(self.layout):  # these rows may come back
            run_seq = max(run_seq, last["_run_seq"] + 1)
            first_seq = max(first_seq, last["_pset_seq"] + 1)
        for spool in spools_of(self.layout):
            run_seq = max(run_seq, spool.header.run_seq + 1)
            first_seq = max(first_seq, spool.header.first_seq + spool.header.n_psets)
        return Header(run_id, run_seq, self.layout.name, first_seq, n_psets)

    def numbered_again(self, df: pd.DataFrame, rows: pd.DataFrame) -> tuple[pd.DataFrame, Header]:
        """Return rows with numbers that no other row has, and the first of these numbers.

        Parameters
        ----------
        df : DataFrame
            The database, which has rows.
        rows : DataFrame
            Rows in the order of their numbers, which are not in the database.
        """
        run_seq, first_seq = (int(df[name].max()) + 1 for name in ("_run_seq", "_pset_seq"))
        free = self.reserve("", run_seq, first_seq, len(rows))
        seqs, run_seqs = rows["_pset_seq"], rows["_run_seq"]
        rows = frames.numbered(
            rows, seqs - seqs.min() + free.first_seq, run_seqs - run_seqs.min() + free.run_seq
        )
        return rows, free

    def read_database(self) -> pd.DataFrame:
        """Read the database file, unless it is the one that was read or written last."""
        signature = last_written.signature_of(self.layout.database)
        if signature is None:
            return pd.DataFrame()
        if signature != self._signature:
            df = database.read_file(self.layout.database)
            frames.check_book(df, str(self.layout.database))
            df, self._old = understood(df, self._where)
            with contextlib.suppress(DatabaseError):  # to look at it, the order does not matter
                df = frames.arranged(df)
            self._df, self._signature = df, signature
        return self._df

    def _read_for_writing(self) -> pd.DataFrame:
        """Read the database, with all columns as they can be written; the lock is held."""
        signature = last_written.signature_of(self.layout.database)
        if signature is not None and signature != self._signature:
            self._taken = last_written.take(signature)
            if self._taken is not None:
                self._df, self._signature, self._old = self._taken.df, signature, None
        before = self._df
        df = self.read_database()
        if df is not before:
            self._df = df = self.storable(df)
        return df

    def storable(self, df: pd.DataFrame) -> pd.DataFrame:
        """Return a DataFrame as it will be on disk, or refuse it; see `database.storable`."""
        return database.storable(df, self.layout.database, sample=True)

    def write_database(self, df: pd.DataFrame, before: GrowingCopy | None = None) -> pd.DataFrame:
        """Replace the database file; the lock is held.

        Parameters
        ----------
        df : DataFrame
        before : GrowingCopy, optional
            See `last_written.keep`.

        Returns
        -------
        DataFrame
            What is in the file now, see `database.Written`.
        """
        if self._old is not None:
            keep_old(self.layout, self._old.release)
        path = self.layout.database
        with joined_texts.remembering():
            df, signed, plain = database.write_file(df, path)
        # (A user who takes no lock may have written another file meanwhile: None, so it is read.)
        self._df, self._signature = df, last_written.keep(df, signed, path, plain, before)
        self._taken = self._old = None
        return df

    def migrate(self, none: list[Any]) -> None:
        """Write the database of an old release as one of this one; the lock is held."""
        path = self.layout.database
        df = database.read_file(path) if path.exists() else pd.DataFrame()
        df, self._old = understood(df, self._where, none)
        if self._old is not None:
            self.write_database(self.storable(frames.usable(df, self._where)))
        elif none:
            message = (
                f"{self._where} is of this version, so none={none!r} cannot be applied; what was "
                f"kept of an older one is in {self.layout.basename}.old_*"
            )
            raise ParamsError(message)
