"""Tables as people see them: a line per value, constants folded, head and tail, well fitted."""

from __future__ import annotations

import io
import math

import numpy as np
import pandas as pd
import pytest
from kinds import COLUMNS
from terminal import in_terminal

import psweep as ps
from psweep_core import cli
from psweep_core.show.cell_texts import column_texts, one_line
from psweep_core.show.table_formats import formatted
from psweep_core.show.tables import constants
from psweep_core.show.widths import text_width


def printed(capsys, df, **kwds):
    capsys.readouterr()
    ps.df_print(df, **kwds)
    return capsys.readouterr().out


def texts(*values):
    return column_texts(pd.Series(values))[0]


# one value


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("two\nlines\tand\x1b[2J", "two\\nlines\\tand\\x1b[2J"),
        (np.eye(2), "[[1. 0.] [0. 1.]]"),
        (np.array([[1, 10], [100, 1]]), "[[1 10] [100 1]]"),
        (np.arange(100), "[0 1 2 ... 97 98 99] (100)"),
        (np.zeros((30, 2)), "[[0. 0.] ... [0. 0.]] (30 x 2)"),
        (np.array(["a b", "c"]), "['a b' 'c']"),
        (np.array(3.0), "3."),
        (np.zeros((0, 2)), "[]"),
        ([np.eye(2)], "[array([[1., 0.], [0., 1.]])]"),
        ({"a": {"b": [1, None]}}, "{'a': {'b': [1, None]}}"),
        (pd.DataFrame({"a": [1, 2]}), "<DataFrame 2 x 1>"),
        pytest.param(10**5000, "<int>", id="huge"),
        ("日本語", "日本語"),
        ("", ""),
    ],
)
def test_a_value_takes_one_line(value, line):
    assert one_line(value) == line


class Hostile:
    def __str__(self):
        raise RuntimeError

    def __eq__(self, other):
        raise RuntimeError

    def __hash__(self):
        return 1


def test_a_value_that_refuses_to_be_shown_or_compared(capsys):
    df = pd.DataFrame({"a": range(5), "b": pd.Series([Hostile()] * 5, dtype=object)})
    assert printed(capsys, df[:2]).splitlines()[1].split() == ["0", "<Hostile>"]
    assert "<Hostile>" in printed(capsys, df)


# one column


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((1.0, 0.25, float("nan")), ["1.00", "0.25", "NaN"]),
        ((1.5e-10, 2e-8), ["1.5e-10", "2.0e-08"]),
        ((1e-10, 3e5), ["1.0e-10", "3.0e+05"]),
        ((0.1 + 0.2, 1 / 3), ["0.300000", "0.333333"]),
        ((math.inf, 1e-9), ["inf", "1.0e-09"]),
        ((1, 10**20, None), ["1", "100000000000000000000", "None"]),
        ((1, 0.5, "x"), ["1", "0.5", "x"]),
        ((1j, 0.5), ["0.0+1.0j", "0.5+0.0j"]),
        ((True, 1, 0.25, 1e3), ["True", "1", "0.25", "1000.00"]),
        ([1.0000001, 1.0000002], ["1.0000001", "1.0000002"]),
        ([1.7e9 + 1.25, 1.7e9 + 2.5], ["1700000001.25", "1700000002.50"]),
        ([1.0, 1.0], ["1.0", "1.0"]),
    ],
)
def test_the_numbers_of_a_column_have_one_format(values, shown):
    assert texts(*values) == shown


def test_columns_of_all_dtypes_can_be_printed(capsys):
    columns = {
        "ints": pd.array([1, None, 3, 4, 5], dtype="Int64"),
        "bools": pd.array([True, None, False, True, True], dtype="boolean"),
        "times": pd.to_datetime(["2026-01-01"] * 4 + [None]),
        "spans": pd.to_timedelta([1, 2, 3, 4, 5], unit="s"),
        "kinds": pd.Categorical(["a", "b", "a", "b", "a"]),
        "units": pd.Series(
            [np.timedelta64(25, "s")] * 4 + [np.datetime64("NaT", "s")], dtype=object
        ),
    }
    df = pd.DataFrame(columns)
    lines = printed(capsys, df, index=True).splitlines()
    assert len(lines) == 6
    assert lines[1].split() == [
        *["0", "1", "True", "2026-01-01", "0", "days", "00:00:01", "a", "25", "seconds"]
    ]
    assert lines[2].split()[1:3] == ["<NA>", "<NA>"]


