"""Means, levels, times and ticks of the report against what pandas finds."""

from __future__ import annotations

import csv
import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_pages import page_data

import psweep as ps

LOWER_TICKS = ".ticks text[text-anchor=middle]"


def axis_of(data, name):
    (place,) = (i for i, axis in enumerate(data["axes"]) if axis["label"] == name)
    return place, data["axes"][place]


def ticks(svg):
    """Return the texts below a chart, from left to right."""
    found = svg.locator(LOWER_TICKS).all()
    places = [(float(text.get_attribute("x")), text.text_content()) for text in found]
    return [text for _, text in sorted(places)]


def large_dots(svg):
    """Return the means that a chart shows, from left to right: their heights."""
    found = svg.locator("g.dots").last.locator("circle").all()
    return [
        -cy
        for _, cy in sorted(
            (float(dot.get_attribute("cx")), float(dot.get_attribute("cy"))) for dot in found
        )
    ]


def test_standard_deviations_are_those_of_pandas():
    params = ps.pgrid(a=[1, 2, 3], b=["x", "y"], seed=[0, 1, 2])
    df = ps.run_local(lambda p: {"y": np.random.default_rng([*p["b"].encode()]).normal()}, params)
    df["y"] = np.random.default_rng(0).normal(size=len(df))
    ps.df_write(df, "calc/database.pk")
    data = page_data(ps.report())
    result = data["answers"]["results"][0]
    for name in ("a", "b", "seed"):
        place, _ = axis_of(data, name)
        grouped = df.groupby(name).y
        assert result["means"][place]["mean"] == pytest.approx(grouped.mean().tolist())
        assert result["means"][place]["std"] == pytest.approx(grouped.std().tolist())


@pytest.mark.slow
def test_the_plot_and_the_best_combinations_have_the_same_spread(open_page):
    df = ps.run_local(
        lambda p: {"y": 10.0 * p["a"] + 50 * p["b"] + p["seed"] * p["c"]},
        ps.pgrid(a=[1, 2, 3], b=[1, 2], c=[0.1, 0.7], seed=[0, 1, 2]),
    )
    page = open_page(ps.report())
    page.evaluate("history.replaceState(null, '', '#x=a&hue=b')")
    page.reload()
    page.wait_for_selector("body[data-ready]", state="attached")
    dots = page.locator("#pair-plots circle")
    expected = df.groupby(["b", "a"]).y.agg(["mean", "std"])
    for i, (mean, std) in enumerate(expected.itertuples(index=False)):
        dots.nth(i).hover(force=True)
        assert f"y = {mean:.2f} ± {std:.2f} (mean of 6 psets" in page.inner_text("#tip")


@pytest.mark.slow
@pytest.mark.parametrize(
    "values",
    [
        [1.0, 1.0 + 2**-52, 1.0 + 2**-51],
        [-1.0 - 3e-13, -1.0, -1.0 + 3e-13],
        [1e-300, 1.0, 1e300],
    ],
)
def test_numbers_that_differ_by_rounding_or_by_all_decades_can_be_drawn(open_page, values):
    """They are a parameter, and a result, such as a norm that is 1 but for rounding."""
    params = ps.pgrid(a=values, b=[1, 2])
    ps.run_local(lambda p: {"y": p["a"], "z": p["b"], "noise": values[-p["b"]]}, params)
    page = open_page(ps.report())
    for place in ("x", "y", "hue"):
        for name in ("y", "noise"):
            page.select_option(f"#explore-{place}", label=name)
            texts = page.locator("#explore-plot .ticks text[text-anchor=end]").all_text_contents()
            assert len(texts) == len({*texts}) >= 2


@pytest.mark.slow
def test_means_are_drawn_at_their_values(open_page):
    """Also where texts, numbers, bools and None are the values of one parameter."""
    height = {"scale": 1, "auto": 2, 1e-5: 3, "a10": 4, "a9": 5, "None": 6, True: 8, False: 9}
    params = ps.pgrid(
        gamma=["scale", "auto", 1e-5, "a10", "a9", "None"], flag=[True, False, None], k=[1, 2]
    )
    df = ps.run_local(lambda p: {"y": height[p["gamma"]] + 10 * height.get(p["flag"], 7)}, params)
    page = open_page(ps.report())
    for i, name in enumerate(["gamma", "flag"]):
        svg = page.locator("#each-plots svg").nth(i)
        mean = df.y.groupby(df[name].map(str)).mean()
        shown = [{"true": "True", "false": "False", "1e-5": "1e-05"}.get(t, t) for t in ticks(svg)]
        assert sorted(shown) == sorted(mean.index)
        assert np.argsort(large_dots(svg)).tolist() == np.argsort(mean[shown]).tolist()


