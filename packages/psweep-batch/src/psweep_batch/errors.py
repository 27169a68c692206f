"""Exceptions of psweep-batch."""

from __future__ import annotations

from psweep import PsweepError

__all__ = ["BatchError", "MachineError", "TemplateError", "TransferError"]


class BatchError(PsweepError, ValueError):
    """Batch jobs cannot be prepared, inspected or submitted again as requested.

    Examples
    --------
    >>> import psweep as ps
    >>> df = ps.run_local(lambda pset: {}, [{"a": 1}])
    >>> ps.batch_status("calc", "cluster")
    Traceback (most recent call last):
        ...
    psweep_batch.errors.BatchError: no pset in calc was prepared for the machine 'cluster'; ...
    """


class TemplateError(BatchError):
    """A template cannot be filled; the message names it, the line and the placeholder.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.file_write("templates/machines/local/info.yaml", "subcmd: sh")
    >>> ps.file_write("templates/machines/local/jobscript", "echo $b")
    >>> ps.prep_batch(ps.plist("a", [1, 2]), calc_templ_dir=None)
    Traceback (most recent call last):
        ...
    psweep_batch.errors.TemplateError: ...jobscript, line 1: nothing fills the placeholder $b: ...
    """


class MachineError(BatchError):
    """A machine's folder or its info.yaml is invalid.

    Examples
    --------
    >>> import psweep as ps
    >>> ps.file_write("templates/machines/local/info.yaml", "subcmnd: sh")
    >>> ps.file_write("templates/machines/local/jobscript", "echo $a")
    >>> ps.prep_batch(ps.plist("a", [1, 2]), calc_templ_dir=None)
    Traceback (most recent call last):
        ...
    psweep_batch.errors.MachineError: ...info.yaml has an unknown key 'subcmnd'; did you mean ...
    """


class TransferError(PsweepError, RuntimeError):
    """Files could not be copied to or from another machine.

    Examples
    --------
    The console scripts print it and exit with status 1.

    >>> from psweep_batch import TransferError
    >>> issubclass(TransferError, RuntimeError)
    True
    """
