"""Where rows come from: which code, on which machine, with which versions."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import time
from typing import Any, NamedTuple

import pandas as pd

from ..git_environment import git_environment
from ..params.naming import MAIN, main_name
from ..store.paths import Layout
from ..store.runs_file import append_run, read_runs
from ..table.rows import Header
from .options import Options

__all__ = ["Code", "code_of", "known_runs", "note_run", "remember_run"]

_MAX_UNSAVED = 1000  # runs whose code is remembered
_GIT_SECONDS = 1.0  # after which git is not waited for
_SECONDS = 0.25  # for which the answer of git, which takes some ms, is good


class Code(NamedTuple):
    """What makes the results of a run.

    Attributes
    ----------
    module, qualname : str or None
        Of func.
    digest : str or None
        Changes if the code does something else. None: its source cannot be found.
    parts : dict of str to str
        The same for each part alone.
    unseeded : tuple of str
        Generators of random numbers that it makes without a seed.
    """

    module: str | None
    qualname: str | None
    digest: str | None
    parts: dict[str, str]
    unseeded: tuple[str, ...] = ()


def code_of(func: Any) -> Code:
    """Describe a function; see `params.fingerprint`."""
    # imported here because `import psweep` should be quick
    from ..params.fingerprint import fingerprint

    named = func
    while type(named).__module__ == "functools" and hasattr(named, "func"):
        named = named.func  # of a partial, whose arguments are a part of the code, too
    named = named if hasattr(named, "__qualname__") else type(named)
    module = getattr(named, "__module__", None)
    if module in MAIN:
        module = main_name(sys.modules[module]) or module
    try:
        found = fingerprint(func)
    except Exception:  # no hint is worth an error
        found = None
    if found is None:
        return Code(module, named.__qualname__, None, {})
    return Code(module, named.__qualname__, *found)


def note_run(
    layout: Layout,
    options: Options,
    run_id: str,
    code: Code,
    commit: str | None,
    header: Header | None,
    kind: str,
) -> None:
    """Add a run that starts now to the table of runs; the lock of the study is held.

    Parameters
    ----------
    layout : Layout
        Of the study.
    options : Options
    run_id : str
    code : Code
    commit : str or None
        With the code that runs, if it is known.
    header : Header or None
        None: it has nothing to run.
    kind : {"run_local", "prep_batch"}
    """
    entry = _entry(
        run_id,
        code,
        commit,
        run_seq=None if header is None else header.run_seq,
        kind=kind,
        n_psets=0 if header is None else header.n_psets,
        seed=options.seed,
        repeats=options.repeats,
        database=options.database_basename,
    )
    append_run(layout, entry)


_unsaved: dict[str, dict[str, Any]] = {}


def remember_run(options: Options, run_id: str, code: Code) -> None:
    """Note in memory what `note_run` would write of a run that saves nothing.

    Its rows may come back as ``df=``, with other code.
    """
    _unsaved[run_id] = {
        "run_id": run_id,
        "seed": options.seed,
        "module": code.module,
        "qualname": code.qualname,
        "fingerprint": code.digest,
        "parts": code.parts,
    }
    for oldest in [*_unsaved][:-_MAX_UNSAVED]:
        _unsaved.pop(oldest, None)  # (perhaps another thread has done it)


def known_runs(layout: Layout) -> dict[str, dict[str, Any]]:
    """Return the entries of the runs of a study, and of those here that saved nothing."""
    return {**_unsaved, **read_runs(layout)}


def _entry(run_id: str, code: Code, commit: str | None, **more: Any) -> dict[str, Any]:
    is_dirty: bool | None = False
    if commit is None:
        try:
            commit, is_dirty = _git(code.digest)
        except OSError:  # the working folder was removed, for example
            is_dirty = None
    return {
        "run_id": run_id,
        "time_utc": pd.Timestamp.now("UTC").tz_localize(None).isoformat(),
        **more,
        "module": code.module,
        "qualname": code.qualname,
        "fingerprint": code.digest,
        "parts": code.parts,
        "python": platform.python_version(),
        "packages": _packages(),
        "host": platform.node(),
        "argv": list(map(str, getattr(sys, "argv", ()))),
        "git_commit": commit,
        "git_dirty": is_dirty,
    }


_known_packages: tuple[int, dict[str, str]] = 0, {}


def _packages() -> dict[str, str]:
    """Return the versions of the packages that are imported."""
    global _known_packages
    n = len(sys.modules)
    known_n, known = _known_packages
    if known_n != n:
        names = [
            name
            for name in [*sys.modules]
            if "." not in name and name[0] != "_" and name not in sys.stdlib_module_names
        ]
        versions = {name: _version(name) for name in sorted(names)}
        known = {name: version for name, version in versions.items() if version}
        _known_packages = n, known
    return known


def _version(name: str) -> str | None:
    try:
        # not by getattr, which may import something
        version = vars(sys.modules[name]).get("__version__")
    except (KeyError, TypeError):  # something else that a program has put there
        return None
    return version if isinstance(version, str) else _installed().get(name.lower())


_folders: dict[str, str] = {}


def _installed() -> dict[str, str]:
    """Return the versions of installed distributions, by the names of their folders alone."""
    if not _folders:
        _folders[""] = ""
        for place in sys.path:
            if place.endswith("-packages") and os.path.isdir(place):
                for name in os.listdir(place):
                    if name.endswith(".dist-info"):
                        package, _, version = name.removesuffix(".dist-info").rpartition("-")
                        _folders.setdefault(package.lower(), version)
    return _folders


_git_answer: tuple[Any, float, tuple[str | None, bool | None]] = None, 0.0, (None, None)


def _git(digest: str | None) -> tuple[str | None, bool | None]:
    """Return the commit of the working folder, and whether files of it were changed."""
    global _git_answer
    folder = _git_folder(os.getcwd())
    if folder is None:
        return None, None
    names = "index", "HEAD", "logs/HEAD"
    signature = [_changed(os.path.join(folder, name)) for name in names]
    key = os.getcwd(), digest, signature
    known_key, when, answer = _git_answer
    if known_key != key or time.monotonic() - when > _SECONDS:
        answer = _ask_git()
        _git_answer = key, time.monotonic(), answer
    return answer


def _changed(path: str) -> tuple[int, int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def _git_folder(folder: str) -> str | None:
    while True:
        git = os.path.join(folder, ".git")
        if os.path.isdir(git):
            return git
        with contextlib.suppress(OSError), open(git, encoding="utf-8", errors="replace") as file:
            # of a worktree or a submodule, as a path from here or from the root
            return os.path.join(folder, file.readline().removeprefix("gitdir: ").rstrip("\n"))
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _ask_git() -> tuple[str | None, bool | None]:
    import subprocess

    args = ["git", "-c", "core.fsmonitor=false", "--no-optional-locks", "status"]
    args += ["--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=untracked"]
    try:
        done = subprocess.run(
            args,
            env=git_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None, None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    commits = [line.split()[-1] for line in lines if line.startswith("# branch.oid ")]
    if not commits or commits[0] == "(initial)":
        return None, None
    return commits[0], any(not line.startswith("#") for line in lines)
