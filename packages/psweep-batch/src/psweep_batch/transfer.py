"""Copy a study to another machine and back: rsync over ssh."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from psweep import df_read
from psweep_core.plumbing import (
    PRIVATE,
    RUNS,
    RUNTIME,
    Study,
    append_frame,
    merge_runs,
    replacing,
    spools_of,
    temporary_name,
)

from .errors import TransferError
from .jobs import last_attempt
from .machines import INFO, Machine
from .queue import Queue, script_for_there, snapshot_path
from .verdicts import Judge, Queues, machine_of

__all__ = ["pull", "push"]

_SUFFIXES = (".pk", ".pkl", ".pickle", ".json", ".parquet")
_MARK = "psweep-answer"
# Messages of rsync and ssh, and what to do about them
_FILE_ERROR = 11  # exit statuses of rsync, see EXIT VALUES in its manual
_VANISHED = 24
_SOCKET_LENGTH = 80  # of the 104 that a path of a socket may have; ssh adds to it
_CURES = (
    ("Could not resolve hostname", "is the name right? try: ssh {host}"),
    ("Permission denied (", "ssh does not get in; try: ssh {host}"),
    ("is your shell clean", "a file such as ~/.bashrc on {host} prints something; keep it quiet"),
    ("Host key verification failed", "log in once by hand to accept its key: ssh {host}"),
    ("Connection refused", "no sshd answers there; try: ssh {host}"),
    ("Connection timed out", "it does not answer; try: ssh {host}"),
    ("rsync: command not found", "install rsync on {host}"),
    ("rsync: not found", "install rsync on {host}"),
    ("rsync: Command not found", "install rsync on {host}"),
    ("Unknown command: rsync", "install rsync on {host}"),
    (
        "openrsync",
        "Apple's rsync lacks options; install another: brew install rsync",
    ),
    ("nrecognized option", "this rsync is too old, as Apple's is; install one: brew install rsync"),
    ("unknown option", "this rsync is too old, as Apple's is; install one: brew install rsync"),
    ("No space left on device", "the disk is full: make room, then repeat this"),
    ("Disk quota exceeded", "the quota is used up: make room, then repeat this"),
    ("Read-only file system", "it cannot be written to there"),
    ("Permission denied", "see who owns these files"),
    ("No such file or directory", "is there a study at that place?"),
    ("parameter not set", "this variable is not set in a login shell on {host}"),
)


def push(host: str, calc_dir: str, *, dry_run: bool, options: Sequence[str]) -> None:
    """Copy a study to another machine.

    Parameters
    ----------
    host : str
        As ssh knows it; or ``HOST:PATH``, with the folder there that holds `calc_dir`.
    calc_dir : str
    dry_run : bool
        Only show what would be copied.
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
    with place:
        if not dry_run:
            name = Study.of_folder(place.folder).layout.basename
            with place.their_file(name) as theirs:
                if theirs and _lacks(_read(place.folder / name), _read(theirs)):
                    message = (
                        f"{place.there} contains psets that {place.folder / name} lacks; "
                        f"run `psweep-pull {host}` first"
                    )
                    raise TransferError(message)
            # What other machines have added to the table of runs is not to be replaced.
            place.merge_runs()
            place.make_there()
        skip = ["--exclude-from=excl_push"] if os.path.exists("excl_push") else []
        skip.append(f"--exclude=/{PRIVATE}/batch/*/*.journal")
        layout = Study.of_folder(place.folder).layout
        for spool in [] if dry_run else spools_of(layout):
            spool.note_pushed()  # from here on, others may submit its chunks there
        how = _how(dry_run, bool(layout.spools()))
        place.rsync([*how, *skip, *options], f"{place.folder}/", f"{place.there}/")


