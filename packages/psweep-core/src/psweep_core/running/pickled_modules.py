"""The modules that a pickle imports when it is loaded."""

from __future__ import annotations

import pickletools

__all__ = ["pickled_modules"]


def pickled_modules(data: bytes) -> set[str]:
    """Return the names of the modules that loading a pickle imports.

    Texts in the values do not count, such as a parameter with the name of a module. Nothing is
    loaded.

    Notes
    -----
    A class or function is two texts, its module and its name, before ``STACK_GLOBAL``. cloudpickle
    writes a module as a call with its name alone, so each tuple of one text counts, too.
    """
    found: set[str] = set()
    memo: list[str | None] = []
    texts: list[str | None] = [None, None]  # what was put on the stack last; None: no text
    for operation, argument, _ in pickletools.genops(data):
        name = operation.name
        if name in ("MEMOIZE", "PROTO", "FRAME"):
            if name == "MEMOIZE":
                memo.append(texts[-1])
            continue
        if name.endswith("BINUNICODE") or name == "BINUNICODE8":
            texts.append(str(argument))
            continue
        if name in ("BINGET", "LONG_BINGET") and isinstance(argument, int):
            texts.append(memo[argument])
            continue
        if name == "GLOBAL":
            found.add(str(argument).partition(" ")[0])
        elif name == "STACK_GLOBAL":
            found.add(texts[-2] or "")
        elif name == "TUPLE1":
            found.add(texts[-1] or "")
        texts.append(None)
    return found - {""}
