"""Objects of NumPy, pandas, xarray and SciPy, taken apart into what makes up their value.

Not by the way they pickle: that differs between the versions of these libraries, and brings along
what they have cached.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["array_parts", "data_parts"]


def data_parts(obj: Any, kind: type) -> tuple[Any, ...] | None:
    """Return a word and the values that an object of these libraries consists of, or None."""
    if isinstance(obj, np.ndarray):
        return _subclass_parts(obj, kind)
    if isinstance(obj, np.dtype):
        return _dtype_parts(obj)
    if isinstance(obj, np.ufunc):
        return _ufunc_parts(obj)
    if isinstance(obj, np.random.Generator):
        return "random", kind, obj.bit_generator.state
    if isinstance(obj, np.random.RandomState):
        return "random", kind, obj.get_state(legacy=False)
    if isinstance(obj, np.random.BitGenerator):
        return "random", kind, obj.state
    return _pandas_parts(obj, kind) or _lazy_parts(obj, kind)


def array_parts(array: np.ndarray[Any, Any]) -> tuple[Any, ...] | None:
    """Return the same of arrays whose memory is not their value; None for others."""
    if array.dtype.names is not None:
        fields = [(name, array[name]) for name in array.dtype.names]
        return f"records {array.shape}", fields
    if array.dtype.kind == "T":  # NumPy's StringDType: the memory holds pointers
        missing = getattr(array.dtype, "na_object", None)
        return f"array T {array.shape}", array.ravel().tolist(), missing
    return None


def _subclass_parts(obj: np.ndarray[Any, Any], kind: type) -> tuple[Any, ...]:
    if isinstance(obj, np.ma.MaskedArray):
        if obj is np.ma.masked:
            return ("masked constant",)
        mask = np.ma.getmaskarray(obj)
        data = np.array(obj.data, subok=False)
        data[mask] = np.zeros((), data.dtype)  # what is under the mask does not count
        base = np.ndarray if kind is np.ma.MaskedArray else kind
        return "masked", base, data, mask, np.array(obj.fill_value)
    plain = np.asarray(obj)
    if isinstance(obj, np.memmap):
        return "as array", plain
    if kind is np.recarray:
        return "recarray", plain.view(plain.dtype.base)
    return "array of", kind, plain, dict(getattr(obj, "__dict__", {}))


def _dtype_parts(dtype: np.dtype[Any]) -> tuple[Any, ...]:
    if dtype.subdtype is not None:
        return "dtype", *dtype.subdtype
    if dtype.names is not None:
        fields: Any = dtype.fields
        return "dtype", dtype.itemsize, [(name, *fields[name][:2]) for name in dtype.names]
    return "dtype", dtype.str, dtype.name


def _ufunc_parts(obj: np.ufunc) -> tuple[Any, ...]:
    if getattr(np, obj.__name__, None) is obj:
        return "ufunc", obj.__name__
    special = sys.modules.get("scipy.special")
    if getattr(special, obj.__name__, None) is obj:
        return "ufunc", f"scipy.special.{obj.__name__}"
    message = f"the ufunc {obj.__name__} cannot be imported"
    raise TypeError(message)


def _pandas_parts(obj: Any, kind: type) -> tuple[Any, ...] | None:
    if isinstance(obj, pd.DataFrame):
        columns = [_column(obj.iloc[:, i]) for i in range(obj.shape[1])]
        axes = _index(obj.columns), _index(obj.index)
        return "frame", *_kind(obj, kind, pd.DataFrame), *axes, columns, *_attrs(obj)
    if isinstance(obj, pd.Series):
        of_kind, index = _kind(obj, kind, pd.Series), _index(obj.index)
        return "series", *of_kind, obj.name, index, _column(obj), *_attrs(obj)
    if isinstance(obj, pd.Index):
        return "index", _index(obj)
    if isinstance(obj, pd.api.extensions.ExtensionArray):
        return "extension array", _column(obj)
    if isinstance(obj, pd.CategoricalDtype):
        categories = obj.categories
        return "categories", None if categories is None else _index(categories), obj.ordered
    if isinstance(obj, pd.api.extensions.ExtensionDtype):
        return "dtype", str(obj)
    if isinstance(obj, pd.Interval):
        return "interval", obj.left, obj.right, obj.closed
    if isinstance(obj, pd.Period):
        return "period", obj.ordinal, obj.freqstr
    if isinstance(obj, pd.offsets.BaseOffset):
        return "offset", kind, obj.n, obj.kwds, getattr(obj, "normalize", False)
    return None


def _kind(obj: Any, kind: type, base: type) -> tuple[Any, ...]:
    """Return what a subclass, such as a GeoDataFrame, adds."""
    if kind is base:
        return ()
    return kind, {name: getattr(obj, name, None) for name in kind._metadata}  # type: ignore[attr-defined]


def _attrs(obj: Any) -> tuple[Any, ...]:
    return (dict(obj.attrs),) if obj.attrs else ()


def _index(index: Any) -> tuple[Any, ...]:
    if isinstance(index, pd.MultiIndex):
        levels = [_column(index.get_level_values(i)) for i in range(index.nlevels)]
        return list(index.names), levels
    return index.name, _column(index)


def _column(column: Any) -> Any:
    """Return the values with their dtype, of a Series, an Index or an array of pandas."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return column.to_numpy()
    if isinstance(dtype, pd.CategoricalDtype):
        values = column if isinstance(column, pd.Categorical) else column.array
        codes = np.asarray(values.codes, dtype="int64")
        return "categories", _index(dtype.categories), dtype.ordered, codes
    if isinstance(dtype, pd.StringDtype) and str(dtype) == "str":
        # The dtype of text in pandas 3 is what pandas 2 has as objects.
        return column.to_numpy(dtype=object)
    return str(dtype), list(column)


def _lazy_parts(obj: Any, kind: type) -> tuple[Any, ...] | None:
    """Look at objects of libraries that are not imported for it."""
    xarray = sys.modules.get("xarray")
    if xarray is not None:
        if isinstance(obj, xarray.Variable):
            return "xarray", kind, list(obj.dims), _content(obj), dict(obj.attrs)
        if isinstance(obj, xarray.DataArray):
            return "xarray", kind, obj.name, obj.variable, _coords(obj)
        if isinstance(obj, xarray.Dataset):
            data = {name: array.variable for name, array in obj.data_vars.items()}
            return "xarray", kind, data, _coords(obj), dict(obj.attrs)
    sparse = sys.modules.get("scipy.sparse")
    if sparse is not None and sparse.issparse(obj):
        entries = obj.tocoo(copy=True)
        entries.sum_duplicates()  # also sorts
        places = getattr(entries, "coords", None) or (entries.row, entries.col)
        places = [np.asarray(place, dtype="int64") for place in places]
        return "sparse", kind, list(obj.shape), places, entries.data
    return None


def _content(variable: Any) -> Any:
    """Return the values of an xarray Variable; an array of pandas as such."""
    found = variable.data
    return found if isinstance(found, pd.api.extensions.ExtensionArray) else variable.to_numpy()


def _coords(obj: Any) -> dict[Any, Any]:
    """Return the coordinates, without the indexes that xarray makes of them."""
    return {
        name: (list(c.dims), _content(c.variable), dict(c.attrs), name in obj.xindexes)
        for name, c in obj.coords.items()
    }
