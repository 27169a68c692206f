"""Objects of NumPy, pandas, xarray and SciPy, taken apart into what makes up their value.

Not by the way they pickle: that differs between the versions of these libraries, and brings along
what they have cached.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np
import pandas as pd

from .state import own_state
from .tensors import tensor_parts

__all__ = [
    "QUICK_SCALARS",
    "array_parts",
    "data_parts",
    "is_numpy_scalar",
    "is_python_like",
    "item_of",
    "plain_scalar",
    "zone_name",
]


def data_parts(obj: Any, kind: type) -> tuple[Any, ...] | None:
    """Return a word and the values that an object of these libraries consists of, or None."""
    if isinstance(obj, np.ndarray):
        return _subclass_parts(obj, kind)
    if isinstance(obj, np.generic):  # of a class that is not NumPy's own
        return "numpy scalar", kind, plain_scalar(obj), own_state(obj)
    if isinstance(obj, np.dtype):
        return _dtype_parts(obj)
    if isinstance(obj, np.ufunc):
        return _ufunc_parts(obj)
    if kind is np.vectorize:  # keeps a ufunc once it is called
        return "vectorize", *(getattr(obj, name) for name in _OF_VECTORIZE)
    if isinstance(obj, np.random.Generator):
        return "random", kind, obj.bit_generator.state, *_spawned(obj.bit_generator)
    if isinstance(obj, np.random.RandomState):
        return "random", kind, obj.get_state(legacy=False)
    if isinstance(obj, np.random.BitGenerator):
        return "random", kind, obj.state, *_spawned(obj)
    return _pandas_parts(obj, kind) or _lazy_parts(obj, kind) or tensor_parts(obj, kind)


def _spawned(bits: np.random.BitGenerator) -> list[int]:
    """Return how many generators were spawned: the next one draws other numbers. [] if none."""
    n = getattr(getattr(bits, "seed_seq", None), "n_children_spawned", 0)
    return [n] if n else []


_OF_NUMPY = frozenset(np.sctypeDict.values())
_OF_VECTORIZE = ("pyfunc", "otypes", "excluded", "signature", "cache")


def is_numpy_scalar(kind: type) -> bool:
    """Return whether a class of NumPy scalars is that of a dtype, and not a subclass of a user's.

    A subclass is more than its number or text, as one of float is.
    """
    if kind in _OF_NUMPY or _library(kind) == "numpy":
        return True
    return np.dtype(kind).type is kind and not issubclass(kind, np.void)


def is_python_like(dtype: np.dtype[Any]) -> bool:
    """Return whether scalars of a dtype may count as numbers or texts of Python."""
    return dtype.kind not in "mMV" and dtype.type not in (np.longdouble, np.clongdouble)


# by class, which takes less time
QUICK_SCALARS = frozenset(kind for kind in _OF_NUMPY if is_python_like(np.dtype(kind))) - {
    np.object_
}


def item_of(obj: np.generic[Any]) -> Any:
    """Return a NumPy scalar as one of Python; a text with the zeros at its end, unlike `item`."""
    return obj[:] if isinstance(obj, np.str_ | np.bytes_) else obj.item()


def plain_scalar(obj: Any) -> Any:
    """Return what an instance of a subclass of a NumPy scalar holds."""
    if isinstance(obj, np.str_ | np.bytes_):
        return obj[:]  # which may end in zeros, and these an array does without
    return np.asarray(obj)


def zone_name(zone: Any) -> Any:
    """Return the name of a time zone; the zone itself, if another of its class may go by it."""
    module = _library(type(zone))
    if module == "zoneinfo":
        zone.__reduce__()  # refuses a zone that is from a file, whose name may be anything
    known = zone is None or module in ("datetime", "zoneinfo", "pytz", "dateutil")
    return str(zone) if known else zone


def _library(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def array_parts(array: np.ndarray[Any, Any]) -> tuple[Any, ...] | None:
    """Return the same of arrays whose memory is not their value; None for others."""
    if array.dtype.names is not None:
        fields = [(name, array[name]) for name in array.dtype.names]
        return f"records {array.shape}", fields, *_titles(array.dtype)
    if array.dtype.kind == "T":  # NumPy's StringDType: the memory holds pointers
        missing = getattr(array.dtype, "na_object", None)
        # (These two are added only where they say something, so that other hashes stay the same.)
        is_none = hasattr(array.dtype, "na_object") and missing is None
        rare = ["None is missing"] * is_none + ["no coercion"] * (not array.dtype.coerce)
        return f"array T {array.shape}", array.ravel().tolist(), missing, *rare
    return None


def _titles(dtype: np.dtype[Any]) -> list[list[Any]]:
    """Return the titles of fields, which are other names of theirs; [] if there are none."""
    fields: Any = dtype.fields
    titles = [[name, *fields[name][2:]] for name in dtype.names or ()]
    return [titles] if any(len(one) > 1 for one in titles) else []


# what NumPy itself keeps in the attributes of a masked array
_OF_MASKED = frozenset(
    {
        "_mask", "_fill_value", "_hardmask", "_sharedmask", "_isfield", "_baseclass", "_optinfo",
        "_basedict",
    }
)  # fmt: skip


def _subclass_parts(obj: np.ndarray[Any, Any], kind: type) -> tuple[Any, ...]:
    if isinstance(obj, np.ma.MaskedArray):
        if obj is np.ma.masked:
            return ("masked constant",)
        base = np.ndarray if kind is np.ma.MaskedArray else kind
        others = {name: v for name, v in (own_state(obj) or {}).items() if name not in _OF_MASKED}
        more = (np.array(obj.fill_value), *([others] if others else []))
        if obj.dtype.names is not None:  # each field has a mask of its own
            fields = [(name, obj[name]) for name in obj.dtype.names]
            return f"masked records {obj.shape}", base, fields, *more
        mask = np.ma.getmaskarray(obj)
        data = np.array(obj.data, subok=False)
        data[mask] = np.zeros((), data.dtype)  # what is under the mask does not count
        return "masked", base, data, mask, *more
    plain = np.asarray(obj)
    if isinstance(obj, np.memmap):
        return "as array", plain
    if kind is np.recarray:
        return "recarray", plain.view(plain.dtype.base)
    return "array of", kind, plain, own_state(obj) or {}


def _dtype_parts(dtype: np.dtype[Any]) -> tuple[Any, ...]:
    if dtype.subdtype is not None:
        return "dtype", *dtype.subdtype
    if dtype.names is not None:
        fields: Any = dtype.fields
        parts = [(name, *fields[name][:2]) for name in dtype.names]
        return "dtype", dtype.itemsize, parts, *_titles(dtype)
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
        return ("extension array", _column(obj)) if _is_of_pandas(obj) else None
    if isinstance(obj, pd.CategoricalDtype):
        categories = obj.categories
        return "categories", None if categories is None else _index(categories), obj.ordered
    if isinstance(obj, pd.api.extensions.ExtensionDtype):
        return ("dtype", *_dtype_name(obj)) if _library(kind) == "pandas" else None
    if isinstance(obj, pd.Interval):
        return "interval", obj.left, obj.right, obj.closed
    if isinstance(obj, pd.Period):
        return "period", obj.ordinal, _frequency(obj.freqstr)
    if isinstance(obj, pd.offsets.BaseOffset):
        # (Its module is another one in pandas 3.)
        known_as = "DateOffset" if kind is pd.DateOffset else kind
        return "offset", known_as, obj.n, obj.kwds, getattr(obj, "normalize", False)
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
    array: Any = column if isinstance(column, pd.api.extensions.ExtensionArray) else column.array
    if not _is_of_pandas(array):
        return array  # by its class and state, such as the coordinate system of a map
    if isinstance(dtype, pd.CategoricalDtype):
        codes = np.asarray(array.codes, dtype="int64")
        return "categories", _index(dtype.categories), dtype.ordered, codes
    if isinstance(dtype, pd.StringDtype) and str(dtype) == "str":
        # The dtype of text in pandas 3 is what pandas 2 has as objects.
        return column.to_numpy(dtype=object)
    return *_dtype_name(dtype), list(column)


def _is_of_pandas(array: Any) -> bool:
    of_dtype = _library(type(array.dtype))
    return _library(type(array)) == "pandas" and of_dtype in ("pandas", "numpy")


# the names of frequencies before pandas 2.2, and since
_FREQUENCIES = {"A": "Y", "H": "h", "T": "min", "S": "s", "L": "ms", "U": "us", "N": "ns"}


def _frequency(text: str) -> str:
    """Return the frequency of periods, such as "2Y-DEC", in the words of newer pandas."""
    number, name, rest = re.fullmatch(r"(\d*)([A-Za-z]*)(.*)", text).groups()  # type: ignore[union-attr]
    return number + _FREQUENCIES.get(name, name) + rest


def _dtype_name(dtype: Any) -> tuple[Any, ...]:
    if isinstance(dtype, pd.PeriodDtype):
        return (f"period[{_frequency(str(dtype)[7:-1])}]",)
    zone = zone_name(getattr(dtype, "tz", None))
    if zone is None or isinstance(zone, str):
        return (str(dtype),)
    return "datetime64", dtype.unit, zone


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
    arrow = sys.modules.get("pyarrow")
    if arrow is not None:
        if isinstance(obj, arrow.Table | arrow.RecordBatch):
            return "arrow", kind, obj.schema, list(obj.columns)
        if isinstance(obj, arrow.Array | arrow.ChunkedArray):
            return "arrow", kind, obj.type, _arrow_values(obj, arrow)
    sparse = sys.modules.get("scipy.sparse")
    if sparse is not None and sparse.issparse(obj):
        entries = obj.tocoo(copy=True)
        entries.sum_duplicates()  # also sorts
        places = getattr(entries, "coords", None) or (entries.row, entries.col)
        places = [np.asarray(place, dtype="int64") for place in places]
        return "sparse", kind, list(obj.shape), places, entries.data
    return None


def _arrow_values(array: Any, arrow: Any) -> Any:
    """Return the values alone: a part of an array has the memory of all of it."""
    if arrow.types.is_dictionary(array.type):
        parts = array.chunks if isinstance(array, arrow.ChunkedArray) else [array]
        return [(part.dictionary, part.indices) for part in parts]
    if isinstance(array, arrow.ExtensionArray):
        return array.storage
    types = arrow.types
    if array.null_count == 0 and (types.is_integer(array.type) or types.is_floating(array.type)):
        return np.asarray(array.to_numpy())
    return array.to_pylist()


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
