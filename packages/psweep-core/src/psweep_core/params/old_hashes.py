"""The hashes that psweep 0.8 to 0.16 made: those of joblib, of any value.

For plain psets they are those of `pset_hash`. They differ for NumPy scalars, arrays, dates, paths
and all other objects, which `pset_hash` takes by their values and joblib as pickles. These are
written here as joblib does, so that old hashes can be checked; nothing new is hashed like this.
"""

from __future__ import annotations

import copyreg
import enum
import fractions
import functools
import hashlib
import pathlib
import pickle
import struct
import types
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from .canonical import BATCH, Encoder
from .hashing import basic_bytes, hash_basic

__all__ = ["is_old_hash"]


class _Libraries(NamedTuple):
    """What is hashed of NumPy and pandas, and differs between their versions."""

    numpy: str  # the module of the function that makes scalars
    pandas: str  # the module of NA
    builtins: bool  # the functions that make a Timestamp or Timedelta are builtins


class _Python(NamedTuple):
    """What is hashed of the standard library, and differs between versions of Python."""

    pathlib: str  # the module of paths
    text: bool  # fractions are made of text
    names: bool = False  # members of an Enum are found by their names


_LIBRARIES: Final = (
    _Libraries("numpy.core._multiarray_umath", "pandas._libs.missing", builtins=True),
    _Libraries("numpy.core._multiarray_umath", "pandas._libs.missing", builtins=False),
    _Libraries("numpy._core._multiarray_umath", "pandas._libs.missing", builtins=False),
    _Libraries("numpy._core._multiarray_umath", "pandas", builtins=False),
)
_PYTHONS: Final = (
    _Python("pathlib", text=False),
    _Python("pathlib", text=True),  # up to 3.10
    _Python("pathlib._local", text=False),  # 3.13
    _Python("pathlib", text=False, names=True),  # the first releases of 3.11, as in Debian 12
)
_SCALARS = frozenset({np.float64, np.float32, np.int64, np.int32, np.bool_})
_PLAIN = frozenset({int, float, bool, str, type(None)})
_ENUM_REDUCE: Any = enum.Enum.__reduce_ex__
_VALUE = b"\0value\0"  # where a value comes in a template
_DTYPE_PROTOCOL = 4  # the default of Python 3.8 to 3.13
_FRAME = 11  # bytes before the first opcode: protocol, and length
_PROTOCOL = 3  # of all else that joblib pickles
_TIMES = frozenset({"_unpickle_timestamp", "_timedelta_unpickle"})  # of pandas


def is_old_hash(sha: Any, pset: dict[Any, Any]) -> bool:
    """Return whether an old psweep gave a pset this hash.

    Parameters
    ----------
    sha : str
    pset : dict
        Without the names that the old psweep did not hash.
    """
    basic = hash_basic(pset)
    if basic is not None:
        return bool(basic == sha)
    try:
        return any(
            hashlib.sha1(data, usedforsecurity=False).hexdigest() == sha
            for data in _encodings(pset)
        )
    except Exception:  # values of any type may refuse
        return False


def _encodings(pset: dict[Any, Any]) -> Iterator[bytes]:
    """Encode a pset as it may have been with any versions of the libraries and of Python."""
    for libraries in _LIBRARIES[1:]:  # the first one is of Timestamps
        quick = _quickly(pset, libraries)
        if quick is None:
            break
        yield quick
    else:
        return
    for python in _PYTHONS:
        for libraries in _LIBRARIES:
            for dicts in (True, False):
                encoder = _JoblibEncoder(libraries, python, dicts)
                yield encoder.encoded(pset)
                if not encoder.on_dicts:
                    break
            if not encoder.on_libraries:
                break
        if not encoder.on_python:
            break


def _quickly(pset: dict[Any, Any], libraries: _Libraries) -> bytes | None:
    """Encode a pset of basic values, scalars and NA, at a fifth of the time; None for others."""
    if not 1 < len(pset) < BATCH or set(map(type, pset)) != {str}:
        return None
    names = tuple(sorted(pset))
    values = [pset[name] for name in names]
    template = _template(names, tuple(map(type, values)), libraries)
    scalars = [id(value) for value in values if isinstance(value, np.generic)]
    if template is None or len({*scalars}) < len(scalars):  # one comes twice: see `_put`
        return None
    data = []
    for value in values:
        if isinstance(value, np.generic):
            data.append(value.tobytes())
        elif value is not pd.NA:
            basic = basic_bytes(value)
            if basic is None:
                return None
            data.append(basic)
    return template % tuple(data)


