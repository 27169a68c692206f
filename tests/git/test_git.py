"""git=True, with a real git."""

from __future__ import annotations

import dataclasses
import doctest
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import psweep as ps
import psweep_git
from psweep_git.repo import Repo

PARAMS = ps.plist("a", [1, 2])
RAN: list[int] = []


def func(pset):
    RAN.append(pset["a"])
    return {"b": 2 * pset["a"]}


def run(**kwds):
    RAN.clear()
    return ps.run_local(func, PARAMS, git=True, **kwds)


def refused(match):
    """The run is refused before a file is touched or a pset is run."""
    before = sorted(Path().rglob("*"))
    with pytest.raises(psweep_git.GitError, match=match) as caught:
        run()
    assert isinstance(caught.value, ps.PsweepError)
    assert RAN == []
    assert not Path("calc").exists()
    assert sorted(p for p in Path().rglob("*") if ".git" not in p.parts) == [
        p for p in before if ".git" not in p.parts
    ]


@pytest.mark.parametrize("poolsize", [None, 2])
@pytest.mark.parametrize("options", [{}, {"on_error": "record", "capture_logs": "db"}])
def test_code_is_committed_before_and_results_after(repo, place, poolsize, options):
    Path("input.py").write_text("1")
    df = run(poolsize=poolsize, **options)
    run_id = df._run_id[0]
    assert repo.log() == [f"psweep: {place.name}: run_id={run_id}"] * 2
    assert repo("status", "--porcelain") == ""
    (commit,) = set(df._git_commit)
    assert commit == repo("rev-parse", "HEAD~1")
    assert repo.files(commit) == ["input.py"]
    assert repo.files() == ["calc/database.pk", "calc/runs.jsonl", "input.py"]
    names = list(df.columns)
    assert names.index("_run_seq") < names.index("_git_commit") < names.index("b")
    assert ps.df_extract_params(df) == PARAMS


def test_each_row_names_the_code_that_ran(repo):
    Path("input.py").write_text("1")
    repo("add", "input.py")
    repo("commit", "-qm", "mine")
    first = run()._git_commit[0]
    assert first == repo("rev-parse", "HEAD~1")
    assert len(repo.log()) == 2  # nothing was uncommitted before
    Path("input.py").write_text("2")
    Path("new.py").write_text("3")
    df = run()
    assert df._git_commit[:2].tolist() == [first] * 2
    second = df._git_commit[2]
    assert repo("show", f"{first}:input.py") == "1"
    assert repo("show", f"{second}:input.py") == "2"
    assert repo("show", f"{second}:new.py") == "3"
    without = ps.run_local(func, PARAMS)
    assert without._git_commit[4:].tolist() == [None, None]


