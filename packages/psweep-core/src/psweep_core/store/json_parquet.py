"""DataFrames in formats that hold data and no code: JSON and Parquet, see `json_values`."""

from __future__ import annotations

import json
from typing import IO, Any

import numpy as np
import pandas as pd

from ..errors import NotInstalledError, ParamsTypeError
from ..table.bookkeeping import RUNTIME, is_private
from ..table.cells import MISSING, cells, column, objects
from ..table.frames import assemble
from .json_values import decode, encode

__all__ = [
    "NATURAL",
    "frame_to_json",
    "json_to_frame",
    "need_pyarrow",
    "parquet_to_frame",
    "write_parquet",
]

_TIME = "_time_utc"
# These have been written also without a note of dtypes.
_OF_BOOK = {"_pset_seq": "int64", "_run_seq": "int64", RUNTIME: "float64", _TIME: "datetime64[ns]"}
NATURAL = ("int64", "float64", "bool", "Int64", "boolean", "str", "datetime64[ns]")
# Of a column without rows these are noted; others come back as objects.
_NOTED = {
    *NATURAL,
    "complex128",
    *(
        f"{kind}64[{unit}]"
        for kind in ("datetime", "timedelta")
        for unit in ("s", "ms", "us", "ns")
    ),
}


def frame_to_json(df: pd.DataFrame) -> dict[str, list[Any]]:
    """Convert a DataFrame into lists and dicts that JSON can hold."""
    columns = []
    for position, name in enumerate(df.columns):
        where = f"column {name!r}"
        values = cells(df.iloc[:, position])
        if _is_time(name) and all(v is MISSING or _is_plain_time(v) for v in values):
            # the one column of times that every database has: plain text, for a reader's sake
            columns.append([None if v is MISSING else v.isoformat() for v in values])
        else:
            columns.append([encode(value, where) for value in values])
            if _is_time(name) and any(isinstance(cell, str) for cell in columns[-1]):
                message = f"{where} holds text, which would be read as times; rename it"
                raise ParamsTypeError(message)
    return {
        "columns": [encode(name, "the names of the columns") for name in df.columns],
        "index": [encode(label, "the index") for label in df.index.tolist()],
        "data": [list(row) for row in zip(*columns, strict=True)] or [[] for _ in df.index],
        **_notes_on_dtypes(df),
    }


def _notes_on_dtypes(df: pd.DataFrame) -> dict[str, list[Any]]:
    """Note what the cells do not show: all dtypes without rows, and which objects must stay so."""
    if not len(df):
        return {"dtypes": [*map(str, df.dtypes)]}
    kept = [i for i, name in enumerate(df.columns) if _would_become_floats(df.iloc[:, i], name)]
    return {"objects": kept} if kept else {}


def _would_become_floats(series: pd.Series[Any], name: Any) -> bool:
    """Return whether ints would be read as floats, in rows that were selected from a database.

    The others may have had text, for example, which made the column one of objects.
    """
    if series.dtype != object or not {int, float} <= {*map(type, series)}:
        return False
    made = column(cells(series), exact=is_private(name))
    return bool(made.dtype != object)


def json_to_frame(obj: Any) -> pd.DataFrame:
    """Convert what `frame_to_json` gave into a DataFrame again."""
    if not isinstance(obj, dict) or not {"columns", "index", "data"} <= obj.keys():
        message = "it is JSON, but has no columns, index and data"
        raise ValueError(message)
    names = [decode(name) for name in obj["columns"]]
    rows = [*zip(*obj["data"], strict=True)] or [()] * len(names)
    kept = obj.get("objects", ())
    columns = [
        _column(name, cells, keep=i in kept)
        for i, (name, cells) in enumerate(zip(names, rows, strict=True))
    ]
    return _frame(names, columns, obj)


def _is_time(name: Any) -> bool:
    return isinstance(name, str) and name == _TIME


def _is_plain_time(value: Any) -> bool:
    return type(value) is pd.Timestamp and value.tz is None and value.unit == "ns"


