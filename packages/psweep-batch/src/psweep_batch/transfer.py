"""Copy a study to another machine and back: rsync over ssh."""

from __future__ import annotations

import contextlib
import glob
import itertools
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from psweep import df_read, df_write
from psweep_core.plumbing import (
    PRIVATE,
    REMOVED,
    RUNS,
    RUNTIME,
    Layout,
    Spool,
    Study,
    append_frame,
    databases_in,
    note_unneeded,
    removed_ids,
    replacing,
    spools_of,
    temporary_name,
)

from .errors import TransferError
from .find_state import Judge
from .jobs import last_attempt
from .machine import INFO, Machine
from .queue import Queue, snapshot_path
from .queues import Queues
from .remote_database import TRANSFERS, RemoteDatabase
from .remote_study import RemoteStudy, machines_of_study
from .status_record import books_of
from .task_status import judge_tasks

__all__ = ["pull", "push"]

_DAY = 86400  # s


def push(host: str, calc_dir: str, *, dry_run: bool, options: Sequence[str]) -> None:
    """Copy a study to another machine.

    Parameters
    ----------
    host : str
        As ssh knows it; or ``HOST:PATH``, with the folder there that holds `calc_dir`.
    calc_dir : str
    dry_run : bool
        Only show what would be copied.
    options : sequence of str
        More options for rsync, from the user.

    Raises
    ------
    TransferError
        It could not be copied, or would replace rows that are only there.
    """
    remote = RemoteStudy(host, calc_dir)
    if not remote.folder.is_dir():
        message = f"there is no folder {remote.folder} to push"
        raise TransferError(message)
    names = sorted(databases_in(remote.folder)) or ["database.pk"]
    layouts = [Layout(remote.folder, name) for name in names]
    databases = [RemoteDatabase(remote, name, is_one_of_several=len(names) > 1) for name in names]
    options = [*_verbosity(dry_run), *_excluded_by_user("excl_push"), *options]
    rules = _rules(spools=bool(layouts[0].spools()))  # (These are of all databases.)
    rules.append(f"--exclude=/{PRIVATE}/batch/*/*.journal")
    with remote:
        source, target = f"{remote.folder}/", f"{remote.address}/"
        removals = remote.removals()
        rules += _kept_removals(removals)
        if dry_run:
            remote.rsync([*rules, f"--exclude=/{TRANSFERS}", *options], source, target)
            return
        with contextlib.ExitStack() as stack:
            copies = []
            for layout, database in zip(layouts, databases, strict=True):
                theirs = stack.enter_context(database.kept())
                if theirs and _lacks(_read(layout.database), _read(theirs)):
                    message = (
                        f"{remote.address} contains psets that {layout.database} lacks; "
                        f"run `psweep-pull {host}` first"
                    )
                    raise TransferError(message)
                copies.append(theirs)
            # What other machines have added to the table of runs is not to be replaced.
            remote.merge_runs(names[0])
            for spool in itertools.chain.from_iterable(map(spools_of, layouts)):
                spool.note_pushed()  # from here on, others may submit its chunks there
            rules += _left_out(*map(glob.escape, names), RUNS, TRANSFERS)
            rules.append(f"--temp-dir={databases[0].folder}")
            remote.rsync([*rules, *options], source, target)
            if layouts[0].runs.exists():
                databases[0].add_runs(options)
            for layout, database, theirs in zip(layouts, databases, copies, strict=True):
                ours = layout.database
                if not ours.exists():
                    continue
                if theirs is None or ours.stat().st_mtime > theirs.stat().st_mtime:
                    database.replace(options)
                elif {*removals} <= {path.name for path in layout.removed_dir.glob("*")}:
                    with _extended(theirs, layout) as extended:
                        if extended is not None:
                            database.replace(options, extended)
                elif _lacks(_read(theirs), _read(ours)):  # or they were removed there
                    print(
                        f"psweep-push: {ours} is not sent, because psweep-rm has removed rows of "
                        f"{remote.address}; run `psweep-pull {host}`, then push again"
                    )


