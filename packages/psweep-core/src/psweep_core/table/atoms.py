"""Values that cannot change and that any pickle holds as they are."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any

__all__ = ["ATOMS", "are_atomic", "is_atomic"]


ATOMS = frozenset({int, float, str, bool, type(None), bytes})


def are_atomic(dicts: Sequence[dict[Any, Any]]) -> bool:
    """Return whether `is_atomic` holds for all of these."""
    # in C, for all at once, since there may be a million
    values = itertools.chain.from_iterable(map(dict.values, dicts))
    if not ATOMS.issuperset(map(type, values)):
        return False
    kinds = map(type, itertools.chain.from_iterable(dicts))
    if operator.countOf(kinds, str) == sum(map(len, dicts)):  # as nearly always
        return True
    return ATOMS.issuperset(map(type, itertools.chain.from_iterable(dicts)))


def is_atomic(dct: dict[Any, Any]) -> bool:
    """Return whether any pickle of these is portable, and whether none of them can change."""
    for name, value in dct.items():
        if type(value) not in ATOMS or type(name) not in ATOMS:
            return False
    return True
