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


def test_the_index_of_the_manual_has_the_script_of_the_readme():
    """Its picture shows a run of that script."""
    scripts = [
        re.search(r"```py(?:thon)?\n(# study\.py\n.*?)```", path.read_text(), re.DOTALL)
        for path in (ROOT / "README.md", ROOT / "docs" / "index.md")
    ]
    readme, index = (found[1] for found in scripts if found)
    assert readme == index


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
