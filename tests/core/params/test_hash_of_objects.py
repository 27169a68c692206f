"""Values of NumPy, Arrow, attrs and others: what they hold counts, caches do not."""

from __future__ import annotations

import datetime
import functools
import importlib.util
import io
import pickle
import subprocess
import sys
import textwrap
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


def test_tensors_count_by_their_values(script):
    """In a program of its own: torch's threads would forbid later tests to fork workers."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("needs pip install torch")
    code = """
        import pickle
        import sys
        import torch
        import psweep as ps

        def hash_of(value):
            return ps.pset_hash({"v": value})

        torch.manual_seed(0)
        grid, z = torch.arange(6).reshape(2, 3), torch.tensor([1 + 2j])
        alike = [
            (grid.t(), grid.t().contiguous()),
            (torch.arange(6)[::2], torch.tensor([0, 2, 4])),
            (z.conj(), torch.tensor([1 - 2j])),
            (torch.ones(2, requires_grad=True) * 1, torch.ones(2, requires_grad=True)),
        ]
        for one, other in alike:
            assert hash_of(one) == hash_of(other), (one, other)

        class Tagged(torch.Tensor):
            pass

        tagged = torch.ones(2).as_subclass(Tagged), torch.ones(2).as_subclass(Tagged)
        tagged[1].tag = 1
        different = [
            torch.ones(2), torch.ones(3), torch.ones(2, 1), torch.ones(2, dtype=torch.float64),
            torch.ones(2, dtype=torch.bfloat16), torch.zeros(2), torch.tensor(1), torch.tensor(1.0),
            torch.tensor([float("nan")]), torch.tensor([]), torch.zeros(0, 3),
            torch.ones(2, requires_grad=True), torch.nn.Parameter(torch.ones(2)), *tagged,
            torch.ones(2, device="meta"), torch.eye(2).to_sparse(), torch.zeros(2, 2).to_sparse(),
            torch.nn.Linear(2, 2), torch.nn.Linear(2, 2), torch.nn.LSTM(2, 2), torch.nn.ReLU(),
            torch.nn.Linear(1, 1).state_dict(), torch.distributions.Normal(0.0, 1.0),
            torch.Generator().manual_seed(1), torch.Generator().manual_seed(2), torch.nn.ReLU,
            torch.relu, torch.tanh, torch.nn.functional.relu, torch.float32, torch.device("cpu"),
            torch.channels_last, torch.contiguous_format,
        ]
        hashes = list(map(hash_of, different))
        assert len(set(hashes)) == len(different)
        assert hashes == [hash_of(pickle.loads(pickle.dumps(v))) for v in different]
        # NumPy and pickle do not have this type.
        small = [torch.tensor(x).to(torch.float8_e5m2) for x in (1.0, [1.0], [1.0], [2.0])]
        assert len(set(map(hash_of, small))) == 3

        calc, psets = sys.argv[1], [{"v": v} for v in different]
        df = ps.run_local(lambda pset: {}, psets, calc_dir=calc)
        again = ps.df_read(calc)
        for i, row in again.iterrows():
            pset = ps.df_extract_pset(again, row._pset_id)
            assert ps.pset_hash(pset) == row._pset_hash == hashes[i] == df._pset_hash[i], pset
        df = ps.run_local(lambda pset: {}, psets, calc_dir=calc, skip_dups=True)
        assert len(df) == len(different)
        print(hash_of(torch.arange(3)))
    """
    outputs = {script(code, calc, wait=True) for calc in ("one", "two")}
    assert len(outputs) == 1, outputs


def test_functions_of_numba_count_by_the_function(tmp_path):
    if importlib.util.find_spec("numba") is None:
        pytest.skip("needs pip install numba")
    (tmp_path / "study.py").write_text(
        textwrap.dedent(
            """
            import numba, pickle, sys
            import psweep as ps

            @numba.njit
            def kernel(x):
                return x + 1

            def make(n):
                return numba.njit(lambda x: x + n)

            def hashes():
                values = [kernel, make(1), make(2), numba.njit(parallel=True)(make(1).py_func),
                          lambda x: kernel(x)]
                found = [ps.pset_hash({"v": v}) for v in values]
                assert len(set(found)) == len(values)
                assert ps.pset_hash({"v": make(1)}) == found[1]
                make(1)(1)
                return found

            if __name__ == "__main__":
                psets = [{"v": v} for v in (kernel, make(1), lambda x: kernel(x))]
                print(hashes())
                df = ps.run_local(lambda pset: {"y": pset["v"](1)}, psets, skip_dups=True)
                assert df.y.tolist() == [2, 2, 2], df
            """
        )
    )
    outputs = {
        subprocess.run(
            [sys.executable, *args], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for args in (["study.py"], ["study.py"], ["-c", "import study; print(study.hashes())"])
    }
    assert len(outputs) == 1, outputs
    df = ps.df_read(tmp_path / "calc")
    assert [ps.pset_hash(ps.df_extract_pset(df, i)) for i in df._pset_id] == df._pset_hash.tolist()


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
