"""A study on disk: a ``calc_dir`` with its database, its journals and its lock.

::

    calc/
      database.pk                      every row of the runs that ended
      .psweep/database.pk/
        lock                           held for a moment at the start and the end of a run
        <run_seq>.<run_id>.<n>.journal   rows of a run that has not ended, see `journal`
        <run_seq>.<run_id>.<n>.journal.lock
      <pset_id>/                       what func writes, if it does

What is known of a study is the union of its database and its journals, by ``_pset_id``.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import operator
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from . import database, journal
from .blocks import block_of, joined, without
from .errors import CalcDirError, ParamsError, StudyNotFoundError
from .files import PathLike, temporary_name
from .frames import append_frame, check_book, frame_of_block, rows_of_run
from .garbage import no_garbage_collection
from .journal import Record
from .locks import LockRefusedError, file_lock, try_lock
from .rows import Header

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["KeptRows", "Study", "df_read", "is_folder", "is_over", "recover"]

_USUAL = {"database.pk", "database.json", "database.parquet"}


class KeptRows(NamedTuple):
    """All rows of a run that has just ended, and the journals that hold them, too."""

    header: Header
    paths: set[Path]
    df: pd.DataFrame


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
        self.name = os.path.normpath(os.fspath(calc_dir))
        self.calc_dir = Path(os.path.abspath(self.name))  # func may change the working directory
        self.basename = basename
        self.database = self.calc_dir / basename
        self._private = journal.folder_of(self.database)
        self._read: tuple[object, pd.DataFrame] = (None, pd.DataFrame())

    @classmethod
    def of_folder(cls, calc_dir: PathLike) -> Study:
        """Find the one study of a folder, whatever its database is called."""
        names = {
            path.name for path in (Path(calc_dir) / journal.PRIVATE).glob("*") if path.is_dir()
        }
        if not names:  # copied without them, perhaps
            names = {path.name for path in Path(calc_dir).glob("database.*")} & _USUAL
        if not names or "database.pk" in names:
            return cls(calc_dir)
        if len(names) > 1:
            message = f"{calc_dir} holds the databases {sorted(names)!r}; name one of these files"
            raise StudyNotFoundError(message)
        return cls(calc_dir, names.pop())

    @classmethod
    def find(cls, calc_dir: PathLike, basename: str | None = None) -> Study:
        """Find the study in a folder that must have one; see `of_folder` if `basename` is None."""
        study = cls.of_folder(calc_dir) if basename is None else cls(calc_dir, basename)
        if not study.exists():
            where = f"database in {os.fspath(calc_dir)}" if basename is None else study.database
            message = f"there is no {where}, and no unfinished run either"
            raise StudyNotFoundError(message)
        return study

    def name_beside(self, ending: str) -> str:
        """Name a folder beside this one, as the user would: relative if `calc_dir` is."""
        dots = os.path.basename(self.name) in (".", "..")
        return (str(self.calc_dir) if dots else self.name) + ending

    # look at it, without a lock

    def exists(self) -> bool:
        """Tell whether there is a database, or a journal of a run that did not get to write one."""
        return self.database.exists() or bool(self.journals())

    @no_garbage_collection()
    def known(self) -> pd.DataFrame:
        """Give every finished pset known so far, also of runs that go on or were killed."""
        # The journals first: a run that ends in between moves its rows to the database, where
        # they are found again, and not the other way round.
        records = [
            record for path in self.journals() if (record := journal.find_journal(path)) is not None
        ]
        df = self.read_database()
        for record in records:
            _warn_unreadable(self.calc_dir, record)
        return _union(df, records)

    def journals(self) -> list[Path]:
        """List the journals, of live and of dead runs."""
        return journal.journals_of(self.database)

    # change it, with the lock held

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who changes the database."""
        self._make_folders()
        with self._lock():
            yield

    def _make_folders(self) -> None:
        try:
            self._private.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._private) as file:  # it can be written to
                try_lock(file.fileno())
            ignore = self._private.parent / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")  # journals and locks are nothing to commit
        except OSError as error:
            blocked = next(p for p in (self._private, *self._private.parents) if p.exists())
            why = (
                f"the file system of {blocked} refuses locks ({error}), without which runs would "
                "harm each other; take a folder on another one, or have it mounted with locks"
                if isinstance(error, LockRefusedError)
                else f"{blocked} is a file"
                if not blocked.is_dir()
                else f"{blocked} cannot be written to"
                if isinstance(error, PermissionError) or error.errno == errno.EROFS
                else str(error)
            )
            message = f"calc_dir={self.name!r}: {why}; name another folder"
            raise CalcDirError(error.errno, message) from error

    def _lock(self) -> BaseFileLock:
        return file_lock(self._private / "lock")

    @no_garbage_collection()
    def fold(self, kept: KeptRows | None = None) -> pd.DataFrame:
        """Move the rows of all runs that have ended, however they did, into the database.

        Parameters
        ----------
        kept : KeptRows, optional
            All rows of a run, whose journals then need not be read.

        Returns
        -------
        DataFrame
            The database; an empty one if there is none yet.
        """
        for rest in self.calc_dir.glob(temporary_name(self.basename, "*")):
            rest.unlink()  # of a writer that was killed; nobody else writes now
        known = df = self.read_database()
        ended = [path for path in self.journals() if is_over(path)]
        # (Of our run there may be rows already, and less journals than it had, if others folded
        # before it was quite over.)
        if kept and kept.paths <= {*ended} and not rows_of_run(known, kept.header).any():
            df = append_frame(df, kept.df)
            unread = [path for path in ended if path not in kept.paths]
        else:
            unread = ended
        records = {path: journal.read_journal(path) for path in unread}
        df = _union(df, records.values())
        if df is not known:
            self.write_database(df)
        for path in ended:
            if path in records and records[path].unreadable:
                _warn_unreadable(path, records[path])
            else:
                journal.remove(path)
        return df

    def fold_now(self, kept: KeptRows | None = None) -> pd.DataFrame:
        """Take the lock and `fold`."""
        with self.locked():
            return self.fold(kept)

    def adopt(self, df: pd.DataFrame) -> pd.DataFrame:
        """Take over a DataFrame of the user's: its new rows, and its changes to the others.

        Rows that it lacks stay. If it lacks columns, the rows on disk stay as they are.
        """
        known = self.read_database()
        if not len(df) or known.equals(df):
            return known
        ids = set(df["_pset_id"])
        if set(known.columns) <= set(df.columns):
            known, new = known[~known["_pset_id"].isin(ids)] if len(known) else known, df
        else:
            new = df[~df["_pset_id"].isin(set(known["_pset_id"]))]
        if not len(new):
            return known
        taken = set(known["_pset_seq"]) & set(new["_pset_seq"]) if len(known) else set()
        if taken:
            message = (
                f"df holds rows that {self.database} does not have, but whose _pset_seq it has "
                f"({sorted(taken)[:5]!r} and so on): these are two studies. Leave out df to extend "
                "the one on disk, or name another calc_dir"
            )
            raise ParamsError(message)
        df = append_frame(known, new)
        self.write_database(df)
        return df

    def forget_journals(self) -> None:
        """Remove the journals of runs that have ended, rows and all."""
        for path in self.journals():
            if is_over(path):
                journal.remove(path)

    def reserve(self, run_id: str, run_seq: int, first_seq: int, n_psets: int) -> Header:
        """Choose the numbers of a new run: none that the database or a live run has."""
        for path in self.journals():
            other = journal.read_header(path)
            run_seq = max(run_seq, other.run_seq + 1)
            first_seq = max(first_seq, other.first_seq + other.n_psets)
        return Header(run_id, run_seq, self.name, first_seq, n_psets)

    def journal_path(self, header: Header, number: int = 0) -> Path:
        """Place the journal of one process of a run: 0 is the one that started it."""
        return self._private / journal.journal_name(header, number)

    def read_database(self) -> pd.DataFrame:
        """Read the database file, unless it is the one that was read or written last."""
        signature = self._signature()
        if signature is None:
            return pd.DataFrame()
        if signature != self._read[0]:
            df = database.read_file(self.database)
            check_book(df, str(self.database))
            self._read = (signature, df)
        return self._read[1]

    def write_database(self, df: pd.DataFrame) -> None:
        """Replace the database file; the lock is held."""
        database.write_file(df, self.database)
        self._read = (self._signature(), df)

    def _signature(self) -> object:
        try:
            stat = os.stat(self.database)
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_size, stat.st_mtime_ns


