"""Draw the bars of README: how long a study takes in psweep and in other tools.

python benchmarks/chart.py   # from other_tools.csv into README and docs/_static
"""

from __future__ import annotations

import csv
import pathlib
import sys
from typing import NamedTuple

OTHER_TOOLS = pathlib.Path(__file__).with_name("other_tools.csv")
README = OTHER_TOOLS.parent.parent / "README.md"
STATIC = README.parent / "docs" / "_static"
BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"
OURS = "psweep"
LOOP = "for-loop"
AT_THE_END = {"psweep 0.8.0"}  # what does not keep each result at once
CALLS, OVERHEAD = "the calls themselves", "added by the tool"
STYLE = """
text { font: 14px -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
.tick { font-size: 12px; fill: #59636e; }
.time { paint-order: stroke; stroke: #fff; stroke-width: 4px; }
.ours { font-weight: bold; }
line { stroke: #d0d7de; }
.calls { fill: #d3d9e0; }
.tool { fill: #8c959f; }
.tool.ours { fill: #2d6fb5; }
.cut { stroke: #fff; stroke-width: 2.5px; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .tick { fill: #9198a1; }
  .time, .cut { stroke: #0d1117; }
  line { stroke: #3d444d; }
  .calls { fill: #3d444d; }
  .tool { fill: #8b949e; }
  .tool.ours { fill: #58a6ff; }
}
"""


class Total(NamedTuple):
    """How long a tool takes for the whole study."""

    tool: str
    stored: str  # what each result becomes
    seconds: float  # the median of its runs
    least: float
    most: float


class Form(NamedTuple):
    """One form of the picture; all in px."""

    name: str
    bars: int  # where they start
    length: int  # of the longest
    row: int  # from one tool to the next
    below: int  # how far a bar is below the name of its tool

    @property
    def width(self) -> int:
        """Return the width of the picture, with the longest time next to its bar."""
        return self.bars + self.length + 110


FORMS = [Form("speed.svg", 310, 360, 26, 0), Form("speed-narrow.svg", 0, 270, 46, 20)]
TOP = 58
CUT = 25  # seconds; longer bars are cut, or the others would all look the same
STORED = 158  # where it says what each result becomes


def read_totals() -> list[Total]:
    """Read how long tools take that keep each result at once, and a loop; the least first."""
    with OTHER_TOOLS.open(encoding="utf-8", newline="") as file:
        totals = [
            Total(
                row["tool"],
                row["stores each result as"],
                *(float(row[name]) for name in ("s in all", "least", "most")),
            )
            for row in csv.DictReader(file)
            if row["tool"] not in AT_THE_END
        ]
    return sorted(totals, key=lambda total: total.seconds)


def written(seconds: float) -> str:
    """Write a time with three digits."""
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds:.0f} s"


def draw(totals: list[Total], form: Form) -> str:
    """Draw bars from zero, cut at CUT, as SVG for light and dark pages."""
    height = TOP + form.row * len(totals) + 2
    px = form.length / CUT
    [calls] = (total.seconds for total in totals if total.tool == LOOP)
    parts = [
        _bar(form.bars, 4, 12, "calls", height=12),
        _text(form.bars + 17, 14, CALLS, "tick"),
        _bar(form.bars + 150, 4, 12, "tool", height=12),
        _text(form.bars + 167, 14, OVERHEAD, "tick"),
    ]
    if not form.below:
        parts.append(_text(STORED, TOP - 10, "each result becomes", "tick"))
    for value in range(0, CUT + 1, 5):
        x = form.bars + px * value
        anchor = "middle" if value or form.bars else "start"
        parts += [
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" y2="{height}"/>',
            _text(x, TOP - 10, f"{value} s", "tick", anchor),
        ]
    for i, (tool, stored, seconds, *_) in enumerate(totals):
        y = TOP + form.row * i
        bar = y + form.below + 3
        ours = "ours" if tool == OURS else ""
        if form.below:
            small = f'<tspan class="tick">{stored}</tspan>'
            parts.append(_text(0, y + 17, f"{tool} {small}", ours))
        else:
            parts.append(_text(STORED - 8, y + 17, tool, ours, "end"))
            parts.append(_text(STORED, y + 17, stored, "tick"))
        percent = f"+{float(f'{added(seconds, calls):.2g}'):.0f} %" if tool != LOOP else ""
        more = f' <tspan class="tick">{percent}</tspan>'
        of_calls, in_all = px * min(seconds, calls), px * min(seconds, CUT)
        parts += [
            _bar(form.bars, bar, of_calls, "calls"),
            _bar(form.bars + of_calls, bar, in_all - of_calls, f"tool {ours}"),
            _text(form.bars + in_all + 6, bar + 14, f"{written(seconds)}{more}", f"time {ours}"),
        ]
        if seconds > CUT:
            x = form.bars + in_all - 16
            parts.append(f'<path class="cut" d="M{x} {bar + 22}l6 -24M{x + 5} {bar + 22}l6 -24"/>')
    size = f'viewBox="0 0 {form.width} {height}" width="{form.width}"'
    title = "<title>Time of a study of 10 000 calls of 1 ms</title>"
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', title, f"<style>{STYLE}</style>"]
    return "\n".join([*head, *parts, "</svg>", ""])


def added(seconds: float, calls: float) -> float:
    """Return how much a tool adds to the time of the calls alone, in %."""
    return 100 * (seconds / calls - 1)


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{text}</text>'


def _bar(x: float, y: float, width: float, kind: str, height: int = 20) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}"/>'


def describe(totals: list[Total]) -> str:
    """Report in words what the picture shows."""
    return ", ".join(f"{total.tool} {written(total.seconds)}" for total in totals)


def claim(totals: list[Total]) -> str:
    """Report in one sentence what the picture shows."""
    [calls] = (total.seconds for total in totals if total.tool == LOOP)
    [ours] = (added(total.seconds, calls) for total in totals if total.tool == OURS)
    others = [(added(t.seconds, calls), t.tool) for t in totals if t.tool not in (OURS, LOOP)]
    percent, tool = min(others)
    return (
        f"psweep adds {ours:.0f} % to 10 000 calls of 1 ms; the next tool that also saves each "
        f"result when it is finished, {tool}, adds {percent:.0f} %"
    )


def spread(totals: list[Total]) -> str:
    """Report in one sentence by how much the runs of a tool differ."""
    most = max(100 * (total.most - total.least) / total.seconds for total in totals)
    return (
        f"Three runs of a tool differed by at most {most:.0f} %; "
        "those that take over a minute ran once."
    )


def block() -> str:
    """Return what README says between its two marks."""
    wide, narrow = (f"docs/_static/{form.name}" for form in FORMS)
    totals = read_totals()
    return f"""{BEGIN}

**{claim(totals)}:**

<picture>
  <source media="(max-width: 600px)" srcset="{narrow}">
  <img alt="Time of the whole study: {describe(totals)}" src="{wide}">
</picture>

{spread(totals)}

{END}"""


def update() -> None:
    """Draw the pictures, and write README's block."""
    for form in FORMS:
        (STATIC / form.name).write_text(draw(read_totals(), form), encoding="utf-8")
    before, begin, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{README} has no place for the bars; put the lines {BEGIN} and {END} there")
    README.write_text(before + block() + after, encoding="utf-8")


if __name__ == "__main__":
    update()
