"""A DataFrame to a file and back, by the file's suffix.

``.pk`` (also ``.pkl``, ``.pickle``) holds values of any type and loads with `pandas.read_pickle`.
Unpickling runs code that the file chooses, so read only files that you trust. ``.json`` and
``.parquet`` hold data only, and are the formats to accept from strangers.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from .errors import DatabaseError, ParamsTypeError, StudyNotFoundError
from .files import replacing
from .journal_reader import count_rows
from .jsonable import frame_to_json, json_to_frame, parquet_to_frame, write_parquet
from .layout import Layout, PathLike
from .portable import dump

__all__ = ["check_suffix", "df_to_json", "df_write", "read_file", "write_file"]


def df_write(df: pd.DataFrame | PathLike, path: PathLike | pd.DataFrame) -> None:
    """Write a DataFrame to a file, which is replaced as a whole or not at all.

    Parameters
    ----------
    df : DataFrame
        What to write.
    path : str or path
        Suffix ``.pk`` (``.pkl``, ``.pickle``), ``.json``, or ``.parquet`` (needs
        ``psweep-core[parquet]``). Folders above it are made where missing. The
        two arguments may come in either order.

    Raises
    ------
    DatabaseError
        The suffix is unknown.
    ParamsTypeError
        Neither argument is a DataFrame, or a value cannot be written in this
        format.

    Examples
    --------
    >>> import pandas as pd
    >>> import psweep as ps
    >>> ps.df_write(pd.DataFrame({"a": [1, 2]}), "eval.json")
    >>> ps.df_read("eval.json")
       a
    0  1
    1  2
    """
    if isinstance(path, pd.DataFrame):
        df, path = path, df
    if not isinstance(df, pd.DataFrame) or isinstance(path, pd.DataFrame):
        message = f"df_write needs a DataFrame and a path, not {df!r} and {path!r}"
        raise ParamsTypeError(message)
    path = Path(path)
    check_suffix(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(df, path)


def df_to_json(df: pd.DataFrame, **kwds: Any) -> str:
    """Write a DataFrame as JSON text, the same as in a ``.json`` file.

    Parameters
    ----------
    df : DataFrame
        Any one, with values of the types that `df_write` can keep as JSON.
    **kwds
        For `json.dumps`, such as ``indent=2``.

    Returns
    -------
    str
        One object with the lists ``columns``, ``index`` and ``data`` (a list
        a row), which ``pandas.read_json(..., orient="split")`` reads, too. What JSON
        has no word for is an object with the key ``"__py__"``.

    Raises
    ------
    ParamsTypeError
        A value is of a type that has no form in JSON.

    Examples
    --------
    >>> import pandas as pd
    >>> import psweep as ps
    >>> print(ps.df_to_json(pd.DataFrame({"a": [1, 2]})))
    {"columns": ["a"], "index": [0, 1], "data": [[1], [2]]}
    """
    return json.dumps(frame_to_json(df), **kwds)


def read_file(path: Path) -> pd.DataFrame:
    """Read one database file."""
    if not path.exists():
        message = f"there is no database {path}"
        raise StudyNotFoundError(message)
    read = check_suffix(path)[0]
    try:
        df = read(path)
    except (OSError, MemoryError):
        raise
    except (ImportError, AttributeError) as error:
        message = (
            f"{path} holds a value whose class or module is not here ({error}); the file is "
            "whole: read it where the script that wrote it runs"
        )
        raise DatabaseError(message) from error
    except Exception as error:
        # Unpickling garbage can raise nearly anything.
        message = (
            f"{path} is damaged ({type(error).__name__}: {error}); it was left as it is. "
            f"{_what_is_left(path)}"
        )
        raise DatabaseError(message) from error
    if not isinstance(df, pd.DataFrame):
        message = f"{path} holds a {type(df).__name__}, not a DataFrame"
        raise DatabaseError(message)
    return df


def write_file(df: pd.DataFrame, path: Path) -> None:
    """Write one database file whose folder is there."""
    if type(df) is not pd.DataFrame:  # a subclass, which other programs may not have
        df = pd.DataFrame(df)
    check_suffix(path)[1](df, path)


def _read_pickle(path: Path) -> Any:
    with open(path, "rb") as file:
        return pickle.load(file)


def _write_pickle(df: pd.DataFrame, path: Path) -> None:
    with replacing(path) as file:
        dump(df, file)


def _read_json(path: Path) -> pd.DataFrame:
    return json_to_frame(json.loads(path.read_text(encoding="utf-8")))


def _write_json(df: pd.DataFrame, path: Path) -> None:
    text = df_to_json(df)
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def _write_parquet(df: pd.DataFrame, path: Path) -> None:
    with replacing(path) as file:
        write_parquet(df, file)


_Format = tuple[Callable[[Path], Any], Callable[[pd.DataFrame, Path], None]]
_PICKLE: _Format = (_read_pickle, _write_pickle)
_FORMATS: dict[str, _Format] = {
    ".pk": _PICKLE,
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
    ".json": (_read_json, _write_json),
    ".parquet": (parquet_to_frame, _write_parquet),
}


def check_suffix(path: Path) -> _Format:
    """Find how to read and write a file, or refuse its suffix."""
    found = _FORMATS.get(path.suffix.lower())
    if found is None:
        message = (
            f"{path}: the suffix {path.suffix!r} names no database format; "
            f"take one of {', '.join(_FORMATS)}"
        )
        raise DatabaseError(message)
    return found


def _what_is_left(path: Path) -> str:
    """Say what else holds the rows of a damaged file."""
    layout = Layout(path.absolute().parent, path.name)
    rows = count_rows(layout.journals())
    backups = [folder.name for folder in layout.backups()]
    found = []
    if rows:
        found.append(f"{rows} rows in the journals of {layout.private.parent}")
    if layout.tmpsave_dir.is_dir():
        found.append(f"the rows below {layout.tmpsave_dir}")
    if backups:
        found.append(f"the backups {', '.join(backups)}")
    if not found:
        return (
            "Nothing else of it was found: restore it from a copy, or move it away to start anew."
        )
    return (
        f"What can still be recovered: {'; '.join(found)}. Restore the file from a copy, or move "
        "it away and call psweep.recover, which makes a new one from the journals."
    )
