"""Draw the picture of README: a terminal with a real run, and the report of that run.

    python docs/draw_picture.py           # draw it again; needs Chromium and playwright
    python docs/draw_picture.py --check   # run it, and fail if the terminal shows other text

The study is that of README. The picture is kept in the repository, because README has no build: for
light pages and for dark ones, and both for phones, with the report below the terminal. The text,
without numbers, is stored in each.
"""

from __future__ import annotations

import functools
import io
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from typing import Literal, NamedTuple

import run_page
import terminal
from PIL import Image
from PIL.PngImagePlugin import PngInfo

DOCS = pathlib.Path(__file__).resolve().parent
STATIC = DOCS / "_static"
README = DOCS.parent / "README.md"
SCALE = 2
COLUMNS = 52
REPORT = {"width": 455, "height": 900}
TEXT = "terminal"  # the key of the text in the picture
# What the picture is about; the last is the best row, which the report marks.
STORY = r"\d+ of \d+ psets are safe|\d+ skipped|(?<=distance\n).*"
PAGE = """<!DOCTYPE html>
<meta charset="utf-8">
<style>
body {{ margin: 0; display: flex; flex-direction: {direction}; gap: 10px; width: max-content; }}
figure {{ margin: 0; display: flex; flex-direction: column; gap: 8px; }}
figcaption {{ font: bold 18px "DejaVu Sans", sans-serif; color: {colour}; }}
pre {{ margin: 0; padding: 12px 14px; width: 562px; border-radius: 10px; flex: 1;
      background: #282828; color: #ebdbb2; font: 17px/1.68 "DejaVu Sans Mono", monospace; }}
pre b {{ color: #8ec07c; font-weight: normal; }}
pre em {{ color: #fabd2f; font-style: normal; font-weight: bold; }}
div {{ border: 1px solid {edge}; border-radius: 11px; overflow: hidden; width: {width}px; }}
div p {{ margin: 0; padding: 7px 14px; background: {bar}; color: {colour};
        border-bottom: 1px solid {edge}; font: 14px "DejaVu Sans", sans-serif; }}
i {{ display: inline-block; width: 11px; height: 11px; border-radius: 50%; margin-right: 6px; }}
span {{ background: {field}; border-radius: 9px; padding: 2px 14px; margin-left: 8px; }}
img {{ display: block; width: {width}px; }}
</style>
<figure><figcaption>Stop it, run it again: no result is lost</figcaption><pre>{text}</pre></figure>
<figure><figcaption>The report shows the best values</figcaption><div><p><i
style="background:#d1605e"></i><i style="background:#d6a243"></i><i style="background:#6fa657"></i>
<span>calc/report.html</span></p><img src="report.png"></div></figure>
"""


# of the page around, and of the window of the browser
COLOURS = {
    "light": {"colour": "#1f2328", "edge": "#d0d7de", "bar": "#dde2e8", "field": "#fff"},
    "dark": {"colour": "#e6edf3", "edge": "#3d444d", "bar": "#262c36", "field": "#151b23"},
}


class Variant(NamedTuple):
    """One form of the picture; its widths are in px of CSS."""

    name: str
    theme: Literal["light", "dark"]
    direction: str
    width: int  # of the report


VARIANTS = [
    Variant("psweep.png", "light", "row", 500),
    Variant("psweep-dark.png", "dark", "row", 500),
    Variant("psweep-narrow.png", "light", "column", 590),
    Variant("psweep-narrow-dark.png", "dark", "column", 590),
]


def show(folder: pathlib.Path) -> list[str]:
    """Run the study twice in a folder and make its report; return what its runs show."""
    [study] = (block for block in run_page.read_blocks(README) if block.file == "study.py")
    (folder / "study.py").write_text(study.code, encoding="utf-8")
    command = f"{shlex.quote(sys.executable)} study.py"
    run = functools.partial(terminal.run, command, folder, columns=COLUMNS)
    # So early that the second bar is three times as long, although there is less room for it. Calls
    # take 0.5 s, so 0.25 s later none has just ended that the bar does not show yet.
    first = run(interrupt_at=r"\b[34]/20 \[", interrupt_after=0.25)
    second = run()
    code = "import sys; from psweep_core.cli import report; sys.exit(report([]))"
    report = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    )
    # What matters is the bar when Ctrl-C comes, and the lines of psweep; not the traceback.
    said = next(i for i, line in enumerate(first) if line.startswith("psweep:"))
    end = next(i for i, line in enumerate(first) if line.startswith("Traceback"))
    return [
        "$ python3 study.py  # stopped by Ctrl-C", first[0], *first[said:end], "",
        "$ python3 study.py  # runs only the rest", *(line for line in second if line), "",
        "$ psweep-report --open", *report.stdout.splitlines(),
    ]  # fmt: skip


def without_numbers(lines: list[str]) -> str:
    """Return what is the same each time the study runs: no bars, no numbers."""
    return "\n".join(re.sub(r"[\d.]+", "N", line) for line in lines if "%|" not in line)


def draw(folder: pathlib.Path, lines: list[str], variant: Variant) -> Image.Image:
    """Draw the terminal, and the report next to it or below."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        # It is enlarged.
        page = browser.new_page(
            viewport=REPORT, device_scale_factor=2 * SCALE, color_scheme=variant.theme
        )
        page.goto((folder / "calc" / "report.html").as_uri())
        page.wait_for_selector("svg")
        # without what can be chosen, as in print, and what would be too small to read
        for one in ("#pair .controls", "#pair .keys.quiet"):
            page.locator(one).evaluate("one => one.style.display = 'none'")
        page.locator("#pair").evaluate("one => one.style.border = 'none'")
        page.locator("#pair").screenshot(path=folder / "report.png")
        shown = re.sub(STORY, r"<em>\g<0></em>", terminal.mark_up(lines, COLUMNS))
        text = PAGE.format(text=shown, **COLOURS[variant.theme], **variant._asdict())
        (folder / "picture.html").write_text(text, encoding="utf-8")
        page = browser.new_page(device_scale_factor=SCALE)
        page.goto((folder / "picture.html").as_uri())
        data = page.locator("body").screenshot(omit_background=True)
        picture = Image.open(io.BytesIO(data))
        browser.close()
    # (The other methods of Pillow cannot keep what is transparent: the corners, on a dark page.)
    return picture.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def main() -> int:
    """Draw the picture, or compare its text with what the study shows now."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name, "study")
        folder.mkdir()
        lines = show(folder)
        text = without_numbers(lines)
        if sys.argv[1:] != ["--check"]:
            info = PngInfo()
            info.add_itxt(TEXT, text)
            for variant in VARIANTS:
                picture = draw(folder, lines, variant)
                picture.save(STATIC / variant.name, optimize=True, pnginfo=info)
            return 0
    for variant in VARIANTS:
        drawn = Image.open(STATIC / variant.name).text[TEXT]
        if text != drawn:
            print(
                f"{variant.name} shows:\n{drawn}\nbut the study shows now:\n{text}", file=sys.stderr
            )
            print("draw it again: python docs/draw_picture.py", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
