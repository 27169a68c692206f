"""`prep_batch`: folders, rows, submit scripts, and all that `run_local` can do as well."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import submit

import psweep as ps

SQUARE = "python3 -c 'print($a ** 2)' >out.txt\n"


@pytest.fixture
def two_machines(templates):
    templates(
        {"run.py": "print($a)"},
        local=("subcmd: sh", SQUARE),
        cluster=("---\nsubcmd: sbatch --parsable", "#SBATCH -J foo_${_pset_seq}_${_pset_id}\n"),
    )


def pset_lines(name):
    lines = Path("calc", name).read_text().splitlines()
    return [line for line in lines if re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", line)]


def test_layout_is_that_of_the_seed(two_machines):
    params = ps.plist("a", [1, 2])
    df = ps.prep_batch(params)
    assert params == [{"a": 1}, {"a": 2}]
    assert {p.name for p in Path("calc").iterdir()} == {
        ".psweep", "database.pk", "runs.jsonl", "run_cluster.sh", "run_local.sh",
        "info_cluster.yaml", "info_local.yaml", *df._pset_id,
    }  # fmt: skip
    for row in df.itertuples():
        folder = Path("calc", df._pset_id[row.Index])
        assert {p.name for p in folder.iterdir()} == {
            "jobscript_cluster", "jobscript_local", "run.py"
        }  # fmt: skip
        text = (folder / "jobscript_cluster").read_text()
        assert text == f"#SBATCH -J foo_{row.Index}_{folder.name}\n"
        assert (folder / "run.py").read_text() == f"print({row.a})"
    assert df.columns.tolist() == [
        "a", "_run_id", "_pset_id", "_calc_dir", "_time_utc", "_pset_hash", "_pset_seq",
        "_run_seq", "_pset_runtime",
    ]  # fmt: skip
    assert df._pset_runtime.isna().all()
    pd.testing.assert_frame_equal(ps.df_read("calc"), df)
    assert ps.check_calc_dir("calc")["db_not_disk"] == set()


def test_extending_comments_out_what_was_submitted(two_machines, capsys):
    df = ps.prep_batch(ps.plist("a", [1, 2]))
    first = pset_lines("run_cluster.sh")
    assert [line.split("  # ")[1] for line in first] == [
        "run_seq=0 pset_seq=0", "run_seq=0 pset_seq=1"
    ]  # fmt: skip
    assert [line.split()[1:4] for line in first] == [
        [pset_id, "sbatch", "--parsable"] for pset_id in df._pset_id
    ]
    submit()
    df = ps.prep_batch(ps.plist("a", [3]), df)
    assert capsys.readouterr().err == ""
    # what was submitted is a comment, on each machine; what was not stays, and is counted
    ps.prep_batch(ps.plist("a", [4]))
    lines = pset_lines("run_cluster.sh")
    assert lines[:2] == [f"# {line}" for line in first]
    assert lines[2].startswith("submit")
    assert lines[2].endswith("# run_seq=1 pset_seq=2")
    assert lines[3].startswith("submit")
    assert lines[3].endswith("# run_seq=2 pset_seq=3")
    err = capsys.readouterr().err
    assert "run_cluster.sh also submits 1 pset of earlier calls, not submitted so far" in err
    assert "2 submitted now, 0 earlier" in submit()
    assert sorted(p.read_text() for p in Path("calc").glob("*/out.txt")) == [
        "1\n", "16\n", "4\n", "9\n"
    ]  # fmt: skip


def test_skip_dups_prepares_what_has_no_row_or_failed(templates):
    templates(local=("subcmd: sh", "test $a -ne 2 && echo '{}' >result.json\n"))
    kwds = {"calc_templ_dir": None, "skip_dups": True}
    df = ps.prep_batch(ps.plist("a", [1, 2, 1]), **kwds)
    assert df.a.tolist() == [1, 2]
    df = ps.prep_batch(ps.plist("a", [1, 2, 3]), **kwds)
    assert df.a.tolist() == [1, 2, 3]
    submit()
    assert ps.batch_collect()._failed.tolist() == [False, True, False]
    df = ps.prep_batch(ps.plist("a", [1, 2, 3]), **kwds)
    assert df.a.tolist() == [1, 2, 3, 2]


def test_run_local_does_not_take_prepared_psets_for_run_ones(templates):
    templates(local=("subcmd: sh", "echo '{\"b\": 1}' >result.json\n"))
    params = ps.plist("a", [1, 2])
    ps.prep_batch(params, calc_templ_dir=None)
    df = ps.run_local(lambda p: {"b": 2}, params[:1], skip_dups=True)
    assert df.b.tolist() == [pd.NA, pd.NA, 2]
    submit()
    df = ps.batch_collect()
    assert df.b.tolist() == [1, 1, 2]
    assert df._failed.tolist() == [False, False, False]
    assert len(ps.run_local(lambda p: {"b": 2}, params, skip_dups=True)) == 3


def test_write_pset_for_scripts_that_have_core_alone(templates):
    templates(local=("subcmd: sh", "true"))
    pset = {"a": 1, "b": np.arange(3), "c": None, 4: (5,), "f": [1.5, "x"]}
    df = ps.prep_batch([pset], calc_templ_dir=None, write_pset=True)
    read = pd.read_pickle(Path("calc", df._pset_id[0], "pset.pk"))
    assert ps.pset_hash(read) == ps.pset_hash(pset) == df._pset_hash[0]
    assert list(read)[: len(pset)] == list(pset)
    book = ["_run_id", "_pset_id", "_calc_dir", "_time_utc", "_pset_hash", "_pset_seq", "_run_seq"]
    assert list(read)[len(pset) :] == book
    assert all(read[name] == df[name][0] for name in book)


def test_simulate_backup_verbose_and_database_name(two_machines, capsys):
    ps.prep_batch(ps.plist("a", [1]), database_basename="database.json")
    text = Path("calc/run_local.sh").read_text()
    df = ps.prep_batch(
        ps.plist("a", [1, 2]), simulate=True, skip_dups=True, database_basename="database.json"
    )
    assert df.a.tolist() == [1, 2]
    assert {p.name for p in Path("calc.simulate").iterdir()} == {".psweep", "database.json"}
    assert Path("calc/run_local.sh").read_text() == text
    assert "1 would run" in capsys.readouterr().err
    ps.prep_batch(ps.plist("a", [3]), backup=True, verbose=["a"], database_basename="database.json")
    assert "a\n" in capsys.readouterr().out
    (copy,) = Path().glob("calc.bak_*")
    assert len(ps.df_read(copy)) == 1
    assert (copy / "run_local.sh").read_text() == text
    assert len(ps.df_read("calc")) == 2


def test_git_without_psweep_git_fails_before_anything_is_touched(two_machines):
    try:
        import psweep_git  # noqa: F401
    except ImportError:
        for simulate in (True, False):
            with pytest.raises(ps.NotInstalledError, match="git=True needs psweep-git"):
                ps.prep_batch([{"a": 1}], git=True, simulate=simulate)
        assert not Path("calc").exists()


KILLED = """
import psweep as ps, psweep_batch.folders as folders
write = folders.PsetFiles.write
def slow(self, folder, pset):
    print(pset["a"], flush=True)
    import time; time.sleep(0.02 if pset["a"] < 30 else 3600)
    write(self, folder, pset)
