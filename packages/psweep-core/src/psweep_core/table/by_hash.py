"""What a row's hash tells of it: which of its columns are params, and how its cells are to be read.

For databases of this psweep; `witness` does the same for those of old releases, whose hashes need
other readings.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ..params.grids import Pset
from ..params.hashing import pset_hash
from .bookkeeping import is_private
from .cells import MISSING

__all__ = ["Reader", "params_by_hash"]

_MAX_TRIES = 20_000  # sets of names, for one row


def params_by_hash(
    names: Sequence[Any], columns: Sequence[Sequence[Any]], hashes: Sequence[str]
) -> set[Any] | None:
    """Find the columns that are params: the hash of a row is that of its params.

    Parameters
    ----------
    names : sequence
        Of the columns that may be params.
    columns : sequence
        Their cells.
    hashes : sequence of str
        One per row.

    Returns
    -------
    set or None
        The names of params. None: no row has a hash that fits to its values.
    """
    params: set[Any] = set()
    found: set[frozenset[Any]] = set()
    left = 3  # rows may have another value for a param than they had when they were hashed
    solved = not len(hashes)
    rows = zip(*columns, strict=True) if columns else [()] * len(hashes)
    for row, sha in zip(rows, hashes, strict=True):
        have = {name: v for name, v in zip(names, row, strict=True) if v is not MISSING}
        known = {frozenset(some & have.keys()) for some in found}
        fitting = next((some for some in known if _fits(have, some, sha)), None)
        if fitting is None and left:
            tries = itertools.islice(_subsets(list(have)), _MAX_TRIES)
            fitting = next((some for some in tries if _fits(have, some, sha)), None)
            left -= fitting is None
        if fitting is not None:
            solved = True
            found.add(frozenset(fitting))
            params |= fitting
    return params if solved else None


def _subsets(names: list[Any]) -> Iterator[frozenset[Any]]:
    # The smallest and the largest ones first, since there are fewer of these.
    n = len(names)
    for size in sorted(range(n + 1), key=lambda size: min(size, n - size)):
        yield from map(frozenset, itertools.combinations(names, size))


def _fits(have: dict[Any, Any], names: Iterable[Any], sha: str) -> bool:
    pset = {name: have[name] for name in names}
    return any(pset_hash(reading) == sha for reading in (pset, *_other_numbers(pset)))


def _other_numbers(pset: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    """Read all whole floats as ints, or all ints as floats."""
    if any(map(_is_whole, pset.values())):
        yield {name: int(v) if _is_whole(v) else v for name, v in pset.items()}
    if any(type(v) is int for v in pset.values()):
        with contextlib.suppress(OverflowError):
            yield {name: float(v) if type(v) is int else v for name, v in pset.items()}


class _Reading(NamedTuple):
    """How a row may have to be read to get its pset.

    Some names are results in this row and params in others. Some floats were ints, or some ints
    floats before the user converted the column. Of a missing cell, pandas may have forgotten what
    it was. Some columns of results were params, and the user has moved them.
    """

    dropped: frozenset[Any] = frozenset()
    converted: frozenset[Any] = frozenset()
    filled: tuple[tuple[Any, Any], ...] = ()
    added: frozenset[Any] = frozenset()


class Reader:
    """Read psets in the way that fits to their hashes."""

    def __init__(self) -> None:
        self._habits: dict[tuple[Any, ...], _Reading] = {}  # by the names of a pset
        # How often they may yet be tried in vain: func may have returned a new value for a param,
        # in all rows even. Then no reading fits.
        self._left: dict[tuple[Any, ...], int] = {}

    def read(self, pset: Pset, sha: str, missing: list[Any], results: Callable[[], Pset]) -> Pset:
        """Return the pset of a row that says `pset`, which is not what the hash says.

        The row has no value for the params in `missing`. The user may have moved a param among the
        `results`.
        """
        names = tuple(pset)
        habit = [self._habits[names]] if names in self._habits else []
        left = self._left.get(names, 50_000)
        found = _readings(pset, missing, results)
        readings = itertools.islice(found, max(1, min(left, 5000)))
        for reading in itertools.chain(habit, readings):
            left -= 1
            read = {
                name: _converted(value) if name in reading.converted else value
                for name, value in pset.items()
                if name not in reading.dropped
            }
            if reading.filled:
                read.update((name, value) for name, value in reading.filled if name in missing)
            if reading.added:
                for name, value in results().items():
                    if name in reading.added:
                        read[name] = _converted(value) if name in reading.converted else value
            if pset_hash(read) == sha:
                self._habits[names] = reading
                return read
        self._left[names] = left
        return pset


def _is_whole(value: Any) -> bool:
    return type(value) is float and value.is_integer()


def _converted(value: Any) -> Any:
    if _is_whole(value):
        return int(value)
    return float(value) if _is_small(value) else value


def _is_small(value: Any) -> bool:
    return type(value) is int and -(2**53) <= value <= 2**53


def _readings(pset: Pset, missing: list[Any], results: Callable[[], Pset]) -> Iterator[_Reading]:
    # The most likely ones first. Of private names the hash says nothing; the others are in the
    # order in which they became params.
    names = [name for name in pset if not is_private(name)]
    whole = [name for name in names if _is_whole(pset[name])]
    small = [name for name in names if _is_small(pset[name])]
    yield _Reading(converted=frozenset(whole))
    dropped = [(), *(names[n:] for n in range(len(names))), *_combinations(names, range(1, 4))]
    ints = [whole, (), *_combinations(whole, range(1, len(whole)))]
    floats = [small, *_combinations(small, range(1, len(small)))] if small else []
    for some in ints[1:]:
        yield _Reading(converted=frozenset(some))
    for names_of_results, some in itertools.product(dropped[1:], ints[:2]):
        yield _Reading(frozenset(names_of_results), frozenset(some))
    for some in floats:
        yield _Reading(converted=frozenset(some))
    numbers = [*ints[:2], *floats[:1]]
    missing = [name for name in missing if not is_private(name)]
    filled = [
        tuple((name, value) for name in some)
        for some in _combinations(missing, range(1, len(missing) + 1))
        for value in (None, float("nan"))
    ]
    for pairs, some in itertools.product(filled, numbers):
        yield _Reading(converted=frozenset(some), filled=pairs)
    moved = [name for name in results() if not is_private(name)]
    added = [*_combinations(moved, range(1, 4))]
    rest = [*ints[2:], *floats[1:]]
    for more, some in itertools.chain(
        itertools.product(added, numbers), itertools.product(added, rest)
    ):
        for others in ((), more):
            yield _Reading(converted=frozenset((*some, *others)), added=frozenset(more))
    for pairs, some in itertools.product(filled, rest):
        yield _Reading(converted=frozenset(some), filled=pairs)
    for names_of_results, some in itertools.product(dropped[1:], ints[2:]):
        yield _Reading(frozenset(names_of_results), frozenset(some))


def _combinations(names: list[Any], sizes: range) -> Iterator[tuple[Any, ...]]:
    some = itertools.chain.from_iterable(itertools.combinations(names, n) for n in sizes)
    return itertools.islice(some, 500)
