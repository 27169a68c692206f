"""Guarantees 6, 9 and 11: whatever is put into a database, the database can be read again."""

from __future__ import annotations

import json
import pickle
import pickletools
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kinds import COLUMNS, DATA, OBJECTS, described
from strategies import same

import psweep as ps
from psweep_core import cli
from psweep_core.store import json_values
from psweep_core.store import portable_pickle as portable

pytestmark = pytest.mark.slow  # there are many of them

SUFFIXES = (".pk", ".json", ".parquet")
SLOW = pytest.mark.slow
PARQUET = pytest.param(".parquet", marks=SLOW)
OLD = Path(__file__).parents[1] / "data"


def need(suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="needs pip install 'psweep-core[parquet]'")


def with_column(name):
    df = pd.DataFrame({"first": [1, 2, 3]})
    df["column"] = pd.Series(COLUMNS[name]).set_axis(df.index)
    return df


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_in_a_pickle(name):
    df = with_column(name)
    ps.df_write(df, "x.pk")
    found = pd.read_pickle("x.pk")
    assert described(found) == described(df)
    assert described(ps.df_read("x.pk")) == described(df)
    ps.df_write(df[:0], "empty.pk")
    assert str(ps.df_read("empty.pk").dtypes.column) == str(df.dtypes.column)


@pytest.mark.parametrize("name", [*COLUMNS, *OBJECTS])
def test_a_pickle_names_only_public_places_of_pandas_and_numpy(name):
    obj = with_column(name) if name in COLUMNS else OBJECTS[name]
    texts = [arg for _, arg, _ in pickletools.genops(portable.dumps(obj)) if isinstance(arg, str)]
    inside = ("pandas.", "numpy.core", "numpy._core", "pytz", "pyarrow.lib")
    assert [text for text in texts if text.startswith(inside)] == []


@pytest.mark.parametrize("suffix", [".pk", pytest.param(".json", marks=SLOW), PARQUET])
@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_that_a_user_adds_to_a_study(name, suffix):
    need(suffix)
    ran = []

    def func(pset):
        ran.append(pset)
        return {"y": 1}

    base = "database" + suffix
    df = ps.run_local(func, [{"a": i} for i in range(3)], database_basename=base)
    df["user"] = pd.Series(COLUMNS[name]).set_axis(df.index)
    ran.clear()
    given = None if suffix == ".pk" else df
    if given is None:
        df.to_pickle("calc/database.pk")
    try:
        df = ps.run_local(func, [{"a": 3}], df=given, database_basename=base)
    except ps.ParamsTypeError as error:
        assert "'user'" in str(error)
        assert suffix != ".pk"
        assert ran == []
        assert len(ps.df_read("calc")) == 3
        return
    # and once more, since what was written must be good for the next run, too
    df = ps.run_local(func, [{"a": 4}], database_basename=base)
    found = ps.df_read("calc")
    assert len(found) == len(df) == 5
    assert str(found.user.dtype) == str(df.user.dtype)
    assert ps.df_extract_params(found) == [{"a": i} for i in range(5)]
    if suffix == ".pk":
        values = [repr(value) for value in pd.Series(COLUMNS[name]) if not is_missing(value)]
        assert [repr(v) for v in found.user[:3] if not is_missing(v)][: len(values)] == values or (
            [*found.user[:3].dropna()] == [*pd.Series(COLUMNS[name]).dropna()]
        )


def is_missing(value):
    return pd.api.types.is_scalar(value) and pd.isna(value)


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
@pytest.mark.parametrize("name", DATA)
def test_data_in_json_and_parquet(name, suffix):
    need(suffix)
    value = DATA[name]
    pset = {"a": value, "b": [value], "c": {"d": value}}
    df = ps.run_local(lambda _: {"y": value}, [pset], database_basename="database" + suffix)
    found = ps.df_read("calc")
    read = ps.df_extract_params(found)[0]
    assert described(read["b"]) == described(pset["b"])
    assert described(read["c"]["d"]) == described(value)
    assert ps.pset_hash(read) == df._pset_hash[0] == ps.pset_hash(pset)
    assert described(json_values.decode(json.loads(json.dumps(json_values.encode(value, ""))))) == (
        described(value)
    )


@pytest.mark.parametrize("suffix", [".json", PARQUET])
@pytest.mark.parametrize("name", OBJECTS)
def test_what_is_no_data_is_refused_by_json_and_parquet(name, suffix):
    need(suffix)
    ran = []
    base = "database" + suffix
    for value in (OBJECTS[name], [OBJECTS[name]], {"k": (OBJECTS[name],)}):
        with pytest.raises(ps.ParamsTypeError, match="params\\[1\\]"):
            ps.run_local(ran.append, [{"a": 0}, {"a": value}], database_basename=base)
        assert ran == []
    df = ps.run_local(
        lambda pset: {"y": OBJECTS[name] if pset["a"] else 2},
        [{"a": 0}, {"a": 1}, {"a": 0}],
        database_basename=base,
        on_error="record",
    )
    assert df._failed.tolist() == [False, True, False]
    assert "ResultError" in df._exc_txt[1]
    assert len(ps.df_read("calc")) == 3


