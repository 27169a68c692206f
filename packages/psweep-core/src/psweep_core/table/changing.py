"""Change the params of rows that are there: `df_add_param`, `df_update_pset_hash`."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ParamsError, ParamsTypeError
from ..params.hashing import hashes_of_columns, pset_hashes
from ..params.psets import Pset, brief
from .bookkeeping import is_private, is_reserved
from .cells import MISSING, cells, column
from .extract import psets_and_fits
from .frames import assemble, groups
from .levels import public_params, study_frame

__all__ = ["df_add_param", "df_update_pset_hash", "stale_rows"]


def df_add_param(df: pd.DataFrame, name: Any, value: Any) -> pd.DataFrame:
    """Add a parameter that all old rows had implicitly, and update their hashes.

    Afterwards `skip_dups` knows these rows as psets that have the parameter. A later ``_seed`` of
    such a pset is another one than before, because it is derived from the hash.

    Parameters
    ----------
    df : DataFrame
        A database. It is not modified.
    name : hashable
        The new parameter. Rows that already have it keep their value.
    value : object
        Its value in the other rows.

    Returns
    -------
    DataFrame
        `df` with the parameter after the others, and new ``_pset_hash`` in rows that got it.

    Raises
    ------
    DatabaseError
        `df` is not a database.
    ParamsError
        The name is reserved, or that of a result, or hashes are not those of the rows' psets.
    ParamsTypeError
        The name is not hashable.
    HashError
        `value` cannot be hashed.

    Examples
    --------
    >>> import psweep as ps
    >>> df = ps.run_local(lambda pset: {"y": 1}, ps.plist("x", [1, 2]), save=False)
    >>> df = ps.df_add_param(df, "solver", "cg")
    >>> ps.df_extract_params(df)
    [{'x': 1, 'solver': 'cg'}, {'x': 2, 'solver': 'cg'}]
    """
    df = study_frame(df, "df_add_param")
    try:
        hash(name)
    except TypeError:
        message = f"df_add_param: a name must be hashable, such as a str, not {brief(name)}"
        raise ParamsTypeError(message) from None
    if is_reserved(name):
        message = f"df_add_param: the name {name!r} is reserved by psweep; choose another one"
        raise ParamsError(message)
    params, _, results = groups(df)
    if name in results:
        message = (
            f"df_add_param: {name!r} is a result of this study; choose another name, or rename "
            f"the result first: df.rename(columns={{{name!r}: ...}})"
        )
        raise ParamsError(message)
    psets, fits = psets_and_fits(df)
    hashes = list(df["_pset_hash"])
    wrong = [i for i, fit in enumerate(fits) if not fit]
    if wrong:
        message = (
            f"df_add_param: the _pset_hash of {len(wrong)} rows is not that of their parameters "
            f"(_pset_id {df['_pset_id'].iloc[wrong[0]]!r} ...): they were changed by hand, or func "
            "returned another value for a parameter; call df_update_pset_hash(df) first"
        )
        raise ParamsError(message)
    lack = [i for i, pset in enumerate(psets) if name not in pset]
    values = cells(df[name]) if name in params else [MISSING] * len(df)
    for i in lack:
        if values[i] is not MISSING:
            message = (
                f"df_add_param: {name!r} is a result in some rows, such as that with the _pset_id "
                f"{df['_pset_id'].iloc[i]!r}, and a parameter in others; choose another name"
            )
            raise ParamsError(message)
        values[i] = value
    new = pset_hashes([{**psets[i], name: value} for i in lack])
    for i, sha in zip(lack, new, strict=True):
        hashes[i] = sha
    made = column(values, exact=is_private(name))
    names = list(df.columns)
    columns: list[Any] = [df.iloc[:, i] for i in range(len(names))]
    columns[names.index("_pset_hash")] = _texts(hashes)
    if name in params:
        columns[names.index(name)] = made
    else:
        place = len(params) and 1 + names.index(params[-1])
        names.insert(place, name)
        columns.insert(place, made)
    return assemble(names, columns, df.index)


def df_update_pset_hash(df: pd.DataFrame) -> pd.DataFrame:
    """Update the hashes of rows whose parameters were changed by hand.

    Parameters
    ----------
    df : DataFrame
        A database whose parameters were changed, renamed, added before ``_run_id`` or removed. It
        is not modified.

    Returns
    -------
    DataFrame
        `df` with the ``_pset_hash`` of the values that its rows now have. In a column of floats,
        a whole number of a changed row counts as an int if those of the rows that
        were not changed are ints, else as a float. Rows that were not changed keep their hash.

    Raises
    ------
    DatabaseError
        `df` is not a database.
    HashError
        A value cannot be hashed.

    Examples
    --------
    >>> import psweep as ps
    >>> df = ps.run_local(lambda pset: {"y": 1}, ps.plist("x", [1, 2]), save=False)
    >>> df.loc[0, "x"] = 10
    >>> df = ps.df_update_pset_hash(df)
    >>> bool(df._pset_hash[0] == ps.pset_hash({"x": 10}))
    True
    """
    df = study_frame(df, "df_update_pset_hash")
    new = _hashes_of(df)
    names = list(df.columns)
    columns: list[Any] = [df.iloc[:, i] for i in range(len(names))]
    if "_pset_hash" in names:
        columns[names.index("_pset_hash")] = _texts(new)
    else:
        place = names.index("_run_id") + 1
        names.insert(place, "_pset_hash")
        columns.insert(place, _texts(new))
    return assemble(names, columns, df.index)


def stale_rows(df: pd.DataFrame, strict: bool = False) -> np.ndarray[Any, Any]:
    """Mark the rows whose ``_pset_hash`` is not that of their pset.

    Parameters
    ----------
    df : DataFrame
    strict : bool, default False
        Each value before ``_run_id`` counts as a parameter. False: not where its name is a
        parameter in other rows and a result in this one, which func may do.
    """
    if strict:
        new = _hashes_of(df)
        return np.array([a != b for a, b in zip(new, df["_pset_hash"], strict=True)], dtype=bool)
    names = public_params(df)
    fit_as_they_are = _fit_as_they_are(df, names)
    stale = ~fit_as_they_are
    if not stale.any():
        return stale
    rest = df[stale]
    psets, fits = psets_and_fits(rest)
    stale[stale] = ~np.array(fits, dtype=bool)
    for name in [] if fit_as_they_are.any() else names:
        # A column that no row has as a parameter by its hash was added by hand.
        if not any(name in pset for pset in psets):
            stale |= np.array([value is not MISSING for value in cells(df[name])], dtype=bool)
    return stale


def _fit_as_they_are(df: pd.DataFrame, names: list[Any]) -> np.ndarray[Any, Any]:
    """Mark plain rows that have a value for each parameter, and the hash of these values.

    Of a million rows, most do; `psets_and_fits` makes a dict of each.
    """
    columns = {name: cells(df[name]) for name in names}
    hashes = df["_pset_hash"].tolist()
    fit = np.zeros(len(df), dtype=bool)
    for start in range(0, len(df), 1000):
        some = slice(start, start + 1000)
        new = hashes_of_columns({name: values[some] for name, values in columns.items()})
        if new is not None:
            fit[some] = [a == b for a, b in zip(new, hashes[some], strict=True)]
    return fit


def _hashes_of(df: pd.DataFrame) -> list[str]:
    """Hash the params of each row as they are in its cells."""
    names = groups(df)[0]
    psets, fits = psets_and_fits(df)  # with the types that go with the hash, where it fits
    columns = [cells(df[name]) for name in names]
    rows = zip(*columns, strict=True) if names else [()] * len(df)
    old = list(df["_pset_hash"]) if "_pset_hash" in df.columns else [None] * len(df)
    ints = _whole_numbers_are_ints([pset for pset, fit in zip(psets, fits, strict=True) if fit])
    changed: dict[int, Pset] = {}
    for i, row in enumerate(rows):
        have = {name: v for name, v in zip(names, row, strict=True) if v is not MISSING}
        public = {name for name in have if not is_private(name)}
        if fits[i] and public <= psets[i].keys():
            continue
        changed[i] = {
            name: int(value)
            if type(value) is float and value.is_integer() and ints.get(name)
            else value
            for name, value in have.items()
        }
    new = [str(sha) for sha in old]
    for i, sha in zip(changed, pset_hashes([*changed.values()]), strict=True):
        new[i] = sha
    return new


def _whole_numbers_are_ints(psets: list[Pset]) -> dict[Any, bool]:
    """Find the params that have ints, and no floats that are whole numbers."""
    kinds: dict[Any, set[type]] = defaultdict(set)
    for pset in psets:
        for name, value in pset.items():
            if type(value) is int or (type(value) is float and value.is_integer()):
                kinds[name].add(type(value))
    return {name: found == {int} for name, found in kinds.items()}


def _texts(values: list[str]) -> pd.Series[Any]:
    return pd.Series(values, dtype=None if values else str)
