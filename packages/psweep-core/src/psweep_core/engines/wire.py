"""What is sent to another process and back: func, psets, exceptions, messages."""

from __future__ import annotations

import builtins
import contextlib
import importlib
import io
import linecache
import pickle
import types
from typing import Any, NamedTuple

import cloudpickle

from ..errors import ParamsTypeError, RemoteTraceback, WorkerError
from ..messages import summary_of
from ..params.naming import found_here, generator_name, mark_main
from ..show.tracebacks import format_error
from ..store import portable_pickle
from ..store.pickled_caches import reduce_cache
from ..store.pickled_enums import with_all_members
from ..store.pickled_pandas import Call
from .failures import carried, note, original, raised_for
from .job import Func, Job
from .script_names import named

__all__ = [
    "STOP",
    "Again",
    "Chunk",
    "Done",
    "Failed",
    "GivenBack",
    "Kept",
    "Raised",
    "Ready",
    "dumps",
    "pickled_func",
    "pickled_job",
    "unpickled_job",
]


# Of an exception, also if its class has properties of these names, which may raise.
_BASE: Any = BaseException
_args = _BASE.args.__get__
_dict = _BASE.__dict__["__dict__"].__get__
_set_cause = _BASE.__cause__.__set__

_GROUP: Any = getattr(builtins, "BaseExceptionGroup", ())  # Python 3.10 has none

STOP = b"stop"  # to a worker: end now, but for a row that is to be written


class Chunk(NamedTuple):
    """To a worker: run these psets."""

    jobs: list[Any]  # positions, or what `pickled_job` made of jobs
    calls: dict[int, int]  # the number of this call of func, for positions where it is not 1


class Ready(NamedTuple):
    """From a worker: it has started."""


class Again(NamedTuple):
    """From a worker: func is called once more for a pset."""

    position: int


class GivenBack(NamedTuple):
    """From a worker: a pset has failed for want of memory, or after a signal, and has no row."""

    position: int
    for_memory: bool


class Done(NamedTuple):
    """From a worker: psets have finished."""

    n: int
    n_failed: int
    seconds: float
    row_bytes: list[bytes]  # the rows, if they are in no journal
    groups: list[Any] | None  # the same, see `row_groups.packed`; None: only in the journal
    failure: object = None  # what ``_exc_txt`` has of the last one that failed


class Kept(NamedTuple):
    """From a worker: rows that are perhaps not in its journal."""

    row_bytes: list[bytes]


class Failed(NamedTuple):
    """From a worker, before it ends: func raised, and the run is to end."""

    exception: bytes
    summary: str
    traceback: str
    where: str
    place: int  # of the class of the exception in the memory of its process

    @classmethod
    def of(cls, error: BaseException, where: str) -> Failed:
        """Describe an exception; `where` names the pset."""
        error = original(error)
        summary = summary_of(error)
        place = id(type(error))
        return cls(_pickled_exception(error), summary, format_error(error), where, place)

    def to_exception(self) -> BaseException:
        """Convert to an exception of this process."""
        error = _unpickled_exception(self.exception, self.summary, self.traceback, self.where)
        own = _own_class(type(error), self.place)
        with contextlib.suppress(Exception):  # its class may refuse
            BaseException.__setattr__(error, "__class__", own)
        return carried(error)


class Raised:
    """What a chunk of an executor raised: in a thread itself, from another process a `Failed`.

    Parameters
    ----------
    error : BaseException
    where : str
        Names the pset.
    """

    def __init__(self, error: BaseException, where: str) -> None:
        self._error = error
        self._where = where

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as what any process can read."""
        return Failed, tuple(Failed.of(self._error, self._where))

    def to_exception(self) -> BaseException:
        """Return the exception, with its own traceback."""
        return self._error


def dumps(obj: Any) -> bytes:
    """Pickle any object for another process, which loads it with `pickle.loads`."""
    stream = io.BytesIO()
    _Pickler(stream).dump(obj)
    return stream.getvalue()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickle functions together with the name and the lines of their file.

    Tracebacks in the other process need both. cloudpickle 3.1.3 drops the name. The lines are
    sent because a notebook cell is not a file, and a script may be missing on another machine.
    """

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self._files: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is Call:
            return obj.reduced
        if type(obj) is not types.CodeType:
            generator = generator_name(obj)
            if generator is not None:
                return _of_module, generator
            reduced = reduce_cache(obj, by_value=True)
            if reduced is None:
                reduced = with_all_members(obj, super().reducer_override(obj))
            return named(obj, reduced)
        file = obj.co_filename
        lines: list[str] = []
        if file not in self._files:
            self._files.add(file)
            linecache.checkcache(file)
            lines = linecache.getlines(file)
        return _code, (*self.dispatch_table[types.CodeType](obj), file, lines)


