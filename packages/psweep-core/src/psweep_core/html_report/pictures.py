"""Small pictures of results: of arrays of numbers, and PNG and JPEG files.

A file is what func returned as bytes, or one in the folder of its pset that it returned the name
of.
"""

from __future__ import annotations

import base64
import math
from pathlib import Path, PurePath
from typing import Any, Final

import numpy as np

__all__ = ["Pictures"]

_MAX_NUMBERS: Final = 150_000  # of all pictures of a page
_MAX_BYTES: Final = 1_500_000
_MAX_FILE: Final = 100_000
_MAX_NAME: Final = 1_000
_SUFFIXES: Final = (".png", ".jpg", ".jpeg")
_POINTS: Final = 60  # of a line
_SIDE: Final = 24  # squares along each side of a picture
_FILES: Final = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}


class Pictures:
    """Makes pictures until a page has enough of them.

    Parameters
    ----------
    n_rows : int
        Of the page; with many rows the pictures of arrays are coarser.
    """

    def __init__(self, n_rows: int) -> None:
        self._numbers = _MAX_NUMBERS
        self._bytes = _MAX_BYTES
        share = _MAX_NUMBERS // (2 * max(1, n_rows))
        self._points = max(16, min(_POINTS, share))
        self._side = max(4, min(_SIDE, math.isqrt(share)))

    def of(self, value: Any, folder: Path | None = None) -> dict[str, Any] | None:
        """Return a picture of a value, None if there is none.

        Parameters
        ----------
        value : object
        folder : Path or None
            Of the pset.
        """
        if isinstance(value, bytes):
            return self._file(value)
        if isinstance(value, str):
            is_name = value.lower().endswith(_SUFFIXES) and len(value) < _MAX_NAME
            return self._file(_read(value, folder)) if is_name and folder is not None else None
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "iuf" or value.size < 3:
            return None
        if value.ndim == 1:
            numbers = value[_some(len(value), self._points)][None, :]
        elif value.ndim == 2 and min(value.shape) > 1:
            rows, columns = (_some(n, self._side) for n in value.shape)
            numbers = value[np.ix_(rows, columns)]
        else:
            return None
        if numbers.size > self._numbers:
            return None
        self._numbers -= numbers.size
        floats = numbers.ravel().astype(np.float64).tolist()
        shown = [float(f"{v:.3g}") if math.isfinite(v) else None for v in floats]
        return (
            {"shape": [*numbers.shape], "values": shown}
            if any(v is not None for v in shown)
            else None
        )

    def _file(self, value: bytes) -> dict[str, Any] | None:
        kind = next((kind for magic, kind in _FILES.items() if value.startswith(magic)), None)
        if kind is None or len(value) > min(_MAX_FILE, self._bytes):
            return None
        self._bytes -= len(value)
        return {"src": f"data:image/{kind};base64,{base64.b64encode(value).decode()}"}


def _read(name: str, folder: Path) -> bytes:
    """Read a file that is in a folder; a database may come from a stranger, who names others."""
    path = folder / PurePath(name.replace("\\", "/")).name
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MAX_FILE:
            return b""
        return path.read_bytes()
    except (OSError, ValueError):
        return b""


def _some(n: int, most: int) -> Any:
    """Choose up to this many places, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))
