"""A git repository, by the git program: no shell, nothing outside the repository."""

from __future__ import annotations

import contextlib
import os
import random
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from psweep_core.plumbing import file_lock, git_environment

from .errors import GitError

__all__ = ["Repo"]

_LOCK_SECONDS = 10.0

# git must mark no file as assume-unchanged by itself, must name all untracked files, and must look
# for changes by itself.
_SETTINGS = (
    "-c", "core.ignoreStat=false", "-c", "status.showUntrackedFiles=all",
    "-c", "core.fsmonitor=false",
)  # fmt: skip

# In messages of git that mean: another process was in the way, try again
_PASSING = (
    "index.lock",
    "cannot lock ref",
    "nothing to commit",
    "nothing added to commit",
    "unable to index file",
    "unable to stat",
    "No such file or directory",
    "short read",
    "empty commit message",  # of the file in which all commits write theirs
)

# A file in the git folder, and the operation in progress that it indicates
_IN_PROGRESS = {
    "MERGE_HEAD": ("a merge", "git merge --continue (or --abort)"),
    "rebase-merge": ("a rebase", "git rebase --continue (or --abort)"),
    "rebase-apply": ("a rebase or git am", "git rebase --continue (or --abort)"),
    "CHERRY_PICK_HEAD": ("a cherry-pick", "git cherry-pick --continue (or --abort)"),
    "REVERT_HEAD": ("a revert", "git revert --continue (or --abort)"),
    "sequencer": ("a cherry-pick or revert", "git cherry-pick (or revert) --continue (or --abort)"),
    "BISECT_LOG": ("a bisection", "git bisect reset"),
}