@functools.lru_cache(maxsize=1000)
def _template(
    names: tuple[str, ...], kinds: tuple[type, ...], libraries: _Libraries
) -> bytes | None:
    """Return what a pset with values of these types is encoded as, but for the values."""
    if not {*kinds} <= _SCALARS | _PLAIN | {type(pd.NA)}:
        return None
    encoder = _JoblibEncoder(libraries, _PYTHONS[0], dicts=True)
    encoder.out.append(b"}")
    encoder._put()
    encoder.out.append(b"(")
    for name, kind in zip(names, kinds, strict=True):
        encoder.value(name)
        if kind is type(pd.NA):
            encoder.value(pd.NA)
        elif kind in _SCALARS:
            encoder._numpy_scalar(kind(), _VALUE)
        else:
            encoder.out.append(_VALUE)
    data = b"".join([*encoder.hashed, b"\x80\x03", *encoder.out, b"u."])
    return data.replace(b"%", b"%%").replace(_VALUE, b"%b")


class _JoblibEncoder(Encoder):
    """Write values as joblib's ``NumpyHasher`` does, which is a pickler of protocol 3.

    Of arrays and dtypes it hashes the bytes at once, so before everything that it pickles.
    """

    def __init__(self, libraries: _Libraries, python: _Python, dicts: bool) -> None:
        super().__init__()
        self.hashed: list[bytes] = []
        # What is written depends on them.
        self.on_libraries = self.on_python = self.on_dicts = False
        self._dicts = dicts
        self._libraries = libraries
        self._python = python
        self._globals: dict[tuple[str, str], int] = {}
        self._objects: dict[int, tuple[int, Any]] = {}  # by id; kept, so that no id comes twice

    def encoded(self, obj: Any) -> bytes:
        """Return the bytes that joblib hashes."""
        self.value(obj)
        return b"".join([*self.hashed, b"\x80\x03", *self.out, b"."])

    def value(self, obj: Any) -> None:
        """Write any value; of an object that was there already, a reference to it."""
        known = self._objects.get(id(obj))
        if known is not None:
            self._refer(known[0])
        elif obj is pd.NA:
            self.on_libraries = True
            self._global(self._libraries.pandas, "NA")
        else:
            super().value(obj)

    def _put(self, obj: Any = None) -> None:
        if obj is not None:
            self._objects[id(obj)] = (self._memo, obj)
        super()._put()

    def _refer(self, number: int) -> None:
        few = number < 256
        self.out.append(struct.pack("<cB" if few else "<cI", b"h" if few else b"j", number))

    def _global(self, module: str, name: str) -> None:
        number = self._globals.get((module, name))
        if number is None:
            self._globals[module, name] = self._memo
            self.out.append(f"c{module}\n{name}\n".encode())
            self._put()
        else:
            self._refer(number)

    def _begin_instance(self, name: str) -> None:
        """Begin an instance of one of joblib's own classes, up to its first attribute."""
        self._global("joblib.hashing", name)
        self.out.append(b")\x81")
        self._put()
        self.out.append(b"}")
        self._put()

    def _container(self, obj: Any, kind: type) -> None:
        if kind is frozenset:
            self._other(obj, kind)
            return
        if kind is not set:
            super()._container(obj, kind)
            return
        try:
            items = sorted(obj)
        except TypeError:  # they have no order
            items = sorted(map(self._md5, obj))
        self._begin_instance("_ConsistentSet")
        self.value("_sequence")
        self.value(items)
        self.out.append(b"sb")

    def _md5(self, obj: Any) -> str:
        inner = _JoblibEncoder(self._libraries, self._python, self._dicts)
        data = inner.encoded(obj)
        self.on_libraries |= inner.on_libraries
        self.on_python |= inner.on_python
        self.on_dicts |= inner.on_dicts
        return hashlib.md5(data, usedforsecurity=False).hexdigest()

    def _other(self, obj: Any, kind: type) -> None:
        """Write any other object as pickle does: the call that makes it, and its state."""
        if isinstance(obj, types.BuiltinMethodType | types.MethodType):
            self._method(obj)
            return
        if isinstance(obj, type | types.FunctionType):
            self._named(obj, obj.__qualname__)
            return
        if isinstance(obj, np.dtype):
            self._dtype(obj)
            return
        reduce = copyreg.dispatch_table.get(kind)
        reduced: Any = reduce(obj) if reduce else obj.__reduce_ex__(_PROTOCOL)
        if isinstance(reduced, str):
            self._named(obj, reduced)
            return
        func, args, state, items, pairs, setter = (*reduced, None, None, None, None)[:6]
        maker = getattr(func, "__name__", None)
        if setter is not None or maker == "__newobj_ex__":
            message = "its pickle has more than a call and a state"
            raise TypeError(message)
        if kind is fractions.Fraction:
            text = self._depends_on_python().text
            args = (str(obj),) if text else (obj.numerator, obj.denominator)
        if kind.__reduce_ex__ is _ENUM_REDUCE and obj.name in vars(kind)["_member_map_"]:
            names = self._depends_on_python().names
            func, args = (getattr, (kind, obj.name)) if names else (kind, (obj.value,))
        if maker == "__newobj__":
            self.value(args[0])
            self.value(args[1:])
            self.out.append(b"\x81")
        else:
            self.value(func)
            self.value(args)
            self.out.append(b"R")
        if not isinstance(obj, str | bytes):  # which joblib does not refer to again
            self._put(obj)
        if items is not None:
            self._batches([(item,) for item in items], b"a", b"e")
        if pairs is not None:
            self._batches(sorted(pairs), b"s", b"u")
        if state is not None:
            self.value(state)
            self.out.append(b"b")

    def _depends_on_python(self) -> _Python:
        self.on_python = True
        return self._python

    def _named(self, obj: Any, name: str) -> None:
        module = obj.__module__
        if name in _TIMES:
            self.on_libraries = True
            if self._libraries.builtins:
                self._my_hash(name, None)  # (those of Cython do not know their module)
                return
        if isinstance(obj, type) and issubclass(obj, pathlib.PurePath):
            if module in ("pathlib", "pathlib._local"):
                module = self._depends_on_python().pathlib
        elif "." in name:
            message = "pickle gets it from the class that holds it"
            raise TypeError(message)
        self._global(module, name)

    def _method(self, obj: Any) -> None:
        owner = obj.__self__
        if obj.__name__ in _TIMES:
            self._named(obj, obj.__name__)
        elif isinstance(owner, types.ModuleType):
            self._my_hash(obj.__name__, owner.__name__)
        elif owner is None:
            self._my_hash(obj.__name__, owner)
        else:
            self._my_hash(obj.__name__, owner, type(owner))

    def _my_hash(self, *args: Any) -> None:
        """Write the object that joblib puts in place of methods and builtins."""
        self._begin_instance("_MyHash")
        self.value("args")
        self.value(args)
        self.out.append(b"sb")

    def _numpy_scalar(self, obj: np.generic[Any], data: bytes | None = None) -> None:
        """Write a call of NumPy's ``scalar``, which is a builtin.

        `data` stands for the bytes of the scalar.
        """
        self.on_libraries = True
        self._my_hash("scalar", self._libraries.numpy)
        self._dtype(obj.dtype)
        if data is None:
            self.value(obj.tobytes())
        else:
            self.out += [b"C%c" % obj.nbytes, data]
        self.out.append(b"\x86")
        self._put()
        self.out.append(b"R")
        if not isinstance(obj, str | bytes):  # which joblib does not refer to again
            self._put(obj if data is None else None)

    def _array(self, array: np.ndarray[Any, Any]) -> None:
        if array.dtype.hasobject:
            message = "joblib pickles it"
            raise TypeError(message)
        in_fortran_order = array.flags.f_contiguous and not array.flags.c_contiguous
        self.hashed.append(array.tobytes("F" if in_fortran_order else "C"))
        self._global("numpy", "ndarray")
        self.out.append(b"(")
        self.value("HASHED")
        self._dtype(array.dtype)
        self.value(array.shape)
        self.value(array.strides)
        self.out.append(b"t")
        self._put()
        self.out.append(b"\x86")
        self._put()

    def _dtype(self, dtype: np.dtype[Any]) -> None:
        data = pickle.dumps(dtype, _DTYPE_PROTOCOL)
        if dtype.kind in "mM":  # whose metadata was an empty dict, and is None since NumPy 2.3
            self.on_dicts = True
            as_dict, as_none = b"K\0}\x94(", b"K\0N("
            old, new = (as_none, as_dict) if self._dicts else (as_dict, as_none)
            body = data[_FRAME:].replace(old, new)
            data = data[: _FRAME - 8] + struct.pack("<Q", len(body)) + body
        self.hashed.append(b"_HASHED_DTYPE" + data)
