"""Refuse wrong arguments before a file is touched or a pset is run."""

from __future__ import annotations

import inspect
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ParamsError, ParamsTypeError
from ..messages import safe_repr, safe_str
from ..params.grids import brief
from ..store.json_values import check_storable
from ..store.old_files import understood
from ..store.portable_pickle import dumps_atomic_first
from ..store.suffixes import holds_data_only
from ..table.bookkeeping import RESERVED, SEED
from ..table.cells import in_native_order
from ..table.frames import usable

__all__ = [
    "check_df",
    "check_func",
    "check_params",
    "check_params_storable",
]


def check_func(func: Any, params: Any = None, call: str = "run_local(func, params)") -> None:
    """Refuse what cannot be called with a pset alone; `params` and `call` help to explain it."""
    if not callable(func):
        message = (
            "func must be callable (it takes a pset and returns a dict), not "
            f"{brief(func)}; {_instead_of(func, params, call)}"
        )
        raise ParamsTypeError(message)
    _check_returns(func)
    try:
        if getattr(func, "__signature__", None) is not None:
            return  # written by hand, or by a decorator, so perhaps not that of the call
        # (Not of a function that this one wraps: the wrapper may call that in another way.)
        signature = inspect.signature(func, follow_wrapped=False)
    except Exception:
        return  # such as of builtins
    try:
        signature.bind({})
    except TypeError:
        name = str(getattr(func, "__name__", "func")).replace("<lambda>", "func")
        hint = _call_with_one(name, signature)
        if isinstance(func, type):
            hint = f"{name} is a class; pass a function, or an object that can be called"
        message = (
            f"func gets one argument, the pset, which is a dict, but {name}{signature} cannot be "
            f"called like that; {hint}"
        )
        raise ParamsTypeError(message) from None


def _check_returns(func: Any) -> None:
    """Refuse functions that cannot return a dict, whatever is in them."""
    name = str(getattr(func, "__name__", "func"))
    if inspect.iscoroutinefunction(func):
        hint = f"is async; write lambda pset: asyncio.run({name}(pset))"
    elif inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
        hint = "is a generator function; use return instead of yield"
    else:
        return
    message = f"func must return a dict, but {name} {hint}"
    raise ParamsTypeError(message)


def _instead_of(func: Any, params: Any, call: str) -> str:
    if callable(params):
        return f"func and params are swapped: write {call}"
    if isinstance(func, str):
        return "pass the function itself, not its name"
    return f"pass the function itself, such as {call}, not what func(...) returns"


def _call_with_one(name: str, signature: inspect.Signature) -> str:
    """Suggest how to make a function with another signature into one that takes a pset."""
    args, n_positional = [], 0
    for parameter in signature.parameters.values():
        is_variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if is_variadic or parameter.default is not parameter.empty:
            continue
        value = f'pset["{parameter.name}"]'
        by_name = parameter.kind is parameter.KEYWORD_ONLY
        args.append(f"{parameter.name}={value}" if by_name else value)
        n_positional += not by_name
    if not args:
        return f"give it a parameter for the pset: def {name}(pset): ..."
    if n_positional == 1:  # it takes the pset, and more by name
        args[0] = "pset"
    return f"write lambda pset: {name}({', '.join(args)})"


def check_params(params: Any) -> tuple[Sequence[dict[Any, Any]], set[Any]]:
    """Refuse what is not a list of dicts, and names that psweep writes itself.

    Returns
    -------
    params : sequence of dict
        The same, as a list if it was a generator, an array, or something else to loop over.
    names : set
        All names in the psets.
    """
    if _is_loop(params):
        params = [*params]
    if not isinstance(params, Sequence) or isinstance(params, str | bytes):
        message = f"params must be a list of dicts, not {brief(params)}; {_list_of_dicts(params)}"
        raise ParamsTypeError(message)
    # In C first, for all at once, since there may be a million.
    names: set[Any] = set()
    if {*map(type, params)} == {dict} and _NOT_IN_PSETS.isdisjoint(names := set().union(*params)):
        if SEED in names:
            _check_seeds(params)
        return params, names
    for position, pset in enumerate(params):
        if not isinstance(pset, dict):
            message = f"params[{position}] must be a dict, not {brief(pset)}; {_one_dict(pset)}"
            raise ParamsTypeError(message)
        if not _NOT_IN_PSETS.isdisjoint(pset):
            reserved = sorted(_NOT_IN_PSETS & pset.keys())
            message = (
                f"params[{position}] has the names {reserved!r}, which are reserved by psweep; "
                "rename them, or take psets out of a database by df_extract_params"
            )
            raise ParamsError(message)
        names.update(pset)
    if SEED in names:
        _check_seeds(params)
    return params, names