# constants


def study(n=6, **more):
    def func(pset):
        if pset["a"] == 3:
            raise ValueError("no luck")
        return {"y": pset["a"] * 0.5, **more}

    params = ps.pgrid(a=range(n), solver=["cg"], tol=[1e-9])
    return ps.run_local(func, params, on_error="record", save=False)


def test_what_all_rows_share_is_in_one_line_below(capsys):
    df = study(unit="m")
    lines = printed(capsys, df).splitlines()
    assert lines[0].split() == ["a", "y", "unit", "_error"]  # a failed row has no unit
    assert lines[-1] == "the same in all rows: solver=cg, tol=1.0e-09"
    assert len(lines) == 1 + 6 + 1
    assert printed(capsys, df[:4]).splitlines()[0].split()[:3] == ["a", "solver", "tol"]
    named = printed(capsys, df, cols=["a", "solver"])
    assert named.splitlines()[0].split() == ["a", "solver"]
    assert "the same" not in named
    every = printed(capsys, df, special_cols=True)
    assert "_calc_dir=calc, _run_seq=0" in every.splitlines()[-1]


def test_nothing_is_folded_if_nothing_differs(capsys):
    df = pd.DataFrame({"a": [1] * 5, "b": ["x"] * 5})
    assert printed(capsys, df) == " a b\n" + " 1 x\n" * 5


@pytest.mark.parametrize(
    "values",
    [
        [1, 1, 1, 1, True],
        [1, 1, 1, 1, 1.0],
        [1.0, 1.0, 1.0, 1.0, None],
        ["x", "x", "x", "x", None],
        [None, None, None, None, float("nan")],
        [0.0, 0.0, 0.0, 0.0, -0.0],
        [[1], [1], [1], [1], [2]],
    ],
)
def test_what_differs_a_little_is_not_the_same(values):
    df = pd.DataFrame({"a": range(5), "b": pd.Series(values, dtype=object)})
    assert constants(df) == {}
    floats = all(type(value) is float for value in values)
    assert not floats or constants(df.assign(b=pd.Series(values, dtype=float))) == {}


