"""Docstrings and console scripts: what they show is what happens."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path

import pandas as pd
import pytest

import psweep as ps
import psweep_batch

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(f"psweep_batch.{m.name}" for m in pkgutil.iter_modules(psweep_batch.__path__))
FUNCTIONS = ["batch_collect", "batch_resubmit", "batch_status", "prep_batch"]


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name, tmp_path, monkeypatch):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for number, test in enumerate(doctest.DocTestFinder().find(importlib.import_module(name))):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        with pd.option_context("display.width", 120):
            runner.run(test)
    assert not runner.failures


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_has_a_numpydoc_docstring_with_an_example(name):
    function = getattr(ps, name)
    assert function is getattr(psweep_batch, name)
    doc = inspect.getdoc(function)
    for parameter in inspect.signature(function).parameters:
        assert f"{parameter} : " in doc
    for title in ("Parameters", "Returns", "Raises", "Examples"):
        assert f"{title}\n{'-' * len(title)}\n" in doc


def test_every_error_is_also_a_builtin():
    for name in psweep_batch.__all__:
        obj = getattr(psweep_batch, name)
        if inspect.isclass(obj):
            assert issubclass(obj, ps.PsweepError)
            assert issubclass(obj, ValueError | RuntimeError)
            assert "\nExamples\n--------\n" in inspect.getdoc(obj)


def test_every_module_is_in_contributing():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for name in MODULES:
        if "._" in name:
            continue
        assert f"`{name.split('.')[1]}.py`" in text
    for path in (ROOT / "packages/psweep-batch/src/psweep_batch/shell").glob("*.sh"):
        assert f"`{path.name}`" in text


def test_all_keys_of_info_yaml_are_in_the_manual():
    from dataclasses import fields

    from psweep_batch.machine import Machine

    text = (ROOT / "docs/tasks.md").read_text()
    for field in fields(Machine):
        if field.name != "name":
            assert f"`{field.name}`" in text


ROW = re.compile(r"^\| [^|]+ \| (?P<info>`subcmd[^|]+) \| (?P<lines>[^|]+) \|$", re.M)


def test_the_lines_for_each_scheduler_are_those_that_psweep_knows(templates):
    from psweep_batch.info_yaml import read_info
    from psweep_batch.schedulers import SCHEDULERS

    rows = ROW.findall((ROOT / "docs/clusters.md").read_text())
    found = {}
    for number, cells in enumerate(rows):
        info, lines = ("\n".join(re.findall("`([^`]+)`", cell)) for cell in cells)
        info += "\narray: true"
        templates(**{f"m{number}": (info, f"#!/bin/sh\n{lines}\npsweep-task\n")})
        machine = read_info(Path(f"templates/machines/m{number}/info.yaml"), "m")
        found[machine.scheduler] = lines.splitlines()
    ps.prep_batch([{"a": 1}], func=dict)
    assert found.keys() == SCHEDULERS.keys()
    for key, scheduler in SCHEDULERS.items():
        for line, what in zip(found[key], ("time", "mem"), strict=True):
            option = scheduler.asks[what].partition("{")[0]
            assert re.match(re.escape(f"{scheduler.prefix} {option}") + r"\d", line)


def test_the_script_for_a_laptop_does_what_it_says(templates):
    pytest.importorskip("matplotlib", reason="needs pip install matplotlib")
    text = (ROOT / "docs/clusters.md").read_text().partition("### From your laptop")[2]
    code = text.partition("```python\n")[2].partition("```")[0]
    Path("study.py").write_text(code)
    templates(local=("subcmd: sh", "psweep-task\n"))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, "MPLBACKEND": "Agg", "PATH": path}
    study = [sys.executable, "study.py"]
    for command in (study, ["sh", "calc/run_local.sh"], study):
        assert not Path("distance.png").exists()
        subprocess.run(command, env=env, check=True)
    assert Path("distance.png").exists()
    assert len(ps.df_read("calc")) == 1000


def test_the_readmes_example_runs_as_it_stands(tmp_path):
    """Its shell blocks make the templates and run the jobs, its Python blocks do the rest."""
    text = (ROOT / "packages/psweep-batch/README.md").read_text()
    part = text.split("## In five minutes")[1].split("\n## ")[0]
    blocks = part.split("```")[1::2]
    shown = []
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    (bin_dir / "python3").symlink_to(sys.executable)
    # where psweep-batch is not installed, only importable
    spare = tmp_path / "spare"
    spare.mkdir()
    call = "from psweep_core.status import status; raise SystemExit(status())"
    (spare / "psweep-status").write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{call}" "$@"\n')
    (spare / "psweep-status").chmod(0o755)
    path = f"{bin_dir}:{Path(sys.executable).parent}:/usr/bin:/bin:{spare}"
    env = {"PATH": path, "HOME": str(tmp_path)}
    for block in blocks:
        kind, _, code = block.partition("\n")
        if kind == "txt":
            assert code.strip().splitlines()[-1] in shown[-1]
            continue
        command = ["sh", "-ec", code] if kind == "sh" else [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
        assert done.returncode == 0, done.stderr
        shown.append(done.stdout + done.stderr)
    assert len(shown) >= 4


def test_version_and_console_scripts():
    assert psweep_batch.__version__ == ps.__version__
    try:
        assert version("psweep-batch") == ps.__version__
    except PackageNotFoundError:
        pytest.skip("psweep-batch is not installed here, only importable: use nox")
    names = {"psweep-cancel", "psweep-push", "psweep-pull"}
    found = {
        e.name for e in entry_points(group="console_scripts") if e.value.startswith("psweep_b")
    }
    assert found == names
    for name in names:
        path = shutil.which(name, path=str(Path(sys.executable).parent))
        done = subprocess.run([path, "--help"], capture_output=True, text=True, check=True)
        assert "CALC_DIR" in done.stdout
