"""The formats of database files: one table, by the suffix of the file.

A new format needs a suffix in `suffixes`, an entry in `FORMATS`, and two functions. If it needs
a library, `running.options` asks for that before anything runs.
"""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import numpy as np
import pandas as pd

from ..errors import DatabaseError, ParamsTypeError
from ..table.atoms import ATOMS
from ..table.cells import cells, column
from ..table.frames import assemble
from .json_parquet import NATURAL, frame_to_json, json_to_frame, parquet_to_frame, write_parquet
from .json_values import same_data
from .portable_pickle import dump
from .suffixes import JSON, PARQUET, PICKLES

__all__ = ["FORMATS", "Format", "format_of", "odd_columns"]


def odd_columns(df: pd.DataFrame, data_only: bool) -> list[int]:
    """Find the columns that need to be read back: all but those of plain values."""
    odd = []
    for position, dtype in enumerate(df.dtypes):
        if dtype == np.dtype(object):
            series = df.iloc[:, position]
            kinds = set(map(type, series.to_numpy().tolist()))
            plain = ATOMS.issuperset(kinds if data_only else kinds - {complex})
            plain = plain and (not data_only or column(cells(series)).dtype == object)
        elif data_only:
            missing = df.iloc[:, position].isna()
            plain = str(dtype) in NATURAL and not (len(df) and missing.all())
        else:
            plain = isinstance(dtype, np.dtype) or str(dtype) in NATURAL
        if not plain:
            odd.append(position)
    return odd


class Format(NamedTuple):
    """How files of one kind are written and read."""

    read: Callable[[IO[bytes]], Any]
    write: Callable[[pd.DataFrame, IO[bytes]], None]
    data_only: bool

    def difference(self, df: pd.DataFrame, found: pd.DataFrame, odd: list[int]) -> str:
        """Report in what a DataFrame was not read back as it was written; empty if in nothing.

        Parameters
        ----------
        df, found : DataFrame
        odd : list of int
            The columns to look at, see `odd_columns`.
        """
        if df.shape != found.shape:
            return f"of shape {df.shape}, shape {found.shape} was read back"
        for position in odd:
            old, new = df.iloc[:, position], found.iloc[:, position]
            if not _are_alike(old, new, self.data_only):
                return f"the column {df.columns[position]!r} was read back as other values"
        if not self.data_only and not _are_alike(df.index, found.index):
            return "the index was read back as another one"
        return ""

    def try_out(self, series: pd.Series[Any]) -> pd.Series[Any]:
        """Write one column and read it back.

        Returns
        -------
        Series
            What was read.

        Raises
        ------
        Exception
            Any, if that does not work.
        """
        df = assemble(["column"], [series], pd.RangeIndex(len(series)))
        stream = io.BytesIO()
        self.write(df, stream)
        stream.seek(0)
        found = self.read(stream)
        difference = self.difference(df, found, odd_columns(df, self.data_only))
        if difference:
            raise ParamsTypeError(difference)
        column: pd.Series[Any] = found.iloc[:, 0]
        return column


def _are_alike(old: Any, new: Any, data_only: bool = False) -> bool:
    if data_only:
        return same_data(cells(old), cells(new))
    if str(old.dtype) != str(new.dtype):
        return False
    if old.dtype == object:
        return True  # What objects are is for them to say. They could be read.
    # pyarrow cannot compare everything, and its NaN is not equal to itself
    with contextlib.suppress(Exception):
        if old.array.equals(new.array):
            return True
    return list(map(repr, old)) == list(map(repr, new))


def _read_pickle(file: IO[bytes]) -> Any:
    try:
        return pickle.load(file)
    except (OSError, MemoryError):
        raise
    except Exception:
        # pandas knows where its classes were in older versions.
        file.seek(0)
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pd.read_pickle(file, compression=None)
        raise


def _write_pickle(df: pd.DataFrame, file: IO[bytes]) -> None:
    dump(df, file)


def _read_json(file: IO[bytes]) -> pd.DataFrame:
    return json_to_frame(json.loads(file.read().decode("utf-8")))


def _write_json(df: pd.DataFrame, file: IO[bytes]) -> None:
    file.write(json.dumps(frame_to_json(df)).encode("utf-8"))


_PICKLE = Format(_read_pickle, _write_pickle, data_only=False)
FORMATS: Final[dict[str, Format]] = {
    **dict.fromkeys(PICKLES, _PICKLE),
    JSON: Format(_read_json, _write_json, data_only=True),
    PARQUET: Format(parquet_to_frame, write_parquet, data_only=True),
}


def format_of(path: Path) -> Format:
    """Find how to read and write a file, or refuse its suffix.

    Old releases wrote pickles whatever the suffix was, so a file without one, or which is a pickle
    already, is one.
    """
    found = FORMATS.get(path.suffix.lower(), None if path.suffix else _PICKLE)
    if found is None and _is_pickle(path):
        found = _PICKLE
    if found is None:
        message = (
            f"{path}: the suffix {path.suffix!r} names no database format; "
            f"take one of {', '.join(FORMATS)}"
        )
        raise DatabaseError(message)
    return found


def _is_pickle(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(1) == b"\x80"
    except OSError:
        return False
