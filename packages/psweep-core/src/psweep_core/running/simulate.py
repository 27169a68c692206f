"""``simulate=True``: what a run would do, without running it."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence

import pandas as pd

from ..params.grids import Pset
from ..params.hashing import pset_hashes
from ..store import database
from ..store.study import Study
from ..table.bookkeeping import RUNTIME, SEED
from ..table.frames import append_frame, frame_of_rows, usable
from ..table.outcomes import seconds_of
from ..table.rows import RowTuple
from .done import successful
from .planner import Planner, header_after

__all__ = ["run_simulated"]


def run_simulated(
    study: Study,
    params: Sequence[Pset],
    df: pd.DataFrame | None,
    planner: Planner,
    *,
    poolsize: int | None,
    save: bool,
) -> pd.DataFrame:
    """Append rows without results to a copy of the study, and say what a real run would do."""
    hashes = pset_hashes(params)
    known = study.known() if save else df
    if known is not None:
        known = usable(known, str(study.layout.database))
        changed = None if df is None or not save else study.changed_by(df, known)
        known = known if changed is None else changed
    there = Counter((planner.done or successful)(known)["_pset_hash"])
    jobs, notices = planner.plan(params, hashes, lambda: known)
    copy = Study(study.layout.next_to(".simulate"), study.layout.basename)
    header = header_after(known, copy.layout.name, len(jobs))
    now = time.time_ns()
    rows: list[RowTuple] = [
        (
            header.first_seq + job.position,
            job.pset_id,
            now,
            job.pset_hash,
            float("nan"),  # so that they do not count as done
            job.params,
            {},
            None if job.seed is None else {SEED: job.seed},
        )
        for job in jobs
    ]
    new = frame_of_rows(rows, header)
    simulated = append_frame(known, new)
    if save:
        with copy.locked():
            copy.forget_journals()
            simulated = database.write_file(simulated, copy.layout.database).df
    if df is not None:
        simulated = append_frame(df, new)
    _say_what_would_run(known, hashes, there, len(jobs), poolsize, notices)
    return simulated


def _say_what_would_run(
    known: pd.DataFrame | None,
    hashes: list[str],
    done: Counter[str],
    n: int,
    poolsize: int | None,
    notices: list[str],
) -> None:
    new = len(set(hashes) - set(done))
    text = (
        f"psweep: simulate: {len(hashes)} pset{'s' * (len(hashes) != 1)}, {new} new, "
        f"{sum(sha in done for sha in hashes)} with a successful row already; {n} would run"
    )
    ran = successful(known)
    if RUNTIME in ran.columns and len(ran) and n:
        seconds = float(pd.Series(seconds_of(ran)).median()) * n / (poolsize or 1)
        text += f", in about {_duration(seconds)} at the study's median _pset_runtime"
        text += f" with poolsize={poolsize}" if poolsize else ""
    print("; ".join([text, *notices]), file=sys.stderr)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
