"""psweep-batch: run a parameter study as batch jobs, on a cluster or on this machine.

It is used as ``psweep.prep_batch`` and so on. Each name is looked up when it is first used, so the
programs show their help without pandas.
"""

import importlib
from typing import TYPE_CHECKING

from ._version import __version__

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

if TYPE_CHECKING:
    from .cancel import batch_cancel
    from .collect import batch_collect
    from .errors import BatchError, MachineError, TemplateError, TransferError
    from .prep import prep_batch
    from .resubmit import batch_resubmit
    from .run_tasks import run_batch
    from .status import batch_status
else:
    _MODULES = {
        "batch_cancel": "cancel",
        "batch_collect": "collect",
        "batch_resubmit": "resubmit",
        "batch_status": "status",
        "prep_batch": "prep",
        "run_batch": "run_tasks",
    }

    def __getattr__(name: str) -> object:
        if name not in __all__:
            message = f"module 'psweep_batch' has no attribute {name!r}"
            raise AttributeError(message)
        module = importlib.import_module(f".{_MODULES.get(name, 'errors')}", __name__)
        globals()[name] = found = getattr(module, name)
        return found

    def __dir__() -> list[str]:
        return sorted(__all__)