def test_an_old_row_is_run_again_from_a_clone(repo, tmp_path, place):
    code = "import psweep as ps\ndef func(pset):\n    return {{'b': {} * pset['a']}}\n"
    main = "if __name__ == '__main__':\n    ps.run_local(func, [{'a': 3}], git=True)\n"
    for factor in (10, 100):
        Path("input.py").write_text(code.format(factor) + main)
        subprocess.run([sys.executable, "input.py"], check=True)
    df = ps.df_read("calc")
    assert df.b.tolist() == [30, 300]
    clone = tmp_path / "clone"
    repo("clone", "-q", "--", str(place), str(clone))
    for row in range(2):
        subprocess.run(["git", "checkout", "-q", df._git_commit[row]], cwd=clone, check=True)
        pset = ps.df_extract_pset(df, df._pset_id[row])
        again = subprocess.run(
            [sys.executable, "-c", f"import input; print(input.func({pset!r})['b'])"],
            cwd=clone, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert int(again.stdout) == df.b[row]


def test_renamed_files_with_odd_names_are_no_submodules(repo):
    Path("1 x").write_text("something to rename")
    repo("add", "1 x")
    repo("commit", "-qm", "one")
    repo("mv", "1 x", "2 y")
    df = run()
    assert repo.files(df._git_commit[0]) == ["2 y"]


def test_gitignore_is_honoured_and_journals_are_never_committed(repo):
    Path(".gitignore").write_text("calc/\n*.secret\n")
    Path("x.secret").write_text("s")
    df = run()
    assert repo.files() == [".gitignore"]
    assert len(repo.log()) == 1  # there was no result to commit
    assert df._git_commit[0] == repo("rev-parse", "HEAD")
    Path(".gitignore").write_text("*.secret\n")
    run()
    assert repo.files() == [".gitignore", "calc/database.pk", "calc/runs.jsonl"]


def test_a_study_below_the_top_of_the_repository(repo, place, monkeypatch):
    below = place / "sub" / "study"
    below.mkdir(parents=True)
    (place / "lib.py").write_text("code that the study uses")
    monkeypatch.chdir(below)
    df = run()
    assert repo.log()[0].startswith("psweep: study: run_id=")
    assert repo.files(df._git_commit[0]) == ["lib.py"]
    files = ["lib.py", "sub/study/calc/database.pk", "sub/study/calc/runs.jsonl"]
    assert repo.files() == files


def test_nothing_outside_the_repository_is_touched(repo, tmp_path):
    run(calc_dir=tmp_path / "elsewhere")
    assert repo.files() == []
    assert len(ps.df_read(tmp_path / "elsewhere")) == 2
    assert not (tmp_path / "elsewhere" / ".git").exists()


def test_an_empty_repository_gets_its_first_commit(repo):
    df = run()
    assert repo.files(df._git_commit[0]) == []
    assert len(repo.log()) == 2


def test_no_repository(place):
    refused("no usable git repository.*git init")


def test_a_bare_repository(place):
    subprocess.run(["git", "init", "-q", "--bare"], check=True)
    refused("not a working tree")


def test_no_git_program(place, monkeypatch):
    monkeypatch.setenv("PATH", "")
    refused("git program.*install git")


def test_no_identity(repo, monkeypatch):
    repo("config", "--unset", "user.name")
    repo("config", "--unset", "user.email")
    repo("config", "user.useConfigOnly", "true")
    refused("who you are.*git config user.name")


@pytest.mark.parametrize("name", ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"])
def test_a_date_that_git_cannot_read(repo, monkeypatch, name):
    monkeypatch.setenv(name, "foo")
    refused(f"^git=True, but git cannot read {name} .*invalid date format: foo.*unset it$")


def test_a_detached_head(repo):
    repo("commit", "-q", "--allow-empty", "-m", "one")
    repo("checkout", "-q", "--detach")
    refused("detached.*git switch -c NAME")


def make_a_branch_with_a_conflict(repo):
    """Change a file on the branch other and on main."""
    Path("f").write_text("1")
    repo("add", "f")
    repo("commit", "-qm", "one")
    repo("checkout", "-qb", "other")
    Path("f").write_text("2")
    repo("commit", "-qam", "two")
    repo("checkout", "-q", "main")
    Path("f").write_text("3")
    repo("commit", "-qam", "three")


def test_a_merge_in_progress(repo):
    make_a_branch_with_a_conflict(repo)
    with pytest.raises(subprocess.CalledProcessError):
        repo("merge", "other")
    refused("a merge is in progress.*git merge --continue")
    repo("merge", "--abort")
    with pytest.raises(subprocess.CalledProcessError):
        repo("rebase", "other")
    refused("a rebase is in progress.*git rebase --continue")


def test_a_sequence_of_cherry_picks_in_progress(repo):
    for text in ("1", "2", "3"):
        Path("f").write_text(text)
        repo("add", "f")
        repo("commit", "-qm", text)
    repo("checkout", "-qb", "other", "HEAD~2")
    Path("f").write_text("4")
    repo("commit", "-qam", "four")
    with pytest.raises(subprocess.CalledProcessError):
        repo("cherry-pick", "main~1", "main")
    refused("a cherry-pick is in progress")
    repo("commit", "-qam", "resolved")  # the second one is still to come
    refused("a cherry-pick or revert is in progress")


def test_a_lock_that_stays(repo, monkeypatch):
    from psweep_git import repo as module

    monkeypatch.setattr(module, "_LOCK_SECONDS", 0.2)
    Path(".git/index.lock").write_text("")
    refused("index.lock exists.*remove that file")


def test_a_lock_that_goes_is_waited_for(repo):
    lock = Path(".git/index.lock").absolute()
    lock.write_text("")
    threading.Timer(0.5, lock.unlink).start()
    assert len(run()) == 2


def test_a_hook_that_refuses_before_the_run_leaves_the_index_as_it_was(repo):
    Path("staged").write_text("1")
    Path("not staged").write_text("1")
    repo("add", "staged")
    before = repo("status", "--porcelain")
    repo.hook("pre-commit", "echo no such luck >&2; exit 1\n")
    refused("no such luck")
    assert repo("status", "--porcelain") == before


def test_hooks_elsewhere_are_obeyed(repo, tmp_path):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\necho from afar >&2; exit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    repo("config", "core.hooksPath", str(hooks))
    Path("f").write_text("1")
    refused("from afar")


def test_a_hook_that_refuses_the_results_leaves_the_database_safe(repo):
    repo("commit", "-q", "--allow-empty", "-m", "one")
    repo.hook("pre-commit", "echo no results here >&2; exit 1\n")
    with pytest.raises(psweep_git.GitError, match="database is safe.*no results here") as caught:
        run()
    assert RAN == [1, 2]
    assert len(ps.df_read("calc/database.pk")) == 2
    repo.hook("pre-commit", "exit 0\n")
    by_hand = str(caught.value).partition("To do it by hand: ")[2]
    subprocess.run(["sh", "-c", by_hand], check=True, capture_output=True, cwd="/")
    assert repo("status", "--porcelain") == ""
    assert repo.files() == ["calc/database.pk", "calc/runs.jsonl"]


def test_signing_without_a_key(repo):
    repo("commit", "-q", "--allow-empty", "-m", "one")
    repo("config", "commit.gpgsign", "true")
    repo("config", "gpg.program", "false")
    refused("to be signed.*commit.gpgsign false")


def test_a_worktree(repo, tmp_path, monkeypatch):
    Path("f").write_text("1")
    repo("add", "f")
    repo("commit", "-qm", "one")
    tree = tmp_path / "tree"
    repo("worktree", "add", "-q", str(tree))
    monkeypatch.chdir(tree)
    df = run()
    assert repo("log", "--format=%s", "tree").splitlines()[0].startswith("psweep: tree: run_id=")
    assert df._git_commit[0] == repo("rev-parse", "main")
    assert repo.log() == ["one"]


def test_a_submodule_with_changes_of_its_own(repo, tmp_path, monkeypatch):
    other = tmp_path / "other"
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    for args in (["config", "user.name", "T"], ["config", "user.email", "t@example.com"],
                 ["commit", "-q", "--allow-empty", "-m", "one"]):  # fmt: skip
        subprocess.run(["git", *args], cwd=other, check=True)
    repo("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub")
    df = run()
    assert "sub" in repo.files(df._git_commit[0])
    Path("sub/f").write_text("1")
    RAN.clear()
    with pytest.raises(psweep_git.GitError, match="submodule 'sub'.*commit there first"):
        run()
    assert RAN == []
    monkeypatch.chdir("sub")  # a study inside of it is a study in its repository
    for args in (["config", "user.name", "T"], ["config", "user.email", "t@example.com"],
                 ["checkout", "-qB", "main"]):  # fmt: skip
        subprocess.run(["git", *args], check=True)
    assert len(run()) == 2


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    """Nothing can be set in it, not even ``__traceback__``."""

    text: str


@pytest.mark.parametrize("kind", [LookupError, StopIteration, Frozen])
def test_an_exception_of_func_passes_through_and_the_next_run_commits(repo, kind):
    def fail(pset):
        raise kind("mine")

    with pytest.raises(kind, match="mine"):
        ps.run_local(fail, PARAMS, git=True)
    run()
    assert repo("status", "--porcelain") == ""


def test_simulate_commits_nothing(repo):
    ps.run_local(func, PARAMS, git=True, simulate=True)
    with pytest.raises(subprocess.CalledProcessError):
        repo("log")


def test_git_only_goes_with_save(repo):
    with pytest.raises(ps.ParamsError, match="git=True.*save=False"):
        run(save=False)


def test_two_runs_at_once(repo, place):
    Path("input.py").write_text(
        "import psweep as ps, time, sys\n"
        "ps.run_local(lambda p: time.sleep(0.2) or {}, [{'a': sys.argv[1]}], git=True)\n"
    )
    processes = [subprocess.Popen([sys.executable, "input.py", str(i)]) for i in range(3)]
    for process in processes:
        assert process.wait(timeout=120) == 0
    df = ps.df_read("calc/database.pk")
    assert sorted(df.a) == ["0", "1", "2"]
    assert df._git_commit.notna().all()
    assert repo("status", "--porcelain") == ""


def test_the_name_is_found_in_psweep():
    assert ps.git_commits is psweep_git.git_commits
    assert "git_commits" in dir(ps)
    assert psweep_git.__version__ == ps.__version__


def test_doctests(place):
    from psweep_git import commits

    failed, tried = doctest.testmod(commits)
    assert tried
    assert not failed


@pytest.mark.parametrize("flag", ["assume-unchanged", "skip-worktree"])
def test_a_change_that_git_was_told_not_to_see(repo, flag):
    name = "the code \u00fc.py"
    Path(name).write_text("1")
    Path("gone").write_text("1")
    Path("same").write_text("1")
    repo("add", "--all")
    repo("commit", "-qm", "one")
    repo("update-index", f"--{flag}", name, "gone", "same")
    Path("gone").unlink()
    assert len(run()) == 2
    assert "gone" in repo.files()
    Path(name).write_text("2, longer")
    RAN.clear()
    with pytest.raises(
        psweep_git.GitError, match=f"'{name}'.*git update-index --no-{flag}"
    ) as error:
        run()
    assert RAN == []
    cure = str(error.value).partition("first ")[2]
    subprocess.run(["sh", "-c", cure], check=True)
    commit = run()._git_commit.iloc[-1]
    assert repo("show", f"{commit}:{name}") == "2, longer"


def change_in_the_second_of_the_index(repo, name, *mark):
    """Change a committed file so that git can tell it only by its content."""
    second = (1_700_000_000, 1_700_000_000)
    repo("config", "core.trustctime", "false")
    Path(name).write_text("1")
    os.utime(name, second)
    repo("add", name)
    repo("commit", "-qm", "one")
    if mark:
        repo("update-index", *mark, name)
    os.utime(".git/index", second)
    Path(name).write_text("2")
    os.utime(name, second)


def test_an_unseen_change_in_the_second_of_the_index(repo):
    change_in_the_second_of_the_index(repo, "f.py", "--assume-unchanged")
    with pytest.raises(psweep_git.GitError, match="'f.py'"):
        run()


def test_a_change_in_the_second_of_the_index_after_a_refused_commit(repo):
    change_in_the_second_of_the_index(repo, "f.py")
    hook = Path(".git/hooks/pre-commit")
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    here = Repo(Path.cwd())
    with pytest.raises(psweep_git.GitError):
        here.commit_all("two")
    hook.unlink()
    here.commit_all("two")
    assert repo("show", "HEAD:f.py") == "2"


def test_a_sparse_checkout(repo):
    for folder in ("inside", "outside"):
        Path(folder).mkdir()
        Path(folder, "f.py").write_text("1")
    repo("add", "--all")
    repo("commit", "-qm", "one")
    repo("sparse-checkout", "set", "inside")
    assert not Path("outside").exists()
    assert len(run()) == 2
    assert "outside/f.py" in repo.files()
    Path("outside").mkdir()
    Path("outside/f.py").write_text("2")
    Path("outside/new.py").write_text("3")
    commit = run()._git_commit.iloc[-1]
    assert repo("show", f"{commit}:outside/f.py") == "2"
    assert repo("show", f"{commit}:outside/new.py") == "3"
    assert repo("status", "--porcelain") == ""


def test_a_repository_inside_that_git_does_not_know_yet(repo):
    def inside(*args):
        subprocess.run(["git", *args], cwd="a/sub", check=True)

    Path("a/sub").mkdir(parents=True)
    inside("init", "-q")
    inside("config", "user.name", "T")
    inside("config", "user.email", "t@example.com")
    refused("submodule 'a/sub/'.*commit there first")
    Path("a/sub/f").write_text("1")
    inside("add", "f")
    inside("commit", "-qm", "one")
    Path("a/sub/f").write_text("2")
    refused("submodule 'a/sub/'.*commit there first")
    inside("commit", "-qam", "two")
    df = run()
    assert "a/sub" in repo.files(df._git_commit[0])


def test_a_lock_of_the_branch_that_stays_leaves_the_index_as_it_was(repo, monkeypatch):
    from psweep_git import repo as module

    monkeypatch.setattr(module, "_LOCK_SECONDS", 0.2)
    repo("commit", "-q", "--allow-empty", "-m", "one")
    Path("staged").write_text("1")
    Path("not staged").write_text("1")
    repo("add", "staged")
    before = repo("status", "--porcelain")
    lock = Path(".git/refs/heads/main.lock")
    lock.write_text("")
    refused("cannot lock ref")
    assert repo("status", "--porcelain") == before
    lock.unlink()
    assert len(run()) == 2
    assert repo("status", "--porcelain") == ""


@pytest.mark.parametrize(
    "names", [("GIT_DIR",), ("GIT_INDEX_FILE",), ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")]
)
@pytest.mark.parametrize("is_nested", [False, True])
def test_the_variables_of_a_hook(repo, place, monkeypatch, names, is_nested):
    Path("a/sub").mkdir(parents=True)
    if is_nested:
        for args in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "one"]):
            who = ["-c", "user.name=T", "-c", "user.email=t@example.com"]
            subprocess.run(["git", *who, *args], cwd="a/sub", check=True)
    Path("f").write_text("1")
    repo("add", "f")
    repo("commit", "-qm", "one")
    values = {"GIT_DIR": ".git", "GIT_WORK_TREE": "", "GIT_INDEX_FILE": ".git/index"}
    with monkeypatch.context() as patch:
        for name in names:
            patch.setenv(name, str(place / values[name]))
        patch.chdir("a")
        df = run()
    files = ["a/calc/database.pk", "a/calc/runs.jsonl", *(["a/sub"] if is_nested else []), "f"]
    assert repo.files() == files
    assert df._git_commit[0] == repo("rev-parse", "HEAD~1")
    assert repo("status", "--porcelain") == ""


@pytest.mark.parametrize("names", [("GIT_DIR",), ("GIT_WORK_TREE",), ("GIT_DIR", "GIT_WORK_TREE")])
@pytest.mark.parametrize("is_there", [True, False])
def test_variables_that_name_another_repository(repo, tmp_path, monkeypatch, names, is_there):
    other = tmp_path / "other"
    if is_there:
        subprocess.run(["git", "init", "-q", str(other)], check=True)
    for name in names:
        monkeypatch.setenv(name, str(other / ".git" if name == "GIT_DIR" else other))
    refused(
        f"{names[0]}=.*other.*which is not the repository that .* is in; first unset {names[0]}"
    )


def test_a_conflict_without_a_merge_in_progress(repo):
    for text in ("1", "2"):
        Path("f").write_text(text)
        repo("add", "f")
        repo("commit", "-qm", text)
    Path("f").write_text("3")
    repo("stash", "--quiet")
    Path("f").write_text("4")
    repo("commit", "-qam", "four")
    with pytest.raises(subprocess.CalledProcessError):
        repo("stash", "pop")
    refused("'f' in .* has a conflict; first resolve it")
    assert repo("status", "--porcelain") == "UU f"


@pytest.mark.parametrize(
    ("command", "match"),
    [
        (["merge", "other"], "a merge is in progress.*git merge --continue"),
        (["checkout", "-q", "--detach"], "detached.*git switch -c NAME"),
    ],
)
def test_what_the_user_begins_during_the_run_is_not_ended(repo, command, match):
    make_a_branch_with_a_conflict(repo)

    def func(pset):
        subprocess.run(["git", *command], capture_output=True, check=False)
        return {}

    with pytest.raises(psweep_git.GitError, match=f"database is safe.*{match}"):
        ps.run_local(func, [{"a": 1}], git=True)
    assert len(ps.df_read("calc/database.pk")) == 1
    assert repo.log() == ["three", "one"]
    assert repo("status", "--porcelain").splitlines()[-1] == "?? calc/"


@pytest.fixture
def submodule(repo, tmp_path):
    """A submodule, in which git status is told to see nothing."""
    other = tmp_path / "other"
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    who = ["-c", "user.name=T", "-c", "user.email=t@example.com"]
    (other / "lib.py").write_text("1")
    for args in (["add", "lib.py"], ["commit", "-qm", "one"]):
        subprocess.run(["git", *who, *args], cwd=other, check=True)
    repo("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub")
    repo("config", "-f", ".gitmodules", "submodule.sub.ignore", "all")
    repo("add", "--all")
    repo("commit", "-qm", "one")
    subprocess.run(["git", "config", "status.showUntrackedFiles", "no"], cwd="sub", check=True)
    return Path("sub")


@pytest.mark.parametrize("name", ["lib.py", "new.py"])
def test_changes_in_a_submodule_that_git_does_not_report(repo, submodule, name):
    (submodule / name).write_text("2")
    refused("submodule 'sub'.*commit there first")


def test_a_file_in_a_submodule_that_is_marked_as_unchanged(repo, submodule):
    subprocess.run(
        ["git", "update-index", "--assume-unchanged", "lib.py"], cwd=submodule, check=True
    )
    assert len(run()) == 2
    (submodule / "lib.py").write_text("2")
    with pytest.raises(psweep_git.GitError, match="'lib.py' in .*sub has changes"):
        run()


def test_changes_in_a_submodule_of_a_submodule(repo, submodule, tmp_path):
    args = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"]
    who = ["-c", "user.name=T", "-c", "user.email=t@example.com"]
    for command in ([*args, str(tmp_path / "other"), "deep"],
                    ["config", "-f", ".gitmodules", "submodule.deep.ignore", "all"],
                    [*who, "commit", "-qam", "deep"]):  # fmt: skip
        subprocess.run(["git", *command], cwd=submodule, check=True)
    assert len(run()) == 2
    (submodule / "deep/lib.py").write_text("2")
    with pytest.raises(psweep_git.GitError, match="submodule 'deep' of .*sub has changes"):
        run()


def test_files_in_the_folder_of_a_submodule_that_is_not_checked_out(repo, submodule):
    repo("submodule", "--quiet", "deinit", "sub")
    assert len(run()) == 2
    (submodule / "code.py").write_text("1")
    with pytest.raises(psweep_git.GitError, match="submodule 'sub'"):
        run()


def test_a_monitor_that_reports_no_changes(repo):
    Path("monitor").write_text("#!/bin/sh\nprintf 'token\\0'\n")
    Path("monitor").chmod(0o755)
    Path("f.py").write_text("1")
    repo("add", "--all")
    repo("commit", "-qm", "one")
    repo("config", "core.fsmonitor", "./monitor")
    for _ in range(2):
        repo("status")
    Path("f.py").write_text("2")
    commit = run()._git_commit[0]
    assert repo("show", f"{commit}:f.py") == "2"


def test_a_new_commit_in_a_submodule_that_git_does_not_report(repo, submodule):
    (submodule / "lib.py").write_text("2")
    who = ["-c", "user.name=T", "-c", "user.email=t@example.com"]
    subprocess.run(["git", *who, "commit", "-qam", "two"], cwd=submodule, check=True)
    there = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=submodule, capture_output=True, text=True, check=True
    )
    commit = run()._git_commit[0]
    assert repo("rev-parse", f"{commit}:sub") == there.stdout.strip()


