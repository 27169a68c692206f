"""Classes that are there because func has run: it made them, or imported their modules.

The same program does not have them yet when it starts the next time, so as subclasses of others
they do not count for the fingerprint of func.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["LateModulesNoted", "comes_with_calls", "is_late"]

_late: set[str] = set()


class LateModulesNoted:
    """Notes the modules that are imported in this process while it is entered.

    (The ones that contextlib makes assign to exceptions, which some classes refuse.)
    """

    def __enter__(self) -> None:
        self._before = {*sys.modules}

    def __exit__(self, *_: object) -> None:
        _late.update(sys.modules.keys() - self._before)


def comes_with_calls(cls: type) -> bool:
    """Return whether a class may be there because func was called: before, it was not."""
    return "<locals>" in cls.__qualname__ or is_late(cls)


def is_late(value: Any) -> bool:
    """Return whether a class or function is from a module that func has imported."""
    return value.__module__ in _late
