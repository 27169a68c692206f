"""Every path of a study, but for those of tasks of batch jobs, which are in `spool`.

::

    calc/
      database.pk                      every row of the runs that ended
      runs.jsonl                       a line for each run, see `runs_file`
      database.pk.old_<release>        what psweep 0.8 to 0.16 had made of it, until the first write
      .psweep/database.pk/
        lock                           held for a moment at the start and the end of a run
        <run_seq>.<run_id>.<n>.journal   rows of a run that has not ended, see `journal`
        <run_seq>.<run_id>.<n>.journal.lock     held while the writer of the journal lives
        <run_seq>.<run_id>.<n>.journal.blocks   a copy of the rows in columns
        <run_seq>.<run_id>.0.journal.seeds      the seeds of all psets of the run
        <run_id>.logs/<pset_id>.txt    what func has printed so far, with capture_logs="file"
      .psweep/backup.lock              held while the folder is copied
      .psweep/scripts.lock             held while the submit scripts of all databases are written
      .psweep/batch/<run_id>/          the work of prep_batch(func=...), see `spool`
        work.pk                        func and psets
        <chunk>.claim                  who runs these psets, and how that went
        <chunk>.log                    what the task printed
        <run_seq>.<run_id>.<task>.<n>.journal   rows of a task that are not in the database yet
      <pset_id>/                       what func writes, if it does
        logs.txt                       what func printed, with capture_logs="file"
      tmpsave/<run_id>/<pset_id>.pk    one row, with tmpsave=True
      removed/<n>/                     what one call of psweep-rm removed
        database.pk                    the rows
        numbers.json                   the highest numbers among them, which are not given again
        before, after.sha256           the old database file, and the digest of the one after it
        <pset_id>/                     what func wrote
    calc.simulate/                     the study that simulate=True would make
    calc.bak_<time>Z_run_id_<run_id>/  with backup=True
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from ..errors import ParamsError, ParamsTypeError
from ..params.psets import brief
from .regular import entries, is_strange
from .suffixes import DATA_ONLY, PICKLES, SUFFIXES

__all__ = [
    "PRIVATE",
    "REMOVED",
    "RUNS",
    "TAKEN",
    "Layout",
    "PathLike",
    "calc_dir_of",
    "expanded",
    "folder_of",
    "is_first_journal",
    "lock_of",
    "remove_journal",
    "row_groups_of",
    "run_of",
    "seeds_of",
    "split_database",
    "temporary_name",
]

PathLike = str | os.PathLike[str]
PRIVATE: Final = ".psweep"  # the folder in calc_dir that holds what only psweep reads
RUNS: Final = "runs.jsonl"
REMOVED: Final = "removed"
_SUFFIX: Final = ".journal"
_FIRST: Final = ".0" + _SUFFIX
_LOCK: Final = ".lock"
_JOURNAL: Final = re.compile(r"\d+\.[^.]+\.\d+\.journal")
_SPOOLS: Final = "batch"  # in PRIVATE, so no database can have this name
_LOGS: Final = ".logs"
_USUAL: Final = {f"database{suffix}" for suffix in (PICKLES[0], *DATA_ONLY)}
# What a database cannot be called, because something else in the folder is.
TAKEN: Final = frozenset(
    {
        *(PRIVATE, RUNS, _SPOOLS, "backup.lock", "scripts.lock", REMOVED, "tmpsave"),
        *("numbers.json", "before", "after.sha256"),  # in REMOVED, next to the rows
    }
)


def expanded(path: Any, name: str = "path") -> str:
    """Expand ``~`` in a path, and refuse what is none; `name` is for the error."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if isinstance(text, str) and text and "\0" not in text:
        return os.path.expanduser(text)
    message = f"{name} must be a path, not {brief(path)}; write it as text, such as 'calc'"
    raise (ParamsTypeError if text is None else ParamsError)(message)


def folder_of(path: PathLike, name: str = "calc_dir") -> Path:
    """Return the folder that a user has named, with ``~`` expanded, and refuse a file."""
    folder = Path(expanded(path, name))
    if folder.is_file():
        message = f"{name}={str(folder)!r} is a file; name its folder, {str(folder.parent)!r}"
        raise ParamsError(message)
    return folder


