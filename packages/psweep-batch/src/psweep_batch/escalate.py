"""More memory and time for tasks that had too little: the entries of ``escalate``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .machine import Machine

__all__ = ["grown_asks", "merged"]

_UNITS = " KMGT"


def merged(entries: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what is asked for after these entries: what the last one leaves out stays."""
    found: dict[str, str] = {}
    for entry in entries:
        found |= entry
    return found


def grown_asks(
    asks: Mapping[str, str], entry: Mapping[str, str], machine: Machine
) -> dict[str, str]:
    """Return what a task asks for with an entry: never less than it did without.

    Parameters
    ----------
    asks : mapping
        ``mem`` and ``time`` without it, as far as given.
    entry : mapping
        The same, see `merged`.
    machine : Machine
    """
    measures = {"mem": _bytes, "time": _seconds}
    return {
        name: asks[name]
        if name in asks and measures[name](asks[name], machine) > measures[name](amount, machine)
        else amount
        for name, amount in entry.items()
    }


def _bytes(text: str, machine: Machine) -> float:
    match = re.fullmatch(r"([\d.]+)([KMGTkmgt]?)", text)
    if not match:
        return 0.0
    usual = machine.dialect.memory_unit
    return float(match[1]) * 1024.0 ** _UNITS.index((match[2] or usual).upper())


def _seconds(text: str, machine: Machine) -> float:
    """Read a time as its scheduler does; see the manuals of sbatch, qsub and bsub."""
    days, dash, rest = text.rpartition("-")
    try:
        parts = [float(part) for part in rest.split(":")]
        seconds = 86400 * float(days) if dash else 0.0
    except ValueError:
        return 0.0
    if dash or len(parts) == 3:
        sizes: tuple[int, ...] = (3600, 60, 1)
    else:
        alone, two = machine.dialect.short_times
        sizes = (alone,) if len(parts) == 1 else two
    return seconds + sum(part * size for part, size in zip(parts, sizes, strict=False))
