"""One call of ``func`` on one pset, in any process: its time, its failure, its output."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

import pandas as pd

from ..errors import PsetExitError, ResultError
from ..messages import printable, safe_repr
from ..params.grids import Pset
from ..show.tracebacks import CALLERS, format_error
from ..table.atoms import ATOMS, is_atomic
from ..table.bookkeeping import RESERVED, SEED, is_reserved
from ..table.rows import Row, RowTuple
from .capture import captured, open_log, text_of
from .clones import end_clone, forks
from .failures import carried, note, raised_for
from .finished import is_storable
from .isolation import StudyFolder, WorkingFolder, copied
from .job import Func, Job, JobTuple, RunPset, Settings, describe
from .random_state import SeedGenerators
from .retries import call_again, retried

if TYPE_CHECKING:
    from .worker_clock import Clock  # which imports multiprocessing

__all__ = ["runner"]


_IMMUTABLE = frozenset({int, float, str, bool, type(None), bytes, complex})


def runner(
    func: Func,
    settings: Settings,
    folder: WorkingFolder,
    seed_generators: SeedGenerators | None = None,
    watch: Clock | None = None,
) -> RunPset:
    """Make the function that runs one pset, as often as it takes, and starts in a folder.

    If psets have seeds, `seed_generators` is called with them; None: the global generators are not
    seeded, because other psets draw from them at the same time. In a worker, `watch` is noted when
    func is called and when it returns.

    Its parameters and what it returns::

        job : tuple
            A Job, or its parts.
        calls : int, default 1
            The number of this call of func, if it was called for this pset before.
        tell : callable, optional
            Is called before each further call.

        row : RowTuple
        atomic : bool
            The params are those of the job, nothing in the row can change any more, and
            `plain_encoder` makes it into what a journal takes. For other rows that is `pickled`.

    It raises what the last call of ``func`` raised, with a note that names the pset, unless
    failures are to be recorded.
    """
    run = _caller(func, settings, folder, seed_generators, watch)
    if settings.retries:
        once_more = functools.partial(call_again, func, folder)
        again = _caller(once_more, settings, folder, seed_generators, watch)
        run = functools.partial(retried, run, again, settings.retries)
    if settings.capture_logs is not None:
        run = functools.partial(_logged, run, settings, settings.capture_logs)
    return run


def _logged(
    run: RunPset,
    settings: Settings,
    where: str,
    job: JobTuple,
    calls: int = 1,
    tell: Callable[[], None] | None = None,
) -> tuple[RowTuple, bool]:
    """Run one pset, and keep what all calls of func print."""
    _, pset_id, *_ = job
    with open_log(where, settings.layout, settings.logs_dir, pset_id, goes_on=calls > 1) as log:
        return run(job, calls, tell, log=log)


def _caller(
    func: Func,
    settings: Settings,
    folder: WorkingFolder,
    seed_generators: SeedGenerators | None,
    watch: Clock | None,
) -> RunPset:
    """Make what calls func on one pset.

    It is one function, with all that the calls have in common looked up before, and one pass over
    each result, because for a quick func the time of what is around it counts.
    """
    header = settings.header
    run_id, run_seq, first_seq = header.run_id, header.run_seq, header.first_seq
    # Templates of jobs that run elsewhere get it as it was given.
    calc_dir = (
        header.calc_dir
        if settings.only_prepares
        else StudyFolder(str(settings.layout.calc_dir), header.calc_dir)
    )
    shortest_move = folder.shortest_move
    atomic, data_only, of_all = settings.atomic, settings.data_only, settings.extras
    quick = settings.capture_logs is None and settings.on_error == "raise" and not settings.verbose
    timestamp, freq, tz, unit = _how_timestamps_are_made()
    atoms, reserved = ATOMS, RESERVED  # as all of these, found more quickly than globals
    now, clock, monotonic = time.time_ns, time.perf_counter, time.monotonic
    # Of a worker's clock. It is changed here, because `worker._Listener` would take a method of it
    # for func.
    data, ended = (None, 0.0) if watch is None else (watch.data, watch.RETURNED)
    n_forks = forks[0]

    def call(job: JobTuple, *_: Any, log: IO[bytes] | None = None) -> tuple[RowTuple, bool]:
        position, pset_id, pset_hash, as_given, seed = job
        extras = of_all
        params = as_given
        seq = first_seq + position
        time_ns = now()
        given = params
        if not atomic and not _IMMUTABLE.issuperset(map(type, params.values())):
            given = copied(params)
        pset = {**given}
        # One by one: a dict of them that is merged takes thrice as long.
        pset["_run_id"] = run_id
        pset["_pset_id"] = pset_id
        pset["_calc_dir"] = calc_dir
        pset["_time_utc"] = timestamp(time_ns, freq, tz, unit)
        pset["_pset_hash"] = pset_hash
        pset["_pset_seq"] = seq
        pset["_run_seq"] = run_seq
        if seed is not None:
            pset[SEED] = seed
            extras = {**(of_all or {}), SEED: seed}
            if seed_generators is not None:
                seed_generators(seed)
        if not quick:
            try:
                finished = _careful_call(
                    func, Job(*job), settings, pset, time_ns, extras, watch, log
                )
            finally:
                folder.return_to()
            row_atomic = atomic and finished.params is params and is_atomic(finished.results)
            row: RowTuple = (*finished,)  # which is quicker to pickle
            return row, row_atomic and (not data_only or is_storable(row))
        if data is not None:
            data[0] = monotonic()
            data[1] = position
        start = clock()
        try:
            try:
                result = func(pset)
                runtime = clock() - start
            finally:
                if data is not None:
                    if forks[0] != n_forks:
                        end_clone()
                    data[1] = ended
            if runtime > shortest_move:
                folder.return_to()
            row_atomic = atomic
            usual = type(result) is dict
            if usual:
                result = {**result}  # func may use its dict again
                for name, value in result.items():
                    if name in reserved or name in params:
                        usual = False
                    elif (type(value) is not float and type(value) not in atoms) or (
                        type(name) is not str and type(name) not in atoms
                    ):
                        row_atomic = False
            if not usual:
                params, result = _merged(Job(*job), result, settings)
                row_atomic = atomic and params is as_given and is_atomic(result)
        except BaseException as error:
            folder.return_to()
            problem = _blamed(error, Job(*job), settings)
            if problem is error:
                raise
            raise problem from error
        if settings.only_prepares:
            runtime = float("nan")
        row = seq, pset_id, time_ns, pset_hash, runtime, params, result, extras
        if data_only:
            row_atomic = row_atomic and is_storable(row)
        return row, row_atomic

    CALLERS.add(call.__code__)
    return call


def _how_timestamps_are_made() -> tuple[Any, ...]:
    """Return a function of ns since 1970, and its three further arguments.

    What pickle calls takes half the time of the constructor.
    """
    some = pd.Timestamp(1_600_000_000_123_456_789)
    reduced: Any = some.__reduce__()
    function, (value, *rest) = reduced
    if value == some.value and len(rest) == 3 and function(value, *rest) == some:
        return function, *rest
    return lambda ns, *_: pd.Timestamp(ns), None, None, None  # pandas has changed


def _careful_call(
    func: Func,
    job: Job,
    settings: Settings,
    pset: Pset,
    time_ns: int,
    extras: dict[str, Any] | None,
    watch: Clock | None,
    log: IO[bytes] | None,
) -> Row:
    """Run one pset that is to be shown, or whose prints or failure are to be recorded."""
    params = job.params
    if settings.verbose:
        book = {name: pset[name] for name in pset.keys() & RESERVED}
        _print_row(params, book | {"_calc_dir": settings.header.calc_dir}, settings.verbose)
    result: Pset = {}
    extras = dict(extras or {})
    failure = None
    data, ended = (None, 0.0) if watch is None else (watch.data, watch.RETURNED)
    n_forks = forks[0]
    with contextlib.nullcontext() if log is None else captured(log):
        if data is not None:
            data[0] = time.monotonic()
            data[1] = job.position
        start = time.perf_counter()
        try:
            try:
                returned = func(pset)
                runtime = time.perf_counter() - start
            finally:
                if data is not None:
                    if forks[0] != n_forks:
                        end_clone()
                    data[1] = ended
            params, result = _merged(job, returned, settings)
        except BaseException as error:
            runtime = time.perf_counter() - start
            # (Where there is no terminal, it is an error of func.)
            is_ctrl_c = issubclass(type(error), KeyboardInterrupt) and not settings.in_task
            if settings.on_error == "raise" or is_ctrl_c:
                problem = _blamed(error, job, settings)
                if problem is error:
                    raise
                raise problem from error
            failure = format_error(error)
    if settings.on_error == "record":
        extras |= {"_failed": failure is not None, "_exc_txt": failure}
    if log is not None and settings.capture_logs in ("db", "db+file"):
        extras["_logs"] = text_of(log)
    if settings.only_prepares:
        runtime = float("nan")
    seq = settings.header.first_seq + job.position
    return Row(seq, job.pset_id, time_ns, job.pset_hash, runtime, params, result, extras or None)


CALLERS.update((_careful_call.__code__, call_again.__code__))


def _blamed(error: BaseException, job: Job, settings: Settings) -> BaseException:
    """Return what is to be raised because func raised `error`: itself with a note, mostly."""
    if isinstance(error, KeyboardInterrupt):
        return error
    if isinstance(error, SystemExit):
        # It would end the program at once, and with sys.exit(0) as if all had been well.
        return PsetExitError(
            f"func called sys.exit({safe_repr(error.code)}) for {describe(job, settings)}; raise "
            "an exception instead, or record failures by on_error='record'"
        )
    note(error, raised_for(error, describe(job, settings)))
    return carried(error)


def _merged(job: Job, result: Any, settings: Settings) -> tuple[Pset, Pset]:
    """Sort what func returned into new values of params, and results."""
    if not isinstance(result, dict):
        what = f"{safe_repr(result)} ({type(result).__name__})"
        message = (
            f"func returned {what} for {describe(job, settings)}; "
            'return a dict, such as {"result": value}'
        )
        raise ResultError(message)
    params = job.params
    if result.keys().isdisjoint(params) and result.keys().isdisjoint(RESERVED):
        return params, {**result}  # func may use its dict again, which may be of a kind of its own
    given = {
        "_run_id": settings.header.run_id,
        "_pset_id": job.pset_id,
        "_calc_dir": str(settings.layout.calc_dir),
        "_pset_hash": job.pset_hash,
        "_pset_seq": settings.header.first_seq + job.position,
        "_run_seq": settings.header.run_seq,
    }
    if job.seed is not None:
        given[SEED] = job.seed
    results = {}
    for name, value in result.items():
        if name in params:
            params = {**params, name: value}
        elif not is_reserved(name):
            results[name] = value
        elif name == "_calc_dir" and value == settings.header.calc_dir:
            pass  # as it is in the row
        elif name != "_time_utc" and (name not in given or value != given[name]):
            message = (
                f"func returned {name!r} for {describe(job, settings)}, which is reserved "
                "by psweep for its bookkeeping; return the value under another name"
            )
            raise ResultError(message)
    return params, results


def _print_row(params: Pset, book: Pset, verbose: bool | tuple[Any, ...]) -> None:
    row = {**params, **book}
    names = params if isinstance(verbose, bool) else verbose
    shown = {name: row.get(name) for name in names}
    try:
        text = pd.DataFrame([shown], index=[book["_time_utc"]]).to_string()
    except Exception:  # a value that cannot be shown
        text = safe_repr(shown)
    print(printable(text), flush=True)
