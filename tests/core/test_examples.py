"""Run each example as a user would, and look at what it leaves.

An example is a script in examples/, or a folder there with numbered scripts that are run in order.
"""

import ast
import os
import platform
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import find_mpiexec
from example import EXAMPLES, Example

import psweep as ps

# tested with the distribution that they need, or (in tests/psweep) with the libraries
SCIENCE = {"tune_svm.py", "bifurcation.py", "convergence.py", "ising.py", "study.ipynb"}
BATCH = {
    "function_checkpoint",
    "function_cluster",
    "function_memory",
    "batch_local",
    "batch_cluster",
    "batch_input_file",
    "batch_with_git",
    "executor_dask_slurm.py",
}
ELSEWHERE = {"with_git", *BATCH, *SCIENCE}
FOUND = sorted(
    path.relative_to(EXAMPLES).as_posix()
    for path in EXAMPLES.rglob("*.py")
    if "templates" not in path.parts
)
SCRIPTS = [script for script in FOUND if script.split("/")[0] not in ELSEWHERE]
NAMES = sorted({script.split("/")[0] for script in SCRIPTS})


def vary_1_param(ex):
    out = ex.run()
    df = ex.df()
    assert df.angle.tolist() == [1, 10, 30, 60, 90, 120, 150, 170]
    assert df.period.is_monotonic_increasing
    assert df.period[0] == pytest.approx(2 * np.pi * np.sqrt(1 / 9.81), rel=1e-4)
    assert df.period[4] == pytest.approx(1.18034 * 2.00607, rel=1e-4)  # the tables' 90 degrees
    assert f"all columns: {', '.join(df.columns)}" in out
    ex.run()
    assert len(ex.df()) == 16


def vary_2_params(ex):
    out = ex.run()
    df = ex.df()
    assert len(df) == 21
    assert "7 x 3 values make 21 psets" in out
    top = df.loc[df.amplitude.idxmax()]
    assert (top.frequency, top.damping) == (1.0, 0.05)
    assert top.amplitude == pytest.approx(10)
    assert re.search(r"^1\.0 +10\.00 +5\.00 +1\.00$", out, re.MULTILINE)
    assert out == ex.run()  # the repetition doubles the rows, the mean is the same
    assert len(ex.df()) == 42


def vary_2_params_parallel(ex):
    out = ex.run()
    df = ex.df()
    assert len(df) == 16
    assert df.x0.tolist() == [0.2, 0.3] * 8  # in the order of params
    assert df.r.is_monotonic_increasing
    assert sorted(df.r[df.lyapunov > 0].unique()) == [3.6, 3.7, 3.9, 3.99]
    n_workers = df.worker.nunique()
    assert n_workers in (1, 2)  # a slow start of one may leave all to the other
    assert f"16 psets were run by {n_workers} processes" in out
    assert "16 psets were run by" in ex.run()
    assert len(ex.df()) == 32


def vary_1_param_repeat_same(ex):
    out = ex.run()
    df = ex.df()
    assert len(df) == df._pset_id.nunique() == 12
    assert df._run_seq.tolist() == sorted([0, 1, 2, 3] * 3)
    by_hash = df.groupby("_pset_hash")
    assert set(by_hash.size()) == {4}
    assert (by_hash.n_points.nunique() == 1).all()
    assert df.pi[df.n_points == 1_000_000].to_numpy() == pytest.approx(np.pi, abs=0.02)
    assert df.pi[df.n_points == 1_000_000].nunique() > 1
    assert re.search(r"^ *1000000 +4 +3\.1[34]", out, re.MULTILINE)
    assert re.search(r"^ *1000000 +8 +3\.14", ex.run(), re.MULTILINE)
    assert len(ex.df()) == 24


def vary_1_param_repeat(ex):
    out = ex.run()
    df = ex.df()
    assert df._run_seq.tolist() == [0] * 4 + [1] * 3
    assert df._pset_seq.tolist() == list(range(7))
    assert df.celsius[0] == 90
    assert "2 runs, 7 rows, 3 of them from the latest run" in out
    assert "4 runs, 14 rows" in ex.run()


