"""Run one function by several tools on a private SLURM: `nox -s bench_cluster`.

    python cluster_tools.py NAME=PYTHON ...

500 psets, two of which raise, and one of which kills its own process the first time. Each tool runs
in an environment of its own, by a script of the shortest kind that its manual shows and that keeps
what has finished. It prints a table: lines that are added to a script with the function and the
psets, and in how many files; good rows and seconds, until no job is left; good rows after the same
script was run once more; files that were created; how many psets ran again although they had
succeeded.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "batch"))

from accounting import Accounting, Cluster
from cluster import Slurm, short_folder

N = 500

STUDY = """\
import os
import pathlib

TOP = pathlib.Path({top!r})


def func(pset):
    a = pset["a"]
    with open(TOP / "calls", "a") as file:
        file.write(f"{{a}} ")
    if a in (100, 300):
        raise ValueError(f"no result for {{a}}")
    if a == 200 and not (TOP / "killed").exists():
        (TOP / "killed").touch()
        os.kill(os.getpid(), 9)
    with open(TOP / "ended", "a") as file:
        file.write(f"{{a}} ")
    return {{"b": a**2}}


params = [{{"a": a}} for a in range({n})]
"""
# What is added to it; what finds out about good rows is not counted.
PSWEEP = """\
import psweep as ps
df = ps.run_batch(func, params, "cluster")
"""
PSWEEP_INFO = """\
subcmd: sbatch
array: true
setup: export PATH={bin}:$PATH
directives: --mem=500
pack: 50
"""
SUBMITIT_EACH = """\
import pickle
import submitit
executor = submitit.AutoExecutor(folder="logs")
executor.update_parameters(timeout_min=10, slurm_mem="500M", slurm_array_parallelism=100)
if os.path.exists("rows.pk"):
    with open("rows.pk", "rb") as file:
        rows = pickle.load(file)
else:
    rows = {}
todo = [pset for pset in params if pset["a"] not in rows]
jobs = executor.map_array(func, todo)
for pset, job in zip(todo, jobs):
    try:
        rows[pset["a"]] = {**pset, **job.result()}
    except Exception as error:
        print(pset, type(error).__name__)
with open("rows.pk", "wb") as file:
    pickle.dump(rows, file)
"""
SUBMITIT_GROUPS = """\
import pickle
import submitit
def group(psets):
    return [{**pset, **func(pset)} for pset in psets]
executor = submitit.AutoExecutor(folder="logs")
executor.update_parameters(timeout_min=10, slurm_mem="500M", slurm_array_parallelism=100)
if os.path.exists("rows.pk"):
    with open("rows.pk", "rb") as file:
        rows = pickle.load(file)
else:
    rows = {}
todo = [pset for pset in params if pset["a"] not in rows]
groups = [todo[i::10] for i in range(10)]
jobs = executor.map_array(group, groups)
for job in jobs:
    try:
        rows.update((row["a"], row) for row in job.result())
    except Exception as error:
        print(job.job_id, type(error).__name__)
with open("rows.pk", "wb") as file:
    pickle.dump(rows, file)
"""
EXECUTORLIB = """\
from executorlib import SlurmClusterExecutor
rows = {}
resources = {"cores": 1, "submission_template": TEMPLATE}
with SlurmClusterExecutor(cache_directory="cache", resource_dict=resources) as executor:
    futures = [executor.submit(func, pset) for pset in params]
    for pset, future in zip(params, futures):
        try:
            rows[pset["a"]] = {**pset, **future.result(timeout=LIMIT)}
        except BaseException as error:
            print(pset, type(error).__name__)
"""
XYZPY = """\
import xyzpy
crop = xyzpy.Crop(fn=lambda a: func({"a": a})["b"], name="study", batchsize=50)
if not crop.is_prepared():
    crop.sow_combos({"a": [pset["a"] for pset in params]})
