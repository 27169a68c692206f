"""A DataFrame to a file and back, by the file's suffix.

``.pk`` (also ``.pkl``, ``.pickle``) holds values of any type and loads with `pandas.read_pickle`.
Unpickling runs code that the file chooses, so read only files that you trust. ``.json`` and
``.parquet`` hold data only, and are the formats to accept from strangers.
"""

from __future__ import annotations

import json
import pickletools
import platform
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..errors import DatabaseError, NotInstalledError, ParamsTypeError, StudyNotFoundError
from ..old_words import takes_old_words
from ..table.atoms import ATOMS
from ..table.cells import cells, in_native_order, objects
from ..table.frames import assemble
from ..table.levels import check_frame
from .atomic import replacing
from .file_formats import format_of, odd_columns
from .journal_reader import ids_in
from .json_forms import frame_as
from .json_parquet import frame_to_json
from .last_written import Signature, sign
from .paths import Layout, PathLike, expanded
from .regular import open_regular

__all__ = ["df_to_json", "df_write", "read_file", "storable", "write_file"]


@takes_old_words
def df_write(df: pd.DataFrame | PathLike, path: PathLike | pd.DataFrame) -> None:
    """Write a DataFrame to a file, which is replaced atomically.

    A file with more than plain columns is read back before it replaces the old one. A column that
    a pickle could not restore gets dtype object; JSON and Parquet keep values, and dtypes
    only where psweep would choose them.

    Parameters
    ----------
    df : DataFrame
        What to write.
    path : str or path
        Suffix ``.pk`` (``.pkl``, ``.pickle``, or none), ``.json``, or ``.parquet`` (needs
        ``psweep-core[parquet]``). Folders above it are made where missing. The
        two arguments may come in either order.

    Raises
    ------
    DatabaseError
        The suffix is unknown.
    ParamsTypeError
        Neither argument is a DataFrame, or a column cannot be written in this
        format. The old file is still there.

    Examples
    --------
    >>> import pandas as pd
    >>> import psweep as ps
    >>> ps.df_write(pd.DataFrame({"a": [1, 2]}), "eval.json")
    >>> ps.df_read("eval.json")
       a
    0  1
    1  2
    """
    if isinstance(path, pd.DataFrame):
        df, path = path, df
    if not isinstance(df, pd.DataFrame) or isinstance(path, pd.DataFrame):
        message = f"df_write needs a DataFrame and a path, not {df!r} and {path!r}"
        raise ParamsTypeError(message)
    path = Path(expanded(path))
    format_of(path)
    if path.is_dir():
        message = f"{path} is a folder; name a file in it, such as {path / 'database.pk'}"
        raise DatabaseError(message)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(df, path)


def df_to_json(df: pd.DataFrame, orient: str | None = None, **kwds: Any) -> str:
    """Write a DataFrame as JSON text: the same as in a ``.json`` file, or for other programs.

    Parameters
    ----------
    df : DataFrame
        Any one. Without `orient`, its values are of the types that `df_write` can keep as JSON.
    orient : {"records", "split", "index", "columns", "values"}, optional
        Write it as `pandas.DataFrame.to_json` does, for other programs: "records" is a list with
        one dict per row. None, NaN, infinity and cells without a value are all ``null`` then,
        and values of a type that has no form in JSON, such as paths, are text.
        None: as in a ``.json`` file, which `df_read` reads without any loss.
    **kwds
        For `json.dumps`, such as ``indent=2``.

    Returns
    -------
    str
        With ``orient=None`` one object with the lists ``columns``, ``index`` and ``data`` (a list
        a row), which ``pandas.read_json(..., orient="split")`` reads, too. What JSON
        has no word for is an object with the key ``"__py__"``.

    Raises
    ------
    ParamsError
        There is no such `orient`.
    ParamsTypeError
        `df` is not a DataFrame. Without `orient`, a value is of a type that has no form in JSON.

    Examples
    --------
    >>> import pandas as pd
    >>> import psweep as ps
    >>> print(ps.df_to_json(pd.DataFrame({"a": [1, 2]})))
    {"columns": ["a"], "index": [0, 1], "data": [[1], [2]]}
    >>> print(ps.df_to_json(pd.DataFrame({"a": [1, 2]}), orient="records"))
    [{"a": 1}, {"a": 2}]
    """
    check_frame(df, "df_to_json")
    return json.dumps(frame_to_json(df) if orient is None else frame_as(df, orient), **kwds)


def read_file(path: Path) -> pd.DataFrame:
    """Read one database file."""
    if not path.exists():
        message = f"there is no database {path}"
        raise StudyNotFoundError(message)
    if not path.is_file():
        message = f"{path} is a folder, a pipe or the like, not a file; move it away"
        raise DatabaseError(message)
    read = format_of(path).read
    try:
        with open_regular(path, follow=True) as file:
            df = read(file)
    except (MemoryError, NotInstalledError):
        raise
    except (ImportError, AttributeError) as error:
        message = (
            f"{path} holds a value whose class or module is not here ({error}); the file is "
            "whole: read it where the script that wrote it runs"
        )
        raise DatabaseError(message) from error
    except Exception as error:
        # pyarrow raises OSError also for a damaged file, but without a number.
        if isinstance(error, OSError) and (type(error) is not OSError or error.errno is not None):
            raise
        # Unpickling garbage can raise nearly anything, and so can code of another Python version.
        why = f"({type(error).__name__}: {error})"
        if _is_whole_pickle(path):
            here = f"Python {platform.python_version()} and pandas {pd.__version__}"
            message = (
                f"{path} cannot be loaded by {here} {why}; the file is whole: read it with the "
                "versions that wrote it"
            )
        else:
            message = f"{path} is damaged {why}; it was left as it is. {_what_is_left(path)}"
        raise DatabaseError(message) from error
    if not isinstance(df, pd.DataFrame):
        message = f"{path} holds a {type(df).__name__}, not a DataFrame"
        raise DatabaseError(message)
    return in_native_order(df)


