"""Which parameters a result depends on: `df_importance`."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ParamsError
from .bookkeeping import RUNTIME
from .factors import Factor, factors_of
from .frames import groups
from .levels import combined, first_rows, study_frame
from .outcomes import good_rows
from .stats import numbers_of
from .variance import MAX_ROWS, estimated_shares, grid_shares, star_shares

__all__ = [
    "df_importance",
    "importance_of",
    "numeric_column",
    "spans_decades",
]

Array = np.ndarray[Any, Any]


def df_importance(df: pd.DataFrame, y: Any, *, log: bool | None = None) -> pd.DataFrame:
    """Report how much of the variance of a result each parameter and each pair explains.

    Parameters
    ----------
    df : DataFrame
        A database. Failed rows are left out.
    y : name
        A numeric result, or ``"_pset_runtime"``.
    log : bool, optional
        Use the logarithm of `y`. None: if all of `y` is positive, and its largest value is
        at least 1000 times the smallest.

    Returns
    -------
    DataFrame
        Its columns are ``term``, ``share`` and ``exact``. The terms are parameters, such as
        ``a``; pairs, such as ``a:b``, which is what both together do beyond the sum of what
        each does; what is left: ``higher orders`` on a grid of three and more, else ``rest``; and
        ``noise``, the variance within repeats, if there are any. Parameters that vary together,
        as by ``zip``, are one term, ``a, b``. The shares add up to 1, largest first, and
        what is left at the end; they are NaN if `y` does not vary. ``df.columns.name`` says
        what was analysed: ``y`` or ``log10(y)``.

    Raises
    ------
    ParamsError
        There is no such numeric result, `y` has infinite values or (for the logarithm) values
        that are not positive, no parameter varies, or there are too few rows.
    DatabaseError
        `df` is not a database.

    Notes
    -----
    On a full grid (each combination of the levels has a good row) this is the functional ANOVA
    of the means of repeats, I. M. Sobol', Math. Comput. Simul. 55, 271 (2001), with all levels
    weighted equally; ``exact`` is True. The means of few repeats still contain noise.

    Where each parameter is varied alone around one pset, as by `stargrid`, nothing is known of
    pairs. The shares are those on the grid of all levels, if no parameter acts through another;
    ``exact`` is False.

    On other designs ``exact`` is False, and the shares are estimates: the same terms are fitted
    by least squares (cosines of the ranks of numbers, or the levels of other parameters), and
    their covariances with `y` are corrected for the number of coefficients. Pairs are fitted as far
    as the number of rows allows, the strongest parameters first. In a design whose parameters
    are correlated, shares depend on the design.

    Examples
    --------
    >>> import psweep as ps
    >>> params = ps.pgrid(a=[1, 2, 3], b=[1, 2], c=[0, 1])
    >>> df = ps.run_local(lambda p: {"y": p["a"] * p["b"]}, params, save=False)
    >>> ps.df_importance(df, "y").round(3)
    y           term  share  exact
    0              a  0.562   True
    1              b  0.375   True
    2            a:b  0.062   True
    3              c  0.000   True
    4            a:c  0.000   True
    5            b:c  0.000   True
    6  higher orders  0.000   True
    """
    df = study_frame(df, "df_importance")
    values = numeric_column(df, y, "df_importance")
    rows = np.flatnonzero(good_rows(df) & ~np.isnan(values))
    values = values[rows]
    factors = factors_of(df.iloc[rows])
    if not np.isfinite(values).all():
        message = f"df_importance: {y!r} has infinite values; leave these rows out"
        raise ParamsError(message)
    if not factors:
        message = "df_importance: no parameter varies among the good rows"
        raise ParamsError(message)
    log = spans_decades(values) if log is None else log
    if log:
        if not (values > 0).all():
            message = f"df_importance: log=True needs positive values, but {y!r} has {values.min()}"
            raise ParamsError(message)
        values = np.log10(values)
    found = importance_of(factors, values)
    found.columns.name = f"log10({y})" if log else str(y)
    return found


def importance_of(
    factors: Sequence[Factor], values: Array, most_rows: int = MAX_ROWS
) -> pd.DataFrame:
    """Split the variance of finite values among factors, see `df_importance`.

    An estimate uses at most `most_rows`.
    """
    # Their squares must not overflow. This is a power of 2, so that nothing is rounded.
    values = np.ldexp(values, -np.frexp(np.abs(values).max(initial=0))[1])
    cells = combined([factor.codes for factor in factors], len(values))
    first = first_rows(cells)
    counts = np.bincount(cells)
    means = np.bincount(cells, weights=values) / counts
    noise = float(np.mean(np.bincount(cells, weights=(values - means[cells]) ** 2) / counts))
    distinct = [factor.of(first) for factor in factors]
    is_grid = np.prod([float(factor.codes.max() + 1) for factor in distinct]) == len(first)
    star = None if is_grid else star_shares(distinct, means)
    total = float(np.var(means) if star is None else sum(star.values())) + noise
    # what rounding alone makes of values that are the same
    if total <= (8 * np.finfo(float).eps * np.abs(values).max(initial=0)) ** 2:
        total = np.nan
    if is_grid:
        shares = grid_shares(distinct, means)
    elif star is not None:
        shares = star
    else:
        shares = estimated_shares(distinct, means, most_rows)
    table = [(term, variance / total) for term, variance in shares.items()]
    table.sort(key=lambda row: -row[1])
    explained = sum(share for _, share in table)
    if explained > 1 - noise / total:  # which estimates may be, and rounding
        table = [(term, share * (1 - noise / total) / explained) for term, share in table]
    rest = max(0.0, 1 - explained - noise / total) if total == total else np.nan
    if star is None and (len(factors) > 2 or not is_grid):
        table.append(("higher orders" if is_grid else "rest", rest))
    if len(values) > len(first):
        table.append(("noise", noise / total))
    return pd.DataFrame(
        {
            "term": [term for term, _ in table],
            "share": np.array([share for _, share in table], dtype=np.float64),
            "exact": np.full(len(table), is_grid),
        }
    )


def spans_decades(values: Array) -> bool:
    """Return whether numbers are better seen on a logarithmic scale."""
    return bool(len(values) and values.min() > 0 and values.max() >= 1000 * values.min())


def numeric_column(df: pd.DataFrame, y: Any, function: str) -> Array:
    """Return a result as floats, with NaN where a row has none; refuse what is not numeric."""
    results = [*groups(df)[2], *([RUNTIME] if RUNTIME in df.columns else [])]
    is_result = isinstance(y, Hashable) and y in results
    found = numbers_of(df[y]) if is_result else None
    if found is None:
        known = [name for name in results if numbers_of(df[name]) is not None]
        what = f"the result {y!r} is not numeric" if is_result else f"there is no result {y!r}"
        message = f"{function}: {what}; numeric results are {', '.join(map(repr, known)) or 'none'}"
        raise ParamsError(message)
    if found.dtype.kind == "c":
        message = f"{function}: the result {y!r} is complex; add its real part or absolute value"
        raise ParamsError(message)
    return np.asarray(found)
