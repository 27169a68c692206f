"""Values of NumPy, Arrow, attrs and others: what they hold counts, caches do not."""

from __future__ import annotations

import datetime
import functools
import io
import pickle
import sys
import zoneinfo

import numpy as np
import pandas as pd
import pytest

import psweep as ps


class Seconds(np.float64):
    pass


class Angles(np.ndarray):
    pass


class Polygon:
    @functools.cached_property
    def area(self):
        return 2


def test_subclasses_of_numbers_of_numpy_are_stored_as_what_they_are():
    seconds = Seconds(1.5)
    seconds.unit = "s"
    psets = [{"a": seconds}, {"a": 1.5}, {"a": np.float64(2)}]
    df = ps.run_local(lambda pset: {"y": pset["a"]}, psets)
    params = ps.df_extract_params(ps.df_read("calc"))
    assert [type(pset["a"]) for pset in params][:2] == [Seconds, float]
    assert params[0]["a"].unit == "s"
    assert [*map(ps.pset_hash, params)] == df._pset_hash.tolist() == [*map(ps.pset_hash, psets)]
    assert df._pset_hash.nunique() == 3
    assert len(ps.run_local(lambda _: {}, psets, skip_dups=True)) == 3
    with pytest.raises(ps.ParamsTypeError, match="no form in JSON"):
        ps.run_local(lambda _: {}, psets, calc_dir="json", database_basename="database.json")


def test_attributes_of_arrays_are_stored():
    angles = np.ones(2).view(Angles)
    angles.unit = "deg"
    df = ps.run_local(lambda _: {}, [{"a": angles}])
    found = ps.df_read("calc").a[0]
    assert type(found) is Angles
    assert found.unit == "deg"
    assert ps.pset_hash({"a": found}) == df._pset_hash[0] == ps.pset_hash({"a": angles})


def test_a_cache_that_func_fills_leaves_the_hash_as_it_is():
    pset = {"p": Polygon()}
    for _ in range(2):
        df = ps.run_local(lambda pset: {"y": pset["p"].area}, [pset], skip_dups=True)
    assert len(df) == 1
    assert ps.pset_hash(pset) == ps.pset_hash(ps.df_extract_pset(df, df._pset_id[0]))


def test_functions_that_numpy_vectorizes_count_by_the_function():
    for options in ({}, {"otypes": [float]}, {"cache": True}):
        func = np.vectorize(lambda x: x + 1, **options)
        before = ps.pset_hash({"f": func})
        func([1, 2])
        assert ps.pset_hash({"f": func}) == before
        other = np.vectorize(lambda x: x + 2, **options)
        assert ps.pset_hash({"f": other}) != before
    assert ps.pset_hash({"f": np.vectorize(func.pyfunc)}) != before


def test_arrays_of_arrow_count_by_their_values():
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": [1, 2, 3], "b": ["x", None, "y"]})
    for whole in (*table.columns, table.column(0).chunk(0), table, table.to_batches()[0]):
        part = whole.slice(1, 1)
        again = pa.ipc.open_stream(_written(pa, part)).read_all() if whole is table else None
        alike = [part, whole[1:][:1], pickle.loads(pickle.dumps(part)), again]
        assert len({ps.pset_hash({"v": v}) for v in alike if v is not None}) == 1
        assert ps.pset_hash({"v": part}) != ps.pset_hash({"v": whole.slice(2, 1)})
    letters = pa.array(["x", "y"]).dictionary_encode()
    different = [pa.array([1]), pa.array([1.0]), pa.array([None], pa.int64()), pa.array([1, None]),
                 pa.chunked_array([[1]]), pa.array([float("nan")]), letters, letters[:1],
                 pa.array(["x"]).dictionary_encode(), pa.array([1], pa.int32()), table,
                 table.replace_schema_metadata({"k": "v"}),
                 table.rename_columns(["a", "c"])]  # fmt: skip
    assert len({ps.pset_hash({"v": v}) for v in different}) == len(different)


def _written(pa, table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def test_classes_of_attrs_that_keep_their_hash(monkeypatch):
    attrs = pytest.importorskip("attrs")
    for slots in (True, False):
        cls = attrs.make_class("Config", ["x"], unsafe_hash=True, cache_hash=True, slots=slots)
        cls.__module__ = __name__
        monkeypatch.setattr(sys.modules[__name__], "Config", cls, raising=False)
        one, other = cls(1), cls(1)
        hash(one)
        assert ps.pset_hash({"v": one}) == ps.pset_hash({"v": other})
        assert ps.pset_hash({"v": one}) != ps.pset_hash({"v": cls(2)})


def test_a_zone_from_a_file_is_refused():
    """Its name may be that of another one."""
    start = b"TZif2" + bytes(15 + 16)
    data = start + b"\0\0\0\1" * 2 + bytes(6 + 1)
    data += start + b"\0\0\0\1\0\0\0\4" + bytes(6) + b"UTC\0\nUTC0\n"
    zone = zoneinfo.ZoneInfo.from_file(io.BytesIO(data), key="Europe/Berlin")
    for value in (zone, datetime.datetime(2020, 1, 1, tzinfo=zone), pd.Timestamp("2020", tz=zone)):
        with pytest.raises(ps.HashError):
            ps.pset_hash({"v": value})


def _texts(**kwds):
    return np.array(["a"], dtype=np.dtypes.StringDType(**kwds))


def _titled(title):
    return np.dtype([((title, "x") if title else "x", int)])


def _generators():
    fresh, spawned = np.random.default_rng(1), np.random.default_rng(1)
    spawned.spawn(1)
    return [fresh, spawned]


RARE = {
    "titles of fields": lambda: [_titled("t"), _titled("u"), _titled(None)],
    "arrays with titles": lambda: [np.zeros(2, _titled(title)) for title in ("t", "u", None)],
    "records with titles": lambda: [np.zeros(2, _titled(title))[0] for title in ("t", "u", None)],
    "generators": _generators,
    "bits": lambda: [one.bit_generator for one in _generators()],
    "what is missing in texts": lambda: [
        _texts(),
        _texts(na_object=None),
        _texts(na_object=np.nan),
        _texts(coerce=False),
    ],
}


@pytest.mark.parametrize("name", RARE)
def test_rare_parts_of_values_of_numpy_count(name):
    if "texts" in name and not hasattr(getattr(np, "dtypes", None), "StringDType"):
        return  # these came with NumPy 2.0
    if name in ("generators", "bits") and not hasattr(np.random.Generator, "spawn"):
        return  # this came with NumPy 1.25
    hashes, again = ([ps.pset_hash({"v": value}) for value in RARE[name]()] for _ in range(2))
    assert hashes == again
    assert len(set(hashes)) == len(hashes)
