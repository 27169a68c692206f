"""How Sphinx builds the manual: ``nox -s docs``."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from docutils import nodes
from PIL import Image
from sphinx.addnodes import desc_signature
from sphinx.application import Sphinx

import psweep

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from run_page import BLOCK, read_blocks  # noqa: E402

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
myst_enable_extensions = ["attrs_inline", "colon_fence"]

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
# search.js changes what Sphinx loads later, at the end of the page
html_js_files = ["tables.js", ("search.js", {"defer": "defer"})]
html_copy_source = False
html_show_sourcelink = False
# what is copied leaves out prompts and output
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

PICTURES = HERE / "pictures"
# scripts that run with it save each plot a second time, for dark pages
TWO_THEMES = {**os.environ, "MPLBACKEND": "module://two_themes", "PYTHONPATH": str(HERE)}
SCALE = 1.5
SCREEN = (1000, 880)  # pixels of CSS
TOP_OF_REPORT = (1000, 560)  # its first row of plots
NOTEBOOK = (800, 350)
REPORT = "example_report.html"
SHORT = 24  # characters of code in text; a line on a phone has about 40
# a filter that leaves few rows, so that the table and the plots below it are in one picture
LOWER_PART = {
    "state": "#filters=" + quote('[["amplitude","> 3"]]'),
    "size": (1000, 1488),
    "top": 768,
}


def make_pictures(_app: Sphinx) -> None:
    """Run the code of those pages that show pictures, which makes them, and the gallery."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir()
    pages = [page for page in sorted(HERE.glob("*.md")) if has_pictures(page)]
    with ThreadPoolExecutor(4) as pool:  # other processes do the work, and many of them wait
        gallery = pool.submit(make_gallery)
        for _ in pool.map(make_pictures_of, pages):
            pass
        gallery.result()
    command = [sys.executable, HERE.parent / "benchmarks" / "draw.py", PICTURES / "benchmarks.svg"]
    subprocess.run(command, check=True, env=TWO_THEMES)


def has_pictures(page: Path) -> bool:
    """Return whether the code of a page makes pictures or terminals."""
    blocks = list(read_blocks(page))
    saves = any(block.kind == "python" for block in blocks)
    shows = "](pictures/" in page.read_text(encoding="utf-8")
    return (saves and shows) or any(block.terminal for block in blocks)


def make_pictures_of(page: Path) -> None:
    """Run the code of a page, and keep the pictures that it makes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, page.stem)
        command = [sys.executable, HERE / "run_page.py", page, folder, "--dark"]
        subprocess.run(command, check=True)
        for report in folder.glob("report*.html"):
            size = TOP_OF_REPORT if page.stem == "five_minutes" else SCREEN
            photograph(report, report.with_suffix(".png"), size=size)
            photograph(report, folder / f"{report.stem}_dark.png", size=size, dark=True)
        if page.stem == "plots":
            text = page.read_text(encoding="utf-8")
            for theme, which in ("light", ""), ("dark", "_dark"):
                notebook = run_notebook(text.partition("## In a notebook")[2], folder, theme)
                photograph(notebook, folder / f"report_notebook{which}.png", size=NOTEBOOK)
            photograph(folder / "report.html", folder / "report_table.png", **LOWER_PART)
            dark = folder / "report_table_dark.png"
            photograph(folder / "report.html", dark, dark=True, **LOWER_PART)
            shutil.copy(folder / "report.html", PICTURES / REPORT)
        for terminal in folder.glob("terminal_*.html"):
            shutil.copy(terminal, PICTURES / f"{page.stem}_{terminal.name}")
        for picture in [*folder.glob("*.svg"), *folder.glob("report*.png")]:
            try:
                with (PICTURES / picture.name).open("xb") as file:
                    file.write(picture.read_bytes())
            except FileExistsError as error:
                message = f"{page.name} and another page save {picture.name}; rename one"
                raise FileExistsError(message) from error


def run_notebook(text: str, folder: Path, theme: str) -> Path:
    """Run the first block of code in a text as a cell of a notebook; return its HTML."""
    code = text.partition("```python\n")[2].partition("\n```")[0]
    cell = {"cell_type": "code", "id": "study", "metadata": {}, "source": code}
    cell |= {"execution_count": None, "outputs": []}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "notebook.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    command = [sys.executable, "-m", "nbconvert", "--to=html", "--execute", "--log-level=ERROR"]
    command.append(f"--theme={theme}")
    # these would be loaded from the network
    command += ["--HTMLExporter.mathjax_url=", "--HTMLExporter.require_js_url="]
    subprocess.run([*command, "notebook.ipynb"], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    return folder / "notebook.html"


def photograph(
    page: Path,
    picture: Path,
    *,
    state: str = "",
    size: tuple[int, int] = SCREEN,
    top: int = 0,
    dark: bool = False,
) -> None:
    """Save a page of HTML, such as a report, as a PNG file, if there is a Chromium.

    `state` is the end of its address, `size` that of the window. What is above `top` is cut off.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        return
    command = [
        chromium,
        "--headless",
        "--no-sandbox",  # needed in containers; the page is ours
        "--hide-scrollbars",
        f"--window-size={size[0]},{size[1]}",
        f"--force-device-scale-factor={SCALE}",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        "--virtual-time-budget=10000",  # until its script has drawn
        f"--user-data-dir={picture.with_suffix('.profile')}",
        f"--screenshot={picture}",
        f"{page.as_uri()}{state}",
    ]
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(command, check=False, capture_output=True, timeout=120)
    if not picture.exists():
        print(f"{chromium} made no picture of {page.name}; it is left out", file=sys.stderr)
    elif top:  # Chromium cannot photograph a page that is scrolled
        with Image.open(picture) as whole:
            whole.crop((0, int(top * SCALE), *whole.size)).save(picture)


