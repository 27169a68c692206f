"""The report in a real browser."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from report_pages import CHROMIUM, HOSTILE, SLOW

import psweep as ps


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    if CHROMIUM is None:
        pytest.skip("install chromium (on Debian: apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        args = ["--no-sandbox", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Open a page; at the end it must have said no error and asked for nothing but itself."""
    troubles = []
    asked = []
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(100_000)

    def start(path):
        page = context.new_page()
        page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
        page.goto(Path(path).absolute().as_uri())
        page.wait_for_selector("body[data-ready]", state="attached")
        return page

    yield start
    context.close()
    assert not troubles
    assert asked
    assert all(url.startswith("file://") and url.endswith(".html") for url in asked)


def texts(page, selector):
    return page.eval_on_selector_all(selector, "nodes => nodes.map(node => node.textContent)")


def cells_of(page, number):
    return texts(page, f"#rows tbody td:nth-child({number})")


def n_traces(page, plot):
    return page.evaluate(f"document.getElementById('{plot}').data.length")


@pytest.mark.slow
def test_the_demo_in_a_browser(open_page, tmp_path):
    """Table, plots and their choosers of the report of examples/compressors.py."""
    demo = Path(__file__).resolve().parents[3] / "examples" / "compressors.py"
    subprocess.run([sys.executable, str(demo)], check=True, stdout=subprocess.DEVNULL)
    page = open_page(ps.report())
    assert page.title() == "calc – psweep report"
    assert page.inner_text("#cards").split()[:2] == ["48", "psets"]
    heads = texts(page, "#rows thead th button")
    assert heads[:5] == ["pset", "codec", "level", "file", "size"]
    n_ratio = heads.index("ratio") + 1

    # sort: up, down, not at all
    df = ps.df_read("calc")
    name = page.locator("#rows thead th button").nth(n_ratio - 1)
    name.click()
    assert cells_of(page, 1) == [str(seq) for seq in df.ratio.sort_values(kind="stable").index]
    name.click()
    assert cells_of(page, 1)[0] == str(df.ratio.idxmax())
    name.click()
    assert cells_of(page, 1) == [str(seq) for seq in df.index]

    # filter
    page.locator("#rows thead input").nth(1).fill("lzm")
    page.locator("#rows thead input").nth(n_ratio - 1).fill("> 4.5")
    expected = df[(df.codec == "lzma") & (df.ratio > 4.5)]
    assert 0 < len(expected) < len(df)
    assert cells_of(page, 1) == [str(seq) for seq in expected.index]
    assert page.inner_text("#table-count") == f"{len(expected)} of 48 rows"
    page.click("#table-clear")
    page.fill("#table-search", "typing.py")
    assert page.inner_text("#table-count") == "6 of 48 rows"
    page.click("#table-clear")
    assert page.inner_text("#table-count") == "48 rows"

    # hide and show columns
    page.click("#table summary")
    page.locator("#table-columns label", has_text="codec").click()
    page.locator("#table-columns label", has_text="_pset_hash").click()
    heads = texts(page, "#rows thead th button")
    assert "codec" not in heads
    assert heads[-1] == "_pset_hash"
    page.click("#table h2")  # which closes the menu

    # all of a pset
    page.locator("#rows tbody button").first.click()
    assert page.inner_text("#details-title") == "Pset 0"
    assert df._pset_id[0] in page.inner_text("#details-body")
    page.click("#details-close")

    # a result against each parameter
    assert page.locator("#each-plots .main-svg").count() >= 3
    assert texts(page, "#each-plots .ytitle")[0] == "ratio"
    page.select_option("#each-result", label="compress_s")
    assert set(texts(page, "#each-plots .ytitle")) == {"compress_s"}

    # the chooser
    assert page.evaluate("document.getElementById('explore-plot').data[0].type") == "heatmap"
    page.select_option("#explore-kind", "lines")
    page.select_option("#explore-x", label="level")
    page.select_option("#explore-y", label="ratio")
    page.select_option("#explore-hue", label="codec")
    assert n_traces(page, "explore-plot") == 3
    assert texts(page, "#explore-plot .legendtext") == ["zlib", "bz2", "lzma"]
    page.select_option("#explore-kind", "points")
    page.select_option("#explore-hue", "")
    assert n_traces(page, "explore-plot") == 1

    # no button of plotly sends the data somewhere
    titles = page.eval_on_selector_all(".modebar-btn", "all => all.map(n => n.dataset.title)")
    assert set(titles) == {
        "Download plot as a PNG", "Zoom", "Pan", "Zoom in", "Zoom out", "Reset axes",
    }  # fmt: skip

    # a range on an axis of the parallel coordinates chooses rows of the table
    assert "WebGL" not in page.inner_text("#parallel-plot")
    axis = page.locator("#parallel-plot .axis-brush").nth(1)  # level: 1 below, 6 above
    axis.scroll_into_view_if_needed()
    box = axis.bounding_box()
    x, top = box["x"] + box["width"] / 2, box["y"]
    page.mouse.move(x, top + box["height"] * 0.4)
    page.mouse.down()
    page.mouse.move(x, top - 5, steps=4)
    page.mouse.up()
    page.wait_for_function("document.getElementById('table-count').textContent == '24 of 48 rows'")
    assert set(cells_of(page, 2)) == {"6"}
    page.click("#parallel-clear")
    assert page.inner_text("#table-count") == "48 rows"
    page.click("#parallel summary")
    page.locator("#parallel-axes label", has_text="size").click()
    axes = "document.getElementById('parallel-plot').data[0].dimensions"
    names = page.evaluate(f"{axes}.map(axis => axis.label)")
    assert "size" not in names
    assert "codec" in names


