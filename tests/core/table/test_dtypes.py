"""The same values have the same dtype wherever they are: in memory, on disk, in other processes."""

from __future__ import annotations

import enum
import itertools
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from strategies import same

import psweep as ps

pytestmark = pytest.mark.untraced

MISSING = "(missing)"
KINDS = {
    "int": 7, "float": 2.5, "np.int64": np.int64(3), "np.float64": np.float64(1.5),
    "np.float32": np.float32(0.1), "bool": True, "np.bool_": np.bool_(True), "str": "x",
    "np.str_": np.str_("y"), "None": None, "missing": MISSING,
}  # fmt: skip
BOOLS = {"bool", "np.bool_"}
NUMBERS = {"int", "float", "np.int64", "np.float64", "np.float32"}
PAIRS = [*itertools.product(KINDS, KINDS)]
TRIPLES = [*itertools.product(KINDS, KINDS, KINDS)]


def columns_of(kinds, place, prefix):
    """The cells of one row: a column for each combination of kinds."""
    return {
        prefix + " ".join(some): KINDS[some[place]]
        for some in kinds
        if KINDS[some[place]] is not MISSING
    }


def results_of_pairs(pset):
    return columns_of(PAIRS, pset["row"], "r ")


def results_of_triples(pset):
    return columns_of(TRIPLES, pset["row"], "r ")


def read_elsewhere(*paths):
    """What another process reads."""
    code = (
        "import sys, pickle, psweep as ps; "
        "sys.stdout.buffer.write(pickle.dumps([ps.df_read(p) for p in sys.argv[1:]]))"
    )
    found = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, check=True)
    return pickle.loads(found.stdout)


def is_numeric(df, name):
    return name in df and pd.api.types.is_numeric_dtype(df[name].dtype)


def params_of(n, kinds=PAIRS):
    return [{"row": i, **columns_of(kinds, i, "p ")} for i in range(n)]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".pk", ".json", ".parquet"])
def test_dtypes_in_memory_are_those_on_disk(suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="needs pip install 'psweep-core[parquet]'")
    params = params_of(2)
    returned = {}
    for poolsize, runs in itertools.product([None, 2], [1, 2]):
        calc_dir = f"calc_{poolsize}_{runs}"
        options = {"poolsize": poolsize, "database_basename": "database" + suffix}
        for part in [params] if runs == 1 else [params[:1], params[1:]]:
            df = ps.run_local(results_of_pairs, part, calc_dir=calc_dir, **options)
        assert_frame_equal(df, ps.df_read(calc_dir))
        assert_frame_equal(df, ps.df_read(f"{calc_dir}/database{suffix}"))
        if suffix == ".pk":
            assert_frame_equal(df, pd.read_pickle(f"{calc_dir}/database.pk"))
        returned[calc_dir] = df
    for df, found in zip(returned.values(), read_elsewhere(*returned), strict=True):
        assert_frame_equal(df, found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kinds", "func"),
    [
        (PAIRS, results_of_pairs),
        pytest.param(TRIPLES, results_of_triples, marks=pytest.mark.slow),
    ],
)
def test_dtypes_do_not_depend_on_the_number_of_runs_nor_on_what_is_saved(kinds, func):
    n = len(kinds[0])
    params = params_of(n, kinds)
    df = ps.run_local(func, params)
    dtypes = df.dtypes
    unsaved = ps.run_local(func, params, save=False)
    pd.testing.assert_series_equal(dtypes, unsaved.dtypes)
    ps.df_write(unsaved, "eval.pk")
    assert_frame_equal(unsaved, ps.df_read("eval.pk"))
    parts = saved = with_df = None
    for pset in params:
        parts = ps.run_local(func, [pset], parts, save=False)
        saved = ps.run_local(func, [pset], calc_dir="parts")
        with_df = ps.run_local(func, [pset], with_df, calc_dir="with_df")
        assert_frame_equal(with_df, ps.df_read("with_df"))
    for some in (parts, saved, with_df):
        pd.testing.assert_series_equal(dtypes.sort_index(), some.dtypes.sort_index())


