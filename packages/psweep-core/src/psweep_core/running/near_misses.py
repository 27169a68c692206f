"""Psets that differ from finished ones only by types, last digits or new names."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import math
import pathlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..messages import safe_repr
from ..params.grids import Pset
from ..params.hashing import pset_hash

__all__ = ["near_misses"]

_MAX_LOOKED_AT = 200  # psets, which take some 10 ms
_NEAR = 1e-12  # relative difference of numbers that are meant to be one
_MAX_DIGITS = 30  # of a number that is a text
_MAX_ITEMS = 1000  # of a list or an array that may have been the other one
_MAX_TOKENS = 20_000  # of the containers of a column, which take some 20 ms
_NUMBERS = {bool, int, float}
_CONTAINERS = {dict, list, tuple}


def near_misses(
    psets: Sequence[Pset],
    hashes: Sequence[str],
    done: Mapping[str, Any],
    df: pd.DataFrame | None = None,
) -> Iterator[str]:
    """Report psets that will run, and that are finished ones but for types or new names.

    Parameters
    ----------
    psets : list of dict
        Those that will run. Of many, some are looked at.
    hashes : list of str
        Theirs.
    done : mapping
        With the hashes of finished psets.
    df : DataFrame, optional
        The study.
    """
    if not done or not psets:
        return
    step = -(-len(psets) // _MAX_LOOKED_AT)
    names: Collection[Any] = () if df is None else {*df.columns}
    near = _NearValues(df)
    by_type: dict[str, list[str]] = {}
    by_name: Counter[tuple[Any, ...]] = Counter()
    for given, sha in zip(psets[::step], hashes[::step], strict=True):
        if sha in done:  # repeated
            continue
        pset = {name: _as_python(value) for name, value in given.items()}
        others = itertools.chain(_other_types(pset), near.psets(pset))
        other = next((other for other in others if pset_hash(other) in done), None)
        if other is not None:
            names = [name for name in pset if pset[name] is not other[name]]
            now, then = ({name: some[name] for name in names} for some in (pset, other))
            what = "number" if {*map(type, now.values())} <= _NUMBERS else "value"
            example = f"{what}: {safe_repr(now, 60)} instead of {safe_repr(then, 60)}"
            by_type.setdefault(_difference(now, then), []).append(example)
            continue
        fresh = tuple(name for name in pset if name not in names)
        for without in [*((name,) for name in pset), *([fresh] if len(fresh) > 1 else [])]:
            if pset_hash({key: pset[key] for key in pset if key not in without}) in done:
                by_name[without] += 1
                break
    some = "" if step == 1 else "at least "
    for difference, examples in by_type.items():
        one = len(examples) == 1
        yield (
            f"{some}{len(examples)} new pset{' differs' if one else 's differ'} from "
            f"{'a finished one' if one else 'finished ones'} only in {difference} of a "
            f"{examples[0]}"
        )
    for added, n in by_name.items():
        yield (
            f"{some}{n} new pset{' differs from a finished one' if n == 1 else 's differ from '}"
            f"{'' if n == 1 else 'finished ones'} only by the new name"
            f"{'s'[: len(added) - 1]} {', '.join(safe_repr(name, 60) for name in added)}"
            "; ps.df_add_param adds a parameter to finished rows"
        )


def _difference(now: Pset, then: Pset) -> str:
    """Name what differs between values and others that are nearly the same."""
    pairs = [*zip(_tokens_of(now), _tokens_of(then), strict=False)]
    numbers = [(new, old) for new, old in pairs if _is_number(new) and _is_number(old)]
    types = any(_kind_of(new) != _kind_of(old) for new, old in pairs)
    if any(new[1] != old[1] for new, old in numbers):
        return "the type and the last digits" if types else "the last digits"
    signs = any(math.copysign(1, new[1]) != math.copysign(1, old[1]) for new, old in numbers)
    return "the sign" if signs and not types else "the type"  # (the sign of a zero)


def _kind_of(token: Any) -> Any:
    return token[0] if type(token) is tuple else token


def _is_number(token: Any) -> bool:
    return type(token) is tuple and token[0] in _NUMBERS


def _as_python(value: Any) -> Any:
    """Return the Python number, bool or string that a scalar of NumPy is hashed as."""
    return value.item() if isinstance(value, np.number | np.bool_ | np.str_) else value


class _NearValues:
    """Values of a study that are nearly the same as a given one, such as 0.1 * 3 for 0.3.

    Parameters
    ----------
    df : DataFrame or None
    """

    def __init__(self, df: pd.DataFrame | None) -> None:
        self._df = df
        self._known: dict[Any, Any] = {}  # the numbers of each column, sorted
        self._containers: dict[Any, dict[Any, dict[Any, Any]]] = {}  # by their tokens

    def psets(self, pset: Pset) -> Iterator[Pset]:
        """Yield the pset with other values in place of each float and container, and of all."""
        found = {}
        for name, value in pset.items():
            kind = type(value)
            if kind is float and (near := self._nearest(name, value)) is not None:
                found[name] = [near]
            elif kind in _CONTAINERS and (alike := self._alike(name, value)):
                found[name] = alike
        if len(found) > 1:
            yield {**pset, **{name: others[0] for name, others in found.items()}}
        for name, others in found.items():
            for other in others:
                yield {**pset, name: other}

    def _alike(self, name: Any, value: Any) -> list[Any]:
        """Find lists, tuples and dicts that differ in the types or last digits of numbers alone."""
        with contextlib.suppress(Exception):  # names of any type, and containers of any depth
            if name not in self._containers:
                self._containers[name] = {}
                self._containers[name] = self._containers_of(name)
            others = self._containers[name].get(_tokens_of(value, exact=False), {})
            tokens = _tokens_of(value)
            unlike = [other for exact, other in others.items() if exact != tokens]
            return [other for other in unlike if _are_alike(other, value)]
        return []

    def _containers_of(self, name: Any) -> dict[Any, dict[Any, Any]]:
        known: dict[Any, dict[Any, Any]] = {}
        series = None if self._df is None else self._df.get(name)
        if not isinstance(series, pd.Series) or series.dtype != object:
            return known
        room = _MAX_TOKENS
        for i in reversed(range(len(series))):  # the latest are the most likely ones
            value = series.iloc[i]
            if type(value) in _CONTAINERS:
                tokens = _tokens_of(value)
                known.setdefault(_tokens_of(value, exact=False), {}).setdefault(tokens, value)
                room -= len(tokens)
            if room < 0:
                break
        return known

    def _nearest(self, name: Any, value: float) -> float | None:
        if name not in self._known:
            self._known[name] = np.array([])
            if self._df is not None and name in self._df.columns:
                series = self._df[name]
                if isinstance(series, pd.Series) and series.dtype == np.float64:
                    self._known[name] = np.unique(series.to_numpy())
                elif isinstance(series, pd.Series) and series.dtype == object:
                    floats = [value for value in series if type(value) is float]
                    self._known[name] = np.unique(np.array(floats, dtype=np.float64))
        numbers = self._known[name]
        place = int(np.searchsorted(numbers, value))
        near = [float(n) for n in numbers[max(place - 1, 0) : place + 2] if n != value]
        near = [n for n in near if abs(n - value) < _NEAR * abs(value)]
        return min(near, key=lambda n: abs(n - value), default=None)


def _are_alike(one: Any, other: Any) -> bool:
    """Compare containers to their ends, and also the values in them that are no numbers."""
    tokens, others = ([*_tokens(some, exact=False)] for some in (one, other))
    return tokens == others and _hashes_in(one) == _hashes_in(other)


def _hashes_in(value: Any) -> list[str]:
    value = _as_python(value)
    if type(value) is dict:
        value = [value[name] for name in sorted(value, key=repr)]
    if type(value) in (list, tuple):
        return [sha for each in value for sha in _hashes_in(each)]
    return [] if type(value) in _NUMBERS else [pset_hash({"": value})]


def _tokens_of(value: Any, *, exact: bool = True) -> tuple[Any, ...]:
    """Return the first values in a container, as something that can be compared.

    Not exact: numbers that are nearly the same are equal, and so are lists and tuples.
    """
    return tuple(itertools.islice(_tokens(value, exact), _MAX_ITEMS))


def _tokens(value: Any, exact: bool) -> Iterator[Any]:
    value = _as_python(value)
    kind = type(value)
    if kind is dict:
        yield kind
        names = value if len(value) > _MAX_ITEMS else sorted(value, key=repr)
        for name in names:
            yield name
            yield from _tokens(value[name], exact)
    elif kind in _CONTAINERS:
        yield kind if exact else list
        for each in value:
            yield from _tokens(each, exact)
    elif exact or kind not in _NUMBERS:
        # (Other values are compared by their hashes, once all else is alike.)
        yield (kind, value) if kind in _NUMBERS or kind is str else kind
    else:
        yield float(f"{value:.12g}") if kind is float else value


def _other_types(pset: Pset) -> Iterator[Pset]:
    """Yield a pset with other types of its values, and with floats that are nearly the same."""
    changed = {name: _converted(value) for name, value in pset.items()}
    changed = {name: value for name, value in changed.items() if value is not None}
    for kind in (int, float):
        some = {name: value for name, value in changed.items() if type(value) is kind}
        if some:
            yield {**pset, **some}
    if len(changed) > 1:
        yield {**pset, **changed}
        for name, value in changed.items():
            yield {**pset, name: value}
    for name, value in pset.items():
        for other in _of_another_kind(value):
            yield {**pset, name: other}


def _of_another_kind(value: Any) -> Iterator[Any]:
    """Yield what somebody may have written in place of a value that is no number."""
    kind = type(value)
    if kind is int and value in (0, 1):
        yield bool(value)
    elif kind is float and value == 0:
        yield -value
    elif kind is str and len(value) < _MAX_DIGITS:
        for number in (int, float):
            with contextlib.suppress(ValueError):
                yield number(value)
    elif kind in (list, tuple):
        yield tuple(value) if kind is list else list(value)
        with contextlib.suppress(Exception):  # values of any type, and lists of any lengths
            array = np.array(value[:_MAX_ITEMS])
            yield from [array] if array.dtype.kind in "iufb" and len(value) == len(array) else []
    if kind in (list, tuple, dict):
        yield from (_with_numbers(value, number) for number in (int, float))
    elif kind is np.ndarray and value.dtype.kind in "iuf":
        with np.errstate(all="ignore"):
            other = value.astype(np.int64 if value.dtype.kind == "f" else np.float64)
        yield from [other] if np.array_equal(other, value) else []
        yield from [value.tolist()] if value.size <= _MAX_ITEMS else []
    elif kind is pd.Timestamp:
        yield value.to_pydatetime(warn=False)
    elif kind is datetime.datetime:
        yield pd.Timestamp(value)
    elif isinstance(value, pathlib.Path):
        yield str(value)


def _with_numbers(value: Any, kind: type) -> Any:
    """Change the numbers in a list, tuple or dict to ints or floats, where they stay the same."""
    if type(value) is dict:
        return {name: _with_numbers(each, kind) for name, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_with_numbers(each, kind) for each in value)
    other = _converted(value)
    return other if type(other) is kind and other == value else value


def _converted(value: Any) -> Any:
    """Return a number of another type, or nearly the same; None if there is no such."""
    if type(value) is bool:
        return int(value)
    if type(value) is int:
        return float(value) if abs(value) < 1 << 53 else None
    if type(value) is not float:
        return None
    if value.is_integer():
        return int(value)
    rounded = float(f"{value:.12g}")
    return rounded if rounded != value and rounded == rounded else None
