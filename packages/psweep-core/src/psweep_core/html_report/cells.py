"""Cells and long texts of a study, as JSON can hold them, for `html_report`."""

from __future__ import annotations

import datetime
import math
import reprlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from ..table.cells import MISSING, cells

__all__ = ["MAX_TEXT", "Column", "Texts", "param_column", "short"]

MAX_TEXT: Final = 20_000  # characters of one traceback or log
_MAX_TEXTS: Final = 20_000_000  # characters of all of them
_MAX_STR: Final = 1_000  # characters of one value
_MAX_INT: Final = 2**53  # JavaScript's numbers hold all ints up to here
_MAX_SHOWN: Final = 200  # values of a param that the overview lists


# Returns a picture of the value in a row, or None.
PictureOf = Callable[[int, Any], dict[str, Any] | None]


class Column:
    """The cells of a column, as JSON can hold them.

    A number, a string or a bool is itself, None is a cell that its row does not have, and
    a list with one string is any other value, which that string describes; such a list may have a
    picture, too.
    """

    def __init__(self, values: Sequence[Any], picture_of: PictureOf | None = None) -> None:
        given = [value for value in values if value is not MISSING]
        dates = bool(given) and all(_is_date(value) for value in given)
        self.values: list[Any] = [_date_text(value) if dates else _plain(value) for value in values]
        self.kind = "date" if dates else _kind_of(self.values)
        if picture_of is not None and self.kind == "text":
            for i, value in enumerate(values):
                picture = picture_of(i, value)
                if picture is not None:
                    shown = self.values[i]
                    self.values[i] = [shown[0] if type(shown) is list else shown, picture]

    def summary(self) -> dict[str, Any]:
        """Return which different values there are."""
        given = [value for value in self.values if value is not None]
        different = list({_key(value): value for value in given}.values())
        numbers = [v for v in different if type(v) is not list] if self.kind == "number" else []
        return {
            "n_values": len(different),
            "low": min(numbers, default=None),
            "high": max(numbers, default=None),
            "values": different[:_MAX_SHOWN],
            "types": sorted({_type_name(value, self.kind) for value in different}),
            "missing": len(self.values) - len(given),
        }

    def of(self, rows: Iterable[int]) -> Column:
        """Return the same for some rows."""
        some = Column([])
        some.values = [self.values[row] for row in rows]
        some.kind = self.kind
        return some

    def encoded(self) -> dict[str, Any]:
        """Return the cells: numbers as they are, others by their place among the different ones."""
        if self.kind == "number":
            return {"kind": self.kind, "cells": self.values}
        places: dict[Any, int] = {}
        different: list[Any] = []
        codes: list[int | None] = []
        for value in self.values:
            if value is None:
                codes.append(None)
                continue
            code = places.setdefault(_key(value), len(places))
            if code == len(different):
                different.append(value)
            codes.append(code)
        return {"kind": self.kind, "different": different, "cells": codes}


def param_column(
    series: pd.Series[Any], rows: np.ndarray[Any, Any]
) -> tuple[Column, dict[str, Any]]:
    """Return some cells of a parameter, and what its different values are in all rows."""
    kind = {"i": "int", "f": "float"}.get(getattr(series.dtype, "kind", ""))
    values = series.to_numpy() if kind and isinstance(series.dtype, np.dtype) else None
    if values is None or not len(values) or not np.isfinite(values).all():
        whole = Column(cells(series))
        return whole.of(rows), whole.summary()
    different = pd.unique(values)
    if kind == "int" and max(abs(int(different.min())), abs(int(different.max()))) > _MAX_INT:
        whole = Column(cells(series))
        return whole.of(rows), whole.summary()
    return Column(values[rows].tolist()), {
        "n_values": len(different),
        "low": different.min().item(),
        "high": different.max().item(),
        "values": different[:_MAX_SHOWN].tolist(),
        "types": [kind],
        "missing": 0,
    }


def _plain(value: Any) -> Any:
    """Convert a value into what JSON can hold, see `Column`."""
    if value is MISSING:
        return None
    if isinstance(value, np.generic) and not isinstance(value, (np.str_, np.longdouble)):
        value = value.item()
    kind = type(value)
    if kind is bool:
        return value
    if kind is int and -_MAX_INT <= value <= _MAX_INT:
        return value
    if kind is float:
        return value if math.isfinite(value) else [str(value)]
    if isinstance(value, str):
        text = str(value)
        return text if len(text) <= _MAX_STR else [cut(text, _MAX_STR)]
    if _is_date(value):
        return [_date_text(value)]
    return [short(value)]


def _kind_of(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "bool"
    odd = {value[0] for value in values if type(value) is list}
    # Where there is nothing to find, func may return None.
    numbers = kinds & {int, float} and kinds <= {int, float, list}
    if numbers and odd <= {"nan", "inf", "-inf", "None"}:
        return "number"
    return "text"


def _is_date(value: Any) -> bool:
    return isinstance(value, (datetime.date, np.datetime64))


def _date_text(value: Any) -> str | None:
    if value is MISSING or pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def _key(value: Any) -> Any:
    if type(value) is list:  # large arrays may be described alike
        return (value[0], repr(value[1:]))
    return (type(value) is bool, value)


def _type_name(value: Any, kind: str) -> str:
    if kind == "date":
        return "date"
    if type(value) is list:
        return "other"
    return {bool: "bool", int: "int", float: "float"}.get(type(value), "str")


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 200
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = _REPR.maxset = _REPR.maxfrozenset = 10


def short(value: Any) -> str:
    """Describe a value of any type in a line or so."""
    try:
        text = _REPR.repr(value)
    except Exception:  # a repr of the user's may raise anything
        return f"<{type(value).__name__}>"
    return " ".join(text.split()) if isinstance(value, np.ndarray) else text


class Texts:
    """Long texts, each kept once, as many as fit."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self.left_out = 0
        self._places: dict[str, int] = {}
        self._size = 0

    def add(self, text: Any) -> int | None:
        """Keep a text; give its place, or None if there is none."""
        if not isinstance(text, str) or not text:
            return None
        text = cut(text, MAX_TEXT)
        if text in self._places:
            return self._places[text]
        if self._size + len(text) > _MAX_TEXTS:
            self.left_out += 1
            return None
        self._size += len(text)
        self.all.append(text)
        return self._places.setdefault(text, len(self._places))


def cut(text: str, most: int) -> str:
    """Leave out the middle of a long text: its start and, above all, its end say most."""
    if len(text) <= most:
        return text
    head = most // 4
    return f"{text[:head]}\n[... {len(text) - most} characters left out ...]\n{text[head - most :]}"
