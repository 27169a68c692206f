"""A real browser for the tests of the report."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_pages import CHROMIUM


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

    def start(path, color_scheme="light"):
        page = context.new_page()
        page.emulate_media(color_scheme=color_scheme)
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
    assert all(url.startswith(("file://", "data:image/", "blob:")) for url in asked)
