r"""The spool of a `prep_batch` with ``func``: the work, who does it, and what has come of it.

A folder for each call, which any process on any node may write into without locks, since each of
its files has one writer at a time::

    work.pk         line 1: ``psweep-work`` and JSON, see `Spool.head`, which is read before
                    anything is unpickled; line 2: JSON, see `Index`; then func, options and the
                    psets of each chunk, pickled
    <chunk>.claim   made with O_EXCL by whoever submits the chunk. After the first time it is
                    submitted again, ``<chunk>.claim.2`` and so on; the last one counts. Lines::

        here | job | task <n> <part>                 how it was submitted
        by <machine> <user> <cluster>
        said <what the submit command answered>
        start <time> <host> <pid> <number of the job> <start of the job>   the task has confirmed it
        end <time> done|stopped|failed <reason>    by the task; or by a later one, which has the
                    chunk now, and before which this one must stop
        exit <status> <time>                         the jobscript has ended

    <chunk>.taken.<attempt>.<run_id>   positions of psets that a run on this machine has taken out,
                    so that no task runs them; it counts once the claim says ``run_local <run_id>``
    .pushed         the spool is also on another machine, where others may submit its chunks
    <chunk>.lost.<attempt>   ``lost <reason>`` or ``cancelled <reason>``: the scheduler knows that
                    this task is gone, and its claim does not say so
    <chunk>.running.<attempt>   psets that a task has begun and has no rows of, see `running_psets`
    recorded.<node>  positions of the psets whose rows were moved into the database there
    unneeded.<node>  positions of psets that no task runs any more, because other runs have made
                    the rows that were wanted, see `unneeded`
    <run_seq>.<run_id>.<task>.<n>.journal    rows that were not yet, see `journal`

Rows are moved by whoever has the lock of the study, after the claim says that its task has ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import DatabaseError
from ..states import ClaimState
from ..table.rows import Header
from .atomic import replace_text, replacing
from .claims import FREE, LATER, OUT_OF_MEMORY, TIME_LIMIT, Claim, parsed_claim
from .journal_reader import found_journals
from .paths import Layout
from .regular import entries, no_link, open_regular
from .running_psets import Running, count_begun

__all__ = [
    "Index",
    "Spool",
    "append_line",
    "seeds_in_spools",
    "spools_of",
]

_MARK = b"psweep-work "
_FORMAT = 1
_CLAIM = re.compile(r"(\d+)\.claim(?:\.(\d+))?")
_TAKEN = re.compile(r"(\d+)\.taken\.(\d+)\.(.+)")
_TAKEN_BY = "run_local"  # how the claim of a chunk was made that psets were taken out of
_PUSHED = ".pushed"
# s that a task has to note that it has stopped, after a later one has ended its claim
_STOP_SECONDS = 60.0
_JOURNAL = re.compile(r"\d+\.[^.]+\.(\d+)-(\d+)-[^.]+\.\d+\.journal")


class Index(NamedTuple):
    """Of all psets of a spool, and of its chunks."""

    ids: list[str]
    hashes: list[str]
    chunks: list[list[int]]  # the positions of the psets in each
    asks: list[dict[str, Any]]  # what each chunk asks the scheduler for, besides the jobscript
    sizes: list[int]  # bytes: func and options, and each chunk
    seeds: list[int] | None = None  # None: the psets have none


class Spool:
    """One spool.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run_id = folder.name.partition(".")[0]
        self._start = 0  # of the pickles

    @classmethod
    def write(
        cls,
        folder: Path,
        head: dict[str, Any],
        header: Header,
        index: Index,
        parts: Sequence[bytes],
    ) -> Spool:
        """Make a spool; it is there as a whole or not at all."""
        folder.mkdir(parents=True)
        first = {"format": _FORMAT, **head, "header": asdict(header)}
        with replacing(folder / "work.pk") as file:
            file.write(_MARK + json.dumps(first).encode() + b"\n")
            file.write(json.dumps(index._asdict()).encode() + b"\n")
            for part in parts:
                file.write(part)
        return cls(folder)

    @cached_property
    def head(self) -> dict[str, Any]:
        """The first line of work.pk.

        ``format``, ``python`` and ``psweep`` (versions), ``database`` (its name), ``header``,
        ``machines`` (their names), ``cwd`` (the working folder, from the study), ``runtime``
        (median of the study, s, or None), ``code`` (a hash of that of func), ``options`` (those
        on which rows depend), ``wanted`` (see `unneeded`; None: each of its psets is to run).

        Raises
        ------
        DatabaseError
            It is not there, or of another version of psweep.
        """
        path = self.folder / "work.pk"
        try:
            with open(path, "rb") as file:
                line = file.readline()
            head: dict[str, Any] = json.loads(line.removeprefix(_MARK))
            made = head["format"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{path} cannot be read ({type(error).__name__}: {error})"
            raise DatabaseError(message) from error
        if made != _FORMAT or not line.startswith(_MARK):
            message = (
                f"{path} was written by another version of psweep ({head.get('psweep')}); install "
                "the same here"
            )
            raise DatabaseError(message)
        return head

    @property
    def header(self) -> Header:
        """What its rows have in common."""
        return Header(**self.head["header"])

    @cached_property
    def index(self) -> Index:
        """The second line of work.pk."""
        path = self.folder / "work.pk"
        try:
            with open(path, "rb") as file:
                file.readline()
                index = Index(**json.loads(file.readline()))
                self._start = file.tell()
        except (OSError, ValueError, TypeError) as error:
            message = (
                f"{path} cannot be read ({type(error).__name__}: {error}); copy or prepare it "
                f"again, or remove the folder {self.folder}"
            )
            raise DatabaseError(message) from error
        return index

    def part(self, number: int) -> bytes:
        """Read a pickle: 0 is func and options, then come the chunks."""
        sizes = self.index.sizes
        with open(self.folder / "work.pk", "rb") as file:
            file.seek(self._start + sum(sizes[:number]))
            data = file.read(sizes[number])
        if len(data) < sizes[number]:
            message = f"{self.folder / 'work.pk'} was cut short; copy or prepare it again"
            raise DatabaseError(message)
        return data

    def _names(self) -> list[str]:
        """List the files in it."""
        return [name for name, is_file in entries(self.folder).items() if is_file]

    # claims

    def claim_path(self, chunk: int, attempt: int) -> Path:
        """Return the file of a claim."""
        return self.folder / f"{chunk}.claim{f'.{attempt}' if attempt > 1 else ''}"

    def claims(self) -> dict[int, Claim]:
        """Read the last claim of each chunk that was ever submitted."""
        last: dict[int, int] = {}
        for name in self._names():
            found = _CLAIM.fullmatch(name)
            if found:
                chunk, attempt = int(found[1]), int(found[2] or 1)
                last[chunk] = max(attempt, last.get(chunk, 0))
        claims = {chunk: self.claim(chunk, attempt) for chunk, attempt in sorted(last.items())}
        return {chunk: claim for chunk, claim in claims.items() if claim is not None}

    def free(self) -> dict[int, int]:
        """Find the chunks that nobody has, nor may have on another machine.

        Returns
        -------
        dict of int to int
            For each, the number of its last claim, which has ended; 0 if it has none.
        """
        if (self.folder / _PUSHED).exists():
            return {}
        found = dict.fromkeys(range(len(self.index.chunks)), 0)
        for chunk, claim in self.claims().items():
            if claim.state in FREE:
                found[chunk] = claim.attempt
            else:
                found.pop(chunk, None)
        return found

    def note_pushed(self) -> None:
        """Note that the spool is about to be copied to another machine, or from there."""
        replace_text(self.folder / _PUSHED, "")

    # what a run on this machine takes out

    def take(self, chunk: int, last: int, positions: Sequence[int], run_id: str) -> bool:
        """Take psets out of a chunk that was free, with a last claim of this number, see `free`.

        Return False if somebody has it meanwhile, or had.
        """
        attempt = last + 1
        note = self.folder / f"{chunk}.taken.{attempt}.{run_id}"
        with replacing(note) as file:
            file.write(" ".join(map(str, positions)).encode())
        end = f"end {time.time():.3f} stopped another run has taken psets out"
        try:
            with open(self.claim_path(chunk, attempt), "x", encoding="utf-8") as claim:
                claim.write(f"{_TAKEN_BY} {run_id}\n{end}\n")
        except FileExistsError:
            note.unlink()
            return False
        self.end_earlier(chunk, attempt)
        return True

    def end_earlier(self, chunk: int, attempt: int) -> list[tuple[Claim, str]]:
        """End the earlier claims of a chunk whose tasks have begun, and noted no end.

        They may still run although their scheduler takes them for gone, as when it lost contact
        with their node. A task stops when it finds that its claim has ended.

        Returns
        -------
        list of (Claim, str)
            These claims, and the line that ends each.
        """
        ended = []
        for n in range(1, attempt):
            claim = self.claim(chunk, n)
            if claim is not None and claim.start is not None and claim.end is None:
                # What is noted of its loss goes on to count, as that it needed more memory.
                state, reason = claim.state or ClaimState.STOPPED, claim.reason or LATER
                line = f"end {time.time():.3f} {state} {reason}"
                with contextlib.suppress(OSError):  # such as that of another user
                    append_line(claim.path, line)
                    ended.append((claim, line))
        return ended

    def taken(self) -> dict[int, str]:
        """Find the psets that were taken out, by their positions, and the run that did it."""
        found: dict[int, str] = {}
        for name in self._names():
            match = _TAKEN.fullmatch(name)
            if match:
                claim = self.claim(int(match[1]), int(match[2]))
                if claim is not None and claim.how == f"{_TAKEN_BY} {match[3]}":
                    text = (self.folder / name).read_text(encoding="ascii")
                    found.update(dict.fromkeys(map(int, text.split()), match[3]))
        return found

    def claim(self, chunk: int, attempt: int) -> Claim | None:
        """Read one claim; None if it was withdrawn."""
        path = self.claim_path(chunk, attempt)
        try:
            with open_regular(path) as file:
                text = file.read().decode("utf-8", "replace")
                since = os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return None
        claim = parsed_claim(Claim(path, chunk, attempt, since), text)
        if not claim.state:
            with contextlib.suppress(FileNotFoundError):
                with open_regular(self.lost_path(chunk, attempt)) as file:
                    said = file.read().decode("utf-8", "replace").strip()
                state, _, reason = said.partition(" ")
                claim = claim._replace(state=state or ClaimState.LOST, reason=reason)
        return claim

    def shortages(self, chunk: int, also_time: bool) -> list[Claim]:
        """List the claims of a chunk whose tasks had too little memory, or also too little time."""
        words = (OUT_OF_MEMORY, TIME_LIMIT) if also_time else OUT_OF_MEMORY
        last = self.claims().get(chunk)
        found = [self.claim(chunk, n) for n in range(1, 1 + (last.attempt if last else 0))]
        return [claim for claim in found if claim is not None and claim.reason.startswith(words)]

    def ran_last(self, claim: Claim) -> list[int]:
        """Find the psets that a task ran when it was killed."""
        return Running(self.folder, claim.chunk, claim.attempt).positions()

    def begun(self) -> Counter[int]:
        """Count, for each pset, the tasks that have begun it and did not finish it."""
        return count_begun(self.folder)

    def lost_path(self, chunk: int, attempt: int) -> Path:
        """Return the file that says that a task is gone."""
        return self.folder / f"{chunk}.lost.{attempt}"

    # what has come of the psets

    def journals(self) -> dict[Path, tuple[int, int]]:
        """List the journals, with chunk and attempt of their tasks."""
        found = {self.folder / name: _JOURNAL.fullmatch(name) for name in self._names()}
        return {path: (int(m[1]), int(m[2])) for path, m in sorted(found.items()) if m}

    def ended_journals(self) -> list[Path]:
        """List the journals whose tasks have ended, as their claims say."""
        journals = self.journals()
        if not journals:
            return []
        claims = {claim: self.claim(*claim) for claim in {*journals.values()}}
        # (Without a claim, as when only a part was copied so far, the task may live.)
        return [
            path
            for path, of in journals.items()
            if (c := claims[of]) is not None and c.is_over and not _may_write(c)
        ]

    def journal(self, chunk: int, attempt: int, token: str, number: int) -> Path:
        """Return the journal of one process of a task; `token` differs each time it starts."""
        run_seq = self.header.run_seq
        return self.folder / f"{run_seq}.{self.run_id}.{chunk}-{attempt}-{token}.{number}.journal"

    def note_recorded(self, positions: Iterable[int]) -> None:
        """Note that the rows of these psets are in the database; the study's lock is held."""
        self._note("recorded", positions)

    def note_unneeded(self, positions: Iterable[int]) -> None:
        """Note that no task is to run these psets any more; the study's lock is held."""
        self._note("unneeded", positions)

    def _note(self, what: str, positions: Iterable[int]) -> None:
        path = self.folder / f"{what}.{platform.node() or 'node'}"
        with open(path, "a", encoding="ascii", opener=no_link) as file:
            file.write(" ".join(map(str, sorted(positions))) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def recorded(self) -> set[int]:
        """Find the psets that no task runs, by their positions.

        They have a row, were taken out, or are not needed any more.
        """
        # The journals first: rows are noted before their journal is removed.
        first = self.header.first_seq
        found = {*self.taken()}
        for contents in found_journals(self.journals()):
            found.update(row.seq - first for row in contents.rows)
        return found | self._noted("recorded", "unneeded")

    def unneeded(self) -> set[int]:
        """Find the psets that are not needed any more, by their positions."""
        return self._noted("unneeded")

    def _noted(self, *kinds: str) -> set[int]:
        found: set[int] = set()
        for name in self._names():
            if name.partition(".")[0] in kinds:
                found.update(map(int, (self.folder / name).read_text(encoding="ascii").split()))
        return found

    def unfinished(self, known: Collection[str] = ()) -> dict[int, list[int]]:
        """Find the psets of each chunk that have no row; chunks without such psets are left out.

        Parameters
        ----------
        known : collection of str
            Ids that have a row in the database.
        """
        recorded, ids = self.recorded(), self.index.ids
        found = {
            chunk: [i for i in positions if i not in recorded and ids[i] not in known]
            for chunk, positions in enumerate(self.index.chunks)
        }
        return {chunk: positions for chunk, positions in found.items() if positions}


def append_line(claim: Path, line: str) -> None:
    """Add a line to a claim."""
    with open(claim, "a", encoding="utf-8", opener=no_link) as file:
        file.write(f"{line}\n")
        file.flush()
        os.fsync(file.fileno())


def _may_write(claim: Claim) -> bool:
    """Return whether a task may not have seen yet that a later one has ended its claim."""
    return claim.is_told and time.time() - (claim.end or 0.0) < _STOP_SECONDS


def spools_of(layout: Layout) -> Iterator[Spool]:
    """Find the spools of a database; one that cannot be read is reported where it is used."""
    for folder in layout.spools():
        spool = Spool(folder)
        if folder.name != layout.spool(spool.run_id).name:
            continue  # whatever its header says, it is of a database of another kind
        with contextlib.suppress(DatabaseError):
            if spool.head["database"] == layout.basename:
                yield spool


def seeds_in_spools(layout: Layout) -> Iterator[tuple[str, int]]:
    """Yield the hashes and seeds of all psets of tasks that have no row yet."""
    for spool in spools_of(layout):
        hashes, seeds = spool.index.hashes, spool.index.seeds
        if seeds is not None:
            for positions in spool.unfinished().values():
                yield from ((hashes[position], seeds[position]) for position in positions)
