"""Database files: by suffix, whole or not at all, loadable elsewhere."""

from __future__ import annotations

import json
import os
import pickle
import pickletools
import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from strategies import same

import psweep as ps
from psweep_core.store import portable_pickle as portable
from psweep_core.store.paths import temporary_name
from psweep_core.table import cells as columns

FRAMES = {
    "typical": pd.DataFrame({"i": [1, 2], "f": [0.5, np.nan], "s": ["a", "b"], "b": [True, False]}),
    "empty": pd.DataFrame(),
    "index": pd.DataFrame({"a": [1, 2]}, index=["x", "y"]),
    "sparse index": pd.DataFrame({"a": [1, 2]}, index=[3, 7]),
    "names": pd.DataFrame([[1, 2, 3]], columns=["a", 1, None]),
    "nullable": pd.DataFrame({"i": pd.array([1, None], dtype="Int64"),
                              "b": pd.array([True, None], dtype="boolean")}),
    "objects": pd.DataFrame({"o": pd.Series([None, "x"], dtype=object)}),
    "times": pd.DataFrame({"t": pd.to_datetime(["2020-01-01", None])}).astype("M8[ns]"),
    "complex": pd.DataFrame({"z": [1j, 2]}),
    "no rows": pd.DataFrame({"a": np.array([], dtype="int64")}),
}  # fmt: skip
ONLY_PICKLE = {
    "categories": pd.DataFrame({"c": pd.Categorical(["x", "y", "x"], ordered=True)}),
    "zones": pd.DataFrame({"t": pd.to_datetime(["2020-01-01"]).tz_localize("UTC")}),
    "two of a name": pd.DataFrame([[1, "x"]], columns=["a", "a"]),
    "levels": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
    "named index": pd.DataFrame({"a": [1]}, index=pd.Index([5], name="n")),
    "strings": pd.DataFrame({"s": pd.array(["a", None], dtype="string")}),
    "surrogates": pd.DataFrame({"s": pd.Series(["\ud800"], dtype=object)}),
}


def cases():
    for name, df in FRAMES.items():
        for suffix in (".pk", ".pickle", ".json", ".parquet"):
            yield pytest.param(df, suffix, id=f"{name}{suffix}")
    for name, df in ONLY_PICKLE.items():
        yield pytest.param(df, ".pkl", id=name)


@pytest.mark.parametrize(("df", "suffix"), [*cases()])
def test_what_is_written_is_read(df, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="needs pip install 'psweep-core[parquet]'")
    path = Path("new/folder/db" + suffix)
    ps.df_write(df, path)
    found = ps.df_read(path)
    pd.testing.assert_frame_equal(found, df, check_column_type=False, check_index_type=False)
    ps.df_write(str(path), df)  # swapped, as in psweep 0.8
    pd.testing.assert_frame_equal(
        ps.df_read(str(path)), df, check_column_type=False, check_index_type=False
    )
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".pk", ".json", ".parquet"])
def test_without_rows_the_numbers_of_the_bookkeeping_are_still_numbers(suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="needs pip install 'psweep-core[parquet]'")
    df = ps.run_local(lambda pset: {}, [{"a": 1}], save=False)[:0]
    ps.df_write(df, "empty" + suffix)
    found = ps.df_read("empty" + suffix)
    names = ["_time_utc", "_pset_seq", "_run_seq", "_pset_runtime"]
    assert found[names].dtypes.tolist() == df[names].dtypes.tolist()


def test_the_pickle_names_no_internals_of_pandas_and_numpy():
    df = pd.concat([FRAMES["typical"], FRAMES["nullable"], FRAMES["times"]], axis=1)
    df["o"] = columns.objects([np.arange(2), np.float32(1)])
    df["p"] = columns.objects([pd.Timestamp("2020-01-01", tz="Europe/Berlin"), pd.NA])
    df["q"] = columns.objects([pd.NaT, FRAMES["index"]])
    df["r"] = pd.Categorical(["x", "y"])
    data = portable.dumps(df)
    texts = [arg for _, arg, _ in pickletools.genops(data) if isinstance(arg, str)]
    inside = ("pandas.", "numpy.", "psweep", "pytz", "cloudpickle")
    assert [text for text in texts if text.startswith(inside)] == []
    found = pickle.loads(data)
    pd.testing.assert_frame_equal(found.drop(columns="q"), df.drop(columns="q"))
    assert found.p[0].tz_localize(None) == pd.Timestamp("2020-01-01")
    assert str(found.p[0].tz) == "Europe/Berlin"
    assert found.q[0] is pd.NaT
    found.loc[0, "i"] = 7  # what is read can be written to
    found.o[0][0] = 5


