"""The options of a run: the keywords of `run_local`, checked."""

from __future__ import annotations

import contextlib
import numbers
import operator
import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import _siblings
from ..engines.job import SLOT, Settings
from ..errors import ParamsError, ParamsTypeError
from ..messages import safe_repr
from ..params.grids import brief
from ..store.file_formats import format_of
from ..store.json_parquet import need_pyarrow
from ..store.paths import TAKEN, Layout, PathLike
from ..store.suffixes import PARQUET, holds_data_only
from ..table.rows import Header

__all__ = ["Options"]

_MAX_NAME = 220  # bytes, of the 255 that file systems take


@dataclass(frozen=True)
class Options:
    """How a run is carried out. For what each option means see `run_local`.

    Raises
    ------
    ParamsError, ParamsTypeError
        An option has a value that it cannot have, or two options contradict each other.
    """

    calc_dir: PathLike = "calc"
    database_basename: str = "database.pk"
    poolsize: int | None = None
    executor: Any = None
    save: bool = True
    simulate: bool = False
    backup: bool = False
    git: bool = False
    skip_dups: bool | str = False
    seed: int | None = None
    repeats: int = 1
    code: str = "warn"
    worker_env: Mapping[str, str] | Sequence[Mapping[str, str]] | None = None
    max_tasks_per_child: int | None = None
    on_error: str = "raise"
    retries: int = 0
    timeout: float | None = None
    capture_logs: str | None = None
    progress: bool | None = None
    verbose: bool | Sequence[Any] | None = False
    tmpsave: bool = False
    only_prepares: bool = False  # func prepares psets that run later, so they have no runtime yet

    def __post_init__(self) -> None:
        for name in ("poolsize", "max_tasks_per_child", "seed", "repeats", "retries", "timeout"):
            object.__setattr__(self, name, _plain(getattr(self, name)))
        if self.worker_env is not None:
            self._check_worker_env()
        poolsize, retries, timeout = self.poolsize, self.retries, self.timeout
        if poolsize is not None and (
            not isinstance(poolsize, int) or isinstance(poolsize, bool) or poolsize < 1
        ):
            message = f"poolsize must be None or an integer ≥ 1, not {_number(poolsize)}"
            raise ParamsError(message)
        if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
            message = f"retries must be an integer ≥ 0, not {_number(retries)}"
            raise ParamsError(message)
        self._check_repeats()
        n_tasks = self.max_tasks_per_child
        if n_tasks is not None:
            if not isinstance(n_tasks, int) or isinstance(n_tasks, bool) or n_tasks < 1:
                message = (
                    f"max_tasks_per_child must be an integer ≥ 1, or None, not {_number(n_tasks)}"
                )
                raise ParamsError(message)
            if poolsize is None:
                message = (
                    f"max_tasks_per_child={n_tasks} needs worker processes; {self._add_workers}"
                )
                raise ParamsError(message)
        if timeout is not None:
            if not isinstance(timeout, int | float) or isinstance(timeout, bool) or not timeout > 0:
                message = (
                    f"timeout must be a number of seconds above 0, or None, not {_number(timeout)}"
                )
                raise ParamsError(message)
            if poolsize is None:
                message = (
                    f"timeout={timeout!r} needs worker processes, because nothing can stop a "
                    f"function in this one; {self._add_workers}"
                )
                raise ParamsError(message)
        _one_of("code", self.code, ("warn", "rerun", "ignore"))
        _one_of("skip_dups", self.skip_dups, (False, True, "tried"))
        _one_of("on_error", self.on_error, ("raise", "record"))
        _one_of("capture_logs", self.capture_logs, (None, "db", "file", "db+file"))
        verbose = self.verbose
        if verbose is None:  # as in older versions
            object.__setattr__(self, "verbose", verbose := False)
        if isinstance(verbose, str) or not isinstance(verbose, bool | Sequence):
            message = (
                f"verbose must be a bool or a list of names, not {verbose!r}; write [{verbose!r}]"
            )
            raise ParamsTypeError(message)
        for name in ("save", "simulate", "backup", "git", "tmpsave", "progress"):
            value = getattr(self, name)
            # (a text such as "False" would count as True)
            if not isinstance(value, bool | np.bool_) and (name, value) != ("progress", None):
                others = ", or None" if name == "progress" else ""
                message = f"{name} must be True or False{others}, not {_number(value)}"
                raise ParamsTypeError(message)
        basename = self.database_basename
        if (
            not isinstance(basename, str)
            or Path(basename).name != basename
            or basename in ("", ".", "..")
            or "\0" in basename
        ):
            message = (
                f"database_basename must be the name of a file in calc_dir, not {basename!r}; "
                "put the folder into calc_dir"
            )
            raise ParamsError(message)
        if basename in TAKEN:
            message = (
                f"database_basename={basename!r} is a name that psweep gives to another file or "
                "folder; choose another one, such as 'database.pk'"
            )
            raise ParamsError(message)
        n_bytes = len(os.fsencode(basename))
        if n_bytes > _MAX_NAME:
            message = (
                f"database_basename={safe_repr(basename, 40)} has {n_bytes} bytes, which leaves no "
                f"room for what psweep adds to the names of its files; use at most {_MAX_NAME}"
            )
            raise ParamsError(message)
        format_of(Path(Layout(self.calc_dir).name, basename))
        if self.save and Path(basename).suffix.lower() == PARQUET:
            need_pyarrow()
        if not self.save:
            self._check_that_nothing_is_written()
        self._check_engine()

    def _check_worker_env(self) -> None:
        given = self.worker_env
        is_list = isinstance(given, Sequence) and not isinstance(given, str | bytes)
        envs: Any = given if is_list else [given]
        for env in envs:
            if not isinstance(env, Mapping):
                message = (
                    "worker_env must be a dict of environment variables, or a list with one for "
                    f"each worker, not {brief(given)}"
                )
                raise ParamsTypeError(message)
            for name, value in env.items():
                _check_variable(name, value)
        if not envs:
            message = "worker_env is an empty list; give it one dict for each worker"
            raise ParamsError(message)
        if self.executor is not None:
            message = (
                "worker_env is for the workers of poolsize, but there is an executor, which starts "
                "its own; set their environment where you make it"
            )
            raise ParamsError(message)
        if is_list and self.poolsize is None:
            object.__setattr__(self, "poolsize", len(envs))
        if self.poolsize is None:
            message = "worker_env is for worker processes; add poolsize=1 or more"
            raise ParamsError(message)
        if is_list and self.poolsize != len(envs):
            message = (
                f"worker_env has {len(envs)} dicts, one for each worker, but poolsize is "
                f"{self.poolsize!r}; leave out poolsize"
            )
            raise ParamsError(message)

    @property
    def _add_workers(self) -> str:
        """What to do if an option needs the workers of psweep itself."""
        if self.executor is None:
            return "add poolsize=1 or more"
        return "pass poolsize=1 or more instead of executor"

    @property
    def shares_worker_env(self) -> bool:
        """Whether all workers have the same environment; else there is a list, one for each."""
        return self.worker_env is None or isinstance(self.worker_env, Mapping)

    @property
    def worker_envs(self) -> list[dict[str, str]] | None:
        """The environment variables of each worker; None: those of this process."""
        given: Any = self.worker_env
        if given is None:
            return None
        if isinstance(given, Mapping):
            return [dict(given)] * (self.poolsize or 1)
        return [*map(dict, given)]

    def _check_repeats(self) -> None:
        seed, repeats = self.seed, self.repeats
        if not isinstance(repeats, int) or isinstance(repeats, bool) or repeats < 1:
            message = f"repeats must be an integer ≥ 1, not {_number(repeats)}"
            raise ParamsError(message)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
            message = f"seed must be None or an integer, not {_number(seed)}"
            raise ParamsError(message)

    def _check_that_nothing_is_written(self) -> None:
        for name, given in (
            ("tmpsave=True", self.tmpsave),
            ("backup=True", self.backup),
            ("git=True", self.git),
            (f"capture_logs={self.capture_logs!r}", self.capture_logs in ("file", "db+file")),
        ):
            if given:
                message = f"{name} writes files, but save=False forbids that; drop one of the two"
                raise ParamsError(message)

    def _check_engine(self) -> None:
        # Imported here because `import psweep` should be quick.
        if self.executor is not None:
            from ..engines.executor import check_executor

            check_executor(self.executor, self.poolsize, self.capture_logs)
        elif self.poolsize is not None and not self.simulate:
            from ..engines.start_method import check_may_start_workers

            check_may_start_workers(self.poolsize)

    @property
    def data_only(self) -> bool:
        """Whether the database is in a format that cannot hold everything."""
        return self.save and holds_data_only(self.database_basename)

    def git_commits(self) -> Callable[..., Any] | None:
        """Return what makes commits around a run, see psweep-git; None if none are wanted.

        Raises
        ------
        NotInstalledError, VersionMismatchError
            psweep-git is not installed, or is of another version.
        """
        return _siblings.load("psweep_git", "git=True").git_commits if self.git else None

    def settings(
        self, header: Header, layout: Layout, commit: str | None, atomic: bool
    ) -> Settings:
        """Return what the calls of func need to know.

        Parameters
        ----------
        header : Header
        layout : Layout
        commit : str or None
            With the code that runs.
        atomic : bool
            No value in the params can be changed, or needs care when it is pickled.
        """
        named = self.save and ("file" in (self.capture_logs or "") or self.poolsize is not None)
        return Settings(
            header=header,
            layout=layout,
            on_error=self.on_error,
            capture_logs=self.capture_logs,
            verbose=self.verbose if isinstance(self.verbose, bool) else tuple(self.verbose or ()),
            tmpsave=self.tmpsave,
            data_only=self.data_only,
            extras={"_git_commit": commit} if commit else None,
            only_prepares=self.only_prepares,
            retries=self.retries,
            timeout=self.timeout,
            atomic=atomic,
            logs_dir=layout.running_logs(header.run_id) if named else None,
        )


