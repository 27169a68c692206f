"""Studies as people see them: in IPython, in a real terminal, and in a pipe."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from terminal import in_terminal

import psweep as ps
from psweep_core import cli
from psweep_core.show.widths import fit, shortened, text_width

pytestmark = pytest.mark.processes

IN_IPYTHON = """
import json, sys
import pandas as pd
from IPython.core.interactiveshell import InteractiveShell
formatter = InteractiveShell.instance().display_formatter.formatters["text/html"]
formatter.for_type(pd.Timestamp, lambda _: "a stranger's")
import psweep as ps
from psweep_core.show import notebook
notebook.fold_in_notebooks()  # as when it is loaded again

def func(pset):
    if pset["a"] == 3:
        raise ValueError("<b>no</b>")
    return {"result": "<i>&</i>"}

df = ps.run_local(func, ps.plist("a", range(100)), on_error="record")
small = ps.df_read("calc").drop(columns=["_failed", "_exc_txt"]).head(2)
shown = {
    "df": formatter(df),
    "failed": formatter(df[:5]),
    "good": formatter(df[:3]),
    "small": formatter(small),
    "sliced": formatter(small[["a", "result", "_pset_id"]]),
    "as pandas does": small[["a", "result", "_pset_id"]]._repr_html_(),
    "private param": formatter(small.rename(columns={"a": "_a"})),
    "stranger": formatter(pd.Timestamp(0)),
    "type": type(df) is pd.DataFrame and type(small) is pd.DataFrame,
    "untouched": "psweep" not in pd.DataFrame._repr_html_.__module__,
}
with pd.option_context("display.max_rows", 4):
    shown["max_rows=4"] = formatter(df)
with pd.option_context("display.notebook_repr_html", False):
    shown["no html"] = formatter(df)
formatter.for_type(pd.DataFrame, lambda _: "another library's")
shown["another"] = formatter(small)
for name in [name for name in sys.modules if name.startswith("psweep")]:
    del sys.modules[name]