def _of_module(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _code(make: Any, args: tuple[Any, ...], file: str, lines: list[str]) -> Any:
    """Make a code object, and keep the lines of its file for tracebacks."""
    if lines and lines != linecache.getlines(file):
        # without a time of the last change (None), so linecache does not look for the file
        linecache.cache[file] = sum(map(len, lines)), None, lines, file
    return make(*args).replace(co_filename=file)


def pickled_func(func: Func) -> bytes:
    """Pickle func, or say what is wrong with it."""
    mark_main()
    try:
        data: bytes = dumps(func)
    except Exception as error:
        message = (
            f"func {func!r} cannot be sent to worker processes: {error}; open files, locks and "
            "connections inside func instead of outside, or run without poolsize"
        )
        raise ParamsTypeError(message) from error
    return data


def pickled_job(job: Job) -> tuple[int, str, str, bytes, int | None]:
    """Pickle a pset that is to be run; its params apart.

    So a worker that cannot unpickle them still knows whose they are.
    """
    return job.position, job.pset_id, job.pset_hash, dumps(job.params), job.seed


def unpickled_job(sent: tuple[int, str, str, bytes, int | None]) -> Job:
    """Make what `pickled_job` gave into a Job again."""
    position, pset_id, pset_hash, params, seed = sent
    try:
        return Job(position, pset_id, pset_hash, pickle.loads(params), seed)
    except Exception as error:
        note(error, f"psweep: raised when a worker unpickled the pset with _pset_id={pset_id!r}")
        raise


def _pickled_exception(error: BaseException) -> bytes:
    """Pickle an exception; nothing if there is no way to get it out again.

    Not by `dumps`: a class of the script is to be the script's own when it comes out, or nobody
    could catch it.
    """
    # Exceptions whose __init__ takes arguments of its own pickle, but do not unpickle, or come out
    # with another message.
    # (The args of an OSError leave out its file.)
    args = OSError.__reduce__(error)[1] if isinstance(error, OSError) else _args(error)
    parts = type(error), args, {**_dict(error)}
    found = b""
    for attempt in (error, parts):
        with contextlib.suppress(Exception):
            payload = portable_pickle.dumps(attempt)
            made = pickle.loads(payload)
            found = found or payload
            if attempt is parts or str(made) == str(error):
                return payload
    if not found and _GROUP and issubclass(type(error), _GROUP):
        with contextlib.suppress(Exception):
            found = portable_pickle.dumps(_group_without_the_unpicklable(error))
    return found


def _group_without_the_unpicklable(error: Any) -> Any:
    """Replace what cannot be pickled in a group of exceptions, so that the others can be caught."""
    with contextlib.suppress(Exception):
        pickle.loads(portable_pickle.dumps(error))
        return error
    if issubclass(type(error), _GROUP):
        members = map(_group_without_the_unpicklable, error.exceptions)
        return error.derive([*members])
    return _cannot_leave(summary_of(error))


def _cannot_leave(summary: str) -> WorkerError:
    return WorkerError(f"func raised an exception that cannot leave its process: {summary}")


def _unpickled_exception(payload: bytes, summary: str, text: str, where: str) -> BaseException:
    """Convert the exception of a worker into one of this process."""
    try:
        error: Any = pickle.loads(payload)
        if isinstance(error, tuple):
            kind, args, state = error
            error = kind.__new__(kind, *args)
            if isinstance(error, OSError):  # which keeps its errno and file elsewhere
                OSError.__init__(error, *args)
            else:
                BaseException.__setattr__(error, "args", args)  # also if the class is frozen
            _dict(error).update(state)
    except Exception:
        error = _cannot_leave(summary)
    cause: BaseException = error
    _set_cause(cause, RemoteTraceback(text))
    notes = _dict(cause).get("__notes__")
    if where not in "".join(notes if isinstance(notes, list) else []):
        note(cause, raised_for(cause, where))
    return cause


def _own_class(kind: type, place: int) -> type:
    """Return the class of this process of which `kind`, made from a pickle, is a copy.

    A class that was defined inside a function is at the same place in the memory of this process
    as in one that was forked from it. So the caller can catch it by its name.
    """
    todo: list[type] = [] if found_here(kind) else [BaseException]
    for other in todo:
        if id(other) == place and _names(other) == _names(kind):
            return other
        todo += type.__subclasses__(other)
    return kind


def _names(kind: type) -> tuple[str, str]:
    return kind.__module__, kind.__name__  # (cloudpickle drops the rest of __qualname__.)
