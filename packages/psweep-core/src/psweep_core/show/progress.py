"""A progress bar, where someone is there to see it."""

from __future__ import annotations

import contextlib
import importlib
import math
import shutil
import sys
import warnings
from time import monotonic
from typing import Any

from ..messages import writable
from .tracebacks import cause_of
from .widths import shortened

__all__ = ["Progress", "in_notebook", "report_stream"]

_PATIENCE_SECONDS = 1.0
# from one look to the next
_TERMINAL_SECONDS = 0.1
_NOTEBOOK_SECONDS = 0.5  # which may be far away, and keeps all looks of a bar of plain text
_LOG_SECONDS = 60.0
_USUAL_WIDTH = 64  # characters of a bar without causes, if it is rather short
_MIN_CAUSE, _MAX_CAUSE = 14, 60
_NOTEBOOK_WIDTH = 100
# without the rate, for which a narrow terminal would have to shorten the bar
_NARROW_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
_LOG_LINE = "{n_fmt}/{total_fmt} psets [{elapsed}<{remaining}, {rate_fmt}{postfix}]"


class Progress:
    """Show how many psets are finished, how many of them failed, and the time left.

    In a terminal and in a notebook this is a bar. Elsewhere, in a log or a pipe, it is one plain
    line per minute and a final one, and only on request.

    Parameters
    ----------
    total : int
        How many there are to run.
    wanted : bool or None
        None: only in a terminal or a notebook, and only once a second has gone by.
    n_skipped : int, default 0
        How many further psets need not be run.
    """

    def __init__(self, total: int, wanted: bool | None, n_skipped: int = 0) -> None:
        self._total = total
        self._n = self._n_failed = 0
        self._n_skipped = n_skipped
        self._failure: object = None  # the latest
        self._start = monotonic()
        self._bar: Any = None
        self._stream = report_stream()
        self._is_log = not (in_notebook() or _is_terminal(self._stream))
        self._pause = _LOG_SECONDS if self._is_log else _TERMINAL_SECONDS
        if in_notebook():
            self._pause = _NOTEBOOK_SECONDS
        visible = wanted or (wanted is None and not self._is_log)
        if self._stream is None or not total or not visible:
            self._next_look = math.inf
        elif self._is_log:
            self._next_look = self._start + _LOG_SECONDS
        elif wanted:
            self._show()
        else:
            self._next_look = self._start + _PATIENCE_SECONDS

    @property
    def visible(self) -> bool:
        """Whether there is, or will be, something to see."""
        return self._next_look != math.inf

    def add(self, n: int, n_failed: int = 0, failure: object = None) -> None:
        """Count n more as finished, some of which failed; 0 only refreshes.

        `failure` is what ``_exc_txt`` has of one of those that failed.
        """
        self._n += n
        self._n_failed += n_failed
        if failure is not None:
            self._failure = failure
        if monotonic() >= self._next_look:
            self._show()

    def close(self) -> None:
        """Leave the bar as it is, or say in a line how it ended."""
        if self._bar is not None or (self._is_log and self.visible):
            self._show(last=True)
        self._next_look = math.inf

    def _show(self, last: bool = False) -> None:
        self._next_look = monotonic() + self._pause
        # At the end, the closing line says what failed, with all causes.
        why = "" if last or self._failure is None else f": {self._cause()}"
        # (The cause is last, because a narrow terminal cuts the line.)
        parts = [(self._n_skipped, "skipped"), (self._n_failed, f"failed{why}")]
        text = ", ".join(f"{n} {what}" for n, what in parts if n)
        # The terminal or the pipe may be gone, but the run should continue.
        with contextlib.suppress(OSError, ValueError):
            if self._is_log:
                print(self._log_line(text), file=self._stream, flush=True)
                return
            if self._bar is None:
                self._bar = _new_bar(self._total, self._start, self._stream)
            self._bar.n = self._n
            if not in_notebook():
                is_narrow = shutil.get_terminal_size().columns < _USUAL_WIDTH
                self._bar.bar_format = _NARROW_BAR if is_narrow else None
            self._bar.set_postfix_str(text, refresh=False)
            if last:
                self._bar.close()
            else:
                self._bar.refresh()

    def _cause(self) -> str:
        """Sum up the latest failure, in what is left of a line next to the bar."""
        room = _MAX_CAUSE
        if not self._is_log and not in_notebook():
            room = min(room, max(shutil.get_terminal_size().columns - _USUAL_WIDTH, _MIN_CAUSE))
        return writable(shortened(cause_of(self._failure), room), self._stream)

    def _log_line(self, text: str) -> str:
        from tqdm import tqdm

        line: str = tqdm.format_meter(
            self._n,
            self._total,
            monotonic() - self._start,
            unit="pset",
            postfix=text,
            bar_format=_LOG_LINE,
        )
        return line


def _new_bar(total: int, start: float, stream: Any) -> Any:
    # Here, since most runs are over before there is something to see.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in a notebook without ipywidgets
        from tqdm.auto import tqdm

    if in_notebook() and not _has_widgets():
        return _BarOfText(total, start)
    # tqdm's monitor is a thread, and pools fork: workers should not start from amid threads.
    kind = type("Bar", (tqdm,), {"monitor_interval": 0})
    delay = 1e-9  # so that it is first seen with what is known by now
    bar = kind(total=total, unit="pset", file=stream, dynamic_ncols=True, delay=delay)
    bar.start_t -= max(monotonic() - start, 2 * delay)
    return bar


def _has_widgets() -> bool:
    try:
        importlib.import_module("ipywidgets")
    except ImportError:
        return False
    return True


class _BarOfText:
    """A bar for notebooks without ipywidgets, with what is needed of tqdm's.

    It is in an output of its own. In the one of stdout it would be torn by what the psets print.
    """

    def __init__(self, total: int, start: float) -> None:
        self.n = 0
        self._total = total
        self._start = start
        self._postfix = ""
        self._handle: Any = None

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        """Set what follows the bar."""
        self._postfix = text
        if refresh:
            self.refresh()

    def refresh(self) -> None:
        """Show the bar as it is now."""
        from tqdm import tqdm

        line = tqdm.format_meter(
            self.n,
            self._total,
            monotonic() - self._start,
            ncols=_NOTEBOOK_WIDTH,
            unit="pset",
            postfix=self._postfix,
        )
        data = {"text/plain": line}
        if self._handle is None:
            # IPython is there: this is a notebook.
            self._handle = importlib.import_module("IPython.display").DisplayHandle()
            self._handle.display(data, raw=True)
        else:
            self._handle.update(data, raw=True)

    def close(self) -> None:
        """Show how it ended."""
        self.refresh()


def _is_terminal(stream: Any) -> bool:
    with contextlib.suppress(ValueError):  # it is closed
        return stream is not None and bool(stream.isatty())
    return False


def report_stream() -> Any:
    """Return where a run reports to: stderr; None if there is none."""
    # What a notebook shows of stderr looks like an error.
    return sys.stdout if in_notebook() else sys.stderr


def in_notebook() -> bool:
    """Return whether this is a Jupyter notebook."""
    shell = sys.modules.get("IPython")
    found = shell.get_ipython() if shell else None
    return "IPKernelApp" in getattr(found, "config", {})