@pytest.mark.parametrize(
    "value",
    [np.float32(1.5), np.int8(3), np.bool_(True), np.datetime64("2020-01-01T00:00:01"),
     np.timedelta64(3, "s"), np.str_("x"), np.array([[1, 2], [3, 4]], order="F"),
     np.array([1, "x", None], dtype=object), np.array([], dtype="f4"),
     np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), np.arange(5)[::2],
     pd.Series([1, 2], name="n"), pd.Timestamp("2020-01-01T01:02:03.123456789")],
    ids=repr,
)  # fmt: skip
def test_values_in_portable_pickles(value):
    found = pickle.loads(portable.dumps([value]))[0]
    assert type(found) is type(value)
    if isinstance(value, pd.Series):
        pd.testing.assert_series_equal(found, value)
    elif value.__class__.__name__ == "ndarray" and value.dtype.kind in "OV":
        assert found.tolist() == value.tolist()
        assert found.dtype == value.dtype
    else:
        assert same(found, value)


def test_a_database_loads_where_psweep_is_not_installed():
    ps.run_local(lambda p: {"x": np.arange(3), "t": "text"}, [{"a": 1}, {"b": None}])
    code = (
        "import sys\n"
        "class No:\n"
        "    def find_spec(self, name, *args):\n"
        "        if name.split('.')[0] in ('psweep', 'cloudpickle', 'filelock'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, No())\n"
        "import pandas\n"
        "print(len(pandas.read_pickle('calc/database.pk')))\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "2\n"


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_damage_anywhere_is_a_database_error(suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="needs pip install 'psweep-core[parquet]'")
    path = Path("db" + suffix)
    ps.df_write(FRAMES["typical"], path)
    whole = path.read_bytes()
    rng = random.Random(1)
    n_errors = 0
    for _ in range(60):
        data = bytearray(whole)
        for place in rng.sample(range(len(data)), 20):
            data[place] = rng.randrange(256)
        path.write_bytes(data)
        try:
            ps.df_read(path)  # that may be as good, with other values
        except ps.DatabaseError:
            n_errors += 1
    assert n_errors > 30


@pytest.mark.parametrize("suffix", [".pk", ".json", ".parquet"])
def test_a_write_that_fails_leaves_the_old_file(suffix, monkeypatch):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="needs pip install 'psweep-core[parquet]'")
    path = Path("db" + suffix)
    ps.df_write(FRAMES["typical"], path)
    before = path.read_bytes()

    def fail(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        ps.df_write(FRAMES["index"], path)
    assert path.read_bytes() == before
    assert [p.name for p in Path().iterdir()] == [path.name]


def test_a_write_keeps_the_mode_of_the_file_and_follows_links(tmp_path):
    ps.df_write(FRAMES["typical"], "real.pk")
    Path("real.pk").chmod(0o640)
    Path("link.pk").symlink_to("real.pk")
    ps.df_write(FRAMES["index"], "link.pk")
    assert Path("link.pk").is_symlink()
    assert Path("real.pk").stat().st_mode & 0o777 == 0o640
    assert len(ps.df_read("real.pk")) == 2


def test_values_that_json_has_no_form_for_are_named():
    df = pd.DataFrame({"a": columns.objects([1, len])})
    for path in ("x.json", "x.parquet"):
        if path == "x.parquet":
            pytest.importorskip("pyarrow", reason="needs pip install 'psweep-core[parquet]'")
        with pytest.raises(ps.ParamsTypeError, match="column 'a'.*len.*\\.pk"):
            ps.df_write(df, path)
        assert not Path(path).exists()


def test_json_is_text_that_others_can_read():
    df = ps.run_local(lambda p: {"r": 0.1 + 0.2}, [{"a": 1, "s": "x"}, {"b": None}])
    text = ps.df_to_json(df, indent=1)
    obj = json.loads(text)
    assert obj["columns"][:3] == ["a", "s", "b"]
    assert obj["data"][0][:3] == [1, "x", None]
    assert obj["data"][1][2] == {"__py__": "None"}
    assert obj["data"][0][-2] == 0.30000000000000004
    Path("x.json").write_text(text)
    pd.testing.assert_frame_equal(ps.df_read("x.json"), df)
    theirs = pd.read_json("x.json", orient="split")
    assert theirs.r.tolist() == pytest.approx([0.3, 0.3])


UNKNOWN_TAG = '{"columns": ["a"], "index": [0], "data": [[{"__py__": "code"}]]}'


@pytest.mark.parametrize("text", ["[1]", "{}", "nonsense", UNKNOWN_TAG])
def test_json_that_is_no_database(text):
    Path("x.json").write_text(text)
    with pytest.raises(ps.DatabaseError, match=r"x\.json is damaged"):
        ps.df_read("x.json")


def test_zones_come_back_from_json():
    moment = pd.Timestamp("2020-06-01T12:00:00.000000001", tz="Europe/Berlin")
    df = ps.run_local(lambda p: {}, [{"t": moment}], database_basename="database.json")
    found = ps.df_extract_params(ps.df_read("calc"))[0]["t"]
    assert found == moment
    assert str(found.tz) == "Europe/Berlin"
    assert ps.pset_hash({"t": found}) == df._pset_hash[0]


def test_parquet_of_others_is_read():
    pytest.importorskip("pyarrow", reason="needs pip install 'psweep-core[parquet]'")
    pd.DataFrame({"a": [1, 2]}).to_parquet("x.parquet")
    assert ps.df_read("x.parquet").a.tolist() == [1, 2]


def test_parquet_without_pyarrow_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ps.NotInstalledError, match="pip install 'psweep-core\\[parquet\\]'"):
        ps.df_write(FRAMES["typical"], "x.parquet")


