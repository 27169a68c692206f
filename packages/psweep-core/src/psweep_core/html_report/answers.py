"""What the first screen of a report says, computed from all rows of a study.

For each result: how much of its variance each parameter explains, its means over the levels of the
parameters, and the best combinations. The page only draws them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from ..errors import ParamsError
from ..table.bookkeeping import RUNTIME
from ..table.frames import groups
from ..table.importance import importance_of, spans_decades
from ..table.levels import combined
from ..table.stats import numbers_of
from .axes import Axis

__all__ = ["Answers", "answers_of"]

Array = np.ndarray[Any, Any]

N_BEST: Final = 10
_MAX_RESULTS: Final = 12
_MAX_ROWS_OF_ALL: Final = 600_000  # rows times results; with more rows, fewer results
_MAX_CELLS: Final = 10_000  # of the means over combinations of the strongest parameters
_MAX_CELLS_OF_ALL: Final = 40_000  # of all results
_MAX_TERMS: Final = 40
_MAX_RANGES: Final = 3
_MAX_AVERAGED: Final = 50  # rows of one of the best combinations that the page can open
_MAX_FITTED: Final = 4_000  # rows of an estimate
# A result with such a word in its name is better if it is lower, unless the user says otherwise.
_LOWER: Final = (
    "loss", "err", "error", "errors", "cost", "time", "runtime", "seconds", "rmse", "mse", "mae",
    "residual", "residuals", "latency", "memory", "energy", "size", "bytes", "steps", "iterations",
    "iter", "niter", "epochs", "s", "ms", "deviation", "variance",
)  # fmt: skip


class Answers(NamedTuple):
    """What the page gets, with numbers of rows of the study in it, and which rows these are."""

    data: dict[str, Any]
    rows: Array  # the best, the worst, and the first of each of the best combinations
    averaged: Array  # all of these combinations


class _Result(NamedTuple):
    name: Any
    values: Array  # NaN where a row has none
    scaled: Array  # these, or their logarithms where they span decades
    good: Array  # numbers of the rows that have one
    lost: Array  # and of those that ran without giving one
    log: bool
    gaps: int  # rows that succeeded without it
    noise: Array  # see `_noise`, of the rows that have one
    digits: int  # of means; seven of those that differ


def answers_of(
    df: pd.DataFrame,
    factors: Sequence[Any],
    axes: Sequence[Axis | None],
    failed: Array,
    waiting: Array,
    recovered: Array,
) -> Answers:
    """Compute the answers.

    Parameters
    ----------
    df : DataFrame
        The study.
    factors : sequence of Factor
        The parameters that vary.
    axes : sequence of Axis or None
        Of each of them.
    failed, waiting : array of bool
        Rows that failed, and those that were prepared and not run yet.
    recovered : array of bool
        Rows that failed, and whose parameters have succeeded in a later run.
    """
    repeats = [i for i, axis in enumerate(axes) if axis is not None and axis.repeats]
    if len(repeats) == len(factors):
        repeats = []
    choices = [repeats, []] if repeats else [[]]
    grouped = [
        combined([f.codes for i, f in enumerate(factors) if i not in over], len(df))
        for over in choices
    ]
    results = _results(df, factors, grouped[0], ~failed & ~waiting, ~waiting & ~recovered)
    cells: dict[tuple[int, ...], Any] = {}
    found = []
    rows: list[Array] = []
    averaged: list[Array] = []
    seqs = df["_pset_seq"].to_numpy() if results else np.array([])
    most_cells = min(_MAX_CELLS, _MAX_CELLS_OF_ALL // max(1, len(results)))
    for result in results:
        views = []
        for over, codes in zip(choices, grouped, strict=True):
            importance = _importance(result, factors, over)
            best = _best(result, codes, failed, seqs)
            combos = _combinations(result, codes, failed, waiting)
            ties = best.pop("ties")
            view = {"importance": importance, "best": best, "ties": ties, "combos": combos}
            views.append(view)
            for one in [*best["lower"], *best["higher"]]:
                rows.append(np.array([one["row"]]))
                averaged.append(np.array(one["rows"]))
        order = _by_strength(views, len(factors), repeats)
        axis_values = [None if a is None else _moments(result, a) for a in axes]
        values = result.values[result.good]
        ends = np.argsort(values, kind="stable")
        rows.append(result.good[np.r_[ends[:N_BEST], ends[-N_BEST:]]])
        found.append(
            {
                "column": result.name,
                "gaps": result.gaps,
                "log": result.log,
                "lower": bool(_LOWER_WORDS & {*_words(result.name)}),
                "low": float(values.min()),
                "high": float(values.max()),
                "views": views,
                "means": axis_values,
                "cube": _cube(result, axes, order, cells, most_cells),
            }
        )
    data = {
        "over": [[factors[i].label for i in over] for over in choices],
        "results": found,
        "left_out": max(0, _n_numeric(df) - len(results)),
    }
    none = [np.array([], dtype=np.int64)]
    return Answers(data, np.concatenate(none + rows), np.concatenate(none + averaged))


_LOWER_WORDS = frozenset(_LOWER)


def _words(name: Any) -> Iterable[str]:
    return "".join(c.lower() if c.isalnum() else " " for c in str(name)).split()


def _n_numeric(df: pd.DataFrame) -> int:
    return len(_numeric(df)) if len(df) else 0


def _numeric(df: pd.DataFrame) -> list[tuple[Any, Array]]:
    names = [*groups(df)[2], *([RUNTIME] if RUNTIME in df.columns else [])]
    found = []
    for name in dict.fromkeys(names):
        values = numbers_of(df[name])
        if values is not None and values.dtype.kind != "c":
            found.append((name, values))
    return found


def _results(
    df: pd.DataFrame, factors: Sequence[Any], combos: Array, good: Array, tried: Array
) -> list[_Result]:
    """Choose the results that vary; those that say most come first."""
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
        found.append((key, _Result(name, values, scaled, rows, lost, log, gaps, rows, digits)))
    found.sort(key=lambda item: item[0])
    most = max(2, min(_MAX_RESULTS, _MAX_ROWS_OF_ALL // len(df)))
    return [
        result._replace(noise=_noise(result.scaled[result.good], combos[result.good]))
        for _, result in found[:most]
    ]


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


def _importance(
    result: _Result, factors: Sequence[Any], over: Sequence[int]
) -> dict[str, Any] | None:
    places = [i for i in range(len(factors)) if i not in over]
    # Numbers as names: those of the user may have a ":" in them.
    some = {i: factors[i].of(result.good)._replace(names=(i,)) for i in places}
    varying = [i for i in places if some[i].codes.max(initial=0) > 0]
    if not varying:
        return None
    try:
        table = importance_of([some[i] for i in varying], result.scaled[result.good], _MAX_FITTED)
    except ParamsError as error:
        return {"why_not": str(error)}
    if table["share"].isna().any():
        return None
    shares: dict[str, float] = dict(zip(table["term"], table["share"].tolist(), strict=True))
    terms = [
        [[int(i) for i in term.split(":")], _round(share)]
        for term, share in shares.items()
        if term[0].isdigit()
    ]
    return {
        "terms": terms[:_MAX_TERMS],
        "n_terms": len(terms),
        "rest": _round(shares.get("rest", shares.get("higher orders", 0.0))),
        "noise": _round(shares["noise"]) if "noise" in shares else None,
        "exact": bool(table["exact"].iloc[0]),
    }


def _by_strength(views: list[dict[str, Any]], n: int, repeats: Sequence[int]) -> list[int]:
    strength = [0.0] * n
    importance = views[0]["importance"] or {}
    for where, share in importance.get("terms", []):
        for i in where:
            strength[i] += share
    return sorted(range(n), key=lambda i: (i in repeats, -strength[i]))


def _moments(result: _Result, axis: Axis) -> dict[str, list[Any]]:
    return _moments_of(result, axis.codes, int(axis.codes.max(initial=-1)) + 1)


def _moments_of(result: _Result, all_codes: Array, n: int) -> dict[str, list[Any]]:
    """Return number, mean and standard deviation of each level.

    Of results that span decades these are of the logarithms. Rows that ran without giving a result
    are counted as lost. If there are repeats, noise is their standard deviation, pooled.
    """
    values, codes = result.scaled[result.good], all_codes[result.good]
    counts = np.bincount(codes, minlength=n)
    at_least_one = np.maximum(counts, 1)
    means = np.bincount(codes, weights=values, minlength=n) / at_least_one
    squares = np.bincount(codes, weights=(values - means[codes]) ** 2, minlength=n)
    stds = np.sqrt(squares / np.maximum(counts - 1, 1))
    empty = counts == 0
    repeated = ~np.isnan(result.noise)
    n_repeated = np.bincount(codes[repeated], minlength=n)
    noise = np.bincount(codes[repeated], weights=result.noise[repeated], minlength=n)
    within = np.sqrt(noise / np.maximum(n_repeated, 1))
    moments = {
        "n": counts.tolist(),
        "lost": np.bincount(all_codes[result.lost], minlength=n).tolist(),
        "mean": [
            None if no else _round(v, result.digits)
            for no, v in zip(empty, means.tolist(), strict=True)
        ],
        "std": [None if no else _round(v) for no, v in zip(empty, stds.tolist(), strict=True)],
    }
    if repeated.any():
        moments["repeated"] = n_repeated.tolist()
        moments["noise"] = [_round(v) for v in within.tolist()]
    return moments


def _cube(
    result: _Result,
    axes: Sequence[Axis | None],
    order: Sequence[int],
    cells: dict[tuple[int, ...], Any],
    most: int,
) -> dict[str, Any]:
    """Compute the means over each combination of the strongest parameters, as many as fit."""
    use: list[int] = []
    size = 1
    for i in order:
        axis = axes[i]
        if axis is not None and size * len(axis.places) <= most:
            use.append(i)
            size *= len(axis.places)
    key = tuple(sorted(use))
    if key not in cells:
        codes = np.zeros(len(result.values), dtype=np.int64)
        for axis in filter(None, (axes[i] for i in key)):
            codes = codes * len(axis.places) + axis.codes
        cells[key] = codes
    return {"use": key, **_moments_of(result, cells[key], size)}


def _combinations(result: _Result, codes: Array, failed: Array, waiting: Array) -> dict[str, int]:
    """Count the combinations: all, those with a value, and why others have none."""
    n = int(codes.max()) + 1
    value, bad, late, gap = np.zeros((4, n), dtype=bool)
    value[codes[result.good]] = True
    bad[codes[failed]] = True
    late[codes[waiting]] = True
    gap[codes[result.lost[~failed[result.lost]]]] = True
    return {
        "all": n,
        "good": int(value.sum()),
        "waiting": int((late & ~value).sum()),
        "failed": int((bad & ~value & ~late & ~gap).sum()),
    }


def _best(result: _Result, codes: Array, failed: Array, seqs: Array) -> dict[str, Any]:
    """Find the combinations with the highest and the lowest means; repeats are averaged.

    Also how many of all, ``ties``, differ from the best by at most two standard errors of the
    difference, the best included.
    """
    n = int(codes.max()) + 1
    some = codes[result.good]
    values = result.values[result.good]
    counts = np.bincount(some, minlength=n)
    means = np.bincount(some, weights=values, minlength=n) / np.maximum(counts, 1)
    # Relative to the largest of a combination, whose square may overflow.
    deviations = np.abs(values - means[some])
    largest = np.zeros(n)
    np.maximum.at(largest, some, deviations)
    relative = deviations / np.where(largest > 0, largest, 1)[some]
    squares = np.bincount(some, weights=relative**2, minlength=n)
    stds = np.where(counts > 1, largest * np.sqrt(squares / np.maximum(counts - 1, 1)), np.nan)
    n_failed = np.bincount(codes[failed], minlength=n)
    by_code = result.good[np.argsort(some, kind="stable")]
    ends = np.cumsum(counts)
    with_values = np.flatnonzero(counts)
    order = with_values[np.argsort(means[with_values], kind="stable")]
    std_errors = stds / np.sqrt(np.maximum(counts, 1))
    found: dict[str, Any] = {"ties": {}}
    for name, chosen in (("lower", order[:N_BEST]), ("higher", order[::-1][:N_BEST])):
        if len(chosen):
            best = chosen[0]
            near = np.abs(means - means[best]) <= 2 * np.hypot(std_errors, std_errors[best])
            found["ties"][name] = int(np.count_nonzero(near[with_values]))
        averaged = [by_code[ends[i] - counts[i] : ends[i]] for i in chosen]
        found[name] = [
            {
                "row": int(mine[0]),
                "rows": mine[:_MAX_AVERAGED].tolist(),
                "psets": _ranges(seqs[mine]),
                "mean": float(means[i]),
                "std": _round(stds[i]) if counts[i] > 1 else None,
                "n": int(counts[i]),
                "failed": int(n_failed[i]),
            }
            for i, mine in zip(chosen, averaged, strict=True)
        ]
    return found


def _ranges(numbers: Array) -> str:
    """Write numbers as a person would: 75-77, 90."""
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    texts = [str(p[0]) if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts[:_MAX_RANGES]]
    left = sum(map(len, parts[_MAX_RANGES:]))
    return ", ".join(texts) + (f" and {left} more" if left else "")


def _digits(values: Array) -> int:
    """Return how many digits numbers need so that seven of those that differ are left."""
    ratio = np.abs(values).max() / (values.max() - values.min())
    return min(17, 7 + max(0, math.ceil(math.log10(ratio))))


def _round(value: float, digits: int = 7) -> float:
    """Leave out digits that nobody sees, so that the page is smaller."""
    return float(f"{value:.{digits}g}")