folders.PsetFiles.write = slow
ps.prep_batch(ps.plist("a", range(200)), skip_dups=True)
"""


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGINT])
def test_what_a_killed_call_has_prepared_is_submitted_by_the_next(two_machines, sig):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    for _ in range(20):
        process.stdout.readline()
    time.sleep(0.03)
    process.send_signal(sig)
    process.communicate()
    killed = ps.df_read("calc")
    assert 18 <= len(killed) < 200
    df = ps.prep_batch(ps.plist("a", range(200)), skip_dups=True)
    assert sorted(df.a) == list(range(200))
    ids = [line.split()[1] for line in pset_lines("run_local.sh") if line.startswith("run ")]
    assert sorted(ids) == sorted(df._pset_id)
    for pset_id in df._pset_id:
        assert (Path("calc") / pset_id / "run.py").read_text()
    assert len(ps.check_calc_dir("calc")["disk_not_db"]) <= 1


def test_prepared_psets_of_many_calls_at_once(two_machines):
    code = "import psweep as ps, sys; ps.prep_batch(ps.plist('a', [int(sys.argv[1])] * 20))"
    started = [subprocess.Popen([sys.executable, "-c", code, str(i)]) for i in range(6)]
    assert [process.wait() for process in started] == [0] * 6
    df = ps.df_read("calc")
    assert len(df) == df._pset_id.nunique() == df._pset_seq.nunique() == 120
    lines = pset_lines("run_local.sh")
    assert sorted(line.removeprefix("# ").split()[1] for line in lines) == sorted(df._pset_id)


def test_the_modes_of_scripts(two_machines):
    ps.prep_batch(ps.plist("a", [1]))
    path = Path("calc/run_local.sh")
    assert path.stat().st_mode & 0o111
    path.chmod(0o700)
    ps.prep_batch(ps.plist("a", [1]))
    assert path.stat().st_mode & 0o777 == 0o700
    subprocess.run([path.absolute()], check=True, capture_output=True, cwd="/")


def test_seeds_fill_a_placeholder(templates):
    templates({"run.py": "seed($_seed)"}, local=("subcmd: sh", "true"))
    with pytest.raises(ps.PsweepError, match=r"placeholder \$_seed: .*pass seed= to prep_batch"):
        ps.prep_batch(ps.plist("a", [1, 2]))
    assert not Path("calc").exists()
    df = ps.prep_batch(ps.plist("a", [1, 2]), seed=1, repeats=2)
    assert df.a.tolist() == [1, 2, 1, 2]
    for pset_id, seed in zip(df._pset_id, df._seed, strict=True):
        assert Path("calc", pset_id, "run.py").read_text() == f"seed({seed})"
    df = ps.prep_batch(ps.plist("a", [2, 1]), seed=1, repeats=3, skip_dups=True)
    local = ps.run_local(lambda p: {}, ps.plist("a", [1, 2]), seed=1, repeats=3, save=False)
    columns = ["a", "_seed"]
    pd.testing.assert_frame_equal(
        df[columns].sort_values(columns).reset_index(drop=True),
        local[columns].sort_values(columns).reset_index(drop=True),
    )
    with pytest.raises(ps.PsweepError, match="_seed"):
        ps.prep_batch(ps.plist("a", [1, 2]))
    ps.prep_batch([{"a": 1, "_seed": 12}])


def test_other_templates_are_reported(templates, capfd):
    templates({"run.py": "print($a)"}, local=("subcmd: sh", "#SBATCH -t 1\npython3 run.py\n"))
    params = ps.plist("a", [1, 2])
    ps.prep_batch(params)
    templates({}, local=("subcmd: sh", "#SBATCH -t 2\npython3 run.py\n"))
    ps.prep_batch(params, skip_dups=True)
    assert "code" not in capfd.readouterr().err
    templates({"run.py": "print(2 * $a)"})
    ps.prep_batch(params, skip_dups=True)
    said = capfd.readouterr().err
    assert "2 skipped psets have rows made by different code (changed: run.py)" in said
    df = ps.prep_batch(params, skip_dups=True, code="rerun")
    assert len(df) == 4
    ps.prep_batch(params, skip_dups=True)
    assert "code" not in capfd.readouterr().err
    templates({}, local=("subcmd: sh", "#SBATCH -t 2\npython3 -O run.py\n"))
    ps.prep_batch(params, skip_dups=True)
    assert "(changed: jobscript_local)" in capfd.readouterr().err
    runs = ps.df_runs("calc")
    assert runs.kind.tolist() == ["prep_batch"] * 6
    assert runs.n_psets.tolist() == [2, 0, 0, 2, 0, 0]
