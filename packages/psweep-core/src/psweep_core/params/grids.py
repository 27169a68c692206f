"""Build params, the list of psets that a run loops over.

Pure functions over lists of dicts: no files, no pandas.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import ParamsError, ParamsTypeError
from .hashing import pset_hashes

__all__ = [
    "brief",
    "filter_params_dup_hash",
    "filter_params_unique",
    "flatten_dict",
    "itr2params",
    "merge_dicts",
    "pgrid",
    "plist",
    "stargrid",
]

Pset = dict[Any, Any]


def plist(name: Hashable, seq: Iterable[Any]) -> list[Pset]:
    """Build one parameter: a list with one single-entry pset per value.

    Parameters
    ----------
    name : hashable
        Name of the parameter, usually a str.
    seq : iterable
        The values it takes.

    Returns
    -------
    list of dict
        One dict ``{name: value}`` for each value.

    Raises
    ------
    ParamsTypeError
        `seq` cannot be looped over, or is a bare str, or `name` cannot be the key of a dict.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.plist("a", [1, 2])
    [{'a': 1}, {'a': 2}]
    """
    try:
        hash(name)
    except TypeError:
        hint = f"; write plist({seq!r}, {name!r})" if isinstance(seq, str) else ""
        message = f"the name of a parameter must be hashable, such as a str, not {name!r}{hint}"
        raise ParamsTypeError(message) from None
    if isinstance(seq, str | bytes):
        message = (
            f"plist({name!r}, {seq!r}): the second argument must be a sequence of values, not a "
            f"bare {type(seq).__name__}; write plist({name!r}, [{seq!r}])"
        )
        raise ParamsTypeError(message)
    try:
        values = iter(seq)
    except TypeError:
        message = (
            f"plist({name!r}, {seq!r}): the second argument must be a sequence of values; "
            f"for a single one write plist({name!r}, [{seq!r}])"
        )
        raise ParamsTypeError(message) from None
    return [{name: value} for value in values]


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
    dicts: Any = args[0] if len(args) == 1 and not isinstance(args[0], Mapping) else args
    merged: Pset = {}
    for position, dct in enumerate(dicts):
        if not isinstance(dct, Mapping):
            message = f"merge_dicts: argument {position} is {brief(dct)}, not a dict"
            raise ParamsTypeError(message)
        merged.update(dct)
    return merged


def itr2params(loops: Iterable[Any]) -> list[Pset]:
    """Turn the loops of `itertools` over plists into params.

    Parameters
    ----------
    loops : iterable
        What ``itertools.product(a, b)``, ``zip(a, b)``, nestings of these or
        your own generator yield: dicts, or nested tuples and lists of dicts.

    Returns
    -------
    list of dict
        One pset for each entry of `loops`, its dicts merged.

    Raises
    ------
    ParamsTypeError
        Something at the bottom of the nesting is not a dict.
    ParamsError
        One entry has the same name twice.

    Examples
    --------
    >>> import psweep as ps
    >>> a = ps.plist("a", [1, 2])
    >>> b = ps.plist("b", ["xx", "yy"])
    >>> ps.itr2params(zip(a, b))
    [{'a': 1, 'b': 'xx'}, {'a': 2, 'b': 'yy'}]
    """
    return [_merge_entry(entry) for entry in loops]


def pgrid(*plists: Any) -> list[Pset]:
    """Make the grid of all combinations of several plists, as nested loops would.

    Parameters
    ----------
    *plists : plist or zip of plists, or one sequence of these
        ``pgrid(a, b)`` and ``pgrid([a, b])`` are the same. Parameters that
        vary together go in as ``zip(a, b)``. A single plist or zip needs the
        list form, ``pgrid([a])``.

    Returns
    -------
    list of dict
        The psets; the last plist varies fastest.

    Raises
    ------
    ParamsError
        One bare plist or zip, none at all, or the same name in two plists.
    ParamsTypeError
        An entry of a plist is not a dict.

    Examples
    --------
    >>> import psweep as ps
    >>> a = ps.plist("a", [1, 2])
    >>> b = ps.plist("b", ["xx", "yy"])
    >>> ps.pgrid(a, b)
    [{'a': 1, 'b': 'xx'}, {'a': 1, 'b': 'yy'}, {'a': 2, 'b': 'xx'}, {'a': 2, 'b': 'yy'}]
    >>> ps.pgrid([zip(a, b)])
    [{'a': 1, 'b': 'xx'}, {'a': 2, 'b': 'yy'}]
    """
    args = list(_one_list_of_plists(plists[0]) if len(plists) == 1 else plists)
    if not args:
        message = "pgrid got no plist, so there is nothing to vary; write pgrid(a, b) or pgrid([a])"
        raise ParamsError(message)
    columns = [_plist_entries(arg, position) for position, arg in enumerate(args)]
    _refuse_shared_names(columns)
    grid: list[Pset] = columns[0]
    for column in columns[1:]:
        grid = [{**left, **right} for left in grid for right in column]
    return grid


def stargrid(
    const: Any,
    vary: Sequence[Iterable[Any]],
    vary_labels: Sequence[Any] | None = None,
    vary_label_col: str = "_vary",
    skip_dups: bool = True,
) -> list[Pset]:
    """Vary one plist at a time around a constant pset.

    Parameters
    ----------
    const : dict
        The centre of the star: a value for each parameter.
    vary : sequence of plists
        Each is varied on its own; its entries override those of `const`.
    vary_labels : sequence, optional
        One label for each plist in `vary`, kept in the entry `vary_label_col`
        of its psets. None: no such entry.
    vary_label_col : str, default "_vary"
        Name of that entry. It starts with ``_``, so it is not part of the hash.
    skip_dups : bool, default True
        Keep only the first of psets that are the same, such as the centre.

    Returns
    -------
    list of dict
        The psets.

    Raises
    ------
    ParamsError
        The number of labels is not the number of plists.
    ParamsTypeError
        `const` or an entry of a plist is not a dict.

    Examples
    --------
    >>> import psweep as ps
    >>> const = {"a": 1, "b": 77, "c": 11}
    >>> ps.stargrid(const, vary=[ps.plist("a", [1, 2]), ps.plist("b", [77, 88])])
    [{'a': 1, 'b': 77, 'c': 11}, {'a': 2, 'b': 77, 'c': 11}, {'a': 1, 'b': 88, 'c': 11}]
    """
    if not isinstance(const, Mapping):
        message = f"stargrid: const must be a dict, not {brief(const)}"
        raise ParamsTypeError(message)
    if vary_labels is not None and len(vary_labels) != len(vary):
        message = (
            f"stargrid: {len(vary_labels)} vary_labels {list(vary_labels)!r} for {len(vary)} "
            "plists in vary; give one label for each plist"
        )
        raise ParamsError(message)
    params: list[Pset] = []
    for position, column in enumerate(vary):
        label = {} if vary_labels is None else {vary_label_col: vary_labels[position]}
        params += [{**const, **entry, **label} for entry in _plist_entries(column, position)]
    return filter_params_unique(params) if skip_dups else params


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
        A pset is not a dict.
    HashError
        A value is made of something else than data, such as an open file.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.filter_params_unique([{"a": 1}, {"a": 1}, {"a": 2}])
    [{'a': 1}, {'a': 2}]
    """
    psets = list(params)
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
        A pset is not a dict.
    HashError
        A value is made of something else than data, such as an open file.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.filter_params_dup_hash([{"a": 1}, {"a": 2}], [ps.pset_hash({"a": 1})])
    [{'a': 2}]
    """
    known = set(hashes)
    psets = list(params)
    return [p for p, sha in zip(psets, pset_hashes(psets), strict=True) if sha not in known]


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

    Examples
    --------
    >>> import psweep as ps
    >>> ps.flatten_dict({"solver": {"name": "cg", "tol": 1e-6}, "n": 10})
    {'solver_name': 'cg', 'solver_tol': 1e-06, 'n': 10}
    """
    flat: Pset = {}
    for name, value in _leaves(dct, sep):
        if name in flat:
            message = f"flatten_dict: two values would be called {name!r}; choose another sep"
            raise ParamsError(message)
        flat[name] = value
    return flat


