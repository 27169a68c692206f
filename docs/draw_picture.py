"""Draw the picture of README: a terminal with a real run, and the report of that run.

    python docs/draw_picture.py           # draw it again; needs Chromium and playwright
    python docs/draw_picture.py --check   # run it, and fail if the terminal shows other text

It is kept in the repository, because README has no build. The text, without numbers, is stored in
the picture.
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

import terminal
from PIL import Image
from PIL.PngImagePlugin import PngInfo

PICTURE = pathlib.Path(__file__).resolve().parent / "_static" / "psweep.png"
SIZE = (1000, 568)  # in px of CSS, about what README and the manual have room for
SCALE = 2
COLUMNS = 60
REPORT = {"width": 690, "height": 816}
TEXT = "terminal"  # the key of the text in the picture
STUDY = """\
import time
import numpy as np
import psweep as ps

def train(pset):
    time.sleep(0.05)
    rng = np.random.default_rng(pset["_seed"])
    x, step = rng.normal(2, 0.4), 0.0
    for _ in range(20):
        step = pset["momentum"] * step - pset["lr"] * 4 * x**3
        x += step
    return {"log_loss": 4 * np.log10(abs(x))}

if __name__ == "__main__":
    params = ps.pgrid(
        lr=[0.001, 0.003, 0.01, 0.03],
        momentum=[0, 0.3, 0.6])
    df = ps.run_local(
        train, params, poolsize=2, skip_dups=True,
        repeats=10, seed=1)
    best = ps.df_stats(df)
    best = best.nsmallest(3, "log_loss_mean").round(2)
    ps.df_print(best, cols=[
        "lr", "momentum",
        "log_loss_mean", "log_loss_sem"])
"""
PAGE = """<!DOCTYPE html>
<meta charset="utf-8">
<style>
body {{ margin: 0; display: flex; gap: 14px; background: #fff; height: {height}px; }}
pre {{ margin: 0; padding: 14px; width: 470px; border-radius: 10px; background: #282828;
      color: #ebdbb2; font: 13px/1.46 "DejaVu Sans Mono", monospace; overflow: hidden; }}
pre b {{ color: #8ec07c; font-weight: normal; }}
img {{ height: {height}px; flex: 1; object-fit: cover; object-position: left top;
      border: 1px solid #bbb; border-radius: 10px; box-sizing: border-box; }}
</style>
<pre>{text}</pre><img src="report.png">
"""


def show(folder: pathlib.Path) -> list[str]:
    """Run the study twice in a folder and make its report; return what the terminal shows."""
    (folder / "training.py").write_text(STUDY, encoding="utf-8")
    shown = STUDY[STUDY.index("    params =") :].rstrip().split("\n")
    command = f"{shlex.quote(sys.executable)} training.py"
    run = functools.partial(terminal.run, command, folder, columns=COLUMNS)
    first = run(interrupt_at=r"\b([6-9]\d|1\d\d)/120 \[")  # half of the psets
    second = run()
    report = subprocess.run(
        [sys.executable, "-c", "import psweep; print(psweep.report())"],
        cwd=folder, check=True, stdout=subprocess.PIPE, encoding="utf-8",
    ).stdout.strip()  # fmt: skip
    # of the traceback of Ctrl-C, the closing lines say all
    kept = [line for line in first if line and not line.startswith(("Traceback", "  "))]
    return [
        f"$ tail -{len(shown)} training.py", *shown,
        "$ python3 training.py", *kept,
        "$ python3 training.py", *(line for line in second if line),
        "$ psweep-report --open", report,
    ]  # fmt: skip


def without_numbers(lines: list[str]) -> str:
    """Return what is the same each time the study runs: no bars, no numbers."""
    return "\n".join(re.sub(r"[\d.]+", "N", line) for line in lines if "%|" not in line)


def draw(folder: pathlib.Path, lines: list[str]) -> Image.Image:
    """Draw the terminal, and the report next to it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport=REPORT, device_scale_factor=SCALE)
        page.goto((folder / lines[-1]).as_uri())
        page.wait_for_selector("svg")
        page.screenshot(path=folder / "report.png")
        page.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
        text = PAGE.format(height=SIZE[1], text=terminal.mark_up(lines, COLUMNS))
        (folder / "picture.html").write_text(text, encoding="utf-8")
        page.goto((folder / "picture.html").as_uri())
        picture = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    return picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)


def main() -> int:
    """Draw the picture, or compare its text with what the study shows now."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name, "training")
        folder.mkdir()
        lines = show(folder)
        text = without_numbers(lines)
        if sys.argv[1:] != ["--check"]:
            info = PngInfo()
            info.add_itxt(TEXT, text)
            draw(folder, lines).save(PICTURE, optimize=True, pnginfo=info)
            return 0
    drawn = Image.open(PICTURE).text[TEXT]
    if text == drawn:
        return 0
    print(f"{PICTURE.name} shows:\n{drawn}\nbut the study shows now:\n{text}", file=sys.stderr)
    print("draw it again: python docs/draw_picture.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
