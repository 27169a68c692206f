"""How Sphinx builds the manual: ``nox -s docs``."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sphinx.application import Sphinx

import psweep

HERE = Path(__file__).resolve().parent

project = "psweep"
author = "The psweep developers"
copyright = author  # noqa: A001 (the name is Sphinx's)
version = release = psweep.__version__

extensions = ["myst_parser", "sphinx.ext.autosummary", "numpydoc", "sphinx_copybutton"]
exclude_patterns = ["_build"]
nitpicky = True
smartquotes = False  # quotes are those of Python
default_role = "autolink"  # `df_read` in a docstring becomes a link
# what is outside is not linked, so that the manual builds without a network
nitpick_ignore_regex = [("py:obj", r"(itertools|json|numpy|pandas|pathlib|scipy)\b.*|params")]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autosummary_generate = True
# Signatures show names and defaults; the docstrings have the types.
autodoc_typehints = "none"
autodoc_default_options = {"members": False}
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

html_theme = "furo"
html_title = f"psweep {version}"
html_static_path = ["_static"]
html_css_files = ["manual.css"]
html_js_files = ["tables.js"]
html_copy_source = False
html_show_sourcelink = False
# what is copied leaves out prompts and output
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def make_pictures(_app: Sphinx) -> None:
    """Run the code of those pages that show pictures, which makes them."""
    pictures = HERE / "pictures"
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir()
    for page in sorted(HERE.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if "](pictures/" not in text or "```python" not in text:
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name, page.stem)
            command = [sys.executable, str(HERE / "run_page.py"), str(page), str(folder)]
            subprocess.run(command, check=True)
            for report in folder.glob("*.html"):
                photograph(report)
            for picture in [*folder.glob("*.svg"), *folder.glob("report*.png")]:
                if (pictures / picture.name).exists():
                    message = f"{page.name} and a page before it save {picture.name}; rename one"
                    raise FileExistsError(message)
                shutil.copy(picture, pictures)
    draw = HERE.parent / "benchmarks" / "draw.py"
    subprocess.run([sys.executable, str(draw), str(pictures / "benchmarks.svg")], check=True)


def photograph(report: Path) -> None:
    """Save the first screen of a report as a PNG file next to it, if there is a Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        return
    command = [
        chromium,
        "--headless",
        "--no-sandbox",  # needed in containers; the page is ours
        "--hide-scrollbars",
        "--window-size=1000,880",
        "--force-device-scale-factor=1.5",
        "--virtual-time-budget=10000",  # until its script has drawn
        f"--user-data-dir={report.with_suffix('.profile')}",
        f"--screenshot={report.with_suffix('.png')}",
        report.as_uri(),
    ]
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(command, check=False, capture_output=True, timeout=120)
    if not report.with_suffix(".png").exists():
        print(f"{chromium} made no picture of {report.name}; it is left out", file=sys.stderr)


def leave_out_pictures(_app: Sphinx, _name: str, source: list[str]) -> None:
    """Leave out pictures of reports where there was no Chromium to make them."""
    picture = re.compile(r"^!\[[^\]]*\]\((pictures/report\w*\.png)\)$", re.MULTILINE)
    source[0] = picture.sub(lambda m: m[0] if (HERE / m[1]).exists() else "", source[0])


def make_gallery(_app: Sphinx) -> None:
    """Run the examples from science, and make their pages."""
    subprocess.run(
        [sys.executable, str(HERE / "make_gallery.py"), str(HERE / "gallery")],
        check=True,
        stderr=subprocess.DEVNULL,
    )


def link_gallery(_app: Sphinx, name: str, source: list[str]) -> None:
    """Show pictures in gallery.md, and link the pages instead of the scripts.

    The scripts are there wherever gallery.md is read; the pages are only where Sphinx has run.
    """
    if name != "gallery":
        return

    def page(link: re.Match[str]) -> str:
        stem = link["name"].partition("/")[0].partition(".")[0]
        (picture,) = sorted((HERE / "gallery").rglob(f"{stem}*.png"))[:1] or [None]
        shown = f"[![{stem}]({picture.relative_to(HERE)})](gallery/{stem}.md)" if picture else ""
        return f"{shown}\n\n[Output and script](gallery/{stem}.md)"

    link = re.compile(r"^\[(?P<name>\S+)\]\(\.\./examples/\S+\)", re.MULTILINE)
    source[0] = link.sub(page, source[0]) + "\n```{toctree}\n:hidden:\n:glob:\n\ngallery/*\n```\n"


def setup(app: Sphinx) -> None:
    """Hook into Sphinx."""
    app.connect("builder-inited", make_pictures)
    app.connect("builder-inited", make_gallery)
    app.connect("source-read", link_gallery)
    app.connect("source-read", leave_out_pictures)
