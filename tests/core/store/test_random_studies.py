"""Guarantees 1, 3, 4 and 9 together: random calls of all that changes a study.

Each feature has tests of its own. Here they meet: what one leaves behind, the next one finds.
"""

from __future__ import annotations

import json
import os
import random
import warnings
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

import psweep as ps
from psweep_core import cli

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="kills runs in forked children"),
]

BOOK = "_run_id _pset_id _calc_dir _time_utc _pset_hash _pset_seq _run_seq".split()
# Those in a list share a column.
VALUES = [[0, 1, 2], [0, 2.5, "x"], [None, 1, 2.5], [True, 1, 1.0, "1"], [1, 2**60, 2**70, 0.5]]


def func(pset):
    """Do what is noted for this pset."""
    todo = json.loads(Path("todo.json").read_text()).get(pset["_pset_hash"], "")
    if todo == "raise":
        raise ValueError(pset["a"])
    if todo == "interrupt":
        raise KeyboardInterrupt
    if todo == "die":
        os._exit(1)
    result = {"drawn": random.random(), "a_again": pset["a"], "_private": pset.get("_p")}
    with open("returned.txt", "a") as file:
        print(pset["_pset_id"], result["drawn"], file=file)
    return {**result, "more": [1]} if todo == "more" else result


class RandomStudy:
    """A study, and what must be true of it."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        suffix = self.rng.choice([".pk", ".json"])
        self.options = {"database_basename": f"database{suffix}", "seed": 7}
        self.values = self.rng.choice(VALUES)
        self.calc_dir = "calc"
        self.ids = set()  # of the rows that must be there
        self.removed = []
        self.returned = {}  # drawn by psets that have returned, by their ids
        self.frames = [None]  # that runs have returned

    def read(self):
        try:
            df = ps.df_read(self.calc_dir)
        except ps.StudyNotFoundError:
            return pd.DataFrame(columns=[*BOOK])
        return df if len(df.columns) else pd.DataFrame(columns=[*BOOK])

    def psets(self):
        choice = self.rng.choice
        pset = {"a": choice(self.values), "b": choice([0, 1.5, "u", None]), "_p": choice([0, 1.5])}
        return {name: pset[name] for name in choice(["a", "a b", "b a", "_p a", "a b _p"]).split()}

    # what changes it

    def run(self):
        choice = self.rng.choice
        params = [self.psets() for _ in range(self.rng.randrange(6))]
        options = {
            **self.options,
            "calc_dir": self.calc_dir,
            "skip_dups": choice([False, True, "tried"]),
            "repeats": choice([1, 1, 2]),
            "on_error": choice(["raise", "record"]),
            "simulate": choice([False] * 9 + [True]),
        }
        kinds = ["", "", "more", "raise", "interrupt", "die"]
        todo = {ps.pset_hash(pset): choice(kinds) for pset in params}
        Path("todo.json").write_text(json.dumps(todo))
        before, df = self.read(), choice(self.frames) if choice([True, False, False]) else None
        wanted = self.wanted(before, df, params, options)
        if options["simulate"]:
            simulated = ps.run_local(func, params, df, **options)
            n = len(before if df is None else df)
            assert simulated.get("_pset_hash", pd.Series())[n:].tolist() == wanted
            assert self.read().equals(before)
            return
        if "die" in todo.values():
            with warnings.catch_warnings():  # pytest-xdist has threads
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if not pid:
                try:
                    ps.run_local(func, params, df, **options)
                finally:
                    os._exit(0)
            os.waitpid(pid, 0)
        else:
            try:
                after = ps.run_local(func, params, df, **options)
            except (ValueError, KeyboardInterrupt):
                assert {todo[sha] for sha in wanted} & {"raise", "interrupt"}
            else:
                n = len(before if df is None else df)
                assert after.get("_pset_hash", pd.Series())[n:].tolist() == wanted
                assert "interrupt" not in {todo[sha] for sha in wanted}
                failed = after.get("_failed", pd.Series(False, after.index))[n:]
                assert failed.tolist() == [todo[sha] == "raise" for sha in wanted]
                self.frames = [*self.frames[-3:], after] if len(after) else self.frames
                if df is None and len(after):
                    pd.testing.assert_frame_equal(after, self.read())
        if df is not None:
            self.ids |= {*df["_pset_id"]} & {*self.read()["_pset_id"]}

    def wanted(self, before, df, params, options):
        hashes = [ps.pset_hash(pset) for pset in params]
        if not options["skip_dups"]:
            return hashes * options["repeats"]
        known = before if df is None else pd.concat([before, df]).drop_duplicates("_pset_id")
        tried = options["skip_dups"] == "tried"
        failed = known.get("_failed", pd.Series(False, known.index)).isin([True])
        done = Counter(known["_pset_hash"][~failed | tried])
        rounds = range(options["repeats"])
        return [sha for n in rounds for sha in dict.fromkeys(hashes) if done[sha] <= n]

    def remove(self):
        df = self.read()
        if len(df):
            query = self.rng.choice(["_pset_seq % 3 == 0", "_run_seq == _run_seq.max()"])
            found = {*df.query(query)["_pset_id"]}
            assert cli.rm([query, "-c", self.calc_dir]) == (0 if found else 1)
            self.removed += [found] if found else []
            self.ids -= found

    def undo(self):
        here = {*self.read()["_pset_id"]}
        while self.removed and self.removed[-1] <= here:  # df= has brought them back
            self.removed.pop()
        if self.removed:
            assert cli.rm(["--undo", "-c", self.calc_dir]) == 0
            self.ids |= self.removed.pop()

    def edit(self):
        if len(self.read()):
            value = self.rng.choice([1, 2.5, "t", None])
            ps.edit(self.calc_dir, lambda df: df.assign(mine=value).sample(frac=1, random_state=1))

    def move(self):
        if Path(self.calc_dir).exists():
            new = f"calc_{self.rng.randrange(10**9)}"
            os.rename(self.calc_dir, new)
            self.calc_dir = new

    # what must be true

    def check(self):
        df = self.read()
        if Path("returned.txt").exists():
            lines = Path("returned.txt").read_text().splitlines()
            self.returned = {line.split()[0]: float(line.split()[1]) for line in lines}
        gone = set().union(*self.removed)
        assert self.ids | ({*self.returned} - gone) <= {*df["_pset_id"]}
        self.ids = {*df["_pset_id"]}
        if not len(df):
            return
        assert df.index.tolist() == df["_pset_seq"].tolist()
        assert df["_pset_seq"].is_unique
        assert df["_pset_id"].is_unique
        runs = df[["_run_id", "_run_seq"]].drop_duplicates()
        assert runs["_run_id"].is_unique
        assert runs["_run_seq"].is_unique
        names = df.columns.tolist()
        start = names.index("_run_id")
        assert names[start : start + len(BOOK)] == BOOK
        assert {"a"} <= {*names[:start]} <= {"a", "b", "_p"}
        assert names[-1] == "_pset_runtime"
        psets = ps.df_extract_params(df)
        assert [ps.pset_hash(pset) for pset in psets] == df["_pset_hash"].tolist()
        good = ~df.get("_failed", pd.Series(False, df.index)).isin([True])
        drawn = dict(zip(df["_pset_id"][good], df["drawn"][good], strict=True)) if any(good) else {}
        assert {i: x for i, x in self.returned.items() if i in self.ids} == drawn
        for i, seed in zip(df["_pset_id"][good], df["_seed"][good], strict=True):
            assert random.Random(seed).random() == drawn[i]
        found = ps.check_calc_dir(self.calc_dir)
        assert not found["hash_not_pset"] | found["disk_not_db"]


@pytest.mark.parametrize("seed", range(6))
def test_what_one_feature_leaves_is_what_the_next_one_needs(seed):
    study = RandomStudy(seed)
    steps = [study.run] * 6 + [study.remove, study.undo, study.edit, study.move]
    for _ in range(30):
        study.rng.choice(steps)()
        study.check()
