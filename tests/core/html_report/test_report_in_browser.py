"""The report in a real browser: the table, the plots, hostile values, large studies."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from report_pages import HOSTILE, SLOW

import psweep as ps


def texts(page, selector):
    return page.eval_on_selector_all(selector, "nodes => nodes.map(node => node.textContent)")


def cells_of(page, number):
    return texts(page, f"#rows tbody td:nth-child({number})")


def wait_for_text(page, selector, text):
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector).textContent === text",
        arg=[selector, text],
    )


@pytest.mark.slow
def test_the_demo_in_a_browser(open_page, tmp_path):
    """Table, plots and their choosers of the report of examples/compressors.py."""
    demo = Path(__file__).resolve().parents[3] / "examples" / "compressors.py"
    subprocess.run([sys.executable, str(demo)], check=True, stdout=subprocess.DEVNULL)
    page = open_page(ps.report())
    assert page.title() == f"{tmp_path.name}/calc – psweep report"
    assert "48 psets, complete" in page.inner_text("#sentence")
    heads = texts(page, "#rows thead th button")
    assert [head for head in heads if head.endswith(" ▼")] == ["ratio ▼"]  # best first
    heads = [head.removesuffix(" ▼") for head in heads]
    assert heads[:5] == ["pset", "codec", "level", "file", "size"]
    n_ratio = heads.index("ratio") + 1

    # sort: up, down, not at all
    df = ps.df_read("calc")
    name = page.locator("#rows thead th button").nth(n_ratio - 1)
    assert cells_of(page, 1)[0] == str(df.ratio.idxmax())
    name.click()
    assert cells_of(page, 1) == [str(seq) for seq in df.index]
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
    wait_for_text(page, "#table-count", f"{len(expected)} of 48 rows")
    assert cells_of(page, 1) == [str(seq) for seq in expected.index]

    # what is left, as a file
    with page.expect_download() as download:
        page.click("#table-csv")
    with open(download.value.path(), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["_pset_seq"] for row in rows] == [str(seq) for seq in expected.index]
    assert [float(row["ratio"]) for row in rows] == expected.ratio.tolist()

    page.click("#table-clear")
    page.fill("#table-search", "typing.py")
    wait_for_text(page, "#table-count", "6 of 48 rows")
    page.click("#table-clear")
    wait_for_text(page, "#table-count", "48 rows")

    # hide and show columns; Escape closes the menu
    page.click("#table summary")
    page.locator("#table-columns label", has_text="codec").click()
    page.locator("#table-columns label", has_text="_pset_hash").click()
    heads = texts(page, "#rows thead th button")
    assert "codec" not in heads
    assert "_pset_hash" in heads
    page.keyboard.press("Escape")
    assert page.locator("details.menu[open]").count() == 0

    # all of a pset
    page.locator("#rows tbody button").first.click()
    assert page.inner_text("#details-title") == "Pset 0"
    assert df._pset_id[0] in page.inner_text("#details-body")
    page.click("#details-close")

    # a result against each parameter
    assert page.locator("#each-plots svg").count() >= 3
    page.select_option("#each-result", label="compress_s")
    labels = page.eval_on_selector_all("#each-plots svg", "all => all.map(n => n.ariaLabel)")
    assert all(label.startswith("compress_s against ") for label in labels)

    # any column against any other one
    page.select_option("#explore-x", label="level")
    page.select_option("#explore-y", label="ratio")
    page.select_option("#explore-hue", label="codec")
    assert texts(page, "#explore-legend li") == ["zlib", "bz2", "lzma"]
    assert page.locator("#explore-plot circle").count() == 48

    # a range on an axis of the parallel coordinates chooses rows of the table
    names = texts(page, "#parallel-plot .parallel-axis text.title")
    assert "codec" in names
    handle = page.locator("#parallel-plot .handle").nth(names.index("level"))
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + box["height"] * 0.4)
    page.mouse.down()
    page.mouse.move(x, box["y"] + 1, steps=4)
    page.mouse.up()
    wait_for_text(page, "#table-count", "24 of 48 rows")
    heads = texts(page, "#rows thead th button")
    assert set(cells_of(page, heads.index("level") + 1)) == {"6"}
    page.click("#parallel-clear")
    wait_for_text(page, "#table-count", "48 rows")
    page.click("#parallel summary")
    page.locator("#parallel-axes label", has_text="size").click()
    names = texts(page, "#parallel-plot .parallel-axis text.title")
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
    assert page.inner_text("h1").endswith(f" {name}/database.pk")
    assert HOSTILE[0] in texts(page, "#rows tbody td span")
    page.select_option("#explore-x", label="v")
    page.select_option("#explore-y", label="<b>r</b>")
    page.select_option("#explore-hue", label="v")
    assert "<script>hacked" in "".join(texts(page, "#explore-legend li"))
    assert "<script>hack" in page.text_content("#explore-plot")
    page.select_option("#parallel-hue", label="v")
    assert "<script>hacked" in "".join(texts(page, "#parallel-legend li"))
    assert "2 psets failed, for 2 causes" in page.inner_text("#failures h2")
    page.locator("#failures-list button", has_text="traceback").first.click()
    text = page.inner_text("#details-body")
    assert "raise ValueError" in text
    assert HOSTILE[2] in text  # the log, too
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.evaluate("document.querySelectorAll('a[href^=javascript], main img').length") == 0
    assert page.evaluate("document.querySelectorAll('body > script').length") == 2


@pytest.mark.slow
def test_20_000_psets_in_a_browser(open_page):
    rng = np.random.default_rng(0)
    params = [{"x": x, "n": i % 5, "i": i} for i, x in enumerate(rng.random(20_000).tolist())]
    ps.run_local(lambda p: {"r": p["x"] * p["n"]}, params)
    path = ps.report()
    assert Path(path).stat().st_size < 5_000_000
    page = open_page(path)
    assert page.inner_text("#table-count") == "20\u202f000 rows"
    assert page.inner_text("#table-page") == "page 1 of 200"
    df = ps.df_read("calc")
    best = df.r.sort_values(ascending=False, kind="stable").index
    assert cells_of(page, 1) == [str(seq) for seq in best[:100]]
    page.click("#table-next")
    assert cells_of(page, 1)[0] == str(best[100])
    heads = texts(page, "#rows thead th button")
    page.locator("#rows thead th button").nth(heads.index("x")).click()
    assert cells_of(page, 1) == [str(seq) for seq in df.x.sort_values().index[:100]]
    page.locator("#rows thead input").nth(heads.index("n")).fill("3..4")
    wait_for_text(page, "#table-count", "8\u202f000 of 20\u202f000 rows")
    assert page.locator("#explore-plot image").count() == 1  # not 20 000 circles
    assert "3\u202f000 of 20\u202f000 psets are drawn" in page.inner_text("#parallel-note")


@pytest.mark.slow
def test_the_page_of_a_run_without_rows_in_a_browser(open_page, script):
    process = script(SLOW.replace("POOL", "None").replace("== 3", "== 0"))
    deadline = time.monotonic() + 100
    while not list(Path().glob("calc/.psweep/*/*.journal")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    page = open_page(ps.report())
    assert "Run 0 was running" in page.inner_text("#notes")
    assert "No pset has finished yet" in page.inner_text("#notes")
    assert texts(page, "#nav a") == ["Runs"]
    process.kill()