def _leaves(dct: Mapping[Any, Any], sep: str) -> Iterator[tuple[Any, Any]]:
    for name, value in dct.items():
        if isinstance(value, Mapping) and value:
            for below, leaf in _leaves(value, sep):
                yield f"{name}{sep}{below}", leaf
        else:
            yield name, value


def brief(obj: Any) -> str:
    """Show a value and its type in an error message."""
    try:
        text = " ".join(repr(obj).split())
    except Exception:
        text = "a value"  # whose repr fails
    return f"{text if len(text) <= 80 else text[:77] + '...'} ({type(obj).__name__})"


def _dicts_of(entry: Any) -> Iterator[Pset]:
    """Yield the dicts at the bottom of nested tuples and lists."""
    if isinstance(entry, dict):
        yield entry
    elif isinstance(entry, tuple | list):
        for part in entry:
            yield from _dicts_of(part)
    else:
        message = (
            f"expected a dict, got {brief(entry)}; use plist(name, values) to build one parameter"
        )
        raise ParamsTypeError(message)


def _merge_entry(entry: Any) -> Pset:
    pset: Pset = {}
    n_names = 0
    for dct in _dicts_of(entry):
        twice = next((name for name in dct if name in pset), None)
        pset.update(dct)
        n_names += len(dct)
        if len(pset) != n_names:
            message = (
                f"the parameter {twice!r} comes twice in {brief(entry)}; rename one of them, "
                "or use merge_dicts if the last one should win"
            )
            raise ParamsError(message)
    return pset


def _one_list_of_plists(arg: Any) -> list[Any]:
    if isinstance(arg, zip):
        message = (
            "pgrid(zip(a, b)) got one zip of plists, not a sequence of plists; "
            "write pgrid([zip(a, b)])"
        )
        raise ParamsError(message)
    if isinstance(arg, Mapping) or not isinstance(arg, Iterable):
        message = f"pgrid got {brief(arg)}; write pgrid(a, b) or pgrid([a]) with plists a and b"
        raise ParamsTypeError(message)
    entries = list(arg)
    if entries and isinstance(entries[0], dict):
        message = (
            f"pgrid(a) got one bare plist, starting with {brief(entries[0])}, not a sequence of "
            "plists; write pgrid([a])"
        )
        raise ParamsError(message)
    return entries


def _plist_entries(column: Any, position: int) -> list[Pset]:
    if isinstance(column, Mapping | str) or not isinstance(column, Iterable):
        message = (
            f"plist {position} is {brief(column)}; make it by plist(name, values), "
            "or put a constant pset into a list of length one"
        )
        raise ParamsTypeError(message)
    return [_merge_entry(entry) for entry in column]


def _refuse_shared_names(columns: list[list[Pset]]) -> None:
    names = [dict.fromkeys(itertools.chain.from_iterable(column)) for column in columns]
    for (i, left), (j, right) in itertools.combinations(enumerate(names), 2):
        for shared in filter(right.__contains__, left):
            message = (
                f"the parameter {shared!r} is in plist {i} and in plist {j}; rename it in one of "
                "them, or write zip(a, b) for parameters that vary together"
            )
            raise ParamsError(message)
