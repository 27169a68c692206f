"""The progress bar: in a real terminal, in IPython, in a log and in a pipe."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import textwrap

import pytest
from terminal import HEAD, in_terminal

import psweep as ps
from psweep_core.show import progress
from psweep_core.show.progress import Progress

pytestmark = pytest.mark.processes


def double(pset):
    return {"c": pset["a"] * 2}


@pytest.mark.slow
def test_a_bar_in_a_terminal_only_for_runs_of_over_a_second():
    code = """
        start = time.monotonic()
        ps.run_local(func, params({}, *range(5)))
        seconds = time.monotonic() - start
        print("loaded" if "tqdm" in sys.modules else "not loaded", seconds > 1)
    """
    short = "True\r\n"
    while short.endswith("True\r\n"):  # a busy machine may take long for these, too
        short = in_terminal(code.format(0.001))
    assert short == "not loaded False\r\n"
    long = in_terminal(code.format(0.4))
    assert "5/5 [" in long
    assert "failed" not in long
    assert long.endswith("\r\nloaded True\r\n")


@pytest.mark.parametrize(
    "engine",
    [
        "",
        "poolsize=2",
        "executor=futures.ThreadPoolExecutor(2)",
        "executor=futures.ProcessPoolExecutor(2)",
    ],
)
def test_it_shows_what_is_done_failed_and_skipped(engine):
    code = f"""
        from concurrent import futures
        options = dict(on_error="record", skip_dups=True, calc_dir="study")
        if __name__ == "__main__":
            ps.run_local(func, params(0.01, 1, 2, 3), **options)
            rest = params(0.5, -1, -2, 4, 5)
            ps.run_local(func, params(0.01, 1, 2, 3) + rest, **options, {engine})
    """
    # (Python 3.12 also has a line to say of pools that fork beside threads.)
    shown = re.split("[\r\n]+", in_terminal(code).strip())
    shown = [line for line in shown if "| " in line]
    assert all(len(line) <= 80 for line in shown), shown
    pattern = r"100%\|.*\| 4/4 \[00:\d\d<00:00, .*pset.*, 3 skipped, 2 failed\]"
    assert re.fullmatch(pattern, shown[-1])


def test_the_bar_is_as_wide_as_the_terminal():
    code = "ps.run_local(func, params(0.01, 1, 2, 3), progress=True)"
    for columns in (80, 200):
        shown = re.split("[\r\n]+", in_terminal(code, columns).strip())
        assert columns - 2 <= len(shown[-1]) <= columns


def test_in_a_narrow_terminal_the_bar_has_the_place_of_the_rate():
    code = "ps.run_local(func, params(0.01, 1, 2, 3), progress=True)"
    for columns in (63, 64):
        *_, last = re.split("[\r\n]+", in_terminal(code, columns).strip())
        assert ("pset/s]" in last) == (columns == 64)
        bar = re.fullmatch(r"100%\|(.*)\| 3/3 \[00:\d\d<00:00(, .*)?\]", last)[1]
        assert len(bar) >= columns - (38 if columns == 64 else 27)


@pytest.mark.parametrize("engine", ["poolsize=1", "executor=futures.ThreadPoolExecutor(1)"])
def test_it_shows_that_time_goes_by_while_nothing_is_finished(engine):
    code = f"""
        from concurrent import futures
        ps.run_local(func, params(2.5, 1), {engine})
    """
    assert re.search(r"0/1 \[00:0[1-9]<", in_terminal(code))


@pytest.mark.slow
def test_it_takes_no_thread():
    code = """
        import threading
        ps.run_local(func, params(0.01, 1, 2), progress=True)
        print(threading.active_count())
    """
    assert in_terminal(code).endswith("\n1\r\n")


def test_nothing_in_a_log_or_a_pipe_unless_it_is_wanted(script):
    code = """
        for progress in (None, False):
            ps.run_local(func, params(1.2, 1, 2), poolsize=2, progress=progress)
    """
    assert script(HEAD + textwrap.dedent(code), wait=True) == ("", "")


@pytest.mark.parametrize("poolsize", [None, 2])
def test_a_plain_line_in_a_log_where_it_is_wanted(poolsize, capsys):
    ps.run_local(double, ps.plist("a", range(5)), poolsize=poolsize, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"5/5 psets \[00:\d\d<00:00, .*pset.*\]\n", err)


def test_a_log_gets_a_line_from_time_to_time(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0)
    bar = Progress(4, True, n_skipped=2)
    bar.add(1)
    bar.add(2, 1)
    bar.close()
    lines = capsys.readouterr().err.splitlines()
    assert [line[:10] for line in lines] == ["1/4 psets ", "3/4 psets ", "3/4 psets "]
    assert lines[0].endswith(", 2 skipped]")
    assert lines[-1].endswith(", 2 skipped, 1 failed]")


def test_no_bar_without_psets(capsys):
    ps.run_local(double, [], progress=True, save=False)
    assert capsys.readouterr().err == ""


def test_a_run_goes_on_when_nobody_reads_its_progress_any_more(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    stream = io.TextIOWrapper(io.FileIO(writer, "w"), write_through=True)
    with pytest.raises(BrokenPipeError):
        stream.write("x")
    with monkeypatch.context() as context:
        context.setattr(sys, "stderr", stream)
        assert len(ps.run_local(double, ps.plist("a", range(5)), progress=True)) == 5
    with contextlib.suppress(BrokenPipeError):
        stream.close()


def test_a_run_goes_on_without_stderr(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)  # as under pythonw
    assert len(ps.run_local(double, ps.plist("a", range(5)), progress=True)) == 5


def test_psets_are_counted_only_where_somebody_looks():
    assert not Progress(5, False).visible
    assert not Progress(5, None).visible
    assert Progress(5, True).visible


def test_a_notebook_without_ipywidgets_gets_a_bar_of_text_and_no_warning(script, tmp_path):
    pytest.importorskip("IPython", reason="needs IPython: pip install ipython")
    code = """
        import sys
        sys.modules["ipywidgets"] = None  # as if it was not installed
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config
        InteractiveShell.instance(config=Config(IPKernelApp={"connection_file": ""}))
        import psweep as ps

        def func(pset):
            if pset["a"] == 3:
                raise ValueError
            return {}

        ps.run_local(func, ps.plist("a", range(5)), on_error="record", progress=True)
    """
    out, err = script(code, wait=True, env={**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")})
    assert err == ""
    assert "5/5" in out
    assert "1 failed" in out


FAILING = """
    def failing(pset):
        time.sleep(0.25)
        if pset["a"] % 2:
            raise ValueError("no luck with\\x1b[2J " + "x" * 200)
        return {{}}
    ps.run_local(failing, ps.plist("a", range(6)), on_error="record", progress=True, {})
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "engine",
    ["", "poolsize=1", "executor=__import__('concurrent.futures').futures.ThreadPoolExecutor(1)"],
)
def test_it_shows_what_fails_while_the_run_goes_on(engine):
    for columns, cause in ((80, "ValueError: no"), (160, "no luck with\\x1b[2J xxx")):
        shown = re.split("[\r\n]+", in_terminal(FAILING.format(engine), columns).strip())
        bars = [line for line in shown if "pset" in line and "|" in line]
        assert all(len(line) <= columns for line in bars)
        assert any("1 failed: " in line and cause in line for line in bars), bars
        assert bars[-1].endswith(", 3 failed]")  # the closing line has all causes
        closing = " ".join(shown[shown.index(bars[-1]) + 1 :])
        assert closing.startswith("psweep: 3 of 6 failed: 3 × ValueError: no luck with")


