"""The meta-package: all parts, one version, no code."""

from __future__ import annotations

import importlib.metadata as metadata
import re
import sys
from pathlib import Path

import pytest
from type_checkers import checked_lines

import psweep as ps

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
PARTS = ["psweep-batch", "psweep-core", "psweep-git"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_versions_and_pins_go_in_step(package):
    text = (package / "pyproject.toml").read_text()
    assert re.findall(r'^version = "(.*)"$', text, re.MULTILINE) == [ps.__version__]
    for pin in re.findall(r"psweep[\w-]*(?:\[\w+\])?==([^\"]+)", text):
        assert pin == ps.__version__
    for path in package.glob("src/*/_version.py"):
        assert f'__version__ = "{ps.__version__}"' in path.read_text()
    assert (package / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert (package / "README.md").read_text().startswith(f"# {package.name}\n")


def test_what_to_cite_is_this_version():
    lines = (ROOT / "CITATION.cff").read_text().splitlines()
    assert f"version: {ps.__version__}" in lines
    assert ps.__version__ in (ROOT / "docs" / "cite.md").read_text()


def test_everything_is_installed_and_psweep_itself_holds_no_code():
    for name in ["psweep", *PARTS]:
        assert metadata.version(name) == ps.__version__
    files = [str(file) for file in metadata.files("psweep") or []]
    assert files
    # Its programs are those of the parts, see test_upgrade.py.
    assert all(".dist-info" in file or "/psweep-" in file for file in files)
    requires = metadata.requires("psweep") or []
    assert [r for r in requires if "extra" not in r] == [f"{p}=={ps.__version__}" for p in PARTS]
    assert ps.git_commits.__module__.startswith("psweep_git")
    assert ps.prep_batch.__module__.startswith("psweep_batch")


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_see_the_real_signatures(tmp_path, checker):
    begin = (
        "from typing import Any\nimport psweep as ps\n"
        "def f(pset: dict[Any, Any]) -> dict[str, int]:\n    return {'a': 1}\n"
    )
    good = [
        "reveal_type(ps.run_local(f, [{}], git=True))",
        "reveal_type(ps.prep_batch([{}], simulate=True))",
        "reveal_type(ps.git_commits)",
        "with ps.git_commits('id') as commit: commit.upper()",
    ]
    bad = [
        "ps.prep_batch([{}], simulat=True)",
        "ps.git_comits",
        "ps.run_lokal(f, [{}])",
        "ps.run_local(f, [{}], poolsise=2)",
        "ps.plist('a')",
    ]
    said = checked_lines(checker, tmp_path, sys.executable, begin, [*good, *bad])
    assert ["error" in text for text in said] == [False] * len(good) + [True] * len(bad), said
    assert "DataFrame" in said[0]
    assert "DataFrame" in said[1]
    assert "str" in said[2]
    assert "Any" not in said[2]