_NOT_IN_PSETS = RESERVED - {SEED}


def _check_seeds(params: Sequence[dict[Any, Any]]) -> None:
    """Refuse what is not a seed; `SEED` in a pset takes the place of the derived one."""
    for position, pset in enumerate(params):
        value = pset.get(SEED, 0)
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            what = f"{brief(value)}, which is not an int"
        elif not 0 <= value < 1 << 32:
            what = f"{value}, which is not in [0, 2**32)"
        else:
            continue
        message = (
            f"params[{position}] has {SEED!r} = {what}; it seeds the random numbers of the pset, "
            "so give a number of your own for something else another name"
        )
        raise ParamsError(message)


def _is_loop(params: Any) -> bool:
    """Return whether params come from something else than a list, such as a generator."""
    if isinstance(params, Sequence | Mapping | pd.DataFrame | zip | itertools.product):
        return False
    return isinstance(params, Iterable)


def _list_of_dicts(params: Any) -> str:
    """Suggest what to write instead of something that is not a list."""
    if isinstance(params, pd.DataFrame):
        return "take the psets out of it by df_extract_params(df)"
    if isinstance(params, zip | itertools.product):
        return "write itr2params(params)"
    if not isinstance(params, Mapping):
        return "build it with plist and pgrid"
    lists = {
        name: value
        for name, value in params.items()
        if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
    }
    if not lists:
        return "put the one pset into a list: [pset]"
    plists = [f"plist({name!r}, {_values(params, lists, name)})" for name in [*params][:3]]
    plists += ["..."] if len(params) > len(plists) else []
    grid = plists[0] if len(params) == 1 else f"pgrid({', '.join(plists)})"
    return f"write {grid} to vary the values, or [pset] if this is one pset"


def _values(params: Mapping[Any, Any], lists: Mapping[Any, Any], name: Any) -> str:
    text = repr(params[name]) if name in lists else repr([params[name]])
    return text if len(text) <= 40 else "[...]"


def _one_dict(pset: Any) -> str:
    """Suggest what to write instead of something in params that is not a dict."""
    if isinstance(pset, tuple | list) and pset and all(isinstance(each, dict) for each in pset):
        if isinstance(pset, tuple):
            return "merge the dicts by itr2params(params)"
        return "this is a list of lists: combine plists by pgrid(a, b), or join lists by a + b"
    if isinstance(pset, tuple | list) and pset:
        names = [f"{name!r}: {name}" for name in "abcdefgh"[: len(pset)]]
        loop = ", ".join("abcdefgh"[: len(pset)]) + ("," if len(pset) == 1 else "")
        if len(pset) <= len(names):
            return f"give the values names: [{{{', '.join(names)}}} for {loop} in params]"
    return "give the values a name by plist(name, values), or make params as a list of dicts"


def check_params_storable(
    params: Sequence[dict[Any, Any]], database_basename: str, atomic: bool = False
) -> None:
    """Refuse values that the database could not give back; `atomic` says that none needs a look."""
    data_only = holds_data_only(database_basename)
    if atomic and not data_only:
        return
    for position, pset in enumerate(params):
        try:
            if data_only:
                check_storable(pset)
            else:
                dumps_atomic_first(pset, pset)
        except Exception as error:
            message = (
                f"params[{position}] = {safe_repr(pset)} cannot be kept in the database: "
                f"{safe_str(error)}; pass data instead, or run with save=False"
            )
            raise ParamsTypeError(message) from error


def check_df(df: Any) -> pd.DataFrame | None:
    """Refuse a DataFrame that is not a database; return it in the shape that runs extend."""
    if df is None:
        return None
    if not isinstance(df, pd.DataFrame):
        message = f"df must be a DataFrame that run_local returned, or None, not {brief(df)}"
        if isinstance(df, str | os.PathLike):
            message += f"; pass a folder by name: calc_dir={os.fspath(df)!r}"
        elif isinstance(df, int):
            message += f"; options are passed by name, such as poolsize={df}"
        raise ParamsTypeError(message)
    return usable(understood(in_native_order(df), "df")[0], "df")
