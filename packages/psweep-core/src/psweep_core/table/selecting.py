"""Choose rows of a study by their psets: `df_latest`, `df_select`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DatabaseError, ParamsTypeError
from ..params.hashing import pset_hashes
from ..params.psets import brief
from .frames import check_numbers
from .levels import study_frame
from .outcomes import failed_rows, waiting_rows

__all__ = ["df_latest", "df_select"]


def df_latest(df: pd.DataFrame) -> pd.DataFrame:
    """Keep one row per pset: the last good one, or the last failed one if none is good.

    Parameters
    ----------
    df : DataFrame
        A database, or some rows of one.

    Returns
    -------
    DataFrame
        The rows that are left, in their order, with their index. The last one of a pset has the
        highest ``_pset_seq``. A prepared batch job without a result counts only where there is
        neither a good row nor a failed one.

    Raises
    ------
    DatabaseError
        `df` is not a database, lacks ``_pset_hash``, or has rows without numbers.

    Examples
    --------
    >>> import psweep as ps
    >>> for version in (1, 2):
    ...     df = ps.run_local(lambda pset: {"y": version}, ps.plist("x", [1, 2]))
    >>> len(df), ps.df_latest(df).y.tolist()
    (4, [2, 2])
    """
    df = _hashed(df, "df_latest")
    check_numbers(df, "df")
    seqs = df["_pset_seq"].to_numpy() if "_pset_seq" in df.columns else np.arange(len(df))
    rank = np.where(waiting_rows(df), 0, np.where(failed_rows(df), 1, 2))
    codes = pd.factorize(df["_pset_hash"], use_na_sentinel=False)[0]
    order = np.lexsort((seqs, rank, codes))
    last = np.flatnonzero(np.diff(codes[order], append=-1))
    return df.iloc[np.sort(order[last])]


def df_select(df: pd.DataFrame, params: Any) -> pd.DataFrame:
    """Keep the rows of some psets.

    Parameters
    ----------
    df : DataFrame
        A database, or some rows of one.
    params : list of dict, or dict
        The psets, each with all of its parameters. They are compared by their hashes, so 1 and
        1.0 differ. Psets without a row are ignored.

    Returns
    -------
    DataFrame
        All rows of these psets, repeats and failed ones included, in the order and with the index
        of `df`.

    Raises
    ------
    DatabaseError
        `df` is not a database, or lacks ``_pset_hash``.
    ParamsTypeError
        `params` is not a list of dicts.
    HashError
        A value cannot be hashed.

    Examples
    --------
    >>> import psweep as ps
    >>> df = ps.run_local(lambda pset: {"y": pset["x"] ** 2}, ps.plist("x", [1, 2, 3]))
    >>> ps.df_select(df, [{"x": 2}, {"x": 3}]).y.tolist()
    [4, 9]
    """
    df = _hashed(df, "df_select")
    if isinstance(params, pd.DataFrame | str) or not isinstance(params, Iterable):
        message = (
            f"df_select: params must be a list of dicts, not {brief(params)}; take those of a "
            "DataFrame by df_extract_params(df)"
        )
        raise ParamsTypeError(message)
    psets = [params] if isinstance(params, Mapping) else list(params)
    return df[df["_pset_hash"].isin(pset_hashes(psets)).to_numpy(dtype=bool)]


def _hashed(df: pd.DataFrame, function: str) -> pd.DataFrame:
    df = study_frame(df, function)
    if "_pset_hash" not in df.columns:
        message = (
            f"{function} needs the column '_pset_hash', which this DataFrame lacks (it has "
            f"{list(df.columns)!r}); pass the database as run_local returned it"
        )
        raise DatabaseError(message)
    return df
