"""Fixtures of the tests of params."""

from __future__ import annotations

import importlib
import itertools
import os
import sys

import pytest

_numbers = itertools.count()


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Write files and import model.py; return its func."""
    before = {*sys.modules}

    def forget():
        for name in {*sys.modules} - before:
            where = str(getattr(sys.modules[name], "__spec__", ""))
            if str(tmp_path) in where:
                del sys.modules[name]

    def load(files):
        folder = tmp_path / f"p{next(_numbers)}"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            os.utime(path, (1e9, 1e9))
        forget()
        monkeypatch.chdir(folder)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(folder))
            importlib.invalidate_caches()
            return importlib.import_module("model").func

    yield load
    forget()
