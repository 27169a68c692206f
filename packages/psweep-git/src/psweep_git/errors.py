"""Exceptions of psweep-git."""

from __future__ import annotations

from psweep import PsweepError

__all__ = ["GitError"]


class GitError(PsweepError, RuntimeError):
    """A git operation is not possible; the message says why, and what to do.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.run_local(lambda pset: {}, [{"a": 1}], git=True)
    Traceback (most recent call last):
        ...
    psweep_git.errors.GitError: git=True, but ... is in no usable git repository: ...
    """
