"""psweep-batch: run a parameter study as batch jobs, on a cluster or on this machine.

It is used as ``psweep.prep_batch`` and so on.
"""

from ._version import __version__
from .cancel import batch_cancel
from .collect import batch_collect
from .errors import BatchError, MachineError, TemplateError, TransferError
from .prep import prep_batch
from .resubmit import batch_resubmit
from .run_tasks import run_batch
from .status import batch_status

__all__ = [
    "BatchError",
    "MachineError",
    "TemplateError",
    "TransferError",
    "__version__",
    "batch_cancel",
    "batch_collect",
    "batch_resubmit",
    "batch_status",
    "prep_batch",
    "run_batch",
]
