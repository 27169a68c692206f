"""The parameters of a study that vary, as the numbers of their levels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .levels import codes_of, combined, first_rows, public_params
from .stats import numbers_of

__all__ = ["Factor", "factors_of"]

Array = np.ndarray[Any, Any]


class Factor(NamedTuple):
    """A parameter that varies, or some that vary together."""

    names: tuple[Any, ...]
    codes: Array  # number of the level of each row
    values: Array | None  # as floats; None: not a number in every row

    @property
    def label(self) -> str:
        """The name of the term."""
        return ", ".join(map(str, self.names))

    def of(self, rows: Array) -> Factor:
        """Return the same for some rows."""
        codes = pd.factorize(self.codes[rows])[0]
        return Factor(self.names, codes, None if self.values is None else self.values[rows])


def factors_of(df: pd.DataFrame) -> list[Factor]:
    """Find the parameters that vary; those that vary together are one."""
    factors: list[Factor] = []
    every = {name: codes_of(df[name]) for name in public_params(df)}
    n_psets = len(first_rows(combined(every.values(), len(df))))
    for name, codes in every.items():
        n = int(codes.max(initial=0)) + 1
        if n < 2:
            continue
        for i, other in enumerate(factors):
            # (In a random sample each value comes once, so they all would seem to be tied.)
            if n == other.codes.max() + 1 and 2 * n <= n_psets and (codes == other.codes).all():
                factors[i] = other._replace(names=(*other.names, name))
                break
        else:
            values = numbers_of(df[name])
            if values is not None and (values.dtype.kind == "c" or not np.isfinite(values).all()):
                values = None
            factors.append(Factor((name,), codes, values))
    return factors
