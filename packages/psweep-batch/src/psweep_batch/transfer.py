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

from psweep import df_read
from psweep.files import replacing
from psweep.journal import PRIVATE
from psweep.study import Study

from .errors import TransferError
from .queue import Queue, snapshot_path
from .status import machine_of

__all__ = ["pull", "push"]

_DATABASES = ("database.pk", "database.json", "database.parquet")
# What rsync or ssh says, and what to do about it
_CURES = (
    ("Could not resolve hostname", "is the name right? try: ssh {host}"),
    ("Permission denied (", "ssh is not let in; try: ssh {host}"),
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
        with place.their_database() as theirs:
            if theirs and _rows(theirs) - _rows(place.database):
                message = (
                    f"{place.there} has a database with psets that {place.database} has not; call "
                    f"psweep-pull {host} first, and see what it says"
                )
                raise TransferError(message)
        place.make_there()
    skip = ["--exclude-from=excl_push"] if os.path.exists("excl_push") else []
    place.rsync([*_how(dry_run), *skip, *options], f"{place.folder}/", f"{place.there}/")


def pull(host: str, calc_dir: str, *, dry_run: bool, options: Sequence[str]) -> None:
    """Copy a study back from another machine, with what its queue says.

    Files that are newer here stay. So does the database, unless the other one is newer and has all
    its rows.

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
    if not dry_run:
        place.folder.mkdir(parents=True, exist_ok=True)
        # First the queue: a job that ends in between has then noted it in what is copied.
        _ask_queue(place)
    skip = ["--exclude-from=excl_pull"] if os.path.exists("excl_pull") else []
    skip += [f"--exclude=/{name}" for name in {*_DATABASES, place.database.name}]
    place.rsync([*_how(dry_run), *skip, *options], f"{place.there}/", f"{place.folder}/")
    if not dry_run:
        _pull_database(place)


def _pull_database(place: _Place) -> None:
    study = Study(place.folder, place.database.name)
    with place.their_database() as theirs, study.locked():
        if theirs is None:
            return
        ours = place.database
        if ours.exists():
            if theirs.stat().st_mtime <= ours.stat().st_mtime:
                return
            if _rows(ours) - _rows(theirs):
                print(
                    f"psweep-pull: {ours} is kept, since it has psets that {place.there} has not",
                    file=sys.stderr,
                )
                return
        with replacing(ours) as file:
            file.write(theirs.read_bytes())
        shutil.copystat(theirs, ours)


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
    if dry_run:
        how.append("-n")
    if dry_run or not sys.stdout.isatty():
        return [*how, "-v"]
    return [*how, "--info=progress2", "--human-readable"]


def _rows(database: Path) -> set[str]:
    if not database.exists():
        return set()
    df = df_read(database)
    return set(df["_pset_id"]) if len(df) else set()


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
        self.database = Study.of_folder(self.folder).database

    def make_there(self) -> None:
        """Make the folder on the other machine."""
        self._call(["ssh", "--", self.host, f"mkdir -p -- {shlex.quote(self._path)}"])

    @contextlib.contextmanager
    def their_database(self) -> Iterator[Path | None]:
        """Copy their database to where it can be looked at; None if there is none."""
        name = self.database.name
        path = f"{self._path}/{name}"
        found = self._call(
            ["ssh", "--", self.host, f"test ! -e {shlex.quote(path)} || echo there"], quiet=True
        )
        if "there" not in found.split():
            yield None
            return
        with tempfile.TemporaryDirectory(prefix="psweep_") as folder:
            self.rsync(["-a", "-s"], f"{self.host}:{path}", f"{folder}/")
            yield Path(folder, name)

    def rsync(self, options: Sequence[str], source: str, target: str) -> None:
        """Call rsync."""
        self._call(["rsync", *options, "--", source, target])

    def _call(self, args: Sequence[str], quiet: bool = False) -> str:
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
        if process.returncode != 0:
            raise TransferError(self._explain(args, process.returncode, said.strip()))
        sys.stderr.write(said)
        return out or ""

    def _explain(self, args: Sequence[str], status: int, said: str) -> str:
        cure = next((cure for text, cure in _CURES if text in said), "see what it says")
        return (
            f"{shlex.join(args)} failed (exit status {status}): {said or 'no message'}\n"
            f"psweep: {cure.format(host=self.host)}"
        )
