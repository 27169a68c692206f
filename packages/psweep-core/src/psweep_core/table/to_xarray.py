"""A study as an xarray Dataset: `df_to_xarray`."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import NotInstalledError, ParamsError
from ..messages import safe_repr
from .bookkeeping import RUNTIME
from .cells import MISSING, cells, objects
from .frames import groups
from .levels import chosen_names, codes_of, combined, first_rows, public_params, study_frame
from .outcomes import good_rows

if TYPE_CHECKING:
    import xarray

__all__ = ["df_to_xarray"]

_REPEAT = "repeat"
_MAX_CELLS = 1_000_000  # which may be nearly all empty
_MAX_EMPTY = 100  # beyond them, this many per row


def df_to_xarray(df: pd.DataFrame, y: Any | Iterable[Any] | None = None) -> xarray.Dataset:
    """Convert results to an xarray Dataset with the parameters as dimensions.

    Parameters
    ----------
    df : DataFrame
        A database. Failed rows are left out, and so are values of parameters that no other row has.
    y : name or list, optional
        The results to convert. None: all.

    Returns
    -------
    xarray.Dataset
        One variable per result. Its dimensions are the parameters; if psets were run several times,
        there is one more, ``repeat``, so that ``ds.mean("repeat")`` is the average. Numbers
        are sorted along their dimension, other values come in the order of the rows. Combinations
        without a good row are NaN, NaT in times; so are None and missing values.

    Raises
    ------
    NotInstalledError
        xarray is not installed: ``pip install 'psweep-core[xarray]'``.
    ParamsError
        There is no such result, a result has the name of a parameter, or the parameters are
        not on a grid that could be filled.
    DatabaseError
        `df` is not a database.

    Examples
    --------
    >>> import psweep as ps
    >>> params = ps.pgrid(a=[1, 2, 3], b=["x", "y"])
    >>> df = ps.run_local(lambda p: {"z": 10 * p["a"]}, params, save=False)
    >>> ps.df_to_xarray(df).z.sel(b="y").values.tolist()
    [10, 20, 30]
    """
    try:
        xr = importlib.import_module("xarray")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "xarray":
            raise
        message = "psweep.df_to_xarray needs xarray: pip install 'psweep-core[xarray]'"
        raise NotInstalledError(message, name="xarray") from None
    df = study_frame(df, "df_to_xarray")
    results = groups(df)[2]
    known = [*results, *([RUNTIME] if RUNTIME in df.columns else [])]
    names = results if y is None else chosen_names(y, known, "result")
    params = public_params(df)
    df = df[good_rows(df)].reset_index(drop=True)
    coords: dict[str, Any] = {}
    places: list[Any] = []
    for name in params:
        coords[str(name)], codes = _coordinate(df[name], name)
        places.append(codes)
    psets = combined(places, len(df))
    nth = pd.Series(psets).groupby(psets).cumcount().to_numpy(dtype=np.int64)
    if len(nth) and nth.max() > 0:
        if _REPEAT in coords:
            raise _clash(_REPEAT)
        coords[_REPEAT] = np.arange(nth.max() + 1)
        places.append(nth)
    _check(coords, params, names, len(df))
    shape = tuple(len(values) for values in coords.values())
    index = {
        # Otherwise xarray would make None a NaN.
        name: pd.Index(values, dtype=object) if values.dtype == np.dtype(object) else values
        for name, values in coords.items()
    }
    variables = {
        str(name): (list(coords), _filled(df[name], tuple(places), shape)) for name in names
    }
    dataset: xarray.Dataset = xr.Dataset(variables, coords=index)
    return dataset


def _coordinate(series: pd.Series[Any], name: Any) -> tuple[Any, Any]:
    """Return the values along the dimension of a parameter, and the place of each row."""
    codes = codes_of(series)
    levels = series.iloc[first_rows(codes)]
    levels = levels.set_axis(pd.RangeIndex(len(levels)))
    if not levels.isna().any() and levels.dtype != np.dtype(object):
        kind = getattr(levels.dtype, "kind", "O")
        values = levels.to_numpy(dtype=object) if kind not in "iufbmM" else levels.to_numpy()
        if kind in "iufmM":
            order = np.argsort(values, kind="stable")
            return values[order], np.argsort(order)[codes]
        return values, codes
    labels = [None if value is MISSING else value for value in cells(levels)]
    try:
        if len({*labels}) == len(labels):
            return objects(labels), codes
    except TypeError:  # lists and the like
        pass
    texts = [value if isinstance(value, str) else safe_repr(value) for value in labels]
    if len({*texts}) < len(texts):
        message = (
            f"df_to_xarray: the values of {name!r} cannot be distinguished as coordinates "
            f"({', '.join(texts[:3])} ...); give them names in a parameter of its own"
        )
        raise ParamsError(message)
    return objects(texts), codes


def _check(coords: dict[str, Any], params: list[Any], names: list[Any], n_rows: int) -> None:
    clash = [name for name in names if str(name) in coords]
    if clash or len({*map(str, params)}) < len(params):
        raise _clash((clash or params)[0])
    n_cells = float(np.prod([float(len(values)) for values in coords.values()]))
    if n_cells > max(_MAX_CELLS, _MAX_EMPTY * n_rows):
        sizes = ", ".join(f"{name}: {len(values)}" for name, values in coords.items())
        message = (
            f"df_to_xarray: {n_rows} rows are not on a grid: all combinations of their parameters "
            f"({sizes}) are {n_cells:.3g} cells, nearly all of them empty; select rows first, or "
            "use df.to_xarray(), whose dimension is the row"
        )
        raise ParamsError(message)


def _clash(name: Any) -> ParamsError:
    message = (
        f"df_to_xarray: {name!r} is the name of a parameter or a dimension and of something else; "
        "rename one of them by df.rename(columns=...)"
    )
    return ParamsError(message)


def _filled(series: pd.Series[Any], places: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    kind = getattr(series.dtype, "kind", "O")
    full = len(series) == np.prod(shape, dtype=np.float64)
    values: Any
    if kind in "iub" and full and not series.isna().any():
        values = series.to_numpy(dtype={"b": np.bool_, "u": np.uint64, "i": np.int64}[kind])
        found = np.zeros(shape, dtype=values.dtype)
    elif kind in "iuf":
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
        found = np.full(shape, np.nan)
    elif kind in "cmM":
        values = series.to_numpy()
        found = np.full(shape, np.array(np.nan if kind == "c" else "NaT", dtype=values.dtype))
    else:
        values = objects(np.nan if value is MISSING else value for value in cells(series))
        found = np.full(shape, np.nan, dtype=object)
    # (Without a parameter there is one row, or none.)
    found[places] = values if places else values[0] if len(values) else found
    return found