def test_columns_are_numeric_wherever_pandas_made_them_so_from_rows():
    df = ps.run_local(results_of_pairs, params_of(2), save=False)
    lost = []
    for pair in PAIRS:
        rows = [{"z": 1, **({} if KINDS[k] is MISSING else {"v": KINDS[k]})} for k in pair]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of pandas 2, about None alone
            joined = pd.concat([pd.DataFrame([row]) for row in rows])
        of_bools = BOOLS & {*pair} and NUMBERS & {*pair}
        for name in ("p " + " ".join(pair), "r " + " ".join(pair)):
            if is_numeric(joined, "v") and not is_numeric(df, name):
                lost.append((name, of_bools))
    # True among numbers would be 1.
    assert all(of_bools for _, of_bools in lost), lost


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([0, np.mean([1, 2])], "float64"), ([np.float64(1.5), 2], "float64"),
        ([np.int32(1), np.float32(0.5), 2.5], "float64"), ([None, 1.5], "float64"),
        ([1.5, None], "float64"), ([1, 2.5, None], "float64"), ([None, np.float32(2)], "float64"),
        ([1, None], "object"), ([True, 1], "object"), ([True, None], "object"),
        ([True, 1.5], "object"), ([None, None], "object"), (["x", None], "object"),
        ([np.uint8(1), 2], "int64"), ([np.bool_(True), False], "bool"),
        ([np.complex64(1j), 2j], "complex128"), ([2**53 + 1, np.float64(0.5)], "object"),
        ([pd.Timestamp("2020").as_unit("us")] * 2, "datetime64[us]"),
        ([pd.Timedelta(1, "s").as_unit("s")] * 2, "timedelta64[s]"),
        ([pd.Timestamp("2020").as_unit("us"), pd.Timestamp("2020").as_unit("s")], "object"),
        ([pd.Timestamp("2020", tz="UTC")] * 2, "object"),
    ],
)  # fmt: skip
def test_dtypes_of_mixed_values(values, dtype):
    params = [{"a": value} for value in values]
    for runs in ([params], [params[:1], params[1:]]):
        df = None
        for part in runs:
            df = ps.run_local(lambda p: {"r": p["a"]}, part, df, save=False)
        assert str(df.a.dtype) == str(df.r.dtype) == dtype
        assert all(map(same, ps.df_extract_params(df), params))
        ps.df_write(df, "eval.pk")
        assert_frame_equal(df, ps.df_read("eval.pk"))
        assert all(map(same, ps.df_extract_params(ps.df_read("eval.pk")), params))


@pytest.mark.parametrize("pair", PAIRS, ids=" ".join)
def test_psets_of_all_pairs_come_back_with_their_types(pair):
    params = [{"row": i, **columns_of([pair], i, "")} for i in range(2)]
    for runs in ([params], [params[:1], params[1:]]):
        df = None
        for part in runs:
            df = ps.run_local(lambda _: {}, part, df, save=False)
        for pset_id, sha, pset in zip(df._pset_id, df._pset_hash, params, strict=True):
            found = ps.df_extract_pset(df, pset_id)
            assert same(found, pset)
            assert ps.pset_hash(found) == ps.pset_hash(pset) == sha


def test_none_nan_and_missing_are_told_apart_among_floats():
    values = [None, float("nan"), 1.5, 2]
    params = [{"a": value} for value in values] + [{"b": 1}]

    def func(pset):
        return {"r": pset["a"]} if "a" in pset else {}

    for suffix in (".pk", ".json"):
        df = ps.run_local(func, params, database_basename="database" + suffix, calc_dir=suffix[1:])
        for found in (df, ps.df_read(suffix[1:])):
            assert found.a.dtype == found.r.dtype == float
            assert found.r.isna().tolist() == [True, True, False, False, True]
            assert found.r.mean() == 1.75
            assert all(map(same, ps.df_extract_params(found), params))
            rows = [ps.df_extract_row(found, pset_id) for pset_id in found._pset_id]
            assert rows[0].r is None
            assert np.isnan(rows[1].r)
            assert "r" not in rows[4]


@pytest.mark.slow
def test_a_first_run_without_rows_changes_nothing():
    params = params_of(2)
    usual = ps.run_local(results_of_pairs, params, save=False)
    nothing = ps.run_local(results_of_pairs, [], save=False)
    df = ps.run_local(results_of_pairs, params, nothing, save=False)
    pd.testing.assert_series_equal(usual.dtypes, df.dtypes)
    nothing = ps.run_local(results_of_pairs, [])
    for given_df in (None, nothing):
        df = ps.run_local(results_of_pairs, params, given_df, calc_dir=f"calc_{given_df is None}")
        pd.testing.assert_series_equal(usual.dtypes, df.dtypes)
        assert_frame_equal(df, ps.df_read(f"calc_{given_df is None}"))
    # Rows that are filtered away leave no dtypes behind.
    df = ps.run_local(lambda _: {"r": 1}, [{"a": "x"}], df=usual[:0], save=False)
    assert df.a.dtype == pd.Series(["x"]).dtype
    assert df.r.dtype == np.int64


