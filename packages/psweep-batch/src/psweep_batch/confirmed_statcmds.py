"""Which statcmds may run: they are code, and a study may come from somebody else."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["confirm_statcmd", "confirmed_statcmds"]


def confirmed_statcmds() -> set[str]:
    """Read which commands this user has given to `prep_batch`, or confirmed, on this machine."""
    try:
        return set(_confirmed_path().read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError):
        return set()


def confirm_statcmd(command: str) -> None:
    """Store a command as confirmed; if that fails, the user is asked again."""
    if command not in confirmed_statcmds():
        with contextlib.suppress(OSError):
            path = _confirmed_path()
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "a", encoding="utf-8") as file:
                file.write(command + "\n")


def _confirmed_path() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "psweep" / "statcmds"
