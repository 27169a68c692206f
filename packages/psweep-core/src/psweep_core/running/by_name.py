"""Functions with a signature of their own as `func`: `by_name`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ParamsError, ParamsTypeError, ResultError
from ..messages import safe_repr
from ..params.psets import Pset, brief
from ..table.bookkeeping import RESERVED

__all__ = ["by_name"]

_BOOK = RESERVED | {"_seed", "_attempts"}


def by_name(sim: Callable[..., Any], *names: str) -> Callable[[Pset], Pset]:
    """Turn a function with its own signature into one that takes a pset.

    Parameters
    ----------
    sim : callable
        It receives the entries of the pset that its signature names, among them bookkeeping such
        as ``_pset_id``. Entries that it does not name are left out; with ``**kwargs`` it gets
        all of the parameters. Entries that a pset does not have must have a default.
    *names : str
        Names of the results: one for the value that `sim` returns, or one for each of the
        values in the tuple, list or array that it returns. None: it returns a dict.

    Returns
    -------
    callable
        What `run_local` takes: a pset in, a dict out.

    Raises
    ------
    ParamsError, ParamsTypeError
        `sim` or the names make no sense; or, when it is called, a pset lacks what `sim`
        needs, or has a name that is nearly one of those with a default.
    ResultError
        When it is called: `sim` returned another number of values than there are names.

    Examples
    --------
    >>> import psweep as ps
    >>> def simulate(x, power=2):
    ...     return x**power, x + power
    >>> func = ps.by_name(simulate, "y", "total")
    >>> ps.df_print(ps.run_local(func, ps.pgrid(x=[2, 3], power=[3])))
     x  power  y  total
     2      3  8      5
     3      3 27      6
    """
    return _ByName(sim, names)


class _ByName:
    """The function that `by_name` returns. An object, so that pickles name `sim` and not us."""

    def __init__(self, sim: Any, names: tuple[str, ...]) -> None:
        if not callable(sim):
            hint = "; write by_name(sim, 'y')" if any(map(callable, names)) else ""
            message = f"by_name: the first argument must be a function, not {brief(sim)}{hint}"
            raise ParamsTypeError(message)
        _check_names(names)
        try:
            parameters = inspect.signature(sim).parameters.values()
        except (TypeError, ValueError):
            message = (
                f"by_name: the signature of {safe_repr(sim)} cannot be read; wrap it, such as "
                "by_name(lambda x: sim(x), 'y')"
            )
            raise ParamsTypeError(message) from None
        kinds = inspect.Parameter
        self.sim = sim
        self.names = names
        self._positional = [p.name for p in parameters if p.kind is kinds.POSITIONAL_ONLY]
        self._by_keyword = [
            p.name
            for p in parameters
            if p.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)
        ]
        self._takes_all = any(p.kind is kinds.VAR_KEYWORD for p in parameters)
        self._defaults = {p.name: p.default for p in parameters if p.default is not kinds.empty}
        # Whoever looks for the code that makes the results finds it: `sim`, and the names of its
        # parameters and results, because results would be other ones if these were exchanged.
        self.__wrapped__ = functools.partial(sim, *names)
        self.__psweep_parameters__ = self._positional + self._by_keyword
        while isinstance(sim, functools.partial):
            sim = sim.func
        named = sim if hasattr(sim, "__qualname__") else type(sim)
        self.__module__, self.__qualname__ = named.__module__, named.__qualname__
        self.__name__, self.__doc__ = named.__name__, named.__doc__

    def __repr__(self) -> str:
        return f"by_name({', '.join([self.__name__, *map(repr, self.names)])})"

    def __call__(self, pset: Pset) -> Pset:
        self._check(pset)
        args = [pset[name] if name in pset else self._defaults[name] for name in self._positional]
        keywords = {name: pset[name] for name in self._by_keyword if name in pset}
        if self._takes_all:
            others = _own_names(pset).difference(self._positional)
            keywords.update((name, pset[name]) for name in pset if name in others)
        returned = self.sim(*args, **keywords)
        return self._named(returned, pset)

    def _check(self, pset: Pset) -> None:
        wanted = [*self._positional, *self._by_keyword]
        missing = [name for name in wanted if name not in pset]
        needed = [name for name in missing if name not in self._defaults]
        if needed:
            message = (
                f"{self.__name__} needs {', '.join(map(repr, needed))}, which the pset "
                f"{safe_repr(_own(pset))} does not have; add it to the params, or give it a default"
            )
            raise ParamsError(message)
        if not missing or self._takes_all:
            return
        from difflib import get_close_matches  # here, because `import psweep` should be quick

        # With its default in place of a value whose name is misspelt, all would seem to go well.
        for name in _own_names(pset).difference(wanted):
            # (Short names, such as seed and speed, resemble each other and are both meant.)
            close = get_close_matches(name, missing, n=1, cutoff=0.85)[: len(name) > 4]
            if close:
                message = (
                    f"{self.__name__} has no parameter {name!r}, but {close[0]!r}, which the pset "
                    f"{safe_repr(_own(pset))} does not have; if they are the same, correct the "
                    f"name, else rename one of them or add {close[0]!r} to the params"
                )
                raise ParamsError(message)

    def _named(self, returned: Any, pset: Pset) -> Pset:
        names = self.names
        if not names:
            if isinstance(returned, dict):
                return returned
            message = (
                f"{self.__name__} returned {brief(returned)} for the pset {safe_repr(_own(pset))}, "
                "not a dict; name what it returns, such as by_name(sim, 'y')"
            )
            raise ResultError(message)
        if len(names) == 1:
            return {names[0]: returned}
        is_row = isinstance(returned, tuple | list) or (
            isinstance(returned, np.ndarray) and returned.ndim > 0
        )
        if not is_row or len(returned) != len(names):
            what = f"{len(returned)} values, " if is_row else ""
            message = (
                f"{self.__name__} returned {what}{brief(returned)} for the pset "
                f"{safe_repr(_own(pset))}, but by_name has the {len(names)} names "
                f"{', '.join(map(repr, names))}; give one name for each value"
            )
            raise ResultError(message)
        return dict(zip(names, returned, strict=True))


def _check_names(names: tuple[Any, ...]) -> None:
    if len(names) == 1 and isinstance(names[0], list | tuple):
        inner = ", ".join(map(safe_repr, names[0]))
        message = f"by_name: give the names one by one: by_name(sim, {inner})"
        raise ParamsTypeError(message)
    for name in names:
        if not isinstance(name, str):
            message = f"by_name: the name of a result must be a str, not {brief(name)}"
            raise ParamsTypeError(message)
        if name in _BOOK:
            message = f"by_name: {name!r} is reserved by psweep; choose another name"
            raise ParamsError(message)
    if len({*names}) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        message = f"by_name: two results are called {twice!r}; rename one of them"
        raise ParamsError(message)


def _own_names(pset: Pset) -> set[str]:
    """Return the names of a pset that can be keywords and are not bookkeeping."""
    return {name for name in pset if isinstance(name, str) and name not in _BOOK}


def _own(pset: Pset) -> Pset:
    return {name: value for name, value in pset.items() if name not in _BOOK}