def df_read(path: PathLike) -> pd.DataFrame:
    """Read a database: a file, or a study's folder with all that is known of it so far.

    Parameters
    ----------
    path : str or path
        A file with the suffix ``.pk`` (``.pkl``, ``.pickle``), ``.json`` or
        ``.parquet``, or a folder such as ``"calc"``. From a folder come also
        the psets that finished in runs which are still going, or which were
        killed. Nothing is written and no lock is taken.

    Returns
    -------
    DataFrame
        One row a pset.

    Raises
    ------
    StudyNotFoundError
        There is no such file, or no database in the folder.
    DatabaseError
        The file is damaged, or of an unknown format. It is left as it is.

    Warnings
    --------
    Reading a pickle runs code that the file chooses. Read only those that you
    trust; accept ``.json`` or ``.parquet`` from strangers.

    Examples
    --------
    >>> import psweep as ps
    >>> _ = ps.run_local(lambda pset: {"b": 2}, [{"a": 1}])
    >>> ps.df_print(ps.df_read("calc"))
     a  b
     1  2
    """
    if is_folder(path):
        return Study.find(path).known()
    return database.read_file(Path(path))


def is_folder(path: PathLike) -> bool:
    """Tell a folder, also one that is perhaps made right now, from a file."""
    return os.path.isdir(path) or not (os.path.isfile(path) or Path(path).suffix)


