"""Names of distributions that are not installed: a clear error, and nothing else breaks."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import psweep as ps

pytestmark = pytest.mark.untraced

absent = pytest.mark.skipif(
    importlib.util.find_spec("psweep_git") is not None, reason="psweep-git is installed here"
)


@absent
def test_a_missing_sibling_is_named_with_the_command_that_installs_it(tmp_path):
    ran = []
    for use, feature in [
        (lambda: ps.git_commits, "psweep.git_commits"),
        (lambda: ps.run_local(lambda p: ran.append(1), [{"a": 1}], git=True), "git=True"),
    ]:
        with pytest.raises(ps.NotInstalledError) as caught:
            use()
        assert isinstance(caught.value, ImportError)
        assert feature in str(caught.value)
        assert f"pip install psweep-git=={ps.__version__}" in str(caught.value)
    assert not ran
    assert list(tmp_path.iterdir()) == []


@absent
def test_dir_and_star_imports_work_without_siblings():
    assert "git_commits" not in dir(ps)
    assert "run_local" in dir(ps)
    assert not hasattr(ps, "no_such_name")
    with pytest.raises(AttributeError, match="no_such_name"):
        ps.no_such_name  # noqa: B018


FAKE = """
import sys
sys.path.insert(0, "fake")
import psweep as ps
try:
    ps.git_commits
except ImportError as error:
    print(type(error).__name__, error)
"""


def fake(text):
    Path("fake/psweep_git").mkdir(parents=True)
    Path("fake/psweep_git/__init__.py").write_text(text)
    done = subprocess.run([sys.executable, "-c", FAKE], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_sibling_of_another_version_is_refused_with_both_files():
    out = fake("__version__ = '0.1'\ngit_commits = 1\n")
    assert out.startswith("VersionMismatchError")
    assert "psweep-git 0.1" in out
    assert f"psweep-core {ps.__version__}" in out
    assert "fake/psweep_git/__init__.py" in out
    assert str(Path(ps.__file__).parent) in out


def test_an_error_inside_a_sibling_passes_through():
    assert fake("import no_such_module_at_all\n") == (
        "ModuleNotFoundError No module named 'no_such_module_at_all'\n"
    )
