"""psweep: loop like a pro, make parameter studies fun.

>>> import psweep as ps
>>> def func(pset):
...     return {"result": pset["a"] * pset["b"]}
>>> params = ps.pgrid(ps.plist("a", [1, 2, 3]), ps.plist("b", [88, 99]))
>>> df = ps.run_local(func, params)
"""

from ._version import __version__
from .checkdir import check_calc_dir
from .database import df_to_json, df_write
from .errors import (
    CalcDirError,
    DatabaseError,
    HashError,
    ParamsError,
    ParamsTypeError,
    PsetNotFoundError,
    PsweepError,
    ResultError,
    StudyNotFoundError,
    UnknownKeywordError,
    WorkerError,
)
from .extract import (
    df_extract_params,
    df_extract_pset,
    df_extract_row,
    df_filter_conds,
    df_print,
)
from .files import file_read, file_write, json_read, json_write, pickle_read, pickle_write
from .hashing import pset_hash
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
from .run import run, run_local
from .spaces import intspace, logspace
from .study import df_read, recover

__all__ = [
    "CalcDirError",
    "DatabaseError",
    "HashError",
    "ParamsError",
    "ParamsTypeError",
    "PsetNotFoundError",
    "PsweepError",
    "ResultError",
    "StudyNotFoundError",
    "UnknownKeywordError",
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
]
