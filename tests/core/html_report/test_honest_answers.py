"""What the report says of failed psets, of spreads, and of means that may be equal."""

from __future__ import annotations

import numpy as np
import pytest
from report_pages import page_data

import psweep as ps


def fragile(pset):
    """Fail for some; for others, give no result."""
    a, b, seed = pset["a"], pset["b"], pset["seed"]
    if (a, b) == (1, "y") or (a, b, seed) == (2, "x", 0):
        raise ValueError("no")
    rng = np.random.default_rng([a, "xyz".index(b), pset.get("c", 0), seed])
    return {"r": 20 * a - (0 if b == "x" else 1) + rng.normal()}


@pytest.fixture
def study():
    params = ps.pgrid(a=[1, 2, 4], b=["x", "y", "z"], c=[0, 1], seed=[0, 1, 2])
    return ps.run_local(fragile, params, on_error="record")


def texts(page, selector):
    return page.eval_on_selector_all(selector, "nodes => nodes.map(node => node.textContent)")


def results_of(data, name):
    found = data["answers"]["results"]
    return [result for result in found if data["columns"][result["column"]]["name"] == name]


def test_lost_psets_are_counted_for_each_level_and_combination(study):
    data = page_data(ps.report())
    (result,) = results_of(data, "r")
    labels = [axis["label"] for axis in data["axes"]]
    assert result["means"][labels.index("a")]["lost"] == [6, 2, 0]
    assert result["means"][labels.index("b")]["lost"] == [2, 6, 0]
    cube = result["cube"]
    assert sum(cube["lost"]) == 8
    assert sum(cube["n"]) == 46
    assert result["views"][0]["combos"] == {"all": 18, "good": 16, "waiting": 0, "failed": 2}


def test_a_pset_that_succeeds_later_is_not_lost():
    ps.run_local(fragile, ps.pgrid(a=[1, 2], b=["x", "y"], seed=[0, 1]), on_error="record")
    ps.run_local(lambda p: {"r": 1.0}, [{"a": 2, "b": "x", "seed": 0}])
    data = page_data(ps.report())
    (result,) = results_of(data, "r")
    labels = [axis["label"] for axis in data["axes"]]
    assert result["means"][labels.index("a")]["lost"] == [2, 0]
    assert result["views"][0]["combos"] == {"all": 4, "good": 3, "waiting": 0, "failed": 1}


def test_psets_without_a_value_are_lost_but_have_not_failed():
    params = ps.pgrid(a=[1, 2], b=[1, 2, 3])
    ps.run_local(lambda p: {"r": None if p["a"] == p["b"] else p["a"] * p["b"]}, params)
    data = page_data(ps.report())
    (result,) = results_of(data, "r")
    assert result["means"][0]["lost"] == [1, 1]
    assert result["views"][0]["combos"] == {"all": 6, "good": 4, "waiting": 0, "failed": 0}


def test_all_psets_of_a_mean_are_named(study):
    data = page_data(ps.report())
    (result,) = results_of(data, "r")
    best, *_ = result["views"][0]["best"]["higher"]
    rows = study[~study._failed].groupby(["a", "b", "c"]).r.mean()
    a, b, c = rows.idxmax()
    mine = study[(study.a == a) & (study.b == b) & (study.c == c)].index
    assert best["psets"] == f"{mine[0]}-{mine[-1]}"
    assert best["rows"] == mine.tolist()

    ps.run_local(lambda p: {"r": 1.0 * (p["a"] == 2)}, ps.plist("a", [1, 2] * 9), calc_dir="other")
    (best, _) = page_data(ps.report("other"))["answers"]["results"][0]["views"][0]["best"]["higher"]
    assert best["psets"] == "1, 3, 5 and 6 more"
    assert best["rows"] == [*range(1, 18, 2)]


def test_the_noise_of_repeats_is_pooled(study):
    data = page_data(ps.report())
    (result,) = results_of(data, "r")
    good = study[~study._failed]
    of_combo = good.groupby(["a", "b", "c"]).r
    n = of_combo.transform("count")
    squares = (good.r - of_combo.transform("mean")) ** 2 * n / (n - 1)
    assert (n > 1).all()
    expected = np.sqrt(squares.groupby(good.a).mean())
    labels = [axis["label"] for axis in data["axes"]]
    means = result["means"][labels.index("a")]
    assert means["noise"] == pytest.approx(expected.tolist(), rel=1e-6)
    assert means["repeated"] == means["n"]
    assert len(result["cube"]["noise"]) == len(result["cube"]["n"])

    ps.run_local(lambda p: {"r": 1.0 * p["a"]}, ps.plist("a", [1, 2, 3]), calc_dir="single")
    (result,) = results_of(page_data(ps.report("single")), "r")
    assert "noise" not in result["means"][0]