def vary_1_param_extend(ex):
    out = ex.run()
    df = ex.df()
    assert len(df) == df.angle.nunique() == 13
    assert (df._run_seq == 1).sum() == 8
    assert "coarse: 5 angles, best is 45 degrees" in out
    assert "fine: 11 angles, 8 of them were new" in out
    assert "best of all is 39 degrees" in out
    assert "fine: 11 angles, 0 of them were new" in ex.run()
    pd.testing.assert_frame_equal(ex.df(), df)


def vary_1_param_simulate(ex):
    out = ex.run()
    assert "3 would run" in ex.stderr
    for n in (1, 2):
        df = ex.df()
        assert df.square.tolist() == [1, 4, 9] * n
        simulated = ex.df("calc.simulate")
        assert simulated.a.tolist() == [1, 2, 3] * n + [4, 5, 6]
        assert simulated.square[: 3 * n].tolist() == [1, 4, 9] * n
        assert simulated.square[3 * n :].isna().all()
        assert out.count("in calc") == 2
        out = ex.run()


def vary_1_param_study_column(ex):
    out = ex.run()
    df = ex.df()
    assert df.study.value_counts().to_dict() == {"scan=radius_mm": 4, "scan=length_m": 3}
    same = df[(df.radius_mm == 0.5) & (df.length_m == 10)]
    assert len(same) == 2  # of two scans, so two psets
    assert same.resistance.nunique() == 1
    assert same.resistance.iloc[0] == pytest.approx(0.2139, rel=1e-3)
    assert "scan=radius_mm: 4 rows" in out
    assert "scan=length_m: 3 rows" in out
    assert "scan=length_m: 6 rows" in ex.run()


def multiple_local_1d_scans(ex):
    out_run, out_eval = ex.run()
    df = ex.df()
    assert df.study.tolist() == ["beta"] * 5 + ["gamma"] * 4 + ["dt"] * 4
    for study in "beta", "gamma", "dt":
        others = {"beta", "gamma", "dt"} - {study}
        assert all(df.loc[df.study == study, name].nunique() == 1 for name in others)
    assert df.peak[df.study == "beta"].is_monotonic_increasing
    assert df.peak[df.study == "gamma"].is_monotonic_decreasing
    backups = sorted(ex.folder.glob("calc.bak_*_run_id_*"))
    assert sorted(len(ps.df_read(folder)) for folder in backups) == [5, 9]
    assert all(f"{folder.name}: " in out_run for folder in backups)
    assert "calc: 13 rows" in out_run
    assert re.findall("scan of (.*)", out_eval) == ["beta", "gamma", "dt"]
    change = float(re.search(r"changes the peak by (.*)%", out_eval).group(1))
    assert 0 < change < 1

    out_run, again = ex.run()
    assert again == out_eval  # the last row of each pset, with the same results
    assert "calc: 26 rows" in out_run
    assert len(list(ex.folder.glob("calc.bak_*"))) == 5
    assert not list(ex.folder.glob(".*partial"))


def save_data_on_disk(ex):
    out_run, out_eval = ex.run()
    df = ex.df()
    assert len(df) == 6
    assert df.columns[-1] == "_pset_runtime"
    assert df.columns[-2] == "_run_seq"  # no results in the database
    for pset_id in df._pset_id:
        assert np.loadtxt(ex.folder / "calc" / pset_id / "output.txt").shape == (201, 2)
        assert pset_id in out_run
        assert pset_id in out_eval
    assert ps.check_calc_dir(ex.folder / "calc") == {
        "db_not_disk": set(),
        "disk_not_db": set(),
        "unfinished_journals": set(),
        "hash_not_pset": set(),
    }

    evaluated = ex.df("calc/database_eval.pk")
    assert evaluated._pset_id.tolist() == df._pset_id.tolist()
    undamped = evaluated[evaluated.damping == 0]
    assert undamped.rms.to_numpy() == pytest.approx(np.sqrt(0.5), rel=0.02)
    assert undamped.crossings.tolist() == [6, 19]  # of cos(x) and cos(3x) from 0 to 20
    assert "rms" not in ex.df("calc/database.pk")

    ex.run()
    assert len(ex.df()) == len(ex.df("calc/database_eval.pk")) == 12


