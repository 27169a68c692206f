"""Pickles that load under any supported pandas, NumPy and Python.

The pickle of a DataFrame or an array normally names functions inside pandas and NumPy, and holds
their internal state. Both changed between pandas 2 and 3 and between NumPy 1 and 2, so that a file
written by the newer one does not load under the older one. Here they are written by what they
hold, to be handed to public constructors on load. The file needs no psweep to be read.

Functions and classes that cannot be imported (lambdas, and what is defined inside functions) are
written by value, by cloudpickle; such a file loads where cloudpickle is installed, under the same
version of Python.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import operator
import pickle
import types
from collections.abc import Iterable, Sequence
from typing import IO, Any

import cloudpickle
import numpy as np
import pandas as pd

from .encoding import importable_name
from .pickled_pandas import Call, public_name, reduce_pandas

__all__ = ["ATOMS", "are_plain", "dump", "dumps", "dumps_plain_first", "is_plain"]

_PROTOCOL = 5
_SHALLOW_BYTES = 1000  # a pickle of this size cannot hold hundreds of containers in each other
_SPARE_LEVELS = 75
ATOMS = frozenset({int, float, str, bool, type(None), bytes})


def dumps(obj: Any) -> bytes:
    """Pickle `obj` so that it loads elsewhere, see the top of this module."""
    stream = io.BytesIO()
    dump(obj, stream)
    return stream.getvalue()


def dump(obj: Any, file: IO[bytes]) -> None:
    """Pickle `obj` into a file so that it loads elsewhere."""
    _Pickler(file, protocol=_PROTOCOL).dump(obj)


def are_plain(dicts: Sequence[dict[Any, Any]]) -> bool:
    """Tell whether `is_plain` holds for all of these."""
    # in C, for all at once, since there may be a million
    values = itertools.chain.from_iterable(map(dict.values, dicts))
    names = itertools.chain.from_iterable(dicts)
    return ATOMS.issuperset(map(type, itertools.chain(values, names)))


def is_plain(dct: dict[Any, Any]) -> bool:
    """Tell whether any pickle of these is portable, and whether none of them can change."""
    for name, value in dct.items():
        if type(value) not in ATOMS or type(name) not in ATOMS:
            return False
    return True


def dumps_plain_first(obj: Any, values: dict[Any, Any]) -> bytes:
    """Pickle what holds `values` and plain things, the quick way if all of these are plain.

    Raises
    ------
    Exception
        Any, if a value cannot be pickled, or not be unpickled again.
    """
    if is_plain(values):
        return pickle.dumps(obj, _PROTOCOL)
    data = dumps(obj)
    pickle.loads(data)  # not all that can be pickled comes out again
    if len(data) > _SHALLOW_BYTES and not _are_arrays(values.values()):
        # The database is written from another place, perhaps with a fuller stack.
        for _ in range(_SPARE_LEVELS):
            obj = [obj]
        dumps(obj)
    return data


def _are_arrays(values: Iterable[Any]) -> bool:
    return all(
        type(value) in ATOMS or (type(value) is np.ndarray and value.dtype != object)
        for value in values
    )


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind is Call:
            return obj.reduced
        if kind is np.ndarray:
            # The state is that of ndarray.__reduce__, the same since NumPy 1.0. The function to
            # call is the class instead of NumPy's own _reconstruct, which moved in NumPy 2.
            return np.ndarray, ((0,), "b"), obj.__reduce__()[2]
        if isinstance(obj, np.ndarray) and _reduces_like_array(kind):
            return Call(getattr, np.ndarray, "__new__"), *obj.__reduce__()[1:]
        if kind in (np.str_, np.bytes_):
            return kind, (obj[:],)  # which may end in zeros, and these an array does without
        if isinstance(obj, np.generic):
            return operator.getitem, (np.asarray(obj), ())
        if isinstance(obj, type | types.FunctionType):
            public = public_name(obj)
            if public is not None:
                return public
            return NotImplemented if importable_name(obj) else super().reducer_override(obj)
        if isinstance(obj, io.IOBase):
            # cloudpickle would take the text of the file in its place
            message = f"cannot pickle an open file ({kind.__name__})"
            raise TypeError(message)
        if isinstance(obj, BaseException):
            # By its own method: where dask is imported, tblib has put one of its own into copyreg,
            # and what that one writes does not load where tblib is missing.
            return obj.__reduce_ex__(_PROTOCOL)
        if obj is pd or obj is np:
            return importlib.import_module, (obj.__name__,)
        reduced = None
        with contextlib.suppress(Exception):  # then pandas' own way, which is read back, too
            reduced = reduce_pandas(obj, kind)
        return super().reducer_override(obj) if reduced is None else reduced


def _reduces_like_array(kind: Any) -> bool:
    return kind.__reduce__ is np.ndarray.__reduce__