def test_arrays_and_dicts_may_be_the_same():
    array = pd.Series([np.eye(2) for _ in range(5)], dtype=object)
    df = pd.DataFrame({"a": range(5), "b": array, "c": [{"k": [i // 5]} for i in range(5)]})
    assert constants(df) == {1: "[[1. 0.] [0. 1.]]", 2: "{'k': [0]}"}


# rows


def test_many_rows_show_head_and_tail_and_how_many_failed(capsys):
    df = pd.DataFrame({"a": range(1_000_000), "b": 1.0, "_failed": False, "_exc_txt": None})
    df.loc[[0, 500_000], "_failed"] = True
    lines = printed(capsys, df).splitlines()
    assert len(lines) == 1 + 10 + 1 + 10 + 2
    assert lines[1].split() == ["0", "failed"]
    assert lines[11].split() == ["…", "…"]
    assert lines[-3].split() == ["999999"]
    assert lines[-1].startswith("999980 of 1000000 rows are not shown, 1 of them failed; df_print(")
    some = printed(capsys, df, max_rows=3).splitlines()
    assert [line.split()[0] for line in some[:5]] == ["a", "0", "1", "…", "999999"]
    assert len(printed(capsys, df[:10_000]).splitlines()) == 1 + 10_000 + 1
    one = printed(capsys, df[:9], max_rows=1).splitlines()
    assert [line.split()[0] for line in one[:3]] == ["a", "0", "…"]


@pytest.mark.parametrize("max_rows", [0, -1, 1.5, True, "all"])
def test_max_rows_must_be_a_positive_number(max_rows):
    with pytest.raises(ps.ParamsError, match=r"max_rows must be None or .*len\(df\) prints all"):
        ps.df_print(study(), max_rows=max_rows)


def test_db2table_with_rows(capsys):
    ps.df_write(study(70), "some.pk")
    assert cli.db2table(["some.pk", "-r", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:7]] == ["0", "1", "…", "68", "69"]
    assert lines[-2:] == [
        "the same in all rows: solver=cg, tol=1.0e-09",
        "66 of 70 rows are not shown, 1 of them failed; --rows 0 prints all",
    ]
    cli.db2table(["some.pk", "-f", "tsv"])
    tsv = capsys.readouterr().out.splitlines()
    assert len(tsv) == 71
    assert tsv[0].split("\t") == ["a", "solver", "tol", "y", "_error"]
    cli.db2table(["some.pk", "-f", "tsv", "-r", "2"])
    assert len(capsys.readouterr().out.splitlines()) == 3
    with pytest.raises(SystemExit):
        cli.db2table(["some.pk", "-r", "-1"])
    assert "--rows must be a number of rows, or 0 for all, not -1" in capsys.readouterr().err


def test_tsv_has_all_digits_and_texts_stay_texts(capsys):
    def func(pset):
        return {"y": pset["x"] / 3, "z": np.array([pset["x"] / 3, 2])}

    df = ps.run_local(func, [{"x": 1.0, "id": "007"}], save=False)
    ps.df_write(df, "some.pk")
    cli.db2table(["some.pk", "-f", "tsv"])
    row = capsys.readouterr().out.splitlines()[1]
    assert row.split("\t") == [
        "1.0",
        "007",
        "0.3333333333333333",
        "[0.3333333333333333 2.]",
    ]


@pytest.mark.parametrize("index", [[], ["-i"]])
def test_other_programs_read_tsv(index, capsys):
    texts = ["a", "long enough", " spaces ", '"quoted', 'in "the" middle', "-5e3 x", "ü"]
    columns = {
        "x": np.arange(7), "f": np.arange(7) / 3, "text": texts, "one\ttab": True,
        "when": pd.date_range("2024-01-01", periods=7), "mixed": [1, 2.5, "x", (1,), 1j, True, "y"]
    }  # fmt: skip
    df = pd.DataFrame({**columns, "broken": ["tab\tnew\nline\r"] * 7}).astype({"mixed": object})
    ps.df_write(df, "some.pk")
    cli.db2table(["some.pk", *index, "-f", "tsv"])
    out = capsys.readouterr().out
    assert out.endswith("line\\r\n")
    found = pd.read_csv(io.StringIO(out), sep="\t", index_col=0 if index else None)
    assert list(found.columns) == ["x", "f", "text", "one\\ttab", "when", "mixed", "broken"]
    assert found.index.tolist() == [*range(7)]
    for name in ("x", "f", "text"):
        assert found[name].tolist() == df[name].tolist()
    assert found.when[1] == "2024-01-02 00:00:00"
    assert found.mixed.tolist() == ["1", "2.5", "x", "(1,)", "1j", "True", "y"]
    assert set(found.broken) == {"tab\\tnew\\nline\\r"}


@pytest.mark.parametrize("style", ["simple", "plain", "grid", "pretty", "tsv", "html"])
def test_a_study_without_rows_and_one_with_one(style, capsys):
    df = study(n=1)
    ps.df_write(df[:0], "none.pk")
    ps.df_write(df, "one.pk")
    for name in ("none.pk", "one.pk"):
        assert cli.db2table([name, "-f", style]) == 0
        out = capsys.readouterr().out
        assert "solver" in out
        assert "the same" not in out
    assert printed(capsys, df[:0]) == "Empty DataFrame: 0 rows, 4 columns: a, solver, tol, y\n"


def test_columns_with_one_name_are_all_shown(capsys):
    df = pd.DataFrame([[1, 2, 5]] * 4, columns=["a", "a", float("nan")])
    assert printed(capsys, df).splitlines()[:2] == [" a  a  nan", " 1  2    5"]
    df = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert formatted(df, ["a", "a"], "tsv").splitlines()[1].split() == ["1", "2"]


# columns

MANY = """
import numpy as np, os, pandas as pd
from psweep_core.cli import db2table
def show(name):
    df = ps.df_read(name + ".pk")
    ps.df_print(df)
    print("next")
    for style in ("simple", "grid", "psql", "pretty"):
        db2table([name + ".pk", "-f", style])
        print("next")
for name in ("wide", "text", "rows"):
    show(name)
"""


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_table_fits_a_terminal_exactly(columns):
    rng = np.random.default_rng(0)
    wide = {f"column_{i}": rng.random(5) for i in range(60)}
    failed = {"_failed": True, "_exc_txt": "oh no"}
    ps.df_write(pd.DataFrame({"c": range(5), **wide, **failed}), "wide.pk")
    long = ["日本語" * 30, "x" * 90, ""] * 2
    text = {"c": long, "d": list("abcdef"), "e": [[1.5] * 40] * 5 + [3]}
    ps.df_write(pd.DataFrame(text), "text.pk")
    ps.df_write(pd.DataFrame({"c": range(100_000), "d": 1.5}), "rows.pk")
    shown = in_terminal(MANY, columns).replace("\r\n", "\n").split("next\n")[:-1]
    assert len(shown) == 15
    for out in shown:
        assert text_width(out) <= columns
        heads = out.split("\n")[0 if out.startswith(" ") or "+" not in out else 1]
        assert "c" in heads.replace("|", " ").split()  # a short name is not cut
    for out in shown[:5]:
        assert "_error" in out
        assert "oh no" in out
        assert "columns left out for lack of room: column_" in out
        table = out.split("\n\n" if "left out" in out.split("\n\n")[-1] else "columns left")[0]
        assert text_width(table) > columns - 14  # the next column would not fit
    for out in shown[5:7]:
        assert text_width(out) == columns  # texts are cut where the line ends
    for out in shown[10:]:
        assert "99980 of 100000 rows are not shown" in out.replace("\n", " ")


def test_a_terminal_of_any_width_and_colours():
    ps.df_write(study(5, m=np.eye(3)), "some.pk")
    code = "df = ps.df_read('some.pk')\nps.df_print(df)\nprint('next')\nps.df_print(df, index=True)"
    for columns in (20, 40):
        out = in_terminal(code, columns, NO_COLOR="1")
        assert text_width(out.replace("\r\n", "\n")) <= columns
        assert "\x1b" not in out


def test_in_a_narrow_terminal_the_first_results_are_kept():
    params = ps.pgrid({f"parameter_{i}": [1, 2] if i < 3 else [0.5, 2.5] for i in range(6)})
    names = {f"result_number_{i}": 0.25 * i for i in range(6)}
    fails = lambda p: {"first": p["parameter_0"], **names} if p["parameter_5"] < 1 else 1 / 0  # noqa: E731
    ps.run_local(fails, params, on_error="record")
    heads = in_terminal("import psweep as ps\nps.df_print(ps.df_read('calc'))", 80).split("\n")[0]
    assert {"parameter_0", "first", "_error"} <= {*heads.split()}


def test_reasons_are_left_out_where_no_row_that_is_shown_has_failed(capsys):
    params = ps.plist("a", range(100))
    ps.run_local(lambda p: {"y": 1 / (p["a"] - 50)}, params, on_error="record")
    assert cli.db2table(["-r", "6"]) == 0
    out = capsys.readouterr().out
    assert "_error" not in out
    assert "94 of 100 rows are not shown, 1 of them failed" in out
    assert cli.db2table(["-r", "6", "calc", "a", "_error"]) == 0
    assert "_error" in capsys.readouterr().out


@pytest.mark.parametrize(("value", "text"), [("x", "x"), (0.5, "0.5"), (7, "7"), (True, "True")])
@pytest.mark.parametrize("suffix", ["pk", "json", "parquet"])
def test_none_is_shown_among_values_of_any_type(capsys, value, text, suffix):
    params = [{"a": None}, {"a": value}, {"b": 1}]
    ps.run_local(lambda p: {"y": p.get("a")}, params, database_basename=f"database.{suffix}")
    assert cli.db2table([]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0] for row in rows] == ["None", text, "-"]
    assert [row[-1] for row in rows] == ["None", text, "None"]


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # pandas, of float16
@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_any_dtype_can_be_printed(name, capsys):
    df = ps.run_local(lambda p: {"y": p["a"]}, ps.plist("a", range(12)), save=False)
    for places in ([0] * 12, [0, 1, 2] * 4):
        df["user"] = pd.Series(COLUMNS[name]).iloc[places].set_axis(df.index)
        ps.df_print(df)
        assert "11" in capsys.readouterr().out