def recover(calc_dir: PathLike = "calc", database_basename: str = "database.pk") -> pd.DataFrame:
    """Move the finished psets of killed runs into the database.

    Every run does this when it starts. To only look, `df_read` of the folder does.

    Parameters
    ----------
    calc_dir : str or path, default "calc"
        The folder of the study.
    database_basename : str, default "database.pk"
        The database in it.

    Returns
    -------
    DataFrame
        The database.

    Raises
    ------
    StudyNotFoundError
        There is no study in that folder.
    DatabaseError
        The database is damaged. It is left as it is, and so are the journals.

    Examples
    --------
    >>> import psweep as ps
    >>> _ = ps.run_local(lambda pset: {"b": 2}, [{"a": 1}])
    >>> len(ps.recover("calc"))
    1
    """
    return Study.find(calc_dir, database_basename).fold_now()


def _union(df: pd.DataFrame, records: Iterable[Record]) -> pd.DataFrame:
    """Add those rows of journals that the database does not have yet."""
    runs: dict[str, list[Record]] = {}
    for record in records:
        runs.setdefault(record.header.run_id, []).append(record)
    for of_run in runs.values():
        header = of_run[0].header
        blocks = [block for record in of_run for block in record.blocks]
        rows = [row for record in of_run for row in record.rows]
        # A run may be killed after it wrote the database and before it removed its journals.
        there = rows_of_run(df, header)
        have = set(df.loc[there, "_pset_id"]) if there.any() else set()
        if have:
            blocks = [without(block, have) for block in blocks]
        if have or len(set(map(operator.itemgetter(1), rows))) < len(rows):
            rows = [*{row[1]: row for row in rows if row[1] not in have}.values()]
        rows.sort(key=operator.itemgetter(0))  # (Blocks are in order, see `journal`.)
        block = joined([*blocks, block_of([*itertools.chain.from_iterable(rows)])])
        if block.ids:
            df = append_frame(df, frame_of_block(block, header))
    return df


def _warn_unreadable(where: Path, record: Record) -> None:
    if record.unreadable:
        warnings.warn(
            f"{where}: {len(record.unreadable)} finished psets cannot be read here "
            f"({record.unreadable[0]}); they stay in their journal: call psweep.recover where the "
            "script that made them can be imported",
            RuntimeWarning,
            stacklevel=3,
        )


def is_over(path: Path) -> bool:
    """Find out whether the process that writes a journal is through with it, or dead."""
    from filelock import Timeout

    lock = journal.lock_of(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    return True