class Written(NamedTuple):
    """What was written.

    Attributes
    ----------
    df : DataFrame
        What will be read from the file: what was to be written, or a DataFrame with other dtypes
        where the format has none for a column.
    signed : Signature or None
        Of the file, see `last_written.sign`.
    plain : bool
        `df` has only plain values, which cannot change, and the file is a pickle.
    """

    df: pd.DataFrame
    signed: Signature | None
    plain: bool


def write_file(df: pd.DataFrame, path: Path, follow: bool = True) -> Written:
    """Write one database file whose folder is there, and read it back before it takes its name.

    If it is a symbolic link, the file that it names is replaced, unless `follow` is false.

    Raises
    ------
    ParamsTypeError
        A column cannot be kept; the old file is still there.
    """
    if type(df) is not pd.DataFrame:  # a subclass, which other programs may not have
        df = pd.DataFrame(df)
    try:
        return _write_checked(df, path, follow)
    except (OSError, MemoryError, DatabaseError, NotInstalledError):
        raise
    except Exception:
        return _write_checked(storable(df, path), path, follow)


def _write_checked(df: pd.DataFrame, path: Path, follow: bool) -> Written:
    form = format_of(path)
    known = df
    odd = odd_columns(df, form.data_only)

    def check(temporary: Path) -> None:
        nonlocal known
        with open(temporary, "rb") as file:
            found = form.read(file)
        difference = form.difference(df, found, odd)
        if difference:
            raise ParamsTypeError(difference)
        if form.data_only:
            known = found  # it may have other dtypes

    plain = not df.attrs and not odd and _is_plain_index(df)
    with replacing(path, None if plain else check, follow=follow) as file:
        form.write(df, file)
        signed = sign(file)
    return Written(known, signed, plain and not form.data_only)


def storable(df: pd.DataFrame, path: Path, sample: bool = False) -> pd.DataFrame:
    """Convert a DataFrame into what will be read from a file.

    Its values are the same. JSON and Parquet have no form for some dtypes, and a column that a
    pickle would give back as something else becomes one of objects.

    Parameters
    ----------
    df : DataFrame
    path : Path
        Its suffix says which file.
    sample : bool, default False
        Of columns of objects in a pickle try one object of each type only, since all of them came
        out of a pickle.

    Raises
    ------
    ParamsTypeError
        A column cannot be kept.
    """
    form = format_of(path)
    changed: dict[int, Any] = {}
    for position in odd_columns(df, form.data_only):
        # (Series.reset_index of pandas 2.0 makes times of a NaT among objects.)
        series = df.iloc[:, position].set_axis(pd.RangeIndex(len(df)))
        tried = series
        if sample and series.dtype == object and not form.data_only:
            kinds = map(type, series.tolist())
            tried = series.iloc[[*dict(zip(kinds, range(len(series)), strict=True)).values()]]
        try:
            found = form.try_out(tried)
            if form.data_only and found.dtype != series.dtype:
                changed[position] = found
        except Exception as error:
            try:
                as_objects = pd.Series(objects(cells(series)), dtype=object)
                found = form.try_out(as_objects)
                changed[position] = found if form.data_only else as_objects
            except Exception:
                message = (
                    f"the column {df.columns[position]!r} (dtype {series.dtype}) cannot be kept in "
                    f"{path}: {error}; remove it, or convert it to numbers, text, lists and dicts"
                )
                raise ParamsTypeError(message) from error
    if not changed:
        return df
    columns = [changed.get(i, df.iloc[:, i]) for i in range(df.shape[1])]
    return assemble(list(df.columns), columns, df.index)


def _is_plain_index(df: pd.DataFrame) -> bool:
    index, names = df.index, df.columns
    return (
        (type(index) is pd.RangeIndex or index.dtype == np.int64)
        and type(names) is pd.Index
        and ATOMS.issuperset(map(type, names))
    )


def _is_whole_pickle(path: Path) -> bool:
    """Return whether a file is a pickle from its first byte to its last; nothing in it is run."""
    try:
        with open_regular(path, follow=True) as file:
            return all(True for _ in pickletools.genops(file)) and not file.read(1)
    except Exception:
        return False


def _what_is_left(path: Path) -> str:
    """Report what else holds the rows of a damaged file."""
    layout = Layout(path.absolute().parent, path.name)
    n_rows = len(ids_in(layout.journals()))
    backups = [folder.name for folder in layout.backups()]
    found = []
    if n_rows:
        found.append(f"{n_rows} rows in the journals of {layout.private.parent}")
    if layout.tmpsave_dir.is_dir():
        found.append(f"the rows below {layout.tmpsave_dir}")
    if backups:
        found.append(f"the backups {', '.join(backups)}")
    if not found:
        return (
            "Nothing else of it was found: restore a copy, or move it away to start from scratch."
        )
    return (
        f"What can still be recovered: {'; '.join(found)}. Restore the file from a copy, or move "
        "it away and call psweep.recover, which makes a new one from the journals."
    )
