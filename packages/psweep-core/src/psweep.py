"""Run a function for many parameter values, and get a pandas DataFrame.

>>> import psweep as ps
>>> def func(pset):
...     return {"result": pset["a"] * pset["b"]}
>>> params = ps.pgrid(ps.plist("a", [1, 2, 3]), ps.plist("b", [88, 99]))
>>> df = ps.run_local(func, params)

This module is one file that gives out the public names of `psweep_core`. Older releases of psweep
are a package, so none of their files has the path of one of ours, and an upgrade in place works.
"""

import sys as _sys

import psweep_core as _core
from psweep_core.public import *  # noqa: F403
from psweep_core.public import LAZY as _LAZY
from psweep_core.public import __all__ as _names

# Older releases are a package with a module of this name.
_sys.modules["psweep.psweep"] = _sys.modules[__name__]

__all__ = [*sorted([*_names, *_LAZY])]  # noqa: PLE0604


def __getattr__(name: str) -> object:
    if name == "psweep":
        return _sys.modules[__name__]
    try:
        return getattr(_core, name)
    except AttributeError as error:
        raise AttributeError(str(error).replace("psweep_core", "psweep", 1)) from None


def __dir__() -> list[str]:
    return dir(_core)
