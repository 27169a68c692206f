"""What psweep-batch raises."""

from __future__ import annotations

from psweep import PsweepError

__all__ = ["BatchError", "MachineError", "TemplateError", "TransferError"]


class BatchError(PsweepError, ValueError):
    """Batch jobs cannot be prepared, looked at or submitted again as asked."""


class TemplateError(BatchError):
    """A template cannot be filled; the message names it, the line and the placeholder."""


class MachineError(BatchError):
    """What is said of a machine, in its folder or its info.yaml, makes no sense."""


class TransferError(PsweepError, RuntimeError):
    """Files could not be copied to or from another machine."""