@pytest.mark.parametrize("name", [*DATA, *OBJECTS])
def test_values_in_a_pickle(name):
    value = {**DATA, **OBJECTS}[name]
    assert described(pickle.loads(portable.dumps([value]))) == described([value])
    ps.run_local(lambda _: {"y": [value]}, [{"a": 1}])
    ps.run_local(lambda _: {"y": value}, [{"a": 2}])
    assert described(pd.read_pickle("calc/database.pk").y[0]) == described([value])
    assert len(ps.df_read("calc")) == 2


def test_attrs_are_kept():
    df = pd.DataFrame({"a": [1]})
    df.attrs["unit"] = {"a": "m"}
    ps.df_write(df, "x.pk")
    assert pd.read_pickle("x.pk").attrs == {"unit": {"a": "m"}}


class Unreadable:
    def __reduce__(self):
        return int, ("no number",)


class Unwritable:
    def __reduce__(self):
        message = "stays here"
        raise TypeError(message)


@pytest.mark.parametrize("value", [Unreadable(), Unwritable()], ids=["unreadable", "unwritable"])
def test_a_column_that_cannot_be_kept_is_refused_before_func_runs(value):
    ran = []

    def func(pset):
        ran.append(pset)
        return {}

    df = ps.run_local(func, [{"a": 1}, {"a": 2}])
    before = Path("calc/database.pk").read_bytes()
    ran.clear()
    bad = df.assign(user=pd.Series([value, None], dtype=object))
    with pytest.raises(ps.ParamsTypeError, match="column 'user' .*cannot be kept"):
        ps.run_local(func, [{"a": 3}], df=bad)
    with pytest.raises(ps.ParamsTypeError, match="column 'user' .*cannot be kept"):
        ps.df_write(bad, "calc/database.pk")
    assert ran == []
    assert Path("calc/database.pk").read_bytes() == before
    names = sorted(p.name for p in Path("calc").iterdir())
    assert names == [".psweep", "database.pk", "runs.jsonl"]
    assert len(ps.run_local(func, [{"a": 3}])) == 3