import psweep
shown["another, kept for what is no study"] = formatter(small[["a"]])
print(json.dumps(shown))
"""


@pytest.fixture(scope="module")
def in_ipython(tmp_path_factory):
    """What a notebook gets as HTML, from a real IPython."""
    pytest.importorskip("IPython", reason="needs IPython: pip install ipython")
    folder = tmp_path_factory.mktemp("ipython")
    env = {**os.environ, "IPYTHONDIR": str(folder)}
    command = [sys.executable, "-c", IN_IPYTHON]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


class Page(HTMLParser):
    """Which headings of columns are there, within and outside of <details>."""

    def __init__(self, html):
        super().__init__()
        self.open = []
        self.names = {True: [], False: []}
        self.summary = ""
        self.tags = set()
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-2:] == ["tr", "th"] and "thead" in self.open:
            self.names["details" in self.open].append(data)
        if self.open and self.open[-1] == "summary":
            self.summary += data


def test_a_notebook_shows_a_study_with_its_book_keeping_folded_away(in_ipython):
    page = Page(in_ipython["small"])
    assert page.names[False] == ["a", "result"]
    assert page.names[True] == [
        *["_run_id", "_pset_id", "_calc_dir", "_time_utc", "_pset_hash", "_pset_seq", "_run_seq"],
        "_pset_runtime",
    ]
    assert page.summary == "8 columns of bookkeeping"
    assert "script" not in page.tags
    assert not {"i", "b"} & Page(in_ipython["df"]).tags  # values are no HTML
    assert Page(in_ipython["private param"]).names[False] == ["_a", "result"]


def test_a_notebook_says_how_many_rows_failed(in_ipython):
    assert Page(in_ipython["df"]).summary == "10 columns of bookkeeping; 1 of 100 rows failed"


def test_a_notebook_shows_why_rows_failed(in_ipython):
    assert Page(in_ipython["failed"]).names[False] == ["a", "result", "_error"]
    assert Page(in_ipython["failed"]).names[True][-3:] == ["_failed", "_exc_txt", "_pset_runtime"]
    assert "<td>ValueError: &lt;b&gt;no&lt;/b&gt;</td>" in in_ipython["failed"]
    assert "_error" not in in_ipython["good"]


def test_a_notebook_shows_what_is_no_study_as_before(in_ipython):
    assert in_ipython["sliced"] == in_ipython["as pandas does"]
    assert in_ipython["stranger"] == "a stranger's"
    assert in_ipython["another"] == "another library's"
    assert in_ipython["another, kept for what is no study"] == "another library's"
    assert in_ipython["type"]
    assert in_ipython["untouched"]


def test_a_notebook_heeds_the_options_of_pandas(in_ipython):
    assert in_ipython["no html"] is None
    assert in_ipython["df"].count("<tr") == 2 * 12  # as display.min_rows=10 says
    assert in_ipython["max_rows=4"].count("<tr") == 2 * 6


def test_import_does_not_load_ipython(script):
    code = "import sys, psweep; print({'IPython', 'tqdm', 'tabulate'} & {*sys.modules})"
    assert script(code, wait=True) == ("set()\n", "")


def wide_study(name="日本語" * 9):
    def func(pset):
        return {"text": "many words " * 9, "number": 1.5e-10, "n": [pset["a"]] * 9, "mean": 0.5}

    params = ps.pgrid(ps.plist("a", [1, 2]), ps.plist("name_of_a_method", ["x", name]))
    return ps.run_local(func, params)


WIDE = """
df = ps.df_read("calc")
ps.df_print({})
"""


def test_df_print_fits_into_a_terminal(capsys):
    ps.df_print(wide_study())
    as_it_is = capsys.readouterr().out
    assert max(map(text_width, as_it_is.splitlines())) > 150
    shown = in_terminal(WIDE.format("df"), 80).splitlines()
    assert max(map(text_width, shown)) == 80
    assert shown[0].split() == ["a", "name_of_a_method", "text", "number", "n", "mean"]
    assert len({text_width(line) for line in shown}) == 1
    assert all("1.5e-10" in line for line in shown[1:])
    assert shown[2].count("…") == 3
    wide = in_terminal(WIDE.format("df"), 250)
    assert wide.replace("\r\n", "\n") == as_it_is


def test_df_print_in_a_narrow_terminal_says_what_it_leaves_out():
    wide_study()
    *table, left_out, cure = in_terminal(WIDE.format("df, index=True"), 50).splitlines()
    assert max(map(text_width, [*table, left_out])) == 50
    assert table[0].split() == ["a", "name_of_a_meth…", "number", "n", "mean"]
    assert [line.split()[0] for line in table[1:]] == ["0", "1", "2", "3"]
    assert left_out == "1 column left out for lack of room: text"
    assert cure == "df_print(df, cols=[...]) shows them"
    narrow = in_terminal(WIDE.format("df, cols=['text', 'number', 'n', 'mean']"), 30)
    assert "left out" not in narrow
    assert narrow.splitlines()[0].split() == ["text", "number", "n", "mean"]


def test_df_print_of_no_rows_in_a_terminal():
    wide_study()
    assert in_terminal(WIDE.format("df[:0]"), 20).startswith("Empty DataFrame")


def test_a_terminal_that_has_no_ellipsis(monkeypatch):
    wide_study()
    code = "import sys\nsys.stdout.reconfigure(encoding='latin-1', errors='replace')\n"
    shown = in_terminal(code + WIDE.format("df, cols=['text']"), 40)
    assert shown.splitlines()[1] == ("many words " * 9)[:39] + "~"


def half_failed():
    def func(pset):
        if pset["a"] == 2:
            raise ValueError("a must not be \x1b[1m2\nmore")
        if pset["a"] == 3:
            raise KeyError("x" * 500)
        return {"b": 10}

    return ps.run_local(func, ps.plist("a", [1, 2, 3]), on_error="record")


def test_df_print_shows_why_rows_failed(capsys):
    df = half_failed()
    capsys.readouterr()
    ps.df_print(df[:2])
    assert capsys.readouterr().out == (
        " a    b                             _error\n"
        " 1   10                                   \n"
        " 2 <NA> ValueError: a must not be \\x1b[1m2\n"
    )
    ps.df_print(df)
    out = capsys.readouterr().out
    assert "KeyError: 'xxx" in out
    assert max(map(len, out.splitlines())) < 120
    ps.df_print(df, special_cols=True)
    assert capsys.readouterr().out.splitlines()[0].split() == [*df.columns, "_error"]
    ps.df_print(df[:2], cols=["_error", "a"])
    head, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == ["_error", "a"]
    assert list(df.columns).count("_error") == 0


def test_df_print_without_failures_is_as_before(capsys):
    df = half_failed()
    capsys.readouterr()
    for shown in (df[:1], df[:1].drop(columns=["_failed", "_exc_txt"])):
        ps.df_print(shown)
        assert capsys.readouterr().out == " a  b\n 1 10\n"
    ps.df_print(df, skip_cols=["_error"])
    assert capsys.readouterr().out.split("\n")[0].split() == ["a", "b"]
    ps.df_print(df, cols=["a", "_failed"])
    assert capsys.readouterr().out.split("\n")[0].split() == ["a", "_failed"]
    ps.df_print(df[:1], cols=["a", "_error"])
    assert capsys.readouterr().out.split() == ["a", "_error", "1"]


def test_df_print_of_odd_studies_with_failures(capsys):
    df = half_failed()
    capsys.readouterr()
    for odd in (
        df.drop(columns="_exc_txt"),
        df.astype({"_failed": "boolean"}),
        df.astype({"_failed": object}),
        df.assign(_exc_txt=None),
        df.assign(_exc_txt=float("nan")),
    ):
        ps.df_print(odd)
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == ["a", "b", "_error"]
        assert lines[1].split() == ["1", "10"]
        assert len(lines[2].split()) > 2
    ps.df_print(df.assign(_error="of the user"), special_cols=True)
    assert capsys.readouterr().out.count("of the user") == 3
    odd = df.copy()
    odd.columns = pd.Index([("x", 1), *df.columns[1:]], dtype=object, tupleize_cols=False)
    ps.df_print(odd)
    assert capsys.readouterr().out.splitlines()[0].split()[-2:] == ["b", "_error"]


def test_a_terminal_shows_the_reason_at_the_end():
    half_failed()
    head, *lines, _ = in_terminal(WIDE.format("df"), 60).splitlines()
    assert head.split() == ["a", "b", "_error"]
    assert all(text_width(line) <= 60 for line in lines)


def test_db2table_shows_why_rows_failed(capsys):
    half_failed()
    capsys.readouterr()
    cli.db2table(["calc", "-f", "tsv"])
    head, first, second, third = capsys.readouterr().out.splitlines()
    assert head.split() == ["a", "b", "_error"]
    assert first.split() == ["1", "10", "-"]
    assert second.endswith("ValueError: a must not be \\x1b[1m2")
    assert "KeyError: 'xxx" in third
    cli.db2table(["calc", "a", "_error", "-f", "tsv"])
    assert capsys.readouterr().out.splitlines()[0].split() == ["a", "_error"]
    cli.db2table(["calc", "a", "-f", "tsv"])
    assert capsys.readouterr().out.split() == ["a", "1", "2", "3"]
    cli.db2table(["calc", "-a", "-f", "tsv"])
    assert "_exc_txt" in capsys.readouterr().out.splitlines()[0]


def db2table_in_terminal(columns, *calls):
    """Give what is printed by several calls of db2table."""
    code = f"""
        from psweep_core.cli import db2table
        for argv in {calls}:
            db2table(["calc", *argv])
            print("next")
    """
    *shown, rest = in_terminal(code, columns).replace("\r\n", "\n").split("next\n")
    assert rest == ""
    assert len(shown) == len(calls)
    return shown


@pytest.mark.slow
def test_db2table_fits_into_a_terminal(capsys):
    wide_study("plain" * 9)  # tabulate knows the width of other characters only from wcwidth
    cli.db2table([])
    as_it_is = capsys.readouterr().out
    assert max(map(text_width, as_it_is.splitlines())) > 150
    styles = ("simple", "grid", "rounded_outline", "plain")
    for shown in db2table_in_terminal(100, *(["-i", "-f", style] for style in styles)):
        assert 90 < text_width(shown) <= 100
        assert shown.count("1.5e-10") == 4
        assert "left out" not in shown
    for shown in db2table_in_terminal(60, *(["-a", "-f", style] for style in styles)):
        *table, left_out, _ = re.split("\n(?=1?[0-9] columns left|name the)", shown)
        assert text_width(shown) <= 60
        assert "_pset_hash" in left_out
        assert "_pset_hash" not in table[0]
    assert db2table_in_terminal(250, []) == [as_it_is]


def test_db2table_leaves_nothing_out_that_is_named_or_is_to_be_pasted():
    wide_study()
    named, pasted = db2table_in_terminal(30, ["text", "number", "n"], ["-f", "github"])
    assert named.split()[:3] == ["text", "number", "n"]
    assert "…" in named
    assert "left out" not in named
    assert "many words " * 8 in pasted
    assert "left out" not in pasted


columns = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=12)


@given(columns, st.integers(5, 120), st.integers(1, 3), st.booleans())
def test_fit(columns, room, gap, keep_all):
    floors = [min(pair) for pair in columns]
    widths = [max(pair) for pair in columns]
    found = fit(widths, floors, room, gap, keep_all)
    assert list(found) == sorted(found)
    assert all(floors[i] <= width <= widths[i] for i, width in found.items())
    taken = sum(found.values()) + gap * (len(found) - 1)
    if keep_all:
        assert len(found) == len(columns)
    elif len(found) > 1:
        assert taken <= room
    assert 0 in found
    if sum(widths) + gap * (len(widths) - 1) <= room:
        assert found == dict(enumerate(widths))


@given(st.text(), st.integers(1, 20))
def test_shortened(text, width):
    short = shortened(text, width)
    assert text_width(short) <= width
    if text_width(text) <= width:
        assert short == text


def test_text_width_counts_what_a_terminal_shows():
    assert text_width("abc") == 3
    assert text_width("日本") == 4
    assert text_width("e\N{COMBINING ACUTE ACCENT}") == 1
    assert text_width("a\nbcd\n") == 3


def test_the_names_of_many_columns_left_out_are_cut():
    pd.DataFrame({f"column_{i}": [i] for i in range(1000)}).to_pickle("many.pk")
    code = "import pandas as pd\nps.df_print(pd.read_pickle('many.pk'))\n"
    shown = in_terminal(code, 80).splitlines()
    assert len(shown) == 2 + 4 + 1
    assert shown[0].split()[0] == "column_0"
    assert shown[0].split()[-1] == "column_999"
    assert shown[-2].endswith(" …")
