"""The hashes that psweep 0.8 to 0.16 made: those of joblib, of any value.

For plain psets they are those of `pset_hash`. They differ for NumPy scalars, arrays and
`pandas.NA`, which `pset_hash` takes by their values and joblib as pickles. These are written here
as joblib does, so that old hashes can be checked; nothing new is hashed like this.
"""

from __future__ import annotations

import functools
import hashlib
import pickle
import struct
from typing import Any

import numpy as np
import pandas as pd

from .canonical import BATCH, Encoder
from .hashing import basic_bytes, hash_basic

__all__ = ["is_old_hash"]

# Where NumPy has the function that makes scalars, and pandas its NA: these names are hashed, and
# NumPy 2 and pandas 3 have changed them.
_MODULES = (
    ("numpy.core._multiarray_umath", "pandas._libs.missing"),
    ("numpy._core._multiarray_umath", "pandas._libs.missing"),
    ("numpy._core._multiarray_umath", "pandas"),
)
_SCALARS = frozenset({np.float64, np.float32, np.int64, np.int32, np.bool_})
_PLAIN = frozenset({int, float, bool, str, type(None)})
_VALUE = b"\0value\0"  # where a value comes in a template
_DTYPE_PROTOCOL = 4  # the default of Python 3.8 to 3.13


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
    for modules in _MODULES:
        try:
            data = _quickly(pset, modules) or _encoded(pset, modules)
        except Exception:  # values of any type may refuse
            return False
        if hashlib.sha1(data, usedforsecurity=False).hexdigest() == sha:
            return True
    return False


def _encoded(pset: dict[Any, Any], modules: tuple[str, str]) -> bytes:
    encoder = _JoblibEncoder(*modules)
    encoder.value(pset)
    return b"".join([*encoder.hashed, b"\x80\x03", *encoder.out, b"."])


def _quickly(pset: dict[Any, Any], modules: tuple[str, str]) -> bytes | None:
    """Encode a pset of basic values, scalars and NA, at a fifth of the time; None for others."""
    if not 1 < len(pset) < BATCH or set(map(type, pset)) != {str}:
        return None
    names = tuple(sorted(pset))
    values = [pset[name] for name in names]
    template = _template(names, tuple(map(type, values)), modules)
    if template is None:
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
    names: tuple[str, ...], kinds: tuple[type, ...], modules: tuple[str, str]
) -> bytes | None:
    """Return what a pset with values of these types is encoded as, but for the values."""
    encoder = _JoblibEncoder(*modules)
    encoder.out.append(b"}")
    encoder._put()
    encoder.out.append(b"(")
    for name, kind in zip(names, kinds, strict=True):
        encoder.value(name)
        if kind is type(pd.NA):
            encoder.value(pd.NA)
        elif kind in _SCALARS:
            encoder._numpy_scalar(kind(), _VALUE)
        elif kind in _PLAIN:
            encoder.out.append(_VALUE)
        else:
            return None
    data = b"".join([*encoder.hashed, b"\x80\x03", *encoder.out, b"u."])
    return data.replace(b"%", b"%%").replace(_VALUE, b"%b")


class _JoblibEncoder(Encoder):
    """Write values as joblib's ``NumpyHasher`` does, which is a pickler of protocol 3.

    Of arrays and dtypes it hashes the bytes at once, so before everything that it pickles.
    """

    def __init__(self, numpy_module: str, pandas_module: str) -> None:
        super().__init__()
        self.hashed: list[bytes] = []
        self._numpy_module = numpy_module
        self._pandas_module = pandas_module
        self._globals: dict[tuple[str, str], int] = {}

    def value(self, obj: Any) -> None:
        if obj is pd.NA:
            self._global(self._pandas_module, "NA")
        else:
            super().value(obj)

    def _global(self, module: str, name: str) -> None:
        number = self._globals.get((module, name))
        if number is None:
            self._globals[module, name] = self._memo
            self.out.append(f"c{module}\n{name}\n".encode())
            self._put()
        else:
            few = number < 256
            self.out.append(struct.pack("<cB" if few else "<cI", b"h" if few else b"j", number))

    def _begin_instance(self, name: str) -> None:
        """Begin an instance of one of joblib's own classes, up to its first attribute."""
        self._global("joblib.hashing", name)
        self.out.append(b")\x81")
        self._put()
        self.out.append(b"}")
        self._put()

    def _container(self, obj: Any, kind: type) -> None:
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
        data = _encoded(obj, (self._numpy_module, self._pandas_module))
        return hashlib.md5(data, usedforsecurity=False).hexdigest()

    def _numpy_scalar(self, obj: np.generic[Any], data: bytes | None = None) -> None:
        """Write a call of NumPy's ``scalar``, a builtin, which joblib replaces by an object.

        `data` stands for the bytes of the scalar.
        """
        self._begin_instance("_MyHash")
        self.value("args")
        self.value("scalar")
        self.value(self._numpy_module)
        self.out.append(b"\x86")
        self._put()
        self.out.append(b"sb")
        self._dtype(obj.dtype)
        if data is None:
            self.value(obj.tobytes())
        else:
            self.out += [b"C%c" % obj.nbytes, data]
        self.out.append(b"\x86")
        self._put()
        self.out.append(b"R")
        if not isinstance(obj, str | bytes):  # which joblib does not refer to again
            self._put()

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
        self.hashed.append(b"_HASHED_DTYPE" + pickle.dumps(dtype, _DTYPE_PROTOCOL))
