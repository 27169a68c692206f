"""DataFrames as JSON for other programs, in the forms of pandas' ``to_json(orient=...)``.

They are for ``jq`` and the like: None, NaN, infinity and a cell without a value are all ``null``,
and paths and other values that JSON has no form for are text. What psweep itself reads again is in
`json_parquet`.
"""

from __future__ import annotations

import contextlib
import math
from typing import Any, Final

import numpy as np
import pandas as pd

from ..errors import ParamsError, ParamsTypeError
from ..messages import safe_repr
from ..table.cells import MISSING, cells
from .json_values import encode

__all__ = ["ORIENTS", "frame_as"]

ORIENTS: Final = ("records", "split", "index", "columns", "values")


def frame_as(df: pd.DataFrame, orient: str) -> Any:
    """Make a DataFrame into lists and dicts of plain values; see `df_to_json`."""
    if orient not in ORIENTS:
        message = f"orient must be one of {', '.join(map(repr, ORIENTS))}, not {orient!r}"
        raise ParamsError(message)
    names = [str(name) for name in df.columns]
    index = [str(label) for label in df.index]
    columns = [
        [_for_json(value, f"column {name!r}") for value in cells(df.iloc[:, i])]
        for i, name in enumerate(names)
    ]
    rows = [list(row) for row in zip(*columns, strict=True)] or [[] for _ in index]
    if orient == "values":
        return rows
    if orient == "split":
        labels = [_for_json(label, "the index") for label in df.index.tolist()]
        return {"columns": names, "index": labels, "data": rows}
    if orient == "columns":
        return {
            name: dict(zip(index, column, strict=True))
            for name, column in zip(names, columns, strict=True)
        }
    records = [dict(zip(names, row, strict=True)) for row in rows]
    return records if orient == "records" else dict(zip(index, records, strict=True))


def _for_json(value: Any, where: str, depth: int = 0) -> Any:
    if value is MISSING or value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.ndarray):
        value = value.tolist()
    elif isinstance(value, np.generic):
        value = value.item()
    kind = type(value)
    if kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if depth < 100:
        if kind in (list, tuple, set, frozenset):
            return [_for_json(item, where, depth + 1) for item in value]
        if kind is dict:
            return {str(name): _for_json(item, where, depth + 1) for name, item in value.items()}
    try:
        return encode(value, where)
    except ParamsTypeError:  # a path, for example
        with contextlib.suppress(Exception):  # its class may do anything
            return str(value)
        return safe_repr(value)
