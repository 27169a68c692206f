"""Everything psweep raises on purpose: `PsweepError` and its children.

Each child is also the builtin that a Python programmer would expect in its
place, so both ``except ps.PsweepError`` and ``except ValueError`` work.
"""

from __future__ import annotations

__all__ = [
    "CalcDirError",
    "DatabaseError",
    "HashError",
    "MissingSiblingError",
    "ParamsError",
    "ParamsTypeError",
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
    """Base of all errors that psweep raises on purpose."""


class MissingSiblingError(PsweepError, ImportError):
    """A distribution is not installed that holds what was asked for."""


class VersionMismatchError(PsweepError, ImportError):
    """An installed distribution is of another version than psweep-core."""


class ParamsError(PsweepError, ValueError):
    """Parameters or arguments have the right type but make no sense."""


class ParamsTypeError(PsweepError, TypeError):
    """Parameters or arguments are of a type that cannot be used."""


class UnknownKeywordError(PsweepError, TypeError):
    """A keyword that the function does not know."""


class HashError(PsweepError, TypeError):
    """A value in a pset has no content that a hash could be made of."""


class ResultError(PsweepError, TypeError):
    """What ``func`` returned is not a dict, or cannot be stored."""


class DatabaseError(PsweepError, ValueError):
    """A database file is damaged, or is no psweep database."""


class StudyNotFoundError(PsweepError, FileNotFoundError):
    """There is no database and no journal where one was looked for."""


class CalcDirError(PsweepError, OSError):
    """The folder of a study cannot be used, or cannot be written to."""


class PsetNotFoundError(PsweepError, KeyError):
    """No row of the DataFrame has the ``_pset_id`` that was asked for."""

    def __str__(self) -> str:
        # KeyError shows the repr of its argument, which is unreadable for a sentence.
        return str(self.args[0])


class PsetTimeoutError(PsweepError, TimeoutError):
    """A pset took longer than ``timeout`` allows; the process that ran it was stopped."""


class WorkerError(PsweepError, RuntimeError):
    """A worker process died, or did not start."""


class RemoteTraceback(PsweepError, RuntimeError):  # noqa: N818 (its name is what a user reads)
    """Carries the traceback text of another process as the cause of an exception."""

    def __str__(self) -> str:
        return "\n" + str(self.args[0])
