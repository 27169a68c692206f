"""Words of psweep 0.8 to 0.16 that this version has not: what they are here, or what to write.

One table, used by ``psweep.__getattr__`` for names, and by `takes_old_words` and the check of
`run_local`'s keywords.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

from .errors import UnknownKeywordError

__all__ = ["GONE_NAMES", "NEW_NAMES", "takes_old_words", "translated"]

P = ParamSpec("P")
T = TypeVar("T")

# Public names that are only called differently
NEW_NAMES: Final = {
    "PsweepHashError": "HashError",
    "filter_same_hash": "filter_params_unique",
}

_STANDARD = "it was a helper of psweep itself; use {}"
GONE_NAMES: Final = {
    "FileTemplate": "prep_batch reads templates",
    "Machine": "prep_batch reads machines",
    "add_hashes": "run_local makes the hashes; of one pset, use pset_hash(pset)",
    "capture_logs_wrapper": "use run_local(capture_logs='db')",
    "df_ensure_dtypes": "columns have their natural dtypes",
    "df_extract_dicts": "use df_extract_params(df) for psets, df.to_dict('records') for rows",
    "df_update_pset_cols": "use df.insert(0, name, value); parameters come before _run_id",
    "filter_cols": "parameters are the columns before _run_id",
    "flatten": _STANDARD.format("itertools.chain.from_iterable"),
    "fullpath": _STANDARD.format("pathlib.Path(path).expanduser().absolute()"),
    "func_wrapper": "run_local calls func",
    "gather_calc_templates": "prep_batch reads templates",
    "gather_machines": "prep_batch reads machines",
    "get_many_uuids": _STANDARD.format("uuid.uuid4"),
    "get_uuid": _STANDARD.format("uuid.uuid4"),
    "git_clean": "use run_local(git=True)",
    "git_enter": "use run_local(git=True)",
    "git_exit": "use run_local(git=True)",
    "in_git_repo": "use run_local(git=True)",
    "is_seq": _STANDARD.format("isinstance(x, collections.abc.Sequence)"),
    "itr": "itr2params and pgrid take sequences and single arguments",
    "makedirs": _STANDARD.format("os.makedirs(path, exist_ok=True)"),
    "pj": _STANDARD.format("os.path.join"),
    "system": _STANDARD.format("subprocess.run(cmd, shell=True, check=True)"),
    "worker_wrapper": "run_local calls func",
}


class _Ignored(NamedTuple):
    """A keyword with one value that changes nothing; for others, what to do instead."""

    value: Any
    instead: str


# function: {old keyword: its new name, or what to do instead}
_FORMAT = _Ignored("pickle", "the suffix of the file chooses the format: .pk, .json or .parquet")
_NATURAL = _Ignored(True, "values are Python's own; drop it")
_KEYWORDS: Final[dict[str, dict[str, str | _Ignored]]] = {
    "df_extract_params": {"py_types": _NATURAL},
    "df_extract_pset": {"py_types": _NATURAL},
    "df_extract_row": {"py_types": _NATURAL},
    "df_print": {"prefix_cols": "special_cols"},
    "df_read": {"fn": "path", "fmt": _FORMAT},
    "df_write": {"fn": "path", "fmt": _FORMAT},
    "file_read": {"fn": "path"},
    "file_write": {"fn": "path"},
    "flatten_dict": {"join_str": "sep"},
    "json_read": {"fn": "path"},
    "json_write": {"fn": "path"},
    "merge_dicts": {
        "allow_dup_keys": _Ignored(True, "the last dict wins; itr2params refuses a name twice")
    },
    "pickle_read": {"fn": "path"},
    "pickle_write": {"fn": "path"},
    "prep_batch": {
        "database_dir": _Ignored(None, "the database is in calc_dir; name that, or copy the file")
    },
    "pset_hash": {
        "dct": "pset",
        "method": _Ignored("sha1", "the hash is always SHA-1"),
        "raise_error": _Ignored(True, "catch psweep.HashError"),
        "skip_special_cols": _Ignored(
            True, "names that start with _ are never hashed; give them other names"
        ),
    },
    "run_local": {
        "worker": "func",
        "dask_client": "executor",
        "database_dir": _Ignored(None, "the database is in calc_dir; name that, or copy the file"),
        "fill_value": _Ignored(None, "drop it: what a pset does not have stays absent"),
    },
    "stargrid": {"filter_dups": "skip_dups"},
}


def translated(function: str, keywords: dict[str, Any]) -> dict[str, Any]:
    """Replace the old keywords of a call.

    Raises
    ------
    UnknownKeywordError
        One has no counterpart; the message says what to do instead.
    """
    old = _KEYWORDS.get(function, {})
    new = {}
    for name, value in keywords.items():
        word = old.get(name)
        if word is None:
            new[name] = value
        elif isinstance(word, str):
            if word in keywords:
                message = f"{function} got {name!r}, the old name of {word!r}, and {word!r}"
                raise UnknownKeywordError(message)
            new[word] = value
        elif type(value) is not type(word.value) or value != word.value:
            message = f"{function} does not know {name}={value!r} of older versions; {word.instead}"
            raise UnknownKeywordError(message)
    return new


def takes_old_words(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function take the keywords that it had in psweep 0.8 to 0.16."""
    name = function.__name__
    old = _KEYWORDS[name].keys()

    @functools.wraps(function)
    def translating(*args: P.args, **kwds: P.kwargs) -> T:
        if kwds and not old.isdisjoint(kwds):
            return function(*args, **translated(name, kwds))
        return function(*args, **kwds)

    return translating