def test_untracked_files_that_git_does_not_report(repo):
    repo("config", "status.showUntrackedFiles", "no")
    Path("new.py").write_text("1")
    inside = Path("inside")
    inside.mkdir()
    who = ["-c", "user.name=T", "-c", "user.email=t@example.com"]
    for args in (["init", "-q"], ["config", "status.showUntrackedFiles", "no"],
                 ["commit", "-q", "--allow-empty", "-m", "one"]):  # fmt: skip
        subprocess.run(["git", *who, *args], cwd=inside, check=True)
    assert "new.py" in repo.files(run()._git_commit[0])
    subprocess.run(["git", "rm", "-q", "--cached", "inside"], check=True)
    (inside / "code.py").write_text("1")
    with pytest.raises(psweep_git.GitError, match="submodule 'inside/'"):
        run()


def test_git_that_marks_files_as_unchanged_by_itself(repo):
    repo("config", "core.ignoreStat", "true")
    Path("f.py").write_text("1")
    commits = [run()._git_commit.iloc[-1]]
    Path("f.py").write_text("2")
    commits.append(run()._git_commit.iloc[-1])
    assert [repo("show", f"{commit}:f.py") for commit in commits] == ["1", "2"]
    repo("add", "--renormalize", "f.py")  # which marks it
    Path("f.py").write_text("3")
    with pytest.raises(psweep_git.GitError, match="'f.py'.*assume-unchanged"):
        run()