def leave_out_pictures(_app: Sphinx, _name: str, source: list[str]) -> None:
    """Leave out pictures of reports where there was no Chromium to make them."""
    picture = re.compile(r"^!\[[^\]]*\]\((pictures/report\w*\.png)\)$", re.MULTILINE)
    source[0] = picture.sub(lambda m: m[0] if (HERE / m[1]).exists() else "", source[0])


def show_dark_pictures(_app: Sphinx, _name: str, source: list[str]) -> None:
    """Show the dark picture of a plot or a report where the page is dark."""

    def both(found: re.Match[str]) -> str:
        dark = f"{found['path']}_dark{found['suffix']}"
        if not (HERE / dark).exists():
            return found[0]
        return f"{found[0]}{{.only-light}}\n![{found['text']}]({dark}){{.only-dark}}"

    picture = re.compile(
        r"^!\[(?P<text>[^\]]*)\]\((?P<path>pictures/\w+)(?P<suffix>\.\w+)\)$", re.MULTILINE
    )
    source[0] = picture.sub(both, source[0])


def show_terminals(_app: Sphinx, name: str, source: list[str]) -> None:
    """Show blocks that were run in a terminal as such, with what was printed."""

    def show(found: re.Match[str]) -> str:
        if not found["terminal"]:
            return found[0]
        line = found.string.count("\n", 0, found.start("code")) + 1
        text = (PICTURES / f"{name}_terminal_{line}.html").read_text(encoding="utf-8")
        return f'```{{raw}} html\n<pre class="terminal">{text}</pre>\n```'

    source[0] = BLOCK.sub(show, source[0])


def make_gallery() -> None:
    """Run the examples from science, and make their pages."""
    subprocess.run(
        [sys.executable, str(HERE / "make_gallery.py"), str(HERE / "gallery")],
        check=True,
        stderr=subprocess.DEVNULL,
        env=TWO_THEMES,
    )


def link_gallery(_app: Sphinx, name: str, source: list[str]) -> None:
    """Show pictures in the cards of gallery.md, and link the pages instead of the scripts.

    The scripts are there wherever gallery.md is read; the pages are only where Sphinx has run.
    """
    if name != "gallery":
        return

    stems: list[str] = []

    def page(link: re.Match[str]) -> str:
        stem = link["name"].partition(".")[0]
        stems.append(f"gallery/{stem}")
        return f"- [{thumbnail(stem)}{link['title']}](gallery/{stem}.md)"

    link = re.compile(r"^- \[(?P<title>[^]]+)\]\(\.\./examples/(?P<name>[\w.]+)\S*\)", re.MULTILINE)
    cards = link.sub(page, source[0])
    source[0] = "\n".join([cards, "```{toctree}", ":hidden:", "", *stems, "```", ""])


def thumbnail(stem: str, text: str = "") -> str:
    """Show the first picture of a page of the gallery, for light and for dark pages.

    `text` is for those who cannot see it, empty if the title next to it says enough.
    """
    dark = sorted((HERE / "gallery").glob(f"{stem}*_dark.png"))[0].name
    light = dark.replace("_dark.png", ".png")
    return f"![{text}](gallery/{light}){{.only-light}}![{text}](gallery/{dark}){{.only-dark}}"


def show_gallery(_app: Sphinx, name: str, source: list[str]) -> None:
    """Show some pictures of the gallery below the paragraph of index.md that names it."""
    if name == "index":
        shown = {
            "tune_svm": "A heatmap of the accuracy over the two parameters of a classifier",
            "bifurcation": "The logistic map, whose period doubles until it is chaotic",
        }
        links = [f"[{thumbnail(stem, text)}](gallery/{stem}.md)" for stem, text in shown.items()]
        strip = "\n".join(['<div class="strip">', "", *links, "", "</div>"])
        (found,) = re.findall(r"^The \[Gallery\].*$", source[0], re.MULTILINE)
        source[0] = source[0].replace(found, f"{found}\n\n{strip}")


