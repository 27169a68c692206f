"""Run a command in a terminal, and return what can be seen there.

The terminals in the manual (run_page.py) and in the picture of README (draw_picture.py) are these.
"""

from __future__ import annotations

import fcntl
import html
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

COLUMNS = 76  # fits in the text of the manual, and can be read on a phone
LINES = 24
_QUIET_SECONDS = 0.05  # by then a program has written all of a line or a screen


def run(
    command: str,
    folder: Path,
    *,
    columns: int = COLUMNS,
    look_at: str | None = None,
    interrupt_at: str | None = None,
    interrupt_after: float = 0,
) -> list[str]:
    """Run a command of the shell in a terminal, to its end; return the lines that it shows.

    Parameters
    ----------
    command : str
        What is typed after the prompt.
    folder : Path
        Where to run it. Paths below it are shown without it, and those of psweep are shortened.
    columns : int
        The width of the terminal.
    look_at : str or None
        A regular expression. Return what was shown when it was first found. None: at the end.
    interrupt_at : str or None
        A regular expression. Press Ctrl-C when it is first found.
    interrupt_after : float
        How many seconds later to press it.
    """
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("4H", LINES, columns, 0, 0))
    env = {**os.environ, "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    for name in ("COLUMNS", "LINES"):  # the size is that of the terminal
        env.pop(name, None)
    # A shell that runs us in the background ignores Ctrl-C, and so would the command.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=folder, stdin=child, stdout=child, stderr=child, start_new_session=True, env=env,
    )  # fmt: skip
    os.close(child)
    output = b""
    seen = None
    while new := _read(parent):
        output += new
        if interrupt_at and re.search(interrupt_at, _text(output)):
            end = time.monotonic() + interrupt_after
            while select.select([parent], [], [], max(0, end - time.monotonic()))[0]:
                if not (new := _read(parent)):
                    break
                output += new
            output += b"^C"  # the terminal stays on this line
            os.killpg(process.pid, signal.SIGINT)
            interrupt_at = None
        if look_at and seen is None and re.search(look_at, _text(output)):
            while select.select([parent], [], [], _QUIET_SECONDS)[0] and (new := _read(parent)):
                output += new
            seen = output
    process.wait()
    os.close(parent)
    shown = _text(seen or output).replace(f"{folder.resolve()}{os.sep}", "")
    return screen(re.sub(r'"/.*/(psweep_core/)', r'".../\1', shown))


def _read(terminal: int) -> bytes:
    """Read what is there, or wait for more; return nothing at the end."""
    try:
        return os.read(terminal, 4096)
    except OSError:  # the end, on Linux
        return b""


def _text(output: bytes) -> str:
    return output.decode(errors="ignore")  # the last character may be half read


def screen(output: str) -> list[str]:
    """Return the lines that a terminal shows after this output."""
    output = output.rpartition("\x1b[H")[2]  # what was above is written over
    output = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output).replace("\r\n", "\n")
    lines = []
    for line in output.split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    while lines and not lines[-1]:
        lines.pop()
    return lines


def wrap(lines: list[str], columns: int) -> list[str]:
    """Cut lines that are wider than the terminal, as it does."""
    wrapped = []
    for line in lines:
        width = columns + 2 * ("^C" in line)  # the bar fills its line
        wrapped += [line[i : i + width] for i in range(0, max(len(line), 1), width)]
    return wrapped


def mark_up(lines: list[str], columns: int = COLUMNS) -> str:
    """Return the lines of a terminal as HTML, in which commands stand out."""
    text = (html.escape(line, quote=False) for line in wrap(lines, columns))
    return "\n".join(f"<b>{line}</b>" if line.startswith("$ ") else line for line in text)
