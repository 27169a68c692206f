"""A loop of runs does not read the database each time, and never takes an old one for the file."""

import contextlib
import os
import pickle
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest
from count_costs import Calls

import psweep as ps
from psweep_core.store import joined_texts, last_written
from psweep_core.store.study import Study

DATABASE = Path("calc", "database.pk")

pytestmark = [
    pytest.mark.untraced,
    pytest.mark.skipif(os.name != "posix", reason="files get a time in ns, by their descriptor"),
]


@pytest.fixture(autouse=True)
def nothing_written():
    last_written.forget()


def run(*values, func=lambda pset: {"y": 10 * pset["x"]}, **kwds):
    return ps.run_local(func, [{"x": x} for x in values], progress=False, **kwds)


def n_read(action):
    with Calls() as calls:
        action()
    return calls["read_file"]


def on_disk():
    return pd.read_pickle(DATABASE)


def test_a_loop_does_not_read_the_database():
    run(0)
    counts = [n_read(lambda i=i: run(i)) for i in range(1, 6)]
    assert counts == [1, 0, 0, 0, 0]  # that it is a loop is not known at first
    pd.testing.assert_frame_equal(ps.df_read("calc"), run(6)[:-1])
    assert on_disk().y.tolist() == [0, 10, 20, 30, 40, 50, 60]


def test_a_single_run_makes_no_copy():
    run(0)
    assert not last_written._kept
    ps.run_local(lambda pset: {}, [{"x": 1}], calc_dir="other")
    assert not last_written._kept
    ps.run_local(lambda pset: {}, [{"x": 2}], calc_dir="other")
    assert last_written._kept


def test_many_runs_read_it_now_and_then(monkeypatch):
    """With pyarrow, columns get one piece more with each run."""
    monkeypatch.setattr(last_written, "_MAX_TIMES", 5)
    monkeypatch.setattr(last_written, "_n_times", 0)
    run(0)
    counts = [n_read(lambda i=i: run(i)) for i in range(1, 15)]
    assert sum(counts) == 3
    assert on_disk().x.tolist() == [*range(15)]


def test_a_loop_joins_only_the_texts_that_it_adds(monkeypatch):
    n_joined = []
    arrow = getattr(pd.Series(["x"]).dtype, "storage", "") == "pyarrow"
    name = "_join_pieces" if arrow else "_join_strings"

    def counted(parts, join=getattr(joined_texts, name)):
        n_joined.append(sum(map(len, parts)) if arrow else len(parts))
        return join(parts)

    def text(pset):
        return {"text": f"é {pset['x']}" + "\n" * (pset["x"] == 300)}

    run(*range(100), func=text)
    run(*range(100, 200), func=text)
    monkeypatch.setattr(joined_texts, name, counted)
    for x in range(200, 204):
        df = run(x, func=text)
    assert n_joined == [1] * 3 * 4  # of text, _pset_id and _pset_hash
    pd.testing.assert_frame_equal(on_disk(), df)
    assert df.text.tolist() == [f"é {x}" for x in range(204)]
    n_joined.clear()
    ps.df_write(df, "other.pk")  # is not part of a loop
    assert n_joined == [204] * 3
    n_joined.clear()
    ps.edit("calc", lambda df: df.assign(text=df.text.where(df.x != 5, "five")))
    run(204, func=text)
    df = run(300, func=text)  # these texts cannot be separated again
    pd.testing.assert_frame_equal(on_disk(), df)
    assert df.text.tolist() == [f"é {x}" if x != 5 else "five" for x in range(205)] + ["é 300\n"]
    last_written.forget()
    assert not joined_texts._known