def test_small_file_helpers():
    ps.file_write("a/b/text.txt", "ünï\n")
    assert ps.file_read("a/b/text.txt") == "ünï\n"
    ps.file_write("a/b/text.txt", "more", mode="a")
    assert ps.file_read("a/b/text.txt") == "ünï\nmore"
    with pytest.raises(FileExistsError):
        ps.file_write("a/b/text.txt", "", mode="x")
    ps.json_write("j/x.json", {"a": [1, None]}, indent=2)
    assert ps.json_read("j/x.json") == {"a": [1, None]}
    ps.pickle_write("p/x.pk", {"a": (1, {2})})
    assert ps.pickle_read("p/x.pk") == {"a": (1, {2})}


def test_rests_of_killed_writers_are_cleared_away():
    ps.run_local(lambda p: {}, [{"a": 1}])
    rest = Path("calc") / temporary_name("database.pk", 12345)
    rest.write_bytes(b"half")
    ps.run_local(lambda p: {}, [{"a": 2}])
    assert not rest.exists()
    assert len(ps.df_read("calc")) == 2


def test_a_home_folder_is_expanded_everywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    ps.run_local(lambda p: {"b": 2}, [{"a": 1}], calc_dir="~/study-1.0")
    df = ps.df_read("~/study-1.0")
    for name in ("eval.pk", "eval.json"):
        ps.df_write(df, f"~/{name}")
        assert len(ps.df_read(f"~/{name}")) == 1
    ps.file_write("~/a.txt", "a")
    ps.pickle_write("~/a.pk", 1)
    ps.json_write("~/a.json", 2)
    read = ps.file_read("~/a.txt"), ps.pickle_read("~/a.pk"), ps.json_read("~/a.json")
    assert read == ("a", 1, 2)
    assert {path.name for path in tmp_path.iterdir()} == {"home"}


class _Model:
    @classmethod
    def make(cls):
        return cls()


class _Other(_Model):
    pass


def test_a_classmethod_is_written_by_its_name():
    values = [Fraction.from_float, _Model.make, _Other.make]
    data = portable.dumps(values)
    assert b"CodeType" not in data
    assert pickle.loads(data) == values


def test_a_classmethod_of_a_script_comes_along():
    text = "class Model:\n    @classmethod\n    def make(cls): return cls.__name__\n"
    space = {"__name__": "__main__"}
    exec(text, space)
    assert pickle.loads(portable.dumps(space["Model"].make))() == "Model"


def test_parquet_is_read_without_what_may_abort_the_program(monkeypatch):
    """A third of `python -c "read_table(open(...))"` is aborted by pyarrow 26."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pip install pyarrow")
    ps.run_local(lambda p: {"y": 1}, ps.plist("x", [1, 2]), database_basename="database.parquet")
    monkeypatch.delattr(parquet, "read_table")
    assert ps.df_read("calc/database.parquet").x.tolist() == [1, 2]
