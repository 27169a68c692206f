"""The cells of a table as texts: each in one line, and the numbers of a column in one format."""

from __future__ import annotations

import numbers
import re
import sys
from typing import Any

import numpy as np
import pandas as pd

from ..messages import printable
from ..table.cells import MISSING, cells

__all__ = ["column_texts", "holds_numbers", "is_text_column", "one_line", "raw_cells"]

_MAX_BITS = 10_000  # of ints that Python converts to text
_WHOLE_ARRAY = 20  # elements; of larger ones, the ends are shown
_ESCAPES = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t"})
_SCIENTIFIC = re.compile(r"(-?\d\.\d+?)(0*)(e[+-]\d+)")


def holds_numbers(dtype: Any) -> bool | None:
    """Return whether a dtype is of numbers; None of what pandas 2.0 cannot print: Arrow structs."""
    try:
        return bool(pd.api.types.is_numeric_dtype(dtype))
    except NotImplementedError:
        return None


def column_texts(series: pd.Series[Any], missing: str | None = None) -> tuple[list[str], bool]:
    """Format the cells of a column.

    Parameters
    ----------
    series : Series
    missing : str, optional
        What to write for a cell without a value, which None is not. If it is None: what pandas
        writes.

    Returns
    -------
    list of str
        One line per cell, without control characters.
    bool
        Whether all of them are numbers, which must not be cut.
    """
    if not len(series):
        return [], False
    is_number = holds_numbers(series.dtype)
    if is_number is None:
        series, is_number = pd.Series(series.tolist(), dtype=object), False
    is_number = is_number and series.dtype != bool
    if is_text_column(series):
        values = series.tolist()
        texts = list(map(one_line, values))
        given = [i for i, value in enumerate(values) if not _is_missing(value)]
        is_number = bool(given) and all(_is_number(values[i]) for i in given)
        floats = [i for i in given if isinstance(values[i], float | np.floating)]
        for i in {*range(len(values))}.difference(given):
            texts[i] = _missing_text(values[i])
        for i, text in zip(floats, _formatted(pd.Series([values[i] for i in floats])), strict=True):
            texts[i] = text
    else:
        texts = _formatted(series)
    if missing is not None:
        # (None among floats is a NaN for pandas, which writes it as one.)
        texts = [
            "None" if value is None else missing if value is MISSING or _is_missing(value) else text
            for text, value in zip(texts, cells(series), strict=True)
        ]
    return texts, is_number


def is_text_column(series: pd.Series[Any]) -> bool:
    """Return whether a column may hold texts and other objects, not only numbers or times."""
    dtype = series.dtype
    return dtype == object or str(dtype) in ("str", "string", "category")  # noqa: E721


def _formatted(series: pd.Series[Any]) -> list[str]:
    """Format numbers or times as pandas does: all in one format."""
    if not len(series):
        return []
    texts = _by_pandas(series)
    if len({*texts}) == 1 and series.dtype.kind == "f" and series.nunique() > 1:
        # Six digits would make all numbers equal, such as 1.0000001 and 1.0000002.
        for precision in (9, 12, 16):
            with pd.option_context("display.precision", precision):
                texts = _by_pandas(series)
            if len({*texts}) > 1:
                break
    if len(texts) != len(series):  # a dtype whose texts have several lines
        return list(map(one_line, series.tolist()))
    found = [_SCIENTIFIC.fullmatch(text) for text in texts]
    if not any(found) or any(not match and "." in text for match, text in zip(found, texts)):  # noqa: B905
        return texts
    # 1.500000e-10 and 2.000000e-10 are 1.5e-10 and 2.0e-10.
    n_spare = min(len(match[2]) for match in found if match)
    return [
        f"{match[1]}{match[2][n_spare:]}{match[3]}" if match else text
        for text, match in zip(texts, found, strict=True)
    ]


def _by_pandas(series: pd.Series[Any]) -> list[str]:
    text = series.to_string(index=False, header=False, name=False, dtype=False, length=False)
    return [line.strip() for line in text.split("\n")]


def one_line(value: Any) -> str:
    r"""Write any value in one line without control characters.

    Examples
    --------
    >>> import numpy as np
    >>> one_line(np.eye(2)), one_line("two\nlines"), one_line(np.zeros(100))
    ('[[1. 0.] [0. 1.]]', 'two\\nlines', '[0. 0. 0. ... 0. 0. 0.] (100)')
    """
    kind = type(value)
    if kind is str:
        return printable(value.translate(_ESCAPES))
    try:
        text = _of_array(value) if isinstance(value, np.ndarray) else str(value)
        if isinstance(value, pd.DataFrame | pd.Series):
            text = f"<{kind.__name__} {' x '.join(map(str, value.shape))}>"
    except Exception:  # ints of more than 4300 digits, and whatever a class may do
        return f"<{kind.__name__}>"
    if isinstance(value, str):
        return printable(text.translate(_ESCAPES))
    return printable(re.sub(r"\s*[\n\r]\s*", " ", text).translate(_ESCAPES))


def _of_array(array: np.ndarray[Any, Any]) -> str:
    text = np.array2string(
        array,
        max_line_width=sys.maxsize,
        threshold=_WHOLE_ARRAY,
        edgeitems=3 if array.ndim < 2 else 1,
        separator=" ",
    )
    if array.dtype.kind in "biufc":  # so spaces only align
        text = re.sub(r"(?<=\[)\s+|\s+(?=\])", "", re.sub(r"\s+", " ", text))
    if array.size <= _WHOLE_ARRAY:
        return text
    return f"{text} ({' x '.join(map(str, array.shape))})"


def raw_cells(series: pd.Series[Any]) -> list[Any]:
    """Return numbers as they are, None for what is missing, and all else as texts."""
    if is_text_column(series):
        return [
            None
            if _is_missing(value)
            else value
            if type(value) is float or (type(value) is int and value.bit_length() < _MAX_BITS)
            else one_line(value)
            for value in series.tolist()
        ]
    return [None if _is_missing(value) else value for value in series.tolist()]


def _missing_text(value: Any) -> str:
    return {None: "None", pd.NaT: "NaT", pd.NA: "<NA>"}.get(value, "NaN")


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Number) and not isinstance(value, bool | np.bool_)


def _is_missing(value: Any) -> bool:
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    may_be_nan = (float, complex, np.inexact, np.datetime64, np.timedelta64)
    return isinstance(value, may_be_nan) and bool(value != value)