def test_what_the_user_changes_in_the_returned_frame_stays_there():
    for i in range(3):
        df = run(i, func=lambda pset: {"y": 10 * pset["x"], "s": f"text {pset['x']}"})
        df.loc[0, "y"] = -1
        df.loc[0, "s"] = "changed"
        df.loc[0, "_pset_id"] = "changed"
        df["_run_seq"] = 7
        # also below the surface of pandas
        for name, other in {"y": -1, "x": -1, "s": "changed", "_pset_hash": "changed"}.items():
            for array in (df[name].array, df[name].to_numpy(), df[name].values):
                with contextlib.suppress(ValueError):  # read-only
                    array[:] = other
        del df["_run_id"]
    found = on_disk()
    assert found[["x", "y", "s"]].to_numpy().tolist() == [
        [i, 10 * i, f"text {i}"] for i in range(3)
    ]
    assert found._run_seq.tolist() == [0, 1, 2]
    assert "changed" not in found._pset_id.tolist()


def test_values_that_can_change_are_read_again():
    for i in range(3):
        df = run(i, func=lambda pset: {"y": [pset["x"]]})
        df.y[0].append("changed")
    assert on_disk().y.tolist() == [[0], [1], [2]]


def test_a_run_that_ran_nothing_gives_away_what_was_kept():
    run(0, 1)
    for _ in range(2):
        df = run(0, 1, skip_dups=True)
        df.loc[0, "y"] = -1
        df["x"].to_numpy(copy=True)
    assert run(2).y.tolist() == [0, 10, 20]


def in_place(df):
    """Write as pandas' own to_pickle does: to the same inode, and perhaps in the same tick."""
    with open(DATABASE, "wb") as file:
        file.write(pickle.dumps(df, 5))


def test_a_file_that_was_changed_in_place_is_read():
    for i in range(5):
        df = run(i)
        df["y"] += 1000
        in_place(df)
    assert on_disk().y.tolist() == [5000, 4010, 3020, 2030, 1040]


def test_a_file_that_has_the_same_size_and_time_is_read():
    run(0)
    for i in range(1, 4):
        run(i)
        before = os.stat(DATABASE)
        data = DATABASE.read_bytes()
        old = (10 * i).to_bytes(1, "little") + bytes(7)
        assert data.count(old)
        with open(DATABASE, "r+b") as file:
            file.write(data.replace(old, b"\x63" + bytes(7)))
        os.utime(DATABASE, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert os.stat(DATABASE).st_mtime_ns == before.st_mtime_ns
    found = run(4)
    assert found.y.tolist()[1:4] == [99] * 3


def test_a_file_that_another_program_has_written_is_read():
    code = "import psweep as ps; ps.run_local(lambda p: {'y': 10 * p['x']}, [{'x': 7}])"
    run(0)
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], check=True)
        run(1)
    assert on_disk().x.tolist() == [0, 7, 1, 7, 1]


def test_what_df_write_and_edit_have_written_counts():
    run(0)
    run(1)
    ps.df_write(ps.df_read(DATABASE).assign(y=[5, 6]), DATABASE)
    assert run(2).y.tolist() == [5, 6, 20]
    ps.edit("calc", lambda df: df.assign(y=df.y + 1))
    assert run(3).y.tolist() == [6, 7, 21, 30]


def test_a_file_that_was_removed_or_brought_back_counts():
    run(0)
    shutil.copy2(DATABASE, "kept.pk")
    run(1)
    shutil.copy2("kept.pk", DATABASE)
    assert run(2).x.tolist() == [0, 2]
    os.replace("kept.pk", DATABASE)
    assert run(3).x.tolist() == [0, 3]
    DATABASE.unlink()
    assert run(4).x.tolist() == [4]
    shutil.rmtree("calc")
    assert run(5).x.tolist() == [5]


def test_studies_do_not_get_mixed_up():
    for i in range(3):
        run(i, calc_dir="a")
        run(-i, calc_dir="b")
        run(i + 0.5, calc_dir="a", database_basename="other.pk")
    assert ps.df_read("a/database.pk").x.tolist() == [0, 1, 2]
    assert ps.df_read("b/database.pk").x.tolist() == [0, -1, -2]
    assert ps.df_read("a/other.pk").x.tolist() == [0.5, 1.5, 2.5]


