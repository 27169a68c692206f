"""What is to be run: a function, psets, and what all calls have in common."""

from __future__ import annotations

import binascii
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..messages import safe_repr
from ..params.grids import Pset
from ..params.hashing import pset_hashes
from ..store.paths import Layout
from ..table.bookkeeping import ATTEMPTS
from ..table.rows import Header, RowTuple

__all__ = [
    "SLOT",
    "Func",
    "Job",
    "JobTuple",
    "Jobs",
    "RunPset",
    "Settings",
    "describe",
    "new_uuids",
    "with_attempts",
]


SLOT = "PSWEEP_WORKER"  # the environment variable with the number of a worker

Func = Callable[[Pset], Any]


class Job(NamedTuple):
    """One pset that is to be run."""

    position: int  # among the psets that the run has to do
    pset_id: str
    pset_hash: str
    params: Pset
    seed: int | None = None  # `_seed`; None: nothing is seeded


# A Job, or the same as a plain tuple, which is made in a fifth of the time.
JobTuple = tuple[int, str, str, Pset, "int | None"]


RunPset = Callable[..., "tuple[RowTuple, bool]"]  # see `runner`


@dataclass(frozen=True)
class Settings:
    """What all calls of a run have in common."""

    header: Header
    layout: Layout  # of the study; its paths are absolute, because func may change the folder
    on_error: str
    capture_logs: str | None
    verbose: bool | tuple[Any, ...]
    tmpsave: bool
    data_only: bool  # the database is a format that cannot hold everything
    extras: dict[str, Any] | None  # further bookkeeping that is the same in all rows
    only_prepares: bool = False  # func prepares psets that run later, so they have no runtime yet
    retries: int = 0  # how many times a pset that fails is called again
    timeout: float | None = None  # s for one pset
    atomic: bool = False  # no value in the params can be changed, or needs care when it is pickled
    caller: bytes | None = None  # see `random_state.reseed_once`
    in_task: bool = False  # of a batch job, where there may be no locks, and SIGTERM is a request
    attempts: dict[int, int] | None = None  # by position: which task begins it, if not the first
    gives_back: bool = False  # a pset that runs out of memory gets no row: another task runs it
    # Of the logs of psets while they run: of all that are to become files, and of all of workers,
    # so that the parent can read what a pset has printed whose worker is killed. None: no names.
    logs_dir: Path | None = None


def with_attempts(extras: dict[str, Any] | None, position: int, settings: Settings) -> Any:
    """Add to the extras of a row how many tasks have begun its pset, where that is counted."""
    if settings.attempts is None:
        return extras
    return {**(extras or {}), ATTEMPTS: settings.attempts.get(position, 1)}


def describe(job: Job, settings: Settings) -> str:
    """Name a pset in a message."""
    text = safe_repr(job.params)
    seq = settings.header.first_seq + job.position
    return f"the pset {text} (_pset_seq={seq}, _pset_id={job.pset_id!r})"


class Jobs(Sequence[Job]):
    """Jobs that are made when they are wanted, since a million of them take room and time.

    So are their hashes if there are none yet, each time. A forked worker, which has all jobs in its
    memory, thus makes those of its psets.

    Parameters
    ----------
    ids : list of str
    hashes : list of str, optional
    psets : list of dict
    seeds : list of int, optional
        ``_seed`` of each pset. None: nothing is seeded.
    """

    def __init__(
        self,
        ids: list[str],
        hashes: list[str] | None,
        psets: list[Pset],
        seeds: list[int] | None = None,
    ) -> None:
        self.ids = ids
        self.psets = psets
        self.hashes = hashes
        self.seeds = seeds

    @property
    def positions(self) -> Sequence[int]:
        """The positions of all of them."""
        return range(len(self.ids))

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, position: Any) -> Any:
        return Job(*next(self.tuples([position])))

    def __iter__(self) -> Iterator[Job]:
        return map(Job._make, self.tuples())

    def tuples(self, positions: Sequence[int] | None = None) -> Iterator[JobTuple]:
        """Return some of them, one after another; None: all."""
        ids, psets, hashes, seeds = self.ids, self.psets, self.hashes, self.seeds
        if positions is None:
            positions = range(len(self))
        else:
            ids = [ids[i] for i in positions]
            psets = [psets[i] for i in positions]
            hashes = [hashes[i] for i in positions] if hashes is not None else None
            seeds = [seeds[i] for i in positions] if seeds is not None else None
        if hashes is None:
            hashes = pset_hashes(psets)
        every: Iterable[int | None] = itertools.repeat(None, len(ids)) if seeds is None else seeds
        return zip(positions, ids, hashes, psets, every, strict=True)

    def some(self, positions: Sequence[int]) -> SomeJobs:
        """Take some of them out; they keep their positions."""
        jobs = [*map(Job._make, self.tuples(positions))]
        return SomeJobs(
            [*positions],
            [job.pset_id for job in jobs],
            [job.pset_hash for job in jobs],
            [job.params for job in jobs],
            None if self.seeds is None else [job.seed for job in jobs],
        )


class SomeJobs(Jobs):
    """Some of the jobs of a run: those of one task."""

    def __init__(
        self,
        positions: list[int],
        ids: list[str],
        hashes: list[str],
        psets: list[Pset],
        seeds: list[Any] | None = None,
    ) -> None:
        super().__init__(ids, hashes, psets, seeds)
        self._positions = positions
        self._places = {position: i for i, position in enumerate(positions)}

    @property
    def positions(self) -> Sequence[int]:
        """The positions of all of them."""
        return self._positions

    def tuples(self, positions: Sequence[int] | None = None) -> Iterator[JobTuple]:
        """Return some of them, one after another; None: all."""
        positions = self._positions if positions is None else positions
        places = [self._places[position] for position in positions]
        for position, job in zip(positions, super().tuples(places), strict=True):
            yield (position, *job[1:])


def new_uuids(n: int) -> list[str]:
    """Make random UUIDs (RFC 9562, version 4), at a tenth of the cost of `uuid.uuid4`."""
    ids: list[str] = []
    while n:
        some = min(n, 4000)  # with little memory, which is used again and again
        ids += _few_uuids(some)
        n -= some
    return ids


def _few_uuids(n: int) -> list[str]:
    data = np.frombuffer(bytearray(os.urandom(16 * n)), dtype=np.uint8).reshape(n, 16)
    data[:, 6] = data[:, 6] & 0x0F | 0x40  # the version
    data[:, 8] = data[:, 8] & 0x3F | 0x80  # the variant
    digits = np.frombuffer(binascii.hexlify(data), dtype=_DIGITS)
    text = np.full(n * _TEXT.itemsize, ord("-"), dtype=np.uint8)
    text[_TEXT.itemsize - 1 :: _TEXT.itemsize] = ord(" ")
    parts = text.view(_TEXT)
    for name in _DIGITS.names:
        parts[name] = digits[name]
    return text.tobytes().decode("ascii").split()


# of a UUID without dashes, and with them and a space
_DIGITS: Any = np.dtype({"names": [*"abcde"], "formats": ["V8", "V4", "V4", "V4", "V12"]})
_TEXT: Any = np.dtype({
    "names": _DIGITS.names, "formats": [_DIGITS[name] for name in _DIGITS.names],
    "offsets": [0, 9, 14, 19, 24], "itemsize": 37,
})  # fmt: skip
