"""The levels of a column: its distinct values, and which of them each row has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ParamsError, ParamsTypeError
from ..params.datatypes import QUICK_SCALARS, item_of
from ..params.hashing import pset_hash
from ..params.psets import brief
from .atoms import ATOMS
from .bookkeeping import is_private
from .cells import MISSING, NAN_BITS, NAN_MARK, NONE_MARK, cells
from .frames import arranged, check_unique, groups

__all__ = [
    "check_frame",
    "chosen_names",
    "codes_of",
    "combined",
    "first_rows",
    "public_params",
    "study_frame",
]

Codes = np.ndarray[Any, Any]


def check_frame(df: Any, function: str, origin: str = "") -> None:
    """Refuse what is not a DataFrame, such as the folder of a study."""
    if not isinstance(df, pd.DataFrame):
        message = f"{function} needs a DataFrame{origin}, not {brief(df)}"
        if isinstance(df, str):
            message += f"; write {function}(psweep.df_read({df!r}))"
        raise ParamsTypeError(message)


def study_frame(df: Any, function: str) -> pd.DataFrame:
    """Return a database with its columns in three groups, or refuse what is none."""
    check_frame(df, function, " that run_local or df_read returned")
    if not df.columns.is_unique:
        check_unique(df, "df")
    study = arranged(df)
    groups(study)  # which refuses a DataFrame that is not a database
    return study


def public_params(df: pd.DataFrame) -> list[Any]:
    """List the columns of parameters that make up a pset."""
    return [name for name in groups(df)[0] if not is_private(name)]


def chosen_names(names: Any, known: Sequence[Any], what: str) -> list[Any]:
    """Return names that were passed alone or as a list; refuse unknown ones."""
    one = isinstance(names, str) or not isinstance(names, Iterable)
    some = [names] if one or (isinstance(names, tuple) and names in known) else list(names)
    for name in some:
        if name not in known:
            shown = ", ".join(map(repr, known)) or "none"
            message = f"there is no {what} {name!r}; there are: {shown}"
            raise ParamsError(message)
    return some


def codes_of(series: pd.Series[Any]) -> Codes:
    """Number the levels of a column in the order in which they come.

    A missing cell, None and NaN are three levels. Ints among floats are floats, and scalars of
    NumPy are what they are for the hash of a pset: ``np.int64(1)`` is 1.
    """
    dtype = series.dtype
    if dtype == np.float64:
        bits = series.to_numpy(copy=True).view(np.int64)
        nan = series.isna().to_numpy(dtype=bool)
        bits[nan & ~np.isin(bits, (NAN_MARK, NONE_MARK))] = NAN_BITS
        return pd.factorize(bits)[0]
    if dtype != np.dtype(object):
        with contextlib.suppress(NotImplementedError, TypeError):  # lists and structs of pyarrow
            return pd.factorize(series, use_na_sentinel=False)[0]
    keys: dict[Any, int] = {}
    codes = np.empty(len(series), dtype=np.int64)
    for i, cell in enumerate(cells(series)):
        value = item_of(cell) if type(cell) in QUICK_SCALARS else cell
        if value is MISSING:
            key: Any = None
        elif type(value) is float:
            key = value.hex()  # which tells 0.0 from -0.0, as the hash does
        elif type(value) in ATOMS:
            key = (type(value), value)
        else:
            key = pset_hash({"": value})
        codes[i] = keys.setdefault(key, len(keys))
    return codes


def combined(codes: Iterable[Codes], n_rows: int) -> Codes:
    """Number the combinations of levels of several columns, in the order in which they come."""
    found = np.zeros(n_rows, dtype=np.int64)
    for some in codes:
        found = pd.factorize(found * (int(some.max(initial=0)) + 1) + some)[0]
    return found


def first_rows(codes: Codes) -> Codes:
    """Find the first row of each level."""
    return np.unique(codes, return_index=True)[1]
