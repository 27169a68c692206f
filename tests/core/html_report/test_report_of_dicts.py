"""Dicts in psets and results: on the page, their entries are columns of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from report_pages import page_data

import psweep as ps
from psweep_core.html_report.nested import split_dicts


def study(psets, func=lambda pset: {"y": 1.0}):
    return ps.run_local(func, psets, save=False)


def test_the_entries_of_dicts_are_parameters_and_results():
    models = [
        {"act": act, "size": {"depth": depth}} for depth in (1, 2, 4) for act in ("relu", None)
    ]
    psets = [{"model": model, "lr": lr} for model in models for lr in (0.1, 1.0)]
    func = lambda pset: {"out": {"loss": pset["model"]["size"]["depth"] * pset["lr"]}}  # noqa: E731
    ps.run_local(func, psets)
    data = page_data(ps.report())
    names = [column["name"] for column in data["columns"] if column["role"] != "book"]
    assert names == ["model.act", "model.size.depth", "lr", "out.loss", "_pset_runtime"]
    assert data["columns"][1]["path"] == ["model", "size", "depth"]
    assert data["columns"][1]["cells"] == [d for d in (1, 2, 4) for _ in range(4)]
    assert "path" not in data["columns"][2]
    terms = data["answers"]["results"][0]["views"][0]["importance"]["terms"]
    assert [term for term, share in terms if share > 0.1] == [[2], [1], [1, 2]]
    assert data["design"]["values"] == [2, 3, 2]


def test_dicts_with_other_keys_lack_cells():
    df, paths = split_dicts(study([{"o": {"a": 1, "b": 2.5}}, {"o": {"a": None}}, {"x": 1}]))
    assert paths == {"o.a": ("o", "a"), "o.b": ("o", "b")}
    assert list(df.columns)[:4] == ["o.a", "o.b", "x", "_run_id"]
    assert df["o.b"].isna().tolist() == [False, True, True]
    assert df["o.a"].tolist()[:2] == [1, None]


@pytest.mark.parametrize(
    "psets",
    [
        [{"o": {"a": 1}}, {"o": None}],
        [{"o": {}}],
        [{"o": {1: 2}}],
        [{"o": {"a": 1}, "o.a": 2}],
        [{"o": {"a.b": 1, "a": {"b": 2}}}],
        [{"o": {str(i): i for i in range(21)}}],
        [{"_o": {"a": 1}}],
        [{3: {"a": 1}}],
        [{"o": [{"a": 1}]}],
        [{"o": np.arange(3)}],
    ],
)
def test_other_columns_stay_as_they_are(psets):
    df = study(psets)
    same, paths = split_dicts(df)
    assert not paths
    assert same is df


def test_no_rows():
    assert split_dicts(pd.DataFrame())[1] == {}


@pytest.mark.slow
def test_what_is_copied_of_dicts_is_python(open_page):
    psets = [
        {"model": {"act": a, "depth": d}, "b": b}
        for d in (1, 2)
        for a in ("x", None)
        for b in (3, 4)
    ]
    df = ps.run_local(lambda pset: {"y": pset["model"]["depth"]}, psets)
    page = open_page(ps.report())
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    heads = page.locator("#rows thead th button").all_inner_texts()
    page.locator("#rows thead input").nth(heads.index("model.depth")).fill("> 1")
    page.locator("#rows thead th button").nth(heads.index("model.depth")).click()
    page.locator("#table button", has_text="copy as pandas").click()
    page.wait_for_function("window.copied")
    found = {"ps": ps}
    exec(page.evaluate("window.copied"), found)
    assert found["df"]._pset_seq.tolist() == [4, 5, 6, 7]
    page.locator("#rows tbody button").first.click()
    page.evaluate("window.copied = ''")
    page.locator("#details-body button", has_text="copy as dict").click()
    page.wait_for_function("window.copied")
    assert eval(page.evaluate("window.copied")) == ps.df_extract_pset(df, df._pset_id[4])
