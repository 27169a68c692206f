"""README.md: its commands are those of CI, and its code does what it shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_ci_runs_the_test_command_of_the_readme():
    commands = re.findall(r"```sh\n(python3 .*)\n```", (ROOT / "README.md").read_text())
    demo, tests = commands
    assert demo == tests + " -s demo"
    assert tests in (ROOT / ".ci" / "run").read_text().splitlines()


def test_the_code_in_the_readme_does_what_it_shows(tmp_path):
    """It needs psweep-core alone."""
    command = [sys.executable, ROOT / "docs" / "run_page.py", ROOT / "README.md", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    assert (tmp_path / "calc" / "database.pk").exists()


def test_the_first_code_in_the_readme_makes_a_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```py\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    namespace = {}
    for n_new in (4, 0):  # skip_dups
        n_before = len(namespace["df"]) if namespace else 0
        exec(code, namespace)  # noqa: S102 (it is what a reader does)
        df = namespace["df"]
        assert len(df) == n_before + n_new == 4
    assert df.columns.tolist()[:2] == ["lr", "momentum"]
    assert df.loss.min() == 0


PAGES = [*(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")), "examples/README.md"]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", *sorted(PAGES)])
def test_links_lead_somewhere(name):
    path = ROOT / name
    for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        # pictures are made when the manual is built
        assert (path.parent / link).exists() or link.startswith("pictures/"), link


def test_every_folder_is_in_the_table_of_contributing():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for path in (ROOT / "packages" / "psweep-core" / "src" / "psweep_core").glob("[a-z]*/"):
        if not path.is_dir():  # before Python 3.11, the glob finds files, too
            continue
        assert f"`{path.name}/`" in text
