"""A progress bar, where someone is there to see it."""

from __future__ import annotations

import sys
import warnings
from typing import Any

__all__ = ["Progress"]

_PATIENCE_SECONDS = 1.0


class Progress:
    """Show how many psets are done.

    Parameters
    ----------
    total : int
        How many there are to run.
    wanted : bool or None
        None: only in a terminal or a notebook, and only once a second has gone by.
    """

    def __init__(self, total: int, wanted: bool | None) -> None:
        self._bar: Any = None
        if wanted or (wanted is None and total and _someone_looks()):
            with warnings.catch_warnings():
                # in a notebook without ipywidgets it shows the text bar, which is all right
                warnings.simplefilter("ignore")
                from tqdm.auto import tqdm

            delay = 0.0 if wanted else _PATIENCE_SECONDS
            self._bar = tqdm(total=total, unit="pset", delay=delay)

    def add(self, n: int) -> None:
        """Count n more as done."""
        if self._bar is not None:
            self._bar.update(n)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()


def _someone_looks() -> bool:
    if sys.stderr is not None and sys.stderr.isatty():
        return True
    shell = sys.modules.get("IPython")
    found = shell.get_ipython() if shell else None
    return "IPKernelApp" in getattr(found, "config", {})
