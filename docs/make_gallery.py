"""Make the gallery's pages: each example from science, with its output, its picture and its script.

``python docs/make_gallery.py FOLDER`` runs every example in an empty folder and writes pages and
pictures to FOLDER. ``nox -s docs`` does this for the manual, see conf.py.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SCRIPTS = {
    "tune_svm.py": "Machine learning",
    "bifurcation.py": "Dynamical systems",
    "convergence.py": "Numerics",
    "ising.py": "Monte Carlo",
    "compressors.py": "Benchmarks",
}
ARGUMENTS = {"compressors.py": ["--plot"]}
NOTEBOOK = "study.ipynb"
# a program that is not Python
PROGRAM = "batch_input_file"
CLUSTER = "batch_cluster"
COMMANDS = ["python 10prep.py", "sh calc/run_local.sh", "python 20collect.py"]


def run(command: list[str], folder: Path) -> str:
    """Run a program in a folder; give what it printed."""
    env = {**os.environ, "COLUMNS": "90"}
    return subprocess.run(
        command, cwd=folder, env=env, check=True, stdout=subprocess.PIPE, encoding="utf-8"
    ).stdout


def docstring_of(path: Path) -> tuple[str, str]:
    """Return the first line of a script's docstring, which is its title, and the rest."""
    title, _, text = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")
    return title.rstrip("."), text.strip()


def block(kind: str, text: str) -> str:
    """Make a block of code."""
    return f"````{kind}\n{text.rstrip()}\n````\n"


def source(path: Path, pages: Path) -> str:
    """Show a file, and a link to download it."""
    relative = os.path.relpath(path, pages)
    kind = {".py": "python", ".awk": "awk"}.get(path.suffix, "text")
    return (
        f"{{download}}`{path.name} <{relative}>`\n\n"
        f"```{{literalinclude}} {relative}\n:language: {kind}\n```\n"
    )


def page_of_script(name: str, field: str, pages: Path) -> None:
    """Run a script, and make its page."""
    path = EXAMPLES / name
    title, text = docstring_of(path)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(path, folder)
        output = run([sys.executable, name, *ARGUMENTS.get(name, [])], Path(folder))
        (picture,) = Path(folder).rglob("*.png")
        shutil.copy(picture, pages / f"{path.stem}.png")
    command = " ".join(["python", name, *ARGUMENTS.get(name, [])])
    parts = [
        f"# {title}\n",
        f"{field}. {text}\n",
        f"![{title}]({path.stem}.png)\n",
        "## Output\n",
        block("console", f"$ {command}\n{output}"),
        "## Script\n",
        source(path, pages),
    ]
    (pages / f"{path.stem}.md").write_text("\n".join(parts), encoding="utf-8")


def page_of_notebook(pages: Path) -> None:
    """Run the notebook, and make its page."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(EXAMPLES / NOTEBOOK, folder)
        run(
            [sys.executable, "-m", "nbconvert", "--to=markdown", "--execute", "--log-level=ERROR",
             f"--output-dir={pages}", NOTEBOOK],
            Path(folder),
        )  # fmt: skip
    page = pages / f"{Path(NOTEBOOK).stem}.md"
    title, text = page.read_text("utf-8").split("\n", 1)
    link = f"{{download}}`{NOTEBOOK} <{os.path.relpath(EXAMPLES / NOTEBOOK, pages)}>`"
    page.write_text(f"{title}\n\n{link}\n{text}", encoding="utf-8")


def page_of_program(pages: Path) -> None:
    """Run an external program by templates, and make the page."""
    title, text = docstring_of(EXAMPLES / PROGRAM / "10prep.py")
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder, PROGRAM)
        shutil.copytree(EXAMPLES / PROGRAM, here)
        outputs = [f"$ {line}\n{run(['sh', '-ec', line], here)}" for line in COMMANDS]
    parts = [f"# {title}\n", f"{text}\n", "## Output\n", block("console", "".join(outputs))]
    (pages / f"{PROGRAM}.md").write_text("\n".join(parts) + files(PROGRAM, pages), "utf-8")


def page_of_cluster(pages: Path) -> None:
    """Make the page of the round trip to a cluster: its README, and all its files."""
    text = (EXAMPLES / CLUSTER / "README.md").read_text("utf-8")
    (pages / f"{CLUSTER}.md").write_text(text + files(CLUSTER, pages), "utf-8")


def files(folder: str, pages: Path) -> str:
    """Show the files of an example that is a folder."""
    parts = ["\n## Files\n"]
    for path in sorted((EXAMPLES / folder).rglob("*")):
        relative = path.relative_to(EXAMPLES)
        if path.is_file() and "__pycache__" not in relative.parts and path.suffix != ".md":
            parts += [f"### {relative}\n", source(path, pages)]
    return "\n".join(parts)


def main() -> int:
    """Make all pages."""
    pages = Path(sys.argv[1]).resolve()
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir(parents=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    os.environ["PATH"] = path  # for `python` in COMMANDS
    for name, field in SCRIPTS.items():
        page_of_script(name, field, pages)
    page_of_notebook(pages)
    page_of_program(pages)
    page_of_cluster(pages)
    return 0


if __name__ == "__main__":
    sys.exit(main())
