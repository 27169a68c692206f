"""Prepare psets for tasks of batch jobs: what `run_local` does before it runs psets."""

from __future__ import annotations

import contextlib
import os
import sys
import sysconfig
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle
import pandas as pd

from .._version import __version__
from ..engines.failures import raises_originals
from ..engines.job import Func
from ..engines.shared_generators import generator_notices
from ..engines.wire import dumps, pickled_func
from ..params.grids import Pset
from ..params.hashing import pset_hashes
from ..params.naming import MAIN
from ..params.sources import shape_digest
from ..store.backup import backup
from ..store.spool import Index, Spool
from ..store.study import Study
from ..store.unneeded import note_surplus
from ..table.atoms import are_atomic
from ..table.bookkeeping import RUNTIME, SEED
from ..table.outcomes import seconds_of
from .checks import check_df, check_params, check_params_storable
from .done import successful, tried
from .options import Options
from .pending_psets import HowToRun, PendingPsets, options_of_tasks
from .pickled_modules import pickled_modules
from .planner import Planner, reserve_numbers
from .provenance import code_of, note_run
from .simulate import run_simulated

__all__ = ["TASK_PYTHON", "Chunk", "Spooled", "spool_work"]

# The versions of Python that can read each other's pickled functions
TASK_PYTHON = ".".join(map(str, sys.version_info[:2]))
# Options of how psets are run; the others are of the call that prepares them.
_OF_CALL = {"calc_dir", "poolsize", "executor", "save", "simulate", "backup", "git", "skip_dups"}
_OF_CALL |= {"seed", "repeats", "code", "progress", "only_prepares"}


class Chunk(NamedTuple):
    """The psets of one task."""

    positions: list[int]
    asks: dict[str, Any]  # what it asks the scheduler for, besides the jobscript


class Spooled(NamedTuple):
    """What `spool_work` has done."""

    df: pd.DataFrame  # the study
    spool: Spool | None  # None: there was nothing to prepare
    n_other: int  # psets that were left out because tasks run them, with another function
    n_other_free: int  # of these, psets that no task has yet
    n_failed: int  # psets that were left out because they have failed
    also: Mapping[str, int]  # for each machine, psets that are submitted without being in params
    notices: list[str]  # what else the user should know


Cut = Callable[[Sequence[Pset], "float | None"], "list[Chunk]"]


@raises_originals
def spool_work(
    func: Func,
    params: Sequence[Pset],
    df: pd.DataFrame | None,
    options: Options,
    cut: Cut,
    asked: Callable[[Pset], Mapping[str, str]],
    afterwards: Callable[[Study], object],
    machines: Sequence[str],
) -> Spooled:
    """Check params, skip what is done or has a task, and write the rest into a spool.

    Psets that an earlier call has prepared in another way, and that no task has, are prepared again
    as this call wants them.

    Parameters
    ----------
    func : callable
    params : list of dict
    df : DataFrame or None
        The part of the study that the caller has.
    options : Options
    cut : callable
        Takes psets and the median runtime of the study, s, or None, and returns the chunks.
    asked : callable
        Takes a pset and returns what it asks the scheduler for, besides the jobscript.
    afterwards : callable
        Is called with the study when the spool is written, before it is committed.
    machines : sequence of str
        The names of those where tasks may run.
    """
    df = check_df(df)
    params, names = check_params(params)
    atomic = are_atomic(params)
    hashes = pset_hashes(params)
    check_params_storable(params, options.database_basename, atomic)
    study = Study(options.calc_dir, options.database_basename)
    git_commits = options.git_commits()
    code = code_of(func)
    digest = code.digest or _shape(func)
    run_id = str(uuid.uuid4())
    how = HowToRun(params, hashes, [*map(asked, params)], options, digest, machines)
    pending = PendingPsets(study, None if options.simulate else run_id, how)
    skips = None
    if options.skip_dups:
        skips = tried if options.skip_dups == "tried" else successful
    seeded = SEED in names or options.seed is not None
    planner = Planner(options, study.layout, code, skips, seeded, pending)
    if options.simulate:
        simulated = run_simulated(study, params, df, planner, poolsize=None, save=True)
        return Spooled(simulated, None, 0, 0, 0, {}, [])
    pickled = _pickled(func, params)  # before a file is touched
    with git_commits(run_id) if git_commits else contextlib.nullcontext() as commit:
        with study.locked():
            known = study.fold()
            changed = None if df is None else study.changed_by(study.storable(df), known)
            if options.backup:
                backup(study, run_id)
            if changed is not None:
                study.adopt(changed)
            if skips:
                note_surplus(study.layout, study.known)
            if not skips and pending.look():  # only to count what is submitted, too
                pending.hashes(study.known(), Counter())
            jobs, notices = planner.plan(params, hashes, study.known)
            records = options.on_error == "record"
            known = study.so_far(*(("_failed", "_exc_txt") if records else ()))
            header = None
            spool = None
            if jobs:
                notices += generator_notices(
                    func, jobs.psets, sent=True, seeded=jobs.seeds is not None, atomic=atomic
                )
                header = reserve_numbers(study, run_id, known, len(jobs))
                runtime = _median_runtime(known)
                chunks = cut(jobs.psets, runtime)
                work = {
                    "func": pickled,
                    "options": {
                        field.name: getattr(options, field.name)
                        for field in fields(options)
                        if field.name not in _OF_CALL
                    },
                    "commit": commit,
                    "plain": atomic,
                    "path": _path_of_project(study.layout.calc_dir),
                }
                parts = [dumps(work), *(dumps(jobs.some(chunk.positions)) for chunk in chunks)]
                index = Index(
                    jobs.ids,
                    [job.pset_hash for job in jobs],
                    [chunk.positions for chunk in chunks],
                    [chunk.asks for chunk in chunks],
                    [len(part) for part in parts],
                    jobs.seeds,
                )
                head = {
                    "python": TASK_PYTHON,
                    "psweep": __version__,
                    "database": study.layout.basename,
                    "cwd": _relative(study.layout.calc_dir),
                    "runtime": runtime,
                    "machines": [*machines],
                    # None: what info.yaml says
                    "parallel": None if options.shares_worker_env else options.poolsize,
                    "code": digest,
                    "options": options_of_tasks(options),
                    # (Rows of other code do not count for "rerun".)
                    "wanted": [options.repeats, options.skip_dups == "tried"]
                    if options.skip_dups and options.code != "rerun"
                    else None,
                }
                spool = Spool.write(study.layout.spool(run_id), head, header, index, parts)
                note_run(study.layout, options, run_id, code, commit, header, "prep_batch")
        afterwards(study)
    n_failed = 0
    if options.skip_dups == "tried":
        failed = {*tried(known)["_pset_hash"]} - {*successful(known)["_pset_hash"]}
        n_failed = len(failed & {*hashes})
    return Spooled(
        known, spool, pending.n_other, pending.n_other_free, n_failed, pending.also, notices
    )