def fail(pset):
    if pset["a"] % 2:
        message = "odd"
        raise ValueError(message)
    return {"r": pset["a"] / 2} if pset["a"] else {"r": None}


@pytest.mark.slow
@pytest.mark.parametrize("poolsize", [None, 2])
def test_dtypes_of_runs_that_record_failures(poolsize):
    options = {"on_error": "record", "poolsize": poolsize, "capture_logs": "db"}
    for part in ([1, 3], [0, 1, 2], [4, 6], [5]):
        df = ps.run_local(fail, ps.plist("a", part), **options)
        assert_frame_equal(df, ps.df_read("calc"))
        assert df._failed.dtype == bool
    (found,) = read_elsewhere("calc")
    assert_frame_equal(df, found)
    once = ps.run_local(fail, ps.plist("a", df.a.tolist()), calc_dir="once", **options)
    pd.testing.assert_series_equal(once.dtypes, df.dtypes)


def test_dtypes_while_a_run_goes_on():
    seen = []

    def func(pset):
        if pset["row"]:
            seen.append(ps.df_read("calc"))
        return results_of_pairs(pset)

    params = params_of(2)
    df = ps.run_local(func, params)
    first = ps.run_local(results_of_pairs, params[:1], save=False)
    pd.testing.assert_series_equal(seen[0].dtypes, first.dtypes)
    assert_frame_equal(df, ps.df_read("calc"))


class Solver(str, enum.Enum):
    CG = "cg"
    LU = "lu"


class Level(enum.IntEnum):
    LOW = 1


class Metres(float):
    pass


class Text(str):
    __slots__ = ()


SPECIAL = [Solver.CG, Level.LOW, Metres(1.5), Metres("nan"), Text("x")]


@pytest.mark.parametrize("value", SPECIAL, ids=repr)
@pytest.mark.parametrize("other", [None, "x", 1, 2.5, MISSING, *SPECIAL], ids=repr)
def test_members_of_enums_and_other_subclasses_stay_what_they_are(value, other):
    params = [{"a": value}, {"b": 1} if other is MISSING else {"a": other}]
    for i, runs in enumerate(([params], [params[:1], params[1:]])):
        for part in runs:
            df = ps.run_local(lambda p: {"r": p.get("a")}, part, calc_dir=f"calc{i}")
        found = ps.df_read(f"calc{i}/database.pk")
        assert_frame_equal(df, found)
        for some in (df, found, pd.read_pickle(f"calc{i}/database.pk")):
            assert some.a.dtype == some.r.dtype == object
            assert type(some.a[0]) is type(some.r[0]) is type(value)
            psets = ps.df_extract_params(some)
            assert repr(psets) == repr(params)
            assert [type(p.get("a")) for p in psets] == [type(p.get("a")) for p in params]


kinds = st.one_of(
    st.integers(-3, 3), st.floats(), st.sampled_from([1.0, 2.0, 2.5]), st.none(), st.booleans(),
    st.integers(-3, 3).map(np.int64), st.floats().map(np.float64),
    st.floats(width=32).map(np.float32), st.booleans().map(np.bool_), st.text(max_size=2),
    st.sampled_from([np.str_("y"), Solver.CG, Level.LOW, 2**60, 2**70]),
)  # fmt: skip
some_psets = st.dictionaries(st.sampled_from("abc"), kinds, max_size=3)


@pytest.mark.slow
@settings(max_examples=100)
@given(st.lists(st.tuples(some_psets, some_psets), min_size=1, max_size=5), st.data())
def test_any_mix_comes_back_and_has_one_dtype(rows, data):
    params = [pset for pset, _ in rows]
    results = [{"r" + name: value for name, value in dct.items()} for _, dct in rows]

    def run(places, df, **options):
        some = iter([results[i] for i in places])
        return ps.run_local(lambda _: next(some), [params[i] for i in places], df, **options)

    n = len(rows)
    df = run(range(n), None, save=False)
    ps.df_write(df, "any.pk")
    assert_frame_equal(df, ps.df_read("any.pk"))
    cut = data.draw(st.integers(0, n))
    parts = run(range(cut, n), run(range(cut), None, save=False), save=False)
    for some in (df, ps.df_read("any.pk"), parts):
        found = ps.df_extract_params(some)
        for pset, expected, sha in zip(found, params, some._pset_hash, strict=True):
            assert same(pset, expected)
            assert ps.pset_hash(pset) == sha
    pd.testing.assert_series_equal(df.dtypes.sort_index(), parts.dtypes.sort_index())
