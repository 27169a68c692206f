"""What users do to a database: sort, convert, add and remove columns, and run again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from strategies import same

import psweep as ps

pytestmark = pytest.mark.slow  # there are many of them

PARAMS = [{"a": 1, "Z": 2.0, "k": "x"}, {"a": 2.5, "k": "y"}, {"a": 3, "Z": None, "m": True}]
MORE = [{"a": 7, "k": "z", "Z": 0.5}, {"a": 8, "new": 1}]


def func(pset):
    return {"b": pset["a"] / 2, "Y": 1, "result": "text"}


def check(df, params):
    for found, expected in zip(ps.df_extract_params(df), params, strict=True):
        assert same(found, expected), (found, expected)
    for pset_id, sha, expected in zip(df._pset_id, df._pset_hash, params, strict=True):
        assert same(ps.df_extract_pset(df, pset_id), expected)
        assert ps.pset_hash(expected) == sha


def in_groups(df):
    names = list(df.columns)
    first, last = names.index("_run_id"), names.index("_run_seq")
    assert names[-1] == "_pset_runtime"
    assert all(name.startswith("_") for name in names[first : last + 1])
    assert not any(name.startswith("_") for name in [*names[:first], *names[last + 1 : -1]])
    return set(names[:first])


def reversed_columns(df):
    return df[df.columns[::-1]]


def book_first(df):
    return df[sorted(df.columns, key=lambda name: (not name.startswith("_"), name))]


@pytest.mark.parametrize(
    "change", [lambda df: df[sorted(df.columns)], reversed_columns, book_first]
)
def test_params_are_found_by_the_hash_where_columns_are_in_disorder(change):
    df = change(ps.run_local(func, PARAMS))
    check(df, PARAMS)
    row = ps.df_extract_row(df, df._pset_id[0])
    assert type(row.a) is int
    assert row.b == 0.5

    unsaved = ps.run_local(func, MORE, df, save=False)
    saved = ps.run_local(func, MORE, df, skip_dups=True)
    ps.df_write(change(ps.df_read("calc")), "calc/database.pk")
    extended = ps.run_local(func, [{"a": 9}])
    assert_frame_equal(extended, ps.df_read("calc"))
    assert in_groups(unsaved) == in_groups(saved) == in_groups(extended) == {*"aZkm", "new"}
    check(unsaved, PARAMS + MORE)
    check(saved, PARAMS + MORE)
    check(extended, [*PARAMS, *MORE, {"a": 9}])


def test_a_database_in_disorder_whose_hashes_do_not_fit_is_refused():
    df = ps.run_local(func, PARAMS)
    df["_pset_hash"] = "0" * 40
    df = df[sorted(df.columns)]
    with pytest.raises(ps.DatabaseError, match="not in the order"):
        ps.df_extract_params(df)
    ran = []
    with pytest.raises(ps.DatabaseError, match="put the params first"):
        ps.run_local(ran.append, MORE, df)
    ps.df_write(df, "calc/database.pk")
    with pytest.raises(ps.DatabaseError, match="put the params first"):
        ps.run_local(ran.append, MORE)
    assert not ran
    assert len(ps.df_read("calc")) == 3  # can still be looked at


def test_a_param_that_was_moved_among_the_results_is_found_by_the_hash():
    df = ps.run_local(func, PARAMS, save=False)
    for name in ("a", "k"):
        check(df.drop(columns=name).assign(**{name: df[name]}), PARAMS)
    df.insert(0, "study", "first")
    check(df, PARAMS)


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_params_keep_their_types_after_convert_dtypes(backend):
    if backend == "pyarrow":
        pytest.importorskip("pyarrow", reason="needs pip install 'psweep-core[parquet]'")
    params = [
        {"a": 1.0, "b": 1, "t": True, "s": "x", "n": None},
        {"a": 2.0, "b": 2, "t": False, "s": "y", "n": 3},
        {"a": 3.0, "c": float("nan")},
        {"c": 2.0, "b": 3, "m": 1.5},
        {"c": None, "b": 4, "m": 2},
    ]
    df = ps.run_local(func_of_none, params).convert_dtypes(dtype_backend=backend)
    check(df, params)
    ps.df_write(df, "converted.pk")
    check(ps.df_read("converted.pk"), params)
    df = ps.run_local(func_of_none, [{"a": 0.5, "b": 5}], df)
    check(df, [*params, {"a": 0.5, "b": 5}])
    check(ps.df_read("calc"), [*params, {"a": 0.5, "b": 5}])
    df = ps.run_local(func_of_none, params, skip_dups=True)
    assert len(df) == 6


def func_of_none(_):
    return {}


def test_a_database_without_runtimes_can_be_extended():
    df = ps.run_local(func, PARAMS).drop(columns="_pset_runtime")
    assert len(ps.run_local(func, PARAMS, df, skip_dups=True, save=False)) == 3
    ps.df_write(df, "calc/database.pk")
    assert len(ps.run_local(func, PARAMS, skip_dups=True)) == 3
    ps.run_local(func, PARAMS, simulate=True)
    df = ps.run_local(func, PARAMS + MORE, skip_dups=True)
    assert df._pset_runtime.isna().tolist() == [True] * 3 + [False] * 2
    assert_frame_equal(df, ps.df_read("calc"))
    assert len(ps.run_local(func, PARAMS + MORE, skip_dups=True)) == 5


def twice_the_same_name(df):
    return pd.concat([df, df[["b"]]], axis=1)


def twice_the_same_number(df):
    return pd.concat([df, df])


def rows_without_number(df):
    return pd.concat([df, pd.DataFrame({"a": [1]})])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (twice_the_same_name, "more than one column named 'b'"),
        (twice_the_same_number, r"same '_pset_seq': \[0, 1, 2\]"),
        (rows_without_number, "'_pset_seq' is nan instead of a number"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"skip_dups": True}, {"simulate": True}, {"poolsize": 1}])
def test_what_cannot_be_extended_is_refused_before_anything_runs(change, message, options):
    df = change(ps.run_local(func, PARAMS))
    for save in (True, False):
        with pytest.raises(ps.DatabaseError, match="df has .*" + message):
            ps.run_local(func, MORE, df, save=save, **options)
    ps.df_write(df, "calc/database.pk")
    with pytest.raises(ps.DatabaseError, match="database.pk has .*" + message):
        ps.run_local(func, MORE, **options)
    assert_frame_equal(ps.df_read("calc"), df)  # it is as it was, and can be read


def test_studies_that_were_joined_by_hand_are_called_that(capsys):
    one = ps.run_local(lambda p: {"y": 1}, ps.plist("a", [1, 2]), calc_dir="one")
    two = ps.run_local(lambda p: {"y": 1}, ps.pgrid(a=[3], b=[1, 2]), calc_dir="two")
    df = ps.run_local(lambda p: {"y": 1}, [{"a": 9}], df=pd.concat([one, two]))
    assert df.a.tolist() == [1, 2, 3, 3, 9]
    assert df.columns.tolist()[:2] == ["a", "b"]
    assert df._pset_seq.tolist() == [0, 1, 2, 3, 4]
    assert df._run_seq.tolist() == [0, 0, 1, 1, 2]
    err = capsys.readouterr().err
    assert "df: joined by hand, 4 rows, 4 had a _pset_seq that another row had, too" in err
    assert "ps.df_merge joins studies" in err
    assert "made by" not in err
    with pytest.raises(ps.DatabaseError, match=r"same '_pset_seq': \[0, 1\].*ps\.df_merge joins"):
        ps.run_local(lambda p: {"y": 1}, [{"a": 9}], df=pd.concat([one, one]), calc_dir="three")


def test_numbers_that_pandas_has_made_floats_are_numbers_again():
    df = ps.run_local(func, PARAMS)
    df = df.astype({"_pset_seq": float, "_run_seq": float})
    df = ps.run_local(func, MORE, df)
    assert df._pset_seq.dtype == df._run_seq.dtype == np.int64
    assert df.index.tolist() == df._pset_seq.tolist() == [0, 1, 2, 3, 4]
    check(df, PARAMS + MORE)


class GeoFrame(pd.DataFrame):
    """A DataFrame with something more, as geopandas has it."""

    _metadata = ["crs"]  # noqa: RUF012

    @property
    def _constructor(self):
        return GeoFrame

    def equals(self, other):
        message = "cannot be compared"
        raise TypeError(message)


def test_a_subclass_of_dataframe_is_a_database_too():
    df = GeoFrame(ps.run_local(func, PARAMS))
    check(df, PARAMS)
    for save in (True, False):
        found = ps.run_local(func, MORE, df, save=save)
        assert type(found) is pd.DataFrame
        check(found, PARAMS + MORE)
    ps.df_write(df, "calc/database.pk")
    assert type(ps.df_read("calc/database.pk")) is pd.DataFrame
    check(ps.run_local(func, MORE), PARAMS + MORE)


class Refuses:
    """A value that cannot be compared."""

    def __eq__(self, other):
        message = "cannot be compared"
        raise TypeError(message)

    __hash__ = object.__hash__


COLUMNS = {
    "interval": pd.Series(pd.interval_range(0, 3)),
    "sparse ints": pd.Series(pd.arrays.SparseArray([0, 0, 1])),
    "sparse floats": pd.Series(pd.arrays.SparseArray([0.5, np.nan, 1])),
    "sparse bools": pd.Series(pd.arrays.SparseArray([True, False, False])),
    "category": pd.Series(["x", "y", "x"], dtype="category"),
    "ordered": pd.Series(pd.Categorical([3, 1, 2], ordered=True)),
    "period": pd.Series(pd.period_range("2020", periods=3, freq="D")),
    "time zone": pd.Series(pd.date_range("2020", periods=3, tz="Europe/Berlin")),
    "times": pd.Series(pd.date_range("2020", periods=3).astype("M8[s]")),
    "time spans": pd.Series(pd.to_timedelta([1, 2, 3], unit="s")),
    "Int8": pd.Series([1, None, 3], dtype="Int8"),
    "Float32": pd.Series([1.5, None, 3], dtype="Float32"),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "string": pd.Series(["x", None, "z"], dtype="string"),
    "int8": pd.Series([1, 2, 3], dtype="int8"),
    "uint64": pd.Series([1, 2, 2**63 + 1], dtype="uint64"),
    "float16": pd.Series([1, 2, np.nan], dtype="float16"),
    "longdouble": pd.Series([1, 2, np.nan], dtype=np.longdouble),
    "complex": pd.Series([1j, 2, np.nan], dtype="complex64"),
    "bytes": pd.Series([b"x", b"y", b"z"]),
    "lists": pd.Series([[1], [], np.array([1, 2])]),
    "frames": pd.Series([pd.DataFrame({"x": [1]}), None, pd.Series([1])], dtype=object),
    "refuses": pd.Series([Refuses(), Refuses(), 1], dtype=object),
    "NA": pd.Series([pd.NA, pd.NaT, None], dtype=object),
}


def cells_of(series):
    return [repr(value) for value in series.astype(object)]


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_any_dtype_are_kept(name):
    df = ps.run_local(lambda p: {"r": p["a"]}, [{"a": i} for i in range(3)])
    df["mine"] = COLUMNS[name]
    before = cells_of(df.mine)
    as_df = ps.run_local(lambda p: {"r": p["a"]}, [{"a": 3}], df, save=False)
    again = ps.run_local(lambda p: {"r": p["a"]}, [{"a": 4}], as_df, save=False)
    for some in (as_df, again):
        assert cells_of(some.mine[:3]) == before
        assert some.mine[3:].isna().all()
    if name in ("interval", "sparse ints", "sparse bools"):
        assert as_df.mine.dtype == object


@pytest.mark.parametrize("name", [n for n in COLUMNS if n not in ("refuses",)])
def test_columns_of_any_dtype_in_a_database_on_disk(name):
    df = ps.run_local(lambda p: {"r": p["a"]}, [{"a": i} for i in range(3)])
    df["mine"] = COLUMNS[name]
    before = cells_of(df.mine)
    df.to_pickle("calc/database.pk")
    for i in (3, 4):
        df = ps.run_local(lambda p: {"r": p["a"]}, [{"a": i}], skip_dups=True)
        assert cells_of(df.mine[:3]) == before
        assert df.mine[3:].isna().all()
        assert len(df) == i + 1
    df = ps.run_local(lambda p: {"r": p["a"]}, [{"a": 5}], df)
    assert cells_of(ps.df_read("calc").mine[:3]) == before
    assert len(df) == 6


def test_a_result_may_meet_a_column_of_any_dtype():
    for name, column in COLUMNS.items():
        df = ps.run_local(lambda p: {"r": p["a"]}, [{"a": i} for i in range(3)], save=False)
        df["mine"] = column
        for value in (1, 2.5, "x", None, True, Refuses()):
            found = ps.run_local(lambda _: {"mine": value}, [{"a": 3}], df, save=False)  # noqa: B023
            row = ps.df_extract_row(found, found._pset_id[3])
            assert type(row.mine) is Refuses or row.mine == value, name


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_ints_and_floats_of_a_private_param_keep_a_study_usable(suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="needs pip install 'psweep-core[parquet]'")
    options = {"database_basename": f"database{suffix}"}
    params = [{"a": 1, "_p": 0}, {"a": 2, "_p": 2.5}]
    df = ps.run_local(lambda pset: {}, params, **options)
    df = ps.run_local(lambda pset: {}, params, df, **options)
    ps.edit("calc", lambda df: df.assign(note="text"))
    df = ps.recover("calc")
    assert ps.df_extract_params(df) == params * 2
    assert [*map(type, df._p)] == [int, float] * 2


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_some_rows_of_a_mixed_column_can_be_stored(suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="needs pip install 'psweep-core[parquet]'")
    options = {"database_basename": f"database{suffix}"}
    params = ps.plist("a", [0, 2.5, "x"])
    df = ps.run_local(lambda pset: {}, params, **options)
    some = df[df.a != "x"]
    ps.df_write(some, f"some{suffix}")
    assert ps.df_extract_params(ps.df_read(f"some{suffix}")) == params[:2]
    longer = ps.run_local(lambda pset: {}, [{"a": 7}], some, **options)
    assert ps.df_extract_params(longer) == [*params[:2], {"a": 7}]
    assert ps.df_extract_params(ps.df_read("calc")) == [*params, {"a": 7}]


@pytest.mark.parametrize("by_df", [False, True])
def test_numbers_in_the_byte_order_of_another_machine_are_selected(by_df):
    """As columns of FITS files have it. pandas cannot select rows of these."""
    df = ps.run_local(lambda pset: {"y": 1 / pset["a"]}, ps.plist("a", [1, 2]))
    df["fits"] = np.array([1.5, 2.5], dtype=">f8")
    if not by_df:
        df.to_pickle("calc/database.pk")
        assert ps.df_read("calc").fits[lambda column: column > 2].tolist() == [2.5]
    df = ps.run_local(
        lambda pset: {"y": 1 / (pset["a"] - 3)},
        ps.plist("a", [2, 3]),
        df=df if by_df else None,
        skip_dups=True,
        on_error="record",
    )
    df = ps.run_local(
        lambda pset: {"y": 2}, ps.plist("a", [2, 3]), skip_dups=True, code="rerun",
        df=df if by_df else None,
    )  # fmt: skip
    assert df.a.tolist() == [1, 2, 3, 2, 3] and df.fits.tolist()[:2] == [1.5, 2.5]
    assert df.fits.dtype == ps.df_read("calc/database.pk").fits.dtype == float
