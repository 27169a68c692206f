"""2000 psets: what psweep-batch itself costs, compared with writing the same files by hand.

``nox -s batch_speed`` prints the numbers. The test holds the costs down with room for noise.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster import Slurm, short_folder

import psweep as ps

N = 2000


def write_templates() -> None:
    """Write a small study's templates into the working directory."""
    ps.file_write(
        "templates/calc/run.py",
        "import json\na, b = $a, $b\njson.dump({'result': a * b}, open('result.json', 'w'))\n",
    )
    ps.file_write(
        "templates/machines/cluster/jobscript",
        "#!/bin/sh\n#SBATCH -o out.job\n#SBATCH -J study_$_pset_seq\npython3 run.py\n",
    )
    ps.file_write("templates/machines/cluster/info.yaml", "subcmd: sbatch\narray: true\npack: 20\n")


def timed(action, *args):
    start = time.perf_counter()
    action(*args)
    return time.perf_counter() - start


def by_hand(contents):
    for folder, files in contents.items():
        os.makedirs(f"plain/{folder}")
        for name, text in files.items():
            with open(f"plain/{folder}/{name}", "w") as file:
                file.write(text)


def measure_prep(repeats=5):
    """Time `prep_batch`, and writing the same files in plain Python, in turns."""
    params = ps.pgrid(ps.plist("a", range(50)), ps.plist("b", range(N // 50)))
    contents = None
    times = {"prep_batch": [], "by hand": []}
    for _ in range(repeats):
        times["prep_batch"].append(timed(ps.prep_batch, params))
        if contents is None:
            contents = {
                folder.name: {path.name: path.read_text() for path in folder.iterdir()}
                for folder in Path("calc").iterdir()
                if folder.is_dir() and "-" in folder.name
            }
        shutil.rmtree("calc")
        times["by hand"].append(timed(by_hand, contents))
        shutil.rmtree("plain")
    return times


def pretend_that_jobs_ran(df):
    """Leave what the jobs of an array would leave, with a failure here and there."""
    os.makedirs("calc/arrays_cluster")
    Path("calc/arrays_cluster/x.said").write_text("Submitted batch job 7\n")
    for i, pset_id in enumerate(df._pset_id):
        folder = Path("calc", pset_id)
        folder.joinpath(".submitted_cluster.1").write_text(
            f"task {i // 20} arrays_cluster/x\nby me test\n"
        )
        code = 1 if i % 500 == 3 else 0
        folder.joinpath(".job_cluster.1").write_text(
            f"start 1700000000.5 node1 99 7_{i // 20} out.job\nexit {code} 1700000001.5\n"
        )
        folder.joinpath("out.job").write_text("printed\n" * 20)
        if not code:
            folder.joinpath("result.json").write_text('{"result": 3.25, "n": 4}')


def best_ratio() -> float:
    """Compare `prep_batch` with plain Python, where the machine has disturbed it least."""
    write_templates()
    times = measure_prep(4)
    return min(a / b for a, b in zip(times["prep_batch"], times["by hand"], strict=True))


def read_by_hand():
    for folder in os.scandir("calc"):
        if folder.is_dir():
            for entry in os.scandir(folder):
                if entry.is_file():
                    Path(entry).read_bytes()


def best_ratios() -> dict[str, float]:
    """Compare what looks at jobs with reading their files in plain Python, in turns.

    The least of three ratios counts, because a busy machine can only make one larger.
    """
    write_templates()
    actions = {
        "first collect": ps.batch_collect,
        "status": ps.batch_status,
        "collect": ps.batch_collect,  # which finds nothing new
    }
    ratios = {name: [] for name in actions}
    for _ in range(3):
        shutil.rmtree("calc", ignore_errors=True)
        df = ps.prep_batch(ps.pgrid(ps.plist("a", range(50)), ps.plist("b", range(N // 50))))
        assert Path("calc/run_cluster.sh").read_text().count("\nsubmit_array ") == 1
        pretend_that_jobs_ran(df)
        for name, action in actions.items():
            ratios[name].append(timed(action) / timed(read_by_hand))
    return {name: min(found) for name, found in ratios.items()}


def measured(tmp_path, what):
    # In a process of its own, in which nothing counts the lines that are run. The limits leave room
    # for noise; what it really takes, nox -s batch_speed shows.
    env = {name: value for name, value in os.environ.items() if "COV" not in name}
    command = [sys.executable, __file__, str(tmp_path), what]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_prepared_in_about_the_time_that_the_files_take(tmp_path):
    assert measured(tmp_path, "prepare") < 2.2


@pytest.mark.slow
def test_looked_at_in_about_the_time_that_reading_the_files_takes(tmp_path):
    ratios = measured(tmp_path, "look")
    assert ratios["status"] < 4
    assert ratios["collect"] < 4
    assert ratios["first collect"] < 8
    df = ps.df_read("calc")
    assert df.result.notna().sum() == N - 4
    assert df._failed.sum() == 4


def main() -> None:
    """Print the numbers; where SLURM is installed, those of a real array."""
    with contextlib.ExitStack() as stack:
        if shutil.which("sbatch"):
            os.environ.update(stack.enter_context(Slurm(short_folder())).environ)
        print_numbers()


def print_numbers() -> None:
    write_templates()
    times = measure_prep()
    prep, hand = sorted(times["prep_batch"]), sorted(times["by hand"])
    ratios = sorted(a / b for a, b in zip(times["prep_batch"], times["by hand"], strict=True))
    print(f"{N} psets, medians of {len(prep)}:")
    print(f"prep_batch                      {prep[len(prep) // 2]:6.2f} s")
    print(f"the same files in plain Python  {hand[len(hand) // 2]:6.2f} s")
    print(f"ratio                           {ratios[len(ratios) // 2]:6.2f}"
          f"   ({ratios[0]:.2f} to {ratios[-1]:.2f})")  # fmt: skip
    df = ps.prep_batch(ps.pgrid(ps.plist("a", range(50)), ps.plist("b", range(N // 50))))
    if os.environ.get("SLURM_CONF"):
        seconds = timed(subprocess.check_call, ["sh", "calc/run_cluster.sh"])
        print(f"submit, as one array            {seconds:6.2f} s")
        states = ps.batch_status().state
        print(f"batch_status, while they run    {timed(ps.batch_status):6.2f} s")
        while states.isin(["queued", "running"]).any():
            time.sleep(1)
            states = ps.batch_status().state
        assert set(states) == {"done"}, states.value_counts()
    else:
        pretend_that_jobs_ran(df)
    print(f"batch_status                    {timed(ps.batch_status):6.2f} s")
    print(f"batch_collect                   {timed(ps.batch_collect):6.2f} s")
    print(f"batch_collect, nothing new      {timed(ps.batch_collect):6.2f} s")


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    if sys.argv[2:] == ["prepare"]:
        print(best_ratio())
    elif sys.argv[2:] == ["look"]:
        print(json.dumps(best_ratios()))
    else:
        main()