def test_tables_of_values_and_names_that_are_hard_to_print(capsys):
    ps.run_local(
        lambda _: {
            "huge": 7**9000,
            "half": "\ud800",
            "z": np.clongdouble(1 + 2j),
            "t": np.datetime64(5, "25s"),
        },
        [{"a": 1, None: 2, 1: 3, "1": 4}],
    )
    assert cli.db2table(["calc/database.pk"]) == 0
    table = capsys.readouterr().out
    names, _, values = table.splitlines()
    assert names.split() == ["a", "None", "1", "1", "huge", "half", "z", "t"]
    assert values.split() == [
        "1",
        "2",
        "3",
        "4",
        "<int>",
        "\\ud800",
        "(1+2j)",
        "1970-01-01T00:02:05",
    ]
    ps.df_print(ps.df_read("calc"))
    names, values = capsys.readouterr().out.splitlines()
    assert values.split()[:6] == ["1", "2", "3", "4", "<int>", "\\ud800"]


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def test_a_result_that_was_just_shallow_enough_for_a_worker_is_in_the_database():
    limit = sys.getrecursionlimit()
    params = [{"depth": depth} for depth in range(limit // 4, limit // 2, 10)]
    df = ps.run_local(
        lambda pset: {"y": nested(pset["depth"])}, params, poolsize=1, on_error="record"
    )
    assert not df._failed[0]
    found = ps.df_read("calc")
    assert found._failed.tolist() == df._failed.tolist()
    for failed, depth, value in zip(found._failed, found.depth, found.y, strict=True):
        assert failed or value == nested(depth)


def test_a_result_that_cannot_be_read_again_fails_alone():
    df = ps.run_local(
        lambda pset: {"y": Unreadable() if pset["a"] == 1 else pset["a"]},
        [{"a": 0}, {"a": 1}, {"a": 2}],
        on_error="record",
    )
    assert df._failed.tolist() == [False, True, False]
    assert len(pd.read_pickle("calc/database.pk")) == 3


def test_json_and_parquet_have_the_dtypes_of_the_returned_frame():
    for suffix in SUFFIXES[1:]:
        need(suffix)
        base = f"database{suffix}"
        df = ps.run_local(lambda _: {}, [{"a": 1}], calc_dir=suffix[1:], database_basename=base)
        df["small"] = np.array([3], dtype=np.int8)
        df["kind"] = pd.Categorical(["x"])
        df = ps.run_local(lambda _: {}, [{"a": 2}], df=df, calc_dir=suffix[1:],
                          database_basename=base)  # fmt: skip
        pd.testing.assert_frame_equal(ps.df_read(f"{suffix[1:]}/{base}"), df)


def test_parquet_of_two_columns_of_one_name():
    need(".parquet")
    names = pd.Index(["a", "a", "\ud800"], dtype=object)
    df = pd.DataFrame([[1, "x", 3]], columns=names)
    ps.df_write(df, "x.parquet")
    assert ps.df_read("x.parquet").iloc[0].tolist() == [1, "x", 3]
    assert list(ps.df_read("x.parquet").columns) == ["a", "a", "\ud800"]


def test_a_list_that_contains_itself_has_no_form_in_json():
    endless = []
    endless.append(endless)
    with pytest.raises(ps.ParamsTypeError, match="more than 150 containers"):
        ps.df_write(pd.DataFrame({"a": [1], "b": [[endless]]}), "x.json")
    deep = []
    for _ in range(140):
        deep = [deep]
    ps.df_write(pd.DataFrame({"a": [1], "b": [deep]}), "x.json")
    assert ps.df_read("x.json").b[0] == deep


ARRAYS = [
    {"dtype": "<U400000000", "shape": [1], "v": ["x"]},
    {"dtype": "|S400000000", "shape": [1], "v": [{"__py__": "bytes", "v": ""}]},
    {"dtype": "|V400000000", "shape": [1], "v": ["x"]},
    {"dtype": "|O", "shape": [1], "v": ["x"]},
    {"dtype": "i4,i4", "shape": [1], "v": [[1, 2]]},
    {"dtype": "(1000,1000,1000)i4", "shape": [1], "v": [1]},
    {"dtype": "<i8", "shape": [-1], "v": [1]},
    {"dtype": "<i8", "shape": [10**10], "v": [1]},
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: array["dtype"])
def test_an_array_that_asks_for_more_memory_than_it_has_data_is_refused(array):
    text = {"columns": ["a"], "index": [0], "data": [[{"__py__": "ndarray", **array}]]}
    Path("x.json").write_text(json.dumps(text))
    with pytest.raises(ps.DatabaseError, match=r"x\.json is damaged"):
        ps.df_read("x.json")


class Trap:
    """Code that a file of journals may hold."""

    def __reduce__(self):
        return Path.touch, (Path("trapped"),)


def test_the_error_for_damaged_json_reads_no_journal():
    folder = Path("calc/.psweep/database.json")
    folder.mkdir(parents=True)
    ps.run_local(lambda _: {}, [{"a": 1}], database_basename="database.json")
    from psweep_core.store.records import record

    (folder / "7.x.0.journal").write_bytes(record(pickle.dumps(Trap())))
    Path("calc/database.json").write_text("{")
    with pytest.raises(ps.DatabaseError, match="is damaged"):
        ps.df_read("calc/database.json")
    assert not Path("trapped").exists()


def test_a_pickle_that_only_pandas_can_read():
    path = OLD / "pandas-1.5.pk"
    with pytest.raises(Exception, match="pandas.core.indexes.numeric|numpy.core"):
        pickle.loads(path.read_bytes())
    df = ps.df_read(path)
    assert df.a.tolist() == [2, 3]
    assert df.index.tolist() == [1, 2]
    assert df._time_utc[1] == pd.Timestamp("2023-01-01")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("version", ["pandas-2.0", "pandas-3.1"])
def test_files_that_an_earlier_psweep_wrote(version, suffix):
    need(suffix)
    df = ps.df_read(OLD / (version + suffix))
    first, second = ps.df_extract_params(df)
    assert first["i"] == 1
    assert first["n"] is None
    assert first["t"] == (1, "a")
    assert second["z"] == 1j
    assert str(second["when"].tz) == "Europe/Berlin"
    assert same(df.y[1], np.arange(2))
    if suffix == ".pk":
        assert df.c.cat.ordered
        assert df.u[0] == pd.Timestamp("2020-01-01", tz="UTC")
        assert str(df.p.dtype) == "period[D]"
        assert df.Int8[0] == 1
        assert df.text[0] == "a"


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("value", [pd.NaT, pd.NA, None, float("nan"), pd.Timestamp(0)], ids=repr)
def test_a_pset_stays_what_it_was_when_a_later_run_lacks_its_parameter(suffix, value):
    need(suffix)
    for pset in ({"a": value}, {"b": 3}):
        df = ps.run_local(lambda p: {}, [pset], database_basename=f"database{suffix}")
    for found in (df, ps.df_read("calc")):
        psets = [ps.df_extract_pset(found, pset_id) for pset_id in found._pset_id]
        assert [ps.pset_hash(pset) for pset in psets] == df._pset_hash.tolist()
        assert ps.pset_hash(psets[0]) == ps.pset_hash({"a": value})