def pull(host: str, calc_dir: str, *, dry_run: bool, options: Sequence[str]) -> None:
    """Copy a study back from another machine, with the state of its queue.

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
    with _Place(host, calc_dir) as place:
        name = place.database_name()
        queue = None
        if not dry_run:
            place.folder.mkdir(parents=True, exist_ok=True)
            # First the queue: a job that ends in between has then noted it in what is copied.
            queue = _ask_queue(place)
        skip = ["--exclude-from=excl_pull"] if os.path.exists("excl_pull") else []
        skip += [f"--exclude=/{name}", f"--exclude=/{RUNS}"]
        place.rsync(
            [*_how(dry_run, spools=True), *skip, *options], f"{place.there}/", f"{place.folder}/"
        )
        if dry_run:
            return
        # Not before the notes are here: with older ones, jobs that have ended would look lost.
        if queue is not None:
            _keep_queue(place, *queue)
        with place.their_file(name) as theirs:
            if theirs is not None:
                _take_database(place, name, theirs)
        place.merge_runs()


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
                f"psweep-pull: {len(new)} psets of {place.there}/{name} were not merged into "
                f"{ours}: the study was extended on both machines, so their numbers (_pset_seq "
                f"{min(same)} ...) are already taken here. Their folders were copied; to have one "
                "database, remove them on one machine and prepare them again on the other",
                file=sys.stderr,
            )
            return
        study.write_database(append_frame(here, new))
        print(f"psweep-pull: {len(new)} psets of {place.there} were added to {ours}")


def _lacks(here: pd.DataFrame, there: pd.DataFrame) -> set[str]:
    """Return the psets of the database there that the one here lacks."""
    ids = [set(df["_pset_id"]) if len(df) else set() for df in (here, there)]
    return ids[1] - ids[0]


def _loses(here: pd.DataFrame, there: pd.DataFrame) -> bool:
    """Return whether the database here has rows, columns or results that the one there lacks."""
    if not len(here):
        return False
    return (
        bool(_lacks(there, here))
        or not set(here.columns) <= set(there.columns)
        or int(there[RUNTIME].notna().sum()) < int(here[RUNTIME].notna().sum())
    )


def _read(database: Path) -> pd.DataFrame:
    return df_read(database) if database.exists() else pd.DataFrame()


def _ask_queue(place: _Place) -> tuple[Machine, Queue] | None:
    """Ask the scheduler there."""
    machine = place.machine
    if machine is None:
        machines = [machine for machine in _machines(place.folder) if machine.query]
        if machines:
            names = ", ".join(machine.name for machine in machines)
            print(
                f"psweep-pull: which of the machines {names} is {place.called}? Name its folder of "
                "templates like the host, so that its queue can be asked",
                file=sys.stderr,
            )
        return None
    if machine.query is None:
        return None
    try:
        return machine, Queue.ask(machine, place.path, place.ssh)
    except OSError as error:
        hint = ""
        if "there is no" in f"{error}" and not machine.login_shell:
            hint = f"; if it is there after a login, write 'login_shell: true' into {INFO}"
        print(f"psweep-pull: the queue on {place.host}: {error}{hint}", file=sys.stderr)
        return None


def _keep_queue(place: _Place, machine: Machine, queue: Queue) -> None:
    """Keep what the scheduler there says, for psweep-status and others."""
    path = snapshot_path(place.folder, machine.name)
    queue.save(path)
    if machine.account is None:
        return
    # What it says of jobs that it does not show and that have not noted their end
    queues = Queues(place.folder)
    study = Study.of_folder(place.folder)
    judge = Judge(place.folder, queues)
    for pset_id in study.known()["_pset_id"].tolist() if study.exists() else ():
        folder = place.folder / pset_id
        try:
            attempt = last_attempt(folder, set(os.listdir(folder)), machine.name)
        except OSError:
            continue
        if attempt is not None and (attempt.exit_code is None or attempt.killed):
            judge(attempt, None)
    for answered in queues.ask_accounts(place.ssh):
        answered.save(path)


def _machines(folder: Path) -> list[Machine]:
    names = [path.stem.removeprefix("info_") for path in sorted(folder.glob("info_*.yaml"))]
    return [machine_of(folder, name) for name in names]


def _how(dry_run: bool, spools: bool) -> list[str]:
    # -s: names go as they are, through no shell; -u: what is newer at the target stays
    # Locks and journals are of one machine; what tasks run, and who has it, is of all.
    batch = f"/{PRIVATE}/batch"
    how = ["-a", "-u", "-s"]
    if spools:
        how += [f"--include=/{PRIVATE}/", f"--include={batch}/", f"--exclude={batch}/*/.*"]
        how.append(f"--exclude=/{PRIVATE}/*")
    else:
        how.append(f"--exclude=/{PRIVATE}")
    how.append("--exclude=" + temporary_name("*", "[0-9]*"))  # files that are just being written
    if dry_run:
        how.append("-n")
    if dry_run or not sys.stdout.isatty():
        return [*how, "-v"]
    return [*how, "--info=progress2", "--human-readable"]


class _Place:
    """A study here, and where it is on another machine; one ssh connection for all."""

    def __init__(self, host: str, calc_dir: str) -> None:
        host, colon, path = host.partition(":")
        if not host or host.startswith("-") or any(c in host for c in "/ ") or (colon and not path):
            message = (
                "HOST must be a machine that ssh knows, as cluster or me@cluster, or HOST:PATH, "
                f"not {host + colon + path!r}"
            )
            raise TransferError(message)
        self.host = host
        self.called = host.rpartition("@")[2]
        self.folder = Path(os.path.abspath(calc_dir))
        self.machine = self._machine()
        self._sockets: tempfile.TemporaryDirectory[str] | None = None
        self._options: list[str] = []
        path = path or (self.machine.remote_dir if self.machine else None) or ""
        if path:
            path = path.rstrip("/") or "/"
            if os.path.basename(path) != self.folder.name:
                path = f"{path.rstrip('/')}/{self.folder.name}"
            path = path.removeprefix("~/")
        self.path = path or self._below_home()

    def _below_home(self) -> str:
        own = Path.home()
        for home, folder in ((own, self.folder), (own.resolve(), self.folder.resolve())):
            if folder.is_relative_to(home) and folder != home:
                return folder.relative_to(home).as_posix()
        message = (
            f"{self.folder} is not below your home {Path.home()}, so there is no same place on "
            f"{self.host}; name the place, as in {self.host}:PATH, or write 'remote_dir: PATH' "
            f"into the {INFO} of that machine"
        )
        raise TransferError(message)

    def _machine(self) -> Machine | None:
        """Find the machine of the study that is this host."""
        machines = _machines(self.folder)
        named = [machine for machine in machines if machine.name == self.called]
        asked = [machine for machine in machines if machine.query or machine.remote_dir]
        return named[0] if named else asked[0] if len(asked) == 1 else None

    def __enter__(self) -> _Place:
        try:
            self._connect()
            if "$" in self.path:
                self.path = self._expanded(self.path)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._options:
            args = ["ssh", *self._options, "-O", "exit", "--", self.host]
            subprocess.run(args, capture_output=True, check=False)
            self._options = []
        if self._sockets is not None:
            self._sockets.cleanup()

    def _connect(self) -> None:
        """Open a connection that all calls share: there may be a one-time password to type."""
        if os.name != "posix" or shutil.which("ssh") is None:
            return
        config = subprocess.run(
            ["ssh", "-G", "--", self.host], capture_output=True, text=True, check=False
        ).stdout
        if re.search(r"^controlpath (?!none)", config, re.MULTILINE | re.IGNORECASE):
            return  # the user has it set up so
        self._sockets = tempfile.TemporaryDirectory(prefix="psweep_")
        socket = f"{self._sockets.name}/s"
        if len(socket) > _SOCKET_LENGTH:
            return
        options = ["-o", f"ControlPath={socket}"]
        master = [
            "ssh",
            *options,
            "-o",
            "ControlMaster=yes",
            "-o",
            "ControlPersist=yes",
            "-N",
            "-f",
        ]
        # Not by pipes: it stays in the background and would keep them open.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [*master, "--", self.host],
                stdin=None if sys.stdin and sys.stdin.isatty() else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                check=False,
            )
            said.seek(0)
            text = said.read().decode("utf-8", "replace").strip()
        if os.path.exists(socket):
            self._options = options
        elif done.returncode and any(cure[0] in text for cure in _CURES):
            raise TransferError(self._explain([*master, self.host], done.returncode, text))

    @property
    def there(self) -> str:
        """The place, as rsync wants it."""
        return f"{self.host}:{self.path}"

    @property
    def ssh(self) -> list[str]:
        """The command that runs another there."""
        return ["ssh", *self._options, "--", self.host]

    def database_name(self) -> str:
        """Find out how the database is called: here, or there if there is none here."""
        if Study.of_folder(self.folder).exists():
            return Study.of_folder(self.folder).layout.basename
        path = shlex.quote(f"{self.path}/{PRIVATE}")
        said = self._ask(f"ls -1 {path} 2>/dev/null || true")
        names = [name for name in said if Path(name).suffix in _SUFFIXES]
        return names[0] if len(names) == 1 else "database.pk"

    def _expanded(self, path: str) -> str:
        """Put in what variables such as $SCRATCH are there."""
        words = re.split(r"(\$\w+|\$\{\w+\})", path)
        for i, word in enumerate(words):
            name = re.sub(r"[${}]", "", word)
            words[i] = f'"${{{name}?}}"' if i % 2 else shlex.quote(word) if word else ""
        said = self._ask(f"set -u; printf '%s\\n' {''.join(words)}", login_shell=True)
        return said[-1] if said else path

    def _ask(self, command: str, login_shell: bool = False) -> list[str]:
        # A shell there may greet before it does what it is told.
        script = script_for_there(f"echo {_MARK}; {command}", login_shell)
        said = self._call([*self.ssh, "sh"], quiet=True, script=script)
        return said.partition(f"{_MARK}\n")[2].splitlines()

    def make_there(self) -> None:
        """Create the folder on the other machine."""
        script = script_for_there(f"mkdir -p -- {shlex.quote(self.path)}", login_shell=False)
        self._call([*self.ssh, "sh"], script=script)

    @contextlib.contextmanager
    def their_file(self, name: str) -> Iterator[Path | None]:
        """Copy a file of theirs to where it can be looked at; None if there is none."""
        path = f"{self.path}/{name}"
        if not self._ask(f"test ! -e {shlex.quote(path)} || echo yes"):
            yield None
            return
        with tempfile.TemporaryDirectory(prefix="psweep_") as folder:
            args = ["-a", "-s", *self._by_ssh(), "--", f"{self.host}:{path}", f"{folder}/"]
            self._call(["rsync", *args])
            yield Path(folder, name)

    def merge_runs(self) -> None:
        """Add to the table of runs here those that are only in the one there."""
        with self.their_file(RUNS) as theirs:
            if theirs is not None:
                study = Study.of_folder(self.folder)
                with study.locked():
                    merge_runs(study.layout.runs, theirs)

    def rsync(self, options: Sequence[str], source: str, target: str) -> None:
        """Copy a folder."""
        # Running jobs create and rename files: a file that vanished is not an error.
        args = ["rsync", *self._by_ssh(), *options, "--", source, target]
        self._call(args, fine=(0, _VANISHED))

    def _by_ssh(self) -> list[str]:
        return ["-e", shlex.join(["ssh", *self._options])] if self._options else []

    def _call(
        self,
        args: Sequence[str],
        quiet: bool = False,
        fine: Sequence[int] = (0,),
        script: str | None = None,
    ) -> str:
        stdin = None if sys.stdin and sys.stdin.isatty() else subprocess.DEVNULL
        try:
            process = subprocess.Popen(
                args,
                stdin=stdin if script is None else subprocess.PIPE,
                stdout=subprocess.PIPE if quiet else None,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        except FileNotFoundError:
            message = f"there is no {args[0]} here; install it"
            raise TransferError(message) from None
        out, said = process.communicate(script)
        if process.returncode not in fine:
            raise TransferError(self._explain(args, process.returncode, said.strip()))
        sys.stderr.write(said)
        return out or ""

    def _explain(self, args: Sequence[str], status: int, said: str) -> str:
        if not said and args[0] == "rsync" and status == _FILE_ERROR:
            # The receiver's message can get lost when it exits.
            said = "error in file I/O; most often: No space left on device"
        cure = next((cure for text, cure in _CURES if text in said), "see what it says")
        return (
            f"{shlex.join(args)} failed (exit status {status}): {said or 'no message'}\n"
            f"psweep: {cure.format(host=self.host)}"
        )
