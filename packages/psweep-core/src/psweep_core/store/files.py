"""Small helpers to read and write files; every write replaces the file as a whole or not at all.

All expand ``~`` in the path.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

from ..errors import ParamsTypeError
from ..old_words import takes_old_words
from ..params.psets import brief
from .atomic import writing
from .paths import PathLike, expanded
from .portable_pickle import dumps

__all__ = ["file_read", "file_write", "json_read", "json_write", "pickle_read", "pickle_write"]


@takes_old_words
def file_read(path: PathLike) -> str:
    """Read a text file.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    str
        Its text, decoded as UTF-8.

    Raises
    ------
    OSError
        There is no such file, or it cannot be read.
    UnicodeDecodeError
        It is not UTF-8.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.file_write("input.txt", "a = 3")
    >>> ps.file_read("input.txt")
    'a = 3'
    """
    return Path(expanded(path)).read_text(encoding="utf-8")


@takes_old_words
def file_write(path: PathLike, txt: str, mode: str = "w") -> None:
    """Write a text file, and the folders above it where they are missing.

    Parameters
    ----------
    path : str or path
        The file.
    txt : str
        Its text, which is encoded as UTF-8.
    mode : {"w", "a", "x"}, default "w"
        Replace the file, append to it, or refuse if it exists.

    Raises
    ------
    FileExistsError
        The file exists, with mode "x".
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.file_write("runs/1/log.txt", "begin, ")
    >>> ps.file_write("runs/1/log.txt", "end", mode="a")
    >>> ps.file_read("runs/1/log.txt")
    'begin, end'
    """
    path = expanded(path)
    given: Any = txt
    if not isinstance(given, str):
        message = (
            f"file_write writes text, not {brief(given)}; write str(...) of it, or pickle_write"
        )
        raise ParamsTypeError(message)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    if mode == "w":
        with writing(path, follow=True) as file:
            file.write(txt.encode("utf-8"))
    else:
        with open(path, mode, encoding="utf-8") as file:
            file.write(txt)


@takes_old_words
def pickle_read(path: PathLike) -> Any:
    """Read one object from a pickle file.

    Unpickling runs code that the file chooses: read only files that you trust.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    object
        What is in the file.

    Raises
    ------
    OSError
        There is no such file, or it cannot be read.
    pickle.UnpicklingError, EOFError
        It is damaged, or not a pickle.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.pickle_write("pset.pk", {"a": 1})
    >>> ps.pickle_read("pset.pk")
    {'a': 1}
    """
    with open(expanded(path), "rb") as file:
        return pickle.load(file)


@takes_old_words
def pickle_write(path: PathLike, obj: Any) -> None:
    """Write one object to a pickle file, and the folders above it where they are missing.

    Parameters
    ----------
    path : str or path
        The file. It is replaced as a whole or not at all.
    obj : object
        DataFrames and arrays are written so that other versions of pandas and
        NumPy can read them.

    Raises
    ------
    TypeError, pickle.PicklingError
        Something in `obj` cannot be pickled, such as an open file.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.pickle_write("results/fit.pk", {"slope": 2.5})
    >>> ps.pickle_read("results/fit.pk")
    {'slope': 2.5}
    """
    data = dumps(obj)
    path = expanded(path)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with writing(path, follow=True) as file:
        file.write(data)


@takes_old_words
def json_read(path: PathLike) -> Any:
    """Read a JSON file.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    object
        What is in the file: dicts, lists, strs, numbers, bools and None.

    Raises
    ------
    OSError
        There is no such file, or it cannot be read.
    json.JSONDecodeError, UnicodeDecodeError
        It is not valid JSON.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.json_write("result.json", {"area": 12.5})
    >>> ps.json_read("result.json")
    {'area': 12.5}
    """
    return json.loads(file_read(path))


@takes_old_words
def json_write(path: PathLike, obj: Any, **kwds: Any) -> None:
    """Write a JSON file, and the folders above it where they are missing.

    Parameters
    ----------
    path : str or path
        The file. It is replaced as a whole or not at all.
    obj : object
        Dicts, lists, strs, numbers, bools and None.
    **kwds
        For `json.dumps`, such as ``indent=2``.

    Raises
    ------
    TypeError
        Something in `obj` has no form in JSON, such as a NumPy array.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.json_write("result.json", {"area": 12.5}, indent=2)
    >>> print(ps.file_read("result.json"))
    {
      "area": 12.5
    }
    """
    file_write(path, json.dumps(obj, **kwds))