def _shape(func: Func) -> str:
    """Return a hash of the bytecode of a function without a fingerprint; empty if unknown."""
    code = getattr(func, "__code__", None)
    return f"{TASK_PYTHON} {shape_digest(code)}" if code is not None else ""


def _median_runtime(known: pd.DataFrame) -> float | None:
    if RUNTIME not in known.columns:
        return None
    median = float(pd.Series(seconds_of(successful(known))).median())
    return median if median == median else None


def _relative(calc_dir: Path, place: str = ".") -> str:
    """Return a folder, most often the working folder, as seen from the folder of the study."""
    try:
        return Path(os.path.relpath(os.path.abspath(place), calc_dir)).as_posix()
    except ValueError:  # on another drive
        return ".."


def _pickled(func: Func, params: Sequence[Pset]) -> bytes:
    """Pickle func together with the code of the project that it uses.

    So a task needs no file of the project, and code that is changed while it waits changes
    nothing. Only if psets hold objects of such modules is their code left to be imported, because
    classes that were sent are not the same as those that are imported.
    """
    modules = _project_modules(func)
    if modules and not are_atomic(params):
        imported = pickled_modules(dumps(list(params)))
        if any(module.__name__ in imported for module in modules):
            return pickled_func(func)
    with contextlib.suppress(Exception), _by_value(modules):
        return pickled_func(func)
    return pickled_func(func)  # a module holds what cannot be sent, so it has to be imported


@contextlib.contextmanager
def _by_value(modules: list[Any]) -> Iterator[None]:
    before = set(cloudpickle.list_registry_pickle_by_value())
    new = [module for module in modules if module.__name__ not in before]
    try:
        for module in new:
            cloudpickle.register_pickle_by_value(module)
        yield
    finally:
        for module in new:
            with contextlib.suppress(ValueError):
                cloudpickle.unregister_pickle_by_value(module)


def _path_of_project(calc_dir: Path) -> list[str]:
    """Return the folders of the project in `sys.path`, as seen from the folder of the study.

    Classes of psets are imported from there, such as from the folder of the script, or from a
    folder that the script has added.
    """
    below = _project_folders()
    places = dict.fromkeys(os.path.realpath(place) for place in sys.path)
    return [
        _relative(calc_dir, place)
        for place in places
        if os.path.join(place, "").startswith(below)
        and os.path.isdir(place)
        and not _is_installed(os.path.join(place, ""))
    ]


def _project_folders() -> tuple[str, ...]:
    """Return the working folder and that of the script, with a separator at the end."""
    main = getattr(sys.modules["__main__"], "__file__", None)
    places = {os.path.realpath(os.getcwd())}
    if main and not _is_installed(os.path.realpath(main)):
        places.add(os.path.dirname(os.path.realpath(main)))
    return tuple(place.rstrip(os.sep) + os.sep for place in places)


def _project_modules(func: Func) -> list[Any]:
    """Find the module of func, and those below the working folder or that of the script.

    Installed ones are left out: a task can import these, or be told what to install.
    """
    below = _project_folders()
    found = []
    for name, module in [*sys.modules.items()]:
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py") or module.__name__ != name:
            continue
        path = os.path.realpath(file)
        is_other = name in MAIN or name.startswith("psweep") or _is_installed(path)
        is_of_project = path.startswith(below) or name == getattr(func, "__module__", None)
        if is_of_project and not is_other:
            found.append(module)
    return found


def _is_installed(path: str) -> bool:
    parts = Path(path).parts
    if "site-packages" in parts or "dist-packages" in parts:
        return True
    folders = {sysconfig.get_path("stdlib"), sysconfig.get_path("scripts")}
    return any(path.startswith(os.path.realpath(f) + os.sep) for f in folders if f)
