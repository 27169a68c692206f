"""DataFrames in formats that hold data and no code: JSON and Parquet, with no value's type lost."""

from __future__ import annotations

import base64
import datetime
import math
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from . import frames
from .errors import DatabaseError, ParamsTypeError

__all__ = ["frame_to_json", "json_to_frame", "parquet_to_frame", "write_parquet"]

_TAG = "__py__"
_TIME = "_time_utc"
_NATURAL = ("int64", "float64", "bool", "Int64", "boolean", "str", "datetime64[ns]")


def frame_to_json(df: pd.DataFrame) -> dict[str, list[Any]]:
    """Make a DataFrame into lists and dicts that JSON can hold."""
    columns = []
    for position, name in enumerate(df.columns):
        where = f"column {name!r}"
        values = frames.cells(df.iloc[:, position])
        if name == _TIME:
            # the one column of times that every database has: plain text, for a reader's sake
            columns.append([None if v is frames.MISSING else v.isoformat() for v in values])
        else:
            columns.append([encode(value, where) for value in values])
    return {
        "columns": [encode(name, "the names of the columns") for name in df.columns],
        "index": [encode(label, "the index") for label in df.index.tolist()],
        "data": [list(row) for row in zip(*columns, strict=True)] or [[] for _ in df.index],
    }


def json_to_frame(obj: Any) -> pd.DataFrame:
    """Make what `frame_to_json` gave into a DataFrame again."""
    if not isinstance(obj, dict) or not {"columns", "index", "data"} <= obj.keys():
        message = "it is JSON, but has no columns, index and data"
        raise ValueError(message)
    names = [decode(name) for name in obj["columns"]]
    index = pd.Index([decode(label) for label in obj["index"]])
    if index.equals(pd.RangeIndex(len(index))):
        index = pd.RangeIndex(len(index))
    rows = [*zip(*obj["data"], strict=True)] or [()] * len(names)
    data = {
        i: _column(name, list(cells), index)
        for i, (name, cells) in enumerate(zip(names, rows, strict=True))
    }
    df = pd.DataFrame(data, index=index)
    df.columns = frames.index_of_names(names)
    return df


def _column(name: Any, cells: list[Any], index: pd.Index[Any]) -> pd.Series[Any]:
    if name == _TIME:
        array: Any = np.array([np.datetime64("NaT" if c is None else c, "ns") for c in cells], "M8[ns]")
    else:
        array = frames.column([decode(cell) for cell in cells])
    dtype = object if array.dtype == object else None
    return pd.Series(np.asarray(array) if dtype else array, dtype=dtype).set_axis(index)


def encode(value: Any, where: str) -> Any:
    """Make a value into one that JSON can hold; `where` is for the error."""
    if value is frames.MISSING:
        return None
    if value is None:
        return {_TAG: "None"}
    kind = type(value)
    if kind in (bool, int, str):
        return value
    if isinstance(value, np.generic):
        plain = value.item()
        if kind.__name__ != "longdouble" and type(plain) in (bool, int, float, complex, str, bytes):
            return encode(plain, where)
    if isinstance(value, float) and kind in (float, np.float64):
        return value if math.isfinite(value) else {_TAG: "float", "v": repr(float(value))}
    if kind is list:
        return [encode(item, where) for item in value]
    if kind in (tuple, set, frozenset):
        return {_TAG: kind.__name__, "v": [encode(item, where) for item in value]}
    if kind is dict:
        if all(type(name) is str for name in value) and _TAG not in value:
            return {name: encode(item, where) for name, item in value.items()}
        pairs = [[encode(n, where), encode(v, where)] for n, v in value.items()]
        return {_TAG: "dict", "v": pairs}
    if kind is complex:
        return {_TAG: "complex", "v": [repr(value.real), repr(value.imag)]}
    if kind is bytes:
        return {_TAG: "bytes", "v": base64.b64encode(value).decode()}
    if kind in (pd.Timestamp, datetime.datetime, datetime.date, datetime.time):
        return {_TAG: kind.__name__, "v": value.isoformat()}
    if kind is np.ndarray and value.dtype.kind in "biufcU":
        items = [encode(item, where) for item in value.ravel().tolist()]
        return {_TAG: "ndarray", "dtype": value.dtype.str, "shape": list(value.shape), "v": items}
    message = (
        f"{where} holds {value!r} ({kind.__name__}), which has no form in JSON and Parquet; "
        "write a .pk file, or turn the value into numbers, text, lists and dicts"
    )
    raise ParamsTypeError(message)


