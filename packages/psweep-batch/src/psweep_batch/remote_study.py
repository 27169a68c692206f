"""A study on another machine: where it is, what is there, and how files get there and back."""

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

from psweep_core.plumbing import (
    PRIVATE,
    REMOVED,
    RUNS,
    SUFFIXES,
    Study,
    databases_in,
    folder_of,
    merge_runs,
)

from .errors import TransferError
from .machine import INFO, Machine
from .queue import remote_script
from .queues import machine_of

__all__ = ["RemoteStudy", "machines_of_study"]

_MARK = "psweep-answer"
# Messages of rsync and ssh, and what to do about them
_FILE_ERROR = 11  # exit statuses of rsync, see EXIT VALUES in its manual
_VANISHED = 24
_SOCKET_LENGTH = 80  # of the 104 that a path of a socket may have; ssh adds to it
_HINTS = (
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
    ("connection unexpectedly closed", "the connection broke: repeat this"),
)


class RemoteStudy:
    """A study here, and its copy on another machine; all calls share one ssh connection."""

    def __init__(self, host: str, calc_dir: str) -> None:
        host, colon, path = host.partition(":")
        if not host or host.startswith("-") or any(c in host for c in "/ ") or (colon and not path):
            message = (
                "HOST must be a machine that ssh knows, as cluster or me@cluster, or HOST:PATH, "
                f"not {host + colon + path!r}"
            )
            raise TransferError(message)
        self.host = host
        self.hostname = host.rpartition("@")[2]
        self.folder = Path(os.path.abspath(folder_of(calc_dir)))
        self.machine = self._machine()
        self._sockets: tempfile.TemporaryDirectory[str] | None = None
        self._options: list[str] = []
        path = path or (self.machine.remote_dir if self.machine else None) or ""
        if path:
            path = path.rstrip("/") or "/"
            if os.path.basename(path) != self.folder.name:
                path = f"{path.rstrip('/')}/{self.folder.name}"
            path = path.removeprefix("~/")
        self._is_named = bool(path)  # it may contain variables
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
        machines = machines_of_study(self.folder)
        named = [machine for machine in machines if machine.name == self.hostname]
        asked = [machine for machine in machines if machine.query or machine.remote_dir]
        return named[0] if named else asked[0] if len(asked) == 1 else None

    def __enter__(self) -> RemoteStudy:
        try:
            self._connect()
            place = self.path.removesuffix(self.folder.name)
            if self._is_named and "$" in place:
                self.path = f"{self._expanded(place)}{self.folder.name}"
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
        elif done.returncode and any(hint[0] in text for hint in _HINTS):
            raise TransferError(self._explain([*master, self.host], done.returncode, text))

    @property
    def address(self) -> str:
        """The folder of the study there, as rsync wants it."""
        return f"{self.host}:{self.path}"

    @property
    def ssh(self) -> list[str]:
        """The command that runs another there."""
        return ["ssh", *self._options, "--", self.host]

    def database_names(self) -> list[str]:
        """Find out how the databases are called: here, or there if there is none here."""
        names = databases_in(self.folder)
        if not names:
            path = shlex.quote(f"{self.path}/{PRIVATE}")
            said = self.run(f"ls -1 {path} 2>/dev/null || true")
            names = {name for name in said if Path(name).suffix in SUFFIXES}
        return sorted(names) or ["database.pk"]

    def spools(self) -> list[Path]:
        """Return where the spools that are there belong here."""
        path = f"{self.path}/{PRIVATE}/batch"
        return [self.folder / PRIVATE / "batch" / name for name in self._folders_in(path)]

    def removals(self) -> list[str]:
        """Return the names of the folders there with what `psweep-rm` has removed."""
        return self._folders_in(f"{self.path}/{REMOVED}")

    def _folders_in(self, path: str) -> list[str]:
        names = self.run(f"cd -- {shlex.quote(path)} 2>/dev/null && ls -d -- */ || true")
        return [name for name in (name.rstrip("/") for name in names) if "/" not in name]

    def _expanded(self, path: str) -> str:
        """Put in what variables such as $SCRATCH are there."""
        words = re.split(r"(\$\w+|\$\{\w+\})", path)
        for i, word in enumerate(words):
            name = re.sub(r"[${}]", "", word)
            words[i] = f'"${{{name}?}}"' if i % 2 else shlex.quote(word) if word else ""
        said = self.run(f"set -u; printf '%s\\n' {''.join(words)}", login_shell=True)
        return said[-1] if said else path

    def run(self, command: str, login_shell: bool = False) -> list[str]:
        """Run a shell command there, and return the lines that it prints."""
        # A shell may print a greeting first, so the answer begins after a mark.
        script = remote_script(f"echo {_MARK}; {command}", login_shell)
        said = self._call([*self.ssh, "sh"], quiet=True, script=script)
        return said.partition(f"{_MARK}\n")[2].splitlines()

    @contextlib.contextmanager
    def fetched_file(self, name: str) -> Iterator[Path | None]:
        """Copy a file from there into a temporary folder; None if there is none.

        Parameters
        ----------
        name : str
            Its path below the folder of the study.
        """
        path = f"{self.path}/{name}"
        if not self.run(f"test ! -e {shlex.quote(path)} || echo yes"):
            yield None
            return
        with tempfile.TemporaryDirectory(prefix="psweep_") as folder:
            args = ["-a", "-s", *self._by_ssh(), "--", f"{self.host}:{path}", f"{folder}/"]
            self._call(["rsync", *args])
            yield Path(folder, os.path.basename(name))

    def merge_runs(self, name: str) -> None:
        """Add to the table of runs here those that are only in the one there.

        Parameters
        ----------
        name : str
            A database of the study.
        """
        with self.fetched_file(RUNS) as theirs:
            if theirs is not None:
                study = Study(self.folder, name)
                with study.locked():
                    merge_runs(study.layout.runs, theirs)

    def rsync(self, options: Sequence[str], source: str, target: str) -> None:
        """Copy a folder."""
        # Running jobs create and rename files: a file that vanished is not an error.
        args = ["rsync", *self._by_ssh(), *options, "--", source, target]
        self._call(args, accepted=(0, _VANISHED))

    def _by_ssh(self) -> list[str]:
        return ["-e", shlex.join(["ssh", *self._options])] if self._options else []

    def _call(
        self,
        args: Sequence[str],
        quiet: bool = False,
        accepted: Sequence[int] = (0,),
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
        if process.returncode not in accepted:
            raise TransferError(self._explain(args, process.returncode, said.strip()))
        sys.stderr.write(said)
        return out or ""

    def _explain(self, args: Sequence[str], status: int, said: str) -> str:
        if not said and args[0] == "rsync" and status == _FILE_ERROR:
            # The receiver's message can get lost when it exits.
            said = "error in file I/O; most often: No space left on device"
        usual = "see what it says" if said else "was it killed, or the connection cut? repeat this"
        hint = next((hint for text, hint in _HINTS if text in said), usual)
        return (
            f"{shlex.join(args)} failed (exit status {status}): {said or 'no message'}\n"
            f"psweep: {hint.format(host=self.host)}"
        )


def machines_of_study(folder: Path) -> list[Machine]:
    """Return the machines that psets of a study were prepared for."""
    names = [path.stem.removeprefix("info_") for path in sorted(folder.glob("info_*.yaml"))]
    return [machine_of(folder, name) for name in names]
