"""Replace the database on another machine, unless it has changed since it was compared."""

from __future__ import annotations

import contextlib
import secrets
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from psweep_core.plumbing import RUNS

from .errors import TransferError
from .remote_study import RemoteStudy
from .schedulers import shell_text

__all__ = ["TRANSFERS", "RemoteDatabase"]

TRANSFERS: Final = ".transfer_*"  # folders for the files of one transfer each
_PATIENCE = 600  # tries to get the lock of the study there, 0.1 s apart


class RemoteDatabase:
    """The database of a study on another machine, as it is now, and its table of runs.

    Parameters
    ----------
    remote : RemoteStudy
    name : str
        Of the database.
    is_one_of_several : bool
        The study has others.

    Attributes
    ----------
    folder : str
        For the files of this transfer, in the study there.
    """

    def __init__(self, remote: RemoteStudy, name: str, *, is_one_of_several: bool) -> None:
        self._remote = remote
        self._name = name
        self._several = "yes" if is_one_of_several else ""
        self.folder = TRANSFERS.replace("*", secrets.token_hex(8))
        self._exists = False
        self._is_over = False

    @contextlib.contextmanager
    def kept(self) -> Iterator[Path | None]:
        """Keep it until the end of the transfer, and copy it here; None if there is none."""
        try:
            self._run_scripts("keep_database")
            with self._remote.fetched_file(f"{self.folder}/old/{self._name}") as theirs:
                self._exists = theirs is not None
                yield theirs
        finally:
            if not self._is_over:
                with contextlib.suppress(TransferError):  # such as that of a broken connection
                    self._run_scripts("end_transfer")

    def replace(self, options: Sequence[str], ours: Path | None = None) -> None:
        """Replace it by the one here.

        Parameters
        ----------
        options : sequence of str
            For rsync.
        ours : Path, optional
            A file of this name with what belongs there. None: the database here.

        Raises
        ------
        TransferError
            It has changed meanwhile, or somebody has the lock of the study there.
        """
        remote = self._remote
        if self._exists:
            options = ["--copy-dest=old", *options]  # only what differs is sent
        path = f"{remote.address}/{self._name}"
        self._send(ours or remote.folder / self._name, options)
        said = self._run_scripts("study_lock", "replace_database")
        self._is_over = True
        if "changed" in said:
            message = (
                f"{path} has changed since it was compared, and was left as it is; "
                f"run `psweep-pull {remote.host}` first"
            )
            raise TransferError(message)
        if "locked" in said:
            raise TransferError(self._locked(self._name))

    def add_runs(self, options: Sequence[str]) -> None:
        """Add the runs that only the table here has to the one there; `options` are for rsync.

        Raises
        ------
        TransferError
            Somebody has the lock of the study there.
        """
        self._send(self._remote.folder / RUNS, options)
        if self._run_scripts("study_lock", "add_runs"):
            raise TransferError(self._locked(RUNS))

    def _send(self, ours: Path, options: Sequence[str]) -> None:
        """Copy a file into the folder for this transfer."""
        target = f"{self._remote.address}/{self.folder}/"
        # -L: the file, where there is a link to it
        self._remote.rsync(["-a", "-s", "-L", *options], f"{ours}", target)

    def _locked(self, name: str) -> str:
        return (
            f"{self._remote.address}/{name} was left as it is: a run there keeps the study locked; "
            "repeat this"
        )

    def _run_scripts(self, *names: str) -> list[str]:
        """Run files of ``shell`` there, as one script; return the lines that they print."""
        words = {"calc": self._remote.path, "name": self._name, "folder": self.folder}
        words["several"] = self._several
        settings = [f"ps_{word}={shlex.quote(text)}" for word, text in words.items()]
        settings.append(f"ps_patience={_PATIENCE}")
        return self._remote.run("\n".join([*settings, *map(shell_text, names)]))
