"""The signals that a scheduler sends to a batch job; see `running.task_stop`."""

from __future__ import annotations

import os

__all__ = ["ENDINGS", "WARNINGS"]

# Before the job has to end, and when it has to. Grid Engine sends SIGUSR2 with -notify.
WARNINGS = ("SIGUSR1",) if "SGE_TASK_ID" in os.environ else ("SIGUSR1", "SIGUSR2")
ENDINGS = tuple({"SIGTERM", "SIGHUP", "SIGXCPU", "SIGUSR2"} - {*WARNINGS})
