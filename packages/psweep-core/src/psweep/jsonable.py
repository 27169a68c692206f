"""DataFrames in formats that hold data and no code: JSON and Parquet, with no value's type lost."""

from __future__ import annotations

import base64
import datetime
import json
import math
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from .columns import MISSING, cells, column
from .errors import DatabaseError, ParamsTypeError
from .frames import assemble, is_private
from .messages import safe_repr

__all__ = [
    "check_storable",
    "frame_to_json",
    "json_to_frame",
    "need_pyarrow",
    "parquet_to_frame",
    "write_parquet",
]

_TAG = "__py__"
_TIME = "_time_utc"
_NATURAL = ("int64", "float64", "bool", "Int64", "boolean", "str", "datetime64[ns]")


def frame_to_json(df: pd.DataFrame) -> dict[str, list[Any]]:
    """Make a DataFrame into lists and dicts that JSON can hold."""
    columns = []
    for position, name in enumerate(df.columns):
        where = f"column {name!r}"
        values = cells(df.iloc[:, position])
        if name == _TIME:
            # the one column of times that every database has: plain text, for a reader's sake
            columns.append([None if v is MISSING else v.isoformat() for v in values])
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
    rows = [*zip(*obj["data"], strict=True)] or [()] * len(names)
    columns = [_column(name, cells) for name, cells in zip(names, rows, strict=True)]
    return _frame(names, columns, obj["index"])


def _column(name: Any, cells: tuple[Any, ...]) -> Any:
    if name == _TIME:
        times = [np.datetime64("NaT" if cell is None else cell, "ns") for cell in cells]
        return np.array(times, dtype="M8[ns]")
    return column([decode(cell) for cell in cells], exact=is_private(name))


def _frame(names: list[Any], columns: list[Any], labels: list[Any]) -> pd.DataFrame:
    index = pd.Index([decode(label) for label in labels])
    if index.equals(pd.RangeIndex(len(index))):
        index = pd.RangeIndex(len(index))
    return assemble(names, columns, index)


def encode(value: Any, where: str) -> Any:
    """Make a value into one that JSON can hold; `where` is for the error."""
    if value is MISSING:
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
    if kind is pd.Timestamp:
        zone = getattr(value.tz, "key", None) or getattr(value.tz, "zone", None) or value.tz
        clock = value if zone is None else value.tz_convert(None)
        tags = {"unit": value.unit, **({} if zone is None else {"tz": str(zone)})}
        return {_TAG: "Timestamp", "v": clock.isoformat(), **tags}
    if value is pd.NA or value is pd.NaT:
        return {_TAG: str(value)}
    if kind in (np.datetime64, np.timedelta64):
        unit = np.datetime_data(value.dtype)[0]
        return {_TAG: kind.__name__, "v": int(value.astype(np.int64)), "unit": unit}
    if kind is datetime.timedelta:
        return {_TAG: "timedelta", "v": [value.days, value.seconds, value.microseconds]}
    if kind in (datetime.datetime, datetime.date, datetime.time) and (
        getattr(value, "tzinfo", None) is None
    ):
        return {_TAG: kind.__name__, "v": value.isoformat()}
    if kind is np.ndarray and value.dtype.kind in "biufcU":
        items = [encode(item, where) for item in value.ravel().tolist()]
        return {_TAG: "ndarray", "dtype": value.dtype.str, "shape": list(value.shape), "v": items}
    message = (
        f"{where} holds {safe_repr(value)} ({kind.__name__}), which has no form in JSON and "
        "Parquet; write a .pk file, or turn the value into numbers, text, lists and dicts"
    )
    raise ParamsTypeError(message)


