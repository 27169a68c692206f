"""Split the variance of a result among parameters and pairs of them.

On a full grid this is exact arithmetic, as it is on a star, where parameters vary one at a time.
Elsewhere the same terms are fitted: for each parameter a basis of functions that are orthonormal
where its values are spread evenly, and the products of two such bases for a pair.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ParamsError
from .factors import Factor

__all__ = ["MAX_ROWS", "estimated_shares", "grid_shares", "star_shares"]

Array = np.ndarray[Any, Any]

MAX_ROWS = 10_000  # of a fit
_MAX_TERMS = 300  # coefficients of a fit
_MAX_LEVELS = 8  # with more of them, numbers count as continuous
_COSINES = 10  # for one parameter; the 10th of sin(2πu) has 0.1 % of its variance left
_IN_PAIRS = 6  # functions of each parameter in a pair, at most; at least 3 where there are many


def grid_shares(factors: Sequence[Factor], y: Array) -> dict[str, float]:
    """Compute the variances of the terms on a full grid with one value in each of its cells."""
    y = y - y.mean()
    effects = [np.bincount(f.codes, weights=y) / np.bincount(f.codes) for f in factors]
    found = {f.label: float(np.var(e)) for f, e in zip(factors, effects, strict=True)}
    for i, j in itertools.combinations(range(len(factors)), 2):
        one, other = factors[i], factors[j]
        n = len(effects[j])
        codes = one.codes * n + other.codes
        both = np.bincount(codes, weights=y) / np.bincount(codes)
        rest = both.reshape(-1, n) - effects[i][:, None] - effects[j][None, :]
        found[f"{one.label}:{other.label}"] = float(np.mean(rest**2))
    return found


def star_shares(factors: Sequence[Factor], y: Array) -> dict[str, float] | None:
    """Compute the variances of the parameters where each is varied alone, around one pset.

    They are those on the grid of all levels, if no parameter acts through another.

    Returns
    -------
    dict or None
        None: the design is not such a star.
    """
    # All scans but its own have the middle level of a parameter.
    varied = np.array([f.codes != np.bincount(f.codes).argmax() for f in factors])
    n_varied = varied.sum(axis=0)
    middle = n_varied == 0
    if not middle.any() or n_varied.max() > 1:
        return None
    scans = zip(factors, varied, strict=True)
    return {factor.label: float(np.var(y[mine | middle])) for factor, mine in scans}


def estimated_shares(
    factors: Sequence[Factor], y: Array, most_rows: int = MAX_ROWS
) -> dict[str, float]:
    """Estimate the variances of the terms of any design with one value for each of its rows.

    With more than `most_rows`, that many of them, chosen at random, are fitted.
    """
    if len(y) > most_rows:
        some = np.random.default_rng(0).choice(len(y), most_rows, replace=False)
        found = estimated_shares([factor.of(some) for factor in factors], y[some], most_rows)
        scale = float(np.var(y) / (np.var(y[some]) or 1))
        return {term: scale * variance for term, variance in found.items()}
    y = y - y.mean()
    room = min(_MAX_TERMS, len(y) // 4)
    if len(y) < 2 * len(factors) + 2:
        message = (
            f"{len(y)} psets with a result are too few to tell the effects of {len(factors)} "
            f"parameters that are not on a full grid; run at least {2 * len(factors) + 2}"
        )
        raise ParamsError(message)
    size = max(1, min(_COSINES, room // len(factors)))
    bases = [_basis(factor, size) for factor in factors]
    found = _fitted([factor.label for factor in factors], bases, y)
    order = sorted(range(len(factors)), key=lambda i: -found[factors[i].label])
    strength = {i: place for place, i in enumerate(order)}
    pairs = sorted(itertools.combinations(order, 2), key=lambda p: strength[p[0]] + strength[p[1]])
    widths = [basis.shape[1] for basis in bases]
    left = room - sum(widths)

    def fits(size: int) -> bool:
        return bool(sum(min(size, widths[i]) * min(size, widths[j]) for i, j in pairs) <= left)

    size = next(filter(fits, range(_IN_PAIRS, 3, -1)), 3)
    terms, columns = [factor.label for factor in factors], [*bases]
    for pair in pairs:
        i, j = sorted(pair)
        one, other = bases[i][:, :size], bases[j][:, :size]
        left -= one.shape[1] * other.shape[1]
        if left < 0:
            break
        terms.append(f"{factors[i].label}:{factors[j].label}")
        columns.append((one[:, :, None] * other[:, None, :]).reshape(len(y), -1))
    return _fitted(terms, columns, y) if len(terms) > len(factors) else found


def _basis(factor: Factor, size: int) -> Array:
    """Evaluate functions of one parameter, orthonormal over its values: (rows, at most size)."""
    n = len(factor.codes)
    n_levels = int(factor.codes.max()) + 1
    if factor.values is not None and n_levels > min(_MAX_LEVELS, size + 1):
        # the mean rank of equal values, from 0 to 1
        _, codes, counts = np.unique(factor.values, return_inverse=True, return_counts=True)
        u = ((np.cumsum(counts) - counts / 2) / n)[codes.reshape(-1)]
        orders = np.arange(1, min(size, n_levels - 1) + 1)
        basis = np.sqrt(2) * np.cos(np.pi * u[:, None] * orders)
    else:
        counts = np.bincount(factor.codes)
        places = np.argsort(-counts, kind="stable")[: size + 1]  # the most frequent levels
        basis = (factor.codes[:, None] == places[None, :-1]).astype(np.float64)
        if n_levels == 1:
            basis = np.zeros((n, 0))
    basis = basis - basis.mean(axis=0)
    orthonormal, r = np.linalg.qr(basis)
    keep = np.abs(np.diag(r)) > 1e-10 * np.sqrt(n)
    found: Array = orthonormal[:, keep] * np.sqrt(n)
    return found


def _fitted(terms: list[str], bases: list[Array], y: Array) -> dict[str, float]:
    """Fit all terms at once; the variance of a term is its covariance with `y`."""
    n = len(y)
    matrix = np.concatenate([np.ones((n, 1)), *bases], axis=1)
    # The columns are nearly orthonormal, so the normal equations, which are quicker, are as good.
    coefficients, _, rank, _ = np.linalg.lstsq(matrix.T @ matrix, matrix.T @ y, rcond=1e-10)
    residual = y - matrix @ coefficients
    noise = float(residual @ residual) / max(1, n - rank)
    found, start = {}, 1
    for term, basis in zip(terms, bases, strict=True):
        end = start + basis.shape[1]
        variance = float(y @ (basis @ coefficients[start:end])) / n
        # So much would each coefficient find in noise alone.
        found[term] = max(0.0, variance - noise * basis.shape[1] / n)
        start = end
    return found