@pytest.mark.slow
def test_failures_and_hostile_values_in_a_browser(open_page):
    """Nothing of them runs, wherever the page shows them."""

    def func(pset):
        print(pset["v"])
        if pset["i"] % 3 == 2:
            raise ValueError(pset["v"])
        return {"w": pset["v"], "<b>r</b>": pset["i"]}

    params = [{"v": value, "i": i} for i, value in enumerate(HOSTILE[:-1])]
    ps.run_local(func, params, on_error="record", capture_logs="db")
    name = "<img src=x onerror=hacked=6>"
    Path("calc").rename(name)
    page = open_page(ps.report(name))
    assert page.inner_text("h1") == f"Study {name}"
    assert HOSTILE[0] in texts(page, "#rows tbody td span")
    page.select_option("#explore-x", label="v")
    page.select_option("#explore-y", label="<b>r</b>")
    for kind in ("lines", "heatmap", "points"):
        page.select_option("#explore-kind", kind)
        page.select_option("#explore-hue", label="i" if kind == "heatmap" else "v")
    assert "<script>hacked" in "".join(texts(page, "#explore-plot .legendtext"))
    page.select_option("#parallel-hue", label="v")
    assert "<script>hacked" in "".join(texts(page, "#parallel-plot .axis"))
    assert "&lt;script" not in page.text_content("#parallel-plot")
    page.locator("#failures-list summary").first.click()
    page.wait_for_selector("#failures-list details button")  # the event that fills it comes later
    text = page.inner_text("#failures-list details >> nth=0")
    assert "raise ValueError" in text
    assert f"\n{HOSTILE[2]}\n" in text  # the log
    assert page.inner_text("#failures-kind").split() == ["all", "(2)", "ValueError", "(2)"]
    page.locator("#failures-list details button").first.click()
    assert HOSTILE[2] in page.inner_text("#details-body")
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.evaluate("document.querySelectorAll('main a[href^=javascript], img').length") == 0
    assert page.evaluate("document.querySelectorAll('body > script').length") == 3


@pytest.mark.slow
def test_20_000_psets_in_a_browser(open_page):
    rng = np.random.default_rng(0)
    params = [{"x": x, "n": i % 5, "i": i} for i, x in enumerate(rng.random(20_000).tolist())]
    ps.run_local(lambda p: {"r": p["x"] * p["n"]}, params)
    page = open_page(ps.report())
    assert page.inner_text("#table-count") == "20\u202f000 rows"
    assert page.inner_text("#table-page") == "page 1 of 200"
    page.click("#table-next")
    assert cells_of(page, 1)[0] == "100"
    heads = texts(page, "#rows thead th button")
    page.locator("#rows thead th button").nth(heads.index("x")).click()
    df = ps.df_read("calc")
    assert cells_of(page, 1) == [str(seq) for seq in df.x.sort_values().index[:100]]
    page.locator("#rows thead input").nth(heads.index("n")).fill("3..4")
    assert page.inner_text("#table-count") == "8\u202f000 of 20\u202f000 rows"
    assert page.evaluate("document.getElementById('explore-plot').data[0].type") == "scattergl"
    assert "3\u202f000 of 20\u202f000 psets are drawn" in page.inner_text("#parallel-note")
    assert "WebGL" not in page.inner_text("#parallel-plot")


@pytest.mark.slow
def test_the_page_of_a_run_without_rows_in_a_browser(open_page, script):
    process = script(SLOW.replace("POOL", "None").replace("== 3", "== 0"))
    deadline = time.monotonic() + 100
    while not list(Path().glob("calc/.psweep/*/*.journal")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    page = open_page(ps.report())
    assert "Run 0 is under way" in page.inner_text("#notes")
    assert "No pset has finished yet" in page.inner_text("#notes")
    assert texts(page, "#nav a") == ["Runs"]
    process.kill()