class Repo:
    """The repository that a folder is in.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    GitError
        There is no git program, or the folder is in no repository with a working tree.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if shutil.which("git") is None:
            message = "git=True needs the git program, which is not on PATH; install git"
            raise GitError(message)
        inside = self._try("rev-parse", "--is-inside-work-tree")
        if inside.returncode != 0:
            message = (
                f"git=True, but {folder} is in no usable git repository: {inside.stderr.strip()}; "
                "call git init there, or leave out git=True"
            )
            raise GitError(message)
        if inside.stdout.strip() != "true":
            message = f"git=True, but {folder} is not a working tree; run from a checkout"
            raise GitError(message)
        self._folder = Path(self.run("rev-parse", "--show-toplevel").rstrip("\n"))
        # Of a worktree its own one: it holds the index, and what says that a merge is in progress.
        self._git_folder = Path(self.run("rev-parse", "--absolute-git-dir").rstrip("\n"))

    def _try(
        self,
        *args: str,
        given: str = "",
        folder: Path | None = None,
        index: Path | None = None,
        env: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run git, whether it fails or not.

        Parameters
        ----------
        *args : str
            Its arguments.
        given : str, default ""
            What it reads from stdin.
        folder : Path, optional
            Where to run it. None: in the top folder of the repository, once that is known.
        index : Path, optional
            The index to use. None: that of the repository.
        env : dict, optional
            Its environment. None: one in which it uses the repository that the folder is in.
        """
        env = git_environment() if env is None else env
        # Messages in English, because they are parsed; and no prompts.
        env |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
        if index is not None:
            env["GIT_INDEX_FILE"] = str(index)
        # The output goes to files: a program that a hook has left behind would keep a pipe open.
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            try:
                process = subprocess.Popen(
                    ["git", *_SETTINGS, *args],
                    cwd=str(folder or self._folder),
                    env=env,
                    stdin=subprocess.PIPE,
                    stdout=stdout,
                    stderr=stderr,
                )
            except OSError as error:
                message = f"git did not start in {folder or self._folder}: {error}"
                raise GitError(message) from error
            try:
                process.communicate(given.encode("utf-8", "surrogateescape"))
            except BaseException:
                # Not killed, as subprocess.run does: then its lock of the index would stay.
                process.terminate()
                process.wait()
                raise
            return subprocess.CompletedProcess(
                args, process.returncode, _content(stdout), _content(stderr)
            )

    def _check_environment(self) -> None:
        """Refuse variables that name another repository than the folder is in."""
        names = [name for name in ("GIT_DIR", "GIT_WORK_TREE") if name in os.environ]
        if not names:
            return
        # Where GIT_DIR is alone, git takes any folder for the top of the working tree.
        args = ["--absolute-git-dir", *(["--show-toplevel"] if "GIT_WORK_TREE" in names else [])]
        here = self._try("rev-parse", *args)
        # (A path may be relative to the working folder.)
        there = self._try("rev-parse", *args, folder=Path.cwd(), env=dict(os.environ))
        if here.stdout != there.stdout:
            settings = " and ".join(f"{name}={os.environ[name]!r}" for name in names)
            message = (
                f"git=True, but the environment has {settings}, which is not the repository that "
                f"{self._folder} is in; first unset {' '.join(names)}"
            )
            raise GitError(message)

    def run(self, *args: str, given: str = "", index: Path | None = None) -> str:
        """Run git in the top folder; return its output."""
        done = self._try(*args, given=given, index=index)
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()) or f"exit status {done.returncode}"
            message = f"{shlex.join(['git', *args])} failed in {self._folder}: {said}"
            raise GitError(message)
        return done.stdout

    def check_ready(self) -> None:
        """Refuse states in which a commit would fail, be lost, or not hold all changes."""
        self._check_environment()
        self.check_state()
        for who in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
            done = self._try("var", who)
            if done.returncode != 0:
                said = _last(done.stderr)
                message = (
                    f"git=True, but git does not know who you are ({said}); first "
                    "git config user.name 'Your Name' and git config user.email you@example.com"
                )
                if said.startswith("fatal: invalid date"):
                    date = who.replace("IDENT", "DATE")
                    message = f"git=True, but git cannot read {date} ({said}); correct or unset it"
                raise GitError(message)
        self._check_submodules()
        self._check_unseen_changes()
        self._check_signing()

    def check_state(self) -> None:
        """Refuse to commit in the middle of other work, or on no branch."""
        for name, (what, hint) in _IN_PROGRESS.items():
            if (self._git_folder / name).exists():
                message = f"git=True, but {what} is in progress in {self._folder}; first {hint}"
                raise GitError(message)
        # Of git stash pop, for example. To add a file takes its conflict for resolved.
        unmerged = self.run("ls-files", "--unmerged", "-z").partition("\0")[0]
        if unmerged:
            name = unmerged.partition("\t")[2]
            message = (
                f"git=True, but {name!r} in {self._folder} has a conflict; first resolve it, "
                "then git add it"
            )
            raise GitError(message)
        self._wait_for_lock()
        if self._try("symbolic-ref", "--quiet", "HEAD").returncode != 0:
            message = (
                f"git=True, but HEAD of {self._folder} is detached, so commits would be on no "
                "branch; first git switch -c NAME"
            )
            raise GitError(message)

    def _wait_for_lock(self) -> None:
        lock = self._git_folder / "index.lock"
        end = time.monotonic() + _LOCK_SECONDS
        while lock.exists():
            if time.monotonic() > end:
                message = (
                    f"git=True, but {lock} exists: another git process runs, or was killed; if "
                    "none runs, remove that file"
                )
                raise GitError(message)
            time.sleep(0.05)

    def _check_submodules(self) -> None:
        entries = self.run("ls-files", "--stage", "-z").split("\0")
        names = [entry.partition("\t")[2] for entry in entries if entry.startswith("160000 ")]
        status = self.run("status", "--porcelain", "-z", "--ignore-submodules=all").split("\0")
        # Repositories that are not known yet
        names += [line[3:] for line in status if line.startswith("?? ") and line.endswith("/")]
        for name in names:
            if not self._is_committed(self._folder / name):
                message = (
                    f"git=True, but the submodule {name!r} of {self._folder} has changes "
                    "that a commit here does not hold; commit there first"
                )
                raise GitError(message)

    def _is_committed(self, folder: Path) -> bool:
        """Return whether a commit in the repository in this folder holds all that is there."""
        if not os.path.lexists(folder / ".git"):  # a submodule without its repository
            return not folder.is_dir() or not any(folder.iterdir())
        inside = Repo(folder)
        if inside._folder == self._folder or inside.head() is None:
            return False
        if inside.run("status", "--porcelain", "--ignore-submodules=dirty"):
            return False
        inside._check_submodules()
        inside._check_unseen_changes()
        return True

    def _check_unseen_changes(self) -> None:
        """Refuse changes of files that git was told to take for unchanged: no commit has them."""
        marks: dict[str, list[str]] = {"assume-unchanged": [], "skip-worktree": []}
        entries = []
        for line in self.run("ls-files", "-v", "--stage", "-z").split("\0"):
            tag, entry, name = line[:1], line[2:], line.partition("\t")[2]
            # (Files that a sparse checkout leaves out are not there.)
            if (tag.islower() or tag == "S") and os.path.lexists(self._folder / name):
                entries.append(entry)
                if tag.islower():
                    marks["assume-unchanged"].append(name)
                if tag in "Ss":
                    marks["skip-worktree"].append(name)
        if not entries:
            return
        with tempfile.TemporaryDirectory() as folder:
            # An index without their sizes and times, so that git compares the contents. Those of
            # the real one cannot be trusted: after a change within a second and to the same size,
            # git status takes a marked file for unchanged, and writes that down.
            index = Path(folder, "index")
            given = "\0".join([*entries, ""])
            self.run("update-index", "-z", "--index-info", given=given, index=index)
            self._try("update-index", "-q", "--refresh", index=index)  # 1: something has changed
            changed = set(self.run("diff-files", "--name-only", "-z", index=index).split("\0"))
        for mark, names in marks.items():
            for name in names:
                if name in changed:
                    message = (
                        f"git=True, but {name!r} in {self._folder} has changes that git does not "
                        f"commit, because it is marked as {mark}; commit or undo them: first "
                        f"git update-index --no-{mark} {shlex.quote(name)}"
                    )
                    raise GitError(message)

    def _check_signing(self) -> None:
        if self._try("config", "--type=bool", "commit.gpgsign").stdout.strip() != "true":
            return
        tree = self.run("mktree").strip()  # of no files: stdin is empty
        done = self._try("commit-tree", "-S", "-m", "can it be signed?", tree)
        if done.returncode != 0:
            message = (
                f"git=True, but commits in {self._folder} are to be signed, and that fails "
                f"({done.stderr.strip()}); fix the key, or git config commit.gpgsign false"
            )
            raise GitError(message)

    def head(self) -> str | None:
        """Return the hash of the current commit, None if there is none yet."""
        done = self._try("rev-parse", "--verify", "--quiet", "HEAD")
        return done.stdout.strip() if done.returncode == 0 else None

    def commit_all(self, message: str) -> None:
        """Commit all changes and new files that are not ignored; nothing if there are none."""
        with self._alone(), self._index_back_on_failure():
            end = time.monotonic() + _LOCK_SECONDS
            while True:
                try:
                    return self._commit_all(message)
                except GitError as error:
                    # Another run may commit, or replace a file, at the very same moment.
                    if time.monotonic() > end or not any(text in str(error) for text in _PASSING):
                        raise
                    time.sleep(random.uniform(0.05, 0.2))  # noqa: S311 (no secret)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Let the commits of runs follow each other: they share the index and one message file."""
        lock = file_lock(self._git_folder / "psweep.lock")
        with contextlib.suppress(OSError, NotImplementedError):  # it takes long, or has no locks
            lock.acquire(timeout=_LOCK_SECONDS)
        try:
            yield
        finally:
            lock.release()

    def _commit_all(self, message: str) -> None:
        self._wait_for_lock()
        # Of a sparse checkout, also files that are not to be there and are.
        is_sparse = self._try("config", "--type=bool", "core.sparseCheckout").stdout == "true\n"
        self.run("add", "--all", *(["--sparse"] if is_sparse else []))
        args = ["commit", "--quiet", f"--message={message}"]
        if self.head() is None:
            self.run(*args, "--allow-empty")
        elif self._try("diff", "--cached", "--quiet", "--ignore-submodules=none").returncode != 0:
            self.run(*args)

    @contextlib.contextmanager
    def _index_back_on_failure(self) -> Iterator[None]:
        """Leave what the user has staged as it was, if the commit is refused or interrupted."""
        index = self._git_folder / "index"
        head = self.head()
        # A copy on disk, which also a full disk lets us put back. It keeps its time: git reads the
        # content of files that changed no earlier than the index.
        with tempfile.TemporaryDirectory(prefix="psweep.", dir=index.parent) as folder:
            before = Path(folder, "index")
            try:
                if index.exists():
                    shutil.copy2(index, before)
            except OSError as error:
                message = f"git=True, but a copy of {index} cannot be written: {error}"
                raise GitError(message) from error
            try:
                yield
            except BaseException as error:
                if "index.lock" in str(error) or self.head() != head:
                    raise  # others have changed the index since
                if before.exists():
                    before.replace(index)
                else:
                    index.unlink(missing_ok=True)
                raise

    def by_hand(self, message: str) -> str:
        """Return the commands that finish a commit by hand."""
        folder = shlex.quote(str(self._folder))
        return f"cd {folder} && git add --all && git commit -m {shlex.quote(message)}"


def _last(text: str) -> str:
    """Return the last line of git's output, which states the cause."""
    return (text.strip().splitlines() or [""])[-1]


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "surrogateescape")
