"""What a portable pickle holds in place of a pandas object: a call of a public constructor.

The internals of pandas change from version to version, its public constructors hardly do. Each
form here was loaded under pandas 2.0 to 3.1. A dtype of pyarrow needs pyarrow where it is loaded;
text in pyarrow's storage is loaded into Python's storage where pyarrow is missing.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import io
import operator
from typing import Any

import numpy as np
import pandas as pd

from .pickled_columns import Call, columns_of, is_str, texts, values_of

__all__ = ["Call", "public_name", "reduce_pandas"]

_INDEXES = (pd.Index, pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex, pd.IntervalIndex,
            pd.CategoricalIndex)  # fmt: skip
Reduced = tuple[Any, ...]


def public_name(cls: Any) -> Reduced | None:
    """Name what pandas or NumPy defines by its public place, not by the module where it is."""
    name, module = cls.__name__, str(cls.__module__)
    if module.startswith("numpy."):
        return (operator.attrgetter(name), (np,)) if getattr(np, name, None) is cls else None
    if module.startswith("pandas."):
        for prefix in ("", "offsets.", "arrays."):
            with contextlib.suppress(AttributeError):
                if operator.attrgetter(prefix + name)(pd) is cls:
                    return operator.attrgetter(prefix + name), (pd,)
    return None


def reduce_pandas(obj: Any, kind: type) -> Reduced | None:
    """Return what a pickler needs, as ``__reduce__`` does; None: pandas has no part in it."""
    if kind is pd.DataFrame:
        # Names that are not strings, or come twice, cannot be keys of the dict of columns.
        name_columns = operator.methodcaller("set_axis", obj.columns, axis=1)
        made = Call(pd.DataFrame, columns_of(obj), obj.index, None, None, False)
        return _with_attrs(obj, name_columns, made)
    if kind is pd.Series:
        values, dtype = values_of(obj)
        return _with_attrs(obj, pd.Series, values, obj.index, dtype, obj.name)
    if isinstance(obj, pd.Index):
        return _reduce_index(obj, kind)
    if isinstance(obj, pd.api.extensions.ExtensionArray):
        return _reduce_array(obj)
    if isinstance(obj, pd.api.extensions.ExtensionDtype):
        return _reduce_dtype(obj, kind)
    if isinstance(obj, pd.offsets.BaseOffset):
        return _reduce_offset(obj, kind)
    return _reduce_scalar(obj, kind)


def _with_attrs(obj: Any, func: Any, *args: Any) -> Reduced:
    if not obj.attrs:
        return func, args
    set_attrs = Call(operator.attrgetter(f"{type(obj).__name__}.attrs.fset"), pd)
    return func, args, {**obj.attrs}, None, None, set_attrs


def _reduce_index(index: Any, kind: type) -> Reduced | None:
    if kind is pd.RangeIndex:
        return pd.RangeIndex, (index.start, index.stop, index.step, None, False, index.name)
    if kind is pd.MultiIndex:
        parts = {"levels": [*index.levels], "codes": [np.asarray(part) for part in index.codes]}
        return Call(pd.MultiIndex, **parts, names=[*index.names]).reduced
    if kind not in _INDEXES:
        return None
    values, dtype = values_of(index)
    made = pd.Index, (values, dtype, False, index.name, False)
    if kind in (pd.DatetimeIndex, pd.TimedeltaIndex) and index.freq is not None:
        return Call(kind, Call(made[0], *made[1]), freq=index.freq, name=index.name).reduced
    return made


def _reduce_array(array: Any) -> Reduced | None:
    dtype, name = array.dtype, type(array).__name__
    if isinstance(dtype, np.dtype) or name in ("NumpyExtensionArray", "PandasArray"):
        return _array_of(array.to_numpy(), None, "object" if array.dtype == object else None)
    if isinstance(array, pd.Categorical):
        from_codes = Call(getattr, pd.Categorical, "from_codes")
        return from_codes, (np.asarray(array.codes), dtype.categories, dtype.ordered)
    if isinstance(dtype, pd.DatetimeTZDtype):
        utc = array.tz_convert(None).to_numpy()
        steps = [("tz_localize", "UTC"), ("tz_convert", portable_zone(dtype.tz))]
        made = Call(pd.DatetimeIndex, utc)
        for method, zone in steps:
            made = Call(operator.methodcaller(method, zone), made)
        return operator.attrgetter("array"), (made,)
    if is_str(dtype):
        return _array_of(texts(array), None, "str")
    if isinstance(dtype, pd.StringDtype):
        return pd.array, (texts(array), _string_dtype(dtype))
    if isinstance(dtype, pd.PeriodDtype):
        return Call(type(array), array.asi8, dtype=dtype).reduced
    if isinstance(dtype, pd.IntervalDtype):
        from_arrays = Call(operator.attrgetter(f"arrays.{name}.from_arrays"), pd)
        return from_arrays, (array.left, array.right, array.closed)
    if isinstance(dtype, pd.SparseDtype):
        return Call(type(array), np.asarray(array), dtype=dtype).reduced
    if isinstance(dtype, pd.ArrowDtype):
        return _reduce_arrow(array)
    if name in ("IntegerArray", "FloatingArray", "BooleanArray"):
        # (Not through a list of cells, where NaN and NA are the same.)
        numbers = array.to_numpy(dtype=dtype.type, na_value=dtype.type(0))
        return type(array), (numbers, np.asarray(array.isna()))
    return None


def _array_of(*args: Any) -> Reduced:
    return operator.attrgetter("array"), (Call(pd.Series, *args),)


def _string_dtype(dtype: Any) -> Any:
    if dtype.storage == "python":
        return "string[python]"
    found = Call(operator.is_not, Call(importlib.util.find_spec, "pyarrow"), None)
    return Call(operator.getitem, ("string[python]", "string[pyarrow]"), found)


def _reduce_arrow(array: Any) -> Reduced:
    # The format of Arrow's own streams, which all its versions read.
    import pyarrow

    table = pyarrow.table({"": array.__arrow_array__()})
    stream = io.BytesIO()
    with pyarrow.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    opened = Call(pyarrow.ipc.open_stream, stream.getvalue())
    read = Call(operator.methodcaller("read_all"), opened)
    return type(array), (Call(operator.methodcaller("column", 0), read),)


def _reduce_dtype(dtype: Any, kind: type) -> Reduced | None:
    if kind is pd.PeriodDtype:
        return kind, (dtype.freq,)
    if kind is pd.IntervalDtype:
        return kind, (dtype.subtype, dtype.closed)
    if kind is pd.SparseDtype:
        return kind, (dtype.subtype, dtype.fill_value)
    if kind is pd.CategoricalDtype:
        return kind, (dtype.categories, dtype.ordered)
    if kind is pd.DatetimeTZDtype:
        return kind, (dtype.unit, portable_zone(dtype.tz))
    if kind is pd.ArrowDtype:
        return kind, (dtype.pyarrow_dtype,)
    if kind is pd.StringDtype:
        name = "str" if is_str(dtype) else _string_dtype(dtype)
        return pd.api.types.pandas_dtype, (name,)
    return (kind, ()) if public_name(kind) else None


def _reduce_offset(offset: Any, kind: type) -> Reduced | None:
    # Not by the alias, since that changed ("M" and "ME", "H" and "h").
    if public_name(kind) is None or "calendar" in offset.kwds:
        return None
    return Call(kind, offset.n, offset.normalize, **offset.kwds).reduced


def _reduce_scalar(obj: Any, kind: type) -> Reduced | None:
    if obj is pd.NA or obj is pd.NaT:
        return getattr, (pd, "NA" if obj is pd.NA else "NaT")
    if kind is pd.Timestamp:
        return _reduce_timestamp(obj)
    if kind is pd.Timedelta:
        return operator.methodcaller("as_unit", obj.unit), (Call(kind, obj.to_timedelta64()),)
    if kind is pd.Period:
        return kind, (None, obj.freq, obj.ordinal)
    return None


def _reduce_timestamp(moment: pd.Timestamp) -> Reduced:
    clock = moment if moment.tz is None else moment.tz_convert(None)
    as_unit = operator.methodcaller("as_unit", moment.unit)
    text = (Call(pd.Timestamp, clock.isoformat()),)
    if moment.tz is not None:
        utc = Call(operator.methodcaller("tz_localize", "UTC"), Call(as_unit, *text))
        return operator.methodcaller("tz_convert", portable_zone(moment.tz)), (utc,)
    if moment.fold:
        return operator.methodcaller("replace", fold=moment.fold), (Call(as_unit, *text),)
    return as_unit, text


def portable_zone(zone: Any) -> Any:
    """Convert a time zone into what any pandas takes; pandas 2 uses pytz, pandas 3 does without."""
    library = type(zone).__module__.partition(".")[0]
    if library == "zoneinfo":
        return zone.key or zone
    if library == "pytz":
        return zone.zone or datetime.timezone(zone.utcoffset(None))
    return zone
