"""The public names. Users write ``import psweep``, which gives them out."""

import importlib
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
from .old_words import GONE_NAMES, NEW_NAMES
from .params.grids import itr2params, pgrid, plist, stargrid
from .params.hashing import pset_hash
from .params.psets import (
    filter_params_dup_hash,
    filter_params_unique,
    flatten_dict,
    merge_dicts,
    shuffled,
)
from .params.samples import psample
from .params.spaces import intspace, logspace
from .running.by_name import by_name
from .running.run_local import run, run_local
from .running.time_left import time_left
from .show.notebook import fold_in_notebooks
from .show.terminal import df_print
from .store.checkdir import check_calc_dir
from .store.database import df_to_json, df_write
from .store.files import file_read, file_write, json_read, json_write, pickle_read, pickle_write
from .store.migrate import migrate
from .store.read import df_read, recover
from .store.runs_file import df_runs
from .table.changing import df_add_param, df_update_pset_hash
from .table.extract import df_extract_params, df_extract_pset, df_extract_row, df_filter_conds
from .table.merging import df_merge
from .table.selecting import df_latest, df_select
from .table.stats import df_stats

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
    "by_name",
    "check_calc_dir",
    "df_add_param",
    "df_extract_params",
    "df_extract_pset",
    "df_extract_row",
    "df_filter_conds",
    "df_latest",
    "df_merge",
    "df_print",
    "df_read",
    "df_runs",
    "df_select",
    "df_stats",
    "df_to_json",
    "df_update_pset_hash",
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
    "migrate",
    "pgrid",
    "pickle_read",
    "pickle_write",
    "plist",
    "psample",
    "pset_hash",
    "recover",
    "run",
    "run_local",
    "shuffled",
    "stargrid",
    "time_left",
]

# Names that few programs need: each is looked up when it is first used.
LAZY = ["df_importance", "df_plot", "df_to_xarray", "edit", "report"]

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
    from .show.plots import df_plot as df_plot
    from .store.edit import edit as edit
    from .table.importance import df_importance as df_importance
    from .table.to_xarray import df_to_xarray as df_to_xarray
else:
    _MODULES = {
        "df_importance": "table.importance",
        "df_plot": "show.plots",
        "df_to_xarray": "table.to_xarray",
        "edit": "store.edit",
        "report": "html_report.data",
    }

    def __getattr__(name: str) -> object:
        if name in _MODULES:
            found = getattr(importlib.import_module(f".{_MODULES[name]}", __package__), name)
        elif name in _siblings.NAMES:
            found = getattr(_siblings.load(_siblings.NAMES[name], f"psweep.{name}"), name)
        elif name in NEW_NAMES:
            return globals()[NEW_NAMES[name]]
        else:
            hint = f"; {GONE_NAMES[name]}" if name in GONE_NAMES else ""
            message = f"module 'psweep_core' has no attribute {name!r}{hint}"
            raise AttributeError(message)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted({*__all__, *LAZY, *_siblings.installed_names()})


# Errors say that they are of the module psweep. So it must be there also where only psweep_core was
# imported, or pickle would not find their classes. (Type checkers need not see this circle.)
importlib.import_module("psweep")

from .errors import RemoteTraceback as RemoteTraceback  # noqa: E402 (is not public)
