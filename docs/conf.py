"""How Sphinx builds the manual: ``nox -s docs``."""

from __future__ import annotations

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
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, str(HERE / "run_page.py"), str(page), folder]
            subprocess.run(command, check=True)
            for picture in Path(folder).glob("*.svg"):
                shutil.copy(picture, pictures)
    draw = HERE.parent / "benchmarks" / "draw.py"
    subprocess.run([sys.executable, str(draw), str(pictures / "benchmarks.svg")], check=True)


def setup(app: Sphinx) -> None:
    """Hook into Sphinx."""
    app.connect("builder-inited", make_pictures)
