"""Bookkeeping that the user has changed, by `ps.edit` or in a file."""

from __future__ import annotations

import pandas as pd
import pytest

import psweep as ps
from psweep_core.run_status import run_states
from psweep_core.table.outcomes import failed_rows

PARAMS = ps.plist("a", [1, 2, 3])


def func(pset):
    return {"y": 1 / (pset["a"] - 2)}


@pytest.fixture
def df(capsys):
    df = ps.run_local(func, PARAMS, on_error="record")
    capsys.readouterr()
    return df


@pytest.mark.parametrize("kind", [int, float, str, object, "Int64", "string", "boolean"])
def test_failed_may_have_another_dtype(df, kind):
    """As after `fillna(0).astype(int)`, or a CSV file."""
    ps.df_write(df.assign(_failed=df._failed.astype(kind)), "calc/database.pk")
    df = ps.run_local(func, [{"a": 4}], on_error="record")
    assert failed_rows(df).tolist() == [False, True, False, False]
    assert ps.df_stats(df).n_failed.tolist() == [0, 1, 0, 0]
    assert ps.df_latest(df).a.tolist() == [1, 2, 3, 4]
    assert ps.df_runs("calc").n_failed.tolist() == [1, 0]
    again = ps.run_local(func, PARAMS, on_error="record", skip_dups=True)
    assert again.a.tolist() == [1, 2, 3, 4, 2]
    ps.report("calc")


def test_failed_that_is_neither_true_nor_false_is_named(df):
    with pytest.raises(ps.DatabaseError, match="'_failed' holds 'yes'.*correct it"):
        ps.df_stats(df.assign(_failed="yes"))
    with pytest.raises(ps.DatabaseError, match="'_failed' holds 'yes'.*correct it"):
        ps.edit("calc", lambda df: df.assign(_failed="yes"))


ODD = {
    "_time_utc": [0, 1.5, "soon", None, pd.NaT],
    "_pset_runtime": ["x", pd.Timedelta(1, "s")],
    "_run_id": [3, None],
}
CASES = [(name, value) for name, values in ODD.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_edit_refuses_what_nobody_could_read(df, name, value):
    with pytest.raises(ps.ParamsTypeError, match=f"the {name} of a row is .*, not a "):
        ps.edit("calc", lambda df: df.assign(**{name: value}))
    assert ps.df_read("calc").equals(df)


@pytest.mark.parametrize(("name", "value"), CASES)
def test_a_study_with_odd_bookkeeping_stays_usable(df, name, value, capsys):
    ps.df_write(df.assign(**{name: value}), "calc/database.pk")
    df = ps.run_local(func, [{"a": 4}], on_error="record", backup=True)
    assert len(df) == 4
    ps.run_local(func, [{"a": 5}], simulate=True)
    assert "1 would run" in capsys.readouterr().err
    ps.report("calc")
    assert len(run_states("calc")) == 2
    assert ps.edit("calc", lambda df: df.assign(mark=1)).mark.tolist() == [1] * 4
    assert len(ps.run_local(func, [{"a": 4}], skip_dups=True)) == 4


@pytest.mark.parametrize("value", [None, "first", float("nan")])
def test_a_number_that_is_none_is_named_by_all_who_need_it(df, value, capsys):
    df = df.astype({"_run_seq": object})
    df.loc[1, "_run_seq"] = value
    ps.df_write(df, "calc/database.pk")
    for function in (run_states, ps.report, lambda _: ps.df_latest(df), lambda _: ps.df_merge(df)):
        with pytest.raises(ps.DatabaseError, match="_run_seq' is .* instead of a number"):
            function("calc")


def test_times_of_a_csv_file_are_read(df):
    ps.df_write(df.assign(_time_utc=df._time_utc.astype(str)), "calc/database.pk")
    ps.run_local(func, [{"a": 4}], backup=True)
    assert len(run_states("calc")) == 2
    ps.report("calc")
    ps.edit("calc", lambda df: df.assign(mark=1))