def link_report(_app: Sphinx, name: str, source: list[str]) -> None:
    """Show the report itself above its picture, of which phones and prints show the picture.

    It is only there where the manual is built.
    """
    if name == "plots":
        picture = re.compile(r"^!\[[^\]]*\]\(pictures/report\.png\)$", re.MULTILINE)
        (found,) = picture.findall(source[0])
        frame = [
            '<div class="report">',
            f'<iframe loading="lazy" title="report" src="{REPORT}"></iframe>',
            "</div>",
        ]
        link = f'<p>It is interactive; <a href="{REPORT}">open it on a page of its own</a>.</p>'
        source[0] = source[0].replace(found, "\n".join([*frame, "", found, "", link]))


def add_report(app: Sphinx, error: Exception | None) -> None:
    """Put the report next to the pages."""
    if not error and app.builder.format == "html":
        shutil.copy(PICTURES / REPORT, app.outdir)


def list_pages(_app: Sphinx, name: str, source: list[str]) -> None:
    """List the pages of the manual at its side: those that the cards of index.md link."""
    if name != "index":
        return
    for section in source[0].split("\n## ")[1:]:
        caption, _, text = section.partition("\n")
        pages = dict.fromkeys(re.findall(r"\]\((\w+)\.md\)", text))
        if '<div class="cards">' in text:
            listed = "\n".join([":hidden:", f":caption: {caption}", "", *pages])
            source[0] += f"\n```{{toctree}}\n{listed}\n```\n"


def explains_words(table: nodes.table) -> bool:
    """Return whether each row of a table is a word or a symptom, and what it means."""
    return table.next_node(nodes.entry).astext() in ("word", "symptom")


def name_words(_app: Sphinx, tree: nodes.document) -> None:
    """Make rows that explain a word or a symptom targets of links."""
    for table in filter(explains_words, tree.findall(nodes.table)):
        for row in table.next_node(nodes.tbody).children:
            row["ids"].append(f"word-{nodes.make_id(row[0].astext())}"[:60])


def mark_short_code(_app: Sphinx, tree: nodes.document) -> None:
    """Mark code in text that manual.css keeps on one line, as a whole or word by word."""
    for code in tree.findall(nodes.literal):
        text = code.astext()
        if len(text) <= SHORT:
            code["classes"].append("short")
        elif max(map(len, text.split())) <= SHORT:
            code["classes"].append("short-words")


def write_sections(app: Sphinx, error: Exception | None) -> None:
    """Write what each section of the manual says, for search.js."""
    if error or app.builder.format != "html":
        return
    found = []
    for page in sorted(app.env.found_docs - {"index"}):  # it only leads to the others
        for section in app.env.get_doctree(page).findall(nodes.section):
            titles = []
            outer = section
            while isinstance(outer, nodes.section):
                titles.insert(0, outer.next_node(nodes.title).astext())
                outer = outer.parent
            prose, code = [], []
            for element in elements_of(section):
                text = " ".join(element.astext().split())
                if isinstance(element, nodes.row):  # a word or a symptom
                    word, meaning = (cell.astext() for cell in element.children)
                    found.append([page, element["ids"][0], [*titles, word], meaning, ""])
                elif isinstance(element, nodes.raw):  # a terminal
                    code.append(re.sub(r"<[^>]+>", "", text))
                elif isinstance(element, (nodes.FixedTextElement, desc_signature)):
                    # the docstring of a script in the gallery is the text of its page
                    code.append(re.sub(r'^""".*?""" ', "", text))
                else:
                    # without the alternative text of pictures; HTML is the end of a line
                    shown = (
                        " " if isinstance(text.parent, nodes.raw) else text
                        for text in element.findall(nodes.Text)
                    )
                    end = " ·" if isinstance(element.parent, nodes.entry) else ""  # of a cell
                    prose.append(" ".join("".join(shown).split()) + end)
            found.append([page, section["ids"][0], titles, " ".join(prose), " ".join(code)])
    text = f"const SECTIONS = {json.dumps(found, ensure_ascii=False)};\n"
    (Path(app.outdir) / "_static" / "sections.js").write_text(text, encoding="utf-8")


def elements_of(section: nodes.Element) -> Iterator[nodes.Element]:
    """Return the parts of a section that have text, without those of its inner sections."""
    for child in section.children:
        if isinstance(child, nodes.table) and explains_words(child):
            yield from child.next_node(nodes.tbody).children
        elif isinstance(child, (nodes.TextElement, nodes.raw)):
            if not isinstance(child, (nodes.title, nodes.Invisible)):
                yield child
        elif isinstance(child, nodes.Element) and not isinstance(child, nodes.section):
            yield from elements_of(child)


def setup(app: Sphinx) -> None:
    """Hook into Sphinx."""
    app.connect("builder-inited", make_pictures)
    app.connect("source-read", show_terminals)  # first: it counts lines
    app.connect("source-read", link_gallery)
    app.connect("source-read", show_gallery)
    app.connect("source-read", link_report)
    app.connect("source-read", leave_out_pictures)
    app.connect("source-read", show_dark_pictures)
    app.connect("source-read", list_pages)
    app.connect("doctree-read", name_words)
    app.connect("doctree-read", mark_short_code)
    app.connect("build-finished", write_sections)
    app.connect("build-finished", add_report)
