"""The code of psweep-core. Users write ``import psweep``, which gives out its public names."""

from typing import TYPE_CHECKING

from . import _siblings
from ._version import __version__
from .errors import (
    CalcDirError,
    DatabaseError,
    HashError,
    NotInstalledError,
    ParamsError,
    ParamsTypeError,
    PsetExitError,
    PsetNotFoundError,
    PsetTimeoutError,
    PsweepError,
    ResultError,
    StudyNotFoundError,
    UnknownKeywordError,
    VersionMismatchError,
    WorkerError,
)
from .params.grids import (
    filter_params_dup_hash,
    filter_params_unique,
    flatten_dict,
    itr2params,
    merge_dicts,
    pgrid,
    plist,
    stargrid,
)
from .params.hashing import pset_hash
from .params.spaces import intspace, logspace
from .running.run_local import run, run_local
from .running.time_left import time_left
from .show.notebook import fold_in_notebooks
from .show.terminal import df_print
from .store.checkdir import check_calc_dir
from .store.database import df_to_json, df_write
from .store.files import file_read, file_write, json_read, json_write, pickle_read, pickle_write
from .store.read import df_read, recover
from .table.extract import df_extract_params, df_extract_pset, df_extract_row, df_filter_conds

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
    "ResultError",
    "StudyNotFoundError",
    "UnknownKeywordError",
    "VersionMismatchError",
    "WorkerError",
    "__version__",
    "check_calc_dir",
    "df_extract_params",
    "df_extract_pset",
    "df_extract_row",
    "df_filter_conds",
    "df_print",
    "df_read",
    "df_to_json",
    "df_write",
    "file_read",
    "file_write",
    "filter_params_dup_hash",
    "filter_params_unique",
    "flatten_dict",
    "intspace",
    "itr2params",
    "json_read",
    "json_write",
    "logspace",
    "merge_dicts",
    "pgrid",
    "pickle_read",
    "pickle_write",
    "plist",
    "pset_hash",
    "recover",
    "run",
    "run_local",
    "stargrid",
    "time_left",
]

fold_in_notebooks()

# Names of the siblings, and of what few need. Type checkers see the real ones, and flag misspelt
# names; at run time each is looked up when it is first used.
if TYPE_CHECKING:
    from psweep_batch import batch_cancel as batch_cancel
    from psweep_batch import batch_collect as batch_collect
    from psweep_batch import batch_resubmit as batch_resubmit
    from psweep_batch import batch_status as batch_status
    from psweep_batch import prep_batch as prep_batch
    from psweep_batch import run_batch as run_batch
    from psweep_git import git_commits as git_commits

    from .html_report.data import report as report
else:

    def __getattr__(name: str) -> object:
        if name == "report":
            from .html_report.data import report as found
        elif name in _siblings.NAMES:
            found = getattr(_siblings.load(_siblings.NAMES[name], f"psweep.{name}"), name)
        else:
            message = f"module 'psweep_core' has no attribute {name!r}"
            raise AttributeError(message)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted({*__all__, "report", *_siblings.installed_names()})


# Errors say that they are of the module psweep. So it must be there also where only a part of
# psweep_core was imported, as by a worker process, or pickle would not find their classes.
import psweep as psweep  # noqa: E402

from .errors import RemoteTraceback as RemoteTraceback  # noqa: E402 (is not public)