@pytest.mark.slow
def test_means_of_parameters_that_vary_together_and_of_missing_ones(open_page):
    kernels = ["rbf", "poly", None]
    some = [{"kernel": kernel} if kernel else {} for kernel in kernels]
    pairs = [{"low": low, "high": high} for low, high in [(1, 10), (2, 20), (3, 300)]]
    ps.run_local(
        lambda p: {"y": float(p["high"] + len(p.get("kernel", "")))},
        [{**pair, **one, "k": k} for pair in pairs for one in some for k in (1, 2)],
    )
    page = open_page(ps.report())
    plots = {svg.get_attribute("aria-label"): svg for svg in page.locator("#each-plots svg").all()}
    inside = """svg => [...svg.querySelectorAll('circle')].every((dot) => {
        const [, , width] = svg.getAttribute('viewBox').split(' ').map(Number);
        return Number(dot.getAttribute('cx')) <= width - 14; })"""
    assert plots["y against kernel"].evaluate(inside)
    assert plots["y against kernel"].locator("circle").count() == 12 + 2
    # those of `low` would be at 1, 2, 3
    assert plots["y against low"].locator("circle").count() == 18 + 3
    assert plots["y against high"].locator("circle").count() == 18


@pytest.mark.slow
@pytest.mark.parametrize("gap", [86400, 3600, 7, 0.2])
def test_times_are_drawn_where_their_ticks_are(browser, gap):
    """Times without a zone are not those of the reader's clock."""
    times = [datetime.datetime(2024, 1, 1) + datetime.timedelta(seconds=gap * i) for i in range(5)]
    ps.run_local(lambda p: {"y": times.index(p["t"]) * p["k"]}, ps.pgrid(t=times, k=[1, 2]))
    context = browser.new_context(timezone_id="America/New_York")
    page = context.new_page()
    page.goto(Path(ps.report()).absolute().as_uri())
    page.wait_for_selector("body[data-ready]", state="attached")
    svg = page.locator("#each-plots svg").first
    dots = [float(dot.get_attribute("cx")) for dot in svg.locator("circle").all()]
    assert len(dots) == 10 + 5
    assert len({*dots}) == 5  # a mean is above or below its points
    page.select_option("#explore-x", label="t")
    svg = page.locator("#explore-plot svg")
    found = svg.locator(LOWER_TICKS).all()
    day = "2024-01-01 " if gap < 1 else ""
    marks = {
        pd.Timestamp(day + text.text_content()): float(text.get_attribute("x")) for text in found
    }
    assert len(marks) == len(found) > 2
    first, second, *_ = sorted(marks)
    a_second = (marks[second] - marks[first]) / (second - first).total_seconds()
    dots = sorted({float(dot.get_attribute("cx")) for dot in svg.locator("circle").all()})
    expected = [marks[first] + a_second * (time - first).total_seconds() for time in times]
    assert dots == pytest.approx(expected, abs=2)
    context.close()


def test_ints_that_are_equal_as_floats_are_levels_of_their_own():
    params = ps.pgrid(n=[2**60, 2**60 + 1, 2**60 + 2], k=[1, 2])
    df = ps.run_local(lambda p: {"y": p["n"] % 7 * p["k"]}, params)
    data = page_data(ps.report())
    place, axis = axis_of(data, "n")
    assert axis["labels"] == [str(2**60 + i) for i in range(3)]
    result = next(r for r in data["answers"]["results"] if not r["gaps"])
    assert result["means"][place]["mean"] == df.groupby("n").y.mean().tolist()
    pytest.importorskip("matplotlib")
    figure = ps.df_plot(df, "y", "n")
    assert len(figure.axes[0].get_xticklabels()) == 3


def test_means_keep_the_digits_that_differ():
    df = ps.run_local(
        lambda p: {"energy": 1_000_000 + 0.1 * p["a"] + 0.001 * p["b"]},
        ps.pgrid(a=[1, 2, 3], b=[1, 2]),
    )
    data = page_data(ps.report())
    result = data["answers"]["results"][0]
    place, _ = axis_of(data, "a")
    expected = df.groupby("a").energy.mean().tolist()
    assert result["means"][place]["mean"] == pytest.approx(expected, abs=1e-6, rel=0)
    best = [one["mean"] for one in result["views"][0]["best"]["lower"]]
    assert best == df.energy.sort_values().tolist()


