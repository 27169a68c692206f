"""Run Python in a terminal, to see what users see."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import textwrap

HEAD = textwrap.dedent("""
    import sys, time
    import psweep as ps

    def func(pset):
        time.sleep(pset["seconds"])
        if pset["a"] < 0:
            raise ValueError
        return {}

    def params(seconds, *values):
        return ps.pgrid(ps.plist("a", values), ps.plist("seconds", [seconds]))

""")


def in_terminal(code, columns=80, **env):
    """Run Python, after HEAD, in a terminal of this width; return all that it writes there."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    process = subprocess.Popen(
        [sys.executable, "-c", HEAD + textwrap.dedent(code)],
        stdin=child,
        stdout=child,
        stderr=child,
        env={**inherited, "PYTHONIOENCODING": "utf-8", **env},
    )
    os.close(child)
    output = b""
    while True:
        try:
            data = os.read(parent, 10_000)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        output += data
    os.close(parent)
    text = output.decode()
    assert process.wait() == 0, text
    return text
