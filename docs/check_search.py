"""Ask the search of the built manual what users ask; fail if it does not lead to an answer.

python docs/check_search.py docs/_build/html   # needs Chromium and playwright
"""

from __future__ import annotations

import functools
import shutil
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# the words of a user, and one of the sections that have the answer
QUESTIONS = {
    "average": "cookbook#the-best-hyperparameters",
    "best value": "cookbook#grid-search-the-best-value",
    "checkpoint": "cookbook#checkpoints",
    "cite": "cite",
    "debug": "cookbook#debugging",
    "error bars": "evaluate#means-and-error-bars",
    "GPU": "whole_nodes",
    "grid search": "cookbook#grid-search-the-best-value",
    "HPC": "clusters",
    "hyperparameter": "cookbook#the-best-hyperparameters",
    "Jupyter": "plots#in-a-notebook",
    "Monte Carlo": "cookbook#monte-carlo-error-bars",
    "out of memory": "clusters#jobs-that-ran-out-of-memory",
    "PBS": "clusters",
    "progress bar": "extending#progress-bar-and-results-during-a-run",
    "random seed": "extending#seeds",
    "sensitivity": "designs",
    "timeout": "failures#limit-the-time",
}
SECONDS = 20


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Print no line for each request."""


def main(folder: str) -> int:
    """Ask all questions; return how many have no answer."""
    from playwright.sync_api import TimeoutError as NotFound
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("install chromium to check the search of the manual", file=sys.stderr)
        return 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    missed = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        for words, answer in QUESTIONS.items():
            name, _, section = answer.partition("#")
            if section and f'id="{section}"' not in Path(folder, f"{name}.html").read_text("utf-8"):
                found = f"there is no {answer}"
            else:
                page.goto(f"{address}/search.html?q={words.replace(' ', '+')}")
                link = page.locator(f'ul.search a[href$="{answer.replace("#", ".html#")}"]')
                if not section:
                    link = page.locator(f'ul.search a[href*="{name}.html"]')
                try:
                    link.first.wait_for(timeout=1000 * SECONDS)
                    continue
                except NotFound:
                    found = page.locator("#search-results").inner_text()
            missed += 1
            print(f"the search for {words!r} does not find {answer}:\n{found}", file=sys.stderr)
        browser.close()
    server.shutdown()
    return missed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
