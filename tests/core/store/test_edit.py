"""Studies that are changed on purpose: `edit`, and hashes that do not fit."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import psweep as ps


def func(pset):
    return {"y": pset["x"] + 1}


@pytest.fixture
def df():
    ps.run_local(func, ps.plist("x", [1, 2, 3]))
    return ps.run_local(func, [{"x": 4.5, "z": None}], on_error="record")


def test_a_change_is_on_disk_and_the_state_before_in_a_backup(df):
    new = ps.edit("calc", lambda df: ps.df_add_param(df, "solver", "cg"))
    pd.testing.assert_frame_equal(new, ps.df_read("calc"))
    assert [p["solver"] for p in ps.df_extract_params(new)] == ["cg"] * 4
    (backup,) = Path().glob("calc.bak_*")
    pd.testing.assert_frame_equal(ps.df_read(backup), df)
    params = [{"x": x, "solver": "cg"} for x in (1, 2, 3)]
    assert len(ps.run_local(func, params, skip_dups=True)) == 4


def test_no_change_makes_no_backup(df):
    before = Path("calc/database.pk").read_bytes()
    ps.edit("calc", lambda df: df.copy())
    assert Path("calc/database.pk").read_bytes() == before
    assert not [*Path().glob("calc.bak_*")]


def test_allowed_changes(df):
    ps.edit("calc", lambda df: df.assign(y=df.y * 2.5, note="new"))
    new = ps.edit("calc", lambda df: df[sorted(df.columns)].sample(frac=1, random_state=0))
    assert list(new)[:3] == ["x", "z", "_run_id"]
    assert list(new)[-3:] == ["note", "y", "_pset_runtime"]
    assert new._pset_seq.tolist() == new.index.tolist() == [0, 1, 2, 3]
    other = ps.run_local(func, [{"x": 9, "w": 1}], calc_dir="other")
    new = ps.edit("calc", lambda df: ps.df_merge(df, other))
    assert ps.df_extract_pset(new, new._pset_id[4]) == {"x": 9, "w": 1}
    ps.edit("calc", lambda df: ps.df_update_pset_hash(df.rename(columns={"x": "position"})))
    df = ps.run_local(lambda p: {"y": 0}, [{"position": 2}], skip_dups=True)
    assert len(df) == 5
    assert ps.check_calc_dir("calc")["hash_not_pset"] == set()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda df: None, "must return the changed DataFrame, not None"),
        (lambda df: df.x, "must return the changed DataFrame"),
        (lambda df: df[df.x > 1], "1 rows are missing.*psweep-rm"),
        (lambda df: df[:0], "4 rows are missing"),
        (lambda df: pd.DataFrame(), "is empty"),
        (lambda df: df.assign(_pset_id="x"), "'x' comes twice"),
        (lambda df: pd.concat([df, df]), "comes twice.*drop_duplicates"),
        (lambda df: df.assign(_pset_id=range(4)), "must be a str, not 0"),
        (lambda df: df.assign(_pset_seq=0), "same '_pset_seq'"),
        (lambda df: df.assign(x=df.x * 10), "df_update_pset_hash"),
        (lambda df: df.assign(_pset_hash="0" * 40), "df_update_pset_hash"),
        (lambda df: df.rename(columns={"x": "position"}), "df_update_pset_hash"),
        (lambda df: pd.concat([pd.Series(1, df.index, name="k"), df], axis=1), "update_pset_hash"),
        (lambda df: df.assign(z=df.z.astype(object).where(df.x > 4, 5)), "df_update_pset_hash"),
        (lambda df: df.drop(columns="_pset_hash"), "lacks the columns \\['_pset_hash'\\]"),
        (lambda df: df.drop(columns="_run_seq"), "lacks the columns"),
        (lambda df: df.assign(_run_seq=np.nan), "'_run_seq' is"),
        (lambda df: df.set_axis(["x", "x", *df.columns[2:]], axis=1), "column named 'x'"),
        (lambda df: df.assign(f=[open(os.devnull)] * 4), "'f'.*cannot be kept"),
        (lambda df: 1 / 0, "division by zero"),
        (lambda df: ps.run_local(func, [{"x": 8}]), "is locked by psweep.edit"),
        (lambda df: ps.edit("calc", lambda df: df), "is locked by psweep.edit"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_change_that_would_break_the_study_is_refused(df, change, said):
    before = Path("calc/database.pk").read_bytes()
    with pytest.raises((ps.PsweepError, ZeroDivisionError), match=said):
        ps.edit("calc", change)
    assert Path("calc/database.pk").read_bytes() == before
    assert not [*Path().glob("calc.bak_*")]
    assert len(ps.run_local(func, [{"x": 7}])) == 5  # the lock is free


def test_columns_that_pandas_cannot_select_rows_of(df):
    ps.edit("calc", lambda df: df.assign(user=np.arange(4, dtype=">i4")))
    assert ps.df_read("calc").user.tolist() == [0, 1, 2, 3]
    assert len(ps.run_local(func, [{"x": 7}])) == 5


def test_where_there_is_nothing_to_edit():
    with pytest.raises(ps.StudyNotFoundError):
        ps.edit("nowhere", lambda df: df)
    assert not Path("nowhere").exists()
    ps.run_local(func, ps.plist("x", [1]), database_basename="database.json")
    with pytest.raises(ps.ParamsTypeError, match="not None"):
        ps.edit("calc", None)
    assert ps.edit("calc", lambda df: df.assign(y=5)).y.tolist() == [5]
    with pytest.raises(ps.ParamsTypeError, match="'f'.*cannot be kept"):
        ps.edit("calc", lambda df: df.assign(f=[func]))


def test_rows_that_did_not_fit_before_do_not_hinder():
    # func returns another value for a parameter
    ps.run_local(lambda pset: {"x": 5, "y": 1}, [{"x": 1}])
    assert len(ps.check_calc_dir("calc")["hash_not_pset"]) == 1
    assert ps.edit("calc", lambda df: df.assign(y=7)).y.tolist() == [7]


def test_a_live_run_keeps_its_numbers(script):
    ps.run_local(func, ps.plist("x", [1]))
    other = ps.run_local(func, ps.plist("x", [2]), calc_dir="other")
    process = script(
        """
        import os, time
        import psweep as ps
        def func(pset):
            open("started", "w").close()
            while not os.path.exists("go"):
                time.sleep(0.01)
            return {"y": 1}
        ps.run_local(func, ps.plist("x", [10, 11]))
        """
    )
    while not Path("started").exists():
        assert process.poll() is None
    with pytest.raises(ps.ParamsError, match="run 1 has, which has not ended"):
        ps.edit("calc", lambda df: ps.df_merge(df, other))
    assert ps.edit("calc", lambda df: df.assign(y=0)).y.tolist() == [0]
    Path("go").touch()
    process.communicate()
    assert process.returncode == 0
    df = ps.edit("calc", lambda df: ps.df_merge(df, other))
    assert df.x.tolist() == [1, 10, 11, 2]
    assert df.y.tolist() == [0, 1, 1, 3]


def test_rows_with_the_hash_of_another_pset_are_found():
    df = ps.run_local(func, [{"x": 1}, {"x": 2}, {"x": 0.5, "k": 3}])
    assert ps.check_calc_dir("calc")["hash_not_pset"] == set()
    changed = df.copy()
    changed.loc[1, "x"] = 20
    assert ps.check_calc_dir("calc", changed)["hash_not_pset"] == {df._pset_id[1]}
    renamed = df.rename(columns={"x": "position"})
    assert ps.check_calc_dir("calc", renamed)["hash_not_pset"] == set(df._pset_id)
    inserted = df.copy()
    inserted.insert(0, "new", 1)
    assert ps.check_calc_dir("calc", inserted)["hash_not_pset"] == set(df._pset_id)
    # a result of one pset that is a parameter of another
    mixed = ps.run_local(lambda p: {"k": 1} if "k" not in p else {}, [{"x": 1}, {"k": 2}])
    assert ps.check_calc_dir("calc", mixed)["hash_not_pset"] == set()


def test_values_that_are_left_alone_keep_their_types():
    """In a column of floats, the hash of a row tells which ones are ints."""
    values = [1, 2, 2.5, 3.0]
    ps.run_local(func, ps.pgrid(x=values, solver=["cg"], k=[0]))

    def params_after(change):
        df = ps.edit("calc", lambda df: ps.df_update_pset_hash(change(df)))
        psets = [ps.df_extract_params(one) for one in (df, ps.df_read("calc"))]
        assert repr(psets[0]) == repr(psets[1])
        return psets[0]

    dropped = params_after(lambda df: df.drop(columns="solver"))
    assert repr(dropped) == repr([{"x": x, "k": 0} for x in values])
    renamed = params_after(lambda df: df.rename(columns={"x": "z"}))
    assert repr(renamed) == repr([{"z": x, "k": 0} for x in values])
    other = params_after(lambda df: df.assign(z=df.z.where(df.z != 2, 0.5), k=1))
    assert repr(other) == repr([{"z": z, "k": 1} for z in [1, 0.5, 2.5, 3.0]])


@pytest.mark.parametrize(
    "value",
    [
        dt.datetime(2024, 1, 1),
        dt.datetime(1, 1, 1, tzinfo=dt.timezone.utc),
        dt.timedelta(seconds=1),
        dt.date(2024, 1, 1),
        np.datetime64("2024-01-01"),
        np.timedelta64("NaT", "s"),
        pd.NaT,
        pd.Interval(0, 1),
        pd.Period("2024-01"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("missing", [False, True])
def test_objects_keep_their_types(value, missing):
    params = [{"n": 1, "t": value}, {"n": 2, **({} if missing else {"t": value})}]

    def func(pset):
        return {"end": [1, 2], "out": pset["t"]} if "t" in pset else {}

    ps.run_local(func, params)
    before = ps.df_read("calc")
    same = ps.edit("calc", lambda df: df)
    pd.testing.assert_frame_equal(same, before)
    assert not [*Path().glob("calc.bak_*")]
    assert list(map(repr, same["out"])) == list(map(repr, before["out"]))
    df = ps.edit("calc", lambda df: ps.df_add_param(df, "solver", "cg"))
    after = ps.df_extract_params(df)
    assert repr(after) == repr([{**pset, "solver": "cg"} for pset in params])
    assert list(map(type, df["out"])) == list(map(type, before["out"]))
    new = [{**pset, "solver": "cg"} for pset in params]
    assert len(ps.run_local(func, new, skip_dups=True)) == 2


def test_what_changes_inside_an_object_is_a_change():
    ps.run_local(lambda pset: {"r": [1, 2]}, [{"x": 1}])

    def change(df):
        df["r"].iloc[0][0] = 5
        return df

    assert ps.edit("calc", change)["r"].tolist() == [[5, 2]]
    assert ps.df_read("calc")["r"].tolist() == [[5, 2]]


def test_number_among_objects_keeps_its_type_when_another_parameter_is_renamed():
    """Such a column holds both ints and floats, so one row does not tell of another."""
    ps.run_local(lambda pset: {"y": 1}, [{"x": 1, "t": "a"}, {"x": "no"}, {"x": 1.0, "z": 2.5}])
    df = ps.edit("calc", lambda df: ps.df_update_pset_hash(df.rename(columns={"z": "w"})))
    assert ps.df_extract_params(df)[2] == {"x": 1.0, "w": 2.5}
    assert df._pset_hash[2] == ps.pset_hash({"x": 1.0, "w": 2.5})


def test_none_is_added_where_other_rows_have_floats():
    ps.run_local(lambda pset: {"y": 1}, [{"x": 1, "c": 0.5}, {"x": 2}])
    df = ps.edit("calc", lambda df: ps.df_add_param(df, "c", None))
    assert ps.df_extract_params(df) == [{"x": 1, "c": 0.5}, {"x": 2, "c": None}]