def _check_variable(name: Any, value: Any) -> None:
    """Refuse what cannot be an environment variable."""
    for part in (name, value):
        if not isinstance(part, str):
            message = (
                f"worker_env has {name!r}: {value!r}, but environment variables are text; write "
                f"{str(part)!r} instead of {part!r}"
            )
            raise ParamsTypeError(message)
    if not name or "=" in name or "\0" in name + value:
        message = f"worker_env has {name!r}: {value!r}, which cannot be an environment variable"
        raise ParamsError(message)
    if name == SLOT:
        message = f"worker_env has {name!r}, which psweep sets: the number of the worker, from 0"
        raise ParamsError(message)


def _number(value: Any) -> str:
    """Show a value that should be a number, and that number if it is the text of one."""
    if not isinstance(value, str):
        return repr(value)
    is_text_of_one = value.strip().replace(".", "", 1).isdecimal()
    return f"{value!r} (str)" + (
        f"; write {value.strip()} without quotes" if is_text_of_one else ""
    )


def _plain(value: Any) -> Any:
    """Convert a number, such as one of NumPy, to an int or a float; return others as they are."""
    if isinstance(value, bool | np.bool_):
        return value
    with contextlib.suppress(Exception):
        return operator.index(value)
    return float(value) if isinstance(value, numbers.Real) else value


def _one_of(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    # (An array, which cannot be hashed, is compared to something item by item.)
    if not isinstance(value, Hashable) or value not in choices:
        message = f"{name} must be one of {', '.join(map(repr, choices))}, not {safe_repr(value)}"
        raise ParamsError(message)
