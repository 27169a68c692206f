"""Draw the terminal of a real run, with Ctrl-C and resume: python docs/draw_terminal.py FILE.svg.

README shows the picture that this makes. It is kept in the repository, because README has no build.
"""

from __future__ import annotations

import fcntl
import html
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios

COLUMNS = 96
NO_BREAK = "\N{NO-BREAK SPACE}"  # SVG would join spaces
STUDY = """\
import time
import psweep as ps

def simulate(pset):
    time.sleep(0.1)
    if pset["dt"] == 0.5 and pset["order"] == 1:
        raise ArithmeticError("dt is too large")
    return {"error": pset["dt"] ** pset["order"]}

if __name__ == "__main__":
    params = ps.pgrid(
        ps.plist("order", [1, 2, 4]), ps.plist("dt", [0.5, 0.1, 0.02]), ps.plist("seed", range(10))
    )
    df = ps.run_local(simulate, params, poolsize=2, skip_dups=True, on_error="record")
    ps.df_print(df.groupby(["order", "dt"]).error.mean().unstack().reset_index())
"""


def run(folder: str, stop_after: int | None = None) -> list[str]:
    """Run the study in a terminal; interrupt it after this many psets; return its lines."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("4H", 24, COLUMNS, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "study.py"],
        cwd=folder, stdin=child, stdout=child, stderr=child, start_new_session=True,
        env={**os.environ, "TERM": "xterm", "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    os.close(child)
    output = b""
    while True:
        try:
            new = os.read(parent, 4096)
        except OSError:  # the end, on Linux
            break
        if not new:
            break
        output += new
        done = re.findall(rb"(\d+)/\d+ \[", output)
        if stop_after and done and int(done[-1]) >= stop_after:
            output += b"^C\r\n"
            process.send_signal(signal.SIGINT)
            stop_after = None
    process.wait()
    return screen(output.decode())


def screen(output: str) -> list[str]:
    """Return the lines that a terminal shows after this output."""
    output = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output).replace("\r\n", "\n")
    lines = []
    for line in output.split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


def wrap(lines: list[str]) -> list[str]:
    """Cut lines that are wider than the terminal, as it does."""
    wrapped = []
    for line in lines:
        width = COLUMNS + 2 * ("^C" in line)  # the bar fills its line
        wrapped += [line[i : i + width] for i in range(0, len(line), width)]
    return wrapped


def svg(lines: list[str]) -> str:
    """Draw lines of text as a terminal."""
    rows = []
    for i, line in enumerate(lines):
        color = "#8ec07c" if line.startswith("$") else "#ebdbb2"
        text = html.escape(line).replace(" ", NO_BREAK)
        rows.append(f'<text x="14" y="{19 * i + 30}" fill="{color}">{text}</text>\n')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" font-family="monospace" font-size="13.3" '
        f'viewBox="0 0 {8 * COLUMNS + 44} {19 * len(lines) + 30}">\n'
        f'<rect width="100%" height="100%" rx="8" fill="#282828"/>\n{"".join(rows)}</svg>\n'
    )


def main() -> None:
    """Run the study twice and draw what the terminal shows."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "study.py").write_text(STUDY, encoding="utf-8")
        first = run(folder, stop_after=50)
        second = run(folder)
    # of the traceback of Ctrl-C, the closing lines say all
    kept = [line for line in first if line and not line.startswith(("Traceback", "  "))]
    lines = ["$ python study.py", *kept, "$ python study.py", *(line for line in second if line)]
    pathlib.Path(sys.argv[1]).write_text(svg(wrap(lines)), encoding="utf-8")


if __name__ == "__main__":
    main()