def decode(obj: Any) -> Any:
    """Make the value again that `encode` was given."""
    if obj is None:
        return frames.MISSING
    if isinstance(obj, list):
        return [decode(item) for item in obj]
    if not isinstance(obj, dict):
        return obj
    if _TAG not in obj:
        return {name: decode(item) for name, item in obj.items()}
    tag, value = obj[_TAG], obj.get("v")
    simple: dict[str, Any] = {
        "None": lambda v: None,
        "float": float,
        "complex": lambda v: complex(float(v[0]), float(v[1])),
        "bytes": base64.b64decode,
        "tuple": lambda v: tuple(decode(v)),
        "set": lambda v: set(decode(v)),
        "frozenset": lambda v: frozenset(decode(v)),
        "dict": lambda v: {decode(name): decode(item) for name, item in v},
        "Timestamp": pd.Timestamp,
        "datetime": datetime.datetime.fromisoformat,
        "date": datetime.date.fromisoformat,
        "time": datetime.time.fromisoformat,
        "ndarray": lambda v: np.array(decode(v), dtype=obj["dtype"]).reshape(obj["shape"]),
    }
    if tag not in simple:
        message = f"unknown tag {tag!r}"
        raise ValueError(message)
    return simple[tag](value)


def write_parquet(df: pd.DataFrame, file: IO[bytes]) -> None:
    """Write a DataFrame as Parquet; columns that Parquet has no type for as JSON text."""
    arrow, parquet = _pyarrow()
    import json

    arrays, as_json = [], []
    for position, name in enumerate(df.columns):
        column = df.iloc[:, position]
        values = frames.cells(column)
        marked = column.dtype == np.float64 and any(v != v for v in values if v is not frames.MISSING)
        if str(column.dtype) in _NATURAL and not marked:
            given = [None if v is frames.MISSING else v for v in values]
            kind = {"datetime64[ns]": arrow.timestamp("ns")}.get(str(column.dtype))
            arrays.append(arrow.array(given, type=kind))
        elif values and all(type(v) is str or v is frames.MISSING for v in values):
            arrays.append(arrow.array([None if v is frames.MISSING else v for v in values]))
        else:
            as_json.append(position)
            texts = [
                None if v is frames.MISSING else json.dumps(encode(v, f"column {name!r}"))
                for v in values
            ]
            arrays.append(arrow.array(texts, type=arrow.string()))
    notes = {
        "names": [encode(name, "the names of the columns") for name in df.columns],
        "index": [encode(label, "the index") for label in df.index.tolist()],
        "json": as_json,
    }
    table = arrow.table(arrays, names=[str(name) for name in df.columns])
    table = table.replace_schema_metadata({"psweep": json.dumps(notes)})
    parquet.write_table(table, file)


def parquet_to_frame(path: Path) -> pd.DataFrame:
    """Read a Parquet file, as `write_parquet` wrote it or as others do."""
    import json

    _, parquet = _pyarrow()
    with open(path, "rb") as file:
        table = parquet.read_table(file)
    found = (table.schema.metadata or {}).get(b"psweep")
    if found is None:
        df: pd.DataFrame = table.to_pandas()
        return df
    notes = json.loads(found)
    index = pd.Index([decode(label) for label in notes["index"]])
    if index.equals(pd.RangeIndex(len(index))):
        index = pd.RangeIndex(len(index))
    data = {}
    for position in range(table.num_columns):
        column = table.column(position)
        if str(column.type).startswith("timestamp"):
            array: Any = column.to_numpy()
        else:
            texts = column.to_pylist()
            if position in notes["json"]:
                texts = [frames.MISSING if t is None else decode(json.loads(t)) for t in texts]
            array = frames.column([frames.MISSING if v is None and position not in notes["json"] else v for v in texts])
        dtype = object if array.dtype == object else None
        data[position] = pd.Series(np.asarray(array) if dtype else array, dtype=dtype).set_axis(index)
    df = pd.DataFrame(data, index=index)
    df.columns = frames.index_of_names([decode(name) for name in notes["names"]])
    return df


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        message = "Parquet files need pyarrow: pip install 'psweep-core[parquet]'"
        raise DatabaseError(message) from error
    return pyarrow, pyarrow.parquet
