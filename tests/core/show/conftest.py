"""Fixtures of the tests of what people see."""

from __future__ import annotations

import concurrent.futures as cf

import pytest

ENGINES = {
    "serial": dict,
    "poolsize": lambda: {"poolsize": 2},
    "threads": lambda: {"executor": cf.ThreadPoolExecutor(2)},
    "processes": lambda: {"executor": cf.ProcessPoolExecutor(2)},
}


@pytest.fixture(params=ENGINES)
def engine(request):
    kwds = ENGINES[request.param]()
    yield kwds
    if "executor" in kwds:
        kwds["executor"].shutdown()
