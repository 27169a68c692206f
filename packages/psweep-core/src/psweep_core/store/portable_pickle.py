"""Pickles that load under any supported pandas, NumPy and Python.

The pickle of a DataFrame or an array normally names functions inside pandas and NumPy, and holds
their internal state. Both changed between pandas 2 and 3 and between NumPy 1 and 2, so that a file
written by the newer one does not load under the older one. Here they are written by what they
hold, to be handed to public constructors on load. The file needs no psweep to be read.

Functions and classes that cannot be imported are written by value, by cloudpickle. That is so for
lambdas, for what is defined inside functions, and for what is defined in the script or notebook
that runs, which no other program could import. Such a file loads where cloudpickle is installed,
under the same version of Python. Where the script itself reads it, or a program that has imported
the script, the class is the one defined there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import operator
import pickle
import sys
import types
import weakref
from collections.abc import Iterable
from typing import IO, Any

import cloudpickle
import numpy as np
import pandas as pd

from ..params.datatypes import is_numpy_scalar, plain_scalar
from ..params.naming import MAIN, found_here, generator_name, mark
from ..params.state import own_state
from ..table.atoms import ATOMS, is_atomic
from .pickled_caches import reduce_cache
from .pickled_enums import with_all_members
from .pickled_pandas import Call, public_name, reduce_pandas

__all__ = ["dump", "dumps", "dumps_atomic_first"]

_PROTOCOL = 5
_SHALLOW_BYTES = 1000  # a pickle of this size cannot hold hundreds of containers in each other
_SPARE_LEVELS = 75


def dumps(obj: Any) -> bytes:
    """Pickle `obj` so that it loads elsewhere, see the top of this module."""
    stream = io.BytesIO()
    dump(obj, stream)
    return stream.getvalue()


def dump(obj: Any, file: IO[bytes]) -> None:
    """Pickle `obj` into a file so that it loads elsewhere."""
    _Pickler(file, protocol=_PROTOCOL).dump(obj)


def dumps_atomic_first(obj: Any, values: dict[Any, Any]) -> bytes:
    """Pickle what holds `values` and atoms, the quick way if all of these are atoms.

    Raises
    ------
    Exception
        Any, if a value cannot be pickled, or not be unpickled again.
    """
    if is_atomic(values):
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


# What is pickled in place of a class or function of the script, as text, since the file must load
# without psweep. `script` is the module as which it is imported, empty for a notebook.
_OWN_OR_STORED = """(
    [
        own
        for sys, os, functools in [map(__import__, ("sys", "os", "functools"))]
        for main in [sys.modules["__main__"]]
        for stem in [os.path.splitext(os.path.basename(getattr(main, "__file__", None) or ""))[0]]
        for module in (main if stem == script.rpartition(".")[2] else None, sys.modules.get(script))
        for own in [functools.reduce(lambda obj, x: getattr(obj, x, None), name.split("."), module)]
        if own is not None
    ]
    or [__import__("pickle").loads(stored)]
)[0]"""


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    by_value = False  # whether classes of the script are written by value and nothing else

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind is Call:
            return obj.reduced
        if kind is np.ndarray:
            # The state is that of ndarray.__reduce__, the same since NumPy 1.0. The function to
            # call is the class instead of NumPy's own _reconstruct, which moved in NumPy 2.
            return np.ndarray, ((0,), "b"), obj.__reduce__()[2]
        if isinstance(obj, np.ndarray) and _reduces_like_array(kind):
            made = Call(getattr, np.ndarray, "__new__"), *obj.__reduce__()[1:]
            return made if isinstance(obj, np.memmap) else _with_attributes(made, obj)
        if kind in (np.str_, np.bytes_):
            return kind, (obj[:],)  # which may end in zeros, and these an array does without
        if isinstance(obj, np.generic):
            if is_numpy_scalar(kind):
                return operator.getitem, (np.asarray(obj), ())
            if getattr(kind, "__reduce__", None) is _NUMPY_REDUCE:  # which loses the class
                new = Call(getattr, obj.dtype.type, "__new__")  # whatever its own one wants
                return _with_attributes((new, (kind, plain_scalar(obj))), obj)
        if isinstance(obj, type | types.FunctionType):
            public = public_name(obj)
            if public is not None:
                return public
            return NotImplemented if _is_elsewhere(obj) else self._definition(obj)
        if kind is types.MethodType and isinstance(obj.__self__, type):
            # cloudpickle takes the code of a classmethod, which only this version of Python reads
            name = getattr(obj.__func__, "__name__", "")
            if _is_elsewhere(obj.__self__) and getattr(obj.__self__, name, None) == obj:
                return getattr, (obj.__self__, name)
        if kind.__module__ == "dataclasses":
            for name in _SENTINELS:  # are compared by identity
                if getattr(dataclasses, name, None) is obj:
                    return getattr, (Call(importlib.import_module, "dataclasses"), name)
        generator = generator_name(obj)
        if generator is not None:
            return getattr, (Call(importlib.import_module, generator[0]), generator[1])
        if isinstance(obj, io.IOBase):
            # cloudpickle would take the text of the file in its place
            message = f"cannot pickle an open file ({kind.__name__})"
            raise TypeError(message)
        if isinstance(obj, BaseException):
            # By its own method: where dask is imported, tblib has put one of its own into copyreg,
            # and what that one writes does not load where tblib is missing.
            return obj.__reduce_ex__(_PROTOCOL)
        if kind is np.ufunc:
            name = str(obj.__name__)
            if getattr(np, name, None) is obj:
                return operator.attrgetter(name), (np,)
        if obj is pd or obj is np:
            return importlib.import_module, (obj.__name__,)
        if kind is types.CodeType:
            # with the name of the file, which tracebacks need and cloudpickle 3.1.3 drops
            make, args = self.dispatch_table[kind](obj)
            return operator.methodcaller("replace", co_filename=obj.co_filename), (
                Call(make, *args),
            )
        reduced = reduce_cache(obj, self.by_value)
        if reduced is None:
            with contextlib.suppress(Exception):  # then pandas' own way, which is read back, too
                reduced = reduce_pandas(obj, kind)
        return super().reducer_override(obj) if reduced is None else reduced

    def _definition(self, obj: Any) -> Any:
        """Write a class or function that other programs cannot import."""
        script, _, name = (mark(obj) or "").partition(":")
        if self.by_value or not (name or found_here(obj)):
            return with_all_members(obj, super().reducer_override(obj))
        stored = _by_value(obj)
        if stored is None:
            return NotImplemented  # by its name, and the script alone can read it
        args = {"script": script, "name": name or obj.__qualname__, "stored": stored}
        return eval, (_OWN_OR_STORED, args)


def _by_value(obj: Any) -> bytes | None:
    """Pickle a class or function of the script itself, unless that is impossible or too large."""
    known = _stored.get(obj)  # each row of a run may need it
    if known is None:
        if "__mp_main__" in sys.modules:
            cloudpickle.register_pickle_by_value(sys.modules["__mp_main__"])
        stream = io.BytesIO()
        pickler = _Pickler(stream, protocol=_PROTOCOL)
        pickler.by_value = True
        try:
            pickler.dump(obj)
        except Exception:  # it refers to a lock, for example
            if not found_here(obj):
                raise
            return None
        known = _stored[obj] = stream.getvalue()
    return None if len(known) > _MAX_STORED and found_here(obj) else known


_stored: weakref.WeakKeyDictionary[Any, bytes] = weakref.WeakKeyDictionary()
_MAX_STORED = 1 << 20  # bytes; it may refer to large data


def _is_elsewhere(obj: Any) -> bool:
    """Return whether other programs can import a class or function, by the name that it has."""
    return obj.__module__ not in MAIN and found_here(obj)


_SENTINELS = (
    "MISSING", "KW_ONLY", "_HAS_DEFAULT_FACTORY", "_FIELD", "_FIELD_CLASSVAR", "_FIELD_INITVAR",
)  # fmt: skip


_NUMPY_REDUCE: Any = np.generic.__reduce__


def _with_attributes(reduced: tuple[Any, ...], obj: Any) -> tuple[Any, ...]:
    """Add to how NumPy makes an object again the attributes that a subclass has given it."""
    attributes = own_state(obj)
    if not attributes:
        return reduced
    made = Call(None)
    made.reduced = reduced
    return operator.getitem, ([made, *(Call(setattr, made, *a) for a in attributes.items())], 0)


def _reduces_like_array(kind: Any) -> bool:
    return kind.__reduce__ is np.ndarray.__reduce__
