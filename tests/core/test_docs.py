"""Docstrings: every public name has one, and what they show is what happens."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re

import pandas as pd
import pytest

import psweep as ps
import psweep_core

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(psweep_core.__path__, "psweep_core.")
    if not module.ispkg
)
EXTRAS = {
    "psweep_core.params.samples": ("scipy", "sample"),
    "psweep_core.show.plots": ("matplotlib", "plot"),
    "psweep_core.table.to_xarray": ("xarray", "xarray"),
}
NAMES = [name for name in ps.__all__ if not name.startswith("__")]


@pytest.mark.parametrize("name", ["psweep", *MODULES])
def test_doctests(name, tmp_path, monkeypatch):
    if name in EXTRAS:
        library, extra = EXTRAS[name]
        pytest.importorskip(library, reason=f"needs pip install 'psweep-core[{extra}]'")
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for number, test in enumerate(doctest.DocTestFinder().find(importlib.import_module(name))):
        folder = tmp_path / str(number)  # each as a reader would type it, in an empty folder
        folder.mkdir()
        monkeypatch.chdir(folder)
        if test.name.rpartition(".")[2] in NAMES:
            test.globs = {}  # and with what it imports itself
        with pd.option_context("display.width", 120):
            runner.run(test)
    assert not runner.failures


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_a_numpydoc_docstring_with_an_example(name):
    obj = getattr(ps, name)
    doc = inspect.getdoc(obj)
    assert "\nExamples\n--------\n" in doc
    assert "\n>>> " in doc
    if inspect.isclass(obj):
        assert issubclass(obj, ps.PsweepError)
        return
    titles = ["Parameters", "Raises"] if inspect.signature(obj).parameters else []
    if inspect.signature(obj).return_annotation != "None":
        titles.append("Returns")
    for title in titles:
        assert f"\n{title}\n{'-' * len(title)}\n" in doc
    described = re.findall(r"^([*\w, ]+?)(?: : .+)?\n    ", doc, re.MULTILINE)
    described = [part.strip(" *") for names in described for part in names.split(",")]
    assert not set(inspect.signature(obj).parameters) - set(described)


def test_all_is_what_there_is():
    assert sorted(ps.__all__) == ps.__all__
    for name in ps.__all__:
        getattr(ps, name)
    namespace: dict = {}
    exec("from psweep import *", namespace)
    assert set(ps.__all__) <= set(namespace)


def test_versions_agree():
    from importlib.metadata import PackageNotFoundError, version

    try:
        assert version("psweep-core") == ps.__version__
    except PackageNotFoundError:
        pytest.skip("psweep-core is not installed here, only importable: use nox")


def test_every_error_is_also_a_builtin():
    for name in ps.__all__:
        obj = getattr(ps, name)
        if inspect.isclass(obj) and obj is not ps.PsweepError:
            builtin = [base for base in obj.__mro__ if base.__module__ == "builtins"]
            assert builtin[0] is not Exception
