"""The first screen of the report in a real browser, and what the page keeps in its address."""

from __future__ import annotations

import importlib.util
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from report_pages import SLOW, page_data

import psweep as ps
from psweep_core.html_report.data import write_page

BEST = {"adam": 1e-3, "sgd": 1e-1, "lamb": 3e-3}


def train(pset):
    """A training as it might be: the best lr depends on the optimizer, all else hardly matters."""
    names = ("optimizer", "lr", "batch_size", "schedule", "seed")
    rng = np.random.default_rng(zlib.crc32(repr([pset[name] for name in names]).encode()))
    optimizer, lr, batch_size, schedule, _ = (pset[name] for name in names)
    if optimizer == "sgd" and lr == 1 and batch_size == 16:
        raise FloatingPointError(f"loss became NaN after {rng.integers(3, 90)} steps")
    off = np.log10(lr / BEST[optimizer])
    accuracy = 0.94 - 0.055 * off**2 + (0.01 if schedule == "cosine" else 0)
    return {"maybe": 1.0 if batch_size == 64 else None, "accuracy": accuracy + rng.normal(0, 0.008)}


@pytest.fixture
def study():
    params = ps.pgrid(
        optimizer=["adam", "sgd", "lamb"], lr=[1e-4, 1e-3, 1e-2, 1e-1, 1.0],
        batch_size=[16, 64, 256], schedule=[None, "cosine"], seed=[0, 1, 2],
    )  # fmt: skip
    return ps.run_local(train, params, on_error="record")


def wait_for(page, selector, text):
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector).textContent.includes(text)",
        arg=[selector, text],
    )


@pytest.mark.slow
def test_the_first_screen_has_the_answers(study, open_page):
    page = open_page(ps.report())
    sentence = page.inner_text("#sentence")
    design = "optimizer (3) × lr (5) × batch_size (3) × schedule (2) × seed (3 repeats) = 270 psets"
    assert design in sentence
    assert "264 ok, 6 failed" in " ".join(sentence.split())
    assert "complete" not in sentence
    assert page.locator("#bar .bad").count() == 1

    # the result without gaps, although another one is first
    assert page.locator("#result option:checked").inner_text() == "accuracy"
    bars = page.locator("#matters-bars button")
    assert bars.nth(0).inner_text().split("\n")[0] == "optimizer × lr"
    assert 57 <= int(bars.nth(0).locator(".number").inner_text().split()[0]) <= 66
    assert bars.nth(1).locator(".term").inner_text() == "lr"
    assert page.locator("#matters-bars .together").count() >= 1

    # the strongest pair, on a log axis
    assert page.inner_text("#pair-title") == "lr × optimizer"
    assert page.locator("#pair-plots .line").count() == 3
    ticks = page.locator("#pair-plots .ticks text").all_text_contents()
    assert {"0.0001", "0.001", "0.01", "0.1", "1"} <= set(ticks)
    page.click("#swap")
    assert page.inner_text("#pair-title") == "optimizer × lr"
    page.click("#heatmap")
    assert page.locator("#pair-plots rect").count() == 15
    bars.nth(1).click()
    assert page.inner_text("#pair-title") == "accuracy against lr"
    page.select_option("#pair-hue", label="optimizer")
    page.select_option("#pair-facet", label="schedule")
    assert page.locator("#pair-plots svg").count() == 2

    # the best combinations, averaged over seeds
    good = study[~study._failed]
    names = ["optimizer", "lr", "batch_size", "schedule"]
    means = good.groupby(names, dropna=False).accuracy.agg(["mean", "std"])
    top = means.sort_values("mean").iloc[-1]
    row = page.locator("#best-table tbody tr").first.inner_text().split("\t")
    assert [row[1], float(row[2]), float(row[3])] == list(top.name[:3])
    assert float(row[5]) == pytest.approx(top["mean"], abs=1e-3)
    assert float(row[6].removeprefix("± ")) == pytest.approx(top["std"], abs=1e-3)
    page.select_option("#better", "lower")
    low = means.sort_values("mean").iloc[0]
    row = page.locator("#best-table tbody tr").first.inner_text().split("\t")
    assert float(row[5]) == pytest.approx(low["mean"], abs=1e-3)

    # failures by cause
    text = page.inner_text("#failures-list")
    assert "6 ×" in text
    assert "FloatingPointError: loss became NaN after … steps" in text
    for part in ("optimizer=sgd", "lr=1", "batch_size=16", "all 6 fail"):
        assert part in text
    page.locator("#failures-list button", has_text="in the table").click()
    wait_for(page, "#table-count", "6 of 270 rows")


@pytest.mark.slow
def test_the_state_of_the_page_is_in_its_address(study, open_page):
    page = open_page(ps.report())
    page.select_option("#better", "lower")
    page.click("#swap")
    page.locator("#rows thead input").nth(1).fill("sgd")
    page.locator("#rows thead th button").nth(2).click()
    page.select_option("#explore-hue", "")
    page.select_option("#explore-x", label="lr")
    boxes = ["#explore-logx", "#explore-logy", "#each-log"]
    for box in boxes:
        page.locator(box).click()
    ticked = [page.is_checked(box) for box in boxes]
    assert ticked == [False, True, True]
    wait_for(page, "#table-count", "90 of 270 rows")
    first = page.locator("#rows tbody tr").first.inner_text()
    page.reload()
    page.wait_for_selector("body[data-ready]", state="attached")
    assert page.locator("#better").input_value() == "lower"
    assert page.inner_text("#pair-title") == "optimizer × lr"
    assert page.inner_text("#table-count") == "90 of 270 rows"
    assert page.locator("#rows tbody tr").first.inner_text() == first
    assert page.locator("#explore-hue").input_value() == ""
    assert [page.is_checked(box) for box in boxes] == ticked
    page.goto(page.url.partition("#")[0] + "#filters=[&sort=%2Bnothing&pset=99999&brush=3&x=q")
    page.reload()
    page.wait_for_selector("body[data-ready]", state="attached")
    assert page.inner_text("#table-count") == "270 rows"