def split_database(path: PathLike) -> tuple[str, str | None]:
    """Split the path of a database into folder and name; of a folder, the name is None."""
    text = expanded(path, "calc_dir")
    is_database = os.path.isfile(text) or (
        # A database that the first run into it has not written yet
        Path(text).suffix.lower() in SUFFIXES and not os.path.isdir(text)
    )
    if not is_database:
        return text, None
    folder, basename = os.path.split(text)
    return folder or ".", basename


class Layout:
    """The paths of one study.

    Parameters
    ----------
    calc_dir : str or path
        The folder of the study. ``~`` is expanded.
    basename : str
        Name of the database in it.
    """

    def __init__(self, calc_dir: PathLike, basename: str = "database.pk") -> None:
        self.name = os.path.normpath(expanded(calc_dir, "calc_dir"))
        self.calc_dir = Path(os.path.abspath(self.name))  # func may change the working directory
        self.basename = basename
        self.database = self.calc_dir / basename
        self.private = self.calc_dir / PRIVATE / basename
        self.lock = self.private / "lock"
        self.backup_lock = self.calc_dir / PRIVATE / "backup.lock"
        self.scripts_lock = self.calc_dir / PRIVATE / "scripts.lock"
        self.gitignore = self.calc_dir / PRIVATE / ".gitignore"
        self.runs = self.calc_dir / RUNS
        self.tmpsave_dir = self.calc_dir / "tmpsave"
        self.removed_dir = self.calc_dir / REMOVED

    def basenames(self) -> set[str]:
        """List the names that databases in the folder have, or had before they were replaced."""
        names = {path.name for path in (self.calc_dir / PRIVATE).glob("*") if path.is_dir()}
        names.discard(_SPOOLS)
        return names

    def usual_databases(self) -> set[str]:
        """List the databases that have a usual name: of a study that was copied without PRIVATE."""
        return {path.name for path in self.calc_dir.glob("database.*")} & _USUAL

    def files_like_databases(self) -> list[str]:
        """List the files in the folder that have the suffix of a database."""
        files = [path for path in self.calc_dir.glob("*.*") if path.suffix.lower() in SUFFIXES]
        return sorted(path.name for path in files if path.is_file())

    def journals(self) -> list[Path]:
        """List the journals of live and dead runs that write into this database."""
        return _journals_in(self.private)

    def foreign_journals(self) -> list[Path]:
        """List what looks like a journal or its lock, but is a copy, or no file at all."""
        found = entries(self.private)
        strange = [
            name
            for name, is_file in found.items()
            if (name.endswith(_SUFFIX) and not (is_file and _JOURNAL.fullmatch(name)))
            or (name.endswith(_SUFFIX + _LOCK) and not is_file)
        ]
        # (A file that was removed since it was listed looks strange, too.)
        return sorted(
            self.private / name for name in strange if os.path.lexists(self.private / name)
        )

    def all_journals(self) -> list[Path]:
        """List the journals of all databases in the folder."""
        private = self.calc_dir / PRIVATE
        return [path for name in sorted(entries(private)) for path in _journals_in(private / name)]

    def journal(self, run_seq: int, run_id: str, number: int) -> Path:
        """Return the journal of one process of a run; 0 is the one that started it."""
        return self.private / f"{run_seq}.{run_id}.{number}{_SUFFIX}"

    def spool(self, run_id: str) -> Path:
        """Return the folder with the work of one call of `prep_batch`.

        That of a database that holds data only has its suffix, so that the path of a journal in it
        says that no pickle in it is to be read.
        """
        suffix = Path(self.basename).suffix.lower()
        name = run_id + (suffix if suffix in DATA_ONLY else "")
        return self.calc_dir / PRIVATE / _SPOOLS / name

    def spools(self) -> list[Path]:
        """List such folders, of all databases in the folder of the study."""
        found = (self.calc_dir / PRIVATE / _SPOOLS).glob("*/work.pk")
        return sorted(path.parent for path in found if not is_strange(path))

    def unfinished_writes(self) -> Iterable[Path]:
        """List the temporary files of writers of the database that were killed."""
        return self.calc_dir.glob(temporary_name(glob.escape(self.basename), "*"))

    def log(self, pset_id: str) -> Path:
        """Return the file with what func printed."""
        return self.calc_dir / pset_id / "logs.txt"

    def running_logs(self, run_id: str) -> Path:
        """Return the folder with what the psets of a run that have not ended have printed."""
        return self.private / (run_id + _LOGS)

    def unfinished_logs(self) -> dict[str, Path]:
        """List such folders, by the id of the run."""
        return {path.name.removesuffix(_LOGS): path for path in self.private.glob("*" + _LOGS)}

    def old_databases(self, release: str) -> list[Path]:
        """List the files of an old release that were kept."""
        return sorted(self.calc_dir.glob(f"{glob.escape(self.basename)}.old_{release}*"))

    def old_database(self, release: str) -> Path:
        """Return a free name for the file that an old release has made."""
        path = self.calc_dir / f"{self.basename}.old_{release}"
        number = 2
        while os.path.lexists(path):
            path = path.with_name(f"{self.basename}.old_{release}_{number}")
            number += 1
        return path

    def tmpsave(self, run_id: str, pset_id: str) -> Path:
        """Return the file that holds one row, with ``tmpsave=True``."""
        return self.tmpsave_dir / run_id / f"{pset_id}.pk"

    def removals(self) -> list[Path]:
        """List the folders with rows that were removed from this database, in their order."""
        found = [path.parent for path in self.removed_dir.glob(f"*/{glob.escape(self.basename)}")]
        found = [path for path in found if path != self.partial_removal()]
        return sorted(found, key=lambda path: (len(path.name), path.name))

    def partial_removal(self) -> Path:
        """Return the name that the folder of a removal has until its rows are written."""
        return self.removed_dir / f".{self.basename}.partial"

    def new_removal(self) -> Path:
        """Return the folder for the next rows to be removed."""
        taken = [int(path.name) for path in self.removed_dir.glob("*") if path.name.isdecimal()]
        return self.removed_dir / str(1 + max(taken, default=0))

    def next_to(self, ending: str) -> str:
        """Name a folder next to this one, as the user would: relative if `calc_dir` is."""
        dots = os.path.basename(self.name) in (".", "..")
        return (str(self.calc_dir) if dots else self.name) + ending

    def backup(self, stamp: str, run_id: str) -> Path:
        """Return the folder of a backup."""
        return self.calc_dir.with_name(f"{self.calc_dir.name}.bak_{stamp}Z_run_id_{run_id}")

    def partial_backup(self, backup: Path) -> Path:
        """Return the name that a backup has until it is complete."""
        return backup.with_name(f".{backup.name}.partial")

    def partial_backups(self) -> Iterable[Path]:
        """List backups that were not completed."""
        return self.calc_dir.parent.glob(f".{self.calc_dir.name}.bak_*.partial")

    def backups(self) -> list[Path]:
        """List the complete backups."""
        return sorted(self.calc_dir.parent.glob(f"{self.calc_dir.name}.bak_*"))


