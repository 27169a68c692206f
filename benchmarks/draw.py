"""Draw the times of the last `nox -s bench` as bars: python benchmarks/draw.py FILE.svg."""

from __future__ import annotations

import pathlib
import sys
import textwrap

import matplotlib as mpl
import pandas as pd

RESULTS = pathlib.Path(__file__).with_name("results.csv")
# Of those with one time, or whose times say nothing side by side.
LEFT_OUT = ("1 000 000 trivial", "1 000 000 rows", "real disk", "8 trivial", "10 ms", "import")


def draw(path: str) -> None:
    """Draw a panel for each case, and in it a bar for each side."""
    mpl.use("svg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "psweep", "font.size": 8})
    from matplotlib import pyplot as plt

    times = pd.read_csv(RESULTS).dropna(subset="unit")
    times = times[~times.case.str.contains("|".join(LEFT_OUT))]
    cases = [*times.groupby("case", sort=False)]
    n_rows = (len(cases) + 1) // 2
    figure, axes = plt.subplots(n_rows, 2, figsize=(9, 1.35 * n_rows), squeeze=False)
    for axis in axes.flat[len(cases) :]:
        axis.set_visible(False)
    for axis, (case, sides) in zip(axes.flat, cases, strict=False):
        errors = [sides["median"] - sides.least, sides.most - sides["median"]]
        ours = sides.what.str.match(r"psweep(?! 0\.)")
        colors = ["tab:blue" if own else "0.75" for own in ours]
        bars = axis.barh(sides.what, sides["median"], xerr=errors, color=colors, ecolor="0.4")
        axis.bar_label(bars, [f"{value:.3g}" for value in sides["median"]], padding=4)
        axis.invert_yaxis()
        axis.margins(x=0.2)
        axis.spines[["top", "right"]].set_visible(False)
        title = textwrap.fill(f"{case.replace('`', '')}: {sides.unit.iloc[0]}", 45)
        axis.set_title(title, fontsize=8, loc="left")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    draw(sys.argv[1])
