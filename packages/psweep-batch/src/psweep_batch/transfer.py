"""Copy a study to another machine and back: rsync over ssh."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from psweep import df_read
from psweep.atomic import replacing
from psweep.frames import append_frame
from psweep.layout import PRIVATE, temporary_name
from psweep.rows import RUNTIME
from psweep.study import Study

from .errors import TransferError
from .queue import Queue, snapshot_path
from .status import machine_of

__all__ = ["pull", "push"]

_SUFFIXES = (".pk", ".pkl", ".pickle", ".json", ".parquet")
_MARK = "psweep-answer"
# What rsync or ssh says, and what to do about it
_FILE_ERROR = 11  # exit statuses of rsync, see EXIT VALUES in its manual
_VANISHED = 24
_CURES = (
    ("Could not resolve hostname", "is the name right? try: ssh {host}"),
    ("Permission denied (", "ssh is not let in; try: ssh {host}"),
    ("is your shell clean", "a file such as ~/.bashrc on {host} prints something; keep it quiet"),
    ("Host key verification failed", "log in once by hand to accept its key: ssh {host}"),
    ("Connection refused", "no sshd answers there; try: ssh {host}"),
    ("Connection timed out", "it does not answer; try: ssh {host}"),
    ("rsync: command not found", "install rsync on {host}"),
    ("rsync: not found", "install rsync on {host}"),
    ("No space left on device", "the disk is full: make room, then repeat this"),
    ("Disk quota exceeded", "the quota is used up: make room, then repeat this"),
    ("Read-only file system", "it cannot be written to there"),
    ("Permission denied", "see whose files these are"),
    ("No such file or directory", "is there a study at that place?"),
)


def push(host: str, calc_dir: str, *, dry_run: bool, options: Sequence[str]) -> None:
    """Copy a study to the same place below the home of another machine.

    Parameters
    ----------
    host : str
        As ssh knows it.
    calc_dir : str
    dry_run : bool
        Only say what would be copied.
    options : sequence of str
        For rsync.

    Raises
    ------
    TransferError
        It could not be copied, or would replace rows that are only there.
    """
    place = _Place(host, calc_dir)
    if not place.folder.is_dir():
        message = f"there is no folder {place.folder} to push"
        raise TransferError(message)
    if not dry_run:
        name = Study.of_folder(place.folder).layout.basename
        with place.their_database(name) as theirs:
            if theirs and _lacks(_read(place.folder / name), _read(theirs)):
                message = (
                    f"{place.there} has a database with psets that {place.folder / name} has not; "
                    f"call psweep-pull {host} first, and see what it says"
                )
                raise TransferError(message)
        place.make_there()
    skip = ["--exclude-from=excl_push"] if os.path.exists("excl_push") else []
    place.rsync([*_how(dry_run), *skip, *options], f"{place.folder}/", f"{place.there}/")


def pull(host: str, calc_dir: str, *, dry_run: bool, options: Sequence[str]) -> None:
    """Copy a study back from another machine, with what its queue says.

    Files that are newer here stay. The database here is replaced only by a newer one that has all
    that it has; else it gets the rows that it lacks.

    Parameters
    ----------
    host, calc_dir, dry_run, options
        As for `push`.

    Raises
    ------
    TransferError
        It could not be copied.
    """
    place = _Place(host, calc_dir)
    name = place.database_name()
    if not dry_run:
        place.folder.mkdir(parents=True, exist_ok=True)
        # First the queue: a job that ends in between has then noted it in what is copied.
        _ask_queue(place)
    skip = ["--exclude-from=excl_pull"] if os.path.exists("excl_pull") else []
    skip.append(f"--exclude=/{name}")
    place.rsync([*_how(dry_run), *skip, *options], f"{place.there}/", f"{place.folder}/")
    if not dry_run:
        with place.their_database(name) as theirs:
            if theirs is not None:
                _take_database(place, name, theirs)


def _take_database(place: _Place, name: str, theirs: Path) -> None:
    study = Study(place.folder, name)
    with study.locked():
        ours = study.layout.database
        here, there = _read(ours), _read(theirs)
        if not ours.exists() or (
            theirs.stat().st_mtime > ours.stat().st_mtime and not _loses(here, there)
        ):
            with replacing(ours) as file:
                file.write(theirs.read_bytes())
            shutil.copystat(theirs, ours)
            return
        lacking = _lacks(here, there)
        if not lacking:
            return
        new = there[there["_pset_id"].isin(lacking)]
        same = set(new["_pset_seq"]) & set(here["_pset_seq"])
        if same:
            print(
                f"psweep-pull: {ours} stays without {len(new)} psets of {place.there}/{name}: the "
                f"study was extended on both machines, and they have the numbers (_pset_seq) of "
                f"others here ({min(same)} ...). Their folders are here; to have one database, "
                "remove them on one machine and prepare them again on the other",
                file=sys.stderr,
            )
            return
        study.write_database(append_frame(here, new))
        print(f"psweep-pull: {len(new)} psets of {place.there} were added to {ours}")


def _lacks(here: pd.DataFrame, there: pd.DataFrame) -> set[str]:
    """Tell which psets of the database there are not in the one here."""
    ids = [set(df["_pset_id"]) if len(df) else set() for df in (here, there)]
    return ids[1] - ids[0]


def _loses(here: pd.DataFrame, there: pd.DataFrame) -> bool:
    """Tell whether the database here has rows, columns or results that the one there has not."""
    if not len(here):
        return False
    return (
        bool(_lacks(there, here))
        or not set(here.columns) <= set(there.columns)
        or int(there[RUNTIME].notna().sum()) < int(here[RUNTIME].notna().sum())
    )


def _read(database: Path) -> pd.DataFrame:
    return df_read(database) if database.exists() else pd.DataFrame()


def _ask_queue(place: _Place) -> None:
    """Keep what the scheduler there says, for psweep-status and the like."""
    names = [path.stem.removeprefix("info_") for path in place.folder.glob("info_*.yaml")]
    queries = {name: query for name in names if (query := machine_of(place.folder, name).query)}
    called = place.host.rpartition("@")[2]
    for name, query in queries.items():
        if name == called or len(queries) == 1:
            try:
                queue = Queue.ask(query, place.host)
            except OSError as error:
                print(f"psweep-pull: the queue on {place.host}: {error}", file=sys.stderr)
            else:
                queue.save(snapshot_path(place.folder, name))
            return
    if queries:
        print(
            f"psweep-pull: which of the machines {', '.join(queries)} is {called}? Name its folder "
            "of templates like the host, for its queue to be asked",
            file=sys.stderr,
        )


def _how(dry_run: bool) -> list[str]:
    # -s: names go as they are, through no shell; -u: what is newer at the target stays
    how = ["-a", "-u", "-s", f"--exclude=/{PRIVATE}"]  # locks and journals are of one machine
    how.append("--exclude=" + temporary_name("*", "[0-9]*"))  # files that are just being written
    if dry_run:
        how.append("-n")
    if dry_run or not sys.stdout.isatty():
        return [*how, "-v"]
    return [*how, "--info=progress2", "--human-readable"]


class _Place:
    """A study here, and the same place on another machine."""

    def __init__(self, host: str, calc_dir: str) -> None:
        if not host or host.startswith("-") or any(c in host for c in ":/ "):
            message = (
                f"HOST must be a machine that ssh knows, as cluster or me@cluster, not {host!r}"
            )
            raise TransferError(message)
        self.host = host
        self.folder = Path(os.path.abspath(calc_dir))
        own = Path.home()
        for home, folder in ((own, self.folder), (own.resolve(), self.folder.resolve())):
            if folder.is_relative_to(home) and folder != home:
                self._path = folder.relative_to(home).as_posix()
                break
        else:
            message = (
                f"{self.folder} is not below your home {Path.home()}, so there is no same place on "
                f"{host}; move it there, or call rsync yourself"
            )
            raise TransferError(message)
        self.there = f"{host}:{self._path}"

    def database_name(self) -> str:
        """Find out how the database is called: here, or there if there is none here."""
        if Study.of_folder(self.folder).exists():
            return Study.of_folder(self.folder).layout.basename
        path = shlex.quote(f"{self._path}/{PRIVATE}")
        said = self._ask(f"ls -1 {path} 2>/dev/null || true")
        names = [name for name in said if Path(name).suffix in _SUFFIXES]
        return names[0] if len(names) == 1 else "database.pk"

    def _ask(self, command: str) -> list[str]:
        # A shell there may greet before it does what it is told.
        said = self._call(["ssh", "--", self.host, f"echo {_MARK}; {command}"], quiet=True)
        return said.partition(f"{_MARK}\n")[2].splitlines()

    def make_there(self) -> None:
        """Make the folder on the other machine."""
        self._call(["ssh", "--", self.host, f"mkdir -p -- {shlex.quote(self._path)}"])

    @contextlib.contextmanager
    def their_database(self, name: str) -> Iterator[Path | None]:
        """Copy their database to where it can be looked at; None if there is none."""
        path = f"{self._path}/{name}"
        if not self._ask(f"test ! -e {shlex.quote(path)} || echo yes"):
            yield None
            return
        with tempfile.TemporaryDirectory(prefix="psweep_") as folder:
            self._call(["rsync", "-a", "-s", "--", f"{self.host}:{path}", f"{folder}/"])
            yield Path(folder, name)

    def rsync(self, options: Sequence[str], source: str, target: str) -> None:
        """Copy a folder."""
        # Jobs that run there make files and rename them: what vanished is no loss.
        self._call(["rsync", *options, "--", source, target], fine=(0, _VANISHED))

    def _call(self, args: Sequence[str], quiet: bool = False, fine: Sequence[int] = (0,)) -> str:
        try:
            process = subprocess.Popen(
                args,
                stdin=None if sys.stdin and sys.stdin.isatty() else subprocess.DEVNULL,
                stdout=subprocess.PIPE if quiet else None,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        except FileNotFoundError:
            message = f"there is no {args[0]} here; install it"
            raise TransferError(message) from None
        out, said = process.communicate()
        if process.returncode not in fine:
            raise TransferError(self._explain(args, process.returncode, said.strip()))
        sys.stderr.write(said)
        return out or ""

    def _explain(self, args: Sequence[str], status: int, said: str) -> str:
        if not said and args[0] == "rsync" and status == _FILE_ERROR:
            # The message of the side that receives can get lost when that side ends.
            said = "error in file I/O; most often: No space left on device"
        cure = next((cure for text, cure in _CURES if text in said), "see what it says")
        return (
            f"{shlex.join(args)} failed (exit status {status}): {said or 'no message'}\n"
            f"psweep: {cure.format(host=self.host)}"
        )
