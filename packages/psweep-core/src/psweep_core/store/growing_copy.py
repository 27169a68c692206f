"""A private copy of a DataFrame, to which rows are added in place.

A loop of runs needs the rows that the run before has written, and nobody else may have their
memory. To copy 100 000 rows takes a fifth of the time of writing them, and to free the copy before
takes as long again: who has a string is counted in the string. So the copy has room for more rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from .joined_texts import addresses

__all__ = ["GrowingCopy"]

_MIN_SPARE = 100  # rows
_ROWS_PER_SPARE = 8


class GrowingCopy:
    """A copy of a DataFrame.

    Attributes
    ----------
    df : DataFrame
        The copy. It has the memory of this object, so whoever takes it may read it only.
    """

    def __init__(self, df: pd.DataFrame) -> None:
        n = len(df)
        self._arrays: list[Any] = []  # the columns of `_room`; none: it cannot grow
        if n and all(map(_can_grow, df.dtypes)):
            spare = np.zeros(max(_MIN_SPARE, n // _ROWS_PER_SPARE), dtype=np.intp)
            self._room = df.take(np.concatenate([np.arange(n), spare]))
            self._room.index = pd.RangeIndex(len(self._room))
            self._arrays = _arrays(self._room)
        else:
            self._room = df.copy()
        self.df = self._part_like(df)

    def grow(self, df: pd.DataFrame) -> bool:
        """Add the rows that a DataFrame has below those here; False if that is not what it is."""
        n, new_n = len(self.df), len(df)
        if not n < new_n <= len(self._room) or [*self.df.columns] != [*df.columns]:
            return False
        pairs = [*zip(self._arrays, _arrays(df), strict=False)]
        if not pairs or not all(_are_same(own, new, n) for own, new in pairs):
            return False
        for own, new in pairs:
            own[n:new_n] = new[n:]
        self.df = self._part_like(df)
        return True

    def _part_like(self, df: pd.DataFrame) -> pd.DataFrame:
        part = self._room.iloc[: len(df)]
        # (A copy of a DataFrame shares its labels, which some ways of pandas and NumPy change.)
        part.index, part.columns = df.index.copy(deep=True), df.columns.copy(deep=True)
        return part


def _can_grow(dtype: Any) -> bool:
    """Return whether cells of a dtype are changed in place, and `_bits` knows it."""
    if isinstance(dtype, np.dtype):
        return dtype.isnative
    nullable = isinstance(dtype, pd.Int64Dtype | pd.BooleanDtype)
    return nullable or getattr(dtype, "storage", "") == "python"


def _arrays(df: pd.DataFrame) -> list[Any]:
    return [column.array for _, column in df.items()]


def _are_same(one: Any, other: Any, n: int) -> bool:
    """Compare the first `n` cells of two columns, of objects by where in memory they are."""
    bits = zip(_bits(one), _bits(other), strict=True) if one.dtype == other.dtype else ()
    return one.dtype == other.dtype and all(np.array_equal(a[:n], b[:n]) for a, b in bits)


def _bits(array: Any) -> list[Any]:
    if isinstance(array.dtype, pd.Int64Dtype | pd.BooleanDtype):
        return [array.to_numpy(dtype=array.dtype.type, na_value=0), array.isna()]
    values = np.asarray(array)
    if values.dtype == object:
        return [addresses(values)]
    return [np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)]