def test_git_that_is_not_found_after_the_run(repo, monkeypatch):
    def func(pset):
        monkeypatch.setenv("PATH", "")
        return {}

    with pytest.raises(psweep_git.GitError, match="database is safe.*git did not start"):
        ps.run_local(func, [{"a": 1}], git=True)
    assert len(ps.df_read("calc/database.pk")) == 1


def test_a_program_that_a_hook_leaves_behind_is_not_waited_for(repo, tmp_path):
    repo.hook("post-commit", "sleep 100 &\necho $! >>../pids\n")
    start = time.monotonic()
    assert len(run()) == 2
    assert time.monotonic() - start < 60
    for pid in (tmp_path / "pids").read_text().split():
        os.kill(int(pid), signal.SIGTERM)


STUDY = """
import psweep as ps
ps.run_local(lambda pset: {}, ps.plist("a", [1, 2]), git=True)
"""


def interrupted(started, *, to_git):
    """Run the study, and interrupt it, or it and its git, as soon as there is that file."""
    process = subprocess.Popen(
        [sys.executable, "-c", STUDY], start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    while not started.exists():
        assert process.poll() is None
        time.sleep(0.05)
    (os.killpg if to_git else os.kill)(process.pid, signal.SIGINT)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in stderr
    return stderr


@pytest.mark.parametrize("to_git", [True, False])
def test_an_interrupted_commit_leaves_the_index_as_it_was(repo, tmp_path, to_git):
    for text in ("1", "2"):
        Path("f").write_text(text)
        repo("add", "f")
        if text == "1":
            repo("commit", "-qm", "one")
    Path("f").write_text("3")
    Path("new").write_text("1")
    before = repo("status", "--porcelain")
    repo.hook("pre-commit", "touch ../started; sleep 5\n")
    interrupted(tmp_path / "started", to_git=to_git)
    assert repo("status", "--porcelain") == before
    assert repo("show", ":f") == "2"
    assert repo.log() == ["one"]
    assert not Path("calc").exists()


def test_two_runs_that_are_refused_at_once_leave_the_index_as_it_was(repo, tmp_path):
    repo("commit", "-q", "--allow-empty", "-m", "one")
    Path("f").write_text("1")
    before = repo("status", "--porcelain")
    repo.hook("pre-commit", "touch ../started; sleep 3; exit 1\n")
    with subprocess.Popen([sys.executable, "-c", STUDY], stderr=subprocess.DEVNULL) as first:
        while not (tmp_path / "started").exists():
            time.sleep(0.05)
        with pytest.raises(psweep_git.GitError, match="git commit"):
            run()
    assert first.returncode == 1
    assert repo("status", "--porcelain") == before


def test_an_interrupted_commit_of_the_results(repo, tmp_path):
    repo("commit", "-q", "--allow-empty", "-m", "one")
    repo.hook("pre-commit", "touch ../started; sleep 5\n")
    stderr = interrupted(tmp_path / "started", to_git=True)
    assert "database is safe" in " ".join(stderr.split())
    assert len(ps.df_read("calc/database.pk")) == 2
    assert repo("status", "--porcelain") == "?? calc/"
    Path(".git/hooks/pre-commit").unlink()
    run()
    assert len(repo.log()) == 3


def test_an_interrupted_git_leaves_no_lock(repo, tmp_path):
    repo("config", "filter.slow.clean", "touch ../started; sleep 5; cat")
    Path(".gitattributes").write_text("large filter=slow\n")
    Path("large").write_text("1")
    interrupted(tmp_path / "started", to_git=False)
    assert sorted(path.name for path in Path(".git").glob("*.lock")) == ["psweep.lock"]


def test_a_full_disk_does_not_harm_the_index(repo):
    for i in range(100):
        Path(f"file {i}").write_text("1")
    repo("add", "--all")
    repo("commit", "-qm", "one")
    Path("staged").write_text("1")
    repo("add", "staged")
    Path("new").write_bytes(os.urandom(1_000_000))
    before = repo("status", "--porcelain")
    program = (  # no file can be as large as the index
        "import os, resource\n"
        "from pathlib import Path\n"
        "from psweep_git.repo import Repo\n"
        "size = os.path.getsize('.git/index') // 2\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"
        "Repo(Path.cwd()).commit_all('two')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "\npsweep_git.errors.GitError: " in done.stderr
    assert repo("status", "--porcelain") == before
    assert repo.log() == ["one"]