crop.grow_cluster("slurm", minutes=10, gigabytes=1, conda_env=False, output_directory="out")
"""
COUNT = {
    "psweep": "ps.df_read('calc').b.notna().sum()",
    "submitit, a task per pset": "len(__import__('pickle').load(open('rows.pk', 'rb')))",
    "submitit, 10 groups": "len(__import__('pickle').load(open('rows.pk', 'rb')))",
    "xyzpy Crop": "50 * xyzpy.Crop(name='study', fn=None).num_results",
}
SCRIPTS = {
    "psweep": PSWEEP,
    "submitit, a task per pset": SUBMITIT_EACH,
    "submitit, 10 groups": SUBMITIT_GROUPS,
    "executorlib": EXECUTORLIB,
    "xyzpy Crop": XYZPY,
}


def n_files() -> int:
    return sum(len(files) for _, _, files in os.walk("."))


def wait_for_jobs(slurm: Slurm) -> None:
    end = time.monotonic() + 1200
    while slurm.run("squeue", "-h").strip() and time.monotonic() < end:
        time.sleep(0.5)


def counted(python: str, name: str, said: str) -> int:
    if name == "executorlib":
        return int(said.rpartition("ROWS ")[2] or 0)
    code = f"from study import *\n{'import psweep as ps' if name == 'psweep' else ''}\n"
    code += "import xyzpy\n" if "xyzpy" in name else ""
    command = [python, "-c", f"{code}print({COUNT[name]})"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-300:], file=sys.stderr)
    return int(done.stdout.split()[-1]) if done.returncode == 0 else 0


def measured(name: str, python: str, slurm: Slurm) -> list[str]:
    top = os.getcwd()
    Path("study.py").write_text(STUDY.format(top=top, n=N))
    lines = SCRIPTS[name].splitlines()
    n_made = 1
    if name == "psweep":
        os.makedirs("templates/machines/cluster")
        info = PSWEEP_INFO.format(bin=Path(python).parent)
        Path("templates/machines/cluster/info.yaml").write_text(info)
        lines += info.splitlines()
        n_made = 2
    head = "from study import *\nimport os\n"
    if name == "executorlib":
        head += f"LIMIT = 600\nTEMPLATE = {PYSQA!r}\n"
    tail = "print('ROWS', len(rows))\n" if name == "executorlib" else ""
    Path("run.py").write_text(head + SCRIPTS[name] + tail)
    path = f"{Path(python).parent}:{os.environ['PATH']}"
    before = n_files()
    results = []
    for _ in range(2):
        start = time.perf_counter()
        said = ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(
                [python, "run.py"], env={**os.environ, "PATH": path}, timeout=300,
                capture_output=True, text=True,
            )  # fmt: skip
            said = done.stdout
            if done.returncode:
                print(f"{name}: {done.stderr[-600:]}", file=sys.stderr, flush=True)
        wait_for_jobs(slurm)
        seconds = time.perf_counter() - start
        results += [f"{counted(python, name, said)}", f"{seconds:.0f}"]
    ended = Path("ended").read_text().split() if Path("ended").exists() else []
    again = len(ended) - len(set(ended))
    n_new = n_files() - before - 3 * (Path("killed").exists())  # calls, ended, killed
    return [name, f"{len(lines)} ({n_made})", *results, str(n_new), str(again)]


PYSQA = """\
#!/bin/bash
#SBATCH --output=time.out
#SBATCH --job-name={{job_name}}
#SBATCH --chdir={{working_directory}}
#SBATCH --mem=500
#SBATCH --cpus-per-task={{cores}}
{{command}}
"""


def main() -> None:
    rows = [
        ["tool", "lines (files)", "good rows", "s", "after the same again", "s", "files",
         "ran again after success"],
    ]  # fmt: skip
    # submitit knows by sacct alone that a job has ended without a result.
    with (
        Accounting(short_folder()) as accounting,
        Cluster(short_folder(), "here", accounting) as slurm,
    ):
        os.environ.update(slurm.environ)
        for argument in sys.argv[1:]:
            tool, _, python = argument.partition("=")
            for name in [name for name in SCRIPTS if name.startswith(tool)]:
                with tempfile.TemporaryDirectory(prefix="sweep-tools-") as folder:
                    os.chdir(folder)
                    rows.append(measured(name, python, slurm))
                    print(" | ".join(rows[-1]), flush=True)
                    os.chdir("/")
    print()
    for i, row in enumerate(rows):
        print(f"| {' | '.join(row)} |")
        if i == 0:
            print(f"|{' --- |' * len(row)}")


if __name__ == "__main__":
    main()
