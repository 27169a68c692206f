"""Draw the bars of README: what a pset takes in psweep and in other tools.

python benchmarks/chart.py   # from other_tools.csv into docs/_static/speed.svg
"""

from __future__ import annotations

import csv
import math
import pathlib

OTHER_TOOLS = pathlib.Path(__file__).with_name("other_tools.csv")
PICTURE = OTHER_TOOLS.parent.parent / "docs" / "_static" / "speed.svg"
OURS = "psweep"
AT_THE_END = {"psweep 0.8.0"}  # what does not keep each result at once
TICKS = {1: "1 µs", 10: "10 µs", 100: "100 µs", 1000: "1 ms", 10_000: "10 ms"}
NAMES, DECADE, ROW, TOP = 150, 68, 26, 24  # px: width of the names, of a decade; heights
WIDTH = NAMES + 4 * DECADE + 112
STYLE = """
text { font: 14px -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
.tick { font-size: 12px; fill: #656d76; }
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


def read_costs() -> dict[str, float]:
    """Read what a pset takes in tools that keep each result at once, in µs, the least first."""
    with OTHER_TOOLS.open(encoding="utf-8", newline="") as file:
        costs = {row["tool"]: float(row["µs per pset"]) for row in csv.DictReader(file)}
    shown = {name: value for name, value in costs.items() if name not in AT_THE_END}
    return dict(sorted(shown.items(), key=lambda item: item[1]))


def rounded(value: float) -> str:
    """Write a number with two digits."""
    return f"{float(f'{value:.1e}'):.0f}" if value >= 10 else f"{value:.1f}"


def draw(costs: dict[str, float]) -> str:
    """Draw bars on a logarithmic axis, as SVG for light and dark pages."""
    height = TOP + ROW * len(costs)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}">',
        "<title>Time per call, on a logarithmic axis</title>",
        f"<style>{STYLE}</style>",
    ]
    for value, text in TICKS.items():
        x = NAMES + DECADE * math.log10(value)
        parts += [
            f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{TOP - 4}" y2="{height}"/>',
            f'<text class="tick" x="{x:.0f}" y="14" text-anchor="middle">{text}</text>',
        ]
    for i, (name, value) in enumerate(costs.items()):
        y = TOP + ROW * i
        length = DECADE * math.log10(value)
        kind = ' class="ours"' if name == OURS else ""
        cost = f"{rounded(value)} µs" if value < 1000 else f"{value / 1000:.1f} ms"
        ratio = f" ({rounded(value / costs[OURS])} ×)" if name != OURS else ""
        text = f'<text{kind} y="{y + 17}"'
        parts += [
            f'{text} x="{NAMES - 8}" text-anchor="end">{name}</text>',
            f'<rect{kind} x="{NAMES}" y="{y + 3}" width="{length:.1f}" height="{ROW - 6}"/>',
            f'{text} x="{NAMES + length + 6:.1f}">{cost}{ratio}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def describe(costs: dict[str, float]) -> str:
    """Report in words what the picture shows."""
    return ", ".join(f"{name} {rounded(value)} µs" for name, value in costs.items())


if __name__ == "__main__":
    PICTURE.write_text(draw(read_costs()), encoding="utf-8")
