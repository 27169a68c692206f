"""What the first screen of a report says, computed from all rows of a study.

For each result: how much of its variance each parameter explains, its means over the levels of the
parameters, and the best combinations. The page only draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from ..errors import ParamsError
from ..table.importance import importance_of
from ..table.levels import combined
from .axes import Axis
from .results import Result, choose_results, count_numeric, is_better_lower

__all__ = ["Answers", "answers_of"]

Array = np.ndarray[Any, Any]

N_BEST: Final = 10
_MAX_CELLS: Final = 10_000  # of the means over combinations of the strongest parameters
_MAX_CELLS_OF_ALL: Final = 40_000  # of all results
_MAX_TERMS: Final = 40
_MAX_RANGES: Final = 3
_MAX_AVERAGED: Final = 50  # rows of one of the best combinations that the page can open
_MAX_FITTED: Final = 4_000  # rows of an estimate


class Answers(NamedTuple):
    """What the page gets, with numbers of rows of the study in it, and which rows these are."""

    data: dict[str, Any]
    rows: Array  # the best, the worst, and the first of each of the best combinations
    averaged: Array  # all of these combinations


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
    results = choose_results(df, factors, grouped[0], ~failed & ~waiting, ~waiting & ~recovered)
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
            best, ties = _best(result, codes, failed, seqs)
            combos = _combinations(result, codes, failed, waiting)
            view = {"importance": importance, "best": best, "ties": ties, "combos": combos}
            views.append(view)
            for one in [*best["lower"], *best["higher"]]:
                rows.append(np.array([one["row"]]))
                averaged.append(np.array(one["rows"]))
        order = _by_strength(views, len(factors), repeats)
        means = [None if a is None else _moments(result, a.codes, len(a.places)) for a in axes]
        values = result.values[result.good]
        ends = np.argsort(values, kind="stable")
        rows.append(result.good[np.r_[ends[:N_BEST], ends[-N_BEST:]]])
        found.append(
            {
                "column": result.name,
                "gaps": result.gaps,
                "log": result.log,
                "lower": is_better_lower(result.name),
                "low": float(values.min()),
                "high": float(values.max()),
                "views": views,
                "means": means,
                "cube": _cube(result, axes, order, cells, most_cells),
            }
        )
    data = {
        "over": [[factors[i].label for i in over] for over in choices],
        "results": found,
        "left_out": max(0, count_numeric(df) - len(results)),
    }
    none = [np.array([], dtype=np.int64)]
    return Answers(data, np.concatenate(none + rows), np.concatenate(none + averaged))


def _importance(
    result: Result, factors: Sequence[Any], over: Sequence[int]
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


def _moments(result: Result, all_codes: Array, n: int) -> dict[str, list[Any]]:
    """Return number, mean and standard deviation of each of n levels.

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
    result: Result,
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
    return {"use": key, **_moments(result, cells[key], size)}


def _combinations(result: Result, codes: Array, failed: Array, waiting: Array) -> dict[str, int]:
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


def _best(
    result: Result, codes: Array, failed: Array, seqs: Array
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, int]]:
    """Find the combinations with the highest and the lowest means; repeats are averaged.

    Returns
    -------
    best : dict
        The combinations with the best means, if "lower" or "higher" ones are better.
    ties : dict of str to int
        How many of all differ from the best by at most two standard errors of the difference, the
        best included.
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
    found: dict[str, list[dict[str, Any]]] = {}
    ties: dict[str, int] = {}
    for name, chosen in (("lower", order[:N_BEST]), ("higher", order[::-1][:N_BEST])):
        if len(chosen):
            best = chosen[0]
            near = np.abs(means - means[best]) <= 2 * np.hypot(std_errors, std_errors[best])
            ties[name] = int(np.count_nonzero(near[with_values]))
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
    return found, ties


def _ranges(numbers: Array) -> str:
    """Write numbers as a person would: 75-77, 90."""
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    texts = [str(p[0]) if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts[:_MAX_RANGES]]
    left = sum(map(len, parts[_MAX_RANGES:]))
    return ", ".join(texts) + (f" and {left} more" if left else "")


def _round(value: float, digits: int = 7) -> float:
    """Leave out digits that nobody sees, so that the page is smaller."""
    return float(f"{value:.{digits}g}")