@pytest.mark.slow
def test_a_bar_in_a_notebook_is_not_torn_by_what_workers_print():
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    code = """
        import sys
        sys.modules["ipywidgets"] = None  # as if it was not installed
        import psweep as ps

        def func(pset):
            print("from", pset["a"], flush=True)
            if pset["a"] == 3:
                raise ValueError("no luck")
            return {}

        options = dict(poolsize=2, on_error="record", progress=True)
        df = ps.run_local(func, ps.plist("a", range(8)), **options)
    """
    notebook = nbformat.v4.new_notebook()
    notebook.cells.append(nbformat.v4.new_code_cell(textwrap.dedent(code)))
    # Under pytest, ipykernel would leave out what processes write.
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    client = nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3")
    client.execute(env=env)
    outputs = notebook.cells[0].outputs
    bars = [out["data"]["text/plain"] for out in outputs if out.output_type == "display_data"]
    assert len(bars) == 1
    assert re.fullmatch(r"100%\|█+\| 8/8 \[.*pset.*, 1 failed\]", bars[0])
    printed = "".join(out.text for out in outputs if out.output_type == "stream")
    lines = printed.splitlines()
    assert sorted(lines[:-1]) == [f"from {i}" for i in range(8)]
    assert lines[-1] == "psweep: 1 of 8 failed: 1 × ValueError: no luck"
