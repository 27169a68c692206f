"""Modules that func has imported while it ran.

The same program has not imported them yet when it starts the next time, so what they add to other
modules, as subclasses, does not count for the fingerprint of func.
"""

from __future__ import annotations

import sys

__all__ = ["LateModulesNoted", "was_imported_late"]

_late: set[str] = set()


class LateModulesNoted:
    """Notes the modules that are imported in this process while it is entered.

    (The ones that contextlib makes assign to exceptions, which some classes refuse.)
    """

    def __enter__(self) -> None:
        self._before = {*sys.modules}

    def __exit__(self, *_: object) -> None:
        _late.update(sys.modules.keys() - self._before)


def was_imported_late(module: str) -> bool:
    """Return whether a module was imported while func ran."""
    return module in _late