def benchmark_shell_command(ex):
    out = ex.run()
    df = ex.df()
    assert len(df) == 9
    assert set(df.program) == {"nothing", "sort", "compress"}
    assert (df.seconds > 0).all()
    sort = df[df.program == "sort"].set_index("size").seconds
    assert sort[1_000_000] > sort[1_000]
    assert re.search(r"^1000000 +\d", out, re.MULTILINE)
    ex.run()
    assert len(ex.df()) == 18


def failed_psets(ex):
    out = ex.run()
    df = ex.df()
    assert len(df) == 10
    assert df.e[df._failed].tolist() == df.e[df._run_seq == 1].tolist() == [0.7, 0.9, 0.99]
    assert df._exc_txt[df._failed].str.contains("ArithmeticError: no convergence").all()
    good = df[~df._failed]
    assert good.e.nunique() == len(good) == 7
    left = good.E - good.e * np.sin(good.E)
    assert left.to_numpy() == pytest.approx(0.05, abs=1e-5)
    assert "3 of 7 psets failed, those with e = [0.7, 0.9, 0.99]" in out
    assert "ArithmeticError: no convergence in 20 steps" in out
    assert "the fixed function was run for 3 psets" in out
    assert "the fixed function was run for 0 psets" in ex.run()
    assert len(ex.df()) == 10


def capture_logs(ex):
    out = ex.run()
    df = ex.df()
    assert df.n.tolist() == [1, 10, 100]
    assert df.integral[2] == pytest.approx(np.pi, abs=1e-4)
    for row in df.itertuples(index=False, name=None):
        row = dict(zip(df.columns, row, strict=True))
        lines = [
            f"integrating with {row['n']} points",
            f"the program got {row['integral']}",
            "a warning of the program",
            "done",
        ]
        path = ex.folder / "calc" / row["_pset_id"] / "logs.txt"
        for text in row["_logs"], path.read_text(encoding="utf-8"):
            assert [line for line in text.splitlines() if line in lines] == lines
    # Only that which the example prints of it has reached the terminal.
    assert out.count("integrating with") == 1
    assert "a warning of the program" not in ex.stderr
    assert "logs.txt has the same text: True" in out
    ex.run()
    assert len(ex.df()) == 6


def compressors(ex):
    n_files = 8
    out = ex.run()
    df = ex.df()
    assert len(df) == 3 * 2 * n_files
    assert set(df.level) == {1, 6}
    assert "48 psets, 0 known already" in out
    assert "this call ran 48 psets" in out
    assert f"48 rows are in {os.path.join('calc', 'database.pk')}" in out
    assert "unchanged: True" in out
    assert df.round_trip.all()
    assert (df[["compress_s", "decompress_s"]] > 0).all().all()
    assert (df.ratio > 1.5).all()
    stdlib = Path(sysconfig.get_path("stdlib"))
    assert [(stdlib / name).stat().st_size for name in df.file] == df["size"].tolist()
    ratio = df.groupby(["codec", "level"]).ratio.mean()
    assert ratio["zlib", 1] < ratio["zlib", 6] < ratio["lzma", 6]
    assert re.search(rf"^ *zlib +1 +{ratio['zlib', 1]:.2f} ", out, re.MULTILINE)

    out = ex.run()
    extended = ex.df()
    assert len(extended) == extended._pset_hash.nunique() == 3 * 4 * n_files
    pd.testing.assert_frame_equal(extended[:48], df)
    assert set(extended.level[48:]) == {3, 9}
    assert "96 psets, 48 known already" in out
    assert "this call ran 48 psets" in out

    out = ex.run()
    assert "96 psets, 96 known already" in out
    assert "nothing new to run" in out
    assert "this call ran" not in out
    pd.testing.assert_frame_equal(ex.df(), extended)

    # A study that lost some rows gets just these again, before the grid grows.
    ps.df_write(extended[extended.level.isin([1, 6])][:-5], ex.folder / "other" / "database.pk")
    out = ex.run("other")
    assert "48 psets, 43 known already" in out
    assert "this call ran 5 psets" in out
    assert len(ex.df("other")) == 48


