"""The hash is the value: no more, no less, in any process and on any Python."""

from __future__ import annotations

import json
import os
import pathlib
import pickle
import re
import subprocess
import sys

import hash_corpus
import pytest
from hash_corpus import DIFFER, REFUSED, SAME

import psweep as ps
from psweep.portable import dumps

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
