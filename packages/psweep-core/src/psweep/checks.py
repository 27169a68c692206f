"""Refuse wrong arguments before a file is touched or a pset is run."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pandas as pd

from .database import check_suffix
from .errors import ParamsError, ParamsTypeError, UnknownKeywordError
from .frames import check_book
from .json_values import check_storable, shown
from .jsonable import need_pyarrow
from .portable import dumps_plain_first
from .rows import RESERVED

__all__ = [
    "check_df",
    "check_func",
    "check_options",
    "check_params",
    "check_params_storable",
    "explain_unknown_keywords",
    "holds_data_only",
]

P = ParamSpec("P")
T = TypeVar("T")


def explain_unknown_keywords(function: Callable[P, T]) -> Callable[P, T]:
    """Refuse a misspelt keyword with the one that was probably meant."""
    known = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checked(*args: P.args, **kwds: P.kwargs) -> T:
        for name in kwds:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                cure = f"did you mean {close[0]!r}?" if close else f"it knows {', '.join(known)}"
                message = f"{function.__name__} got an unknown keyword {name!r}; {cure}"
                raise UnknownKeywordError(message)
        return function(*args, **kwds)

    return checked


def check_func(func: Any) -> None:
    """Refuse what cannot be called."""
    if not callable(func):
        message = f"func must be a function that takes a pset and returns a dict, not {func!r}"
        raise ParamsTypeError(message)


def check_params(params: Any) -> None:
    """Refuse what is not a list of dicts, and names that psweep writes itself."""
    if not isinstance(params, Sequence) or isinstance(params, str | bytes):
        cure = {
            dict: "put the one pset into a list: [pset]",
            pd.DataFrame: "take the psets out of it by df_extract_params(df)",
        }.get(type(params), "write list(params) if it is an iterator")
        message = f"params must be a list of dicts, not a {type(params).__name__}; {cure}"
        raise ParamsTypeError(message)
    # In C first, for all at once, since there may be a million.
    if {*map(type, params)} == {dict} and RESERVED.isdisjoint(set().union(*params)):
        return
    for position, pset in enumerate(params):
        if not isinstance(pset, dict):
            message = (
                f"params[{position}] must be a dict, not {pset!r} ({type(pset).__name__}); "
                "make params by plist and pgrid, or as a list of dicts"
            )
            raise ParamsTypeError(message)
        if not RESERVED.isdisjoint(pset):
            names = sorted(RESERVED & pset.keys())
            message = (
                f"params[{position}] has the names {names!r}, which psweep keeps for its "
                "book-keeping; rename them, or take psets out of a database by df_extract_params"
            )
            raise ParamsError(message)


def check_params_storable(
    params: Sequence[dict[Any, Any]], database_basename: str, plain: bool = False
) -> None:
    """Refuse values that the database could not give back; `plain` says that none needs a look."""
    data_only = holds_data_only(database_basename)
    if plain and not data_only:
        return
    for position, pset in enumerate(params):
        try:
            if data_only:
                check_storable(pset)
            else:
                dumps_plain_first(pset, pset)
        except Exception as error:
            message = (
                f"params[{position}] = {shown(pset)} cannot be kept in the database: {error}; "
                "pass data instead, or run with save=False"
            )
            raise ParamsTypeError(message) from error


def holds_data_only(database_basename: str) -> bool:
    """Tell the formats that cannot hold everything that a pickle can."""
    return Path(database_basename).suffix.lower() in (".json", ".parquet")


def check_options(
    poolsize: Any,
    save: bool,
    on_error: Any,
    capture_logs: Any,
    verbose: Any,
    tmpsave: bool,
    backup: bool,
    git: bool,
    database_basename: Any,
    retries: Any = 0,
    timeout: Any = None,
) -> None:
    """Refuse values that a keyword cannot have, and keywords that contradict each other."""
    if poolsize is not None and (
        not isinstance(poolsize, int) or isinstance(poolsize, bool) or poolsize < 1
    ):
        message = f"poolsize must be a number of processes from 1, or None, not {poolsize!r}"
        raise ParamsError(message)
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        message = f"retries must be a number of further calls from 0, not {retries!r}"
        raise ParamsError(message)
    if timeout is not None:
        if not isinstance(timeout, int | float) or isinstance(timeout, bool) or not timeout > 0:
            message = f"timeout must be a number of seconds above 0, or None, not {timeout!r}"
            raise ParamsError(message)
        if poolsize is None:
            message = (
                f"timeout={timeout!r} needs worker processes, since nothing can stop a function in "
                "this one; add poolsize=1 or more"
            )
            raise ParamsError(message)
    _one_of("on_error", on_error, ("raise", "record"))
    _one_of("capture_logs", capture_logs, (None, "db", "file", "db+file"))
    if isinstance(verbose, str) or not isinstance(verbose, bool | Sequence):
        message = f"verbose must be a bool or a list of names, not {verbose!r}; write [{verbose!r}]"
        raise ParamsTypeError(message)
    if not isinstance(database_basename, str) or Path(database_basename).name != database_basename:
        message = (
            f"database_basename must be the name of a file in calc_dir, not {database_basename!r}; "
            "put the folder into calc_dir"
        )
        raise ParamsError(message)
    check_suffix(Path(database_basename))
    if save:
        if database_basename.endswith(".parquet"):
            need_pyarrow()
        return
    for name, given in (
        ("tmpsave=True", tmpsave),
        ("backup=True", backup),
        ("git=True", git),
        (f"capture_logs={capture_logs!r}", capture_logs in ("file", "db+file")),
    ):
        if given:
            message = f"{name} writes files, save=False forbids it; leave out one of them"
            raise ParamsError(message)


def _one_of(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    if value not in choices:
        message = f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}"
        raise ParamsError(message)


def check_df(df: Any) -> None:
    """Refuse a DataFrame that is no database."""
    if df is None:
        return
    if not isinstance(df, pd.DataFrame):
        message = f"df must be a DataFrame that run_local returned, or None, not {df!r}"
        raise ParamsTypeError(message)
    check_book(df, "df")