def pull(
    host: str,
    calc_dir: str,
    *,
    dry_run: bool,
    options: Sequence[str],
    may_ask: Callable[[Machine], bool],
) -> None:
    """Copy a study back from another machine, with the state of its queue.

    Files that are newer here stay. The database here is replaced only by a newer one with all of
    its rows, columns and results; otherwise, the rows that it lacks are added to it.

    Parameters
    ----------
    host, calc_dir, dry_run, options
        As for `push`.
    may_ask : callable
        Returns whether the queue of a machine may be queried there.

    Raises
    ------
    TransferError
        It could not be copied.
    """
    with RemoteStudy(host, calc_dir) as remote:
        names = remote.database_names()
        removed = Layout(remote.folder).removed_dir
        queue = None
        if not dry_run:
            remote.folder.mkdir(parents=True, exist_ok=True)
            # First the queue: a job that ends in between has then noted it in what is copied.
            queue = _ask_queue(remote, may_ask)
            # Before they are here: what no task has yet may be submitted there at any time.
            for folder in remote.spools():
                Spool(folder).note_pushed()
        options = [*_verbosity(dry_run), *_excluded_by_user("excl_pull"), *options]
        rules = _rules(spools=True)
        rules += _left_out(*map(glob.escape, names), RUNS, TRANSFERS)
        rules += _kept_removals(path.name for path in removed.glob("*"))
        source, target = f"{remote.address}/", f"{remote.folder}/"
        if dry_run:
            remote.rsync([*rules, *options], source, target)
            return
        with _folder_for_transfer(remote.folder) as temporary:
            rules.append(f"--temp-dir={temporary}")
            remote.rsync([*rules, *options], source, target)
        # Not before the notes are here: with older ones, jobs that have ended would look lost.
        if queue is not None:
            _keep_queue(remote, names, *queue)
        for name in names:
            with remote.fetched_file(name) as theirs:
                if theirs is not None:
                    _take_database(remote, name, theirs)
        remote.merge_runs(names[0])


@contextlib.contextmanager
def _folder_for_transfer(folder: Path) -> Iterator[str]:
    """Make a folder for the temporary files of rsync, which are named like files of psweep."""
    for old in folder.glob(TRANSFERS):  # of transfers that were killed
        if time.time() - old.lstat().st_mtime > _DAY:
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=TRANSFERS.rstrip("*"), dir=folder) as path:
        yield path


def _take_database(remote: RemoteStudy, name: str, theirs: Path) -> None:
    study = Study(remote.folder, name)
    with study.locked():
        ours = study.layout.database
        here, there = _read(ours), _read(theirs)
        if not ours.exists() or (
            theirs.stat().st_mtime > ours.stat().st_mtime and not _loses(here, there)
        ):
            with replacing(ours, follow=True) as file:
                file.write(theirs.read_bytes())
            shutil.copystat(theirs, ours)
            note_unneeded(study.layout, there)
            return
        lacking = _lacks(here, there)
        if not lacking:
            return
        new = there[there["_pset_id"].isin(lacking)]
        psets, were = ("1 pset", "was") if len(new) == 1 else (f"{len(new)} psets", "were")
        why = ""
        if _are_taken(here, new):
            new, free = study.numbered_again(here, new)
            why = (
                f", with _run_seq from {free.run_seq} and _pset_seq from {free.first_seq}: the "
                "study was extended on both machines, with the same numbers"
            )
        note_unneeded(study.layout, study.write_database(append_frame(here, new)))
        print(f"psweep-pull: {psets} of {remote.address} {were} added to {ours}{why}")


@contextlib.contextmanager
def _extended(theirs: Path, layout: Layout) -> Iterator[Path | None]:
    """Write a newer database of another machine with the rows that only the one here has.

    What is known of the other rows is newer there, and stays. None: there are no such rows.
    """
    here, there = _read(layout.database), _read(theirs)
    new = _lacks(there, here) - removed_ids(layout)
    if not new:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="psweep_") as folder:
        path = Path(folder, layout.basename)
        df_write(append_frame(there, here[here["_pset_id"].isin(new)]), path)
        yield path


def _lacks(here: pd.DataFrame, there: pd.DataFrame) -> set[str]:
    """Return the psets of the database there that the one here lacks."""
    ids = [set(df["_pset_id"]) if len(df) else set() for df in (here, there)]
    return ids[1] - ids[0]


def _are_taken(here: pd.DataFrame, new: pd.DataFrame) -> bool:
    """Return whether other rows or runs here have numbers of the new rows."""
    if not len(here):
        return False
    runs = {*zip(here["_run_seq"], here["_run_id"], strict=True)}
    new_runs = {*zip(new["_run_seq"], new["_run_id"], strict=True)}
    same_run = {run_seq for run_seq, _ in runs} & {run_seq for run_seq, _ in new_runs - runs}
    return bool(same_run) or bool(new["_pset_seq"].isin(here["_pset_seq"]).any())


