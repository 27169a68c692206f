"""Statistics of psets that were run several times: `df_stats`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ParamsError
from .bookkeeping import is_private
from .cells import MISSING, cells
from .frames import assemble, groups
from .levels import chosen_names, codes_of, combined, first_rows, public_params, study_frame
from .outcomes import good_rows, open_failures

__all__ = ["df_stats", "numbers_of"]


def df_stats(df: pd.DataFrame, over: str | Iterable[Any] | None = None) -> pd.DataFrame:
    """Average the results of equal psets, with standard deviations and errors.

    Parameters
    ----------
    df : DataFrame
        A database, or some rows of one.
    over : str or list, optional
        Parameters to average over, too, such as ``["rep"]``. None: only rows with the same
        ``_pset_hash`` are averaged.

    Returns
    -------
    DataFrame
        One row per distinct pset, in the order in which they come. Columns: the parameters
        (but for those in `over` and those whose names start with ``_``, which are not
        part of a pset); ``n``, the number of good rows; ``n_failed``, the number of failed ones
        that no later run has tried again
        (``_n`` and ``_n_failed``, if a parameter has that name); and for each numeric result
        ``y`` the mean, the standard deviation and the standard error of the mean of the good
        rows, ``y_mean``, ``y_std`` and ``y_sem``.
        Bools count as 0 and 1, Decimals, Fractions and arrays without dimensions as the number
        that they hold. NaN and missing values are left out, as pandas does.
        ``y_std`` has n - 1 in its denominator and is NaN for a single value.

    Raises
    ------
    DatabaseError
        `df` lacks the column ``_run_id``, before which the params are.
    ParamsError
        `over` names something that is not a parameter, or the column of a mean would get the
        name of another one.

    Examples
    --------
    >>> import psweep as ps
    >>> params = ps.pgrid(x=[1, 2], rep=[0, 1, 2])
    >>> df = ps.run_local(lambda pset: {"y": pset["x"] * pset["rep"]}, params, save=False)
    >>> ps.df_stats(df, over="rep").round(3)
       x  n  n_failed  y_mean  y_std  y_sem
    0  1  3         0     1.0    1.0  0.577
    1  2  3         0     2.0    2.0  1.155
    """
    df = study_frame(df, "df_stats")
    params = public_params(df)
    left_out = [] if over is None else chosen_names(over, groups(df)[0], "parameter")
    shown = [name for name in params if name not in left_out]
    if "_pset_hash" in df.columns and len(shown) == len(params):
        codes = pd.factorize(df["_pset_hash"], use_na_sentinel=False)[0]
    else:
        codes = combined([codes_of(df[name]) for name in shown], len(df))
    first = first_rows(codes)
    good, failed = good_rows(df), open_failures(df)
    columns: list[Any] = [
        df[name].iloc[first].set_axis(pd.RangeIndex(len(first))) for name in shown
    ]
    names: list[Any] = [*shown]
    names += [f"_{name}" if name in shown else name for name in ("n", "n_failed")]
    columns += [np.bincount(codes[mask], minlength=len(first)) for mask in (good, failed)]
    some = codes[good]
    for name in groups(df)[2]:
        values = None if is_private(name) else numbers_of(df[name])
        if values is None:
            continue
        for kind, column in _moments(values[good], some, len(first)).items():
            names.append(f"{name}_{kind}")
            columns.append(column)
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        message = (
            f"df_stats: two columns would be called {twice!r}, one of them a parameter or a "
            f"result of this study; rename it first: df.rename(columns={{{twice!r}: ...}})"
        )
        raise ParamsError(message)
    return assemble(names, columns, pd.RangeIndex(len(first)))


def numbers_of(series: pd.Series[Any]) -> Any:
    """Return a column as an array of float64 or complex128 with NaN; None if it is not numeric."""
    kind = getattr(series.dtype, "kind", "O")
    if kind in "iufb":
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if kind == "c":
        return series.to_numpy(dtype=np.complex128)
    if series.dtype != object:
        return None
    found = [
        np.nan if v is MISSING or v is None or v is pd.NA else _plain(v) for v in cells(series)
    ]
    types = {type(value) for value in found}
    numeric = (bool, int, float, complex, np.bool_, np.number)
    if not types or not all(issubclass(t, numeric) for t in types) or np.timedelta64 in types:
        return None
    if all(value != value for value in found):
        return None  # there is no number that would tell
    is_complex = any(issubclass(t, complex | np.complexfloating) for t in types)
    try:
        return np.array(found, dtype=np.complex128 if is_complex else np.float64)
    except OverflowError:  # an int that is too large for a float
        return None


def _plain(value: Any) -> Any:
    """Make a Decimal, a Fraction, or an array of no dimension (of any library) a number."""
    with contextlib.suppress(Exception):  # a value of any type, or one that no float can hold
        if isinstance(value, Decimal | Fraction):
            return float(value)
        if getattr(value, "ndim", None) == 0 and not isinstance(value, np.generic):
            return value.item()
    return value


def _moments(values: Any, codes: Any, n: int) -> dict[str, Any]:
    if values.dtype.kind == "c":
        # NumPy has a 0 next to a NaN that was a float, which is not an imaginary part to average.
        some, codes = values[~np.isnan(values)], codes[~np.isnan(values)]
        real, imag = (_moments(part, codes, n) for part in (some.real, some.imag))
        mean = np.empty(n, dtype=np.complex128)
        mean.real, mean.imag = real["mean"], imag["mean"]
        return {"mean": mean, **{kind: np.hypot(real[kind], imag[kind]) for kind in ("std", "sem")}}
    grouped = pd.Series(values).groupby(codes)
    order = range(n)
    return {
        kind: getattr(grouped, kind)().reindex(order).to_numpy(dtype=np.float64)
        for kind in ("mean", "std", "sem")
    }