def _column(name: Any, cells: tuple[Any, ...], keep: bool) -> Any:
    if _is_time(name) and all(cell is None or type(cell) is str for cell in cells):
        times = [np.datetime64("NaT" if cell is None else cell, "ns") for cell in cells]
        return np.array(times, dtype="M8[ns]")
    values = [decode(cell) for cell in cells]
    return objects(values) if keep else column(values, exact=is_private(name))


def _frame(names: list[Any], columns: list[Any], notes: dict[str, Any]) -> pd.DataFrame:
    index = pd.Index([decode(label) for label in notes["index"]])
    if not len(index):
        dtypes = notes.get("dtypes") or [_OF_BOOK.get(str(name)) for name in names]
        columns = [
            pd.Series([], dtype=dtype if dtype in _NOTED else object) for dtype in map(str, dtypes)
        ]
    if index.equals(pd.RangeIndex(len(index))):
        index = pd.RangeIndex(len(index))
    return assemble(names, columns, index)


def write_parquet(df: pd.DataFrame, file: IO[bytes]) -> None:
    """Write a DataFrame as Parquet; columns that Parquet has no type for as JSON text."""
    arrow, parquet = need_pyarrow()
    arrays, as_json = [], []
    for position, name in enumerate(df.columns):
        series = df.iloc[:, position]
        values = cells(series)
        # A NaN or None that a pset holds would come back as missing.
        marked = series.dtype == np.float64 and any(v is None or v != v for v in _given(values))
        if str(series.dtype) in NATURAL and str(series.dtype) != "str" and not marked:
            given = [None if v is MISSING else v for v in values]
            kind = {"datetime64[ns]": arrow.timestamp("ns")}.get(str(series.dtype))
            arrays.append(arrow.array(given, type=kind))
        elif values and all(v is MISSING or _is_text(v) for v in values):
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
        **_notes_on_dtypes(df),
    }
    table = arrow.table(arrays, names=_column_names(df))
    table = table.replace_schema_metadata({"psweep": json.dumps(notes)})
    parquet.write_table(table, file)


def _is_text(value: Any) -> bool:
    if type(value) is not str:
        return False
    try:
        value.encode()
    except UnicodeError:  # half of a surrogate pair
        return False
    return True


def _column_names(df: pd.DataFrame) -> list[str]:
    """Name the columns for other readers: by text, and each in a way of its own."""
    names: dict[str, None] = {}
    for position, name in enumerate(df.columns):
        text = str(name).encode(errors="backslashreplace").decode()
        names[f"{text}.{position}" if text in names else text] = None
    return list(names)


def parquet_to_frame(file: IO[bytes]) -> pd.DataFrame:
    """Read a Parquet file, as `write_parquet` wrote it or as others do."""
    _, parquet = need_pyarrow()
    # read_table leaves threads behind that hold the file; a program that ends soon after it may be
    # aborted (seen with pyarrow 26: a third of `python -c "read_table(open(...))"`).
    table = parquet.ParquetFile(file).read()
    found = (table.schema.metadata or {}).get(b"psweep")
    if found is None:
        try:
            df: pd.DataFrame = table.to_pandas()
        except Exception:  # pandas notes dtypes that it cannot read, such as lists
            df = table.to_pandas(ignore_metadata=True)
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
        values = [
            MISSING if value is None else decode(json.loads(value)) if as_json else value
            for value in stored.to_pylist()
        ]
        keep = position in notes.get("objects", ())
        columns.append(
            objects(values) if keep else column(values, exact=is_private(names[position]))
        )
    return _frame(names, columns, notes)


def _given(values: list[Any]) -> list[Any]:
    return [value for value in values if value is not MISSING]


def need_pyarrow() -> tuple[Any, Any]:
    """Import pyarrow, or say how to get it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        message = "Parquet files need pyarrow: pip install 'psweep-core[parquet]'"
        raise NotInstalledError(message, name="pyarrow") from error
    return pyarrow, pyarrow.parquet