def _journals_in(folder: Path) -> list[Path]:
    # "._0.x.0.journal" of macOS, "copy of ...", folders, pipes and links are none.
    found = entries(folder).items()
    paths = [folder / name for name, is_file in found if is_file and _JOURNAL.fullmatch(name)]
    # Those of workers first: their rows move to the one of the run, number 0, where whoever reads
    # the journals in this order finds them again.
    return sorted(paths, key=lambda path: (is_first_journal(path), path.name))


def lock_of(journal: Path) -> Path:
    """Return the lock file of a journal."""
    return journal.with_name(journal.name + _LOCK)


def row_groups_of(journal: Path) -> Path:
    """Return the file with a copy of the journal's rows in columns."""
    return journal.with_name(journal.name + ".blocks")


def seeds_of(journal: Path) -> Path:
    """Return the file with the seeds of the run that this is the first journal of."""
    return journal.with_name(journal.name + ".seeds")


def remove_journal(journal: Path) -> None:
    """Remove a journal after its rows were written to the database."""
    for path in (row_groups_of(journal), seeds_of(journal), journal, lock_of(journal)):
        try:
            path.unlink(missing_ok=True)
        except OSError:
            if not path.is_dir():  # which psweep has not made
                raise


def is_first_journal(journal: Path) -> bool:
    """Return whether a journal is that of the process that started the run, not of a worker."""
    return journal.name.endswith(_FIRST)


def run_of(journal: Path) -> tuple[int, str]:
    """Read the number and the id of the run from the name of its journal."""
    run_seq, run_id, *_ = journal.name.split(".")
    return int(run_seq), run_id


def calc_dir_of(journal: Path) -> Path:
    """Return the folder of the study that a journal belongs to."""
    return journal.parent.parent.parent


def temporary_name(name: str, owner: object) -> str:
    """Name the file that will become `name`; hidden, and different for each owner."""
    return f".{name}.{owner}.tmp"
