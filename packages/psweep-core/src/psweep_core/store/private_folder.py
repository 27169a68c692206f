"""The folder in ``calc_dir`` that only psweep reads: made, and tried before anything runs."""

from __future__ import annotations

import contextlib
import tempfile

from ..errors import CalcDirError
from .locks import LockRefusedError, try_lock
from .paths import Layout
from .regular import is_read_only

__all__ = ["make_private_folder"]


def make_private_folder(layout: Layout) -> None:
    """Make the folder, and raise where a study cannot be kept, with what to do about it."""
    try:
        layout.private.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=layout.private) as file:  # it can be written to
            try_lock(file.fileno())
        # not to be committed; "x" does not follow a link
        with contextlib.suppress(FileExistsError), open(layout.gitignore, "x") as file:
            file.write("*\n")
    except OSError as error:
        blocked = next(p for p in (layout.private, *layout.private.parents) if p.exists())
        if isinstance(error, LockRefusedError):
            why = (
                f"the file system of {blocked} does not support file locks ({error}), which "
                "psweep needs to keep runs apart; use another one, or mount it with locking enabled"
            )
        elif not blocked.is_dir():
            why = f"{blocked} is a file"
        elif is_read_only(error):
            why = f"{blocked} cannot be written to"
        else:
            why = str(error)
        message = f"calc_dir={layout.name!r}: {why}; name another folder"
        raise CalcDirError(error.errno, message) from error
