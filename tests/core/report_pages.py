"""What the tests of the report share: values to show, runs to look at, what is in a page."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
from pathlib import Path

HOSTILE = [
    "<script>hacked = 1</script>",
    "</script><script>hacked = 2</script>",
    "<!--<script>",
    '"><img src=x onerror="hacked = 3">',
    "<a href='javascript:hacked = 4'>x</a>",
    "line\u2028paragraph\u2029end",
    "&lt;b&gt; & <b>bold</b>",
    "${hacked = 5}`%{hacked}@@DATA@@",
    "half \ud800 pair",
]


def page_data(path):
    """Read what a page knows, as its script does."""
    text = Path(path).read_text(encoding="utf-8")
    found = re.findall(
        r'<script type="application/gzip\+base64" id="data">([A-Za-z0-9+/=]*)</script>', text
    )
    assert len(found) == 1
    return json.loads(gzip.decompress(base64.b64decode(found[0])))


def kind(data, name):
    return next(c["kind"] for c in data["columns"] if c["name"] == name)


SLOW = """
    import os
    import time
    import psweep as ps

    def func(pset):
        if pset["a"] == 3:
            time.sleep(600)
        return {"r": pset["a"]}

    if __name__ == "__main__":
        ps.run_local(func, ps.plist("a", range(5)), poolsize=POOL)
    """


CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "chrome"])), None)
