"""Before a run: which psets are to be run, their ids, and the numbers of the run."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import pandas as pd

from ..engines.job import Jobs, _uuids
from ..params.grids import Pset
from ..params.hashing import pset_hashes
from ..table.gc_pause import no_garbage_collection
from ..table.rows import Header

__all__ = ["header_after", "next_number", "plan_jobs"]


@no_garbage_collection()
def plan_jobs(
    params: Sequence[Pset], hashes: list[str] | None, done: set[str] | None = None
) -> Jobs:
    """Assign an id to each pset that is to be run.

    Parameters
    ----------
    params : list of dict
    hashes : list of str, optional
        Of the params. None: they are made when they are wanted.
    done : set of str, optional
        Hashes to skip. None: nothing is skipped.
    """
    psets = [{**pset} for pset in params]  # func may have access to those of the caller
    if done is not None:
        hashes = pset_hashes(psets) if hashes is None else hashes
        # the first of those that are the same
        first = {sha: i for i, sha in reversed([*enumerate(hashes)]) if sha not in done}
        places = sorted(first.values())
        psets = [psets[i] for i in places]
        hashes = [hashes[i] for i in places]
    return Jobs(_uuids(len(psets)), hashes, psets)


def next_number(df: pd.DataFrame | None, name: str) -> int:
    """Return the number after the highest in the column `name`."""
    return 0 if df is None or not len(df) else int(df[name].max()) + 1


def header_after(df: pd.DataFrame | None, calc_dir: str, n_psets: int) -> Header:
    """Make up a run that follows those in `df`, which nobody else extends."""
    run_id = str(uuid.uuid4())
    return Header(
        run_id, next_number(df, "_run_seq"), calc_dir, next_number(df, "_pset_seq"), n_psets
    )
