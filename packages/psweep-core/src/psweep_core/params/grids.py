"""Build params, the list of psets that a run loops over.

Pure functions over lists of dicts: no files, no pandas.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import ParamsError, ParamsTypeError
from ..old_words import takes_old_words
from .psets import Pset, brief, filter_params_unique, listed

__all__ = ["Pset", "brief", "itr2params", "pgrid", "plist", "stargrid"]


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
    entries = listed(loops, "itr2params: the argument", "dicts or tuples of dicts")
    return [_merge_entry(entry) for entry in entries]


def pgrid(*plists: Any, **values: Any) -> list[Pset]:
    """Make the grid of all combinations of several parameters, as nested loops would.

    Parameters
    ----------
    *plists : plist or zip of plists, or one sequence of these, or one dict of lists
        ``pgrid(a, b)`` and ``pgrid([a, b])`` are the same. Parameters that
        vary together go in as ``zip(a, b)``. A single plist or zip needs the
        list form, ``pgrid([a])``. A dict has the values of each parameter,
        ``pgrid({"a": [1, 2], "b": [3, 4]})``.
    **values : iterable
        The values of one parameter each: ``pgrid(a=[1, 2])``. They vary faster than `plists`.

    Returns
    -------
    list of dict
        The psets; the last parameter varies fastest.

    Raises
    ------
    ParamsError
        One bare plist or zip, none at all, or the same name twice.
    ParamsTypeError
        An entry of a plist is not a dict, or the values of a parameter are not a sequence.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.pgrid(a=[1, 2], b=["xx", "yy"])
    [{'a': 1, 'b': 'xx'}, {'a': 1, 'b': 'yy'}, {'a': 2, 'b': 'xx'}, {'a': 2, 'b': 'yy'}]
    >>> a = ps.plist("a", [1, 2])
    >>> b = ps.plist("b", ["xx", "yy"])
    >>> ps.pgrid(a, b) == ps.pgrid(a=[1, 2], b=["xx", "yy"])
    True
    >>> ps.pgrid([zip(a, b)])
    [{'a': 1, 'b': 'xx'}, {'a': 2, 'b': 'yy'}]
    """
    args = list(_one_argument(plists[0], bool(values)) if len(plists) == 1 else plists)
    args += _plists_of(values, "pgrid({}={})".format)
    if not args:
        message = "pgrid got no plist, so there is nothing to vary; write pgrid(a, b) or pgrid([a])"
        raise ParamsError(message)
    columns = [_plist_entries(arg, position) for position, arg in enumerate(args)]
    _refuse_shared_names(columns)
    grid: list[Pset] = columns[0]
    for column in columns[1:]:
        grid = [{**left, **right} for left in grid for right in column]
    return grid


@takes_old_words
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
    vary = listed(vary, "stargrid: vary", "plists, such as [plist('a', [1, 2])]")
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


def _plists_of(values: Mapping[Any, Any], call: Callable[[Any, str], str]) -> list[list[Pset]]:
    """Make a plist of the values of each parameter; `call` shows in errors how they were passed."""
    for name, seq in values.items():
        if isinstance(seq, Mapping | str | bytes) or not isinstance(seq, Iterable):
            fix = call(name, "[{}]".format(brief(seq).rpartition(" (")[0]))
            message = (
                f"the values of the parameter {name!r} must be a sequence, not {brief(seq)}; "
                f"for a single one write {fix}"
            )
            raise ParamsTypeError(message)
    return [plist(name, seq) for name, seq in values.items()]


def _one_argument(arg: Any, with_values: bool) -> list[Any]:
    if isinstance(arg, Mapping):
        return _plists_of(arg, lambda name, text: f"pgrid({{{name!r}: {text}}})")
    if isinstance(arg, zip) and with_values:
        return [arg]
    if isinstance(arg, zip):
        message = (
            "pgrid(zip(a, b)) got one zip of plists, not a sequence of plists; "
            "write pgrid([zip(a, b)])"
        )
        raise ParamsError(message)
    if not isinstance(arg, Iterable):
        message = f"pgrid got {brief(arg)}; write pgrid(a, b) or pgrid([a]) with plists a and b"
        raise ParamsTypeError(message)
    entries = list(arg)
    if entries and isinstance(entries[0], dict):
        if with_values:
            return [entries]
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