@pytest.mark.slow
def test_numbers_that_hardly_differ_can_be_told_apart(open_page):
    ps.run_local(
        lambda p: {"energy": 1_000_000 + 0.1 * p["a"], "start": 1.7e9 + 1.25 * p["a"]},
        ps.pgrid(a=[1, 2, 3, 4, 5], b=[1.0000001, 1.0000002, 1.0000003]),
    )
    page = open_page(ps.report())
    for plot in ("#pair-plots svg", "#explore-plot svg"):
        texts = page.locator(plot).locator(".ticks text").all_text_contents()
        assert len(texts) == len({*texts})
    legend = page.locator("#pair-legend li").all_inner_texts()
    assert [text.strip() for text in legend] == ["1.0000001", "1.0000002", "1.0000003"]
    ends = page.locator("#best-table .scale-of-mean span").all_inner_texts()
    assert ends == ["1000000.1", "", "1000000.2"]
    heads = [text.rstrip(" ▼▲") for text in page.locator("#rows thead th button").all_inner_texts()]
    for name, n in (("b", 3), ("energy", 5), ("start", 5)):
        cells = page.locator(f"#rows tbody td:nth-child({heads.index(name) + 1})").all_inner_texts()
        assert len({*cells}) == n
    assert not page.is_checked("#explore-logy")
    page.select_option("#explore-x", label="start")
    boxes = [
        text.bounding_box()
        for text in page.locator("#explore-plot .ticks text[text-anchor=middle]").all()
    ]
    boxes.sort(key=lambda box: box["x"])
    assert all(a["x"] + a["width"] < b["x"] for a, b in zip(boxes, boxes[1:], strict=False))


def test_results_whose_squares_overflow():
    def func(pset):
        grown = 10.0 ** (100 * pset["a"]) * (1 + pset["seed"])
        return {"grown": grown, "both": pset["sign"] * grown, "good": pset["a"]}

    params = ps.pgrid(a=[0, 1, 2], sign=[-1, 1], seed=[0, 1, 2])
    df = ps.run_local(func, params)
    data = page_data(ps.report())
    names = [data["columns"][r["column"]]["name"] for r in data["answers"]["results"]]
    assert {"grown", "good"} <= {*names}
    best = data["answers"]["results"][names.index("grown")]["views"][0]["best"]["higher"][0]
    some = df[(df.a == 2) & (df.sign == 1)].grown / 1e200
    assert best["mean"] / 1e200 == pytest.approx(some.mean())
    assert best["std"] / 1e200 == pytest.approx(some.std())


def test_only_what_a_later_run_repeated_has_succeeded_later():
    def func(pset):
        if pset["a"] == 1:
            raise ValueError("a")
        return {"y": pset["a"]}

    params = ps.pgrid(a=[1, 2], b=[1, 2])
    ps.run_local(lambda pset: {"y": pset["a"]}, params)
    ps.run_local(func, params, on_error="record")
    data = page_data(ps.report())
    assert (data["failed"], data["recovered"]) == (2, 0)
    ps.run_local(lambda pset: {"y": pset["a"]}, params[:1])
    data = page_data(ps.report())
    assert (data["failed"], data["recovered"]) == (2, 1)


@pytest.mark.slow
def test_what_is_copied_selects_and_sorts_the_rows_of_the_table(open_page):
    values = [1.0, -2.0, np.inf, -np.inf, np.nan, None, 3.5]

    def func(pset):
        i = pset["i"]
        if i == 6:
            raise ValueError("six")
        odd = {"k": None if i == 2 else i, "whole": i, "odd": values[i]}
        return {**odd, "array": np.arange(i), "name": ["a10", "a9", "B"][i % 3]}

    params = [
        {"i": i, "mixed": ["x", 1e-5, True, None][i % 4], "d": {"u": i} if i % 2 else {"v": i}}
        for i in range(7)
    ]
    ps.run_local(func, params, on_error="record")
    page = open_page(ps.report())
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    filters = [
        ("odd", "> 0"), ("odd", "< 5"), ("odd", "!= 1"), ("odd", "-3..3"), ("odd", "= inf"),
        ("whole", "!= 1"), ("whole", "> 1"), ("whole", "< Infinity"), ("k", "> 1"), ("k", "!= 1"),
        ("d.u", "> 1"), ("d.u", "!= 1"), ("mixed", "x"), ("_error", "six"),
    ]  # fmt: skip
    names = ["i", "mixed", "d.u", "k", "whole", "odd", "array", "name", "_error", "_pset_runtime"]
    for name, text in [*filters, *((name, None) for name in names)]:
        page.click("#table-clear")
        head = page.locator(f"#rows thead th button[title='{name}']")
        if text is None:
            head.click()
        else:
            head.locator("xpath=..").locator("input").fill(text)
        with page.expect_download() as download:
            page.click("#table-csv")
        with open(download.value.path(), newline="", encoding="utf-8") as file:
            shown = [int(row["_pset_seq"]) for row in csv.DictReader(file)]
        page.evaluate("window.copied = ''")
        page.locator("#table .controls button", has_text="cop").first.click()
        page.wait_for_function("window.copied")
        code = page.evaluate("window.copied")
        found = {"ps": ps}
        exec(code, found)
        assert found["df"]._pset_seq.tolist() == shown, (name, text, code)
        if (name, text) == ("odd", "> 0"):
            assert sorted(shown) == [0, 2]


