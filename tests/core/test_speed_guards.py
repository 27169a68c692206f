"""What keeps psweep fast, by counts: these do not depend on how fast or busy a machine is.

How long things take is measured by ``nox -s bench``. Most of these tests do one thing with some
psets and with more of them, and look at what the further ones cost, so that what a run costs once
does not matter.
"""

from __future__ import annotations

import concurrent.futures
import gc
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
import types
from pathlib import Path

import pandas as pd
import pytest
from count_costs import (
    Calls,
    Traffic,
    cost_of_a_pset,
    counts_io,
    func,
    grid,
    in_a_new_study,
    leave_out_what_time_decides,
    more,
    new_study,
    peak_of,
)

import psweep as ps
from psweep_core.params.hashing import pset_hashes

# How many calls something takes depends on the version of Python, so the bounds are for one.
pytestmark = pytest.mark.slow


def with_old_rows(n, count, new=10, **kwds):
    """Append psets to a database; return what was counted meanwhile, and the size of the file.

    In a program of its own: what other tests leave in this process must not count.
    """
    code = f"""
        import json, os, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import psweep as ps
        from count_costs import Calls, Traffic, func, grid, more, new_study
        from count_costs import leave_out_what_time_decides
        from psweep_core.store import last_written
        leave_out_what_time_decides()
        ps.run_local(func, grid(20))
        last_written.forget()  # as where another program has made the study
        ps.run_local(func, more(2))
        new_study({n})
        size = os.path.getsize("calc/database.pk")
        params = more({new})
        last_written.forget()
        with {count.__name__}() as counted:
            ps.run_local(func, params, progress=False, **{kwds!r})
        names = ["total", "syncs", "hashes", "bytes_read", "bytes_written"]
        print(json.dumps([size, {{a: getattr(counted, a) for a in names if hasattr(counted, a)}}]))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    size, found = json.loads(out)
    return types.SimpleNamespace(**found), size


@pytest.fixture(autouse=True)
def warm(monkeypatch):
    """What is done only the first time is done, and time decides nothing."""
    leave_out_what_time_decides(monkeypatch)
    ps.run_local(func, grid(20))
    ps.run_local(func, more(2))
    shutil.rmtree("calc")


# a run


@pytest.mark.parametrize("save", [True, False])
def test_a_pset_costs_few_calls_and_the_thousandth_no_more_than_the_first(save):
    totals = [in_a_new_study(n, Calls, save=save).total for n in (300, 600, 1200)]
    a_pset = (totals[1] - totals[0]) / 300
    assert a_pset <= 28  # more on Python 3.10
    assert (totals[2] - totals[1]) / 600 <= 1.05 * a_pset


def test_the_garbage_collector_rests():
    """Nearly nothing of what a run makes and keeps is garbage, or can be in a cycle."""
    params = grid(12_000)
    passes = []
    gc.callbacks.append(lambda phase, info: passes.append(phase))
    try:
        ps.run_local(func, params, progress=False)
    finally:
        gc.callbacks.pop()
    # A pass comes after 700 dicts and lists more than before (Python 3.11), so there would be 34,
    # if each pset and each result counted.
    assert passes.count("start") <= 8


def test_with_poolsize_a_pset_costs_the_parent_few_calls():
    assert cost_of_a_pset("total", Calls, 2) <= 5


@pytest.mark.parametrize("poolsize", [None, 2])
def test_pandas_is_called_for_columns_and_not_for_psets(poolsize):
    counted = [in_a_new_study(n, Calls, poolsize=poolsize) for n in (300, 1200)]
    # But for the Timestamp of each, which some versions show as a call.
    few, many = (calls.by_package["pandas"] - calls["_unpickle_timestamp"] for calls in counted)
    assert few > 0
    # The number of rows decides which of its ways pandas takes, here and there.
    assert many - few <= 20


@pytest.mark.parametrize("poolsize", [None, 2])
def test_no_fsync_a_pset(poolsize):
    start = time.monotonic()
    syncs = in_a_new_study(1200, Calls, poolsize=poolsize).syncs
    seconds = time.monotonic() - start
    # Two for the database, its folder perhaps, and one a second for the journal.
    assert 1 <= syncs <= 4 + seconds


@pytest.mark.parametrize("poolsize", [None, 2])
@pytest.mark.parametrize("skip_dups", [False, True])
def test_each_pset_is_hashed_once(poolsize, skip_dups, monkeypatch):
    """By whichever process."""
    with open("hashed", "ab", buffering=0) as file:

        def counted(psets):
            file.write(b"x" * len(psets))
            return pset_hashes(psets)

        for name in ("running.carry_out", "running.planner", "engines.job"):
            monkeypatch.setattr(sys.modules[f"psweep_core.{name}"], "pset_hashes", counted)
        new_study(300, poolsize=poolsize, skip_dups=skip_dups)
        assert os.path.getsize("hashed") == 300


@counts_io
@pytest.mark.parametrize(("poolsize", "at_most"), [(None, 1.1), (2, 1.5)])
def test_one_write_a_pset(poolsize, at_most):
    """The row to the journal; between processes psets and rows travel in chunks."""

    assert cost_of_a_pset("writes", Traffic, poolsize) <= at_most
    assert cost_of_a_pset("reads", Traffic, poolsize) <= 0.5


@counts_io
@pytest.mark.parametrize("poolsize", [None, 2])
def test_a_pset_costs_few_bytes_on_the_disk(poolsize):

    # Its row goes to the journal, to the blocks beside that, and to the database; a UUID and a hash
    # are 76 of them each time.
    assert cost_of_a_pset("bytes_written", Traffic, poolsize) <= 480


@pytest.mark.parametrize("poolsize", [None, 3])
def test_rows_that_are_known_are_not_read_back_from_the_journals(poolsize):
    code = f"""
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import psweep as ps
        from count_costs import Calls, grid
        def takes_its_time(pset):
            time.sleep(0.001 * (pset["a"] % 5))
            return {{"c": -pset["a"], "text": "x" * pset["a"], "none": None}}
        with Calls() as calls:
            ps.run_local(takes_its_time, grid(60), poolsize={poolsize}, progress=False)
        names = ("read_journal", "give_up_cache", "cache", "cached", "is_over", "fold", "start")
        print({{name: calls[name] for name in names}})
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    assert "'read_journal': 0" in out, out


