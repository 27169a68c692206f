"""Samples of a space of parameters: designs that fill it evenly, or at random."""

from __future__ import annotations

import importlib
import inspect
import math
import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from ..errors import NotInstalledError, ParamsError, ParamsTypeError
from .psets import Pset, brief

__all__ = ["psample"]

_KINDS = ("sobol", "lhs", "random")


def psample(
    space: Any,
    n: int,
    kind: Literal["sobol", "lhs", "random"] = "sobol",
    *,
    seed: int = 0,
) -> list[Pset]:
    """Sample a space of parameters that is too large for a grid.

    Parameters
    ----------
    space : dict
        What each parameter may be. A tuple ``(low, high)`` is a range of floats,
        ``(low, high, "log")`` the same with the logarithm spread evenly, and a list has
        the choices, each of them as likely as the others.
    n : int
        Number of psets.
    kind : {"sobol", "lhs", "random"}, default "sobol"
        ``"sobol"``: scrambled Sobol' points, which fill the space evenly; best with a
        power of 2. ``"lhs"``: a Latin hypercube, which is even in each parameter.
        ``"random"``: independent random numbers. For ``"sobol"`` and ``"random"``, the first
        psets of a larger `n` are those of a smaller one, so a study can be extended.
    seed : int, default 0
        The same seed gives the same psets.

    Returns
    -------
    list of dict
        The psets, with plain Python values.

    Raises
    ------
    ParamsError, ParamsTypeError
        The space, `n`, `kind` or `seed` makes no sense.
    NotInstalledError
        scipy is not installed, which ``"sobol"`` and ``"lhs"`` need.

    Notes
    -----
    The points are those of `scipy.stats.qmc` (``pip install 'psweep-core[sample]'``): Sobol'
    points with the direction numbers of S. Joe and F. Y. Kuo, SIAM J. Sci. Comput. 30, 2635
    (2008), scrambled by a random linear matrix and a digital shift.

    Examples
    --------
    >>> import psweep as ps
    >>> space = {"x": (0, 1), "k": (1e-3, 1e3, "log"), "n": [1, 2, 4]}
    >>> params = ps.psample(space, 64, seed=1)
    >>> params == ps.psample(space, 128, seed=1)[:64]
    True
    """
    if not isinstance(space, Mapping):
        message = (
            f"psample: space must be a dict, not {brief(space)}; write it such as "
            '{"x": (0, 1), "k": (1e-3, 1e3, "log"), "n": [1, 2, 4]}'
        )
        raise ParamsTypeError(message)
    if not space:
        message = "psample: space is empty, so there is nothing to vary"
        raise ParamsError(message)
    if kind not in _KINDS:
        message = f"psample: kind must be one of {', '.join(map(repr, _KINDS))}, not {kind!r}"
        raise ParamsError(message)
    if not _is_int(n) or n < 1:
        message = f"psample: n must be an integer ≥ 1, not {brief(n)}"
        raise ParamsError(message)
    if not _is_int(seed) or seed < 0:
        message = f"psample: seed must be an integer ≥ 0, not {brief(seed)}"
        raise ParamsError(message)
    dimensions = [(name, _checked(name, values)) for name, values in space.items()]
    points = _points(kind, int(n), len(space), int(seed))
    columns = [_values(points[:, i], values) for i, (_, values) in enumerate(dimensions)]
    return [dict(zip(space, row, strict=True)) for row in zip(*columns, strict=True)]


def _is_int(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _checked(name: Any, values: Any) -> Any:
    """Check what a parameter may be; return a tuple for a range, a list for choices."""
    if isinstance(values, tuple):
        return _checked_range(name, values)
    if isinstance(values, np.ndarray | range):
        values = values.tolist() if isinstance(values, np.ndarray) else list(values)
    if not isinstance(values, list):
        message = (
            f"psample: {name!r} must be a range (low, high) or (low, high, 'log'), or a list of "
            f"choices, not {brief(values)}; a constant is a list of one value"
        )
        raise ParamsTypeError(message)
    if not values:
        message = f"psample: {name!r} has no choices: the list is empty"
        raise ParamsError(message)
    return [value.item() if _is_number(value) else value for value in values]


def _is_number(value: Any) -> bool:
    """Return whether a NumPy scalar is the same as a plain Python value."""
    return isinstance(value, np.generic) and type(value.item()) in (bool, int, float, complex, str)


def _checked_range(name: Any, values: tuple[Any, ...]) -> tuple[float, float, bool]:
    log = len(values) == 3 and values[2] == "log"
    numbers = values[:2] if log else values
    fine = len(numbers) == 2 and all(
        isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        for value in numbers
    )
    if not fine:
        message = (
            f"psample: a tuple is a range of floats, (low, high) or (low, high, 'log'), but "
            f"{name!r} has {brief(values)}; write a list for choices: {brief(list(values))}"
        )
        raise ParamsError(message)
    low, high = map(float, numbers)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        message = (
            f"psample: the range {values!r} of {name!r} must have finite bounds, the lower one "
            "first; write [value] for a constant"
        )
        raise ParamsError(message)
    if log and low <= 0:
        message = f"psample: {low!r} has no logarithm; use a lower bound above 0 for {name!r}"
        raise ParamsError(message)
    return low, high, log


def _points(kind: str, n: int, n_dimensions: int, seed: int) -> Any:
    """Sample the unit cube: an array of shape (n, n_dimensions)."""
    rng = np.random.default_rng(seed)
    if kind == "random":
        return rng.random((n, n_dimensions))
    try:
        qmc = importlib.import_module("scipy.stats.qmc")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "scipy":
            raise
        message = (
            f"psweep.psample with kind={kind!r} needs scipy: pip install 'psweep-core[sample]'; "
            "kind='random' works without it"
        )
        raise NotInstalledError(message, name="scipy") from None
    make = qmc.Sobol if kind == "sobol" else qmc.LatinHypercube
    # scipy 1.15 has renamed it.
    keyword = "rng" if "rng" in inspect.signature(make).parameters else "seed"
    with warnings.catch_warnings():
        # that a number of points is not a power of 2, which the docstring says
        warnings.simplefilter("ignore", UserWarning)
        return make(n_dimensions, **{keyword: rng}).random(n)


def _values(points: Any, values: Any) -> list[Any]:
    if isinstance(values, list):
        places = np.minimum((points * len(values)).astype(np.int64), len(values) - 1)
        return [values[place] for place in places.tolist()]
    low, high, log = values
    if log:
        found = np.exp(np.log(low) + points * (np.log(high) - np.log(low)))
    else:
        found = low * (1 - points) + points * high  # high - low may be too large for a float
    inside: list[Any] = np.clip(found, low, high).tolist()
    return inside
