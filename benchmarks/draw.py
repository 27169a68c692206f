"""Draw the main times of the last `nox -s bench` as bars: python benchmarks/draw.py FILE.svg."""

from __future__ import annotations

import pathlib
import sys

import pandas as pd
from matplotlib import pyplot as plt

RESULTS = pathlib.Path(__file__).with_name("results.csv")
# What a reader wants to know, and the case that has it. The table in the manual has all cases.
PANELS = {
    "One pset, of 100 000 that do nothing": "serial, 100 000 trivial psets",
    "One pset, in two processes": "`poolsize=2`, 100 000 trivial psets",
    "Hash a pset of two numbers": "`pset_hash`, 2 plain entries",
    "Append 10 psets to 100 000 rows": "append 10 psets to 100 000 rows",
    "Loop of 20 calls, 100 000 rows": ("20 calls of one pset each, 100 000 rows, with pyarrow"),
    "Import psweep": "`import psweep`",
}
UNITS = {"s": "seconds", "ms": "milliseconds"}
SHORT = {"bare loops with hashes, in 2 processes": "bare loops with hashes"}
TITLE = -0.92  # where a title begins, in widths of the bars: above the names, left of the bars
WIDTH, INCHES_PER_BAR, INCHES_PER_TITLE = 5, 0.25, 0.45  # inches; readable on a phone, too


def draw(path: str) -> None:
    """Draw a panel for each case, and in it a bar for each side."""
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "psweep", "font.size": 10})
    times = pd.read_csv(RESULTS).dropna(subset="unit").replace({"what": SHORT})
    cases = [times[times.case == case] for case in PANELS.values()]
    heights = [len(sides) * INCHES_PER_BAR for sides in cases]
    figure, axes = plt.subplots(
        len(cases),
        figsize=(WIDTH, sum(heights) + len(cases) * INCHES_PER_TITLE),
        height_ratios=heights,
        layout="constrained",
    )
    for axis, title, sides in zip(axes, PANELS, cases, strict=True):
        errors = [sides["median"] - sides.least, sides.most - sides["median"]]
        ours = sides.what.str.match(r"psweep(?! 0\.)")
        colors = ["tab:blue" if own else "0.75" for own in ours]
        bars = axis.barh(sides.what, sides["median"], xerr=errors, color=colors, ecolor="0.4")
        axis.bar_label(bars, [f"{value:.3g}" for value in sides["median"]], padding=5)
        axis.invert_yaxis()
        axis.margins(x=0.12)
        axis.spines[["top", "right", "bottom"]].set_visible(False)
        axis.tick_params(left=False, bottom=False, labelbottom=False)  # bars have their numbers
        unit = sides.unit.iloc[0]
        text = f"{title}: {UNITS.get(unit, unit)}"
        axis.set_title(text, fontsize=10, loc="left", x=TITLE, weight="bold")
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    draw(sys.argv[1])