def _fails(pset):
    if pset["method"] == "explicit" and pset["step"] > 0.3:
        raise RuntimeError
    if pset["method"] == "implicit" and pset["order"] == 3:
        raise NotImplementedError
    return {"deviation": pset["step"] ** pset["order"]}


@pytest.mark.slow
def test_labels_of_points_lie_on_no_point(open_page):
    params = ps.pgrid(method=["explicit", "implicit"], step=[0.1, 0.2, 0.4, 0.8], order=[1, 2, 3])
    ps.run_local(_fails, params, on_error="record")
    page = open_page(ps.report())
    assert page.inner_text("#pair-title") == "step × order"
    labels = page.locator("#pair-plots text.halo").all()
    points = [circle.bounding_box() for circle in page.locator("#pair-plots circle").all()]
    assert texts(page, "#pair-plots text.halo") == [
        "best mean: 0.001 (1 of 2) at step 0.1, order 3",
        *["1 of 2"] * 5,
    ]
    assert len(points) == 10
    boxes = [_without_halo(label.bounding_box()) for label in labels]
    for i, box in enumerate(boxes):
        assert not any(_overlap(box, other) for other in [*points, *boxes[:i]])


def _without_halo(box):
    """Of 3 pixels, and without the space above and below the letters."""
    text = {"x": box["x"] + 3, "width": box["width"] - 6}
    return {**text, "y": box["y"] + 5, "height": box["height"] - 10}


def _overlap(one, other):
    return all(
        one[place] < other[place] + other[size] and other[place] < one[place] + one[size]
        for place, size in (("x", "width"), ("y", "height"))
    )


@pytest.mark.slow
def test_failures_and_spreads_are_marked_in_the_plot(study, open_page):
    page = open_page(ps.report())
    page.evaluate("history.replaceState(null, '', '#x=a&hue=b')")
    page.reload()
    page.wait_for_selector("body[data-ready]", state="attached")
    assert page.inner_text("#pair-title") == "a × b"
    keys = page.inner_text("#pair-keys")
    assert "band: ± std over c, seed" in keys
    assert "some psets failed" in keys
    assert "all psets failed" in keys
    assert page.locator("#pair-plots .hollow").count() == 1
    assert texts(page, "#pair-plots text.halo") == ["best mean: 80 at a 4, b x", "4 of 6"]
    assert page.locator("#pair-plots .cross").count() == 1
    box = page.locator("#pair-plots .hollow").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert "4 of 6 psets: 2 failed" in page.inner_text("#tip")
    assert "(mean of 4 psets, ± std over c, seed)" in page.inner_text("#tip")
    page.click("#heatmap")
    assert page.locator("#pair-plots .corner").count() == 1
    assert "band" not in page.inner_text("#pair-keys")
    page.click("#heatmap")
    # the band may be that of repeats alone
    shapes = "all => all.map(band => band.getAttribute('d'))"
    wide = page.eval_on_selector_all("#pair-plots .band", shapes)
    page.select_option("#pair-band-over", label="seed")
    assert page.inner_text("#pair-band").strip() == "band: ± std over seed"
    narrow = page.eval_on_selector_all("#pair-plots .band", shapes)
    assert len(narrow) == len(wide)
    assert not {*narrow} & {*wide}
    page.reload()
    page.wait_for_selector("body[data-ready]", state="attached")
    assert page.inner_text("#pair-band").strip() == "band: ± std over seed"
    # repeats have no order, so no line joins them
    page.select_option("#pair-x", label="seed")
    assert page.locator("#pair-plots .band").count() == 0
    assert "bar: ± std over a, c" in page.inner_text("#pair-keys")
    plots = page.eval_on_selector_all(
        "#each-plots svg",
        "all => all.map(n => [n.ariaLabel, n.querySelectorAll('path.line').length])",
    )
    assert plots == [
        ["r against a", 1],
        ["r against b", 0],
        ["r against c", 1],
        ["r against seed", 0],
    ]


