"""The results of a study that its report has means and plots of: numbers that vary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from ..table.bookkeeping import RUNTIME
from ..table.frames import groups
from ..table.importance import spans_decades
from ..table.stats import numbers_of

__all__ = ["Result", "choose_results", "count_numeric", "is_better_lower"]

Array = np.ndarray[Any, Any]

_MAX_RESULTS: Final = 12
_MAX_ROWS_OF_ALL: Final = 600_000  # rows times results; with more rows, fewer results
# A result with such a word in its name is better if it is lower, unless the user says otherwise.
_LOWER_WORDS: Final = {
    "loss", "err", "error", "errors", "cost", "time", "runtime", "seconds", "rmse", "mse", "mae",
    "residual", "residuals", "latency", "memory", "energy", "size", "bytes", "steps", "iterations",
    "iter", "niter", "epochs", "s", "ms", "deviation", "variance",
}  # fmt: skip


class Result(NamedTuple):
    """One result, in all rows of a study."""

    name: Any
    values: Array  # NaN where a row has none
    scaled: Array  # these, or their logarithms where they span decades
    good: Array  # numbers of the rows that have one
    lost: Array  # and of those that ran without giving one
    log: bool
    gaps: int  # rows that succeeded without it
    noise: Array  # of the rows that have one: squares whose means are the variance within repeats
    digits: int  # of means; seven of those that differ


def choose_results(
    df: pd.DataFrame, factors: Sequence[Any], combos: Array, good: Array, tried: Array
) -> list[Result]:
    """Choose the results that vary; those that say most come first.

    Parameters
    ----------
    df : DataFrame
        The study.
    factors : sequence of Factor
        The parameters that vary.
    combos : array of int
        For each row, the number of its combination of parameters, without repeats.
    good, tried : array of bool
        Rows that succeeded, and those that ran at all.
    """
    if not len(df):
        return []
    n_good = int(good.sum())
    found = []
    for place, (name, values) in enumerate(_numeric(df)):
        rows = np.flatnonzero(good & np.isfinite(values))
        some = values[rows]
        if len(some) < 2 or some.min() == some.max():
            continue
        log = spans_decades(some)
        if np.abs(some).max() > (1e300 if log else 1e150):  # sums of these, or squares, overflow
            continue
        scaled = values
        if log:
            scaled = np.full(len(values), np.nan)
            scaled[rows] = np.log10(some)
        two = bool(((some == 0) | (some == 1)).all())  # such as whether it has converged
        follows = _follows(scaled[rows], rows, factors)
        key = (name == RUNTIME, len(rows) < n_good, two, follows, place)
        lost = np.flatnonzero(tried & ~(good & np.isfinite(values)))
        gaps = n_good - len(rows)
        digits = _digits(scaled[rows])
        found.append((key, Result(name, values, scaled, rows, lost, log, gaps, rows, digits)))
    found.sort(key=lambda item: item[0])
    most = max(2, min(_MAX_RESULTS, _MAX_ROWS_OF_ALL // len(df)))
    return [
        result._replace(noise=_noise(result.scaled[result.good], combos[result.good]))
        for _, result in found[:most]
    ]


def count_numeric(df: pd.DataFrame) -> int:
    """Return how many results are numbers."""
    return len(_numeric(df)) if len(df) else 0


def is_better_lower(name: Any) -> bool:
    """Guess from the name of a result whether lower values are better."""
    words = "".join(c.lower() if c.isalnum() else " " for c in str(name)).split()
    return not _LOWER_WORDS.isdisjoint(words)


def _numeric(df: pd.DataFrame) -> list[tuple[Any, Array]]:
    names = [*groups(df)[2], *([RUNTIME] if RUNTIME in df.columns else [])]
    found = []
    for name in dict.fromkeys(names):
        values = numbers_of(df[name])
        if values is not None and values.dtype.kind != "c":
            found.append((name, values))
    return found


def _noise(values: Array, combos: Array) -> Array:
    """Return squares whose means are the variance within repeats; NaN where there is only one."""
    n = np.bincount(combos)
    means = np.bincount(combos, weights=values) / np.maximum(n, 1)
    of_row = n[combos].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(of_row > 1, (values - means[combos]) ** 2 * of_row / (of_row - 1), np.nan)


def _follows(values: Array, rows: Array, factors: Sequence[Any]) -> bool:
    """Return whether one of several parameters alone decides on a result."""
    if len(factors) < 2:
        return False
    spread = np.var(values)
    for factor in factors:
        codes = factor.codes[rows]
        n = int(codes.max()) + 1
        if 2 * n > len(rows):
            continue
        counts = np.maximum(np.bincount(codes, minlength=n), 1)
        means = np.bincount(codes, weights=values, minlength=n) / counts
        if np.mean((values - means[codes]) ** 2) <= 1e-20 * spread:
            return True
    return False


def _digits(values: Array) -> int:
    """Return how many digits numbers need so that seven of those that differ are left."""
    ratio = np.abs(values).max() / (values.max() - values.min())
    return min(17, 7 + max(0, math.ceil(math.log10(ratio))))
