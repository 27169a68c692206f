"""The hash is the value: no more, no less, in any process and on any Python."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import pickle
import re
import subprocess
import sys

import hash_corpus
import numpy as np
import pytest
from hash_corpus import DIFFER, REFUSED, SAME

import psweep as ps
from psweep_core.store.portable_pickle import dumps

FOLDER = pathlib.Path(hash_corpus.__file__).parent
PAIRS = {
    **{f"same: {k}": v for k, v in SAME.items()},
    **{f"differ: {k}": v for k, v in DIFFER.items()},
}


def hash_of(value):
    return ps.pset_hash({"v": value})


def test_there_are_many():
    assert len(PAIRS) >= 150


@pytest.mark.parametrize("name", SAME)
def test_the_same(name):
    one, other = map(hash_of, SAME[name]())
    assert one == other


@pytest.mark.parametrize("name", DIFFER)
def test_different(name):
    one, other = map(hash_of, DIFFER[name]())
    assert one != other


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_told_apart_is_refused(name):
    with pytest.raises(ps.HashError, match="'v' cannot be hashed"):
        hash_of(REFUSED[name]())


def test_every_python_and_six_processes_agree():
    """The file was written by another Python than most of those that run this test."""
    golden = json.loads((FOLDER / "hash_corpus.json").read_text())
    assert hash_corpus.hashes() == golden
    processes = [
        subprocess.Popen(
            [sys.executable, str(FOLDER / "hash_corpus.py")],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            stdout=subprocess.PIPE,
        )
        for seed in range(6)
    ]
    # There the module is __main__, here it is imported.
    for process in processes:
        out, _ = process.communicate()
        assert json.loads(out) == golden


def test_what_was_pickled_has_the_same_hash_in_another_process(tmp_path):
    values = {name: make()[0] for name, make in PAIRS.items()}
    if sys.version_info < (3, 11):
        del values["differ: scopes of ip addresses"]  # Python 3.10 pickles no scopes
    stored = {}
    for name, value in values.items():
        hash_of(value)
        try:
            stored[name] = dumps(value)
        except Exception:
            continue  # a memoryview, for example
    assert len(stored) > len(values) - 10
    (tmp_path / "stored.pk").write_bytes(pickle.dumps(stored))
    code = f"""
        import json, pickle, sys
        import psweep as ps
        sys.path.append({str(FOLDER)!r})
        stored = pickle.load(open("stored.pk", "rb"))
        print(json.dumps({{n: ps.pset_hash({{"v": pickle.loads(d)}}) for n, d in stored.items()}}))
    """
    code = re.sub("(?m)^ {8}", "", code)
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert not out.stderr
    assert json.loads(out.stdout) == {name: hash_of(values[name]) for name in stored}


def test_graphs_count_without_their_caches():
    nx = pytest.importorskip("networkx")
    graph = nx.path_graph(4)
    _ = graph.nodes, graph.edges, graph.adj, graph.degree, nx.shortest_path(graph, 0, 3)
    assert hash_of(graph) == hash_of(nx.path_graph(4)) == hash_of(pickle.loads(dumps(graph)))
    assert hash_of(graph) != hash_of(nx.path_graph(5))


def test_datasets_count_by_their_content():
    xarray = pytest.importorskip("xarray")

    def make(factor=1, **attrs):
        data = np.arange(4.0).reshape(2, 2) * factor
        coords = {"x": [1, 2], "y": ["a", "b"]}
        return xarray.Dataset({"a": (("x", "y"), data)}, coords=coords, attrs=attrs)

    used = make()
    _ = used.indexes, used.sel(x=1), used.to_dataframe()
    for other in (used, make().copy(deep=True), pickle.loads(pickle.dumps(make()))):
        assert hash_of(other) == hash_of(make())
        assert hash_of(other.a) == hash_of(make().a)
    different = [make(), make(2), make(u=1), make().assign_coords(x=[1, 3]), make().a, make(2).a,
                 make().a.T, make().a.rename("b"), make().drop_indexes("x")]  # fmt: skip
    assert len(set(map(hash_of, different))) == len(different)


def test_estimators_count_without_the_version_of_their_library(script):
    """In a program of its own: scikit-learn's threads would forbid later tests to fork workers."""
    if importlib.util.find_spec("sklearn") is None:
        pytest.skip("needs pip install scikit-learn")
    code = """
        import sklearn.base
        from sklearn.linear_model import Ridge
        import psweep as ps

        now = ps.pset_hash({"v": Ridge(alpha=2)})
        sklearn.base.__version__ = "0.1"
        print(ps.pset_hash({"v": Ridge(alpha=2)}) == now != ps.pset_hash({"v": Ridge(alpha=3)}))
    """
    assert script(code, wait=True)[0] == "True\n"


def test_sparse_matrices_count_by_their_entries():
    sparse = pytest.importorskip("scipy.sparse")

    def make():
        return sparse.csr_matrix(([1.0, 2.0, 3.0], ([0, 1, 1], [1, 0, 1])), shape=(2, 2))

    used = make()
    used.sum_duplicates()
    _ = used.has_sorted_indices
    assert hash_of(used) == hash_of(make())
    assert (
        len({hash_of(v) for v in (make(), make().tocsc(), sparse.csr_array(make()), 2 * make())})
        == 4
    )


def test_a_class_that_was_replaced_counts_by_what_it_does(monkeypatch):
    """As if a cell of a notebook was run again, for a script."""

    def define(n):
        cls = type("Config", (), {"__module__": "__main__", "n": n})
        monkeypatch.setattr(sys.modules["__main__"], "Config", cls, raising=False)
        return cls

    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "script.py", raising=False)
    old = define(1)
    by_name = hash_of(old)
    new = define(2)
    assert hash_of(new) == by_name
    assert len({hash_of(new), hash_of(old), hash_of(define(1))}) == 2
