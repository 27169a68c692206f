"""Run the code of a page of the manual as a reader would: block by block, in one folder.

``python docs/run_page.py PAGE FOLDER`` exits with status 1 if a block does something else than
the page shows. In a page,

- a block below a line that is just "`path`:" is the content of that file, and so is a block whose
  first line is just "# path.py",
- ``python`` blocks with ``>>>`` are doctests, others are run; all share one namespace,
- in ``console`` blocks, lines that start with ``$`` are run, and what is below is their output,
- ``sh`` blocks are run,
- "<!-- terminal -->" stands before a ``console`` block whose commands are run in a real terminal.
  The manual shows it as a terminal, with what was printed when it was built. With
  "<!-- terminal at REGEX -->", this is what was to be seen when REGEX was first found, and with
  "<!-- terminal, Ctrl-C at REGEX -->" Ctrl-C is pressed then,
- "<!-- not run: REASON -->" stands before a block that cannot be run here,
- all other blocks are only shown.
"""

from __future__ import annotations

import argparse
import contextlib
import doctest
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
BLOCK = re.compile(
    r"^(?:`(?P<file>\S+)`:\n\n|<!-- not run: (?P<reason>[^\n]+) -->\n+|"
    r"<!-- (?P<terminal>terminal[^\n]*) -->\n+)?"
    r"^(?P<fence>```+)(?P<kind>[^\n`]*)\n(?P<code>(?:# (?P<named>\S+\.py)\n)?.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A block of code in a page: its language, its first line, and what is to be done with it."""

    kind: str
    code: str
    line: int
    file: str | None
    reason: str | None
    terminal: str | None


def read_blocks(page: Path) -> Iterator[Block]:
    """Find the blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("code")) + 1
        file = found["file"] or found["named"]
        yield Block(found["kind"], found["code"], line, file, *found.group("reason", "terminal"))


def run_page(page: Path) -> list[str]:
    """Run the blocks of a page in the working directory; list what differs from the page."""
    namespace = {"__name__": "__main__"}
    problems: list[str] = []
    with commands_on_path():
        for block in read_blocks(page):
            place = f"{page.name}, line {block.line}"
            if block.file:
                path = Path(block.file)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.code, encoding="utf-8")
            elif block.reason:
                pass
            elif block.kind in ("python", "py"):
                problems += run_python(block, place, namespace)
            elif block.terminal:
                problems += run_terminal(block, place)
            elif block.kind == "console":
                problems += run_console(block, place)
            elif block.kind == "sh":
                problems += compare("", run_shell(block.code), place, any_output=True)
    return problems


def run_python(block: Block, place: str, namespace: dict[str, object]) -> list[str]:
    """Run a block of Python, a doctest or not."""
    if ">>> " not in block.code:
        try:
            exec(compile(block.code, place, "exec"), namespace)  # noqa: S102 (it is what it is for)
        except Exception as error:
            return [f"{place}: {type(error).__name__}: {error}"]
        return []
    test = doctest.DocTestParser().get_doctest(block.code, namespace, place, place, 0)
    test.globs = namespace
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    runner.run(test, out=report.append, clear_globs=False)
    return ["".join(report)] if runner.failures else []


def run_console(block: Block, place: str) -> list[str]:
    """Run the commands of a block; compare what they print."""
    problems = []
    for command, expected in commands(block):
        problems += compare(expected, run_shell(command), f"{place}: {command}")
    return problems


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Find the commands of a block, and what it shows below each."""
    for part in re.split(r"^\$ ", block.code, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        while command.endswith("\\"):
            more, _, expected = expected.partition("\n")
            command = f"{command[:-1]} {more}"
        yield command, expected


def run_terminal(block: Block, place: str) -> list[str]:
    """Run the commands of a block in a terminal; compare what is seen, and save it as HTML."""
    import terminal  # here, because it needs Unix

    how, _, regex = (block.terminal or "").partition(" at ")
    moment = {"interrupt_at" if how.endswith("Ctrl-C") else "look_at": regex or None}
    problems = []
    lines = []
    for command, expected in commands(block):
        shown = terminal.run(command, Path.cwd(), **moment)
        lines += [f"$ {command}", *shown]
        problems += compare(expected, (0, "\n".join([*shown, ""])), f"{place}: {command}")
    Path(f"terminal_{block.line}.html").write_text(terminal.mark_up(lines), encoding="utf-8")
    return problems


def run_shell(code: str) -> tuple[int, str]:
    """Run shell code; give its exit status and all that it printed."""
    done = subprocess.run(
        ["sh", "-ec", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def compare(
    expected: str, found: tuple[int, str], place: str, *, any_output: bool = False
) -> list[str]:
    """Compare what a command printed with what the page shows; an exit status is shown as [1]."""
    status, output = found
    if status:
        output += f"[{status}]\n"
    same = doctest.OutputChecker().check_output(expected, output, FLAGS)
    if same or (any_output and not status):
        return []
    return [f"{place}\nshown:\n{expected}\nprinted:\n{output}"]


@contextlib.contextmanager
def commands_on_path() -> Iterator[None]:
    """Have python3 and psweep's console scripts, as this interpreter sees them, on the PATH."""
    folder = Path.cwd() / ".bin"
    folder.mkdir(exist_ok=True)
    python = shlex.quote(sys.executable)
    scripts = {"python3": f'exec {python} "$@"', "python": f'exec {python} "$@"'}
    for path in ROOT.glob("packages/*/pyproject.toml"):
        table = path.read_text(encoding="utf-8").partition("[project.scripts]\n")[2]
        table = table.partition("\n[")[0]
        for name, module, function in re.findall(r'^([\w-]+) = "([\w.]+):(\w+)"$', table, re.M):
            call = f"import sys; from {module} import {function}; sys.exit({function}())"
            scripts[name] = f'exec {python} -c "{call}" "$@"'
    for name, line in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{folder}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before


def main() -> int:
    """Run a page."""
    parser = argparse.ArgumentParser(description="Run the code of a page of the manual.")
    parser.add_argument("page", type=Path)
    parser.add_argument("folder", type=Path, help="where to run it; files are left there")
    parser.add_argument("--dark", action="store_true", help="save plots for dark pages, too")
    args = parser.parse_args()
    if args.dark:
        import two_themes  # noqa: F401 (it changes how matplotlib saves)
    page = args.page.resolve()
    args.folder.mkdir(parents=True, exist_ok=True)
    os.chdir(args.folder)
    sys.path.insert(0, "")  # scripts that a page shows can be imported by later blocks
    os.environ.setdefault("MPLBACKEND", "Agg")
    os.environ["COLUMNS"] = "100"
    problems = run_page(page)
    print("".join(f"{problem}\n" for problem in problems), end="", file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: threads of a library that a page has used (pyarrow) may abort it, rarely.
    os._exit(status)