def test_threads_do_not_get_mixed_up():
    def loop(name):
        for i in range(8):
            run(i, calc_dir=name)

    threads = [threading.Thread(target=loop, args=(name,)) for name in ("a", "b", "a")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = ps.df_read("a/database.pk")
    assert sorted(found.x) == sorted([*range(8)] * 2)
    assert found._pset_seq.tolist() == [*range(16)]
    assert ps.df_read("b/database.pk").x.tolist() == [*range(8)]


def test_a_run_that_fails_does_not_lose_what_is_there():
    def fails(pset):
        if pset["x"] == 2:
            raise ValueError
        return {"y": 1}

    for start in (0, 10):
        with pytest.raises(ValueError):  # noqa: PT011
            run(start, 2, func=fails)
    assert run(3).x.tolist() == [0, 10, 3]


def test_other_formats_are_read():
    for i in range(3):
        run(i, database_basename="database.json")
    assert ps.df_read("calc/database.json").x.tolist() == [0, 1, 2]


@pytest.mark.parametrize("value", [1, [1]])
def test_a_file_that_a_user_writes_at_the_same_moment_is_read(monkeypatch, value):
    """Without the lock, right after this process has written its own and has not looked yet."""
    ps.run_local(lambda pset: {"y": value}, [{"x": 0}])
    theirs = on_disk().assign(mine="added")
    replace = os.replace

    def replace_and_lose(old, new):
        replace(old, new)
        monkeypatch.undo()
        theirs.to_pickle(new)

    study = Study("calc")
    with study.locked():
        df = study.fold()
        monkeypatch.setattr(os, "replace", replace_and_lose)
        study.write_database(df)
        assert "mine" in study.fold()


@pytest.mark.parametrize("kind", ["changed", "removed", "below", "nested"])
def test_what_func_does_to_the_frame_that_it_extends_stays_there(kind):
    df = ps.run_local(lambda pset: {"y": [pset["x"]]}, ps.plist("x", [1, 2]), save=False)

    def func(pset):
        if kind == "changed":
            df["x"] = 666
        elif kind == "removed":
            del df["_pset_id"]
        elif kind == "nested":
            df.y[1].append(666)
        else:
            with contextlib.suppress(ValueError):
                df["x"].array[0] = 666
        return {"y": [pset["x"]]}

    ps.run_local(func, ps.plist("x", [3]), df=df)
    assert on_disk().x.tolist() == [1, 2, 3]
    assert on_disk().y.tolist() == [[1], [2], [3]]
    df = ps.df_read("calc").assign(added=1.0)
    ps.run_local(func, ps.plist("x", [4]), df=df)
    assert on_disk().x.tolist() == [1, 2, 3, 4]


def test_labels_that_the_user_changes_stay_there():
    for i in range(4):
        df = run(i, on_error="record" if i == 2 else "raise")
        df.columns.name = df.index.name = "changed"
        for labels in (df.columns, df.index):
            for array in (labels.values, labels.array, labels.to_numpy(), labels.__array__()):
                with contextlib.suppress(ValueError, TypeError):  # read-only
                    array[0] = 55
    found = on_disk()
    assert [*found.columns[:2]] == ["x", "_run_id"]
    assert found.columns.name is found.index.name is None
    assert found.x.tolist() == [0, 1, 2, 3]


def test_a_copy_that_cannot_be_made_costs_nothing(monkeypatch):
    df = run(1, 2).assign(big=pd.Series([1, 2]).to_numpy().astype(">i8"))
    assert run(3, df=df).x.tolist() == [1, 2, 3]

    def fails(df):
        raise MemoryError

    monkeypatch.setattr(last_written, "GrowingCopy", fails)
    for i in (4, 5):
        run(i)
    assert on_disk().x.tolist() == [1, 2, 3, 4, 5]
