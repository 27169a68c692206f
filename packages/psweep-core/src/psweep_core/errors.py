"""Everything psweep raises on purpose: `PsweepError` and its children.

Each child is also the builtin that a Python programmer would expect in its
place, so both ``except ps.PsweepError`` and ``except ValueError`` work.
"""

from __future__ import annotations

__all__ = [
    "CalcDirError",
    "DatabaseError",
    "HashError",
    "NotInstalledError",
    "ParamsError",
    "ParamsTypeError",
    "PsetExitError",
    "PsetNotFoundError",
    "PsetTimeoutError",
    "PsweepError",
    "RemoteTraceback",
    "ResultError",
    "StudyNotFoundError",
    "UnknownKeywordError",
    "VersionMismatchError",
    "WorkerError",
]


class PsweepError(Exception):
    """Base of all errors that psweep raises on purpose.

    Examples
    --------
    >>> import psweep as ps
    >>> try:
    ...     ps.df_read("nowhere")
    ... except ps.PsweepError as error:
    ...     print(error)
    there is no database in nowhere, and no unfinished run either
    """


class NotInstalledError(PsweepError, ImportError):
    """A distribution or an optional library is missing; the message says how to install it.

    Examples
    --------
    >>> import psweep as ps
    >>> try:
    ...     has_batch = callable(ps.prep_batch)
    ... except ps.NotInstalledError:  # the message is the command that installs it
    ...     has_batch = False
    """


class VersionMismatchError(PsweepError, ImportError):
    """An installed distribution is of another version than psweep-core.

    Examples
    --------
    >>> import psweep as ps
    >>> try:
    ...     has_git = callable(ps.git_commits)
    ... except ps.VersionMismatchError:  # the message names both versions and both files
    ...     raise
    ... except ps.NotInstalledError:
    ...     has_git = False
    """


class ParamsError(PsweepError, ValueError):
    """Parameters or arguments have the right type but make no sense.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.run_local(lambda pset: {}, [{"a": 1}], poolsize=0)
    Traceback (most recent call last):
        ...
    psweep.ParamsError: poolsize must be None or an integer ≥ 1, not 0
    """


class ParamsTypeError(PsweepError, TypeError):
    """Parameters or arguments are of a type that cannot be used.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.plist("a", 1)
    Traceback (most recent call last):
        ...
    psweep.ParamsTypeError: plist('a', 1): the second argument must be a sequence of ...
    """


class UnknownKeywordError(PsweepError, TypeError):
    """A keyword that the function does not know.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.run_local(lambda pset: {}, [{"a": 1}], poolsise=2)
    Traceback (most recent call last):
        ...
    psweep.UnknownKeywordError: run_local got an unknown keyword 'poolsise'; did you mean ...
    """


class HashError(PsweepError, TypeError):
    """A value in a pset has no content that a hash could be made of.

    Examples
    --------
    >>> import os
    >>> import psweep as ps
    >>> with open(os.devnull) as file:
    ...     ps.pset_hash({"a": file})
    Traceback (most recent call last):
        ...
    psweep.HashError: the value of 'a' cannot be hashed: ...
    """


class ResultError(PsweepError, TypeError):
    """What ``func`` returned is not a dict, or cannot be stored.

    Examples
    --------
    >>> import psweep as ps
    >>> try:
    ...     ps.run_local(lambda pset: 3, [{"a": 1}])
    ... except ps.ResultError as error:
    ...     print(str(error).partition(";")[2])
     return a dict, such as {"result": value}
    """


class DatabaseError(PsweepError, ValueError):
    """A database file is damaged, or is not a psweep database.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.file_write("calc/database.pk", "no database")
    >>> ps.df_read("calc")
    Traceback (most recent call last):
        ...
    psweep.DatabaseError: ...database.pk is damaged (...); it was left as it is. ...
    """


class StudyNotFoundError(PsweepError, FileNotFoundError):
    """There is no database and no journal where one was looked for.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.recover("calc")
    Traceback (most recent call last):
        ...
    psweep.StudyNotFoundError: there is no ...
    """


class CalcDirError(PsweepError, OSError):
    """The folder of a study cannot be used, or cannot be written to.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.file_write("calc", "this is a file")
    >>> ps.run_local(lambda pset: {}, [{"a": 1}])
    Traceback (most recent call last):
        ...
    psweep.CalcDirError: ... is a file; name another folder
    """


class PsetNotFoundError(PsweepError, KeyError):
    """No row of the DataFrame has the ``_pset_id`` that was asked for.

    Examples
    --------
    >>> import psweep as ps
    >>> df = ps.run_local(lambda pset: {}, [{"a": 1}], save=False)
    >>> ps.df_extract_pset(df, "42")
    Traceback (most recent call last):
        ...
    psweep.PsetNotFoundError: no row has the _pset_id '42'; the ids are in df._pset_id
    """

    def __str__(self) -> str:
        # KeyError shows the repr of its argument, which is unreadable for a sentence.
        return str(self.args[0])


class PsetExitError(PsweepError, RuntimeError):
    """``func`` called ``sys.exit``, which would have ended the program in the middle of a run.

    Its cause is the SystemExit.

    Examples
    --------
    >>> import sys
    >>> import psweep as ps
    >>> ps.run_local(lambda pset: sys.exit(0), [{"a": 1}])
    Traceback (most recent call last):
        ...
    psweep.PsetExitError: func called sys.exit(0) for the pset {'a': 1} (...); ...
    """


class PsetTimeoutError(PsweepError, TimeoutError):
    """A pset took longer than ``timeout`` allows; the process that ran it was stopped.

    Examples
    --------
    >>> import time
    >>> import psweep as ps
    >>> ps.run_local(lambda pset: time.sleep(60), [{"a": 1}], poolsize=1, timeout=0.2)
    Traceback (most recent call last):
        ...
    psweep.PsetTimeoutError: the pset {'a': 1} (...) took longer than timeout=0.2 s
    """


class WorkerError(PsweepError, RuntimeError):
    """A worker process died, or did not start.

    Examples
    --------
    >>> import os
    >>> import psweep as ps
    >>> ps.run_local(lambda pset: os._exit(3), [{"a": 1}], poolsize=1)
    Traceback (most recent call last):
        ...
    psweep.WorkerError: the worker process that ran the pset {'a': 1} (...) exited with ...
    """


class RemoteTraceback(PsweepError, RuntimeError):  # noqa: N818 (its name is what a user reads)
    """Carries the traceback text of another process as the cause of an exception."""

    def __str__(self) -> str:
        return "\n" + str(self.args[0]).rstrip("\n")


# Users know them as psweep.ParamsError and so on, and see these names in tracebacks.
for _name in __all__:
    globals()[_name].__module__ = "psweep"