@pytest.mark.slow
def test_infinite_results_are_not_missing(open_page):
    values = [1.0, 2.0, np.inf, 4.0]
    ps.run_local(lambda p: {"y": values[p["a"]] * p["b"]}, ps.pgrid(a=range(4), b=[1, 2]))
    page = open_page(ps.report())
    page.select_option("#result", label="y")
    assert "2 psets that succeeded have no finite y" in page.inner_text("#best-note")
    page.select_option("#each-result", label="y")
    assert "2 psets without finite y not drawn" in page.inner_text("#each-note")
    assert "gave no finite y" in page.inner_text("#pair-keys")


@pytest.mark.slow
def test_a_star_marks_the_best_point(open_page):
    def func(pset):
        y = (pset["a"] - 2) ** 2 + 3 * pset["b"] + pset["a"] * pset["b"] + 0.1 * pset["k"]
        return {"y": float(y), "same": float(pset["a"] % 2)}

    df = ps.run_local(func, ps.pgrid(a=[1, 2, 3, 4], b=[0, 1, 2], k=[0, 2]))
    means = df.groupby(["a", "b"]).y.mean()
    page = open_page(ps.report())
    page.select_option("#result", label="y")
    for better, (a, b) in [("higher", means.idxmax()), ("lower", means.idxmin())]:
        page.select_option("#better", better)
        page.select_option("#pair-facet", "")
        page.select_option("#pair-x", label="a")
        page.select_option("#pair-hue", label="b")
        star = page.locator("#pair-plots .star")
        assert star.count() == 1
        label = page.locator("#pair-plots .halo")
        assert label.text_content() == f"best mean: {means[a, b]:.3g} at a {a}, b {b}"
        # all of it is inside the plot, below the star or above it
        box, sign, frame = (
            one.bounding_box() for one in (label, star, page.locator("#pair-plots .frame"))
        )
        assert box["y"] > frame["y"] - 5
        assert box["y"] + box["height"] < frame["y"] + frame["height"]
        assert box["x"] + box["width"] < frame["x"] + frame["width"] + 9
        baseline = box["y"] + 0.75 * box["height"]
        assert box["y"] >= sign["y"] + sign["height"] or baseline <= sign["y"]
        star.hover(force=True)
        assert f"a = {a}b = {b}" in page.inner_text("#tip").replace("\n", "")
        page.click("#heatmap")
        star.hover(force=True)
        assert f"a = {a}b = {b}" in page.inner_text("#tip").replace("\n", "")
        assert page.inner_text("#pair-keys").split("\n")[-2:] == ["★", "best mean"]
        page.click("#heatmap")
        page.select_option("#pair-facet", label="k")
        in_facets = df.loc[df.y == (df.y.max() if better == "higher" else df.y.min())]
        assert star.count() == 1
        assert (
            page.locator("#pair-plots > div")
            .filter(has=page.locator(".star"))
            .inner_text()
            .startswith(f"k = {in_facets.k.item()}")
        )
    page.select_option("#result", label="same")  # several are as good
    assert page.locator("#pair-plots circle").count() > 0
    assert page.locator("#pair-plots .star").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [0, -3])
def test_a_value_that_always_fails_does_not_make_an_axis_linear(open_page, mistake):
    def func(pset):
        if pset["n"] <= 0:
            raise ValueError("n must be positive")
        return {"y": 1 / pset["n"], "z": pset["n"] + 0.5 * pset["m"]}

    params = ps.pgrid(n=[mistake, 10, 100, 1000], m=[1, 2])
    ps.run_local(func, params, on_error="record")
    page = open_page(ps.report())
    assert ticks(page.locator("#pair-plots svg")) == ["10", "100", "1000"]
    note = f"not drawn: n = {mistake}, for which all psets failed"
    assert note in page.inner_text("#pair-keys")
    assert "×" not in page.inner_text("#pair-keys")
    each = page.locator("#each-plots svg").filter(has_text="100")
    assert ticks(each) == ["10", "100", "1000"]
    assert len(large_dots(each)) == 3
    assert page.locator("#explore-plot svg circle, #explore-plot canvas").count()  # colours, too
    assert page.locator("#parallel-plot svg").count() == 1


def test_a_value_that_is_no_mistake_has_its_place_on_the_axis():
    ps.run_local(lambda p: {"y": p["n"]}, ps.plist("n", [0, 10, 100, 1000]))
    _, axis = axis_of(page_data(ps.report()), "n")
    assert not axis["log"]
