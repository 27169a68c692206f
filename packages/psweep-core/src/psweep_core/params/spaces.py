"""Sequences of numbers to vary a parameter over."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ParamsError

__all__ = ["intspace", "logspace"]


def logspace(
    start: float, stop: float, num: int = 50, offset: float = 0, **kwds: Any
) -> npt.NDArray[Any]:
    """Make numbers spaced evenly on a log scale, between bounds given as they are.

    Unlike `numpy.logspace`, which takes the exponents of the bounds.

    Parameters
    ----------
    start, stop : float
        The bounds; both are part of the result.
    num : int, default 50
        How many numbers.
    offset : float, default 0
        Added to the bounds before, and subtracted from the result after. Zero or
        negative bounds become possible, and a larger offset makes the spacing
        more even.
    **kwds
        For `numpy.geomspace`, such as ``endpoint`` or ``dtype``. ``base`` and ``log_func``, which
        were of older versions, are ignored: the numbers do not depend on them.

    Returns
    -------
    ndarray, shape (num,)
        The numbers, from `start` to `stop`.

    Raises
    ------
    ParamsError
        A bound plus `offset` is not above zero, so it has no logarithm, or a number is not
        finite.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.logspace(1, 100, 3).tolist()
    [1.0, 10.0, 100.0]
    >>> ps.logspace(0, 100, 5, offset=1).round(2).tolist()
    [0.0, 2.17, 9.05, 30.86, 100.0]
    """
    kwds.pop("base", None)
    kwds.pop("log_func", None)
    try:
        are_fine = all(map(math.isfinite, (start, stop, offset)))
    except (TypeError, ValueError):  # text, for example
        are_fine = False
    if not are_fine:
        message = f"logspace({start!r}, {stop!r}, offset={offset!r}): these must be finite numbers"
        raise ParamsError(message)
    low = min(start, stop) + offset
    if not low > 0:
        message = (
            f"logspace({start!r}, {stop!r}, offset={offset!r}): {low!r} has no logarithm; "
            f"take an offset above {-min(start, stop)!r}"
        )
        raise ParamsError(message)
    points = np.geomspace(start + offset, stop + offset, num, **kwds) - offset
    # Taking the offset off again leaves rounding errors on the bounds, which came exact.
    if len(points):
        points[0] = start
    if len(points) > 1 and kwds.get("endpoint", True):
        points[-1] = stop
    return points


def intspace(*args: Any, dtype: npt.DTypeLike = np.int64, **kwds: Any) -> npt.NDArray[Any]:
    """Make ints spaced evenly: `numpy.linspace`, rounded, each only once.

    Parameters
    ----------
    *args
        For `numpy.linspace`: ``start``, ``stop``, ``num``.
    dtype : dtype, default int64
        Of the result.
    **kwds
        Further keywords for `numpy.linspace`, such as ``endpoint``.

    Returns
    -------
    ndarray, shape (n,)
        The ints in rising order; n is at most ``num``.

    Raises
    ------
    ValueError, TypeError
        What `numpy.linspace` cannot make, such as a negative ``num``.
    ParamsError
        `dtype` cannot hold the numbers, such as 300 as an uint8, or NaN; or they are larger than
        2**53 and too close to each other for `numpy.linspace`, whose numbers are floats.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.intspace(0, 4, 10).tolist()
    [0, 1, 2, 3, 4]
    """
    floats = np.linspace(*args, **kwds)
    whole = np.unique(np.rint(floats))
    if len(whole) < np.size(floats) and 2.0**53 <= np.abs(whole[-1]) < np.inf:
        message = (
            f"intspace: floats cannot tell all ints from {whole[0]:.0f} to {whole[-1]:.0f} apart; "
            "use range, or numpy.arange"
        )
        raise ParamsError(message)
    with np.errstate(invalid="ignore"):
        found: npt.NDArray[Any] = whole.astype(dtype)
    if found.dtype.kind in "iu" and not np.array_equal(found, whole):
        message = f"intspace: {found.dtype} cannot hold all numbers from {whole[0]} to {whole[-1]}"
        raise ParamsError(message)
    return found
