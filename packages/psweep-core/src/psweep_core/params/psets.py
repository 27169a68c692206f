"""Psets and lists of psets: merge, flatten, filter, shuffle."""

from __future__ import annotations

import numbers
import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import ParamsError, ParamsTypeError
from ..old_words import takes_old_words
from .hashing import pset_hashes

__all__ = [
    "Pset",
    "brief",
    "filter_params_dup_hash",
    "filter_params_unique",
    "flatten_dict",
    "merge_dicts",
    "shuffled",
]

Pset = dict[Any, Any]


@takes_old_words
def merge_dicts(*args: Any) -> Pset:
    """Merge dicts from left to right; where a name comes twice, the last one wins.

    Parameters
    ----------
    *args : dict, or one sequence of dict
        ``merge_dicts(a, b)`` and ``merge_dicts([a, b])`` are the same.

    Returns
    -------
    dict
        A new dict; the arguments are left alone.

    Raises
    ------
    ParamsTypeError
        Something among the arguments is not a dict.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.merge_dicts({"a": 1, "b": 2}, {"b": 3})
    {'a': 1, 'b': 3}
    """
    is_one_list = len(args) == 1 and not isinstance(args[0], Mapping)
    dicts: Any = listed(args[0], "merge_dicts: the argument") if is_one_list else args
    merged: Pset = {}
    for position, dct in enumerate(dicts):
        if not isinstance(dct, Mapping):
            message = f"merge_dicts: argument {position} is {brief(dct)}, not a dict"
            raise ParamsTypeError(message)
        merged.update(dct)
    return merged


@takes_old_words
def flatten_dict(dct: Mapping[Any, Any], sep: str = "_") -> Pset:
    """Flatten nested dicts, so that each leaf becomes a column of its own.

    Parameters
    ----------
    dct : dict
        Its values may be dicts, and so on.
    sep : str, default "_"
        Goes between the names.

    Returns
    -------
    dict
        No value in it is a dict with entries.

    Raises
    ------
    ParamsError
        Two leaves would get the same name.
    ParamsTypeError
        `dct` is not a dict.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.flatten_dict({"solver": {"name": "cg", "tol": 1e-6}, "n": 10})
    {'solver_name': 'cg', 'solver_tol': 1e-06, 'n': 10}
    """
    given: Any = dct
    if not isinstance(given, Mapping):
        message = f"flatten_dict: the argument must be a dict, not {brief(given)}"
        raise ParamsTypeError(message)
    flat: Pset = {}
    for name, value in _leaves(dct, sep):
        if name in flat:
            message = f"flatten_dict: two values would be called {name!r}; choose another sep"
            raise ParamsError(message)
        flat[name] = value
    return flat


def filter_params_unique(params: Iterable[Pset]) -> list[Pset]:
    """Keep the first of all psets that have the same hash.

    Parameters
    ----------
    params : iterable of dict
        The psets. Entries whose names start with ``_`` do not count.

    Returns
    -------
    list of dict
        The psets that are left, in their order.

    Raises
    ------
    ParamsTypeError
        `params` is not a list of dicts.
    HashError
        A value is made of something else than data, such as an open file.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.filter_params_unique([{"a": 1}, {"a": 1}, {"a": 2}])
    [{'a': 1}, {'a': 2}]
    """
    psets = listed(params, "filter_params_unique: params")
    first: dict[str, Pset] = {}
    for sha, pset in zip(pset_hashes(psets), psets, strict=True):
        first.setdefault(sha, pset)
    return list(first.values())


def filter_params_dup_hash(params: Iterable[Pset], hashes: Iterable[str]) -> list[Pset]:
    """Drop the psets whose hash is among those given.

    Parameters
    ----------
    params : iterable of dict
        The psets.
    hashes : iterable of str
        Hashes to drop, for instance ``df._pset_hash``.

    Returns
    -------
    list of dict
        The psets that are left, in their order.

    Raises
    ------
    ParamsTypeError
        A pset is not a dict, or `hashes` is not a list of hashes.
    HashError
        A value is made of something else than data, such as an open file.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.filter_params_dup_hash([{"a": 1}, {"a": 2}], [ps.pset_hash({"a": 1})])
    [{'a': 2}]
    """
    if isinstance(hashes, str):
        message = f"hashes must be a list of hashes, not the single {hashes!r}; write [{hashes!r}]"
        raise ParamsTypeError(message)
    some = listed(hashes, "filter_params_dup_hash: hashes", "hashes")
    odd = next((sha for sha in some if isinstance(sha, Mapping)), None)
    if odd is not None:
        message = (
            "filter_params_dup_hash: hashes must be a list of hashes, not of psets such as "
            f"{brief(odd)}; write filter_params_dup_hash(params, df._pset_hash)"
        )
        raise ParamsTypeError(message)
    known = {*some}
    psets = listed(params, "filter_params_dup_hash: params")
    return [p for p, sha in zip(psets, pset_hashes(psets), strict=True) if sha not in known]


def shuffled(params: Iterable[Pset], seed: int | str) -> list[Pset]:
    """Put psets into a random order, which is the same for the same seed.

    Parameters
    ----------
    params : iterable of dict
        The psets. They are not modified.
    seed : int or str
        Chooses the order; the same on every machine and every version of Python.

    Returns
    -------
    list of dict
        The same psets in another order. Rows of the study are in this order, too.

    Raises
    ------
    ParamsTypeError
        `seed` is not an int or a str, or `params` is not a list of psets.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.shuffled([{"a": 1}, {"a": 2}, {"a": 3}], seed=0)
    [{'a': 1}, {'a': 3}, {'a': 2}]
    """
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral | str):
        message = (
            f"shuffled: seed must be an int or a str, not {brief(seed)}; with a fixed one, each "
            "call returns the same order"
        )
        raise ParamsTypeError(message)
    order = listed(params, "shuffled: params")
    for position, pset in enumerate(order):
        if not isinstance(pset, Mapping):
            message = f"shuffled: params[{position}] must be a dict, not {brief(pset)}"
            raise ParamsTypeError(message)
    seed = seed if isinstance(seed, str) else int(seed)  # NumPy's ints choose another order
    random.Random(seed).shuffle(order)  # noqa: S311 (nothing is to be kept secret)
    return order


def _leaves(dct: Mapping[Any, Any], sep: str) -> Iterator[tuple[Any, Any]]:
    for name, value in dct.items():
        if isinstance(value, Mapping) and value:
            for below, leaf in _leaves(value, sep):
                yield f"{name}{sep}{below}", leaf
        else:
            yield name, value


def listed(obj: Any, where: str, what: str = "dicts") -> list[Any]:
    """Return a list of what was passed; refuse a single dict or str, and what has no items."""
    try:
        items = None if isinstance(obj, Mapping | str) else iter(obj)
    except TypeError:
        items = None
    if items is None:
        message = f"{where} must be a list of {what}, not {brief(obj)}"
        raise ParamsTypeError(message)
    return list(items)


def brief(obj: Any) -> str:
    """Show a value and its type in an error message."""
    try:
        text = " ".join(repr(obj).split())
    except Exception:
        text = "a value"  # whose repr fails
    return f"{text if len(text) <= 80 else text[:77] + '...'} ({type(obj).__name__})"
