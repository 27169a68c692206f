"""dask as the engine of a run."""

from __future__ import annotations

import threading
import time
import warnings
from pathlib import Path

import pytest
from executors import NEEDS_DASK, dask

import psweep as ps

pytestmark = [pytest.mark.processes, pytest.mark.untraced]

FACTOR = 3


def func(pset):
    return {"b": FACTOR * pset["a"]}


def test_dask():
    with dask() as client:
        df = ps.run_local(func, ps.plist("a", range(7)), executor=client)
        assert df.b.tolist() == [FACTOR * a for a in range(7)]
        # equal psets are run each, not once
        df = ps.run_local(lambda p: {"b": 1}, [{"a": 1}] * 20, executor=client)
        assert len(df) == 27
        with client.get_executor(pure=False) as executor:
            df = ps.run_local(lambda p: {"b": 1}, [{"a": 1}] * 20, executor=executor)
        assert len(df) == 47
        with pytest.raises(TypeError, match=r"pass executor\.get_client\(\)"):
            ps.run_local(func, [{"a": 1}], executor=client.cluster)
    with pytest.raises(ps.WorkerError, match="takes no more work: Client is closed"):
        ps.run_local(func, [{"a": 1}], executor=client)


LOST_WORKER = """
import os, pathlib, signal
import psweep as ps
from dask.distributed import Client, LocalCluster

folder = os.getcwd()

def once(pset):
    killed = pathlib.Path(folder, "killed")
    if pset["a"] == 30 and not killed.exists():
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"b": 2 * pset["a"]}

if __name__ == "__main__":
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        ps.run_local(once, ps.plist("a", range(60)), executor=client)
"""


def test_a_worker_of_dask_that_is_killed_costs_no_row(script):
    pytest.importorskip("distributed", reason=NEEDS_DASK)
    script(LOST_WORKER, wait=True)
    df = ps.df_read("calc")
    assert Path("killed").exists()
    assert df.a.tolist() == list(range(60))
    assert df.b.tolist() == [2 * a for a in range(60)]


def test_dask_without_workers_is_told_of(monkeypatch):
    monkeypatch.setattr("psweep_core.engines.dask_cluster._PATIENCE_SECONDS", 0.1)
    with dask(n_workers=0) as client:

        def later():
            while not told:
                time.sleep(0.05)
            client.cluster.scale(1)

        told = []
        thread = threading.Thread(target=later)
        thread.start()
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            monkeypatch.setattr(warnings, "showwarning", lambda text, *_: told.append(str(text)))
            df = ps.run_local(func, ps.plist("a", range(7)), executor=client)
        thread.join()
    assert df.b.tolist() == [FACTOR * a for a in range(7)]
    assert "the dask cluster has no workers, so the run waits for the first one" in told[0]