def decode(obj: Any) -> Any:
    """Make the value again that `encode` was given."""
    if obj is None:
        return MISSING
    if isinstance(obj, list):
        return [decode(item) for item in obj]
    if not isinstance(obj, dict):
        return obj
    if _TAG not in obj:
        return {name: decode(item) for name, item in obj.items()}
    tag, value = obj[_TAG], obj.get("v")
    simple: dict[str, Any] = {
        "None": lambda _: None,
        "float": float,
        "complex": lambda v: complex(float(v[0]), float(v[1])),
        "bytes": base64.b64decode,
        "tuple": lambda v: tuple(decode(v)),
        "set": lambda v: set(decode(v)),
        "frozenset": lambda v: frozenset(decode(v)),
        "dict": lambda v: {decode(name): decode(item) for name, item in v},
        "Timestamp": lambda v: _timestamp(v, obj),
        "<NA>": lambda _: pd.NA,
        "NaT": lambda _: pd.NaT,
        "datetime64": lambda v: np.datetime64(v, obj["unit"]),
        "timedelta64": lambda v: np.timedelta64(v, obj["unit"]),
        "timedelta": lambda v: datetime.timedelta(*v),
        "datetime": datetime.datetime.fromisoformat,
        "date": datetime.date.fromisoformat,
        "time": datetime.time.fromisoformat,
        "ndarray": lambda v: np.array(decode(v), dtype=obj["dtype"]).reshape(obj["shape"]),
    }
    if tag not in simple:
        message = f"unknown tag {tag!r}"
        raise ValueError(message)
    return simple[tag](value)


def _timestamp(text: str, tags: dict[str, Any]) -> pd.Timestamp:
    moment = pd.Timestamp(text).as_unit(tags["unit"])
    return moment.tz_localize("UTC").tz_convert(tags["tz"]) if "tz" in tags else moment


def check_storable(values: dict[Any, Any]) -> None:
    """Refuse what `encode` refuses, in the names or the values of a pset or a result."""
    for name, value in values.items():
        encode(name, "a name")
        encode(value, repr(name))


def write_parquet(df: pd.DataFrame, file: IO[bytes]) -> None:
    """Write a DataFrame as Parquet; columns that Parquet has no type for as JSON text."""
    arrow, parquet = need_pyarrow()
    arrays, as_json = [], []
    for position, name in enumerate(df.columns):
        series = df.iloc[:, position]
        values = cells(series)
        # A NaN or None that a pset holds would come back as missing.
        marked = series.dtype == np.float64 and any(v is None or v != v for v in _given(values))
        if str(series.dtype) in _NATURAL and not marked:
            given = [None if v is MISSING else v for v in values]
            kind = {"datetime64[ns]": arrow.timestamp("ns")}.get(str(series.dtype))
            arrays.append(arrow.array(given, type=kind))
        elif values and all(type(v) is str or v is MISSING for v in values):
            arrays.append(arrow.array([None if v is MISSING else v for v in values]))
        else:
            as_json.append(position)
            texts = [
                None if v is MISSING else json.dumps(encode(v, f"column {name!r}")) for v in values
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
    _, parquet = need_pyarrow()
    with open(path, "rb") as file:
        table = parquet.read_table(file)
    found = (table.schema.metadata or {}).get(b"psweep")
    if found is None:
        df: pd.DataFrame = table.to_pandas()
        return df
    notes = json.loads(found)
    columns = []
    names = [decode(name) for name in notes["names"]]
    for position in range(table.num_columns):
        stored = table.column(position)
        if str(stored.type).startswith("timestamp"):
            columns.append(stored.to_numpy())
            continue
        as_json = position in notes["json"]
        columns.append(
            column(
                [
                    MISSING if value is None else decode(json.loads(value)) if as_json else value
                    for value in stored.to_pylist()
                ],
                exact=is_private(names[position]),
            )
        )
    return _frame(names, columns, notes["index"])


def _given(values: list[Any]) -> list[Any]:
    return [value for value in values if value is not MISSING]


def need_pyarrow() -> tuple[Any, Any]:
    """Import pyarrow, or say how to get it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        message = "Parquet files need pyarrow: pip install 'psweep-core[parquet]'"
        raise DatabaseError(message) from error
    return pyarrow, pyarrow.parquet
