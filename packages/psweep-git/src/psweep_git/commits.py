"""Commits around a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from psweep_core.plumbing import contextmanager, show_line

from .errors import GitError
from .repo import Repo

__all__ = ["git_commits"]


@contextmanager
def git_commits(run_id: str, folder: str | Path | None = None) -> Iterator[str]:
    """Commit all changes, run the block, and commit its results.

    Parameters
    ----------
    run_id : str
        For the message, which is ``psweep: <folder>: run_id=<id>``.
    folder : str or path, optional
        The study's folder, anywhere in a repository. None: the working directory.

    Yields
    ------
    str
        The hash of the commit with all current files, except for ignored ones.

    Raises
    ------
    GitError
        Before anything runs: no git, no repository, ``GIT_DIR`` or ``GIT_WORK_TREE`` that name
        another one, a merge or the like in progress, a conflict, no branch, no identity, a
        refusing hook, changes in a submodule or in a file that git was told to take for unchanged,
        no key to sign with. Afterwards: the results could not be committed; the message says how
        to do it by hand. An exception in between passes through, and the next commit takes the
        results of the run.

    Examples
    --------
    >>> import subprocess
    >>> import psweep as ps
    >>> for args in (["init", "-q"], ["config", "user.name", "N"], ["config", "user.email", "e"]):
    ...     _ = subprocess.run(["git", *args], check=True)
    >>> with ps.git_commits("42") as commit:
    ...     len(commit)
    40
    """
    place = Path.cwd() if folder is None else Path(folder).absolute()
    message = f"psweep: {place.name}: run_id={run_id}"
    repo = Repo(place)
    repo.check_ready()
    repo.commit_all(message)
    commit = repo.head()
    if commit is None:
        problem = f"there is no commit in {place} even after git commit"
        raise GitError(problem)
    yield commit
    try:
        repo.check_state()  # the user may have begun a merge in the meantime
        repo.commit_all(message)
    except KeyboardInterrupt:
        show_line(
            "interrupted. The run is over and its database is safe, but its results are not "
            f"committed; the next run does it, or by hand: {repo.by_hand(message)}"
        )
        raise
    except (GitError, OSError) as error:
        problem = (
            f"the run is over and its database is safe, but its results could not be committed: "
            f"{error}. To do it by hand: {repo.by_hand(message)}"
        )
        raise GitError(problem) from error