def _loses(here: pd.DataFrame, there: pd.DataFrame) -> bool:
    """Return whether the database here has rows, columns or results that the one there lacks."""
    if not len(here):
        return False
    return (
        bool(_lacks(there, here))
        or not set(here.columns) <= set(there.columns)
        or int(there[RUNTIME].notna().sum()) < int(here[RUNTIME].notna().sum())
    )


def _read(database: Path) -> pd.DataFrame:
    return df_read(database) if database.exists() else pd.DataFrame()


def _ask_queue(
    remote: RemoteStudy, may_ask: Callable[[Machine], bool]
) -> tuple[Machine, Queue] | None:
    """Ask the scheduler there."""
    machine = remote.machine
    if machine is None:
        machines = [machine for machine in machines_of_study(remote.folder) if machine.query]
        if machines:
            names = ", ".join(machine.name for machine in machines)
            print(
                f"psweep-pull: which of the machines {names} is {remote.hostname}? Name its folder "
                "of templates like the host, so that its queue can be asked",
                file=sys.stderr,
            )
        return None
    if machine.query is None:
        return None
    if not may_ask(machine):
        print(
            f"psweep-pull: the queue on {remote.host} was not queried: the statcmd of "
            f"{machine.name} was not confirmed; call psweep-pull in a terminal",
            file=sys.stderr,
        )
        return None
    try:
        return machine, Queue.ask(machine, remote.path, remote.ssh)
    except OSError as error:
        hint = ""
        if "there is no" in f"{error}" and not machine.login_shell:
            hint = f"; if it is there after a login, write 'login_shell: true' into {INFO}"
        print(f"psweep-pull: the queue on {remote.host}: {error}{hint}", file=sys.stderr)
        return None


def _keep_queue(remote: RemoteStudy, names: list[str], machine: Machine, queue: Queue) -> None:
    """Keep what the scheduler there says, for psweep-status and others."""
    path = snapshot_path(remote.folder, machine.name)
    queue.save(path)
    if machine.account is None:
        return
    # What it says of jobs that it does not show and that have not noted their end
    queues = Queues(remote.folder)
    for study in (Study(remote.folder, name) for name in names):
        df = study.known() if study.exists() else pd.DataFrame()
        judge = Judge(remote.folder, queues, books_of(df))
        # (Tasks of a function have no rows before their psets have finished.)
        for pset_id in df["_pset_id"].tolist() if len(df) else ():
            folder = remote.folder / pset_id
            try:
                attempt = last_attempt(folder, set(os.listdir(folder)), machine.name)
            except OSError:
                continue
            if attempt is not None and (attempt.exit_code is None or attempt.killed):
                judge(attempt, None)  # so `queues` knows which jobs to ask for
        judge_tasks(study.layout, judge, machine.name)
    for answered in queues.ask_accounts(remote.ssh):
        answered.save(path)


def _rules(*, spools: bool) -> list[str]:
    """Return the options of rsync that say what is copied, and how.

    Locks and journals are of one machine. Spools (what tasks run, and who has it) are of all.
    """
    # -s: names go as they are, through no shell; -u: what is newer at the target stays
    rules = ["-a", "-u", "-s"]
    batch = f"/{PRIVATE}/batch"
    if spools:
        rules += [f"--include=/{PRIVATE}/", f"--include={batch}/", f"--exclude={batch}/*/.*"]
        rules.append(f"--exclude=/{PRIVATE}/*")
    else:
        rules.append(f"--exclude=/{PRIVATE}")
    rules.append("--exclude=" + temporary_name("*", "[0-9]*"))  # files that are being written
    return rules


def _excluded_by_user(name: str) -> list[str]:
    """Leave out the patterns in a file of the working directory, if there is one."""
    return [f"--exclude-from={name}"] if os.path.exists(name) else []


def _left_out(*names: str) -> list[str]:
    """Leave out what is copied on its own; P: --delete-excluded does not delete it."""
    return [f"--{rule}/{name}" for name in names for rule in ("exclude=", "filter=P ")]


def _kept_removals(names: Iterable[str]) -> list[str]:
    """Keep what `psweep-rm` has removed at the target, which has numbers from 1 on each machine."""
    kept = [f"{REMOVED}/{name}" for name in names if name.isdecimal()]
    return _left_out(f"{REMOVED}/.*", *kept)  # .*: a removal that has just begun


def _verbosity(dry_run: bool) -> list[str]:
    if dry_run:
        return ["-n", "-v"]
    return ["--info=progress2", "--human-readable"] if sys.stdout.isatty() else ["-v"]
