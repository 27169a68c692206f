"""Draw the bars of README: what a pset takes in psweep and in other tools.

python benchmarks/chart.py   # from other_tools.csv into docs/_static/speed.svg
"""

from __future__ import annotations

import csv
import math
import pathlib
from typing import NamedTuple

OTHER_TOOLS = pathlib.Path(__file__).with_name("other_tools.csv")
PICTURE = OTHER_TOOLS.parent.parent / "docs" / "_static" / "speed.svg"
OURS = "psweep"
AT_THE_END = {"psweep 0.8.0"}  # what does not keep each result at once
AXIS = "time per call (logarithmic)"
TICKS = {1: "1 µs", 10: "10 µs", 100: "100 µs", 1000: "1 ms", 10_000: "10 ms"}
# px: width of the names, of what they store, of a decade; heights of a row and of the header
NAMES, STORED, DECADE, ROW, TOP = 150, 152, 72, 26, 42
WIDTH = NAMES + STORED + 4 * DECADE + 112
STYLE = """
text { font: 14px -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
.tick { font-size: 12px; fill: #59636e; }
.ours { font-weight: bold; }
line { stroke: #d0d7de; }
rect { fill: #afb8c1; }
rect.ours { fill: #2d6fb5; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .tick { fill: #9198a1; }
  line { stroke: #3d444d; }
  rect { fill: #656d76; }
  rect.ours { fill: #58a6ff; }
}
"""


class Cost(NamedTuple):
    """What a tool needs for a pset."""

    tool: str
    stored: str  # what each result becomes
    time: float  # in µs


def read_costs() -> list[Cost]:
    """Read what a pset takes in tools that keep each result at once, the least first."""
    with OTHER_TOOLS.open(encoding="utf-8", newline="") as file:
        costs = [
            Cost(row["tool"], row["stores each result as"], float(row["µs per pset"]))
            for row in csv.DictReader(file)
            if row["tool"] not in AT_THE_END
        ]
    return sorted(costs, key=lambda cost: cost.time)


def rounded(value: float) -> str:
    """Write a number with two digits."""
    return f"{float(f'{value:.1e}'):.0f}" if value >= 10 else f"{value:.1f}"


def draw(costs: list[Cost]) -> str:
    """Draw bars on a logarithmic axis, as SVG for light and dark pages."""
    height = TOP + ROW * len(costs)
    start = NAMES + STORED
    [ours] = (cost.time for cost in costs if cost.tool == OURS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}">',
        "<title>Time per call, on a logarithmic axis</title>",
        f"<style>{STYLE}</style>",
        f'<text class="tick" x="{start + 2 * DECADE}" y="14" text-anchor="middle">{AXIS}</text>',
        f'<text class="tick" x="{NAMES}" y="{TOP - 10}">each result becomes</text>',
    ]
    for value, text in TICKS.items():
        x = start + DECADE * math.log10(value)
        parts += [
            f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{TOP - 4}" y2="{height}"/>',
            f'<text class="tick" x="{x:.0f}" y="{TOP - 10}" text-anchor="middle">{text}</text>',
        ]
    for i, (tool, stored, time) in enumerate(costs):
        y = TOP + ROW * i
        length = DECADE * math.log10(time)
        kind = ' class="ours"' if tool == OURS else ""
        written = f"{rounded(time)} µs" if time < 1000 else f"{time / 1000:.1f} ms"
        ratio = f" ({rounded(time / ours)} ×)" if tool != OURS else ""
        text = f'<text{kind} y="{y + 17}"'
        parts += [
            f'{text} x="{NAMES - 8}" text-anchor="end">{tool}</text>',
            f'<text class="tick" y="{y + 17}" x="{NAMES}">{stored}</text>',
            f'<rect{kind} x="{start}" y="{y + 3}" width="{length:.1f}" height="{ROW - 6}"/>',
            f'{text} x="{start + length + 6:.1f}">{written}{ratio}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def describe(costs: list[Cost]) -> str:
    """Report in words what the picture shows."""
    return ", ".join(f"{cost.tool} {rounded(cost.time)} µs" for cost in costs)


if __name__ == "__main__":
    PICTURE.write_text(draw(read_costs()), encoding="utf-8")
