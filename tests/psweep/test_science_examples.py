"""Run the examples with pictures as a user would, and check what they find against theory.

The results of those with batch jobs are checked in tests/batch.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import psweep as ps

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def need(**libraries):
    """Skip unless all are there: need(module="the name to install it by")."""
    missing = [name for module, name in libraries.items() if not importlib.util.find_spec(module)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: pip install {' '.join(missing)}")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a script in an empty folder, with warnings as errors; give what it prints."""
    monkeypatch.chdir(tmp_path)

    def run_script(name, *args):
        shutil.copy(EXAMPLES / name, tmp_path)
        done = subprocess.run(
            [sys.executable, name, *args],
            env={**os.environ, "PYTHONWARNINGS": "error", "MPLBACKEND": "agg"},
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    return run_script


def share_of_ink(path):
    """How much of a picture is not background; a frame and its labels alone make 2 to 5 %."""
    from matplotlib.image import imread

    pixels = imread(path)[..., :3]
    assert pixels.shape[0] >= 400
    assert pixels.shape[1] >= 500
    return (pixels < 0.9).any(axis=-1).mean()


def test_tune_svm(run):
    need(sklearn="scikit-learn", matplotlib="matplotlib")
    out = run("tune_svm.py")
    df = ps.df_read("calc")
    assert len(df) == 25
    assert df.accuracy.max() > 0.95
    assert df.gamma[df.accuracy.idxmax()] == 1e-3
    assert (df.accuracy[df.gamma == 0.1] < 0.3).all()  # learnt by heart
    assert float(re.search(r"reads (.*)% of 899 new digits", out).group(1)) > 95
    assert share_of_ink("calc/tune_svm.png") > 0.4


def test_bifurcation(run):
    need(matplotlib="matplotlib")
    out = run("bifurcation.py")
    df = ps.df_read("calc")
    assert (df._run_seq == 0).sum() == 481
    assert 10 < (df._run_seq == 1).sum() <= 27
    found = {int(p): float(r) for p, r in re.findall(r"^period (\d) from r = (\S+)", out, re.M)}
    theory = {2: 3, 4: 1 + math.sqrt(6), 8: 3.544090}
    assert found == pytest.approx(theory, abs=0.001)
    for period, (low, high) in {1: (2.8, 2.999), 2: (3.001, 3.449), 4: (3.4501, 3.543)}.items():
        assert set(df.period[(low < df.r) & (df.r < high)]) == {period}
    orbits = df.set_index("r").x
    assert all(isinstance(x, np.ndarray) and x.shape == (200,) for x in orbits)
    assert orbits[2.9] == pytest.approx(1 - 1 / 2.9)
    assert np.ptp(orbits[3.84][::3]) < 1e-6 < np.ptp(orbits[3.84])  # the window of period 3
    lyapunov = df.set_index("r").lyapunov
    assert lyapunov[4.0] == pytest.approx(math.log(2), abs=0.1)
    assert lyapunov[2.9] == pytest.approx(math.log(0.9))
    assert share_of_ink("calc/bifurcation.png") > 0.08
    assert run("bifurcation.py") == out
    pd.testing.assert_frame_equal(ps.df_read("calc"), df)  # nothing was run again


def test_convergence(run):
    need(matplotlib="matplotlib")
    out = run("convergence.py")
    df = ps.df_read("calc")
    assert len(df) == 4 * 7
    rows = re.findall(r"^(\w+) +([\d.]+) +(\d) +(\S+)$", out, re.M)
    assert [row[0] for row in rows] == ["euler", "heun", "leapfrog", "rk4"]
    for method, order, theory, error in rows:
        assert float(order) == pytest.approx(int(theory), abs=0.1)
        errors = df[df.method == method].set_index("n_steps").error
        assert errors.is_monotonic_decreasing
        assert float(error) == pytest.approx(errors[4096], rel=0.05)
    assert share_of_ink("calc/convergence.png") > 0.04


def test_ising(run):
    need(matplotlib="matplotlib")
    out = run("ising.py")
    df = ps.df_read("calc")
    assert len(df) == 11 * 8
    assert df.m.nunique() == df._seed.nunique() == len(df)  # each has its own random numbers
    stats = ps.df_stats(df).set_index("T")
    assert (stats.n == 8).all()
    for t in (1.4, 1.6, 1.8):
        exact = (1 - math.sinh(2 / t) ** -4) ** (1 / 8)
        assert stats.m_mean[t] == pytest.approx(exact, abs=0.01)
    assert stats.m_mean[3.4] < 0.15
    assert stats.m_std[2.2] > 3 * stats.m_std[1.4] > 0  # it fluctuates most near the critical point
    assert share_of_ink("calc/ising.png") > 0.03
    assert run("ising.py") == out


def test_compressors_with_a_picture(run):
    need(matplotlib="matplotlib")
    out = run("compressors.py", "--plot", "other")
    assert "48 psets, 0 known already" in out
    assert out.endswith(f"picture: {Path('other/compressors.png')}\n")
    assert len(ps.df_read("other")) == 48
    assert share_of_ink("other/compressors.png") > 0.035


@pytest.mark.parametrize(
    ("name", "picture", "commands"),
    [
        (
            "batch_input_file",
            "generators.png",
            ["python 10prep.py", "sh calc/run_local.sh", "python 20collect.py", "python 30plot.py"],
        ),
        ("function_cluster", "pi.png", ["python study.py", "python plot.py"]),
        (
            "batch_cluster",
            "magnet.png",
            ["python 10prep.py", "sh calc/run_local.sh", "python 20collect.py", "python 40plot.py"],
        ),
    ],
)
def test_batch_examples_with_a_picture(name, picture, commands, tmp_path):
    need(matplotlib="matplotlib")
    shutil.copytree(EXAMPLES / name, tmp_path / name)
    shutil.rmtree(tmp_path / name / "calc", ignore_errors=True)  # of someone who ran it in place
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for command in commands:
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=tmp_path / name,
            env={**os.environ, "PATH": path, "PYTHONWARNINGS": "error", "MPLBACKEND": "agg"},
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout == f"picture: {Path('calc', picture)}\n"
    assert share_of_ink(tmp_path / name / "calc" / picture) > 0.03


def test_notebook_is_kept_without_what_differs_between_runs():
    notebook = json.loads((EXAMPLES / "study.ipynb").read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(code) > 5
    for cell in code:
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        assert not cell["metadata"]
    assert notebook["metadata"].keys() == {"kernelspec", "language_info"}


def test_notebook(tmp_path, monkeypatch):
    need(nbclient="nbclient", ipykernel="ipykernel", scipy="scipy", matplotlib="matplotlib")
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")  # the kernel of this environment
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the notebook's own, which keeps pictures
    notebook = nbformat.read(EXAMPLES / "study.ipynb", as_version=4)
    NotebookClient(notebook, kernel_name="python3", timeout=300, startup_timeout=300).execute()

    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    text = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "68 psets, 62 of them were new" in text
    assert "68 psets, 0 of them were new" in text
    p_c = float(re.search(r"burn through at p = (.*)", text).group(1))
    assert p_c == pytest.approx(0.592746, abs=0.01)
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    df = ps.df_read("calc")
    assert len(df) == df._pset_hash.nunique() == 75
    assert df._run_seq.value_counts().to_dict() == {0: 6, 1: 62, 2: 7}