def executor_dask_local(ex):
    pytest.importorskip("distributed", reason="needs dask: pip install 'dask[distributed]'")
    out = ex.run()
    df = ex.df()
    assert len(df) == 14
    assert (df._exec_host == platform.node()).all()
    large = df[df["size"] == 40].set_index("p").share
    assert large[0.4] == 0
    assert large[0.8] == 1
    assert 0.2 < large[0.593] < 0.9
    assert large[0.7] > df[df["size"] == 10].set_index("p").share[0.7]
    assert f"14 psets were run on {platform.node()}" in out


def executor_mpi4py(ex):
    command = [find_mpiexec(), "-n", "3", sys.executable, "-m", "mpi4py.futures", *ex.scripts]
    done = subprocess.run(
        command, cwd=ex.folder, check=True, capture_output=True, encoding="utf-8", timeout=120
    )
    assert f"16 psets were run on {platform.node()}" in done.stdout
    df = ex.df()
    assert len(df) == 16
    assert set(df["rank"]) <= {1, 2}  # 0 runs the script
    virial = df[df.n_steps == 50_000].set_index("temperature").b2
    assert virial.is_monotonic_increasing
    assert abs(virial[3.418]) < 1e-3


# What to expect of each example; the name is that of the script or of the folder.
EXPECT = {
    "vary_1_param.py": vary_1_param,
    "vary_2_params.py": vary_2_params,
    "vary_2_params_parallel.py": vary_2_params_parallel,
    "vary_1_param_repeat.py": vary_1_param_repeat,
    "vary_1_param_repeat_same.py": vary_1_param_repeat_same,
    "vary_1_param_extend.py": vary_1_param_extend,
    "vary_1_param_simulate.py": vary_1_param_simulate,
    "vary_1_param_study_column.py": vary_1_param_study_column,
    "multiple_local_1d_scans": multiple_local_1d_scans,
    "save_data_on_disk": save_data_on_disk,
    "benchmark_shell_command.py": benchmark_shell_command,
    "failed_psets.py": failed_psets,
    "capture_logs.py": capture_logs,
    "compressors.py": compressors,
    "executor_dask_local.py": executor_dask_local,
    "executor_mpi4py.py": executor_mpi4py,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_example(name, tmp_path):
    assert name in EXPECT, f"say in EXPECT what examples/{name} should leave"
    EXPECT[name](Example(name, tmp_path))


def test_every_expectation_has_its_example():
    assert set(EXPECT) <= set(NAMES)


def test_every_script_is_run(tmp_path):
    run = []
    for i, name in enumerate(NAMES):
        folder = tmp_path / str(i)
        folder.mkdir()
        scripts = Example(name, folder).scripts
        run += [f"{name}/{script}" if (EXAMPLES / name).is_dir() else script for script in scripts]
    assert sorted(run) == SCRIPTS


@pytest.mark.parametrize("script", FOUND)
def test_script_says_what_it_shows(script):
    text = (EXAMPLES / script).read_text(encoding="utf-8")
    assert len(ast.get_docstring(ast.parse(text)).splitlines()) >= 3
    assert "import psweep as ps\n" in text


def test_readme_lists_every_example():
    listed = re.findall(
        r"^\| \[(.+?)\]\((.+?)\)",
        (EXAMPLES / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert all(text == target for text, target in listed)
    assert sorted(text for text, _ in listed) == sorted({*NAMES, *ELSEWHERE})
