"""Docstrings: every public name has one, and what they show is what happens."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pandas as pd
import pytest

import psweep as ps

MODULES = sorted(f"psweep.{module.name}" for module in pkgutil.iter_modules(ps.__path__))


@pytest.mark.parametrize("name", ["psweep", *MODULES])
def test_doctests(name, tmp_path, monkeypatch):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for number, test in enumerate(doctest.DocTestFinder().find(importlib.import_module(name))):
        folder = tmp_path / str(number)  # each as a reader would type it, in an empty folder
        folder.mkdir()
        monkeypatch.chdir(folder)
        with pd.option_context("display.width", 120):
            runner.run(test)
    assert not runner.failures


@pytest.mark.parametrize("name", [n for n in ps.__all__ if not n.startswith("__")])
def test_every_public_function_has_a_numpydoc_docstring_with_an_example(name):
    obj = getattr(ps, name)
    doc = inspect.getdoc(obj)
    assert doc
    if inspect.isclass(obj):
        assert issubclass(obj, ps.PsweepError)
        return
    for parameter in inspect.signature(obj).parameters:
        assert parameter in doc
    assert "Parameters\n----------\n" in doc
    if inspect.signature(obj).return_annotation != "None":
        assert "Returns\n-------\n" in doc
    if not name.startswith(("file_", "json_", "pickle_")):
        assert "Examples\n--------\n" in doc


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