@pytest.mark.slow
def test_what_is_copied_is_python(study, open_page):
    page = open_page(ps.report())
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    heads = page.locator("#rows thead th button").all_inner_texts()
    page.locator("#rows thead input").nth(heads.index("lr")).fill("> 0.05")
    page.locator("#rows thead input").nth(heads.index("batch_size")).fill("16..64")
    page.locator("#table button", has_text="copy as pandas").click()
    page.wait_for_function("window.copied")
    found = {"ps": ps}
    exec(page.evaluate("window.copied"), found)
    ranked = study.sort_values("accuracy", ascending=False, kind="stable")
    expected = ranked[(ranked.lr > 0.05) & ranked.batch_size.between(16, 64)]
    assert found["df"]._pset_seq.tolist() == expected._pset_seq.tolist()
    page.locator("#rows thead input").nth(heads.index("optimizer")).fill("lam")
    page.evaluate("window.copied = ''")
    page.locator("#table button", has_text="cop").click()
    page.wait_for_function("window.copied")
    exec(page.evaluate("window.copied"), found)
    expected = expected[expected.optimizer == "lamb"]
    assert found["df"]._pset_seq.tolist() == expected._pset_seq.tolist()
    page.locator("#rows tbody button").first.click()
    page.evaluate("window.copied = ''")
    page.locator("#details-body button", has_text="copy as dict").click()
    page.wait_for_function("window.copied")
    seq = int(page.inner_text("#details-title").split()[1])
    found = eval(page.evaluate("window.copied"))
    assert repr(found) == repr(ps.df_extract_pset(study, study._pset_id[seq]))


@pytest.mark.skipif(
    not importlib.util.find_spec("axe_playwright_python"),
    reason="needs axe-playwright-python: pip install axe-playwright-python",
)
@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(study, open_page, scheme):
    base = importlib.import_module("axe_playwright_python.base")
    page = open_page(ps.report(), color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details.fold').forEach(d => { d.open = true; })")
    page.evaluate(Path(base.AXE_FILE_PATH).read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


@pytest.mark.slow
def test_narrow_windows_and_paper(study, open_page):
    page = open_page(ps.report())
    too_wide = "document.documentElement.scrollWidth - window.innerWidth"
    for width in (800, 390):
        page.set_viewport_size({"width": width, "height": 800})
        page.reload()
        page.wait_for_selector("body[data-ready]", state="attached")
        assert page.evaluate(too_wide) <= 0
    page.set_viewport_size({"width": 1050, "height": 740})  # A4 across
    page.emulate_media(media="print")
    assert page.evaluate(too_wide) <= 0
    table = "document.getElementById('rows')"
    assert page.evaluate(f"{table}.scrollWidth - {table}.parentElement.clientWidth") <= 0
    assert page.locator("#table-search").is_hidden()


@pytest.mark.slow
def test_few_tab_stops_before_the_table(study, open_page):
    page = open_page(ps.report())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "table-search"


def test_a_sample_keeps_the_best_and_worst_rows_and_answers_are_those_of_all_rows():
    rng = np.random.default_rng(1)
    params = [{"a": i % 4, "b": float(x)} for i, x in enumerate(rng.random(2000))]
    df = ps.run_local(lambda p: {"y": p["a"] * p["b"], "z": -p["b"]}, params)
    data = page_data(ps.report(max_psets=60))
    seqs = next(c["cells"] for c in data["columns"] if c["name"] == "_pset_seq")
    names = [column["name"] for column in data["columns"]]
    for name in ("y", "z"):
        ranked = df[name].sort_values(kind="stable").index
        assert {*ranked[:10], *ranked[-10:]} <= set(seqs)
    y = next(r for r in data["answers"]["results"] if names[r["column"]] == "y")
    (a,) = [i for i, axis in enumerate(data["axes"]) if axis["label"] == "a"]
    assert y["means"][a]["n"] == [500] * 4
    assert y["means"][a]["mean"] == pytest.approx(df.groupby("a").y.mean().tolist(), rel=1e-6)
    assert y["means"][a]["std"] == pytest.approx(df.groupby("a").y.std().tolist(), rel=1e-6)
    best = y["views"][0]["best"]["higher"]
    assert [seqs[one["row"]] for one in best] == df.y.sort_values().index[::-1][:10].tolist()


@pytest.mark.slow
def test_a_page_that_is_watched_reloads_itself_and_keeps_its_state(open_page, script):
    process = script(SLOW.replace("POOL", "None"))
    deadline = time.monotonic() + 100
    while True:
        try:
            if len(ps.df_read("calc")) == 3:
                break
        except ps.StudyNotFoundError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.02)
    path, in_progress = write_page("calc", None, 20_000, reload=0.2)
    assert in_progress
    page = open_page(path)
    assert "3 of 5 psets so far" in page.inner_text("#sentence")
    page.select_option("#better", "lower")
    page.locator("#rows thead input").nth(1).fill("> 0")
    wait_for(page, "#table-count", "2 of 3 rows")
    page.locator("h1").click()  # a page does not reload itself while somebody types
    page.evaluate("document.activeElement.blur()")
    process.kill()
    process.wait()
    write_page("calc", None, 20_000)
    wait_for(page, "#sentence", "2 not finished")
    page.wait_for_selector("body[data-ready]", state="attached")
    assert page.locator("#better").input_value() == "lower"
    assert page.inner_text("#table-count") == "2 of 3 rows"
