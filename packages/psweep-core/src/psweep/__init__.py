"""psweep: loop like a pro, make parameter studies fun.

>>> import psweep as ps
>>> def func(pset):
...     return {"result": pset["a"] * pset["b"]}
>>> params = ps.pgrid(ps.plist("a", [1, 2, 3]), ps.plist("b", [88, 99]))
>>> df = ps.run_local(func, params)
"""

from typing import TYPE_CHECKING

from . import _siblings
from ._version import __version__
from .checkdir import check_calc_dir
from .database import df_to_json, df_write
from .display import df_print
from .errors import (
    CalcDirError,
    DatabaseError,
    HashError,
    MissingSiblingError,
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
from .extract import df_extract_params, df_extract_pset, df_extract_row, df_filter_conds
from .files import file_read, file_write, json_read, json_write, pickle_read, pickle_write
from .hashing import pset_hash
from .notebook import fold_in_notebooks
from .params import (
    filter_params_dup_hash,
    filter_params_unique,
    flatten_dict,
    itr2params,
    merge_dicts,
    pgrid,
    plist,
    stargrid,
)
from .read import df_read, recover
from .run import run, run_local
from .spaces import intspace, logspace

__all__ = [
    "CalcDirError",
    "DatabaseError",
    "HashError",
    "MissingSiblingError",
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
    "report",
    "run",
    "run_local",
    "stargrid",
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
    from psweep_git import git_commits as git_commits

    from .html_report import report as report
else:

    def __getattr__(name: str) -> object:
        if name == "report":
            from .html_report import report

            return report
        module = _siblings.NAMES.get(name)
        if module is None:
            message = f"module 'psweep' has no attribute {name!r}"
            raise AttributeError(message)
        found = globals()[name] = getattr(_siblings.load(module, f"psweep.{name}"), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), "report", *_siblings.installed_names()})