@pytest.mark.parametrize("poolsize", [None, 3])
def test_rows_that_are_known_are_those_of_the_journals(poolsize):
    def takes_its_time(pset):
        time.sleep(0.001 * (pset["a"] % 5))
        return {"c": -pset["a"], "text": "x" * pset["a"], "flag": pset["a"] > 7, "none": None}

    df = ps.run_local(takes_its_time, grid(60), poolsize=poolsize)
    expected = [{**pset, **takes_its_time(pset)} for pset in grid(60)]
    assert df[list(expected[0])].to_dict("records") == expected
    assert df.index.tolist() == df._pset_seq.tolist() == list(range(60))
    assert df._pset_id.is_unique
    assert df._pset_hash.tolist() == [ps.pset_hash(pset) for pset in grid(60)]
    assert (df._pset_runtime >= 0.001 * (df.a % 5)).all()
    pd.testing.assert_frame_equal(ps.df_read("calc"), df)


@counts_io
def test_text_that_repeats_is_in_the_database_once():
    sizes = []
    for text in ("x", "x" * 100):
        ps.run_local(lambda _, text=text: {"text": text}, grid(500), calc_dir=text[:9])
        sizes.append(os.path.getsize(Path(text[:9], "database.pk")))
    assert sizes[1] - sizes[0] < 200


def test_finished_psets_are_no_burden_on_the_garbage_collector():
    """It looks at all containers that live, again and again, but not at dicts of numbers."""
    n_objects = []

    def counts(pset):
        if pset["a"] in (100, 1100):
            gc.collect()
            n_objects.append(len(gc.get_objects()))
        return func(pset)

    new_study(1200, counts)
    assert n_objects[1] - n_objects[0] < 100


def test_a_pset_costs_little_memory():
    peaks = []
    for n in (3000, 6000):
        shutil.rmtree("calc", ignore_errors=True)
        params = grid(n)
        peaks.append(peak_of(lambda: ps.run_local(func, params, progress=False)))
    assert (peaks[1] - peaks[0]) / 3000 <= 2500


@pytest.mark.parametrize("poolsize", [None, 2])
def test_nothing_is_quadratic(poolsize):
    """Also what is done in C, in which no calls are seen: by the time of the CPU."""

    resource = pytest.importorskip("resource", reason="needs the getrusage of Unix")

    def used():
        usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    def cost(n):
        before = used()
        new_study(n, poolsize=poolsize)
        return used() - before

    cost(1000)
    few, many = map(min, zip(*((cost(2500), cost(20_000)) for _ in range(3)), strict=True))
    assert many <= 16 * few  # 8 times the psets, and twice that for what disturbs


def test_an_executor_gets_chunks():
    class Counting(concurrent.futures.ThreadPoolExecutor):
        submits = 0

        def submit(self, *args, **kwds):
            self.submits += 1
            return super().submit(*args, **kwds)

    with Counting(2) as executor:
        ps.run_local(func, grid(2000), executor=executor)
    assert 1 <= executor.submits <= 500


