"""What a worker is doing: which pset it runs and since when, in memory that its parent reads."""

from __future__ import annotations

import contextlib
import multiprocessing
from pathlib import Path
from typing import Any, Final

from ..store.running_psets import IDLE, shared_clock

__all__ = ["Clock"]


class Clock:
    """Shared memory in which a worker says what it is doing: which pset it runs, and since when.

    Parameters
    ----------
    method : str
        How the worker starts.
    file : Path, optional
        Where others find it if all processes of the task are killed, see `running_psets`. None:
        nobody looks.
    slot : int, default 0
        Its place in the file.

    Attributes
    ----------
    data : array
        Since when, in s of `time.monotonic`, which is the same for all processes of a machine; and
        the position of the pset, or one of the two states below. `call` changes it when func is
        called and when it returns.
    """

    IDLE: Final = IDLE
    RETURNED: Final = -2.0  # func has returned, or raised, and its row is not written yet

    def __init__(self, method: str, file: Path | None = None, slot: int = 0) -> None:
        self._file, self._slot = file, slot
        self.data: Any = None
        if file is not None:
            with contextlib.suppress(OSError, ValueError):  # not all file systems can do this
                self.data = shared_clock(file, slot)
        if self.data is None:
            self._file = None
            context = multiprocessing.get_context(method)
            self.data = context.RawArray("d", 2)
        self.data[0], self.data[1] = 0.0, self.IDLE

    def __getstate__(self) -> Any:
        return self._file, self._slot, None if self._file is not None else self.data

    def __setstate__(self, state: Any) -> None:
        self._file, self._slot, self.data = state
        if self._file is not None:
            self.data = shared_clock(self._file, self._slot)

    def idle(self) -> None:
        """Be through with a pset."""
        self.data[1] = self.IDLE

    def state(self) -> float:
        """Return the position of the pset that runs, or IDLE or RETURNED."""
        state: float = self.data[1]
        return state

    def read(self) -> tuple[float, int | None]:
        """Return since when a pset runs, as `time.monotonic`, and its position; None: none does."""
        position = self.data[1]
        since = self.data[0]
        if position < 0 or position != self.data[1]:
            return 0.0, None
        return since, int(position)
