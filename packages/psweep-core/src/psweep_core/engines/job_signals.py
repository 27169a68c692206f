"""The signals that a scheduler sends to a batch job; see `running.task_stop`."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from typing import Any

__all__ = ["ENDINGS", "WARNINGS", "on_signals"]

# Before the job has to end, and when it has to. Grid Engine sends SIGUSR2 with -notify.
WARNINGS = ("SIGUSR1",) if "SGE_TASK_ID" in os.environ else ("SIGUSR1", "SIGUSR2")
ENDINGS = tuple({"SIGTERM", "SIGHUP", "SIGXCPU", "SIGUSR2"} - {*WARNINGS})


def on_signals(names: Iterable[str], handler: Any) -> None:
    """Handle those of these signals that this system has; for the main thread."""
    for name in names:
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, handler)
