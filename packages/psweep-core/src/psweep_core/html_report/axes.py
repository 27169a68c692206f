"""The parameters of a study as axes of plots: their levels, and which of them each row has."""

from __future__ import annotations

import datetime
import math
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from ..show.plots import are_told_apart, binned, holds_bools, is_log_grid, number_labels
from ..table.cells import MISSING, cells
from ..table.factors import Factor
from ..table.levels import first_rows
from ..table.outcomes import good_rows, waiting_rows
from ..table.stats import numbers_of
from .cells import Column, short

__all__ = ["REPEATS", "Axis", "axes_of", "design"]

Array = np.ndarray[Any, Any]

# A parameter with such a name numbers repeats.
REPEATS: Final = ("seed", "rep", "repeat", "trial", "run")
_MAX_LEVELS: Final = 60  # numbers with more are put into bins
_BINS: Final = 16


# Texts that would look like other values.
_LIKE_OTHERS: Final = ("", "None", "nan", "inf", "True", "False")


class Axis(NamedTuple):
    """A parameter, or several that vary together, whose levels can be placed along an axis."""

    factor: Factor
    codes: Array  # level of each row
    places: list[float]  # of each level
    labels: list[str]
    is_number: bool
    is_log: bool
    is_binned: bool
    values: list[Any]  # of levels that are not numbers, as the page has them; else empty

    @property
    def repeats(self) -> bool:
        """Whether it only numbers repeats."""
        return _numbers_repeats(self.factor)

    def encoded(self) -> dict[str, Any]:
        """Return what the page needs of it."""
        return {
            "label": self.factor.label,
            "places": self.places,
            "labels": self.labels,
            "number": self.is_number,
            "log": self.is_log,
            "binned": self.is_binned,
            "repeats": self.repeats,
            "values": self.values,
        }


def _numbers_repeats(factor: Factor) -> bool:
    return all(isinstance(n, str) and n.lower() in REPEATS for n in factor.names)


def axes_of(df: pd.DataFrame, factors: list[Factor]) -> list[Axis | None]:
    """Make axes of parameters; None for one with too many values that are not numbers."""
    good = good_rows(df) if factors else np.zeros(0, dtype=bool)
    return [_axis(df[factor.names[0]], factor, good) for factor in factors]


def _axis(series: pd.Series[Any], factor: Factor, good: Array) -> Axis | None:
    numbers = numbers_of(series) if factor.values is not None else None
    if numbers is not None and not are_told_apart(numbers, factor.codes):
        numbers = None
    if numbers is not None and not holds_bools(series):
        values, codes = np.unique(numbers, return_inverse=True)
        if len(values) <= _MAX_LEVELS:
            codes = codes.reshape(-1)
            # a value that is a mistake, such as 0, fails, and has no place on a logarithmic axis
            log = is_log_grid(values[np.unique(codes[good])] if good.any() else values)
            labels = number_labels(values)
            return Axis(factor, codes, values.tolist(), labels, True, log, False, [])
        codes, middles, labels, log = binned(numbers, _BINS)
        return Axis(factor, codes, middles.tolist(), labels, True, log, True, [])
    n = int(factor.codes.max()) + 1
    if n > _MAX_LEVELS:
        return None
    found = cells(series.iloc[first_rows(factor.codes)])
    order = sorted(range(n), key=lambda i: _place(found[i]))
    rank = np.empty(n, dtype=np.int64)
    rank[order] = np.arange(n)
    levels = [found[i] for i in order]
    labels = [*map(_label, levels)]
    if len({*labels}) < n:  # such as 1 and "1"
        labels = [*map(short, levels)]
    codes, places = rank[factor.codes], [*map(float, range(n))]
    return Axis(factor, codes, places, labels, False, False, False, Column(levels).values)


def _place(value: Any) -> tuple[int, float]:
    """Numbers come first, in their order, then all else as it comes; False before True."""
    if isinstance(value, (bool, np.bool_, int, float, np.integer, np.floating)):
        number = float(value)
        return (0, number) if number == number else (1, 0.0)
    return (2, 0.0) if value is not MISSING else (3, 0.0)


def _label(value: Any) -> str:
    if value is MISSING:
        return "(missing)"
    if isinstance(value, datetime.date):
        text = value.isoformat()
    elif isinstance(value, str):
        text = repr(value) if value in _LIKE_OTHERS else value
    else:
        text = f"{value:g}" if isinstance(value, (float, np.floating)) else short(value)
    return text if len(text) <= 60 else text[:59] + "…"


def design(df: pd.DataFrame, factors: list[Factor]) -> dict[str, Any]:
    """Sum up which psets a study has: values of each parameter, and repeats."""
    axes = [(f, _numbers_repeats(f)) for f in factors]
    values = [int(f.codes.max()) + 1 for f, rep in axes if not rep]
    sizes = [(f.label, int(f.codes.max()) + 1) for f, rep in axes if rep]
    grid = math.prod([*map(float, values), *(float(n) for _, n in sizes)])
    return {
        "values": values,
        "names": [f.label for f, rep in axes if not rep],
        "repeats": sizes,
        "different": int(df["_pset_hash"].nunique()) if len(df) else 0,
        "grid": grid if grid < 1e15 else None,
        "waiting": int(waiting_rows(df).sum()) if len(df) else 0,
    }
