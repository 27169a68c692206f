"""The values of many dicts in columns, one per name."""

from __future__ import annotations

import contextlib
import itertools
import operator
from collections.abc import Sequence
from typing import Any

__all__ = ["columns_of"]

_MANY = 6  # names


def columns_of(dicts: Sequence[Any]) -> dict[Any, list[Any]] | None:
    """Return the values of each name, in the order of the dicts.

    None if the dicts differ in their names, or if there are no dicts.
    """
    if len(set(map(len, dicts))) != 1:
        return None
    names = list(dicts[0])
    n = len(names)
    # Of many names it takes half of the time to go through each dict once than to look up each
    # name. That needs the same order in all of them. (Of few names it takes more time.)
    if n >= _MANY and list(itertools.chain.from_iterable(dicts)) == names * len(dicts):
        values = list(itertools.chain.from_iterable(map(dict.values, dicts)))
        return {name: values[i::n] for i, name in enumerate(names)}
    with contextlib.suppress(KeyError):  # they differ in their names
        return {name: list(map(operator.itemgetter(name), dicts)) for name in names}
    return None