@pytest.mark.slow
def test_best_combinations_say_which_may_be_equal(study, open_page):
    page = open_page(ps.report())
    said = "highest r of 16 of 18 combinations (2 combinations failed in every repeat)"
    assert said in page.inner_text("#best h2")
    stats = study[~study._failed].groupby(["a", "b", "c"]).r.agg(["mean", "std", "count"])
    stats = stats.sort_values("mean", ascending=False)
    error = stats["std"] / np.sqrt(stats["count"])
    tie = stats["mean"].iloc[0] - stats["mean"] <= 2 * np.hypot(error, error.iloc[0])
    page.click("#best-more")
    shaded = page.eval_on_selector_all(
        "#best-table tbody tr", "rows => rows.map(row => row.classList.contains('tie'))"
    )
    assert shaded == tie.tolist()[:10]
    assert 1 < sum(shaded) < 10
    assert f"shaded: {sum(tie)} of 16 combinations" in page.inner_text("#best-key")
    row = page.locator("#best-table tbody tr").first.inner_text().split("\t")
    assert float(row[5].removeprefix("± ")) == pytest.approx(stats["std"].iloc[0], rel=0.1)
    assert float(row[6].removeprefix("± ")) == pytest.approx(error.iloc[0], rel=0.1)
    # the psets of a mean, in the table
    page.locator("#best-table tbody button").first.click()
    assert page.inner_text("#table-count") == "3 of 54 rows"
    assert page.inner_text("#table-brush") == f"only psets {row[0]}"


@pytest.mark.slow
def test_numbers_of_a_column_have_one_form(open_page):
    lr = [1e-4, 1e-3, 1.0]
    params = [{"lr": lr[i % 3], "i": i, "p": 1.0 + i / 7} for i in range(40)]
    ps.run_local(
        lambda p: {
            "energy": -76.02676512 + 1e-7 * p["i"],
            "decades": 10.0 ** (p["i"] % 9 - 8) * p["p"],
            "loss": 0.0237 * p["p"],
            "some": None if p["i"] == 3 else p["i"] / 4,
        },
        params,
    )
    page = open_page(ps.report())
    heads = [head.rstrip(" ▼▲") for head in texts(page, "#rows thead th button")]

    def shown(name):
        return texts(page, f"#rows tbody td:nth-child({heads.index(name) + 1})")

    assert {*shown("lr")} == {"0.0001", "0.001\u2007", "1\u2008\u2007\u2007\u2007\u2007"[:6]}
    for name in ("energy", "loss"):
        assert len({len(text.split(".")[1]) for text in shown(name)}) == 1
    assert len({*shown("energy")}) == 40  # they differ in the last digits only
    assert all("e" in text and len(text.split("e")[0]) == 5 for text in shown("decades"))
    assert "None" in shown("some")
    # what is said in tables is rounded, what is filtered is not
    page.locator("#rows thead input").nth(heads.index("energy")).fill("> -76.02676")
    page.wait_for_function(
        "() => document.querySelector('#table-count').textContent === '0 of 40 rows'"
    )


@pytest.mark.slow
def test_the_table_shows_that_it_goes_on_to_the_side(open_page):
    params = [{f"parameter_{k}": (i * (k + 3)) % 5 for k in range(20)} for i in range(6)]
    ps.run_local(lambda p: {f"r{k}": p["parameter_0"] for k in range(12)}, params)
    page = open_page(ps.report())
    assert page.inner_text("#table .menu summary >> nth=0") == "columns (30 of 33)"
    text = page.inner_text("#table-more")
    assert int(text.split()[0]) > 1
    assert "more columns" in text
    page.click("#table-more")
    box = "document.querySelector('#rows').parentElement"
    assert page.evaluate(f"{box}.scrollLeft") > 0
    page.evaluate(f"{box}.scrollLeft = 100000")
    page.wait_for_function("() => document.querySelector('#table-more').hidden")
    assert page.locator("#rows tbody td").first.is_visible()  # the number of the pset stays


@pytest.mark.slow
def test_the_table_follows_what_is_better_until_somebody_sorts_it(study, open_page):
    page = open_page(ps.report())
    good = study[~study._failed].r
    first = page.locator("#rows tbody td").first
    assert first.inner_text() == str(good.idxmax())
    page.select_option("#better", "lower")
    assert first.inner_text() == str(good.idxmin())
    page.locator("#rows thead th button").first.click()
    assert first.inner_text() == "0"
    page.select_option("#better", "higher")
    assert first.inner_text() == "0"
    page.locator("#rows thead th button").first.click()
    page.locator("#rows thead th button").first.click()  # no order
    page.reload()
    page.wait_for_selector("body[data-ready]", state="attached")
    assert first.inner_text() == "0"


@pytest.mark.slow
def test_links_have_the_titles_of_their_parts(study, open_page):
    page = open_page(ps.report())
    titles = page.eval_on_selector_all(
        "main [data-title]", "all => all.map(n => n.querySelector('h2').textContent.trim())"
    )
    for link, title in zip(texts(page, "#nav a"), titles, strict=True):
        assert title.startswith(link)
    more = page.locator("#matters-bars details")
    assert more.count() <= 1
    if more.count():
        more.locator("summary").click()
        n = int(more.locator("summary").inner_text().split()[0])
        assert more.locator("button").count() == n