# old rows


def test_old_rows_cost_no_calls_when_psets_are_appended():
    few, many = (with_old_rows(n, Calls)[0] for n in (500, 5000))
    assert abs(many.total - few.total) <= 50


@pytest.mark.parametrize("skip_dups", [False, True])
def test_old_rows_are_not_hashed_again(skip_dups):
    # Of up to 200 new psets, near misses are looked for, by the hashes of what is nearly the same.
    of_near_misses = 30 * skip_dups
    counted = with_old_rows(500, Calls, skip_dups=skip_dups)[0]
    of_code = 1
    assert counted.hashes == 10 + of_near_misses + of_code


def test_no_fsync_an_old_row():
    start = time.monotonic()
    syncs = with_old_rows(500, Calls)[0].syncs
    assert 1 <= syncs <= 4 + time.monotonic() - start


@counts_io
@pytest.mark.parametrize("kwds", [{}, {"skip_dups": True}, {"poolsize": 2}])
def test_appending_reads_and_writes_the_database_once(kwds):
    (few, small), (many, large) = (with_old_rows(n, Traffic, **kwds) for n in (500, 5000))
    assert (many.bytes_read - few.bytes_read) / (large - small) <= 1.05
    assert (many.bytes_written - few.bytes_written) / (large - small) <= 1.05


def test_old_rows_cost_little_memory_when_psets_are_appended():
    peaks = []
    for n in (2000, 6000):
        new_study(n)
        peaks.append(peak_of(lambda: ps.run_local(func, more(10), progress=False)))
    assert (peaks[1] - peaks[0]) / 4000 <= 1500


# a look at a run that goes on


def test_a_look_at_a_run_costs_few_calls_a_finished_pset():
    totals = []

    def looks(pset):
        if pset["a"] == n - 1:
            with Calls() as calls:
                assert len(ps.df_read("calc")) == n - 1
            totals.append(calls.total)
        return func(pset)

    for n in (300, 1500):
        new_study(n, looks)
    assert (totals[1] - totals[0]) / 1200 <= 15


# small things


def test_pgrid_costs_few_calls_a_pset():
    totals = []
    for n in (50, 150):
        a, b = ps.plist("a", range(n)), ps.plist("b", range(10))
        with Calls() as calls:
            ps.pgrid(a, b)
        totals.append(calls.total)
    assert (totals[1] - totals[0]) / 1000 <= 3


def test_a_plain_pset_is_hashed_by_few_calls_however_many_entries_it_has():
    totals = []
    for n in (2, 20):
        pset = {f"name_{i}": [i, 0.5 * i, str(i), True, None][i % 5] for i in range(n)}
        ps.pset_hash(pset)
        with Calls() as calls:
            ps.pset_hash(pset)
        totals.append(calls.total)
    assert totals[0] <= 12
    assert totals[1] <= totals[0] + 40


def test_taking_apart_rows_whose_params_func_has_replaced_costs_few_calls_an_entry():
    totals = []
    for n in (20, 40):
        psets = [{f"p{j}": float(i + j) for j in range(n)} for i in range(50)]
        df = ps.run_local(lambda p: {"p0": -1.5}, psets, calc_dir=f"calc_{n}")
        with Calls() as calls:
            assert len(ps.df_extract_params(df)) == 50
        totals.append(calls.total)
    assert totals[1] <= 3 * totals[0]


def test_import_loads_little_beyond_pandas():
    code = (
        "import sys, pandas; there = set(sys.modules); import psweep; "
        "print(*sorted(set(sys.modules) - there))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    new = [name for name in done.stdout.split() if not name.startswith("psweep")]
    assert len(new) <= 40, new
    tops = {name.partition(".")[0] for name in new}
    costly = {"IPython", "asyncio", "dask", "filelock", "joblib", "tabulate", "tqdm", "yaml"}
    assert not tops & costly


def test_who_looks_at_a_long_run_reads_few_rows_one_by_one():
    # (Next to a database that holds data only there are no groups of rows, since they are pickles.)
    n_seen = []

    def looks(pset):
        if pset["a"] in (1900, 2900):
            with Calls() as calls:
                assert len(ps.df_read("calc")) == pset["a"]
            n_seen.append(calls["unpack_from"])  # of each record its head
        return func(pset)

    new_study(3000, looks)
    assert max(n_seen) < 1010


def test_hashing_takes_little_memory_also_for_long_texts():
    params = [{"a": f"{i}" + "x" * 100_000, "i": i} for i in range(200)]
    pset_hashes(params[:2])
    assert peak_of(lambda: pset_hashes(params)) < 2_000_000
