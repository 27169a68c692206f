"""The manual and the READMEs: what they show is what happens, and they show all there is."""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import psweep as ps
import psweep_batch
import psweep_git

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
RUNNER = DOCS / "run_page.py"
PAGES = [*DOCS.glob("*.md"), ROOT / "README.md", *ROOT.glob("packages/*/README.md")]
PAGES.remove(ROOT / "packages" / "psweep-batch" / "README.md")  # run by the tests of psweep-batch
LIBRARIES = ["dask", "distributed", "matplotlib", "pyarrow", "seaborn", "SALib"]


def page_name(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", sorted(PAGES), ids=page_name)
def test_the_code_of_a_page_does_what_it_shows(tmp_path, page):
    if sys.version_info < (3, 11):
        pytest.skip("needs Python 3.11 or newer, whose exceptions have the notes that pages show")
    text = page.read_text(encoding="utf-8")
    programs = {"git.md": ["git"], "git_lfs.md": ["git", "git-lfs"]}.get(page.name, [])
    libraries = [name for name in LIBRARIES if f"import {name}" in text or f"from {name}" in text]
    libraries += ["pyarrow"] if ".parquet" in text else []
    libraries += ["matplotlib"] if "ps.df_plot" in text else []
    libraries += ["scipy"] if "ps.psample" in text else []
    libraries += ["xarray"] if "df_to_xarray" in text else []
    missing = [name for name in programs if not shutil.which(name)]
    missing += [name for name in libraries if not importlib.util.find_spec(name)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: install them by pip or the system")
    folder = tmp_path / "study"
    env = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CEILING_DIRECTORIES": str(tmp_path),
        "MPLCONFIGDIR": str(tmp_path / "matplotlib"),
    }
    done = subprocess.run(
        [sys.executable, str(RUNNER), str(page), str(folder)],
        capture_output=True, text=True, env=env, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", sorted(PAGES), ids=page_name)
def test_no_block_is_overlooked(page, monkeypatch):
    spec = importlib.util.spec_from_file_location("run_page", RUNNER)
    run_page = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "run_page", run_page)
    spec.loader.exec_module(run_page)
    fences = re.findall("^```", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert 2 * len(list(run_page.read_blocks(page))) == len(fences)


# from a table of measurements, and from the report and the code of the page that shows them
MADE_BY_THE_BUILD = {"benchmarks.svg", "report_table.png", "report_notebook.png"}


def test_each_picture_is_saved_by_one_block_of_the_page_that_shows_it():
    saved = []
    for page in DOCS.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        names = re.findall(r'savefig\("(\w+\.svg)"', text)
        names += [f"{name}.png" for name in re.findall(r'ps\.report\(.*"(report\w*)\.html"', text)]
        shown = re.findall(r"\]\(pictures/(\w+\.\w+)\)", text)
        assert sorted(names) == sorted(set(shown) - MADE_BY_THE_BUILD), page.name
        saved += names
    assert len(saved) > 5
    assert sorted(saved) == sorted(set(saved))


def test_what_a_page_must_not_show_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not run: it is not ours -->\n```sh\ntouch started\n```\n\n"
        "```{toctree}\n```\n\n```python\n>>> 1 + 1\n3\n```\n\n```python\n1 / 0\n```\n\n"
        "```console\n$ echo one\ntwo\n$ exit 3\n```\n\n```sh\nfalse\n```\n\n"
        "`a/file.txt`:\n\n```text\nhello\n```\n\n"
        "<!-- not run: it would take a year -->\n```python\nopen('started', 'w')\n```\n"
    )
    done = subprocess.run(
        [sys.executable, str(RUNNER), str(page), str(tmp_path / "run")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    for text in ("Got:\n    2", "ZeroDivisionError", "line 19: echo one", "[3]", "line 25"):
        assert text in done.stderr
    assert (tmp_path / "run" / "a" / "file.txt").read_text() == "hello\n"
    assert not (tmp_path / "run" / "started").exists()


def test_blocks_of_a_terminal_are_run_in_one(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- terminal -->\n```console\n$ test -t 1 && stty size && echo '<'\n24 ...\n<\n```\n\n"
        "<!-- terminal at 3 of -->\n```console\n$ python3 count.py\n3 of 5\n```\n\n"
        "<!-- terminal, Ctrl-C at 3 of -->\n```console\n$ python3 count.py\n...^Cstop\n```\n\n"
        "<!-- terminal -->\n```console\n$ echo one\ntwo\n```\n"
    )
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "count.py").write_text(
        "import time\n"
        "try:\n"
        "    for i in range(1, 6):\n"
        "        print(f'\\r{i} of 5', end='', flush=True)\n"
        "        time.sleep(0.5)\n"
        "except KeyboardInterrupt:\n"
        "    print('stop')\n"
    )
    done = subprocess.run(
        [sys.executable, str(RUNNER), str(page), str(folder)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == "page.md, line 22: echo one\nshown:\ntwo\n\nprinted:\none\n\n"
    texts = {path.name: path.read_text() for path in folder.glob("terminal_*.html")}
    assert texts["terminal_3.html"].endswith("&lt;")
    assert texts["terminal_10.html"] == "<b>$ python3 count.py</b>\n3 of 5"
    assert texts["terminal_16.html"].endswith("3 of 5^Cstop")


def test_all_public_names_are_in_the_reference():
    text = (DOCS / "api.md").read_text()
    names = {*ps.__all__, *psweep_batch.__all__, *psweep_git.__all__}
    listed = re.findall(r"^   (\w+)$", text, re.MULTILINE)
    assert sorted([*listed, "run", "__version__"]) == sorted(names)


# what people type into the search field; titles count most there
SEARCHED = """
average, checkpoint, cite, debug, error bars, gpu, grid search, hpc, hyperparameter, jupyter,
monte carlo, pbs, progress bar, sensitivity, slurm, timeout
"""


@pytest.mark.parametrize("words", re.split(r",\s+", SEARCHED.strip()))
def test_words_that_users_search_for_are_in_a_heading(words):
    texts = [page.read_text(encoding="utf-8").lower() for page in DOCS.glob("*.md")]
    assert any(re.search(rf"^#+ .*{words}", text, re.MULTILINE) for text in texts)


@pytest.mark.parametrize("module", [psweep_batch, psweep_git])
def test_examples_of_siblings_run_as_a_reader_would_paste_them(module, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    names = [name for name in module.__all__ if not name.startswith("__")]
    for name in names:
        doc = inspect.getdoc(getattr(module, name))
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        runner.run(doctest.DocTestParser().get_doctest(doc, {}, name, None, None))
    assert not runner.failures
    assert runner.tries > len(names)


SCRIPTS = dict(
    match
    for path in ROOT.glob("packages/*/pyproject.toml")
    for match in re.findall(r'^(psweep-\w+) = "([\w.]+:\w+)"$', path.read_text(), re.MULTILINE)
)


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_all_programs_and_their_options_are_in_the_manual(name, capsys):
    text = (DOCS / "cli.md").read_text()
    (part,) = [p for p in re.split(r"^## ", text, flags=re.MULTILINE) if name in p.splitlines()[0]]
    module, _, function = SCRIPTS[name].partition(":")
    with pytest.raises(SystemExit):
        getattr(importlib.import_module(module), function)(["--help"])
    options = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out.split("options:")[1]))
    for option in options - {"--help", "--version"}:
        assert f"`{option}`" in part


def test_bars_of_readme_are_those_of_the_last_measurement():
    path = ROOT / "benchmarks" / "chart.py"
    spec = importlib.util.spec_from_file_location("chart", path)
    chart = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(chart)
    totals = chart.read_totals()
    for form in chart.FORMS:
        picture = (chart.STATIC / form.name).read_text(encoding="utf-8")
        assert picture == chart.draw(totals, form)
    assert chart.block() in chart.README.read_text(encoding="utf-8")
