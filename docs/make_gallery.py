"""Make the gallery's pages: each example from science, with its output, its picture and its script.

``python docs/make_gallery.py FOLDER`` runs every example in an empty folder and writes pages and
pictures to FOLDER. ``nox -s docs`` does this for the manual, see conf.py.
"""

from __future__ import annotations

import ast
import os
import re
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
# the first call tries two levels, the second adds two more
CALLS = {"compressors.py": ["python compressors.py", "python compressors.py --plot"]}
NOTEBOOK = "study.ipynb"
# a program that is not Python
PROGRAM = "batch_input_file"
PROGRAM_CALLS = [
    "python 10prep.py",
    "sh calc/run_local.sh",
    "python 20collect.py",
    "python 30plot.py",
]
# For clusters, run without one: what each does here, and what its picture shows. Its README has the
# output of a cluster.
CLUSTERS = {
    "function_cluster": (
        ["python study.py", "python plot.py"],
        "The error of pi falls with the square root of the number of points, as theory says",
    ),
    "batch_cluster": (
        [
            "python 10prep.py",
            "sh calc/run_local.sh",
            "python 20collect.py",
            "sed -i 's/MAX_ITERATIONS = 1000$/MAX_ITERATIONS = 100_000/' templates/calc/run.py",
            "python 30resubmit.py",
            "sh calc/resubmit_local.sh",
            "python 20collect.py",
            "python 40plot.py",
        ],
        "The magnetisation and the susceptibility of a magnet, and the exact curves",
    ),
}


def run(command: list[str], folder: Path) -> str:
    """Run a program in a folder; give what it printed."""
    env = {**os.environ, "COLUMNS": "90"}
    return subprocess.run(
        command, cwd=folder, env=env, check=True, stdout=subprocess.PIPE, encoding="utf-8"
    ).stdout


def run_example(name: str, calls: list[str], pages: Path) -> str:
    """Call an example, a script or a folder, in an empty folder; give what a terminal would show.

    The picture that it draws, light and dark, is kept next to its page.
    """
    with tempfile.TemporaryDirectory() as empty:
        folder = Path(empty)
        if (EXAMPLES / name).is_dir():
            folder /= name
            shutil.copytree(EXAMPLES / name, folder)
            shutil.rmtree(folder / "calc", ignore_errors=True)  # of someone who ran it in place
        else:
            shutil.copy(EXAMPLES / name, folder)
        shown = "".join(f"$ {call}\n{run(['sh', '-ec', call], folder)}" for call in calls)
        (dark,) = folder.rglob("*_dark.png")
        light = dark.with_stem(dark.stem.removesuffix("_dark"))
        shutil.copy(light, pages / f"{Path(name).stem}.png")
        shutil.copy(dark, pages / f"{Path(name).stem}_dark.png")
    return shown


def docstring_of(path: Path) -> tuple[str, str]:
    """Return the first line of a script's docstring, which is its title, and the rest."""
    title, _, text = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")
    return title.rstrip("."), text.strip()


def block(kind: str, text: str) -> str:
    """Make a block of code."""
    return f"````{kind}\n{text.rstrip()}\n````\n"


def picture(text: str, stem: str) -> str:
    """Show the picture of an example, for light and for dark pages."""
    return f"![{text}]({stem}.png){{.only-light}}\n![{text}]({stem}_dark.png){{.only-dark}}\n"


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
    output = run_example(name, CALLS.get(name, [f"python {name}"]), pages)
    parts = [
        f"# {title}\n",
        f"{field}. {text}\n",
        picture(title, path.stem),
        "## Output\n",
        block("console", output),
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
        for picture in Path(folder).glob("figure_*.png"):
            shutil.copy(picture, pages / picture.name.replace("figure", Path(NOTEBOOK).stem))
    page = pages / f"{Path(NOTEBOOK).stem}.md"
    title, text = page.read_text("utf-8").replace("](figure", f"]({page.stem}").split("\n", 1)
    link = f"{{download}}`{NOTEBOOK} <{os.path.relpath(EXAMPLES / NOTEBOOK, pages)}>`"
    page.write_text(f"{title}\n\n{link}\n{text}", encoding="utf-8")


def page_of_program(pages: Path) -> None:
    """Run an external program by templates, and make the page."""
    title, text = docstring_of(EXAMPLES / PROGRAM / "10prep.py")
    output = run_example(PROGRAM, PROGRAM_CALLS, pages)
    parts = [
        f"# {title}\n",
        f"{text}\n",
        picture(title, PROGRAM),
        "## Output\n",
        block("console", output),
    ]
    (pages / f"{PROGRAM}.md").write_text("\n".join(parts) + files(PROGRAM, pages), "utf-8")


def page_of_cluster(name: str, pages: Path) -> None:
    """Make the page of an example for a cluster: its README, its picture, and all its files."""
    calls, shown = CLUSTERS[name]
    run_example(name, calls, pages)
    title, text = (EXAMPLES / name / "README.md").read_text("utf-8").split("\n", 1)
    text = re.sub(r"\.\./(\w+)/README\.md", r"\1.md", text)
    note = f"{shown}. For this picture, the jobs were run on one machine."
    parts = [f"{title}\n", picture(shown, name), note, text]
    (pages / f"{name}.md").write_text("\n".join(parts) + files(name, pages), "utf-8")


def files(folder: str, pages: Path) -> str:
    """Show the files of an example that is a folder."""
    parts = ["\n## Files\n"]
    for path in sorted((EXAMPLES / folder).rglob("*"), key=_place):
        relative = path.relative_to(EXAMPLES)
        if path.is_file() and "__pycache__" not in relative.parts and path.suffix != ".md":
            parts += [f"### {relative}\n", source(path, pages)]
    return "\n".join(parts)


def _place(path: Path) -> tuple[bool, bool, Path]:
    """Sort scripts before other files, and what plots after other scripts."""
    return path.suffix != ".py", "plot" in path.stem, path


def main() -> int:
    """Make all pages."""
    pages = Path(sys.argv[1]).resolve()
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir(parents=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    os.environ["PATH"] = path  # for `python` in the calls
    for name, field in SCRIPTS.items():
        page_of_script(name, field, pages)
    page_of_notebook(pages)
    page_of_program(pages)
    for name in CLUSTERS:
        page_of_cluster(name, pages)
    return 0


if __name__ == "__main__":
    sys.exit(main())
