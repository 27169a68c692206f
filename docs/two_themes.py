"""Save each figure of matplotlib twice: as it is, and with colours for dark pages.

Once this is imported, ``fig.savefig("a.svg")`` writes a.svg and a_dark.svg. pyplot imports it as
its backend with MPLBACKEND=module://two_themes; then ``plt.show()``, in a notebook, shows both, for
pages where the theme hides one of them.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib._pylab_helpers import Gcf
from matplotlib.artist import Artist
from matplotlib.backend_bases import FigureCanvasBase, FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure

LUMA = np.array([0.2126, 0.7152, 0.0722])  # how bright the parts of a color are, ITU-R BT.709
PAGE, TEXT = 0.08, 0.82  # how bright the page and its text are, where the theme is dark
LEAST = 0.48  # what is easy to see on such a page
CURVE = 1.6  # above 1, light greys, which are lines, stay visible
GREY = 0.12  # parts of greys differ by less
COLORS = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")
DPI = 150  # enough for screens with small pixels

NUMBERS = itertools.count(1)  # of the figures of a notebook

FigureCanvas, FigureManager = FigureCanvasAgg, FigureManagerBase  # what pyplot expects of a backend
print_figure = FigureCanvasBase.print_figure


def print_twice(canvas: FigureCanvasBase, filename: Any, **options: Any) -> None:
    """Save a figure, and if it goes to a file, a dark one next to it."""
    if not isinstance(filename, (str, os.PathLike)):
        print_figure(canvas, filename, **options)
        return
    options["dpi"] = DPI
    print_figure(canvas, filename, **options)
    path = Path(filename)
    with dark(canvas.figure):
        print_figure(canvas, path.with_name(f"{path.stem}_dark{path.suffix}"), **options)


FigureCanvasBase.print_figure = print_twice


def show(*_args: object, **_options: object) -> None:
    """Save all open figures as figure_1.png, figure_2.png, ..., and show them as Markdown."""
    from IPython.display import Markdown, display  # here, because only notebooks have it

    for manager in Gcf.get_all_fig_managers():
        stem = f"figure_{next(NUMBERS)}"
        manager.canvas.figure.savefig(f"{stem}.png", bbox_inches="tight")
        display(Markdown(f"![]({stem}.png){{.only-light}}\n![]({stem}_dark.png){{.only-dark}}"))
    Gcf.destroy_all()


@contextlib.contextmanager
def dark(figure: Figure) -> Iterator[None]:
    """Change the colours of a figure for a while, but for those that stand for numbers."""
    before = []
    mapped = [axes for axes in figure.axes if any(map(is_mapped, axes.get_children()))]
    on_colors = [text for axes in mapped for text in axes.texts]
    for artist in figure.findobj(lambda artist: not is_mapped(artist) and artist not in on_colors):
        for name in COLORS:
            get, set_ = (getattr(artist, f"{verb}_{name}", None) for verb in ("get", "set"))
            if get and set_:
                before.append((set_, get()))
    for set_, colors in before:
        many = [darkened(*color) for color in to_rgba_array(colors)]
        set_(many[0] if len(many) == 1 else many)
    try:
        yield
    finally:
        for set_, colors in before:
            set_(colors)


def is_mapped(artist: Artist) -> bool:
    """Return whether the colours of an artist stand for numbers."""
    return isinstance(artist, ScalarMappable) and artist.get_array() is not None


def darkened(red: float, green: float, blue: float, alpha: float) -> tuple[float, ...]:
    """Return the colour for dark pages: black and white are swapped, hues stay."""
    color = np.array([red, green, blue])
    luma = color @ LUMA
    if np.ptp(color) < GREY:
        color = np.full(3, TEXT + (PAGE - TEXT) * luma**CURVE)
    elif luma < LEAST:
        color += (1 - color) * (LEAST - luma) / (1 - luma)
    return (*color, alpha)
